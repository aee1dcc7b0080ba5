"""What a session measured, as a value: what a baseline file holds, and what a new session is compared as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from relevance.evaluation import Metric

__all__ = ["DIGITS", "DatasetMark", "Measured", "Snapshot"]

DIGITS = 6
"""Decimals of a metric: beyond is the rounding of one machine's logarithms, so identical runs stay identical."""


@dataclass(frozen=True)
class DatasetMark:
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
class Measured:
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
        calibration_s: seconds of the fixed strategy on the fixed made catalogue, on the same engine; None where no time
            was taken.
    """

    dataset: DatasetMark
    queries: tuple[str, ...]
    texts: tuple[str, ...]
    grades: tuple[Mapping[str, int], ...]
    relevant_from: int
    strategies: Mapping[str, Measured]
    engine: Mapping[str, object]
    models: Mapping[str, Mapping[str, object]]
    versions: Mapping[str, str]
    calibration_s: float | None
