"""The API keeps its document's promises, and nothing that a stranger can think of breaks it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.utils import timezone
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from rest_framework_simplejwt.tokens import RefreshToken
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from floor.models import FaultDefinition, FaultEvent, MachineState
from floor.roles import Role
from ms5.auth_api import LocalLoginThrottle, LoginThrottle
from tests.chance import ALL, tries
from tests.factories import make_line, make_machine, make_shifts, make_user

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"
CHECKS: list[Any] = [not_a_server_error, response_schema_conformance, content_type_conformance]


def generate() -> dict[str, Any]:
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    document: dict[str, Any] = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return document


def as_text(document: dict[str, Any]) -> str:
    text: bytes = OpenApiYamlRenderer().render(document)  # type: ignore[no-untyped-call]
    return text.decode()


def read(text: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    return document


def test_the_document_is_valid_and_made_without_a_warning() -> None:
    GENERATOR_STATS.reset()
    document = generate()

    validate_schema(document)  # type: ignore[no-untyped-call]
    assert not GENERATOR_STATS._warn_cache
    assert not GENERATOR_STATS._error_cache


def test_the_document_has_changed_only_on_purpose() -> None:
    """After a change on purpose: python manage.py spectacular --file docs/openapi.yaml, and a line in CHANGELOG.md."""
    kept, current = read(DOCUMENT.read_text(encoding="utf-8")), read(as_text(generate()))
    for document in (kept, current):
        document["info"].pop("version")  # a release changes it without changing the contract

    assert current == kept


def test_every_operation_says_how_it_refuses() -> None:
    for path, operations in generate()["paths"].items():
        for method, operation in operations.items():
            assert "default" in operation["responses"], (method, path)


# ---------------------------------------------------------------- what a stranger can think of


@pytest.fixture
def plant(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """One line that runs, with a fault; gives the token of an administrator, who gets furthest."""
    monkeypatch.setattr(LoginThrottle, "rate", "100000/min", raising=False)
    LocalLoginThrottle.cache.clear()
    line = make_line("L-BAG1")
    make_shifts(line.site)
    machine = make_machine(line, "BAG1")
    now = timezone.now()
    MachineState.objects.create(equipment=machine, state="run", since=now - timedelta(hours=1), observed_until=now)
    FaultDefinition.objects.create(equipment=machine, bit=3, text="Wicket servo fault")
    FaultEvent.objects.create(equipment=machine, bit=3, on_at=now)
    # As Django's own test client does: the end of a request must not close the connection of the test.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield str(RefreshToken.for_user(make_user("anna", Role.ADMIN)).access_token)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


api = schemathesis.openapi.from_dict(read(DOCUMENT.read_text(encoding="utf-8")))
api.app = get_wsgi_application()
# Thousands of requests that the document rules out, the same in each run.
api.config.phases.coverage.enabled = ALL


@api.exclude(path="/api/v1/health").parametrize()  # it answers 503 on purpose, see test_health.py
@hypothesis_settings(
    max_examples=tries(4, 40),
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_request_breaks_the_server(case: "schemathesis.Case[Any]", plant: str) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {plant}"}, checks=CHECKS)
