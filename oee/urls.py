from django.urls import path

from oee import standards_views, views

urlpatterns = [
    path("stops/<uuid:stop>/reason/", views.code, name="code-stop"),
    path("standards/", standards_views.standards, name="standards"),
    path("standards/<str:code>/", standards_views.of_line, name="line-standards"),
    path("standards/<str:code>/restate/", standards_views.judge_anew, name="restate"),
]
