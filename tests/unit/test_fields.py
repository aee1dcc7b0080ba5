"""Fields of one's own: what the body of an index says, and what files become by it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from helpers import own_search

from relevance import engines
from relevance.config import rows
from relevance.config.reading import read_config
from relevance.datasets import Source, load
from relevance.engines.elasticsearch.settings import Settings
from relevance.errors import InputError
from relevance.fields import DEFAULT_FIELDS, ProductFields, TextField, index_body, own_fields, texts_at
from relevance.records import Catalogue, Dataset, embedded_texts
from relevance.strategies import STRATEGIES, Strategy
from relevance.suite.compare import _definition
from relevance.tuning import check_texts, make_grid

FIELDS = own_fields(index_body(own_search.BODY, "index.json"))
OF_FACETS = {**own_search.BODY["mappings"]["properties"]["facets"]["properties"], "n": {"type": "half_float"}}
TYPED = own_fields(
    index_body(
        {
            "settings": own_search.BODY["settings"],
            "mappings": {
                "properties": {
                    **own_search.BODY["mappings"]["properties"],
                    "facets": {"type": "nested", "properties": OF_FACETS},
                    "ean": {"type": "keyword", "fields": {"number": {"type": "unsigned_long"}}},
                    "stock": {"type": "short", "coerce": False},
                    "size": {"type": "keyword", "copy_to": "all"},
                    "all": {"type": "byte"},
                    "house": {"type": "constant_keyword", "value": "lund"},
                    "own": {"type": "dense_vector", "dims": 3},
                    "place": {"type": "geo_point"},
                    "extra": {"type": "flattened"},
                    "title": {"type": "alias", "path": "name"},
                }
            },
        },
        "index.json",
    )
)
GOT = {
    "shop-7": {
        "aliases": {},
        "mappings": own_search.BODY["mappings"],
        "settings": {
            "index": {**own_search.BODY["settings"], "number_of_shards": "3", "uuid": "x", "version": {"created": "9"}}
        },
    }
}


def loaded(folder: Path, changed: dict[str, Any], fields: ProductFields = FIELDS) -> Dataset:
    """The shop, with other values in its first product."""
    own_search.write(folder)
    products = [{**own_search.PRODUCTS[0], **changed}, *own_search.PRODUCTS[1:]]
    (folder / "products.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in products))
    return load(Source("shop", "files", folder, columns={"id": "sku"}, fields=fields))


def test_the_text_fields_of_a_mapping() -> None:
    assert dict(FIELDS.text) == {
        "name": TextField("name", source="name"),
        "name.plain": TextField("name.plain", source="name"),
        "brand": TextField("brand", source="brand"),
        "facets.value": TextField("facets.value", "facets", "facets.value"),
    }
    assert FIELDS.title == "name"
    assert dict(FIELDS.embedded) == {"name": ("name",), "brand": ("brand",), "whole": ("name", "brand", "facets.value")}


def test_what_get_index_returns_is_the_body_that_made_it() -> None:
    assert index_body(GOT, "index.json") == index_body(own_search.BODY, "index.json")
    assert own_fields(index_body(GOT, "x")).sha256 == FIELDS.sha256


@pytest.mark.parametrize("name", ["products.jsonl", "products.ndjson", "products.csv", "products.tsv"])
def test_files_of_every_format_become_the_same_documents(tmp_path: Path, name: str) -> None:
    catalogue = own_search.dataset(tmp_path, name).catalogue
    expected = [{key: value for key, value in product.items() if key != "sku"} for product in own_search.PRODUCTS]
    assert catalogue.documents() == expected
    assert [type(one["price"]) for one in catalogue.documents()[:2]] == [float, float]
    assert catalogue.titles[:2] == ["Grey sofas for two", "Leather couch"]
    assert embedded_texts(catalogue, "whole")[1] == "Leather couch Lund brown 3"
    assert catalogue.sha256 == own_search.dataset(tmp_path / "again").catalogue.sha256


def test_the_hash_knows_the_other_fields(tmp_path: Path) -> None:
    catalogue = own_search.dataset(tmp_path).catalogue
    dearer = [{**one, "price": 1.0} for one in catalogue.documents()]
    assert Catalogue.of_documents(catalogue.ids, dearer, FIELDS).sha256 != catalogue.sha256


def test_other_products_take_fields_of_the_mapping_that_they_have() -> None:
    sample = load(Source("sample", "sample"))
    body = {"mappings": {"properties": {"title": {"type": "text", "analyzer": "english"}}}}
    stemmed = load(Source("sample", "sample", fields=own_fields(index_body(body, "x")))).catalogue
    assert stemmed.titles == sample.catalogue.titles
    assert stemmed.documents()[0] == {"title": sample.catalogue.titles[0]}
    with pytest.raises(InputError, match=r"the products have attributes, description, title; allowed: .* name"):
        load(Source("sample", "sample", fields=FIELDS))


def test_documents_of_the_default() -> None:
    products = pd.DataFrame(
        [("a", "Sofa", " "), ("b", "", "Two seats")], columns=["id", "title", "description"], dtype=object
    )
    pairs = pd.DataFrame([("b", "colour", "grey"), ("b", "", " ")], columns=["id", "name", "value"], dtype=object)
    assert Catalogue(products, pairs).documents() == [
        {"title": "Sofa"},
        {
            "description": "Two seats",
            "attributes": [{"name": "colour", "value": "grey", "name_value": "colour grey"}],
        },
    ]


A_DATE = "; allowed: strict_date_optional_time||epoch_millis, for the type date"


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"price": "cheap"}, "line 1, key 'price': found 'cheap'; allowed: a number, for the type double"),
        ({"visible": "ja"}, "line 1, key 'visible': found 'ja'; allowed: true, false, for the type boolean"),
        ({"visible": 1}, "line 1, key 'visible': found the number 1; allowed: true, false, for the type boolean"),
        ({"sales": int("9" * 20)}, "; allowed: a number from -2,147,483,648 to 2,147,483,647, for the type integer"),
        ({"facets": "grey"}, "line 1, key 'facets': found 'grey'; allowed: an object, or a list of them"),
        ({"name": {"de": "Sofa"}}, "line 1, key 'name': found an object; allowed: a value of type text"),
        ({"sku": "p2"}, "line 2, key 'sku': found 'p2'; allowed: an id once (line 1)"),
        ({"added": "yesterday"}, f"line 1, key 'added': found 'yesterday'{A_DATE}"),
        ({"added": ["2024-01-01", "1.2.2024"]}, f"found '1.2.2024'{A_DATE}"),
        ({"added": True}, f"found true{A_DATE}"),
        ({"facets": [{"n": "x"}]}, "key 'facets': found 'x'; allowed: a number, for the type half_float"),
        ({"ean": "x1"}, "to 9,223,372,036,854,775,807, for the type unsigned_long of the field 'ean.number'"),
        ({"stock": 7.5}, "found the number 7.5; allowed: a number from -32,768 to 32,767, for the type short"),
        ({"size": "8x"}, "found '8x'; allowed: a number from -128 to 127, for the type byte of the field 'all'"),
        ({"house": "x"}, "key 'house': found 'x'; allowed: 'lund', for the type constant_keyword"),
        ({"own": [1, 2]}, "key 'own': found a list; allowed: 3 numbers, for the type dense_vector"),
        ({"own": [1, 2, "x"]}, "key 'own': found a list; allowed: 3 numbers, for the type dense_vector"),
    ],
)  # fmt: skip
def test_a_value_that_its_field_does_not_take(tmp_path: Path, changed: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as refusal:
        loaded(tmp_path, changed, TYPED)
    assert str(refusal.value).endswith(line)


def test_values_of_every_type_are_taken(tmp_path: Path) -> None:
    product = {
        "added": [1714521600000, "2024-05-01"], "ean": "17", "stock": 7, "size": "8", "house": "lund",
        "own": [1, 2.5, 3], "facets": [{"n": 1}, {"n": "2.5"}], "place": {"lat": 1.5, "lon": 2},
        "extra": {"a": {"b": 1}}, "title": "an alias",
    }  # fmt: skip
    catalogue = loaded(tmp_path, product, TYPED).catalogue
    left = {**product, "own": [1.0, 2.5, 3.0], "facets": [{"n": 1}, {"n": 2.5}]}
    del left["title"]  # an alias has no values of its own
    assert left.items() <= catalogue.documents()[0].items()


def test_lists_in_cells(tmp_path: Path) -> None:
    cells = 'id,name,tags,sizes\n1,Sofa,outdoor; winter,38|39.5\n2,Lamp,"[""a;b"", ""c""]",\n'
    (tmp_path / "products.csv").write_text(cells)
    (tmp_path / "judgments.csv").write_text("query,product,grade\nsofa,1,1\n")
    config = config_of(
        tmp_path,
        "[fields]\nname = {type = 'text'}\ntags = {type = 'keyword', separator = ';'}\nsizes = {type = 'double'}",
    )
    source = Source("shop", "files", tmp_path, separators={"sizes": "|"}, fields=config.fields)
    assert load(source).catalogue.documents() == [
        {"name": "Sofa", "tags": ["outdoor", "winter"], "sizes": [38, 39.5]},
        {"name": "Lamp", "tags": ["a;b", "c"]},
    ]
    with pytest.raises(InputError, match=r"separators: unknown field 'size' .did you mean 'sizes'"):
        load(replace(source, separators={"size": "|"}))


@pytest.mark.parametrize(
    ("changed", "document"),
    [
        ({"visible": "false"}, {"visible": "false"}),
        ({"visible": ""}, {"visible": ""}),
        ({"visible": [True, None]}, {"visible": [True]}),
        ({"sales": -2147483648}, {"sales": -2147483648}),
        ({"sales": "12.7"}, {"sales": 12.7}),
    ],
)
def test_a_value_that_its_field_takes(tmp_path: Path, changed: dict[str, Any], document: dict[str, Any]) -> None:
    assert document.items() <= loaded(tmp_path, changed).catalogue.documents()[0].items()


def test_what_the_mapping_does_not_have_is_noted(tmp_path: Path) -> None:
    facets = {"properties": {"value": {"type": "text"}}}
    body = {"mappings": {"properties": {"name": {"type": "text"}, "facets": facets}}}
    dataset = own_search.dataset(tmp_path, body=body)
    unused = "not used: brand, category, price, sales, visible and 2 more; the mapping does not have them"
    assert f"products.jsonl: {unused}" in dataset.notes
    assert dataset.catalogue.documents()[0] == {"name": "Grey sofas for two", "facets": [{"value": "grey"}]}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"properties": {}}, "unknown key 'properties'"),
        ({"mappings": {}}, "no properties in mappings"),
        ({"mappings": {"properties": {"a": {"type": "keyword"}}}}, "no field of type text"),
        ({"mappings": {"properties": {"a": {"type": "text"}, "product_uid": {"type": "long"}}}}, "relevance's own"),
    ],
)
def test_a_body_that_is_none(body: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        own_fields(index_body(body, "index.json"), where="index.json")


# in the configuration

TABLES = """
[fields]
name = {type = "text", analyzer = "english", fields = {plain = {type = "text"}}}
brand = {type = "text", column = "manufacturer"}
price = {type = "double"}
facets = {type = "pairs"}

