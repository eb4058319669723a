"""What a bad network or controller does to a connection: each ends as a DriverError in bounded time.

Where it can be shown, the same fault is given to pycomm3 bare, to prove that the containment is needed.
"""

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest
from pycomm3 import CIPDriver, LogixDriver, SLCDriver
from pycomm3 import cip as pycomm_types

from plc.drivers.base import Driver, DriverError, Quality, TagSpec
from plc.drivers.kinds import connect
from plc.drivers.session import DeadlineSocket, Session
from plc.simulator.logix import TagDatabase
from plc.simulator.pccc import DataFiles
from plc.simulator.types import DINT, REAL
from tests.plc import fault_proxy
from tests.plc.fault_proxy import FaultProxy
from tests.plc.peers import Peer, endpoint, free_port

TAGS = [TagSpec("Good", "Good", "DINT"), TagSpec("Scrap", "Scrap", "DINT"), TagSpec("Speed", "Speed", "REAL")]


def memory() -> TagDatabase:
    tags = TagDatabase()
    tags.add("Good", DINT)
    tags.add("Scrap", DINT)
    tags.add("Speed", REAL)
    tags["Good"], tags["Scrap"], tags["Speed"] = 111, 222, 1.5
    return tags


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    peer = Peer(memory())
    yield peer
    peer.close()


@pytest.fixture
def proxy(peer: Peer) -> Iterator[FaultProxy]:
    with FaultProxy(peer.port) as proxy:
        yield proxy


def opened(proxy: FaultProxy, exchange_s: float = 0.3) -> Driver:
    driver = connect("logix", endpoint(proxy.port, exchange_s=exchange_s), TAGS)
    driver.open()
    return driver


def bare(proxy: FaultProxy, timeout_s: float = 0.3) -> LogixDriver:
    """pycomm3 as it comes, with definitions of the two counters."""
    driver = LogixDriver(f"127.0.0.1:{proxy.port}/0", init_tags=False)
    driver.socket_timeout = timeout_s
    driver.open()
    for name in ("Good", "Scrap", "Speed"):
        driver.tags[name] = definition(name)
    return driver


def definition(name: str) -> dict[str, object]:
    return {
        "tag_name": name,
        "tag_type": "atomic",
        "data_type": "DINT",
        "data_type_name": "DINT",
        "type_class": pycomm_types.DINT,
        "dim": 0,
        "dimensions": [0, 0, 0],
    }


def still_busy(work: object, for_s: float) -> bool:
    """Whether `work`, run in a thread, has not come back after `for_s`."""
    thread = threading.Thread(target=_swallow, args=(work,), daemon=True)
    thread.start()
    thread.join(for_s)
    return thread.is_alive()


def _swallow(work: object) -> None:
    with contextlib.suppress(Exception):
        assert callable(work)
        work()


@pytest.mark.parametrize("count", [2, 10, 24, 30, 50])
def test_a_reply_cut_short_ends_the_connection_at_once(proxy: FaultProxy, count: int) -> None:
    driver = opened(proxy, exchange_s=30.0)
    proxy.tamper = fault_proxy.cut_after(count)

    with pytest.raises(DriverError, match="closed the connection"):
        driver.read()


def test_bare_pycomm3_never_comes_back_from_a_reply_cut_short(proxy: FaultProxy) -> None:
    """Why we bring our own socket: pycomm3's spins on the empty reads of a closed one."""
    driver = bare(proxy)
    proxy.tamper = fault_proxy.cut_after(30)

    busy = still_busy(lambda: driver.read("Good"), 1.0)

    assert busy
    # Let the thread end: the next empty read fails on a socket without a timeout method.
    driver._sock.sock = None


def test_a_late_reply_is_never_taken_for_the_answer_to_the_next_question(proxy: FaultProxy) -> None:
    """pycomm3 bare reads Good, is frozen, and from then on gives each tag the value of the one before."""
    theirs = bare(proxy)
    ours = opened(proxy)
    proxy.tamper = fault_proxy.frozen
    with contextlib.suppress(Exception):
        theirs.read("Good")
    with pytest.raises(DriverError, match="No complete answer"):
        ours.read()
    proxy.thaw()
    deadline_s = time.monotonic() + 5
    shifted = None
    while shifted != 111 and time.monotonic() < deadline_s:
        shifted = theirs.read("Scrap").value

    assert shifted == 111, "pycomm3 no longer shifts; the containment may go"
    with pytest.raises(DriverError, match="given up"):
        ours.read()


