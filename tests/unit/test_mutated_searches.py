"""Planted changes of analysis, of search bodies and of how strategies read text: functions, and their effect."""

import csv
import json
from contextlib import nullcontext, suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import own_search, shop
from studies import own_shop

from relevance import engines
from relevance.engines.elasticsearch.settings import Settings
from relevance.fields import Reading
from relevance.gate import ANSWERS, Limits
from relevance.mutation import KINDS, mutate
from relevance.mutation.engine import NotApplicableError
from relevance.report.mutations import mutation_files, mutation_lines
from relevance.strategies import READY_MADE, Strategy, readings_of
from relevance.suite import Plan

SEED = 3
MATCH = own_search.SEARCH["query"]["bool"]["must"][0]["multi_match"]
PLAIN = {"query": {"match": {"brand": "{{query}}"}}}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return own_search.plan(tmp_path, own_search.SCORED)


def reaching(name: str, plan: Plan, seed: int = SEED) -> tuple[dict[str, Any], dict[str, Any]]:
    """The body of the index and the search body that reach an engine with a change."""
    seen: list[Any] = []

    class Stopped(Exception):  # noqa: N818 - no error
        pass

    def index(catalogue: Any, **_: Any) -> Any:
        seen.append(catalogue.fields.body)
        raise Stopped

    indexer = SimpleNamespace(ready=lambda: None, index=index)
    asked = replace(plan, engine=replace(plan.engine, open=lambda **_: nullcontext(indexer)))
    after = KINDS[name].change(asked, seed)
    (leg,) = after.strategies[0].legs()
    with after.engine.open(progress=False) as opened, suppress(Stopped):
        opened.index(after.dataset.catalogue, text_fields=(), vectors={}, progress=False)
    return seen[0], json.loads(leg.template)


def filters(body: dict[str, Any], path: str, key: str) -> list[str]:
    """Of an analyzer of a field."""
    options = body["mappings"]["properties"][path]
    return body["settings"]["analysis"]["analyzer"][options[key]]["filter"]


INDEX, QUERIES = "analyzer", "search_analyzer"
SHOP, SHOP_SEARCH = ["lowercase", "porter_stem"], ["lowercase", "shop_synonyms", "porter_stem"]


@pytest.mark.parametrize(
    ("name", "of_index", "of_queries"),
    [
        ("stemmer_in_index_only", SHOP, ["lowercase", "shop_synonyms"]),
        ("stemmer_in_queries_only", ["lowercase"], SHOP_SEARCH),
        ("stop_words_in_index_only", [*SHOP, "stop"], SHOP_SEARCH),
        ("stop_words_in_queries_only", SHOP, [*SHOP_SEARCH, "stop"]),
        ("synonyms_lost_in_queries", SHOP, ["lowercase", "planted_shop_synonyms", "porter_stem"]),
        ("synonyms_mixed_up_in_queries", SHOP, ["lowercase", "planted_shop_synonyms", "porter_stem"]),
    ],
)
def test_filters_of_analyzers(name: str, of_index: list[str], of_queries: list[str], plan: Plan) -> None:
    body, search = reaching(name, plan)
    assert (filters(body, "name", INDEX), filters(body, "name", QUERIES)) == (of_index, of_queries)
    assert search == own_search.SCORED
    assert own_search.BODY["mappings"]["properties"]["name"]["analyzer"] == "shop"  # the plan's stays


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("synonyms_lost_in_queries", ["couch, sofa"]),
        ("synonyms_mixed_up_in_queries", ["couch, sofa", "telly => television", "telly, couch"]),
    ],
)
def test_rules_of_synonyms(name: str, rules: list[str], plan: Plan) -> None:
    body, _ = reaching(name, plan)
    analysis = body["settings"]["analysis"]
    assert analysis["filter"]["planted_shop_synonyms"] == {"type": "synonym_graph", "synonyms": rules}
    assert analysis["filter"]["shop_synonyms"]["synonyms"] == [rules[0], "telly => television"]


def inner(search: dict[str, Any]) -> dict[str, Any]:
    return search["query"]["function_score"]["query"]["bool"]


