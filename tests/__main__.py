"""The whole suite, or the part of it that the arguments name: python -m tests tests/oee -k stop.

The tests of the running product mostly wait, so the others run beside them.
"""

import shutil
import subprocess
import sys
import tempfile

PYTEST = [sys.executable, "-m", "pytest", "--durations=10"]
MEANWHILE = ["-m", "stack"]
GROUPS = (["-n", "2", "--dist", "loadfile", "-m", "not stack and not browser"], ["-m", "browser"])
PASSED, NOTHING_TO_DO = 0, 5


def main(arguments: list[str]) -> int:
    ends = []
    with tempfile.TemporaryFile() as said:
        stack = subprocess.Popen([*PYTEST, *MEANWHILE, *arguments], stdout=said, stderr=said)
        try:
            ends = [subprocess.run([*PYTEST, *group, *arguments]).returncode for group in GROUPS]
        finally:
            # Ctrl-C reaches it too; it still has a product to stop.
            ends.append(stack.wait())
            said.seek(0)
            shutil.copyfileobj(said, sys.stdout.buffer)
    if all(end == NOTHING_TO_DO for end in ends):
        return NOTHING_TO_DO
    return 0 if all(end in (PASSED, NOTHING_TO_DO) for end in ends) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
