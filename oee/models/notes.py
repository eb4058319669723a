"""What people say about stops. It lies over the facts and never changes them; nothing here is ever deleted."""

import uuid
from datetime import datetime
from typing import Self, TypeVar

from django.conf import settings
from django.contrib.postgres.fields import DateTimeRangeField
from django.db import models
from django.db.models import F, Func, Q

from floor.models import Equipment, Line
from oee.models.reasons import StopReason


class StopCoding(models.Model):
    """A stretch of a stop, with its reason. A correction is a new row that paints over the old one.

    It belongs to the stop of this machine in which `covers` begins; an open end is the end of that stop. Without a
    reason it only cuts: the stretch is a part of its own that still has to be explained.
    """

    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, related_name="stop_codings")
    covers = DateTimeRangeField()
    reason = models.ForeignKey(StopReason, on_delete=models.PROTECT, null=True, blank=True, related_name="codings")
    comment = models.CharField(max_length=1000, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="stop_codings")
    made_at = models.DateTimeField()
    request_id = models.UUIDField(unique=True)
    replaces = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="coding_covers_something", condition=Q(covers__isempty=False) & Q(covers__startswith__isnull=False)
            )
        ]
        indexes = [models.Index(Func(F("covers"), function="lower"), F("equipment"), name="coding_start")]


N = TypeVar("N", bound=models.Model)


class NoteQuerySet(models.QuerySet[N]):
    def standing(self) -> Self:
        return self.filter(withdrawn_at=None)

    def touching(self, start: datetime | None, end: datetime | None) -> Self:
        found = self if start is None else self.filter(Q(ends_at=None) | Q(ends_at__gt=start))
        return found if end is None else found.filter(starts_at__lt=end)


class Note(models.Model):
    """[starts_at, ends_at) as a person told it; withdrawn notes stay to be read and count for nothing."""

    id = models.BigAutoField(primary_key=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    comment = models.CharField(max_length=1000, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    request_id = models.UUIDField(unique=True, default=uuid.uuid4)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                name="%(class)s_ends_after_it_begins", condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at"))
            )
        ]
        indexes = [models.Index(name="%(class)s_time", fields=["starts_at"])]


class PlannedStopQuerySet(NoteQuerySet["PlannedStop"]):
    pass


class ManualStopQuerySet(NoteQuerySet["ManualStop"]):
    pass


class StopMergeQuerySet(NoteQuerySet["StopMerge"]):
    pass


class PlannedStop(Note):
    """The line is meant to stand from `starts_at` on, until `ends_at` or until somebody ends it.

    Whatever stop falls into it has its reason, unless a person gives that stop another. `expected_s` is how long it
    was meant to take. Ended without a name: the line ran again for a while.
    """

    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="planned_stops")
    reason = models.ForeignKey(StopReason, on_delete=models.PROTECT, related_name="planned_stops")
    expected_s = models.PositiveIntegerField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = PlannedStopQuerySet.as_manager()

    class Meta(Note.Meta):
        constraints = [
            *Note.Meta.constraints,
            models.UniqueConstraint(
                name="one_open_planned_stop", fields=["line"], condition=Q(ends_at=None, withdrawn_at=None)
            ),
        ]


class ManualStop(Note):
    """A stop that a person saw while the controller was silent. Where the controller did see, the controller holds."""

    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, related_name="manual_stops")

    objects = ManualStopQuerySet.as_manager()

    class Meta(Note.Meta):
        constraints = [
            *Note.Meta.constraints,
            models.CheckConstraint(name="manual_stop_has_an_end", condition=Q(ends_at__isnull=False)),
        ]


class StopMerge(Note):
    """The stops of this machine that begin in [starts_at, ends_at) are one.

    What ran between them stays running unless `run_is_stop`: then it belongs to the stop.
    """

    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, related_name="stop_merges")
    run_is_stop = models.BooleanField(default=False)

    objects = StopMergeQuerySet.as_manager()

    class Meta(Note.Meta):
        constraints = [
            *Note.Meta.constraints,
            models.CheckConstraint(name="stop_merge_has_an_end", condition=Q(ends_at__isnull=False)),
        ]


class StopConfirmation(models.Model):
    """A supervisor agrees with what is said about a stop; whatever is said later needs agreement again."""

    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, related_name="stop_confirmations")
    stop_started_at = models.DateTimeField()
    comment = models.CharField(max_length=1000, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    request_id = models.UUIDField(unique=True)

    class Meta:
        indexes = [models.Index(name="confirmation_of_stop", fields=["equipment", "stop_started_at", "made_at"])]
