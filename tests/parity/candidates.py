"""Recognises lists that differ only because several products tie at a leg's last candidate.

A vector clause scores so many nearest products, its candidates. Where the last of them is as near as further products,
one sorted segment takes those with the lower ids; several segments or shards may take others of the same distance. That
changes the sums of the products in question by one clause, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from parity.compare import TOLERANCE
from relevance.records import NO_HIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from relevance.engines import Engine, QueryBatch
    from relevance.records import Ranking
    from relevance.strategies import Leg

    _Bools = npt.NDArray[np.bool_]
    _Floats = npt.NDArray[np.float64]

CELLS = 4_000_000
"""Queries times products that are scored at a time: what bounds the memory."""

NO_VECTOR = -1.0
"""In the place of a score, all of which are 0 or more."""


@dataclass(frozen=True)
class _Clause:
    """What a vector clause may add to each product's score, for a part of the queries.

    Attributes:
        scores: shape (queries, products), `NO_VECTOR` for a product without one.
        sure: shape (queries, products), the candidates of every choice.
        tied: likewise, the products of which any may be chosen.
        places: shape (queries,), how many of them are.
    """

    scores: _Floats
    sure: _Bools
    tied: _Bools
    places: npt.NDArray[np.int64]


def tied_at_the_last_candidate(engine: Engine, leg: Leg, batch: QueryBatch, found: Ranking, products: int) -> list[int]:
    """Return the rows of lists that are right for some choice among products that tie at the last candidate.

    Args:
        engine: holds the products; exact, so that its scores say who ties.
        leg: that was asked.
        batch: its queries.
        found: what another engine answered, whose lists are judged.
        products: how many there are.

    Returns:
        Rows in which a clause has such a tie, every hit has a score that one of the choices gives it, and no product
        is left out that every choice puts above the last hit. Other rows may be right too, without any choice.
    """
    step = max(1, CELLS // products)
    rows: list[int] = []
    for start in range(0, len(batch), step):
        part = batch[start : start + step]
        text = _all_scores(engine, replace(leg, vectors=()), part, products) if leg.text else None
        clauses = [_clause(engine, replace(leg, text=(), vectors=(one,)), part, products) for one in leg.vectors]
        for row in range(len(part)):
            of_row = [_row_of(clause, row) for clause in clauses]
            if any(clause.tied.any() for clause in of_row):
                base = np.full(products, -np.inf) if text is None else text[row]
                if _is_a_choice(base, of_row, found.codes[start + row], found.scores[start + row]):
                    rows.append(start + row)
    return rows


def _all_scores(engine: Engine, leg: Leg, batch: QueryBatch, products: int) -> _Floats:
    """The leg's score of every product, shape (queries, products), -inf for one that is no hit."""
    found = engine.search(replace(leg, candidates=products), batch, hits=products)
    scores = np.full((len(batch), products + 1), -np.inf)  # the last column takes what stands behind the last hit
    np.put_along_axis(scores, np.where(found.codes == NO_HIT, products, found.codes), found.scores, axis=1)
    return scores[:, :products]


def _clause(engine: Engine, leg: Leg, batch: QueryBatch, products: int) -> _Clause:
    scores = _all_scores(engine, leg, batch, products)
    holders = scores > -np.inf
    scores = np.where(holders, scores, NO_VECTOR)
    if products <= leg.candidates:
        return _Clause(scores, holders, np.zeros_like(holders), np.zeros(len(batch), dtype=np.int64))
    ordered = -np.sort(-scores, axis=1)
    edge, after = ordered[:, leg.candidates - 1, None], ordered[:, leg.candidates, None]
    margin = TOLERANCE * edge
    tied = (after >= 0) & (edge - after <= margin) & (np.abs(scores - edge) <= margin)
    sure = holders & ~tied & (scores >= edge)
    return _Clause(scores, sure, tied, leg.candidates - sure.sum(axis=1))


def _row_of(clause: _Clause, row: int) -> _Clause:
    return _Clause(clause.scores[row], clause.sure[row], clause.tied[row], clause.places[row, None])


def _is_a_choice(base: _Floats, clauses: Sequence[_Clause], codes: npt.NDArray[np.int64], found: _Floats) -> bool:
    """Whether a list is what some choice of tied candidates gives.

    Args:
        base: shape (products,), scores of the text clauses, -inf for a product that they do not match.
        clauses: of one query; arrays of shape (products,).
        codes: shape (hits,).
        found: shape (hits,), the scores that go with them.
    """
    hits = codes != NO_HIT
    for clause in clauses:
        base = _added(base, clause.scores, clause.sure)
    last = found[-1] * (1 + TOLERANCE) if hits.all() else -np.inf
    others = np.ones(len(base), dtype=bool)
    others[codes[hits]] = False
    if (base[others] > last).any():
        return False
    codes, scores = codes[hits], found[hits].astype(np.float64)
    fits = {
        chosen: np.abs(total[codes] - scores) <= TOLERANCE * np.abs(scores) for chosen, total in _totals(base, clauses)
    }
    if not np.logical_or.reduce(list(fits.values())).all():
        return False
    for number, clause in enumerate(clauses):
        with_it, without = (
            np.logical_or.reduce([fit for chosen, fit in fits.items() if chosen[number] is wanted])
            for wanted in (True, False)
        )
        too_good = others & clause.tied & (_added(base, clause.scores, clause.tied) > last)
        passed_over = (clause.tied[codes] & ~with_it).sum() + too_good.sum()
        if (with_it & ~without).sum() > clause.places or passed_over > clause.tied.sum() - clause.places:
            return False
    return True


def _added(base: _Floats, scores: _Floats, mask: _Bools) -> _Floats:
    """Add a clause's scores where the mask is; a product without a score before becomes a hit."""
    return np.where(mask, np.where(np.isfinite(base), base, 0) + scores, base)


def _totals(base: _Floats, clauses: Sequence[_Clause]) -> Iterator[tuple[tuple[bool, ...], _Floats]]:
    """Every choice of clauses that add to a product among their ties, and the score that follows; nan: not its ties."""
    for chosen in product((False, True), repeat=len(clauses)):
        total = base
        for is_chosen, clause in zip(chosen, clauses, strict=True):
            if is_chosen:
                total = np.where(clause.tied, _added(total, clause.scores, clause.tied), np.nan)
        yield chosen, total
