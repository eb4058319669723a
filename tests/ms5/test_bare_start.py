"""Everything that can be wrong with a bare machine is one sentence that says what to do, never a traceback."""

import errno
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from ms5.bare.demo_plant import require_simulator_ports, simulator_port, write_demo_plant
from ms5.bare.explain import CannotStart, explained
from ms5.bare.folder import PROJECT, Folder, require_space, write_private
from ms5.bare.services import wait_until
from ms5.bare.stages import Steps, history_days


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "data")
    folder.make()
    return folder


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def first_start() -> ModuleType:
    """The starter's first part, loaded by path as it runs: it belongs to no package."""
    spec = importlib.util.spec_from_file_location("first_start", PROJECT / "ms5/bare/first_start.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bare(action: str, folder: Path, **environment: str) -> tuple[int, str]:
    """Run the starter; return its exit code and the one thing that it said."""
    given = {**os.environ, "MS5_DATA_DIR": str(folder), **environment}
    done = subprocess.run(
        [sys.executable, "-m", "ms5.bare", action], env=given, cwd=PROJECT, capture_output=True, text=True, timeout=60
    )
    said = (done.stdout + done.stderr).strip()
    assert "Traceback" not in said
    return done.returncode, said


def test_a_taken_port_is_told_with_the_way_out(tmp_path: Path, taken_port: int) -> None:
    status, said = bare("run", tmp_path / "data", MS5_PORT=str(taken_port))

    assert status == 1
    assert said.startswith(f"Port {taken_port} is taken")
    assert f"MS5_PORT={taken_port + 1} make run" in said


@pytest.mark.parametrize("port", ["http", "0", "70000"])
def test_a_port_that_is_none_is_told(tmp_path: Path, port: str) -> None:
    status, said = bare("run", tmp_path / "data", MS5_PORT=port)

    assert status == 1
    assert said.startswith(f"MS5_PORT is '{port}'")


def test_a_second_start_on_the_same_data_is_told_who_is_there(folder: Folder, taken_port: int) -> None:
    with folder.held("MS5.0 runs there at http://127.0.0.1:8000/"):
        status, said = bare("run", folder.path, MS5_PORT=str(taken_port))

    assert status == 1
    assert f"is in use: MS5.0 runs there at http://127.0.0.1:8000/ (process {os.getpid()})" in said


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")

    status, said = bare("run", tmp_path / "file" / "data")

    assert status == 1
    assert str(tmp_path / "file") in said


def test_a_full_disk_is_told_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"The disk of .* is full: \d+ MB free"):
        require_space(tmp_path, 10**18)


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, r"The disk is full \(/data/x\)\. Free some space"),
        (errno.EACCES, r"Permission denied \(/data/x\)\. Choose a folder"),
        (errno.EIO, r"The operating system said: Input/output error \(/data/x\)\."),
    ],
)
def test_the_operating_system_s_errors_are_told(number: int, sentence: str) -> None:
    assert_told(explained(OSError(number, os.strerror(number), "/data/x")), sentence)


def assert_told(told: CannotStart, sentence: str) -> None:
    with pytest.raises(CannotStart, match=sentence):
        raise told


def test_a_long_path_still_gives_short_private_sockets(tmp_path: Path) -> None:
    folder = Folder(tmp_path / ("x" * 120))
    folder.make()

    assert len(str(folder.sockets / ".s.PGSQL.5432")) < 107
    assert folder.sockets.stat().st_mode & 0o777 == 0o700
    folder.remove()
    assert not folder.sockets.exists()


def test_a_socket_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "data")
    folder.sockets.mkdir(parents=True)
    folder.sockets.chmod(0o777)

    with pytest.raises(CannotStart, match="belongs to somebody else"):
        folder.make()


@pytest.mark.parametrize("days", ["some", "-1", "91"])
def test_history_of_a_nonsensical_length_is_told(monkeypatch: pytest.MonkeyPatch, days: str) -> None:
    monkeypatch.setenv("MS5_HISTORY_DAYS", days)

    with pytest.raises(CannotStart, match="MS5_HISTORY_DAYS"):
        history_days()


def test_a_step_that_fails_is_told_with_its_last_words(folder: Folder) -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    steps = Steps(folder, environment, lambda sentence: None)

    with pytest.raises(CannotStart, match=r"^Loading the demo plant failed: .*nowhere\.yaml.*load_plant\.log\)$"):
        steps.manage("Loading the demo plant", "load_plant", "nowhere.yaml")


