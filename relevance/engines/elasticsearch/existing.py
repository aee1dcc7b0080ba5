"""An index that exists, looked at without writing anything: its fields by the field map, its state, its products' ids.

What is asked, and the privilege of the index that it needs: `GET index`, `_settings` and `_alias`
(view_index_metadata); `_count` and `_search`, with a scroll (read); `_stats` (monitor). Who lacks monitor, and a
serverless project, goes without the figures of `_stats`. Nothing needs a privilege to write or to manage.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from elasticsearch.helpers import ScanError, scan

from relevance import text
from relevance.datasets.tables import ID_RULE, is_id
from relevance.engines.elasticsearch.index import IndexState, count, state_of, unless
from relevance.engines.elasticsearch.mapping import SearchedIndex, search_type_of
from relevance.engines.mapping import ROW_ID, FieldPaths, mapped_fields, missing_fields
from relevance.errors import InputError, RelevanceError, did_you_mean, unknown
from relevance.fields import DEFAULT_FIELDS, ProductFields
from relevance.strategies import BASE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relevance.engines import VectorField
    from relevance.engines.elasticsearch.client import Connection
    from relevance.engines.elasticsearch.settings import Settings
    from relevance.engines.mapping import MappedField
    from relevance.strategies import Strategy


def _some(names: Sequence[str], *, most: int = 3) -> str:
    return text.some([repr(name) for name in names], most)


# the field map, against the index's mapping

_ID, _FIELDS, _VECTORS = "id", "[elasticsearch.fields]", "[elasticsearch.vectors]"
_ID_TYPES = ("keyword", "long", "integer", "short", "byte", "unsigned_long", ROW_ID)
"""Types of fields, and what is no field."""
_TEXT_TYPES = ("text", "match_only_text", "search_as_you_type", "keyword")
_VECTOR_TYPES = ("dense_vector",)
_COSINES = ("cosine", "dot_product")
"""Similarities whose score of vectors of unit length is the one of an index of ours."""
_FLOATS = ("float", "bfloat16")
_FIELDS_NAMED = 8


def fields_of(mappings: Mapping[str, Any]) -> dict[str, MappedField]:
    """All fields of a mapping by full name: multi-fields too, aliases of fields as the fields that they stand for."""
    fields = {one.path: one for one in mapped_fields(mappings.get("properties", {}))}
    aliases = {path: str(one.settings.get("path")) for path, one in fields.items() if one.type == "alias"}
    return fields | {path: fields[target] for path, target in aliases.items() if target in fields}


class _FieldMap:
    """The field map of the settings, over the fields of an index.

    Raises:
        InputError: it names what is none of our fields.
    """

    def __init__(
        self, index: str, settings: Settings, mappings: Mapping[str, Any], ours: ProductFields = DEFAULT_FIELDS
    ) -> None:
        self.index, self.fields, self.ours = index, fields_of(mappings), ours
        allowed = (_ID, *ours.text)
        for name in settings.fields:
            if name not in allowed:
                raise InputError(f"{_FIELDS}: {unknown('field', name, allowed)}")
        # a team's own fields are called as in their index
        own = {} if ours.body is None else {name: one.path for name, one in ours.text.items()}
        self.names = {name: path for name, path in own.items() if path in self.fields} | dict(settings.fields)
        self.vectors: dict[VectorField, str] = {}
        for written, path in settings.vectors.items():
            model, dot, name = written.rpartition(".")
            if name not in ours.embedded:
                raise InputError(f"{_VECTORS}: {unknown('vector field', written, ours.embedded)}, or MODEL.FIELD")
            self.vectors[(model if dot else BASE), name] = path

    def read(
        self, strategies: Sequence[Strategy], dimensions: Mapping[str, int]
    ) -> tuple[FieldPaths, Sequence[MappedField]]:
        """Where the index has what the strategies need and what else the map names, and the vector fields they search.

        A raw template searches those of the index that it names; `dimensions` are those of the models.

        Raises:
            InputError: the map lacks a field, or names one that the index does not have or that cannot be it.
        """
        uid = self._id()
        for strategy in strategies:
            keys = [(strategy.model, name) for name in strategy.vectors]
            lacking = [
                *(("matches", _FIELDS, name) for name in strategy.text if name not in self.names),
                *(("searches the vectors of", _VECTORS, _shown(key)) for key in keys if key not in self.vectors),
            ]
            for does, table, name in lacking:
                allowed = f"allowed: {name} = the field of index {self.index!r}, or strategies without it"
                raise InputError(f"strategy {strategy.name!r} {does} {name}, which {table} does not have; {allowed}")
        texts = {
            name: self._field(_FIELDS, name, self.names[name], _TEXT_TYPES, is_searched=True)
            for name in self.ours.text
            if name in self.names
        }
        vectors, searched = {}, []
        for (model, name), path in self.vectors.items():
            asks = any(one.model == model and (name in one.vectors or one.names(path)) for one in strategies)
            one = self._field(_VECTORS, _shown((model, name)), path, _VECTOR_TYPES, is_searched=asks)
            vectors[model, name] = one.path
            if asks:
                self._check_vectors((model, name), one.settings, dimensions.get(model))
                searched.append(one)
        paths = FieldPaths(
            id=ROW_ID if uid is None else uid.path,
            text={name: one.path for name, one in texts.items()},
            nested={name: one.nested for name, one in texts.items() if one.nested},
            vectors=vectors,
            sorts=uid is not None and uid.type == "keyword",
        )
        return paths, searched

    def _id(self) -> MappedField | None:
        """The field of the product's id; None for `_id`."""
        if _ID not in self.names:
            allowed = f"{_ID} = the field of index {self.index!r} that holds a product's id, or {ROW_ID!r}"
            raise InputError(f"{_FIELDS} has no {_ID}; allowed: {allowed}")
        path = self.names[_ID]
        if path == ROW_ID:
            return None
        uid = self._field(_FIELDS, _ID, path, _ID_TYPES)
        if uid.settings.get("doc_values") is False:
            raise self._fault(_FIELDS, _ID, path, "has no doc_values", f"a field with doc_values, or {ROW_ID}")
        if uid.nested:
            problem = f"lies in the nested documents of {uid.nested!r}"
            raise self._fault(_FIELDS, _ID, path, problem, "a field of the product's own")
        return uid

    def _check_vectors(self, key: VectorField, settings: Mapping[str, Any], dimensions: int | None) -> None:
        fault = partial(self._fault, _VECTORS, _shown(key), self.vectors[key])
        if settings.get("element_type", "float") not in _FLOATS:
            raise fault(f"has vectors of element_type {settings['element_type']}", ", ".join(_FLOATS))
        dims = settings.get("dims")
        if dimensions is not None and dims != dimensions:
            problem = f"has {dims} dimensions" if dims else "has no vectors yet (no dims)"
            raise fault(problem, f"{dimensions}, as model {key[0]!r} has")

    def _field(
        self, table: str, ours: str, path: str, types: Sequence[str], *, is_searched: bool = False
    ) -> MappedField:
        one = self.fields.get(path)
        if one is not None and one.type in types:
            if is_searched and one.settings.get("index") is False:
                raise self._fault(table, ours, path, "is not indexed (index: false)", "a field that can be searched")
            return one
        there = [name for name, each in self.fields.items() if each.type in types]
        hint = did_you_mean(path, there) or did_you_mean(path, self.fields)
        problem = f"is not there{hint}" if one is None else f"is of type {one.type}"
        has = _some(there, most=_FIELDS_NAMED) or "none"
        raise self._fault(table, ours, path, problem, f"{', '.join(types)}; the index has {has}")

    def _fault(self, table: str, ours: str, path: str, problem: str, allowed: str) -> InputError:
        return InputError(f"{table} {ours} = {path!r}: in index {self.index!r} it {problem}; allowed: {allowed}")


