"""What the engineer sees of a controller, with a simulated one on the wire."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from floor.models import CounterEvent, Equipment, FaultDefinition, Reconciliation
from plc.drivers.base import Quality
from plc.models import Binding, Controller, Link, Tag
from plc.simulator.logix import TagDatabase
from plc.simulator.types import BOOL, DINT, REAL
from plc.tiles import LinkWords, controller_tile, controllers_tile, link_words
from plc.views import LOOK_S
from tests.factories import make_line, make_machine, make_user
from tests.plc.peers import Peer, free_port
from tests.plc.plant import bind, make_bagger, make_controller

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
State = Link.State


def link(controller: Controller, state: str = State.ONLINE, **values: Any) -> Link:
    """What a reader wrote half a second ago."""
    written: dict[str, Any] = {
        "since": NOW - timedelta(hours=1),
        "last_ok_at": NOW - timedelta(seconds=0.5),
        "lease_until": NOW + timedelta(seconds=6),
        "scans": 3600,
        "achieved_rate_hz": 10.0,
    }
    return Link.objects.create(controller=controller, state=state, **written | values)


@pytest.fixture
def bagger(db: None) -> tuple[Controller, Equipment]:
    return make_bagger(free_port())


@pytest.fixture
def engineer(db: None) -> Client:
    client = Client()
    client.force_login(make_user("erik", "engineer"))
    return client


def words(controller: Controller) -> LinkWords:
    return link_words(controller, Link.objects.get(controller=controller), NOW)


def test_a_controller_that_is_read_says_online(bagger: tuple[Controller, Equipment]) -> None:
    link(bagger[0])
    (card,) = controllers_tile(NOW).cards
    assert (card.link.word, card.age, card.rate, card.wanted) == ("ONLINE", "0.5 s ago", "10.00", "10.00")
    assert card.feeds == bagger[1].name
    assert controllers_tile(NOW).summary == "1 of 1 controllers are read."


def test_a_lost_connection_says_since_when_why_and_what_to_do(bagger: tuple[Controller, Equipment]) -> None:
    seen = NOW - timedelta(minutes=8)
    link(bagger[0], State.BACKOFF, last_ok_at=seen, error="No answer from 10.1.7.20.", hint="Check the cable.")
    assert words(bagger[0]) == LinkWords(
        "nodata", "sym-broken", "NO CONNECTION", "11:52", "No answer from 10.1.7.20.", "Check the cable."
    )
    assert controllers_tile(NOW).summary == "0 of 1 controllers are read, 1 without connection."


def test_an_old_online_is_not_believed(bagger: tuple[Controller, Equipment]) -> None:
    link(bagger[0], last_ok_at=NOW - timedelta(seconds=30))
    assert words(bagger[0]).word == "NO ANSWER"


def test_a_controller_whose_reader_died_is_not_read(bagger: tuple[Controller, Equipment]) -> None:
    link(bagger[0], lease_until=NOW - timedelta(seconds=1))
    assert (words(bagger[0]).word, words(bagger[0]).error) == ("NOT READ", "Nobody reads this controller.")


@pytest.mark.parametrize(
    ("state", "error", "word"),
    [
        (State.CONNECTING, "", "CONNECTING"),
        (State.CONNECTING, "refused", "NO CONNECTION"),
        (State.CONFIG_ERROR, "another serial number", "CONFIGURATION"),
        (State.ONLINE, "1 of 4 tags are bad", "BAD TAGS"),
    ],
)
def test_each_state_has_its_own_word(bagger: tuple[Controller, Equipment], state: str, error: str, word: str) -> None:
    link(bagger[0], state, error=error)
    assert words(bagger[0]).word == word


def test_a_controller_switched_off_says_so(bagger: tuple[Controller, Equipment]) -> None:
    bagger[0].enabled = False
    bagger[0].save()
    assert controllers_tile(NOW).cards[0].link.word == "SWITCHED OFF"


def test_every_tag_shows_its_value_its_quality_and_what_it_feeds(bagger: tuple[Controller, Equipment]) -> None:
    controller, machine = bagger
    values = {
        "Running": {"v": True, "q": "good"},
        "Speed": {"v": None, "q": "bad_type", "e": "Configured as REAL, but the controller has DINT"},
        "Good": {"v": 4711, "q": "good"},
    }
    link(controller, values=values)
    rows = {row.name: row for row in controller_tile(controller, NOW).tags}
    assert (rows["Running"].value, rows["Running"].quality, rows["Running"].age) == ("true", "good", "0.5 s ago")
    assert rows["Running"].feeds == (f"running of {machine.name}",)
    assert (rows["Speed"].value, rows["Speed"].quality, rows["Speed"].age) == ("–", "other type", "")
    assert "the controller has DINT" in rows["Speed"].error
    assert rows["Scrap"].quality == "never read"
    assert controller_tile(controller, NOW).bad == 1


def test_no_value_looks_good_after_the_link_is_lost(bagger: tuple[Controller, Equipment]) -> None:
    link(bagger[0], lease_until=NOW - timedelta(seconds=1), values={"Running": {"v": True, "q": "good"}})
    rows = {row.name: row for row in controller_tile(bagger[0], NOW).tags}
    assert (rows["Running"].quality, rows["Running"].is_good) == ("too old", False)


def test_fault_bits_are_told_by_number_and_text(bagger: tuple[Controller, Equipment]) -> None:
    controller, machine = bagger
    FaultDefinition.objects.create(equipment=machine, bit=6, text="Wicket servo fault")
    binding = bind(controller, machine, "Fault", "BOOL", "fault_bits")
    Tag.objects.filter(pk=binding.tag_id).update(length=64)
    link(controller, values={"Fault": {"v": 1 << 6 | 1 << 28, "q": "good"}})
    rows = {row.name: row for row in controller_tile(controller, NOW).tags}
    assert rows["Fault"].value == "bits 6 Wicket servo fault, 28"


def test_alarm_words_are_told_as_bits_too(bagger: tuple[Controller, Equipment]) -> None:
    controller, machine = bagger
    binding = bind(controller, machine, "Alarms", "INT", "fault_bits")
    Tag.objects.filter(pk=binding.tag_id).update(length=7)
    link(controller, values={"Alarms": {"v": [2, 0, 0, 0, 0, -32768, 0], "q": "good"}})
    rows = {row.name: row for row in controller_tile(controller, NOW).tags}
    assert rows["Alarms"].value == "bits 1, 95"


def test_what_a_counter_did_is_a_sentence(bagger: tuple[Controller, Equipment]) -> None:
    CounterEvent.objects.create(
        equipment=bagger[1], counter="made", kind="quarantine", at=NOW, before=100, after=90_000, delta=89_900
    )
    (event,) = controller_tile(bagger[0], NOW).events
    assert event.text == "89\u202f900 parts not counted: more than the machine can make. Please check."


def reconciled(machine: Equipment, hours_ago: int, difference: int, counter: str = "made") -> None:
    Reconciliation.objects.create(
        equipment=machine,
        counter=counter,
        hour=NOW - timedelta(hours=hours_ago),
        booked=100 + difference,
        in_minutes=100 + difference,
        expected=100,
        difference=difference,
        reconciled_at=NOW,
    )


def test_counts_that_agree_with_the_counters_are_said_to(bagger: tuple[Controller, Equipment]) -> None:
    reconciled(bagger[1], 3, 0)
    reconciled(bagger[1], 2, 0)
    (row,) = controller_tile(bagger[0], NOW + timedelta(minutes=5)).reconciled
    assert (row.machine, row.text, row.look) == (
        bagger[1].name,
        "Counts reconciled to 11:00: difference 0.",
        "plain",
    )


def test_counts_that_do_not_agree_say_how_many_parts_and_in_which_hour(
    bagger: tuple[Controller, Equipment], engineer: Client
) -> None:
    reconciled(bagger[1], 3, -15)
    reconciled(bagger[1], 2, 1, counter="rejected")
    reconciled(bagger[1], 1, 0)
    rows = controller_tile(bagger[0], NOW).reconciled
    assert [(row.text, row.look) for row in rows] == [
        ("1 reject more booked than counted, 10:00 to 11:00.", "stop"),
        ("15 parts fewer booked than counted, 09:00 to 10:00.", "stop"),
    ]
    Reconciliation.objects.update(hour=F("hour") + (timezone.now() - NOW))
    page = engineer.get(reverse("controller", args=[bagger[0].code])).content.decode()
    assert '<strong class="wrong">15 parts fewer booked than counted' in page


def test_a_clock_that_is_off_is_told(bagger: tuple[Controller, Equipment]) -> None:
    link(bagger[0], clock_offset_s=-7.25)
    assert "7.2 s behind the database's" in controller_tile(bagger[0], NOW).clock


def test_the_pages_open_without_a_reader_and_without_a_script(
    bagger: tuple[Controller, Equipment], engineer: Client
) -> None:
    page = engineer.get(reverse("controllers")).content.decode()
    assert "BAG1" in page
    assert "NOT READ" in page
    page = engineer.get(reverse("controller", args=["BAG1"])).content.decode()
    assert "never read" in page
    assert engineer.get(reverse("controller", args=["NOWHERE"])).status_code == 404


def test_an_unchanged_tile_costs_no_bytes(engineer: Client) -> None:
    first = engineer.get(reverse("controllers-live"))
    again = engineer.get(reverse("controllers-live"), headers={"If-None-Match": first["ETag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert again["X-Now"]


def test_maintenance_may_look_and_test_but_not_browse(bagger: tuple[Controller, Equipment]) -> None:
    client = Client()
    client.force_login(make_user("mia", "maintenance"))
    page = client.get(reverse("controller", args=["BAG1"])).content.decode()
    assert "Test connection" in page
    assert "Browse tags" not in page
    assert client.post(reverse("controller-browse", args=["BAG1"])).status_code == 403


def test_an_operator_sees_no_addresses(bagger: tuple[Controller, Equipment]) -> None:
    client = Client()
    client.force_login(make_user("ola", "operator"))
    assert client.get(reverse("controllers")).status_code == 403


def memory() -> TagDatabase:
    tags = TagDatabase()
    for name, kind in (("Running", BOOL), ("Speed", REAL), ("Good", DINT), ("Scrap", REAL)):
        tags.add(name, kind)
    tags["Running"], tags["Speed"], tags["Good"] = True, 61.5, 1000
    return tags


@pytest.mark.django_db(transaction=True)
def test_testing_a_connection_tells_who_answers_and_what_each_tag_says(engineer: Client) -> None:
    peer = Peer(memory())
    try:
        make_bagger(peer.port)
        page = engineer.post(reverse("controller-test", args=["BAG1"])).content.decode()
    finally:
        peer.close()
    assert "1769-L33ER/A LOGIX5333ER (firmware 30.11, serial" in page
    assert "3 of 4 tags were read in" in page
    assert "61.5" in page
    assert "Configured as DINT, but the controller has REAL" in page


@pytest.mark.django_db(transaction=True)
def test_testing_a_connection_to_nobody_is_a_sentence_with_a_hint(engineer: Client) -> None:
    make_bagger(free_port())
    page = engineer.post(reverse("controller-test", args=["BAG1"])).content.decode()
    assert "127.0.0.1 refuses connections on port" in page
    assert "Check that the controller has power" in page


@pytest.mark.django_db(transaction=True)
def test_browsing_lists_the_tags_of_the_controller_and_which_are_configured(engineer: Client) -> None:
    peer = Peer(memory())
    try:
        controller, _ = make_bagger(peer.port)
        Tag.objects.filter(controller=controller, name="Scrap").delete()
        page = engineer.post(reverse("controller-browse", args=["BAG1"])).content.decode()
    finally:
        peer.close()
    assert "The controller has 4 tags." in page
    assert page.count("<td>yes</td>") == 3
    assert page.count("<td>no</td>") == 1


def test_a_look_at_a_controller_never_takes_long() -> None:
    assert LOOK_S <= 8


# Administration


def test_a_wrong_address_is_refused_where_it_is_typed(db: None) -> None:
    slc = make_controller(code="BL", kind="slc")
    with pytest.raises(ValidationError, match="element 1000 does not exist"):
        Tag(controller=slc, name="LOAFS", address="N7:1000", data_type="INT").full_clean()
    with pytest.raises(ValidationError, match="F8:0 holds REAL, not INT"):
        Tag(controller=slc, name="BASKETS", address="F8:0", data_type="INT").full_clean()
    Tag(controller=slc, name="LOAFS", address="N7:100", data_type="INT").full_clean()


def test_a_binding_that_cannot_work_is_refused_in_words(bagger: tuple[Controller, Equipment]) -> None:
    controller, machine = bagger
    status = Tag.objects.create(controller=controller, name="Status", address="Status", data_type="DINT")
    with pytest.raises(ValidationError, match="say which bit of it means running"):
        Binding(tag=status, equipment=machine, meaning="running").full_clean()
    with pytest.raises(ValidationError, match="one counter is enough"):
        Binding(tag=status, equipment=machine, meaning="good_count").full_clean()
    other = make_machine(make_line("L2"), "M2")
    far = Tag.objects.create(controller=make_controller(code="C2", port=1), name="Run", address="Run", data_type="BOOL")
    Binding(tag=far, equipment=other, meaning="running").full_clean()
    with pytest.raises(ValidationError, match="a machine is read from one controller only"):
        Binding(tag=far, equipment=machine, meaning="running").full_clean()


def test_an_engineer_adds_a_tag_in_the_administration(
    bagger: tuple[Controller, Equipment], engineer: Client, settings: Any
) -> None:
    settings.REQUIRE_2FA = False
    controller, machine = bagger
    address = reverse("admin:plc_tag_add")
    given: dict[str, Any] = {
        "controller": str(controller.pk), "name": "Extra", "address": "Extra{3}", "data_type": "DINT", "length": 1,
        "enabled": "on",
        "bindings-TOTAL_FORMS": 1, "bindings-INITIAL_FORMS": 0,
        "bindings-0-equipment": str(machine.pk), "bindings-0-meaning": "speed",
        "bindings-0-position": 0, "bindings-0-scale": 1, "bindings-0-offset": 0,
    }  # fmt: skip
    assert "write the name without braces" in engineer.post(address, given).content.decode()
    assert engineer.post(address, given | {"address": "Extra"}).status_code == 302
    assert Binding.objects.get(tag__name="Extra").meaning == "speed"
    change = reverse("admin:plc_controller_change", args=[controller.pk])
    assert reverse("controller", args=["BAG1"]) in engineer.get(change).content.decode()
    assert engineer.get(reverse("admin:plc_link_changelist")).status_code == 200
    assert engineer.get(reverse("admin:plc_link_add")).status_code == 403


def test_every_quality_has_a_word() -> None:
    from plc.tiles import QUALITIES

    assert set(QUALITIES) == set(Quality)


def test_the_list_costs_the_same_however_many_controllers_there_are(
    bagger: tuple[Controller, Equipment], django_assert_num_queries: Any
) -> None:
    for number in range(5):
        make_controller(code=f"C{number}")
    with django_assert_num_queries(4):
        controllers_tile(NOW)
