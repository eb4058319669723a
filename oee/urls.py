from django.urls import path

from oee import count_views, hour_views, views

urlpatterns = [
    path("stops/<uuid:stop>/reason/", views.code, name="code-stop"),
    path("lines/<str:code>/scrap/", count_views.scrap, name="enter-scrap"),
    path("lines/<str:code>/counts/by-hand/", count_views.by_hand, name="count-by-hand"),
    path("counts/entries/<int:entry>/take-back/", count_views.take_back, name="take-back-count"),
    path("counts/<int:event>/decide/", count_views.decide, name="decide-counts"),
    path("lines/<str:code>/hours/<int:hour>/countermeasure/", hour_views.countermeasure, name="write-countermeasure"),
    path("lines/<str:code>/hours/<int:hour>/sign-off/", hour_views.sign_off, name="sign-off-hour"),
]
