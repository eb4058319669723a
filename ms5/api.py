"""How the API pages and how it says no."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import structlog
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, JsonResponse
from django.http.multipartparser import MultiPartParserError
from rest_framework import exceptions
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils import json

from floor.actions import jobs
from floor.actions.standards import ImpossibleStandard
from oee.actions import refusals

log = structlog.get_logger(__name__)

MAX_BODY = 1_000_000
MAX_OFFSET = 10_000_000
MOST_DIGITS = 1_000

CODES = {
    400: "BAD_REQUEST",
    401: "AUTH_002",
    403: "AUTH_003",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    409: "CONFLICT",
    413: "TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "VALIDATION_ERROR",
    429: "RATE_LIMIT_EXCEEDED",
    503: "UNAVAILABLE",
}


# What people are refused on the floor: status, and for a value that is not acceptable what is wrong with it.
REFUSALS: dict[type[Exception], tuple[int, str]] = {
    jobs.ImpossibleJob: (422, "job"),
    jobs.ImpossibleJobTime: (422, "time"),
    jobs.JobElsewhere: (409, ""),
    jobs.JobTooOld: (403, ""),
    ImpossibleStandard: (422, "ideal_cycle"),
    refusals.UnknownReason: (422, "reason_code"),
    refusals.ImpossibleTime: (422, "time"),
    refusals.ImpossibleCount: (422, "parts"),
    refusals.StopGone: (404, ""),
    refusals.ShiftClosed: (403, ""),
    refusals.NeedsSupervisor: (403, ""),
    refusals.SomebodyWasFaster: (409, ""),
    refusals.AlreadyDone: (409, ""),
}


class Pages(LimitOffsetPagination):
    """20 rows unless asked for more, 100 at most; nonsense is refused, not corrected in silence."""

    default_limit = 20
    max_limit = 100

    def get_limit(self, request: Request) -> int:
        return _whole(request, self.limit_query_param, 1, 100, 20)

    def get_offset(self, request: Request) -> int:
        return _whole(request, self.offset_query_param, 0, MAX_OFFSET, 0)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            _parameter("limit", "How many rows to return.", 1, self.max_limit, self.default_limit),
            _parameter("offset", "How many rows to pass over.", 0, MAX_OFFSET, 0),
        ]


def _parameter(name: str, words: str, minimum: int, maximum: int, default: int) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": minimum, "maximum": maximum, "default": default}
    return {"name": name, "required": False, "in": "query", "description": words, "schema": schema}


def _whole(request: Request, name: str, low: int, high: int, default: int) -> int:
    raw = request.query_params.get(name, str(default))
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 8 and low <= int(raw) <= high):
        raise exceptions.ValidationError({name: [f"Must be a whole number from {low} to {high}."]})
    return int(raw)


class TooLarge(exceptions.APIException):
    status_code = 413
    default_detail = f"The body is larger than {MAX_BODY} bytes."


class SmallJSON(JSONParser):
    """JSON of a size that a form could have; what no parser can read is the sender's mistake, never a crash."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        length = int(stream.META.get("CONTENT_LENGTH") or 0) if hasattr(stream, "META") else 0
        if length > MAX_BODY:
            raise TooLarge
        try:
            return self.load(stream, parser_context or {})
        except RecursionError as error:
            raise exceptions.ParseError("The JSON is nested too deeply.") from error

    def load(self, stream: Any, context: dict[str, Any]) -> Any:
        return super().parse(stream, None, context)


class ExactJSON(SmallJSON):
    """Numbers with a decimal point arrive as the Decimal that was written, not as the nearest float."""

    def load(self, stream: Any, context: dict[str, Any]) -> Any:
        try:
            text = stream.read().decode(context.get("encoding", "utf-8"))
            return json.loads(text, parse_float=Decimal, parse_int=_integer, object_pairs_hook=_named_once)
        except ArithmeticError as error:
            raise exceptions.ParseError("There is a number that is too large to be read.") from error
        except (ValueError, LookupError) as error:
            raise exceptions.ParseError(f"JSON parse error - {error}") from error


def _integer(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise exceptions.ParseError("There is a number that is too large to be read.")
    return int(digits)


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A name that is said twice would silently lose one of its values."""
    found = dict(pairs)
    if len(found) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise exceptions.ParseError(f"“{twice[:100]}” is said twice.")
    return found


def error_envelope(exc: Exception, context: dict[str, Any]) -> Response:
    """Turn every exception of an API view into the envelope; what nobody foresaw is logged with its stack."""
    refused = _as_api_exception(exc)
    request = context["request"]
    if type(exc) in REFUSALS:
        status, wrong = REFUSALS[type(exc)]
        details = {wrong: [str(exc)]} if wrong else {}
        return Response(envelope(request, status, CODES[status], str(exc), details), status=status)
    if refused is None:
        log.error("api request failed", path=request.path, exc_info=exc)
        return Response(envelope(request, 500, "INTERNAL_ERROR", "Something broke on our side."), status=500)
    headers = {}
    if header := getattr(refused, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if wait := getattr(refused, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    status = 422 if isinstance(refused, exceptions.ValidationError) else refused.status_code
    code = getattr(refused, "error_code", CODES.get(status, "ERROR"))
    return Response(envelope(request, status, code, *_words(refused)), status=status, headers=headers)


def _as_api_exception(exc: Exception) -> exceptions.APIException | None:
    if isinstance(exc, exceptions.APIException):
        return exc
    if isinstance(exc, Http404):
        return exceptions.NotFound(str(exc) or "There is no such thing.")
    if isinstance(exc, PermissionDenied):
        return exceptions.PermissionDenied(str(exc) or None)
    if isinstance(exc, RequestDataTooBig):
        return TooLarge()
    if isinstance(exc, BadRequest | SuspiciousOperation | MultiPartParserError):
        return exceptions.ParseError("The request cannot be read.")
    return None


def _words(refused: exceptions.APIException) -> tuple[str, Any]:
    """One sentence for people, and the parts of it for programs."""
    if isinstance(refused, exceptions.ValidationError):
        details = refused.detail if isinstance(refused.detail, dict) else {"non_field_errors": refused.detail}
        return "Some values are not acceptable; see details.", details
    if isinstance(refused.detail, dict):
        return str(refused.detail.get("detail", refused.default_detail)), {}
    return str(refused.detail), getattr(refused, "details", {})


def envelope(
    request: HttpRequest | Request, status: int, code: str, message: str, details: Any = None
) -> dict[str, Any]:
    return {
        "code": code,
        "message": message,
        "details": details or {},
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "request_id": getattr(request, "request_id", ""),
    }


def refuse(request: HttpRequest, status: int, message: str) -> JsonResponse:
    """The envelope outside DRF's views: unknown paths, hosts, and what broke before a view was found."""
    code = CODES.get(status, "INTERNAL_ERROR")
    return JsonResponse(envelope(request, status, code, message), status=status)
