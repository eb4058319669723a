"""Who is told of a call, from rows of the roster, of on-call duties and of deputies."""

from datetime import date, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client

from andon.access import people_who_answer
from andon.actions import acknowledge, escalate_due
from andon.domain.call import Priority
from andon.models import Call, CallEvent, Delegation, EscalationStep, Notification, OnCall, QuietPeriod, WebhookTarget
from floor.models import AuditEntry, Line, Roster, Site, User
from tests.andon.plant import SIX, after, make_call, make_crew
from tests.factories import make_line, make_shifts, make_site, make_user

pytestmark = pytest.mark.django_db
MORNING = after(hours=1)
NIGHT = after(hours=17)


@pytest.fixture
def crew() -> dict[str, User]:
    return make_crew()


@pytest.fixture
def line() -> Line:
    make_shifts(make_site())
    return make_line("L-BAG1")


def put_on_shift(person: User, shift: str, line: Line | None = None, **values: object) -> Roster:
    return Roster.objects.create(person=person, site=make_site(), line=line, shift=shift, **values)


def told(call: Call, level: int = 0) -> set[str]:
    rows = Notification.objects.filter(call=call, event__level=level, channel="in_app", event__step__isnull=False)
    return set(rows.values_list("recipient__username", flat=True))


def history(call: Call) -> str:
    return CallEvent.objects.filter(call=call).latest("pk").text


def test_a_call_goes_to_those_of_the_role_who_are_on_shift(crew: dict[str, User], line: Line) -> None:
    milo, mira = make_user("milo", "maintenance"), make_user("mira", "maintenance")
    put_on_shift(crew["maintenance"], "Afternoon")
    put_on_shift(milo, "Day")
    put_on_shift(mira, "Night")

    assert told(make_call(line, at=MORNING)) == {"milo"}
    assert told(make_call(make_line("L-2"), at=NIGHT)) == {"mira"}


def test_whom_one_can_send_are_those_on_shift_first_and_then_the_called_role(crew: dict[str, User], line: Line) -> None:
    put_on_shift(crew["maintenance"], "Night")
    put_on_shift(make_user("mira", "maintenance"), "Day")
    call = make_call(line, at=MORNING)

    chosen = [(one.person.username, one.is_on_shift) for one in people_who_answer(call, MORNING)]

    assert chosen[0] == ("mira", True)
    assert chosen[-1] == ("maintenance", False)
    assert len(chosen) > 2


def test_somebody_without_a_place_in_the_roster_is_always_there(crew: dict[str, User], line: Line) -> None:
    put_on_shift(make_user("milo", "maintenance"), "Day")

    assert told(make_call(line, at=NIGHT)) == {"maintenance"}


def test_a_persons_own_line_is_the_only_one_they_are_there_for(crew: dict[str, User], line: Line) -> None:
    put_on_shift(crew["maintenance"], "Day", line)
    put_on_shift(make_user("milo", "maintenance"), "Day")

    assert told(make_call(line, at=MORNING)) == {"maintenance", "milo"}
    assert told(make_call(make_line("L-2"), at=MORNING)) == {"milo"}


def test_with_nobody_on_shift_those_on_call_are_told_and_history_says_so(crew: dict[str, User], line: Line) -> None:
    put_on_shift(crew["maintenance"], "Day")
    OnCall.objects.create(role="maintenance", person=crew["engineer"], starts_at=SIX, ends_at=after(days=7))

    call = make_call(line, at=NIGHT)

    assert told(call) == {"engineer"}
    assert history(call) == "Call sent to maintenance (no maintenance on shift, those on call are told)"


def test_with_nobody_on_shift_or_on_call_all_of_the_role_are_told(crew: dict[str, User], line: Line) -> None:
    put_on_shift(crew["maintenance"], "Day")
    OnCall.objects.create(role="maintenance", person=crew["engineer"], starts_at=SIX, ends_at=after(hours=17))

    call = make_call(line, at=NIGHT)

    assert told(call) == {"maintenance"}
    assert "all of them are told" in history(call)


def test_a_deputy_is_told_for_as_long_as_the_person_is_away(crew: dict[str, User], line: Line) -> None:
    milo = make_user("milo", "maintenance")
    put_on_shift(milo, "Night")
    Delegation.objects.create(person=crew["maintenance"], deputy=milo, starts_at=SIX, ends_at=after(hours=2))

    assert told(make_call(line, at=after(hours=1))) == {"milo"}
    assert told(make_call(make_line("L-2"), at=after(hours=2))) == {"maintenance"}


