"""Why a session's strategies are worse than a baseline's: what the diagnosis has to know of the suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from relevance.baseline import DIGITS
from relevance.diagnosis import Known, diagnose, legs_without_strategy
from relevance.evaluation import evaluate
from relevance.runner import HITS
from relevance.strategies import Leg

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relevance.baseline import Snapshot
    from relevance.diagnosis import Diagnosis, LegValues
    from relevance.gate import Comparison, Limits
    from relevance.suite.comparing import Baseline
    from relevance.suite.measured import Suite

__all__ = ["diagnose_suite", "titles_of"]


def titles_of(suite: Suite) -> Mapping[str, str]:
    """Titles of all products, by id; "" for one without."""
    products = suite.plan.dataset.catalogue.products
    return dict(zip(products["id"].tolist(), products["title"].tolist(), strict=True))


def diagnose_suite(
    suite: Suite, session: Snapshot, found: Mapping[Baseline, Comparison], limits: Limits, *, live: bool
) -> tuple[Diagnosis, ...]:
    """A diagnosis for each baseline.

    Args:
        suite: has measured what was compared.
        session: its snapshot.
        found: what the gate says beside each baseline.
        limits: those it went by.
        live: whether the engine can still be asked, for legs that no strategy is alone.

    Raises:
        CouldNotRunError: the engine failed.
    """
    worse = {one.strategy for comparison in found.values() for one in comparison.findings if one.status != "pass"}
    searched = {name: _searched(suite, session, name) for name in sorted(worse)} if live else {}
    known = Known(titles_of(suite) if worse else {}, searched)
    return tuple(
        diagnose(baseline.snapshot, session, comparison, limits, known) for baseline, comparison in found.items()
    )


def _searched(suite: Suite, session: Snapshot, strategy: str) -> LegValues:
    """The legs that no strategy of the session is alone, searched by themselves."""
    dataset, values = suite.plan.dataset, {}
    for part in legs_without_strategy(session, strategy):
        vectors = ((part.vector, 1.0),) if part.vector else ()
        measured = suite.results[strategy].strategy
        leg = Leg(part.text, vectors, measured.candidates, measured.model)
        ranking = suite.engine.search(leg, suite.batch, hits=HITS)
        evaluation = evaluate(ranking, dataset.judgments, n_products=len(dataset.catalogue))
        values[part.name] = {metric: np.round(one, DIGITS) for metric, one in evaluation.per_query.items()}
    return values
