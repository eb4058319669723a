"""A reader at work: real threads, a real controller on the wire, a real database."""

import time
from pathlib import Path

import pytest

from floor.models import CounterEvent, Heartbeat, MachineState, StateEdge
from plc.models import Controller, Link, Tag
from tests.plc import fault_proxy
from tests.plc.conftest import Process, counted, link_is, wait_for, watermark
from tests.plc.fault_proxy import FaultProxy
from tests.plc.peers import Peer
from tests.plc.plant import Meaning, bind, make_bagger

pytestmark = pytest.mark.django_db(transaction=True)
State = Link.State


def test_every_part_is_counted_once(bagger: Peer, process: Process) -> None:
    controller, machine = make_bagger(bagger.port)
    process.hold(controller)
    wait_for(watermark(machine, 1000), "the first reading was not recorded")

    bagger.memory["Good"], bagger.memory["Scrap"] = 1075, 12
    wait_for(watermark(machine, 1075), "the parts were not recorded")

    assert counted(machine) == (75, 2)
    state = MachineState.objects.get(equipment=machine)
    assert (state.state, state.speed) == ("run", 61.5)


def test_the_link_tells_the_engineer_how_the_reading_goes(bagger: Peer, process: Process) -> None:
    controller, _ = make_bagger(bagger.port)
    process.hold(controller)
    wait_for(lambda: Link.objects.filter(scans__gt=15).exists(), "the link was not brought up to date")

    link = Link.objects.get(controller=controller)
    assert link.state == State.ONLINE
    assert link.values["Speed"] == {"v": 61.5, "q": "good"}
    assert link.identity["product_name"] == "1769-L33ER/A LOGIX5333ER"
    assert link.achieved_rate_hz is not None
    assert 1 < link.achieved_rate_hz < 20
    assert link.lease_owner == "plc@a"
    assert link.last_ok_at is not None
    wait_for(lambda: Heartbeat.objects.filter(component="plc", instance="plc@a").exists(), "no sign of life")


def test_a_lost_link_loses_no_part_and_is_no_stop(bagger: Peer, proxy: FaultProxy, process: Process) -> None:
    """The silence outlasts the limit of 2 s, as 60 s outlast three scans of 1 s."""
    controller, machine = make_bagger(proxy.port)
    process.hold(controller)
    wait_for(
        MachineState.objects.filter(equipment=machine, sequence__gt=2).exists, "the machine was not seen for a while"
    )

    proxy.unplug()
    wait_for(Link.objects.filter(error__contains="refuses connections").exists, "nobody noticed the loss")
    assert "network cable" in Link.objects.get().hint
    assert Link.objects.get().values["Speed"]["q"] == "bad_comm"
    bagger.memory["Good"] = 1150
    time.sleep(2.3)
    proxy.plug_in()
    wait_for(watermark(machine, 1150), "reading did not resume")

    assert counted(machine) == (150, 0)
    states = list(StateEdge.objects.filter(equipment=machine).order_by("at").values_list("state", flat=True))
    assert states == ["run", "unknown", "run"]
    wait_for(link_is(controller, State.ONLINE), "the link did not recover")


@pytest.mark.parametrize(
    "fault",
    [fault_proxy.frozen, fault_proxy.cut_after(30), fault_proxy.garbage, fault_proxy.scrambled, fault_proxy.lost],
)
def test_a_controller_that_answers_garbage_counts_nothing_and_recovers(
    bagger: Peer, proxy: FaultProxy, process: Process, fault: fault_proxy.Tamper
) -> None:
    controller, machine = make_bagger(proxy.port)
    process.hold(controller)
    wait_for(watermark(machine, 1000), "the first reading was not recorded")

    proxy.tamper = fault
    wait_for(Link.objects.exclude(error="").exists, "nobody noticed")
    bagger.memory["Good"] = 1001
    proxy.thaw()
    wait_for(watermark(machine, 1001), "reading did not resume")

    assert counted(machine) == (1, 0)
    assert CounterEvent.objects.filter(equipment=machine).exclude(kind__in=("first", "gap")).count() == 0


def test_one_wrong_tag_is_named_with_a_hint_while_the_others_are_read(bagger: Peer, process: Process) -> None:
    controller, machine = make_bagger(bagger.port)
    bind(controller, machine, "Nobody_Knows", "INT", Meaning.PRODUCT)
    process.hold(controller)

    wait_for(
        link_is(controller, State.ONLINE, "1 of 5 tags are bad. Nobody_Knows: The controller has no tag of this name."),
        "the wrong tag was not named",
    )

    assert "Compare names" in Link.objects.get().hint
    wait_for(watermark(machine, 1000), "the good tags were not recorded")


