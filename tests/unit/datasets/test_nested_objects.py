"""Products with objects inside: nulls are left out, and there are no more nested ones than a server takes."""

import json
from pathlib import Path
from typing import Any

import pytest

from relevance.datasets import Source, load
from relevance.errors import InputError
from relevance.fields import index_body, own_fields
from relevance.records import Catalogue

PROPERTIES = {
    "name": {"type": "text"},
    "facets": {
        "type": "nested",
        "properties": {"value": {"type": "text"}, "parts": {"type": "nested", "properties": {"n": {"type": "byte"}}}},
    },
}


def loaded(folder: Path, product: dict[str, Any], settings: dict[str, Any] | None = None) -> Catalogue:
    (folder / "products.jsonl").write_text(json.dumps({"id": "p", "name": "a", **product}) + "\n")
    (folder / "queries.tsv").write_text("q\ta\n")
    (folder / "qrels.txt").write_text("q 0 p 1\n")
    body = {"settings": settings or {}, "mappings": {"properties": PROPERTIES}}
    return load(Source("own", "files", folder, fields=own_fields(index_body(body, "index.json")))).catalogue


def test_nulls_and_what_the_mapping_lacks_are_left_out(tmp_path: Path) -> None:
    facets = [{"value": None, "parts": [{"n": 1}, None]}, None, {"value": "x", "colour": {"deep": [1]}}]
    (document,) = loaded(tmp_path, {"facets": facets}).documents()
    assert document == {"name": "a", "facets": [{"parts": [{"n": 1}]}, {"value": "x"}]}


@pytest.mark.parametrize(
    ("settings", "most"), [({}, 10_000), ({"index": {"mapping": {"nested_objects": {"limit": 3}}}}, 3)]
)
def test_more_nested_objects_than_a_server_takes_are_refused(
    tmp_path: Path, settings: dict[str, Any], most: int
) -> None:
    loaded(tmp_path, {"facets": [{"parts": [{}] * (most - 1)}]}, settings)
    with pytest.raises(InputError, match=rf"line 1.*found {most + 1:,} nested objects; allowed: {most:,}, or more"):
        loaded(tmp_path, {"facets": [{"parts": [{}] * most}]}, settings)


def test_values_inside_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"found the number 300; allowed: a number from -128 to 127"):
        loaded(tmp_path, {"facets": [{"parts": {"n": 300}}]})