def test_an_answer_to_another_request_is_refused(proxy: FaultProxy) -> None:
    """A duplicated reply is the next request's answer, unless the sequence number is compared."""
    driver = opened(proxy)
    proxy.tamper = fault_proxy.duplicated
    driver.read()

    with pytest.raises(DriverError, match="another request"):
        driver.read()


def test_a_duplicated_answer_during_open_is_refused(proxy: FaultProxy) -> None:
    proxy.tamper = fault_proxy.duplicated

    with pytest.raises(DriverError):
        opened(proxy)


def test_a_frozen_controller_costs_one_exchange_and_no_more(proxy: FaultProxy) -> None:
    closed = threading.Event()

    def episode() -> None:
        driver = opened(proxy, exchange_s=0.3)
        proxy.tamper = fault_proxy.frozen
        with pytest.raises(DriverError, match="No complete answer"):
            driver.read()
        driver.close()
        closed.set()

    assert not still_busy(episode, 5.0)
    assert closed.is_set()


def test_a_trickling_reply_has_the_same_deadline_as_a_missing_one(proxy: FaultProxy) -> None:
    """pycomm3's timeout starts again with each byte: 30 bytes at 0.1 s take 3 s."""
    theirs, driver = bare(proxy), opened(proxy, exchange_s=0.3)
    proxy.tamper = fault_proxy.trickled(0.1)

    assert still_busy(lambda: theirs.read("Good"), 1.0)
    with pytest.raises(DriverError, match=r"No complete answer within 0\.3 s"):
        driver.read()


def test_a_lost_reply_ends_the_connection(proxy: FaultProxy) -> None:
    driver = opened(proxy, exchange_s=0.2)
    proxy.tamper = fault_proxy.lost

    with pytest.raises(DriverError) as caught:
        driver.read()

    assert "did not answer in time" in caught.value.hint


def test_an_error_for_the_whole_packet_is_a_driver_error(proxy: FaultProxy) -> None:
    """pycomm3 raises BufferEmptyError or DataError here, whichever its parser falls over first."""
    driver = opened(proxy)
    proxy.tamper = fault_proxy.cip_error

    with pytest.raises(DriverError, match="refuses to be read"):
        driver.read()


def test_an_encapsulation_error_is_a_driver_error(proxy: FaultProxy) -> None:
    driver = opened(proxy)
    proxy.tamper = fault_proxy.encapsulation_error

    with pytest.raises(DriverError, match="encapsulation error 0x64"):
        driver.read()


def test_scrambled_contents_never_become_values(proxy: FaultProxy) -> None:
    driver = opened(proxy)
    proxy.tamper = fault_proxy.scrambled

    with pytest.raises(DriverError):
        driver.read()


def test_a_web_server_is_not_taken_for_a_controller(proxy: FaultProxy) -> None:
    proxy.tamper = fault_proxy.garbage

    with pytest.raises(DriverError, match="not EtherNet/IP") as caught:
        opened(proxy, exchange_s=30.0)

    assert "check address and port" in caught.value.hint


def test_a_frozen_controller_at_open_costs_one_exchange(proxy: FaultProxy) -> None:
    proxy.tamper = fault_proxy.frozen

    with pytest.raises(DriverError, match="No complete answer"):
        opened(proxy, exchange_s=0.2)


def test_nobody_listening_is_said_with_a_hint() -> None:
    driver = connect("logix", endpoint(free_port()), TAGS)

    with pytest.raises(DriverError, match="refuses connections") as caught:
        driver.open()

    assert "network cable" in caught.value.hint