def test_when_not_one_tag_can_be_read_nothing_is_counted(bagger: Peer, process: Process) -> None:
    controller, machine = make_bagger(bagger.port)
    Tag.objects.update(data_type="LINT")
    process.hold(controller)

    wait_for(link_is(controller, State.CONFIG_ERROR, "Not one tag can be read. "), "no configuration error")

    assert "but the controller has" in Link.objects.get().error
    assert Link.objects.get().values["Good"]["q"] == "bad_type"
    assert counted(machine) == (0, 0)
    assert MachineState.objects.filter(equipment=machine, made_raw__isnull=False).count() == 0


def test_correcting_the_configuration_helps_without_a_restart(
    bagger: Peer, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plc.recorder.COMPARE_S", 0.1)
    controller, machine = make_bagger(bagger.port)
    Tag.objects.update(data_type="LINT")
    process.hold(controller)
    wait_for(link_is(controller, State.CONFIG_ERROR), "no configuration error")

    Tag.objects.filter(name="Running").update(data_type="BOOL")
    Tag.objects.filter(name="Speed").update(data_type="REAL")
    Tag.objects.filter(name__in=("Good", "Scrap")).update(data_type="DINT")

    wait_for(watermark(machine, 1000), "the correction was not taken up")


def test_an_exchanged_controller_does_not_feed_the_line(bagger: Peer, proxy: FaultProxy, process: Process) -> None:
    controller, machine = make_bagger(proxy.port, expected_serial="DEADBEEF")
    process.hold(controller)

    wait_for(
        link_is(controller, State.CONFIG_ERROR, "This is another controller: serial number 0000c0b1"), "not refused"
    )

    assert not MachineState.objects.filter(equipment=machine).exists()
    assert proxy.services()[-1] == fault_proxy.CONNECTION_MANAGER | 0x4E, "its connection was not given back"


def test_a_controller_without_tags_says_so(process: Process) -> None:
    controller, _ = make_bagger(1)
    Tag.objects.all().delete()
    process.hold(controller)

    wait_for(link_is(controller, State.CONFIG_ERROR, "No tags are configured."), "nothing was said")


def test_nonsense_from_the_controller_is_marked_and_not_counted(bagger: Peer, process: Process) -> None:
    controller, machine = make_bagger(bagger.port)
    tag = Tag.objects.get(name="Scrap")
    tag.bindings.update(modulus=None)
    process.hold(controller)
    wait_for(watermark(machine, 1000), "the first reading was not recorded")

    bagger.memory["Scrap"], bagger.memory["Good"] = -5, 1003
    wait_for(watermark(machine, 1003), "the good counter stopped with the bad one")

    assert counted(machine) == (3, 0)
    wait_for(lambda: Link.objects.get().values["Scrap"]["q"] == "bad_value", "the value was not marked")
    assert Link.objects.get().values["Scrap"]["e"] == "A counter cannot be negative; if it wraps, give its modulus"
    bagger.memory["Scrap"] = 14
    wait_for(lambda: counted(machine) == (3, 4), "what was rejected meanwhile was lost")


def test_stopping_finishes_the_scan_says_goodbye_and_gives_the_lease_back(
    bagger: Peer, proxy: FaultProxy, process: Process
) -> None:
    controller, machine = make_bagger(proxy.port)
    process.hold(controller)
    wait_for(watermark(machine, 1000), "the first reading was not recorded")

    process.recorder.stop_all()
    process.join()

    assert process.ended == {"BAG1": "stopped"}
    assert proxy.services()[-1] == fault_proxy.CONNECTION_MANAGER | 0x4E
    link = Link.objects.get()
    assert link.lease_owner == ""
    assert list(Controller.objects.unheld()) == [controller]


def test_switching_a_controller_off_ends_the_reading(
    bagger: Peer, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plc.recorder.COMPARE_S", 0.1)
    controller, machine = make_bagger(bagger.port)
    process.hold(controller)
    wait_for(watermark(machine, 1000), "the first reading was not recorded")

    Controller.objects.update(enabled=False)
    process.join()

    assert process.ended == {"BAG1": "switched off"}
    assert link_is(controller, State.DISABLED)()


def test_a_second_reader_finds_the_controller_taken(bagger: Peer, process: Process, tmp_path: Path) -> None:
    controller, machine = make_bagger(bagger.port)
    process.hold(controller)
    wait_for(watermark(machine, 1000), "the first reading was not recorded")

    other = Process(tmp_path, "plc@b")
    other.hold(controller)
    other.hold(controller)
    other.join()
    other.stop()

    assert other.ended == {"BAG1": "held by another reader"}


def test_a_reader_that_lost_its_lease_stops_at_once(bagger: Peer, process: Process) -> None:
    controller, machine = make_bagger(bagger.port)
    process.hold(controller)
    wait_for(watermark(machine, 1000), "the first reading was not recorded")

    Link.objects.update(token=2**62, lease_owner="plc@b")
    process.join()
    bagger.memory["Good"] = 5000

    assert process.ended == {"BAG1": "lease lost"}
    assert Link.objects.get().lease_owner == "plc@b"
    assert counted(machine) == (0, 0)
