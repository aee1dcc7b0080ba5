"""The index that we make: its settings and mappings, and what a file of the user's may lay over them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from relevance.engines.elasticsearch.mapping import NOTHING, index_body, merged_over, own_paths, read_own_mapping
from relevance.engines.elasticsearch.settings import VECTOR_INDICES, Settings
from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from relevance.engines.elasticsearch.mapping import OwnMapping
    from relevance.engines.elasticsearch.settings import VectorIndex

WHOLE, OTHER = ("base", "whole"), ("large", "title")
TEXT = {"type": "text", "analyzer": "standard"}


def _body(settings: Settings | None = None, own: OwnMapping = NOTHING) -> dict[str, Any]:
    dimensions = {WHOLE: 384, OTHER: 768}
    return index_body(own_paths(dimensions), dimensions, settings or Settings(), own)


def _own(folder: Path, content: Mapping[str, Any] | str) -> OwnMapping:
    path = folder / "own.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_own_mapping(path)


def test_an_index_of_ours() -> None:
    """Strict, sorted by id, exact vectors that stay out of `_source`, nothing left to the server's defaults."""
    body = _body(Settings(shards=3, replicas=2))
    vector = {"type": "dense_vector", "similarity": "cosine", "index_options": {"type": "flat"}}
    assert body["mappings"] == {
        "dynamic": "strict",
        "_source": {"excludes": ["title_vector_large", "whole_vector"]},
        "properties": {
            "product_uid": {"type": "keyword"},
            "product_title": TEXT,
            "product_description": TEXT,
            "product_attributes": {"type": "nested", "dynamic": "strict", "properties": {"name_value": TEXT}},
            "whole_vector": {**vector, "dims": 384},
            "title_vector_large": {**vector, "dims": 768},
        },
    }
    assert body["settings"] == {
        "number_of_shards": 3,
        "number_of_replicas": 2,
        "refresh_interval": "-1",
        "sort.field": "product_uid",
        "default_pipeline": "_none",
        "final_pipeline": "_none",
        "mapping.nested_objects.limit": 10_000,
    }


def test_no_vectors() -> None:
    """An index for text alone has no vector field and the whole `_source`."""
    mappings = index_body(own_paths([]), {}, Settings())["mappings"]
    assert "_source" not in mappings
    assert not [name for name in mappings["properties"] if "vector" in name]


@pytest.mark.parametrize("kind", VECTOR_INDICES)
def test_kinds_of_vector_index(kind: VectorIndex) -> None:
    """The kind is said with all that belongs to it."""
    options = _body(Settings(vector_index=kind))["mappings"]["properties"]["whole_vector"]["index_options"]
    graph = {} if kind == "flat" else {"m": 16, "ef_construction": 100}
    assert options == {"type": kind, **graph}


def test_too_many_dimensions() -> None:
    """The server's limit of dimensions is told before anything is made."""
    index_body(own_paths([WHOLE]), {WHOLE: 4096}, Settings())
    with pytest.raises(InputError, match=r"whole by model 'base' have 4,097 dimensions; allowed on .*: up to 4,096"):
        index_body(own_paths([WHOLE]), {WHOLE: 4097}, Settings())


def test_own_mapping_lies_over_ours(tmp_path: Path) -> None:
    """Analyzers, similarity, fields below ours and new ones: merged key by key, ours stay where nothing was said."""
    own = _own(
        tmp_path,
        {
            "settings": {
                "index": {"analysis": {"analyzer": {"english": {"type": "english"}}}},
                "similarity.default.b": 0.5,
                "mapping": {"nested_objects.limit": 20},
            },
            "mappings": {
                "properties": {
                    "product_title": {"analyzer": "english", "fields": {"raw": {"type": "keyword"}}, "copy_to": "all"},
                    "product_attributes": {"properties": {"name_value": {"search_analyzer": "english"}}},
                    "all": {"type": "text"},
                }
            },
        },
    )
    body, plain = _body(own=own), _body()
    assert body["settings"] == {
        **plain["settings"],
        "analysis.analyzer.english.type": "english",
        "similarity.default.b": 0.5,
        "mapping.nested_objects.limit": 20,
    }
    properties = body["mappings"]["properties"]
    assert properties["product_title"] == {
        "type": "text",
        "analyzer": "english",
        "fields": {"raw": {"type": "keyword"}},
        "copy_to": "all",
    }
    nested = properties["product_attributes"]
    assert nested == {
        "type": "nested",
        "dynamic": "strict",
        "properties": {"name_value": {**TEXT, "search_analyzer": "english"}},
    }
    assert properties["all"] == {"type": "text"}
    assert properties["whole_vector"] == plain["mappings"]["properties"]["whole_vector"]
    assert _body() == plain


