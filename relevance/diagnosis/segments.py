"""Segments: whether queries that have something in common fell further than the others.

A segment's drops are compared with those of all other queries by Welch's t test (B. L. Welch, "The generalization of
'Student's' problem when several different population variances are involved", Biometrika 34, 1947), one-sided. Looking
at many segments finds a striking one by luck, so p is adjusted by Holm's step-down procedure over all segments of all
strategies that are diagnosed (S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal
of Statistics 6, 1979), which holds whatever the segments share.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtr

from relevance.diagnosis.record import Segment
from relevance.significance import SAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from relevance.diagnosis.diagnosing import Sides
    from relevance.gate import Limits

    _Bools = npt.NDArray[np.bool_]
    _Floats = npt.NDArray[np.float64]

LEAST_QUERIES = 100
"""Fewer queries are no segment: what they do is mostly luck."""

LEAST_OTHERS = 30
"""With fewer other queries there is nothing to compare a segment with."""

_words = re.compile(r"\w+").findall


def segment_members(texts: Sequence[str], grades: Sequence[Mapping[str, float]]) -> dict[str, _Bools]:
    """Which queries belong to which segment, by its name.

    Args:
        texts: of the queries.
        grades: of each query, grade by product id.

    Returns:
        Arrays of shape (queries,). Queries are told apart by their length in words, by whether a number is in them, by
        whether they have fewer judgments than the median query, and by whether one of their words is in no other query.
    """
    words = [frozenset(_words(text.casefold())) for text in texts]
    lengths = np.array([len(_words(text)) for text in texts])
    numbers = np.array([any(sign.isdecimal() for sign in text) for text in texts], dtype=bool)
    judged = np.array([len(one) for one in grades])
    middle = median(judged.tolist()) if len(judged) else 0
    counts: dict[str, int] = {}
    for one in words:
        for word in one:
            counts[word] = counts.get(word, 0) + 1
    rare = np.array([any(counts[word] == 1 for word in one) for one in words], dtype=bool)
    few = judged < middle
    return {
        "one word": lengths <= 1,
        "two or three words": (lengths > 1) & (lengths <= 3),  # noqa: PLR2004 - as it says
        "four words or more": lengths > 3,  # noqa: PLR2004
        "with a number": numbers,
        "without a number": ~numbers,
        f"fewer than {middle:g} judgments": few,
        f"{middle:g} judgments or more": ~few,
        "a word that no other query has": rare,
        "only words that other queries have": ~rare,
    }


def welch(inside: _Floats, others: _Floats) -> float:
    """Chance that the mean of `inside` is so far above that of `others` if both are alike; two values or more each."""
    spreads = (float(inside.var(ddof=1)) / len(inside), float(others.var(ddof=1)) / len(others))
    difference, error = float(inside.mean() - others.mean()), sum(spreads) ** 0.5
    if error <= SAME:
        return 0.0 if difference > SAME else 1.0
    freedom = sum(spreads) ** 2 / (spreads[0] ** 2 / (len(inside) - 1) + spreads[1] ** 2 / (len(others) - 1))
    return float(stdtr(freedom, -difference / error))


def holm(chances: Sequence[float]) -> list[float]:
    """Adjusted p of each, in the order given."""
    adjusted, highest = [0.0] * len(chances), 0.0
    for place, at in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        highest = max(highest, min(1.0, chances[at] * (len(chances) - place)))
        adjusted[at] = highest
    return adjusted


@dataclass(frozen=True)
class UnjudgedSegment:
    """A segment of one strategy before it is judged beside all others.

    Attributes:
        segment: without an adjusted p.
        whole: the relative drop of all queries; None where their mean was 0.
        p: of the segment by itself; None where it was not tested.
    """

    segment: Segment
    whole: float | None
    p: float | None


def measure_segments(sides: Sides, members: Mapping[str, _Bools]) -> list[UnjudgedSegment]:
    """The segments of a strategy that are large enough, not judged yet."""
    before, after, drops = sides.before, sides.after, sides.drops

    def relative(rows: _Bools) -> float | None:
        mean = float(before[rows].mean())
        return float(drops[rows].mean()) / mean if mean > 0 else None

    whole = relative(np.ones(len(before), dtype=bool))
    segments = []
    for name, inside in members.items():
        size = int(inside.sum())
        if size < LEAST_QUERIES:
            continue
        p = welch(drops[inside], drops[~inside]) if len(inside) - size >= LEAST_OTHERS else None
        means = float(before[inside].mean()), float(after[inside].mean())
        segment = Segment(name, size, *means, relative(inside), adjusted_p=None, worse=False)
        segments.append(UnjudgedSegment(segment, whole, p))
    return segments


def judge_segments(measured: Mapping[str, Sequence[UnjudgedSegment]], limits: Limits) -> dict[str, tuple[Segment, ...]]:
    """The segments of each strategy, judged together.

    A segment is worse where its relative drop is above that of all queries by `Limits.warn` or more, and its adjusted
    p is `Limits.p_sure` or less.
    """
    adjusted = iter(holm([one.p for several in measured.values() for one in several if one.p is not None]))
    return {
        name: tuple(_judged(one, None if one.p is None else next(adjusted), limits) for one in several)
        for name, several in measured.items()
    }


def _judged(measured: UnjudgedSegment, adjusted: float | None, limits: Limits) -> Segment:
    relative, whole = measured.segment.relative, measured.whole
    further = relative is not None and whole is not None and relative - whole >= limits.warn
    worse = further and adjusted is not None and adjusted <= limits.p_sure
    return replace(measured.segment, adjusted_p=adjusted, worse=worse)
