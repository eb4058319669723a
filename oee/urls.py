from django.urls import path

from oee import evidence_views, views

urlpatterns = [
    path("lines/<str:code>/evidence/<str:kpi>/", evidence_views.panel, name="evidence"),
    path("stops/<uuid:stop>/reason/", views.code, name="code-stop"),
]
