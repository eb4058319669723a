"""Derive stops, ledger and totals anew from the facts, or check that they are what the facts say."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from floor.models import Line
from oee.actions.check import differences
from oee.actions.rebuild import rebuild


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("lines", nargs="*", help="line codes; none: every line")
        parser.add_argument("--since", help="only from the hour of this moment on, e.g. 2026-11-20T06:00:00+00:00")
        parser.add_argument("--check", action="store_true", help="change nothing, print differences, exit 1 if any")

    def handle(self, *args: Any, **options: Any) -> None:
        lines = Line.objects.select_related("site").order_by("code")
        if options["lines"]:
            lines = lines.filter(code__in=options["lines"])
        if not lines:
            raise CommandError("There is no such line.")
        if options["check"]:
            self._check(list(lines))
        else:
            self._rebuild(list(lines), options["since"])

    def _check(self, lines: list[Line]) -> None:
        found = 0
        for line in lines:
            for text in differences(line):
                found += 1
                self.stdout.write(text)
        self.stdout.write(f"{found} differences in {len(lines)} lines")
        if found:
            sys.exit(1)

    def _rebuild(self, lines: list[Line], since: str | None) -> None:
        start = parse_datetime(since) if since else None
        if since and (start is None or start.tzinfo is None):
            raise CommandError("--since is a time with its offset, e.g. 2026-11-20T06:00:00+00:00")
        for line in lines:
            changed = rebuild(line, since=start, now=timezone.now())
            self.stdout.write(f"{line.code}: {changed.rows} rows changed")
