from django.urls import path

from reports import analysis_views, calls_views, views

app_name = "reports"
urlpatterns = [
    path("analysis/", analysis_views.analysis, name="analysis"),
    path("andon/analysis/", calls_views.calls, name="calls"),
    path("reports/", views.index, name="index"),
    path("reports/<uuid:report_id>/", views.on_screen, name="report"),
    path("reports/<uuid:report_id>.pdf", views.file, name="pdf"),
    path("lines/<str:code>/reports/", views.ask, name="ask"),
]
