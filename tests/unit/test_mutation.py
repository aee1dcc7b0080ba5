"""Planted changes: each is a function from plan to plan, has its effect, and what it left is not searched again."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import mutated
import numpy as np
import pytest

from relevance.gate import Limits
from relevance.mutation import KINDS, NEUTRAL_KINDS, Kind, mutate, nulls
from relevance.mutation import running as running_module
from relevance.mutation.altered import Alterations, altered
from relevance.mutation.kind import NotApplicableError
from relevance.mutation.nulls import swapped
from relevance.mutation.reuse import Reuse
from relevance.records import NO_HIT, Ranking, Vectors
from relevance.report.mutations import kinds_table

if TYPE_CHECKING:
    from relevance.suite import Plan

SEED = 3
MODELS = {"prompt_missing", "prompt_doubled", "texts_cut"}
ELSEWHERE = {*MODELS, "base_for_finetuned", "labels_shuffled"}
"""Change the models, whose vectors are not made here."""

SEARCHED = [kind for kind in KINDS.values() if kind.group not in {"judgments", "server"} and kind.name not in ELSEWHERE]
HARMLESS = {"candidates_10"}
"""May leave the first ten as they are."""

DOCS = Path(__file__).resolve().parents[2] / "docs" / "mutate.md"


def same(left: Ranking, right: Ranking) -> bool:
    """Whether hits and scores are equal."""
    return bool((left.codes == right.codes).all() and (left.scores == right.scores).all())


def test_there_are_many_kinds_under_names_of_their_own() -> None:
    """At least 30; regressions and neutral changes share no name."""
    assert len(KINDS) >= 30
    assert not set(KINDS) & set(NEUTRAL_KINDS)
    for name, kind in {**KINDS, **NEUTRAL_KINDS}.items():
        assert name == kind.name
        assert re.fullmatch(r"[a-z0-9_]+", name)
        assert kind.what
        assert kind.cost in {"", "embedding", "training", "server"}


def test_the_page_names_all_kinds() -> None:
    """The tables of docs/mutate.md are those of the code."""
    page = DOCS.read_text(encoding="utf-8")
    for kinds in (KINDS, NEUTRAL_KINDS):
        assert "\n".join(kinds_table(kinds.values())) in page


@pytest.mark.parametrize("kind", SEARCHED, ids=lambda kind: kind.name)
def test_a_change_has_its_effect_and_leaves_the_given_plan(kind: Kind) -> None:
    """Another plan comes back, under which a strategy returns other hits or scores; the given one is as it was."""
    given = mutated.plan()
    before = mutated.ranked(given)
    changed = kind.change(given, SEED)
    assert changed is not given
    after = mutated.ranked(changed)
    assert after.keys() == before.keys()
    if kind.name not in HARMLESS:
        assert any(not same(before[name], after[name]) for name in before)
    assert all(same(before[name], found) for name, found in mutated.ranked(given).items())


@pytest.mark.parametrize("kind", SEARCHED, ids=lambda kind: kind.name)
def test_what_is_remembered_is_what_would_be_found(kind: Kind) -> None:
    """Through an engine that remembers each strategy returns the same, and nothing is searched for twice."""
    given = mutated.plan()
    reuse = Reuse(given.engine, ExitStack())
    own = replace(given, engine=reuse.choice())
    mutated.ranked(own)
    through = mutated.ranked(kind.change(own, SEED))
    searched = reuse.searched
    assert all(same(found, through[name]) for name, found in mutated.ranked(kind.change(given, SEED)).items())
    mutated.ranked(kind.change(own, SEED))
    assert reuse.searched == searched
    assert reuse.remembered > 0


def test_a_boost_does_not_search_vectors_again() -> None:
    """Where text boosts alone change, the legs of vectors alone are remembered."""
    given = mutated.plan(["textsearch_boosted", "vectorsearch"])
    reuse = Reuse(given.engine, ExitStack())
    own = replace(given, engine=reuse.choice())
    mutated.ranked(own)
    assert (reuse.searched, reuse.remembered) == (2, 0)
    mutated.ranked(KINDS["text_boosts_off"].change(own, SEED))
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
    changed = KINDS[name].change(mutated.plan(), SEED)
    assert changed.models["base"] == replace(mutated.model("base"), **what)  # type: ignore[arg-type]


def test_base_for_finetuned_needs_both() -> None:
    """Without a fine-tuned model there is nothing to replace."""
    with pytest.raises(NotApplicableError, match="no strategy uses the fine-tuned model"):
        KINDS["base_for_finetuned"].change(mutated.plan(), SEED)


@pytest.mark.parametrize("name", ["vectors_stale", "weaker_model", "prompt_missing", "vector_boosts_off"])
def test_without_vectors_there_is_no_change_of_vectors(name: str) -> None:
    """What needs vectors says so on a plan of text."""
    with pytest.raises(NotApplicableError):
        KINDS[name].change(mutated.plan(["textsearch"]), SEED)


@pytest.mark.parametrize("name", [kind.name for kind in KINDS.values() if kind.group == "server"])
def test_a_server_is_needed_for_changes_of_a_server(name: str) -> None:
    """The embedded engine has no other analyzers and no approximate index."""
    with pytest.raises(NotApplicableError, match="not Elasticsearch"):
        KINDS[name].change(mutated.plan(), SEED)


@pytest.mark.parametrize(
    "kind", [one for one in SEARCHED if one.group in {"vectors", "models"}], ids=lambda kind: kind.name
)
def test_a_field_without_text_has_no_vectors_to_change(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data without any description: the matrix of that field has no row."""
    whole = mutated.vectors

    def without_descriptions(field: str) -> Vectors:
        rows = np.full(mutated.PRODUCTS, -1)
        return (
            Vectors(np.zeros((0, mutated.DIMENSIONS), dtype=np.float32), rows)
            if field == "description"
            else whole(field)
        )

    monkeypatch.setattr(mutated, "vectors", without_descriptions)
    assert mutated.ranked(kind.change(mutated.plan(["vectorsearch_multifield"]), SEED))


