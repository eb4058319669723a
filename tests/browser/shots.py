"""Screenshots of every screen: `python -m tests.browser.shots [--base URL] [--out FOLDER]` against a running plant.

Signs in with the demo logins of `make run`; the states that the plant does not show just now come from the stories.
"""

import argparse
import functools
import http.server
import json
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SIZES = {"board": (1920, 1080), "kiosk": (1280, 800), "phone": (390, 844)}
THEMES = ("light", "dark")
ROOT = Path(__file__).parents[2]


def pages(first_line: str) -> dict[str, str]:
    return {
        "login": "/login/",
        "lines": "/lines/",
        "line": f"/lines/{first_line}/",
        "stops": f"/lines/{first_line}/stops/",
        "losses": f"/lines/{first_line}/losses/",
        "counts-line": f"/lines/{first_line}/counts/",
        "hours": f"/lines/{first_line}/hours/",
        "hours-board": f"/lines/{first_line}/hours/board/",
        "line-board": f"/lines/{first_line}/board/",
        "plant-board": "/board/",
        "andon": "/andon/",
        "andon-manage": "/andon/manage/?show=all",
        "call": f"/lines/{first_line}/call/",
        "shelves": "/andon/shelves/",
        "load": "/andon/load/",
        "answers": "/andon/analysis/?range=7-days",
        "bell": "/bell/",
        "undelivered": "/bell/undelivered/",
        "analysis": "/analysis/?range=7-days",
        "analysis-shift": f"/analysis/?range=this-shift&line={first_line}",
        "counts": "/counts/",
        "standards": f"/standards/{first_line}/",
        "reports": "/reports/",
        "controllers": "/controllers/",
        "not-found": "/nowhere/",
    }


def sign_in(page: Page, base: str, logins: Path) -> str:
    """Sign in as administrator, whom every page is open to; the code of the line that needs somebody most."""
    password = json.loads(logins.read_text(encoding="utf-8"))["admin"]
    page.goto(f"{base}/login/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", password)
    page.click("form button")
    page.goto(f"{base}/lines/")
    lines = page.locator("[data-need]").evaluate_all(
        "all => all.sort((a, b) => b.dataset.need - a.dataset.need).map(one => one.closest('[data-line]').dataset.line)"
    )
    return str(lines[0])


def shoot(page: Page, address: str, target: Path, *, phone: bool) -> None:
    page.goto(address)
    page.wait_for_timeout(2500)  # the socket's first tiles
    page.screenshot(path=target, full_page=phone)
    print(target, file=sys.stderr)


def shoot_plant(browser: Browser, base: str, out: Path, logins: Path) -> None:
    for theme in THEMES:
        context = browser.new_context(color_scheme=theme)  # type: ignore[arg-type]
        page = context.new_page()
        first = sign_in(page, base, logins)
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            for name, address in pages(first).items():
                shoot(page, base + address, out / f"{name}-{size}-{theme}.png", phone=size == "phone")
        context.close()


def shoot_stories(browser: Browser, out: Path) -> None:
    from tests.browser.stories import write

    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        with serving(Path(folder)) as base:
            _shoot_stories(browser, Path(folder), base, out)


def _shoot_stories(browser: Browser, folder: Path, base: str, out: Path) -> None:
    for theme in THEMES:
        page = browser.new_page(color_scheme=theme)  # type: ignore[arg-type]
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            for story in sorted(folder.glob("*.html")):
                page.goto(f"{base}/{story.name}")
                page.wait_for_timeout(150)
                page.screenshot(path=out / f"{story.stem}-{size}-{theme}.png", full_page=size == "phone")
        page.close()


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="http://127.0.0.1:8000", help="where the plant runs")
    parser.add_argument("--out", type=Path, default=Path("shots"))
    parser.add_argument("--logins", type=Path, default=ROOT / ".ms5/logins.json")
    parser.add_argument("--stories", action="store_true", help="only the made-up states, no plant needed")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        if not given.stories:
            shoot_plant(browser, given.base, given.out, given.logins)
        (given.out / "stories").mkdir(exist_ok=True)
        shoot_stories(browser, given.out / "stories")
        browser.close()


if __name__ == "__main__":
    main()