def test_laid_over_leaves_both_alone() -> None:
    """Neither argument is changed; an object replaces a value and the other way round."""
    ours = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    own = {"a": {"c": [3]}, "d": {"e": 2}, "f": None}
    before = json.dumps([ours, own])
    assert merged_over(ours, own) == {"a": {"b": 1, "c": [3]}, "d": {"e": 2}, "f": None}
    assert merged_over({"a": {"b": 1}}, {"a": 1}) == {"a": 1}
    assert json.dumps([ours, own]) == before


def test_the_file_is_named_by_its_hash(tmp_path: Path) -> None:
    """Results say which file it was; a byte order mark, as Windows' editors write it, is no error."""
    path = tmp_path / "own.json"
    path.write_bytes(b'\xef\xbb\xbf{"settings": {}}')
    own = read_own_mapping(path)
    assert (own.path, own.sha256) == (str(path), hashlib.sha256(path.read_bytes()).hexdigest())
    assert (NOTHING.path, NOTHING.sha256) == ("", None)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "not JSON: Expecting value: line 1 column 1"),
        ("{", "not JSON: "),
        ('{"settings": {"a": 1, "a": 2}}', "not JSON: the key 'a' stands twice in one object"),
        ('{"settings": {"a": NaN}}', "not JSON: NaN is no JSON"),
        ('{"settings": {"a": ' + "1" * 5000 + "}}", "not JSON: "),
        ('{"mappings": ' + '{"a": ' * 100_000, "not JSON: "),
        ("[]", r"the file is \[\]; allowed: a JSON object"),
        ("null", "the file is null"),
        ({"setings": {}}, r"unknown key 'setings' \(did you mean 'settings'\?\); allowed: settings, mappings"),
        ({"settings": []}, r"settings is \[\]; allowed: a JSON object"),
        ({"mappings": {"properties": 1}}, "properties is 1; allowed: a JSON object"),
        ({"settings": {"index": {"a": 1}, "index.a": 2}}, "a is set twice"),
        ({"settings": {"index.a.b": 1, "a": {"b": 2}}}, "a.b is set twice"),
        ({"settings": {"number_of_shards": 2}}, "number_of_shards is set by relevance itself; allowed: --es-shards"),
        ({"settings": {"index": {"number_of_replicas": 2}}}, "number_of_replicas .*; allowed: --es-replicas"),
        ({"settings": {"index.auto_expand_replicas": "0-1"}}, "allowed: --es-replicas"),
        ({"settings": {"sort": {"field": "x"}}}, "sort.field is set by relevance itself; the index is sorted by"),
        ({"settings": {"refresh_interval": "1s"}}, "refreshed once"),
        ({"settings": {"final_pipeline": "x"}}, "indexed as they are"),
        ({"settings": {"blocks.write": True}}, "has to be written"),
        ({"mappings": {"dynamic": True}}, "unknown key 'dynamic'; allowed: properties, runtime"),
        ({"mappings": {"_source": {}}}, "unknown key '_source'; allowed"),
        ({"mappings": {"_meta": {}}}, "unknown key '_meta'; allowed"),
        ({"mappings": {"properties": {"product_uid": {}}}}, "the field product_uid is relevance's own"),
        ({"mappings": {"properties": {"whole_vector": {}}}}, "the field whole_vector is relevance's own"),
        ({"mappings": {"properties": {"title_vector_big": {}}}}, "the field title_vector_big is relevance's own"),
        ({"mappings": {"properties": {"product_attributes": {"type": "object"}}}}, "product_attributes.type is set by"),
        ({"mappings": {"properties": {"product_attributes": {"dynamic": True}}}}, "product_attributes.dynamic is set"),
        ({"mappings": {"properties": {"product_attributes": 1}}}, "the field product_attributes is 1; allowed"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, content: Mapping[str, Any] | str, problem: str) -> None:
    """What is no settings and mappings, or sets what we need ourselves, is one line with the file."""
    with pytest.raises(InputError, match=problem) as caught:
        _own(tmp_path, content)
    assert str(caught.value).startswith(str(tmp_path / "own.json"))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that is missing, too large or not UTF-8 is one line; depth is bounded like size."""
    path = tmp_path / "own.json"
    with pytest.raises(InputError, match="No such file or directory"):
        read_own_mapping(path)
    with pytest.raises(InputError, match="Is a directory"):
        read_own_mapping(tmp_path)
    path.write_bytes(b'{"settings": {"a": "\xe9"}}')
    with pytest.raises(InputError, match="byte 20 is not UTF-8"):
        read_own_mapping(path)
    path.write_bytes(b" " * (1 << 20) + b"{}")
    with pytest.raises(InputError, match="larger than 1,048,576 bytes"):
        read_own_mapping(path)
    path.write_text('{"settings": ' + '{"a": ' * 200 + "1" + "}" * 201)
    with pytest.raises(InputError, match="objects inside each other; allowed: 60"):
        read_own_mapping(path)
