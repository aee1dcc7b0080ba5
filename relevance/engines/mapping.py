"""What an index looks like: its fields, and the settings and mappings of ours with the user's own over them."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from relevance import bodies
from relevance.engines import vector_path
from relevance.errors import InputError, did_you_mean, unknown
from relevance.fields import (
    DEFAULT_FIELDS,
    NAME_VALUE,
    ProductFields,
    check_depth,
    flat_settings,
    leaves,
    nested_settings,
)
from relevance.files import read_json_object
from relevance.records import Catalogue, Vectors, attribute_text
from relevance.text import some

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from relevance.engines import VectorField
    from relevance.strategies import Fused, Leg, Strategy

# fields

USUAL_SIZE = 10
"""Hits of a search that names no size."""
DEPENDS_ON_SIZE = ("knn", "rank", "retriever")
"""Parts of a search that take a size that is not said from that of the search: another one finds other hits."""

ROW_ID = "_id"
"""What the server itself calls a document; it can neither sort by it nor give it as a field."""


@dataclass(frozen=True)
class FieldPaths:
    """Fields of an index.

    Attributes:
        id: field of the product's id, or `_id`.
        text: of a text field of ours -> the index's field.
        nested: of a text field of ours that is nested -> the path of its nested documents.
        vectors: of (model, vector field) -> the index's dense_vector field.
        sorts: whether the server can sort by the id as text: it is a keyword.
    """

    id: str
    text: Mapping[str, str]
    nested: Mapping[str, str] = field(default_factory=dict)
    vectors: Mapping[VectorField, str] = field(default_factory=dict)
    sorts: bool = True

    @property
    def shape(self) -> dict[str, Any]:
        """What a search says to get the ids and nothing else: reading `_id` takes a third longer than a column."""
        if self.id == ROW_ID:
            return {"_source": False}
        return {"stored_fields": "_none_", "docvalue_fields": [self.id]}

    def ids_of(self, hit: Mapping[str, Any]) -> list[str]:
        """The ids of a hit as text, which are one where all is well."""
        if self.id == ROW_ID:
            return [hit[ROW_ID]] if ROW_ID in hit else []
        return [str(one) for one in hit.get("fields", {}).get(self.id, ())]


ATTRIBUTES = DEFAULT_FIELDS.text["attributes"].nested


def own_paths(vectors: Iterable[VectorField], fields: ProductFields = DEFAULT_FIELDS) -> FieldPaths:
    """The fields of an index that we make."""
    return FieldPaths(
        id=fields.id,
        text={name: one.path for name, one in fields.text.items()},
        nested={name: one.nested for name, one in fields.text.items() if one.nested},
        vectors={key: vector_path(*key) for key in vectors},
    )


def search_of(leg: Leg, paths: FieldPaths, *, oversample: float | None = None) -> dict[str, Any]:
    """The search body of a leg, with marks: its template, or one of its clauses. Nothing may be changed in it.

    Text clauses stand in the query, vectors in the knn section, where `k` means the same on releases 8 and 9.

    Raises:
        KeyError: the leg names a field that the index has not.
    """
    search = dict(leg.search)
    if leg.fused is not None:
        return {"retriever": _retriever(leg, leg.fused, paths, oversample)}
    if leg.text:
        search["query"] = {"bool": {"should": [_match(paths, name, boost) for name, boost in leg.text]}}
    if leg.vectors:
        options: dict[str, Any] = {"query_vector": bodies.VECTOR, "k": leg.candidates, "num_candidates": leg.candidates}
        if oversample is not None:
            options["rescore_vector"] = {"oversample": oversample}
        fields = [(paths.vectors[leg.model, name], boost) for name, boost in leg.vectors]
        search["knn"] = [{"field": path, "boost": boost, **options} for path, boost in fields]
    return search


_NORMALIZERS = {"l2": "l2_norm"}


def _retriever(leg: Leg, fused: Fused, paths: FieldPaths, oversample: float | None) -> dict[str, Any]:
    """The retriever that fuses: a leg's text, and each of its vector fields, as `search_of` asks them alone."""
    alone = [replace(leg, vectors=(), fused=None)] if leg.text else []
    alone += [replace(leg, text=(), vectors=(vector,), fused=None) for vector in leg.vectors]
    lists: list[dict[str, Any]] = []
    for one in alone:
        search = search_of(one, paths, oversample=oversample)
        if one.text:
            lists.append({"standard": {"query": search["query"]}})
        else:
            lists.append({"knn": {key: value for key, value in search["knn"][0].items() if key != "boost"}})
    weighted = [{"retriever": one, "weight": weight} for one, weight in zip(lists, fused.weights, strict=True)]
    if fused.combine == "linear":
        normalizer = _NORMALIZERS.get(fused.normalizer, fused.normalizer)
        each = [{**one, "normalizer": normalizer} for one in weighted]
        return {"linear": {"retrievers": each, "rank_window_size": fused.window}}
    # releases before 9.2 know no weights here
    plain = lists if set(fused.weights) == {1} else weighted
    return {"rrf": {"retrievers": plain, "rank_window_size": fused.window, "rank_constant": fused.k}}


