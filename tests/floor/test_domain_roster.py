from datetime import UTC, date, datetime

from floor.domain.roster import Duty, is_there
from floor.domain.shifts import ShiftWindow

TODAY = date(2026, 3, 2)


def window(name: str = "Night", team: str = "", day: date = TODAY) -> ShiftWindow:
    return ShiftWindow(name, day, datetime(2026, 3, 2, 22, tzinfo=UTC), datetime(2026, 3, 3, 6, tzinfo=UTC), (), team)


def test_somebody_without_a_duty_is_always_there() -> None:
    assert is_there([], [], TODAY)


def test_somebody_is_there_in_their_own_shift_and_in_no_other() -> None:
    night = [Duty(shift="Night")]

    assert is_there(night, [window("Night")], TODAY)
    assert not is_there(night, [window("Day")], TODAY)
    assert not is_there(night, [], TODAY)


def test_a_team_is_there_whichever_shift_it_works_also_together_with_another() -> None:
    team = [Duty(team="B")]

    assert is_there(team, [window("Day", "A + B")], TODAY)
    assert is_there(team, [window("Night", "B")], TODAY)
    assert not is_there(team, [window("Night", "A")], TODAY)
    assert not is_there(team, [window("Night", "AB")], TODAY)


def test_a_night_shift_belongs_to_the_day_on_which_it_began() -> None:
    until_today = [Duty(shift="Night", valid_to=TODAY), Duty(shift="Day", valid_from=TODAY)]

    assert is_there(until_today, [window("Night", day=date(2026, 3, 1))], TODAY)
    assert not is_there(until_today, [window("Night")], TODAY)


def test_whose_duty_has_ended_is_not_lost() -> None:
    assert is_there([Duty(shift="Day", valid_to=TODAY)], [window("Night")], TODAY)


def test_whoever_works_elsewhere_is_not_here() -> None:
    assert not is_there([], [window("Day")], TODAY, elsewhere=[Duty(shift="Day")])
