"""What machines reported. Facts are immutable; the live rows say where each machine stands now."""

from datetime import datetime
from typing import Self
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from floor.domain.machine import CounterEventKind, CounterKind, State
from floor.models.plant import Equipment, Line

STATES = [(state.value, state.name.lower()) for state in State]


class Reading(models.Model):
    """One machine in one scan, raw. Daily partitions by `at` (0002); never read by a page."""

    pk = models.CompositePrimaryKey("equipment_id", "at")
    equipment = models.ForeignKey(Equipment, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    at = models.DateTimeField()
    epoch = models.BigIntegerField()
    sequence = models.BigIntegerField()
    state = models.SmallIntegerField()  # 0 unknown, 1 run, 2 stop
    counts_good = models.BooleanField()  # `made_raw` counts good parts only; `made` has `rejected` added
    speed = models.FloatField(null=True)
    product_number = models.IntegerField(null=True)
    made_raw = models.BigIntegerField(null=True)
    rejected_raw = models.BigIntegerField(null=True)
    made = models.IntegerField()
    rejected = models.IntegerField()
    duration_ms = models.IntegerField()
    fault_bits = models.BinaryField(null=True)  # little-endian, as many bytes as needed

    class Meta:
        managed = False
        db_table = "floor_reading"


class MachineState(models.Model):
    """Where a machine stands, and the watermark below which every reading has been counted."""

    equipment = models.OneToOneField(
        Equipment, on_delete=models.CASCADE, primary_key=True, related_name="machine_state"
    )
    state = models.CharField(max_length=8, choices=STATES, default=State.UNKNOWN)
    since = models.DateTimeField(null=True)
    observed_until = models.DateTimeField(null=True, help_text="Time of the last good reading.")
    speed = models.FloatField(null=True)
    product_number = models.IntegerField(null=True)
    fault_bits = models.BinaryField(null=True)
    limit_ms = models.IntegerField(default=3000, help_text="Silence longer than this is NO DATA.")
    epoch = models.BigIntegerField(default=0)
    sequence = models.BigIntegerField(default=0)
    made_raw = models.BigIntegerField(null=True)
    made_at = models.DateTimeField(null=True)
    rejected_raw = models.BigIntegerField(null=True)
    rejected_at = models.DateTimeField(null=True)
    # A reading that fell back and may be a glitch waits here for the next one to confirm or deny it.
    made_suspect = models.BigIntegerField(null=True)
    rejected_suspect = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="machine_state_known", condition=Q(state__in=[s.value for s in State]))
        ]


class StateEdgeQuerySet(models.QuerySet["StateEdge"]):
    def shaping(self, equipment_id: UUID, start: datetime, end: datetime) -> Self:
        """Edges inside [start, end), plus the last one before it, which gives the opening state."""
        before = StateEdge.objects.filter(equipment_id=equipment_id, at__lte=start).order_by("-at").values("at")[:1]
        return self.filter(equipment_id=equipment_id, at__lt=end).filter(
            Q(at__gte=models.Subquery(before)) | Q(at__gt=start)
        )


class StateEdge(models.Model):
    """The machine was in `state` from `at` on, until its next edge."""

    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, related_name="edges")
    at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=STATES)

    objects = StateEdgeQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(name="one_edge_at_a_time", fields=["equipment", "at"])]


class FaultDefinition(models.Model):
    """What a fault bit means, in the machine builder's words."""

    class Kind(models.TextChoices):
        FAULT = "fault"
        PROMPT = "prompt"
        STATUS = "status"
        UNDEFINED = "undefined"

    class Origin(models.TextChoices):
        INTERNAL = "internal"
        UPSTREAM = "upstream"
        DOWNSTREAM = "downstream"

    class Category(models.TextChoices):
        LOW = "low"
        MEDIUM = "medium"
        HIGH = "high"
        CRITICAL = "critical"
        MATERIAL = "material"
        QUALITY = "quality"

    equipment = models.ForeignKey(Equipment, on_delete=models.CASCADE, related_name="fault_definitions")
    bit = models.PositiveSmallIntegerField()
    text = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.FAULT)
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.INTERNAL)
    reason_code = models.CharField(
        max_length=40, blank=True, help_text="Stop reason proposed when this fault is first."
    )
    category = models.CharField(
        max_length=8,
        choices=Category,
        default=Category.MEDIUM,
        help_text="How grave, or whose it is: decides whether and how urgently the machine calls for help. "
        "A fault from upstream or downstream counts as that instead.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_definition_per_bit", fields=["equipment", "bit"]),
            models.CheckConstraint(name="fault_bit_0_to_255", condition=Q(bit__lte=255)),
        ]

    def __str__(self) -> str:
        return f"{self.text} ({self.bit})"


