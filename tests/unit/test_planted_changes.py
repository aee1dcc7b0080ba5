"""Each kind of change, exactly: what reaches the engine with it, what comes back, what the plan holds."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import shop
from helpers.pairs import small_recipe

from relevance import engines
from relevance.mutation import KINDS, NEUTRAL_KINDS, other_model
from relevance.mutation.engine import NotApplicableError, around
from relevance.records import Catalogue, Dataset, Judgments
from relevance.strategies import STRATEGIES, Strategy
from relevance.suite import Plan
from relevance.suite.plan import Finetuned

SEED = 3
ALL_KINDS = {**KINDS, **NEUTRAL_KINDS}
TITLE = "Oak DESKS and 12 boxes"
DESCRIPTION = "Of oak, a desk for 12 boxes with 3 shelves, as it was in 1950"


def of_text(*titles: str) -> Dataset:
    """Products and queries of these titles; the second product has no description."""
    rows = [(f"p{at}", title, DESCRIPTION if at != 1 else "") for at, title in enumerate(titles)]
    products = shop.catalogue(rows, [("p0", "Made of", "Oak boxes")])
    return shop.dataset(products, {f"q{at}": title for at, title in enumerate(titles)}, [(0, 0, 1)])


def reaching(name: str, plan: Plan) -> tuple[Catalogue, dict[str, Any], Any]:
    """The catalogue, the vectors by field and the batch of queries that reach the engine under a change."""
    seen: list[Any] = [None, {}, None]

    def products(catalogue: Catalogue, vectors: Any) -> tuple[Catalogue, Any]:
        seen[:2] = catalogue, {field: one for (_, field), one in vectors.items()}
        return catalogue, vectors

    def answers(ask: Any, batch: Any, hits: int) -> Any:
        seen[2] = batch
        return ask(batch, hits)

    shop.ranked(ALL_KINDS[name].change(around(plan, products=products, answers=answers), SEED))
    return seen[0], seen[1], seen[2]


def text_plan(dataset: Dataset) -> Plan:
    return replace(shop.plan(["textsearch"]), dataset=dataset)


# texts


@pytest.mark.parametrize(
    ("name", "title", "description", "attributes"),
    [
        ("title_lost", "", DESCRIPTION, [["Made of", "Oak boxes"]]),
        ("description_lost", TITLE, "", [["Made of", "Oak boxes"]]),
        ("attributes_lost", TITLE, DESCRIPTION, []),
        ("fields_swapped", DESCRIPTION, TITLE, [["Made of", "Oak boxes"]]),
        ("description_cut", TITLE, "Of oak, a desk for 12 boxes with 3 shelves,", [["Made of", "Oak boxes"]]),
        (
            "lower_case_lost_in_index",
            "zqzqoak zqzqdesks and 12 boxes",
            f"zqzqof{DESCRIPTION[2:]}",
            [["zqzqmade of", "zqzqoak boxes"]],
        ),
        (
            "stemmed_in_index",
            "Oak DESK and 12 box",
            "Of oak, a desk for 12 box with 3 shelv, as it was in 1950",
            [["Made of", "Oak box"]],
        ),
    ],
)
def test_texts_that_are_indexed(name: str, title: str, description: str, attributes: list[list[str]]) -> None:
    catalogue, _, _ = reaching(name, text_plan(of_text(TITLE, "pine")))
    products = catalogue.products
    assert (products["title"][0], products["description"][0]) == (title, description)
    assert catalogue.attributes[["name", "value"]].to_numpy().tolist() == attributes
    assert catalogue.attributes["product"].tolist() == [0] * len(attributes)
    assert catalogue.ids == ("p0", "p1")


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("lower_case_lost_in_queries", ["zqzqoak zqzqdesks and 12 boxes", "12", "ties"]),
        ("stemmed_in_queries", ["Oak DESK and 12 box", "12", "tie"]),
        ("first_word_lost", ["DESKS and 12 boxes", "12", "ties"]),
        ("last_word_lost", ["Oak DESKS and 12", "12", "ties"]),
        ("numbers_lost", ["Oak DESKS and boxes", "12", "ties"]),
        ("queries_cut", ["Oak DESKS", "12", "ties"]),
    ],
)
def test_texts_that_are_asked_for(name: str, texts: list[str]) -> None:
    catalogue, _, batch = reaching(name, text_plan(of_text(TITLE, "12", "ties")))
    assert list(batch.texts) == texts  # one of which nothing would be left stays
    assert catalogue.products["title"].tolist() == [TITLE, "12", "ties"]


# which products


@pytest.mark.parametrize(("name", "share"), [("products_missing", 0.05), ("other_order", 0)])
def test_products_that_are_indexed(name: str, share: float) -> None:
    plan = shop.plan(["vectorsearch", "textsearch"])
    catalogue, vectors, _ = reaching(name, plan)
    assert len(catalogue) == pytest.approx(shop.PRODUCTS * (1 - share), abs=8 if share else 0)
    titles = plan.dataset.catalogue.products["title"].tolist()
    order = [titles.index(title) for title in catalogue.products["title"].tolist()]
    assert (order == sorted(order)) is (name == "products_missing")
    rows = shop.vectors("whole").matrix[order]
    assert np.array_equal(vectors["whole"].matrix[vectors["whole"].rows], rows)
    before = plan.dataset.catalogue.attributes.groupby("product")["value"].agg(list)
    after = catalogue.attributes.groupby("product")["value"].agg(list)
    assert after.tolist() == before[order].tolist()


# vectors


def held(vectors: Any) -> Any:
    """Each product's vector; 0 where it has none."""
    return np.where(vectors.rows[:, np.newaxis] >= 0, np.asarray(vectors.matrix)[vectors.rows], 0)