[embedded.short]
fields = ["name", "brand"]

[strategies.shop]
text = {facets = 1, "name.plain" = 1, brand = 2, name = 5}

[strategies.meaning]
vectors = {short = 1}
"""


def config_of(folder: Path, text: str) -> Any:
    file = folder / "relevance.toml"
    file.write_text(text, encoding="utf-8")
    return read_config(options={}, environ={}, file=file, root=folder)


def test_fields_in_the_configuration(tmp_path: Path) -> None:
    config = config_of(tmp_path, TABLES)
    assert list(config.fields.text) == ["name", "name.plain", "brand", "facets"]
    assert config.fields.text["facets"] == TextField("facets.name_value", "facets", "facets.name_value")
    assert config.fields.embedded["short"] == ("name", "brand")
    assert config.fields.columns == {"brand": "manufacturer"}
    assert dict(config.strategies["shop"].text) == {"name": 5, "name.plain": 1, "brand": 2, "facets": 1}
    of_vectors = ["vectorsearch", "vectorsearch_finetune"]
    assert list(config.strategies) == [*of_vectors, "shop", "meaning", "matryoshka_short", "static"]


def test_what_is_in_force_is_shown(tmp_path: Path) -> None:
    shown = {key: value for key, value, _ in rows(config_of(tmp_path, TABLES))}
    assert shown["fields.brand.column"] == "manufacturer"
    assert shown["embedded.short.fields"] == "name, brand"
    assert shown["mapping"] == "[fields], else title, description and attributes"
    assert shown["release"] == "9"


def test_pairs_are_small_documents(tmp_path: Path) -> None:
    config = config_of(tmp_path, TABLES)
    (tmp_path / "products.jsonl").write_text(
        '{"id": 1, "name": "Sofa", "facets": {"colour": ["grey", "red"], "seats": 2}}\n'
    )
    (tmp_path / "judgments.csv").write_text("query,product,grade\nsofa,1,1\n")
    catalogue = load(Source("shop", "files", tmp_path, fields=config.fields)).catalogue
    assert catalogue.documents()[0]["facets"] == [
        {"name": "colour", "value": "grey", "name_value": "colour grey"},
        {"name": "colour", "value": "red", "name_value": "colour red"},
        {"name": "seats", "value": "2", "name_value": "seats 2"},
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[fields]\nname = {analyzer = 'english'}", r"\[fields.name\]: no type"),
        ("[fields]\nname = {type = 'text', analyser = 'english'}", "unknown key 'analyser' .did you mean 'analyzer'"),
        ("[analysis.filter.x]\ntype = 'stop'", r"\[analysis\]: changes nothing without \[fields\]"),
        (f"{TABLES}\n[analysis]\nfilters = {{x = 1}}", "unknown key 'filters' .did you mean 'filter'"),
        (f"{TABLES}\n[similarity.x]\nb = 2", r"\[similarity.x\] b = 2; allowed: a number from 0 to 1"),
        (f"{TABLES}\n[similarity.x]\ntype = 'DFR'", r"\[fields\]: settings.similarity.x: unknown similarity 'DFR'"),
        ("[embedded.whole]\nfields = ['title']\nmodels = {small = ['title']}", "models: unknown model 'small'"),
        ("[embedded.whole]\nfields = ['title']\nmodels = {base = ['titel']}", "unknown field 'titel'"),
        (f"mapping = 'index.json'\n{TABLES}", "two mappings; leave one of them out"),
        ("[embedded.whole]\nfields = ['titel']", r"\[embedded.whole\]: unknown field 'titel' .did you mean 'title'"),
        ("[fields]\nrank = {type = 'rank_feature'}\nname = {type = 'text'}", r"\[fields\]: .*rank.*rank_feature"),
        (f"{TABLES}\n[strategies.wrong]\ntext = {{nam = 1}}", "text: unknown field 'nam' .did you mean 'name'"),
    ],
)
def test_what_the_configuration_refuses(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "index.json").write_text(json.dumps(own_search.BODY))
    with pytest.raises(InputError, match=problem):
        config_of(tmp_path, text)


def test_what_is_embedded_is_a_table(tmp_path: Path) -> None:
    config = config_of(
        tmp_path, "[embedded.whole]\nfields = ['title']\n[embedded.both]\nfields = ['attributes', 'title']"
    )
    assert config.fields.text is DEFAULT_FIELDS.text
    sample = load(Source("sample", "sample")).catalogue
    catalogue = load(replace(Source("sample", "sample"), fields=config.fields)).catalogue
    assert embedded_texts(catalogue, "whole") == embedded_texts(sample, "title")
    assert catalogue.sha256 == sample.sha256


def test_a_model_may_embed_other_fields(tmp_path: Path) -> None:
    own = "[embedded.whole]\nfields = ['title', 'description']\nmodels = {small = ['title']}\n"
    own += "[models.small]\npath = 'm'\n"
    config = config_of(tmp_path, f"{own}[strategies.near]\nvectors = {{whole = 1}}\nmodel = 'small'")
    catalogue = load(replace(Source("sample", "sample"), fields=config.fields)).catalogue
    assert embedded_texts(catalogue, "whole", "small") == catalogue.titles
    assert embedded_texts(catalogue, "whole", "base") != catalogue.titles
    assert _definition(config.strategies["near"], {})["embedded"] == {"whole": ["title"]}
    assert {key: value for key, value, _ in rows(config)}["embedded.whole.models"] == "small = title"


DECLARED = """
[fields]
name = {type = "text", analyzer = "shop", search_analyzer = "shop_search", similarity = "short"}
[analysis.filter.my_synonyms]
type = "synonym"
synonyms = ["couch, sofa"]
[analysis.analyzer]
shop = {tokenizer = "standard", filter = ["lowercase"]}
shop_search = {tokenizer = "standard", filter = ["lowercase", "my_synonyms"]}
[similarity.short]
k1 = 0.3
"""


def test_analyzers_and_similarities_beside_fields(tmp_path: Path) -> None:
    config = config_of(tmp_path, DECLARED)
    assert config.fields.body == {
        "settings": {
            "analysis": {
                "filter": {"my_synonyms": {"type": "synonym", "synonyms": ["couch, sofa"]}},
                "analyzer": {
                    "shop": {"tokenizer": "standard", "filter": ["lowercase"]},
                    "shop_search": {"tokenizer": "standard", "filter": ["lowercase", "my_synonyms"]},
                },
            },
            "similarity": {"short": {"type": "BM25", "k1": 0.3}},
        },
        "mappings": {
            "properties": {
                "name": {"type": "text", "analyzer": "shop", "search_analyzer": "shop_search", "similarity": "short"}
            }
        },
    }
    shown = {key: value for key, value, _ in rows(config)}
    assert (shown["similarity.short.k1"], shown["fields.name.similarity"]) == ("0.3", "short")
    assert shown["analysis.filter"].startswith("{'my_synonyms'")
    assert engines.choose(
        "embedded", Settings(), [Strategy("s", text={"name": 1}, fields=config.fields)], config.fields
    )


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (
            'type = "stop"\nstopwords = "_english_"\nignore = 1',
            ": settings.analysis.filter.my_synonyms: unknown parameter 'ig",
        ),
        ('type = "sinonym"', ": settings.analysis.filter"),
    ],
)
def test_errors_of_analysis_name_the_file_and_the_place(tmp_path: Path, changed: str, line: str) -> None:
    text = DECLARED.replace('type = "synonym"\nsynonyms = ["couch, sofa"]', changed)
    fields = config_of(tmp_path, text).fields
    with pytest.raises(InputError) as refusal:
        engines.choose("embedded", Settings(), [Strategy("s", text={"name": 1}, fields=fields)], fields)
    assert str(refusal.value).startswith(f"{tmp_path / 'relevance.toml'}{line}")


def test_texts_of_a_document() -> None:
    document = {"a": [{"b": "x"}, {"b": ["y", None, 2.5]}, {"c": 1}], "d": True}
    assert list(texts_at(document, "a.b")) == ["x", "y", "2.5"]
    assert list(texts_at(document, "d")) == ["true"]


# by the schema


def test_roles_of_fields() -> None:
    assert [FIELDS.of_role(role) for role in ("title", "description", "attributes")] == [
        "name",
        "brand",
        "facets.value",
    ]
    assert [DEFAULT_FIELDS.of_role(name) for name in DEFAULT_FIELDS.text] == list(DEFAULT_FIELDS.text)


def test_texts_are_changed_where_they_stand(tmp_path: Path) -> None:
    catalogue = own_search.dataset(tmp_path).catalogue
    upper = catalogue.mapped(lambda name, text: text.upper() if name != "brand" else text)
    second = upper.documents()[1]
    assert (second["name"], second["brand"], second["category"]) == ("LEATHER COUCH", "Lund", "Seating")
    assert [one["value"] for one in second["facets"]] == ["BROWN", "3"]
    assert catalogue.without("facets.value").documents()[1]["facets"][0] == {"name": "colour", "value": ""}
    swapped = catalogue.exchanged("name", "brand").documents()[1]
    assert (swapped["name"], swapped["brand"]) == ("Lund", "Leather couch")
    part = catalogue.taken([3, 1], ["a", "b"])
    assert part.documents() == [catalogue.documents()[3], catalogue.documents()[1]]


def test_a_strategy_over_other_fields_is_tuned(tmp_path: Path) -> None:
    today = Strategy("shop", text={"name": 5, "name.plain": 1, "facets.value": 1}, fields=FIELDS)
    grid = make_grid("text", today)
    assert {one.name: one.choices for one in grid.parameters} == {
        "name": (1, 2, 4, 6, 8),
        "name.plain": (1, 2, 4),
        "facets.value": (1, 2, 4),
    }
    check_texts(grid, own_search.dataset(tmp_path).catalogue)
    empty = {"mappings": {"properties": {**own_search.BODY["mappings"]["properties"], "none": {"type": "text"}}}}
    fields = own_fields(index_body({**own_search.BODY, **empty}, "x"))
    grid = make_grid("text", Strategy("shop", text={"name": 5, "none": 1}, fields=fields))
    with pytest.raises(InputError, match="none: no product of the data set has text there"):
        check_texts(grid, own_search.dataset(tmp_path, body={**own_search.BODY, **empty}).catalogue)


def test_what_is_embedded_binds_a_strategy(tmp_path: Path) -> None:
    config = config_of(tmp_path, "[embedded.whole]\nfields = ['title']")
    assert _definition(config.strategies["vectorsearch"], {})["embedded"] == {"whole": ["title"]}
    assert "embedded" not in _definition(STRATEGIES["vectorsearch"], {})
