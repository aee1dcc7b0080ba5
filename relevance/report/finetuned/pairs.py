"""Pictures of the judged pairs: similarity by relevance label under both models, as boxes and as densities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from relevance.finetune.similarity import WHISKERS, spread
from relevance.report.finetuned.style import BASE, TUNED, head, picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from relevance.finetune.similarity import LabelGroup
    from relevance.report.finetuned.style import Look

    _Floats = npt.NDArray[np.float64]

__all__ = ["box_picture", "density_picture"]

_COSINE = "cosine of query and product"
_POINTS = 400
_MOST_VALUES = 4000
_FEWEST_VALUES = 5
_ENDS = f"{WHISKERS[0]:.0%} to {WHISKERS[1]:.0%}"
_DOTS = {BASE.name: 0.3, TUNED.name: 0.15}
"""Where dots stand, as shares of the panel's height: none hides another model's."""


def box_picture(groups: Sequence[LabelGroup]) -> bytes:
    """Two boxes a label: quartiles and median, whiskers at the shares of `relevance.finetune.similarity.WHISKERS`.

    Args:
        groups: one or more, each with a pair or more.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _boxes(axes, [group.base for group in groups], -0.21, BASE)
        _boxes(axes, [group.tuned for group in groups], 0.21, TUNED)
        axes.set_xticks(range(len(groups)), [_tick(group) for group in groups])
        axes.set_xlim(-0.6, len(groups) - 0.4)
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("relevance label (n: judged pairs)")
        axes.set_ylabel(_COSINE)
        head(figure, f"Similarity by relevance label (box: quartiles, whiskers: {_ENDS})", axes, columns=2)

    return picture(draw, height=4.8)


def _tick(group: LabelGroup) -> str:
    return f"{group.name}\n{group.kind}\nn = {len(group.base):,}"


def _boxes(axes: Axes, columns: Sequence[_Floats], shift: float, look: Look) -> None:
    spreads = [spread(column) for column in columns]
    stats = [
        {"whislo": one.low, "q1": one.lower_quartile, "med": one.median, "q3": one.upper_quartile, "whishi": one.high}
        for one in spreads
    ]
    drawn = axes.bxp(
        stats,
        positions=[place + shift for place in range(len(stats))],
        widths=0.36,
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": look.colour, "edgecolor": look.colour, "alpha": 0.4},
        medianprops={"color": look.colour, "linewidth": 3.5},
        whiskerprops={"color": look.colour, "linewidth": 1.5},
        capprops={"color": look.colour, "linewidth": 1.5},
        manage_ticks=False,
    )
    drawn["boxes"][0].set_label(look.name)


def density_picture(groups: Sequence[LabelGroup]) -> bytes:
    """A panel a label with the density of the cosines under both models.

    Densities are Gaussian kernels with Scott's bandwidth (D. W. Scott, "Multivariate Density Estimation", 1992). Values
    that are too few or too alike for one stand as dots near the axis.

    Args:
        groups: one or more, each with a pair or more.
    """

    def draw(figure: Figure) -> None:
        panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False)[:, 0]
        every = np.concatenate([values for group in groups for values in (group.base, group.tuned)])
        room = max(0.05 * np.ptp(every), 0.03)
        places = np.linspace(max(every.min() - room, -1), min(every.max() + room, 1), _POINTS)
        for axes, group in zip(panels, groups, strict=True):
            _density(axes, group.base, places, BASE)
            _density(axes, group.tuned, places, TUNED)
            axes.set_title(f"label {group.name}: {group.kind}, {len(group.base):,} pairs")
            axes.set_ylim(bottom=0)
            if all(line.get_linestyle() == "None" for line in axes.lines):
                axes.set_yticks([])  # dots have no density
            axes.set_xlim(places[0], places[-1])
        figure.supylabel("density per unit of cosine", fontsize=11)
        panels[-1].set_xlabel(_COSINE)
        head(figure, "Similarity by relevance label, as densities", panels[0], columns=2)

    return picture(draw, height=max(3.6, 1.6 + 1.5 * len(groups)))


def _density(axes: Axes, values: _Floats, places: _Floats, look: Look) -> None:
    from scipy.stats import gaussian_kde  # noqa: PLC0415 - slow to import

    # evenly spaced order statistics have the same density, and the time does not grow with the data
    kept = np.sort(values)[np.linspace(0, len(values) - 1, min(len(values), _MOST_VALUES)).round().astype(int)]
    bandwidth = kept.std() * len(kept) ** -0.2
    if len(kept) < _FEWEST_VALUES or bandwidth < places[1] - places[0]:
        height = _DOTS[look.name]
        dots = np.full(len(kept), height)
        axes.plot(kept, dots, "o", color=look.colour, label=look.name, transform=axes.get_xaxis_transform())
        return
    density = gaussian_kde(kept)(places)
    axes.fill_between(places, density, color=look.colour, alpha=0.15, linewidth=0)
    axes.plot(places, density, color=look.colour, linestyle=look.line, linewidth=2, label=look.name)
