"""Strategies that read text fields in a way of their own, and the ready-made ones."""

from pathlib import Path

import pytest
from helpers import own_search, shop

from relevance import engines
from relevance.config.reading import read_config
from relevance.engines import QueryBatch
from relevance.engines.elasticsearch.mapping import index_body as body_of_index
from relevance.engines.elasticsearch.settings import Settings
from relevance.errors import InputError
from relevance.fields import DEFAULT_FIELDS, Reading, index_body, own_fields
from relevance.strategies import READY_MADE, STRATEGIES, Strategy, from_table, readings_of

OWN = own_fields(index_body(own_search.BODY, "index.json"))
TUNED = Reading("stemmed_parts", 0.2, 0.8)


def selected(folder: Path, toml: str) -> list[str]:
    file = folder / "relevance.toml"
    file.write_text(toml, encoding="utf-8")
    config = read_config(options={}, environ={}, file=file, root=folder, cwd=folder)
    return [one.name for one in config.selected]


def test_ready_made_ones_run_where_they_are_named_or_all_are_asked_for(tmp_path: Path) -> None:
    assert selected(tmp_path, "") == list(STRATEGIES)
    assert selected(tmp_path, 'strategy = ["textsearch_spelled", "rrf"]') == ["textsearch_spelled", "rrf"]
    own = '[strategies.mine]\ntext = {title = 1}\nanalyzer = "german"\n'
    assert selected(tmp_path, f'strategy = ["all"]\n{own}') == [*STRATEGIES, "mine", *READY_MADE]


def test_a_strategy_of_ones_own_may_have_the_name_of_a_ready_made_one(tmp_path: Path) -> None:
    own = "[strategies.textsearch_tuned]\ntext = {title = 1}\nk1 = 0.9\n"
    assert selected(tmp_path, own) == [*STRATEGIES, "textsearch_tuned"]


def test_a_reading_is_a_multi_field_of_each_field_of_ones_own() -> None:
    fields = DEFAULT_FIELDS.read([TUNED, Reading("german")])
    body = body_of_index({}, Settings(), fields=fields)
    expected = {
        "stemmed_parts_k1_0_2_b_0_8": {"type": "text", "analyzer": "stemmed_parts", "similarity": "k1_0_2_b_0_8"},
        "german": {"type": "text", "analyzer": "german"},
    }
    properties = body["mappings"]["properties"]
    for options in (properties["product_title"], properties["product_attributes"]["properties"]["name_value"]):
        assert options == {"type": "text", "fields": expected}
    similarity = {key: value for key, value in body["settings"].items() if key.startswith("similarity.")}
    assert similarity == {
        "similarity.k1_0_2_b_0_8.type": "BM25",
        "similarity.k1_0_2_b_0_8.k1": 0.2,
        "similarity.k1_0_2_b_0_8.b": 0.8,
    }
    assert body["settings"]["analysis.analyzer.stemmed_parts.filter"][0] == "lowercase"
    assert fields.own_texts == DEFAULT_FIELDS.own_texts
    assert DEFAULT_FIELDS.read([]) is DEFAULT_FIELDS


def test_queries_may_have_an_analyzer_of_their_own() -> None:
    one = from_table("mine", {"text": {"title": 1}, "analyzer": "german", "search_analyzer": "stemmed"})
    fields = DEFAULT_FIELDS.read(readings_of([one]))
    body = body_of_index({}, Settings(), fields=fields)
    assert body["mappings"]["properties"]["product_title"]["fields"] == {
        "german_searched_stemmed": {"type": "text", "analyzer": "german", "search_analyzer": "stemmed"}
    }
    assert "analysis.analyzer.stemmed.filter" in body["settings"]
    same = from_table("mine", {"text": {"title": 1}, "analyzer": "german", "search_analyzer": "german"})
    assert same.reading == Reading("german")


@pytest.mark.parametrize(
    ("table", "field", "expected"),
    [
        ({"k1": 0.3}, "name", {"analyzer": "shop", "search_analyzer": "shop_search", "similarity": "k1_0_3_b_0_75"}),
        ({"search_analyzer": "german"}, "name", {"analyzer": "shop", "search_analyzer": "german"}),
        ({"search_analyzer": "german"}, "brand", {"analyzer": "default", "search_analyzer": "german"}),
        ({"analyzer": "german"}, "name", {"analyzer": "german"}),
        ({"k1": 0, "b": 0}, "brand", {"similarity": "k1_0_b_0"}),
        ({"k1": 1.2}, "brand", {}),
    ],
)
def test_what_a_strategy_does_not_name_is_read_as_the_field_is(
    table: dict[str, object], field: str, expected: dict[str, str]
) -> None:
    fields = OWN.read(readings_of([from_table("mine", {"text": {"name": 1}, **table}, OWN)]))
    (reading,) = fields.readings
    properties = fields.with_readings(own_search.BODY["mappings"]["properties"])
    assert properties[field]["fields"][reading.label] == {"type": "text", **expected}


