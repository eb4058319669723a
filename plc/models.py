"""Controllers as people configure them, and, in a row of its own, what the reader knows about each link."""

import uuid
from typing import Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from floor.models import Equipment
from plc.domain.addresses import BadAddress
from plc.domain.bindings import COUNTS, check_tag, misfits
from plc.drivers.base import Endpoint, TagSpec

DATA_TYPES = (
    *("BOOL", "SINT", "INT", "DINT", "LINT", "USINT", "UINT", "UDINT", "ULINT"),
    *("REAL", "LREAL", "STRING"),
)


class ControllerQuerySet(models.QuerySet["Controller"]):
    def enabled(self) -> Self:
        return self.filter(enabled=True)

    def unheld(self) -> Self:
        """Enabled controllers that nobody reads: no lease, or one that has lapsed by the database's clock."""
        return self.enabled().filter(Q(link=None) | Q(link__lease_until=None) | Q(link__lease_until__lt=Now()))


class Controller(models.Model):
    class Kind(models.TextChoices):
        LOGIX = "logix", "CompactLogix / ControlLogix"
        SLC = "slc", "SLC 500"
        MICROLOGIX = "micrologix", "MicroLogix"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    code = models.CharField(max_length=50, unique=True)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=12, choices=Kind)
    host = models.GenericIPAddressField(
        protocol="IPv4", help_text="An IP address; names are not resolved while reading."
    )
    port = models.PositiveIntegerField(default=44818, validators=[MinValueValidator(1), MaxValueValidator(65534)])
    slot = models.PositiveSmallIntegerField(default=0, help_text="Slot of the processor in its rack.")
    enabled = models.BooleanField(default=True)
    scan_s = models.FloatField(default=1.0, help_text="Seconds from scan to scan, 0.1 to 60.")
    connect_timeout_s = models.FloatField(default=2.0)
    exchange_timeout_s = models.FloatField(default=1.0)
    expected_serial = models.CharField(
        max_length=20,
        blank=True,
        help_text="When given, a controller with another serial number is not read.",
    )
    notes = models.TextField(blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ControllerQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="scan_0_1_to_60_s", condition=Q(scan_s__gte=0.1) & Q(scan_s__lte=60)),
            models.CheckConstraint(
                name="controller_timeouts_positive",
                condition=Q(connect_timeout_s__gt=0) & Q(exchange_timeout_s__gt=0),
            ),
            models.CheckConstraint(name="controller_port", condition=Q(port__gte=1) & Q(port__lte=65534)),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.host, self.port, self.slot, self.connect_timeout_s, self.exchange_timeout_s)


