import math
from collections.abc import Iterator

import pytest

from plc.drivers.base import Driver, DriverError, Endpoint, Quality, TagSpec, Value
from plc.drivers.kinds import connect
from plc.drivers.logix import LogixDriver
from plc.simulator.logix import TagDatabase
from plc.simulator.memory import bagger
from plc.simulator.types import DINT, LINT, REAL
from tests.plc import fault_proxy
from tests.plc.fault_proxy import FaultProxy
from tests.plc.peers import Peer, cpppo, endpoint

BAGGER = [
    TagSpec("speed", "MC_Avg_Speed", "REAL"),
    TagSpec("product", "Current_Product", "INT"),
    TagSpec("loaves", "Count_Blade_PEC.ACC", "DINT"),
    TagSpec("faults", "Fault", "BOOL", 64),
    TagSpec("cam", "StartCam", "BOOL"),
    TagSpec("recipe", "Recipe", "STRING"),
    TagSpec("step", "Program:MainProgram.Step_03", "DINT"),
    TagSpec("weights", "Product_Data", "DINT", 3),
    TagSpec("log", "Event_Log", "DINT", 2000),
]


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    memory = bagger()
    memory["MC_Avg_Speed"] = 61.5
    memory["Current_Product"] = 3
    memory["Count_Blade_PEC.ACC"] = 777
    memory["Fault"] = [bit in (0, 40, 63) for bit in range(64)]
    memory["StartCam"] = True
    memory["Recipe"] = "Farmhouse 800g"
    memory["Event_Log"] = list(range(2000))
    peer = Peer(memory)
    yield peer
    peer.close()


def opened(peer: Peer, tags: list[TagSpec]) -> Driver:
    driver = connect("logix", endpoint(peer.port), tags)
    driver.open()
    return driver


def test_every_kind_of_bagger_tag_is_read_in_one_scan(peer: Peer) -> None:
    driver = opened(peer, BAGGER)

    snapshot = driver.read()
    driver.close()

    assert {name: value.value for name, value in snapshot.values.items()} == {
        "speed": 61.5,
        "product": 3,
        "loaves": 777,
        "faults": 1 | 1 << 40 | 1 << 63,
        "cam": True,
        "recipe": "Farmhouse 800g",
        "step": 3,
        "weights": (500, 750, 400),
        "log": tuple(range(2000)),
    }
    assert all(value.quality is Quality.GOOD for value in snapshot.values.values())
    assert 0 < snapshot.duration_s < 5


def test_a_wrong_tag_spoils_no_other(peer: Peer) -> None:
    wrong = [
        TagSpec("unknown", "Nobody_Knows", "DINT"),
        TagSpec("type", "Avg_Speed", "DINT"),
        TagSpec("index", "Product_Data[99]", "DINT"),
        TagSpec("structure", "Station", "DINT"),
        TagSpec("array", "Fault", "DINT"),
        TagSpec("address", "1 2 3", "DINT"),
        TagSpec("bit", "Product_Data.5", "BOOL"),
        TagSpec("text", "MC_Avg_Speed", "STRING"),
    ]
    driver = opened(peer, [*wrong, *BAGGER])

    values = driver.read().values
    driver.close()

    assert {name: values[name].quality.value for name in ("unknown", "type", "index", "structure")} == {
        "unknown": "bad_tag",
        "type": "bad_type",
        "index": "bad_tag",
        "structure": "bad_type",
    }
    assert values["array"].error == "Configured as DINT, but the controller has an array of BOOL"
    assert values["text"].error == "Configured as STRING, but the controller has REAL"
    assert values["address"].error.startswith("1 2 3 is not a tag name; write")
    assert values["bit"].error == "Product_Data.5: read the whole word and give the bit in the binding."
    assert values["loaves"] == Value(777, Quality.GOOD)


def test_numbers_that_are_none_are_bad_values() -> None:
    memory = TagDatabase()
    for name, value in (("a", math.nan), ("b", math.inf), ("c", 1.0)):
        memory.add(name, REAL)
        memory[name] = value
    peer = Peer(memory)
    try:
        values = opened(peer, [TagSpec(name, name, "REAL") for name in "abc"]).read().values
    finally:
        peer.close()

    assert [values[name].quality.value for name in "abc"] == ["bad_value", "bad_value", "good"]
    assert values["a"].value is None


