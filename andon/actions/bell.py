"""What people do with messages: read them, say how they want to be told, look after those that did not get through."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from andon.actions.notifications import update_in_order
from andon.domain.call import Priority
from andon.domain.reach import Way
from andon.models import Call, Notification, PersonalWay
from floor import audit
from floor.models import User


class NothingToDo(Exception):
    """The message went out, or was given up, meanwhile; the words say so."""


@transaction.atomic
def read_bell(by: User, *, now: datetime) -> int:
    """Note that a person has seen all that the bell shows; return how many were new."""
    return update_in_order(Notification.objects.unread(by), read_at=now)


@transaction.atomic
def see_call(call: Call, *, by: User, now: datetime) -> int:
    """Note that a person has opened a call: whatever told them of it has been read, by whichever way it came."""
    told = Notification.objects.filter(call=call, recipient=by, read_at=None, cancelled_at=None)
    return update_in_order(told, read_at=now)


@transaction.atomic
def choose_ways(person: User, wanted: Sequence[Way], *, now: datetime) -> None:
    """Keep in which order, and from which priority on, a person wants to be told. Critical calls use every way."""
    PersonalWay.objects.filter(person=person).delete()
    PersonalWay.objects.bulk_create(
        PersonalWay(person=person, channel=way.channel, least=way.least, position=place)
        for place, way in enumerate(wanted, 1)
    )
    told = ", ".join(f"{way.channel} from {Priority(way.least).word}" for way in wanted)
    audit.record(person, "andon.ways", person, now, ways=told)


@transaction.atomic
def try_again(message: Notification, *, by: User, now: datetime) -> None:
    """Begin anew with a message that did not get through, and with what it tells besides."""
    found = Notification.objects.in_trouble().filter(pk=message.pk)
    if not found.update(failed_at=None, tries=0, next_try_at=now):
        raise NothingToDo("This message has gone out meanwhile.")
    Notification.objects.filter(bundled_into=message, cancelled_at=None, sent_at=None).update(failed_at=None)
    audit.record(by, "andon.try_again", message, now, receiver=message.receiver, channel=message.channel)


@transaction.atomic
def give_up(message: Notification, *, by: User, now: datetime) -> None:
    """Stop trying; the row stays and says so. A further way that was still waited for is used at once."""
    found = Notification.objects.in_trouble().filter(pk=message.pk, failed_at=None)
    found.exclude(pass_on_at=None).update(pass_on_at=now)
    if not found.update(failed_at=now, next_try_at=None):
        raise NothingToDo("This message has gone out, or was given up, meanwhile.")
    Notification.objects.pending().filter(bundled_into=message).update(failed_at=now)
    audit.record(by, "andon.give_up", message, now, receiver=message.receiver, channel=message.channel)