@pytest.mark.parametrize(
    ("name", "read", "expected"),
    [
        ("filter_lost", lambda search: inner(search)["filter"], [{"term": {"visible": True}}]),
        ("parameter_dropped", lambda search: inner(search)["filter"][1], {"term": {"category": "{{params.planted?}}"}}),
        (
            "function_boost_tenfold",
            lambda search: search["query"]["function_score"]["functions"],
            [{"field_value_factor": {"field": "sales", "modifier": "ln1p"}, "weight": 10}],
        ),
        ("minimum_should_match_lost", lambda search: inner(search)["must"], [{"multi_match": MATCH}]),
        (
            "field_boosts_off",
            lambda search: inner(search)["must"][0]["multi_match"]["fields"],
            ["name", "name.plain", "brand"],
        ),
    ],
)
def test_search_bodies(name: str, read: Any, expected: Any, plan: Plan) -> None:
    body, search = reaching(name, plan)
    assert read(search) == expected
    assert body == plan.dataset.catalogue.fields.body


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("filter_lost", {'{"term": {"visible": true}}', '{"term": {"category": "{{params.category?}}"}}'}),
        ("parameter_dropped", {"category"}),
        ("function_boost_tenfold", {'{"field_value_factor": {"field": "sales", "modifier": "ln1p"}}'}),
        ("synonyms_lost_in_queries", {"couch, sofa", "telly => television"}),
        ("synonyms_mixed_up_in_queries", {"couch, telly", "telly, couch"}),
        ("field_of_another_analyzer", {"brand whitespace", "name.plain whitespace"}),
        ("minimum_should_match_lost", {""}),
        ("stemmer_in_index_only", {""}),
    ],
)
def test_what_was_drawn_is_said(name: str, drawn: set[str], plan: Plan) -> None:
    assert {KINDS[name].plant(plan, seed)[1] for seed in range(8)} == drawn


def test_rows_of_one_kind_say_what_was_drawn(plan: Plan) -> None:
    measured = mutate(plan, [(KINDS["filter_lost"], seed) for seed in range(8)], Limits())
    drawn = [one.drawn for one in measured.outcomes]
    assert len(set(drawn)) == 2
    lines = [line.text for line in mutation_lines(measured, columns=200)[1:9]]
    assert all(f"{one}: a filter of each search body is lost" in line for one, line in zip(drawn, lines, strict=True))
    files = mutation_files(measured, of=["shop"])
    assert [one["drawn"] for one in json.loads(files["mutations.json"])["mutations"]] == drawn
    assert {row["drawn"] for row in csv.DictReader(files["mutations.csv"].splitlines())} == set(drawn)


def test_a_parameter_with_a_default_takes_it(tmp_path: Path) -> None:
    match = {"match": {"name_{{params.a}}": "{{query}}"}}
    plan = own_search.plan(tmp_path, {"query": match, "size": "{{ params.b=10 }}"})
    dropped = [reaching("parameter_dropped", plan, seed)[1] for seed in range(8)]
    assert {json.dumps(search) for search in dropped} == {
        json.dumps({"query": {"match": {"name_{{params.planted?}}": "{{query}}"}}, "size": "{{params.b=10}}"}),
        json.dumps({"query": match, "size": "{{params.planted=10}}"}),
    }


@pytest.mark.parametrize(
    ("analyzer", "name", "expected"),
    [
        ("english", "stemmer_in_index_only", {"type": "standard", "stopwords": "_english_"}),
        ("german", "stop_words_in_index_only", {"type": "german", "stopwords": "_none_"}),
        ("standard", "stemmer_in_queries_only", {"tokenizer": "standard", "filter": ["lowercase", "porter_stem"]}),
    ],
)
def test_analyzers_that_are_built_in(analyzer: str, name: str, expected: dict[str, Any], tmp_path: Path) -> None:
    body = {"mappings": {"properties": {"name": {"type": "text", "analyzer": analyzer}}}}
    changed, _ = reaching(name, own_search.plan(tmp_path, {"query": {"match": {"name": "{{query}}"}}}, body))
    planted = changed["settings"]["analysis"]["analyzer"][f"planted_search_analyzer_{analyzer}"]
    assert {key: value for key, value in planted.items() if value != "custom"} == expected
    assert changed["mappings"]["properties"]["name"] == {
        "type": "text",
        "analyzer": analyzer,
        "search_analyzer": f"planted_search_analyzer_{analyzer}",
    }


