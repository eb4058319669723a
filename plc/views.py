"""The engineer's pages: how each controller is read, and a look at it by hand."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from floor.roles import Capability, can, require
from floor.views.desk import page, plant_zone
from plc.look import Look, browse, failed, try_out
from plc.models import Controller
from plc.tiles import controller_tile, controllers_tile

# A person waits for it, and the web has other things to do.
LOOK_S = 8.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """A live tile as a page includes it."""

    topic: str
    src: str
    html: SafeString
    line: str = ""

    @property
    def etag(self) -> str:
        return f'"{hashlib.blake2b(self.html.encode(), digest_size=12).hexdigest()}"'


@require(Capability.VIEW_CONTROLLERS)
@require_safe
def controllers(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    return page(request, "plc/controllers.html", now, here="controllers", tile=_controllers(now))


@require(Capability.VIEW_CONTROLLERS)
@require_safe
def controllers_live(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    return _answer(request, _controllers(now), now)


@require(Capability.VIEW_CONTROLLERS)
@require_safe
def controller(request: HttpRequest, code: str) -> HttpResponse:
    return _controller_page(request, _get(code))


@require(Capability.VIEW_CONTROLLERS)
@require_safe
def controller_live(request: HttpRequest, code: str) -> HttpResponse:
    now = timezone.now()
    return _answer(request, _controller(_get(code), now), now)


@require(Capability.VIEW_CONTROLLERS)
@require_POST
def test_connection(request: HttpRequest, code: str) -> HttpResponse:
    """Open a connection of our own beside the reader's, read every tag once, and say what came of it."""
    found = _get(code)
    return _controller_page(request, found, _within(LOOK_S, try_out, found))


@require(Capability.CONFIGURE)
@require_POST
def browse_tags(request: HttpRequest, code: str) -> HttpResponse:
    """The controller's own list of tags, so that nobody has to type a name from memory."""
    found = _get(code)
    return _controller_page(request, found, _within(LOOK_S, browse, found))


def _get(code: str) -> Controller:
    return get_object_or_404(Controller.objects.select_related("link"), code=code)


def _controllers(now: datetime) -> Drawn:
    with timezone.override(plant_zone()):
        html = render_to_string("plc/tiles/controllers.html", {"tile": controllers_tile(now)})
    return Drawn("controllers", reverse("controllers-live"), html)


def _controller(found: Controller, now: datetime) -> Drawn:
    with timezone.override(plant_zone()):
        html = render_to_string("plc/tiles/controller.html", {"tile": controller_tile(found, now)})
    return Drawn("controller", reverse("controller-live", args=[found.code]), html)


def _controller_page(request: HttpRequest, found: Controller, look: Look | None = None) -> HttpResponse:
    now = timezone.now()
    context = {
        "controller": found,
        "look": look,
        "may_browse": found.kind == Controller.Kind.LOGIX and can(request.user, Capability.CONFIGURE),
        "may_configure": can(request.user, Capability.CONFIGURE),
    }
    return page(request, "plc/controller.html", now, here="controllers", tile=_controller(found, now), **context)


def _answer(request: HttpRequest, tile: Drawn, now: datetime) -> HttpResponse:
    same = request.headers.get("If-None-Match") == tile.etag
    answer = HttpResponseNotModified() if same else HttpResponse(tile.html)
    answer["ETag"] = tile.etag
    answer["X-Now"] = now.isoformat()
    answer["Cache-Control"] = "no-store"
    return answer


def _within(limit_s: float, work: Callable[[Controller], Look], controller: Controller) -> Look:
    """Look at a controller, but not longer than this. A look that takes longer ends by itself, unseen."""
    found: list[Look] = []
    thread = threading.Thread(target=_looking, args=(found, work, controller), daemon=True)
    thread.start()
    thread.join(limit_s)
    if found:
        return found[0]
    return failed(
        "Looking at the controller", f"No complete answer within {limit_s:g} s.", "Check its load and the network."
    )


def _looking(found: list[Look], work: Callable[[Controller], Look], controller: Controller) -> None:
    try:
        found.append(work(controller))
    finally:
        connection.close()
