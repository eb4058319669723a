"""Everything about a line on one page: the table of live tiles, and the pages composed of them. No rules live here."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache as remember
from typing import Any
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import get_template
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from andon.tiles import answers_tile, call_choices, calls_tile, lines_in_need, plant_calls_tile
from floor.consumers import Key
from floor.models import Line, MachineState, User
from floor.models.shifts import calendar
from floor.roles import Capability, Role, can, require
from floor.tiles import link_tile
from ms5.watchdog import watchdog_at
from oee.choices import ReasonChoice, reason_groups
from oee.count_sheet import counts_tile, scrap_sheet
from oee.hour_board import hours_tile
from oee.overview import overview
from oee.tiles import (
    OeeTile,
    PaceTile,
    StateTile,
    StopRow,
    StopsTile,
    StripTile,
    job_tile,
    likely_tile,
    lost_time_tile,
    oee_tile,
    pace_tile,
    rate_tile,
    state_tile,
    stops_tile,
    strip_tile,
)

RECENT = timedelta(hours=4)
CACHE_S = 1

# ---------------------------------------------------------------- tiles


class Glance:
    """One line at one moment. Tiles that are composed of others share what was read for them."""

    def __init__(self, line: Line | None, now: datetime) -> None:
        self._line = line
        self.now = now
        self._values: dict[str, Any] = {}

    @property
    def line(self) -> Line:
        if self._line is None:
            raise Http404("This tile belongs to a line.")
        return self._line

    @property
    def zone(self) -> ZoneInfo | None:
        """The plant's clock; that of the first line where a tile belongs to no line."""
        line = self._line or Line.objects.on_screen().first()
        return line.site.zone if line else None

    def __getitem__(self, topic: str) -> Any:
        if topic not in self._values:
            self._values[topic] = TILES[topic].value(self)
        return self._values[topic]


@dataclass(frozen=True, slots=True)
class Tile:
    """One live tile. It is drawn anew when its own topic or one it `follows` is announced, and with time."""

    template: str
    value: Callable[[Glance], object]
    follows: frozenset[str] = frozenset()
    is_plant: bool = False  # one for the plant, not one per line
    at_most_every_s: float = 0.25
    at_least_every_s: float = 10.0
    capability: Capability = Capability.VIEW_FLOOR


@dataclass(frozen=True, slots=True)
class NextTile:
    """What the operator is expected to do, or the next thing that will happen."""

    title: str
    detail: str = ""
    due_at: datetime | None = None
    stop_id: object = None
    suggestion: ReasonChoice | None = None
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class RecentTile:
    """The last hours of the time strip: a window on the same blocks."""

    strip: StripTile
    left: float
    width: float
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class LineCard:
    url: str
    state: StateTile
    pace: PaceTile
    oee: OeeTile
    need: int  # who needs somebody most stands first
    critical: bool


NEED = {"stop": 5000, "nodata": 4000, "slow": 3000, "planned": 1000, "run": 500, "off": 0}


def line_card(glance: Glance) -> LineCard:
    state, pace = glance["state"], glance["pace"]
    critical = glance.line.pk in lines_in_need()
    behind = min(max(-(pace.difference or 0), 0), 999)
    need = NEED.get(state.state, 0) + behind + (10_000 if critical else 0)
    return LineCard(reverse("line", args=[glance.line.code]), state, pace, glance["oee"], need, critical)


def recent_tile(glance: Glance) -> RecentTile:
    strip: StripTile = glance["strip"]
    whole = strip.ends_at - strip.starts_at
    end = min(max(glance.now, strip.starts_at + RECENT), strip.ends_at)
    start = max(end - RECENT, strip.starts_at)
    return RecentTile(strip, (start - strip.starts_at) / whole * 1000, (end - start) / whole * 1000, start, end)


def next_tile(glance: Glance) -> NextTile:
    """A stop that still lacks its reason comes before the calendar; the open one is asked for by the state banner."""
    stops: StopsTile = glance["stops"]
    asked = glance["state"].stop_id
    open_rows = [row for row in stops.rows if row.is_uncoded and row.id != asked]
    if not open_rows:
        return _next_event(glance)
    row = open_rows[0]
    others = stops.uncoded - (1 if asked else 0)
    title = "A stop without a reason" if others <= 1 else f"{others} stops without a reason"
    return NextTile(title, _about(row), stop_id=row.id, suggestion=row.suggestion, seen=row.seen)


def _about(row: StopRow) -> str:
    start = f"{timezone.localtime(row.started_at):%H:%M}"
    end = f"–{timezone.localtime(row.ended_at):%H:%M}" if row.ended_at else ""
    return f"{start}{end}, {row.text or 'no fault reported'}"


