"""Plant files: what they may say, what is refused and how, and what loading them does to the plant."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pydantic import BaseModel

from floor.models import Equipment, FaultDefinition, IdealCycle, Line, LineState, Product, Rotation, Site
from floor.models.shifts import calendar
from ms5.plant_file import schema
from ms5.plant_file.apply import apply
from ms5.plant_file.changes import Changes
from ms5.plant_file.document import Refused, read
from ms5.plant_file.load import load
from oee.models import LineDerived, LinePolicy
from plc.models import Binding, Controller, Tag

DEMO = Path(__file__).parents[2] / "plc/simulator/demo_plant.yaml"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=3)
MINIMAL = """\
site: {code: S1, name: Bakery, time_zone: Europe/London}
shifts:
  Day: {from: 06:00, to: 18:00, breaks: [{from: 09:00, to: 09:30}]}
  Night: {from: 18:00, to: 06:00, breaks: [{from: 01:00, to: 01:30}]}
products:
  P1: White bread
lines:
  L1:
    name: Line 1
    target_rate: 80
    products: {1: P1}
    machines:
      M1: {name: Slicer, primary: true, ideal_cycle_ms: 600, faults: {0: Guard open, 1: not defined}}
      M2: {name: Bagger}
controllers:
  C1:
    name: CompactLogix
    kind: logix
    host: 10.1.7.20
    tags:
      Running: BOOL
      Status: DINT
      Avg_Speed: REAL
      Total: DINT
      Fault: BOOL[64]
    machines:
      M1: {running: Running, speed: Avg_Speed, total_count: Total, fault_bits: Fault}
      M2: {running: {tag: Status, bit: 3}}
