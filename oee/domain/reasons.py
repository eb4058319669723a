"""The stop reasons every plant starts with: code, words for the operator, group. Groups fit on one screen."""

from typing import NamedTuple

from oee.domain.ledger import Kind

MECHANICAL, ELECTRICAL, MATERIAL, LINE, PLANNED, QUALITY, OTHER = (
    "Mechanical",
    "Electrical",
    "Material",
    "Line",
    "Planned",
    "Quality",
    "Other",
)


class Reason(NamedTuple):
    code: str
    label: str
    group: str
    loss_class: Kind = Kind.FAILURE


REASONS = (
    Reason("MECH_FAULT", "Mechanical fault", MECHANICAL),
    Reason("BEARING_FAIL", "Bearing", MECHANICAL),
    Reason("BELT_BREAK", "Belt", MECHANICAL),
    Reason("GEAR_FAIL", "Gear", MECHANICAL),
    Reason("MOTOR_FAIL", "Motor", MECHANICAL),
    Reason("ELEC_FAULT", "Electrical fault", ELECTRICAL),
    Reason("SENSOR_FAIL", "Sensor", ELECTRICAL),
    Reason("PLC_FAULT", "Controller", ELECTRICAL),
    Reason("POWER_LOSS", "Power loss", ELECTRICAL),
    Reason("WIRING_FAULT", "Wiring", ELECTRICAL),
    Reason("MAT_SHORTAGE", "Out of material", MATERIAL),
    Reason("MAT_JAM", "Jam", MATERIAL),
    Reason("WRONG_MAT", "Wrong material", MATERIAL),
    Reason("MAT_QUALITY", "Bad material", MATERIAL),
    Reason("UPSTREAM_STOP", "Starved from upstream", LINE, Kind.EXTERNAL),
    Reason("DOWNSTREAM_STOP", "Blocked downstream", LINE, Kind.EXTERNAL),
    Reason("CONVEYOR_STOP", "Conveyor stopped", LINE),
    Reason("MAINTENANCE", "Planned maintenance", PLANNED, Kind.PLANNED),
    Reason("CHANGEOVER", "Changeover", PLANNED, Kind.SETUP),
    Reason("CLEANING", "Cleaning", PLANNED, Kind.PLANNED),
    Reason("INSPECTION", "Inspection", PLANNED, Kind.PLANNED),
    Reason("BREAK_TIME", "Break", PLANNED, Kind.PLANNED),
    Reason("QUALITY_ISSUE", "Quality problem", QUALITY),
    Reason("REJECTION", "Product rejected", QUALITY),
    Reason("REWORK", "Rework", QUALITY),
    Reason("UNKNOWN", "Not known", OTHER),
    Reason("OTHER", "Something else", OTHER),
)
