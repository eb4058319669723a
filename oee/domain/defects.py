"""Why parts are taken out by hand: the words that a new plant begins with."""

from typing import NamedTuple


class Defect(NamedTuple):
    code: str
    label: str
    sort: str


DEFECTS = (
    Defect("DAMAGED", "Damaged", "scrap"),
    Defect("WEIGHT", "Wrong weight", "scrap"),
    Defect("FOREIGN", "Foreign matter", "scrap"),
    Defect("START_UP", "Starting up", "start_up"),
    Defect("SEAL", "Bag or seal open", "rework"),
    Defect("LABEL", "Wrong label or date", "rework"),
)