def of_vectors(name: str) -> tuple[Any, Any, Any, Any]:
    """Products' vectors before and after, queries' before and after."""
    plan = shop.plan(["vectorsearch"])
    _, vectors, batch = reaching(name, plan)
    return (
        held(shop.vectors("whole")),
        held(vectors["whole"]),
        shop.rows_of(plan.dataset.queries.texts),
        batch.vectors["base"],
    )


@pytest.mark.parametrize("name", ["vectors_stale", "vectors_lost"])
def test_a_tenth_of_the_products_has_other_vectors_or_none(name: str) -> None:
    before, after, asked, still = of_vectors(name)
    changed = (before != after).any(axis=1)
    assert changed.sum() == pytest.approx(shop.PRODUCTS / 10, abs=12)
    others = {row.tobytes() for row in (before[changed] if name == "vectors_stale" else np.zeros_like(before[:1]))}
    assert {row.tobytes() for row in after[changed]} == others
    assert np.array_equal(asked, still)


def test_every_product_has_the_vectors_of_the_one_before_it() -> None:
    before, after, asked, still = of_vectors("vectors_shifted")
    assert np.array_equal(after[1:], before[:-1])
    assert np.array_equal(asked, still)


def test_titles_and_attributes_have_each_others_vectors() -> None:
    _, vectors, _ = reaching("vector_fields_swapped", shop.plan(["vectorsearch_multifield"]))
    now = {name: shop.vectors(other) for name, other in (("title", "attributes"), ("attributes", "title"))}
    assert vectors == {**now, "description": shop.vectors("description")}


@pytest.mark.parametrize(("name", "levels"), [("vectors_quantised_4_bits", 7), ("vectors_quantised_1_bit", 1)])
def test_vectors_are_rounded_to_few_steps(name: str, levels: int) -> None:
    before, *_ = of_vectors(name)
    for rows in of_vectors(name)[1::2]:  # of products and of queries
        steps = rows / np.abs(rows).max(axis=1, keepdims=True) * levels
        assert np.allclose(steps, np.round(steps), atol=1e-5)
        assert set(np.unique(np.round(np.abs(steps)))) >= set(range(min(levels, 2), levels + 1))
        assert np.allclose(np.linalg.norm(rows, axis=1), 1)
    assert (np.einsum("ij,ij->i", before, of_vectors(name)[1]) > 0.6).all()


