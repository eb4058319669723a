"""Sources of machine calls that are silenced for a while, because they call too often to mean anything."""

import uuid
from datetime import datetime, timedelta
from typing import Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from andon.models.calls import CallKind
from andon.models.words import person
from floor.models import Equipment, User
from floor.models.plant import TsTzRange

LONGEST = timedelta(hours=8)


class ShelfQuerySet(models.QuerySet["Shelf"]):
    def standing(self, at: datetime) -> Self:
        return self.filter(shelved_at__lte=at, ends_at__gt=at)

    def for_screen(self) -> Self:
        return self.select_related("equipment__line__site", "kind", "shelved_by", "unshelved_by")


class Shelf(models.Model):
    """On [shelved_at, ends_at) what this source calls is recorded and told to nobody.

    The source is one kind of call of a machine, or one fault bit. `ends_at` comes forward when somebody ends it early.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, related_name="shelves")
    kind = models.ForeignKey(CallKind, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    bit = models.PositiveSmallIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=300)
    shelved_at = models.DateTimeField()
    shelved_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    ends_at = models.DateTimeField()
    unshelved_by = person()
    request_id = models.UUIDField(unique=True, default=uuid.uuid4)

    objects = ShelfQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "shelves"
        constraints = [
            models.CheckConstraint(
                name="shelf_holds_one_source",
                condition=Q(kind__isnull=True, bit__isnull=False) | Q(kind__isnull=False, bit__isnull=True),
            ),
            models.CheckConstraint(name="shelf_has_a_reason", condition=~Q(reason="")),
            models.CheckConstraint(name="shelf_never_holds_safety", condition=Q(kind=None) | ~Q(kind="safety")),
            models.CheckConstraint(
                name="shelf_at_most_8_h",
                condition=Q(ends_at__gte=F("shelved_at"), ends_at__lte=F("shelved_at") + Value(LONGEST)),
            ),
            ExclusionConstraint(
                name="one_shelf_per_source",
                expressions=[
                    ("equipment", RangeOperators.EQUAL),
                    (Coalesce("kind", Value("")), RangeOperators.EQUAL),
                    (Coalesce("bit", Value(-1)), RangeOperators.EQUAL),
                    (TsTzRange("shelved_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
            ),
        ]
        indexes = [models.Index(name="shelf_end", fields=["ends_at"])]

    def __str__(self) -> str:
        return f"{self.equipment}, {self.kind or f'fault {self.bit}'}"
