import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from floor.domain.counters import CounterSetup
from floor.domain.fold import MachineSetup
from floor.domain.machine import Observation
from plc import spool
from plc.spool import Seen, Spool, abandoned, read

AT = datetime(2026, 3, 23, 6, 12, 0, 123456, tzinfo=UTC)
MACHINE = uuid.UUID(int=7)
SETUP = MachineSetup(2000, CounterSetup(65536, 2.5), CounterSetup(), counts_good=True)


def row(number: int) -> Seen:
    at = AT + timedelta(seconds=number)
    return (
        MACHINE,
        SETUP,
        Observation(at, 5, number, seen=True, running=True, speed=60.5, made=number, fault_bits=2**63),
    )


def test_what_was_kept_is_read_back_to_the_last_microsecond(tmp_path: Path) -> None:
    kept = Spool(tmp_path)
    kept.append([row(1), row(2)], now_s=0)
    kept.append([row(3)], now_s=1)

    segment = kept.seal_oldest()

    assert segment is not None
    assert list(read(segment)) == [row(1), row(2), row(3)]
    assert kept.rows == 3


@pytest.mark.parametrize("lost_bytes", [1, 7, 60])
def test_a_torn_tail_costs_only_the_last_row(tmp_path: Path, lost_bytes: int) -> None:
    kept = Spool(tmp_path)
    kept.append([row(1), row(2)], now_s=0)
    segment = kept.seal_oldest()
    assert segment is not None

    segment.write_bytes(segment.read_bytes()[:-lost_bytes])

    assert list(read(segment)) == [row(1)]


def test_damage_ends_a_segment_instead_of_inventing_rows(tmp_path: Path) -> None:
    kept = Spool(tmp_path)
    kept.append([row(1), row(2), row(3)], now_s=0)
    segment = kept.seal_oldest()
    assert segment is not None
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 0xFF

    segment.write_bytes(data)

    assert list(read(segment)) == [row(1)]


def test_a_living_writer_keeps_its_rows_and_a_dead_ones_are_adopted(tmp_path: Path) -> None:
    alive, dead = Spool(tmp_path), Spool(tmp_path)
    alive.append([row(1)], now_s=0)
    dead.append([row(2)], now_s=0)
    dead.close()

    with abandoned(tmp_path) as segments:
        assert [list(read(segment)) for segment in segments] == [[row(2)]]

    with abandoned(tmp_path) as segments:
        assert segments == []
    segment = alive.seal_oldest()
    assert segment is not None
    assert list(read(segment)) == [row(1)]


def test_adopted_rows_stay_when_recording_them_fails(tmp_path: Path) -> None:
    dead = Spool(tmp_path)
    dead.append([row(1)], now_s=0)
    dead.close()

    with pytest.raises(ConnectionError), abandoned(tmp_path):
        raise ConnectionError

    with abandoned(tmp_path) as segments:
        assert len(segments) == 1


def test_recorded_segments_leave_nothing_behind(tmp_path: Path) -> None:
    kept = Spool(tmp_path)
    kept.append([row(1)], now_s=0)
    segment = kept.seal_oldest()
    assert segment is not None
    kept.append([row(2)], now_s=1)

    kept.recorded(segment, 1)

    following = kept.seal_oldest()
    assert following is not None
    assert list(read(following)) == [row(2)]
    kept.recorded(following, 1)
    kept.close()
    assert [path.name for path in tmp_path.iterdir()] == []


def test_after_twelve_hours_the_oldest_quarter_hour_goes(tmp_path: Path) -> None:
    kept = Spool(tmp_path)
    for quarter in range(spool.MAX_SEGMENTS + 2):
        kept.append([row(quarter)], now_s=quarter * (spool.SEGMENT_S + 1))

    oldest = kept.seal_oldest()

    assert oldest is not None
    assert list(read(oldest)) == [row(2)]
    assert len(list(tmp_path.glob("*.spool"))) == spool.MAX_SEGMENTS
