"""Planted changes: each is a function from plan to plan, has its effect, and what it left is not searched again."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from helpers import small_shop

from relevance.evaluation import RR10
from relevance.gate import Floors, Limits
from relevance.mutation import KINDS, NEUTRAL_KINDS, Mutation, mutate, nulls
from relevance.mutation.engine import NotApplicableError, Reuse, around
from relevance.mutation.run import swapped
from relevance.records import NO_HIT, Queries, Ranking, Vectors
from relevance.text import markdown, markdown_code

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from relevance.suite import Plan

SEED = 3
STRATEGIES = ("textsearch_boosted", "vectorsearch_multifield_boosted", "hybrid_boosted", "rrf", "rrf_multi")
ELSEWHERE = {"prompt_missing", "prompt_doubled", "texts_cut", "base_for_finetuned", "labels_shuffled"}
"""Change the models, whose vectors are not made here."""

SEARCHED = [kind for kind in KINDS.values() if kind.group not in {"judgments", "server"} and kind.name not in ELSEWHERE]
HARMLESS = {"candidates_10"}
"""May leave the first ten as they are."""

by_name = pytest.mark.parametrize("kind", SEARCHED, ids=lambda kind: kind.name)


def same(left: Mapping[str, Ranking], right: Mapping[str, Ranking]) -> bool:
    """Whether hits and scores of all strategies are equal."""
    return left.keys() == right.keys() and all(
        (left[name].codes == one.codes).all() and (left[name].scores == one.scores).all() for name, one in right.items()
    )


@cache
def unchanged() -> tuple[Plan, Mapping[str, Ranking]]:
    """A plan of strategies of all kinds, and what they return."""
    plan = small_shop.plan(STRATEGIES)
    return plan, small_shop.ranked(plan)


def remembering(plan: Plan) -> tuple[Plan, Counter[str]]:
    """The same plan on an engine that remembers, searched once; and its counts of legs."""
    legs = Counter[str]()
    with plan.engine.open(progress=False) as indexer:  # the embedded engine stays open
        plan = replace(plan, engine=Reuse(indexer, legs).choice(plan.engine))
    small_shop.ranked(plan)
    return plan, legs


@cache
def remembered() -> tuple[Plan, Counter[str]]:
    """The plan of all strategies, once."""
    return remembering(unchanged()[0])


def test_kinds_are_many_and_the_page_names_them_all() -> None:
    """At least 30, under names of their own; the tables of docs/mutate.md are those of the code."""
    assert len(KINDS) >= 30
    assert not set(KINDS) & set(NEUTRAL_KINDS)
    page = (Path(__file__).resolve().parents[2] / "docs" / "mutate.md").read_text(encoding="utf-8")
    for kinds in (KINDS, NEUTRAL_KINDS):
        rows = [(markdown_code(kind.name), kind.group, kind.cost, markdown(kind.what)) for kind in kinds.values()]
        assert "\n".join(f"| {' | '.join(row)} |" for row in rows) in page
        for name, kind in kinds.items():
            assert name == kind.name
            assert re.fullmatch(r"[a-z0-9_]+", name)
            assert kind.cost in {"", "embedding", "training", "server"}


@by_name
def test_a_change_has_its_effect_and_what_it_left_is_remembered(kind: Mutation) -> None:
    """Another plan ranks otherwise; an engine that remembers ranks it the same, and searches nothing twice."""
    plan, before = unchanged()
    after = small_shop.ranked(kind.change(plan, SEED))
    assert same(before, after) <= (kind.name in HARMLESS)
    own, legs = remembered()
    assert same(small_shop.ranked(kind.change(own, SEED)), after)
    searched, known = legs["searched"], legs["remembered"]
    small_shop.ranked(kind.change(own, SEED))
    assert legs["searched"] == searched
    assert legs["remembered"] > known


def test_changes_leave_the_plan_as_it_is() -> None:
    """After all of them it ranks as before."""
    plan, before = unchanged()
    for kind in SEARCHED:
        assert kind.change(plan, SEED) is not plan
    assert same(small_shop.ranked(plan), before)


def test_a_boost_does_not_search_vectors_again() -> None:
    """Where text boosts alone change, the legs of vectors alone are remembered."""
    plan, legs = remembering(small_shop.plan(["textsearch_boosted", "vectorsearch"]))
    assert legs == {"searched": 2}
    small_shop.ranked(KINDS["text_boosts_off"].change(plan, SEED))
    assert legs == {"searched": 3, "remembered": 1}


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("prompt_missing", {"prompt": ""}),
        ("prompt_doubled", {"prompt": "query: query: "}),
        ("texts_cut", {"max_tokens": 8}),
    ],
)
def test_changes_of_models(name: str, what: dict[str, object]) -> None:
    """A model is given other settings, under which its texts are embedded anew."""
    changed = KINDS[name].change(unchanged()[0], SEED)
    assert changed.models["base"] == replace(small_shop.model("base"), **what)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "strategy", "why"),
    [
        ("base_for_finetuned", "vectorsearch", "no strategy uses the fine-tuned model"),
        *(
            (name, "textsearch", "no ")
            for name in ("vectors_stale", "weaker_model", "prompt_missing", "vector_boosts_off")
        ),
        ("title_lost", "vectorsearch", "no strategy matches text"),
        *((kind.name, "vectorsearch", "not Elasticsearch") for kind in KINDS.values() if kind.group == "server"),
    ],
)
def test_what_a_plan_does_not_have_is_not_changed(name: str, strategy: str, why: str) -> None:
    """The change says so."""
    with pytest.raises(NotApplicableError, match=why):
        KINDS[name].change(small_shop.plan([strategy]), SEED)


def test_what_an_index_holds_is_not_changed_where_it_exists() -> None:
    """Texts, vectors and models; what is asked for and comes back can be."""
    plan = small_shop.plan(["hybrid"])
    settings = replace(plan.config.elasticsearch, index="theirs")
    plan = replace(plan, config=replace(plan.config, elasticsearch=settings))
    for name in ("title_lost", "products_missing", "vectors_stale", "prompt_missing"):
        with pytest.raises(NotApplicableError, match="the index exists already"):
            KINDS[name].change(plan, SEED)
    assert KINDS["queries_cut"].change(plan, SEED)


def test_queries_without_a_number_lose_none() -> None:
    """The change says so, and is not planted."""
    plan = small_shop.plan(["textsearch"])
    queries = Queries(pd.DataFrame({"id": plan.dataset.queries.ids, "text": "oaks"}))
    with pytest.raises(NotApplicableError, match="no query has what is changed"):
        KINDS["numbers_lost"].change(replace(plan, dataset=replace(plan.dataset, queries=queries)), SEED)


def test_lost_judgments_leave_each_query_a_relevant_one() -> None:
    """A tenth of the others becomes irrelevant, and which they are depends on the seed."""
    plan = small_shop.plan(["textsearch"])
    lost = [KINDS["judgments_lost"].change(plan, seed).dataset.judgments for seed in range(4)]
    assert all(set(one.queries[one.grades > 0].tolist()) == set(one.queries.tolist()) for one in lost)
    assert len({one.grades.tobytes() for one in (plan.dataset.judgments, *lost)}) == 5


def test_a_boost_moves_up_or_down() -> None:
    """By 1%, one of a strategy at a time."""
    plan = small_shop.plan(["textsearch_boosted"])
    (before,) = plan.strategies
    factors = set()
    for seed in range(20):
        (after,) = NEUTRAL_KINDS["boost_1_percent"].change(plan, seed).strategies
        (factor,) = {after.text[name] / boost for name, boost in before.text.items() if after.text[name] != boost}
        factors.add(round(factor, 4))
    assert factors == {1.01, round(1 / 1.01, 4)}


@pytest.mark.parametrize(
    "kind", [kind for kind in SEARCHED if kind.group in {"vectors", "models"}], ids=lambda k: k.name
)
def test_a_field_without_text_has_no_vectors_to_change(kind: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data without any description: the matrix of that field has no row."""
    whole = small_shop.vectors
    none = Vectors(np.zeros((0, small_shop.DIMENSIONS), dtype=np.float32), np.full(small_shop.PRODUCTS, -1))
    monkeypatch.setattr(small_shop, "vectors", lambda field: none if field == "description" else whole(field))
    assert small_shop.ranked(kind.change(small_shop.plan(["vectorsearch_multifield"]), SEED))


