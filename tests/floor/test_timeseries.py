"""How readings and minutes are cut by time: plain partitions on a real PostgreSQL, TimescaleDB by what it is sent."""

import io
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection, connections, transaction
from django.db.migrations.executor import MigrationExecutor
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoDbBlocker
from structlog.testing import capture_logs

from floor import timeseries
from floor.actions.machine import MachineBatch, record
from floor.actions.retention import ensure_partitions, keep_ahead, partitions
from floor.domain.fold import MachineSetup
from floor.domain.machine import Observation
from floor.models import Equipment, MachineMinute, Reading
from floor.timeseries import MINUTES, READINGS, SERIES, Branch, BranchRefused, Piece, Series
from tests.factories import make_line, make_machine

SIX = datetime(2024, 3, 5, 6, 0, tzinfo=UTC)  # a Tuesday
DAY = timedelta(days=1)
WHOLE, CUT = "0002_readings_and_audit", "0003_timeseries"


def scans(machine: Equipment, start: datetime, count: int = 3) -> MachineBatch:
    seen = [
        Observation(start + timedelta(seconds=n), 1, int(start.timestamp()) + n, True, True, 100.0, 7, n, 0, 0)
        for n in range(count)
    ]
    return MachineBatch(machine.id, MachineSetup(), seen)


def lies_in(series: Series) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT tableoid::regclass::text FROM {series.table}")
        return {row[0] for row in cursor.fetchall()}


# ---------------------------------------------------------------- partitions


@pytest.mark.django_db
def test_there_is_room_for_old_history_on_both_sides_of_a_year() -> None:
    ensure_partitions(date(2021, 12, 31), date(2022, 1, 3))
    assert [name for name in partitions() if "_202112" in name or "_202201" in name] == [
        "floor_reading_20211231",
        "floor_reading_20220101",
        "floor_reading_20220102",
        "floor_reading_20220103",
    ]
    assert [name for name in partitions(MINUTES) if "_202112" in name or "_202201" in name] == [
        "floor_machineminute_20211227",
        "floor_machineminute_20220103",
    ]


@pytest.mark.django_db
def test_making_room_again_changes_nothing() -> None:
    ensure_partitions(SIX.date(), SIX.date())
    before = partitions()
    ensure_partitions(SIX.date(), SIX.date())
    assert partitions() == before


@pytest.mark.django_db
def test_the_coming_week_has_room_before_it_comes() -> None:
    keep_ahead(SIX)
    made = set(partitions())
    assert {f"floor_reading_{SIX + n * DAY:%Y%m%d}" for n in range(-1, 8)} <= made
    assert f"floor_reading_{SIX + 8 * DAY:%Y%m%d}" not in made
    assert {"floor_machineminute_20240304", "floor_machineminute_20240311"} <= set(partitions(MINUTES))


@pytest.mark.django_db
def test_a_new_database_has_room_for_today_without_any_tidying() -> None:
    assert partitions()
    assert partitions(MINUTES)


@pytest.mark.django_db
def test_facts_lie_in_the_piece_of_their_time() -> None:
    ensure_partitions(SIX.date(), SIX.date())
    record([scans(make_machine(make_line()), SIX)])
    assert lies_in(READINGS) == {"floor_reading_20240305"}
    assert lies_in(MINUTES) == {"floor_machineminute_20240304"}


@pytest.mark.django_db
def test_a_minute_that_is_counted_again_is_added_to_the_same_row() -> None:
    ensure_partitions(SIX.date(), SIX.date())
    machine = make_machine(make_line())
    record([scans(machine, SIX)])
    record([scans(machine, SIX + timedelta(seconds=3))])
    assert MachineMinute.objects.get().run_ms == 5000


@given(day=st.dates(min_value=date(2000, 1, 1), max_value=date(2100, 1, 1)))
def test_every_day_lies_in_exactly_one_week_that_begins_on_monday(day: date) -> None:
    first = MINUTES.first_day(day)
    assert first.weekday() == 0
    assert first <= day < first + MINUTES.step
    assert READINGS.first_day(day) == day


