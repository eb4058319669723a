"""manage.py load_plant FILE [--check]: make the plant what a file says it is."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ms5.plant_file.apply import apply
from ms5.plant_file.changes import Changes
from ms5.plant_file.document import Refused
from ms5.plant_file.load import load
from ms5.plant_file.schema import PlantFile

TOLD = 12


class Command(BaseCommand):
    help = "Load a plant file (docs/plant-file.md). A file with a mistake in it changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--check", action="store_true", help="Say what the file would change, and change nothing.")

    def handle(self, *args: Any, file: Path, check: bool, **options: Any) -> None:
        try:
            loaded = load(file.read_bytes())
            changes = apply(loaded, datetime.now(UTC), keep=not check)
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        except Refused as refused:
            raise CommandError(_refusal(file, refused)) from refused
        self._tell(loaded.plant, changes, check=check, verbosity=options["verbosity"])

    def _tell(self, plant: PlantFile, changes: Changes, *, check: bool, verbosity: int) -> None:
        if verbosity < 1:
            return
        self.stdout.write(f"{plant.site.name}: {_summary(plant)}.")
        for mark, sentences in (("+", changes.added), ("~", changes.changed), ("-", changes.removed)):
            for sentence in sentences[: None if verbosity > 1 else TOLD]:
                self.stdout.write(f"  {mark} {sentence}")
            if verbosity == 1 and len(sentences) > TOLD:
                self.stdout.write(f"  {mark} … and {len(sentences) - TOLD} more")
        done = "Nothing was written; loading it would mean" if check else "Loaded"
        self.stdout.write(f"{done}: {changes}." if changes else "Nothing to change: the plant is as the file says.")
        if changes.removed:
            self.stdout.write("What the file no longer names was switched off, never deleted.")


def _refusal(file: Path, refused: Refused) -> str:
    count = len(refused.problems)
    head = f"{file} was not loaded, nothing was changed. {count} problem{'s' * (count != 1)}:"
    return "\n".join([head, *(f"  {problem}" for problem in refused.problems)])


def _summary(plant: PlantFile) -> str:
    machines = sum(len(line.machines) for line in plant.lines.values())
    tags = sum(len(controller.tags) for controller in plant.controllers.values())
    parts = {
        "line": len(plant.lines),
        "machine": machines,
        "product": len(plant.products),
        "controller": len(plant.controllers),
        "tag": tags,
    }
    return ", ".join(f"{count} {noun}{'s' * (count != 1)}" for noun, count in parts.items())