LISTS: dict[str, Callable[[np.ndarray, object], np.ndarray]] = {
    "first_hit_lost": lambda deep, none: np.hstack([deep[:, 1:10], np.full((small_shop.QUERIES, 1), none)]),
    "off_by_one": lambda deep, _: deep[:, 1:11],
    "every_second_hit": lambda deep, _: deep[:, :20:2],
    "duplicates": lambda deep, _: deep[:, [0, *range(9)]],
    "half_of_the_hits": lambda deep, none: np.hstack([deep[:, :5], np.full((small_shop.QUERIES, 5), none)]),
}
"""What is left of a deeper list, codes or scores, with what stands in an empty place."""


def listed(name: str = "") -> Ranking:
    """What a strategy of vectors returns under a change; without one, twenty hits of it."""
    plan = small_shop.plan(["vectorsearch"])
    deeper = around(plan, answers=lambda ask, batch, _: ask(batch, 20))
    return small_shop.ranked(KINDS[name].change(plan, SEED) if name else deeper)["vectorsearch"]


@pytest.mark.parametrize("name", LISTS)
def test_hits_that_are_lost(name: str) -> None:
    """Hit for hit and score for score."""
    after, deep = listed(name), listed()
    assert (after.codes == LISTS[name](deep.codes, NO_HIT)).all()
    assert (after.scores == LISTS[name](deep.scores, -np.inf)).all()


