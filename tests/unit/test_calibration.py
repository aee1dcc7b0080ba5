"""The calibration: the same work everywhere, timed in rounds of which the fastest counts."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from relevance import engines
from relevance.records import NO_HIT, Ranking
from relevance.suite import measure
from relevance.suite.measure import Calibration

if TYPE_CHECKING:
    from collections.abc import Callable

    from relevance.engines import QueryBatch
    from relevance.strategies import Leg


class SlowEngine:
    """Takes 1 s for its first leg and as much as it is told for each one after that; the stopwatch is its own."""

    def __init__(self, *seconds: float) -> None:
        self.now = 0.0
        self._seconds = iter(seconds)
        self.legs: list[Leg] = []

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        """Find nothing."""
        self.legs.append(leg)
        self.now += next(self._seconds)
        empty = np.full((len(batch), hits), NO_HIT, dtype=np.int64)
        return Ranking(empty, np.full(empty.shape, -np.inf, dtype=np.float32))

    def started(self) -> Callable[[], float]:
        """Starts a stopwatch of the seconds that searches take."""
        start = self.now
        return lambda: self.now - start


def test_the_fastest_round_counts_and_the_first_search_does_not() -> None:
    """A round is both legs; the search that warms up is in none."""
    engine: Any = SlowEngine(0.1, 0.1, 2.0, 3.0, 1.0, 2.0, 4.0, 4.0)
    timed = Calibration(engine, started=engine.started)
    assert timed.seconds is None
    timed.round()
    assert timed.seconds is None  # never from a single round
    timed.round()
    timed.round()
    assert timed.seconds == pytest.approx(3.0)
    assert [leg.name for leg in engine.legs[:2]] == ["text", "vector whole"]


def test_the_made_catalogue_is_the_same_everywhere() -> None:
    """Other products or queries would make other times: every baseline would be of another calibration."""
    indexer: Any = SimpleNamespace(index=lambda catalogue, **of: (catalogue, of["vectors"]))
    indexed: Any = measure.index_calibration(indexer)
    catalogue, vectors = indexed
    assert catalogue.sha256[:12] == "13a3b1c39f11"
    texts = "\n".join(measure.calibration_queries().texts)
    assert hashlib.sha256(texts.encode()).hexdigest()[:12] == "ed1decb185b5"
    ((key, whole),) = vectors.items()
    assert key == ("base", "whole")
    assert np.linalg.norm(whole.matrix, axis=1) == pytest.approx(1, abs=1e-6)
    assert whole.matrix[0, :3].tolist() == pytest.approx([0.002622, 0.0999, -0.078915], abs=1e-6)


def test_the_embedded_engine_answers_it() -> None:
    """Every query has hits of both legs."""
    with engines.open_embedded(progress=False) as indexer:
        engine = measure.index_calibration(indexer)
    batch = measure.calibration_queries()
    for leg in measure.CALIBRATION.legs():
        found = engine.search(leg, batch[:20], hits=10)
        assert (found.codes != NO_HIT).all(), leg.name
    timed = Calibration(engine)
    timed.round()
    timed.round()
    assert timed.seconds is not None
    assert timed.seconds > 0