def test_a_field_that_is_searched_has_another_analyzer(plan: Plan) -> None:
    body, _ = reaching("field_of_another_analyzer", plan)
    before = plan.dataset.catalogue.fields.body
    assert before is not None
    fields, others = (one["mappings"]["properties"] for one in (before, body))
    (moved,) = (name for name in fields if fields[name] != others[name])
    assert moved in {"name", "brand"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("synonyms_lost_in_index", "no list of such synonyms in the analyzer of a field"),
        ("filter_lost", "no search body has a filter"),
        ("parameter_dropped", "no search body has a parameter"),
        ("function_boost_tenfold", "no search body has a function_score"),
        ("minimum_should_match_lost", "no search body has minimum_should_match"),
        ("operator_and_lost", "no search body has the operator and"),
        ("field_boosts_off", "no search body has a boost"),
    ],
)
def test_what_the_bodies_lack_is_not_changed(name: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(NotApplicableError, match=why):
        KINDS[name].change(own_search.plan(tmp_path, PLAIN), SEED)


def test_one_rule_of_synonyms_has_none_to_be_mixed_up_with(tmp_path: Path) -> None:
    body = deepcopy(own_search.BODY)
    body["settings"]["analysis"]["filter"]["shop_synonyms"]["synonyms"] = ["couch, sofa"]
    plan = own_search.plan(tmp_path, PLAIN, body)
    with pytest.raises(NotApplicableError, match="no list of such synonyms"):
        KINDS["synonyms_mixed_up_in_queries"].change(plan, SEED)
    without, _ = reaching("synonyms_lost_in_queries", plan)
    assert filters(without, "name", QUERIES) == SHOP  # a filter without a rule goes


OF_BODIES = [one for one in KINDS.values() if one.group in {"analysis", "search bodies"}]


@pytest.mark.parametrize("kind", OF_BODIES, ids=lambda one: one.name)
def test_the_default_search_has_no_body_of_its_own(kind: Any) -> None:
    with pytest.raises(NotApplicableError, match=r"no body of one's own|no strategy is a search body"):
        kind.change(shop.plan(["textsearch"]), SEED)


def test_every_kind_means_something_to_the_shop_of_the_study(tmp_path: Path) -> None:
    plan = own_search.plan(tmp_path, own_shop.SEARCH, own_shop.INDEX)
    assert all(kind.change(plan, SEED) is not plan for kind in OF_BODIES)


def test_changes_are_measured_on_the_embedded_engine(plan: Plan) -> None:
    effective = [
        "synonyms_lost_in_queries",
        "stemmer_in_index_only",
        "stemmer_in_queries_only",
        "field_of_another_analyzer",
        "function_boost_tenfold",
        "minimum_should_match_lost",
    ]
    idle = ["parameter_dropped"]  # no query has a category
    measured = mutate(plan, [(KINDS[name], SEED) for name in effective + idle], Limits())
    assert [one.kind.name for one in measured.outcomes if one.changed == ("shop",)] == effective
    assert {one.verdict for one in measured.outcomes} <= {*ANSWERS, "no effect"}


def test_what_stays_is_not_searched_again(plan: Plan) -> None:
    """Two seeds of the same change of the index are one index."""
    planted = [(KINDS["stemmer_in_index_only"], seed) for seed in (1, 2)]
    measured = mutate(plan, planted, Limits())
    assert (measured.searched, measured.remembered, measured.indexed) == (2, 1, 2)


def test_a_change_of_a_search_body_alone_is_asked_of_the_same_index(plan: Plan) -> None:
    planted = [(KINDS[name], SEED) for name in ("field_boosts_off", "function_boost_tenfold", "filter_lost")]
    assert mutate(plan, planted, Limits()).indexed == 1


# strategies that read text in a way of their own


def reading_plan(*strategies: Strategy) -> Plan:
    plan = shop.plan(["textsearch"])
    catalogue = plan.dataset.catalogue.read(readings_of(strategies))
    choice = engines.choose("embedded", Settings(), strategies)
    dataset = replace(plan.dataset, catalogue=catalogue)
    return replace(plan, strategies=strategies, dataset=dataset, text_fields=(), engine=choice)


SPELLED = READY_MADE["textsearch_spelled"]


@pytest.mark.parametrize(
    ("name", "reading"),
    [
        ("analyzer_standard", Reading("standard", 0.2, 0.8)),
        ("analyzer_of_another_language", Reading("german", 0.2, 0.8)),
        ("analyzer_lost_in_index", Reading("standard", 0.2, 0.8, "stemmed_parts")),
        ("analyzer_lost_in_queries", Reading("stemmed_parts", 0.2, 0.8, "standard")),
        ("k1_off", Reading("stemmed_parts", 1.2, 0.8)),
        ("b_off", Reading("stemmed_parts", 0.2, 0.75)),
        ("spelling_off", SPELLED.reading),
    ],
)
def test_keys_of_strategies(name: str, reading: Reading) -> None:
    plan = reading_plan(SPELLED)
    (after,) = KINDS[name].change(plan, SEED).strategies
    assert (after.reading, after.spelling) == (reading, name != "spelling_off")
    assert plan.strategies == (SPELLED,)


def test_a_search_body_is_no_longer_corrected(tmp_path: Path) -> None:
    plan = own_search.plan(tmp_path, PLAIN)
    (strategy,) = plan.strategies
    corrected = replace(strategy, spelling=("brand",))
    assert KINDS["spelling_off"].change(replace(plan, strategies=(corrected,)), SEED).strategies == (strategy,)


def test_changes_of_readings_are_measured_and_only_they_are_indexed() -> None:
    plan = reading_plan(SPELLED, READY_MADE["textsearch_stemmed"])
    searched = ("spelling_off", "title_boost_tenth")
    read = ("analyzer_standard", "analyzer_lost_in_index", "analyzer_lost_in_queries", "k1_off")
    analyzed = ("stemmer_in_index_only", "stemmer_in_queries_only", "field_of_another_analyzer")
    names = (*searched, *read, *analyzed)
    measured = mutate(plan, [(KINDS[name], SEED) for name in names], Limits())
    assert measured.indexed == 1 + len(read) + len(analyzed)
    changed = {one.kind.name: one.changed for one in measured.outcomes}
    both = ("textsearch_spelled", "textsearch_stemmed")
    assert changed["analyzer_lost_in_queries"] == changed["stemmer_in_index_only"] == both
    assert changed["k1_off"] == both[:1]
    assert changed["spelling_off"] == ()  # every word is one of the products'
