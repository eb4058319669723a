"""A data folder whose first start was killed halfway, and whose second one was killed as a whole."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from ms5.bare.folder import Folder
from tests.stack.running import READY_WITHIN_S, Product, begin, eventually, free_port, product


@dataclass(frozen=True, slots=True)
class Past:
    """What there was when the second start was killed."""

    folder: Folder
    said: str
    readings: int
    lines: int
    passwords: str


def survive(path: Path) -> Past:
    folder = Folder(path)
    _begin_and_kill_in_the_history(folder)
    gone(folder)
    with product(path) as running:
        readings, lines = facts(running)
        passwords = folder.logins.read_text(encoding="utf-8")
        os.kill(running.pid("supervisor"), signal.SIGKILL)
        running.supervisor.wait(60)
    gone(folder)
    return Past(folder, path.with_suffix(".log").read_text(encoding="utf-8"), readings, lines, passwords)


def _begin_and_kill_in_the_history(folder: Folder) -> None:
    with open(os.devnull, "wb") as nowhere:
        starter = begin(folder.path, free_port(), nowhere)
    try:
        eventually("history being made", (folder.log / "make_history.log").exists, within_s=READY_WITHIN_S)
    finally:
        starter.kill()
        starter.wait()


def facts(running: Product) -> tuple[int, int]:
    """Readings and lines."""
    return running.value("SELECT count(*) FROM floor_reading"), running.value("SELECT count(*) FROM floor_line")


def gone(folder: Folder) -> None:
    """Fail when a process of this data folder outlives its start."""
    eventually("nothing is left running", lambda: not processes_of(folder), within_s=40)


def processes_of(folder: Folder) -> list[int]:
    return [
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdecimal() and int(path.name) != os.getpid() and _belongs_to(path, folder)
    ]


def _belongs_to(process: Path, folder: Folder) -> bool:
    """Say whether the process serves this data folder: by its environment, its arguments or where it works."""
    mark = os.fsencode(folder.path)
    try:
        if (process / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] == "Z":
            return False
        told = (process / "environ").read_bytes().split(b"\0") + (process / "cmdline").read_bytes().split(b"\0")
        works_in = os.fsencode((process / "cwd").readlink())
    except OSError:
        return False
    return b"MS5_DATA_DIR=" + mark in told or works_in.startswith(mark) or any(mark in word for word in told[-1:])
