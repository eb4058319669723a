"""python -m tests.faults [--minutes 10] [--seed N]: kill, stop and cut while people call, and see who was not reached.

Exit code 1 when a call did not reach somebody in time and nothing said so.
"""

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path

from ms5.bare.folder import Folder
from tests.faults.check import check, report
from tests.faults.outside import outside
from tests.faults.storm import storm
from tests.stack.running import product


def main() -> int:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--out", type=Path, default=Folder.from_environment().path / "faults", help="for the report")
    given = parser.parse_args()
    say(f"seed {given.seed}, {given.minutes:g} minutes; the product starts")
    with (
        tempfile.TemporaryDirectory(prefix="ms5-faults-") as folder,
        outside() as world,
        product(Path(folder) / "data", **world.environment) as plant,
    ):
        run = storm(plant, world, seed=given.seed, seconds=60 * given.minutes, say=say)
        verdict = check(plant, world, run)
    given.out.mkdir(parents=True, exist_ok=True)
    written = given.out / f"seed-{given.seed}.json"
    written.write_text(json.dumps(report(run, verdict, world.alarms.heard), indent=2), encoding="utf-8")
    for name, figure in verdict.figures.items():
        say(f"  {name:<60} {figure}")
    for sentence in verdict.wrong:
        say(f"WRONG: {sentence}")
    say(f"{'Kept' if not verdict.wrong else 'BROKEN'}. {written}")
    return 1 if verdict.wrong else 0


def say(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    sys.exit(main())
