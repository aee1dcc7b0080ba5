"""What a session measured, as a value: what a baseline file holds, and what a new session is compared as."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import numpy as np
    import numpy.typing as npt

    from relevance.evaluation import Metric

DIGITS = 6
"""Decimals of a metric: beyond is the rounding of one machine's logarithms, so identical runs stay identical."""


@dataclass(frozen=True)
class DatasetIdentity:
    """The data that was measured on.

    Attributes:
        name: of the data set.
        corpus: sha256 of the products.
        queries: sha256 of the queries.
        judgments: sha256 of the judgments.
        products: how many there are.
    """

    name: str
    corpus: str
    queries: str
    judgments: str
    products: int


@dataclass(frozen=True, eq=False)
class Measurement:
    """One strategy.

    Attributes:
        definition: the strategy as a table of JSON values (text, vectors, combine, …, model).
        metrics: shape (judged queries,) each, float64 rounded to `DIGITS`, in the order of the snapshot's queries.
        hits: product ids of the first ten hits of each query.
        scores_sha256: hash of hits and scores, so that identical runs are known.
        run_time_s: seconds for all queries, minimum of the rounds; None where no time was taken.
        rounds: how many rounds that is the minimum of.
    """

    definition: Mapping[str, object]
    metrics: Mapping[Metric, npt.NDArray[np.float64]]
    hits: tuple[tuple[str, ...], ...]
    scores_sha256: str
    run_time_s: float | None
    rounds: int


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A session.

    Attributes:
        dataset: what was measured on.
        queries: ids of the judged queries, ascending as text.
        texts: of these queries.
        grades: of each query, grade by product id: the judgments.
        relevant_from: lowest grade that counts as relevant.
        strategies: by name.
        engine: name, version and facts, JSON values.
        models: by name, as in `results.json`.
        versions: of the packages that decide results, by name.
        calibration_s: seconds of the fixed strategy on the fixed generated catalogue, on the same engine; None where
            no time was taken.
    """

    dataset: DatasetIdentity
    queries: tuple[str, ...]
    texts: tuple[str, ...]
    grades: tuple[Mapping[str, float], ...]
    relevant_from: float
    strategies: Mapping[str, Measurement]
    engine: Mapping[str, object]
    models: Mapping[str, Mapping[str, object]]
    versions: Mapping[str, str]
    calibration_s: float | None

    def judged(self) -> dict[str, tuple[str, Mapping[str, float]]]:
        """Text and grades by query id."""
        return dict(zip(self.queries, zip(self.texts, self.grades, strict=True), strict=True))


def common_queries(before: Snapshot, after: Snapshot) -> tuple[str, ...]:
    """The judged queries that mean the same on both sides: text, judgments and lowest relevant grade; ascending."""
    if before.relevant_from != after.relevant_from:
        return ()
    old = before.judged()
    return tuple(query for query, judged in after.judged().items() if old.get(query) == judged)


def on_common_queries(before: Snapshot, after: Snapshot) -> tuple[Snapshot, Snapshot]:
    """Both with the queries alone that mean the same in both, see `common_queries`; run times stay those of all."""
    common = common_queries(before, after)
    return _select(before, common), _select(after, common)


def without_run_times(snapshot: Snapshot) -> Snapshot:
    """As if no time had been taken."""
    untimed = {name: replace(one, run_time_s=None, rounds=0) for name, one in snapshot.strategies.items()}
    return replace(snapshot, strategies=untimed)


def _select(snapshot: Snapshot, queries: Collection[str]) -> Snapshot:
    """The part that is about some queries; data set and hashes stay those of the whole."""
    wanted = set(queries)
    rows = [row for row, query in enumerate(snapshot.queries) if query in wanted]
    strategies = {
        name: replace(
            one,
            metrics={metric: values[rows] for metric, values in one.metrics.items()},
            hits=tuple(one.hits[row] for row in rows),
        )
        for name, one in snapshot.strategies.items()
    }
    return replace(
        snapshot,
        queries=tuple(snapshot.queries[row] for row in rows),
        texts=tuple(snapshot.texts[row] for row in rows),
        grades=tuple(snapshot.grades[row] for row in rows),
        strategies=strategies,
    )
