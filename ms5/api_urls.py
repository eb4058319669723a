"""Everything under /api/v1/."""

from django.urls import URLPattern, path
from drf_spectacular.views import SpectacularJSONAPIView

from andon import api as andon
from andon import bell_api as bell
from andon import response_api as andon_response
from andon import shelf_api
from floor import api as floor
from floor import jobs_api as jobs
from floor.roles import Capability
from ms5 import auth_api as auth
from ms5 import dashboard_api as dashboard
from ms5 import health
from ms5.api import ExactJSON
from oee import hours_api as hours
from oee.api import analysis, counts, line, planned, reasons, restatements, shifts, statistics, stops
from oee.calculate_api import Calculate
from oee.evidence_api import EvidenceView
from plc import api as plc

app_name = "api"


class Schema(SpectacularJSONAPIView):
    """The OpenAPI document."""

    capability = Capability.VIEW_FLOOR


urlpatterns: list[URLPattern] = [
    path("auth/login", auth.Login.as_view(), name="login"),
    path("auth/refresh", auth.Refresh.as_view(), name="refresh"),
    path("auth/logout", auth.Logout.as_view(), name="logout"),
    path("auth/ticket", auth.SocketTicket.as_view(), name="ticket"),
    path("auth/profile", auth.Profile.as_view(), name="profile"),
    path("health", health.ApiHealth.as_view(), name="health"),
    path("schema", Schema.as_view(), name="schema"),
    path("production/lines", floor.LineList.as_view(), name="lines"),
    path("production/lines/<str:line>", floor.OneLine.as_view(), name="line"),
    path("andon/statistics", andon_response.Statistics.as_view(), name="andon-statistics"),
    path("andon/analytics/report", andon_response.Report.as_view(), name="andon-report"),
    path("jobs", jobs.Jobs.as_view(), name="jobs"),
    path("job-runs", jobs.AddRun.as_view(), name="add-job-run"),
    path("job-runs/<int:run>/correct", jobs.CorrectRun.as_view(), name="correct-job-run"),
    path("job-runs/<int:run>/take-back", jobs.TakeBackRun.as_view(), name="take-back-job-run"),
    path("jobs/<str:job>", jobs.OneJob.as_view(), name="job"),
    path("jobs/<str:job>/start", jobs.StartJob.as_view(), name="start-job"),
    path("jobs/<str:job>/end", jobs.EndJob.as_view(), name="end-job"),
    path("andon/events", andon.EventList.as_view(), name="andon-events"),
    path("andon/events/active", andon.ActiveEvents.as_view(), name="andon-active"),
    path("andon/events/<uuid:pk>", andon.OneEvent.as_view(), name="andon-event"),
    path("andon/events/<uuid:pk>/history", andon.EventHistory.as_view(), name="andon-history"),
    path("andon/events/<uuid:pk>/acknowledge", andon.Acknowledge.as_view(), name="andon-acknowledge"),
    path("andon/events/<uuid:pk>/arrive", andon.Arrive.as_view(), name="andon-arrive"),
    path("andon/events/<uuid:pk>/resolve", andon.Resolve.as_view(), name="andon-resolve"),
    path("andon/notifications", bell.Notifications.as_view(), name="andon-notifications"),
    path("andon/notifications/read", bell.ReadNotifications.as_view(), name="andon-notifications-read"),
    path("andon/undelivered", bell.Undelivered.as_view(), name="andon-undelivered"),
    path("andon/undelivered/<uuid:pk>/again", bell.TryAgain.as_view(), name="andon-undelivered-again"),
    path("andon/undelivered/<uuid:pk>/give-up", bell.GiveUp.as_view(), name="andon-undelivered-give-up"),
    path("andon/shelves", shelf_api.ShelfList.as_view(), name="andon-shelves"),
    path("andon/shelves/<uuid:pk>/unshelve", shelf_api.Unshelve.as_view(), name="andon-unshelve"),
    path("andon/events/<uuid:pk>/transfer", andon.Transfer.as_view(), name="andon-transfer"),
    path("andon/events/<uuid:pk>/reject", andon.Reject.as_view(), name="andon-reject"),
    path("andon/events/<uuid:pk>/reopen", andon.Reopen.as_view(), name="andon-reopen"),
    path("andon/events/<uuid:pk>/cancel", andon.Cancel.as_view(), name="andon-cancel"),
    path("andon/events/<uuid:pk>/details", andon.SayMore.as_view(), name="andon-details"),
    path("andon/events/<uuid:pk>/note", andon.AddNote.as_view(), name="andon-note"),
    path("andon/events/<uuid:pk>/photo", andon.AddPhoto.as_view(), name="andon-photo"),
    path("andon/events/<uuid:pk>/photos/<int:event>", andon.PhotoFile.as_view(), name="andon-photo-file"),
    path("andon/events/<uuid:pk>/escalate", andon.Escalate.as_view(), name="andon-escalate"),
    # An escalation is its call.
    path("andon/escalations/active", andon.ActiveEscalations.as_view(), name="andon-escalations"),
    path(
        "andon/escalations/statistics",
        andon_response.EscalationStatistics.as_view(),
        name="andon-escalations-statistics",
    ),
    path("andon/escalations/<uuid:pk>/history", andon.EventHistory.as_view(), name="andon-escalation-history"),
    path(
        "andon/escalations/<uuid:pk>/acknowledge",
        andon.AcknowledgeEscalation.as_view(),
        name="andon-acknowledge-escalation",
    ),
    path("andon/escalations/<uuid:pk>/resolve", andon.ResolveEscalation.as_view(), name="andon-resolve-escalation"),
    path("andon/escalations/<uuid:pk>/escalate", andon.EscalateFurther.as_view(), name="andon-escalate-further"),
    path("andon/escalation-tree", andon.EscalationTree.as_view(), name="andon-tree"),
    path("andon/dashboard", andon.Dashboard.as_view(), name="andon-dashboard"),
    path("equipment/status", floor.EquipmentStatusList.as_view(), name="equipment-statuses"),
    path("equipment/<str:code>/status", floor.OneEquipmentStatus.as_view(), name="equipment-status"),
    path("equipment/<str:code>/faults", floor.EquipmentFaults.as_view(), name="equipment-faults"),
    path("dashboard/lines", dashboard.DashboardLines.as_view(), name="dashboard-lines"),
    path("dashboard/lines/<str:line>/status", dashboard.LineStatus.as_view(), name="line-status"),
    path("dashboard/summary", dashboard.Summary.as_view(), name="summary"),
    path("oee/calculate", Calculate.as_view(parser_classes=[ExactJSON]), name="oee-calculate"),
    path("oee/evidence", EvidenceView.as_view(), name="oee-evidence"),
    path("oee/recalculate", restatements.Recalculate.as_view(), name="oee-recalculate"),
    path("oee/restatements", restatements.Restatements.as_view(), name="oee-restatements"),
    path("oee/lines/<str:line>", line.LineOee.as_view(), name="oee-line"),
    path("oee/lines/<str:line>/current", shifts.CurrentOee.as_view(), name="oee-current"),
    path("oee/lines/<str:line>/daily-summary", line.DailySummary.as_view(), name="oee-daily-summary"),
    path("oee/lines/<str:line>/trends", line.Trends.as_view(), name="oee-trends"),
    path("oee/realtime/<str:line>", line.Realtime.as_view(), name="oee-realtime"),
    path("oee/equipment/<str:code>", line.MachineOee.as_view(), name="oee-equipment"),
    path("oee/analysis", analysis.Analysis.as_view(), name="oee-analysis"),
    path("oee/analytics/equipment/<str:code>", analysis.Reliability.as_view(), name="oee-reliability"),
    path("oee/analytics/performance", analysis.Performance.as_view(), name="oee-performance"),
    path("oee/analytics/benchmarks", analysis.Benchmarks.as_view(), name="oee-benchmarks"),
    path("oee/counts", counts.Counts.as_view(), name="counts"),
    path("oee/counts/<int:entry>/withdraw", counts.WithdrawCount.as_view(), name="withdraw-count"),
    path("oee/quarantine", counts.Quarantine.as_view(), name="quarantine"),
    path("oee/lines/<str:line>/hours", hours.Hours.as_view(), name="oee-hours"),
    path("oee/lines/<str:line>/hours/countermeasure", hours.WriteCountermeasure.as_view(), name="hour-countermeasure"),
    path("oee/lines/<str:line>/hours/sign-off", hours.SignOffHour.as_view(), name="hour-sign-off"),
    path("downtime/events", stops.StopList.as_view(), name="stops"),
    path("downtime/events/<str:stop>", stops.OneStop.as_view(), name="stop"),
    path("downtime/events/<str:stop>/confirm", stops.ConfirmStop.as_view(), name="confirm-stop"),
    path("downtime/events/<str:stop>/split", stops.SplitStop.as_view(), name="split-stop"),
    path("downtime/events/<str:stop>/merge", stops.MergeStops.as_view(), name="merge-stops"),
    path("downtime/manual-stops/<int:manual>", stops.OneManualStop.as_view(), name="manual-stop"),
    path("downtime/active", stops.ActiveStops.as_view(), name="active-stops"),
    path("downtime/statistics", statistics.Statistics.as_view(), name="downtime-statistics"),
    path("downtime/reasons", reasons.ReasonList.as_view(), name="reasons"),
    path("downtime/planned-stops", planned.PlannedStops.as_view(), name="planned-stops"),
    path("downtime/planned-stops/<int:planned>/end", planned.EndPlannedStop.as_view(), name="end-planned-stop"),
    path(
        "downtime/planned-stops/<int:planned>/withdraw",
        planned.WithdrawPlannedStop.as_view(),
        name="withdraw-planned-stop",
    ),
    path("plcs", plc.ControllerList.as_view(), name="controllers"),
    path("plcs/<str:controller>", plc.OneController.as_view(), name="controller"),
    path("plcs/<str:controller>/test-connection", plc.TestConnection.as_view(), name="test-connection"),
]
