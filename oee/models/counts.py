"""Parts that people count, and what they decide about parts that a counter claimed."""

from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q, Subquery

from floor.domain.fold import NO_PRODUCT
from floor.domain.machine import CounterEventKind, CounterKind, State
from floor.models import CounterEvent, Equipment, MachineState, StateEdge
from oee.models.notes import Note, NoteQuerySet

# A counter is read within this time after its machine is seen again; what it says then is the answer.
ANSWER_WITHIN = timedelta(seconds=60)
NOT_COUNTED = (CounterEventKind.FIRST, CounterEventKind.QUARANTINE)


class CountEntryQuerySet(NoteQuerySet["CountEntry"]):
    def with_answer(self) -> Self:
        """Each with `is_answered`: the controller has told since what it made in that time.

        It has not while it is silent, and not when its first reading was held back or began a new count: a counter
        that began again from zero has told nothing of the time before, unless it shows half of what people counted.
        """
        machine = OuterRef("equipment")
        back = StateEdge.objects.filter(equipment=machine, at__gt=OuterRef("starts_at")).exclude(state=State.UNKNOWN)
        read = MachineState.objects.filter(equipment=machine, made_at__gte=OuterRef("seen_again"))
        unbelieved = CounterEvent.objects.filter(
            equipment=machine,
            counter=CounterKind.MADE,
            at__gte=OuterRef("seen_again"),
            at__lte=OuterRef("seen_again") + ANSWER_WITHIN,
        ).filter(Q(kind__in=NOT_COUNTED) | Q(kind=CounterEventKind.RESET, delta__lt=OuterRef("made") / 2.0))
        believed = QuarantineDecision.objects.filter(
            equipment=machine,
            counter=CounterKind.MADE,
            is_accepted=True,
            at__gte=OuterRef("seen_again"),
            at__lte=OuterRef("seen_again") + ANSWER_WITHIN,
        )
        found = self.annotate(seen_again=Subquery(back.order_by("at").values("at")[:1]))
        return found.annotate(is_answered=Q(Exists(read)) & (~Q(Exists(unbelieved)) | Q(Exists(believed))))

    def answered(self) -> Self:
        return self.with_answer().filter(is_answered=True)

    def counting(self) -> Self:
        """Those whose parts are in the figures: not withdrawn, and not answered by the controller itself."""
        return self.standing().with_answer().exclude(sort=CountEntry.Sort.MANUAL, is_answered=True)


class CountEntry(Note):
    """Parts that a person counted in [starts_at, ends_at); they belong to the hour in which the stretch ends.

    MANUAL: what was made and rejected while the controller was away. It holds until the controller's own counter says
    what it made meanwhile. SCRAP: parts thrown away, START_UP: thrown away while starting up, REWORK: sent to be put
    right; these are parts that the machine counted as good.
    """

    class Sort(models.TextChoices):
        MANUAL = "manual", "Counted by hand"
        SCRAP = "scrap", "Scrap"
        START_UP = "start_up", "Start-up scrap"
        REWORK = "rework", "Rework"

    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, related_name="count_entries")
    sort = models.CharField(max_length=8, choices=Sort)
    product_number = models.IntegerField(default=NO_PRODUCT)
    made = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    defect = models.CharField(max_length=60, blank=True)

    objects = CountEntryQuerySet.as_manager()

    class Meta(Note.Meta):
        verbose_name_plural = "count entries"
        constraints = [
            *Note.Meta.constraints,
            models.CheckConstraint(name="count_entry_has_an_end", condition=Q(ends_at__isnull=False)),
            models.CheckConstraint(name="count_entry_counts_something", condition=Q(made__gt=0) | Q(rejected__gt=0)),
            models.CheckConstraint(name="only_manual_counts_make_parts", condition=Q(sort="manual") | Q(made=0)),
        ]


class DefectReasonQuerySet(models.QuerySet["DefectReason"]):
    def offered(self) -> Self:
        """What a person may choose from, in the order of the screens."""
        return self.filter(enabled=True).order_by("position", "label")


class DefectReason(models.Model):
    """Why parts are taken out, in the operator's words, and where they go. Never deleted, only disabled."""

    SORTS = [choice for choice in CountEntry.Sort.choices if choice[0] != CountEntry.Sort.MANUAL]

    code = models.CharField(max_length=40, primary_key=True)
    label = models.CharField(max_length=60)
    sort = models.CharField(max_length=8, choices=SORTS, default=CountEntry.Sort.SCRAP)
    position = models.PositiveSmallIntegerField(default=0)
    enabled = models.BooleanField(default=True)

    objects = DefectReasonQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="defect_sort_known",
                condition=Q(sort__in=[CountEntry.Sort.SCRAP, CountEntry.Sort.START_UP, CountEntry.Sort.REWORK]),
            )
        ]

    def __str__(self) -> str:
        return self.label


class QuarantineDecision(models.Model):
    """What an engineer decided about parts that a counter claimed and nobody believed.

    The event is named by its machine, counter and time: it is a fact and may be dropped when it is old.
    """

    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, related_name="quarantine_decisions")
    counter = models.CharField(max_length=8, choices=[(k.value, k.value) for k in CounterKind])
    at = models.DateTimeField()
    parts = models.PositiveIntegerField()
    are_made_too = models.BooleanField(
        default=False, help_text="Rejects of a machine whose other counter counts good parts only: they were made, too."
    )
    is_accepted = models.BooleanField()
    comment = models.CharField(max_length=1000)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    request_id = models.UUIDField(unique=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_decision_per_quarantine", fields=["equipment", "counter", "at"])
        ]
