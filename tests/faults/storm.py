"""Calls, answers and faults at once for some minutes; then everything may settle, and the books are checked."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults.callers import Accepted, calling
from tests.faults.injuries import Done, injure
from tests.faults.outside import Outside
from tests.faults.plan import Fault, faults
from tests.stack.running import Product, eventually

SETTLES_WITHIN_S = 120.0

# Levels follow each other after seconds instead of minutes.
HURRY = (
    "UPDATE andon_escalationrule SET after_s = CASE clock WHEN 'ack' THEN 6 * level ELSE 8 + 12 * level END,"
    " repeat_s = CASE WHEN repeat_s IS NULL THEN NULL ELSE 60 END"
)
OVERDUE = (
    "SELECT count(*) FROM andon_escalationstep WHERE taken_at IS NULL AND cancelled_at IS NULL"
    " AND due_at < clock_timestamp() - interval '3 seconds'"
)
PENDING = "SELECT count(*) FROM andon_notification WHERE sent_at IS NULL AND failed_at IS NULL AND cancelled_at IS NULL"
# After a bad hour a message waits for minutes before it is tried again. The run ends sooner.
TRY_NOW = (
    "UPDATE andon_notification SET next_try_at = clock_timestamp() WHERE sent_at IS NULL AND failed_at IS NULL"
    " AND cancelled_at IS NULL AND next_try_at > clock_timestamp() + interval '90 seconds'"
)
CLOSE_ALL = (
    "UPDATE andon_escalationstep SET cancelled_at = clock_timestamp() WHERE taken_at IS NULL AND cancelled_at IS NULL"
    " AND due_at > clock_timestamp() + interval '5 seconds'"
)


@dataclass
class Storm:
    """One run, as far as it has come."""

    seed: int
    seconds: float
    began: float = 0.0
    ended: float = 0.0
    accepted: Accepted = field(default_factory=Accepted)
    done: list[Done] = field(default_factory=list)


def storm(
    plant: Product,
    world: Outside,
    *,
    seed: int,
    seconds: float,
    pause_s: float = 1.0,
    say: Callable[[str], None] = print,
) -> Storm:
    run = Storm(seed, seconds)
    with plant.connection() as connection:
        connection.execute(HURRY)
    run.began = time.time()
    plan = faults(seed, seconds)
    with calling(plant, seed, pause_s=pause_s) as callers:
        tracks = [
            threading.Thread(target=_follow, args=(plant, world, run, track, say), daemon=True)
            for track in ([f for f in plan if f.how == "mail"], [f for f in plan if f.how != "mail"])
        ]
        for thread in tracks:
            thread.start()
        for thread in tracks:
            thread.join()
        _sleep_until(run.began + seconds)
    run.accepted = callers.accepted
    run.ended = time.time()
    say(f"{seconds:.0f} s are over; everything settles")
    _settle(plant)
    return run


def _follow(plant: Product, world: Outside, run: Storm, track: list[Fault], say: Callable[[str], None]) -> None:
    for fault in track:
        _sleep_until(run.began + fault.at_s)
        say(f"{time.time() - run.began:6.1f} s  {fault}")
        try:
            run.done.append(injure(plant, world, fault, time.sleep))
        except (OSError, ValueError) as error:  # it is just being started anew
            say(f"          not done: {error}")


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))


def _settle(plant: Product) -> None:
    """Every step that is due is taken and every mail has left; nothing is cancelled that is due."""
    eventually("no step is overdue", lambda: plant.value(OVERDUE) == 0, within_s=SETTLES_WITHIN_S)
    with plant.connection() as connection:
        connection.execute(CLOSE_ALL)

    def all_mail_has_left() -> bool:
        with plant.connection() as connection:
            connection.execute(TRY_NOW)
        return int(plant.value(PENDING)) == 0

    eventually("every mail has left", all_mail_has_left, within_s=2 * SETTLES_WITHIN_S)
    eventually("no step is overdue", lambda: plant.value(OVERDUE) == 0, within_s=SETTLES_WITHIN_S)
