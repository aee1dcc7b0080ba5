"""Recognises lists that differ only because several products tie at a leg's last candidate.

A vector clause scores so many nearest products, its candidates. Where the last of them is as near as further products,
one sorted segment takes those with the lower ids; several segments or shards may take others of the same distance. That
changes the sums of the products in question by one clause, and nothing else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from parity.compare import TOLERANCE
from relevance.engines import Engine, QueryBatch
from relevance.records import NO_HIT, Ranking
from relevance.strategies import Leg

CELLS = 4_000_000
"""Queries times products that are scored at a time: what bounds the memory."""
NO_VECTOR = -1.0
"""In the place of a score, all of which are 0 or more."""


@dataclass(frozen=True)
class _Clause:
    """What a vector clause may add to each product's score; arrays of shape (queries, products), then (products,)."""

    scores: Any  # `NO_VECTOR` for a product without one
    sure: Any  # the candidates of every choice
    tied: Any  # the products of which any may be chosen
    places: Any  # how many of them are

    def of(self, row: int) -> "_Clause":
        return _Clause(self.scores[row], self.sure[row], self.tied[row], self.places[row])

    def added(self, base: Any, mask: Any) -> Any:
        """A product without a score before becomes a hit."""
        return np.where(mask, np.where(np.isfinite(base), base, 0) + self.scores, base)


def tied_at_the_last_candidate(engine: Engine, leg: Leg, batch: QueryBatch, found: Ranking, products: int) -> list[int]:
    """The rows of `found`, another engine's answer, that are right for some choice among such products.

    `engine` holds the products; exact, so that its scores say who ties. In these rows a clause has such a tie, every
    hit has a score that one of the choices gives it, and no product is left out that every choice puts above the last
    hit. Other rows may be right too, without any choice.
    """
    step = max(1, CELLS // products)
    rows: list[int] = []
    for start in range(0, len(batch), step):
        part = batch[start : start + step]
        text = _all_scores(engine, replace(leg, vectors=()), part, products) if leg.text else None
        clauses = [_clause(engine, replace(leg, text=(), vectors=(one,)), part, products) for one in leg.vectors]
        for row in range(len(part)):
            of_row = [clause.of(row) for clause in clauses]
            base = np.full(products, -np.inf) if text is None else text[row]
            codes, scores = found.codes[start + row], found.scores[start + row]
            if any(clause.tied.any() for clause in of_row) and _is_a_choice(base, of_row, codes, scores):
                rows.append(start + row)
    return rows


def _all_scores(engine: Engine, leg: Leg, batch: QueryBatch, products: int) -> Any:
    """Shape (queries, products), -inf for one that is no hit."""
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


def _is_a_choice(base: Any, clauses: Sequence[_Clause], codes: Any, found: Any) -> bool:
    """Whether a list (codes and scores of its hits) is what some choice of tied candidates gives.

    `base` are the scores of the text clauses, shape (products,), -inf for a product that they do not match.
    """
    hits = codes != NO_HIT
    for clause in clauses:
        base = clause.added(base, clause.sure)
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
        too_good = others & clause.tied & (clause.added(base, clause.tied) > last)
        passed_over = (clause.tied[codes] & ~with_it).sum() + too_good.sum()
        if (with_it & ~without).sum() > clause.places or passed_over > clause.tied.sum() - clause.places:
            return False
    return True


def _totals(base: Any, clauses: Sequence[_Clause]) -> Iterator[tuple[tuple[bool, ...], Any]]:
    """Every choice of clauses that add to a product among their ties, and the score that follows; nan: not its ties."""
    for chosen in product((False, True), repeat=len(clauses)):
        total = base
        for is_chosen, clause in zip(chosen, clauses, strict=True):
            if is_chosen:
                total = np.where(clause.tied, clause.added(total, clause.tied), np.nan)
        yield chosen, total
