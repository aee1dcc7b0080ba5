"""The field map of an index that exists, against its mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from relevance.engines.elasticsearch.existing import FieldMap, fields_of
from relevance.engines.elasticsearch.settings import Settings
from relevance.errors import InputError
from relevance.strategies import STRATEGIES, Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping

MAPPINGS: Mapping[str, Any] = {
    "properties": {
        "sku": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
        "names": {"properties": {"main": {"type": "text", "fields": {"english": {"type": "text"}}}}},
        "about": {"type": "match_only_text"},
        "price": {"type": "float"},
        "code": {"type": "keyword", "doc_values": False},
        "stored": {"type": "text", "index": False},
        "title": {"type": "alias", "path": "names.main"},
        "props": {"type": "nested", "properties": {"text": {"type": "text"}, "key": {"type": "keyword"}}},
        "vec": {"type": "dense_vector", "dims": 4, "similarity": "cosine", "index_options": {"type": "int8_hnsw"}},
        "far": {"type": "dense_vector", "dims": 4, "similarity": "l2_norm", "index_options": {"type": "flat"}},
        "bytes": {"type": "dense_vector", "dims": 4, "element_type": "byte"},
        "empty": {"type": "dense_vector"},
        "idle": {"type": "dense_vector", "dims": 4, "index": False},
    }
}
FIELDS = {"id": "sku.raw", "title": "names.main.english", "description": "about", "attributes": "props.text"}
TEXT, VECTOR = (STRATEGIES["textsearch"],), (STRATEGIES["vectorsearch"],)


def _map(fields: Mapping[str, str] = FIELDS, vectors: Mapping[str, str] | None = None) -> FieldMap:
    return FieldMap("shop", Settings(fields=fields, vectors=vectors or {}), MAPPINGS)


def test_other_names_than_ours() -> None:
    """Multi-fields, fields of objects and of nested documents: where they lie, and which are nested."""
    paths = _map(vectors={"whole": "vec", "tuned.title": "far"}).paths((*TEXT, *VECTOR))
    assert paths.id == "sku.raw"
    assert paths.text == {"title": "names.main.english", "description": "about", "attributes": "props.text"}
    assert paths.nested == {"attributes": "props"}
    assert paths.vectors == {("base", "whole"): "vec", ("tuned", "title"): "far"}


def test_an_alias_of_a_field() -> None:
    """It stands for its field; what the strategies do not need may be left out."""
    only_title = Strategy("title", text={"title": 1})
    paths = _map({"id": "sku.raw", "title": "title"}).paths((only_title,))
    assert (paths.text, paths.nested, paths.vectors) == ({"title": "names.main"}, {}, {})


def test_dots_in_names_and_nested_in_nested() -> None:
    """A name with dots is one name where the mapping says so; the innermost nested path counts."""
    inner = {"type": "nested", "properties": {"text": {"type": "text"}}}
    fields = fields_of({"properties": {"a.b": {"type": "text"}, "n": {"type": "nested", "properties": {"m": inner}}}})
    assert (fields["a.b"].type, fields["n.m"].nested, fields["n.m.text"].nested) == ("text", "n", "n.m")


def test_a_mapping_without_fields() -> None:
    """An index that has none yet lacks the id."""
    with pytest.raises(InputError, match=r"it is not there; allowed: keyword; the index has none$"):
        FieldMap("shop", Settings(fields=FIELDS), {}).paths(TEXT)


_KEYWORD = "keyword; the index has 'sku.raw', 'code', 'props.key'"
_TEXTS = (
    "text, match_only_text, search_as_you_type, keyword; the index has 'sku', 'sku.raw', 'names.main', "
    "'names.main.english', 'about', 'code', 'stored', 'title' and 2 more"
)
_SEARCHABLE = "a field that can be searched"


@pytest.mark.parametrize(
    ("ours", "path", "problem", "allowed"),
    [
        ("id", "skuu.raw", "is not there (did you mean 'sku.raw'?)", _KEYWORD),
        ("id", "sku", "is of type text", _KEYWORD),
        ("id", "_id", "is not there", _KEYWORD),
        ("id", "code", "has no doc_values", "a keyword field with doc_values"),
        ("id", "props.key", "lies in the nested documents of 'props'", "a field of the product's own"),
        ("title", "price", "is of type float", _TEXTS),
        ("title", "names", "is of type object", _TEXTS),
        ("title", "stored", "is not indexed (index: false)", _SEARCHABLE),
    ],
)
def test_a_wrong_field(ours: str, path: str, problem: str, allowed: str) -> None:
    """The line has the table, our name, theirs, what is wrong, and what the index has."""
    with pytest.raises(InputError) as caught:
        _map({**FIELDS, ours: path}).paths(TEXT)
    where = f"[elasticsearch.fields] {ours} = '{path}': in index 'shop'"
    assert str(caught.value) == f"{where} it {problem}; allowed: {allowed}"


_DENSE = "dense_vector; the index has 'vec', 'far', 'bytes', 'empty', 'idle'"


@pytest.mark.parametrize(
    ("path", "problem", "allowed"),
    [
        ("vecs", "is not there (did you mean 'vec'?)", _DENSE),
        ("about", "is of type match_only_text", _DENSE),
        ("bytes", "has vectors of element_type byte", "float, bfloat16"),
        ("empty", "has no vectors yet (no dims)", "4, as model 'base' has"),
        ("idle", "is not indexed (index: false)", _SEARCHABLE),
    ],
)
def test_a_wrong_vector_field(path: str, problem: str, allowed: str) -> None:
    """The same for vectors."""
    with pytest.raises(InputError) as caught:
        _map(vectors={"whole": path}).searched(VECTOR, {"base": 4})
    where = f"[elasticsearch.vectors] whole = '{path}': in index 'shop'"
    assert str(caught.value) == f"{where} it {problem}; allowed: {allowed}"


def test_names_that_are_none_of_ours() -> None:
    """A slip of the pen in the map is met before anything is looked up."""
    allowed = "allowed: id, title, description, attributes"
    with pytest.raises(InputError) as caught:
        _map({"id": "sku.raw", "titel": "about"})
    assert str(caught.value) == (f"[elasticsearch.fields]: unknown field 'titel' (did you mean 'title'?); {allowed}")
    with pytest.raises(
        InputError, match=r"^\[elasticsearch\.vectors\]: unknown vector field 'hole' \(did you mean 'wh"
    ):
        _map(vectors={"hole": "vec"})


def test_a_map_without_an_id() -> None:
    """Nothing can be evaluated without it."""
    message = (
        "[elasticsearch.fields] has no id; allowed: id = the keyword field of index 'shop' that holds a product's id"
    )
    with pytest.raises(InputError) as caught:
        _map({"title": "about"}).paths(TEXT)
    assert str(caught.value) == message


def test_a_strategy_needs_a_field_that_the_map_lacks() -> None:
    """Strategy, field and table are named, and a model's own field with its model."""
    with pytest.raises(InputError) as caught:
        _map({"id": "sku.raw", "title": "about"}).paths(TEXT)
    assert str(caught.value) == (
        "strategy 'textsearch' matches description, which [elasticsearch.fields] does not have; "
        "allowed: description = the field of index 'shop', or strategies without it"
    )
    tuned = Strategy("mine", vectors={"whole": 1}, model="tuned")
    with pytest.raises(InputError, match=r"^strategy 'mine' searches the vectors of tuned\.whole, which \[elasticsea"):
        _map(vectors={"whole": "vec"}).paths((tuned,))
    assert _map(vectors={"tuned.whole": "vec"}).paths((tuned,)).vectors == {("tuned", "whole"): "vec"}


def test_other_dimensions() -> None:
    """Vectors of another model than the index's are refused; what no strategy searches is not looked at."""
    both = _map(vectors={"whole": "vec", "title": "empty"})
    assert [field.path for field in both.searched(VECTOR, {"base": 4})] == ["vec"]
    assert both.searched(TEXT, {}) == ()
    with pytest.raises(InputError) as caught:
        both.searched(VECTOR, {"base": 384})
    where = "[elasticsearch.vectors] whole = 'vec': in index 'shop'"
    assert str(caught.value) == f"{where} it has 4 dimensions; allowed: 384, as model 'base' has"


def test_a_template_names_the_fields_of_the_index() -> None:
    """Its vector field is checked where the map has it, so that other dimensions are no error of the server's."""
    knn = {"knn": {"field": "vec", "query_vector": "{{vector}}", "k": 10, "num_candidates": 10}}
    template = Strategy("raw", template=knn)
    with pytest.raises(InputError, match="it has 4 dimensions; allowed: 384"):
        _map(vectors={"whole": "vec"}).searched((template,), {"base": 384})
    assert _map({"id": "sku.raw"}).searched((template,), {"base": 384}) == ()
    assert _map({"id": "sku.raw"}).paths((template,)).text == {}