def _shown(key: VectorField) -> str:
    model, name = key
    return name if model == BASE else f"{model}.{name}"


# the index and its state

_FORBIDDEN, _NOT_FOUND = 403, 404
_LARGEST_WINDOW = 10_000
_RANKING = ("analysis", "query", "similarity")
"""Settings of an index that decide how it ranks."""
_ANALYZERS = ("analyzer", "search_analyzer", "normalizer")
_PARTS = ("char_filter", "tokenizer", "filter")
_AT_THE_END_S = 5
"""Results are there by then: a server that is gone is not waited for."""


@dataclass(frozen=True, kw_only=True)
class Existing(SearchedIndex):
    """An index that exists, or an alias of it that has a filter; that it is sorted is never taken for granted."""

    state: IndexState  # when it was looked at
    product_ids: Sequence[str] = field(repr=False)

    def changed(self, connection: Connection) -> str | None:
        """A line where the index is no longer what it was when it was looked at, or where that cannot be known."""
        try:
            now = state_of(connection.hurried(_AT_THE_END_S, _AT_THE_END_S), self.name)
        except RelevanceError as error:
            return f"whether index {self.name!r} changed while it was evaluated is not known: {error}"
        if now == self.state:
            return None
        pairs = zip(_of_state(self.state).items(), _of_state(now).values(), strict=True)
        differs = ", ".join(f"{_WORDS[name]} {was} -> {new}" for (name, was), new in pairs if was != new)
        differs = differs or "writes"  # to a shard that has not the highest number
        return f"index {self.name!r} changed while it was evaluated ({differs}): results may mix both states"


