"""Pictures: what a fine-tuning changed, and the nDCG of every combination of values.

No picture depends on global state or the date: the same input gives the same bytes. The base model is blue and the
fine-tuned one is vermilion everywhere: two colours of M. Okabe and K. Ito, "Color Universal Design", 2008, that
colour-blind people tell apart; line style or place says the same once more.
"""

from __future__ import annotations

import io
import re
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
import pandas as pd

from relevance.evaluation import NDCG10
from relevance.finetune.changes import LEVEL
from relevance.packages import missing
from relevance.report.pages import gain_text
from relevance.text import plural
from relevance.tuning import value_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.patches import ConnectionPatch

    from relevance.finetune.changes import Comparison, LabelGroup
    from relevance.finetune.recipe import Curve
    from relevance.report.costs import Cost
    from relevance.tuning import Combination, Tuning

    _Floats = npt.NDArray[np.float64]

_Data = TypeVar("_Data")


class Look(NamedTuple):
    """How a model is drawn; `shift` and `dots` are where it stands beside the other one."""

    name: str
    colour: str
    line: str
    shift: float  # of boxes
    dots: float  # their height in a panel, as a share of it: none hides another model's


BASE = Look("base model", "#0072B2", "--", -0.21, 0.3)
TUNED = Look("fine-tuned model", "#D55E00", "-", 0.21, 0.15)
QUIET = "#6B6B6B"
"""Colour of what belongs to neither model."""

DPI = 200
"""With a width of eight inches twice the pixels of a page's width, for screens that have them."""

_PICTURE = re.compile(r"^!\[.*\]\([\w-]+\.png\)\n", re.MULTILINE)

_STYLE: Mapping[str, object] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "legend.frameon": False,
}


def png(draw: Callable[[_Data], Figure], data: _Data) -> bytes:
    """Draw one of the pictures below, whatever style the user has set for his own, and give its file."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams["text.parse_math"] = False  # a name with $ is a name
        file = io.BytesIO()
        draw(data).savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


Figures: TypeAlias = "Mapping[str, tuple[Callable[[Any], Figure], Any]]"
"""By the name of its file what draws a picture, and of what."""


def illustrated(page: str, text: str, figures: Figures) -> dict[str, str | bytes]:
    """Give a page in Markdown, by its name, and its pictures; without matplotlib it says so instead, once."""
    if lacking := no_pictures():
        first, *rest = _PICTURE.split(text)
        return {page: "".join([first, f"{lacking[:1].upper()}{lacking[1:]}.\n", *rest])}
    return {page: text, **{name: png(draw, data) for name, (draw, data) in figures.items()}}


def no_pictures() -> str:
    """Say why there are none; "" where there are."""
    lacking = missing("matplotlib")
    return f"pictures are left out, they need {lacking}" if lacking else ""


def _figure(height: float, width: float = 8, *, dpi: int = 0, style: Mapping[Any, Any] = _STYLE) -> Figure:
    """An empty figure of so many inches whose layout makes room for every text; dots an inch: `DPI`."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    mpl.rcParams.update(style)
    return Figure(figsize=(width, height), dpi=dpi or DPI, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.06))


def _head(figure: Figure, title: str, axes: Axes, *, columns: int) -> None:
    """The title of the picture and below it the legend of `axes`, above all data."""
    handles, labels = axes.get_legend_handles_labels()
    bold = {"size": 13, "weight": "bold"}
    look: dict[str, Any] = {"title": title, "title_fontproperties": bold, "alignment": "left", "ncols": columns}
    figure.legend(handles, labels, loc="outside upper left", **look)


