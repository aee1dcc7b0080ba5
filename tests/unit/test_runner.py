"""Running a strategy: one request for a sum, one a list for rank fusion, and the time of single queries."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from relevance import runner
from relevance.engines import QueryBatch
from relevance.records import NO_HIT, Ranking
from relevance.strategies import STRATEGIES, Leg


class ListEngine:
    """Answers the text leg with products 0, 1, 2, …, and vector legs with 2, 1, 0; remembers what it was asked."""

    took_ms: float | None = None
    fuses = False

    def __init__(self) -> None:
        self.asked: list[tuple[Leg, tuple[str, ...], int]] = []

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        self.asked.append((leg, tuple(batch.texts), hits))
        codes = np.full((len(batch), hits), NO_HIT, dtype=np.int64)
        scores = np.full((len(batch), hits), -np.inf, dtype=np.float32)
        codes[:, :3], scores[:, :3] = [0, 1, 2] if leg.text else [2, 1, 0], [3, 2, 1]
        return Ranking(codes, scores)


class ListOfLegs(ListEngine):
    """Answers several legs, too."""

    def search_all(self, legs: Sequence[Leg], batch: QueryBatch, *, hits: int) -> list[Ranking]:
        return [self.search(leg, batch, hits=hits) for leg in legs]


class ServedEngine(ListEngine):
    """Says that each search took it one millisecond longer than the one before."""

    took_ms = 0.0

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        ranking = super().search(leg, batch, hits=hits)
        self.took_ms += len(self.asked)
        return ranking


def batch_of(size: int) -> QueryBatch:
    return QueryBatch([f"query {n}" for n in range(size)], {"base": np.eye(size, 4, dtype=np.float32)})


@pytest.mark.parametrize(
    ("name", "clauses", "hits"),
    [
        ("textsearch", [3], 10),
        ("vectorsearch_multifield", [3], 10),
        ("hybrid", [4], 10),
        ("rrf", [3, 1], 50),
        ("rrf_multi", [3, 1, 1, 1], 50),
    ],
)
def test_one_request_for_a_sum_and_one_a_list_for_rank_fusion(name: str, clauses: list[int], hits: int) -> None:
    engine = ListEngine()
    ranking = runner.search(engine, STRATEGIES[name], batch_of(3))
    assert [len(leg.text) + len(leg.vectors) for leg, _, _ in engine.asked] == clauses
    assert {(len(texts), length) for _, texts, length in engine.asked} == {(3, hits)}
    assert ranking.codes.shape == (3, 10)


def test_rank_fusion_of_opposite_lists() -> None:
    ranking = runner.search(ListEngine(), STRATEGIES["rrf"], batch_of(1))
    assert ranking.codes[0, :4].tolist() == [0, 2, 1, NO_HIT]  # equal sums go by product id
    np.testing.assert_allclose(ranking.scores[0, :3], [1 / 61 + 1 / 63, 1 / 61 + 1 / 63, 2 / 62], rtol=1e-6)


def test_a_weighted_linear_combination_of_opposite_lists() -> None:
    strategy = replace(STRATEGIES["rrf"], combine="linear", weights={"whole": 2})
    engine = ListEngine()
    ranking = runner.search(engine, strategy, batch_of(1))
    assert [hits for _, _, hits in engine.asked] == [50, 50]
    assert ranking.codes[0, :4].tolist() == [2, 1, 0, NO_HIT]
    assert ranking.scores[0, :3].tolist() == [2, 1.5, 1]  # the text's 3, 2, 1 are 1, 0.5, 0
    (together,) = runner.search_all(ListOfLegs(), [strategy], batch_of(1))
    assert together.scores.tolist() == ranking.scores.tolist()


def test_weighted_ranks_are_fused() -> None:
    ranking = runner.search(ListEngine(), replace(STRATEGIES["rrf"], weights={"whole": 2}), batch_of(1))
    assert ranking.codes[0, :3].tolist() == [2, 1, 0]
    np.testing.assert_allclose(ranking.scores[0, :3], [1 / 63 + 2 / 61, 3 / 62, 1 / 61 + 2 / 63], rtol=1e-6)


@pytest.mark.parametrize("fuses", [True, False])
def test_an_engine_that_fuses_is_asked_once(fuses: bool) -> None:  # noqa: FBT001 - a parameter
    engine, strategy = ListOfLegs(), replace(STRATEGIES["rrf"], fusion="server")
    engine.fuses = fuses
    ranking = runner.search(engine, strategy, batch_of(1))
    asked = [(leg.name, hits) for leg, _, hits in engine.asked]
    assert asked == ([("text+vector whole", 10)] if fuses else [("text", 50), ("vector whole", 50)])
    assert ranking.codes[0, :3].tolist() == ([0, 1, 2] if fuses else [0, 2, 1])
    (together,) = runner.search_all(engine, [strategy], batch_of(1))
    assert together.codes.tolist() == ranking.codes.tolist()


def test_latencies_are_of_200_single_queries_spread_over_the_batch() -> None:
    engine, ticks = ListEngine(), iter(range(1000))
    latencies = runner.latencies(engine, STRATEGIES["textsearch"], batch_of(400), clock=lambda: next(ticks))
    assert latencies == runner.Latencies(1000, 1000, None, None)  # milliseconds
    assert [texts for _, texts, _ in engine.asked] == [(f"query {n}",) for n in range(0, 400, 2)]
    few = ListEngine()
    runner.latencies(few, STRATEGIES["textsearch"], batch_of(3))
    assert [texts for _, texts, _ in few.asked] == [(f"query {n % 3}",) for n in range(200)]


def test_the_embedding_of_a_query_is_timed_apart_and_in_the_total() -> None:
    engine, ticks, encoded = ListEngine(), iter(range(10_000)), list[str]()
    latencies = runner.latencies(
        engine, STRATEGIES["vectorsearch"], batch_of(400), encode=encoded.append, clock=lambda: next(ticks)
    )
    assert (latencies.p50_ms, len(encoded)) == (2000, 3 + 200)  # a look between the stages more
    assert encoded[3:] == [texts[0] for _, texts, _ in engine.asked]
    # of the search alone one tick, of the embedding one, of all three
    of_stages = {"encode": (1000, 1000), "retrieve": (1000, 1000), "total": (3000, 3000)}
    assert latencies.stages == of_stages


def test_latencies_of_a_server_are_its_own_too_all_legs_together() -> None:
    latencies = runner.latencies(ServedEngine(), STRATEGIES["rrf"], batch_of(3))
    took = [4 * number + 3 for number in range(200)]  # 1 + 2, 3 + 4, …
    assert (latencies.took_p50_ms, latencies.took_p95_ms) == tuple(np.percentile(took, [50, 95]).tolist())


def test_a_querys_own_product_is_left_out_before_ranks_are_fused() -> None:
    batch, engine = replace(batch_of(3), own_products=np.array([0, 2, -1])), ListEngine()
    (leg,) = STRATEGIES["textsearch"].legs()
    ranking = runner.search_leg(engine, leg, batch, hits=2)
    assert engine.asked[0][2] == 3
    assert ranking.codes.tolist() == [[1, 2], [0, 1], [0, 1]]
    assert ranking.scores.tolist() == [[2, 1], [3, 2], [3, 2]]
    summed = runner.search(engine, STRATEGIES["textsearch"], batch).codes[:, :3]
    assert summed.tolist() == [[1, 2, NO_HIT], [0, 1, NO_HIT], [0, 1, 2]]
    fused = runner.search(engine, STRATEGIES["rrf"], batch)
    assert [sorted(row[row >= 0].tolist()) for row in fused.codes] == [[1, 2], [0, 1], [0, 1, 2]]
