"""manage.py import_faults MACHINE FILE: take over the fault list of a machine as its builder exports it."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from floor.actions.faults import import_faults
from floor.domain.fault_list import NotAFaultList, kinds, read
from floor.models import Equipment


class Command(BaseCommand):
    help = "Import a CSV with the columns Tag, Description, Source into a machine's catalogue of faults."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("machine", help="code of the machine, e.g. BP01.PACK.BAG1")
        parser.add_argument("file", type=Path)
        parser.add_argument("--prompts", default="", help="bits that only ask for something, e.g. 22,25,28-30")
        parser.add_argument("--status", default="", help="bits that only tell what the machine does, e.g. 47,59")
        parser.add_argument(
            "--overwrite", action="store_true", help="also take kind and source of known bits from the file"
        )

    def handle(self, *args: Any, machine: str, file: Path, **options: Any) -> None:
        equipment = Equipment.objects.filter(code=machine).first()
        if equipment is None:
            raise CommandError(f"There is no machine {machine}. Load the plant first.")
        try:
            told = read(file.read_bytes(), kinds(options["prompts"], options["status"]))
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        except (NotAFaultList, ValueError) as error:
            raise CommandError(f"{file} was not imported. {error}") from error
        now = datetime.now(UTC)
        done = import_faults(equipment, told.faults, keep_judgement=not options["overwrite"], by=None, now=now)
        for remark in told.remarks:
            self.stdout.write(f"  {remark}")
        self.stdout.write(f"{machine}: {done.added} added, {done.changed} changed, {done.same} as they were.")
