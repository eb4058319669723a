"""What the database cannot give. Run by every migrate, before it changes anything."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from floor.timeseries import Branch, BranchRefused, choose


@register(Tags.database)
def time_series_are_to_be_had(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for alias in databases or ():
        try:
            with connections[alias].cursor() as cursor:
                choose(cursor, Branch(settings.TIMESERIES))
        except BranchRefused as refused:
            found.append(Error(str(refused), hint=refused.hint, id="floor.E001"))
    return found
