"""The whole suite, or the part of it that the arguments name: python -m tests tests/oee -k stop.

The tests of the running product and those in a browser wait much of their time, so all groups run at once. Those two
look at a product that answers in time: the others, which only compute, stand back for them.
"""

import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack

PYTEST = [sys.executable, "-m", "pytest", "--durations=10"]
MEANWHILE = (["-m", "stack"], ["-m", "browser"])
STANDING_BACK = ["nice", "-n", "5"]
REST = ["-n", "2", "--dist", "loadfile", "-m", "not stack and not browser"]
PASSED, NOTHING_TO_DO = 0, 5


def main(arguments: list[str]) -> int:
    ends = []
    with ExitStack() as files:
        running = []
        for group in MEANWHILE:
            said = files.enter_context(tempfile.TemporaryFile())
            running.append((subprocess.Popen([*PYTEST, *group, *arguments], stdout=said, stderr=said), said))
        try:
            ends.append(subprocess.run([*STANDING_BACK, *PYTEST, *REST, *arguments]).returncode)
        finally:
            # Ctrl-C reaches them too; they still have servers to stop.
            for process, said in running:
                ends.append(process.wait())
                said.seek(0)
                shutil.copyfileobj(said, sys.stdout.buffer)
    if all(end == NOTHING_TO_DO for end in ends):
        return NOTHING_TO_DO
    return 0 if all(end in (PASSED, NOTHING_TO_DO) for end in ends) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
