"""A production line as a chain of machines and buffers, moved from event to event.

Between two events every speed is constant, so the number of parts at any time is exact and does not depend
on how often anybody looks: ten steps of one second and one step of ten seconds are the same plant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf
from random import Random
from typing import Any

from plc.simulator import calendar
from plc.simulator.calendar import LineCalendar
from plc.simulator.incidents import (
    BLOCKED,
    BREAK,
    CHANGEOVER,
    FAULT,
    OFF,
    READY,
    RUNNING,
    STARTING,
    STARVED,
    STATE_NAMES,
    Stage,
    Trouble,
    mask,
    stages,
)

RAMP = (0.30, 0.55, 0.75, 0.90)  # share of full speed in each step after a start
RAMP_STEP_S = 2.0
LOW, MIDDLE, HIGH = 0, 1, 2
BREAK_SKIPPED = 0.15  # share of breaks the crew runs through
OPEN = "open"
_IDLE = {calendar.OFF: OFF, calendar.BREAK: BREAK, "changeover": CHANGEOVER}


@dataclass(frozen=True, slots=True)
class Product:
    number: int
    name: str
    rates: tuple[float, ...]  # ideal parts per minute, one for each machine of the line


@dataclass(frozen=True, slots=True)
class MachineSpec:
    code: str
    micro: Trouble
    breakdown: Trouble
    reset_prompts: tuple[int, ...]
    start_prompts: tuple[int, ...]
    running_bits: tuple[int, ...] = ()
    batch_bits: tuple[int, ...] = ()  # shown during a changeover
    neighbour_bit: int | None = None  # shown while blocked by a faulted machine downstream
    pieces: int = 1  # pieces of the line in one part of this machine
    rejects: float = 0.015
    clears_count: float = 0.0  # chance that the part counter is zeroed at a product change


@dataclass(frozen=True, slots=True)
class LineSpec:
    code: str
    machines: tuple[MachineSpec, ...]
    buffers: tuple[float, ...]  # capacity in pieces after each machine but the last
    primary: int
    products: tuple[Product, ...]
    calendar: LineCalendar
    batch_s: float = 12_600.0
    changeover_s: float = 600.0


class Machine:
    """One machine: its state, speed and counters as they were at the line's last event."""

    FIELDS = (
        "state", "cause", "bits", "stages", "due", "ramp", "rate", "made", "rejects", "reject_ratio", "slow",
        "slow_due", "slow_left", "micro_due", "micro_left", "break_due", "break_left", "pace", "product",
        "count_base", "batch_base", "mood",
    )  # fmt: skip
    __slots__ = (*FIELDS, "index", "spec")

    def __init__(self, spec: MachineSpec, index: int, product: int, rng: Random) -> None:
        self.spec, self.index, self.product = spec, index, product
        self.state, self.cause, self.bits = OFF, "", 0
        self.stages: list[Stage] = []  # what comes after the present stage, last first
        self.due = inf
        self.ramp, self.rate, self.pace, self.slow = 0, 0.0, 1.0, 1.0
        self.made, self.rejects, self.reject_ratio = 0.0, 0.0, spec.rejects
        self.slow_due = self.micro_due = self.break_due = inf
        self.slow_left = rng.expovariate(1 / 7200)
        self.micro_left = spec.micro.next_after(rng)
        self.break_left = spec.breakdown.next_after(rng)
        self.count_base = self.batch_base = 0
        self.mood = 1.0  # how well a batch suits the machine: running time between stops is longer by this

    @property
    def is_running(self) -> bool:
        return self.state == RUNNING or self.state == STARTING


class Buffer:
    FIELDS = ("level", "zone")
    __slots__ = ("capacity", "level", "zone")

    def __init__(self, capacity: float) -> None:
        self.capacity, self.level, self.zone = capacity, 0.0, LOW

    def clear(self) -> None:
        self.level, self.zone = 0.0, LOW


@dataclass(frozen=True, slots=True)
class Change:
    """A state change of a machine, for the journal."""

    t: float
    machine: str
    state: str
    cause: str
    bits: int


