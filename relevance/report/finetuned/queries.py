"""Picture of the queries gained and lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from relevance.finetune.changes import LEVEL
from relevance.report.finetuned.figures import gain_text
from relevance.report.finetuned.style import BASE, QUIET, TUNED, head, picture, whole_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from relevance.finetune.changes import Comparison

__all__ = ["queries_picture"]


def queries_picture(comparisons: Sequence[Comparison]) -> bytes:
    """A panel a comparison: the change of nDCG@10 of every query, sorted.

    Args:
        comparisons: one or more.
    """

    def draw(figure: Figure) -> None:
        panels = figure.subplots(len(comparisons), 1, sharey=True, squeeze=False)[:, 0]
        for axes, comparison in zip(panels, comparisons, strict=True):
            _changes(axes, comparison)
        largest = max(abs(query.change) for comparison in comparisons for query in comparison.queries)
        panels[0].set_ylim(-1.1 * max(largest, 0.1), 1.1 * max(largest, 0.1))
        head(figure, f"Change of nDCG@10 of every query; mean with its {LEVEL:.0%} interval", panels[0], columns=2)

    return picture(draw, height=1.0 + 3.1 * len(comparisons))


def _changes(axes: Axes, comparison: Comparison) -> None:
    changes = np.array([query.change for query in comparison.queries])
    edges = np.arange(len(changes) + 1)
    for side, look in (
        (np.maximum(changes, 0), TUNED),
        (np.minimum(changes, 0), BASE),
    ):
        axes.stairs(side, edges, fill=True, color=look.colour, label=f"{look.name} ranks better")
    axes.axhline(0, color="black", linewidth=0.8)
    gained, lost = len(comparison.gained), len(comparison.lost)
    same = len(changes) - gained - lost
    gain = comparison.gains[-1]
    mean = "" if gain.interval is None else f": {gain_text(gain)}"
    counts = f"{gained:,} gained, {same:,} unchanged, {lost:,} lost"
    axes.set_title(f"{comparison.tuned} against {comparison.base}{mean}\n{counts}", fontsize=11)
    if not gained and not lost:
        axes.text(0.5, 0.6, "no query changed", transform=axes.transAxes, ha="center", color=QUIET)
    axes.set_xlim(0, len(changes))
    axes.set_xlabel(f"judged queries, sorted by change ({len(changes):,})")
    whole_numbers(axes)
    axes.set_ylabel("change of nDCG@10")
