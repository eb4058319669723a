"""How the API pages and how it says no."""

from typing import Any

from rest_framework.pagination import LimitOffsetPagination
from rest_framework.response import Response
from rest_framework.views import exception_handler


class Pages(LimitOffsetPagination):
    default_limit = 20
    max_limit = 100


def error_envelope(exc: Exception, context: dict[str, Any]) -> Response | None:
    return exception_handler(exc, context)
