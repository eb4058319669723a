"""What each machine of the demo plant shows in its controller's memory."""

from __future__ import annotations

from collections.abc import Callable

from plc.simulator.incidents import (
    BLOCKED,
    BREAK,
    CHANGEOVER,
    FAULT,
    OFF,
    READY,
    RUNNING,
    STARTING,
    STARVED,
)
from plc.simulator.line import Line, Machine

Value = bool | int | float | str | list[bool] | list[int]
Image = Callable[[Line, Machine], dict[str, Value]]

# PackML numbers of the packer's StateCurrent.
PACKML = {
    OFF: 2,
    READY: 4,
    STARTING: 6,
    RUNNING: 6,
    STARVED: 5,
    BLOCKED: 5,
    FAULT: 11,
    CHANGEOVER: 2,
    BREAK: 2,
}


def signed16(count: int) -> int:
    """A signed word: after 32767 comes -32768."""
    return (count + 32768) % 65536 - 32768


def signed32(count: int) -> int:
    return (count + 2**31) % 2**32 - 2**31


def flags(word: int, length: int) -> list[bool]:
    return [bool(word >> bit & 1) for bit in range(length)]


def speed(line: Line, m: Machine) -> float:
    """Return the speed the machine shows, in parts per minute, with the flicker of a real average."""
    if m.rate == 0.0:
        return 0.0
    flicker = ((int(line.now) * 2654435761 + m.index) % 1000 - 500) / 50_000
    return round(m.rate * 60.0 * (1.0 + flicker), 2)


def product_name(line: Line, m: Machine) -> str:
    return next(p.name for p in line.spec.products if p.number == m.product)


def bagger(line: Line, m: Machine) -> dict[str, Value]:
    made, rejected, bits, pace = line.made(m), line.rejected(m), line.bits(m), speed(line, m)
    on, name = m.is_running, product_name(line, m)
    return {
        "MC_Avg_Speed": pace,
        "Avg_Speed": round(pace),
        "Current_Product": m.product,
        "Product_to_Bagger": m.product,
        "Count_Blade_PEC.ACC": signed32(made - m.count_base),
        "Count_Blade_PEC.PRE": 5000,
        "Count_Blade_PEC.CU": on,
        "Count_Blade_PEC.DN": made - m.count_base >= 5000,
        "Reject_Count": signed32(rejected),
        "Fault": flags(bits, 64),
        "Message": flags(bits & ~(1 << 59), 64),
        "AllDrivesEnabled": m.state not in (OFF, FAULT, BREAK),
        "Bagger_Enable_2": m.state not in (OFF, FAULT, BREAK, CHANGEOVER),
        "StartCam": on,
        "Recipe": name,
        "MotionGroupOK": m.state != FAULT,
        "AllDrivesHomed": m.state not in (OFF, FAULT),
        "Pause_Bit": m.state in (STARVED, BLOCKED),
        "SLICER_RUNOUT_HMI": m.state == STARVED,
        "I102": m.state != STARVED,
        "I103": m.state != STARVED,
        "I116": on,
        "I119": not bits >> 38 & 1,
        "Wicket_Height": 41.5 if not bits >> 44 & 1 else 63.0,
        "Station.Running": on,
        "Station.Faulted": m.state == FAULT,
        "Station.Starved": m.state == STARVED,
        "Station.Blocked": m.state == BLOCKED,
        "Station.State": m.state,
        "Station.Speed": pace,
        "Station.Made": signed32(made),
        "Station.Rejected": signed32(rejected),
        "Station.Product": name,
        "Station.Last.Bit": (bits & -bits).bit_length() - 1,
        "Station.Last.Count": signed32(made),
    }