_WORDS = {
    "uuid": "uuid",
    "documents": "documents",
    "deleted": "deleted documents",
    "max_seq_no": "highest sequence number",
}
"""Of an index's state, as results name it and as people call it."""


def _of_state(state: IndexState) -> dict[str, object]:
    return {name: getattr(state, name) for name in _WORDS}


def look_at(
    connection: Connection, settings: Settings, strategies: Sequence[Strategy], dimensions: Mapping[str, int]
) -> Existing:
    """Look at the index that the settings name: its fields, its state and the ids of its products.

    Raises:
        InputError: there is no such index, it is closed, it does not have what its field map says or what strategies
            need, or its ids are not an id each.
        CouldNotRunError: the server fails.
    """
    asked = str(settings.index)
    name, about = _index(connection, asked)
    alias, mappings = about.get("aliases", {}).get(asked, {}), about["mappings"]
    index = about["settings"].get("index", {})
    searched = asked if alias else name
    fields = _FieldMap(name, settings, mappings, strategies[0].fields if strategies else DEFAULT_FIELDS)
    paths, vectors = fields.read(strategies, dimensions)
    state = state_of(connection, searched)
    window = int(index.get("max_result_window", _LARGEST_WINDOW))
    ids, without_id = _product_ids(connection, searched, paths, page=min(window, _LARGEST_WINDOW))
    shards = int(index.get("number_of_shards", 1))  # a serverless project does not tell
    kinds = [str(one.settings.get("index_options", {}).get("type", "default")) for one in vectors]
    decides = {part: index[part] for part in _RANKING if part in index}
    of_products = {key: part for key, part in mappings.items() if key != "_meta"}
    vector_names = {f"vectors.{ours}": path for ours, path in sorted(settings.vectors.items())}
    facts = {
        "index": name,
        **({"alias": asked} if asked != name else {}),
        **_of_state(state),
        "shards": shards,
        "search_type": search_type_of(settings.search_type, shards, is_ours=False),
        "refresh_interval": index.get("refresh_interval", "default"),
        "vector_index": ", ".join(dict.fromkeys(kinds)) or None,
        "mapping": _hash([decides, of_products, alias]),
        "body": {"settings": decides, "mappings": of_products, **({"alias": alias} if alias else {})},
        "fields": {
            ours: _analyzed(fields.fields[path], index.get("analysis", {})) if path != ROW_ID else ROW_ID
            for ours, path in (*sorted(settings.fields.items()), *vector_names.items())
        },
    }
    notes = missing_fields(strategies, mappings)
    if searched != name:
        notes.append(f"index {name!r} is searched by its alias {searched!r}, which has a filter or a routing")
    if state.deleted:
        notes.append(
            f"index {name!r}: {state.deleted:,} deleted documents still count in BM25's statistics and change scores; "
            "only an index that is made anew is sure to have none"
        )
    if state.deleted is None:
        notes.append(
            f"index {name!r}: deleted documents and the highest sequence number are not known: the user or the API key "
            "lacks the privilege monitor, or the project is serverless"
        )
    if not paths.sorts:
        notes.append(
            f"index {name!r}: the server cannot sort by {paths.id!r} as text; products of one score at the end of a "
            "list are fetched whole and ordered here"
        )
    if without_id:
        notes.append(
            f"index {name!r}: {text.plural(without_id, 'document has', 'documents have')} no {settings.fields[_ID]!r} "
            "and can be no product: a search that finds one of them fails; an alias with a filter leaves them out"
        )
    if index.get("refresh_interval") == "-1":
        notes.append(
            f"index {name!r} does not refresh itself (refresh_interval -1): what was written since is not found"
        )
    for one in vectors:
        # what lies in nested documents is not counted by product
        held = state.documents if one.nested else count(connection, searched, {"exists": {"field": one.path}})
        if held < state.documents:
            have = f"{held:,} of {state.documents:,} documents have a vector in {one.path!r}"
            notes.append(f"index {name!r}: {have}; no vector search finds the others")
        if (similarity := one.settings.get("similarity", _COSINES[0])) not in _COSINES:
            notes.append(
                f"vectors of {one.path!r} are compared by {similarity}: their scores are not those of cosine"
                " and weigh otherwise beside text"
            )
    return Existing(
        name=searched,
        paths=paths,
        shards=shards,
        is_ours=False,
        search_type=settings.search_type,
        window=window,
        facts=facts,
        notes=tuple(notes),
        state=state,
        product_ids=ids,
    )


