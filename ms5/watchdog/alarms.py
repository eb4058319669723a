"""What is wrong, told by the signs of life of the processes and by the rows they leave."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet

from andon.models import EscalationStep, Notification
from floor.models import Line, Screen
from floor.models.screens import SEEN_WITHIN
from floor.models.shifts import calendar
from ms5.watchdog.heartbeats import silent
from oee.models import LineDerived
from plc.models import Controller, Link

STEP_LATE = timedelta(seconds=5)
MESSAGE_LATE = timedelta(seconds=60)
GIVEN_UP_WITHIN = timedelta(hours=1)
READING_LATE = timedelta(seconds=60)
READER_LATE = timedelta(seconds=20)
DERIVED_LATE = timedelta(seconds=60)
MUTE_FOR = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Alarm:
    """`key` is the same for as long as the same thing is wrong."""

    key: str
    text: str


def database_away(words: str) -> Alarm:
    return Alarm("database", f"The database does not answer: {words}. Calls do not move on until it does.")


def alarms(now: datetime, since: datetime) -> list[Alarm]:
    """Everything that is wrong at `now`, by the database.

    Waiting counts from `since` at the earliest, when the watchdog began to look: after a plant was off, everything is
    old for a moment.
    """
    return [
        *(Alarm(key, text) for _, key, text in silent(now, since)),
        *_late_steps(now, since),
        *_late_messages(now, since),
        *_dead_letters(now),
        *_unread(now, since),
        *_screens(now, since),
    ]


def _late_steps(now: datetime, since: datetime) -> Iterable[Alarm]:
    if now - since <= STEP_LATE:
        return
    late = EscalationStep.objects.overdue(now - STEP_LATE).select_related("call__line").order_by("due_at")
    if oldest := late.first():
        wait = (now - oldest.due_at).total_seconds()
        yield Alarm(
            "late:escalation",
            f"{late.count()} escalation steps are overdue; the oldest, {oldest.call}, for {wait:.0f} s."
            " Go and look at the andon board.",
        )


def late_messages(before: datetime) -> QuerySet[Notification]:
    """Messages that should have left `before`. One that is held back on purpose has not been tried."""
    tried, waiting = Q(tries__gt=0, created_at__lt=before), Q(tries=0, next_try_at__lt=before)
    return Notification.objects.pending().filter(tried | waiting)


def _late_messages(now: datetime, since: datetime) -> Iterable[Alarm]:
    if now - since <= MESSAGE_LATE:
        return
    late = late_messages(now - MESSAGE_LATE).order_by("created_at")
    if oldest := late.first():
        wait = (now - oldest.created_at).total_seconds()
        why = f": {oldest.error}" if oldest.error else "."
        yield Alarm("late:mail", f"{late.count()} messages have not been sent, the oldest for {wait:.0f} s{why}")


def _dead_letters(now: datetime) -> Iterable[Alarm]:
    given_up = Notification.objects.filter(failed_at__gt=now - GIVEN_UP_WITHIN).order_by("-failed_at")
    if last := given_up.select_related("recipient", "target").first():
        many = f"{given_up.count()} messages were given up in the last hour"
        yield Alarm("dead:letters", f"{many}, the last one to {last.receiver}: {last.error}")


def _unread(now: datetime, since: datetime) -> Iterable[Alarm]:
    """Controllers that are switched on and not read. Outside the shifts of its lines nobody is called for one."""
    late = []
    for controller in Controller.objects.enabled().select_related("link").order_by("code"):
        link = getattr(controller, "link", None)
        is_held = link is not None and link.lease_until is not None and link.lease_until > now - READER_LATE
        read_at = link.last_ok_at if link else None
        limit = READING_LATE if is_held else READER_LATE
        if now - max(since, read_at or since) > limit:
            late.append((controller, link if is_held else None, read_at))
    asleep = _without_shift([controller for controller, _, _ in late], now) if late else set()
    for controller, link, read_at in late:
        if controller not in asleep:
            yield Alarm(f"reading:{controller.code}", _unread_words(controller, link, read_at, now))


def _unread_words(controller: Controller, link: Link | None, read_at: datetime | None, now: datetime) -> str:
    last = f"for {(now - read_at).total_seconds():.0f} s" if read_at else "yet"
    why = (link.error or link.get_state_display()) if link else "no reader holds it"
    return f"{controller.code} has not been read {last}: {why}"


def _without_shift(controllers: Iterable[Controller], now: datetime) -> set[Controller]:
    """Those that only serve lines whose calendar has no shift at `now`. A line without a calendar always counts."""
    asleep = set()
    for controller in controllers:
        lines = list(Line.objects.filter(equipment__bindings__tag__controller=controller).distinct())
        calendars = calendar.answer_all(lines) if lines else {}
        if lines and all(plan.next_start(now) and plan.at(now) is None for plan in calendars.values()):
            asleep.add(controller)
    return asleep


def _screens(now: datetime, since: datetime) -> Iterable[Alarm]:
    """Screens that must be lit and heard, and are not."""
    for screen in Screen.objects.filter(is_watched=True).select_related("person"):
        dark, mute = now - max(screen.at, since), now - max(screen.off_since or now, since)
        if dark > SEEN_WITHIN:
            yield Alarm(
                f"dark:{screen.pk}", f"The screen {screen} is dark: nothing was heard of it for {_s(now - screen.at)}."
            )
        elif mute > MUTE_FOR:
            yield Alarm(f"mute:{screen.pk}", f"The screen {screen} cannot be heard: SOUND OFF for {_s(mute)}.")


def _s(span: timedelta) -> str:
    return f"{span.total_seconds():.0f} s"


class Derivations:
    """Remembers since when the figures of a line have stood still although there were new facts."""

    def __init__(self) -> None:
        self._stuck: dict[str, tuple[int, datetime]] = {}  # line → (version it stands at, since when)

    def alarms(self, now: datetime) -> Iterable[Alarm]:
        behind = (
            LineDerived.objects.filter(line__enabled=True, line__line_state__facts_version__gt=F("seen_version"))
            .values_list("line__code", "seen_version", "error")
            .order_by("line__code")
        )
        stuck = {}
        for code, version, error in behind:
            before = self._stuck.get(code)
            stuck[code] = before if before and before[0] == version else (version, now)
            if now - stuck[code][1] > DERIVED_LATE:
                wait = (now - stuck[code][1]).total_seconds()
                why = f": {error}" if error else ". Does the worker run?"
                yield Alarm(f"derived:{code}", f"Figures of {code} have stood still for {wait:.0f} s{why}")
        self._stuck = stuck
