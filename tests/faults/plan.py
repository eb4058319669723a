"""What is done to the product, and when: the same seed does the same."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import TypeVar

from tests.faults.outside import Mood

T = TypeVar("T")
ESCALATORS = ("escalator", "escalator-2")


@dataclass(frozen=True, slots=True)
class Fault:
    """`how`: kill, stop (SIGSTOP, and SIGCONT after `for_s`) or mail (the mail server's mood, `victims` its name)."""

    how: str
    victims: tuple[str, ...]
    at_s: float = 0.0
    for_s: float = 0.0

    def __str__(self) -> str:
        return f"{self.how} {'+'.join(self.victims)}" + (f" for {self.for_s:.0f} s" if self.for_s else "")


# How, whom, for how long at least and at most.
PROCESSES: tuple[tuple[str, tuple[str, ...], float, float], ...] = (
    ("kill", ("escalator",), 0, 0),
    ("stop", ESCALATORS, 7, 18),
    ("kill", ("postgres",), 0, 0),
    ("kill", ("watchdog",), 0, 0),
    ("stop", ("escalator-2",), 8, 20),
    ("kill", ("redis",), 0, 0),
    ("kill", ESCALATORS, 0, 0),
    ("stop", ("postgres",), 6, 14),
    ("kill", ("worker",), 0, 0),
    ("stop", ("watchdog",), 8, 20),
    ("stop", ("redis",), 5, 15),
    ("kill", ("escalator-2",), 0, 0),
    ("kill", ("web",), 0, 0),
    ("stop", ("worker", "plc"), 5, 15),
    ("kill", ("beat",), 0, 0),
    ("kill", ("plc",), 0, 0),
)
MOODS = (Mood.DOWN, Mood.SLOW, Mood.REFUSES, Mood.MUTE, Mood.FORGETFUL)


def faults(seed: int, seconds: float) -> list[Fault]:
    """One after the other for the processes, so that one alarm belongs to one fault; the mail server beside them."""
    chance = random.Random(seed)
    return sorted([*_processes(chance, seconds), *_mail(chance, seconds)], key=lambda fault: fault.at_s)


def _processes(chance: random.Random, seconds: float) -> Iterator[Fault]:
    at_s = chance.uniform(5, 8)
    for how, victims, shortest, longest in _shuffled_for_ever(chance, PROCESSES):
        for_s = chance.uniform(shortest, longest)
        if at_s + for_s > seconds:
            return
        yield Fault(how, victims, at_s, for_s)
        at_s += for_s + chance.uniform(5, 12)


def _mail(chance: random.Random, seconds: float) -> Iterator[Fault]:
    at_s = chance.uniform(5, 15)
    for mood in _shuffled_for_ever(chance, MOODS):
        for_s = chance.uniform(8, 20)
        if at_s + for_s > seconds:
            return
        yield Fault("mail", (mood.value,), at_s, for_s)
        at_s += for_s + chance.uniform(10, 20)


def _shuffled_for_ever(chance: random.Random, cards: tuple[T, ...]) -> Iterator[T]:
    yield from cycle(chance.sample(cards, len(cards)))
