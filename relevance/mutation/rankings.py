"""Changes of the lists that the engine returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from relevance.mutation.altered import Alterations, altered
from relevance.mutation.kind import Kind
from relevance.records import NO_HIT, Ranking

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from relevance.suite import Plan

__all__ = ["KINDS", "noisy_scores", "of_rankings", "ties_shuffled"]

_GROUP = "rankings"
_EMPTY_EACH = 50
_DEEPER = 20


def of_rankings(
    change: Callable[[Ranking, int, np.random.Generator], Ranking], *, deeper: int = 0
) -> Callable[[Plan, int], Plan]:
    """A change of every list: from more hits than were asked for to as many as were."""

    def changed(plan: Plan, seed: int) -> Plan:
        return altered(
            plan,
            Alterations(
                ranking=lambda ranking, hits: change(ranking, hits, np.random.default_rng(seed)), deeper=deeper
            ),
        )

    return changed


def _first_lost(ranking: Ranking, hits: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG001 - nothing is drawn
    codes, scores = np.full_like(ranking.codes, NO_HIT), np.full_like(ranking.scores, -np.inf)
    codes[:, :-1], scores[:, :-1] = ranking.codes[:, 1:], ranking.scores[:, 1:]
    return Ranking(codes[:, :hits], scores[:, :hits])


def _from_second(ranking: Ranking, hits: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG001 - nothing is drawn
    return Ranking(ranking.codes[:, 1 : hits + 1], ranking.scores[:, 1 : hits + 1])


def _reversed(ranking: Ranking, hits: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG001 - nothing is drawn
    """The hits of a row turned round; padding stays behind them."""
    found = (ranking.codes != NO_HIT).sum(axis=1, keepdims=True)
    places = np.arange(hits)
    turned = np.where(places < found, found - 1 - places, places)
    codes = np.take_along_axis(ranking.codes, turned, axis=1)
    # scores stay: a list is ordered by them
    return Ranking(codes, ranking.scores)


def _by_id(ranking: Ranking, hits: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG001 - nothing is drawn
    last = np.iinfo(np.int64).max
    codes = np.sort(np.where(ranking.codes == NO_HIT, last, ranking.codes), axis=1)
    return Ranking(np.where(codes == last, NO_HIT, codes), ranking.scores)


def _twice(ranking: Ranking, hits: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG001 - nothing is drawn
    """The first hit comes again at once, the last one falls out."""
    codes, scores = ranking.codes.copy(), ranking.scores.copy()
    codes[:, 1:], scores[:, 1:] = ranking.codes[:, :-1], ranking.scores[:, :-1]
    return Ranking(codes, scores)


def _emptied(ranking: Ranking, hits: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG001 - a list's own length
    """The same queries in every list of a batch, since each is drawn from the same seed."""
    chosen = rng.permutation(len(ranking.codes))[: max(1, len(ranking.codes) // _EMPTY_EACH)]
    codes, scores = ranking.codes.copy(), ranking.scores.copy()
    codes[chosen], scores[chosen] = NO_HIT, -np.inf
    return Ranking(codes, scores)


def _half(ranking: Ranking, hits: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG001 - nothing is drawn
    codes, scores = ranking.codes.copy(), ranking.scores.copy()
    codes[:, hits // 2 :], scores[:, hits // 2 :] = NO_HIT, -np.inf
    return Ranking(codes, scores)


def _every_second(ranking: Ranking, hits: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG001 - nothing is drawn
    return Ranking(ranking.codes[:, : 2 * hits : 2], ranking.scores[:, : 2 * hits : 2])


def _ordered(
    ranking: Ranking, scores: npt.NDArray[np.float32], hits: int, ties: npt.NDArray[np.float64 | np.int64]
) -> Ranking:
    """Hits by these scores, descending; of equal ones the lowest of `ties` first."""
    order = np.lexsort((ties, -scores), axis=1)[:, :hits]
    return Ranking(np.take_along_axis(ranking.codes, order, axis=1), np.take_along_axis(scores, order, axis=1))


def noisy_scores(size: float) -> Callable[[Plan, int], Plan]:
    """Each score moves by up to about so much of itself, and the list is ordered by what comes out."""

    def change(ranking: Ranking, hits: int, rng: np.random.Generator) -> Ranking:
        noise = rng.standard_normal(ranking.scores.shape, dtype=np.float32) * np.float32(size)
        moved = np.where(ranking.codes == NO_HIT, -np.inf, ranking.scores * (1 + noise))
        return _ordered(ranking, moved, hits, ranking.codes)

    return of_rankings(change, deeper=_DEEPER)


ties_shuffled = of_rankings(
    lambda ranking, hits, rng: _ordered(ranking, ranking.scores, hits, rng.random(ranking.codes.shape)), deeper=_DEEPER
)
"""Equal scores are put in an order by chance, among the hits that the engine returns."""


KINDS = (
    Kind("first_hit_lost", _GROUP, "the first hit of every list is lost", of_rankings(_first_lost)),
    Kind("off_by_one", _GROUP, "every list begins with its second hit", of_rankings(_from_second, deeper=1)),
    Kind("every_second_hit", _GROUP, "every other hit is lost", of_rankings(_every_second, deeper=60)),
    Kind("hits_reversed", _GROUP, "every list is turned round", of_rankings(_reversed)),
    Kind("hits_by_id", _GROUP, "the hits of every list are ordered by id", of_rankings(_by_id)),
    Kind("half_of_the_hits", _GROUP, "the second half of every list is lost", of_rankings(_half)),
    Kind("duplicates", _GROUP, "the first hit of every list comes twice", of_rankings(_twice)),
    Kind("newly_empty", _GROUP, "one query of 50 returns nothing", of_rankings(_emptied)),
)