def _match(paths: FieldPaths, name: str, boost: float) -> dict[str, Any]:
    clause = {"match": {paths.text[name]: {"query": bodies.QUERY, "boost": boost}}}
    if name in paths.nested:
        return {"nested": {"path": paths.nested[name], "query": clause}}
    return clause


def finds_the_same(strategy: Strategy, *, hits: int) -> bool:
    """Whether a search for so many hits begins with what one for fewer finds, and finds all that there are.

    What a part of a template takes from the size of the search, as the `k` of a nearest-neighbour clause that names
    none, changes with it; one that names fewer than `hits` ends there.
    """
    if strategy.members:  # their lists are as long as its window, whatever is asked
        return True
    return all(
        not any(key in leg.search for key in ("rank", "retriever"))
        and all(isinstance(k, int) and k >= hits for k in _numbers_of_neighbours(leg.search))
        and (not leg.vectors or leg.candidates >= hits)
        for leg in strategy.legs()
    )


def _numbers_of_neighbours(part: object) -> Iterator[object]:
    """The `k` of each nearest-neighbour clause in a search body, None where it names none."""
    if isinstance(part, Mapping):
        for key, value in part.items():
            if key == "knn":
                yield from (one.get("k") for one in (value if isinstance(value, list | tuple) else [value]))
            yield from _numbers_of_neighbours(value)
    elif isinstance(part, list | tuple):
        for one in part:
            yield from _numbers_of_neighbours(one)


_PRODUCTS_AT_ONCE = 1024