def test_text_comes_without_what_a_database_cannot_hold(peer: Peer) -> None:
    peer.memory["Recipe"] = "Farm\0house\0"

    values = opened(peer, [TagSpec("recipe", "Recipe", "STRING")]).read().values
    peer.memory["Recipe"] = "Farmhouse 800g"

    assert values["recipe"].value == "Farmhouse"


def test_more_tags_than_one_packet_holds_are_all_read() -> None:
    memory = TagDatabase()
    names = [f"Counter_With_A_Long_Name_{number:04}" for number in range(600)]
    for number, name in enumerate(names):
        memory.add(name, LINT if number % 2 else DINT)
        memory[name] = number
    peer = Peer(memory)
    tags = [TagSpec(name, name, "LINT" if number % 2 else "DINT") for number, name in enumerate(names)]
    try:
        with FaultProxy(peer.port) as proxy:
            driver = connect("logix", endpoint(proxy.port), tags)
            driver.open()
            proxy.requests.clear()
            values = driver.read().values
            packets = len(proxy.requests)
    finally:
        peer.close()

    assert [values[name].value for name in names] == list(range(600))
    assert packets <= 6


def test_the_controller_says_who_it_is(peer: Peer) -> None:
    driver = connect("logix", endpoint(peer.port), [])

    identity = driver.open()
    driver.close()

    assert (identity.product_name, identity.serial, identity.revision) == (
        "1769-L33ER/A LOGIX5333ER",
        "0000c0b1",
        "30.11",
    )


def test_the_list_of_tags_can_be_browsed(peer: Peer) -> None:
    driver = LogixDriver(endpoint(peer.port), [])

    tags = {tag.address: (tag.data_type, tag.length) for tag in driver.browse()}
    driver.close()

    assert tags["Fault"] == ("BOOL", 64)
    assert tags["MC_Avg_Speed"] == ("REAL", 1)
    assert tags["Program:MainProgram.Step_03"] == ("DINT", 1)


READ_SERVICES = {
    0x01: "Get Attributes All",
    0x4C: "Read Tag",
    0x52: "Read Tag Fragmented",
    0x55: "Get Instance Attribute List",
    0x03: "Get Attribute List",
    fault_proxy.CONNECTION_MANAGER | 0x5B: "Large Forward Open",
    fault_proxy.CONNECTION_MANAGER | 0x54: "Forward Open",
    fault_proxy.CONNECTION_MANAGER | 0x4E: "Forward Close",
}


def test_nothing_but_reads_ever_goes_over_the_wire(peer: Peer) -> None:
    with FaultProxy(peer.port) as proxy:
        driver = connect("logix", endpoint(proxy.port), BAGGER)
        driver.open()
        driver.read()
        driver.close()
        LogixDriver(endpoint(proxy.port), []).browse()

        used = set(proxy.services())

    assert used <= set(READ_SERVICES)
    assert {0x4C, 0x52} <= used
    assert not [name for name in dir(driver) if "write" in name.lower()]


def test_a_controller_without_large_connections_is_read_over_a_small_one(peer: Peer) -> None:
    def no_large_connections(frame: bytes) -> Iterator[fault_proxy.Piece]:
        large_forward_open_refused = frame[40:41] == b"\xdb"
        yield frame[:42] + b"\x08" + frame[43:] if large_forward_open_refused else frame

    with FaultProxy(peer.port) as proxy:
        proxy.tamper = no_large_connections
        driver = connect("logix", endpoint(proxy.port), BAGGER)
        driver.open()
        values = driver.read().values

    assert values["loaves"].value == 777
    assert values["log"].value == tuple(range(2000))


def test_a_refused_connection_comes_with_a_hint_at_slot_and_connections(peer: Peer) -> None:
    def refused(frame: bytes) -> Iterator[fault_proxy.Piece]:
        yield frame[:42] + b"\x01" + frame[43:] if frame[40:41] in (b"\xdb", b"\xd4") else frame

    with FaultProxy(peer.port) as proxy:
        proxy.tamper = refused
        with pytest.raises(DriverError, match="refuses the connection") as caught:
            connect("logix", endpoint(proxy.port), BAGGER).open()

    assert "slot number" in caught.value.hint


