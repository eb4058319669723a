"""A real web process on the test database, and a real browser in front of it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection
from playwright.sync_api import Browser, Page, expect, sync_playwright

from floor.models import Line, LineState, MachineState
from tests.factories import make_line, make_machine, make_shifts, make_site, make_user

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE_S = 30
PATIENCE_MS = 30_000
HOUR_MS = 3_600_000


@dataclass
class Web:
    url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.fail(f"{CHROMIUM} is missing; `ms5/bare/system_packages.sh tests` installs it.")
    expect.set_options(timeout=PATIENCE_MS)
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright keeps a loop running in this thread
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(static_root: Path, log: Path) -> Iterator[Web]:
    """daphne with production's static files, on the database of the tests."""
    port = free_port()
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.browser.settings",
        "MS5_TEST_DATABASE": str(connection.settings_dict["NAME"]),
        "STATIC_ROOT": str(static_root),
    }
    command = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "ms5.asgi:application"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    web = Web(f"http://127.0.0.1:{port}", process)
    try:
        _wait_for(web)
        yield web
    finally:
        web.kill()


@pytest.fixture(scope="session")
def web(django_db_setup: None, static_root: Path) -> Iterator[Web]:
    with serving(static_root, static_root / "web.log") as web:
        yield web


@pytest.fixture
def mortal_web(transactional_db: None, static_root: Path, tmp_path: Path) -> Iterator[Web]:
    """A web process that a test may kill."""
    with serving(static_root, tmp_path / "web.log") as web:
        yield web


@pytest.fixture(scope="session")
def static_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("static")
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.browser.settings", "STATIC_ROOT": str(folder)}
    command = [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"]
    subprocess.run(command, env=environment, check=True, cwd=Path(__file__).parents[2])
    return folder


def _wait_for(web: Web) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{web.url}/login/", timeout=5)
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the web process does not answer")


@pytest.fixture
def line7(transactional_db: None) -> Line:
    cache.clear()
    make_shifts(make_site())
    line = make_line("L-7")
    bagger = make_machine(line)
    LineState.objects.create(line=line)
    MachineState.objects.create(equipment=bagger, observed_until=datetime.now(UTC), state="run", limit_ms=HOUR_MS)
    ola = make_user("ola")
    ola.set_password("bread and butter")
    ola.save(update_fields=["password"])
    return line


@pytest.fixture
def page(browser: Browser, web: Web, line7: Line) -> Iterator[Page]:
    """Ola, signed in, at a kiosk."""
    with kiosk(browser, web) as page:
        yield page


@pytest.fixture
def mortal_page(browser: Browser, mortal_web: Web, line7: Line) -> Iterator[Page]:
    with kiosk(browser, mortal_web) as page:
        yield page


@contextmanager
def kiosk(browser: Browser, web: Web, *, has_touch: bool = False) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=web.url, has_touch=has_touch)
    page = context.new_page()
    page.goto("/login/")
    page.fill("#id_username", "ola")
    page.fill("#id_password", "bread and butter")
    page.click("button")
    page.wait_for_url("**/lines/")
    yield page
    context.close()
