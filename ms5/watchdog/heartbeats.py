"""Who gives no sign of life."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from floor.models import Heartbeat

KNOWN_FOR = timedelta(days=1)  # one that has not run for a day is not expected any more
SPEAKER_WITHIN = timedelta(seconds=10)

# Component → how long it may be silent.
LIMITS: dict[str, timedelta] = {
    "escalator": timedelta(seconds=8),
    "machine calls": timedelta(seconds=15),
    "delivery": timedelta(seconds=60),
    "webhooks": timedelta(seconds=60),
    "plc": timedelta(seconds=20),
    "web": timedelta(seconds=30),
    "worker": timedelta(seconds=90),
    "beat": timedelta(seconds=60),
    "watchdog": timedelta(seconds=15),
}
LIMIT_ELSE = timedelta(seconds=60)
# Expected even if they never ran: without them no call moves on, and none is heard.
EXPECTED = ("escalator", "delivery")
# These say when they end, so each of them that falls silent is missed, even while another one goes on.
LEAVE_PROPERLY = ("escalator", "delivery", "webhooks", "machine calls", "watchdog")


def known(now: datetime) -> dict[str, list[Heartbeat]]:
    """Signs of the last day by component, the oldest first."""
    found: dict[str, list[Heartbeat]] = defaultdict(list)
    for sign in Heartbeat.objects.filter(at__gt=now - KNOWN_FOR).order_by("component", "at"):
        found[sign.component].append(sign)
    return found


def silent(now: datetime, since: datetime) -> Iterable[tuple[str, str, str]]:
    """(component, key of the alarm, its text). Silence counts from `since` at the earliest."""
    found = known(now)
    for component in sorted({*found, *EXPECTED}):
        signs, limit = found.get(component, []), LIMITS.get(component, LIMIT_ELSE)
        quiet = [sign for sign in signs if now - max(sign.at, since) > limit]
        if not signs and now - since <= limit:
            continue
        if len(quiet) == len(signs):
            last = f"for {(now - signs[-1].at).total_seconds():.0f} s" if signs else "yet"
            yield component, f"silent:{component}", f"No sign of life from {component} {last}."
        elif component in LEAVE_PROPERLY and (missed := without_successor(signs, quiet)):
            names = ", ".join(f"{sign.instance} for {(now - sign.at).total_seconds():.0f} s" for sign in missed)
            text = f"{len(missed)} {component} fewer than before gives no sign of life: {names}."
            yield component, f"fewer:{component}", text


def without_successor(signs: Sequence[Heartbeat], quiet: Sequence[Heartbeat]) -> list[Heartbeat]:
    """Those of `quiet` for whom nobody began after they fell silent. Each newcomer stands for one of them."""
    newcomers = sorted(signs, key=lambda sign: sign.since)
    missed = []
    for sign in sorted(quiet, key=lambda sign: sign.at):
        successor = next((other for other in newcomers if other.since > sign.at), None)
        if successor is None:
            missed.append(sign)
        else:
            newcomers.remove(successor)
    return missed


def speaks(instance: str, now: datetime) -> bool:
    """Of several watchdogs the one that has run longest speaks; the others take over when it falls silent."""
    awake = Heartbeat.objects.filter(component="watchdog", at__gt=now - SPEAKER_WITHIN)
    first = awake.order_by("since", "instance").values_list("instance", flat=True).first()
    return first in (None, instance)


def watchdog_at() -> datetime | None:
    """When a watchdog last gave a sign of life; None if there never was one."""
    signs = Heartbeat.objects.filter(component="watchdog")
    return signs.order_by("-at").values_list("at", flat=True).first()
