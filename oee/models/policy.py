"""How a line is judged, and where somebody judged its past anew."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q

from floor.models import Line


def is_share(value: float) -> None:
    if not 0 < value <= 1:
        raise ValidationError("Enter a share of 1, such as 0.9 for 90 %.")


class LinePolicy(models.Model):
    """How a line is judged from `valid_from` on, until the next policy."""

    line = models.ForeignKey(Line, on_delete=models.CASCADE, related_name="policies")
    valid_from = models.DateTimeField(
        help_text="A shift is judged by the policy under which it began, so its figures follow with the next shift; "
        "a stop is minor or not by the policy under which it began."
    )
    micro_stop_s = models.PositiveIntegerField(
        "minor stops are shorter than (s)",
        default=120,
        validators=[MaxValueValidator(3600, "A stop of an hour is not minor. Enter at most 3600 seconds.")],
        help_text="Shorter stops are minor stops: lost speed, not lost availability. 0: there are none.",
    )
    slow_below = models.FloatField(
        default=0.9, validators=[is_share], help_text="Share of the ideal speed below which a line is slow."
    )
    planned_stops_reduce_availability = models.BooleanField(
        default=True,
        help_text="On: cleaning, changeovers and other planned stops are planned time that was lost. "
        "Off: they are taken out of the planned time, and availability is that of the rest.",
    )
    minor_stops_reduce_availability = models.BooleanField(
        default=False,
        help_text="On: minor stops are lost availability. Off: they are lost speed, and lower performance instead. "
        "OEE is the same either way.",
    )
    no_data_is_lost = models.BooleanField(
        default=False,
        help_text="On: time that nobody saw counts as planned time without production. "
        "Off: it is left out, and all ratios stand for the time that was observed.",
    )
    target_availability = models.FloatField(default=0.90, validators=[is_share])
    target_performance = models.FloatField(default=0.85, validators=[is_share])
    target_quality = models.FloatField(default=0.95, validators=[is_share])

    class Meta:
        verbose_name_plural = "line policies"
        constraints = [
            models.UniqueConstraint(name="one_policy_at_a_time", fields=["line", "valid_from"]),
            models.CheckConstraint(name="slow_below_is_a_share", condition=Q(slow_below__gt=0) & Q(slow_below__lte=1)),
            *(
                models.CheckConstraint(
                    name=f"target_{name}_is_a_share",
                    condition=Q(**{f"target_{name}__gt": 0}) & Q(**{f"target_{name}__lte": 1}),
                )
                for name in ("availability", "performance", "quality")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line} from {self.valid_from:%Y-%m-%d %H:%M} UTC"


class Restatement(models.Model):
    """[starts_at, ends_at) of a line is judged by the standards, policy and loss classes in force at `as_of`.

    Of two restatements of the same time the later one holds.
    """

    line = models.ForeignKey(Line, on_delete=models.CASCADE, related_name="restatements")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    as_of = models.DateTimeField()
    reason = models.CharField(max_length=300)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="restatements")
    made_at = models.DateTimeField()
    request_id = models.UUIDField(unique=True, null=True, blank=True)
    before = models.JSONField(default=dict, help_text="Totals of the stretch as they stood before.")
    after = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.CheckConstraint(name="restatement_covers_something", condition=Q(ends_at__gt=F("starts_at")))
        ]
        indexes = [models.Index(name="restatement_time", fields=["line", "starts_at"])]

    def __str__(self) -> str:
        return f"{self.line} {self.starts_at:%Y-%m-%d %H:%M}–{self.ends_at:%Y-%m-%d %H:%M} UTC"
