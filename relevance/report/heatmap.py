"""The nDCG of every combination of boosts as a picture: a line, or heat maps over two boosts for each of the others."""

from __future__ import annotations

import io
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from relevance.evaluation import NDCG10
from relevance.tuning import KINDS

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from relevance.tuning import Combination, Grid, Tuning

    _Floats = npt.NDArray[np.float64]

__all__ = ["heat_map"]

_WIDTH, _DPI = 9.0, 150
"""Inches, and dots for each: a page is about 900 dots wide on most screens, twice that on fine ones."""

_COLOURS = "viridis"
_OVER_LINES = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
_WINNER, _TODAY = "#d62728", "#000000"


def heat_map(tuning: Tuning) -> bytes:
    """A PNG of the nDCG@10 on the tuning split; the winner and today's boosts are marked."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - a second to load, only here

    grid = tuning.grid
    means = np.array([outcome.means[NDCG10] for outcome in tuning.outcomes])
    values = means.reshape([len(boosts) for boosts in grid.axes.values()])
    figure = Figure(dpi=_DPI, layout="constrained")
    if values.ndim == 1:
        _line(figure, tuning, values)
    else:
        _panels(figure, tuning, values)
    queries = len(tuning.split.tuning)
    figure.suptitle(f"Mean nDCG@10 of {queries:,} tuning queries by boost ({grid.today.name})", fontsize=11)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _label(grid: Grid, axis: int) -> str:
    return f"boost of {KINDS[grid.kind].part}.{grid.fields[axis]}"


def _line(figure: Figure, tuning: Tuning, values: _Floats) -> None:
    grid = tuning.grid
    figure.set_size_inches(_WIDTH, 4)
    axes = figure.add_subplot()
    boosts = list(next(iter(grid.axes.values())))
    order = np.argsort(boosts)
    axes.plot(np.array(boosts)[order], values[order], color="0.4", marker="o", zorder=1)
    for x, y in zip(boosts, values, strict=True):
        axes.annotate(f"{y:.4f}", (x, y), (0, 9), textcoords="offset points", ha="center", fontsize=8, bbox=_OVER_LINES)
    (winner,) = tuning.winner.boosts
    (today,) = grid.todays()
    axes.scatter([winner], [values.max()], s=150, marker="*", color=_WINNER, zorder=3, label=f"winner ({winner:g})")
    axes.scatter(
        [today],
        [tuning.today[NDCG10]],
        s=130,
        facecolors="none",
        edgecolors=_TODAY,
        linewidths=2,
        zorder=2,
        label=f"today ({today:g})",
    )
    axes.set_xscale("log")
    axes.set_xticks(boosts, [f"{boost:g}" for boost in boosts])
    axes.minorticks_off()
    axes.margins(y=0.2)
    axes.set_xlabel(f"{_label(grid, 0)} (logarithmic)")
    axes.set_ylabel("nDCG@10")
    axes.grid(alpha=0.3)
    axes.legend()


def _panels(figure: Figure, tuning: Tuning, values: _Floats) -> None:
    """Rows of cells are the first boost, columns the second; a panel for each value of the others."""
    grid = tuning.grid
    boosts = list(grid.axes.values())
    across = boosts[2] if values.ndim > 2 else (0.0,)  # noqa: PLR2004 - a third axis
    down = list(product(*boosts[3:]))
    height = 1.2 + (0.9 + 0.42 * len(boosts[0])) * len(down)
    figure.set_size_inches(_WIDTH, height)
    panels = figure.subplots(len(down), len(across), squeeze=False, sharex=True, sharey=True)
    stacked = values.reshape(len(boosts[0]), len(boosts[1]), len(across), len(down))
    image = None
    for (row, column), axes in np.ndenumerate(panels):
        at = (*((across[column],) if values.ndim > 2 else ()), *down[row])  # noqa: PLR2004 - the same
        image = _panel(axes, tuning, stacked[:, :, column, row], at)
        if row == len(down) - 1:
            axes.set_xlabel(_label(grid, 1), fontsize=9)
        if column == 0:
            axes.set_ylabel(_label(grid, 0), fontsize=9)
    if image is not None:
        figure.colorbar(image, ax=panels.ravel().tolist(), label="nDCG@10", fraction=0.03)
    _legend(figure, tuning)


def _panel(axes: Axes, tuning: Tuning, values: _Floats, at: Combination) -> AxesImage:
    grid = tuning.grid
    first, second = list(grid.axes.values())[:2]
    means = [outcome.means[NDCG10] for outcome in tuning.outcomes]
    low, high = min(means), max(means)
    image = axes.imshow(values, cmap=_COLOURS, vmin=low, vmax=high, aspect="auto", origin="lower")
    axes.set_xticks(range(len(second)), [f"{boost:g}" for boost in second])
    axes.set_yticks(range(len(first)), [f"{boost:g}" for boost in first])
    if at:
        axes.set_title(
            ", ".join(f"{name} {boost:g}" for name, boost in zip(grid.fields[2:], at, strict=True)), fontsize=9
        )
    for (y, x), value in np.ndenumerate(values):
        dark = high > low and (value - low) / (high - low) < 0.6  # noqa: PLR2004 - where white reads better than black
        axes.text(x, y, f"{value:.4f}", ha="center", va="center", fontsize=8, color="white" if dark else "black")
        _frame(axes, tuning, (first[y], second[x], *at), (x, y))
    return image


def _frame(axes: Axes, tuning: Tuning, boosts: Combination, at: tuple[int, int]) -> None:
    """Frame the cell of the winner and that of today's boosts."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415 - only here

    frames = []
    if boosts == tuning.winner.boosts:
        frames.append((0.92, _WINNER, 3.0, "-"))
    if tuning.todays is not None and boosts == tuning.todays.boosts:
        frames += [(0.76, "white", 3.0, "-"), (0.76, _TODAY, 1.5, "--")]
    for size, colour, width, style in frames:
        corner = (at[0] - size / 2, at[1] - size / 2)
        axes.add_patch(Rectangle(corner, size, size, fill=False, edgecolor=colour, linewidth=width, linestyle=style))


def _legend(figure: Figure, tuning: Tuning) -> None:
    from matplotlib.patches import Patch  # noqa: PLC0415 - only here

    winner = "/".join(f"{boost:g}" for boost in tuning.winner.boosts)
    today = "/".join(f"{boost:g}" for boost in tuning.grid.todays())
    on_grid = "" if tuning.todays else ", not on the grid"
    handles = [
        Patch(fill=False, edgecolor=_WINNER, linewidth=3, label=f"winner ({winner})"),
        Patch(fill=False, edgecolor=_TODAY, linewidth=1.5, linestyle="--", label=f"today ({today}{on_grid})"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
