"""What calls and stops have to say about each other: neither app knows the other."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_safe

from andon.models import Call
from floor.roles import Capability, require
from oee.models import Stop


@require_safe
@require(Capability.VIEW_FLOOR)
def stop_of_call(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Leads to the stop during which a call was raised."""
    call = get_object_or_404(Call.objects.select_related("line", "equipment"), pk=pk)
    if call.stopped_since is None:
        raise Http404("The machine ran when this call was raised.")
    place = {"equipment": call.equipment} if call.equipment else {"line": call.line, "equipment__is_primary": True}
    stops = Stop.objects.filter(**place).touching(call.stopped_since, call.raised_at)
    stop = stops.order_by("-started_at").first()
    if stop is None:
        raise Http404("The stop of this call is not there yet, or newer data changed it.")
    return redirect("stop", stop.pk)
