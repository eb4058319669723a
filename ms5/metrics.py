"""Request metrics; the figures about the floor come from the database when /metrics is read."""

from prometheus_client import Counter, Histogram

REQUESTS = Counter("http_requests_total", "HTTP requests", ["method", "endpoint", "status"])
REQUEST_SECONDS = Histogram(
    "http_request_duration_seconds",
    "HTTP request duration",
    ["method", "endpoint"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


def observe_request(method: str, endpoint: str, status: int, seconds: float) -> None:
    """`endpoint` is the route's pattern, never the raw path: the number of series stays bounded."""
    REQUESTS.labels(method, endpoint, str(status)).inc()
    REQUEST_SECONDS.labels(method, endpoint).observe(seconds)
