"""make run from beginning to end: killed halfway, started again, killed as a whole, started once more."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ms5.bare.folder import PROJECT, Folder
from tests.stack.running import READY_WITHIN_S, THE_TESTS_OWN, Product, eventually, product

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800)]


def belongs_to(process: Path, folder: Folder) -> bool:
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


def processes_of(folder: Folder) -> list[int]:
    return [
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdecimal() and int(path.name) != os.getpid() and belongs_to(path, folder)
    ]


def start_and_kill_in_the_history(folder: Folder) -> None:
    names = {name: value for name, value in os.environ.items() if name not in THE_TESTS_OWN}
    starter = subprocess.Popen(
        [sys.executable, "-m", "ms5.bare", "run"],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=names | {"MS5_DATA_DIR": str(folder.path), "MS5_PORT": "8399", "MS5_ENV": "development"},
    )
    try:
        eventually("history being made", (folder.log / "make_history.log").exists, within_s=READY_WITHIN_S)
    finally:
        starter.kill()
        starter.wait()


def gone(folder: Folder) -> None:
    eventually(f"nothing left running: {processes_of(folder)}", lambda: not processes_of(folder), within_s=40)


def facts(running: Product) -> tuple[int, int]:
    return running.value("SELECT count(*) FROM floor_reading"), running.value("SELECT count(*) FROM floor_line")


def test_a_plant_survives_every_way_of_ending_a_start(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "data")

    start_and_kill_in_the_history(folder)
    gone(folder)

    with product(folder.path) as running:
        readings, lines = facts(running)
        passwords = folder.logins.read_text(encoding="utf-8")
        os.kill(running.pid("supervisor"), signal.SIGKILL)
        running.supervisor.wait(60)
    said = folder.path.with_suffix(".log").read_text(encoding="utf-8")
    gone(folder)

    assert lines >= 3
    assert readings > 0
    assert "half-made is made again" in said
    assert re.search(r"^MS5\.0 is ready: http://127\.0\.0\.1:\d+/\nDemo logins", said, re.M)
    assert "The supervisor was killed" in said
    assert "Traceback" not in said

    with product(folder.path) as running:
        assert facts(running)[0] >= readings
        assert facts(running)[1] == lines
    gone(folder)

    assert folder.logins.read_text(encoding="utf-8") == passwords
    assert folder.logins.stat().st_mode & 0o777 == 0o600
