"""Every way in, for every role and for strangers: open to those of the matrix, closed to all others."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.converters import get_converters
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework.test import APIClient

from floor.models import User
from floor.roles import HOLDERS, MATRIX, PUBLIC, UNDECLARED, Capability, Role, can
from ms5.admin import OFFICE
from ms5.board import TILES, may_watch
from ms5.feeds import FEEDS, may_hear
from ms5.middleware import ClosedByDefault
from ms5.permissions import MODELS, ROUTES, TOPICS, model_capability
from tests.factories import make_user

C = Capability
STRANGER = None
PEOPLE: list[Role | None] = [*Role, STRANGER]
SAMPLES = {"str": "NONE", "uuid": "00000000-0000-4000-8000-000000000000", "int": "1", "slug": "none"}


def routes(patterns: list[URLPattern | URLResolver] | None = None, space: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every route of the product but Django admin's, which is tested model by model."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(entry, URLResolver):
            if entry.namespace != "admin":
                yield from routes(entry.url_patterns, f"{space}{entry.namespace}:" if entry.namespace else space)
        else:
            yield f"{space}{entry.name}", entry


ALL_ROUTES = sorted(routes(), key=lambda route: route[0])


def asked_for(pattern: URLPattern) -> Any:
    view = pattern.callback
    return getattr(getattr(view, "cls", view), "capability", UNDECLARED)


def methods_of(pattern: URLPattern) -> list[str]:
    cls = getattr(pattern.callback, "cls", None)
    if cls is None:
        return ["GET", "POST"]
    return [m for m in ("GET", "POST", "PUT", "PATCH", "DELETE") if hasattr(cls, m.lower())]


@pytest.mark.parametrize(("name", "pattern"), ALL_ROUTES, ids=[name for name, _ in ALL_ROUTES])
def test_a_route_asks_for_what_the_table_says(name: str, pattern: URLPattern) -> None:
    assert name in ROUTES, f"{name} ({pattern.pattern}) is not in ms5/permissions.py"
    assert asked_for(pattern) is not UNDECLARED, f"{name} does not say what it asks for"
    assert asked_for(pattern) == ROUTES[name]


def test_the_table_names_no_route_that_is_gone() -> None:
    assert set(ROUTES) == {name for name, _ in ALL_ROUTES}


@pytest.fixture
def people(db: None) -> dict[Role | None, User | None]:
    return {role: make_user(role.value[:12], role) if role else None for role in PEOPLE}


def guarded_methods(name: str, pattern: URLPattern) -> list[tuple[str, Capability]]:
    wanted = ROUTES.get(name)
    asked = [(method, wanted.get(method) if isinstance(wanted, dict) else wanted) for method in methods_of(pattern)]
    return [(method, capability) for method, capability in asked if capability is not PUBLIC]


GUARDED = [(name, pattern) for name, pattern in ALL_ROUTES if guarded_methods(name, pattern)]


@pytest.mark.parametrize(("name", "pattern"), GUARDED, ids=[name for name, _ in GUARDED])
def test_a_guarded_route_lets_in_nobody_but_those_of_the_matrix(
    name: str, pattern: URLPattern, people: dict[Role | None, User | None]
) -> None:
    address = reverse(name, kwargs=sample_arguments(pattern))
    for role, user in people.items():
        client = signed_in(user, is_api=name.startswith("api:"))
        for method, capability in guarded_methods(name, pattern):
            answer = client.generic(method, address, "{}", content_type="application/json")
            refused = answer.status_code in (401, 403) or "/login/" in answer.get("Location", "")
            if role in HOLDERS[capability]:
                assert not refused, (name, method, role, answer.status_code)
            else:
                assert refused or answer.status_code == 405, (name, method, role, answer.status_code)


def sample_arguments(pattern: URLPattern) -> dict[str, str]:
    kinds = {kind: name for name, kind in get_converters().items()}
    return {name: SAMPLES[kinds[kind]] for name, kind in pattern.pattern.converters.items()}


def signed_in(user: User | None, *, is_api: bool = False) -> Client | APIClient:
    if is_api:
        client = APIClient(raise_request_exception=False)
        client.force_authenticate(user)
        return client
    page = Client(raise_request_exception=False)
    if user is not None:
        page.force_login(user, backend="ms5.backends.MatrixBackend")
    return page


def test_every_live_topic_is_in_the_table_and_only_its_holders_may_watch_it(
    people: dict[Role | None, User | None],
) -> None:
    tiles, feeds = ({topic: one.capability for topic, one in its.items()} for its in (TILES, FEEDS))
    assert {**tiles, **feeds} == TOPICS
    for topic, capability in TOPICS.items():
        may = may_hear if topic in FEEDS else may_watch
        for role, user in people.items():
            assert (user is not None and may(user, topic)) == (role in HOLDERS[capability])


def test_somebody_who_was_switched_off_may_do_nothing(db: None) -> None:
    ola = make_user("ola", Role.ADMIN)
    ola.is_active = False

    assert not any(can(ola, capability) for capability in Capability)


def test_a_view_that_declares_nothing_is_closed_to_everybody(db: None) -> None:
    from rest_framework.response import Response
    from rest_framework.test import APIRequestFactory, force_authenticate
    from rest_framework.views import APIView

    class Forgotten(APIView):
        def get(self, request: Any) -> Response:
            return Response({})

    request = APIRequestFactory().get("/")
    force_authenticate(request, make_user("anna", Role.ADMIN))

    assert Forgotten.as_view()(request).status_code == 403


def test_a_page_that_declares_nothing_is_closed_to_everybody(rf: RequestFactory, db: None) -> None:
    def forgotten(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    request = rf.get("/")
    request.resolver_match = None

    with pytest.raises(PermissionDenied):
        ClosedByDefault(forgotten).process_view(request, forgotten, (), {})


def test_the_roles_may_do_what_the_handbook_says() -> None:
    """The matrix of the administrator's handbook, row by row."""
    A, P, S, E, O, M, Q, V = Role  # noqa: E741
    assert HOLDERS[C.MANAGE_USERS] == {A}
    assert HOLDERS[C.CONFIGURE] == {A, E}
    assert HOLDERS[C.CONTROL_PRODUCTION] == {A, P, S, E, O}
    assert HOLDERS[C.WORK_JOBS] == {A, P, S, O}
    assert HOLDERS[C.CONTROL_QUALITY] == {A, P, S, O, Q}
    assert HOLDERS[C.MAINTAIN] == {A, P, S, E, M}
    assert HOLDERS[C.VIEW_REPORTS] == {A, P, S, E, O, M, Q, V}
    assert HOLDERS[C.VIEW_ANALYTICS] == {A, P, S, E, V}


