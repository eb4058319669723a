"""Clients that we did not write believe the simulated controllers."""

from __future__ import annotations

import socket
import struct
from datetime import datetime
from typing import Any

import ciplink
import pycomm3
import pylogix
import pytest

from tests.plc.simulator.conftest import Floor

SLC: Any = pycomm3.SLCDriver  # its constructor carries no types


def _shown(floor: Floor, controller: str) -> dict[str, object]:
    return dict(floor.plant.tags(controller))


def test_pycomm3_uploads_every_tag_with_types_and_programs(floor: Floor) -> None:
    with (
        pycomm3.LogixDriver(f"127.0.0.1:{floor.port('BAG1')}/0") as bagger,
        pycomm3.LogixDriver(f"127.0.0.1:{floor.port('ROLL2DIV')}/0") as rolls,
    ):
        names = set(bagger.tags)
        assert len(names) > 100
        assert len(rolls.tags) > 100
        assert {"MC_Avg_Speed", "Fault", "Program:MainProgram.Step_23"} <= names
        assert bagger.tags["Fault"]["data_type_name"] == "DWORD"
        assert bagger.tags["Recipe"]["data_type_name"] == "STRING"
        assert bagger.tags["Station"]["data_type"]["attributes"][:4] == [
            "Running", "Faulted", "Starved", "Blocked",
        ]  # fmt: skip
        assert rolls.tags["Former"]["data_type"]["internal_tags"]["Rollers"]["array"] == 3
        assert list(rolls.info["programs"]) == ["Divider", "Former"]
    pages = floor.controllers["BAG1"].router.services[0x55]
    assert pages > 5  # a real controller's list never fits into one reply either


def test_pycomm3_reads_what_the_plant_shows(floor: Floor) -> None:
    shown = _shown(floor, "BAG1")
    with pycomm3.LogixDriver(f"127.0.0.1:{floor.port('BAG1')}/0") as plc:
        tags = ["Avg_Speed", "Current_Product", "Count_Blade_PEC.ACC", "StartCam", "Recipe", "Fault{64}"]
        values = [tag.value for tag in plc.read(*tags)]
        station = plc.read("Station").value
        assert values == [shown[name.removesuffix("{64}")] for name in tags]
        assert plc.read("MC_Avg_Speed").value == pytest.approx(shown["MC_Avg_Speed"])
        assert station["Made"] == shown["Station.Made"]
        assert station["Product"] == shown["Recipe"]
        assert plc.get_plc_name() == "Bagger1"
        assert plc.info["product_name"] == "1769-L33ER/A LOGIX5333ER"


def test_every_controller_answers_list_identity(floor: Floor) -> None:
    for controller in floor.controllers.values():
        identity = pycomm3.CIPDriver.list_identity(f"127.0.0.1:{controller.port}")
        assert identity is not None
        assert identity["product_name"] == controller.spec.product_name
        assert identity["product_type"] == "Programmable Logic Controller"


def test_a_tag_that_does_not_exist_spoils_only_its_own_value(floor: Floor) -> None:
    with pycomm3.LogixDriver(f"127.0.0.1:{floor.port('BAG1')}/0", init_tags=False) as plc:
        plc.tags.update({name: _atomic(name, "DINT") for name in ("Reject_Count", "No_Such_Tag")})
        good, missing, beyond = plc.read("Reject_Count", "No_Such_Tag", "Reject_Count[5]")
        assert good.value == _shown(floor, "BAG1")["Reject_Count"]
        assert missing.error
        assert beyond.error


def _atomic(name: str, kind: str) -> dict[str, object]:
    return {
        "tag_name": name,
        "tag_type": "atomic",
        "data_type": kind,
        "data_type_name": kind,
        "type_class": getattr(pycomm3, kind),
        "dim": 0,
        "dimensions": [0, 0, 0],
    }


def test_pycomm3_writes_and_reads_back_tags_that_the_plant_leaves_alone(floor: Floor) -> None:
    with pycomm3.LogixDriver(f"127.0.0.1:{floor.port('BAG1')}/0") as plc:
        plc.write(("HMI_Numeric_Data[3]", 77), ("HMI_Speed_Data[1]", 1.5))
        plc.write("HMI_Numeric_Data[5].3", True)
        plc.write("Event_Log{2000}", list(range(2000)))  # more than one packet
        values = plc.read("HMI_Numeric_Data[3]", "HMI_Speed_Data[1]", "HMI_Numeric_Data[5]")
        assert [tag.value for tag in values] == [77, 1.5, 8]
        assert plc.read("Event_Log{2000}").value == list(range(2000))


def test_pylogix_reads_tags_types_clock_and_identity(floor: Floor) -> None:
    shown = _shown(floor, "BAG1")
    with pylogix.PLC("127.0.0.1", port=floor.port("BAG1")) as plc:
        tags = plc.GetTagList().Value
        device = plc.GetDeviceProperties().Value
        batch = plc.Read(["Avg_Speed", "StartCam", "Station.Made", "Recipe", "Count_Blade_PEC.ACC"])
        assert len(tags) > 100
        assert {"STATION_SUMMARY", "STATION_STOP", "COUNTER", "ASCIISTRING82"} <= set(plc.UDTByName)
        assert plc.UDTByName["STATION_SUMMARY"].FieldsByName["Last"].DataType == "STATION_STOP"
        assert [r.Value for r in batch] == [shown[r.TagName] for r in batch]
        assert plc.Read("Fault[0]", 64).Value == shown["Fault"]
        assert plc.GetPLCTime().Value == datetime(2026, 3, 23, 12, 0, 0, 500000)  # noqa: DTZ001
        assert (device.ProductName, device.Revision) == ("1769-L33ER/A LOGIX5333ER", "30.11")