def _one(name: str, change: str) -> tuple[Ranking, Ranking]:
    """A strategy's ranking before and after."""
    given = mutated.plan([name])
    return mutated.ranked(given)[name], mutated.ranked(KINDS[change].change(given, SEED))[name]


def test_lists_are_changed_as_they_are_said_to_be() -> None:
    """First hit lost, off by one, reversed, twice, half, empty: hit for hit."""
    before, lost = _one("vectorsearch", "first_hit_lost")
    assert (lost.codes[:, :9] == before.codes[:, 1:]).all()
    assert (lost.codes[:, 9] == NO_HIT).all()
    _, off = _one("vectorsearch", "off_by_one")
    assert (off.codes[:, :9] == before.codes[:, 1:]).all()
    assert (off.codes[:, 9] != NO_HIT).all()
    _, turned = _one("vectorsearch", "hits_reversed")
    assert (turned.codes == before.codes[:, ::-1]).all()
    _, twice = _one("vectorsearch", "duplicates")
    assert (twice.codes[:, 0] == twice.codes[:, 1]).all()
    _, half = _one("vectorsearch", "half_of_the_hits")
    assert (half.codes[:, :5] == before.codes[:, :5]).all()
    assert (half.codes[:, 5:] == NO_HIT).all()
    _, empty = _one("vectorsearch", "newly_empty")
    assert int((empty.codes[:, 0] == NO_HIT).sum()) == mutated.QUERIES // 50


def test_missing_products_are_never_found() -> None:
    """About 5% of the products are in no list; the others keep their codes."""
    _, after = _one("vectorsearch", "products_missing")
    deep = set(after.codes.ravel().tolist())
    kept = np.random.default_rng(SEED).random(mutated.PRODUCTS) >= 0.05
    assert deep <= set(np.flatnonzero(kept).tolist())


