"""The pages composed of tiles: who finds what where, and that a tile is the same everywhere."""

import re
from datetime import UTC, datetime

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from floor.models import Line, LineState, MachineState, User
from ms5.board import LINE_BOARD, LINE_PAGE, TILES, followers
from tests.factories import make_line, make_machine, make_shifts, make_site, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("servers")]


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    cache.clear()


@pytest.fixture
def line7() -> Line:
    make_shifts(make_site())
    line = make_line("L-7")
    bagger = make_machine(line)
    LineState.objects.create(line=line)
    MachineState.objects.create(equipment=bagger, observed_until=datetime.now(UTC))
    return line


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(make_user(role.replace("_", ".")[:20], role))
    return client


@pytest.fixture
def ola(line7: Line) -> Client:
    return signed_in("operator")


def test_an_operator_comes_back_to_the_line_that_this_screen_showed_last(ola: Client) -> None:
    assert ola.get("/").headers["Location"] == "/lines/"
    ola.get("/lines/L-7/")

    assert ola.get("/").headers["Location"] == "/lines/L-7/"


@pytest.mark.parametrize(
    ("role", "page"),
    [
        ("production_manager", "/board/"),
        ("shift_manager", "/board/"),
        ("maintenance", "/andon/"),
        ("engineer", "/lines/"),
    ],
)
def test_everybody_starts_where_their_work_is(role: str, page: str, line7: Line) -> None:
    assert signed_in(role).get("/").headers["Location"] == page


def test_a_stranger_is_asked_to_sign_in_and_a_tile_is_simply_refused(line7: Line) -> None:
    page = Client().get("/lines/L-7/")
    tile = Client().get("/lines/L-7/tiles/state/", headers={"Sec-Fetch-Mode": "cors"})

    assert page.headers["Location"].startswith("/login/")
    assert tile.status_code == 401


@pytest.mark.parametrize(("page", "topics"), [("/lines/L-7/", LINE_PAGE), ("/lines/L-7/board/", LINE_BOARD)])
def test_the_page_includes_the_very_text_that_a_tile_answers_with(
    page: str, topics: tuple[str, ...], ola: Client
) -> None:
    whole = ola.get(page).content.decode()

    for topic in topics:
        tile = ola.get(f"/lines/L-7/tiles/{topic}/")
        assert tile.content.decode() in whole, topic
        assert f'topic="{topic}"' in whole


def test_a_tile_that_has_not_changed_is_not_sent_again(ola: Client) -> None:
    first = ola.get("/lines/L-7/tiles/link/")
    again = ola.get("/lines/L-7/tiles/link/", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["X-Observed-Until"]


@pytest.mark.parametrize("address", ["/lines/L-NONE/", "/lines/L-7/tiles/secrets/", "/lines/L-7/tiles/plant_calls/"])
def test_what_does_not_exist_is_a_page_that_says_so(address: str, ola: Client) -> None:
    answer = ola.get(address)

    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()


def test_pages_carry_nothing_inline(ola: Client) -> None:
    for page in ("/lines/", "/lines/L-7/", "/lines/L-7/stops/", "/lines/L-7/board/", "/board/", "/login/"):
        html = ola.get(page).content.decode()
        assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=", html), page


def test_a_screen_keeps_the_theme_it_was_given(ola: Client) -> None:
    assert 'data-theme="dark"' in ola.get("/board/?theme=dark").content.decode()
    ola.cookies["theme"] = "light"
    assert 'data-theme="light"' in ola.get("/board/").content.decode()
    assert "data-theme" not in ola.get("/board/?theme=pink").content.decode().replace('data-theme="light"', "")


def test_the_plant_without_lines_says_how_to_get_some() -> None:
    assert "No line is set up yet" in signed_in("viewer").get("/board/").content.decode()


def test_a_page_that_was_just_drawn_costs_few_questions(
    ola: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    ola.get("/lines/L-7/")

    # Session, person, line, age, reasons, kinds of help and their rules.
    with django_assert_max_num_queries(12):
        ola.get("/lines/L-7/")


def test_composed_tiles_follow_what_they_are_made_of() -> None:
    assert {"line", "figures", "pace"} <= followers(["pace"])
    assert {"next", "uncoded", "losses", "stops"} <= followers(["stops"])
    assert followers([]) == set()
    assert all(follow in TILES for tile in TILES.values() for follow in tile.follows)


@pytest.mark.parametrize("role", [role for role, _ in User._meta.get_field("role").choices or ()])
def test_every_role_may_watch_the_floor(role: str, line7: Line) -> None:
    assert signed_in(role).get("/lines/L-7/board/").status_code == 200
