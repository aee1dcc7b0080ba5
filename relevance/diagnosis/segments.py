"""Segments: whether queries that have something in common fell further than the others.

A segment's drops are compared with those of all other queries by Welch's t test (B. L. Welch, "The generalization of
'Student's' problem when several different population variances are involved", Biometrika 34, 1947), one-sided. Looking
at many segments finds a striking one by luck, so p is adjusted by Holm's step-down procedure over all segments of all
strategies that are diagnosed (S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal
of Statistics 6, 1979), which holds whatever the segments share.
"""

from __future__ import annotations

import re
from collections import Counter
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
    counts = Counter(word for one in words for word in one)
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


def judged_segments(strategies: Sequence[Sides], limits: Limits) -> dict[str, tuple[Segment, ...]]:
    """The segments of each strategy that are large enough, judged together.

    A segment is worse where its relative drop is above that of all queries by `Limits.warn` or more, and its adjusted
    p is `Limits.p_sure` or less.

    Args:
        strategies: of the same queries.
        limits: those that the gate goes by.
    """
    if not strategies:
        return {}
    members = segment_members(strategies[0].now.texts, strategies[0].now.grades)
    large = {name: inside for name, inside in members.items() if inside.sum() >= LEAST_QUERIES}
    tested = [
        (sides.strategy, name, welch(sides.drops[inside], sides.drops[~inside]))
        for sides in strategies
        for name, inside in large.items()
        if (~inside).sum() >= LEAST_OTHERS
    ]
    chances = holm([p for *_, p in tested])
    adjusted = {(strategy, name): p for (strategy, name, _), p in zip(tested, chances, strict=True)}
    return {
        sides.strategy: tuple(
            _segment(sides, name, inside, adjusted.get((sides.strategy, name)), limits)
            for name, inside in large.items()
        )
        for sides in strategies
    }


def _segment(sides: Sides, name: str, inside: _Bools, adjusted_p: float | None, limits: Limits) -> Segment:
    relative, whole = sides.relative_drop(inside), sides.relative_drop()
    further = relative is not None and whole is not None and relative - whole >= limits.warn
    return Segment(
        name=name,
        queries=int(inside.sum()),
        before=float(sides.before[inside].mean()),
        after=float(sides.after[inside].mean()),
        relative=relative,
        adjusted_p=adjusted_p,
        worse=further and adjusted_p is not None and adjusted_p <= limits.p_sure,
    )