def _next_event(glance: Glance) -> NextTile:
    shifts = calendar(glance.line)
    shift = shifts.at(glance.now)
    if shift is None:
        start = shifts.next_start(glance.now)
        if start is None:
            return NextTile("No shift is planned")
        return NextTile(f"{start.name} shift starts", due_at=start.starts_at)
    for rest in shift.breaks:
        if rest.starts_at > glance.now:
            minutes = (rest.ends_at - rest.starts_at) // timedelta(minutes=1)
            return NextTile(_at(rest.name, rest.starts_at), f"{minutes} min", rest.starts_at)
        if rest.ends_at > glance.now:
            return NextTile(_at(f"{rest.name} ends", rest.ends_at), due_at=rest.ends_at)
    return NextTile(_at(f"{shift.name} shift ends", shift.ends_at), due_at=shift.ends_at)


def _at(what: str, moment: datetime) -> str:
    return f"{what} at {timezone.localtime(moment):%H:%M}"


def shift_label(glance: Glance) -> str:
    shift = calendar(glance.line).at(glance.now)
    return shift.label(glance.line.site.zone) if shift else "Not scheduled"


def plant_shift_label(glance: Glance) -> str:
    line = Line.objects.on_screen().first()
    return shift_label(Glance(line, glance.now)) if line else ""


# Topic → tile, in the order of the operator's screen, then the boards'.
TILES: dict[str, Tile] = {
    "shift": Tile("ms5/tiles/shift.html", shift_label, at_least_every_s=30),
    "link": Tile("floor/tiles/link.html", lambda g: link_tile(g.line, g.now), at_most_every_s=1, at_least_every_s=5),
    "state": Tile("oee/tiles/state.html", lambda g: state_tile(g.line, g.now), at_least_every_s=5),
    "pace": Tile("oee/tiles/pace.html", lambda g: pace_tile(g.line, g.now), at_most_every_s=0.5),
    "rate": Tile("oee/tiles/rate.html", lambda g: rate_tile(g.line, g.now), at_most_every_s=1),
    "oee": Tile("oee/tiles/oee.html", lambda g: oee_tile(g.line, g.now), at_most_every_s=2),
    "strip": Tile("oee/tiles/strip.html", lambda g: strip_tile(g.line, g.now), at_most_every_s=3),
    "job": Tile("oee/tiles/job.html", lambda g: job_tile(g.line, g.now), frozenset({"pace"}), at_most_every_s=2),
    "next": Tile("ms5/tiles/next.html", next_tile, frozenset({"stops", "state"}), at_most_every_s=0.5),
    "uncoded": Tile("ms5/tiles/uncoded.html", lambda g: g["stops"], frozenset({"stops"}), at_most_every_s=0.5),
    "stops": Tile("oee/tiles/stops.html", lambda g: stops_tile(g.line, g.now)),
    "likely": Tile("oee/tiles/likely.html", lambda g: likely_tile(g.line), frozenset({"stops"}), at_least_every_s=60),
    "lost_time": Tile(
        "oee/tiles/lost_time.html",
        lambda g: lost_time_tile(g.line, g.now),
        frozenset({"stops", "oee"}),
        at_most_every_s=5,
        at_least_every_s=30,
    ),
    "calls": Tile("andon/tiles/calls.html", lambda g: calls_tile(g.line, g.now)),
    "help": Tile("andon/tiles/help.html", lambda g: g["calls"], frozenset({"calls"})),
    "counts": Tile("oee/tiles/counts.html", lambda g: counts_tile(g.line, g.now), at_least_every_s=60),
    "hours": Tile(
        "oee/tiles/hours.html",
        lambda g: hours_tile(g.line, g.now),
        frozenset({"pace", "stops"}),
        at_most_every_s=1,
        at_least_every_s=30,
    ),
    "figures": Tile("ms5/tiles/figures.html", lambda g: g["pace"], frozenset({"pace"}), at_most_every_s=0.5),
    "effect": Tile("ms5/tiles/effect.html", lambda g: g, frozenset({"rate", "oee"}), at_most_every_s=2),
    "losses": Tile("oee/tiles/losses.html", lambda g: g["stops"], frozenset({"stops"}), at_most_every_s=5),
    "recent": Tile("ms5/tiles/recent.html", recent_tile, frozenset({"strip"}), at_most_every_s=5),
    "line": Tile("ms5/tiles/line.html", line_card, frozenset({"state", "pace", "oee", "calls"}), at_most_every_s=0.5),
    "plant_shift": Tile("ms5/tiles/shift.html", plant_shift_label, is_plant=True, at_least_every_s=30),
    "plant_calls": Tile(
        "ms5/tiles/plant_calls.html", lambda g: plant_calls_tile(g.now), frozenset({"calls"}), is_plant=True
    ),
    "marks": Tile("andon/tiles/marks.html", lambda g: plant_calls_tile(g.now), frozenset({"calls"}), is_plant=True),
    "answers": Tile("andon/answers.html", lambda g: answers_tile(g.now), frozenset({"calls"}), is_plant=True),
}

