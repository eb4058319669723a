"""The memory of each demo controller: every tag and data file it has, read by somebody or not."""

from __future__ import annotations

from collections.abc import Callable

from plc.simulator.logix import TagDatabase
from plc.simulator.pccc import DataFiles
from plc.simulator.types import BOOL, COUNTER, DINT, INT, REAL, SINT, STRING, structure

Memory = TagDatabase | DataFiles

STATION_STOP = structure("STATION_STOP", 0x1A1, ("Bit", INT), ("Seconds", REAL), ("Count", DINT))
STATION_SUMMARY = structure(
    "STATION_SUMMARY",
    0x1A2,
    ("Running", BOOL),
    ("Faulted", BOOL),
    ("Starved", BOOL),
    ("Blocked", BOOL),
    ("State", DINT),
    ("Speed", REAL),
    ("Made", DINT),
    ("Rejected", DINT),
    ("Product", STRING),
    ("Last", STATION_STOP),
)
ROLLER = structure("ROLLER", 0x1B1, ("Gap", REAL), ("Running", BOOL), ("Starts", DINT))
FORMER_STATION = structure(
    "FORMER_STATION",
    0x1B2,
    ("Running", BOOL),
    ("Faulted", BOOL),
    ("State_Code", INT),
    ("Product_Code", INT),
    ("Speed", REAL),
    ("Total_Count", DINT),
    ("Reject_Count", DINT),
    ("Alarm_Word", DINT),
    ("Recipe", STRING),
    ("Rollers", ROLLER, 3),
)
PACK_COUNT = structure("PACKML_COUNT", 0x1C1, ("ID", DINT), ("Count", DINT), ("AccCount", DINT))
PACK_STATUS = structure(
    "PACKML_STATUS", 0x1C2, ("UnitModeCurrent", DINT), ("StateCurrent", DINT), ("CurMachSpeed", REAL)
)
PACK_ADMIN = structure(
    "PACKML_ADMIN", 0x1C3, ("ProdProcessedCount", PACK_COUNT, 4), ("ProdDefectiveCount", PACK_COUNT, 4)
)
PACK_UNIT = structure("PACKML_UNIT", 0x1C4, ("Status", PACK_STATUS), ("Admin", PACK_ADMIN))
AXIS = structure(
    "AXIS_SUMMARY", 0x1A3, ("Homed", BOOL), ("Fault", BOOL), ("Position", REAL), ("Torque", REAL), ("Code", SINT, 4)
)


def bagger() -> TagDatabase:
    tags = TagDatabase()
    for name in ("MC_Avg_Speed", "Wicket_Height", "Torque_Limit_Infeed", "Torque_Limit_Wicket"):
        tags.add(name, REAL)
    for name in ("Avg_Speed", "Current_Product", "LoaderInterlockData"):
        tags.add(name, INT)
    for name in ("Product_to_Bagger", "Reject_Count", "B3_0"):
        tags.add(name, DINT)
    for name in ("AllDrivesEnabled", "Bagger_Enable_2", "StartCam", "MotionGroupOK", "AllDrivesHomed"):
        tags.add(name, BOOL)
    for name in ("Pause_Bit", "SLICER_RUNOUT_HMI", "I102", "I103", "I116", "I119", "I122", "I123", "I124"):
        tags.add(name, BOOL)
    tags.add("Fault", BOOL, 64)
    tags.add("Message", BOOL, 64)
    for name in ("Count_Blade_PEC", "C5_0"):
        tags.add(name, COUNTER)
    tags.add("Recipe", STRING)
    tags.add("Product_Data", DINT, 20)
    tags.add("HMI_Speed_Data", REAL, 10)
    tags.add("HMI_Numeric_Data", DINT, 40)
    tags.add("Event_Log", DINT, 2000)
    tags.add("Station", STATION_SUMMARY)
    _axes(tags)
    _program(tags, "Program:MainProgram", 24)
    tags["Product_Data"] = [500, 750, 400]
    return tags


def _axes(tags: TagDatabase) -> None:
    for axis in ("Infeed", "Discharge", "Wicket", "Master_Encoder"):
        tags.add(f"Axis_{axis}", AXIS)
        tags[f"Axis_{axis}.Homed"] = True
        for number in range(12):
            tags.add(f"{axis}_Cam_{number:02}", REAL)


def _program(tags: TagDatabase, program: str, count: int) -> None:
    """Add the working tags that a program has and nobody reads."""
    for number in range(count):
        tags.add(f"{program}.Step_{number:02}", DINT)
        tags[f"{program}.Step_{number:02}"] = number


def roll_makeup() -> TagDatabase:
    tags = TagDatabase()
    tags.add("Former", FORMER_STATION)
    tags.add("Plant_Air_Pressure", REAL)
    tags["Plant_Air_Pressure"] = 6.2
    tags.add("Program:Divider.Running", BOOL)
    tags.add("Program:Divider.Speed", REAL)
    for name in ("Product_Code", "State_Code"):
        tags.add(f"Program:Divider.{name}", INT)
    for name in ("Total_Count", "Reject_Count", "Alarm_Word"):
        tags.add(f"Program:Divider.{name}", DINT)
    _program(tags, "Program:Divider", 60)
    _program(tags, "Program:Former", 60)
    return tags


def packer() -> TagDatabase:
    tags = TagDatabase()
    tags.add("Packer_Running", BOOL)
    tags.add("Packer_Speed", REAL)
    for name in ("Packer_Recipe", "Packer_Total", "Packer_Rejects"):
        tags.add(name, DINT)
    tags.add("Packer_Alarm", BOOL, 64)
    tags.add("Packer", PACK_UNIT)
    _program(tags, "Program:MainProgram", 20)
    return tags


def depositor() -> TagDatabase:
    tags = TagDatabase()
    tags.add("Dep_Running", BOOL)
    for name in ("Dep_Speed", "Dep_Recipe_No", "Dep_Count", "Dep_Reject", "Dep_Alarm"):
        tags.add(name, INT)
    _program(tags, "Program:MainProgram", 20)
    return tags


def loader() -> DataFiles:
    files = _standard_files()
    files.add("N", 7, 256)
    files.add("F", 8, 10)
    for number in range(9, 19):
        files.add("N", number, 50)
    files.add("B", 22, 10)
    files.add("ST", 24, 12)
    recipes = ("", "White 500", "Wholemeal 750", "Seeded 400")
    for number, name in enumerate(recipes):
        files[f"ST24:{number}"] = name
    return files


def wrapper() -> DataFiles:
    files = _standard_files()
    files.add("N", 7, 100)
    files.add("F", 8, 10)
    files.add("L", 9, 10)
    files.add("ST", 10, 4)
    return files


def _standard_files() -> DataFiles:
    files = DataFiles()
    for letter, number, elements in (
        ("O", 0, 32), ("I", 1, 32), ("S", 2, 66), ("B", 3, 32), ("T", 4, 20), ("C", 5, 20), ("R", 6, 10)
    ):  # fmt: skip
        files.add(letter, number, elements)
    files["S:1"], files["S:3"] = 0b0000_0000_0010_0001, 4
    files["T4:0.PRE"], files["C5:0.PRE"] = 500, 5000
    return files


MEMORY: dict[str, Callable[[], Memory]] = {
    "BAG1": bagger,
    "BAG1BL": loader,
    "ROLL2DIV": roll_makeup,
    "ROLL2PACK": packer,
    "CAKE1DEP": depositor,
    "CAKE1WRAP": wrapper,
}
