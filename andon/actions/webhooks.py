"""The secrets by which those who receive webhooks know that it is us."""

from datetime import datetime

from django.db import transaction

from andon.models import WebhookTarget
from andon.models.webhooks import new_secret
from floor import audit
from floor.models import User


@transaction.atomic
def renew_secret(target: WebhookTarget, *, by: User | None, now: datetime) -> None:
    """Messages that are sent from now on are signed with another secret."""
    WebhookTarget.objects.filter(pk=target.pk).update(secret=new_secret())
    audit.record(by, "andon.webhook_secret", target, now, name=target.name)
