"""How the cosine of judged pairs moved: by label, and pair by pair.

The cosines of two models are on different scales: training against negatives moves all of them, often downwards. What
ranks is the order, so a pair is followed by its *standing* under each model: the share of judged pairs whose cosine is
not above its own, from 0 to 1, ties sharing their mean rank. A pair's gain is the change of its standing in the
direction of its label: upwards for a relevant pair, downwards for an irrelevant one. A common shift or stretch of all
cosines is no gain. Gains run from -1 to 1, and their sign says improved or worsened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import numpy.typing as npt

    _Floats = npt.NDArray[np.float64]

__all__ = ["WHISKERS", "JudgedPairs", "LabelGroup", "PairChanges", "Spread", "pair_changes", "spread"]

WHISKERS = (0.05, 0.95)
"""The shares of values below the two whiskers of a box."""

_MOST_GROUPS = 7
"""More labels than this (grades of one's own may be any whole numbers) are put together, neighbours first."""


@dataclass(frozen=True, eq=False)
class JudgedPairs:
    """Judged pairs of query and product, and their cosine under both models; no pair was trained on.

    Attributes:
        queries: texts.
        products: ids.
        titles: "" where no file gives one.
        labels: shape (pairs,), float64: the grade, or the relevance as the data set gives it.
        base: shape (pairs,), float64, cosine under the base model.
        tuned: shape (pairs,), float64, cosine under the fine-tuned model.
        relevant_from: the lowest label that counts as relevant.

    Raises:
        ValueError: the columns differ in length, or a number is not finite.
    """

    queries: tuple[str, ...]
    products: tuple[str, ...]
    titles: tuple[str, ...]
    labels: _Floats
    base: _Floats
    tuned: _Floats
    relevant_from: float

    def __post_init__(self) -> None:
        columns = (self.queries, self.products, self.titles, self.labels, self.base, self.tuned)
        if len({len(column) for column in columns}) > 1:
            raise ValueError(f"columns of {', '.join(str(len(column)) for column in columns)} judged pairs")
        for name in ("labels", "base", "tuned"):
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} of judged pairs: not all finite")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def relevant(self) -> npt.NDArray[np.bool_]:
        """Shape (pairs,)."""
        return self.labels >= self.relevant_from


@dataclass(frozen=True)
class Spread:
    """Where values lie: the ends of the whiskers, the quartiles, the median."""

    low: float
    lower_quartile: float
    median: float
    upper_quartile: float
    high: float


@dataclass(frozen=True, eq=False)
class LabelGroup:
    """The pairs of one label, or of neighbouring labels.

    Attributes:
        name: `2`, or `0 to 3`.
        kind: `relevant`, `irrelevant`, or `mixed` where the labels of a group fall on both sides.
        base: shape (pairs,), cosines under the base model.
        tuned: shape (pairs,), cosines under the fine-tuned model.
    """

    name: str
    kind: str
    base: _Floats
    tuned: _Floats


@dataclass(frozen=True, eq=False)
class PairChanges:
    """What became of the judged pairs.

    Attributes:
        pairs: the pairs as given.
        groups: by label, ascending.
        base_standing: shape (pairs,), see the module.
        tuned_standing: shape (pairs,).
        gain: shape (pairs,), from -1 to 1, see the module.
        order: shape (pairs,), the pairs from the largest gain to the largest loss; ties by the change of cosine in the
            label's direction, then as given.
        spearman: rank correlation of label and cosine under the base and the fine-tuned model; None where labels or
            cosines are all equal.
    """

    pairs: JudgedPairs
    groups: tuple[LabelGroup, ...]
    base_standing: _Floats
    tuned_standing: _Floats
    gain: _Floats
    order: npt.NDArray[np.int64]
    spearman: tuple[float | None, float | None]

    @property
    def improved(self) -> npt.NDArray[np.int64]:
        """Row numbers, the largest gain first."""
        return self.order[self.gain[self.order] > 0]

    @property
    def worsened(self) -> npt.NDArray[np.int64]:
        """Row numbers, the largest loss first."""
        return self.order[::-1][self.gain[self.order[::-1]] < 0]


def pair_changes(pairs: JudgedPairs) -> PairChanges:
    """Compare the two models on judged pairs; none at all are allowed."""
    base, tuned = _standing(pairs.base), _standing(pairs.tuned)
    direction = np.where(pairs.relevant, 1.0, -1.0)
    gain = direction * (tuned - base)
    order = np.lexsort((-direction * (pairs.tuned - pairs.base), -gain)).astype(np.int64)
    correlations = (_correlation(pairs.labels, pairs.base), _correlation(pairs.labels, pairs.tuned))
    return PairChanges(pairs, _groups(pairs), base, tuned, gain, order, correlations)


def spread(values: _Floats) -> Spread:
    """Whiskers, quartiles and median of one value or more, linear between neighbouring values."""
    shares = (WHISKERS[0], 0.25, 0.5, 0.75, WHISKERS[1])
    return Spread(*np.quantile(values, shares).tolist())


def _standing(cosines: _Floats) -> _Floats:
    return np.asarray(pd.Series(cosines, dtype=np.float64).rank(pct=True), dtype=np.float64)


def _correlation(labels: _Floats, cosines: _Floats) -> float | None:
    """Spearman's: Pearson's of the ranks."""
    if len(np.unique(labels)) < 2 or len(np.unique(cosines)) < 2:  # noqa: PLR2004 - no ranks to speak of
        return None
    return float(np.corrcoef(_standing(labels), _standing(cosines))[0, 1])


def _groups(pairs: JudgedPairs) -> tuple[LabelGroup, ...]:
    labels = np.unique(pairs.labels)
    parts = np.array_split(labels, min(len(labels), _MOST_GROUPS)) if len(labels) else []
    return tuple(_group(pairs, float(part[0]), float(part[-1])) for part in parts)


def _group(pairs: JudgedPairs, lowest: float, highest: float) -> LabelGroup:
    rows = (pairs.labels >= lowest) & (pairs.labels <= highest)
    name = f"{lowest:.10g}" if lowest == highest else f"{lowest:.10g} to {highest:.10g}"
    sides = set(pairs.relevant[rows].tolist())
    kind = "mixed" if len(sides) > 1 else "relevant" if sides == {True} else "irrelevant"
    return LabelGroup(name, kind, pairs.base[rows], pairs.tuned[rows])