def test_a_weaker_model_has_32_dimensions_and_keeps_cosines_roughly() -> None:
    before, after, asked, projected = of_vectors("weaker_model")
    assert after.shape[1] == projected.shape[1] == 32
    assert np.corrcoef((asked @ before.T).ravel(), (projected @ after.T).ravel())[0, 1] > 0.7


def test_vectors_that_are_not_normalised_have_lengths_up_to_1() -> None:
    before, after, asked, still = of_vectors("vectors_not_normalised")
    lengths = np.linalg.norm(after, axis=1)
    assert np.allclose(after, before * lengths[:, np.newaxis], atol=1e-6)
    assert lengths.max() == pytest.approx(1, abs=1e-6)
    assert np.log(lengths).std() == pytest.approx(0.25, abs=0.05)
    assert np.array_equal(asked, still)


def test_noise_of_vectors_is_about_1e7() -> None:
    before, after, *_ = of_vectors("vector_noise_1e7")
    assert 1e-8 < np.abs(after - before).max() < 1e-6


def test_queries_of_another_model_are_turned_and_products_are_not() -> None:
    before, after, asked, turned = of_vectors("queries_of_another_model")
    assert np.array_equal(before, after)
    assert np.allclose(turned @ turned.T, asked @ asked.T, atol=1e-5)
    assert np.abs((asked * turned).sum(axis=1)).mean() < 0.5


@pytest.mark.parametrize(("name", "size"), [("score_noise_1e7", 1e-7), ("score_jitter_1e3", 1e-3)])
def test_scores_move_by_a_share_of_themselves(name: str, size: float) -> None:
    plan = shop.plan(["textsearch"])
    before, after = (shop.ranked(one)["textsearch"].scores for one in (plan, NEUTRAL_KINDS[name].change(plan, SEED)))
    moved = np.sort(after, axis=1) / np.sort(before, axis=1) - 1
    assert size / 10 < np.abs(moved[np.isfinite(moved)]).mean() < 3 * size


# strategies


BOOSTED = {"title": 8, "description": 2, "attributes": 1}


@pytest.mark.parametrize(
    ("name", "strategy", "expected"),
    [
        ("text_boosts_off", "hybrid_boosted", {"text": dict.fromkeys(BOOSTED, 1)}),
        ("text_boosts_swapped", "hybrid_boosted", {"text": BOOSTED | {"title": 1, "attributes": 8}}),
        ("title_boost_tenth", "hybrid_boosted", {"text": BOOSTED | {"title": 0.8}}),
        ("title_boost_tenfold", "hybrid_boosted", {"text": BOOSTED | {"title": 80}}),
        ("title_not_matched", "hybrid_boosted", {"text": {"description": 2, "attributes": 1}}),
        ("description_not_matched", "hybrid_boosted", {"text": {"title": 8, "attributes": 1}}),
        ("attributes_not_matched", "hybrid_boosted", {"text": {"title": 8, "description": 2}}),
        ("vector_boosts_off", "hybrid_boosted", {"vectors": {"whole": 1}}),
        (
            "vector_boosts_swapped",
            "vectorsearch_multifield_boosted",
            {"vectors": {"title": 1, "description": 4, "attributes": 8}},
        ),
        ("vectors_weigh_a_tenth", "hybrid_boosted", {"vectors": {"whole": 5}}),
        ("vectors_weigh_tenfold", "hybrid_boosted", {"vectors": {"whole": 500}}),
        ("vector_legs_gone", "rrf", {"vectors": {}, "combine": "sum"}),
        ("text_legs_gone", "rrf", {"text": {}, "combine": "sum"}),
        ("text_legs_gone", "rrf_multi", {"text": {}}),  # what has more lists is fused all the same
        ("title_vectors_gone", "rrf_multi", {"vectors": {"description": 1, "attributes": 1}}),
        ("fusion_constant_1", "rrf", {"k": 1}),
        ("fusion_window_5", "rrf", {"window": 5}),
        ("fusion_of_scores", "rrf", {"combine": "sum"}),
        ("candidates_10", "hybrid", {"candidates": 10}),
    ],
)
def test_changes_of_strategies(name: str, strategy: str, expected: dict[str, Any]) -> None:
    plan = shop.plan([strategy, "textsearch"])
    after, other = KINDS[name].change(plan, SEED).strategies
    assert after == replace(STRATEGIES[strategy], **expected)
    if not name.startswith(("text", "title_", "description", "attributes")):
        assert other == STRATEGIES["textsearch"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vectors_weigh_a_tenth", {"weights": {"text": 2, "whole": 0.4}}),
        ("vector_boosts_off", {"weights": {"text": 2}}),
        ("vector_legs_gone", {"vectors": {}, "combine": "sum", "weights": {}}),
        ("fusion_window_5", {"window": 5}),
        ("fusion_without_normalizer", {"normalizer": "none"}),
    ],
)
def test_changes_of_a_linear_combination(name: str, expected: dict[str, Any]) -> None:
    linear = replace(STRATEGIES["rrf"], name="linear", combine="linear", weights={"text": 2, "whole": 4})
    plan = replace(shop.plan(["rrf"]), strategies=(linear,))
    assert KINDS[name].change(plan, SEED).strategies == (replace(linear, **expected),)


