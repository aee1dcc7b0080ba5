"""Pictures: of the data, drawn without a warning, at their size, the same bytes every time."""

import io
from functools import cache
from typing import Any

import matplotlib as mpl  # noqa: TID253 - pictures are what is tested
import numpy as np
import pytest
from helpers.changes import comparison, curve, evaluation, pairs, queries
from PIL import Image

from relevance.finetune.changes import LabelGroup, compare, label_groups
from relevance.report import charts
from relevance.report.charts import BASE, DPI, TUNED, png


def group(base: Any, tuned: Any) -> LabelGroup:
    """A group of pairs with these cosines."""
    return LabelGroup("1", "relevant", np.array(base), np.array(tuned))


UNCHANGED = compare(("rrf", "rrf_finetune"), evaluation([0.5, 0.5]), [evaluation([0.5, 0.5])], queries(2))
DOLLARS = compare((r"$\frac$", r"$\x$"), evaluation([0.5, 0.5]), [evaluation([1.0, 0.0])], queries(2))
EQUAL, NEARLY_EQUAL = group([0.4] * 9, [0.4] * 9), group([0.4] * 9, [0.4] * 8 + [0.40001])
GROUPS = label_groups(pairs(300))
PICTURES: dict[str, tuple[Any, Any]] = {
    "curve": (charts.curve_figure, curve()),
    "curve of one evaluation": (charts.curve_figure, curve(1, best=0)),
    "band": (charts.band_figure, [curve(5, seed=1), curve(4, seed=2)]),
    "band of one evaluation": (charts.band_figure, [curve(1, best=0), curve(1, best=0)]),
    "boxes, of equal values too": (charts.boxes_figure, [*GROUPS, EQUAL]),
    "densities, of equal values too": (charts.densities_figure, [GROUPS[0], NEARLY_EQUAL, group([1.0], [-1.0])]),
    "densities of dots alone": (charts.densities_figure, [EQUAL]),
    "queries, a single one, none changed": (charts.queries_figure, [comparison("rrf", 50, 1), UNCHANGED]),
    "queries, names with dollars": (charts.queries_figure, [comparison("rrf", 1, 1), DOLLARS]),
}


@cache
def drawn(name: str) -> bytes:
    """A quarter of the pixels in each direction: the same pictures, sooner."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(charts, "DPI", 50)
        return png(*PICTURES[name])


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_a_page_wide_has_the_models_colours_and_is_not_cut(name: str) -> None:
    picture = np.asarray(Image.open(io.BytesIO(drawn(name))).convert("RGB"))
    assert picture.shape[1] == 400
    for look in (BASE, TUNED):
        colour = [int(look.colour[at : at + 2], 16) for at in (1, 3, 5)]
        assert (picture == colour).all(axis=2).any()
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (edge == 255).all()


def test_the_users_own_style_neither_enters_nor_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = drawn("band")
    monkeypatch.setitem(mpl.rcParams, "axes.facecolor", "black")
    monkeypatch.setitem(mpl.rcParams, "font.size", 30)
    drawn.cache_clear()
    assert drawn("band") == before
    assert mpl.rcParams["font.size"] == 30


def test_a_curve_shows_each_evaluation_and_the_chosen_one() -> None:
    trained = curve()
    figure = charts.curve_figure(trained)
    assert figure.dpi * figure.get_figwidth() == 2 * 800 == 8 * DPI  # two pixels for each of a page of 800
    for axes, name in zip(figure.axes, ("loss", "spearman", "ndcg"), strict=False):
        values = [value for step in trained.steps if (value := getattr(step, name)) is not None]
        assert list(axes.lines[1].get_ydata()) == values
    x, y = (values[0] for values in figure.axes[2].lines[-1].get_data())
    assert (x, y) == (trained.steps[trained.best].step, trained.steps[trained.best].ndcg)


def test_the_mean_of_seeds_ends_where_the_first_one_stopped() -> None:
    long, short = curve(4, seed=1), curve(3, seed=2)
    lines = charts.band_figure([long, short]).axes[0].lines
    (mean,) = (line for line in lines if line.get_label() == "mean of the seeds")
    assert list(mean.get_xdata()) == [step.step for step in short.steps]
    means = [(one.ndcg + two.ndcg) / 2 for one, two in zip(long.steps, short.steps, strict=False)]
    assert list(mean.get_ydata()) == pytest.approx(means)


def test_queries_are_shown_by_their_change() -> None:
    compared = comparison("rrf", 50, 1)
    gains, losses = (patch.get_data().values for patch in charts.queries_figure([compared]).axes[0].patches)
    assert (gains + losses).tolist() == [query.change for query in compared.queries]
    assert gains.min() == losses.max() == 0


def test_boxes_show_medians() -> None:
    medians = [line.get_ydata()[0] for line in charts.boxes_figure(GROUPS).axes[0].lines[4::5]]
    assert medians == [float(np.median(getattr(one, side))) for side in ("base", "tuned") for one in GROUPS]


def test_densities_of_many_pairs_are_those_of_a_part() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.1, 40_000)
    tenth = np.sort(values)[::10]
    every, part = (charts.densities_figure([group(one, one + 0.1)]).axes[0].lines for one in (values, tenth))
    for line, other in zip(every, part, strict=True):
        assert np.abs(np.interp(other.get_xdata(), *line.get_data()) - other.get_ydata()).max() < 0.05
        assert line.get_ydata().max() == pytest.approx(3.99, rel=0.05)  # of a normal distribution of this width
