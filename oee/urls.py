"""Where taps go. The pages and sheets they come from are composed in ms5."""

from django.urls import path

from oee import count_views, evidence_views, hour_views, standards_views, views

urlpatterns = [
    path("lines/<str:code>/evidence/<str:kpi>/", evidence_views.panel, name="evidence"),
    path("stops/<uuid:stop>/reason/", views.code, name="code-stop"),
    path("standards/", standards_views.standards, name="standards"),
    path("standards/<str:code>/", standards_views.of_line, name="line-standards"),
    path("standards/<str:code>/restate/", standards_views.judge_anew, name="restate"),
    path("stops/<uuid:stop>/split/", views.split, name="split-stop"),
    path("stops/<uuid:stop>/merge/", views.merge, name="merge-stops"),
    path("stops/<uuid:stop>/confirm/", views.confirm, name="confirm-stop"),
    path("stops/merges/<int:merge>/take-back/", views.separate, name="separate-stops"),
    path("stops/by-hand/<int:manual>/take-back/", views.take_back, name="take-back-stop"),
    path("lines/<str:code>/missed-stop/enter/", views.add, name="add-stop"),
    path("lines/<str:code>/planned/start/", views.plan, name="plan-stop"),
    path("planned-stops/<int:planned>/end/", views.end, name="end-planned-stop"),
    path("planned-stops/<int:planned>/take-back/", views.take_back_planned, name="take-back-planned-stop"),
    path("lines/<str:code>/scrap/", count_views.scrap, name="enter-scrap"),
    path("lines/<str:code>/counts/by-hand/", count_views.by_hand, name="count-by-hand"),
    path("counts/entries/<int:entry>/take-back/", count_views.take_back, name="take-back-count"),
    path("counts/<int:event>/decide/", count_views.decide, name="decide-counts"),
    path("lines/<str:code>/hours/<int:hour>/countermeasure/", hour_views.countermeasure, name="write-countermeasure"),
    path("lines/<str:code>/hours/<int:hour>/sign-off/", hour_views.sign_off, name="sign-off-hour"),
]