def test_ranks_that_are_fused_have_no_boost_to_change() -> None:
    with pytest.raises(NotApplicableError, match="no strategy has what is changed"):
        KINDS["vectors_weigh_tenfold"].change(shop.plan(["rrf"]), SEED)


def test_templates_stay_as_they_are() -> None:
    own = Strategy("own", template={"query": "{{query}}"})
    plan = replace(shop.plan(["textsearch_boosted"]), strategies=(own, STRATEGIES["textsearch_boosted"]))
    assert KINDS["title_not_matched"].change(plan, SEED).strategies[0] == own


# models


def trained(folder: Path) -> Plan:
    """A plan of both models, the second one trained by a recipe."""
    plan = shop.plan(["vectorsearch", "vectorsearch_finetune"])
    known = Finetuned(shop.model("finetuned"), small_recipe(folder), trained=True, sha256="a", leaks=None, notes=())
    return replace(plan, finetuned=known)


def test_the_base_model_stands_where_the_finetuned_one_was(tmp_path: Path) -> None:
    plan = KINDS["base_for_finetuned"].change(trained(tmp_path), SEED)
    assert plan.models == {"base": shop.model("base"), "finetuned": shop.model("base")}
    assert plan.finetuned is not None
    assert (plan.finetuned.model, plan.finetuned.trained) == (shop.model("base"), True)


def test_a_model_is_trained_again_on_shuffled_pairs_or_with_another_seed(tmp_path: Path) -> None:
    plan = trained(tmp_path)
    recipes: list[Any] = [plan.finetuned.recipe]  # type: ignore[union-attr]
    for name, seed in (("labels_shuffled", 1), ("other_training_seed", 1), ("other_training_seed", 2)):
        finetuned: Any = ALL_KINDS[name].change(plan, seed).finetuned
        assert not finetuned.trained
        recipes.append(finetuned.recipe)
    own, shuffled, *others = recipes
    assert [pair.query for pair in shuffled.pairs.train] == [pair.query for pair in own.pairs.train]
    products = [[(pair.product, pair.text) for pair in one.pairs.train] for one in (own, shuffled)]
    assert products[0] != products[1]
    assert sorted(products[0]) == sorted(products[1])
    assert len({one.options.seed for one in (own, *others)}) == 3
    with pytest.raises(NotApplicableError, match="no model is trained here"):
        KINDS["labels_shuffled"].change(shop.plan(["vectorsearch"]), SEED)