@pytest.mark.django_db(transaction=True)
def test_two_starters_make_room_at_once_without_colliding() -> None:
    first, together, failed = date(2019, 5, 1), threading.Barrier(2), []

    def starter() -> None:
        together.wait()
        try:
            ensure_partitions(first, first + 9 * DAY)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test fails by it
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=starter) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    made = [name for series in SERIES for name in partitions(series) if "_2019" in name]
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE " + ", ".join(made))
    assert failed == []
    assert len(made) == 12  # ten days, two weeks


# ---------------------------------------------------------------- strays


@pytest.mark.django_db
def test_strays_are_told_and_come_home() -> None:
    record([scans(make_machine(make_line()), SIX)])
    assert lies_in(READINGS) == {"floor_reading_strays"}

    with capture_logs() as said:
        keep_ahead(SIX + 3 * DAY)

    assert [(line["log_level"], line["table"], line["rows"]) for line in said] == [
        ("error", "floor_reading", 3),
        ("error", "floor_machineminute", 1),
    ]
    assert lies_in(READINGS) == {"floor_reading_20240305"}
    assert lies_in(MINUTES) == {"floor_machineminute_20240304"}
    assert Reading.objects.count() == 3


@pytest.mark.django_db
def test_readings_of_a_clock_that_runs_years_ahead_stay_astray_and_are_told_each_time() -> None:
    record([scans(make_machine(make_line()), SIX + 3650 * DAY)])
    for _ in range(2):
        with capture_logs() as said:
            keep_ahead(SIX)
        assert len(said) == 2
    assert lies_in(READINGS) == {"floor_reading_strays"}


@pytest.mark.django_db
def test_strays_that_are_too_old_to_be_kept_are_dropped() -> None:
    record([scans(make_machine(make_line()), SIX)])
    keep_ahead(SIX + 500 * DAY)
    assert Reading.objects.count() == 0
    with capture_logs() as said:
        keep_ahead(SIX + 500 * DAY)
    assert said == []


# ---------------------------------------------------------------- a database of one's own


