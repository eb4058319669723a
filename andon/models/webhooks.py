"""Where messages go that other systems pass on: SMS, chat, stack lights."""

import secrets
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from andon.domain.call import Priority
from andon.domain.webhooks import Forbidden, read_url
from andon.models.calls import Call, CallKind
from andon.models.words import PRIORITIES
from floor.models import Site, User

LONG = r"^.{32,}$"


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def codes_field(help_text: str) -> Any:
    return ArrayField(models.CharField(max_length=50), default=list, blank=True, help_text=help_text)


class WebhookTarget(models.Model):
    """An address that is called with JSON: one person's, or the plant's, which hears of every call it asks for."""

    name = models.CharField(max_length=60, unique=True)
    url = models.CharField("address", max_length=500)
    secret = models.CharField(max_length=100, default=new_secret, editable=False)
    person = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, blank=True, related_name="webhooks",
        help_text="Whose messages go there. Empty: the plant's, for the calls chosen below.",
    )  # fmt: skip
    kinds = codes_field("Kinds of call, such as maintenance, separated by commas. Empty: all.")
    sites = codes_field("Codes of sites, separated by commas. Empty: all.")
    least = models.PositiveSmallIntegerField("from priority", choices=PRIORITIES, default=Priority.LOW)
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ("name",)
        constraints = [
            models.UniqueConstraint(
                name="one_webhook_per_person",
                fields=["person"],
                condition=Q(person__isnull=False),
                violation_error_message="This person has a webhook already.",
            ),
            models.CheckConstraint(name="webhook_has_a_secret", condition=Q(secret__regex=LONG)),
            models.CheckConstraint(name="webhook_priority_known", condition=Q(least__in=list(Priority))),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        try:
            read_url(self.url, settings.WEBHOOK_HOSTS, settings.WEBHOOK_INTERNAL_HOSTS)
        except Forbidden as forbidden:
            raise ValidationError({"url": str(forbidden)}) from forbidden
        _check_codes("kinds", self.kinds, CallKind.objects.values_list("code", flat=True))
        _check_codes("sites", self.sites, Site.objects.values_list("code", flat=True))

    def asks_for(self, call: Call) -> bool:
        """Whether the plant's target hears of this call; its line's site must be loaded."""
        return (
            call.priority >= self.least
            and (not self.kinds or call.kind_id in self.kinds)
            and (not self.sites or call.line.site.code in self.sites)
        )


def _check_codes(field: str, codes: list[str] | None, known: "models.QuerySet[Any, str]") -> None:
    if unknown := sorted(set(codes or ()) - set(known)):
        raise ValidationError({field: f"There is no {', '.join(unknown)}; choose from {', '.join(sorted(known))}."})
