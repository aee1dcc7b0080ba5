"""Our Elasticsearch engine against our embedded engine, on both releases: every strategy, leg by leg and fused.

One shard and three, each with one segment and with several. Text scores are equal to the last bit, scores with a
vector in them within 1e-6. With several segments or shards a vector clause whose last candidate ties with further
products may take others of them: such lists are recognised, counted and listed, and nothing else may differ.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.tables import Record, Show
from parity.catalogues import CASES, Case, fuzzed_strategies, part_of, vectored, worded_case
from parity.compare import TOLERANCE, RankingDifferences, compare_rankings
from parity.pairs import Pair, Remembered
from parity.server import LAYOUTS, ONE_SEGMENT, Layout, ReferenceServer, Shelf
from parity.texts import seeded

from relevance import runner
from relevance.engines.elasticsearch import engine as elasticsearch_engine
from relevance.engines.elasticsearch.engine import ElasticsearchEngine
from relevance.evaluation import NDCG10, evaluate
from relevance.fields import DEFAULT_FIELDS
from relevance.records import NO_HIT, Dataset
from relevance.strategies import BASE, STRATEGIES, Leg, Strategy

DIMENSIONS = 32
FULL = os.environ.get("RELEVANCE_PARITY") == "full"
"""Whether as much is compared as the table of docs/parity.md says; what CI compares takes a third of the time."""
CHORUS_QUERIES = {True: 135, False: 135 if FULL else 45}
HOMEDEPOT_QUERIES = {True: 2000, False: 2000} if FULL else {True: 300, False: 100}
MADE_QUERIES = {True: 300, False: 100} if FULL else {True: 60, False: 25}
"""Of Chorus (all), Home Depot and a made catalogue, in the first layout and in the others."""
PART, PART_OF_GRAPHS = (1, 1) if FULL else (5, 10)
"""Of Chorus and Home Depot, the indices hold one product of so many."""
COMPARED = {name: strategy for name, strategy in STRATEGIES.items() if strategy.model == BASE}
"""The fine-tuned ones send the same requests with other vectors."""
TEXT, BOOSTED = (STRATEGIES[name].legs()[0] for name in ("textsearch", "textsearch_boosted"))
ODD = (
    Strategy("odd_boosts", text={"title": 0.3, "description": 2.5, "attributes": 1.7}),
    Strategy("reversed_order", text={"attributes": 2, "description": 1, "title": 4}),
    Strategy("title_alone", text={"title": 1}),
    Strategy("attributes_alone", text={"attributes": 3}),
    Strategy("tiny_and_huge", text={"title": 1e-6, "description": 987_654.3, "attributes": 1}),
    Strategy("odd_hybrid", text={"title": 0.7, "attributes": 1}, vectors={"title": 0.1, "whole": 33}),
    Strategy("few_candidates", text={"title": 1}, vectors={"whole": 10}, candidates=12),
    Strategy("odd_rrf", text={"title": 2}, vectors={"title": 1, "attributes": 1}, combine="rrf", window=7, k=3),
)
MADE_OF_TIES = ("ties", "axes")
FUZZED = tuple(fuzzed_strategies(seeded(15), 40))
QUERIES_OF_FUZZED = 60 if FULL else 25
LOWEST_RECALL = {"hnsw": 0.9, "int8_hnsw": 0.7}
"""Floors, well below what is seen: a graph that is searched for 150 candidates misses hardly any of ten, and bytes in
the place of floats mix up neighbours that are as close as the made ones. Below these something else is wrong."""
RECALL = "approximate vector indices: recall of the exact ten nearest (Chorus, made vectors of 32 dimensions)"
METRICS = "approximate vector indices: nDCG@10 against exact ones (Chorus, made vectors of 32 dimensions)"


@pytest.fixture(scope="session")
def cases(request: pytest.FixtureRequest) -> Callable[[str], Case]:
    """Each made once, when it is first asked for."""

    def homedepot() -> Case:
        part = part_of(request.getfixturevalue("homedepot"), PART)
        return vectored(part.catalogue, part.queries.texts)  # titles only: two of the vector fields are empty

    makers = {
        "chorus": lambda: worded_case(part_of(request.getfixturevalue("chorus"), PART), DIMENSIONS),
        "chorus in graphs": lambda: worded_case(part_of(request.getfixturevalue("chorus"), PART_OF_GRAPHS), DIMENSIONS),
        "homedepot": homedepot,
        **CASES,
    }
    return cache(lambda name: makers[name]())


@pytest.fixture(scope="session")
def embedded(cases: Callable[[str], Case]) -> Callable[[str], Remembered]:
    """All releases and layouts are compared with the same answers."""
    return cache(lambda name: Remembered(cases(name).embedded(), cases(name).batch))


@pytest.fixture(scope="module")
def shelf(reference: ReferenceServer, cases: Callable[[str], Case]) -> Iterator[Shelf]:
    """The cases on a server of each release in turn; nothing is left there."""
    shelf = Shelf(reference, cases)
    yield shelf
    assert shelf.close() == []
    assert not list(reference.client.indices.get(index="relevance-*"))


@pytest.fixture(scope="module")
def pair(shelf: Shelf, embedded: Callable[[str], Remembered]) -> Callable[[str, Layout], Pair]:
    """Both engines over a case."""

    def both(name: str, layout: Layout) -> Pair:
        case = shelf.case(name)
        return Pair(embedded(name), Remembered(shelf.engine(name, layout), case.batch), case)

    return cache(both)


@dataclass(frozen=True)
class Check:
    """Compares strategies in one layout and keeps the figures; gives a line for what is not within the rules."""

    record: Record
    pair: Pair
    layout: Layout
    data: str

    def strategy(self, strategy: Strategy, queries: int, *, group: str = "") -> list[str]:
        group = "on catalogues made of ties" if self.data in MADE_OF_TIES else group or strategy.name
        parts = self.pair.strategy(strategy, queries)
        fused = strategy.combine == "rrf"
        lines = [self._line(one, f"{group}, {one.part}" if fused else group, strategy.name) for one in parts]
        return [line for line in lines if line]

    def leg(self, leg: Leg, name: str, *, hits: int) -> str:
        one = self.pair.leg(leg, len(self.pair.expected.batch), hits=hits)
        return self._line(one, f"legs, {hits} hits", name)

    def _line(self, one: Any, what: str, name: str) -> str:
        detail = f"{self.data}, {name}"
        self.record(what, one.differences.figures, detail=detail, columns=self.layout.columns, listed=one.listed)
        return "" if one.passed else f"{name} ({one.part}): {one.differences}"


@pytest.fixture
def check(record: Record, pair: Callable[[str, Layout], Pair]) -> Callable[[str, Layout], Check]:
    return lambda name, layout: Check(record, pair(name, layout), layout, name)


every_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=str)


@pytest.mark.needs("data")
@pytest.mark.parametrize("name", COMPARED)
@pytest.mark.parametrize("layout", LAYOUTS[:3], ids=str)
def test_chorus_ranks_the_same(check: Any, layout: Layout, name: str) -> None:
    assert not check("chorus", layout).strategy(STRATEGIES[name], CHORUS_QUERIES[layout == ONE_SEGMENT])


@pytest.mark.needs("data")
def test_the_first_hundred_hits_of_every_leg_on_chorus_are_the_same(check: Any) -> None:
    legs = {leg: strategy.name for strategy in (*COMPARED.values(), *ODD) for leg in strategy.legs()}
    chorus = check("chorus", ONE_SEGMENT)
    lines = [chorus.leg(leg, name, hits=100) for leg, name in legs.items()]
    assert not any(lines), lines


@pytest.mark.needs("data")
@pytest.mark.parametrize("name", COMPARED)
@every_layout
def test_homedepot_ranks_the_same(check: Any, layout: Layout, name: str) -> None:
    assert not check("homedepot", layout).strategy(STRATEGIES[name], HOMEDEPOT_QUERIES[layout == ONE_SEGMENT])


@pytest.mark.needs("data")
@pytest.mark.parametrize("name", ["textsearch", "textsearch_boosted"])
def test_all_queries_of_homedepot_rank_the_same(check: Any, name: str) -> None:
    homedepot = check("homedepot", ONE_SEGMENT)
    assert not homedepot.strategy(STRATEGIES[name], len(homedepot.pair.expected.batch))


@pytest.mark.parametrize("name", CASES)
@every_layout
def test_made_catalogues_rank_the_same(check: Any, layout: Layout, name: str) -> None:
    made = check(name, layout)
    queries = MADE_QUERIES[layout == ONE_SEGMENT]
    lines = [made.strategy(strategy, queries) for strategy in COMPARED.values()]
    lines += [made.strategy(strategy, queries, group="odd boosts") for strategy in ODD]
    assert not any(lines), lines


@every_layout
def test_fuzzed_strategies_rank_the_same(check: Any, layout: Layout) -> None:
    gaps = check("gaps", layout)
    some = FUZZED if FULL or layout == ONE_SEGMENT else FUZZED[::2]
    lines = [gaps.strategy(strategy, QUERIES_OF_FUZZED, group="fuzzed strategies") for strategy in some]
    assert not any(lines), lines


# approximate vector indices


@pytest.mark.needs("data")
@pytest.mark.parametrize("kind", LOWEST_RECALL)
def test_approximate_indices_find_nearly_all(pair: Any, shelf: Shelf, show: Show, kind: str) -> None:
    layout = Layout(kind)
    both = pair("chorus in graphs", layout)
    recalls = {}
    for field in DEFAULT_FIELDS.embedded:
        leg = Leg((), ((field, 1),), 150, BASE)
        expected, actual = (side.search(leg, both.case.batch, hits=10) for side in (both.expected, both.actual))
        recalls[field] = recall(both.case, field, expected, actual)
    segments = shelf.server.segments(shelf.engine("chorus in graphs", layout).index.name)
    index = {"server": shelf.server.version, "vectors": kind, "segments": segments}
    show(RECALL, {**index, **recalls, "floor": LOWEST_RECALL[kind]})
    assert min(recalls.values()) >= LOWEST_RECALL[kind]


def recall(case: Case, field: str, expected: Any, actual: Any) -> float:
    """The share of the nearest that are found; of products that are equally near one is as good as another."""
    vectors = case.vectors[field]
    unit = vectors.matrix.astype(np.float64)[vectors.rows[actual.codes]]
    near = (1 + np.einsum("qd,qhd->qh", case.batch.vectors["base"].astype(np.float64), unit)) / 2
    enough = near >= expected.scores[:, -1:] * (1 - TOLERANCE)
    return float((enough & (actual.codes != NO_HIT)).mean())


@pytest.mark.needs("data")
@pytest.mark.parametrize("kind", LOWEST_RECALL)
def test_metrics_of_approximate_indices_are_reported(
    pair: Any, chorus: Dataset, show: Show, shelf: Shelf, kind: str
) -> None:
    both, judged = pair("chorus in graphs", Layout(kind)), part_of(chorus, PART_OF_GRAPHS)
    for strategy in COMPARED.values():
        expected, actual = (
            evaluate(runner.search(side, strategy, side.batch), judged.judgments, n_products=len(judged.catalogue))
            for side in (both.expected, both.actual)
        )
        change = actual.per_query[NDCG10] - expected.per_query[NDCG10]
        figures = {"exact": expected.mean(NDCG10), "approximate": actual.mean(NDCG10), "difference": change.mean()}
        others = {"queries better": int((change > 0).sum()), "worse": int((change < 0).sum())}
        index = {"server": shelf.server.version, "vectors": kind, "strategy": strategy.name}
        show(METRICS, {**index, **figures, **others})
        if not strategy.vectors:
            assert not change.any()


# controls: what would be wrong is seen


def differences(ours: Remembered, theirs: Any, leg: Leg, *, other: Leg | None = None, **options: Any) -> Any:
    expected = ours.search(other or leg, ours.batch, hits=10)
    return compare_rankings(expected, theirs.search(leg, ours.batch, hits=10), **options)


@pytest.mark.parametrize(
    ("text", "vectors"), [({"title": 8, "description": 2}, {}), ({}, {"whole": 1})], ids=["text", "vectors"]
)
def test_a_boost_that_is_off_by_a_thousandth_of_a_percent_is_seen(pair: Any, text: Any, vectors: Any) -> None:
    right, wrong = (
        Leg(*(tuple((name, boost * factor) for name, boost in each.items()) for each in (text, vectors)), 150, BASE)
        for factor in (1, 1.00001)
    )
    both = pair("gaps", ONE_SEGMENT)
    seen = differences(both.expected, both.actual, right, other=wrong)
    assert min(seen.unequal, seen.off) > 0.9 * seen.scores
    assert not seen.close


def test_another_k1_is_seen(reference: ReferenceServer, embedded: Any, cases: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"settings": {"similarity": {"default": {"type": "BM25", "k1": 1.25, "b": 0.75}}}}))
    shelf = Shelf(reference, cases)
    try:
        seen = differences(embedded("gaps"), shelf.engine("gaps", ONE_SEGMENT, mapping=own), TEXT)
    finally:
        shelf.close()
    assert seen.unequal > seen.scores / 2
    assert seen.different > 0


def another(shelf: Shelf, name: str, layout: Layout, **changes: object) -> ElasticsearchEngine:
    """A further engine over an index of the shelf, which believes something else of it."""
    held = shelf.engine(name, layout)
    return ElasticsearchEngine(held.connection, replace(held.index, **changes), shelf.case(name).catalogue)


def test_three_shards_need_the_statistics_of_all(
    shelf: Shelf, embedded: Any, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = elasticsearch_engine.form
    monkeypatch.setattr(
        elasticsearch_engine, "form", lambda *args, **more: replace(form(*args, **more), statistics=False)
    )
    layout = Layout(shards=3)
    seen: RankingDifferences = differences(embedded("gaps"), another(shelf, "gaps", layout), BOOSTED)
    record("control: no dfs", seen.figures, columns=layout.columns)
    assert seen.unequal > 0.9 * seen.scores
    assert seen.different > 0.3 * seen.queries


def test_several_segments_need_the_explicit_sort(shelf: Shelf, embedded: Any, record: Record) -> None:
    layout = Layout(merged=False)
    theirs = another(shelf, "ties", layout, sorted_segment=True)
    seen = differences(embedded("ties"), theirs, TEXT, twins=shelf.case("ties").twins(TEXT))
    record("control: no sort", seen.figures, columns=layout.columns)
    assert seen.unequal == 0
    assert seen.unsorted > 0.5 * seen.queries
    assert not seen.close


def test_release_9_scores_every_vector_inside_bool(shelf: Shelf, cases: Any) -> None:
    """There it ignores `k` on a `flat` field: the reason why ours stand in the knn section."""
    knn = {"field": "whole_vector", "query_vector": "{{vector}}", "k": 150, "num_candidates": 150}
    inside = Strategy("inside", template={"query": {"bool": {"should": [{"knn": knn}]}}})
    found = shelf.engine("gaps", ONE_SEGMENT).search(inside.legs()[0], cases("gaps").batch[:5], hits=1000)
    hits = (found.codes != NO_HIT).sum(axis=1)
    assert (hits == 150).all() == (shelf.server.release == "8")