@pytest.fixture
def before(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """Alias of an empty database beside the tests' own."""
    name = f"ms5_before_{os.getpid()}"
    connections.settings["before"] = {**connection.settings_dict, "NAME": name}
    with django_db_blocker.unblock():
        statement(f"CREATE DATABASE {name}")
        yield "before"
        connections["before"].close()
        statement(f"DROP DATABASE {name}")
    del connections["before"], connections.settings["before"]


def statement(words: str) -> None:
    """Outside every database, and so outside every transaction."""
    with connection._nodb_cursor() as cursor:
        cursor.execute(words)


def migrate(alias: str, target: str) -> None:
    call_command("migrate", "floor", target, database=alias, verbosity=0, skip_checks=False)


def test_minutes_from_before_they_were_cut_survive_it_and_the_way_back(before: str) -> None:
    migrate(before, WHOLE)
    old = MigrationExecutor(connections[before]).loader.project_state(("floor", WHOLE)).apps
    site = old.get_model("floor", "Site").objects.using(before).create(code="B", name="B")
    line = old.get_model("floor", "Line").objects.using(before).create(code="L", name="L", site=site, target_rate=75)
    machine = old.get_model("floor", "Equipment").objects.using(before).create(line=line, code="M", name="M")
    minutes = old.get_model("floor", "MachineMinute").objects.using(before)
    for n in range(30):
        minutes.create(equipment=machine, minute=SIX + n * DAY, product_number=n % 2, made=n, run_ms=n * 7)
    kept = list(minutes.order_by("minute").values_list("minute", "product_number", "made", "run_ms"))

    migrate(before, CUT)
    now = MachineMinute.objects.using(before).order_by("minute")
    assert list(now.values_list("minute", "product_number", "made", "run_ms")) == kept
    with connections[before].cursor() as cursor:
        assert timeseries.strays(cursor, MINUTES) is None
        assert len([piece for piece in timeseries.pieces(cursor, MINUTES) if piece.start.year == 2024]) == 5

    migrate(before, WHOLE)
    assert list(minutes.order_by("minute").values_list("minute", "product_number", "made", "run_ms")) == kept


def test_asking_for_timescaledb_where_it_is_not_installed_is_one_sentence_with_a_hint(
    before: str, settings: LazySettings
) -> None:
    settings.TIMESERIES = "timescale"
    with pytest.raises(SystemCheckError) as refused:
        migrate(before, CUT)
    assert "this PostgreSQL server does not have the extension" in str(refused.value)
    assert "HINT: Install TimescaleDB 2.20 or newer" in str(refused.value)
    with connections[before].cursor() as cursor:
        assert timeseries.branch(cursor) is None


def test_a_database_remembers_that_it_was_made_with_partitions(before: str, settings: LazySettings) -> None:
    migrate(before, WHOLE)
    settings.TIMESERIES = "timescale"
    with pytest.raises(SystemCheckError, match="was made with plain partitions, which cannot become hypertables"):
        migrate(before, CUT)
    settings.TIMESERIES = "partitions"
    migrate(before, CUT)
    with connections[before].cursor() as cursor:
        assert timeseries.branch(cursor) is Branch.PARTITIONS


# ---------------------------------------------------------------- TimescaleDB, by what it is sent


class Recorder:
    """Stands where the cursor of a server with TimescaleDB would: keeps what it is sent, answers what it is told to."""

    def __init__(self, *, licence: str = "timescale", relkind: str | None = "r", available: bool = True) -> None:
        self.sent: list[tuple[str, Sequence[object]]] = []
        self.rows: list[tuple[object, ...]] = []
        self.answers: dict[str, list[tuple[object, ...]]] = {
            "SELECT relkind FROM pg_class": [] if relkind is None else [(relkind,)],
            "SELECT extversion": [("2.21.4", licence)],
            "SELECT 1 FROM pg_available_extensions": [(1,)] if available else [],
        }

    def execute(self, statement: str, values: Sequence[object] = ()) -> None:
        known = [rows for begins, rows in self.answers.items() if statement.startswith(begins)]
        self.rows = list(known[0]) if known else []
        if not known:
            self.sent.append((statement, values))

    def fetchone(self) -> tuple[object, ...] | None:
        return self.rows.pop(0) if self.rows else None

    def fetchall(self) -> list[tuple[object, ...]]:
        return self.rows

    @property
    def statements(self) -> list[str]:
        return [statement for statement, _ in self.sent]


MADE = [
    "CREATE EXTENSION IF NOT EXISTS timescaledb",
    "CREATE TABLE floor_reading (at timestamptz)",
    "SELECT create_hypertable('floor_reading', by_range('at', INTERVAL '1 days'), create_default_indexes => false)",
]
COMPRESSED = [
    "ALTER TABLE floor_reading SET (timescaledb.enable_columnstore, timescaledb.segmentby = 'equipment_id',"
    " timescaledb.orderby = 'at DESC')",
    "CALL add_columnstore_policy('floor_reading', after => INTERVAL '7 days', if_not_exists => true)",
]


@pytest.mark.parametrize(("licence", "sent"), [("timescale", [*MADE, *COMPRESSED]), ("apache", MADE)])
def test_hypertables_are_compressed_only_where_the_licence_has_it(licence: str, sent: list[str]) -> None:
    server = Recorder(licence=licence)
    timeseries.create(server, READINGS, "at timestamptz", Branch.TIMESCALE)
    assert server.statements == sent


def test_the_order_in_a_compressed_week_of_minutes_has_the_whole_key() -> None:
    server = Recorder()
    timeseries.create(server, MINUTES, "minute timestamptz", Branch.TIMESCALE)
    assert "by_range('minute', INTERVAL '7 days')" in server.statements[2]
    assert "timescaledb.orderby = 'minute DESC, product_number'" in server.statements[3]


def test_a_hypertable_makes_its_own_chunks_and_has_no_strays() -> None:
    server = Recorder()
    assert timeseries.cover(server, READINGS, [SIX.date()]) == []
    assert timeseries.strays(server, READINGS) is None
    assert server.sent == []


def test_old_chunks_are_dropped_by_their_age() -> None:
    server = Recorder()
    timeseries.drop(server, READINGS, Piece("_hyper_1_1_chunk", SIX, SIX + DAY, None, 1, compressed=True))
    assert server.sent == [
        ("SELECT drop_chunks('floor_reading', older_than => %s::timestamptz)", [SIX + DAY]),
    ]


def test_chunks_are_listed_with_their_sizes() -> None:
    server = Recorder()
    server.answers["SELECT c.chunk_name"] = [("_hyper_1_1_chunk", SIX, SIX + DAY, None, 4096, True)]
    assert timeseries.pieces(server, READINGS) == [Piece("_hyper_1_1_chunk", SIX, SIX + DAY, None, 4096, True)]


@pytest.mark.parametrize(
    ("relkind", "available", "wanted", "chosen"),
    [
        (None, True, Branch.TIMESCALE, Branch.TIMESCALE),
        (None, True, Branch.PARTITIONS, Branch.PARTITIONS),
        ("r", True, Branch.PARTITIONS, Branch.TIMESCALE),
        ("r", True, Branch.TIMESCALE, Branch.TIMESCALE),
        ("p", True, Branch.PARTITIONS, Branch.PARTITIONS),
    ],
)
def test_what_the_database_is_counts_for_more_than_the_setting(
    relkind: str | None, available: bool, wanted: Branch, chosen: Branch
) -> None:
    assert timeseries.choose(Recorder(relkind=relkind, available=available), wanted) is chosen


def test_partitions_do_not_become_hypertables_even_where_the_extension_is() -> None:
    with pytest.raises(BranchRefused):
        timeseries.choose(Recorder(relkind="p"), Branch.TIMESCALE)


# ---------------------------------------------------------------- status


@pytest.fixture
def status() -> Callable[..., str]:
    def ask(*arguments: str) -> str:
        answer = io.StringIO()
        call_command("timeseries", "status", *arguments, stdout=answer)
        return answer.getvalue()

    return ask


@pytest.mark.django_db
def test_the_status_says_what_there_is_and_what_goes_next(status: Callable[..., str]) -> None:
    ensure_partitions(date(2001, 5, 1), date(2001, 5, 1))
    said = status()
    assert "Plain PostgreSQL: range partitions." in said
    assert "Next to be dropped: floor_reading_20010501, at 2001-07-31 01:00 UTC." in said
    assert "Next to be dropped: floor_machineminute_20010430, at 2001-08-05 01:00 UTC." in said
    assert said.count("No strays.") == 2


@pytest.mark.django_db
def test_the_status_counts_the_strays(status: Callable[..., str]) -> None:
    record([scans(make_machine(make_line()), SIX)])
    assert "3 STRAYS from 2024-03-05 06:00 to 2024-03-05 06:00 UTC" in status()


@pytest.mark.django_db
def test_the_status_for_machines_has_the_same_facts(status: Callable[..., str]) -> None:
    ensure_partitions(date(2001, 5, 1), date(2001, 5, 1))
    record([scans(make_machine(make_line()), datetime(2001, 5, 1, 6, tzinfo=UTC))])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ANALYZE floor_reading_20010501")
    told = json.loads(status("--json"))
    readings = told["tables"][0]
    assert (told["branch"], told["extension"]) == ("partitions", None)
    assert (readings["table"], readings["kept_days"], readings["strays"]) == ("floor_reading", 90, None)
    assert readings["pieces"][0]["start"] == "2001-05-01T00:00:00+00:00"
    assert (readings["pieces"][0]["rows"], readings["pieces"][0]["compressed"]) == (3, False)
    assert readings["next"] == {"name": "floor_reading_20010501", "at": "2001-07-31T01:00:00+00:00"}
    assert readings["size"] == sum(piece["size"] for piece in readings["pieces"]) > 0