def documents(
    catalogue: Catalogue, vectors: Mapping[VectorField, Vectors] = MappingProxyType({})
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Id and document of each product, in the order of their codes; a blank text and a missing vector are left out."""
    paths = own_paths(vectors, catalogue.fields)
    texts = _default_texts(catalogue, paths) if catalogue.has_default_layout else catalogue.documents()
    for code, (uid, document) in enumerate(zip(catalogue.ids, texts, strict=True)):
        document[paths.id] = uid
        for key, each in vectors.items():
            if (row := int(each.rows[code])) >= 0:
                # the serializer knows arrays, no memory maps, and rows that lie in one piece
                document[paths.vectors[key]] = np.ascontiguousarray(each.matrix[row], dtype=np.float32)
        yield uid, document


def _default_texts(catalogue: Catalogue, paths: FieldPaths) -> Iterator[dict[str, Any]]:
    offsets = catalogue.attribute_offsets.tolist()
    columns = {paths.text[name]: name for name in catalogue.fields.own_texts if name not in paths.nested}
    for start in range(0, len(catalogue), _PRODUCTS_AT_ONCE):
        end = min(start + _PRODUCTS_AT_ONCE, len(catalogue))
        products = catalogue.products.iloc[start:end]
        rows = zip(*(products[name].tolist() for name in columns.values()), strict=True)
        pairs = catalogue.attributes.iloc[offsets[start] : offsets[end]]
        attributes = list(map(attribute_text, pairs["name"].tolist(), pairs["value"].tolist()))
        bounds = pairwise(offset - offsets[start] for offset in offsets[start : end + 1])
        for texts, (first, last) in zip(rows, bounds, strict=True):
            document: dict[str, Any] = {paths.id: ""}
            document |= {path: text for path, text in zip(columns, texts, strict=True) if text.strip()}
            if values := [{NAME_VALUE: text} for text in attributes[first:last] if text]:
                document[ATTRIBUTES] = values
            yield document


# the user's own settings and mappings

_VECTOR = re.compile(rf"({'|'.join(DEFAULT_FIELDS.embedded)})_vector(_.+)?")
_OURS: Mapping[str, str] = {
    "number_of_shards": "allowed: --es-shards",
    "number_of_replicas": "allowed: --es-replicas",
    "auto_expand_replicas": "allowed: --es-replicas",
    "sort": "the index is sorted by product id, which decides ties",
    "refresh_interval": "the index is refreshed once, when it is complete",
    "default_pipeline": "products are indexed as they are",
    "final_pipeline": "products are indexed as they are",
    "blocks": "the index has to be written",
}
"""Settings that cannot be laid over, and why or what to take instead; each stands for all below it, too."""


@dataclass(frozen=True)
class OwnMapping:
    """What a file lays over ours."""

    path: str = ""
    sha256: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)  # flat: no objects inside, no `index.` in front
    mappings: Mapping[str, Any] = field(default_factory=dict)


NOTHING_OVER = OwnMapping()
"""Where there is no file."""


def read_own_mapping(path: Path | None) -> OwnMapping:
    """Read and check a file, if there is one; what Elasticsearch makes of it shows when the index is made.

    Raises:
        InputError: it cannot be read, is no JSON object (see `read_json_object`), or sets what relevance itself needs.
    """
    if path is None:
        return NOTHING_OVER
    content = read_json_object(path, "a file of settings and mappings")
    check_depth(content, str(path))
    parts = _object(path, content, "", ("settings", "mappings"))
    raw = _object(path, parts.get("settings", {}), "settings")
    nested_settings(raw, f"{path}: settings")  # which refuses what is set twice
    settings = dict(flat_settings(raw))
    mappings = _object(path, parts.get("mappings", {}), "mappings", ("properties", "runtime"))
    for key in mappings:
        _object(path, mappings[key], key)
    _refuse_ours(path, settings, mappings.get("properties", {}))
    return OwnMapping(str(path), hashlib.sha256(path.read_bytes()).hexdigest(), settings, mappings)


def _object(path: Path, value: object, what: str, allowed: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{path}: {what} is {json.dumps(value)[:60]}; allowed: a JSON object")
    for key in value:
        if allowed and key not in allowed:
            raise InputError(f"{path}: {f'{what}: ' if what else ''}{unknown('key', key, allowed)}")
    return value


def _refuse_ours(path: Path, settings: Mapping[str, Any], properties: Mapping[str, Any]) -> None:
    for name in settings:
        for ours, why in _OURS.items():
            if f"{name}.".startswith(f"{ours}."):
                raise InputError(f"{path}: settings: {name} is set by relevance itself; {why}")
    for name in properties:
        if name == DEFAULT_FIELDS.id or _VECTOR.fullmatch(name):
            raise InputError(f"{path}: mappings: the field {name} is relevance's own; allowed: another name")
    nested = _object(path, properties.get(ATTRIBUTES, {}), f"the field {ATTRIBUTES}")
    for name in ("type", "dynamic", "enabled"):
        if name in nested:
            problem = f"mappings: {ATTRIBUTES}.{name} is set by relevance itself"
            raise InputError(f"{path}: {problem}; allowed: properties of it, such as {NAME_VALUE}")


def facts_of(own: OwnMapping, fields: ProductFields) -> dict[str, Any]:
    """What decides how text is read, for results: its hash, and the bodies where they are not the default's."""
    laid_over = {"settings": own.settings, "mappings": own.mappings} if own.path else None
    bodies_of = {"body": fields.body, "laid_over": laid_over}
    hashed = {"mapping": own.sha256 or fields.sha256}
    return {**hashed, **{name: body for name, body in bodies_of.items() if body is not None}}


_FILLS_ITSELF = ("alias", "constant_keyword")
_SHOWN_FIELDS = 3


def unfilled(own: OwnMapping, fields: ProductFields = DEFAULT_FIELDS) -> str:
    """A line on the fields of a file that stay empty, as a name that is misspelt does; "" where there are none.

    Products fill our own fields of text; `copy_to` of these, scripts and runtime fields fill others.
    """
    if fields.body is not None:  # what is filled is said by the team's own body
        return ""
    text = own_paths([]).text
    there = dict(leaves(own.mappings.get("properties", {})))
    there.pop(ATTRIBUTES, None)
    filled = {*text.values(), *own.mappings.get("runtime", {})}
    for path in text.values():
        targets = there.get(path, {}).get("copy_to", ())
        filled |= {targets} if isinstance(targets, str) else set(targets)
    empty = [
        f"{path!r}{_meant(path, text)}"
        for path, options in there.items()
        if path not in filled and options.get("type") not in _FILLS_ITSELF and "script" not in options
    ]
    if not empty:
        return ""
    filling = f"products fill {', '.join(text.values())}, and what these name by copy_to"
    return f"{own.path}: nothing fills {some(empty, _SHOWN_FIELDS)}; {filling}"


def _meant(path: str, text: Mapping[str, str]) -> str:
    """The field of ours that is meant, with or without what all of them begin with."""
    short = {**text, NAME_VALUE: f"{ATTRIBUTES}.{NAME_VALUE}"}
    near = difflib.get_close_matches(path.rpartition(".")[2].removeprefix("product_"), short, n=1)
    return f" (did you mean {short[near[0]]!r}?)" if near else ""


# fields that search bodies name

_OF_ONE_FIELD = (
    *("match", "match_phrase", "match_phrase_prefix", "match_bool_prefix", "term", "terms", "terms_set", "range"),
    *("prefix", "wildcard", "fuzzy", "regexp", "gauss", "exp", "linear", "intervals"),
)
_BESIDE_THE_FIELD = ("boost", "_name", "multi_value_mode")
_PARTED = ("flattened", "search_as_you_type")
"""Types of fields that hold others, which the mapping does not name."""


class MappedField(NamedTuple):
    """A field of an index, with its part of the mapping."""

    path: str  # its full name
    settings: Mapping[str, Any]
    nested: str  # path of the nested documents that it lies in; "" where it is the product's own

    @property
    def type(self) -> str:
        """As the mapping calls it; "object" where it says nothing."""
        return str(self.settings.get("type", "object"))


def mapped_fields(properties: Mapping[str, Any], prefix: str = "", nested: str = "") -> Iterator[MappedField]:
    """All fields of a mapping's `properties`: objects and multi-fields too."""
    for name, settings in properties.items():
        if isinstance(settings, Mapping):  # the server refuses anything else
            one = MappedField(f"{prefix}{name}", settings, nested)
            yield one
            inside = one.path if one.type == "nested" else nested
            yield from mapped_fields(settings.get("properties", {}), f"{one.path}.", inside)
            yield from mapped_fields(settings.get("fields", {}), f"{one.path}.", nested)


NO_FIELD = ": no field "
"""In lines on fields that a mapping lacks."""


def missing_fields(strategies: Iterable[Strategy], mappings: Mapping[str, Any]) -> list[str]:
    """A line for each field that a search body names and a mapping lacks, so that it matches nothing."""
    types, lines = {one.path: one.type for one in mapped_fields(mappings.get("properties", {}))}, []
    types |= {name: str(options.get("type")) for name, options in mappings.get("runtime", {}).items()}
    parted = tuple(f"{path}." for path, kind in types.items() if kind in _PARTED)
    for strategy in strategies:
        vectors = {vector_path(strategy.model, name) for name in strategy.fields.embedded}
        named = dict.fromkeys(_named_fields(strategy.template))
        lacking = [path for path in named if path not in {*types, *vectors} and not path.startswith(parted)]
        where = f"{strategy.where}{NO_FIELD}"
        lines += [f"{where}{path!r} in the mapping{did_you_mean(path, types)}" for path in lacking]
    return lines


def _named_fields(body: Any) -> Iterator[str]:
    """The fields that a search names; names with wildcards or marks, and `_id` and its like, are left out."""
    for one in body if isinstance(body, list) else ():
        yield from _named_fields(one)
    for name, inner in body.items() if isinstance(body, Mapping) else ():
        paths: list[Any] = []
        if name in _OF_ONE_FIELD and isinstance(inner, Mapping):
            paths = [path for path in inner if path not in _BESIDE_THE_FIELD]
        elif name == "sort":
            each = inner if isinstance(inner, list) else [inner]
            paths = [path for one in each for path in (one if isinstance(one, Mapping) else [one])]
        elif name == "fields" and "query" in body:
            paths = [str(path).partition("^")[0] for path in (inner if isinstance(inner, list) else [inner])]
        elif name == "field" and isinstance(inner, str):
            paths = [inner]
        else:
            yield from _named_fields(inner) if name not in _NO_SEARCH else ()
        yield from (path for path in paths if not path.startswith("_") and "*" not in path and "{{" not in path)


_NO_SEARCH = (
    *("aggs", "aggregations", "highlight", "suggest", "_source", "fields", "docvalue_fields", "params", "source"),
)
"""Parts of a body whose names are not those of fields that are searched."""


def merged_over(ours: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Objects merged key by key, however deep; of anything else the own value stays."""
    merged = dict(ours)
    for key, value in own.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[key] = merged_over(before, value)
        else:
            merged[key] = value
    return merged


# settings and mappings


def body_with(
    fields: ProductFields, vectors: Mapping[VectorField, Mapping[str, Any]], own: OwnMapping = NOTHING_OVER
) -> dict[str, Any]:
    """Settings (flat: no objects inside, no `index.` in front) and mappings of an index, as both engines take them.

    A document holds `product_uid`, the texts that are not blank, `product_attributes` with a `name_value` each, and the
    vectors, which are kept out of `_source`. No field of text names an analyzer, so that a default of the user's own
    counts; without one it is the standard analyzer. Of a team's own body all stays as it is.

    Args:
        fields: of the products.
        vectors: the mapping of each vector field.
        own: what the user lays over them.
    """
    paths, text = own_paths(vectors, fields), {"type": "text"}
    body: Mapping[str, Any] = fields.body or {
        "mappings": {
            "dynamic": "strict",
            "properties": {
                paths.id: {"type": "keyword"},
                **{paths.text[name]: text for name in fields.own_texts if name not in paths.nested},
                ATTRIBUTES: {"type": "nested", "dynamic": "strict", "properties": {NAME_VALUE: text}},
            },
        },
    }
    properties = fields.with_readings({**body["mappings"]["properties"], paths.id: {"type": "keyword"}})
    properties |= {paths.vectors[key]: dict(options) for key, options in vectors.items()}
    mappings = {**body["mappings"], "properties": properties}
    if paths.vectors:
        mappings["_source"] = {"excludes": sorted(paths.vectors.values())}
    return {"settings": {**fields.settings, **own.settings}, "mappings": merged_over(mappings, own.mappings)}


def vector_options(dimensions: int, kind: str, *, by_product: bool, **options: int) -> dict[str, Any]:
    """The mapping of a vector field; vectors are compared by cosine, or by their inner product."""
    return {
        "type": "dense_vector",
        "dims": dimensions,
        "similarity": "max_inner_product" if by_product else "cosine",
        "index_options": {"type": kind, **options},
    }
