"""The example of an environment is complete, and a bare machine makes one of its own."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ms5.bare.environment import environment
from ms5.bare.folder import PROJECT, Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "data")
    folder.make()
    return folder


# .env.example


def names_in_code() -> Iterator[str]:
    for package in ("ms5", "floor", "andon", "oee", "plc", "reports"):
        for path in (PROJECT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            yield from re.findall(r'\benv_\w+\(\s*"([A-Z0-9_]+)"', text)


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
