"""A call reaches somebody, whatever roster, on-call plan and deputies say; only what may wait does."""

from datetime import UTC, datetime, time, timedelta
from ipaddress import ip_address
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.domain import flood
from andon.domain.call import Priority
from andon.domain.escalation import no_shift
from andon.domain.quiet import LONGEST, Quiet, held_until
from andon.domain.reach import Basis, Person, Staff, Way, closes_circle, ways, whom
from andon.domain.webhooks import Forbidden, check_address, is_public, read_url, signature

ROLES = ["admin", "production_manager", "shift_manager", "engineer", "operator", "maintenance", "quality", "viewer"]
IDS = [UUID(int=n) for n in range(8)]
MILO, MIRA, OLA, MARA, ANNA = IDS[:5]


def maintenance(id: UUID, *, there: bool = True, active: bool = True) -> Person:
    return Person(id, "maintenance", there, active)


# ---------------------------------------------------------------- whom


def test_those_on_shift_are_told_and_nobody_else() -> None:
    staff = Staff((maintenance(MILO), maintenance(MIRA, there=False)), on_call={"maintenance": {MIRA}})

    reached = whom(["maintenance"], staff)

    assert reached.people == (MILO,)
    assert reached.basis == (("maintenance", Basis.ON_SHIFT),)


def test_with_nobody_on_shift_those_on_call_are_told() -> None:
    fitters = (maintenance(MILO, there=False), maintenance(MIRA, there=False))
    staff = Staff((*fitters, Person(OLA, "engineer", False)), on_call={"maintenance": {OLA}})

    assert whom(["maintenance"], staff).people == (OLA,)


def test_with_nobody_on_shift_or_on_call_everybody_of_the_role_is_told() -> None:
    staff = Staff((maintenance(MILO, there=False), maintenance(MIRA, there=False), Person(OLA, "operator")))

    reached = whom(["maintenance"], staff)

    assert reached.people == (MILO, MIRA)
    assert reached.basis == (("maintenance", Basis.EVERYBODY),)


def test_each_role_is_looked_at_by_itself() -> None:
    staff = Staff((maintenance(MILO, there=False), Person(OLA, "engineer"), Person(MARA, "engineer", False)))

    assert set(whom(["maintenance", "engineer"], staff).people) == {MILO, OLA}


def test_roles_without_people_reach_those_who_lead_the_plant_on_shift() -> None:
    staff = Staff((Person(MARA, "shift_manager"), Person(OLA, "shift_manager", False), Person(ANNA, "operator")))

    reached = whom(["maintenance"], staff)

    assert reached.people == (MARA,)
    assert reached.basis == (("maintenance", Basis.LEADERS),)


def test_a_plant_of_one_operator_tells_the_operator() -> None:
    assert whom(["maintenance"], Staff((Person(OLA, "operator", False),))).people == (OLA,)


def test_whoever_is_coming_is_told_besides() -> None:
    staff = Staff((maintenance(MILO), Person(OLA, "engineer", False)))

    assert whom(["maintenance"], staff, also=[OLA]).people == (MILO, OLA)


def test_a_deputy_is_told_instead_also_of_a_deputy() -> None:
    staff = Staff((maintenance(MILO), maintenance(MIRA, there=False), maintenance(OLA, there=False)))

    assert whom(["maintenance"], Staff(staff.people, delegates={MILO: MIRA, MIRA: OLA})).people == (OLA,)


def test_a_deputy_who_was_switched_off_is_not_told() -> None:
    staff = Staff((maintenance(MILO), maintenance(MIRA, active=False)), delegates={MILO: MIRA})

    assert whom(["maintenance"], staff).people == (MILO,)


def test_deputies_in_a_circle_change_nothing() -> None:
    staff = Staff((maintenance(MILO), maintenance(MIRA)), delegates={MILO: MIRA, MIRA: MILO})

    assert whom(["maintenance"], staff).people == (MILO, MIRA)


people = st.lists(
    st.builds(Person, st.sampled_from(IDS), st.sampled_from(ROLES), st.booleans(), st.booleans()),
    min_size=1, unique_by=lambda person: person.id,
)  # fmt: skip
on_call = st.dictionaries(st.sampled_from(ROLES), st.frozensets(st.sampled_from(IDS)))
delegates = st.dictionaries(st.sampled_from(IDS), st.sampled_from(IDS))
roles = st.lists(st.sampled_from(ROLES), min_size=1, max_size=4)


@given(people, on_call, delegates, roles, st.lists(st.sampled_from(IDS)))
def test_somebody_is_told_whenever_anybody_could_be_and_never_one_who_was_switched_off(
    people: list[Person], on_call: dict[str, frozenset[UUID]], delegates: dict[UUID, UUID], roles: list[str],
    also: list[UUID],
) -> None:  # fmt: skip
    active = {person.id for person in people if person.is_active}

    reached = whom(roles, Staff(tuple(people), on_call, delegates), also)

    assert bool(reached.people) == bool(active)
    assert set(reached.people) <= active
    assert len(set(reached.people)) == len(reached.people)


