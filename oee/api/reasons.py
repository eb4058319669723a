"""The catalogue of stop reasons over the API."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import serializers

from floor.rest import AskedList
from floor.roles import Capability
from oee.domain.ledger import PLANNED_KINDS
from oee.models import StopReason
from oee.models.reasons import LOSS_CLASS_CHOICES


class ReasonRow(serializers.Serializer[Any]):
    code = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]


class ReasonDetail(ReasonRow):
    group = serializers.CharField()
    loss_class = serializers.ChoiceField(choices=LOSS_CLASS_CHOICES, source="class_now")
    is_planned = serializers.SerializerMethodField()

    def get_is_planned(self, reason: StopReason) -> bool:
        return reason.class_now in PLANNED_KINDS  # type: ignore[attr-defined]


class ReasonList(AskedList):
    """The reasons that a stop can be given, in the order of the screen."""

    capability = Capability.VIEW_FLOOR
    serializer_class = ReasonDetail

    def get_queryset(self) -> QuerySet[StopReason]:
        return StopReason.objects.offered().with_class(timezone.now())
