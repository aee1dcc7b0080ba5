"""An own mapping and search bodies on the embedded engine; scores were answered by servers of both releases."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import own_search

from relevance import engines, runner
from relevance.datasets import Source, load
from relevance.engines import QueryBatch
from relevance.engines.elasticsearch.settings import Settings
from relevance.engines.embedded.bodies import BodyIndex
from relevance.engines.embedded.searches import trial
from relevance.errors import InputError, StrategyError
from relevance.fields import index_body, own_fields
from relevance.records import NO_HIT, Dataset, Ranking, query_label
from relevance.strategies import STRATEGIES, Strategy

FIELDS = own_fields(index_body(own_search.BODY, "index.json"))
TEMPLATE = Strategy("shop", template=own_search.SEARCH, fields=FIELDS)
BOOSTS = Strategy("boosts", text={"facets.value": 1, "brand": 2, "name.plain": 0.5, "name": 5}, fields=FIELDS)
# 8.19.5 and 9.5.2: product and score, by query
ANSWERED = {
    "shop": [
        [("p3", 6.1627855), ("p1", 5.0098395), ("p2", 3.364103), ("p5", 2.8842063)],
        [("p2", 3.364103), ("p3", 3.3552475)],
        [("p5", 5.533137)],
        [("p1", 1.4723402), ("p2", 1.4723402)],
        [("p3", 3.3075378), ("p5", 2.8842063), ("p1", 2.5297341)],
    ],
    "boosts": [
        [("p4", 8.9946995), ("p3", 8.975876), ("p1", 7.8876333), ("p2", 5.606838), ("p5", 2.3842063)],
        [("p2", 5.606838), ("p3", 4.7587457)],
        [("p5", 8.388562)],
        [("p1", 1.4723402), ("p2", 1.4723402), ("p4", 1.4723402)],
        [("p3", 4.2171307), ("p1", 3.754125), ("p4", 3.5239835), ("p5", 2.3842063)],
    ],
}


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return own_search.dataset(tmp_path)


@pytest.fixture(scope="module")
def sample() -> Dataset:
    return load(Source("sample", "sample"))


def answered(strategy: Strategy, dataset: Dataset, settings: Settings = Settings(), release: int = 9) -> Any:  # noqa: B008 - frozen
    choice = engines.choose("embedded", settings, [strategy], dataset.catalogue.fields, release)
    with choice.open(progress=False) as indexer:
        engine = indexer.index(dataset.catalogue, text_fields=dataset.catalogue.fields.text, vectors={}, progress=False)
        return choice.line, engine.facts, runner.search(engine, strategy, QueryBatch(dataset.queries.texts))


def tried(*strategies: Strategy, params: Any = (), dimensions: int = 0) -> list[str]:
    choice = engines.choose("embedded", Settings(), strategies, FIELDS)
    texts = ["sofa"] * len(params) if params else ["grey sofa"]
    vectors = {"base": np.ones((len(texts), dimensions), np.float32)} if dimensions else {}
    labels = map(query_label, texts, params) if params else texts
    names = [f"'q{at}' ({label})" for at, label in enumerate(labels)]
    assert choice.trial is not None
    return list(choice.trial(QueryBatch(texts, vectors, params=params), names))


def listed(ranking: Ranking, ids: tuple[str, ...]) -> list[list[tuple[str, float]]]:
    rows = zip(ranking.codes.tolist(), ranking.scores, strict=True)
    return [[(ids[code], score) for code, score in zip(*row, strict=True) if code != NO_HIT] for row in rows]


@pytest.mark.parametrize("strategy", [TEMPLATE, BOOSTS], ids=["template", "boosts"])
@pytest.mark.parametrize("release", [8, 9])
def test_scores_are_those_of_the_server(dataset: Dataset, strategy: Strategy, release: int) -> None:
    line, facts, ranking = answered(strategy, dataset, release=release)
    expected = [[(uid, np.float32(score)) for uid, score in row] for row in ANSWERED[strategy.name]]
    assert listed(ranking, dataset.catalogue.ids) == expected
    assert line == f"embedded, as release {release} ranks, 8 fields (asked for)"
    assert facts == {"vector_index": "flat", "release": release, "mapping": FIELDS.sha256, "body": FIELDS.body}


def test_notes_on_scores_outlast_the_index(tmp_path: Path) -> None:
    properties = {**FIELDS.body["mappings"]["properties"], "price": {"type": "scaled_float", "scaling_factor": 100}}
    dataset = own_search.dataset(tmp_path, body={**FIELDS.body, "mappings": {"properties": properties}})
    template = {
        "query": {"bool": {"must": {"match": {"brand": "{{query}}"}}, "filter": {"range": {"price": {"gt": 1}}}}}
    }
    strategy = Strategy("shop", template=template, fields=dataset.catalogue.fields)
    choice = engines.choose("embedded", Settings(), [strategy], dataset.catalogue.fields)
    with choice.open(progress=False) as indexer:
        engine = indexer.index(dataset.catalogue, text_fields=("brand",), vectors={}, progress=False)
        runner.search(engine, strategy, QueryBatch(dataset.queries.texts))
        engine.close()
    assert engine.notes() == ["field 'price': a scaled_float is searched by its rules, not compared with a server"]


def test_a_clause_that_is_not_interpreted_is_named(dataset: Dataset) -> None:
    script = {"query": {"script_score": {"query": {"match": {"name": "{{query}}"}}, "script": {"source": "1"}}}}
    strategy = Strategy("scripted", template=script, fields=FIELDS)
    with pytest.raises(
        StrategyError, match=r"strategy 'scripted': .*script_score.*; this strategy needs --engine elas"
    ):
        answered(strategy, dataset)
    (line,) = tried(TEMPLATE, strategy)
    assert line.startswith("strategy 'scripted' needs --engine elasticsearch: query: the clause 'script_score' is ")
    again = [Strategy(name, template=script, fields=FIELDS) for name in ("second", "third")]
    assert tried(strategy, *again) == [f"{line}; the same of strategy 'second', strategy 'third'"]


def test_what_a_server_refuses_too_does_not_ask_for_one(dataset: Dataset) -> None:
    body = {"query": {"range": {"price": {"gte": "{{query}}"}}}}
    strategy = Strategy("ranged", template=body, fields=FIELDS)
    line = "query.range: field 'price' (double): 'grey sofa' is no number; allowed: a number"
    with pytest.raises(StrategyError) as failed:
        answered(strategy, dataset)
    assert str(failed.value) == f"strategy 'ranged': {line}"
    assert failed.value.__suppress_context__
    assert tried(strategy) == [f"strategy 'ranged' will fail: {line}"]


@pytest.mark.parametrize(
    ("query", "values", "which", "line"),
    [
        ({"range": {"price": {"lt": "{{params.most}}"}}}, [9, "cheap", "cheap"],
         " on query 'q1' (sofa {most=cheap}) and 1 more",
         "range: field 'price' (double): 'cheap' is no number; allowed: a number"),
        ({"range": {"added": {"lt": "{{params.most}}"}}}, ["2024-01-01", "soon"], " on query 'q1' (sofa {most=soon})",
         "range: field 'added' (date): 'soon' is no date; allowed: strict_date_optional_time||epoch_millis"),
        ({"term": {"visible": "{{params.most}}"}}, ["true", "ja"], " on query 'q1' (sofa {most=ja})",
         "term: field 'visible' (boolean): 'ja' is no boolean; allowed: true, false"),
        ({"terms": {"sales": "{{params.most}}"}}, [[1], ["two"]], """ on query 'q1' (sofa {most=["two"]})""",
         "terms: field 'sales' (integer): 'two' is no number; allowed: a number"),
        ({"multi_match": {"query": "{{query}}", "fields": ["name", "sales"]}}, [1, 2], "",
         "multi_match: field 'sales' (integer): 'sofa' is no number; allowed: a number"),
    ],
)  # fmt: skip
def test_values_of_parameters_that_a_body_does_not_take(query: Any, values: list[Any], which: str, line: str) -> None:
    strategy = Strategy("shop", template={"query": query}, fields=FIELDS)
    lines = tried(strategy, params=[{"most": value} for value in values])
    assert lines == [f"strategy 'shop' will fail{which}: query.{line}"]


def test_all_queries_that_a_body_refuses_are_counted() -> None:
    strategy = Strategy("shop", template={"query": {"range": {"price": {"lt": "{{params.most}}"}}}}, fields=FIELDS)
    (line,) = tried(strategy, params=[{"most": value} for value in (9, "a", "a", 8, "a", 9)])
    assert line.startswith("strategy 'shop' will fail on query 'q1' (sofa {most=a}) and 2 more: ")


def test_beside_a_server_what_is_not_interpreted_here_is_passed_over() -> None:
    scored = {"script_score": {"query": {"match_all": {}}, "script": {"source": "{{query}}"}}}
    strategies = [
        Strategy("scripted", template={"query": scored}, fields=FIELDS),
        Strategy("ranged", template={"query": {"range": {"price": {"lt": "{{query}}"}}}}, fields=FIELDS),
    ]
    request = engines.Request(Settings(), strategies, FIELDS)
    lines = trial(request, QueryBatch(["cheap"]), ["q"], is_interpreted=False)
    assert [line.split(":")[0] for line in lines] == ["strategy 'ranged' will fail"]
    unknown = {"mappings": FIELDS.body["mappings"], "settings": {"analysis": {"analyzer": {"x": {"tokenizer": "icu"}}}}}
    of_server = replace(request, fields=own_fields(index_body(unknown, "x")))
    assert trial(of_server, QueryBatch(["cheap"]), ["q"], is_interpreted=False) == []


def test_each_set_of_parameters_that_a_body_names_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(BodyIndex, "search", lambda _, searches, hits: asked.append((*searches, hits)))
    body = {"query": {"match": {"name": "{{query}} {{params.most}}"}}}
    strategy = Strategy("shop", template=body, fields=FIELDS)
    tried(strategy, params=[{"most": 1, "b": 1}, {"most": 1, "b": 2}, {"most": 2}, {}])
    assert len(asked) == 2


def test_bodies_with_a_vector_are_tried_as_the_model_has_it() -> None:
    body = {"knn": {"field": "whole_vector", "query_vector": "{{vector}}", "k": 5, "similarity": "much"}}
    (line,) = tried(Strategy("near", template=body, fields=FIELDS), dimensions=8)
    assert "knn: similarity = 'much'" in line


@pytest.mark.parametrize("clause", ["match", "multi_match"])
def test_a_field_that_the_mapping_does_not_have_is_noted(clause: str) -> None:
    fields = ["nmae^2", "facets.*", "{{params.f=brand}}", "name.plain"]
    query = {
        "match": {"match": {"nmae": "{{query}}"}},
        "multi_match": {"multi_match": {"query": "x", "fields": fields}},
    }
    body = {"query": {"bool": {"must": [{"nested": {"path": "facets", "query": query[clause]}}]}}}
    strategy = Strategy("shop", template=body, fields=FIELDS)
    (note,) = engines.choose("embedded", Settings(), [TEMPLATE, strategy], FIELDS).notes
    assert note == "strategy 'shop': no field 'nmae' in the mapping (did you mean 'name'?)"


def test_a_type_that_is_not_known_is_refused_by_name() -> None:
    body = {"mappings": {"properties": {"name": {"type": "text"}, "rank": {"type": "rank_feature"}}}}
    fields = own_fields(index_body(body, "index.json"))
    with pytest.raises(InputError, match="rank_feature"):
        engines.choose("embedded", Settings(), [Strategy("s", text={"name": 1}, fields=fields)], fields)


def test_a_part_of_an_analyzer_that_is_not_known_is_refused_by_name() -> None:
    analyzer = {"analyzer": {"mine": {"tokenizer": "standard", "filter": ["lowercaze"]}}}
    body = {
        "settings": {"analysis": analyzer},
        "mappings": {"properties": {"name": {"type": "text", "analyzer": "mine"}}},
    }
    fields = own_fields(index_body(body, "index.json"))
    with pytest.raises(InputError, match=r"'lowercaze'.*did you mean 'lowercase'"):
        engines.choose("embedded", Settings(), [Strategy("s", text={"name": 1}, fields=fields)], fields)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"analyzer": "ixx"}, "index.json: mappings: field 'other', analyzer: unknown analyzer 'ixx'; allowed: "),
        ({"search_analyzer": "standrad"}, "field 'other', search_analyzer: unknown analyzer 'standrad' (did you mean"),
        ({"search_quote_analyzer": "no"}, "mappings: field 'other', search_quote_analyzer: unknown analyzer 'no'"),
        ({"type": "keyword", "normalizer": "lo"}, "mappings: field 'other', normalizer: unknown normalizer 'lo'"),
        ({"analyzer": "thai"}, ""),  # a server has it
    ],
)
def test_an_unknown_analyzer_of_a_field_that_no_strategy_names(options: dict[str, str], line: str) -> None:
    body = {"mappings": {"properties": {"name": {"type": "text"}, "other": {"type": "text", **options}}}}
    fields = own_fields(index_body(body, "index.json"), where="index.json")
    strategies = [Strategy("s", text={"name": 1}, fields=fields)]
    if not line:
        assert engines.choose("embedded", Settings(), strategies, fields).notes == ()
        return
    with pytest.raises(InputError) as refused:
        engines.choose("embedded", Settings(), strategies, fields)
    assert line in str(refused.value)


def test_templates_and_tables_over_the_default_fields_in_one_session(sample: Dataset) -> None:
    body = {"query": {"bool": {"should": [{"match": {"product_title": "{{query}}"}}]}}}
    template, table = Strategy("t", template=body), Strategy("u", text={"title": 1})
    choice = engines.choose("embedded", Settings(), [template, table])
    with choice.open(progress=False) as indexer:
        engine = indexer.index(sample.catalogue, text_fields=("title",), vectors={}, progress=False)
        batch = QueryBatch(sample.queries.texts[:20])
        rankings = engine.search_all([*template.legs(), *table.legs()], batch, hits=10)
    assert np.array_equal(rankings[0].codes, rankings[1].codes)
    assert np.array_equal(rankings[0].scores, rankings[1].scores)


def test_a_mapping_that_is_laid_over_ours(tmp_path: Path, sample: Dataset) -> None:
    file = tmp_path / "stemmed.json"
    file.write_text('{"mappings": {"properties": {"product_title": {"type": "text", "analyzer": "english"}}}}')
    strategy = STRATEGIES["textsearch"]
    line, facts, stemmed = answered(strategy, sample, Settings(mapping=file))
    assert line == "embedded, as release 9 ranks, mappings of stemmed.json (asked for)"
    assert not np.array_equal(stemmed.codes, answered(strategy, sample)[2].codes)
    assert len(facts["mapping"]) == 64
    assert facts["laid_over"]["mappings"]["properties"]["product_title"]["analyzer"] == "english"


def test_a_score_is_explained(dataset: Dataset) -> None:
    choice = engines.choose("embedded", Settings(), [TEMPLATE], FIELDS)
    with choice.open(progress=False) as indexer:
        engine = indexer.index(dataset.catalogue, text_fields=(), vectors={}, progress=False)
        explanation = engine.explain(*TEMPLATE.legs(), QueryBatch(["telly"]), dataset.catalogue.ids.index("p5"))
        assert explanation.score == pytest.approx(5.533137)
        assert sum(part.value for part in explanation.parts) == pytest.approx(5.533137)
        assert engine.explain(*TEMPLATE.legs(), QueryBatch(["telly"]), 0).score is None
