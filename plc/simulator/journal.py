"""The truth about the simulated plant, written down as it happens: every part, every state change.

One JSON object a line, in order of time, appended only:

    {"t": 1774000000.0, "kind": "open", "plant": name, "since": t0, "counts": {machine: [made, rejected]},
     "carried": {machine: [made, rejected]}}    plant totals at t0; parts from t0 to t, in a file that went before
    {"t": ..., "kind": "parts", "machine": ..., "made": 2, "rejected": 0}         since the line before
    {"t": ..., "kind": "state", "machine": ..., "state": ..., "cause": ..., "bits": ...}
    {"t": ..., "kind": "link" | "counter", "name": ..., "what": ...}

`t` is epoch seconds; a `parts` line holds the parts made up to and including `t`. A file that has grown too long
goes on in a new one that carries its sums.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from plc.simulator.line import Change
from plc.simulator.plant import Plant

LONGEST = 32 * 2**20  # bytes: some 18 hours of the demo plant
Counts = dict[str, tuple[int, int]]  # machine: made, rejected


@dataclass(slots=True)
class Account:
    """Running totals of one machine: after `times[k]` they were `made[k]` and `rejected[k]`."""

    times: list[float] = field(default_factory=list)
    made: list[int] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)

    def book(self, t: float, made: int, rejected: int) -> None:
        self.times.append(t)
        self.made.append((self.made[-1] if self.made else 0) + made)
        self.rejected.append((self.rejected[-1] if self.rejected else 0) + rejected)

    def position(self, until: float | None) -> int:
        return len(self.times) if until is None else bisect_right(self.times, until)


@dataclass(slots=True)
class Journal:
    """A journal that was read back: the oracle of a test."""

    begun_at: float | None = None
    plant: str = ""
    last_t: float = 0.0
    base: Counts = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Journal:
        """Read a journal, also one that is being written; a torn last line is left out."""
        journal = cls()
        for entry in _entries(path):
            journal._book(entry)
        return journal

    def made(self, machine: str, until: float | None = None) -> int:
        """Return parts made since the journal was begun, up to and including `until`."""
        account = self.accounts.get(machine, Account())
        k = account.position(until)
        return account.made[k - 1] if k else 0

    def rejected(self, machine: str, until: float | None = None) -> int:
        account = self.accounts.get(machine, Account())
        k = account.position(until)
        return account.rejected[k - 1] if k else 0

    def states(self, machine: str) -> list[dict[str, Any]]:
        return [e for e in self.events if e["kind"] == "state" and e["machine"] == machine]

    def _book(self, entry: dict[str, Any]) -> None:
        self.last_t = max(self.last_t, entry["t"])
        if entry["kind"] == "open":
            self.begun_at, self.plant = entry["since"], entry["plant"]
            self.base = {code: (made, rejected) for code, (made, rejected) in entry["counts"].items()}
            for code, (made, rejected) in entry["carried"].items():
                self.accounts.setdefault(code, Account()).book(entry["t"], made, rejected)
        elif entry["kind"] == "parts":
            account = self.accounts.setdefault(entry["machine"], Account())
            account.book(entry["t"], entry["made"], entry["rejected"])
        else:
            self.events.append(entry)


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)


class JournalWriter:
    """Append what the plant did since the last call; goes on in a journal that exists."""

    def __init__(self, path: Path, plant: Plant, longest: int = LONGEST) -> None:
        self.path, self.plant, self.longest = path, plant, longest
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = _repaired(path, plant.name)
        self._out: TextIO = path.open("a", encoding="utf-8")
        if kept is None:
            kept = Journal(begun_at=plant.t, base=_counts(plant))
        self.begun_at, self.written_to = kept.begun_at, kept.last_t
        self.base = kept.base
        if not kept.plant:
            self._open_book({})
        self._booked = {
            code: (base[0] + kept.made(code), base[1] + kept.rejected(code)) for code, base in self.base.items()
        }
        self._linked = dict.fromkeys(plant.controllers, True)
        plant.keep_changes()

    def update(self) -> None:
        """Write everything up to the plant's present time."""
        entries = [_state_entry(c) for c in self.plant.changes()] + self._link_entries()
        for entry in sorted(entries, key=lambda e: float(e["t"])):
            if entry["t"] > self.written_to:  # a plant that was loaded lives its last seconds again
                self._write(entry)
        for code, now in _counts(self.plant).items():
            was = self._booked[code]
            if now > was:
                self._booked[code] = now
                made, rejected = now[0] - was[0], now[1] - was[1]
                self._write({"t": self.plant.t, "kind": "parts", "machine": code, "made": made, "rejected": rejected})
        self._out.flush()
        if self._out.tell() > self.longest:
            self._turn_over()

    def note(self, kind: str, name: str, what: str) -> None:
        self._write({"t": self.plant.t, "kind": kind, "name": name, "what": what})

    def totals(self) -> dict[str, dict[str, int]]:
        """Return parts since the journal was begun, at the plant's present time."""
        return {
            code: {"made": made - self.base[code][0], "rejected": rejected - self.base[code][1]}
            for code, (made, rejected) in _counts(self.plant).items()
        }

    def close(self) -> None:
        self.update()
        self._out.close()

    def _turn_over(self) -> None:
        """Put the full file aside and go on in a new one."""
        self._out.close()
        self.path.replace(self.path.with_name(self.path.name + ".old"))
        self._out = self.path.open("a", encoding="utf-8")
        self._open_book({code: (t["made"], t["rejected"]) for code, t in self.totals().items()})
        self._out.flush()

    def _open_book(self, carried: Counts) -> None:
        self._write(
            {
                "t": self.plant.t,
                "kind": "open",
                "plant": self.plant.name,
                "since": self.begun_at,
                "counts": self.base,
                "carried": carried,
            }
        )

    def _link_entries(self) -> list[dict[str, Any]]:
        taken, self.plant.link_changes = self.plant.link_changes, []
        entries = [{"t": t, "kind": "link", "name": code, "what": what} for t, code, what in taken]
        for code in self.plant.controllers:
            linked = self.plant.is_linked(code)
            if linked and not self._linked[code]:
                until = self.plant.links[code].down_until
                entries.append({"t": until, "kind": "link", "name": code, "what": "back"})
            self._linked[code] = linked
        return entries

    def _write(self, entry: dict[str, Any]) -> None:
        self._out.write(json.dumps(entry, separators=(",", ":")) + "\n")


def _state_entry(change: Change) -> dict[str, Any]:
    return {
        "t": change.t,
        "kind": "state",
        "machine": change.machine,
        "state": change.state,
        "cause": change.cause,
        "bits": change.bits,
    }


def _counts(plant: Plant) -> Counts:
    truths = (plant.truth(code) for code in plant.machines)
    return {t.machine: (t.made, t.rejected) for t in truths}


def _repaired(path: Path, plant: str) -> Journal | None:
    """Read the journal of this plant, cutting off a line that a kill has torn; put another plant's aside."""
    if not path.exists():
        return None
    with path.open("rb+") as file:
        data = file.read()
        file.truncate(data.rfind(b"\n") + 1)
    journal = Journal.read(path)
    if journal.plant == plant:
        return journal
    path.replace(path.with_name(path.name + ".old"))
    return None


def write_whole(path: Path, content: dict[str, Any]) -> None:
    """Replace a small JSON file so that a reader sees the old or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps(content), encoding="utf-8")
    os.replace(draft, path)