def test_somebody_who_was_switched_off_is_never_told(crew: dict[str, User], line: Line) -> None:
    User.objects.filter(username="maintenance").update(is_active=False)
    OnCall.objects.create(role="maintenance", person=crew["maintenance"], starts_at=SIX, ends_at=after(days=1))
    Delegation.objects.create(
        person=crew["shift_manager"], deputy=crew["maintenance"], starts_at=SIX, ends_at=after(days=1)
    )

    call = make_call(line, at=MORNING)

    assert told(call) == {"shift_manager", "production_manager", "admin"}
    assert "those who lead the plant are told" in history(call)


def test_the_one_who_is_coming_is_warned_that_the_time_for_the_remedy_runs_out(
    crew: dict[str, User], line: Line
) -> None:
    call = make_call(line, by=crew["operator"])
    acknowledge(call, by=crew["engineer"], now=after(minutes=1))

    escalate_due(after(minutes=20))

    warned = Notification.objects.filter(call=call, event__what="reminded", channel="in_app")
    assert set(warned.values_list("recipient__username", flat=True)) == {"engineer", "maintenance"}


def test_who_is_there_changes_whom_a_step_reaches_but_never_the_step(crew: dict[str, User], line: Line) -> None:
    put_on_shift(crew["shift_manager"], "Day")
    make_call(line, by=crew["operator"])
    call = make_call(make_line("L-2"), by=crew["operator"])
    before = list(EscalationStep.objects.filter(call=call).order_by("pk").values_list("clock", "level", "due_at"))

    escalate_due(after(hours=17))

    taken = EscalationStep.objects.filter(call=call).order_by("due_at", "pk")
    assert set(before) <= set(taken.values_list("clock", "level", "due_at"))
    assert taken.get(clock="ack", level=1).due_at == after(minutes=5)


def test_twenty_calls_are_told_with_few_queries(
    crew: dict[str, User], line: Line, django_assert_max_num_queries: object
) -> None:
    for n in range(20):
        make_call(make_line(f"L-{n + 100}", site=line.site), by=crew["operator"])
    put_on_shift(crew["shift_manager"], "Day")

    with django_assert_max_num_queries(60):  # type: ignore[operator]
        assert escalate_due(after(minutes=5)) == 20


# ---------------------------------------------------------------- refused in words


def test_nobody_stands_in_for_themselves(crew: dict[str, User]) -> None:
    own = Delegation(person=crew["engineer"], deputy=crew["engineer"], starts_at=SIX, ends_at=after(days=1))

    with pytest.raises(ValidationError, match="Nobody stands in for themselves"):
        own.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        own.save()


def test_two_people_do_not_stand_in_for_each_other(crew: dict[str, User]) -> None:
    engineer, fitter = crew["engineer"], crew["maintenance"]
    Delegation.objects.create(person=engineer, deputy=fitter, starts_at=SIX, ends_at=after(days=2))
    back = Delegation(person=fitter, deputy=engineer, starts_at=after(days=1), ends_at=after(days=3))

    with pytest.raises(ValidationError, match="is away then, too"):
        back.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        back.save()

    back.starts_at = after(days=2)
    back.full_clean()


def test_a_circle_of_three_is_refused(crew: dict[str, User]) -> None:
    a, b, c = crew["engineer"], crew["maintenance"], crew["shift_manager"]
    for person, deputy in ((a, b), (b, c)):
        Delegation.objects.create(person=person, deputy=deputy, starts_at=SIX, ends_at=after(days=2))

    with pytest.raises(ValidationError, match="shift_manager"):
        Delegation(person=c, deputy=a, starts_at=SIX, ends_at=after(days=1)).full_clean()


def test_a_person_has_one_deputy_at_a_time(crew: dict[str, User]) -> None:
    Delegation.objects.create(person=crew["engineer"], deputy=crew["maintenance"], starts_at=SIX, ends_at=after(days=2))
    second = Delegation(person=crew["engineer"], deputy=crew["admin"], starts_at=SIX, ends_at=after(days=1))

    with pytest.raises(ValidationError, match="another deputy"):
        second.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        second.save()


