"""Our Elasticsearch engine against our embedded engine, on both releases: every strategy, leg by leg and fused.

One shard and three, each with one segment and with several. Text scores are equal to the last bit, scores with a
vector in them within 1e-6. With several segments or shards a vector clause whose last candidate ties with further
products may take others of them: such lists are recognised, counted and listed, and nothing else may differ.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from parity.catalogues import CASES, Case, fuzzed_strategies, made_batch, made_vectors, worded_case
from parity.compare import TOLERANCE, compare_rankings
from parity.pairs import Pair, Remembered
from parity.served import LAYOUTS, ONE_SEGMENT, Layout, Shelf
from parity.texts import seeded

from relevance import runner
from relevance.engines.elasticsearch import engine as elasticsearch_engine
from relevance.engines.elasticsearch.engine import ElasticsearchEngine
from relevance.evaluation import NDCG10, evaluate
from relevance.records import NO_HIT, Catalogue, Judgments
from relevance.strategies import BASE, STRATEGIES, VECTOR_FIELDS, Leg, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from helpers.tables import Record, Show
    from parity.pairs import Compared
    from parity.server import ReferenceServer

    from relevance.engines.elasticsearch.engine import Form
    from relevance.records import Dataset, Ranking

CHORUS_DIMENSIONS = 32
FULL = os.environ.get("RELEVANCE_PARITY") == "full"
"""Whether as much is compared as the table of docs/parity.md says; what CI compares takes a third of the time."""
HOMEDEPOT_QUERIES = {True: 2000, False: 2000} if FULL else {True: 300, False: 100}
MADE_QUERIES = {True: 300, False: 100} if FULL else {True: 60, False: 25}
"""Of Home Depot and of a made catalogue, in the first layout and in the others."""
PART = 1 if FULL else 5
"""Of Chorus and Home Depot, the indices hold one product of so many."""
DEEP = 100
COMPARED = {name: strategy for name, strategy in STRATEGIES.items() if strategy.model == BASE}
"""The fine-tuned ones send the same requests with other vectors."""
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
APPROXIMATE = (Layout("hnsw"), Layout("int8_hnsw"))
LOWEST_RECALL = {"hnsw": 0.9, "int8_hnsw": 0.7}
"""Floors, well below what is seen: a graph that is searched for 150 candidates misses hardly any of ten, and bytes in
the place of floats mix up neighbours that are as close as the made ones. Below these something else is wrong."""

RECALL = "approximate vector indices: recall of the exact ten nearest (Chorus, made vectors of {} dimensions)"
METRICS = "approximate vector indices: nDCG@10 against exact ones (Chorus, made vectors of {} dimensions)"


@pytest.fixture(scope="session")
def cases(request: pytest.FixtureRequest) -> Callable[[str], Case]:
    """Chorus, Home Depot and the made catalogues, each made once when it is first asked for."""
    makers = {
        "chorus": lambda: worded_case(part_of(request.getfixturevalue("chorus")), CHORUS_DIMENSIONS),
        "homedepot": lambda: homedepot_case(part_of(request.getfixturevalue("homedepot"))),
        **CASES,
    }
    return cache(lambda name: makers[name]())


def homedepot_case(dataset: Dataset) -> Case:
    """Home Depot has titles only: two of the vector fields are empty."""
    vectors = {name: made_vectors(dataset.catalogue, name) for name in VECTOR_FIELDS}
    return Case(dataset.catalogue, vectors, made_batch(dataset.queries.texts))


def part_of(dataset: Dataset) -> Dataset:
    """One product of `PART`, with its attributes and judgments, and all queries."""
    products, attributes = dataset.catalogue.products, dataset.catalogue.attributes
    held = attributes[attributes["product"] % PART == 0]
    ids = products["id"].iloc[held["product"]].to_numpy()
    pairs = pd.DataFrame({"id": ids, "name": held["name"].to_numpy(), "value": held["value"].to_numpy()}, dtype=str)
    catalogue = Catalogue(products.iloc[::PART].reset_index(drop=True), pairs)
    judged = dataset.judgments
    there = judged.products % PART == 0
    judgments = Judgments(judged.queries[there], judged.products[there] // PART, judged.grades[there])
    return replace(dataset, catalogue=catalogue, judgments=judgments)


@pytest.fixture(scope="session")
def embedded(cases: Callable[[str], Case]) -> Callable[[str], Remembered]:
    """The embedded engine over a case; all releases and layouts are compared with the same answers."""
    return cache(lambda name: Remembered(cases(name).embedded(), cases(name).batch))


@pytest.fixture(scope="module")
def shelf(reference: ReferenceServer, cases: Callable[[str], Case]) -> Iterator[Shelf]:
    """The cases on a server of each release in turn; nothing is left there."""
    held = Shelf(reference, cases)
    yield held
    assert held.close() == []
    assert not list(reference.client.indices.get(index="relevance-*"))


@pytest.fixture(scope="module")
def pair(shelf: Shelf, embedded: Callable[[str], Remembered]) -> Callable[[str, Layout], Pair]:
    """Both engines over a case."""

    def made(name: str, layout: Layout) -> Pair:
        ours, case = embedded(name), shelf.case(name)
        return Pair(ours, Remembered(shelf.engine(name, layout), case.batch), case)

    return cache(made)


@dataclass(frozen=True)
class Check:
    """Compares strategies in one layout and keeps the figures."""

    record: Record
    pair: Pair
    layout: Layout
    data: str

    def strategy(self, strategy: Strategy, queries: int, *, group: str = "") -> list[str]:
        """Compare; a line for each part that is not within the rules."""
        failed = []
        group = "on catalogues made of ties" if self.data in MADE_OF_TIES else group or strategy.name
        for one in self.pair.strategy(strategy, queries):
            parts = f", {one.part}" if strategy.combine == "rrf" else ""
            self._keep(f"{group}{parts}", f"{self.data}, {strategy.name}", one)
            if not one.passed:
                failed.append(f"{strategy.name} ({one.part}): {one.differences}")
        return failed

    def leg(self, leg: Leg, name: str, *, hits: int) -> list[str]:
        """Compare one leg's lists of so many hits, over all queries."""
        one = self.pair.leg(leg, len(self.pair.expected.batch), hits=hits)
        self._keep(f"legs, {hits} hits", f"{self.data}, {name}", one)
        return [] if one.passed else [f"{name}: {one.differences}"]

    def _keep(self, what: str, detail: str, one: Compared) -> None:
        self.record(what, one.differences.figures, detail=detail, columns=self.layout.columns, listed=one.listed)


