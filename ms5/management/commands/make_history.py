"""Fill a new demo plant with days that have passed."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ms5.history import HistoryExists, make_history


class Command(BaseCommand):
    help = "Make history for the demo plant by driving the simulated plant through the real engine."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=14)
        parser.add_argument("--seed", type=int, default=7, help="the simulator's seed (7)")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        try:
            readings = make_history(days=options["days"], seed=options["seed"], now=timezone.now(), tell=self._progress)
        except HistoryExists as error:
            raise CommandError(str(error)) from error
        took_s = time.monotonic() - started
        self.stdout.write(f"\r{options['days']} days of history: {readings} readings in {took_s:.0f} s.   ")

    def _progress(self, share: float) -> None:
        self.stdout.write(f"\r  {share:4.0%} of the history made", ending="")
        self.stdout.flush()
