"""What operations people are handed: one start script, one image, and files that their tools accept."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from ms5.bare.folder import PROJECT

START = PROJECT / "deploy/start"
EVERYWHERE = {"web", "plc", "worker", "beat", "escalator", "watchdog"}


def commands_of(process: str, tmp_path: Path) -> str:
    """Return what deploy/start would turn into, told by a python that only prints."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$MS5_PROCESS: $*"\n', encoding="ascii")
    python.chmod(0o755)
    done = subprocess.run(
        [START, process], env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("process", "part"),
    [
        ("web", "daphne -b 127.0.0.1 -p 8000"),
        ("plc", "-Q plc --pool=threads"),
        ("worker", "-Q default,reports"),
        ("beat", "beat -s .ms5/beat-schedule"),
        ("escalator", "manage.py run_escalator"),
        ("watchdog", "manage.py run_watchdog"),
        ("simulator", "manage.py run_simulator"),
        ("migrate", "manage.py migrate --noinput"),
    ],
)
def test_each_process_is_started_by_its_name(process: str, part: str, tmp_path: Path) -> None:
    command = commands_of(process, tmp_path)

    assert command.startswith(f"{process}: ")
    assert part in command


def test_an_unknown_process_is_told() -> None:
    done = subprocess.run([START, "poller"], capture_output=True, text=True)

    assert done.returncode == 2
    assert done.stderr == "There is no process called poller.\n"


def test_compose_runs_every_process_and_two_escalators() -> None:
    services = yaml.safe_load((PROJECT / "deploy/compose.yaml").read_text(encoding="utf-8"))["services"]

    assert set(services) == EVERYWHERE | {"postgres", "redis", "migrate"}
    assert services["escalator"]["deploy"]["replicas"] == 2
    assert {name: services[name]["command"] for name in EVERYWHERE} == {name: [name] for name in EVERYWHERE}


def test_the_image_runs_as_nobody_in_particular_and_says_how_it_is() -> None:
    text = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    last_stage = text[text.rindex("\nFROM ") :]

    assert text.count("\nFROM ") == 2
    assert re.search(r"^USER 10001$", last_stage, re.M)
    assert "/health/live" in last_stage
    assert "system_packages.sh pdf" in last_stage
    assert "ms5/bare/requirements.txt" not in text
    assert "tests" in (PROJECT / ".dockerignore").read_text(encoding="utf-8").split()


def test_the_shell_scripts_are_read_without_complaint() -> None:
    for path in (START, PROJECT / "ms5/bare/system_packages.sh"):
        assert subprocess.run(["sh", "-n", path], capture_output=True).returncode == 0
        assert os.access(path, os.X_OK)
    assert subprocess.run(["bash", "-n", PROJECT / ".ci/run"], capture_output=True).returncode == 0


def test_make_help_lists_every_target_that_people_use() -> None:
    text = (PROJECT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", text, re.M)) - {"tools"}

    # Under `make test` this make is a second one, which would say so among its answers.
    command = ["make", "--no-print-directory", "help"]
    shown = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout

    assert {line.split()[0] for line in shown.splitlines()} == targets
    assert {"run", "test", "check", "bench", "faults", "shots", "clean-data"} <= targets
