from django.urls import path

from reports import views

app_name = "reports"
urlpatterns = [
    path("reports/", views.index, name="index"),
    path("reports/<uuid:report_id>/", views.on_screen, name="report"),
    path("reports/<uuid:report_id>.pdf", views.file, name="pdf"),
    path("lines/<str:code>/reports/", views.ask, name="ask"),
]