@pytest.fixture
def check(record: Record, pair: Callable[[str, Layout], Pair]) -> Callable[[str, Layout], Check]:
    """Compare strategies over a case in a layout."""
    return lambda name, layout: Check(record, pair(name, layout), layout, name)


@pytest.mark.needs("data")
@pytest.mark.parametrize("name", COMPARED)
@pytest.mark.parametrize("layout", LAYOUTS[:3], ids=str)
def test_chorus_ranks_the_same(check: Callable[[str, Layout], Check], layout: Layout, name: str) -> None:
    """All queries of Chorus get the embedded engine's products and scores, leg by leg and fused."""
    assert not check("chorus", layout).strategy(STRATEGIES[name], 135)


@pytest.mark.needs("data")
def test_chorus_ranks_the_same_far_below(check: Callable[[str, Layout], Check]) -> None:
    """So do the first hundred hits of every leg of the built-in strategies and of some with odd boosts."""
    legs = {leg: strategy.name for strategy in (*COMPARED.values(), *ODD) for leg in strategy.legs()}
    chorus = check("chorus", ONE_SEGMENT)
    assert not [line for leg, name in legs.items() for line in chorus.leg(leg, name, hits=DEEP)]


@pytest.mark.needs("data")
@pytest.mark.parametrize("name", COMPARED)
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_homedepot_ranks_the_same(check: Callable[[str, Layout], Check], layout: Layout, name: str) -> None:
    """The first queries of Home Depot get the embedded engine's products and scores."""
    assert not check("homedepot", layout).strategy(STRATEGIES[name], HOMEDEPOT_QUERIES[layout == ONE_SEGMENT])


