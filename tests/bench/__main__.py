"""python -m tests.bench [name …]: measure the budgets on servers of their own, and print them."""

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django


def main(names: list[str]) -> int:
    from django.core.management import call_command

    from ms5 import long_lived
    from tests.bench import analysis, andon, fanout, ingest, latency, reading

    benches: dict[str, Callable[[], None]] = {
        "ingest": ingest.run,
        "reading": reading.run,
        "fanout": fanout.run,
        "latency": latency.run,
        "analysis": analysis.run,
        "andon": andon.run,
    }
    unknown = set(names) - set(benches)
    if unknown:
        print(f"No benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(benches)}.")
        return 2
    long_lived.set_apart()  # as every web process does
    for name in names or benches:
        print(f"\n{name}")
        benches[name]()
        call_command("flush", interactive=False, verbosity=0)
    return 0


def run_in_test_database(names: list[str]) -> int:
    django.setup()
    from django.test.utils import get_runner, setup_test_environment

    from tests.conftest import _start_postgres, _start_valkey

    with ExitStack() as servers:
        _start_valkey(servers)
        _start_postgres(servers)
        setup_test_environment()
        runner = get_runner(django.conf.settings)(verbosity=0, interactive=False)
        databases = runner.setup_databases()
        try:
            return main(names)
        finally:
            runner.teardown_databases(databases)


if __name__ == "__main__":
    sys.exit(run_in_test_database(sys.argv[1:]))
