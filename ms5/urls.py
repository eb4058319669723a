"""Every address of the product."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from floor.views import people, screens
from ms5 import board, call_pages, count_pages, health, hour_pages, metrics, stop_pages

handler400 = "ms5.errors.bad_request"
handler403 = "ms5.errors.permission_denied"
handler404 = "ms5.errors.page_not_found"
handler500 = "ms5.errors.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", board.home, name="home"),
    path("lines/", board.lines_page, name="lines"),
    path("lines/<str:code>/", board.line_page, name="line"),
    path("lines/<str:code>/stops/", stop_pages.stops_page, name="line-stops"),
    path("lines/<str:code>/losses/", stop_pages.losses_page, name="line-losses"),
    path("lines/<str:code>/planned/", stop_pages.planned_page, name="planned-stops"),
    path("lines/<str:code>/missed-stop/", stop_pages.missed_page, name="missed-stop"),
    path("stops/<uuid:stop>/", stop_pages.stop_page, name="stop"),
    path("lines/<str:code>/counts/", count_pages.line_counts, name="line-counts"),
    path("lines/<str:code>/hours/", hour_pages.hours_page, name="line-hours"),
    path("lines/<str:code>/hours/board/", hour_pages.hours_board, name="line-hours-board"),
    path("counts/", count_pages.counts, name="counts"),
    path("lines/<str:code>/board/", board.line_board, name="line-board"),
    path("lines/<str:code>/tiles/<str:topic>/", board.tile, name="tile"),
    path("board/", board.plant_board, name="plant-board"),
    path("andon/", board.andon_board, name="andon-board"),
    path("andon/calls/<uuid:pk>/stop/", call_pages.stop_of_call, name="call-stop"),
    path("board/tiles/<str:topic>/", board.tile, name="plant-tile"),
    path("screens/", screens.screens, name="screens"),
    path("screens/<uuid:pk>/", screens.name_screen, name="name-screen"),
    path("login/", people.sign_in, name="login"),
    path("logout/", people.sign_out, name="logout"),
    path("health", health.whole, name="health"),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", metrics.page, name="metrics"),
    path("", include("andon.urls")),
    path("", include("andon.bell_urls")),
    path("", include("oee.urls")),
    path("", include("reports.urls")),
    path("api/v1/", include("ms5.api_urls")),
    path("", include("plc.urls")),
    path("admin/", admin.site.urls),
]