@pytest.mark.needs("data")
@pytest.mark.parametrize("name", ["textsearch", "textsearch_boosted"])
def test_all_queries_of_homedepot_rank_the_same(check: Callable[[str, Layout], Check], name: str) -> None:
    """Searches of text alone are compared for all 5,859 queries, to the last bit."""
    homedepot = check("homedepot", ONE_SEGMENT)
    assert not homedepot.strategy(STRATEGIES[name], len(homedepot.pair.expected.batch))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_made_catalogues_rank_the_same(check: Callable[[str, Layout], Check], layout: Layout, name: str) -> None:
    """So do gaps, thousands of ties, all lengths, Unicode and tiny catalogues; with odd boosts, too."""
    made = check(name, layout)
    queries = MADE_QUERIES[layout == ONE_SEGMENT]
    failed = [line for strategy in COMPARED.values() for line in made.strategy(strategy, queries)]
    failed += [line for strategy in ODD for line in made.strategy(strategy, queries, group="odd boosts")]
    assert not failed


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_fuzzed_strategies_rank_the_same(check: Callable[[str, Layout], Check], layout: Layout) -> None:
    """So do strategies of any fields, boosts, candidates and windows."""
    gaps = check("gaps", layout)
    asked = [gaps.strategy(strategy, QUERIES_OF_FUZZED, group="fuzzed strategies") for strategy in FUZZED]
    assert not [line for lines in asked for line in lines]


@pytest.mark.needs("data")
@pytest.mark.parametrize("layout", APPROXIMATE, ids=str)
def test_approximate_indices_find_nearly_all(
    pair: Callable[[str, Layout], Pair], cases: Callable[[str], Case], show: Show, shelf: Shelf, layout: Layout
) -> None:
    """The ten nearest of an approximate index are nearly all the exact ones, in every vector field."""
    case, both = cases("chorus"), pair("chorus", layout)
    recalls = {}
    for field in VECTOR_FIELDS:
        leg = Leg((), ((field, 1),), 150, "base")
        expected, actual = (side.search(leg, case.batch, hits=10) for side in (both.expected, both.actual))
        recalls[field] = recall(case, field, expected, actual)
    index = {
        "server": shelf.server.version,
        "vectors": layout.vectors,
        "segments": shelf.segments("chorus", layout),
    }
    floor = LOWEST_RECALL[layout.vectors]
    show(RECALL.format(CHORUS_DIMENSIONS), {**index, **recalls, "floor": floor})
    assert min(recalls.values()) >= floor


def recall(case: Case, field: str, expected: Ranking, actual: Ranking) -> float:
    """The share of the nearest that are found; of products that are equally near one is as good as another."""
    vectors = case.vectors[field]
    unit = vectors.matrix.astype(np.float64)[vectors.rows[actual.codes]]
    near = (1 + np.einsum("qd,qhd->qh", case.batch.vectors["base"].astype(np.float64), unit)) / 2
    enough = near >= expected.scores[:, -1:] * (1 - TOLERANCE)
    return float((enough & (actual.codes != NO_HIT)).mean())


@pytest.mark.needs("data")
@pytest.mark.parametrize("layout", APPROXIMATE, ids=str)
def test_metrics_of_approximate_indices_are_reported(
    pair: Callable[[str, Layout], Pair], chorus: Dataset, show: Show, shelf: Shelf, layout: Layout
) -> None:
    """Every strategy answers on an approximate index; its nDCG@10 stands beside that of exact search."""
    both, judged = pair("chorus", layout), part_of(chorus)
    for strategy in COMPARED.values():
        expected, actual = (
            evaluate(runner.search(side, strategy, side.batch), judged.judgments, n_products=len(judged.catalogue))
            for side in (both.expected, both.actual)
        )
        change = actual.per_query[NDCG10] - expected.per_query[NDCG10]
        figures = {"exact": expected.mean(NDCG10), "approximate": actual.mean(NDCG10), "difference": change.mean()}
        others = {"queries better": int((change > 0).sum()), "worse": int((change < 0).sum())}
        index = {"server": shelf.server.version, "vectors": layout.vectors, "strategy": strategy.name}
        show(METRICS.format(CHORUS_DIMENSIONS), {**index, **figures, **others})
        if not any(leg.vectors for leg in strategy.legs()):
            assert not change.any()


def another(shelf: Shelf, name: str, layout: Layout, **changes: object) -> ElasticsearchEngine:
    """A further engine over an index of the shelf, which believes something else of it."""
    held = shelf.engine(name, layout)
    index = replace(shelf.indices[name, layout], **changes)
    return ElasticsearchEngine(held.connection, index, shelf.case(name).catalogue, on_close=lambda: None)


