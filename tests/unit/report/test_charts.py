"""Pictures: made without a warning, at their size, the same bytes every time."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from helpers.changes import comparison, curve, evaluation, pairs, queries
from PIL import Image

from relevance.finetune.changes import LabelGroup, compare, pair_changes
from relevance.report import charts
from relevance.report.charts import (
    BASE,
    DPI,
    TUNED,
    band_picture,
    box_picture,
    curve_picture,
    density_picture,
    queries_picture,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

UNCHANGED = compare(("rrf", "rrf_finetune"), evaluation([0.5, 0.5]), [evaluation([0.5, 0.5])], queries(2))
DOLLARS = compare((r"$\frac$", r"$\x$"), evaluation([0.5, 0.5]), [evaluation([1.0, 0.0])], queries(2))


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of the pixels in each direction: the same pictures, sooner."""
    monkeypatch.setattr(charts, "DPI", 50)


def group(base: list[float], tuned: list[float]) -> LabelGroup:
    """A group of pairs with these cosines."""
    return LabelGroup("1", "relevant", np.array(base), np.array(tuned))


def pixels(picture: bytes) -> npt.NDArray[np.uint8]:
    """Shape (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


def has(picture: npt.NDArray[np.uint8], colour: str) -> bool:
    """Whether a pixel has exactly this colour."""
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return bool((picture == wanted).all(axis=2).any())


USUAL: dict[str, Callable[[], bytes]] = {
    "curve": lambda: curve_picture(curve()),
    "band": lambda: band_picture([curve(5, seed=1), curve(4, seed=2)]),
    "boxes": lambda: box_picture(pair_changes(pairs(300)).groups),
    "densities": lambda: density_picture(pair_changes(pairs(300)).groups),
    "queries": lambda: queries_picture([comparison("vectorsearch", 50, 1), comparison("rrf", 50, 1)]),
}
EDGES: dict[str, Callable[[], bytes]] = {
    "curve of one evaluation": lambda: curve_picture(curve(1, best=0)),
    "band of one evaluation": lambda: band_picture([curve(1, best=0), curve(1, best=0)]),
    "boxes of equal values": lambda: box_picture([group([0.4] * 9, [0.4] * 9)]),
    "densities of seven labels": lambda: density_picture(pair_changes(pairs(40, labels=7)).groups),
    "densities of nearly equal values": lambda: density_picture([group([0.4] * 9, [0.4] * 8 + [0.40001])]),
    "densities of one pair": lambda: density_picture([group([1.0], [-1.0])]),
    "queries, all unchanged": lambda: queries_picture([UNCHANGED]),
    "queries, a single one": lambda: queries_picture([comparison("rrf", 1, 1)]),
    "names with dollars, which are no formulas": lambda: queries_picture([DOLLARS]),
}


@pytest.mark.parametrize("name", [*USUAL, *EDGES])
def test_a_picture_is_a_page_wide_and_has_the_models_colours(name: str) -> None:
    """Width and resolution hold, no warning is given (they are errors), and nothing is cut at the picture's edge."""
    picture = pixels({**USUAL, **EDGES}[name]())
    assert picture.shape[1] == 400
    assert has(picture, BASE.colour)
    assert has(picture, TUNED.colour) or name in EDGES
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (edge == 255).all()


def test_the_users_own_style_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes depend on the input alone; what stands in a matplotlibrc neither enters nor is changed."""
    import matplotlib as mpl

    before = USUAL["boxes"]()
    monkeypatch.setitem(mpl.rcParams, "axes.facecolor", "black")
    monkeypatch.setitem(mpl.rcParams, "font.size", 30)
    assert USUAL["boxes"]() == before
    assert mpl.rcParams["font.size"] == 30


def test_densities_of_many_pairs_are_those_of_a_part() -> None:
    """More pairs than are drawn from do not move the density: nearly all pixels are the same."""
    values = np.random.default_rng(1).normal(0.5, 0.1, 40_000)
    every = pixels(density_picture([LabelGroup("1", "relevant", values, values + 0.1)]))
    tenth = np.sort(values)[::10]
    part = pixels(density_picture([LabelGroup("1", "relevant", tenth, tenth + 0.1)]))
    assert (every != part).any(axis=2).mean() < 0.05


def test_a_page_of_800_pixels_has_two_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real resolution: sharp on screens with small pixels."""
    monkeypatch.setattr(charts, "DPI", DPI)
    assert pixels(box_picture([group([0.1, 0.3], [0.2, 0.4])])).shape[1] == 1600
