"""The supervisor with small programs: it restarts what dies and nothing outlives it."""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from ms5.bare.folder import Folder
from ms5.bare.services import dies_with_parent, wait_until
from ms5.bare.supervisor import Program, Supervisor, configuration

SLEEPS = [*dies_with_parent("TERM"), "sleep", "600"]
SAYS_WHEN_IT_ENDS = """
import signal, sys, time
def end(*_):
    open(sys.argv[2], "a").write(sys.argv[1])
    sys.exit()
signal.signal(signal.SIGTERM, end)
open(sys.argv[2] + sys.argv[1], "w")
while True:
    time.sleep(1)
"""
Supervise = Callable[[Sequence[Program]], Supervisor]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    folder = Folder(tmp_path / "data")
    folder.make()
    yield folder
    shutil.rmtree(folder.sockets, ignore_errors=True)


@pytest.fixture
def supervise(folder: Folder) -> Iterator[Supervise]:
    started: list[Supervisor] = []

    def start(programs: Sequence[Program]) -> Supervisor:
        supervisor = Supervisor(folder, programs, os.environ)
        started.append(supervisor)
        for program in programs:
            supervisor.start(program.name)
        return supervisor

    yield start
    for supervisor in started:
        supervisor.stop()


def pid_of(folder: Folder, name: str) -> int:
    path = folder.run / f"{name}.pid"
    wait_until(path.exists, f"{name} has no pid file")
    return int(path.read_text(encoding="ascii"))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for_new_pid(folder: Folder, name: str, old: int) -> int:
    wait_until(lambda: pid_of(folder, name) != old, f"{name} was not restarted")
    return pid_of(folder, name)


def test_a_killed_program_comes_back_under_a_new_pid(folder: Folder, supervise: Supervise) -> None:
    supervise([Program("reader", SLEEPS)])
    first = pid_of(folder, "reader")

    os.kill(first, signal.SIGKILL)
    second = wait_for_new_pid(folder, "reader", first)

    assert is_alive(second)
    assert not is_alive(first)


def test_a_program_that_dies_at_once_is_tried_again_with_pauses(folder: Folder, supervise: Supervise) -> None:
    tries = folder.path / "tries"
    supervise([Program("broken", ["sh", "-c", f"date +%s.%N >> {tries}; exit 1"])])

    wait_until(lambda: tries.exists() and len(tries.read_text().split()) >= 3, "it was not tried three times")

    first, second, third = map(float, tries.read_text().split()[:3])
    assert second - first > 0.5  # a second, then two; a busy machine only makes them longer
    assert third - second > 1.5


def test_what_a_program_says_is_in_its_log(folder: Folder, supervise: Supervise) -> None:
    supervise([Program("web", ["sh", "-c", "echo listening; echo trouble >&2; exec sleep 600"])])
    log = folder.log / "web.log"

    wait_until(lambda: log.exists() and log.read_text() == "listening\ntrouble\n", "its log is incomplete")


def test_stopping_ends_the_programs_before_the_servers(folder: Folder, supervise: Supervise) -> None:
    ends = folder.path / "ends"
    script = folder.path / "program.py"
    script.write_text(SAYS_WHEN_IT_ENDS, encoding="utf-8")
    programs = [
        Program(name, [sys.executable, str(script), name, str(ends)], group)
        for name, group in (("database", "services"), ("web", "processes"))
    ]
    supervisor = supervise(programs)
    wait_until(lambda: all(Path(f"{ends}{p.name}").exists() for p in programs), "they did not start")

    supervisor.stop()

    assert ends.read_text() == "webdatabase"
    assert not supervisor.is_running


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_the_supervisor(folder: Folder, supervise: Supervise, number: signal.Signals) -> None:
    supervisor = supervise([Program("web", SLEEPS), Program("reader", SLEEPS)])
    pids = [pid_of(folder, "web"), pid_of(folder, "reader")]

    os.kill(pid_of(folder, "supervisor"), number)
    supervisor.wait()

    wait_until(lambda: not any(map(is_alive, pids)), f"still there: {pids}")


def test_children_of_a_killed_program_are_cleared_before_it_starts_again(folder: Folder, supervise: Supervise) -> None:
    child = folder.path / "child"
    supervise([Program("worker", ["sh", "-c", f"setsid sleep 600 & echo $! > {child}; wait"])])
    wait_until(lambda: child.exists() and bool(child.read_text()), "it has no child")
    first, orphan = pid_of(folder, "worker"), int(child.read_text())

    os.kill(first, signal.SIGKILL)
    wait_for_new_pid(folder, "worker", first)

    wait_until(lambda: not is_alive(orphan), "the orphan lives")


def test_programs_of_another_data_folder_are_left_alone(folder: Folder, tmp_path: Path, supervise: Supervise) -> None:
    other = Folder(tmp_path / "other")
    other.make()
    elsewhere = Supervisor(other, [Program("reader", SLEEPS)], os.environ)
    try:
        elsewhere.start("reader")
        neighbour = pid_of(other, "reader")
        supervise([Program("reader", SLEEPS)])
        os.kill(mine := pid_of(folder, "reader"), signal.SIGKILL)
        wait_for_new_pid(folder, "reader", mine)

        assert is_alive(neighbour)
    finally:
        elsewhere.stop()


def test_a_new_start_waits_for_the_last_one_to_finish_stopping(folder: Folder, supervise: Supervise) -> None:
    first = supervise([Program("reader", SLEEPS)])
    pid_of(folder, "reader")
    os.kill(pid_of(folder, "supervisor"), signal.SIGTERM)

    second = supervise([Program("reader", SLEEPS)])

    assert not first.is_running
    assert second.is_running


def test_percent_signs_and_spaces_reach_the_program(folder: Folder, supervise: Supervise) -> None:
    said = folder.path / "said"
    supervise(
        [
            Program(
                "web",
                ["sh", "-c", 'printf "%s" "$1" > "$2"; exec sleep 600', "-", "100 % 'of' it", str(said)],
            )
        ]
    )

    wait_until(said.exists, "it said nothing")
    wait_until(lambda: said.read_text() == "100 % 'of' it", f"it said {said.read_text()}")


def test_the_servers_are_one_group_that_stops_last(folder: Folder) -> None:
    text = configuration(folder, [Program("postgres", ["true"], "services"), Program("web", ["true"])])

    assert "[group:services]\nprograms=postgres\npriority=1" in text
    assert "[group:processes]\nprograms=web\npriority=2" in text
