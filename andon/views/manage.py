"""The manager's page: every open call with its deeds, and the escalation tree with where each call stands."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from andon.access import may_answer
from andon.clock import database_now
from andon.ladder import needs, standing, tree_of
from andon.models import Call, rules_in_force
from andon.tiles import live_calls, row
from andon.views.page import page, person
from floor.models import Screen, Site
from floor.roles import Capability, require

LISTED = 60


@require_safe
@ensure_csrf_cookie
@require(Capability.VIEW_FLOOR)
def manage(request: HttpRequest) -> HttpResponse:
    """`?show=all` lists every open call; else those that wait for whoever looks."""
    now, who = database_now(), person(request)
    calls = live_calls(Call.objects.all())
    stands = standing(calls)
    mine = [call for call in calls if needs(who.role, who.pk, call, stands.get(call.pk))]
    shows_all = request.GET.get("show") == "all"
    chosen = calls if shows_all else mine
    listed = [(row(call, now), may_answer(who, call)) for call in chosen[:LISTED]]
    context = {
        "here": "calls",
        "shows_all": shows_all,
        "all_count": len(calls),
        "mine_count": len(mine),
        "listed": listed,
        "unheard": list(Screen.objects.unheard(now).select_related("person")),
        "more": len(chosen) - len(listed),
        "ladders": tree_of(calls, stands, rules_in_force(now), now),
    }
    template = "andon/_manage.html" if "fragment" in request.GET else "andon/manage.html"
    return page(request, template, context, Site.objects.order_by("code").first(), now)
