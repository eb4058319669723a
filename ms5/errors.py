"""400, 403, 404 and 500: a page for people, the envelope for programs."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views import defaults

from ms5.api import refuse


def _answer(request: HttpRequest, status: int, message: str, page: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    if request.path.startswith("/api/"):
        return refuse(request, status, message)
    return page()


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return _answer(request, 400, "The request is not acceptable.", lambda: defaults.bad_request(request, exception))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return _answer(
        request, 403, "Your role does not allow this.", lambda: defaults.permission_denied(request, exception)
    )


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return _answer(
        request, 404, "There is nothing at this address.", lambda: defaults.page_not_found(request, exception)
    )


def server_error(request: HttpRequest) -> HttpResponseBase:
    return _answer(request, 500, "Something broke on our side.", lambda: defaults.server_error(request))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    return permission_denied(request, PermissionError(reason))


def locked_out(request: HttpRequest, response: HttpResponse | None, credentials: object) -> HttpResponseBase:
    """Too many wrong passwords for this name from this address; says the same whether the name exists or not."""
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    words = f"Too many failed attempts. Wait {minutes} minutes or ask an administrator."
    if request.path.startswith("/api/"):
        answer: HttpResponse = refuse(request, 429, words)
    else:
        answer = HttpResponse(words, status=429, content_type="text/plain; charset=utf-8")
    answer["Retry-After"] = str(minutes * 60)
    return answer
