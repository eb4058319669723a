"""Every address of the product."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from floor.views import people
from ms5 import health, metrics

handler400 = "ms5.errors.bad_request"
handler403 = "ms5.errors.permission_denied"
handler404 = "ms5.errors.page_not_found"
handler500 = "ms5.errors.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", people.sign_in, name="login"),
    path("logout/", people.sign_out, name="logout"),
    path("health", health.whole, name="health"),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", metrics.page, name="metrics"),
    path("api/v1/", include("ms5.api_urls")),
    path("", include("plc.urls")),
    path("admin/", admin.site.urls),
]