def _analyzed(one: MappedField, analysis: Mapping[str, Any]) -> str:
    """How a field is searched, in words: `name.en: text, analyzer shop (1a2b3c4d)`."""
    options = dict(one.settings)
    if one.type in _TEXT_TYPES and one.type != "keyword" and "default" in analysis.get("analyzer", {}):
        options.setdefault("analyzer", "default")
    named = [f"{key} {_with_hash(str(options[key]), key, analysis)}" for key in _ANALYZERS if key in options]
    named += [f"similarity {options['similarity']}"] if "similarity" in options else []
    return ", ".join([f"{one.path}: {one.type}", *named])


def _with_hash(name: str, key: str, analysis: Mapping[str, Any]) -> str:
    """The name of an analyzer, and what the index makes of it, so that another word list shows as another analyzer."""
    own = analysis.get("normalizer" if key == "normalizer" else "analyzer", {}).get(name)
    if own is None:
        return name
    parts = {part: [own.get(part, ())] if isinstance(own.get(part), str) else own.get(part, ()) for part in _PARTS}
    used = {part: [[one, analysis.get(part, {}).get(one)] for one in names] for part, names in parts.items()}
    return f"{name} ({_hash([own, used])[:8]})"


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _index(connection: Connection, name: str) -> tuple[str, Mapping[str, Any]]:
    """The one index behind a name, and what `GET index` says of it."""
    get = partial(connection.client.indices.get, index=name)
    there = connection.ask(lambda: unless(_NOT_FOUND, get), doing=f"looking at index {name!r}")
    if not there:
        raise InputError(f"--es-index: {_missing(connection, name)}")
    if len(there) > 1:
        raise InputError(f"--es-index: {name!r} stands for {len(there)} indices, {_some(list(there))}; allowed: one")
    ((index, about),) = there.items()
    if about["settings"].get("index", {}).get("verified_before_close") == "true":
        raise InputError(f"--es-index: index {index!r} at {connection.url} is closed; allowed: an index that is open")
    return index, about


def _missing(connection: Connection, name: str) -> str:
    """The line for an index that is not there, with those that are."""
    get = partial(connection.client.indices.get_alias, index="*")
    there = connection.ask(lambda: unless(_FORBIDDEN, get), doing="listing its indices") or {}
    names = [index for index in there if not index.startswith(".")]
    names = sorted({*names, *(alias for index in names for alias in there[index]["aliases"])})
    allowed = _some(names, most=_FIELDS_NAMED) or "there is none"
    return f"there is no index {name!r} at {connection.url}{did_you_mean(name, names)}; allowed: {allowed}"


# the ids of all its products, as one moment has them

_READING = "reading the ids of the products"


def _product_ids(connection: Connection, index: str, paths: FieldPaths, *, page: int) -> tuple[tuple[str, ...], int]:
    """The ids of an index, ascending as text, and how many documents have none."""
    by_row, exists = paths.id == ROW_ID, {"exists": {"field": paths.id}}
    search = {
        "query": {"match_all": {}} if by_row else exists,
        **paths.shape,
        "allow_partial_search_results": False,
    }

    def read() -> list[list[str]]:
        try:
            # without a time it would wait for ever
            hits = scan(connection.client, query=search, index=index, size=page, request_timeout=connection.timeout)
            return [paths.ids_of(hit) for hit in hits]
        except ScanError as error:
            raise connection.problem(f"{error} (while {_READING})") from error

    def fault(problem: str, allowed: str) -> InputError:
        return InputError(f"index {index!r}, field {paths.id!r}: {problem}; allowed: {allowed}")

    held = connection.ask(read, doing=_READING)
    if several := next((ids for ids in held if len(ids) > 1), None):
        raise fault(f"a document has {len(several)} ids, {_some(several)}", "one a document")
    ids = sorted(uid for one in held for uid in one)
    if not ids:
        raise fault("no document has a value", "the field of the products' ids")
    if twice := list(dict.fromkeys(left for left, right in pairwise(ids) if left == right)):
        raise fault(f"more than one document has the id {_some(twice)}", "an id once")
    if wrong := [one for one in ids if not is_id(one)]:
        raise fault(f"found {_some(wrong)}", ID_RULE)
    return tuple(ids), 0 if by_row else count(connection, index, {"bool": {"must_not": exists}})
