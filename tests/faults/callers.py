"""People and machines that call for help all the time, and people who come."""

import json
import os
import random
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ms5.bare.environment import environment
from ms5.bare.folder import PROJECT
from ms5.bare.services import locate_postgres, locate_valkey
from ms5.bare.stages import DATABASE
from tests.stack.running import Product

PATIENCE_S = 8
KINDS = ("maintenance", "quality", "material", "stop", "safety")
PRIORITIES = ("low", "medium", "high", "critical")
DEEDS = ("acknowledge", "arrive", "resolve", "resolve")  # or there would soon be no place to call from


class NoAnswer(Exception):
    """Refused, too late, or the product was just being killed: nobody knows whether it happened."""


@dataclass
class Accepted:
    """What the product said yes to; it must be there afterwards, once."""

    calls: set[str] = field(default_factory=set)
    resolved: set[str] = field(default_factory=set)
    deeds: list[tuple[str, str]] = field(default_factory=list)  # call, what
    refused: int = 0


def api(plant: Product, path: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
    request = urllib.request.Request(f"{plant.address}/api/v1{path}", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            found: dict[str, Any] = json.load(answer)
    except (OSError, ValueError) as error:
        raise NoAnswer(str(error)) from error
    return found


class AtTheMachine:
    """Calls by the database action, in a process of its own beside the product."""

    def __init__(self, plant: Product) -> None:
        folder = plant.folder
        env = environment(
            folder,
            os.environ,
            database_url=locate_postgres(folder).url(DATABASE),
            redis_url=locate_valkey(folder).url(),
        )
        command = [sys.executable, "-m", "tests.faults.at_the_machine"]
        self._process = subprocess.Popen(
            command, cwd=PROJECT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True,
        )  # fmt: skip

    def call(self, line: str, equipment: str, kind: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        asked = {"line": line, "equipment": equipment, "kind": kind, "request_id": str(uuid.uuid4())}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or "{}")
        if "id" not in answer:
            raise NoAnswer(str(answer))
        return str(answer["id"])

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class Callers:
    """One thread at the API, one at the database; each does something every second or so."""

    def __init__(self, plant: Product, seed: int, pause_s: float) -> None:
        self.accepted = Accepted()
        self._plant = plant
        self._pause_s = pause_s
        self._lines = dict(
            plant.rows(
                "SELECT l.code, array_agg(e.code) FROM floor_line l JOIN floor_equipment e ON e.line_id = l.id"
                " WHERE l.enabled GROUP BY l.code ORDER BY l.code"
            )
        )
        self._tokens = {who: self._sign_in(who) for who in ("operator", "shift_manager")}
        self._machine = AtTheMachine(plant)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(step, random.Random(f"{seed} {step.__name__}")), daemon=True)
            for step in (self._by_api, self._by_database)
        ]

    def _sign_in(self, who: str) -> str:
        token: str = api(self._plant, "/auth/login", {"username": who, "password": self._plant.password(who)})["access"]
        return token

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._machine_may_hang()
        for thread in self._threads:
            thread.join(PATIENCE_S + 5)

    def _machine_may_hang(self) -> None:
        self._threads[1].join(PATIENCE_S)
        self._machine.close()

    def _run(self, step: Any, chance: random.Random) -> None:
        while not self._stop.wait(chance.uniform(0.5, 1.5) * self._pause_s):
            try:
                step(chance)
            except NoAnswer:
                self.accepted.refused += 1

    def _by_database(self, chance: random.Random) -> None:
        line = chance.choice(list(self._lines))
        equipment = chance.choice(["", *self._lines[line]])
        self.accepted.calls.add(self._machine.call(line, equipment, chance.choice(KINDS)))

    def _by_api(self, chance: random.Random) -> None:
        waiting = self.accepted.calls - self.accepted.resolved
        if chance.random() < 0.3 or not waiting:
            self._raise(chance)
        else:
            self._answer(chance.choice(sorted(waiting)), chance.choice(DEEDS))

    def _raise(self, chance: random.Random) -> None:
        line = chance.choice(list(self._lines))
        body = {
            "line_code": line,
            "equipment_code": chance.choice([None, *self._lines[line]]),
            "event_type": chance.choice(KINDS),
            "priority": chance.choice(PRIORITIES),
            "request_id": str(uuid.uuid4()),
        }
        self.accepted.calls.add(api(self._plant, "/andon/events", body, self._tokens["operator"])["id"])

    def _answer(self, call: str, deed: str) -> None:
        body = {"resolution_notes": "Put right."} if deed == "resolve" else {}
        api(self._plant, f"/andon/events/{call}/{deed}", body, self._tokens["shift_manager"])
        self.accepted.deeds.append((call, deed))
        if deed == "resolve":
            self.accepted.resolved.add(call)


@contextmanager
def calling(plant: Product, seed: int, *, pause_s: float = 1.0) -> Iterator[Callers]:
    callers = Callers(plant, seed, pause_s)
    callers.start()
    try:
        yield callers
    finally:
        callers.stop()
