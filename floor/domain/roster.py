"""Who is there: people belong to a shift or a team, shifts have times."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from floor.domain.shifts import ShiftWindow


@dataclass(frozen=True, slots=True)
class Duty:
    """One person's place in the plan on [valid_from, valid_to), by the day on which a shift starts.

    An empty `shift` means all shifts of the team, an empty `team` everybody of the shift.
    """

    shift: str = ""
    team: str = ""
    valid_from: date = date.min
    valid_to: date | None = None

    def holds_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)

    def covers(self, window: ShiftWindow) -> bool:
        """Whether the person works this shift. Teams that work together stand in it as “A + B”."""
        works_it = self.shift in ("", window.name) and (not self.team or self.team in window.team.split(" + "))
        return works_it and self.holds_on(window.work_date)


def is_there(here: Iterable[Duty], windows: Iterable[ShiftWindow], today: date, elsewhere: Iterable[Duty] = ()) -> bool:
    """Whether somebody is there while these shifts run, given the duties here; with no duty anywhere today, always."""
    here, windows = list(here), list(windows)
    if any(duty.covers(window) for duty in here for window in windows):
        return True
    return not any(duty.holds_on(today) for duty in (*here, *elsewhere))