def test_pylogix_writes_a_tag(floor: Floor) -> None:
    with pylogix.PLC("127.0.0.1", port=floor.port("BAG1")) as plc:
        plc.Write("HMI_Numeric_Data[7]", 123)
        plc.Write("B3_0.4", True)
        assert plc.Read("HMI_Numeric_Data[7]").Value == 123
        assert plc.Read("B3_0").Value == 16


def test_ciplink_reads_program_tags_and_nested_types(floor: Floor) -> None:
    shown = _shown(floor, "ROLL2DIV")
    with ciplink.LogixDriver(f"127.0.0.1:{floor.port('ROLL2DIV')}/0") as plc:
        former = plc.read("Former").value
        assert plc.read("Program:Divider.Total_Count").value == shown["Program:Divider.Total_Count"]
        assert former["Total_Count"] == shown["Former.Total_Count"]
        assert [roller["Gap"] for roller in former["Rollers"]] == [4.5, 4.0, 3.5]
        assert former["Recipe"] == shown["Former.Recipe"]


@pytest.mark.parametrize("client", [pycomm3.SLCDriver, ciplink.SLCDriver])
def test_slc_clients_read_the_basket_loader(floor: Floor, client: type[pycomm3.SLCDriver]) -> None:
    floor.plant.stop("BP01.PACK.BAG1.BL", fault=93)
    shown = _shown(floor, "BAG1BL")
    with client(f"127.0.0.1:{floor.port('BAG1BL')}") as plc:
        addresses = ["N7:100", "N7:26", "F8:0", "F8:1", "C5:0.ACC", "ST24:0", "I:4/6", "B3:0/8", "B3:4/0"]
        values = [tag.value for tag in plc.read(*addresses)]
        assert values == [shown[a] for a in addresses]
        assert plc.read("B22:0{7}").value == [0, 0, 0, 0, 0, 1 << 13, 0]
        assert plc.read("T4:0.PRE").value == 500
        assert plc.read("N7:100{6}").value[0] == shown["N7:100"]


def test_slc_clients_are_refused_outside_a_file(floor: Floor) -> None:
    with SLC(f"127.0.0.1:{floor.port('CAKE1WRAP')}") as plc:
        beyond, missing, good = plc.read("N7:200", "N99:0", "N7:1")
        assert beyond.error
        assert missing.error
        assert good.value == _shown(floor, "CAKE1WRAP")["N7:1"]


def test_slc_clients_write_words_and_single_bits(floor: Floor) -> None:
    with SLC(f"127.0.0.1:{floor.port('BAG1BL')}") as plc:
        plc.write(("N9:3", -5), ("B3:20/4", True), ("F8:5", 2.5))
        assert [tag.value for tag in plc.read("N9:3", "B3:20", "F8:5")] == [-5, 16, 2.5]


def test_a_client_with_a_small_connection_gets_small_replies(floor: Floor) -> None:
    with pylogix.PLC("127.0.0.1", port=floor.port("BAG1")) as plc:
        plc.ConnectionSize = 508
        plc.Write("Event_Log[1999]", 42)
        assert plc.Read("Event_Log[0]", 2000).Value[1999] == 42
    services = floor.controllers["BAG1"].router.services
    assert services[0x52] > 10  # 8000 bytes, 500 at a time


def test_a_client_that_lost_its_connection_without_a_word_gets_another(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pycomm3.cip_driver.urandom", lambda size: b"\1" * size)  # the same serial twice
    path = f"127.0.0.1:{floor.port('CAKE1DEP')}/0"
    lost: Any = pycomm3.LogixDriver(path)
    lost.open()
    with pycomm3.LogixDriver(path) as again:
        assert again.read("Dep_Recipe_No").value == _shown(floor, "CAKE1DEP")["Dep_Recipe_No"]
    lost.close()


def test_a_restarted_controller_takes_its_old_clients_back(floor: Floor) -> None:
    controller = floor.controllers["ROLL2PACK"]
    port = controller.port
    with pylogix.PLC("127.0.0.1", port=port) as plc:
        assert plc.Read("Packer_Recipe").Status == "Success"
    floor.do(controller.stop())
    refused = pylogix.PLC("127.0.0.1", port=port)
    assert refused.Read("Packer_Recipe").Status != "Success"
    floor.do(controller.start())
    with pylogix.PLC("127.0.0.1", port=port) as plc:
        assert plc.Read("Packer_Recipe").Value == _shown(floor, "ROLL2PACK")["Packer_Recipe"]


def test_a_frozen_controller_holds_its_answer_until_it_thaws(floor: Floor) -> None:
    controller = floor.controllers["CAKE1DEP"]
    list_identity = struct.pack("<HHII8sI", 0x63, 0, 0, 0, b"", 0)
    floor.call(controller.freeze)
    with socket.create_connection(("127.0.0.1", controller.port), 5) as link:
        link.sendall(list_identity)
        link.settimeout(0.3)
        with pytest.raises(TimeoutError):
            link.recv(4096)
        floor.call(controller.thaw)
        link.settimeout(5)
        assert b"1769-L24ER" in link.recv(4096)


def test_a_client_that_talks_nonsense_is_cut_off_and_harms_nobody(floor: Floor) -> None:
    port = floor.port("BAG1")
    with socket.create_connection(("127.0.0.1", port), 5) as link:
        link.sendall(b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n" * 20)
        link.settimeout(5)
        while link.recv(4096):
            pass
    with pylogix.PLC("127.0.0.1", port=port) as plc:
        assert plc.Read("Avg_Speed").Status == "Success"
