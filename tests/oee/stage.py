"""A line whose facts a test writes in one line: `stage.machine("r", "06:00 run, 07:10 stop, 07:20 run")`."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from floor.models import (
    Equipment,
    FactsChange,
    Line,
    LineState,
    MachineMinute,
    MachineState,
    ShiftBreak,
    ShiftPattern,
    StateEdge,
)
from tests.factories import make_ideal_cycle, make_line, make_machine, make_shifts

DAY = datetime(2026, 11, 20, tzinfo=UTC)


def at(clock: str, day: int = 0) -> datetime:
    """ "06:30" or "06:30:05" on the day of the story (UTC is the plant's time in November)."""
    hours, minutes, *seconds = (int(part) for part in clock.split(":"))
    return DAY + timedelta(days=day, hours=hours, minutes=minutes, seconds=seconds[0] if seconds else 0)


@dataclass
class Stage:
    line: Line
    machine: Equipment

    def sees(self, story: str, until: datetime, machine: Equipment | None = None) -> None:
        """Write the edges of `story` ("06:00 run, 06:10 stop") and observe the machine until `until`."""
        machine = machine or self.machine
        steps = [step.split() for step in story.split(",") if step.strip()]
        self.edges([(at(clock), state) for clock, state in steps], until, machine)

    def edges(self, edges: list[tuple[datetime, str]], until: datetime, machine: Equipment | None = None) -> None:
        machine = machine or self.machine
        StateEdge.objects.bulk_create([StateEdge(equipment=machine, at=moment, state=state) for moment, state in edges])
        state = edges[-1] if edges else None
        row, _ = MachineState.objects.get_or_create(equipment=machine)
        before = row.observed_until
        row.observed_until = until
        if state is not None:
            row.since, row.state = state
        row.save()
        self.touched(min([*(moment for moment, _ in edges), *([before] if before else [until])]))

    def makes(self, minute: datetime, made: int, rejected: int = 0, **more: int) -> None:
        MachineMinute.objects.create(equipment=self.machine, minute=minute, made=made, rejected=rejected, **more)
        self.touched(minute)

    def touched(self, since: datetime) -> None:
        state, _ = LineState.objects.get_or_create(line=self.line)
        state.facts_version += 1
        state.save()
        FactsChange.objects.create(line=self.line, version=state.facts_version, since=since)


def make_stage(code: str = "L-BAG1", *, ideal_cycle_ms: int | None = 1000, shifts: bool = True) -> Stage:
    """A line in three shifts (06–14, 14–22, 22–06) with a break 10:00–10:30 and one primary machine."""
    line = make_line(code, target_rate=40.0)
    machine = make_machine(line, position=10)
    if ideal_cycle_ms is not None:
        make_ideal_cycle(machine, ideal_cycle_ms)
    if shifts and not ShiftPattern.objects.filter(site=line.site).exists():
        day = make_shifts(line.site)[0]
        ShiftBreak.objects.create(pattern=day, name="Tea", starts_at=time(10), ends_at=time(10, 30))
    return Stage(line, machine)
