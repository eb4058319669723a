"""manage.py propose_tags FILE: the tags of a plant file, from the export of the programming software."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from plc.domain.tag_export import NotATagList, Proposal, propose


class Command(BaseCommand):
    help = "Print the tags that can be read, ready for a plant file. Keep the lines you need."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--like", default="", help="only tags with this in their name or description")

    def handle(self, *args: Any, file: Path, like: str, **options: Any) -> None:
        try:
            found = propose(file.read_bytes())
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        except NotATagList as error:
            raise CommandError(f"{file}: {error}") from error
        wanted = [tag for tag in found if like.lower() in f"{tag.name} {tag.remark}".lower()]
        self.stdout.write("    tags:")
        for tag in wanted:
            self.stdout.write(f"      {_line(tag)}")


def _line(tag: Proposal) -> str:
    name = f'"{tag.name}"' if ": " in tag.name or tag.name[0].isdigit() else tag.name
    remark = " ".join(tag.remark.replace("$N", " ").split())
    return f"{name}: {tag.written}" + (f"  # {remark}" if remark else "")
