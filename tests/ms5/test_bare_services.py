"""PostgreSQL and Valkey of a bare machine: made, started, killed, started again."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from ms5.bare import services
from ms5.bare.explain import CannotStart
from ms5.bare.folder import Folder
from ms5.bare.services import (
    NOBODY,
    Postgres,
    Valkey,
    locate_postgres,
    locate_valkey,
    place_for_nobody,
    wait_until,
)
from ms5.bare.throw_away import throw_away_postgres, throw_away_valkey


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "data")
    folder.make()
    return folder


def test_postgres_answers_with_the_extensions_that_the_tables_need(tmp_path: Path) -> None:
    with throw_away_postgres(tmp_path / "pg") as postgres:
        postgres.create_database("ms5")
        with psycopg.connect(postgres.url("ms5")) as connection:
            connection.execute("CREATE EXTENSION btree_gist")
            encoding = connection.execute("SHOW server_encoding").fetchone()
            zone = connection.execute("SELECT '2026-03-29 03:30'::timestamp AT TIME ZONE 'Europe/Berlin'").fetchone()

    assert encoding == ("UTF8",)
    assert zone is not None
    assert not postgres.answers()


def test_postgres_listens_to_nobody_outside_its_private_folder(tmp_path: Path) -> None:
    with (
        throw_away_postgres(tmp_path / "pg") as postgres,
        psycopg.connect(postgres.url("postgres")) as connection,
    ):
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert postgres.sockets.stat().st_mode & 0o077 == 0


def test_making_a_database_twice_keeps_the_first(tmp_path: Path) -> None:
    with throw_away_postgres(tmp_path / "pg") as postgres:
        postgres.create_database("ms5")
        with psycopg.connect(postgres.url("ms5"), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept ()")
        postgres.create_database("ms5")
        with psycopg.connect(postgres.url("ms5")) as connection:
            assert connection.execute("SELECT to_regclass('kept')::text").fetchone() == ("kept",)


def test_a_killed_initdb_leaves_nothing_that_the_next_start_would_believe(folder: Folder) -> None:
    postgres = locate_postgres(folder, throw_away=True)
    half_made = postgres.data.with_suffix(".new")
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18\n", encoding="ascii")

    postgres.create()

    assert not half_made.exists()
    assert (postgres.data / "global" / "pg_control").exists()


def test_initdb_that_fails_is_one_sentence(folder: Folder) -> None:
    broken = folder.path / "bin"
    broken.mkdir()
    (broken / "initdb").write_text("#!/bin/sh\necho 'could not write: No space left on device' >&2; exit 1\n")
    (broken / "initdb").chmod(0o755)

    with pytest.raises(CannotStart, match=r"^The disk is full") as told:
        Postgres(broken, folder.path / "postgres", folder.sockets).create()

    assert "\n" not in str(told.value)
    assert not (folder.path / "postgres").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs to become nobody")
def test_where_user_namespaces_are_closed_postgres_runs_as_nobody(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "can_use_user_namespace", lambda: False)
    monkeypatch.delenv("PGPASSWORD", raising=False)
    expected = Folder(folder.path / "pg")
    try:
        with throw_away_postgres(folder.path / "pg") as postgres:
            owner = Path(f"/proc/{_postmaster(postgres)}").stat().st_uid
            with psycopg.connect(f"postgresql://ms5@/postgres?host={expected.sockets}") as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        os.environ.pop("PGPASSWORD", None)

    assert postgres.prefix == NOBODY
    assert owner == 65534
    assert not place_for_nobody(expected).exists()


def _postmaster(postgres: Postgres) -> int:
    return int((postgres.data / "postmaster.pid").read_text(encoding="ascii").split()[0])


def test_a_killed_starter_takes_postgres_along_and_leaves_the_data_clean(folder: Folder) -> None:
    program = (
        "import os, subprocess, sys\n"
        "from pathlib import Path\n"
        "from ms5.bare.folder import Folder\n"
        "from ms5.bare.services import locate_postgres, wait_until\n"
        "postgres = locate_postgres(Folder(Path(sys.argv[1])), throw_away=True)\n"
        "postgres.create()\n"
        "subprocess.Popen(postgres.command(), stderr=open(sys.argv[2], 'w'))\n"
        "wait_until(postgres.answers, 'no answer')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    log = folder.log / "postgres.log"
    subprocess.run([sys.executable, "-c", program, str(folder.path), str(log)], check=False)

    wait_until(lambda: "database system is shut down" in log.read_text(encoding="utf-8"), "still running")

    assert not locate_postgres(folder).answers()


def test_valkey_forgets_no_work_and_is_reached_by_its_url(tmp_path: Path) -> None:
    with throw_away_valkey(tmp_path / "valkey") as valkey:
        client = redis.Redis.from_url(valkey.url())
        assert client.set("call", "open")
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        client.close()

    assert not valkey.answers()


def test_a_durable_valkey_keeps_its_queue_over_a_kill(folder: Folder) -> None:
    valkey = locate_valkey(folder)
    valkey.create()
    for expected, command in ((0, "lpush"), (1, "llen")):
        process = subprocess.Popen(valkey.command(), stdout=subprocess.DEVNULL)
        wait_until(valkey.answers, "no answer")
        client = redis.Redis.from_url(valkey.url())
        assert client.llen("queue") == expected
        if command == "lpush":
            client.lpush("queue", "task")
            client.config_set("appendfsync", "always")
            client.lpush("other", "flushes the log")
        client.close()
        process.kill()
        process.wait()


def test_without_any_server_program_the_sentence_names_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(()))
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(CannotStart, match="DATABASE_URL"):
        services.postgres_binaries()
    with pytest.raises(CannotStart, match="REDIS_URL"):
        services.valkey_binary()


def test_debian_s_postgres_is_taken_when_the_wheel_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        Path("/usr/lib/postgresql/9/bin"),
        Path("/usr/lib/postgresql/15/bin"),
        Path("/usr/lib/postgresql/17/bin"),
    ]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(found))
    monkeypatch.setattr(Path, "exists", lambda self: True)

    assert services.postgres_binaries() == Path("/usr/lib/postgresql/17/bin")


def test_urls_survive_spaces_in_the_folder_name(tmp_path: Path) -> None:
    sockets = tmp_path / "data folder"

    assert Postgres(Path("/bin"), sockets, sockets).url("ms5").endswith("/data%20folder")
    assert "data%20folder" in Valkey(Path("/bin/true"), sockets, sockets / "s").url()
