"""Controllers as people configure them."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from plc import tasks
from plc.actions import database_now as now
from plc.actions import fingerprints, load_plan, take_lease
from plc.drivers.base import TagSpec
from plc.models import Controller, Tag
from plc.probe import browse, probe
from plc.translate import Source
from tests.factories import make_line, make_machine
from tests.plc.conftest import memory
from tests.plc.peers import Peer, free_port
from tests.plc.plant import Meaning, bind, make_bagger, make_controller

pytestmark = pytest.mark.django_db


def test_a_plan_says_everything_the_reader_needs() -> None:
    controller, machine = make_bagger(44818, scan_s=1.0)
    bind(controller, machine, "Alarms", "INT", Meaning.FAULT_BITS, offset=16)
    Tag.objects.create(controller=controller, name="Off", address="Off", data_type="DINT", enabled=False)

    plan = load_plan(controller.pk)

    assert plan is not None
    assert [tag.name for tag in plan.tags] == ["Alarms", "Good", "Running", "Scrap", "Speed"]
    assert plan.tags[1] == TagSpec("Good", "Good", "DINT")
    (bagger,) = plan.machines
    assert (bagger.equipment_id, bagger.line_id) == (machine.pk, machine.line_id)
    assert bagger.setup.limit_ms == 3000
    assert bagger.setup.made.modulus == 2**32
    assert not bagger.setup.counts_good
    assert bagger.faults == (Source("Alarms", offset=16.0, width=16),)


def test_a_counter_of_good_parts_is_marked_as_such() -> None:
    machine = make_machine(make_line())
    controller = make_controller(scan_s=0.1)
    bind(controller, machine, "Good", "DINT", Meaning.GOOD_COUNT, max_rate_per_min=120)

    plan = load_plan(controller.pk)

    assert plan is not None
    setup = plan.machines[0].setup
    assert (setup.counts_good, setup.made.max_per_s, setup.limit_ms) == (True, 2.0, 2000)


@pytest.mark.parametrize(
    "edit",
    [
        lambda c: Controller.objects.update(scan_s=2.0),
        lambda c: Tag.objects.filter(name="Good").update(length=2),
        lambda c: Tag.objects.filter(name="Good").delete(),
        lambda c: c.tags.get(name="Speed").bindings.update(scale=2.0),
    ],
)
def test_every_edit_changes_the_fingerprint_however_it_was_made(edit: object) -> None:
    controller, _ = make_bagger(44818)
    before = fingerprints([controller.pk])

    assert callable(edit)
    edit(controller)

    assert fingerprints([controller.pk]) != before


def test_a_controller_switched_off_has_no_plan() -> None:
    assert load_plan(make_controller(enabled=False).pk) is None


@pytest.mark.parametrize("scan_s", [0.05, 61.0])
def test_a_scan_rate_out_of_range_is_refused_by_the_database(scan_s: float) -> None:
    with pytest.raises(IntegrityError, match="scan_0_1_to_60_s"), transaction.atomic():
        make_controller(scan_s=scan_s)


def test_a_machine_is_read_from_one_controller_only() -> None:
    _, machine = make_bagger(44818)
    other = make_controller(code="BAG2")
    second = bind(other, machine, "Speed", "REAL", Meaning.SPEED)

    with pytest.raises(ValidationError, match="is read from BAG1; a machine is read from one controller only"):
        second.clean()


@pytest.mark.parametrize(("kind", "address"), [("slc", "N7:1000"), ("micrologix", "Speed"), ("logix", "N7:0")])
def test_a_wrong_address_is_refused_in_the_form_with_a_sentence(kind: str, address: str) -> None:
    tag = Tag(controller=make_controller(kind=kind), name="x", address=address, data_type="INT")

    with pytest.raises(ValidationError) as caught:
        tag.clean()

    assert set(caught.value.message_dict) == {"address"}


def test_the_connection_test_says_who_answered_and_what_each_tag_reads() -> None:
    peer = Peer(memory())
    try:
        controller, machine = make_bagger(peer.port)
        bind(controller, machine, "Nobody_Knows", "DINT", Meaning.PRODUCT)

        found = probe(controller)

        assert found.ok
        assert found.identity is not None
        assert found.identity.product_name == "1769-L33ER/A LOGIX5333ER"
        assert found.values["Speed"].value == 61.5
        assert found.values["Nobody_Knows"].error == "The controller has no tag of this name"
        assert {tag.address for tag in browse(controller)} == {"Running", "Speed", "Good", "Scrap"}
    finally:
        peer.close()


def test_the_connection_test_says_in_words_why_nobody_answered() -> None:
    controller, _ = make_bagger(free_port())

    found = probe(controller)

    assert not found.ok
    assert "refuses connections" in found.error
    assert "power" in found.hint


@pytest.mark.parametrize("serial", ["C0B1", "0000c0b1", " 0xC0B1 ", ""])
def test_serial_numbers_are_compared_as_people_write_them(serial: str) -> None:
    peer = Peer(memory())
    try:
        controller, _ = make_bagger(peer.port, expected_serial=serial)
        assert probe(controller).ok
    finally:
        peer.close()


def test_supervise_sends_for_a_reader_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    idle, held, off = (
        make_controller(code="IDLE"),
        make_controller(code="HELD"),
        make_controller(code="OFF", enabled=False),
    )
    assert take_lease(held.pk, "plc@a", now() + timedelta(minutes=1))
    sent: list[str] = []
    monkeypatch.setattr(tasks.hold, "apply_async", lambda kwargs, expires: sent.append(kwargs["controller_id"]))

    tasks.supervise()

    assert sent == [str(idle.pk)]
    assert not off.enabled