@pytest.mark.parametrize("name", ["text", "vectors"])
def test_the_comparison_sees_another_boost(check: Callable[[str, Layout], Check], name: str) -> None:
    """A boost that is off by 0.001% is reported, in a vector clause as beyond the tolerance."""
    pair = check("gaps", ONE_SEGMENT).pair
    right = {
        "text": Leg((("title", 8), ("description", 2)), (), 150, "base"),
        "vectors": Leg((), (("whole", 1),), 150, "base"),
    }
    wrong = replace(
        right[name], **{name: tuple((field, boost * 1.00001) for field, boost in getattr(right[name], name))}
    )
    batch = pair.expected.batch
    differences = compare_rankings(
        pair.expected.search(wrong, batch, hits=10), pair.actual.search(right[name], batch, hits=10)
    )
    assert differences.unequal > 0.9 * differences.scores
    assert differences.off > 0.9 * differences.scores
    assert not differences.close


def test_the_comparison_sees_another_k1(
    reference: ReferenceServer, embedded: Callable[[str], Remembered], cases: Callable[[str], Case], tmp_path: Path
) -> None:
    """An index of the user's own settings, BM25 with k1 = 1.25, is reported as different, in most scores."""
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"settings": {"similarity": {"default": {"type": "BM25", "k1": 1.25, "b": 0.75}}}}))
    shelf = Shelf(reference, cases)
    leg = STRATEGIES["textsearch"].legs()[0]
    ours = embedded("gaps")
    try:
        theirs = shelf.engine("gaps", Layout(), mapping=own).search(leg, ours.batch, hits=10)
    finally:
        shelf.close()
    differences = compare_rankings(ours.search(leg, ours.batch, hits=10), theirs)
    assert differences.unequal > differences.scores / 2
    assert differences.different > 0


def test_three_shards_need_the_statistics_of_all(
    shelf: Shelf, embedded: Callable[[str], Remembered], monkeypatch: pytest.MonkeyPatch, record: Record
) -> None:
    """Without gathering them first, as a search does by default, hardly a score is right, and no list is close."""
    layout, leg = Layout(shards=3), STRATEGIES["textsearch_boosted"].legs()[0]
    form = elasticsearch_engine.form

    def without(*args: object, **options: object) -> Form:
        return replace(form(*args, **options), statistics=False)  # type: ignore[arg-type]

    ours = embedded("gaps")
    monkeypatch.setattr(elasticsearch_engine, "form", without)
    theirs = another(shelf, "gaps", layout).search(leg, ours.batch, hits=10)
    differences = compare_rankings(ours.search(leg, ours.batch, hits=10), theirs)
    record("control: no dfs", differences.figures, columns=layout.columns)
    assert differences.unequal > 0.9 * differences.scores
    assert differences.different > 0.3 * differences.queries


def test_several_segments_need_the_explicit_sort(
    shelf: Shelf, embedded: Callable[[str], Remembered], record: Record
) -> None:
    """Without it products of one score come in another order than that of their ids, or others of them."""
    layout, leg = Layout(merged=False), STRATEGIES["textsearch"].legs()[0]
    ours = embedded("ties")
    theirs = another(shelf, "ties", layout, sorted_segment=True).search(leg, ours.batch, hits=10)
    twins = shelf.case("ties").twins(leg)
    differences = compare_rankings(ours.search(leg, ours.batch, hits=10), theirs, twins=twins)
    record("control: no sort", differences.figures, columns=layout.columns)
    assert differences.unequal == 0
    assert differences.unsorted > 0.5 * differences.queries
    assert not differences.close


def test_release_9_scores_every_vector_inside_bool(shelf: Shelf, cases: Callable[[str], Case]) -> None:
    """Inside `bool.should` release 9 ignores `k` on a `flat` field: the reason why ours stand in the knn section."""
    knn = {"field": "whole_vector", "query_vector": "{{vector}}", "k": 150, "num_candidates": 150}
    inside = Strategy("inside", template={"query": {"bool": {"should": [{"knn": knn}]}}})
    batch = cases("gaps").batch[:5]
    found = shelf.engine("gaps", ONE_SEGMENT).search(inside.legs()[0], batch, hits=1000)
    hits = (found.codes != NO_HIT).sum(axis=1)
    assert (hits == 150).all() == (shelf.server.release == "8")
