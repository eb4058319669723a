"""The demo plant's shifts have people: shift managers, fitters and quality, one of each on every shift."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from andon.clock import database_now
from andon.models import OnCall
from floor.models import Roster, Site, User
from floor.models.people import Role

# The logins of the demo are always there, so that whoever tries them out is told of everything.
CREW = (
    ("mara", "Mara", "Holt", Role.SHIFT_MANAGER, "Day"),
    ("tomas", "Tomás", "Reyes", Role.SHIFT_MANAGER, "Afternoon"),
    ("ingrid", "Ingrid", "Voss", Role.SHIFT_MANAGER, "Night"),
    ("milo", "Milo", "Brandt", Role.MAINTENANCE, "Day"),
    ("deepa", "Deepa", "Nair", Role.MAINTENANCE, "Afternoon"),
    ("owen", "Owen", "Pryce", Role.MAINTENANCE, "Night"),
    ("lena", "Lena", "Fischer", Role.QUALITY, "Day"),
    ("joao", "João", "Matos", Role.QUALITY, "Afternoon"),
)
ON_CALL_FOR = timedelta(days=365)


class Command(BaseCommand):
    help = __doc__

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("demo_people is for the demo plant; in production, people and roster are in the admin.")
        site = Site.objects.order_by("code").first()
        if site is None:
            raise CommandError("There is no plant yet. Load one first: manage.py load_plant.")
        for username, first, last, role, shift in CREW:
            Roster.objects.get_or_create(person=_person(username, first, last, role), site=site, line=None, shift=shift)
        self._put_on_call()

    def _put_on_call(self) -> None:
        """Nobody of quality works at night; the one of the day can be called then."""
        lena = User.objects.get(username="lena")
        if not OnCall.objects.filter(person=lena).exists():
            now = database_now()
            OnCall.objects.create(role=Role.QUALITY, person=lena, starts_at=now, ends_at=now + ON_CALL_FOR)


def _person(username: str, first: str, last: str, role: Role) -> User:
    """Without a password: these people are told of calls and sign in nowhere."""
    person = User.objects.filter(username=username).first()
    if person is None:
        person = User(username=username, email=f"{username}@demo.invalid", first_name=first, last_name=last, role=role)
        person.set_unusable_password()
        person.save()
    return person
