"""Request metrics; the figures about the floor come from the database when /metrics is read."""

import hmac
import ipaddress

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, HttpResponseNotFound
from django.views.decorators.cache import never_cache
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Histogram, generate_latest

from floor.roles import public
from ms5.figures import FLOOR

REQUESTS = Counter("http_requests_total", "HTTP requests", ["method", "endpoint", "status"])
REQUEST_SECONDS = Histogram(
    "http_request_duration_seconds",
    "HTTP request duration",
    ["method", "endpoint"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def observe_request(method: str, endpoint: str, status: int, seconds: float) -> None:
    """`endpoint` is the route's pattern, never the raw path: the number of series stays bounded."""
    method = method if method in METHODS else "other"
    REQUESTS.labels(method, endpoint, str(status)).inc()
    REQUEST_SECONDS.labels(method, endpoint).observe(seconds)


@public
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    """For Prometheus on this machine, or anywhere with `Authorization: Bearer <MS5_METRICS_TOKEN>`."""
    if not settings.PROMETHEUS_ENABLED:
        return HttpResponseNotFound("Metrics are switched off (PROMETHEUS_ENABLED).", content_type="text/plain")
    if not may_scrape(request):
        return HttpResponseForbidden("Metrics need the token of MS5_METRICS_TOKEN.", content_type="text/plain")
    return HttpResponse(generate_latest(REGISTRY) + generate_latest(FLOOR), content_type=CONTENT_TYPE_LATEST)


def may_scrape(request: HttpRequest) -> bool:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if settings.METRICS_TOKEN and hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode()):
        return True
    return is_loopback(request.META.get("REMOTE_ADDR", ""))


def is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