class Line:
    FIELDS = ("at", "now", "calendar_state", "calendar_due", "batch_due", "swap_due", "changeover_due",
              "forced", "mode")  # fmt: skip

    def __init__(self, spec: LineSpec, seed: int, start: float) -> None:
        self.spec = spec
        self.rng = Random(f"{seed}:{spec.code}")
        product = spec.products[0].number
        self.machines = [Machine(m, i, product, self.rng) for i, m in enumerate(spec.machines)]
        self.buffers = [Buffer(c) for c in spec.buffers]
        self.changes: list[Change] | None = None  # set to a list to keep a journal
        self.incidents = True
        self.at = self.now = start
        self.forced = False
        self.calendar_state, self.calendar_due = spec.calendar.at(start)
        self.batch_due = start + self._batch_length()
        self.swap_due = self.changeover_due = inf
        self.mode = calendar.OFF
        self._next_at, self._next_event = start, self._settle
        self._apply_mode()
        self._plan()

    # --- time -----------------------------------------------------------------------------------------

    def advance(self, until: float) -> None:
        """Bring the line to `until` (epoch seconds); a time in the past changes nothing."""
        while self._next_at <= until:
            at, event = self._next_at, self._next_event
            self._roll(at)
            event()
            self._plan()
        self.now = max(self.now, until)

    def made(self, machine: Machine) -> int:
        return int(machine.made + machine.rate * (self.now - self.at))

    def rejected(self, machine: Machine) -> int:
        """Return rejects so far. They follow whole parts, so good parts never go down."""
        parts = self.made(machine) - int(machine.made)
        return int(machine.rejects + machine.reject_ratio * parts)

    def _roll(self, t: float) -> None:
        """Make `t` the time that all positions refer to."""
        span = t - self.at
        if span > 0:
            for k, buffer in enumerate(self.buffers):
                level = buffer.level + self._net(k) * span
                buffer.level = min(max(level, 0.0), buffer.capacity)
            for m in self.machines:
                before = int(m.made)
                m.made += m.rate * span
                m.rejects += m.reject_ratio * (int(m.made) - before)
        self.at = t
        self.now = max(self.now, t)

    def _plan(self) -> None:
        """Find the next event. Earlier in this list wins a tie."""
        best: float = self.calendar_due
        event: Callable[[], None] = self._on_calendar
        for due, then in (
            (self.batch_due, self._on_batch_end),
            (self.swap_due, self._on_swap),
            (self.changeover_due, self._on_changeover_end),
        ):
            if due < best:
                best, event = due, then
        for m in self.machines:
            due = min(m.due, m.micro_due, m.break_due, m.slow_due)
            if due < best:
                best, event = due, _bind(self._on_machine, m)
        for k in range(len(self.buffers)):
            due, level = self._crossing(k)
            if due < best:
                best, event = due, _bind_level(self._on_level, k, level)
        self._next_at, self._next_event = best, event

    def _settle(self) -> None:
        return

    # --- calendar, batches ----------------------------------------------------------------------------

    def _on_calendar(self) -> None:
        state, self.calendar_due = self.spec.calendar.at(self.at)
        if state == calendar.BREAK and self.rng.random() < BREAK_SKIPPED:
            state = calendar.OPEN
        if state == calendar.OFF:
            for buffer in self.buffers:
                buffer.clear()
        self.calendar_state = state
        self._apply_mode()

    def _on_batch_end(self) -> None:
        if self.calendar_state != calendar.OPEN or self.forced:
            self.batch_due = self.calendar_due + 1.0
            return
        length = self.spec.changeover_s * exp(self.rng.gauss(0.0, 0.35))
        self.batch_due = inf
        self.swap_due, self.changeover_due = self.at + length / 2, self.at + length
        self._apply_mode()

    def _on_swap(self) -> None:
        """Load the next product: lines are cleared, batch counters start at nought."""
        self.swap_due = inf
        numbers = [p.number for p in self.spec.products if p.number != self.machines[0].product]
        number = self.rng.choice(numbers)
        for buffer in self.buffers:
            buffer.clear()
        for m in self.machines:
            m.product, m.pace = number, self.rng.uniform(0.94, 1.0)
            m.mood = exp(self.rng.gauss(-0.2, 0.4))
            m.batch_base = int(m.made)
            if self.rng.random() < m.spec.clears_count:
                self.reset_count(m)

    def _on_changeover_end(self) -> None:
        self.changeover_due = inf
        self.batch_due = self.at + self._batch_length()
        self._apply_mode()

    def _batch_length(self) -> float:
        return self.spec.batch_s * exp(self.rng.gauss(0.0, 0.4))

    def _apply_mode(self) -> None:
        mode = self._mode()
        if mode == self.mode:
            return
        self.mode = mode
        for m in self.machines:
            if m.state == FAULT:
                continue  # the repair goes on; what follows is decided at its end
            if mode == OPEN:
                self._queue_start(m)
            else:
                self._idle(m)

    def _mode(self) -> str:
        if self.forced:
            return OPEN
        if self.calendar_state != calendar.OPEN:
            return self.calendar_state
        return "changeover" if self.changeover_due < inf else OPEN

    # --- machines -------------------------------------------------------------------------------------

    def _on_machine(self, m: Machine) -> None:
        if m.due <= self.at:
            self._on_stage_end(m)
        elif m.slow_due <= self.at:
            self._on_slow(m)
        elif m.break_due <= self.at:
            self._strike(m, m.spec.breakdown)
        else:
            self._strike(m, m.spec.micro)

    def _on_stage_end(self, m: Machine) -> None:
        if m.state == STARTING:
            self._climb(m)
        elif m.stages:
            self._enter_stage(m, m.stages.pop())
        elif self.mode == OPEN:
            self._start(m)
        else:
            self._idle(m)

    def _enter_stage(self, m: Machine, stage: Stage) -> None:
        seconds, state, bits, cause = stage
        m.due = self.at + seconds
        self._stand(m, state, bits, cause)

    def _strike(self, m: Machine, trouble: Trouble) -> None:
        incident = trouble.pick(self.rng)
        length = trouble.length(incident, self.rng)
        plan = stages(incident, length, m.spec.reset_prompts, self.rng)
        left = trouble.next_after(self.rng) * m.mood
        if trouble is m.spec.micro:
            m.micro_due = self.at + left
        else:
            m.break_due = self.at + left
        self._interrupt(m, plan)

    def _interrupt(self, m: Machine, plan: list[Stage]) -> None:
        m.stages = plan[:0:-1]
        self._enter_stage(m, plan[0])

    def _queue_start(self, m: Machine) -> None:
        wait = 3.0 + 4.0 * m.index + self.rng.uniform(0.0, 6.0)
        self._interrupt(m, [(wait, READY, mask(m.spec.start_prompts), "ready to start")])

    def _idle(self, m: Machine) -> None:
        m.due, m.stages = inf, []
        batch_done = m.spec.batch_bits if self.mode == "changeover" else ()
        self._stand(m, _IDLE[self.mode], mask(batch_done), self.mode)

    def _stand(self, m: Machine, state: int, bits: int, cause: str) -> None:
        """Bring a machine to rest; what was due in running time waits until it runs again."""
        if m.is_running:
            m.micro_left, m.micro_due = max(m.micro_due - self.at, 0.0), inf
            m.break_left, m.break_due = max(m.break_due - self.at, 0.0), inf
            m.slow_left, m.slow_due = max(m.slow_due - self.at, 0.0), inf
        m.rate = 0.0
        self._note(m, state, bits, cause)

    def _start(self, m: Machine) -> None:
        if m.index > 0 and self.buffers[m.index - 1].level <= 0.0:
            m.due = inf
            self._stand(m, STARVED, 0, "starved")
        elif m.index < len(self.buffers) and self.buffers[m.index].level >= self.buffers[m.index].capacity:
            m.due = inf
            self._stand(m, BLOCKED, 0, "blocked")
        else:
            self._run(m)

    def _run(self, m: Machine) -> None:
        m.ramp, m.due = 0, self.at + RAMP_STEP_S
        m.slow_due = self.at + m.slow_left
        if self.incidents and not self.forced:
            m.micro_due, m.break_due = self.at + m.micro_left, self.at + m.break_left
        m.reject_ratio = min(3.0 * m.spec.rejects, 0.5)
        self._note(m, STARTING, mask(m.spec.running_bits), "starting")
        self._set_rate(m)

    def _climb(self, m: Machine) -> None:
        m.ramp += 1
        if m.ramp < len(RAMP):
            m.due = self.at + RAMP_STEP_S
        else:
            m.due = inf
            m.reject_ratio = min(m.spec.rejects * exp(self.rng.gauss(0.0, 0.5)), 0.5)
            self._note(m, RUNNING, m.bits, "running")
        self._set_rate(m)

    def _on_slow(self, m: Machine) -> None:
        """Begin or end a slow spell."""
        if m.slow < 1.0:
            m.slow, seconds = 1.0, self.rng.expovariate(1 / 7200)
        else:
            m.slow, seconds = self.rng.uniform(0.72, 0.92), 540.0 * exp(self.rng.gauss(0.0, 0.6))
        m.slow_due = self.at + seconds
        self._set_rate(m)

    def _set_rate(self, m: Machine) -> None:
        ramp = RAMP[m.ramp] if m.ramp < len(RAMP) else 1.0
        full = self.ideal_rate(m) / 60.0
        m.rate = full * m.pace * m.slow * ramp * self._level_factor(m)

    def ideal_rate(self, m: Machine) -> float:
        """Return the ideal speed in parts per minute for the product that is loaded."""
        for product in self.spec.products:
            if product.number == m.product:
                return product.rates[m.index]
        raise KeyError(m.product)

    def _level_factor(self, m: Machine) -> float:
        """Machines around the primary one follow the level of the buffer between."""
        if m.index == self.spec.primary:
            return 1.0
        if m.index > self.spec.primary:
            return (0.92, 1.0, 1.08)[self.buffers[m.index - 1].zone]
        return (1.08, 1.0, 0.92)[self.buffers[m.index].zone]

    def _note(self, m: Machine, state: int, bits: int, cause: str) -> None:
        changed = (m.state, m.cause, m.bits) != (state, cause, bits)
        m.state, m.cause, m.bits = state, cause, bits
        if changed and self.changes is not None:
            self.changes.append(Change(self.at, m.spec.code, STATE_NAMES[state], cause, self.bits(m)))

    def bits(self, m: Machine) -> int:
        bit = m.spec.neighbour_bit
        if bit is not None and m.state == BLOCKED and self.machines[m.index + 1].state == FAULT:
            return m.bits | 1 << bit
        return m.bits

    # --- buffers --------------------------------------------------------------------------------------

    def _net(self, k: int) -> float:
        """Return pieces per second into buffer `k` minus those out of it."""
        into, out = self.machines[k], self.machines[k + 1]
        flow = into.rate * into.spec.pieces * (1.0 - into.reject_ratio)
        return flow - out.rate * out.spec.pieces

    def _crossing(self, k: int) -> tuple[float, float]:
        """Return when buffer `k` next reaches a level that somebody reacts to, and that level."""
        net, buffer = self._net(k), self.buffers[k]
        if net == 0.0:
            return inf, 0.0
        level = self._level_above(k, buffer) if net > 0 else self._level_below(k, buffer)
        return self.at + max((level - buffer.level) / net, 0.0), level

    def _level_above(self, k: int, buffer: Buffer) -> float:
        quarter = buffer.capacity / 4
        if self.machines[k + 1].state == STARVED and buffer.level < quarter:
            return quarter
        return (2 * quarter, 3 * quarter, buffer.capacity)[buffer.zone]

    def _level_below(self, k: int, buffer: Buffer) -> float:
        quarter = buffer.capacity / 4
        if self.machines[k].state == BLOCKED and buffer.level > 3 * quarter:
            return 3 * quarter
        return (0.0, quarter, 2 * quarter)[buffer.zone]

    def _on_level(self, k: int, level: float) -> None:
        buffer, into, out = self.buffers[k], self.machines[k], self.machines[k + 1]
        rising = self._net(k) > 0
        buffer.level = level
        quarter = buffer.capacity / 4
        if rising and out.state == STARVED and level == quarter:
            self._run(out)
        elif not rising and into.state == BLOCKED and level == 3 * quarter:
            self._run(into)
        elif level == buffer.capacity:
            self._stand(into, BLOCKED, 0, "blocked")
            into.due = inf
        elif level == 0.0:
            self._stand(out, STARVED, 0, "starved")
            out.due = inf
        else:
            buffer.zone += 1 if rising else -1
            for m in (into, out):
                if m.is_running:
                    self._set_rate(m)

    # --- from outside ---------------------------------------------------------------------------------

    def stop(self, m: Machine, *, bits: tuple[int, ...], for_s: float, cause: str) -> None:
        """Stop a machine now, whatever it was doing."""
        self._roll(self.now)
        plan: list[Stage] = [(for_s, FAULT, mask(bits), cause)]
        if m.spec.reset_prompts and bits:
            plan.append((2.0, FAULT, mask(m.spec.reset_prompts), cause))
        self._interrupt(m, plan)
        self._plan()

    def force(self) -> None:
        """Run without incidents and without a calendar until released."""
        self._roll(self.now)
        self.forced, self.swap_due, self.changeover_due = True, inf, inf
        if self.batch_due == inf:
            self.batch_due = self.at + self._batch_length()
        self.mode = OPEN
        for m in self.machines:
            m.stages, m.micro_due, m.break_due = [], inf, inf
            if not m.is_running:
                self._start(m)
        self._plan()

    def release(self) -> None:
        self._roll(self.now)
        self.forced = False
        for m in self.machines:
            m.micro_left, m.break_left = (
                m.spec.micro.next_after(self.rng),
                m.spec.breakdown.next_after(self.rng),
            )
            if m.is_running and self.incidents:
                m.micro_due, m.break_due = self.at + m.micro_left, self.at + m.break_left
        self._apply_mode()
        self._plan()

    def calm(self) -> None:
        """Have no more micro-stops and breakdowns."""
        self._roll(self.now)
        self.incidents = False
        for m in self.machines:
            m.micro_due = m.break_due = inf
        self._plan()

    def reset_count(self, m: Machine) -> None:
        m.count_base = self.made(m)

    def power_cut(self, until: float) -> None:
        """Stand still from now until `until`: nothing is made, nothing is forgotten."""
        self._roll(self.now)
        for m in self.machines:
            m.due, m.stages = inf, []
            self._stand(m, OFF, 0, "power off")
        gap = until - self.at
        self.at = self.now = until
        self.batch_due += gap
        self.swap_due += gap
        self.changeover_due += gap
        self.calendar_state, self.calendar_due = self.spec.calendar.at(until)
        self.mode = "power off"
        self._apply_mode()
        self._plan()

    # --- keeping --------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        return {
            "line": {name: getattr(self, name) for name in self.FIELDS},
            "machines": {m.spec.code: {n: getattr(m, n) for n in Machine.FIELDS} for m in self.machines},
            "buffers": [{n: getattr(b, n) for n in Buffer.FIELDS} for b in self.buffers],
            "rng": self.rng.getstate(),
        }

    def restore(self, kept: dict[str, Any]) -> None:
        _set_all(self, kept["line"])
        for m in self.machines:
            _set_all(m, kept["machines"][m.spec.code])
        for buffer, fields in zip(self.buffers, kept["buffers"], strict=True):
            _set_all(buffer, fields)
        version, words, gauss = kept["rng"]
        self.rng.setstate((version, tuple(words), gauss))
        self._plan()


def _set_all(thing: object, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(thing, name, value)


def _bind(react: Callable[[Machine], None], m: Machine) -> Callable[[], None]:
    return lambda: react(m)


def _bind_level(react: Callable[[int, float], None], k: int, level: float) -> Callable[[], None]:
    return lambda: react(k, level)
