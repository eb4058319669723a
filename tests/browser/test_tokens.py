"""Colours that everybody on the shift can tell apart and read."""

import itertools
import math
import re
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[2] / "static/css/tokens.css").read_text(encoding="utf-8")
TOKENS = {
    name: {"light": light, "dark": dark}
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", CSS)
}
FILLS = ("run", "slow", "stop", "action", "planned", "nodata")
THEMES = ("light", "dark")

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
VISION = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
TO_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
WHITE = (0.95047, 1.0, 1.08883)

Colour = tuple[float, ...]


def linear(code: str) -> Colour:
    parts = (int(code[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return tuple(p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)


def times(matrix: tuple[Colour, ...], colour: Colour) -> Colour:
    return tuple(sum(a * b for a, b in zip(row, colour, strict=True)) for row in matrix)


def luminance(code: str) -> float:
    return times(TO_XYZ, linear(code))[1]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def lab(code: str, vision: str) -> Colour:
    seen = tuple(min(max(part, 0.0), 1.0) for part in times(VISION[vision], linear(code)))
    x, y, z = (
        t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116
        for t in (v / w for v, w in zip(times(TO_XYZ, seen), WHITE, strict=True))
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def distance(a: str, b: str, vision: str) -> float:
    return math.dist(lab(a, vision), lab(b, vision))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("fill", FILLS)
def test_every_word_on_a_state_can_be_read(fill: str, theme: str) -> None:
    assert contrast(TOKENS[fill][theme], TOKENS[f"on-{fill}"][theme]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", ["page", "surface", "run-tint"])
def test_text_stands_out_and_secondary_text_still_does(ground: str, theme: str) -> None:
    assert contrast(TOKENS["text"][theme], TOKENS[ground][theme]) >= 7
    assert contrast(TOKENS["muted"][theme], TOKENS[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_the_quiet_word_running_can_be_read_on_its_tint(theme: str) -> None:
    # Large text: 3:1 is the norm, more is better in glare.
    assert contrast(TOKENS["run"][theme], TOKENS["run-tint"][theme]) >= 4
    assert contrast(TOKENS["run"][theme], TOKENS["surface"][theme]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("level", range(6))
def test_every_number_on_the_ramp_of_a_heat_map_can_be_read(level: int, theme: str) -> None:
    assert contrast(TOKENS[f"ramp-{level}"][theme], TOKENS[f"on-ramp-{level}"][theme]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_the_ramp_only_goes_from_quiet_to_loud_and_survives_a_grey_printer(theme: str) -> None:
    lightness = [lab(TOKENS[f"ramp-{level}"][theme], "normal")[0] for level in range(6)]
    steps = [b - a if theme == "dark" else a - b for a, b in itertools.pairwise(lightness)]

    assert min(steps) >= 7


@pytest.mark.parametrize("theme", THEMES)
def test_what_a_chart_fills_stands_out_from_its_card(theme: str) -> None:
    assert contrast(TOKENS["fill"][theme], TOKENS["surface"][theme]) >= 4.5
    assert contrast(TOKENS["edge"][theme], TOKENS["surface"][theme]) >= 3  # the outline of the soft fill


@pytest.mark.parametrize("theme", THEMES)
def test_the_edge_of_a_button_can_be_seen(theme: str) -> None:
    assert contrast(TOKENS["edge"][theme], TOKENS["surface"][theme]) >= 3


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("vision", VISION)
def test_no_two_states_look_alike_to_anybody(vision: str, theme: str) -> None:
    pairs = itertools.combinations(FILLS, 2)
    too_close = {
        f"{a}/{b}": round(distance(TOKENS[a][theme], TOKENS[b][theme], vision), 1)
        for a, b in pairs
        if distance(TOKENS[a][theme], TOKENS[b][theme], vision) < 20
    }
    assert not too_close


@pytest.mark.parametrize("sheet", ["base", "components", "kiosk", "board", "charts"])
def test_only_the_tokens_know_colours(sheet: str) -> None:
    css = (Path(__file__).parents[2] / f"static/css/{sheet}.css").read_text(encoding="utf-8")
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?![\w-])", re.sub(r'url\("[^"]*"\)', "", css)) == []
