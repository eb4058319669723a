"""Rotations over days and teams, and how people write them down.

A rotation is a sequence of days (“Day Day Night Night off off off off”) that every team works through, each beginning
on a day of its own. Shifts of a rotation are worked on a day by whichever teams the sequence puts there.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import lru_cache

from floor.domain.shifts import BadCalendar, Break, Planned, in_force, length, lies_inside

OFF = "off"
MAX_CYCLE_DAYS = 400

_CLOCK = r"(\d{1,2}:\d{2})"
_SPAN = rf"{_CLOCK}\s*[-–]\s*{_CLOCK}"
_SHIFT = re.compile(rf"(\S+)\s+{_SPAN}(?:\s*,?\s*breaks?:?\s+(\S.*))?")
_BREAK = re.compile(rf"{_SPAN}(?:\s+(\S.*))?")
_TEAM = re.compile(r"(\S(?:.*\S)?)\s+(\d{1,3})")


class Unreadable(BadCalendar):
    """Text that is not what it should be; the message says how to write it."""


@dataclass(frozen=True, slots=True)
class RotaShift:
    """Ending at or before its start means ending the next day."""

    name: str
    starts_at: time
    ends_at: time
    breaks: tuple[Break, ...] = ()

    @property
    def length(self) -> timedelta:
        """On an ordinary day, breaks included."""
        return length(self.starts_at, self.ends_at)


@dataclass(frozen=True, slots=True)
class Team:
    """`offset` days after the rotation's first day the team begins the sequence."""

    name: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Rotation:
    """Valid on [valid_from, valid_to); `first_day` is any day on which a team without offset begins the sequence."""

    shifts: tuple[RotaShift, ...]
    sequence: tuple[str, ...]
    first_day: date
    teams: tuple[Team, ...]
    valid_from: date = date.min
    valid_to: date | None = None

    @property
    def cycle_days(self) -> int:
        return len(self.sequence)

    @property
    def shift_names(self) -> frozenset[str]:
        return frozenset(shift.name for shift in self.shifts)

    def on(self, day: date) -> list[Planned]:
        """One shift for each team that works."""
        if not in_force(self, day):
            return []
        by_name = {shift.name: shift for shift in self.shifts}
        work = ((team, by_name.get(self.word(team, day))) for team in self.teams)
        return [
            Planned(shift.name, shift.starts_at, shift.ends_at, shift.breaks, team.name, self.valid_from, self.valid_to)
            for team, shift in work
            if shift is not None
        ]

    def word(self, team: Team, day: date) -> str:
        """What the sequence says for a team on a day: the name of a shift, or “off”."""
        return self.sequence[((day - self.first_day).days - team.offset) % len(self.sequence)]

    @property
    def work_time(self) -> timedelta:
        """Of one team in one cycle, breaks included."""
        lengths = {shift.name: shift.length for shift in self.shifts}
        return sum((lengths.get(word, timedelta()) for word in self.sequence), timedelta())

    @property
    def hours_per_week(self) -> float:
        """Of one team, on average."""
        return self.work_time / timedelta(hours=1) * 7 / self.cycle_days


def misfits(rotation: Rotation) -> Iterator[tuple[str, str]]:
    """Whatever does not fit together, as (field, sentence)."""
    yield from (("shifts", sentence) for sentence in _bad_shifts(rotation))
    yield from (("sequence", sentence) for sentence in _bad_sequence(rotation))
    yield from (("teams", sentence) for sentence in _bad_teams(rotation))


def _bad_shifts(rotation: Rotation) -> Iterator[str]:
    if not rotation.shifts:
        yield "Name at least one shift, such as Day 06:00–18:00."
    yield from (f"{name} stands twice." for name in _twice(shift.name.casefold() for shift in rotation.shifts))
    for shift in rotation.shifts:
        if shift.name.casefold() == OFF or shift.name.isdigit() or len(shift.name.split()) != 1:
            yield f"A shift of a rotation has a name of one word, not {shift.name}."
        for rest in shift.breaks:
            if not lies_inside(rest, shift.starts_at, shift.ends_at):
                yield f"{rest.name} {span(rest.starts_at, rest.ends_at)} lies outside {shift.name}."


def _bad_sequence(rotation: Rotation) -> Iterator[str]:
    if not rotation.sequence:
        yield "The sequence is empty. Write one word for each day, such as Day Day Night Night off off off off."
    elif len(rotation.sequence) > MAX_CYCLE_DAYS:
        yield f"The sequence has {len(rotation.sequence)} days; at most {MAX_CYCLE_DAYS} are possible."
    elif set(rotation.sequence) == {OFF}:
        yield "Nobody ever works in this sequence."
    known = [shift.name for shift in rotation.shifts]
    for word in dict.fromkeys(rotation.sequence):
        if word not in (OFF, *known):
            yield f"{word} is not a shift of this rotation; use {', '.join([*known, OFF])}."


