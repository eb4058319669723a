"""Everything under /api/v1/."""

from django.urls import URLPattern, path
from drf_spectacular.views import SpectacularJSONAPIView

from andon import api as andon
from floor import api as floor
from floor.roles import Capability
from ms5 import auth_api as auth
from ms5 import dashboard_api as dashboard
from ms5 import health
from ms5.api import ExactJSON
from oee import api as oee
from oee import hours_api as hours
from oee.calculate_api import Calculate
from plc import api as plc

app_name = "api"


class Schema(SpectacularJSONAPIView):
    """The OpenAPI document."""

    capability = Capability.VIEW_FLOOR


urlpatterns: list[URLPattern] = [
    path("auth/login", auth.Login.as_view(), name="login"),
    path("auth/refresh", auth.Refresh.as_view(), name="refresh"),
    path("auth/logout", auth.Logout.as_view(), name="logout"),
    path("auth/profile", auth.Profile.as_view(), name="profile"),
    path("health", health.ApiHealth.as_view(), name="health"),
    path("schema", Schema.as_view(), name="schema"),
    path("production/lines", floor.LineList.as_view(), name="lines"),
    path("production/lines/<str:line>", floor.OneLine.as_view(), name="line"),
    path("andon/events", andon.EventList.as_view(), name="andon-events"),
    path("andon/events/active", andon.ActiveEvents.as_view(), name="andon-active"),
    path("andon/events/<uuid:pk>", andon.OneEvent.as_view(), name="andon-event"),
    path("andon/events/<uuid:pk>/history", andon.EventHistory.as_view(), name="andon-history"),
    path("andon/events/<uuid:pk>/acknowledge", andon.Acknowledge.as_view(), name="andon-acknowledge"),
    path("andon/events/<uuid:pk>/arrive", andon.Arrive.as_view(), name="andon-arrive"),
    path("andon/events/<uuid:pk>/resolve", andon.Resolve.as_view(), name="andon-resolve"),
    path("equipment/status", floor.EquipmentStatusList.as_view(), name="equipment-statuses"),
    path("equipment/<str:code>/status", floor.OneEquipmentStatus.as_view(), name="equipment-status"),
    path("equipment/<str:code>/faults", floor.EquipmentFaults.as_view(), name="equipment-faults"),
    path("dashboard/lines", dashboard.DashboardLines.as_view(), name="dashboard-lines"),
    path("dashboard/lines/<str:line>/status", dashboard.LineStatus.as_view(), name="line-status"),
    path("dashboard/summary", dashboard.Summary.as_view(), name="summary"),
    path("oee/calculate", Calculate.as_view(parser_classes=[ExactJSON]), name="oee-calculate"),
    path("oee/lines/<str:line>/current", oee.CurrentOee.as_view(), name="oee-current"),
    path("oee/lines/<str:line>", oee.ShiftOee.as_view(), name="oee-shift"),
    path("oee/lines/<str:line>/hours", hours.Hours.as_view(), name="oee-hours"),
    path("oee/lines/<str:line>/hours/countermeasure", hours.WriteCountermeasure.as_view(), name="hour-countermeasure"),
    path("oee/lines/<str:line>/hours/sign-off", hours.SignOffHour.as_view(), name="hour-sign-off"),
    path("downtime/events", oee.StopList.as_view(), name="stops"),
    path("downtime/events/<str:stop>", oee.OneStop.as_view(), name="stop"),
    path("downtime/reasons", oee.ReasonList.as_view(), name="reasons"),
    path("plcs", plc.ControllerList.as_view(), name="controllers"),
    path("plcs/<str:controller>", plc.OneController.as_view(), name="controller"),
    path("plcs/<str:controller>/test-connection", plc.TestConnection.as_view(), name="test-connection"),
]
