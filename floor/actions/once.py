"""What somebody sends twice is stored once."""

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from django.db import IntegrityError, models, transaction

N = TypeVar("N", bound=models.Model)


def once(model: type[N], request_id: UUID, write: Callable[[], N]) -> N:
    """Do it, unless the same request has done it before; two tries at the same moment are one."""
    known = model._default_manager.filter(request_id=request_id).first()
    if known is not None:
        return known
    try:
        with transaction.atomic():
            return write()
    except IntegrityError:
        known = model._default_manager.filter(request_id=request_id).first()
        if known is None:
            raise
        return known
