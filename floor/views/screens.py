"""Which screens are on, and whether they can be heard."""

from typing import cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from floor.actions.screens import name_screen as keep_name
from floor.models import Screen, User
from floor.models.screens import SEEN_WITHIN
from floor.roles import Capability, can, require
from floor.views.desk import page


@require_safe
@require(Capability.ANSWER_CALL)
def screens(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    known = list(Screen.objects.select_related("person"))
    on = [screen for screen in known if screen.at > now - SEEN_WITHIN]
    context = {
        "on": len(on),
        "unheard": [screen for screen in on if screen.sound == Screen.Sound.OFF],
        "heard": [screen for screen in on if screen.sound != Screen.Sound.OFF],
        "dark": [screen for screen in known if screen not in on],
        "may_name": can(request.user, Capability.EDIT_LINES),
    }
    return page(request, "floor/screens.html", now, here="screens", **context)


class NameForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Screen
        fields = ("name", "is_watched")


@require_POST
@require(Capability.EDIT_LINES)
def name_screen(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    screen, form = get_object_or_404(Screen, pk=pk), NameForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        by, now = cast(User, request.user), timezone.now()
        keep_name(screen, given["name"], is_watched=given["is_watched"], by=by, now=now)
        messages.success(request, f"Kept: {screen}")
    else:
        messages.error(request, "A name has at most 60 letters.")
    return redirect("screens")