@pytest.mark.parametrize("name", ["same_again", "boosts_scaled", "score_noise_1e7", "other_order", "ties_shuffled"])
def test_neutral_changes_keep_what_is_found(name: str) -> None:
    """The nearest products of vectors that never tie are the same."""
    given = mutated.plan(["vectorsearch"])
    before = mutated.ranked(given)["vectorsearch"]
    if name == "boosts_scaled":
        given = mutated.plan(["vectorsearch_multifield"])
        before = mutated.ranked(given)["vectorsearch_multifield"]
    after = mutated.ranked(NEUTRAL_KINDS[name].change(given, SEED))[given.strategies[0].name]
    assert (after.codes == before.codes).all()


def test_another_order_decides_ties_otherwise() -> None:
    """Queries whose hits tie come back in another order, with the same scores."""
    before, after = (
        mutated.ranked(plan)["textsearch"]
        for plan in (
            mutated.plan(["textsearch"]),
            NEUTRAL_KINDS["ties_shuffled"].change(mutated.plan(["textsearch"]), SEED),
        )
    )
    assert (before.scores == after.scores).all()


@pytest.mark.parametrize(
    "name", ["boosts_scaled", "boost_1_percent", "score_jitter_1e3", "ties_shuffled", "other_order"]
)
def test_neutral_changes_are_others_with_another_seed(name: str) -> None:
    """Repeating them is more than doing one again."""
    given = mutated.plan(["textsearch_boosted"])
    kind = NEUTRAL_KINDS[name]
    found = [mutated.ranked(kind.change(given, seed))["textsearch_boosted"] for seed in range(4)]
    assert any(not same(found[0], other) for other in found[1:])


@pytest.fixture
def text_plan(monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A plan of text, whose versions need no packages of models."""
    monkeypatch.setattr(running_module, "_NAME", "before")
    return mutated.plan(["textsearch", "textsearch_boosted"])


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
    assert verdicts["hits_reversed"] in {"fail", "warn", "pass"}
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
    found, (before, *others) = mutate(restless, planted, Limits())
    assert [one.changed for one in found.outcomes] == [("textsearch", "textsearch_boosted")] * 2
    assert before is not None
    first, second = (one.strategies["textsearch"].hits for one in others if one is not None)
    assert len({before.strategies["textsearch"].hits, first, second}) == 3
    still, _ = mutate(text_plan, planted, Limits())
    assert [one.verdict for one in still.outcomes] == ["no effect"] * 2
    assert (still.searched, still.remembered) == (6, 0)


def test_a_verdict_names_what_decided_it(text_plan: Plan) -> None:
    """Queries that newly return nothing are one of 60 here; where nDCG@10 fails as well, that is named."""
    planted = [(KINDS[name], SEED) for name in ("first_word_lost", "newly_empty", "hits_by_id")]
    found, _ = mutate(text_plan, planted, Limits(empty_queries=1, least_queries=1_000))
    by = {one.kind.name: (one.verdict, one.decided_by(found.measure)) for one in found.outcomes}
    assert by["newly_empty"] == ("fail", "empty results")
    assert by["hits_by_id"][1] in {"nDCG@10", ""}


def test_swapping_twice_is_swapping_nothing(text_plan: Plan) -> None:
    """And with all queries swapped, both sides change places."""
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


def test_nulls_are_counted(text_plan: Plan) -> None:
    """As many verdicts as sessions; the same seed gives the same."""
    _, (before, after) = mutate(text_plan, [(KINDS["title_not_matched"], SEED)], Limits())
    assert before is not None
    assert after is not None
    found = nulls(before, [after], Limits(), number=6, seed=1)
    assert sum(found.values()) == 6
    assert found == nulls(before, [after], Limits(), number=6, seed=1)


def test_nulls_that_swapping_empties_seldom_fail(text_plan: Plan) -> None:
    """A change that empties every query, swapped: about as many are newly empty as newly are not."""
    _, (before, _) = mutate(text_plan, [(NEUTRAL_KINDS["same_again"], SEED)], Limits())
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
    found = nulls(before, [after], limits, number=100, seed=1)
    assert found["fail"] <= 4  # 1% are expected, and within 3.5 standard errors
    assert found["pass"] == 0
