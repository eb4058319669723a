"""What several models of this app share: priorities, roles, people."""

from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models

from andon.domain.call import Priority
from floor.models import User
from floor.models.people import Role

PRIORITIES = [(p.value, p.word) for p in Priority]


def roles_field(help_text: str) -> Any:
    return ArrayField(models.CharField(max_length=20, choices=Role), help_text=help_text)


def check_roles(field: str, roles: Sequence[str] | None) -> None:
    if not roles:
        raise ValidationError({field: "Name at least one role; a call must reach somebody."})
    if unknown := sorted(set(roles) - set(Role.values)):
        raise ValidationError({field: f"{', '.join(unknown)} is not a role; choose from {', '.join(Role.values)}."})


def person(related_name: str = "+", **options: Any) -> Any:
    options |= {"on_delete": models.PROTECT, "null": True, "blank": True, "related_name": related_name}
    return models.ForeignKey(User, **options)
