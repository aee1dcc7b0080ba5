"""How far raters agree beyond chance: Krippendorff's alpha for ordinal grades."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def ordinal_alpha(units: Iterable[Sequence[float]]) -> float | None:
    """Krippendorff's alpha of grades whose order alone counts.

    1 is agreement without exception, 0 what chance gives, less is worse than chance. Exact: the ordinal distance of two
    grades, the number of grades from the one to the other with half of either end, is the difference of their mean
    ranks, so that sums of ranks and of their squares do, without a matrix of coincidences.

    Source: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C with the ordinal metric.

    Args:
        units: of each thing that is graded the grades, one a rater; what fewer than two have graded does not enter.

    Returns:
        None where nothing has two grades, or all grades are the same: then there is nothing to agree on.
    """
    paired = [tuple(unit) for unit in units if len(unit) > 1]
    counts = dict(sorted(Counter(grade for unit in paired for grade in unit).items()))
    # twice the mean rank, so that it is whole
    ranks = {
        grade: 2 * end - count for (grade, count), end in zip(counts.items(), accumulate(counts.values()), strict=True)
    }
    expected = _spread([rank for grade, rank in ranks.items() for _ in range(counts[grade])])
    if not expected:
        return None
    within: Counter[int] = Counter()
    for unit in paired:
        within[len(unit)] += _spread([ranks[grade] for grade in unit])
    observed = sum((Fraction(spread, raters - 1) for raters, spread in within.items()), Fraction(0))
    return float(1 - (sum(counts.values()) - 1) * observed / expected)


def _spread(ranks: Sequence[int]) -> int:
    """The sum of the squared differences of all pairs, each once."""
    return len(ranks) * sum(rank * rank for rank in ranks) - sum(ranks) ** 2