FRAME = ("shift", "link", "uncoded", "help", "likely", "counts")
LINE_PAGE = (*FRAME, "state", "pace", "rate", "oee", "strip", "next", "job")
LINE_BOARD = ("state", "figures", "effect", "losses", "calls", "recent")


def followers(topics: Iterable[str]) -> set[str]:
    """Every tile that may look different when these topics were announced."""
    return set().union(*(_followers(topic) for topic in topics))


@remember
def _followers(topic: str) -> frozenset[str]:
    return frozenset(name for name, tile in TILES.items() if name == topic or topic in tile.follows)


def may_watch(user: User, topic: str) -> bool:
    return can(user, TILES[topic].capability)


# ---------------------------------------------------------------- drawing


@dataclass(frozen=True, slots=True)
class Drawn:
    key: Key
    html: str
    etag: str
    at: datetime


def draw(keys: Iterable[Key], now: datetime) -> list[Drawn]:
    """Draw tiles; those of one line share one glance. Lines that do not exist are left out."""
    keys = list(keys)
    lines = {line.code: line for line in Line.objects.on_screen().filter(code__in={code for code, _ in keys if code})}
    glances: dict[str, Glance] = {"": Glance(None, now)} | {code: Glance(line, now) for code, line in lines.items()}
    cards = [lines[code] for code, topic in keys if topic == "line" and code in lines]
    with overview(cards, now):  # what cards show is read for all of them together
        return [_draw(glances[code], (code, topic)) for code, topic in keys if code in glances]


def _draw(glance: Glance, key: Key) -> Drawn:
    tile = TILES[key[1]]
    with timezone.override(glance.zone):
        html = get_template(tile.template).render({"tile": glance[key[1]], "now": glance.now}).strip()
    return Drawn(key, html, hashlib.blake2b(html.encode(), digest_size=8).hexdigest(), glance.now)


def drawn(keys: Iterable[Key], now: datetime) -> dict[Key, Drawn]:
    """Like `draw`, or a copy less than a second old: a hundred screens that wake together cost one."""
    keys = list(keys)
    known = cache.get_many([_cache_name(key) for key in keys]) or {}
    found = {key: known[_cache_name(key)] for key in keys if _cache_name(key) in known}
    fresh = {one.key: one for one in draw([key for key in keys if key not in found], now)}
    if fresh:
        cache.set_many({_cache_name(key): one for key, one in fresh.items()}, CACHE_S)
    return found | fresh


def _cache_name(key: Key) -> str:
    return f"tile:{key[0]}:{key[1]}"


@dataclass(frozen=True, slots=True)
class Placed:
    """A drawn tile on a page."""

    topic: str
    line: str
    src: str
    etag: str
    html: SafeString


def _place(one: Drawn) -> Placed:
    code, topic = one.key
    src = reverse("tile", args=[code, topic]) if code else reverse("plant-tile", args=[topic])
    return Placed(topic, code, src, one.etag, SafeString(one.html))


# ---------------------------------------------------------------- pages


def plant_now() -> datetime:
    return datetime.now(UTC)


def find_line(code: str) -> Line:
    return get_object_or_404(Line.objects.on_screen(), code=code)


def kiosk_page(
    request: HttpRequest, line: Line, template: str, topics: tuple[str, ...], here: str, **more: Any
) -> HttpResponse:
    """A page about one line with its live tiles."""
    code, now = line.code, plant_now()
    placed = {key[1]: _place(one) for key, one in drawn([(code, topic) for topic in topics], now).items()}
    context = {"line": line, "tiles": placed, "now": now, "zone": line.site.time_zone, "here": here}
    context["observed_until"] = _observed_until(code)
    with timezone.override(line.site.zone):
        return render(request, template, context | _sheets(line, here, now) | more)


def _sheets(line: Line, here: str, now: datetime) -> dict[str, object]:
    """What the sheets offer: reasons of a stop, kinds of help, defects. Boards take no input."""
    if here == "board":
        return {}
    return {"reason_groups": reason_groups(), "help_kinds": call_choices(now), "scrap": scrap_sheet(line)}


