"""The simulated plant: all lines, the controllers' links, and the one clock they share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import exp, inf
from random import Random
from typing import Any

from plc.simulator import demo
from plc.simulator.demo import ControllerSpec
from plc.simulator.incidents import FAULT, STATE_NAMES
from plc.simulator.line import Change, Line, LineSpec, Machine
from plc.simulator.tags import TAGS, Value

LINK_LOSS_EVERY_S = 4 * 86_400.0
RESTART_EVERY_S = 12 * 86_400.0


class UnknownName(LookupError):
    """Nothing in this plant has that name."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What a machine has really done since the plant was built."""

    machine: str
    made: int
    rejected: int
    state: str
    cause: str


class Link:
    """The network to one controller: mostly up, now and then gone for a while."""

    FIELDS = ("down_at", "down_until", "restart_at", "why")
    __slots__ = (*FIELDS, "code", "machines", "rng")

    def __init__(self, code: str, machines: tuple[str, ...], seed: int, start: float) -> None:
        self.code, self.machines = code, machines
        self.rng = Random(f"{seed}:link:{code}")
        self.down_at = start + self.rng.expovariate(1 / LINK_LOSS_EVERY_S)
        self.restart_at = start + self.rng.expovariate(1 / RESTART_EVERY_S)
        self.down_until, self.why = -inf, ""


class Plant:
    """Everything on the floor, moved by `step` or `advance`; the same seed and start give the same plant."""

    def __init__(
        self,
        *,
        seed: int,
        start: datetime,
        lines: Sequence[LineSpec] = demo.LINES,
        controllers: Sequence[ControllerSpec] = demo.CONTROLLERS,
        incidents: bool = True,
        link_losses: bool = True,
    ) -> None:
        self.seed, self.start = seed, start.timestamp()
        self.t = self.start
        self.lines = {spec.code: Line(spec, seed, self.t) for spec in lines}
        self._where = {m.spec.code: (line, m) for line in self.lines.values() for m in line.machines}
        self.controllers = {c.code: c for c in controllers}
        self.links = {c.code: Link(c.code, c.machines, seed, self.t) for c in controllers}
        self.link_losses = link_losses
        self.link_changes: list[tuple[float, str, str]] = []  # time, controller, what; for the journal
        self._next_link = self._plan_links()
        if not incidents:
            self.without_incidents()

    # --- time -----------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """What tells this plant from another one that was started later or otherwise."""
        return f"{self.seed}@{self.start:.3f}"

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.t, UTC)

    def step(self, dt_s: float) -> None:
        self.advance(self.t + dt_s)

    def advance(self, until: float) -> None:
        """Bring all lines to `until` (epoch seconds). Going back is ignored."""
        if until < self.t:
            return
        while self._next_link <= until:
            self._link_event()
        for line in self.lines.values():
            line.advance(until)
        self.t = until

    # --- looking --------------------------------------------------------------------------------------

    @property
    def machines(self) -> list[str]:
        return list(self._where)

    def line_of(self, machine: str) -> tuple[Line, Machine]:
        try:
            return self._where[machine]
        except KeyError:
            raise UnknownName(f"no machine {machine!r}") from None

    def truth(self, machine: str) -> Truth:
        line, m = self.line_of(machine)
        return Truth(machine, line.made(m), line.rejected(m), STATE_NAMES[m.state], m.cause)

    def tags(self, controller: str) -> dict[str, Value]:
        """Return what the controller's memory holds now, by tag name or data file address."""
        values: dict[str, Value] = {}
        for code in self._controller(controller).machines:
            values.update(TAGS[code](*self._where[code]))
        return values

    def is_linked(self, controller: str) -> bool:
        return self.links[controller].down_until <= self.t

    def changes(self) -> Iterator[Change]:
        """Take the state changes since the last call; none unless `keep_changes` was called."""
        for line in self.lines.values():
            yield from line.changes or ()
            if line.changes:
                line.changes = []

    def keep_changes(self) -> None:
        for line in self.lines.values():
            line.changes = []

    def _controller(self, code: str) -> ControllerSpec:
        try:
            return self.controllers[code]
        except KeyError:
            raise UnknownName(f"no controller {code!r}") from None

    # --- links ----------------------------------------------------------------------------------------

    def _plan_links(self) -> float:
        if not self.link_losses:
            return inf
        return min((min(k.down_at, k.restart_at) for k in self.links.values()), default=inf)

    def _link_event(self) -> None:
        link = min(self.links.values(), key=lambda k: min(k.down_at, k.restart_at))
        t = min(link.down_at, link.restart_at)
        for line in self.lines.values():
            line.advance(t)
        self.t = max(self.t, t)
        if t == link.restart_at:
            link.restart_at = t + link.rng.expovariate(1 / RESTART_EVERY_S)
            self.restart(link.code, for_s=link.rng.uniform(15.0, 45.0))
        else:
            link.down_at = t + link.rng.expovariate(1 / LINK_LOSS_EVERY_S)
            self.lose_link(link.code, for_s=min(20.0 * exp(link.rng.gauss(0.7, 0.7)), 600.0))
        self._next_link = self._plan_links()

    # --- from outside ---------------------------------------------------------------------------------

    def stop(self, machine: str, *, fault: int | None = None, for_s: float = 60.0) -> None:
        line, m = self.line_of(machine)
        line.stop(m, bits=() if fault is None else (fault,), for_s=for_s, cause="stopped from outside")

    def run(self, machine: str) -> None:
        """Run the machine's whole line without incidents until `release`."""
        self.line_of(machine)[0].force()

    def release(self, machine: str) -> None:
        self.line_of(machine)[0].release()

    def reset_counter(self, machine: str) -> None:
        line, m = self.line_of(machine)
        line.reset_count(m)

    def lose_link(self, controller: str, *, for_s: float, why: str = "link lost") -> None:
        self._controller(controller)
        link = self.links[controller]
        link.down_until, link.why = max(link.down_until, self.t + for_s), why
        self.link_changes.append((self.t, controller, why))

    def restart(self, controller: str, *, for_s: float = 20.0) -> None:
        """Reboot a controller: its machines stop, its counters stay."""
        for code in self._controller(controller).machines:
            line, m = self._where[code]
            line.stop(m, bits=(), for_s=for_s + 5.0, cause="controller restart")
        self.lose_link(controller, for_s=for_s, why="controller restart")

    def without_incidents(self) -> None:
        for line in self.lines.values():
            line.calm()
        self.link_losses, self._next_link = False, inf

    def power_cut(self, until: float) -> None:
        """Stand still until then, as when the main switch was off."""
        for line in self.lines.values():
            line.power_cut(until)
        self.t = until

    def is_faulted(self, machine: str) -> bool:
        return self.line_of(machine)[1].state == FAULT

    # --- keeping --------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "start": self.start,
            "t": self.t,
            "lines": {code: line.dump() for code, line in self.lines.items()},
            "links": {
                code: {**{n: getattr(k, n) for n in Link.FIELDS}, "rng": k.rng.getstate()}
                for code, k in self.links.items()
            },
        }

    def restore(self, kept: dict[str, Any]) -> None:
        """Continue where a dumped plant stood."""
        self.seed, self.start, self.t = kept["seed"], kept["start"], kept["t"]
        for code, line in self.lines.items():
            line.restore(kept["lines"][code])
        for code, link in self.links.items():
            fields = dict(kept["links"][code])
            version, words, gauss = fields.pop("rng")
            link.rng.setstate((version, tuple(words), gauss))
            for name, value in fields.items():
                setattr(link, name, value)
        self._next_link = self._plan_links()
