"""How many messages are new to a person."""

from django.db.models import IntegerField, OuterRef, Subquery

from andon.models import Notification

MOST_COUNTED = 100  # a bell that nobody looks at must not cost more every day


class _Count(Subquery):
    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


def count_unread() -> Subquery:
    """For a queryset of people: new messages on the bell, up to a hundred."""
    rows = Notification.objects.filter(
        recipient=OuterRef("pk"), channel=Notification.Channel.IN_APP, cancelled_at=None, read_at=None
    )
    return _Count(rows.values("pk")[:MOST_COUNTED])