def test_hits_in_another_order() -> None:
    """The scores stay, and so does what is found."""
    deep, turned, by_id = listed(), listed("hits_reversed"), listed("hits_by_id")
    assert (turned.codes == deep.codes[:, 9::-1]).all()
    assert (by_id.codes == np.sort(deep.codes[:, :10], axis=1)).all()
    assert (turned.scores == deep.scores[:, :10]).all()
    assert (by_id.scores == deep.scores[:, :10]).all()


def test_newly_empty_queries() -> None:
    """One of 50; the others stay."""
    deep, after = listed(), listed("newly_empty")
    empty = (after.codes == NO_HIT).all(axis=1)
    assert int(empty.sum()) == small_shop.QUERIES // 50
    assert (after.codes[~empty] == deep.codes[~empty, :10]).all()
    assert np.isneginf(after.scores[empty]).all()


def test_missing_products_are_never_found() -> None:
    """About 5% of the products are in no list; the others keep their codes."""
    plan = KINDS["products_missing"].change(small_shop.plan(["vectorsearch"]), SEED)
    hits = set(small_shop.ranked(plan)["vectorsearch"].codes.ravel().tolist())
    kept = np.random.default_rng(SEED).random(small_shop.PRODUCTS) >= 0.05
    assert hits <= set(np.flatnonzero(kept).tolist())


@pytest.mark.parametrize("name", ["same_again", "boosts_scaled", "score_noise_1e7", "other_order", "ties_shuffled"])
def test_neutral_changes_keep_what_is_found(name: str) -> None:
    """The nearest products of vectors that never tie are the same, and equal scores stay equal."""
    plan = small_shop.plan(["vectorsearch_multifield", "textsearch"])
    before, after = small_shop.ranked(plan), small_shop.ranked(NEUTRAL_KINDS[name].change(plan, SEED))
    assert (after["vectorsearch_multifield"].codes == before["vectorsearch_multifield"].codes).all()
    if name in {"same_again", "ties_shuffled"}:
        assert (after["textsearch"].scores == before["textsearch"].scores).all()


