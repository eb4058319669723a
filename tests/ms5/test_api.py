"""The API as a machine of another make sees it: sign-in, refusals, lines and equipment."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from floor.domain.machine import State
from floor.models import FaultDefinition, FaultEvent, MachineState, Product, ProductNumber, User
from floor.roles import Role
from ms5.auth_api import LocalLoginThrottle, LoginThrottle
from tests.factories import make_line, make_machine, make_user

pytestmark = pytest.mark.django_db
ENVELOPE = {"code", "message", "details", "timestamp", "request_id"}
PASSWORD = "a long walk to the oven"


@pytest.fixture(autouse=True)
def unthrottled(monkeypatch: pytest.MonkeyPatch) -> None:
    LocalLoginThrottle.cache.clear()
    monkeypatch.setattr(LoginThrottle, "rate", "10000/min", raising=False)


@pytest.fixture
def ola() -> User:
    user = make_user("ola", Role.OPERATOR)
    user.set_password(PASSWORD)
    user.save()
    return user


def signed_in(role: Role = Role.OPERATOR) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(make_user(role.value[:12], role))
    return client


def login(username: str = "ola", password: str = PASSWORD, client: APIClient | None = None) -> Any:
    client = client or APIClient(raise_request_exception=False)
    return client.post("/api/v1/auth/login", {"username": username, "password": password}, format="json")


# ---------------------------------------------------------------- signing in


def test_signing_in_gives_tokens_that_open_the_floor(ola: User) -> None:
    answer = login()

    assert answer.status_code == 200
    assert answer.json()["token_type"] == "bearer"
    assert answer.json()["expires_in"] == 1800
    assert answer.json()["user"]["role"] == "operator"
    assert "code_stop" in answer.json()["user"]["permissions"]
    client = APIClient(headers={"Authorization": f"Bearer {answer.json()['access']}"})
    assert client.get("/api/v1/auth/profile").json()["username"] == "ola"


def test_an_unknown_name_and_a_wrong_password_are_refused_in_the_same_words(ola: User) -> None:
    wrong, unknown = login(password="wrong"), login(username="nobody")

    assert wrong.status_code == unknown.status_code == 401
    assert {**wrong.json(), "timestamp": "", "request_id": ""} == {
        **unknown.json(),
        "timestamp": "",
        "request_id": "",
    }
    assert wrong.json()["code"] == "AUTH_001"


def test_five_wrong_passwords_lock_the_name_out_for_this_address(ola: User, settings: LazySettings) -> None:
    settings.AXES_ENABLED = True

    answers = [login(password="wrong").status_code for _ in range(5)]
    locked = login()

    assert answers == [401, 401, 401, 401, 429]
    assert locked.status_code == 429
    assert locked.json()["code"] == "RATE_LIMIT_EXCEEDED"
    assert int(locked["Retry-After"]) == 1800


def test_lock_out_counts_the_pages_and_the_api_together(ola: User, settings: LazySettings) -> None:
    settings.AXES_ENABLED = True
    for _ in range(5):
        Client().post("/login/", {"username": "ola", "password": "wrong"})

    assert login().status_code == 429


def test_signing_in_is_limited_even_while_redis_is_away(
    ola: User, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CACHES = {
        "default": {
            **settings.CACHES["default"],
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    monkeypatch.setattr(LoginThrottle, "rate", "3/min", raising=False)

    answers = [login(password="wrong").status_code for _ in range(5)]

    assert answers == [401, 401, 401, 429, 429]


def test_a_refresh_token_works_once(ola: User) -> None:
    first = login().json()["refresh"]
    client = APIClient()

    renewed = client.post("/api/v1/auth/refresh", {"refresh": first}, format="json")
    again = client.post("/api/v1/auth/refresh", {"refresh": first}, format="json")

    assert renewed.status_code == 200
    assert set(renewed.json()) == {"access", "refresh", "token_type", "expires_in"}
    assert again.status_code == 401
    assert set(again.json()) == ENVELOPE


def test_a_refresh_token_that_comes_twice_ends_all_of_its_owner(ola: User) -> None:
    stolen = login().json()["refresh"]
    client = APIClient()
    renewed = client.post("/api/v1/auth/refresh", {"refresh": stolen}, format="json").json()["refresh"]

    client.post("/api/v1/auth/refresh", {"refresh": stolen}, format="json")

    assert client.post("/api/v1/auth/refresh", {"refresh": renewed}, format="json").status_code == 401


def test_a_new_password_ends_the_tokens_made_with_the_old_one(ola: User) -> None:
    tokens = login().json()
    ola.set_password("another long walk")
    ola.save()
    client = APIClient(headers={"Authorization": f"Bearer {tokens['access']}"})

    assert client.get("/api/v1/auth/profile").status_code == 401
    assert client.post("/api/v1/auth/refresh", {"refresh": tokens["refresh"]}, format="json").status_code == 401


def test_somebody_who_was_switched_off_is_out_at_once(ola: User) -> None:
    tokens = login().json()
    ola.is_active = False
    ola.save()
    client = APIClient(headers={"Authorization": f"Bearer {tokens['access']}"})

    assert client.get("/api/v1/auth/profile").status_code == 401
    assert login().status_code == 401


def test_signing_out_ends_the_refresh_token(ola: User) -> None:
    tokens = login().json()
    client = APIClient(headers={"Authorization": f"Bearer {tokens['access']}"})

    assert client.post("/api/v1/auth/logout", {"refresh": tokens["refresh"]}, format="json").status_code == 204
    assert APIClient().post("/api/v1/auth/refresh", {"refresh": tokens["refresh"]}, format="json").status_code == 401


def test_an_access_token_is_not_a_refresh_token(ola: User) -> None:
    access = login().json()["access"]
    assert APIClient().post("/api/v1/auth/refresh", {"refresh": access}, format="json").status_code == 401


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/api/v1/nothing-here", 404),
        ("get", "/api/v1/production/lines/L-NONE", 404),
        ("get", "/api/v1/production/lines/%00", 404),
        ("get", "/api/v1/equipment/%00/faults", 404),
        ("delete", "/api/v1/production/lines", 405),
        ("get", "/api/v1/production/lines?limit=0", 422),
        ("get", "/api/v1/production/lines?limit=101", 422),
        ("get", "/api/v1/production/lines?offset=-1", 422),
        ("get", "/api/v1/production/lines?offset=99999999999999999999", 422),
        ("get", "/api/v1/production/lines?active=perhaps", 422),
        ("get", "/api/v1/production/lines?actve=true", 422),
        ("get", "/api/v1/equipment/status?line=%00", 422),
        ("get", "/api/v1/equipment/status?line=L-NONE", 404),
    ],
)
def test_every_refusal_has_the_same_body(method: str, path: str, status: int) -> None:
    answer = getattr(signed_in(), method)(path)

    assert answer.status_code == status
    assert set(answer.json()) == ENVELOPE
    assert answer.json()["message"]
    assert answer.json()["request_id"] == answer["X-Request-ID"]
    assert datetime.fromisoformat(answer.json()["timestamp"]).tzinfo is not None


def test_a_stranger_is_told_to_sign_in() -> None:
    answer = APIClient().get("/api/v1/production/lines")

    assert answer.status_code == 401
    assert set(answer.json()) == ENVELOPE
    assert "Bearer" in answer["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b"1" * 10_000, 400),
        (b"NaN", 400),
        (b"null", 422),
        (b"[]", 422),
        (b'{"username": "\\u0000", "password": "x"}', 422),
        (b'{"username": "\\ud800", "password": "x"}', 422),
        (b'{"username": {"$gt": ""}, "password": "x"}', 422),
        (b'{"username": "ola", "password": "' + b"x" * 10_000_000 + b'"}', 413),
    ],
    ids=["half", "bad utf-8", "too deep", "huge number", "NaN", "null", "list", "NUL", "surrogate", "object", "10 MB"],
)
def test_nonsense_in_the_body_is_the_senders_mistake(body: bytes, status: int) -> None:
    answer = Client(raise_request_exception=False).post("/api/v1/auth/login", body, content_type="application/json")

    assert answer.status_code == status
    assert set(answer.json()) == ENVELOPE


def test_what_is_not_json_is_refused() -> None:
    client = Client(raise_request_exception=False)
    assert client.post("/api/v1/auth/login", b"a,b", content_type="text/csv").status_code == 415


def test_what_nobody_foresaw_is_500_in_the_same_body_and_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object) -> None:
        raise RuntimeError("the password is 1234")

    monkeypatch.setattr("floor.api.LineList.get_queryset", broken)

    answer = signed_in().get("/api/v1/production/lines")

    assert answer.status_code == 500
    assert set(answer.json()) == ENVELOPE
    assert "1234" not in answer.content.decode()


# ---------------------------------------------------------------- lines and equipment


def test_a_line_is_found_by_its_code_and_by_its_id() -> None:
    line = make_line("L-BAG1")
    make_machine(line, "BP01.PACK.BAG1")
    client = signed_in()

    by_code = client.get("/api/v1/production/lines/L-BAG1").json()
    by_id = client.get(f"/api/v1/production/lines/{line.pk}").json()

    assert by_code == by_id
    assert by_code["equipment"][0]["code"] == "BP01.PACK.BAG1"
    assert by_code["time_zone"] == "Europe/London"


def test_lists_come_in_pages_of_twenty() -> None:
    for number in range(25):
        make_line(f"L-{number:02}")
    client = signed_in()

    first = client.get("/api/v1/production/lines").json()
    rest = client.get(first["next"]).json()

    assert first["count"] == 25
    assert len(first["results"]) == 20
    assert len(rest["results"]) == 5


def observed(machine: Any, ago_s: float, state: State = State.RUN, product: int | None = None) -> MachineState:
    now = timezone.now()
    return MachineState.objects.create(
        equipment=machine,
        state=state,
        since=now - timedelta(minutes=5),
        observed_until=now - timedelta(seconds=ago_s),
        speed=72.5,
        product_number=product,
    )


def test_a_machine_that_was_read_just_now_tells_its_state_and_product() -> None:
    line = make_line()
    machine = make_machine(line, "BAG1")
    toast = Product.objects.create(code="TOAST", name="Toast 500 g")
    ProductNumber.objects.create(line=line, number=7, product=toast)
    observed(machine, 0.5, product=7)

    row = signed_in().get("/api/v1/equipment/BAG1/status").json()

    assert row["state"] == "run"
    assert row["speed_per_min"] == 72.5
    assert row["product"] == {"code": "TOAST", "name": "Toast 500 g"}
    assert row["reading_age_s"] < 30


def test_an_old_reading_is_never_told_as_the_present() -> None:
    machine = make_machine(make_line(), "BAG1")
    live = observed(machine, 60)

    row = signed_in().get("/api/v1/equipment/BAG1/status").json()

    assert row["state"] == "unknown"
    assert row["speed_per_min"] is None
    assert live.observed_until is not None
    assert abs(datetime.fromisoformat(row["since"]) - live.observed_until) < timedelta(milliseconds=1)


def test_times_are_told_by_the_plants_clock_with_its_offset() -> None:
    machine = make_machine(make_line(), "BAG1")
    FaultEvent.objects.create(equipment=machine, bit=3, on_at=datetime(2026, 7, 1, 12, tzinfo=UTC))

    answer = signed_in().get("/api/v1/equipment/BAG1/faults").json()

    assert answer["undefined"][0]["since"] == "2026-07-01T13:00:00.000+01:00"


def test_prompts_are_not_faults() -> None:
    machine = make_machine(make_line(), "BAG1")
    for bit, kind in ((1, "fault"), (2, "prompt"), (3, "status")):
        FaultDefinition.objects.create(equipment=machine, bit=bit, text=f"Text {bit}", kind=kind)
        FaultEvent.objects.create(equipment=machine, bit=bit, on_at=timezone.now())
    FaultEvent.objects.create(equipment=machine, bit=9, on_at=timezone.now())

    answer = signed_in().get("/api/v1/equipment/BAG1/faults").json()

    assert [row["text"] for row in answer["faults"]] == ["Text 1"]
    assert [row["text"] for row in answer["prompts"]] == ["Text 2"]
    assert [row["bit"] for row in answer["undefined"]] == [9]


def test_all_machines_cost_the_same_few_queries(django_assert_max_num_queries: Any) -> None:
    line = make_line()
    for place in range(1, 15):
        observed(make_machine(line, f"M{place}", primary=place == 1, position=place), 0.5)
    client = signed_in()

    with django_assert_max_num_queries(5):
        answer = client.get("/api/v1/equipment/status")

    assert answer.json()["count"] == 14


def test_an_unknown_id_is_not_found() -> None:
    assert signed_in().get(f"/api/v1/production/lines/{uuid.uuid4()}").status_code == 404
