"""The load of calls and messages on people, read from what was told."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, QuerySet

from andon.domain.call import Priority, Status
from andon.domain.chatter import chatters
from andon.domain.load import (
    ACCEPTABLE,
    CRITICAL_SHARE,
    FLOOD,
    FLOOD_SHARE,
    MANAGEABLE,
    STALE,
    TOP,
    TOP_SHARE,
    Heard,
    Load,
    Window,
    critical_share,
    load,
    stale,
    top,
)
from andon.models import Call, CallEvent, Notification
from floor.domain.shifts import Calendar, ShiftWindow
from floor.models import Line, Site
from floor.models.people import Role
from floor.models.shifts import calendar, site_calendar

What = CallEvent.What
CAME = (What.RAISED, What.REPEATED, What.REOPENED, What.SHELVED)
ALL_DAY = "All day"


@dataclass(frozen=True, slots=True)
class RoleLoad:
    role: str  # "Shift manager"
    shift: str  # "Day"; "All day" where no shifts are planned
    load: Load


@dataclass(frozen=True, slots=True)
class SourceLoad:
    """`source` is a place and a kind of call."""

    source: str
    times: int
    share: float
    chatters: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """One figure beside its target. `is_met` None: there is nothing to judge."""

    name: str
    value: float | None
    unit: str  # share | count
    target: str
    is_met: bool | None
    words: str


@dataclass(frozen=True, slots=True)
class LoadFigures:
    since: datetime
    until: datetime
    calls: int
    figures: tuple[Judged, ...]
    roles: tuple[RoleLoad, ...]  # the most loaded first
    sources: tuple[SourceLoad, ...]
    joined: int  # times that a source came while its call was open
    shelved: int  # calls recorded that nobody was told of


def load_figures(days: int, line: Line | None, now: datetime) -> LoadFigures:
    """Of the last `days` × 24 hours, of one line or the plant."""
    since = now - timedelta(days=days)
    heard, came = _heard(since, now, line), _came(since, now, line)
    roles = _role_loads(since, now, line)
    first, share = top({source: len(times) for source, times in came.items()})
    whole = sum(len(times) for times in came.values())
    chattering = {source for source, times in came.items() if chatters(times)}
    sources = tuple(SourceLoad(source, times, times / whole, source in chattering) for source, times in first)
    return LoadFigures(
        since=since,
        until=now,
        calls=len(heard),
        figures=(*_judged(roles, heard, _open_calls(line), len(chattering), now), _of_the_top(share, len(came))),
        roles=roles,
        sources=sources,
        joined=_events(since, now, line).filter(what=What.REPEATED).count(),
        shelved=_events(since, now, line).filter(what=What.SHELVED).count(),
    )


# ---------------------------------------------------------------- what was told


def _events(since: datetime, until: datetime, line: Line | None) -> QuerySet[CallEvent]:
    rows = CallEvent.objects.filter(at__gte=since, at__lt=until).exclude(call__status=Status.CANCELLED)
    return rows if line is None else rows.filter(call__line=line)


def _heard(since: datetime, until: datetime, line: Line | None) -> list[Heard]:
    rows = Call.objects.counted().filter(raised_at__gte=since, raised_at__lt=until)
    return _as_heard(rows if line is None else rows.filter(line=line))


def _open_calls(line: Line | None) -> list[Heard]:
    rows = Call.objects.live()
    return _as_heard(rows if line is None else rows.filter(line=line))


def _as_heard(rows: Iterable[Call]) -> list[Heard]:
    return [Heard(call.raised_at, call.resolved_at, call.priority == Priority.CRITICAL) for call in rows]


def _came(since: datetime, until: datetime, line: Line | None) -> dict[str, list[datetime]]:
    """Source → when it came, in order, heard or not."""
    found: dict[str, list[datetime]] = defaultdict(list)
    rows = _events(since, until, line).filter(what__in=CAME).order_by("at")
    for place, machine, kind, at in rows.values_list(
        "call__line__code", "call__equipment__code", "call__kind__label", "at"
    ):
        found[f"{machine or place}: {kind}"].append(at)
    return found


def _role_loads(since: datetime, until: datetime, line: Line | None) -> tuple[RoleLoad, ...]:
    """Several people of a role are told the same thing at once; each of them takes it in once.

    Each site by its own shifts, named with it where there are several.
    """
    told = _told_at_sites(since, until, line)
    sites = [line.site] if line else list(Site.objects.order_by("code"))
    heavy = []
    for site in sites:
        prefix = f"{site.code} " if len(sites) > 1 else ""
        shifts = _shifts(since, until, calendar(line) if line else _site_calendar(site))
        for role, events in told[site.pk].items():
            for shift, windows in shifts.items():
                one = RoleLoad(str(Role(role).label), prefix + shift, _load(list(events.values()), windows))
                heavy += [one] if one.load.messages else []
    return tuple(sorted(heavy, key=lambda one: (-(one.load.messages_per_10_min or 0), one.role, one.shift)))


Events = dict[int, tuple[datetime, bool]]
"""Event → when it was told, and whether it was a call."""


def _told_at_sites(since: datetime, until: datetime, line: Line | None) -> Mapping[UUID, Mapping[str, Events]]:
    """Site → role → what it was told."""
    found: dict[UUID, dict[str, Events]] = defaultdict(lambda: defaultdict(dict))
    # What the caller is told about the own call is no load, nor is what only the plant's webhooks hear.
    rows = Notification.objects.filter(created_at__gte=since, created_at__lt=until, recipient__isnull=False)
    rows = rows.exclude(recipient=F("call__raised_by"), call__raised_by__isnull=False)
    if line is not None:
        rows = rows.filter(call__line=line)
    for site, role, event, at, what in rows.values_list(
        "call__line__site", "recipient__role", "event_id", "created_at", "event__what"
    ).distinct():
        found[site][role][event] = (at, what == What.RAISED)
    return found


def _load(events: Sequence[tuple[datetime, bool]], windows: Sequence[Window]) -> Load:
    return load((at for at, is_call in events if is_call), (at for at, _ in events), windows)


def _shifts(since: datetime, until: datetime, its: Calendar) -> dict[str, list[Window]]:
    found: dict[str, list[Window]] = defaultdict(list)
    for shift in its.between(since, until):
        found[shift.name].append(_clipped(shift, since, until))
    return found or {ALL_DAY: [(since, until)]}


def _clipped(shift: ShiftWindow, since: datetime, until: datetime) -> Window:
    return max(shift.starts_at, since), min(shift.ends_at, until)


def _site_calendar(site: Site) -> Calendar:
    """Of the site, or of its first line where only lines have shifts."""
    plan = site_calendar(site)
    if plan.patterns:
        return plan
    first = Line.objects.on_screen().filter(site=site).first()
    return calendar(first) if first else plan


# ---------------------------------------------------------------- against the targets


def _judged(
    roles: Sequence[RoleLoad], heard: Sequence[Heard], opened: Sequence[Heard], chattering: int,
    now: datetime,
) -> Iterable[Judged]:  # fmt: skip
    average = max((one.load.messages_per_10_min or 0 for one in roles), default=None)
    yield Judged(
        "Messages in 10 min, busiest role and shift", average, "count", f"≤ {ACCEPTABLE:g}",
        None if average is None else average <= ACCEPTABLE,
        f"One person can attend to about one in ten minutes; {MANAGEABLE:g} are the most that can be managed.",
    )  # fmt: skip
    peak = max((one.load.peak for one in roles), default=None)
    yield Judged(
        "Most messages in any 10 min", peak, "count", f"≤ {FLOOD}", None if peak is None else peak <= FLOOD,
        "More than ten are a flood: nobody reads them any more, and the one that matters is among them.",
    )  # fmt: skip
    flood = max((one.load.flood_share or 0 for one in roles), default=None)
    yield Judged(
        "Time in flood, worst role and shift", flood, "share", f"< {FLOOD_SHARE * 100:g}\u202f%",
        None if flood is None else flood < FLOOD_SHARE,
        "Share of the windows of ten minutes in which a role was told more than ten times.",
    )  # fmt: skip
    yield Judged(
        "Chattering sources", chattering, "count", "0", chattering == 0,
        "Three times in a minute, or ten in an hour: repair the sensor, or shelve the source until it is.",
    )  # fmt: skip
    old = stale(opened, now)
    yield Judged(
        "Stale calls", old, "count", f"< {STALE}", old < STALE,
        "Open for more than 24 hours: either nobody needs the help, or nobody gives it.",
    )  # fmt: skip
    critical = critical_share(heard)
    yield Judged(
        "Share that is critical", critical, "share", f"≤ {CRITICAL_SHARE * 100:g}\u202f%",
        None if critical is None else critical <= CRITICAL_SHARE,
        "Where everything is critical nothing is. About 5 in 100, 15 high, 80 medium and low.",
    )  # fmt: skip


def _of_the_top(share: float | None, sources: int) -> Judged:
    is_judged = share is not None and sources > TOP
    return Judged(
        "Share of the ten loudest sources", share, "share", f"< {TOP_SHARE * 100:g}\u202f%",
        (share or 0) < TOP_SHARE if is_judged else None,
        "A high share is good news: few repairs silence most of it. Ten sources or fewer are not judged.",
    )  # fmt: skip