def _whole_numbers(axes: Axes, label: str) -> None:
    """A horizontal axis with ticks at whole numbers, thousands apart."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    axes.set_xlabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


# What a fine-tuning changed

_STEPS = "training step (batches)"


def curve_figure(curve: Curve) -> Figure:
    """Loss, Spearman and nDCG@10 over the steps, from before the training on, the chosen step marked."""
    figure = _figure(7.2)
    panels = figure.subplots(3, 1, sharex=True)
    names = {"loss": "mean training loss", "spearman": "rank correlation\n(Spearman)", "ndcg": "nDCG@10"}
    first, best, last = curve.steps[0].step, curve.steps[curve.best].step, curve.steps[-1]
    for axes, (name, label) in zip(panels, names.items(), strict=True):
        values = {one.step: value for one in curve.steps if (value := getattr(one, name)) is not None}
        axes.axvline(best, color=QUIET, linestyle=":", linewidth=1.5)
        line = {"color": TUNED.colour, "marker": "o", "markersize": 5, "zorder": 3}
        axes.plot(list(values), list(values.values()), label="in training", **line)
        if first in values:
            before = f"{BASE.name}, before training"
            axes.plot(first, values[first], "D", color=BASE.colour, markersize=8, label=before, zorder=4)
        if best in values:
            colour = TUNED.colour if curve.best else BASE.colour  # no step was better than the base model
            axes.plot(best, values[best], "*", color=colour, markersize=17, label="chosen step", zorder=5)
        axes.set_ylabel(label)
        axes.margins(y=0.15)
    losses = [one.loss for one in curve.steps if one.loss is not None]
    if losses:
        panels[0].set_ylim(0, 1.15 * max(*losses, 1e-6))
    else:
        panels[0].set_yticks([])
        panels[0].text(0.02, 0.5, "no step was trained", transform=panels[0].transAxes, color=QUIET)
    _whole_numbers(panels[2], _STEPS)
    if len(curve.steps) == 1:
        panels[2].set_xlim(last.step - 1, last.step + 1)
    if last.step and last.epoch:
        per_epoch = last.step / last.epoch
        epochs = panels[0].secondary_xaxis(
            "top", functions=(lambda step: np.asarray(step) / per_epoch, lambda epoch: np.asarray(epoch) * per_epoch)
        )
        epochs.set_xlabel("epoch")
    figure.align_ylabels(panels)
    _head(figure, "Training: loss, and quality on the validation queries", panels[2], columns=3)
    return figure


def band_figure(curves: Sequence[Curve]) -> Figure:
    """Validation nDCG@10 of several seeds over the steps: each line, their mean, and the band between the extremes."""
    figure = _figure(4.6)
    axes, colour = figure.subplots(), TUNED.colour
    for number, curve in enumerate(curves):
        labels = (None, None) if number else ("each seed", "chosen steps")
        best, points = curve.steps[curve.best], [(one.step, one.ndcg) for one in curve.steps]
        axes.plot(*zip(*points, strict=True), color=colour, linewidth=0.9, alpha=0.7, label=labels[0])
        axes.plot(best.step, best.ndcg, "*", color=colour, markersize=13, label=labels[1])
    # behind the first stop a mean would be that of the others
    shared = pd.DataFrame({step.step: step.ndcg for step in curve.steps} for curve in curves).dropna(axis="columns")
    filled: dict[str, Any] = {"color": colour, "alpha": 0.2, "linewidth": 0, "label": "lowest to highest"}
    axes.fill_between(shared.columns, shared.min(), shared.max(), **filled)
    axes.plot(shared.columns, shared.mean(), color=colour, linewidth=2.5, label="mean of the seeds")
    before = sum(curve.steps[0].ndcg for curve in curves) / len(curves)
    axes.axhline(before, color=BASE.colour, linestyle="--", linewidth=2, label=f"{BASE.name}, before training")
    _whole_numbers(axes, _STEPS)
    axes.set_ylabel("nDCG@10 of the validation queries")
    axes.margins(y=0.12)
    _head(figure, f"Validation nDCG@10 of {len(curves)} seeds", axes, columns=3)
    return figure


WHISKERS = (0.05, 0.95)
"""The shares of values below the two whiskers of a box."""

_POINTS, _MOST_VALUES, _FEWEST_VALUES = 400, 4000, 5


def boxes_figure(groups: Sequence[LabelGroup], *, similarity: str = "cosine") -> Figure:
    """Two boxes a label of one or more: quartiles and median, whiskers at the shares of `WHISKERS`."""
    figure = _figure(4.8)
    axes = figure.subplots()
    for look, columns in ((BASE, [one.base for one in groups]), (TUNED, [one.tuned for one in groups])):
        shares = {"whislo": WHISKERS[0], "q1": 0.25, "med": 0.5, "q3": 0.75, "whishi": WHISKERS[1]}
        line = {"color": look.colour, "linewidth": 1.5}
        drawn = axes.bxp(
            [{name: np.quantile(column, share) for name, share in shares.items()} for column in columns],
            positions=[place + look.shift for place in range(len(columns))],
            widths=0.36,
            showfliers=False,
            patch_artist=True,
            boxprops={"facecolor": look.colour, "edgecolor": look.colour, "alpha": 0.4},
            medianprops={"color": look.colour, "linewidth": 3.5},
            whiskerprops=line,
            capprops=line,
            manage_ticks=False,
        )
        drawn["boxes"][0].set_label(look.name)
    axes.set_xticks(range(len(groups)), [f"{one.name}\n{one.kind}\nn = {len(one.base):,}" for one in groups])
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("relevance label (n: judged pairs)")
    axes.set_ylabel(f"{similarity} of query and product")
    ends = f"{WHISKERS[0]:.0%} to {WHISKERS[1]:.0%}"
    _head(figure, f"Similarity by relevance label (box: quartiles, whiskers: {ends})", axes, columns=2)
    return figure


def densities_figure(groups: Sequence[LabelGroup], *, similarity: str = "cosine") -> Figure:
    """A panel a label, of one or more, with the density of the similarities under both models.

    Densities are Gaussian kernels with Scott's bandwidth (D. W. Scott, "Multivariate Density Estimation", 1992). Values
    that are too few or too alike for one stand as dots near the axis.
    """
    figure = _figure(max(3.6, 1.6 + 1.5 * len(groups)))
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False)[:, 0]
    every = np.concatenate([values for group in groups for values in (group.base, group.tuned)])
    room = max(0.05 * np.ptp(every), 0.03)
    low, high = (-1, 1) if similarity == "cosine" else (-np.inf, np.inf)
    places = np.linspace(max(every.min() - room, low), min(every.max() + room, high), _POINTS)
    for axes, group in zip(panels, groups, strict=True):
        _density(axes, group.base, places, BASE)
        _density(axes, group.tuned, places, TUNED)
        axes.set_title(f"label {group.name}: {group.kind}, {plural(len(group.base), 'pair')}")
        axes.set_ylim(bottom=0)
        if all(line.get_linestyle() == "None" for line in axes.lines):
            axes.set_yticks([])  # dots have no density
        axes.set_xlim(places[0], places[-1])
    figure.supylabel(f"density per unit of {similarity}", fontsize=11)
    panels[-1].set_xlabel(f"{similarity} of query and product")
    _head(figure, "Similarity by relevance label, as densities", panels[0], columns=2)
    return figure


def _density(axes: Axes, values: _Floats, places: _Floats, look: Look) -> None:
    from scipy.stats import gaussian_kde  # noqa: PLC0415 - slow to import

    # evenly spaced order statistics have the same density, and the time does not grow with the data
    kept = np.sort(values)[np.linspace(0, len(values) - 1, min(len(values), _MOST_VALUES)).round().astype(int)]
    bandwidth = kept.std() * len(kept) ** -0.2
    line: dict[str, Any] = {"color": look.colour, "label": look.name}
    if len(kept) < _FEWEST_VALUES or bandwidth < places[1] - places[0]:
        axes.plot(kept, np.full(len(kept), look.dots), "o", transform=axes.get_xaxis_transform(), **line)
        return
    density = gaussian_kde(kept)(places)
    axes.fill_between(places, density, color=look.colour, alpha=0.15, linewidth=0)
    axes.plot(places, density, linestyle=look.line, linewidth=2, **line)


def queries_figure(comparisons: Sequence[Comparison]) -> Figure:
    """A panel a comparison, of one or more: the change of nDCG@10 of every query, sorted."""
    figure = _figure(1.0 + 3.1 * len(comparisons))
    panels = figure.subplots(len(comparisons), 1, sharey=True, squeeze=False)[:, 0]
    largest = 0.1
    for axes, comparison in zip(panels, comparisons, strict=True):
        changes = np.array([query.change for query in comparison.queries])
        largest = max(largest, np.abs(changes).max())
        for side, look in ((np.maximum(changes, 0), TUNED), (np.minimum(changes, 0), BASE)):
            edges = np.arange(len(changes) + 1)
            axes.stairs(side, edges, fill=True, color=look.colour, label=f"{look.name} ranks better")
        axes.axhline(0, color="black", linewidth=0.8)
        gained, lost, gain = len(comparison.gained), len(comparison.lost), comparison.gains[-1]
        mean = "" if gain.interval is None else f": {gain_text(gain)}"
        counts = f"{gained:,} gained, {len(changes) - gained - lost:,} unchanged, {lost:,} lost"
        axes.set_title(f"{comparison.tuned} against {comparison.base}{mean}\n{counts}", fontsize=11)
        if not gained and not lost:
            axes.text(0.5, 0.6, "no query changed", transform=axes.transAxes, ha="center", color=QUIET)
        axes.set_xlim(0, len(changes))
        _whole_numbers(axes, f"judged queries, sorted by change ({len(changes):,})")
        axes.set_ylabel("change of nDCG@10")
    panels[0].set_ylim(-1.1 * largest, 1.1 * largest)
    _head(figure, f"Change of nDCG@10 of every query; mean with its {LEVEL:.0%} interval", panels[0], columns=2)
    return figure


# What quality costs

_ROW_HEIGHT, _LEAST_ROWS = 0.27, 8


def pareto_figure(data: tuple[str, Sequence[Cost]]) -> Figure:
    """The mean of a metric over the median time of a query, by strategy, and the line of those that none beats.

    The names stand in a column beside the points, in the points' order from the top, so that none hides another; a
    thin line leads from each to its point.
    """
    label, costs = data
    figure = _figure(1.6 + _ROW_HEIGHT * max(_LEAST_ROWS, len(costs)), width=9)
    axes, names = figure.subplots(1, 2, width_ratios=(5, 3), sharey=True)
    front = sorted((cost.p50_ms, cost.quality) for cost in costs if cost.is_best)
    last = max(cost.p50_ms for cost in costs)
    times, qualities = zip(*front, (last, front[-1][1]), strict=True)
    axes.step(times, qualities, where="post", color=TUNED.colour, linewidth=1.5, label="Pareto front", zorder=2)
    low, high = min(cost.quality for cost in costs), max(cost.quality for cost in costs)
    room = max(high - low, 1e-3)
    places = np.linspace(high + 0.04 * room, low - 0.04 * room, len(costs)) if len(costs) > 1 else [high]
    for place, cost in zip(places, sorted(costs, key=lambda one: (-one.quality, one.p50_ms)), strict=True):
        look = TUNED if cost.is_best else BASE
        axes.plot(cost.p50_ms, cost.quality, "D" if cost.is_best else "o", color=look.colour, markersize=7, zorder=3)
        text = f"{cost.strategy}  {cost.quality:.3f}, {_milliseconds(cost.p50_ms)}"
        weight = "bold" if cost.is_best else "normal"
        names.text(0.02, place, text, va="center", fontsize=9, color=look.colour, weight=weight)
        ends = {"xyA": (cost.p50_ms, cost.quality), "coordsA": axes.transData, "coordsB": names.transData}
        figure.add_artist(_leader(xyB=(0.0, place), **ends))
    axes.plot([], [], "D", color=TUNED.colour, label="none is as good and faster")
    axes.plot([], [], "o", color=BASE.colour, label="another is")
    axes.set_xscale("log")
    axes.set_ylim(low - 0.1 * room, high + 0.1 * room)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g} ms")
    axes.set_xlabel("median time of a query, from text to hits (logarithmic)")
    axes.set_ylabel(label)
    names.set_xlim(0, 1)
    names.set_axis_off()
    _head(figure, f"{label} over the time of a query", axes, columns=3)
    return figure


def _leader(**ends: Any) -> ConnectionPatch:
    from matplotlib.patches import ConnectionPatch

    return ConnectionPatch(**ends, color="#B5B5B5", linewidth=0.7, zorder=1)


def _milliseconds(value: float) -> str:
    return f"{value:,.{0 if value >= _DECADE else 1 if value >= 1 else 2}f} ms"


# What boosts are worth

# of a frame around a cell, and of the mark of a point
_WINNER: Mapping[str, Any] = {"edgecolor": "#d62728", "linewidth": 3}
_TODAY: Mapping[str, Any] = {"edgecolor": "#000000", "linewidth": 1.5, "linestyle": "--"}
_OVER_LINES = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}


_DECADE, _TICKS = 10, 6
_MOST_CELLS = 12
"""Means that are read side by side."""


def fits_heat_map(tuning: Tuning) -> bool:
    """Whether all combinations were tried, and have a place in one picture; boosts alone have."""
    _, *others = [len(one.choices) for one in tuning.space.parameters]
    fits = prod(others[:2]) <= _MOST_CELLS and prod(others[2:]) <= _MOST_CELLS
    return not tuning.trials and (tuning.space.noun == "boosts" or fits)


def heat_map(tuning: Tuning) -> Figure:
    """The nDCG@10 on the tuning split of every combination; the winner and today's values are marked.

    Of one parameter a line. Of more a panel for each value of the third and the fourth, in which the first runs upwards
    and the second to the right.
    """
    from matplotlib.patches import Patch

    space, means = tuning.space, np.array([outcome.means[NDCG10] for outcome in tuning.outcomes])
    first, *others = space.parameters
    across, down = others[1].choices if others[1:] else (1.0,), list(product(*(one.choices for one in others[2:])))
    height = 1.2 + (0.9 + 0.42 * len(first.choices)) * len(down) if others else 4
    figure = _figure(height, width=9, dpi=150, style={})
    figure.suptitle(_tried_title(tuning), fontsize=11)
    if not others:
        _tried_values_of(figure.add_subplot(), tuning, 0)
        return figure
    panels = figure.subplots(len(down), len(across), squeeze=False, sharex=True, sharey=True)
    stacked = means.reshape(len(first.choices), len(others[0].choices), len(across), len(down))
    for (row, column), axes in np.ndenumerate(panels):
        at = (*across[column : column + 1], *down[row]) if len(others) > 1 else ()
        image = _panel(axes, tuning, stacked[:, :, column, row], at, (means.min(), means.max()))
    for axes in panels[-1]:
        axes.set_xlabel(others[0].title, fontsize=9)
    for axes in panels[:, 0]:
        axes.set_ylabel(first.title, fontsize=9)
    figure.colorbar(image, ax=panels.ravel().tolist(), label="nDCG@10", fraction=0.03)
    winner, today = ("/".join(map(value_text, one)) for one in (tuning.winner.combination, space.todays()))
    on_grid = "" if tuning.todays in tuning.outcomes else ", not on the grid"
    marks = {f"winner ({winner})": _WINNER, f"today ({today}{on_grid})": _TODAY}
    handles = [Patch(fill=False, label=label, **look) for label, look in marks.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def tried_values(tuning: Tuning) -> Figure:
    """The nDCG@10 on the tuning split of every combination that was tried, a panel for each parameter."""
    number = len(tuning.space.parameters)
    figure = _figure(0.8 + 2.8 * number, width=9, dpi=150, style={})
    figure.suptitle(_tried_title(tuning), fontsize=11)
    for at, axes in enumerate(figure.subplots(number, 1, squeeze=False)[:, 0]):
        _tried_values_of(axes, tuning, at)
    return figure


def _tried_title(tuning: Tuning) -> str:
    queries = plural(len(tuning.split.tuning), "tuning query")
    return f"Mean nDCG@10 of {queries} by {tuning.space.noun.removesuffix('s')} ({tuning.space.today.name})"


def _tried_values_of(axes: Axes, tuning: Tuning, at: int) -> None:
    """Every combination over one parameter: numbers where they lie, anything else in its order."""
    parameter, is_only = tuning.space.parameters[at], len(tuning.space.parameters) == 1
    winner, today = tuning.winner.combination[at], tuning.space.todays()[at]
    values = [outcome.combination[at] for outcome in tuning.outcomes]
    places = {value: value if parameter.is_number else place for place, value in enumerate(parameter.choices)}
    if parameter.is_number:
        places |= {value: value for value in (*values, today) if isinstance(value, int | float)}
    means = [outcome.means[NDCG10] for outcome in tuning.outcomes]
    points = sorted(zip((places[value] for value in values), means, strict=True))
    look: dict[str, Any] = {"marker": "o", "zorder": 1} | ({} if is_only else {"linestyle": "none", "alpha": 0.4})
    axes.plot(*zip(*points, strict=True), color="0.4", **look)
    for x, y in points if is_only and not tuning.trials else ():
        axes.annotate(f"{y:.4f}", (x, y), (0, 9), textcoords="offset points", ha="center", fontsize=8, bbox=_OVER_LINES)
    star = {"marker": "*", "color": _WINNER["edgecolor"], "label": f"winner ({value_text(winner)})"}
    ring = {"facecolors": "none", "edgecolors": _TODAY["edgecolor"], "linewidths": 2}
    if winner in places:
        axes.scatter(places[winner], tuning.winner.means[NDCG10], s=150, zorder=3, **star)
    if today in places:
        label = f"today ({value_text(today)})"
        axes.scatter(places[today], tuning.today[NDCG10], s=130, zorder=2, label=label, **ring)
    low, high = min(places.values()), max(places.values())
    is_log = parameter.is_number and low > 0 and (parameter.is_boost or high >= _DECADE * low)
    if is_log:
        axes.set_xscale("log")
    ticks = {place: value_text(value) for value, place in places.items() if value in parameter.choices}
    if parameter.any_between:
        first, last = map(float, parameter.choices)
        between = np.geomspace(first, last, _TICKS) if is_log else np.linspace(first, last, _TICKS)
        ticks = {place: f"{place:.2g}" for place in between.tolist()}
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.minorticks_off()
    axes.margins(y=0.2)
    axes.set_xlabel(f"{parameter.title} (logarithmic)" if is_log else parameter.title)
    axes.set_ylabel("nDCG@10")
    axes.grid(alpha=0.3)
    axes.legend(**({} if is_only else {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "frameon": False}))


def _panel(axes: Axes, tuning: Tuning, means: _Floats, at: Combination, limits: tuple[float, float]) -> AxesImage:
    """A cell for each value of the first two parameters, `at` those of the others."""
    from matplotlib.patches import Rectangle

    (low, high), (first, second, *others) = limits, tuning.space.parameters
    image = axes.imshow(means, cmap="viridis", vmin=low, vmax=high, aspect="auto", origin="lower")
    axes.set_xticks(range(len(second.choices)), list(map(value_text, second.choices)))
    axes.set_yticks(range(len(first.choices)), list(map(value_text, first.choices)))
    if at:
        values = zip(others, at, strict=True)
        axes.set_title(", ".join(f"{one.name} {value_text(value)}" for one, value in values), fontsize=9)
    frames = [(tuning.winner, 0.92, _WINNER)]
    if tuning.todays is not None:
        frames += [(tuning.todays, 0.76, {"edgecolor": "white", "linewidth": 3}), (tuning.todays, 0.76, _TODAY)]
    for (y, x), mean in np.ndenumerate(means):
        dark = high > low and (mean - low) / (high - low) < 0.6  # noqa: PLR2004 - where white reads better than black
        axes.text(x, y, f"{mean:.4f}", ha="center", va="center", fontsize=8, color="white" if dark else "black")
        for outcome, size, look in frames:
            if outcome.combination == (first.choices[y], second.choices[x], *at):
                corner = (x - size / 2, y - size / 2)
                axes.add_patch(Rectangle(corner, size, size, fill=False, **look))
    return image