class Tag(models.Model):
    """One value of a controller. An array of BOOL is read as one number, element n = bit n."""

    controller = models.ForeignKey(Controller, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=80)
    address = models.CharField(max_length=120, help_text="A tag name such as Count.ACC, or an address such as N7:0.")
    data_type = models.CharField(max_length=8, choices=[(kind, kind) for kind in DATA_TYPES])
    length = models.PositiveIntegerField(default=1)
    unit = models.CharField(max_length=20, blank=True)
    enabled = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_tag_per_name", fields=["controller", "name"]),
            models.CheckConstraint(name="tag_length_positive", condition=Q(length__gte=1)),
            models.CheckConstraint(
                name="tag_type_known",
                condition=Q(data_type__in=DATA_TYPES),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        try:
            check_tag(self.controller.kind, self.spec)
        except BadAddress as error:
            raise ValidationError({"address": str(error)}) from error

    @property
    def spec(self) -> TagSpec:
        return TagSpec(self.name, self.address, self.data_type, self.length)


class Binding(models.Model):
    """What a tag says about a machine.

    Several `running` bindings must all be true. Of several of any other meaning the first good one, by
    `position`, is taken. `fault_bits` puts the value, or one `bit` of it, at fault `offset` and up.
    """

    class Meaning(models.TextChoices):
        RUNNING = "running"
        SPEED = "speed", "speed (units per minute)"
        PRODUCT = "product", "product number"
        TOTAL_COUNT = "total_count", "parts made, rejects included"
        GOOD_COUNT = "good_count", "good parts made"
        REJECT_COUNT = "reject_count", "parts rejected"
        FAULT_BITS = "fault_bits"

    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="bindings")
    equipment = models.ForeignKey(Equipment, on_delete=models.CASCADE, related_name="bindings")
    meaning = models.CharField(max_length=12, choices=Meaning)
    position = models.PositiveSmallIntegerField(default=0)
    bit = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Take only this bit of the value.")
    invert = models.BooleanField(default=False)
    scale = models.FloatField(default=1.0, help_text="The value is multiplied by this.")
    offset = models.FloatField(
        default=0.0, help_text="Added after scaling; for fault bits the number of the first fault."
    )
    modulus = models.BigIntegerField(
        null=True, blank=True, help_text="The counter starts again at 0 when it would reach this, e.g. 65536."
    )
    max_rate_per_min = models.FloatField(null=True, blank=True, help_text="No machine makes more than this.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_binding_per_meaning",
                fields=["tag", "equipment", "meaning", "bit"],
                nulls_distinct=False,
            ),
            models.CheckConstraint(name="modulus_above_1", condition=Q(modulus=None) | Q(modulus__gt=1)),
            models.CheckConstraint(
                name="max_rate_positive", condition=Q(max_rate_per_min=None) | Q(max_rate_per_min__gt=0)
            ),
            models.CheckConstraint(name="binding_bit_0_to_63", condition=Q(bit=None) | Q(bit__lte=63)),
        ]

    def __str__(self) -> str:
        return f"{self.tag} → {self.equipment} {self.meaning}"

    def clean(self) -> None:
        if self.tag_id is None and not hasattr(self, "tag"):
            return
        sentences = misfits(
            self.meaning, self.tag.spec, bit=self.bit, invert=self.invert, offset=self.offset, modulus=self.modulus
        )
        if told := list(sentences):
            raise ValidationError(told)
        self._count_once()
        elsewhere = Binding.objects.filter(equipment_id=self.equipment_id).exclude(
            tag__controller_id=self.tag.controller_id
        )
        if other := elsewhere.select_related("tag__controller").first():
            raise ValidationError(
                f"{self.equipment} is read from {other.tag.controller}; a machine is read from one controller only."
            )

    def _count_once(self) -> None:
        """Parts are counted by one counter, and either all of them or the good ones."""
        clash = {Binding.Meaning.TOTAL_COUNT: COUNTS[:2], Binding.Meaning.GOOD_COUNT: COUNTS[:2]}
        rivals = clash.get(Binding.Meaning(self.meaning), (self.meaning,) if self.meaning in COUNTS else ())
        others = Binding.objects.filter(equipment_id=self.equipment_id, meaning__in=rivals).exclude(pk=self.pk)
        if other := others.select_related("tag").first():
            raise ValidationError(
                f"{self.equipment} has {other.tag} for {other.get_meaning_display()} already; one counter is enough."
            )


class Link(models.Model):
    """How the reading of one controller goes. Written by the reader that holds the lease, by nobody else."""

    class State(models.TextChoices):
        DISABLED = "disabled", "switched off"
        CONNECTING = "connecting"
        ONLINE = "online"
        BACKOFF = "backoff", "no connection, trying again"
        CONFIG_ERROR = "config_error", "configuration error"

    controller = models.OneToOneField(Controller, on_delete=models.CASCADE, primary_key=True, related_name="link")
    state = models.CharField(max_length=12, choices=State, default=State.DISABLED)
    since = models.DateTimeField(default=timezone.now)
    last_ok_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    hint = models.TextField(blank=True)
    achieved_rate_hz = models.FloatField(null=True)
    read_ms = models.FloatField(null=True)
    scans = models.BigIntegerField(default=0)
    missed_slots = models.BigIntegerField(default=0)
    clock_offset_s = models.FloatField(default=0.0, help_text="Reader's clock minus the database's.")
    spool_rows = models.IntegerField(default=0)
    values = models.JSONField(default=dict, help_text="Per tag: v value, q quality, e error.")
    identity = models.JSONField(default=dict)
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True)
    token = models.BigIntegerField(default=0, help_text="Grows with each lease; older holders are refused.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="link_state_known",
                condition=Q(state__in=("disabled", "connecting", "online", "backoff", "config_error")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.controller}: {self.state}"