# --- a server that we did not write -------------------------------------------------------------------------

CPPPO = {
    "Part_Count": "DINT",
    "Speed": "REAL",
    "Running": "BOOL",
    "Arr": "DINT[100]",
    "Lng": "LINT",
    "Word": "INT",
    "Label": "SSTRING",
    "Big": "DINT[2000]",
}


@pytest.fixture(scope="module")
def foreign_port() -> Iterator[int]:
    with cpppo(CPPPO) as port:
        yield port


def foreign(port: int) -> Endpoint:
    # cpppo needs milliseconds per tag.
    return endpoint(port, exchange_s=5.0)


def test_cpppo_is_read(foreign_port: int) -> None:
    tags = [TagSpec(name, name, kind) for name, kind in CPPPO.items() if "[" not in kind and name != "Label"]
    tags += [
        TagSpec("slice", "Arr", "DINT", 10),
        TagSpec("element", "Arr[7]", "DINT"),
        TagSpec("label", "Label", "STRING"),
    ]
    driver = connect("logix", foreign(foreign_port), [*tags, TagSpec("big", "Big", "DINT", 2000)])

    identity = driver.open()
    values = driver.read().values
    driver.close()

    assert identity.product_name == "1756-L61/B LOGIX5561"
    assert all(value.quality is Quality.GOOD for value in values.values()), values
    assert values["slice"].value == (0,) * 10
    assert values["big"].value == (0,) * 2000
    assert values["Speed"].value == 0.0


def test_cpppo_values_written_by_another_client_are_read(foreign_port: int) -> None:
    from pycomm3 import LogixDriver as Pycomm

    from tests.plc.drivers.test_session import definition

    writer = Pycomm(f"127.0.0.1:{foreign_port}/0", init_tags=False)
    writer.open()
    for name in ("Part_Count", "Arr"):
        writer.tags[name] = definition(name)
    writer.write(("Part_Count", 123456), ("Arr[7]", -5))
    writer.close()
    driver = connect(
        "logix", foreign(foreign_port), [TagSpec("count", "Part_Count", "DINT"), TagSpec("seven", "Arr[7]", "DINT")]
    )
    driver.open()

    values = driver.read().values
    driver.close()

    assert (values["count"].value, values["seven"].value) == (123456, -5)


def test_cpppo_wrong_tags_are_bad_one_by_one(foreign_port: int) -> None:
    driver = connect(
        "logix",
        foreign(foreign_port),
        [
            TagSpec("missing", "Nope", "DINT"),
            TagSpec("index", "Arr[500]", "DINT"),
            TagSpec("type", "Speed", "DINT"),
            TagSpec("good", "Word", "INT"),
        ],
    )
    driver.open()

    values = driver.read().values
    driver.close()

    assert {name: value.quality.value for name, value in values.items()} == {
        "missing": "bad_tag",
        "index": "bad_tag",
        "type": "bad_type",
        "good": "good",
    }


def test_cpppo_killed_while_reading_is_an_error_at_once_and_its_successor_is_read() -> None:
    tags = [TagSpec("count", "Part_Count", "DINT")]
    with cpppo({"Part_Count": "DINT"}) as port:
        driver = connect("logix", foreign(port), tags)
        driver.open()
        driver.read()
    with pytest.raises(DriverError):
        driver.read()

    with cpppo({"Part_Count": "DINT"}) as port:
        driver = connect("logix", foreign(port), tags)
        driver.open()
        assert driver.read().values["count"].value == 0
        driver.close()


def test_a_bad_tag_in_every_scan_fills_no_log(peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    """pycomm3 writes a traceback per bad tag and scan; the reader says it once."""
    driver = opened(peer, [TagSpec("unknown", "Nobody_Knows", "DINT"), TagSpec("type", "Avg_Speed", "DINT")])

    driver.read()
    driver.read()
    driver.close()

    assert caplog.records == []
