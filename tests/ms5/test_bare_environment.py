"""Settings come from the environment; nonsense stops the start with a sentence that says what to write."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ms5.bare.environment import environment
from ms5.bare.folder import PROJECT, Folder
from ms5.env import BadSetting, env_bool, env_choice, env_int, env_list, env_secret, env_str

SECRET = "0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJ"
COMPLETE = {
    "PATH": os.environ["PATH"],
    "MS5_ENV": "production",
    "SECRET_KEY": SECRET,
    "JWT_SECRET_KEY": SECRET,
    "MS5_METRICS_TOKEN": SECRET,
    "ALLOWED_HOSTS": "ms5.plant.example",
    "DATABASE_URL": "postgresql://ms5@127.0.0.1/ms5",
    "REDIS_URL": "redis://127.0.0.1/0",
}


def start(**changes: str | None) -> tuple[int, str]:
    """Read the settings as production would; None takes a name away."""
    names = {name: value for name, value in {**COMPLETE, **changes}.items() if value is not None}
    done = subprocess.run(
        [sys.executable, "-c", "import ms5.settings"], env=names, cwd=PROJECT, capture_output=True, text=True
    )
    return done.returncode, done.stderr.strip()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "data")
    folder.make()
    return folder


def test_production_starts_with_what_the_example_calls_required() -> None:
    assert start() == (0, "")


@pytest.mark.parametrize("name", ["SECRET_KEY", "JWT_SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL"])
def test_production_refuses_to_start_without(name: str) -> None:
    status, said = start(**{name: None})

    assert status == 1
    assert said.startswith(name)
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "please-change-me-please-change-me-please"),
        ("MS5_ENV", "staging"),
        ("LOG_LEVEL", "LOUD"),
        ("PROMETHEUS_ENABLED", "yes"),
        ("DATABASE_POOL_SIZE", "many"),
        ("DATABASE_POOL_SIZE", "0"),
        ("DATABASE_URL", "mysql://ms5@127.0.0.1/ms5"),
        ("REDIS_URL", "127.0.0.1:6379"),
        ("JWT_ALGORITHM", "none"),
        ("API_V1_STR", "/api/v2"),
    ],
)
def test_nonsense_is_refused_by_name(name: str, value: str) -> None:
    status, said = start(**{name: value})

    assert status == 1
    assert said.startswith(name)
    assert "Traceback" not in said


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n", encoding="utf-8")

    assert start(SECRET_KEY=None, SECRET_KEY_FILE=str(path)) == (0, "")


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    status, said = start(SECRET_KEY=None, SECRET_KEY_FILE=str(tmp_path / "missing"))

    assert status == 1
    assert said.startswith("SECRET_KEY_FILE points to")


def test_the_value_itself_beats_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_HOST", "mail")
    monkeypatch.setenv("SMTP_HOST_FILE", "/nowhere")

    assert env_str("SMTP_HOST") == "mail"


@pytest.mark.parametrize(
    ("raw", "read", "expected"),
    [
        ("", lambda name: env_str(name, "viewer"), "viewer"),
        ("INFO", lambda name: env_choice(name, ("INFO", "ERROR"), "ERROR"), "INFO"),
        ("12", lambda name: env_int(name, 3), 12),
        ("True", lambda name: env_bool(name, default=False), True),
        ("0", lambda name: env_bool(name, default=True), False),
        ("a, b,", env_list, ["a", "b"]),
        ('["https://a", "https://b"]', env_list, ["https://a", "https://b"]),
        (SECRET, lambda name: env_secret(name, development=None), SECRET),
    ],
)
def test_values_are_read_as_they_are_written(
    monkeypatch: pytest.MonkeyPatch, raw: str, read: Callable[[str], object], expected: object
) -> None:
    monkeypatch.setenv("MS5_SOMETHING", raw)

    assert read("MS5_SOMETHING") == expected


def test_a_number_below_its_least_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MS5_SOMETHING", "-1")

    with pytest.raises(BadSetting, match="MS5_SOMETHING is -1; it must be at least 0"):
        env_int("MS5_SOMETHING", 3)


# .env.example


def names_in_code() -> Iterator[str]:
    for package in ("ms5", "floor", "andon", "oee", "plc", "reports"):
        for path in (PROJECT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            yield from re.findall(r'env_(?:str|int|bool|list|choice|secret|given_secret|url)\(\s*"(\w+)"', text)


def names_in_example() -> set[str]:
    text = (PROJECT / ".env.example").read_text(encoding="utf-8")
    return set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", text, re.M))


def test_every_setting_stands_in_the_example() -> None:
    missing = set(names_in_code()) - names_in_example()

    assert not missing


def test_the_example_names_nothing_that_no_program_reads() -> None:
    scripts = "".join(
        path.read_text(encoding="utf-8") for path in [PROJECT / "deploy/start", *(PROJECT / "ms5/bare").glob("*.py")]
    )
    unread = {name for name in names_in_example() - set(names_in_code()) if name not in scripts}

    assert not unread


def test_every_name_in_the_example_is_explained() -> None:
    text = (PROJECT / ".env.example").read_text(encoding="utf-8")
    for paragraph in re.findall(r"(?:^.+\n?)+", text, re.M):
        assert paragraph.startswith("#"), paragraph


# What a start on a bare machine decides by itself


def test_a_bare_machine_keeps_its_secrets_private_and_the_same(folder: Folder) -> None:
    first = environment(folder, {}, database_url="d", redis_url="r")
    second = environment(folder, {}, database_url="d", redis_url="r")

    assert first == second
    assert len({first["SECRET_KEY"], first["JWT_SECRET_KEY"]}) == 2
    assert (folder.path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_what_the_person_sets_wins(folder: Folder) -> None:
    given = {"MS5_ENV": "production", "SECRET_KEY_FILE": "/run/secrets/key", "LOG_LEVEL": "DEBUG"}

    chosen = environment(folder, given, database_url="d", redis_url="r")

    assert chosen["MS5_ENV"] == "production"
    assert chosen["LOG_LEVEL"] == "DEBUG"
    assert "SECRET_KEY" not in chosen


def test_a_private_copy_of_the_pdf_libraries_is_found_by_every_process(folder: Folder) -> None:
    libraries = folder.pdf_libraries / "usr/lib/x86_64-linux-gnu"
    libraries.mkdir(parents=True)

    chosen = environment(folder, {"LD_LIBRARY_PATH": "/opt/lib"}, database_url="d", redis_url="r")

    assert chosen["LD_LIBRARY_PATH"] == f"{libraries}:/opt/lib"
    assert str(folder.pdf_libraries) in Path(chosen["FONTCONFIG_FILE"]).read_text(encoding="utf-8")
