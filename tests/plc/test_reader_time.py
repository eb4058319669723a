from datetime import UTC, datetime, timedelta

from plc.reader import BACKOFF_FIRST_S, BACKOFF_MOST_S, Backoff, Grid
from plc.recorder import ReaderClock

NOW = datetime(2026, 3, 23, 6, 0, tzinfo=UTC)


def compared(*comparisons: tuple[float, float]) -> ReaderClock:
    """A clock that saw the database at (monotonic, seconds after NOW)."""
    clock = ReaderClock()
    for monotonic_s, database_s in comparisons:
        clock.compare(NOW + timedelta(seconds=database_s), monotonic_s)
    return clock


def seconds(clock: ReaderClock, monotonic_s: float) -> float:
    return round((clock.at(monotonic_s) - NOW).total_seconds(), 6)


def test_the_readers_time_is_the_databases() -> None:
    assert seconds(compared((100.0, 0.0)), 107.5) == 7.5


def test_a_step_forward_is_followed() -> None:
    assert seconds(compared((0.0, 0.0), (10.0, 3610.0)), 11.0) == 3611.0


def test_a_clock_set_back_an_hour_does_not_turn_time_around_and_is_shown() -> None:
    clock = compared((0.0, 0.0), (10.0, -3590.0), (20.0, -3580.0))

    assert seconds(clock, 20.0) == 20.0
    assert clock.offset_s == 3600.0


def test_small_differences_are_made_up_for_slowly_and_never_backwards() -> None:
    clock = compared((0.0, 0.0))
    last = seconds(clock, 0.0)
    for step in range(1, 100):
        clock.compare(NOW + timedelta(seconds=step - 0.5), float(step))
        assert seconds(clock, float(step)) > last
        last = seconds(clock, float(step))

    assert abs(clock.offset_s) < 0.001


def test_a_late_scan_loses_slots_and_never_makes_a_burst() -> None:
    grid = Grid(1.0, 100.0)

    grid.advance(100.2)
    assert (grid.next_s, grid.missed) == (101.0, 0)
    grid.advance(104.5)
    assert (grid.next_s, grid.missed) == (105.0, 3)
    grid.advance(105.1)
    assert (grid.next_s, grid.missed) == (106.0, 3)


def test_pauses_double_up_to_half_a_minute_and_start_again_after_a_good_read() -> None:
    backoff = Backoff(BACKOFF_FIRST_S, BACKOFF_MOST_S)

    pauses = [backoff.next_s() for _ in range(10)]

    assert 0.5 <= pauses[0] <= 0.6
    assert 1.6 <= pauses[2] <= 2.4
    assert all(24 <= pause <= 36 for pause in pauses[6:])
    backoff.reset()
    assert backoff.next_s() <= 0.6
