"""Legs that differ in boosts alone, answered together: a clause is scored once and combined many times.

The scores are those of the legs on their own, bit for bit. Lucene multiplies by the boost first and rounds to float32
after every step, so the score of one boost gives that of another where their ratio is a power of two, by which floats
scale exactly. A match clause is therefore scored once for all boosts that are equal up to such a power: {1, 2, 4, 6, 8}
takes two passes. The boost of a vector clause is a factor of the finished score.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

from relevance.engines.embedded.engine import rounded
from relevance.engines.embedded.rows import added, offsets_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from relevance.engines.embedded.engine import Clause, Scores

    _Floats: TypeAlias = npt.NDArray[np.float64]
    _Ints: TypeAlias = npt.NDArray[np.int64]

_Number = TypeVar("_Number", bound=np.generic)

_NO_SCORE = -1.0
_CELLS_AT_ONCE = 1 << 19  # sums ranked at a time: few enough for the processor's cache, and what bounds the memory
_SEEDS = 3  # times as many hits as are kept say what is worth looking at
_LOWEST = 1e-30  # below every score but 0, which the vectors' clauses hold as the smallest float there is
_MARGIN = 1 - 1e-5  # far more than what rounding to float32 changes
_NARROWEST = 16  # cells of a rectangle's row


# The hits of queries as few rectangles: rows of about the same length are worked on together


@dataclass(frozen=True, eq=False)
class Block:
    """Queries with about as many hits each, their hits as a rectangle.

    Attributes:
        queries: shape (rows,).
        start: its first cell among all.
        width: cells of a row; a row's hits stand first, in the order in which they were given.
    """

    queries: _Ints
    start: int
    width: int

    @property
    def cells(self) -> slice:
        """Where it lies."""
        return slice(self.start, self.start + len(self.queries) * self.width)

    def of(self, cells: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
        """Take the rectangle out of all cells, the last axis: shape (…, rows, width)."""
        return cells[..., self.cells].reshape(*cells.shape[:-1], -1, self.width)


class Layout:
    """Where the hits of queries lie, as few rectangles.

    Args:
        query: shape (hits,), ascending; hits of one query may have any order.
        queries: how many there are.
    """

    def __init__(self, query: _Ints, queries: int) -> None:
        sizes = np.bincount(query, minlength=queries)
        widths = np.exp2(np.ceil(np.log2(np.maximum(sizes, _NARROWEST)))).astype(np.int64)
        starts = np.zeros(queries, dtype=np.int64)
        self.blocks: list[Block] = []
        self.size = 0
        for width in np.unique(widths[sizes > 0]).tolist():
            rows = np.flatnonzero((widths == width) & (sizes > 0))
            starts[rows] = self.size + width * np.arange(len(rows))
            self.blocks.append(Block(rows, self.size, width))
            self.size += width * len(rows)
        self.places = (starts - offsets_of(sizes)[:-1])[query] + np.arange(len(query))

    def spread(self, values: npt.NDArray[_Number], rest: float = 0) -> npt.NDArray[_Number]:
        """Put the values of the hits, in their order, at their places, and `rest` at all others; shape (cells,)."""
        cells = np.full(self.size, rest, dtype=values.dtype)
        cells[self.places] = values
        return cells


def best_together(clauses: Sequence[Clause], codes: _Ints, scores: npt.NDArray[np.float32]) -> None:
    """Fill `codes` and `scores`, shape (legs, queries, hits), with the best: score descending, code ascending.

    The clauses stand in the order in which a leg adds them.
    """
    found = [{half: clause.score(half) for half in dict(_parts(clause).values())} for clause in clauses]
    query, product, values = _gathered(found)
    linear = [next(iter(each.values())) / next(iter(each)) for each in values]
    legs = np.array(list(zip(*(clause.boosts for clause in clauses), strict=True)))
    kept = np.flatnonzero(_contenders(Layout(query, codes.shape[1]), linear, legs, codes.shape[2]))
    kept = kept[np.lexsort((product[kept], query[kept]))]  # few are left to be sorted
    layout = Layout(query[kept], codes.shape[1])
    boosted = [
        _boosted(clause, layout, {half: one[kept] for half, one in each.items()}, 0.0 if at else _NO_SCORE)
        for at, (clause, each) in enumerate(zip(clauses, values, strict=True))
    ]
    products, steps = layout.spread(product[kept]), _steps(clauses)
    for block in layout.blocks:
        of_block = [block.of(each) for each in boosted]
        at_once = max(1, _CELLS_AT_ONCE // (len(legs) * block.width))
        for first in range(0, len(block.queries), at_once):
            rows = slice(first, first + at_once)
            sums = _sums([each[:, rows] for each in of_block], steps)
            _rank(sums, block.of(products)[rows], block.queries[rows], codes, scores)


def _parts(clause: Clause) -> dict[float, tuple[float, float]]:
    """By boost, the boost that is scored and the power of two that its scores are multiplied by."""
    if not clause.is_text:
        return {boost: (1.0, boost) for boost in clause.boosts}
    halves = {boost: frexp(boost) for boost in clause.boosts}
    return {boost: (half, 2.0**power) for boost, (half, power) in halves.items()}


def _boosted(clause: Clause, layout: Layout, scores: Mapping[float, _Floats], rest: float) -> _Floats:
    """Shape (boosts, cells): scores of each different boost, as first met, as `alone` and `nearest` give them."""
    rows = []
    for boost, (half, factor) in _parts(clause).items():
        if not clause.is_text:
            row = (scores[half].astype(np.float32) * np.float32(factor)).astype(np.float64)
        else:
            row = scores[half] * factor if boost == 1 else rounded(scores[half] * factor)
        rows.append(layout.spread(row, rest))
    return np.stack(rows)


def _gathered(found: Sequence[dict[float, Scores]]) -> tuple[_Ints, _Ints, list[dict[float, _Floats]]]:
    """Query (ascending) and product of every hit, and what each clause scores it; a hit of one clause is one of all."""
    hits = added([next(iter(each.values())) for each in found])
    queries, products = len(hits), hits.columns
    keys = _keys(hits)
    place_of = np.empty(queries * products, dtype=np.int32)  # read only where it was written
    place_of[keys] = np.arange(len(keys))
    values: list[dict[float, _Floats]] = [{} for _ in found]
    for each, scored in zip(values, found, strict=True):
        places = place_of[_keys(next(iter(scored.values())))]
        for half, one in scored.items():
            each[half] = np.zeros(len(keys))
            each[half][places] = one.data
    query = hits.rows
    return query, keys - query * products, values


def _keys(scores: Scores) -> _Ints:
    return scores.rows * scores.columns + scores.indices


def _contenders(layout: Layout, linear: Sequence[_Floats], legs: _Floats, hits: int) -> npt.NDArray[np.bool_]:
    """Shape (hits of the clauses,): which may be among the best of a leg.

    A few good hits give a score that the best of each leg reach at least. Only hits that reach it in a leg stay, by
    the share of it that a clause contributes at most.

    Args:
        layout: of the hits.
        linear: by clause, its scores with the boost 1, but for the rounding.
        legs: shape (legs, clauses), boosts.
        hits: how many are the best.
    """
    seeds = _SEEDS * hits
    clauses = np.stack([layout.spread(each) for each in linear])
    middle = np.exp(np.log(legs).mean(axis=0))
    kept = np.ones(layout.size, dtype=bool)
    for block in layout.blocks:
        if block.width > seeds:
            kept[block.cells] = _reaching(block.of(clauses), middle, legs, (seeds, hits)).ravel()
    found: npt.NDArray[np.bool_] = kept[layout.places]
    return found


def _reaching(scored: _Floats, middle: _Floats, legs: _Floats, sizes: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Shape (rows, width): see `_contenders`; `scored` has the shape (clauses, rows, width)."""
    seeds, hits = sizes
    totals = np.tensordot(middle, scored, axes=1)
    best = np.argpartition(-totals, seeds, axis=1)[:, :seeds]
    few = np.take_along_axis(scored, best[np.newaxis], axis=2)
    of_legs = np.tensordot(legs, few, axes=1)
    reached = np.partition(of_legs, seeds - hits, axis=2)[:, :, seeds - hits] * _MARGIN
    none = reached.min(axis=0) < _LOWEST
    shares = (legs[:, :, np.newaxis] / np.where(none, 1, reached)[:, np.newaxis, :]).max(axis=0)
    kept: npt.NDArray[np.bool_] = np.einsum("cr,crw->rw", shares, scored) >= 1
    kept |= none[:, np.newaxis]
    return kept


