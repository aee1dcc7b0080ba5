"""Queries won and lost, and both rankings of a query side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relevance.diagnosis.record import Hit, QueryChange, SideBySide
from relevance.significance import SAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relevance.diagnosis.record import Mark
    from relevance.diagnosis.sides import Sides

__all__ = ["changed_queries", "newly_empty", "side_by_side"]


def changed_queries(sides: Sides) -> tuple[tuple[QueryChange, ...], tuple[QueryChange, ...]]:
    """Those that were won, the largest gain first, and those that were lost, the largest loss first; ties by id."""
    columns = (sides.queries, sides.texts, sides.before.tolist(), sides.after.tolist(), sides.drops.tolist())
    changes = [QueryChange(*row) for row in zip(*columns, strict=True)]
    won = sorted((one for one in changes if one.drop < -SAME), key=lambda one: (one.drop, one.query))
    lost = sorted((one for one in changes if one.drop > SAME), key=lambda one: (-one.drop, one.query))
    return tuple(won), tuple(lost)


def newly_empty(sides: Sides) -> tuple[str, ...]:
    """Texts of the queries that returned something before and return nothing now."""
    rows = zip(sides.texts, sides.was.hits, sides.has.hits, strict=True)
    return tuple(text for text, was, has in rows if was and not has)


def side_by_side(sides: Sides, changes: Sequence[QueryChange], titles: Mapping[str, str]) -> tuple[SideBySide, ...]:
    """Both rankings of some queries, in their order.

    Args:
        sides: of the strategy.
        changes: the queries.
        titles: by product id, as far as known.
    """
    row_of = {query: row for row, query in enumerate(sides.queries)}
    found = []
    for change in changes:
        row = row_of[change.query]
        was, has, grades = sides.was.hits[row], sides.has.hits[row], sides.grades[row]
        found.append(
            SideBySide(change, _marked(was, has, "gone", grades, titles), _marked(has, was, "new", grades, titles))
        )
    return tuple(found)


def _marked(
    hits: Sequence[str], others: Sequence[str], alone: Mark, grades: Mapping[str, float], titles: Mapping[str, str]
) -> tuple[Hit, ...]:
    """Hits beside those of the other side; `alone` is the mark of those that the other side lacks."""
    ranks = {product: rank for rank, product in enumerate(others, 1)}
    found = []
    for rank, product in enumerate(hits, 1):
        other = ranks.get(product)
        mark: Mark = alone if other is None else "same" if other == rank else "moved"
        found.append(Hit(product, titles.get(product), grades.get(product), mark, other))
    return tuple(found)