@pytest.mark.parametrize(
    "name", ["boosts_scaled", "boost_1_percent", "score_jitter_1e3", "ties_shuffled", "other_order"]
)
def test_neutral_changes_are_others_with_another_seed(name: str) -> None:
    """Repeating them is more than doing one again."""
    plan, kind = small_shop.plan(["textsearch_boosted"]), NEUTRAL_KINDS[name]
    found = [small_shop.ranked(kind.change(plan, seed)) for seed in range(4)]
    assert any(not same(found[0], other) for other in found[1:])


@pytest.fixture
def text_plan() -> Plan:
    """A plan of text, whose versions need no packages of models."""
    return small_shop.plan(["textsearch", "textsearch_boosted"])


def test_mutate_tells_what_the_gate_says(text_plan: Plan) -> None:
    """A lost title fails or warns, duplicates are refused, other judgments too, the same again has no effect."""
    names = ["title_not_matched", "duplicates", "judgments_of_next_query", "vectors_stale", "hits_reversed"]
    planted = [(KINDS[name], SEED) for name in names] + [(NEUTRAL_KINDS["same_again"], SEED)]
    title, duplicates, judgments, stale, reversed_, same_again = mutate(text_plan, planted, Limits()).outcomes
    assert title.verdict in {"fail", "warn", "pass"}
    assert duplicates.verdict == judgments.verdict == "refused"
    assert "twice" in duplicates.refused
    assert judgments.refused.startswith("other data: ")
    assert judgments.worst("nDCG@10") is not None
    assert stale.verdict == "not applicable"
    assert reversed_.changed == ("textsearch", "textsearch_boosted")
    assert same_again.verdict == "no effect"
    assert not same_again.decided_by("nDCG@10")
    measured = [title, judgments, reversed_, same_again]
    assert [one for one in (title, duplicates, judgments, stale, reversed_, same_again) if one.after] == measured


def test_only_what_newly_falls_below_a_floor_is_told(text_plan: Plan) -> None:
    """One strategy is below its floor as it is, the other one with the change alone."""
    reached = mutate(text_plan, [], Limits()).before.strategies["textsearch_boosted"].metrics[RR10].mean()
    means = {"textsearch": 1.0, "textsearch_boosted": float(reached) - 1e-6}
    plan = replace(text_plan, floors={name: Floors({"MRR": mean}, "", "here") for name, mean in means.items()})
    (outcome,) = mutate(plan, [(KINDS["half_of_the_hits"], SEED)], Limits()).outcomes
    assert outcome.below_floors == ("textsearch_boosted",)


def test_the_same_again_is_searched_again(text_plan: Plan) -> None:
    """An engine whose lists are in another order each time is found out, and one that is not has no effect."""
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
    assert (still.searched, still.remembered) == (6, 0)


def test_a_verdict_names_what_decided_it(text_plan: Plan) -> None:
    """Queries that newly return nothing are one of 60 here; where nDCG@10 fails as well, that is named."""
    planted = [(KINDS[name], SEED) for name in ("newly_empty", "hits_by_id")]
    found = mutate(text_plan, planted, Limits(empty_queries=1, least_queries=1_000))
    empty, by_id = ((one.verdict, one.decided_by(found.measure)) for one in found.outcomes)
    assert empty == ("fail", "empty results")
    assert by_id[1] in {"nDCG@10", ""}


def test_true_nulls(text_plan: Plan) -> None:
    """Swapping twice is swapping nothing, swapping all exchanges the sides; of one seed come the same verdicts."""
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


def test_nulls_that_swapping_empties_seldom_fail(text_plan: Plan) -> None:
    """A change that empties every query, swapped: about as many are newly empty as newly are not."""
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
    assert found["fail"] <= 3  # 1% are expected, and within 3.5 standard errors
    assert found["pass"] == 0
