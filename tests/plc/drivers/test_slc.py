from collections.abc import Iterator

import pytest
from pycomm3 import SLCDriver as PycommSlc

from plc.drivers.base import Driver, Quality, TagSpec, Value
from plc.drivers.kinds import connect
from plc.simulator.pccc import DataFiles
from tests.plc import fault_proxy
from tests.plc.fault_proxy import FaultProxy
from tests.plc.peers import Peer, endpoint


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    files = DataFiles()
    for letter, number, elements in (
        *(("O", 0, 20), ("I", 1, 20), ("S", 2, 66), ("B", 3, 32), ("T", 4, 10), ("C", 5, 10)),
        *(("N", 7, 256), ("F", 8, 10), ("B", 22, 7), ("ST", 24, 11)),
    ):
        files.add(letter, number, elements)
    for address, value in {
        **{"N7:0": 11, "N7:2": 2, "N7:100": -5, "N7:255": 9, "B3:0/8": True, "B3:1/1": True, "C5:2.ACC": 33},
        **{"C5:2.PRE": 500, "T4:0.DN": True, "F8:0": 2.5, "ST24:0": "Farmhouse", "I:4/6": True, "S:1/13": True},
        **{"B22:0": 3, "B22:1": -32768},
    }.items():
        files[address] = value
    peer = Peer(files)
    yield peer
    peer.close()


def read(peer: Peer, *tags: tuple[str, str, int]) -> dict[str, Value]:
    driver = connect("slc", endpoint(peer.port), [TagSpec(address, address, kind, n) for address, kind, n in tags])
    driver.open()
    values = driver.read().values
    driver.close()
    return values


def test_every_kind_of_file_of_the_loader_is_read(peer: Peer) -> None:
    values = read(
        peer,
        ("N7:100", "INT", 1),
        ("N7:0", "INT", 3),
        ("N7:255", "INT", 1),
        ("B3:0/8", "BOOL", 1),
        ("B3/17", "BOOL", 1),
        ("C5:2.ACC", "INT", 1),
        ("C5:2.PRE", "INT", 1),
        ("T4:0.DN", "BOOL", 1),
        ("T4:0/EN", "BOOL", 1),
        ("F8:0", "REAL", 1),
        ("ST24:0", "STRING", 1),
        ("I:4/6", "BOOL", 1),
        ("S:1/13", "BOOL", 1),
        ("B22:0", "BOOL", 64),
        ("N7:101", "UINT", 1),
    )

    assert {name: value.value for name, value in values.items()} == {
        "N7:100": -5,
        "N7:0": (11, 0, 2),
        "N7:255": 9,
        "B3:0/8": True,
        "B3/17": True,
        "C5:2.ACC": 33,
        "C5:2.PRE": 500,
        "T4:0.DN": True,
        "T4:0/EN": False,
        "F8:0": 2.5,
        "ST24:0": "Farmhouse",
        "I:4/6": True,
        "S:1/13": True,
        "B22:0": 3 | 0x8000 << 16,
        "N7:101": 0,
    }


def test_fifty_neighbours_are_one_request(peer: Peer) -> None:
    tags = [TagSpec(f"N7:{number}", f"N7:{number}", "INT") for number in range(50)]
    with FaultProxy(peer.port) as proxy:
        driver = connect("slc", endpoint(proxy.port), tags)
        driver.open()
        proxy.requests.clear()

        driver.read()

        assert len(proxy.requests) == 1
        driver.close()


def test_an_element_that_does_not_exist_spoils_no_neighbour(peer: Peer) -> None:
    """F8:12 lies behind the end of the file, and would take the whole block F8:0 … F8:12 with it."""
    tags = [TagSpec(address, address, "REAL") for address in ("F8:0", "F8:9", "F8:12")]
    driver = connect("slc", endpoint(peer.port), tags)
    driver.open()

    for _ in range(3):
        values = driver.read().values
        assert [value.quality.value for value in values.values()] == ["good", "good", "bad_tag"]
    assert values["F8:12"].error == "The controller has no such file or element"
    driver.close()


def test_a_lone_bad_address_is_found_once_and_read_apart_from_then_on(peer: Peer) -> None:
    tags = [TagSpec(address, address, "REAL") for address in ("F8:0", "F8:9", "F8:12")]
    with FaultProxy(peer.port) as proxy:
        driver = connect("slc", endpoint(proxy.port), tags)
        driver.open()
        driver.read()
        proxy.requests.clear()

        driver.read()

        assert len(proxy.requests) == 2
        driver.close()


def test_an_address_that_pycomm3_would_misread_is_refused_with_a_sentence(peer: Peer) -> None:
    """pycomm3 reads N7:100 when asked for N7:1000, without a word."""
    theirs = PycommSlc(f"127.0.0.1:{peer.port}")
    theirs.open()
    assert theirs.read("N7:1000").value == -5
    theirs.close()

    value = read(peer, ("N7:1000", "INT", 1), ("N7:0", "INT", 1))

    assert value["N7:1000"] == Value(
        None, Quality.BAD_TAG, "N7:1000: element 1000 does not exist; a file holds elements 0 to 255."
    )
    assert value["N7:0"].value == 11


def test_a_type_that_the_file_does_not_have_is_refused(peer: Peer) -> None:
    values = read(peer, ("F8:0", "INT", 1), ("N7:0", "REAL", 1), ("N7:1", "INT", 1))

    assert values["F8:0"].error == "F8:0 is REAL, not INT."
    assert values["N7:0"].error == "N7:0 is INT, not REAL."
    assert values["N7:1"].quality is Quality.GOOD


def test_only_reads_go_to_an_slc(peer: Peer) -> None:
    with FaultProxy(peer.port) as proxy:
        driver: Driver = connect("micrologix", endpoint(proxy.port), [TagSpec("a", "N7:0", "INT")])
        driver.open()
        driver.read()
        driver.close()

        assert set(proxy.services()) == {
            fault_proxy.CONNECTION_MANAGER | 0x54,
            fault_proxy.CONNECTION_MANAGER | 0x4E,
            fault_proxy.PCCC_FUNCTION | 0xA2,
        }
