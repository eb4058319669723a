"""The whole suite, or the part of it that the arguments name: python -m tests tests/oee -k stop.

The tests of the running product and those in a browser wait much of their time, so all groups run at once. Those two
look at a product that answers in time: the others, which only compute, stand back for them. Each group runs to its
end whatever becomes of the others, and the last lines say how each of them ended.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from ms5.bare.throw_away import throw_away_postgres
from tests.verdict import NOTHING_TO_DO, PASSED, verdict

PYTEST = [sys.executable, "-m", "pytest", "--durations=10"]
MEANWHILE = {"stack": ["-m", "stack"], "browser": ["-m", "browser"]}
STANDING_BACK = ["nice", "-n", "5"]
REST = ["-n", "2", "--dist", "loadfile", "-m", "not stack and not browser"]


def main(arguments: list[str]) -> int:
    ends: dict[str, tuple[int, str]] = {}
    with ExitStack() as opened:
        environment = _environment(opened)
        running = {}
        for name, marked in MEANWHILE.items():
            said = opened.enter_context(tempfile.TemporaryFile())
            command = [*PYTEST, *marked, *arguments]
            running[name] = subprocess.Popen(command, stdout=said, stderr=said, env=environment), said
        try:
            command = [*STANDING_BACK, *PYTEST, *REST, *arguments]
            rest = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
            assert rest.stdout
            shown = _show(rest.stdout)
            ends["rest"] = rest.wait(), shown
        finally:
            # Ctrl-C reaches them too; they still have servers to stop.
            for name, (process, said) in running.items():
                status = process.wait()
                said.seek(0)
                _say(f"\n================ {name} ================\n")
                ends[name] = status, _show(said)
    _say("\n" + "\n".join(verdict(name, *end) for name, end in ends.items()) + "\n")
    statuses = [status for status, _ in ends.values()]
    if all(status == NOTHING_TO_DO for status in statuses):
        return NOTHING_TO_DO
    return 0 if all(status in (PASSED, NOTHING_TO_DO) for status in statuses) else 1


def _environment(opened: ExitStack) -> dict[str, str]:
    """One PostgreSQL and one run of the migrations serve all groups, unless DATABASE_URL names a server."""
    # A run starts dozens of processes: what one has compiled the others read.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    if "DATABASE_URL" in environment:
        return environment
    folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="ms5-test-", ignore_cleanup_errors=True)))
    opened.enter_context(throw_away_postgres(folder / "pg"))
    given = {name: os.environ[name] for name in ("PGPASSWORD",) if name in os.environ}
    return environment | given | {"MS5_TEST_FOLDER": str(folder), "MS5_TEST_POSTGRES": "runs"}


def _show(output: IO[bytes]) -> str:
    """Pass on what a group says as it comes; return all of it."""
    heard = []
    while piece := os.read(output.fileno(), 65536):
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        heard.append(piece)
    return b"".join(heard).decode(errors="replace")


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