def loader(line: Line, m: Machine) -> dict[str, Value]:
    made, bits = line.made(m), line.bits(m)
    this_batch = made - m.batch_base
    faulted = m.state == FAULT
    values: dict[str, Value] = {
        "B3:0/8": m.is_running,
        "B3:0/2": m.state in (OFF, CHANGEOVER, BREAK),
        "B3:0/4": False,
        "B3:0/6": False,
        "B3:4/0": faulted,
        "B3:3/7": m.state == BREAK,
        "B3:3/8": m.state == BLOCKED,
        "B3:9/6": m.is_running,
        "B3:15/10": m.is_running,
        "N7:25": m.product,
        "N7:26": m.product,
        "N7:28": 2 if m.is_running else 1,
        "N7:100": signed16(made),
        "N7:101": signed16(this_batch // 5),
        "N7:105": signed16(this_batch // 10),
        "N7:200": signed16(made),
        "N7:230": 1 if m.is_running else 0,
        "F8:0": float(made // 10),
        "F8:1": float(this_batch // 10),
        "C5:0.ACC": signed16(made),
        "ST24:0": product_name(line, m),
        "I:4/6": not bits >> 93 & 1,
        "I:4/8": not bits >> 95 & 1,
        "I:2/2": not bits >> 1 & 1,
        "O:12/15": m.state != FAULT,
        "O:12/8": faulted,
    }
    for word in range(7):
        values[f"B22:{word}"] = signed16(bits >> 16 * word & 0xFFFF)
    return values


def divider(line: Line, m: Machine) -> dict[str, Value]:
    p = "Program:Divider."
    return {
        p + "Running": m.is_running,
        p + "Speed": speed(line, m),
        p + "Product_Code": m.product,
        p + "Total_Count": signed32(line.made(m)),
        p + "Reject_Count": signed32(line.rejected(m)),
        p + "Alarm_Word": signed32(line.bits(m)),
        p + "State_Code": m.state,
    }


def former(line: Line, m: Machine) -> dict[str, Value]:
    values: dict[str, Value] = {
        "Former.Running": m.is_running,
        "Former.Faulted": m.state == FAULT,
        "Former.Speed": speed(line, m),
        "Former.Product_Code": m.product,
        "Former.Total_Count": signed32(line.made(m)),
        "Former.Reject_Count": signed32(line.rejected(m)),
        "Former.Alarm_Word": signed32(line.bits(m)),
        "Former.State_Code": m.state,
        "Former.Recipe": product_name(line, m),
    }
    for k in range(3):
        values[f"Former.Rollers[{k}].Running"] = m.is_running
        values[f"Former.Rollers[{k}].Gap"] = 4.5 - 0.5 * k
    return values


def packer(line: Line, m: Machine) -> dict[str, Value]:
    made, rejected, pace = signed32(line.made(m)), signed32(line.rejected(m)), speed(line, m)
    return {
        "Packer_Running": m.is_running,
        "Packer_Speed": pace,
        "Packer_Recipe": m.product,
        "Packer_Total": made,
        "Packer_Rejects": rejected,
        "Packer_Alarm": flags(line.bits(m), 64),
        "Packer.Status.StateCurrent": PACKML[m.state],
        "Packer.Status.CurMachSpeed": pace,
        "Packer.Admin.ProdProcessedCount[0].AccCount": made,
        "Packer.Admin.ProdDefectiveCount[0].AccCount": rejected,
    }


def depositor(line: Line, m: Machine) -> dict[str, Value]:
    return {
        "Dep_Running": m.is_running,
        "Dep_Speed": round(speed(line, m)),
        "Dep_Recipe_No": m.product,
        "Dep_Count": signed16(line.made(m)),
        "Dep_Reject": line.rejected(m) % 32768,
        "Dep_Alarm": signed16(line.bits(m)),
    }


def wrapper(line: Line, m: Machine) -> dict[str, Value]:
    made, rejected = line.made(m), line.rejected(m)
    return {
        "B3:0/0": m.is_running,
        "B3:0/1": m.state == FAULT,
        "B3:1": signed16(line.bits(m)),
        "N7:0": round(speed(line, m)),
        "N7:1": m.product,
        "N7:10": signed16(made - rejected),
        "N7:11": rejected % 32768,
        "F8:0": float(1500 - made % 15000 / 10),
        "L9:0": signed32(made),
        "ST10:0": product_name(line, m),
    }


TAGS: dict[str, Image] = {
    "BP01.PACK.BAG1": bagger,
    "BP01.PACK.BAG1.BL": loader,
    "BP01.ROLL2.DIV": divider,
    "BP01.ROLL2.FRM": former,
    "BP01.ROLL2.PACK": packer,
    "BP01.CAKE1.DEP": depositor,
    "BP01.CAKE1.WRAP": wrapper,
}