@given(people, on_call, delegates, roles, st.randoms())
def test_the_order_of_rows_makes_no_difference(
    people: list[Person], on_call: dict[str, frozenset[UUID]], delegates: dict[UUID, UUID], roles: list[str],
    chance: object,
) -> None:  # fmt: skip
    shuffled, other_roles = list(people), list(roles)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    chance.shuffle(other_roles)  # type: ignore[attr-defined]
    turned = dict(reversed(delegates.items()))

    assert whom(other_roles, Staff(tuple(shuffled), on_call, turned)) == whom(
        roles, Staff(tuple(people), on_call, delegates)
    )


@given(people, on_call, roles)
def test_whoever_is_on_shift_in_a_role_is_told(
    people: list[Person], on_call: dict[str, frozenset[UUID]], roles: list[str]
) -> None:
    there = {one.id for one in people if one.is_active and one.is_there and one.role in roles}

    assert there <= set(whom(roles, Staff(tuple(people), on_call)).people)


@given(st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(IDS))))
def test_where_every_circle_was_refused_nobody_who_is_away_is_told(wanted: list[tuple[UUID, UUID]]) -> None:
    accepted: dict[UUID, UUID] = {}
    for person, deputy in wanted:
        if person not in accepted and not closes_circle(person, deputy, accepted):
            accepted[person] = deputy
    everybody = tuple(Person(id, "maintenance") for id in IDS)

    assert not set(accepted) & set(whom(["maintenance"], Staff(everybody, delegates=accepted)).people)


# ---------------------------------------------------------------- ways


def test_a_person_is_told_by_the_first_way_that_is_open() -> None:
    wanted = [Way("webhook"), Way("email")]

    assert ways(wanted, ("email", "webhook"), {"email", "webhook"}, Priority.LOW) == ("webhook", "email")
    assert ways(wanted, ("email", "webhook"), {"email"}, Priority.LOW) == ("email",)
    assert ways([], ("email", "webhook"), {"email", "webhook"}, Priority.LOW) == ("email", "webhook")


def test_a_way_is_spared_below_the_priority_that_the_person_chose() -> None:
    wanted = [Way("email", Priority.HIGH)]

    assert ways(wanted, ("email",), {"email"}, Priority.MEDIUM) == ()
    assert ways(wanted, ("email",), {"email"}, Priority.HIGH) == ("email",)


wishes = st.lists(st.builds(Way, st.sampled_from(["email", "webhook"]), st.sampled_from(list(Priority))), max_size=4)


@given(wishes, st.frozensets(st.sampled_from(["email", "webhook"])))
def test_a_critical_call_uses_every_open_way_whatever_was_chosen(wanted: list[Way], open_to: frozenset[str]) -> None:
    assert set(ways(wanted, ("email", "webhook"), open_to, Priority.CRITICAL)) == open_to


# ---------------------------------------------------------------- quiet

LONDON = ZoneInfo("Europe/London")
SITE, LINE, OTHER = UUID(int=100), UUID(int=101), UUID(int=102)
EVERY_DAY = frozenset(range(1, 8))


def at(day: int, hour: int, minute: int = 0, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def night(up_to: Priority = Priority.MEDIUM, days: frozenset[int] = EVERY_DAY, line: UUID | None = None) -> Quiet:
    return Quiet(SITE, line, up_to, days, time(22), time(6))


def test_at_night_mail_waits_until_the_morning() -> None:
    assert held_until([night()], at(2, 23), LONDON, no_shift) == at(3, 6)
    assert held_until([night()], at(2, 6), LONDON, no_shift) is None
    assert held_until([night()], at(2, 21, 59), LONDON, no_shift) is None
    assert held_until([night()], at(2, 22), LONDON, no_shift) == at(3, 6)


def test_the_next_shift_does_not_wait_for_the_end_of_the_quiet_period() -> None:
    assert held_until([night()], at(2, 23), LONDON, lambda _: at(3, 2)) == at(3, 2)


def test_a_quiet_period_concerns_its_line_and_what_is_not_too_urgent() -> None:
    assert night(line=LINE).concerns(SITE, LINE, Priority.MEDIUM)
    assert not night(line=LINE).concerns(SITE, OTHER, Priority.LOW)
    assert not night().concerns(OTHER, LINE, Priority.LOW)
    assert not night().concerns(SITE, LINE, Priority.HIGH)


def test_a_quiet_period_begins_on_its_own_weekdays_only() -> None:
    sunday = night(days=frozenset({7}))  # 1 March 2026 was a Sunday

    assert held_until([sunday], at(2, 1), LONDON, no_shift) == at(2, 6)
    assert held_until([sunday], at(2, 23), LONDON, no_shift) is None


def test_periods_that_touch_are_one_wait() -> None:
    morning = Quiet(SITE, None, Priority.LOW, EVERY_DAY, time(6), time(7, 30))

    assert held_until([night(), morning], at(2, 23), LONDON, no_shift) == at(3, 7, 30)


@pytest.mark.parametrize(
    ("called", "released"),
    [
        (at(28, 23), at(29, 5)),  # 29 March: the clock jumps from 01:00 to 02:00, 06:00 is an hour earlier
        (at(24, 22, month=10), at(25, 6, month=10)),  # 25 October: 01:00 comes twice
    ],
)
def test_on_clock_change_nights_the_plants_clock_counts(called: datetime, released: datetime) -> None:
    assert held_until([night()], called, LONDON, no_shift) == released


quiet_periods = st.lists(
    st.builds(
        Quiet, st.just(SITE), st.sampled_from([None, LINE]), st.sampled_from(list(Priority)),
        st.frozensets(st.integers(1, 7), min_size=1), st.times(), st.times(),
    ),
    max_size=4,
)  # fmt: skip


moments = st.integers(0, 365 * 86400).map(lambda s: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=s))