@pytest.mark.parametrize("model", [OnCall, Delegation])
def test_nobody_is_put_on_call_whose_role_answers_no_calls(crew: dict[str, User], model: type) -> None:
    who = {"role": "maintenance", "person": crew["viewer"]}
    if model is Delegation:
        who = {"person": crew["engineer"], "deputy": crew["viewer"]}

    with pytest.raises(ValidationError, match="does not answer calls"):
        model(**who, starts_at=SIX, ends_at=after(days=1)).full_clean()


def test_what_ends_before_it_begins_is_refused(crew: dict[str, User]) -> None:
    duty = OnCall(role="maintenance", person=crew["engineer"], starts_at=SIX, ends_at=SIX)

    with pytest.raises(ValidationError, match="must end after it begins"):
        duty.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        duty.save()


def test_a_quiet_period_is_never_for_critical_calls(line: Line) -> None:
    period = QuietPeriod(site=line.site, up_to=Priority.CRITICAL, starts_at="22:00", ends_at="06:00")

    with pytest.raises(ValidationError):
        period.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        period.save()


def test_a_place_in_the_roster_names_a_shift_or_team_that_exists(crew: dict[str, User], line: Line) -> None:
    site = line.site

    with pytest.raises(ValidationError, match="No shift is called Nigth here; there are Afternoon, Day, Night"):
        Roster(person=crew["engineer"], site=site, shift="Nigth").full_clean()
    with pytest.raises(ValidationError, match="Name a shift or a team"):
        Roster(person=crew["engineer"], site=site).full_clean()
    other = Site.objects.create(code="S2", name="Other", time_zone="Europe/London")
    with pytest.raises(ValidationError, match="belongs to another site"):
        Roster(person=crew["engineer"], site=other, line=line, shift="Day").full_clean()
    Roster(person=crew["engineer"], site=site, shift="Night", valid_from=date(2026, 1, 1)).full_clean()


def test_a_webhook_to_an_address_inside_is_refused_in_the_administration(
    crew: dict[str, User], client: Client, settings: object
) -> None:
    settings.WEBHOOK_HOSTS = ["169.254.169.254", "hooks.example.com"]  # type: ignore[attr-defined]
    settings.REQUIRE_2FA = False  # type: ignore[attr-defined]
    client.force_login(crew["admin"], backend="ms5.backends.MatrixBackend")
    given = {"name": "Chat", "url": "http://127.0.0.1:6379/", "least": 1, "kinds": "", "sites": "", "enabled": "on"}

    for url, why in (
        ("http://127.0.0.1:6379/", "not among the hosts"),
        ("https://169.254.169.254/latest/", "which is inside"),
        ("http://hooks.example.com/", "Only https"),
    ):
        answer = client.post("/admin/andon/webhooktarget/add/", given | {"url": url})
        assert why in answer.content.decode()
    assert not WebhookTarget.objects.exists()

    answer = client.post("/admin/andon/webhooktarget/add/", given | {"url": "https://hooks.example.com/andon"})
    assert answer.status_code == 302
    assert len(WebhookTarget.objects.get().secret) >= 32
    assert AuditEntry.objects.filter(action="andon.webhooktarget_added").exists()


def test_a_quiet_night_and_a_deputy_are_entered_in_the_administration(
    crew: dict[str, User], client: Client, line: Line
) -> None:
    client.force_login(crew["shift_manager"], backend="ms5.backends.MatrixBackend")
    night = {
        "site": line.site.pk,
        "up_to": 2,
        "weekdays": [6, 7],
        "starts_at": "22:00",
        "ends_at": "06:00",
        "enabled": "on",
    }
    away = {
        "person": crew["engineer"].pk, "deputy": crew["maintenance"].pk,
        "starts_at_0": "2026-03-02", "starts_at_1": "06:00", "ends_at_0": "2026-03-09", "ends_at_1": "06:00",
    }  # fmt: skip

    assert client.post("/admin/andon/quietperiod/add/", night).status_code == 302
    assert client.post("/admin/andon/delegation/add/", away).status_code == 302
    assert QuietPeriod.objects.get().weekdays == [6, 7]
    assert Delegation.objects.get().ends_at - SIX == timedelta(days=7)
