"""Which screens are on, and whether they can be heard."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from floor.models import Screen
from floor.models.screens import SEEN_WITHIN
from floor.roles import Capability, require
from floor.views.desk import page


@require_safe
@require(Capability.ANSWER_CALL)
def screens(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    known = list(Screen.objects.select_related("person"))
    on = [screen for screen in known if screen.at > now - SEEN_WITHIN]
    context = {
        "unheard": [screen for screen in on if screen.sound == Screen.Sound.OFF],
        "heard": [screen for screen in on if screen.sound != Screen.Sound.OFF],
        "dark": [screen for screen in known if screen not in on],
    }
    return page(request, "floor/screens.html", now, here="screens", **context)