def test_a_viewer_only_looks() -> None:
    assert MATRIX[Role.VIEWER] == {C.VIEW_FLOOR, C.VIEW_REPORTS, C.VIEW_ANALYTICS}


def test_every_capability_is_held_by_the_administrator_and_every_role_has_some() -> None:
    assert MATRIX[Role.ADMIN] == set(Capability)
    assert all(MATRIX[role] for role in Role)


SHOWN: list[Any] = sorted(admin.site._registry, key=lambda model: str(model._meta))


def test_admin_shows_no_model_that_the_table_does_not_name() -> None:
    shown = {model._meta.label_lower for model in admin.site._registry}
    assert shown <= set(MODELS)


@pytest.mark.parametrize("model", SHOWN, ids=[model._meta.label_lower for model in SHOWN])
def test_an_admin_page_lets_in_nobody_but_those_of_the_matrix(
    model: Any, people: dict[Role | None, User | None]
) -> None:
    label = model._meta.label_lower
    app, _, name = label.partition(".")
    pages = {
        "view": reverse(f"admin:{app}_{name}_changelist"),
        "add": reverse(f"admin:{app}_{name}_add"),
    }
    for role, user in people.items():
        client = Client()
        if user is not None:
            client.force_login(user, backend="ms5.backends.MatrixBackend")
        for action, address in pages.items():
            capability = model_capability(f"{app}.{action}_{name}")
            expected = role in OFFICE and capability is not None and can(user, capability)
            assert (client.get(address).status_code == 200) == expected, (label, action, role)


def test_history_cannot_be_added_changed_or_deleted_even_by_the_administrator(db: None) -> None:
    anna = make_user("anna", Role.ADMIN)
    for label in ("floor.stateedge", "floor.faultevent", "floor.counterevent", "floor.auditentry", "oee.stopcoding"):
        app, _, name = label.partition(".")
        assert not any(anna.has_perm(f"{app}.{action}_{name}") for action in ("add", "change", "delete"))


def test_a_superuser_flag_opens_nothing(db: None) -> None:
    mara = make_user("mara", Role.SHIFT_MANAGER)
    mara.is_superuser = True
    mara.is_staff = True
    mara.save()
    client = Client()
    client.force_login(mara, backend="ms5.backends.MatrixBackend")

    assert client.get(reverse("admin:floor_shiftpattern_changelist")).status_code == 200
    assert client.get(reverse("admin:floor_user_changelist")).status_code == 403


def test_the_first_administrator_comes_from_the_command_line(db: None) -> None:
    anna = User.objects.create_superuser("anna", "anna@plant.example", "a long walk to the oven")

    assert anna.role == Role.ADMIN
    assert can(anna, C.MANAGE_USERS)


# ---------------------------------------------------------------- second factor


def test_without_a_confirmed_code_the_powerful_do_not_reach_the_admin(db: None, settings: LazySettings) -> None:
    settings.REQUIRE_2FA = True
    client = Client()
    client.force_login(make_user("anna", Role.ADMIN), backend="ms5.backends.MatrixBackend")

    answer = client.get(reverse("admin:index"))

    assert answer.status_code == 403
    assert "second factor" in answer.content.decode()


def test_a_confirmed_code_opens_the_admin(db: None, settings: LazySettings) -> None:
    settings.REQUIRE_2FA = True
    anna = make_user("anna", Role.ADMIN)
    device = TOTPDevice.objects.create(user=anna, name="phone", confirmed=True)
    client = Client()
    client.force_login(anna, backend="ms5.backends.MatrixBackend")
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = device.persistent_id
    session.save()

    assert client.get(reverse("admin:index")).status_code == 200


def test_a_shift_manager_needs_no_second_factor(db: None, settings: LazySettings) -> None:
    settings.REQUIRE_2FA = True
    client = Client()
    client.force_login(make_user("mara", Role.SHIFT_MANAGER), backend="ms5.backends.MatrixBackend")

    assert client.get(reverse("admin:index")).status_code == 200
