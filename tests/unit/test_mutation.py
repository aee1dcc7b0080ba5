"""Planted changes: each is a function from plan to plan, has its effect, and what it left is not searched again."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pytest
from helpers import small_shop

from relevance.gate import Limits
from relevance.mutation import KINDS, NEUTRAL_KINDS, Mutation, mutate, nulls
from relevance.mutation.engine import Alterations, Reuse, altered
from relevance.mutation.plans import NotApplicableError
from relevance.mutation.run import swapped
from relevance.records import NO_HIT, Ranking, Vectors
from relevance.report.mutations import kinds_table

if TYPE_CHECKING:
    from collections.abc import Mapping

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


@cache
def remembered() -> tuple[Plan, Reuse]:
    """The same plan on an engine that remembers, searched once."""
    plan, _ = unchanged()
    reuse = Reuse(plan.engine, ExitStack())
    plan = replace(plan, engine=reuse.choice())
    small_shop.ranked(plan)
    return plan, reuse


def test_kinds_are_many_and_the_page_names_them_all() -> None:
    """At least 30, under names of their own; the tables of docs/mutate.md are those of the code."""
    assert len(KINDS) >= 30
    assert not set(KINDS) & set(NEUTRAL_KINDS)
    page = (Path(__file__).resolve().parents[2] / "docs" / "mutate.md").read_text(encoding="utf-8")
    for kinds in (KINDS, NEUTRAL_KINDS):
        assert "\n".join(kinds_table(kinds.values())) in page
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
    own, reuse = remembered()
    assert same(small_shop.ranked(kind.change(own, SEED)), after)
    searched, known = reuse.searched, reuse.remembered
    small_shop.ranked(kind.change(own, SEED))
    assert reuse.searched == searched
    assert reuse.remembered > known


def test_changes_leave_the_plan_as_it_is() -> None:
    """After all of them it ranks as before."""
    plan, before = unchanged()
    for kind in SEARCHED:
        assert kind.change(plan, SEED) is not plan
    assert same(small_shop.ranked(plan), before)


def test_a_boost_does_not_search_vectors_again() -> None:
    """Where text boosts alone change, the legs of vectors alone are remembered."""
    plan = small_shop.plan(["textsearch_boosted", "vectorsearch"])
    reuse = Reuse(plan.engine, ExitStack())
    plan = replace(plan, engine=reuse.choice())
    small_shop.ranked(plan)
    assert (reuse.searched, reuse.remembered) == (2, 0)
    small_shop.ranked(KINDS["text_boosts_off"].change(plan, SEED))
    assert (reuse.searched, reuse.remembered) == (3, 1)


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


@pytest.mark.parametrize(
    "kind", [kind for kind in SEARCHED if kind.group in {"vectors", "models"}], ids=lambda k: k.name
)
def test_a_field_without_text_has_no_vectors_to_change(kind: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data without any description: the matrix of that field has no row."""
    whole = small_shop.vectors
    none = Vectors(np.zeros((0, small_shop.DIMENSIONS), dtype=np.float32), np.full(small_shop.PRODUCTS, -1))
    monkeypatch.setattr(small_shop, "vectors", lambda field: none if field == "description" else whole(field))
    assert small_shop.ranked(kind.change(small_shop.plan(["vectorsearch_multifield"]), SEED))


