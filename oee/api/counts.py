"""Parts that people count, and parts that were held back, over the API."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from floor.domain.fold import NO_PRODUCT
from floor.domain.machine import CounterEventKind, CounterKind
from floor.models import CounterEvent
from floor.rest import Asked, AskedList, PlantTime, Query, find_machine, given, local
from floor.roles import Capability
from oee.actions import counts as counting
from oee.api.planned import by_whom
from oee.api.stops import RequestIn, body_machine, said
from oee.domain.clock import MILLISECOND
from oee.models import CountEntry, QuarantineDecision

SORTS = CountEntry.Sort
COUNTERS = [kind.value for kind in CounterKind]
MOST = counting.MOST_PARTS


class CountRow(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    equipment = serializers.CharField()
    sort = serializers.ChoiceField(choices=SORTS.choices)
    starts_at = PlantTime()
    ends_at = PlantTime(help_text="The parts belong to the hour in which the stretch ends.")
    product_number = serializers.IntegerField(help_text="-1: not known.")
    made = serializers.IntegerField()
    rejected = serializers.IntegerField()
    defect = serializers.CharField()
    comment = serializers.CharField()
    author = serializers.CharField()
    made_at = PlantTime()
    is_counted = serializers.BooleanField(
        help_text="False: taken back, or the controller has told by itself what it made meanwhile."
    )
    withdrawn_by = serializers.CharField(allow_null=True)


class CountIn(RequestIn):
    """`manual`: `starts_at`, `ends_at`, `made` and of them `rejected`. The other sorts: `rejected` at `ends_at`."""

    equipment = serializers.CharField(max_length=50, help_text="A machine's code or id.")
    sort = serializers.ChoiceField(choices=SORTS.choices)
    starts_at = PlantTime(required=False)
    ends_at = PlantTime(required=False, help_text="Without it: now.")
    made = serializers.IntegerField(required=False, min_value=0, max_value=MOST, default=0)
    rejected = serializers.IntegerField(required=False, min_value=0, max_value=MOST, default=0)
    product_number = serializers.IntegerField(required=False, min_value=NO_PRODUCT, max_value=2**31 - 1)
    defect = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["sort"] == SORTS.MANUAL and not {"starts_at", "ends_at"} <= set(attrs):
            raise ValidationError({"starts_at": ["Say from when to when these parts were counted."]})
        if attrs["sort"] != SORTS.MANUAL and attrs["made"]:
            raise ValidationError({"made": ["Only parts counted by hand are new parts; here give `rejected`."]})
        return attrs


class CountQuery(Query):
    equipment = serializers.CharField(required=False, help_text="A machine's code or id.")
    sort = serializers.ChoiceField(choices=SORTS.choices, required=False)


def count_row(entry: CountEntry, is_counted: bool) -> dict[str, Any]:
    zone = entry.equipment.line.site.zone
    same = ("sort", "product_number", "made", "rejected", "defect", "comment")
    return {
        "id": entry.pk,
        "equipment": entry.equipment.code,
        "starts_at": local(entry.starts_at, zone),
        "ends_at": local(entry.ends_at, zone),
        "author": str(entry.author),
        "made_at": local(entry.made_at, zone),
        "is_counted": is_counted,
        "withdrawn_by": str(entry.withdrawn_by) if entry.withdrawn_by else None,
        **{name: getattr(entry, name) for name in same},
    }


def count_rows(page: Iterable[CountEntry]) -> list[dict[str, Any]]:
    """One query tells of all of them whether they are in the figures."""
    entries = list(page)
    counted = set(CountEntry.objects.counting().filter(pk__in=[e.pk for e in entries]).values_list("pk", flat=True))
    return [count_row(entry, entry.pk in counted) for entry in entries]


class Counts(AskedList):
    """Parts that people counted, the latest first."""

    capability = {"GET": Capability.VIEW_FLOOR, "POST": Capability.ENTER_COUNTS}
    serializer_class = CountRow
    query = CountQuery

    @extend_schema(operation_id="counts", parameters=[CountQuery])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(operation_id="enter_count", request=CountIn, responses={201: CountRow})
    def post(self, request: Request) -> Response:
        """Parts counted while the controller was away; scrap, start-up scrap or rework taken out by hand."""
        words = given(CountIn, request)
        entry = _enter(words, said(request, words))
        return self.answer(count_rows([entry])[0], 201)

    def get_queryset(self) -> QuerySet[CountEntry]:
        people = ("author", "withdrawn_by")
        found = CountEntry.objects.select_related("equipment__line__site", *people).order_by("-made_at", "-pk")
        if "equipment" in self.asked:
            found = found.filter(equipment=find_machine(self.asked["equipment"]))
        return found.filter(sort=self.asked["sort"]) if "sort" in self.asked else found

    def rows(self, page: list[CountEntry]) -> list[dict[str, Any]]:
        return count_rows(page)


def _enter(words: dict[str, Any], who: dict[str, Any]) -> CountEntry:
    machine = body_machine(words["equipment"])
    if words["sort"] == SORTS.MANUAL:
        return counting.count_by_hand(
            machine,
            words["starts_at"],
            words["ends_at"],
            made=words["made"],
            rejected=words["rejected"],
            product_number=words.get("product_number", NO_PRODUCT),
            comment=words["comment"],
            **who,
        )
    return counting.enter_rejects(
        machine,
        words["sort"],
        words["rejected"],
        at=words.get("ends_at"),
        defect=words["defect"],
        product_number=words.get("product_number"),
        comment=words["comment"],
        **who,
    )


class WithdrawCount(Asked):
    capability = Capability.ENTER_COUNTS
    serializer_class = CountRow

    @extend_schema(operation_id="withdraw_count", request=None)
    def post(self, request: Request, entry: int) -> Response:
        """Take an entry back. It stays to be read."""
        if not CountEntry.objects.filter(pk=entry).exists():
            raise Http404("There is no such entry.")
        return self.answer(count_row(counting.take_back_count(entry, **by_whom(request)), is_counted=False))


# ---------------------------------------------------------------- parts that were held back


class QuarantineRow(serializers.Serializer[Any]):
    equipment = serializers.CharField()
    counter = serializers.ChoiceField(choices=COUNTERS)
    at = PlantTime()
    parts = serializers.IntegerField()
    before = serializers.IntegerField(allow_null=True, help_text="What the counter said before.")
    after = serializers.IntegerField()
    is_accepted = serializers.BooleanField(allow_null=True, help_text="null: nobody has decided.")
    decided_by = serializers.CharField(allow_null=True)
    decided_at = PlantTime(allow_null=True)
    comment = serializers.CharField()


class DecisionIn(serializers.Serializer[Any]):
    """Names the parts by machine, counter and time, as the list prints them."""

    equipment = serializers.CharField(max_length=50)
    counter = serializers.ChoiceField(choices=COUNTERS)
    at = PlantTime()
    accept = serializers.BooleanField()
    comment = serializers.CharField(max_length=1000, help_text="Why you believe these parts or do not.")
    request_id = serializers.UUIDField(required=False)


class QuarantineQuery(Query):
    equipment = serializers.CharField(required=False, help_text="A machine's code or id.")


def quarantine_row(event: CounterEvent, decision: QuarantineDecision | None) -> dict[str, Any]:
    zone = event.equipment.line.site.zone
    return {
        "equipment": event.equipment.code,
        "counter": event.counter,
        "at": local(event.at, zone),
        "parts": event.delta,
        "before": event.before,
        "after": event.after,
        "is_accepted": decision.is_accepted if decision else None,
        "decided_by": str(decision.author) if decision else None,
        "decided_at": local(decision.made_at, zone) if decision else None,
        "comment": decision.comment if decision else "",
    }


def held_back() -> QuerySet[CounterEvent]:
    events = CounterEvent.objects.filter(kind=CounterEventKind.QUARANTINE)
    return events.select_related("equipment__line__site").order_by("-at", "pk")


class Quarantine(AskedList):
    """Parts that a counter claimed and nobody believed, the latest first."""

    capability = {"GET": Capability.VIEW_FLOOR, "POST": Capability.DECIDE_COUNTS}
    serializer_class = QuarantineRow
    query = QuarantineQuery

    @extend_schema(operation_id="quarantine", parameters=[QuarantineQuery])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(operation_id="decide_quarantine", request=DecisionIn, responses={201: QuarantineRow})
    def post(self, request: Request) -> Response:
        """Believe the parts that were held back, or not."""
        words = given(DecisionIn, request)
        machine = body_machine(words["equipment"])
        event = _event_at(machine.id, words["counter"], words["at"])
        decision = counting.decide_quarantine(
            event, accept=words["accept"], comment=words["comment"], **said(request, words)
        )
        return self.answer(quarantine_row(event, decision), 201)

    def get_queryset(self) -> QuerySet[CounterEvent]:
        found = held_back()
        return found.filter(equipment=find_machine(self.asked["equipment"])) if "equipment" in self.asked else found

    def rows(self, page: list[CounterEvent]) -> list[dict[str, Any]]:
        decided = _decisions(page)
        return [quarantine_row(event, decided.get(_name(event))) for event in page]


def _event_at(machine: UUID, counter: str, at: datetime) -> CounterEvent:
    """Times are printed to the millisecond; the event may have been stored more finely."""
    near = held_back().filter(equipment=machine, counter=counter, at__gte=at, at__lt=at + MILLISECOND)
    event = near.first()
    if event is None:
        raise Http404("No parts were held back there at that time.")
    return event


def _name(event: CounterEvent | QuarantineDecision) -> tuple[Any, ...]:
    return event.equipment_id, event.counter, event.at


def _decisions(events: list[CounterEvent]) -> dict[tuple[Any, ...], QuarantineDecision]:
    if not events:
        return {}
    machines, times = {event.equipment_id for event in events}, [event.at for event in events]
    rows = QuarantineDecision.objects.filter(equipment__in=machines, at__gte=min(times), at__lte=max(times))
    return {_name(row): row for row in rows.select_related("author")}
