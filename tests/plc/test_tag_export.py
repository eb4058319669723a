"""Exports of the programming software become tags of a plant file."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from plc.domain.tag_export import NotATagList, Proposal, propose

LOGIX = b"""remark,"CSV-Import-Export"\r
remark,"Date = Sun Nov 22 2026"\r
0.3\r
TYPE,SCOPE,NAME,DESCRIPTION,DATATYPE,SPECIFIER,ATTRIBUTES\r
TAG,,MC_Avg_Speed,"Average speed$N bags/min","REAL","","(RADIX := Float)"\r
TAG,,Fault,"","BOOL[64]","",""\r
TAG,,Count_Blade_PEC,"Loaf counter","COUNTER","",""\r
TAG,Divider,Speed,"","REAL","",""\r
TAG,,Axis_01,"","AXIS_SERVO_DRIVE","",""\r
ALIAS,,I102,"Infeed eye","","Local:1:I.Data.2",""\r
COMMENT,,Fault,"Wicket servo","","Fault[6]",""\r
"""
SYMBOLS = b"""N7:100,Global,LOAFS,Loaves made
B3:0/8,Global,AUTO_CYCLE_IND,
T99:0,Global,ODD,
N7:26,,,
"""


def test_a_logix_export_becomes_tags_that_can_be_read() -> None:
    assert propose(LOGIX) == [
        Proposal("MC_Avg_Speed", "REAL", "Average speed$N bags/min"),
        Proposal("Fault", "BOOL[64]"),
        Proposal("Count_Blade_PEC.ACC", "DINT", "Loaf counter"),
        Proposal("Program:Divider.Speed", "REAL"),
    ]


def test_slc_symbols_become_tags_with_addresses() -> None:
    assert propose(SYMBOLS) == [
        Proposal("LOAFS", "N7:100", "Loaves made"),
        Proposal("AUTO_CYCLE_IND", "B3:0/8"),
        Proposal("N7:26", "N7:26"),
    ]


def test_another_file_is_refused_in_words() -> None:
    with pytest.raises(NotATagList, match="neither a header TYPE"):
        propose(b"a,b\n1,2\n")


def test_the_command_prints_lines_for_a_plant_file(tmp_path: Path) -> None:
    file = tmp_path / "tags.csv"
    file.write_bytes(LOGIX)
    said = StringIO()
    call_command("propose_tags", file, "--like", "speed", stdout=said)
    assert said.getvalue().splitlines() == [
        "    tags:",
        "      MC_Avg_Speed: REAL  # Average speed bags/min",
        "      Program:Divider.Speed: REAL",
    ]
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("propose_tags", tmp_path / "none.csv")