def _steps(clauses: Sequence[Clause]) -> list[tuple[_Ints, _Ints]]:
    """For each clause, which of the sums so far and which of its boosts make the next sums; the last: each leg's."""
    steps = []
    so_far = np.zeros(len(clauses[0].boosts), dtype=np.int64)
    for clause in clauses:
        boosts = list(dict.fromkeys(clause.boosts))
        chosen = np.array([boosts.index(boost) for boost in clause.boosts])
        pairs, so_far = np.unique(np.stack([so_far, chosen]), axis=1, return_inverse=True)
        steps.append((pairs[0], pairs[1]))
    return [*steps[:-1], (steps[-1][0][so_far], steps[-1][1][so_far])]


def _sums(boosted: Sequence[_Floats], steps: Sequence[tuple[_Ints, _Ints]]) -> npt.NDArray[np.float32]:
    """Shape (legs, rows, width): clauses added from left to right in float64, as float32."""
    sums = np.zeros((1, 1, 1))
    for each, (before, boost) in zip(boosted, steps, strict=True):
        sums = sums[before] + each[boost]
    return sums.astype(np.float32)


def _rank(
    sums: npt.NDArray[np.float32],
    products: _Ints,
    queries: _Ints,
    codes: _Ints,
    scores: npt.NDArray[np.float32],
) -> None:
    width, hits = sums.shape[-1], codes.shape[-1]
    # A float of 0 or more is ordered as its bits are: one key ranks by score, then by column, which is by code.
    shift = width.bit_length()
    keys = np.arange(width) - (sums.view(np.int32).astype(np.int64) << shift)
    if width > hits:
        keys = np.partition(keys, hits - 1, axis=-1)[..., :hits]
    keys.sort(axis=-1)
    bits, columns = keys >> shift, keys & ((1 << shift) - 1)
    kept = slice(keys.shape[-1])
    is_hit = bits <= 0
    best = np.take_along_axis(np.broadcast_to(products, sums.shape), columns, axis=-1)
    codes[:, queries, kept] = np.where(is_hit, best, codes[:, queries, kept])
    scores[:, queries, kept] = np.where(is_hit, (-bits).astype(np.int32).view(np.float32), -np.inf)
