"""A finger in a glove, in front of a page whose tiles are drawn anew at any moment."""

from playwright.sync_api import Locator, Page

# A glove covers a circle of 20 mm, lands a little beside what it means, and never double-taps by itself.
SMALLEST = 64
COUNT_TAPS = "() => { window.taps = 0; addEventListener('pointerdown', () => window.taps++, true); }"
# In one look, so that no news come in between.
SIZE = "all => all[0]?.checkVisibility() ? [all[0].offsetWidth, all[0].offsetHeight] : null"


def tap(target: Locator) -> None:
    """Tap `target` off its middle; it is looked for again until it is there, and tapped once.

    A tap that the page loses is lost here too.
    """
    while not (size := target.evaluate_all(SIZE)):
        target.wait_for()
    assert min(size) >= SMALLEST, f"{target} is too small for a glove: {size}"
    target.click(position={"x": size[0] * 0.7, "y": size[1] * 0.7})


class Glove:
    """Counts the taps that the page received, from now until it is left."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.evaluate(COUNT_TAPS)

    def tap(self, selector: str) -> None:
        tap(self.page.locator(selector).first)

    @property
    def taps(self) -> int:
        return int(self.page.evaluate("window.taps"))