def test_words_are_corrected_to_those_of_the_fields_that_are_named() -> None:
    def vocabulary(**table: object) -> tuple[str, ...]:
        return from_table("mine", table, OWN).legs()[0].spelling

    template = {"query": {"match": {"name": "{{query}}"}}}
    assert vocabulary(text={"name": 1, "brand": 1}, spelling=True) == ("name", "brand")
    assert vocabulary(text={"name": 1, "brand": 1}, spelling=("brand",)) == ("brand",)
    assert vocabulary(text={"name": 1}, spelling=False) == vocabulary(template=template) == ()
    assert vocabulary(template=template, spelling=("name",)) == ("name",)
    assert vocabulary(template=template, spelling=True) == ("name", "brand", "facets.value")


def test_an_analyzer_of_the_teams_own_stays_theirs() -> None:
    body = {
        "settings": {"analysis": {"analyzer": {"stemmed": {"type": "french"}}}},
        "mappings": own_search.BODY["mappings"],
    }
    theirs = own_fields(body)
    assert theirs.read([Reading("stemmed")]).reading_settings == {}
    assert OWN.read([Reading("stemmed")]).reading_settings["analysis.analyzer.stemmed.tokenizer"] == "standard"


def test_legs_name_the_multi_fields_and_vectors_stay() -> None:
    text, vector = READY_MADE["rrf_stemmed"].legs()
    assert (text.text[0], text.reading, vector.reading) == (("title.stemmed", 8), Reading("stemmed"), None)
    spelled = READY_MADE["textsearch_spelled"].legs()[0]
    assert (spelled.reading, spelled.spelling) == (TUNED, ("title", "description", "attributes"))
    assert {one.reading for one in STRATEGIES.values()} == {None}


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"vectors": {"whole": 1}, "k1": 0.3}, "k1 changes nothing without text; leave it out"),
        ({"text": {"title": 1}, "spelling": ("titel",)}, "spelling: unknown field 'titel' (did you mean 'title'?)"),
        ({"vectors": {"whole": 1}, "search_analyzer": "german"}, "search_analyzer changes nothing without text"),
        ({"vectors": {"whole": 1}, "spelling": True}, "spelling changes nothing without text; leave it out"),
        (
            {"text": {"name.plain": 1}, "b": 0.3},
            "text: name.plain is a multi-field, which stays as the mapping has it: ",
        ),
    ],
)
def test_what_cannot_be_read_otherwise_is_refused(table: dict[str, object], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        from_table("mine", table, OWN if "name.plain" in str(table) else DEFAULT_FIELDS)
    assert str(caught.value).startswith(f"strategy 'mine': {problem}")


def test_an_analyzer_that_is_not_known_is_refused_with_its_strategy() -> None:
    strategy = Strategy("mine", text={"title": 1}, analyzer="germn")
    with pytest.raises(InputError, match=r"strategy 'mine': .*'germn'.*did you mean 'german'"):
        engines.choose("embedded", Settings(), [strategy])


def test_an_index_that_exists_is_searched_with_the_analyzers_that_it_has() -> None:
    with pytest.raises(InputError, match=r"strategy 'textsearch_stemmed': --es-index shop is searched with"):
        engines.choose("embedded", Settings(index="shop"), [READY_MADE["textsearch_stemmed"]])


def test_products_that_no_strategy_reads_are_indexed_beside_those_that_are_read() -> None:
    """As those of the calibration are."""
    strategies = [READY_MADE["textsearch_stemmed"], READY_MADE["hybrid_stemmed"]]
    with engines.choose("embedded", Settings(), strategies).open(progress=False) as indexer:
        engine = indexer.index(shop.shop().catalogue, text_fields=("title",), vectors={}, progress=False)
        (leg,) = Strategy("plain", text={"title": 1}).legs()
        assert len(engine.search(leg, QueryBatch(["oak"]), hits=3).codes) == 1
