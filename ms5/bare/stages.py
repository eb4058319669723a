"""What lies between an empty database and a plant worth looking at, each step once."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from ms5.bare.demo_plant import write_demo_plant
from ms5.bare.explain import CannotStart
from ms5.bare.folder import PROJECT, Folder
from ms5.bare.services import Postgres, dies_with_parent

DATABASE = "ms5"
HISTORY_DAYS = 14
PLANT = "plant"  # the mark of a first start that reached its end
SOURCE = "source"  # the mark of migrations and static files that are in place


@dataclass(frozen=True, slots=True)
class Steps:
    folder: Folder
    environment: Mapping[str, str]
    say: Callable[[str], None]

    def run(self, postgres: Postgres | None) -> None:
        """Bring the database up to date; make the demo plant where none is.

        `postgres` is None for a server of your own, which is never emptied.
        """
        database = "" if postgres else hashlib.sha256(self.environment["DATABASE_URL"].encode()).hexdigest()
        source = digest_of_source() + database
        is_first = not self.folder.is_done(PLANT, database)
        if not is_first and self.folder.is_done(SOURCE, source) and self.folder.logins.exists():
            return
        collecting = self._begin("Collecting the static files", "collectstatic", "--noinput", "--verbosity=0")
        if is_first and postgres:
            self._empty(postgres)
        self.manage("Setting up the database", "migrate", "--noinput", "--verbosity=0")
        self.manage("Making the logins", "demo_logins")  # before the history: its people speak in it
        if is_first and (postgres or self.has_no_plant()):
            self._make_plant()
        self.folder.mark_done(PLANT, database)
        collecting.finish()
        self.folder.mark_done(SOURCE, source)

    def _empty(self, postgres: Postgres) -> None:
        """A first start that did not reach its end may have left half a history; it is made again from nothing."""
        if self._unfinished.exists():
            self.say("The first start was interrupted; what it left half-made is made again.")
        # The simulated plant's memory belongs to that history: its counters run on from there.
        shutil.rmtree(self.folder.path / "simulator", ignore_errors=True)
        postgres.drop_database(DATABASE)
        postgres.create_database(DATABASE)

    def has_no_plant(self) -> bool:
        """Say whether a server of your own has no plant yet; refuse one whose history was interrupted."""
        if self._unfinished.exists():
            raise CannotStart(
                "The first start was interrupted while it made history in the database of DATABASE_URL. Empty that "
                f"database, remove {self._unfinished}, then run the same command again."
            )
        with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
            return connection.execute("SELECT FROM floor_line LIMIT 1").fetchone() is None

    def _make_plant(self) -> None:
        self._unfinished.touch()
        self.say("Loading the demo plant …")
        self.manage("Loading the demo plant", "load_plant", str(write_demo_plant(self.folder)))
        self.manage("Putting its people on shift", "demo_people")
        if days := history_days():
            self.say(f"Making {days} days of history …")
            self.manage("Making the history", "make_history", "--days", str(days), shown=True)
        self._unfinished.unlink()

    @property
    def _unfinished(self) -> Path:
        return self.folder.path / "first-start.unfinished"

    def manage(self, doing: str, *arguments: str, shown: bool = False) -> None:
        self._begin(doing, *arguments, shown=shown).finish()

    def _begin(self, doing: str, *arguments: str, shown: bool = False) -> "Running":
        log = self.folder.log / f"{arguments[0]}.log"
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                [*dies_with_parent("KILL"), sys.executable, "manage.py", *arguments],
                env={**self.environment, "MS5_PROCESS": arguments[0]},
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=None if shown else output,
                stderr=output,
            )
        return Running(process, doing, log)


@dataclass(frozen=True, slots=True)
class Running:
    process: "subprocess.Popen[bytes]"
    doing: str
    log: Path

    def finish(self) -> None:
        try:
            status = self.process.wait()
        except BaseException:
            self.process.kill()
            raise
        if status == 0:
            return
        output = self.log.read_text(encoding="utf-8", errors="replace")
        if "No space left on device" in output:
            raise CannotStart(
                f"{self.doing} failed: the disk is full. Free some space, then run the same command again."
            )
        last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), f"exit code {status}")
        raise CannotStart(f"{self.doing} failed: {last} (the whole output is in {self.log})")


def digest_of_source() -> str:
    """What tables and static files are made from: while it is the same, a start has nothing to bring up to date."""
    digest = hashlib.sha256(str(PROJECT).encode())
    paths = [*PROJECT.glob("*/migrations/*.py"), *PROJECT.glob("static/**/*"), PROJECT / "requirements.txt"]
    for path in sorted(path for path in paths if path.is_file()):
        digest.update(f"{path}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def history_days() -> int:
    raw = os.environ.get("MS5_HISTORY_DAYS") or str(HISTORY_DAYS)
    if not raw.isdecimal() or int(raw) > 90:
        raise CannotStart(f"MS5_HISTORY_DAYS is {raw!r}; it must be a whole number from 0 to 90.")
    return int(raw)


def logins(folder: Folder) -> dict[str, str]:
    kept: dict[str, str] = json.loads(folder.logins.read_text(encoding="utf-8"))
    return kept
