"""Planted changes: each is a function from plan to plan, has its effect, and what it left is not searched again."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import shop
from helpers.snapshots import snapshot

from relevance.engines import Engine, QueryBatch
from relevance.evaluation import RR10
from relevance.gate import Comparison, Finding, Floors, Limits
from relevance.mutation import KINDS, NEUTRAL_KINDS, Mutation, Outcome, Outcomes, mutate, nulls
from relevance.mutation.engine import NotApplicableError, around, remembering
from relevance.mutation.run import swapped
from relevance.records import NO_HIT, Catalogue, Queries, Ranking, Vectors
from relevance.report.mutations import mutation_lines
from relevance.strategies import READY_MADE, Leg
from relevance.suite import Plan
from relevance.text import markdown, markdown_code

SEED = 3
STRATEGIES = ("textsearch_boosted", "vectorsearch_multifield_boosted", "hybrid_boosted", "rrf", "rrf_multi")
# what changes models, whose vectors are not made here
ELSEWHERE = {"prompt_missing", "prompt_doubled", "texts_cut", "base_for_finetuned", "labels_shuffled"}
OTHER_GROUPS = {"judgments", "server", "analysis", "search bodies"}
# what changes keys that none of these strategies sets
UNSET = {
    *("analyzer_standard", "analyzer_of_another_language", "analyzer_lost_in_index", "analyzer_lost_in_queries"),
    *("k1_off", "b_off", "spelling_off", "fusion_without_normalizer"),
}
SEARCHED = [kind for kind in KINDS.values() if kind.group not in OTHER_GROUPS and kind.name not in ELSEWHERE | UNSET]

by_name = pytest.mark.parametrize("kind", SEARCHED, ids=lambda kind: kind.name)


def same(left: Mapping[str, Ranking], right: Mapping[str, Ranking]) -> bool:
    """Whether hits and scores of all strategies are equal."""
    return left.keys() == right.keys() and all(
        (left[name].codes == one.codes).all() and (left[name].scores == one.scores).all() for name, one in right.items()
    )


@cache
def unchanged() -> tuple[Plan, Mapping[str, Ranking]]:
    """A plan of strategies of all kinds, and what they return."""
    plan = shop.plan(STRATEGIES)
    return plan, shop.ranked(plan)


def on_an_engine_that_remembers(plan: Plan) -> tuple[Plan, Counter[str]]:
    """The same plan, searched once; and its counts of legs."""
    legs = Counter[str]()
    with plan.engine.open(progress=False) as indexer:  # the embedded engine stays open
        plan = replace(plan, engine=remembering(plan.engine, indexer, legs))
    shop.ranked(plan)
    return plan, legs


@cache
def remembered() -> tuple[Plan, Counter[str]]:
    return on_an_engine_that_remembers(unchanged()[0])


def test_kinds_are_many_and_the_tables_of_the_page_are_those_of_the_code() -> None:
    assert len(KINDS) >= 30
    assert not set(KINDS) & set(NEUTRAL_KINDS)
    page = (Path(__file__).resolve().parents[2] / "docs" / "mutate.md").read_text(encoding="utf-8")
    for kinds in (KINDS, NEUTRAL_KINDS):
        rows = [(markdown_code(kind.name), kind.group, kind.cost, markdown(kind.what)) for kind in kinds.values()]
        assert "\n".join(f"| {' | '.join(row)} |" for row in rows) in page
        assert all(re.fullmatch(r"[a-z0-9_]+", name) and name == kind.name for name, kind in kinds.items())


# plans


@by_name
def test_a_change_has_its_effect_and_what_it_left_is_remembered(kind: Mutation) -> None:
    plan, before = unchanged()
    after = shop.ranked(kind.change(plan, SEED))
    assert kind.name == "candidates_10" or not same(before, after)
    own, legs = remembered()
    assert same(shop.ranked(kind.change(own, SEED)), after)
    searched, known = legs["searched"], legs["remembered"]
    shop.ranked(kind.change(own, SEED))
    assert legs["searched"] == searched
    assert legs["remembered"] > known


def test_changes_leave_the_plan_as_it_is() -> None:
    plan, before = unchanged()
    for kind in SEARCHED:
        assert kind.change(plan, SEED) is not plan
    assert same(shop.ranked(plan), before)


def test_where_text_boosts_alone_change_vectors_are_not_searched_again() -> None:
    plan, legs = on_an_engine_that_remembers(shop.plan(["textsearch_boosted", "vectorsearch"]))
    assert legs == {"indexed": 1, "searched": 2}
    shop.ranked(KINDS["text_boosts_off"].change(plan, SEED))
    assert legs == {"indexed": 2, "searched": 3, "remembered": 1}  # the first index was closed


def test_a_template_may_search_any_field() -> None:
    """What is remembered of it depends on all that is indexed, and on texts and vectors of the queries."""
    asked: list[Any] = []

    class Answering(Engine):
        version, facts = "1", MappingProxyType({})

        def search(self, leg: Any, batch: QueryBatch, *, hits: int) -> Ranking:
            asked.append((leg, hits))
            return Ranking(np.zeros((len(batch), 1), dtype=np.int64), np.ones((len(batch), 1), dtype=np.float32))

    plan = shop.plan(["hybrid"])
    indexer: Any = SimpleNamespace(ready=lambda: None, index=lambda *_, **__: Answering())
    leg = Leg((), (), 150, "base", template="{}")
    texts = plan.dataset.queries.texts
    batch = QueryBatch(texts, {"base": shop.rows_of(texts)})
    vectors = {("base", "whole"): shop.vectors("whole")}
    with remembering(plan.engine, indexer, Counter()).open() as opened:

        def searched(catalogue: Any, vectors: Any, batch: QueryBatch, hits: int = 10) -> int:
            asked.clear()
            for _ in range(2):
                opened.index(catalogue, text_fields=["title"], vectors=vectors).search(leg, batch, hits=hits)
            return len(asked)

        own = plan.dataset.catalogue
        titles = Catalogue(own.products.assign(title="x"), own.attributes.assign(id=own.ids[0]))
        assert searched(own, vectors, batch) == 1
        assert searched(own, vectors, batch, hits=20) == 1
        assert searched(titles, vectors, batch) == 1
        assert searched(own, {("base", "whole"): shop.vectors("title")}, batch) == 1
        assert searched(own, vectors, replace(batch, texts=texts[::-1])) == 1
        assert searched(own, vectors, batch) == 0  # as at first


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("prompt_missing", {"query_prompt": ""}),
        ("prompt_doubled", {"query_prompt": "query: query: "}),
        ("texts_cut", {"max_tokens": 8}),
    ],
)
def test_changes_of_models(name: str, settings: Any) -> None:
    changed = KINDS[name].change(unchanged()[0], SEED)
    assert changed.models["base"] == replace(shop.model("base"), **settings)


@pytest.mark.parametrize(
    ("name", "strategy", "why"),
    [
        ("base_for_finetuned", "vectorsearch", "no strategy uses the fine-tuned model"),
        *(
            (name, "textsearch", "no ")
            for name in ("vectors_stale", "weaker_model", "prompt_missing", "vector_boosts_off")
        ),
        *((name, "textsearch", "no strategy has what is changed") for name in sorted(UNSET)),
        ("title_lost", "vectorsearch", "no strategy matches text"),
        *((kind.name, "vectorsearch", "not Elasticsearch") for kind in KINDS.values() if kind.group == "server"),
    ],
)
def test_what_a_plan_does_not_have_is_not_changed(name: str, strategy: str, why: str) -> None:
    with pytest.raises(NotApplicableError, match=why):
        KINDS[name].change(shop.plan([strategy]), SEED)


def test_text_that_is_read_in_a_way_of_its_own_is_changed() -> None:
    plan = replace(shop.plan(["textsearch"]), strategies=(READY_MADE["textsearch_stemmed"],), text_fields=())
    assert KINDS["title_lost"].change(plan, SEED).strategies == plan.strategies


def test_what_an_existing_index_holds_is_not_changed() -> None:
    plan = shop.plan(["hybrid"])
    settings = replace(plan.config.elasticsearch, index="theirs")
    plan = replace(plan, config=replace(plan.config, elasticsearch=settings))
    for name in ("title_lost", "products_missing", "vectors_stale", "prompt_missing"):
        with pytest.raises(NotApplicableError, match="the index exists already"):
            KINDS[name].change(plan, SEED)
    assert KINDS["queries_cut"].change(plan, SEED)  # what is asked for can be


def test_queries_without_a_number_lose_none() -> None:
    plan = shop.plan(["textsearch"])
    queries = Queries(pd.DataFrame({"id": plan.dataset.queries.ids, "text": "oaks"}))
    with pytest.raises(NotApplicableError, match="no query has what is changed"):
        KINDS["numbers_lost"].change(replace(plan, dataset=replace(plan.dataset, queries=queries)), SEED)


def test_the_index_of_a_change_is_closed_before_the_next_is_made() -> None:
    plan = shop.plan(["textsearch"])
    held: list[Any] = []
    most: list[int] = []

    @contextmanager
    def opened(**options: Any) -> Iterator[Any]:
        with plan.engine.open(**options) as indexer:

            def index(*arguments: Any, **options: Any) -> Any:
                engine: Any = indexer.index(*arguments, **options)
                engine.close = lambda: held.remove(engine)
                held.append(engine)
                most.append(len(held))
                return engine

            yield SimpleNamespace(ready=indexer.ready, index=index)

    planted = [(KINDS[name], SEED) for name in ("title_lost", "description_lost", "title_not_matched")]
    mutate(replace(plan, engine=replace(plan.engine, open=opened)), planted, Limits())
    assert (most, held) == ([1, 2, 2], [])  # that of the plan as it is, and one


def test_one_boost_of_a_strategy_moves_up_or_down_by_1_percent() -> None:
    plan = shop.plan(["textsearch_boosted"])
    (before,) = plan.strategies
    factors = set()
    for seed in range(20):
        changed, drawn = NEUTRAL_KINDS["boost_1_percent"].plant(plan, seed)
        (after,) = changed.strategies
        assert any(f".{name} times {factor}" in drawn for name in after.text for factor in ("0.99", "1.01"))
        (factor,) = {after.text[name] / boost for name, boost in before.text.items() if after.text[name] != boost}
        factors.add(round(factor, 4))
    assert factors == {1.01, round(1 / 1.01, 4)}


@pytest.mark.parametrize("kind", [one for one in SEARCHED if one.group in {"vectors", "models"}], ids=lambda k: k.name)
def test_a_field_without_text_has_no_vectors_to_change(kind: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = shop.vectors
    none = Vectors(np.zeros((0, shop.DIMENSIONS), dtype=np.float32), np.full(shop.PRODUCTS, -1))
    monkeypatch.setattr(shop, "vectors", lambda field: none if field == "description" else whole(field))
    assert shop.ranked(kind.change(shop.plan(["vectorsearch_multifield"]), SEED))


# rankings


@cache
def listed(name: str = "") -> Ranking:
    """What a strategy of vectors returns under a change; without one, twenty hits of it."""
    plan = shop.plan(["vectorsearch"])
    changed = shop.ranked(KINDS[name].change(plan, SEED)) if name else shop.ranked(plan, hits=20)
    return changed["vectorsearch"]


# places of the deeper list, which of the twenty come back and in which order; -1 is padding
@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("first_hit_lost", [*range(1, 10), -1]),
        ("off_by_one", range(1, 11)),
        ("every_second_hit", range(0, 20, 2)),
        ("duplicates", [0, *range(9)]),
        ("half_of_the_hits", [*range(5), *[-1] * 5]),
    ],
)
def test_hits_that_are_lost(name: str, places: Any) -> None:
    after, deep, chosen = listed(name), listed(), np.array(places)
    assert (after.codes == np.where(chosen < 0, NO_HIT, deep.codes[:, chosen])).all()
    assert (after.scores == np.where(chosen < 0, -np.inf, deep.scores[:, chosen])).all()


def test_hits_in_another_order_keep_the_scores() -> None:
    deep, turned, by_id = listed(), listed("hits_reversed"), listed("hits_by_id")
    assert (turned.codes == deep.codes[:, 9::-1]).all()
    assert (by_id.codes == np.sort(deep.codes[:, :10], axis=1)).all()
    assert (turned.scores == deep.scores[:, :10]).all()
    assert (by_id.scores == deep.scores[:, :10]).all()


def test_one_query_of_50_is_newly_empty() -> None:
    deep, after = listed(), listed("newly_empty")
    empty = (after.codes == NO_HIT).all(axis=1)
    assert int(empty.sum()) == shop.QUERIES // 50
    assert (after.codes[~empty] == deep.codes[~empty, :10]).all()
    assert np.isneginf(after.scores[empty]).all()


@pytest.mark.parametrize("name", ["same_again", "boosts_scaled", "score_noise_1e7", "other_order", "ties_shuffled"])
def test_neutral_changes_keep_the_nearest_and_equal_scores(name: str) -> None:
    plan = shop.plan(["vectorsearch_multifield", "textsearch"])
    before, after = shop.ranked(plan), shop.ranked(NEUTRAL_KINDS[name].change(plan, SEED))
    assert (after["vectorsearch_multifield"].codes == before["vectorsearch_multifield"].codes).all()
    if name in {"same_again", "ties_shuffled"}:
        assert (after["textsearch"].scores == before["textsearch"].scores).all()


@pytest.mark.parametrize(
    "name", ["boosts_scaled", "boost_1_percent", "score_jitter_1e3", "ties_shuffled", "other_order"]
)
def test_neutral_changes_are_others_with_another_seed(name: str) -> None:
    plan, kind = shop.plan(["textsearch_boosted"]), NEUTRAL_KINDS[name]
    first, *others = (shop.ranked(kind.change(plan, seed)) for seed in range(4))
    assert not all(same(first, other) for other in others)


# what the gate says


@pytest.fixture
def text_plan() -> Plan:
    """A plan of text, whose versions need no packages of models."""
    return shop.plan(["textsearch", "textsearch_boosted"])


def test_mutate_says_what_the_gate_would(text_plan: Plan) -> None:
    names = ["title_not_matched", "duplicates", "judgments_of_next_query", "vectors_stale", "hits_reversed"]
    planted = [(KINDS[name], SEED) for name in names] + [(NEUTRAL_KINDS["same_again"], SEED)]
    outcomes = mutate(text_plan, planted, Limits()).outcomes
    title, duplicates, judgments, stale, reversed_, same_again = outcomes
    assert title.verdict == "undecided, fails"  # what is new is not judged
    assert (duplicates.verdict, judgments.verdict) == ("refused", "named")
    assert "twice" in duplicates.refused
    assert "judgments new" in judgments.data
    assert judgments.comparison.differs[0] == f"data: {judgments.data}; both sides are scored by today's"
    assert judgments.worst("nDCG@10").relative == 0
    assert stale.verdict == "not applicable"
    assert reversed_.changed == ("textsearch", "textsearch_boosted")
    assert same_again.verdict == "no effect"
    assert not same_again.decided_by("nDCG@10")
    assert [one for one in outcomes if one.after] == [title, judgments, reversed_, same_again]


def test_only_what_newly_falls_below_a_floor_is_told(text_plan: Plan) -> None:
    reached = mutate(text_plan, [], Limits()).before.strategies["textsearch_boosted"].metrics[RR10].mean()
    means = {"textsearch": 1.0, "textsearch_boosted": float(reached) - 1e-6}  # the first is below it as it is
    plan = replace(text_plan, floors={name: Floors({"MRR": mean}, "", "here") for name, mean in means.items()})
    (outcome,) = mutate(plan, [(KINDS["half_of_the_hits"], SEED)], Limits()).outcomes
    assert outcome.below_floors == ("textsearch_boosted",)


def test_the_same_again_finds_out_an_engine_of_another_order_each_time(text_plan: Plan) -> None:
    rng = np.random.default_rng(SEED)

    def shuffled(ranking: Ranking, hits: int) -> Ranking:
        order = rng.permuted(np.tile(np.arange(hits), (len(ranking.codes), 1)), axis=1)
        return Ranking(np.take_along_axis(ranking.codes, order, axis=1), ranking.scores)

    restless = around(text_plan, answers=lambda ask, batch, hits: shuffled(ask(batch, hits), hits))
    planted = [(NEUTRAL_KINDS["same_again"], seed) for seed in (1, 2)]
    found = mutate(restless, planted, Limits())
    assert [one.changed for one in found.outcomes] == [("textsearch", "textsearch_boosted")] * 2
    snapshots = (found.before, *(one.after for one in found.outcomes))
    assert len({one.strategies["textsearch"].hits for one in snapshots if one is not None}) == 3
    still = mutate(text_plan, planted, Limits())
    assert [one.verdict for one in still.outcomes] == ["no effect"] * 2
    assert (still.searched, still.remembered, still.indexed) == (6, 0, 3)


def test_what_is_indexed_already_is_not_indexed_again() -> None:
    """Changes of strategies and queries are asked of the index of the plan as it is."""

    def indexed(plan: Plan, *names: str) -> int:
        return mutate(plan, [(KINDS[name], SEED) for name in names], Limits()).indexed

    plan = shop.plan(["textsearch_boosted"])
    assert indexed(plan, "text_boosts_off", "title_not_matched", "first_word_lost", "hits_reversed") == 1
    assert indexed(plan, "text_boosts_off", "title_lost", "description_lost") == 3


def test_a_verdict_names_what_decided_it(text_plan: Plan) -> None:
    planted = [(KINDS[name], SEED) for name in ("newly_empty", "hits_by_id")]
    found = mutate(text_plan, planted, Limits(empty_queries=1, least_queries=1_000))  # one of 60 is newly empty
    empty, by_id = ((one.verdict, one.decided_by(found.measure)) for one in found.outcomes)
    assert empty == ("loss", "empty results")
    assert by_id[1] in {"nDCG@10", ""}


def test_swapping_all_queries_exchanges_the_sides_and_twice_is_nothing(text_plan: Plan) -> None:
    measured = mutate(text_plan, [(KINDS["title_not_matched"], SEED)], Limits())
    before, after = measured.before, measured.outcomes[0].after
    assert after is not None
    chosen = np.arange(len(before.queries)) % 3 == 0
    left, right = swapped(*swapped(before, after, chosen), chosen)
    every = swapped(before, after, np.ones(len(before.queries), dtype=bool))
    for name, was in before.strategies.items():
        now = after.strategies[name]
        assert left.strategies[name].hits == was.hits == every[1].strategies[name].hits
        assert right.strategies[name].hits == now.hits == every[0].strategies[name].hits
        for metric, numbers in was.metrics.items():
            assert (left.strategies[name].metrics[metric] == numbers).all()
            assert (every[1].strategies[name].metrics[metric] == numbers).all()
    counts = nulls(before, [after], Limits(), number=6, seed=1)
    assert sum(counts.values()) == 6
    assert counts == nulls(before, [after], Limits(), number=6, seed=1)


def test_other_seeds_swap_other_queries(text_plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[bytes] = []

    def kept(before: Any, after: Any, queries: Any) -> Any:
        chosen.append(queries.tobytes())
        return before, after

    before = mutate(text_plan, [], Limits()).before
    monkeypatch.setattr("relevance.mutation.run.swapped", kept)
    for seed in (1, 2):
        nulls(before, [before], Limits(), number=5, seed=seed)
    assert len(set(chosen)) == 10
    assert 0.3 < np.mean([np.frombuffer(one, dtype=bool).mean() for one in chosen]) < 0.7


def test_the_worst_is_the_largest_drop_of_what_changed() -> None:
    findings = tuple(
        Finding(name, measure, "loss", 0.5, 0.4, relative=drop, segment=segment)
        for name, measure, drop, segment in (
            ("a", "nDCG@10", 0.1, ""),
            ("b", "nDCG@10", 0.3, ""),
            ("c", "nDCG@10", None, ""),
            ("d", "nDCG@10", 0.9, ""),
            ("a", "MRR@10", 0.5, ""),
            ("a", "nDCG@10", 0.7, "with a digit"),
        )
    )
    outcome = Outcome(KINDS["title_lost"], SEED, comparison=Comparison("", findings), changed=("a", "b", "c"))
    assert [one.strategy for one in outcome.leading("nDCG@10")] == ["a", "b", "c"]
    worst = outcome.worst("nDCG@10")
    assert worst is not None
    assert worst.strategy == "b"
    assert outcome.decided_by("AP@10") == "nDCG@10"


def test_a_drop_of_nothing_has_no_sign() -> None:
    finding = Finding("a", "nDCG@10", "no loss", 0.5, 0.5, relative=0.0)
    outcome = Outcome(KINDS["k1_off"], SEED, snapshot(), Comparison("", (finding,)), changed=("a",))
    lines = mutation_lines(Outcomes(snapshot(), (outcome,), "nDCG@10", 1.0, 0, 0, 1), columns=120)
    assert re.match(r"k1_off +no loss +0\.0% +a ", lines[1].text)


def test_trainings_are_not_counted_among_the_seconds() -> None:
    outcomes = tuple(
        Outcome(kind, SEED, seconds=seconds)
        for kind, seconds in ((KINDS["title_lost"], 2), (KINDS["labels_shuffled"], 60))
    )
    assert Outcomes(snapshot(), outcomes, "nDCG@10", 1.0, 0, 0, 0).seconds == 2


def test_nulls_that_swapping_empties_seldom_fail(text_plan: Plan) -> None:
    before = mutate(text_plan, [], Limits()).before
    nothing = {
        name: replace(
            one,
            metrics=MappingProxyType({metric: 0 * numbers for metric, numbers in one.metrics.items()}),
            hits=((),) * len(one.hits),
        )
        for name, one in before.strategies.items()
    }
    after = replace(before, strategies=MappingProxyType(nothing))
    limits = Limits(least_queries=1_000)  # only what is empty can fail
    found = nulls(before, [after], limits, number=50, seed=1)
    assert found["loss"] <= 3  # 1% are expected, and within 3.5 standard errors
    assert found["no loss"] == 0