class FaultEvent(models.Model):
    """A fault bit was set from `on_at` until `off_at` (None: still set). The bit's meaning is looked up, not stored."""

    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, related_name="fault_events")
    bit = models.PositiveSmallIntegerField()
    on_at = models.DateTimeField()
    off_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_open_fault_per_bit", fields=["equipment", "bit"], condition=Q(off_at=None)
            ),
            models.UniqueConstraint(name="one_fault_start", fields=["equipment", "bit", "on_at"]),
            models.CheckConstraint(
                name="fault_ends_after_it_begins", condition=Q(off_at=None) | Q(off_at__gte=models.F("on_at"))
            ),
        ]
        indexes = [models.Index(name="fault_time", fields=["equipment", "on_at"])]


class MachineMinute(models.Model):
    """What one machine did in one minute with one product. `product_number` -1 means none was read.

    Parts are booked in the minute of the reading that revealed them. Parts found after a gap are kept apart
    (`unobserved_*`): they are parts, but nobody saw the machine make them, so they carry no performance.
    Cut by `minute` into weeks (0003). Without a foreign key in the database: dropping a week would need a lock
    on the table of equipment, which every page reads.
    """

    pk = models.CompositePrimaryKey("equipment_id", "minute", "product_number")
    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, db_constraint=False, related_name="minutes")
    minute = models.DateTimeField()
    product_number = models.IntegerField(default=-1)
    made = models.IntegerField(default=0)
    rejected = models.IntegerField(default=0)
    unobserved_made = models.IntegerField(default=0)
    unobserved_rejected = models.IntegerField(default=0)
    run_ms = models.IntegerField(default=0)
    stop_ms = models.IntegerField(default=0)


class RetentionMark(models.Model):
    """From `kept_since` on nothing of its kind was dropped. It stays when the settings later ask for longer."""

    class Kind(models.TextChoices):
        DETAIL = "detail"

    kind = models.CharField(max_length=10, primary_key=True, choices=Kind)
    kept_since = models.DateTimeField()


class CounterEvent(models.Model):
    """Something other than plain counting happened to a counter."""

    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, related_name="counter_events")
    counter = models.CharField(max_length=8, choices=[(k.value, k.value) for k in CounterKind])
    kind = models.CharField(max_length=10, choices=[(k.value, k.value) for k in CounterEventKind])
    at = models.DateTimeField()
    before = models.BigIntegerField(null=True)
    after = models.BigIntegerField()
    delta = models.BigIntegerField(help_text="Parts counted, or for a quarantine the parts not counted.")

    class Meta:
        indexes = [models.Index(name="counter_event_time", fields=["equipment", "at"])]


class CounterEventTally(models.Model):
    """How many events of a kind were dropped because they were old: what was ever counted never falls."""

    equipment = models.ForeignKey(Equipment, on_delete=models.CASCADE, related_name="counter_event_tallies")
    kind = models.CharField(max_length=10, choices=[(k.value, k.value) for k in CounterEventKind])
    dropped = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(name="one_tally_per_kind", fields=["equipment", "kind"])]


class Reconciliation(models.Model):
    """One hour of one counter: the parts booked against what the counter says. Any `difference` but 0 is an error."""

    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, related_name="reconciliations")
    counter = models.CharField(max_length=8, choices=[(k.value, k.value) for k in CounterKind])
    hour = models.DateTimeField()
    booked = models.BigIntegerField(help_text="Parts of the readings.")
    in_minutes = models.BigIntegerField(help_text="Parts of the minutes, from which every figure is made.")
    expected = models.BigIntegerField(help_text="What the counter says; wraps, resets and parts held back set right.")
    difference = models.BigIntegerField()
    reconciled_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_reconciliation_per_hour", fields=["equipment", "counter", "hour"])
        ]
        indexes = [models.Index(name="reconciliation_hour", fields=["hour"])]


class LineState(models.Model):
    """How often the facts of a line have changed. The row's lock puts versions in commit order."""

    line = models.OneToOneField(Line, on_delete=models.CASCADE, primary_key=True, related_name="line_state")
    facts_version = models.BigIntegerField(default=0)


class FactsChange(models.Model):
    """Version `version` of a line's facts touched nothing before `since`."""

    line = models.ForeignKey(Line, on_delete=models.CASCADE, related_name="facts_changes")
    version = models.BigIntegerField()
    since = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="one_change_per_version", fields=["line", "version"])]


class Heartbeat(models.Model):
    """When each process last said that it is alive."""

    component = models.CharField(max_length=30)
    instance = models.CharField(max_length=80)
    since = models.DateTimeField(db_default=Now(), help_text="Its first sign of life.")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="one_heartbeat_per_instance", fields=["component", "instance"])]