def test_lists_are_changed_as_they_are_said_to_be() -> None:
    """Hit for hit and score for score."""
    plan = small_shop.plan(["vectorsearch"])
    before = small_shop.ranked(plan)["vectorsearch"]
    deeper = small_shop.ranked(altered(plan, Alterations(ranking=lambda ranking, _: ranking, deeper=60)))[
        "vectorsearch"
    ]

    def after(name: str) -> tuple[np.ndarray, np.ndarray]:
        ranking = small_shop.ranked(KINDS[name].change(plan, SEED))["vectorsearch"]
        return ranking.codes, ranking.scores

    codes, scores = after("first_hit_lost")
    assert (codes[:, :9] == before.codes[:, 1:]).all()
    assert (scores[:, :9] == before.scores[:, 1:]).all()
    assert (codes[:, 9] == NO_HIT).all()
    assert np.isneginf(scores[:, 9]).all()
    codes, scores = after("off_by_one")
    assert (codes == deeper.codes[:, 1:11]).all()
    assert (scores == deeper.scores[:, 1:11]).all()
    assert (after("every_second_hit")[0] == deeper.codes[:, :20:2]).all()
    codes, scores = after("hits_reversed")
    assert (codes == before.codes[:, ::-1]).all()
    assert (scores == before.scores).all()
    assert (after("hits_by_id")[0] == np.sort(before.codes, axis=1)).all()
    codes, scores = after("duplicates")
    assert (codes == before.codes[:, [0, *range(9)]]).all()
    assert (scores == before.scores[:, [0, *range(9)]]).all()
    codes, scores = after("half_of_the_hits")
    assert (codes == np.hstack([before.codes[:, :5], np.full((small_shop.QUERIES, 5), NO_HIT)])).all()
    assert np.isneginf(scores[:, 5:]).all()
    codes, scores = after("newly_empty")
    empty = codes[:, 0] == NO_HIT
    assert int(empty.sum()) == small_shop.QUERIES // 50
    assert (codes[~empty] == before.codes[~empty]).all()
    assert np.isneginf(scores[empty]).all()


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
    found, snapshots = mutate(text_plan, planted, Limits())
    verdicts = {one.kind.name: one.verdict for one in found.outcomes}
    assert verdicts["duplicates"] == verdicts["judgments_of_next_query"] == "refused"
    assert "twice" in found.outcomes[1].refused
    assert found.outcomes[2].refused.startswith("other data: ")
    assert found.outcomes[2].worst("nDCG@10") is not None
    assert verdicts["vectors_stale"] == "not applicable"
    assert verdicts["same_again"] == "no effect"
    assert verdicts["title_not_matched"] in {"fail", "warn", "pass"}
    assert found.outcomes[4].changed == ("textsearch", "textsearch_boosted")
    assert not found.outcomes[5].decided_by("nDCG@10")
    assert [one is None for one in snapshots] == [False, False, True, False, True, False, False]


def test_the_same_again_is_searched_again(text_plan: Plan) -> None:
    """An engine whose lists are in another order each time is found out, and one that is not has no effect."""
    rng = np.random.default_rng(SEED)

    def shuffled(ranking: Ranking, hits: int) -> Ranking:
        order = rng.permuted(np.tile(np.arange(hits), (len(ranking.codes), 1)), axis=1)
        return Ranking(np.take_along_axis(ranking.codes, order, axis=1), ranking.scores)

    restless = altered(text_plan, Alterations(ranking=shuffled))
    planted = [(NEUTRAL_KINDS["same_again"], seed) for seed in (1, 2)]
    found, snapshots = mutate(restless, planted, Limits())
    assert [one.changed for one in found.outcomes] == [("textsearch", "textsearch_boosted")] * 2
    assert len({one.strategies["textsearch"].hits for one in snapshots if one is not None}) == 3
    still, _ = mutate(text_plan, planted, Limits())
    assert [one.verdict for one in still.outcomes] == ["no effect"] * 2
    assert (still.searched, still.remembered) == (6, 0)


def test_a_verdict_names_what_decided_it(text_plan: Plan) -> None:
    """Queries that newly return nothing are one of 60 here; where nDCG@10 fails as well, that is named."""
    planted = [(KINDS[name], SEED) for name in ("newly_empty", "hits_by_id")]
    found, _ = mutate(text_plan, planted, Limits(empty_queries=1, least_queries=1_000))
    empty, by_id = ((one.verdict, one.decided_by(found.measure)) for one in found.outcomes)
    assert empty == ("fail", "empty results")
    assert by_id[1] in {"nDCG@10", ""}


def test_true_nulls(text_plan: Plan) -> None:
    """Swapping twice is swapping nothing, swapping all exchanges the sides; of one seed come the same verdicts."""
    _, (before, after) = mutate(text_plan, [(KINDS["title_not_matched"], SEED)], Limits())
    assert before is not None
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
    _, (before,) = mutate(text_plan, [], Limits())
    assert before is not None
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
