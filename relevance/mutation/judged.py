"""Changes of judgments. They are other data, which the gate refuses; what they would do is measured all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from relevance.mutation.kind import Kind, NotApplicableError
from relevance.records import Judgments

if TYPE_CHECKING:
    from collections.abc import Callable

    from relevance.suite import Plan

__all__ = ["KINDS"]

_GROUP = "judgments"
_LOST = 0.1


def _judgments(change: Callable[[Judgments, np.random.Generator], Judgments]) -> Callable[[Plan, int], Plan]:
    def changed(plan: Plan, seed: int) -> Plan:
        made = change(plan.dataset.judgments, np.random.default_rng(seed))
        return replace(plan, dataset=replace(plan.dataset, judgments=made))

    return changed


def _of_next(given: Judgments, rng: np.random.Generator) -> Judgments:  # noqa: ARG001 - nothing is drawn
    judged = np.unique(given.queries)
    if len(judged) < 2:  # noqa: PLR2004 - a query alone has no next one
        raise NotApplicableError("there is one judged query")
    moved = np.roll(judged, 1)[np.searchsorted(judged, given.queries)]
    return Judgments(moved, given.products, given.grades, relevant_from=given.relevant_from)


def _lost(given: Judgments, rng: np.random.Generator) -> Judgments:
    """Grades that became 0; a query keeps one relevant product, so that its metrics stay defined as they were."""
    relevant = given.grades >= given.relevant_from
    first = np.zeros(len(given), dtype=np.bool_)
    places = np.flatnonzero(relevant)
    first[places[np.unique(given.queries[places], return_index=True)[1]]] = True
    gone = relevant & ~first & (rng.random(len(given)) < _LOST)
    return Judgments(given.queries, given.products, np.where(gone, 0, given.grades), relevant_from=given.relevant_from)


KINDS = (
    Kind("judgments_of_next_query", _GROUP, "every query has the judgments of the one before it", _judgments(_of_next)),
    Kind("judgments_lost", _GROUP, "10% of the relevant judgments became irrelevant", _judgments(_lost)),
)