@given(quiet_periods)
def test_what_is_critical_is_never_held_back(periods: list[Quiet]) -> None:
    assert not any(period.concerns(SITE, LINE, Priority.CRITICAL) for period in periods)


@given(quiet_periods, moments)
def test_nothing_waits_for_ever_and_nothing_leaves_while_it_is_quiet(periods: list[Quiet], moment: datetime) -> None:
    released = held_until(periods, moment, LONDON, no_shift)
    is_quiet = any(period.end(moment, LONDON) for period in periods)

    assert (released is not None) == is_quiet
    if released is not None:
        assert moment < released <= moment + LONGEST
        assert released == moment + LONGEST or not any(period.end(released, LONDON) for period in periods)


# ---------------------------------------------------------------- floods


def test_ten_messages_come_by_themselves_and_the_eleventh_waits_for_others() -> None:
    noon = at(2, 12)

    assert flood.leaves_at(noon, 9, held=False) is None
    assert flood.leaves_at(noon, 10, held=False) == noon + timedelta(minutes=1)


def test_what_people_call_for_and_what_is_critical_is_told_one_by_one() -> None:
    assert flood.may_be_bundled(True, Priority.HIGH)
    assert not flood.may_be_bundled(False, Priority.HIGH)
    assert not flood.may_be_bundled(True, Priority.CRITICAL)


# ---------------------------------------------------------------- webhooks

HOSTS, INSIDE = ["hooks.example.com", ".chat.example"], ["stacklight.plant", "10.1.7.9"]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://evil.example/x", "not among the hosts"),
        ("https://hooks.example.com.evil.example/", "not among the hosts"),
        ("https://evilchat.example/", "not among the hosts"),
        ("http://hooks.example.com/", "Only https"),
        ("https://user:word@hooks.example.com/", "user name and password"),
        ("https://hooks.example.com@127.0.0.1/", "user name and password"),
        ("ftp://hooks.example.com/", "whole web address"),
        ("https:///andon", "whole web address"),
        ("https://hooks.example.com/\r\nHost: other", "whole web address"),
        ("https://hooks.example.com:port/", "not a web address"),
        ("https://127.0.0.1/", "not among the hosts"),
        ("https://[::1]/", "not among the hosts"),
        ("file:///etc/passwd", "whole web address"),
    ],
)
def test_an_address_that_nobody_listed_is_refused_in_words(url: str, why: str) -> None:
    with pytest.raises(Forbidden, match=why):
        read_url(url, HOSTS, INSIDE)


def test_a_listed_address_is_taken_apart() -> None:
    address = read_url("https://team.chat.example/andon?room=7#top", HOSTS, INSIDE)

    assert (address.host, address.port, address.path) == ("team.chat.example", 443, "/andon?room=7")
    assert not address.is_internal


def test_a_host_of_the_plants_own_may_be_called_without_tls() -> None:
    address = read_url("http://stacklight.plant:8080/", HOSTS, INSIDE)

    assert (address.port, address.is_internal) == (8080, True)
    assert read_url("http://10.1.7.9/", HOSTS, INSIDE).is_internal


def test_a_literal_inside_address_is_refused_even_if_it_was_listed_as_a_host_outside() -> None:
    with pytest.raises(Forbidden, match="MS5_WEBHOOK_INTERNAL_HOSTS"):
        read_url("https://192.168.1.1/", ["192.168.1.1"], [])


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "224.0.1.1", "255.255.255.255", "240.0.0.1", "::", "::1", "fe80::1", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "fec0::1",
    ],
)  # fmt: skip
def test_addresses_inside_the_plant_or_this_machine_are_not_called(address: str) -> None:
    assert not is_public(ip_address(address))
    with pytest.raises(Forbidden, match="is inside"):
        check_address(ip_address(address), "hooks.example.com")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_addresses_outside_may_be_called(address: str) -> None:
    assert is_public(ip_address(address))


def test_the_signature_covers_time_and_body() -> None:
    signed = signature("a secret", 1_767_225_600, b'{"id": 1}')

    assert signed == "9358a725bc3d6cc166e1b755ad8fbc68f4cecbfb1fa1f8ccaee2fae072cbd6db"
    assert signed != signature("a secret", 1_767_225_601, b'{"id": 1}')
    assert signed != signature("a secret", 1_767_225_600, b'{"id": 2}')
    assert signed != signature("another", 1_767_225_600, b'{"id": 1}')
