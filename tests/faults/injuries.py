"""Doing it: kill -9, SIGSTOP and SIGCONT, of processes of one running product and nothing else."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.outside import Mood, Outside
from tests.faults.plan import Fault
from tests.stack.running import Product


@dataclass(frozen=True, slots=True)
class Done:
    """A fault as it happened; seconds since 1970."""

    fault: Fault
    began: float
    ended: float

    @property
    def may_cut_a_sending(self) -> bool:
        """Between handing a mail over and noting it."""
        return self.fault.how == "mail" or bool({*self.fault.victims} & {"escalator", "escalator-2", "postgres"})


def family(pid: int) -> list[int]:
    """The process and all its descendants, parents first."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def signal_all(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@contextlib.contextmanager
def frozen(plant: Product, *processes: str) -> Iterator[None]:
    """They take connections and never answer: worse than dead, and their supervisor cannot help."""
    pids = [pid for process in processes for pid in family(plant.pid(process))]
    signal_all(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        signal_all(reversed(pids), signal.SIGCONT)


def injure(plant: Product, world: Outside, fault: Fault, wait: Callable[[float], object]) -> Done:
    """Do it, wait for as long as it lasts, and undo what does not heal by itself."""
    began = time.time()
    if fault.how == "kill":
        for process in fault.victims:
            signal_all([plant.pid(process)], signal.SIGKILL)
    elif fault.how == "stop":
        with frozen(plant, *fault.victims):
            wait(fault.for_s)
    else:
        world.mail.mood = Mood(fault.victims[0])
        wait(fault.for_s)
        world.mail.mood = Mood.GOOD
    return Done(fault, began, time.time())
