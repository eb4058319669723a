"""One call: how it went so far, and everything that can be done with it."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST, require_safe

from andon import actions
from andon.access import check_may_answer, may_answer, people_who_answer
from andon.actions.bell import see_call
from andon.clock import database_now
from andon.domain.call import LIVE, OVER, REOPEN_WITHIN
from andon.forms import PhotoForm, ResolveForm, TransferForm, WordsForm
from andon.models import Call, CallPhoto
from andon.tiles import OTHER_NOTES, QUICK_NOTES, RUNS_AGAIN, row, times
from andon.views.page import find_call, page, person, refused, tap, wants_json
from floor.models import User
from floor.roles import Capability, can, require

# Why nothing is to be done, and why a closed call is not over: one tap each.
REJECT_WORDS = ("Called by mistake", "Nothing found", "Belongs to another call")
REOPEN_WORDS = ("It happens again", "Not put right")
FOLLOWING_PAGES = {"call": "call", "details": "call-details"}
YEAR_S = 365 * 24 * 3600


@require_safe
@ensure_csrf_cookie
@require(Capability.VIEW_FLOOR)
def call(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = find_call(pk)
    see_call(found, by=person(request), now=database_now())
    return _call_page(request, found)


def _call_page(request: HttpRequest, found: Call, error: str = "", status: int = 200) -> HttpResponse:
    now = database_now()
    is_live = found.status in LIVE
    is_told = can(request.user, Capability.RAISE_CALL)
    answers = is_live and may_answer(request.user, found)
    is_recent = found.resolved_at is not None and now - found.resolved_at <= REOPEN_WITHIN
    context = {
        "call": row(found, now),
        "found": found,
        "times": times(found),
        "events": found.events.select_related("by", "photo").order_by("at", "pk"),
        "notes": [RUNS_AGAIN, *quick_notes(found)] if found.cleared_at else quick_notes(found),
        "is_live": is_live,
        "answers": answers,
        "people": people_who_answer(found, now) if answers else [],
        "may_say": is_told and (is_live or is_recent),
        "may_hurry": is_told and is_live,
        "may_reopen": is_told and found.status in OVER and is_recent,
        "reject_words": REJECT_WORDS,
        "reopen_words": REOPEN_WORDS,
        "error": error,
    }
    template = "andon/_call_page.html" if "fragment" in request.GET else "andon/call.html"
    return page(request, template, context, found.line.site, now, status)


def quick_notes(call: Call) -> tuple[str, ...]:
    return QUICK_NOTES.get(call.kind_id, OTHER_NOTES)


# ---------------------------------------------------------------- deeds

Deed = Callable[[HttpRequest, Call, datetime], Call]
View = Callable[[HttpRequest, UUID], HttpResponseBase]


def _answer(request: HttpRequest, pk: UUID, deed: Deed) -> HttpResponse:
    found = find_call(pk)
    try:
        done = deed(request, found, database_now())
    except actions.CallRefused as refusal:
        return refused(request, refusal) or _call_page(request, find_call(pk), str(refusal), status=409)
    following = FOLLOWING_PAGES.get(request.POST.get("to_page", ""))
    if wants_json(request):
        answer: dict[str, str] = {"id": str(done.pk), "status": done.status}
        return JsonResponse(answer | ({"next": reverse(following, args=[pk])} if following else {}))
    return redirect(following, pk) if following else redirect("andon-board")


def _view(capability: Capability, deed: Deed) -> View:
    @require_POST
    @require(capability)
    def view(request: HttpRequest, pk: UUID) -> HttpResponse:
        return _answer(request, pk, deed)

    view.__name__ = view.__qualname__ = deed.__name__.lstrip("_")
    return view


def _acknowledge(request: HttpRequest, found: Call, now: datetime) -> Call:
    check_may_answer(request.user, found)
    return actions.acknowledge(found, now=now, **tap(request))


def _arrive(request: HttpRequest, found: Call, now: datetime) -> Call:
    check_may_answer(request.user, found)
    return actions.arrive(found, now=now, **tap(request))


def _resolve(request: HttpRequest, found: Call, now: datetime) -> Call:
    check_may_answer(request.user, found)
    form = ResolveForm(request.POST)
    if not form.is_valid():
        raise actions.NoteMissing("Say in at most 1000 letters what was done.")
    return actions.resolve(found, form.said(), now=now, work_order=form.left_to_do(), **tap(request))


def _transfer(request: HttpRequest, found: Call, now: datetime) -> Call:
    check_may_answer(request.user, found)
    form = TransferForm(request.POST)
    to = User.objects.filter(username=form.cleaned_data["to"]).first() if form.is_valid() else None
    if to is None:
        raise actions.NotAnswering("Choose who is to go.")
    return actions.transfer(found, to, now=now, **tap(request))


def _reject(request: HttpRequest, found: Call, now: datetime) -> Call:
    check_may_answer(request.user, found)
    return actions.reject(found, _words(request), now=now, **tap(request))


def _reopen(request: HttpRequest, found: Call, now: datetime) -> Call:
    return actions.reopen(found, _words(request), now=now, **tap(request))


def _note(request: HttpRequest, found: Call, now: datetime) -> Call:
    return actions.add_note(found, _words(request), now=now, **tap(request))


def _escalate(request: HttpRequest, found: Call, now: datetime) -> Call:
    return actions.escalate(found, _words(request), now=now, **tap(request))


def _photo(request: HttpRequest, found: Call, now: datetime) -> Call:
    form = PhotoForm(request.POST, request.FILES)
    if not form.is_valid():
        raise actions.NotAPhoto("Take a photo, or choose one.")
    return actions.add_photo(found, actions.read_picture(form.cleaned_data["photo"]), now=now, **tap(request))


def _words(request: HttpRequest) -> str:
    form = WordsForm(request.POST)
    if not form.is_valid():
        raise actions.NoteMissing("Say it in at most 1000 letters.")
    return form.said()


acknowledge = _view(Capability.ANSWER_QUALITY_CALL, _acknowledge)
arrive = _view(Capability.ANSWER_QUALITY_CALL, _arrive)
resolve = _view(Capability.ANSWER_QUALITY_CALL, _resolve)
transfer = _view(Capability.ANSWER_QUALITY_CALL, _transfer)
reject = _view(Capability.ANSWER_QUALITY_CALL, _reject)
# Those who wait may say that it is not over, and that it cannot wait.
reopen = _view(Capability.RAISE_CALL, _reopen)
note = _view(Capability.RAISE_CALL, _note)
photo = _view(Capability.RAISE_CALL, _photo)
escalate = _view(Capability.RAISE_CALL, _escalate)


# ---------------------------------------------------------------- photos


@require_safe
@require(Capability.VIEW_FLOOR)
def photo_file(request: HttpRequest, pk: UUID, event: int) -> HttpResponse:
    return photo_answer(pk, event)


def photo_answer(pk: UUID, event: int) -> HttpResponse:
    """A picture as it was stored: it never changes, so screens keep it."""
    found = CallPhoto.objects.filter(event_id=event, event__call_id=pk).first()
    if found is None:
        raise Http404("There is no such photo.")
    answer = HttpResponse(bytes(found.jpeg), content_type="image/jpeg")
    answer["Content-Disposition"] = f'inline; filename="call-{event}.jpg"'
    answer["X-Content-Type-Options"] = "nosniff"
    patch_cache_control(answer, private=True, immutable=True, max_age=YEAR_S)
    return answer
