"""Becomes one supervised program: clears what a killed predecessor left, writes the pid file, turns into it.

Runs by path with `python -I -S`, standard library only: it is started once per restart and must cost nothing.
"""

import argparse
import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

GONE_WITHIN_S = 5.0
PR_SET_PDEATHSIG = 1


def processes() -> Iterator[Path]:
    own = str(os.getpid())
    return (path for path in Path("/proc").iterdir() if path.name.isdecimal() and path.name != own)


def environment_of(process: Path) -> set[bytes]:
    try:
        return set((process / "environ").read_bytes().split(b"\0"))
    except OSError:
        return set()


def works_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink() == folder
    except OSError:
        return False


def leftovers(name: str, data_dir: str, home: Path | None) -> list[int]:
    """Pids of an earlier run of this program: same name and data folder in the environment, or working in `home`.

    PostgreSQL overwrites its environment with its title, so its processes are known by their working directory.
    """
    marks = {f"MS5_PROCESS={name}".encode(), b"MS5_DATA_DIR=" + os.fsencode(data_dir)}
    return [
        int(process.name)
        for process in processes()
        if marks <= environment_of(process) or (home is not None and works_in(process, home))
    ]


def clear_leftovers(name: str, data_dir: str, home: Path | None) -> None:
    deadline = time.monotonic() + GONE_WITHIN_S
    while (left := leftovers(name, data_dir, home)) and time.monotonic() < deadline:
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def die_with_parent(parent: int) -> None:
    """The command asks for the same once it runs; a supervisor killed before that would leave it behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != parent:
        sys.exit(1)


def main() -> None:
    die_with_parent(os.getppid())
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--pid-file", required=True, type=Path)
    parser.add_argument("--home", type=Path, help="folder in which only this program works, and its stale lock")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    clear_leftovers(arguments.name, arguments.data_dir, arguments.home)
    if arguments.home:
        # After a reboot its pid may belong to somebody else, and PostgreSQL would refuse to start.
        (arguments.home / "postmaster.pid").unlink(missing_ok=True)
    os.environ.update(MS5_PROCESS=arguments.name, MS5_DATA_DIR=arguments.data_dir)
    draft = arguments.pid_file.with_suffix(".new")
    draft.write_text(f"{os.getpid()}\n", encoding="ascii")
    draft.replace(arguments.pid_file)
    os.execvp(arguments.command[0], arguments.command)  # noqa: S606 - becoming the program keeps pid and signals


if __name__ == "__main__":
    main()