def _bad_teams(rotation: Rotation) -> Iterator[str]:
    if not rotation.teams:
        yield "Name at least one team, such as A 0."
    yield from (f"Team {name} stands twice." for name in _twice(team.name.casefold() for team in rotation.teams))
    last = rotation.cycle_days - 1
    for team in rotation.teams:
        if last >= 0 and not 0 <= team.offset <= last:
            yield (
                f"Team {team.name} begins {team.offset} days after the first day; the sequence has "
                f"{rotation.cycle_days} days, so use 0 to {last}."
            )


def _twice(names: Iterator[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]


@lru_cache(maxsize=256)
def read_shifts(text: str) -> tuple[RotaShift, ...]:
    """One shift on each line: “Day 06:00–18:00 breaks 09:30–10:00 Tea, 13:00–13:30”. Raises Unreadable."""
    return tuple(_read_shift(line) for line in _parts(text, r"[\n;]"))


def _read_shift(line: str) -> RotaShift:
    found = _SHIFT.fullmatch(line)
    if not found:
        raise Unreadable(f"{line} is not a shift; write Day 06:00–18:00, or Day 06:00–18:00 breaks 09:30–10:00 Tea.")
    return RotaShift(found[1], read_clock(found[2]), read_clock(found[3]), read_breaks(found[4] or ""))


@lru_cache(maxsize=256)
def read_breaks(text: str) -> tuple[Break, ...]:
    """“09:30–10:00 Tea, 13:00–13:30”; a break without a name is a Break. Raises Unreadable."""
    return tuple(_read_break(part) for part in _parts(text, r"[\n;,]"))


def _read_break(part: str) -> Break:
    found = _BREAK.fullmatch(part)
    if not found:
        raise Unreadable(f"{part} is not a break; write 09:30–10:00, or 09:30–10:00 Tea.")
    return Break((found[3] or "Break")[:40], read_clock(found[1]), read_clock(found[2]))


def read_clock(text: str) -> time:
    """“06:30”; “24:00” is midnight. Raises Unreadable."""
    hours, minutes = (int(part) for part in text.split(":"))
    if hours > 24 or minutes > 59 or (hours == 24 and minutes):
        raise Unreadable(f"{text} is not a time of day; write it as 06:30.")
    return time(hours % 24, minutes)


@lru_cache(maxsize=256)
def read_sequence(text: str, shifts: tuple[RotaShift, ...]) -> tuple[str, ...]:
    """One word for each day; a number in front of a word repeats it: “2 Day 2 Night 4 off”. Raises Unreadable."""
    spelling = {OFF: OFF} | {shift.name.casefold(): shift.name for shift in shifts}
    sequence: list[str] = []
    times = 1
    for word in re.split(r"[\s,;|]+", text.strip()):
        if word.isdigit():
            times = min(int(word), MAX_CYCLE_DAYS + 1)
        elif word:
            sequence += [spelling.get(word.casefold(), word)] * times
            times = 1
    if times != 1:
        raise Unreadable("The sequence ends with a number; write the shift behind it, such as 4 off.")
    return tuple(sequence)


@lru_cache(maxsize=256)
def read_teams(text: str) -> tuple[Team, ...]:
    """“A 0, B 2, C 4, D 6”: a name, and after how many days the team begins the sequence. Raises Unreadable."""
    return tuple(_read_team(part) for part in _parts(text, r"[\n;,]"))


def _read_team(part: str) -> Team:
    found = _TEAM.fullmatch(part)
    if not found:
        raise Unreadable(f"{part} is not a team; write its name and its first day, such as A 0, B 4.")
    return Team(found[1], int(found[2]))


def _parts(text: str, separator: str) -> list[str]:
    return [part.strip() for part in re.split(separator, text) if part.strip()]


def write_shifts(shifts: Sequence[RotaShift]) -> str:
    return "\n".join(
        f"{shift.name} {span(shift.starts_at, shift.ends_at)}"
        + (f" breaks {write_breaks(shift.breaks)}" if shift.breaks else "")
        for shift in shifts
    )


def write_breaks(breaks: Sequence[Break]) -> str:
    return ", ".join(f"{span(rest.starts_at, rest.ends_at)} {rest.name}" for rest in breaks)


def write_teams(teams: Sequence[Team]) -> str:
    return ", ".join(f"{team.name} {team.offset}" for team in teams)


def span(starts_at: time, ends_at: time) -> str:
    return f"{starts_at:%H:%M}–{ends_at:%H:%M}"