@require_safe
@ensure_csrf_cookie
@require(Capability.VIEW_FLOOR)
def line_page(request: HttpRequest, code: str) -> HttpResponse:
    response = kiosk_page(request, find_line(code), "ms5/line.html", LINE_PAGE, "line")
    response.set_cookie("line", code, max_age=365 * 86400, samesite="Strict", httponly=True)
    return response


@require_safe
@require(Capability.VIEW_FLOOR)
def line_board(request: HttpRequest, code: str) -> HttpResponse:
    return kiosk_page(request, find_line(code), "ms5/line_board.html", LINE_BOARD, "board")


def _wall(now: datetime) -> dict[str, object]:
    """One card per line, the line that needs somebody most first."""
    lines = list(Line.objects.on_screen())
    cards = drawn([(line.code, "line") for line in lines], now)
    site = lines[0].site if lines else None
    placed = [_place(cards[line.code, "line"]) for line in lines if (line.code, "line") in cards]
    return {
        "cards": placed,
        "now": now,
        "zone": site.time_zone if site else "UTC",
        "site_name": site.name if site else "Plant",
    }


@require_safe
@ensure_csrf_cookie
@require(Capability.VIEW_FLOOR)
def lines_page(request: HttpRequest) -> HttpResponse:
    context = _wall(plant_now())
    with timezone.override(str(context["zone"])):
        return render(request, "ms5/lines.html", context)


@require_safe
@require(Capability.VIEW_FLOOR)
def plant_board(request: HttpRequest) -> HttpResponse:
    now = plant_now()
    context = _wall(now)
    plant = drawn([("", "plant_shift"), ("", "plant_calls")], now)
    context |= {"shift": _place(plant["", "plant_shift"]), "calls": _place(plant["", "plant_calls"])}
    with timezone.override(str(context["zone"])):
        return render(request, "ms5/board.html", context)


@require_safe
@ensure_csrf_cookie
@require(Capability.VIEW_FLOOR)
def andon_board(request: HttpRequest) -> HttpResponse:
    """For those who come when called: the calls with one tap for each deed, and beside them how the lines stand."""
    now = plant_now()
    context = _wall(now) | {
        # Drawn anew: whoever comes back from a tap without scripts must see what it did.
        "calls": _place(draw([("", "answers")], now)[0]),
        "answers": can(request.user, Capability.ANSWER_QUALITY_CALL),
    }
    with timezone.override(str(context["zone"])):
        return render(request, "andon/board.html", context)


@require_safe
@require(Capability.VIEW_FLOOR)
def home(request: HttpRequest) -> HttpResponseBase:
    """Operators find their line, those who come when called the calls, everybody else the plant."""
    role = getattr(request.user, "role", "")
    if role == Role.OPERATOR:
        code = request.COOKIES.get("line", "")
        return redirect("line", code) if Line.objects.enabled().filter(code=code).exists() else redirect("lines")
    if role == Role.ENGINEER:
        return redirect("lines")
    return redirect("andon-board" if role in (Role.MAINTENANCE, Role.QUALITY) else "plant-board")


# ---------------------------------------------------------------- tile address


@require_safe
@require(Capability.VIEW_FLOOR)
def tile(request: HttpRequest, topic: str, code: str = "") -> HttpResponse:
    """The tile that the socket would push, for screens that missed it."""
    known = TILES.get(topic)
    if known is None or known.is_plant != (code == ""):
        raise Http404("There is no such tile.")
    now = plant_now()
    one = drawn([(code, topic)], now).get((code, topic))
    if one is None:
        raise Http404("There is no such line.")
    return _tile_answer(request, one, now)


def _tile_answer(request: HttpRequest, one: Drawn, now: datetime) -> HttpResponse:
    etag = f'"{one.etag}"'
    is_same = request.headers.get("If-None-Match", "").strip('W/"') == one.etag
    response = HttpResponse(status=304) if is_same else HttpResponse(one.html)
    response["ETag"] = etag
    response["Cache-Control"] = "no-store"
    response["X-Now"] = now.isoformat()
    if (seen := watchdog_at()) is not None:
        response["X-Watchdog"] = seen.isoformat()
    observed_until = _observed_until(one.key[0]) if one.key[0] else None
    if observed_until is not None:
        response["X-Observed-Until"] = observed_until.isoformat()
    return response


def _observed_until(code: str) -> datetime | None:
    states = MachineState.objects.filter(equipment__line__code=code, equipment__is_primary=True)
    return states.values_list("observed_until", flat=True).first()
