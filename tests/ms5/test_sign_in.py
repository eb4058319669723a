"""The door of the pages."""

import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from floor.models import User
from floor.roles import Role
from tests.factories import make_user

pytestmark = pytest.mark.django_db
PASSWORD = "a long walk to the oven"


@pytest.fixture
def ola() -> User:
    user = make_user("ola", Role.OPERATOR)
    user.set_password(PASSWORD)
    user.save()
    return user


def sign_in(client: Client, password: str = PASSWORD, **more: str) -> object:
    return client.post("/login/", {"username": "ola", "password": password, **more})


def test_a_stranger_is_sent_to_the_door_and_back_to_where_he_wanted(ola: User) -> None:
    client = Client()
    asked = client.get("/board/")
    assert asked.headers["Location"] == "/login/?next=/board/"

    answer = client.post(asked.headers["Location"], {"username": "ola", "password": PASSWORD, "next": "/board/"})

    assert answer.headers["Location"] == "/board/"


def test_nobody_is_sent_to_another_site_after_signing_in(ola: User) -> None:
    answer = Client().post("/login/", {"username": "ola", "password": PASSWORD, "next": "https://evil.example/"})

    assert answer.headers["Location"] == "/"


def test_a_script_is_told_to_sign_in_and_not_given_the_door_as_if_it_were_a_tile() -> None:
    answer = Client().get("/board/", headers={"Sec-Fetch-Mode": "cors"})

    assert answer.status_code == 401


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(ola: User) -> None:
    wrong = Client().post("/login/", {"username": "ola", "password": "wrong"})
    unknown = Client().post("/login/", {"username": "eva", "password": "wrong"})

    assert wrong.status_code == unknown.status_code == 200
    assert told(wrong) == told(unknown) != []


def told(answer: Any) -> list[str]:
    return re.findall(r'role="alert">(.*?)</p>', answer.content.decode(), re.S)


def test_too_many_wrong_passwords_close_the_door_for_a_while(ola: User, settings: LazySettings) -> None:
    settings.AXES_ENABLED = True
    client = Client()
    for _ in range(5):
        sign_in(client, "wrong")

    answer = client.post("/login/", {"username": "ola", "password": PASSWORD})

    assert answer.status_code == 429
    assert "30 minutes" in answer.content.decode()


def test_signing_in_gives_a_new_session(ola: User) -> None:
    client = Client()
    client.get("/login/")
    before = client.cookies.get("sessionid")

    sign_in(client)

    assert client.cookies["sessionid"].value != (before.value if before else None)
    assert client.cookies["sessionid"]["httponly"]
    assert client.cookies["sessionid"]["samesite"] == "Strict"


def test_signing_out_takes_a_deliberate_tap(ola: User) -> None:
    client = Client()
    sign_in(client)

    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").headers["Location"] == "/login/"
    assert client.get("/board/").status_code == 302


def test_every_page_forbids_being_framed_and_running_inline_code() -> None:
    answer = Client().get("/login/")

    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