def test_an_interrupted_history_in_a_server_of_your_own_is_told_and_never_emptied(folder: Folder) -> None:
    (folder.path / "first-start.unfinished").touch()

    with pytest.raises(CannotStart, match="Empty that database"):
        Steps(folder, {}, lambda sentence: None).has_no_plant()


# make clean-data


def test_clean_data_refuses_while_something_runs(folder: Folder) -> None:
    with folder.held("MS5.0 runs there"):
        status, said = bare("clean", folder.path)

    assert status == 1
    assert "is in use" in said
    assert folder.path.exists()


def test_clean_data_removes_everything(folder: Folder) -> None:
    with folder.held("a start"):
        folder.mark_done("plant")

    assert bare("clean", folder.path)[0] == 0
    assert not folder.path.exists()
    assert bare("clean", folder.path) == (0, f"There is no data folder at {folder.path}.")


def test_clean_data_removes_no_folder_that_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()

    status, said = bare("clean", tmp_path / "letters")

    assert status == 1
    assert "does not look like a data folder" in said
    assert (tmp_path / "letters").exists()


# The simulated controllers' ports


def test_the_controllers_ports_are_chosen_free_and_then_kept(folder: Folder) -> None:
    favourite = simulator_port(folder)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", favourite))
        listener.listen()
        with pytest.raises(CannotStart, match=f"Port {favourite} of the simulated controllers"):
            require_simulator_ports(folder)
        (folder.path / "simulator-port").unlink()
        chosen = simulator_port(folder)

    assert chosen != favourite
    assert simulator_port(folder) == chosen
    assert f"port: {chosen}\n" in write_demo_plant(folder).read_text(encoding="utf-8")


# Before there is a .venv


def test_an_old_python_is_told(first_start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))

    with pytest.raises(SystemExit, match=r"Python 3\.11 or newer is needed; .* is 3\.9"):
        first_start.require_python()


def test_a_missing_venv_module_is_told(first_start: ModuleType) -> None:
    without = "import runpy, sys; sys.modules['venv'] = None; runpy.run_module('venv', run_name='__main__')"
    done = subprocess.run([sys.executable, "-S", "-c", without], capture_output=True, text=True)
    debian = "The virtual environment was not created successfully because ensurepip is not available."

    assert "apt-get install python3." in first_start.venv_sentence(done.stderr)
    assert "apt-get install python3." in first_start.venv_sentence(debian)


def test_a_machine_without_network_is_told(first_start: ModuleType) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--isolated",
            "--retries",
            "0",
            "-i",
            "http://127.0.0.1:9/",
            "django==0",
        ],
        capture_output=True,
        text=True,
    )

    assert first_start.pip_sentence(done.stdout + done.stderr).startswith("The Python packages could not be downloaded")


def test_a_package_that_does_not_exist_is_told_in_pip_s_words(first_start: ModuleType) -> None:
    said = first_start.pip_sentence("Looking\nERROR: No matching distribution found for x==0\n")

    assert said.endswith("ERROR: No matching distribution found for x==0")


def test_an_installation_counts_only_for_the_files_that_it_was_made_from(
    first_start: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(first_start, "PROJECT", tmp_path)
    (tmp_path / "requirements.txt").write_text("a==1", encoding="ascii")
    before = first_start.stamp_of(["requirements.txt"])
    (tmp_path / "requirements.txt").write_text("a==2", encoding="ascii")

    assert first_start.stamp_of(["requirements.txt"]) != before


# Files


def test_a_private_file_is_whole_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "logins.json"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o644)

    write_private(path, "new")

    assert path.read_text(encoding="utf-8") == "new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_ctrl_c_during_the_start_leaves_nothing_running(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "data")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    starter = subprocess.Popen(
        [sys.executable, "-m", "ms5.bare", "run"],
        env={**given, "MS5_DATA_DIR": str(folder.path), "MS5_PORT": str(port), "DJANGO_SETTINGS_MODULE": ""},
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    wait_until((folder.run / "postgres.pid").exists, "PostgreSQL was not started")
    postgres = int((folder.run / "postgres.pid").read_text(encoding="ascii"))

    starter.send_signal(signal.SIGINT)
    said, _ = starter.communicate(timeout=40)

    assert said.endswith("Stopped.\n")
    assert starter.returncode == 0
    assert not Path(f"/proc/{postgres}").exists()