"""


def refused(text: str) -> list[str]:
    with pytest.raises(Refused) as caught:
        load(text.encode())
    return [str(problem) for problem in caught.value.problems]


def minimal(*changes: tuple[str, str]) -> str:
    text = MINIMAL
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return text


def put(text: str, now: datetime = NOW) -> Changes:
    return apply(load(text.encode()), now)


# What is refused, and in which words


def test_a_plant_file_with_an_unknown_tag_type_says_the_line_and_the_word() -> None:
    (problem,) = refused(minimal(("Avg_Speed: REAL", "Avg_Speed: RAEL")))
    assert problem.startswith("line 23: controllers → C1 → tags → Avg_Speed")
    assert "unknown data type RAEL; use one of BOOL, SINT" in problem
    assert "did you mean REAL?" in problem


def test_every_mistake_is_told_at_once_in_the_order_of_the_file() -> None:
    problems = refused(
        minimal(
            ("Europe/London", "Europe/Londn"),
            ("target_rate: 80", "target_rate: -80"),
            ("{name: Bagger}", "{name: Bagger, criticallity: 4}"),
            ("kind: logix", "kind: logics"),
        )
    )
    assert [problem.split(":")[0] for problem in problems] == ["line 1", "line 10", "line 14", "line 18"]
    assert "unknown time zone Europe/Londn" in problems[0]
    assert "must be more than 0, not -80" in problems[1]
    assert "unknown key criticallity" in problems[2]
    assert "did you mean criticality?" in problems[2]
    assert "unknown kind of controller logics" in problems[3]


def test_mistakes_of_form_do_not_hide_mistakes_of_meaning() -> None:
    problems = refused(minimal(("target_rate: 80", "target_rate: lots"), ("speed: Avg_Speed", "speed: Avg_Sped")))
    assert problems == [
        "line 10: lines → L1 → target_rate: must be a number, not lots.",
        "line 27: controllers → C1 → machines → M1 → speed → 1: C1 has no tag Avg_Sped (did you mean Avg_Speed?).",
    ]


def test_a_mistake_is_not_told_twice_as_its_own_consequence() -> None:
    (problem,) = refused(minimal(("Total: DINT", "Total: DINTT")))
    assert "unknown data type DINTT" in problem


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("10.1.7.20", "bagger.plant", "line 19: controllers → C1 → host: bagger.plant is not an IP address"),
        ("kind: logix", "kind: logix\n    port: 70000", "must be at most 65534, not 70000"),
        ("kind: logix", "kind: logix\n    scan_s: 0.05", "must be at least 0.1, not 0.05"),
        ("kind: logix", "kind: logix\n    scan_s: 90", "must be at most 60, not 90"),
        ("ideal_cycle_ms: 600", "ideal_cycle_ms: 0", "M1 → ideal_cycle_ms → ms: must be more than 0"),
        ("ideal_cycle_ms: 600", "ideal_cycles_ms: {P2: 600}", "there is no product P2 under products"),
        ("primary: true, ", "", "no machine is primary"),
        ("{name: Bagger}", "{name: Bagger, primary: true}", "M1 is primary already; a line has one primary machine"),
        ("from: 18:00", "from: 17:00", "Night 30 Dec · 17:00–06:00 overlap"),
        ("from: 18:00", "from: 25:00", "25:00 is not a time of day; write it as 06:30"),
        ("from: 09:00, to: 09:30", "from: 19:00, to: 19:30", "Break 19:00–19:30 lies outside the shift"),
        ("{tag: Status, bit: 3}", "Status", "Status is DINT; say which bit of it means running"),
        ("bit: 3", "bit: 33", "Status is DINT and has no bit 33"),
        ("total_count: Total", "total_count: {tag: Total, modulus: 50}", "must be at least 100, not 50"),
        ("total_count: Total", "total_count: {tag: Total, modulus: 5000000000}", "modulus of 5,000,000,000"),
        ("total_count: Total", "total_count: Fault", "Fault is BOOL[64]; total_count needs one number"),
        ("total_count: Total", "total_count: Total, good_count: Total", "total_count is given too"),
        ("total_count: Total", "total_count: [Total, Status]", "one counter only"),
        ("fault_bits: Fault", "fault_bits: Avg_Speed", "Avg_Speed is REAL and has no fault bits"),
        ("Fault: BOOL[64]", "Fault: BOOL[512]", "a machine has faults 0 to 255"),
        ("Total: DINT", "Total: {type: DINT, address: Total.3}", "read the whole word and give the bit in the binding"),
        ("kind: logix", "kind: slc", "BOOL is not an address of an SLC or MicroLogix"),
        ("      M2: {running", "      M3: {running", "there is no machine M3 in any line"),
        ("{0: Guard open", "{300: Guard open", "must be at most 255, not 300"),
        ("P1: White bread", "P1: White bread\n  P1: Brown bread", "line 7: products → P1: stands twice; the first is"),
        ("name: Line 1", "name: Line 1\n\tposition: 1", "a tab stands at the start; indent with spaces"),
        ("name: Line 1", "name: *line", "aliases (*name) are not accepted"),
        ("name: Line 1", "name: !!python/object/apply:os.system [id]", "are not accepted; write the plain value"),
        ("name: Line 1", "name: [", "this is not YAML"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_in_words(before: str, after: str, sentence: str) -> None:
    problems = refused(minimal((before, after)))
    assert any(sentence in problem for problem in problems), problems


def test_a_machine_is_read_from_one_controller() -> None:
    second = MINIMAL.split("controllers:\n")[1].replace("C1:", "C2:").replace("10.1.7.20", "10.1.7.21")
    problems = refused(MINIMAL + second)
    assert "M1 is read from C1 already; a machine is read from one controller" in problems[0]


def test_a_small_file_that_unfolds_into_a_huge_one_is_refused_at_once() -> None:
    bomb = 'a: &a ["x","x"]\n' + "\n".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]" for n in range(24)
    )
    assert "aliases" in refused(bomb)[0]
    assert "levels deep" in refused("[" * 20_000)[0]


def test_a_file_that_is_no_text_is_refused() -> None:
    with pytest.raises(Refused, match=r"line 2: this is not UTF-8 text"):
        read(b"site:\n  name: B\xe4ckerei\n")
    with pytest.raises(Refused, match="a plant file has at most"):
        read(b"#" * 3_000_000)
    assert "the file is empty" in refused("")[0]


# What loading does


@pytest.fixture
def plant(db: None) -> None:
    put(MINIMAL)


@pytest.mark.usefixtures("plant")
def test_the_plant_is_as_the_file_says() -> None:
    line = Line.objects.get(code="L1")
    assert line.site.time_zone == "Europe/London"
    assert [(m.code, m.position, m.is_primary) for m in line.equipment.order_by("position")] == [
        ("M1", 1, True),
        ("M2", 2, False),
    ]
    assert line.product_numbers.get(number=1).product.name == "White bread"
    assert [rest.name for rest in calendar(line).at(NOW).breaks] == ["Break"]  # type: ignore[union-attr]
    assert FaultDefinition.objects.get(equipment__code="M1", bit=1).kind == "undefined"
    assert IdealCycle.objects.get(equipment__code="M1").valid_from.year == 2000
    assert LinePolicy.objects.get(line=line).micro_stop_s == 120
    assert Tag.objects.get(name="Fault").spec.length == 64
    assert Binding.objects.get(equipment__code="M2").bit == 3


@pytest.mark.usefixtures("plant")
def test_loading_twice_changes_nothing() -> None:
    before = Controller.objects.get(code="C1").updated_at
    assert not put(MINIMAL, LATER)
    assert Controller.objects.get(code="C1").updated_at == before


@pytest.mark.usefixtures("plant")
def test_a_changed_file_changes_what_differs_and_says_so() -> None:
    changes = put(minimal(("name: Slicer", "name: Slicer 1"), ("Total: DINT", "Total: DINT\n      Spare: INT")), LATER)
    assert str(changes) == "1 added, 1 changed, 0 removed"
    assert changes.changed == ["machine M1: name Slicer → Slicer 1"]
    assert changes.added == ["tag C1 Spare"]
    assert Controller.objects.get(code="C1").updated_at == LATER


@pytest.mark.usefixtures("plant")
def test_machines_no_longer_named_are_switched_off_never_deleted() -> None:
    changes = put(
        minimal(("      M2: {name: Bagger}\n", ""), ("      M2: {running: {tag: Status, bit: 3}}\n", "")), LATER
    )
    bagger = Equipment.objects.get(code="M2")
    assert not bagger.enabled
    assert "machine M2" in changes.removed
    assert put(MINIMAL, LATER).changed
    bagger.refresh_from_db()
    assert (bagger.enabled, bagger.position) == (True, 2)


@pytest.mark.usefixtures("plant")
def test_two_machines_can_change_places_and_the_lead() -> None:
    swapped = minimal(
        ("M1: {name: Slicer, primary: true", "M2: {name: Bagger, primary: true}\n      M1: {name: Slicer"),
        ("\n      M2: {name: Bagger}\n", "\n"),
    )
    put(swapped, LATER)
    machines = Equipment.objects.order_by("position")
    assert [(m.code, m.position, m.is_primary) for m in machines] == [("M2", 1, True), ("M1", 2, False)]
    assert not put(swapped, LATER)


@pytest.mark.usefixtures("plant")
def test_a_changed_ideal_cycle_leaves_the_past_as_it_was_judged() -> None:
    put(minimal(("ideal_cycle_ms: 600", "ideal_cycle_ms: 500")), LATER)
    rows = IdealCycle.objects.filter(equipment__code="M1").order_by("valid_from")
    assert [(r.ideal_cycle_ms, r.valid_to) for r in rows] == [(600, LATER), (500, None)]
    assert rows[1].valid_from == LATER


@pytest.mark.usefixtures("plant")
def test_a_changed_ideal_cycle_can_be_dated() -> None:
    put(minimal(("ideal_cycle_ms: 600", "ideal_cycle_ms: {ms: 500, valid_from: 2026-11-30}")), LATER)
    assert IdealCycle.objects.get(ideal_cycle_ms=600).valid_to == datetime(2026, 11, 30, tzinfo=UTC)
    assert IdealCycle.objects.get(ideal_cycle_ms=500).valid_from == datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.usefixtures("plant")
def test_a_changed_shift_begins_tomorrow_and_the_one_that_runs_ends_as_it_began() -> None:
    put(minimal(("from: 09:00, to: 09:30", "from: 10:00, to: 10:30")), NOW)
    shifts = calendar(Line.objects.get(code="L1"))
    today, tomorrow = shifts.at(NOW), shifts.at(NOW + timedelta(days=1))
    assert today is not None
    assert tomorrow is not None
    assert today.breaks[0].starts_at.hour == 9
    assert tomorrow.breaks[0].starts_at.hour == 10


@pytest.mark.usefixtures("plant")
def test_a_line_that_gets_shifts_of_its_own_keeps_those_of_the_past() -> None:
    own = "target_rate: 80\n    shifts: {Long: {from: 06:00, to: 20:00}}"
    put(minimal(("target_rate: 80", own)), NOW)
    shifts = calendar(Line.objects.get(code="L1"))
    assert shifts.at(NOW).name == "Day"  # type: ignore[union-attr]
    assert shifts.at(NOW + timedelta(days=1)).name == "Long"  # type: ignore[union-attr]


@pytest.mark.usefixtures("plant")
def test_an_old_shift_that_still_runs_ends_where_the_first_new_one_begins() -> None:
    earlier = minimal(
        ("from: 06:00, to: 18:00", "from: 04:00, to: 18:00"), ("from: 18:00, to: 06:00", "from: 18:00, to: 04:00")
    )
    put(earlier, NOW)
    shifts = calendar(Line.objects.get(code="L1"))
    night = shifts.at(datetime(2026, 11, 23, 3, tzinfo=UTC))
    assert night is not None
    assert shifts.label(night) == "Night 22 Nov · 18:00–04:00"


ROTATION = """\
rotations:
  Continental:
    sequence: [Day, Day, Night, Night, off, off, off, off]
    first_day: 2026-01-05
    teams: {A: 0, B: 2, C: 4, D: 6}
    shifts:
      Day: {from: 06:00, to: 18:00, breaks: [{from: 09:00, to: 09:30, name: Tea}]}
      Night: {from: 18:00, to: 06:00}