def test_a_failed_connection_is_never_used_again(proxy: FaultProxy) -> None:
    """pycomm3 says `connected` after its connection died and may go on with half a session."""
    driver = opened(proxy, exchange_s=0.2)
    proxy.tamper = fault_proxy.lost
    with pytest.raises(DriverError):
        driver.read()
    proxy.thaw()

    for again in (driver.read, driver.open):
        with pytest.raises(DriverError, match="given up"):
            again()
    assert proxy.connections == 1


def test_a_connection_belongs_to_the_thread_that_opened_it(proxy: FaultProxy) -> None:
    """Two threads on one pycomm3 object get each other's values."""
    driver = opened(proxy)
    refusals: list[str] = []

    def read() -> None:
        try:
            driver.read()
        except DriverError as error:
            refusals.append(error.message)

    thread = threading.Thread(target=read)
    thread.start()
    thread.join(5)

    assert refusals == ["A connection belongs to the thread that opened it."]


def test_closing_says_goodbye_and_an_abandoned_connection_says_nothing(proxy: FaultProxy) -> None:
    polite, rude = opened(proxy), opened(proxy)
    proxy.requests.clear()

    polite.close()
    rude.abandon()
    rude.close()

    assert proxy.services() == [fault_proxy.CONNECTION_MANAGER | 0x4E]


def test_a_program_download_that_reorders_tags_does_not_mix_them_up() -> None:
    """Instance ids, which pycomm3 uses after an upload, would now point at other tags; names do not."""
    peer = Peer(memory())
    try:
        driver = connect("logix", endpoint(peer.port), TAGS)
        driver.open()
        reordered = TagDatabase()
        for name, kind in (("Speed", REAL), ("Scrap", DINT), ("Good", DINT)):
            reordered.add(name, kind)
        reordered["Good"], reordered["Scrap"], reordered["Speed"] = 1, 2, 3.0
        peer.controller.memory = reordered

        values = driver.read().values

        assert {name: value.value for name, value in values.items()} == {"Good": 1, "Scrap": 2, "Speed": 3.0}
        driver.close()
    finally:
        peer.close()


def test_a_tag_that_changed_its_type_is_bad_and_not_a_wrong_number(proxy: FaultProxy, peer: Peer) -> None:
    """pycomm3 bare reads the REAL 1.5 as the DINT 1069547520."""
    assert bare(proxy).read("Speed").value == 1069547520
    driver = connect("logix", endpoint(proxy.port), [*TAGS[:2], TagSpec("Speed", "Speed", "DINT")])
    driver.open()

    values = driver.read().values

    assert values["Speed"].quality is Quality.BAD_TYPE
    assert values["Speed"].value is None
    assert values["Speed"].error == "Configured as DINT, but the controller has REAL"
    assert values["Good"].value == 111


def test_slc_replies_are_held_to_their_requests_too() -> None:
    files = DataFiles()
    files.add("N", 7, 10)
    files["N7:0"] = 111
    peer = Peer(files)
    try:
        with FaultProxy(peer.port) as proxy:
            driver = connect("slc", endpoint(proxy.port, exchange_s=0.3), [TagSpec("a", "N7:0", "INT")])
            driver.open()
            for spoiled in (fault_proxy.cut_after(30), fault_proxy.frozen, fault_proxy.cip_error):
                driver = connect("slc", endpoint(proxy.port, exchange_s=0.3), [TagSpec("a", "N7:0", "INT")])
                driver.open()
                proxy.tamper = spoiled
                with pytest.raises(DriverError):
                    driver.read()
                proxy.thaw()
    finally:
        peer.close()


def test_the_private_names_of_pycomm3_that_we_rely_on_are_still_there() -> None:
    session = Session(endpoint(1), large=True)
    bare_driver = CIPDriver("127.0.0.1")

    assert bare_driver._sock is None
    assert isinstance(session._sock, DeadlineSocket)
    for name in ("_send", "_receive", "_cfg", "_sequence", "_session", "_list_identity", "_target_is_connected"):
        assert hasattr(bare_driver, name), name
    assert {"context", "extended forward open", "connection_size", "vid", "vsn"} <= set(bare_driver._cfg)
    assert hasattr(SLCDriver, "read")
