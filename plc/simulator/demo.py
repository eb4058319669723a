"""The demo bakery: its controllers, lines, machines and what goes wrong on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from zoneinfo import ZoneInfo

from plc.simulator.calendar import LineCalendar
from plc.simulator.incidents import BLOCKED, STARVED, Incident, Trouble
from plc.simulator.line import LineSpec, MachineSpec, Product

PORT_BASE = 44820
ZONE = ZoneInfo("Europe/London")


@dataclass(frozen=True, slots=True)
class ControllerSpec:
    code: str
    kind: str  # logix | slc | micrologix
    port_offset: int
    machines: tuple[str, ...]
    product_name: str
    product_code: int
    revision: tuple[int, int]
    program: str
    serial: int


CONTROLLERS = (
    ControllerSpec(
        "BAG1", "logix", 0, ("BP01.PACK.BAG1",), "1769-L33ER/A LOGIX5333ER", 107, (30, 11), "Bagger1", 0xC0B1
    ),
    ControllerSpec(
        "BAG1BL",
        "slc",
        1,
        ("BP01.PACK.BAG1.BL",),
        "1747-L551/C C/13 DC 3.46",
        49,
        (1, 8),
        "KM2566MC1",
        0xC0B2,
    ),
    ControllerSpec(
        "ROLL2DIV",
        "logix",
        2,
        ("BP01.ROLL2.DIV", "BP01.ROLL2.FRM"),
        "1756-L71/B LOGIX5571",
        92,
        (31, 11),
        "RollMakeup",
        0xC0B3,
    ),
    ControllerSpec(
        "ROLL2PACK",
        "logix",
        3,
        ("BP01.ROLL2.PACK",),
        "1769-L30ER/A LOGIX5330ER",
        106,
        (30, 11),
        "RollPack",
        0xC0B4,
    ),
    ControllerSpec(
        "CAKE1DEP",
        "logix",
        4,
        ("BP01.CAKE1.DEP",),
        "1769-L24ER-QB1B/A LOGIX5324ER",
        149,
        (30, 11),
        "Cake",
        0xC0B5,
    ),
    ControllerSpec(
        "CAKE1WRAP", "micrologix", 5, ("BP01.CAKE1.WRAP",), "1766-L32BWA C/21.00", 90, (1, 21), "WRAP", 0xC0B6
    ),
)

DAY, AFTERNOON, NIGHT = (time(6), time(14)), (time(14), time(22)), (time(22), time(6))


def _micro(mean_s: float, *kinds: Incident) -> Trouble:
    return Trouble(mean_s, kinds, 5.0, 90.0)


def _breakdown(mean_s: float, *kinds: Incident) -> Trouble:
    return Trouble(mean_s, kinds, 120.0, 5400.0)


BAGGER = MachineSpec(
    "BP01.PACK.BAG1",
    micro=_micro(
        520,
        Incident("double loaf at infeed", 4, 22, 36, (), (37,)),
        Incident("scoop blockage", 3, 34, 49, (), (50,)),
        Incident("bag inflation failure", 3, 16, 39),
        Incident("wicket change-over", 5, 12, 38),
        Incident("discharge roller", 1, 40, 40, (), (41,)),
        Incident("gap in loaves", 4, 18, state=STARVED),
        Incident("tagger", 2, 30, 27, (), (28,)),
    ),
    breakdown=_breakdown(
        6000,
        Incident("wicket servo", 3, 420, 6, (42,), (32,), spread=0.7),
        Incident("infeed servo", 2, 480, 4, (42,)),
        Incident("discharge servo", 1, 540, 5, (40,)),
        Incident("slicer blades breaker", 1, 700, 2, (3,)),
        Incident("bagger inverter", 1, 600, 0, (4, 5, 6)),
        Incident("low air", 1, 300, 7, (39,)),
        Incident("low oil pressure", 1, 420, 8),
        Incident("guard opened", 4, 160, 15, (16,), (22,)),
        Incident("slicer guard opened", 2, 170, 12, (2,), (22,)),
        Incident("emergency stop", 2, 240, 23, (0,), (25,)),
        Incident("broken blade", 2, 780, 31, (2,), (32,)),
        Incident("wicket over-travel", 1, 300, 44, (6,)),
        Incident("wicket by hand", 2, 200, 45),
        Incident("metal detector", 2, 260, 34),
        Incident("tagger", 2, 280, 27, (), (28,)),
        Incident("no loaves from the oven", 4, 300, state=STARVED),
    ),
    reset_prompts=(29, 43),
    start_prompts=(57, 58),
    running_bits=(59,),
    batch_bits=(47, 48),
    neighbour_bit=35,
    rejects=0.013,
    clears_count=0.5,
)

LOADER = MachineSpec(
    "BP01.PACK.BAG1.BL",
    micro=_micro(
        620,
        Incident("loaf jam at row former", 4, 24, 36),
        Incident("basket jam at stacker", 3, 35, 33),
        Incident("no empty baskets", 4, 28, 50),
        Incident("full basket conveyor", 3, 30, 51),
    ),
    breakdown=_breakdown(
        14000,
        Incident("pusher servo", 2, 420, 17, (36,)),
        Incident("tray inverter", 1, 540, 20),
        Incident("light curtain", 3, 150, 4, (17,)),
        Incident("emergency stop", 1, 240, 1, (17, 20)),
        Incident("metal detector not ready", 1, 240, 93),
        Incident("check weigher not ready", 1, 260, 95),
        Incident("full baskets not taken", 3, 300, state=BLOCKED),
    ),
    reset_prompts=(64,),
    start_prompts=(65,),
    rejects=0.0,
)

DIVIDER = MachineSpec(
    "BP01.ROLL2.DIV",
    micro=_micro(
        640,
        Incident("scraper jam", 4, 22, 2),
        Incident("weight out of tolerance", 3, 30, 6),
        Incident("hopper empty", 3, 35, 0),
    ),
    breakdown=_breakdown(
        16000,
        Incident("piston overload", 2, 480, 1, (3,)),
        Incident("main drive", 1, 660, 3),
        Incident("oil pressure", 1, 420, 4),
        Incident("guard open", 3, 150, 5),
        Incident("no dough", 3, 280, state=STARVED),
    ),
    reset_prompts=(16,),
    start_prompts=(17,),
    running_bits=(24,),
    pieces=1,
    rejects=0.02,
)

FORMER = MachineSpec(
    "BP01.ROLL2.FRM",
    micro=_micro(
        580,
        Incident("belt jam", 4, 20, 0),
        Incident("photo-eye", 2, 25, 3),
        Incident("pan position", 4, 18, 6),
    ),
    breakdown=_breakdown(
        15000,
        Incident("roller gap drive", 2, 480, 1),
        Incident("duster empty", 2, 180, 2),
        Incident("guard open", 3, 150, 4, (1,)),
        Incident("belt break", 1, 1300, 5, (0,)),
    ),
    reset_prompts=(16,),
    start_prompts=(17,),
    running_bits=(24,),
    rejects=0.008,
)

PACKER = MachineSpec(
    "BP01.ROLL2.PACK",
    micro=_micro(
        420,
        Incident("lane jam", 5, 20, 1),
        Incident("splice failed", 2, 45, 4),
        Incident("registration mark", 4, 14, 9),
        Incident("palletiser", 3, 30, 8),
    ),
    breakdown=_breakdown(
        7600,
        Incident("jaw temperature", 2, 420, 2),
        Incident("film reel", 5, 180, 3, (9,)),
        Incident("jaw servo", 2, 600, 5, (2,)),
        Incident("guard open", 3, 150, 6),
        Incident("emergency stop", 1, 220, 0, (5,)),
        Incident("check weigher", 2, 260, 7),
        Incident("palletiser", 3, 320, 8),
    ),
    reset_prompts=(40,),
    start_prompts=(41,),
    running_bits=(48,),
    pieces=6,
    rejects=0.018,
)

DEPOSITOR = MachineSpec(
    "BP01.CAKE1.DEP",
    micro=_micro(
        520,
        Incident("nozzle blocked", 4, 25, 1),
        Incident("tin misplaced", 5, 15, 3),
        Incident("batter low", 3, 30, 0),
    ),
    breakdown=_breakdown(
        6600,
        Incident("pump drive", 2, 540, 2),
        Incident("guard open", 2, 150, 4),
        Incident("temperature probe", 2, 320, 5),
        Incident("nozzle strip-down", 2, 600, 1),
        Incident("no batter", 4, 300, 0),
    ),
    reset_prompts=(8,),
    start_prompts=(9,),
    running_bits=(12,),
    rejects=0.016,
)

WRAPPER = MachineSpec(
    "BP01.CAKE1.WRAP",
    micro=_micro(
        560,
        Incident("infeed jam", 5, 20, 1),
        Incident("film tracking", 4, 22, 3),
        Incident("case packer", 3, 30, 6),
    ),
    breakdown=_breakdown(
        12000,
        Incident("film reel", 5, 170, 0, (3,)),
        Incident("seal temperature", 2, 420, 2),
        Incident("guard open", 2, 150, 4),
        Incident("outfeed belt", 1, 1200, 5, (1,)),
        Incident("case packer", 2, 300, 6),
    ),
    reset_prompts=(8,),
    start_prompts=(9,),
    rejects=0.012,
)

LINES = (
    LineSpec(
        "L-BAG1",
        (BAGGER, LOADER),
        buffers=(60.0,),
        primary=0,
        products=(
            Product(1, "White sliced 500 g", (100.0, 100.0)),
            Product(2, "Wholemeal sliced 750 g", (80.0, 80.0)),
            Product(3, "Seeded specialty 400 g", (60.0, 60.0)),
        ),
        calendar=LineCalendar(ZONE, (DAY, AFTERNOON, NIGHT), (time(9, 30), time(17, 30), time(1, 30))),
    ),
    LineSpec(
        "L-ROLL2",
        (DIVIDER, FORMER, PACKER),
        buffers=(400.0, 900.0),
        primary=2,
        products=(
            Product(11, "Soft rolls 6-pack", (300.0, 300.0, 50.0)),
            Product(12, "Seeded rolls 6-pack", (240.0, 240.0, 40.0)),
            Product(13, "Mini rolls 6-pack", (375.0, 375.0, 62.5)),
        ),
        calendar=LineCalendar(ZONE, (DAY, AFTERNOON, NIGHT), (time(10), time(18), time(2))),
        batch_s=14_400.0,
        changeover_s=720.0,
    ),
    LineSpec(
        "L-CAKE1",
        (DEPOSITOR, WRAPPER),
        buffers=(240.0,),
        primary=0,
        products=(
            Product(21, "Victoria sponge", (60.0, 60.0)),
            Product(22, "Lemon drizzle", (48.0, 48.0)),
            Product(23, "Chocolate fudge cake", (40.0, 40.0)),
        ),
        calendar=LineCalendar(ZONE, (DAY, AFTERNOON), (time(10, 30), time(18, 30))),
        batch_s=10_800.0,
        changeover_s=840.0,
    ),
)
