"""The fault list of a machine builder becomes the catalogue of a machine."""

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from floor.actions.faults import import_faults
from floor.domain.fault_list import Fault, FaultList, NotAFaultList, kinds, read
from floor.models import AuditEntry, Equipment, FaultDefinition
from tests.factories import make_line, make_machine, make_user

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
EXPORT = """\
Tag,Description,Source
Fault[6],Wicket Servo Fault,internal
Fault[12],Slicer  Infeed Guard Open,internal
Fault[22],Close The Guard,internal
Fault[26],not defined,internal
Fault[34],Metal Detector Fault,downstream
Fault[59],Machine Running,internal
Fault[Error],Error,internal
"""


def told(text: str) -> FaultList:
    return read(text.encode())


@pytest.fixture
def bagger(db: None) -> Equipment:
    return make_machine(make_line(), "BAG1")


def test_the_exported_fault_list_of_a_bagger_becomes_a_catalogue() -> None:
    faults, remarks = read(EXPORT.encode(), kinds("22", "59"))
    assert faults == (
        Fault(6, "Wicket Servo Fault", "fault", "internal"),
        Fault(12, "Slicer Infeed Guard Open", "fault", "internal"),
        Fault(22, "Close The Guard", "prompt", "internal"),
        Fault(26, "not defined", "undefined", "internal"),
        Fault(34, "Metal Detector Fault", "fault", "downstream"),
        Fault(59, "Machine Running", "status", "internal"),
    )
    assert remarks == ("Line 8 skipped: Fault[Error] names no bit.",)


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef\xbb\xbf" + EXPORT.encode(),
        b"remark,made by the HMI\r\nremark\r\n\r\n" + EXPORT.replace("\n", "\r\n").encode(),
        EXPORT.replace(",", ";").encode(),
        EXPORT.replace("Guard", "Gu\xe4rd").encode("latin-1"),
        EXPORT.replace("Tag,Description,Source", "TAG, description ,SOURCE").encode(),
    ],
    ids=["byte order mark", "remarks above", "semicolons", "Latin-1", "other spelling"],
)
def test_exports_of_other_tools_are_understood(raw: bytes) -> None:
    assert [fault.bit for fault in read(raw).faults] == [6, 12, 22, 26, 34, 59]


def test_a_bit_named_twice_is_told_and_the_last_one_counts() -> None:
    faults, remarks = told(
        "Tag,Description,Source\nFault[1],Bagger inverter,internal\nFault[1],Flusher inverter,internal\n"
    )
    assert faults == (Fault(1, "Flusher inverter", "fault", "internal"),)
    assert remarks == ("Line 3: bit 1 is Flusher inverter, not Bagger inverter as further up.",)


def test_what_is_no_fault_list_is_refused_in_words() -> None:
    with pytest.raises(NotAFaultList, match="no header with the columns Tag and Description"):
        told("name,value\na,b\n")
    with pytest.raises(NotAFaultList, match="not one fault"):
        told("Tag,Description,Source\n")
    with pytest.raises(ValueError, match="twelve is not a bit"):
        kinds("twelve", "")


def test_rows_that_make_no_sense_are_skipped_and_told() -> None:
    _, remarks = told(
        "Tag,Description,Source\nFault[1],Guard,internal\nFault[300],x,internal\nFault[2],,\nFault[3],y,moon\n"
    )
    assert remarks == (
        "Line 3 skipped: Fault[300] is beyond bit 255.",
        "Line 4 skipped: Fault[2] has no description.",
        "Line 5 skipped: Fault[3] has the source moon; known are internal, upstream, downstream.",
    )


def test_a_new_export_changes_texts_and_leaves_what_people_decided(bagger: Equipment) -> None:
    FaultDefinition.objects.create(
        equipment=bagger, bit=6, text="Servo", origin="downstream", kind="prompt", reason_code="MOTOR_FAIL"
    )
    faults = read(EXPORT.encode(), kinds("22", "59")).faults
    done = import_faults(bagger, faults, keep_judgement=True, by=None, now=NOW)
    assert done == (5, 1, 0)
    row = FaultDefinition.objects.get(bit=6)
    assert (row.text, row.kind, row.origin, row.reason_code) == (
        "Wicket Servo Fault",
        "prompt",
        "downstream",
        "MOTOR_FAIL",
    )
    assert import_faults(bagger, faults, keep_judgement=True, by=None, now=NOW) == (0, 0, 6)
    assert AuditEntry.objects.filter(action="faults_imported").count() == 1


def test_the_command_imports_and_says_what_it_did(bagger: Equipment, tmp_path: Path) -> None:
    file = tmp_path / "faults.csv"
    file.write_text(EXPORT)
    said = StringIO()
    call_command("import_faults", "BAG1", file, "--prompts", "22", "--status", "59", stdout=said)
    assert "Line 8 skipped: Fault[Error] names no bit." in said.getvalue()
    assert "BAG1: 6 added, 0 changed, 0 as they were." in said.getvalue()
    with pytest.raises(CommandError, match="There is no machine BAG9"):
        call_command("import_faults", "BAG9", file)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_faults", "BAG1", tmp_path / "other.csv")


def test_an_engineer_imports_a_list_in_the_administration(bagger: Equipment, tmp_path: Path, settings: object) -> None:
    settings.REQUIRE_2FA = False  # type: ignore[attr-defined]
    client = Client()
    client.force_login(make_user("erik", "engineer"))
    file = tmp_path / "faults.csv"
    file.write_text(EXPORT)
    page = reverse("admin:floor_faultdefinition_import")
    assert b"Import a list" in client.get(reverse("admin:floor_faultdefinition_changelist")).content
    with file.open("rb") as handle:
        answer = client.post(page, {"equipment": str(bagger.pk), "file": handle, "prompts": "22"}, follow=True)
    assert "BAG1: 6 added" in answer.content.decode()
    assert FaultDefinition.objects.get(bit=22).kind == "prompt"
    file.write_text("nothing")
    with file.open("rb") as handle:
        answer = client.post(page, {"equipment": str(bagger.pk), "file": handle})
    assert "There is no header" in answer.content.decode()


def test_an_operator_imports_nothing(bagger: Equipment) -> None:
    client = Client()
    client.force_login(make_user("ola", "operator"))
    assert client.get(reverse("admin:floor_faultdefinition_import")).status_code in (302, 403)
