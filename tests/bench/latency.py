"""From a change in the controller to changed pixels in a browser, with the whole product running."""

import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.stack.running import Product, product

LINE, MACHINE = "L-BAG1", "BP01.PACK.BAG1"
CHANGES = 40
SCAN_S = 1.0
BUDGET_S = SCAN_S + 0.3

WATCH = """() => {
  window.changes = [];
  const state = () => document.querySelector('.state[data-state]')?.dataset.state;
  let last = state();
  new MutationObserver(() => {
    const now = state();
    if (now && now !== last) { last = now; window.changes.push([now, Date.now()]); }
  }).observe(document.body, {subtree: true, childList: true, attributes: true, attributeFilter: ['data-state']});
}"""


def run() -> None:
    with tempfile.TemporaryDirectory() as folder, product(Path(folder) / "data") as running, sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page()
        _open_line(page, running)
        took_s = sorted(_changes(page, running))
        browser.close()
    print(
        f"  {len(took_s)} starts and stops of {MACHINE}, scan {SCAN_S:.1f} s, change in the controller to changed page"
    )
    p50, p95 = _at(took_s, 0.5), _at(took_s, 0.95)
    print(f"  p50 {p50:.2f} s   p95 {p95:.2f} s   max {took_s[-1]:.2f} s   (budget p95 {BUDGET_S:.1f} s)")


def _at(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))]


def _open_line(page: Page, running: Product) -> None:
    page.goto(f"{running.address}/login/")
    page.fill("input[name=username]", "viewer")
    page.fill("input[name=password]", running.password("viewer"))
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/login" not in url)
    page.goto(f"{running.address}/lines/{LINE}/")
    page.evaluate(WATCH)


def _changes(page: Page, running: Product) -> list[float]:
    took = []
    running.simulator(run=MACHINE)
    page.wait_for_selector('.state[data-state="run"], .state[data-state="slow"]', timeout=60_000)
    for number in range(CHANGES):
        page.wait_for_timeout(2200 + number % 10 * 97)  # starts anywhere within a scan
        seen = page.evaluate("window.changes.length")
        begun = page.evaluate("Date.now()")
        if number % 2 == 0:
            running.simulator(stop=MACHINE, for_s=600)
        else:
            running.simulator(release=MACHINE)
            running.simulator(run=MACHINE)
        took.append((_next_change(page, seen) - begun) / 1000)
    return took


def _next_change(page: Page, seen: int) -> float:
    """When the page changed next, by its own clock in ms. The page's policy forbids to wait by a script of ours."""
    for _ in range(400):
        change = page.evaluate("n => window.changes[n] || null", seen)
        if change is not None:
            return float(change[1])
        page.wait_for_timeout(50)
    raise TimeoutError("the page did not change within 20 s")