"""
HOLIDAYS = """\
special_days:
  - {kind: closed, first_day: 2026-12-25, last_day: 2026-12-26, note: Christmas}
  - {kind: changed, first_day: 2026-12-24, shift: Day, to: 12:00}
"""


def rotating(*changes: tuple[str, str], days: str = HOLIDAYS) -> str:
    """The small plant with a rotation for its weekly shifts."""
    text = minimal()
    before, after = text[: text.index("shifts:")], text[text.index("products:") :]
    made = before + ROTATION + days + after
    for old, new in changes:
        assert old in made
        made = made.replace(old, new, 1)
    return made


@pytest.mark.django_db
def test_rotations_and_special_days_come_from_the_file() -> None:
    put(rotating())
    shifts = calendar(Line.objects.get(code="L1"))
    monday = shifts.at(datetime(2026, 1, 5, 12, tzinfo=UTC))
    assert monday is not None
    assert (monday.name, monday.team, [rest.name for rest in monday.breaks]) == ("Day", "A", ["Tea"])
    eve = shifts.at(datetime(2026, 12, 24, 10, tzinfo=UTC))
    assert eve is not None
    assert eve.label(shifts.zone) == "Day 24 Dec · 06:00–12:00"
    assert shifts.at(datetime(2026, 12, 25, 12, tzinfo=UTC)) is None
    assert not put(rotating(), LATER)


@pytest.mark.usefixtures("plant")
def test_weekly_shifts_give_way_to_a_rotation_tomorrow() -> None:
    changes = put(rotating(), NOW)
    shifts = calendar(Line.objects.get(code="L1"))
    assert "rotation Bakery Continental" in changes.added
    assert [(w.team, w.work_date.day) for w in shifts.between(NOW, NOW + timedelta(days=1))] == [
        ("", 22),
        ("", 22),
        ("B", 23),
    ]


@pytest.mark.django_db
def test_a_changed_rotation_begins_tomorrow() -> None:
    put(rotating(), NOW)
    changes = put(rotating(("B: 2", "B: 3"), ("C: 4", "C: 3")), NOW)
    assert changes.changed == ["rotation Bakery Continental, from 2026-11-23"]
    old, new = Rotation.objects.order_by("valid_from")
    assert (old.teams, old.valid_to) == ("A 0, B 2, C 4, D 6", new.valid_from)


@pytest.mark.django_db
def test_a_special_day_of_a_past_day_derives_the_figures_again() -> None:
    put(rotating(), NOW)
    line = Line.objects.get(code="L1")
    LineState.objects.create(line=line, facts_version=1)
    changes = put(rotating(days=HOLIDAYS + "  - {kind: closed, first_day: 2026-11-20}\n"), NOW)
    assert "special day Bakery 2026-11-20 closed" in changes.added
    assert "figures of L1, from 2026-11-20 on" in changes.changed


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (
            "[Day, Day, Night,",
            "[Day, Day, Nite,",
            "sequence: Nite is not a shift of this rotation; use Day, Night, off.",
        ),
        ("D: 6", "D: 8", "line 6: rotations → Continental → teams: Team D begins 8 days after the first day"),
        ("to: 06:00}", "to: 07:00}", "rotations: Night 30 Dec · 18:00–07:00 and Day 31 Dec · 06:00–18:00 overlap"),
        ("shift: Day, to", "shift: Dey, to", "special_days → 2 → shift: no shift is called Dey (did you mean Day?)."),
        (
            "kind: changed",
            "kind: chnged",
            "unknown kind of special day chnged; use one of closed, usual, changed, extra",
        ),
        ("shift: Day, to: 12:00", "shift: Day", "special_days → 2 → to: When does the shift start or end"),
        ("last_day: 2026-12-26", "last_day: 2026-12-20", "special_days → 1 → last_day: The last day lies before"),
        ("from: 09:00, to: 09:30", "from: 19:00, to: 19:30", "Tea 19:00–19:30 lies outside Day."),
    ],
)
def test_nonsense_in_rotations_and_special_days_is_refused_in_words(before: str, after: str, sentence: str) -> None:
    problems = refused(rotating((before, after)))
    assert any(sentence in problem for problem in problems), problems


@pytest.mark.django_db
def test_a_bad_file_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "plant.yaml"
    file.write_text(minimal(("Guard open", "{text: Guard open, reason: GARD_OPEN}")))
    with pytest.raises(CommandError) as caught:
        call_command("load_plant", file)
    assert "nothing was changed. 1 problem:" in str(caught.value)
    assert "line 13: lines → L1 → machines → M1 → faults → 0: there is no stop reason GARD_OPEN" in str(caught.value)
    assert not Site.objects.exists()
    assert not Product.objects.exists()


@pytest.mark.django_db
def test_checking_a_file_tells_what_it_would_do_and_does_nothing(tmp_path: Path) -> None:
    file = tmp_path / "plant.yaml"
    file.write_text(MINIMAL)
    told = StringIO()
    call_command("load_plant", file, "--check", stdout=told)
    assert "Bakery: 1 line, 2 machines, 1 product, 1 controller, 5 tags." in told.getvalue()
    assert "Nothing was written; loading it would mean" in told.getvalue()
    assert not Site.objects.exists()


@pytest.mark.django_db
def test_a_missing_file_is_a_sentence() -> None:
    with pytest.raises(CommandError, match="cannot be read: No such file or directory"):
        call_command("load_plant", "nowhere.yaml")


@pytest.mark.django_db
def test_the_demo_plant_loads_and_loads_again() -> None:
    loaded = load(DEMO.read_bytes())
    assert apply(loaded, NOW)
    assert not apply(loaded, LATER)
    assert list(Line.objects.on_screen().values_list("code", flat=True)) == ["L-BAG1", "L-ROLL2", "L-CAKE1"]
    assert FaultDefinition.objects.get(equipment__code="BP01.PACK.BAG1", bit=6).text == "Wicket servo fault"
    assert Controller.objects.count() == 6


@pytest.mark.usefixtures("plant")
def test_a_line_of_another_site_is_not_taken_over() -> None:
    with pytest.raises(Refused) as caught:
        put(minimal(("code: S1", "code: S2")))
    assert "line 8: lines → L1: this line belongs to site S1; choose another code." in str(caught.value)
    assert "line 13: lines → L1 → machines → M1: this machine belongs to line L1 of site S1" in str(caught.value)


@pytest.mark.usefixtures("plant")
def test_a_standard_changed_for_the_past_derives_the_figures_again() -> None:
    line = Line.objects.get(code="L1")
    LineState.objects.create(line=line, facts_version=1)
    dated = minimal(("ideal_cycle_ms: 600", "ideal_cycle_ms: {ms: 500, valid_from: 2026-11-01}"))
    assert "figures of L1, from 2026-11-01 on" in put(dated, LATER).changed
    assert LineDerived.objects.filter(line=line).exists()
    assert not put(dated, LATER)


@pytest.mark.usefixtures("plant")
def test_a_new_product_does_not_judge_the_past_of_a_line_that_runs() -> None:
    line = Line.objects.get(code="L1")
    LineState.objects.create(line=line, facts_version=1)
    changes = put(minimal(("ideal_cycle_ms: 600", "ideal_cycle_ms: 600, ideal_cycles_ms: {P1: 700}")), LATER)
    assert IdealCycle.objects.get(ideal_cycle_ms=700).valid_from == LATER
    assert not changes.restated


def test_every_key_of_a_plant_file_is_described() -> None:
    described = (DEMO.parents[2] / "docs/plant-file.md").read_text()

    def keys(model: type[BaseModel]) -> set[str]:
        return {field.alias or name for name, field in model.model_fields.items()}

    entries = [model for model in vars(schema).values() if isinstance(model, type) and issubclass(model, schema.Entry)]
    missing = {
        key for model in entries for key in keys(model) if f"`{key}`" not in described and f"{key}:" not in described
    }
    assert not missing
