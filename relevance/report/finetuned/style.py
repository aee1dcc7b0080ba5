"""How all pictures look, and how one becomes bytes: no global state, no date, the same input the same bytes.

The base model is blue and the fine-tuned one is vermilion everywhere: two colours of M. Okabe and K. Ito, "Color
Universal Design", 2008, that colour-blind people tell apart; line style or place says the same once more.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["BASE", "DPI", "QUIET", "TUNED", "WIDTH", "Look", "head", "picture", "whole_numbers"]


@dataclass(frozen=True)
class Look:
    """How a model is drawn."""

    name: str
    colour: str
    line: str


BASE = Look("base model", "#0072B2", "--")
TUNED = Look("fine-tuned model", "#D55E00", "-")
QUIET = "#6B6B6B"
"""Colour of what belongs to neither model."""

WIDTH = 8.0
"""Inches; with `DPI` twice the pixels of a page's width, for screens that have them."""

DPI = 200

_STYLE: Mapping[Any, Any] = {  # matplotlib types the keys as a closed list
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
    "text.parse_math": False,  # a name with $ is a name
}


def picture(draw: Callable[[Figure], None], *, height: float) -> bytes:
    """A PNG of `WIDTH` inches at `DPI`.

    Args:
        draw: puts axes into an empty figure, whose layout then makes room for every text.
        height: in inches.
    """
    import matplotlib as mpl  # noqa: PLC0415 - heavy
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - heavy
    from matplotlib.figure import Figure  # noqa: PLC0415 - heavy
    from matplotlib.layout_engine import ConstrainedLayoutEngine  # noqa: PLC0415 - heavy

    with mpl.rc_context():
        mpl.rcdefaults()  # the user's own style is for the user's own pictures
        mpl.rcParams.update(_STYLE)
        layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.06)
        figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout=layout)
        FigureCanvasAgg(figure)
        draw(figure)
        made = io.BytesIO()
        figure.savefig(made, format="png", metadata={"Software": None})
    return made.getvalue()


def head(figure: Figure, title: str, axes: Axes, *, columns: int) -> None:
    """The title of the picture and below it the legend of `axes`, above all data."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        title=title,
        title_fontproperties={"size": 13, "weight": "bold"},
        alignment="left",
        loc="outside upper left",
        ncols=columns,
    )


def whole_numbers(axes: Axes) -> None:
    """Ticks of the horizontal axis at whole numbers, thousands apart."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter  # noqa: PLC0415 - heavy

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