def test_another_base_model_is_resolved_with_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}
    monkeypatch.setattr("relevance.embeddings.resolve", lambda **settings: asked.update(settings) or shop.model("x/y"))
    kind = other_model("x/y")
    plan = kind.change(shop.plan(["vectorsearch"]), SEED)
    assert plan.models["base"].name == "x/y"
    assert (asked["path"], kind.name, kind.cost) == ("x/y", "other_model", "embedding")
    with pytest.raises(NotApplicableError, match="no strategy uses the base model"):
        kind.change(shop.plan(["textsearch"]), SEED)


# judgments


def judged_as(name: str, judged: Sequence[tuple[int, int, int]], seed: int = SEED) -> Judgments:
    """With grades from 2 on relevant."""
    queries = {f"q{at}": f"text {at}" for at in range(60)}
    dataset = shop.dataset(shop.shop().catalogue, queries, judged, relevant_from=2)
    after = KINDS[name].change(replace(shop.plan(["textsearch"]), dataset=dataset), seed).dataset.judgments
    assert after.relevant_from == 2
    return after


def test_queries_have_the_judgments_of_the_one_before() -> None:
    after = judged_as("judgments_of_next_query", [(0, 5, 1), (2, 6, 2), (2, 7, 1), (9, 8, 2)])
    rows = zip(after.queries.tolist(), after.products.tolist(), after.grades.tolist(), strict=True)
    assert sorted(rows) == [(0, 6, 2), (0, 7, 1), (2, 8, 2), (9, 5, 1)]
    with pytest.raises(NotApplicableError, match="one judged query"):
        judged_as("judgments_of_next_query", [(0, 5, 1), (0, 6, 2)])


def test_a_tenth_of_the_relevant_judgments_is_lost_but_none_that_is_alone() -> None:
    alone = [(query, query, 2) for query in range(30, 60)]
    judged = [*((query, product, 2 if product else 1) for query in range(30) for product in range(20)), *alone]
    first, other = (judged_as("judgments_lost", judged, seed).grades for seed in (1, 2))
    assert (first == 1).sum() == 30  # what was not relevant stays
    assert (first == 0).sum() == pytest.approx(30 * 18 * 0.1, abs=20)
    assert (first[-30:] == 2).all()
    assert (first != other).any()


# a server


def on_a_server(**settings: Any) -> Plan:
    plan = shop.plan(["hybrid"])
    elasticsearch = replace(plan.config.elasticsearch, **settings)
    engine = replace(plan.engine, name="elasticsearch")
    return replace(plan, config=replace(plan.config, elasticsearch=elasticsearch), engine=engine)


@pytest.mark.parametrize(
    ("name", "settings", "why"),
    [
        ("index_hnsw", {"vector_index": "hnsw"}, "has these settings already"),
        ("bm25_k1_3", {"mapping": Path("own.json")}, "a mapping of the user's own"),
        ("hnsw_again", {}, "the vector index is exact"),
        ("vectors_not_normalised", {}, "computes cosines"),
    ],
)
def test_what_a_server_has_or_cannot_have_is_not_changed(name: str, settings: dict[str, Any], why: str) -> None:
    with pytest.raises(NotApplicableError, match=why):
        ALL_KINDS[name].change(on_a_server(**settings), SEED)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("index_hnsw", "vector_index", "hnsw"),
        ("index_int8_hnsw", "vector_index", "int8_hnsw"),
        ("analyzer_keeps_case", "mapping", "case_kept.json"),
        ("analyzer_of_letters", "mapping", "letters.json"),
        ("bm25_k1_3", "mapping", "bm25.json"),
    ],
)
def test_another_index_of_a_server_is_chosen(name: str, key: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = on_a_server()
    chosen: list[Any] = []
    monkeypatch.setattr(engines, "choose", lambda *arguments: chosen.append(arguments[:3]) or plan.engine)
    KINDS[name].change(plan, SEED)
    after = chosen[0][1]
    wanted = after.mapping.with_name(value) if key == "mapping" else value
    settings = replace(plan.config.elasticsearch, **{key: wanted})
    assert chosen == [("elasticsearch", settings, plan.strategies)]
    assert key != "mapping" or after.mapping.is_file()
