"""The kinds of mutations, as tables: a row is a name, what happened in words, and a function from plan to plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from relevance.mutation import content, plans
from relevance.mutation.engine import Alterations, altered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relevance.mutation.plans import Change
    from relevance.strategies import Strategy
    from relevance.suite import Plan

_FIELDS = ("title", "description", "attributes", "whole")
_MAPPINGS = Path(__file__).parent / "mappings"
_TOKENS = 8
_PROMPT = "Represent this sentence for searching relevant passages: "
_SCALES, _LITTLE = (0.25, 4.0), 1.01


@dataclass(frozen=True)
class Mutation:
    """A kind of change that is planted on purpose.

    Attributes:
        name: lower-case letters, digits and underscores.
        group: what part of a system it is in.
        what: what happened, for people.
        change: from a plan and a seed to the plan with the change; the given one stays as it is. Raises
            `NotApplicableError` where it would mean nothing.
        cost: what it takes beside searching: "", `embedding`, `training` or `server`.
        anew: whether all is indexed and searched again, though nothing that decides it may have changed.
    """

    name: str
    group: str
    what: str
    change: Change
    cost: str = ""
    anew: bool = False


def _same_again(plan: Plan, _: int) -> Plan:
    return altered(plan, Alterations())


def _boosts_scaled(plan: Plan, seed: int) -> Plan:
    """A factor for all boosts, which no order depends on; how sums of scores are rounded does."""
    factor = float(np.exp(np.random.default_rng(seed).uniform(*np.log(_SCALES))))

    def change(strategy: Strategy) -> Strategy:
        factors = dict.fromkeys((*strategy.text, *strategy.vectors), factor)
        return plans.scaled("vectors", factors)(plans.scaled("text", factors)(strategy))

    return plans.strategies(change)(plan, seed)


def _boost_moved(plan: Plan, seed: int) -> Plan:
    """One boost of each strategy is a little higher or lower."""
    rng = np.random.default_rng(seed)

    def change(strategy: Strategy) -> Strategy:
        boosts: list[tuple[plans.Part, str]] = [
            *(("text", name) for name in strategy.text),
            *(("vectors", name) for name in strategy.vectors),
        ]
        part, name = boosts[rng.integers(len(boosts))]
        return plans.scaled(part, {name: _LITTLE if rng.random() < 0.5 else 1 / _LITTLE})(strategy)  # noqa: PLR2004 - a coin

    return plans.strategies(change)(plan, seed)


def _approximate_again(plan: Plan, seed: int) -> Plan:
    """An approximate index is another one each time that it is built."""
    if plan.config.elasticsearch.vector_index == "flat":
        raise plans.NotApplicableError("the vector index is exact (--vector-index hnsw)")
    plans.needs_own_server_index(plan)
    return _same_again(plan, seed)


def _group(group: str, rows: Mapping[str, tuple[str, Change]], *, cost: str = "") -> list[Mutation]:
    return [Mutation(name, group, what, change, cost) for name, (what, change) in rows.items()]


_OF_STRATEGIES: Mapping[str, tuple[str, plans.StrategyChange]] = {
    "text_boosts_off": ("every text field is matched with the boost 1", plans.all_one("text")),
    "text_boosts_swapped": (
        "title and attributes have each other's boost",
        plans.exchanged("text", "title", "attributes"),
    ),
    "title_boost_tenth": ("the title's text boost is a tenth of what it was", plans.scaled("text", {"title": 0.1})),
    "title_boost_tenfold": (
        "the title's text boost is ten times what it was",
        plans.scaled("text", {"title": 10.0}),
    ),
    "title_not_matched": ("titles are not searched", plans.without("text", ["title"])),
    "description_not_matched": ("descriptions are not searched", plans.without("text", ["description"])),
    "attributes_not_matched": ("attributes are not searched", plans.without("text", ["attributes"])),
    "vector_boosts_off": ("every vector field has the boost 1", plans.all_one("vectors")),
    "vector_boosts_swapped": (
        "the vectors of title and attributes have each other's boost",
        plans.exchanged("vectors", "title", "attributes"),
    ),
    "vectors_weigh_a_tenth": (
        "vector boosts are a tenth of what they were",
        plans.scaled("vectors", dict.fromkeys(_FIELDS, 0.1)),
    ),
    "vectors_weigh_tenfold": (
        "vector boosts are ten times what they were",
        plans.scaled("vectors", dict.fromkeys(_FIELDS, 10.0)),
    ),
    "vector_legs_gone": ("strategies of text and vectors search text alone", plans.without("vectors", _FIELDS)),
    "text_legs_gone": ("strategies of text and vectors search vectors alone", plans.without("text", _FIELDS)),
    "title_vectors_gone": ("the vectors of titles are not searched", plans.without("vectors", ["title"])),
    "fusion_constant_1": ("the constant of reciprocal rank fusion is 1", plans.fused(k=1)),
    "fusion_window_5": ("five hits of each list are fused", plans.fused(window=5)),
    "fusion_of_scores": ("scores are added where ranks were fused", plans.fused(combine="sum")),
    "candidates_10": ("ten products get a vector score", plans.candidates(10)),
}

_REGRESSIONS = (
    *_group("strategies", {name: (what, plans.strategies(change)) for name, (what, change) in _OF_STRATEGIES.items()}),
    *_group(
        "indexed text",
        {
            "title_lost": ("titles are indexed empty", content.indexed(content.emptied("title"))),
            "description_lost": ("descriptions are indexed empty", content.indexed(content.emptied("description"))),
            "attributes_lost": ("attributes are not indexed", content.indexed(content.emptied("attributes"))),
            "fields_swapped": (
                "titles are indexed as descriptions, and these as titles",
                content.indexed(content.fields_exchanged),
            ),
            "description_cut": (
                f"descriptions are indexed up to {content.DESCRIPTION_WORDS} words",
                content.indexed(content.description_cut),
            ),
            "products_missing": ("5% of the products are not indexed", content.products_missing),
            "lower_case_lost_in_index": (
                "words with a capital are not found, the index does not lower them",
                content.indexed(content.rewritten(content.capitals_lost)),
            ),
            "stemmed_in_index": (
                "plurals are cut in the index, not in queries",
                content.indexed(content.rewritten(content.stemmed)),
            ),
        },
    ),
    *_group(
        "queries",
        {
            "lower_case_lost_in_queries": (
                "words with a capital are not found, queries are not lowered",
                content.queries(content.capitals_lost),
            ),
            "stemmed_in_queries": ("plurals are cut in queries, not in the index", content.queries(content.stemmed)),
            "first_word_lost": (
                "the first word of longer queries is not matched",
                content.queries(lambda text: text.partition(" ")[2]),
            ),
            "last_word_lost": (
                "the last word of longer queries is not matched",
                content.queries(lambda text: text.rpartition(" ")[0]),
            ),
            "numbers_lost": ("words with a digit are not matched", content.queries(content.without_numbers)),
            "queries_cut": (
                f"queries are cut behind {content.QUERY_WORDS} words",
                content.queries(lambda text: " ".join(text.split()[: content.QUERY_WORDS])),
            ),
        },
    ),
    *_group(
        "vectors",
        {
            "vectors_not_normalised": (
                "products' vectors have lengths of their own",
                content.vectors_not_normalised,
            ),
            "vectors_stale": (
                "10% of the products have another product's vectors",
                content.product_vectors(content.stale),
            ),
            "vectors_shifted": (
                "every product has the vectors of the one before it",
                content.product_vectors(content.shifted),
            ),
            "vectors_lost": ("10% of the products have no vectors", content.product_vectors(content.lost)),
            "vectors_quantised_4_bits": (
                "vectors are rounded to 4 bits a number",
                content.all_vectors(content.quantised(7)),
            ),
            "vectors_quantised_1_bit": (
                "vectors are rounded to their signs",
                content.all_vectors(content.quantised(0)),
            ),
            "vector_fields_swapped": (
                "titles have the vectors of attributes, and these of titles",
                content.vector_fields_exchanged,
            ),
            "queries_of_another_model": (
                "queries are embedded by another model than products",
                content.queries_rotated,
            ),
        },
    ),
    Mutation(
        "weaker_model",
        "models",
        f"another, weaker model: all vectors are projected onto {content.DIMENSIONS} random directions",
        content.all_vectors(content.projected),
    ),
    *_group(
        "models",
        {
            "prompt_missing": (
                "queries are embedded without their prompt",
                plans.models(lambda model: replace(model, prompt="")),
            ),
            "prompt_doubled": (
                "the prompt stands twice before every query; where there is none, another model's stands there",
                plans.models(lambda model: replace(model, prompt=model.prompt * 2 or _PROMPT)),
            ),
            "texts_cut": (
                f"texts are embedded up to {_TOKENS} tokens",
                plans.models(lambda model: replace(model, max_tokens=min(model.max_tokens, _TOKENS))),
            ),
        },
        cost="embedding",
    ),
    Mutation(
        "base_for_finetuned",
        "models",
        "the base model stands where the fine-tuned one was",
        plans.base_for_finetuned,
    ),
    Mutation(
        "labels_shuffled",
        "models",
        "the model was fine-tuned on shuffled pairs",
        plans.labels_shuffled,
        "training",
    ),
    *_group(
        "rankings",
        {
            "first_hit_lost": ("the first hit of every list is lost", content.rankings(content.first_lost)),
            "off_by_one": (
                "every list begins with its second hit",
                content.rankings(content.from_second, deeper=1),
            ),
            "every_second_hit": ("every other hit is lost", content.rankings(content.every_second, deeper=60)),
            "hits_reversed": ("every list is turned round", content.rankings(content.turned_round)),
            "hits_by_id": ("the hits of every list are ordered by id", content.rankings(content.by_id)),
            "half_of_the_hits": ("the second half of every list is lost", content.rankings(content.half)),
            "duplicates": ("the first hit of every list comes twice", content.rankings(content.first_twice)),
            "newly_empty": ("one query of 50 returns nothing", content.rankings(content.some_empty)),
        },
    ),
    *_group(
        "judgments",
        {
            "judgments_of_next_query": (
                "every query has the judgments of the one before it",
                plans.judgments_of_next_query,
            ),
            "judgments_lost": ("10% of the relevant judgments became irrelevant", plans.judgments_lost),
        },
    ),
    *_group(
        "server",
        {
            "index_hnsw": (
                "vectors are found by an approximate index (hnsw)",
                plans.server_index(of_vectors=True, vector_index="hnsw"),
            ),
            "index_int8_hnsw": (
                "vectors are found by an approximate index of 8 bits (int8_hnsw)",
                plans.server_index(of_vectors=True, vector_index="int8_hnsw"),
            ),
            "analyzer_keeps_case": (
                "the index's analyzer does not lower words, that of queries does",
                plans.server_index(mapping=_MAPPINGS / "case_kept.json"),
            ),
            "analyzer_of_letters": (
                "the index's analyzer keeps letters alone, that of queries digits too",
                plans.server_index(mapping=_MAPPINGS / "letters.json"),
            ),
            "bm25_k1_3": ("BM25 has k1 = 3 instead of 1.2", plans.server_index(mapping=_MAPPINGS / "bm25.json")),
        },
        cost="server",
    ),
)

_NEUTRAL = (
    Mutation("same_again", "noise", "nothing: all is indexed and searched again", _same_again, anew=True),
    *_group(
        "noise",
        {
            "other_order": (
                "products are indexed in another order, which decides ties",
                content.other_order,
            ),
            "ties_shuffled": ("products of equal scores are ordered by chance", content.ties_shuffled),
            "score_noise_1e7": ("scores move by about 1e-7 of themselves", content.noisy_scores(1e-7)),
            "score_jitter_1e3": ("scores move by about 1e-3 of themselves", content.noisy_scores(1e-3)),
            "vector_noise_1e7": ("the numbers of vectors move by about 1e-7", content.noisy_vectors(1e-7)),
            "boosts_scaled": ("all boosts are multiplied by one factor", _boosts_scaled),
            "boost_1_percent": ("one boost of each strategy is 1% higher or lower", _boost_moved),
        },
    ),
    Mutation("hnsw_again", "noise", "the approximate index is built again", _approximate_again, "server", anew=True),
    Mutation(
        "other_training_seed",
        "noise",
        "the model was fine-tuned with another seed",
        plans.other_training_seed,
        "training",
    ),
)

KINDS: Mapping[str, Mutation] = MappingProxyType({one.name: one for one in _REGRESSIONS})
"""The planted regressions by name."""

NEUTRAL_KINDS: Mapping[str, Mutation] = MappingProxyType({one.name: one for one in _NEUTRAL})
"""What must not fail, however often it is repeated with other seeds, by name: what a system does by itself."""

SWAPPED_KINDS = tuple(one for one in _REGRESSIONS if one.group == "strategies")
"""Changes with an effect, whose sides are swapped query by query: sessions that differ without a true change."""


def other_model(name: str) -> Mutation:
    """Plant another base model, by path or name."""
    return Mutation("other_model", "models", f"the base model is {name}", plans.base_model(name), "embedding")
