"""The demo plant has people on its shifts."""

from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from floor.models import Roster, User
from floor.models.roster import there_at
from tests.factories import make_line, make_shifts, make_site


@pytest.mark.django_db
def test_every_shift_of_the_demo_plant_has_its_own_fitter_also_when_loaded_twice() -> None:
    make_shifts(make_site())
    line = make_line("L-BAG1")
    for _ in range(2):
        call_command("demo_people")

    fitters = {person.username: person.pk for person in User.objects.filter(role="maintenance")}
    for hour, fitter in ((7, "milo"), (15, "deepa"), (23, "owen")):
        is_there = there_at([line], datetime(2026, 3, 2, hour, tzinfo=UTC))[line.pk]
        assert [name for name, pk in fitters.items() if is_there(pk)] == [fitter]
    assert Roster.objects.filter(person__username="milo").count() == 1
    assert not User.objects.get(username="milo").has_usable_password()


@pytest.mark.django_db
def test_without_a_plant_there_is_nothing_to_put_people_on() -> None:
    with pytest.raises(CommandError, match="Load one first"):
        call_command("demo_people")
