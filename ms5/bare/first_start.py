"""From a bare machine to a complete .venv: python3 ms5/bare/first_start.py [--tests] [action …]

Runs by path with whatever `python3` is there, standard library only, so that an old one still gets a sentence.
With an action it then becomes `.venv/bin/python -m ms5.bare ACTION …`, keeping the process id.
"""

from __future__ import annotations  # an old Python must get as far as the sentence about it

import ctypes
import errno
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
VENV = PROJECT / ".venv"
PYTHON = VENV / "bin" / "python"
UNFINISHED = VENV / ".unfinished"
REQUIREMENTS = ["requirements.txt", "ms5/bare/requirements.txt"]
TEST_REQUIREMENTS = [*REQUIREMENTS, "tests/requirements.txt"]
PACKAGES = str(PROJECT / "ms5/bare/system_packages.sh")
NO_NETWORK = ["Max retries", "NewConnectionError", "name resolution", "ProxyError", "timed out", "from versions: none"]
PDF_LIBRARIES = ["libgobject-2.0.so.0", "libpango-1.0.so.0", "libpangoft2-1.0.so.0", "libfontconfig.so.1"]


def fail(sentence: str) -> None:
    sys.exit(sentence)


def say(sentence: str) -> None:
    print(sentence, flush=True)


def require_python() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - an older one may run this
        found = ".".join(map(str, sys.version_info[:2]))
        fail(
            f"Python 3.11 or newer is needed; {sys.executable} is {found}. "
            "Name a newer one: make run PYTHON=/path/to/python3.11"
        )


# Python packages


def stamp_of(names: list[str]) -> str:
    """What an installation was made from; anything else means installing again."""
    digest = hashlib.sha256(f"{sys.version}\n{PROJECT}\n".encode())
    for name in names:
        digest.update((PROJECT / name).read_bytes())
    return digest.hexdigest()


def is_installed(names: list[str]) -> bool:
    stamp = stamp_of(names)
    kept = [path.read_text(encoding="ascii") for path in VENV.glob(".installed-*")]
    return os.access(str(PYTHON), os.X_OK) and not UNFINISHED.exists() and stamp in kept


def make_venv() -> None:
    """Make .venv; one that was interrupted, or whose Python is gone, is made anew."""
    works = (
        not UNFINISHED.exists()
        and os.access(str(PYTHON), os.X_OK)
        and run_quietly([str(PYTHON), "-m", "pip", "--version"])[0]
    )
    if works:
        return
    say("Making .venv …")
    ok, output = run_quietly([sys.executable, "-m", "venv", "--clear", str(VENV)])
    if not ok:
        fail(venv_sentence(output))
    UNFINISHED.touch()


def venv_sentence(output: str) -> str:
    if "No space left" in output:
        return "The disk is full. Free some space, then run the same command again."
    version = ".".join(map(str, sys.version_info[:2]))
    if "ensurepip" in output or "No module named venv" in output:
        return (
            f"Python's venv module is missing. Install it (Debian: apt-get install python{version}-venv), "
            "then run the same command again."
        )
    return f"Python could not make {VENV}: {last_line(output)}"


def install(names: list[str]) -> None:
    say("Installing the Python packages (the first time about a minute) …")
    UNFINISHED.touch()
    command = [str(PYTHON), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--quiet"]
    for name in names:
        command += ["-r", str(PROJECT / name)]
    ok, output = run_quietly(command)
    if not ok:
        fail(pip_sentence(output))
    stamp = ".installed-tests" if names == TEST_REQUIREMENTS else ".installed-run"
    (VENV / stamp).write_text(stamp_of(names), encoding="ascii")
    if names == TEST_REQUIREMENTS:
        (VENV / ".installed-run").write_text(stamp_of(REQUIREMENTS), encoding="ascii")
    UNFINISHED.unlink()


def pip_sentence(output: str) -> str:
    if "No space left on device" in output:
        return "The disk is full: the Python packages need 500 MB. Free some space, then run the same command again."
    if any(sign in output for sign in NO_NETWORK):
        return (
            "The Python packages could not be downloaded: the package index does not answer. Check the network "
            "(or PIP_INDEX_URL, PIP_FIND_LINKS), then run the same command again."
        )
    return f"pip could not install the Python packages: {last_line(output)}"


# Libraries behind PDF reports


def has_pdf_libraries(data_dir: Path) -> bool:
    if (data_dir / "pdf-libs" / "usr").is_dir():
        return True
    try:
        for name in PDF_LIBRARIES:
            ctypes.CDLL(name)
    except OSError:
        return False
    return True


def begin_system_packages(tests: bool, data_dir: Path) -> subprocess.Popen[bytes] | None:
    """Begin installing what is missing, while pip works; None if nothing is missing or nothing can be done."""
    missing_tools = tests and not (shutil.which("chromium") and shutil.which("pdftoppm"))
    if has_pdf_libraries(data_dir) and not missing_tools:
        return None
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        return None
    if os.geteuid() == 0:
        command = [PACKAGES, "tests" if missing_tools else "pdf"]
    elif has_pdf_libraries(data_dir):
        return None
    else:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = [PACKAGES, "private", str(data_dir / "pdf-libs")]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def finish_system_packages(installing: subprocess.Popen[bytes] | None, tests: bool, data_dir: Path) -> None:
    if installing:
        installing.wait()
    names = subprocess.run([PACKAGES, "names"], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    if not has_pdf_libraries(data_dir):
        say(f"PDF reports are switched off until you type: sudo apt-get install -y --no-install-recommends {names}")
    if tests and not shutil.which("chromium"):
        say("Browser tests are skipped until you type: sudo apt-get install -y chromium poppler-utils")


# Pieces


def run_quietly(command: list[str]) -> tuple[bool, str]:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode == 0, done.stdout.decode(errors="replace")


def last_line(output: str) -> str:
    errors = [line for line in output.splitlines() if line.startswith("ERROR")]
    lines = errors or [line for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def prepare(tests: bool) -> None:
    names = TEST_REQUIREMENTS if tests else REQUIREMENTS
    data_dir = Path(os.environ.get("MS5_DATA_DIR") or PROJECT / ".ms5").absolute()
    folder = os.open(str(PROJECT), os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)  # two starts at once: the second waits, then finds everything installed
    try:
        installing = begin_system_packages(tests, data_dir)
        if not is_installed(names):
            make_venv()
            install(names)
        finish_system_packages(installing, tests, data_dir)
    finally:
        os.close(folder)


def main(arguments: list[str]) -> None:
    require_python()
    tests = "--tests" in arguments
    action = [argument for argument in arguments if argument != "--tests"]
    try:
        prepare(tests)
    except KeyboardInterrupt:
        fail("Stopped.")
    except OSError as error:
        if error.errno == errno.ENOSPC:
            fail("The disk is full. Free some space, then run the same command again.")
        fail(f"{error.strerror}: {error.filename}. Choose folders that you can write to.")
    if action:
        os.chdir(str(PROJECT))
        os.execv(str(PYTHON), [str(PYTHON), "-m", "ms5.bare", *action])  # noqa: S606 - keeps the process id


if __name__ == "__main__":
    main(sys.argv[1:])
