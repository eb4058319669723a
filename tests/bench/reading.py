"""What reading costs: ours beside bare pycomm3, and fifty controllers in one process."""

from django.core.management import call_command


def run() -> None:
    call_command("bench_reader")
