"""An index that exists, looked at without writing anything.

What is asked, and the privilege of the index that it needs: `GET index`, `_settings` and `_alias`
(view_index_metadata); `_count`, `_pit` and `_search` (read); `_stats` (monitor). Who lacks monitor goes without the
figures of `_stats`, who lacks `_pit` reads the ids without it. Nothing needs a privilege to write or to manage.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from relevance.datasets.tables import ID_RULE, is_id
from relevance.engines.elasticsearch.fieldmap import FieldMap, similarity_notes, some
from relevance.engines.elasticsearch.queries import SearchedIndex
from relevance.errors import CouldNotRunError, InputError, RelevanceError
from relevance.text import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from relevance.engines.elasticsearch.client import Connection
    from relevance.engines.elasticsearch.fieldmap import IndexField
    from relevance.engines.elasticsearch.settings import Settings
    from relevance.strategies import Strategy

T = TypeVar("T")

_FORBIDDEN, _NOT_FOUND = 403, 404
_LARGEST_WINDOW = 10_000
_RANKING = ("analysis", "query", "similarity")
"""Settings of an index that decide how it ranks."""
_ANALYZERS = ("analyzer", "search_analyzer", "normalizer")
_PARTS = ("char_filter", "tokenizer", "filter")
_SHORT = 8
_NAMED = 8
_AT_THE_END_S = 5
"""Results are there by then: a server that is gone is not waited for."""


class Fingerprint(NamedTuple):
    """What tells whether an index is as it was.

    Attributes:
        uuid: of the index.
        documents: that searches find.
        deleted: documents that are deleted and still count in statistics, as Lucene counts: nested ones, and the marks
            of deletion too; None where the user may not know.
        max_seq_no: the highest sequence number of a write, of all primary shards; None where the user may not know.
    """

    uuid: str
    documents: int
    deleted: int | None
    max_seq_no: int | None

    def differs(self, other: Fingerprint) -> str:
        """In words, from this to the other; "" where nothing does."""
        pairs = zip(("uuid", "documents", "deleted documents", "highest sequence number"), self, other, strict=True)
        return ", ".join(f"{what} {was} -> {now}" for what, was, now in pairs if was != now)


@dataclass(frozen=True, kw_only=True)
class Existing(SearchedIndex):
    """An index that exists, or an alias of it that has a filter; that it is sorted is never taken for granted.

    Attributes:
        state: when it was looked at.
        product_ids: of all its products, ascending as text.
    """

    state: Fingerprint
    product_ids: Sequence[str] = field(repr=False)

    def changed(self, connection: Connection) -> str | None:
        """A line where the index is no longer what it was when it was looked at, or where that cannot be known."""
        try:
            now = _fingerprint(connection.hurried(_AT_THE_END_S, _AT_THE_END_S), self.name)
        except RelevanceError as error:
            return f"whether index {self.name!r} changed while it was evaluated is not known: {error}"
        if differs := self.state.differs(now):
            return f"index {self.name!r} changed while it was evaluated ({differs}): results may mix both states"
        return None


@dataclass(frozen=True)
class _Index:
    """What `GET index` says: the one index behind the name, and what is searched for it."""

    name: str
    searched: str
    settings: Mapping[str, Any]
    mappings: Mapping[str, Any]
    alias: Mapping[str, Any]

    @property
    def definition(self) -> str:
        """Hash of what decides how the index ranks: mappings, analysis, similarities, and the filter of its alias."""
        settings = {name: self.settings[name] for name in _RANKING if name in self.settings}
        mappings = {name: part for name, part in self.mappings.items() if name != "_meta"}
        return _hash([settings, mappings, self.alias])

    def analyzed(self, field: IndexField) -> str:
        """How a field is searched, in words: `name.en: text, analyzer shop (1a2b3c4d)`."""
        options = dict(field.settings)
        analysis = self.settings.get("analysis", {})
        if field.type != "keyword" and "default" in analysis.get("analyzer", {}):
            options.setdefault("analyzer", "default")
        named = [f"{key} {_with_hash(str(options[key]), key, analysis)}" for key in _ANALYZERS if key in options]
        named += [f"similarity {options['similarity']}"] if "similarity" in options else []
        return ", ".join([f"{field.path}: {field.type}", *named])


def _with_hash(name: str, key: str, analysis: Mapping[str, Any]) -> str:
    """The name of an analyzer, and what the index makes of it, so that another word list shows as another analyzer."""
    kind = "normalizer" if key == "normalizer" else "analyzer"
    own = analysis.get(kind, {}).get(name)
    if own is None:
        return name
    parts = {part: [own.get(part, ())] if isinstance(own.get(part), str) else own.get(part, ()) for part in _PARTS}
    used = {part: [[one, analysis.get(part, {}).get(one)] for one in names] for part, names in parts.items()}
    return f"{name} ({_hash([own, used])[:_SHORT]})"


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def look_at(
    connection: Connection, settings: Settings, strategies: Sequence[Strategy], dimensions: Mapping[str, int]
) -> Existing:
    """Look at the index that the settings name: its fields, its state and the ids of its products.

    Args:
        connection: to its cluster.
        settings: name and field map of the index.
        strategies: those that will run.
        dimensions: of the models that they use, by name.

    Raises:
        InputError: there is no such index, it is closed, it does not have what its field map says or what strategies
            need, or its ids are not an id each.
        CouldNotRunError: the server fails.
    """
    name = str(settings.index)
    about = _index(connection, name)
    fields = FieldMap.of(about.name, settings, about.mappings)
    paths, searched = fields.paths(strategies), fields.searched(strategies, dimensions)
    window = int(about.settings.get("max_result_window", _LARGEST_WINDOW))
    state = _fingerprint(connection, about.searched)
    ids, without_id = _product_ids(connection, about.searched, paths.id, page=min(window, _LARGEST_WINDOW))
    shards = int(about.settings["number_of_shards"])
    facts = {
        "index": about.name,
        **({"alias": name} if name != about.name else {}),
        **state._asdict(),
        "shards": shards,
        "refresh_interval": about.settings.get("refresh_interval", "default"),
        "vector_index": ", ".join(dict.fromkeys(one.vector_index for one in searched)) or None,
        "mapping": about.definition,
        "fields": {name: about.analyzed(fields.fields[path]) for name, path in sorted(fields.names.items())},
    }
    notes = (*_notes(about, state, fields.names["id"], without_id), *similarity_notes(searched))
    return Existing(
        name=about.searched, paths=paths, shards=shards, facts=facts, notes=notes, state=state, product_ids=ids
    )


def _notes(about: _Index, state: Fingerprint, id_field: str, without_id: int) -> tuple[str, ...]:
    index = f"index {about.name!r}"
    notes = []
    if about.searched != about.name:
        notes.append(f"{index} is searched by its alias {about.searched!r}, which has a filter or a routing")
    if state.deleted:
        rule = "only an index that is made anew is sure to have none"
        notes.append(
            f"{index}: {state.deleted:,} deleted documents still count in BM25's statistics and change scores; {rule}"
        )
    if state.deleted is None:
        what = "deleted documents and the highest sequence number are not known"
        notes.append(f"{index}: {what}: the user or the API key lacks the privilege monitor")
    if without_id:
        which = plural(without_id, "document has", "documents have")
        rule = "a search that finds one of them fails; an alias with a filter leaves them out"
        notes.append(f"{index}: {which} no {id_field!r} and can be no product: {rule}")
    if about.settings.get("refresh_interval") == "-1":
        notes.append(f"{index} does not refresh itself (refresh_interval -1): what was written since is not found")
    return tuple(notes)


def _index(connection: Connection, name: str) -> _Index:
    def get() -> Mapping[str, Any] | None:
        return _unless(_NOT_FOUND, lambda: connection.client.indices.get(index=name).body)

    there = connection.ask(get, doing=f"looking at index {name!r}")
    if not there:
        raise InputError(f"--es-index: {_missing(connection, name)}")
    if len(there) > 1:
        raise InputError(f"--es-index: {name!r} stands for {len(there)} indices, {some(list(there))}; allowed: one")
    ((index, about),) = there.items()
    settings = about["settings"]["index"]
    if settings.get("verified_before_close") == "true":
        raise InputError(f"--es-index: index {index!r} at {connection.url} is closed; allowed: an index that is open")
    alias = about.get("aliases", {}).get(name, {})
    return _Index(index, name if alias else index, settings, about["mappings"], alias)


def _missing(connection: Connection, name: str) -> str:
    """The line for an index that is not there, with those that are."""

    def get() -> Mapping[str, Any] | None:
        return _unless(_FORBIDDEN, lambda: connection.client.indices.get_alias(index="*").body)

    there = connection.ask(get, doing="listing its indices") or {}
    names = [index for index in there if not index.startswith(".")]
    names = sorted({*names, *(alias for index in names for alias in there[index]["aliases"])})
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return (
        f"there is no index {name!r} at {connection.url}{hint}; allowed: {some(names, most=_NAMED) or 'there is none'}"
    )


def _fingerprint(connection: Connection, name: str) -> Fingerprint:
    """The state of an index; what was written and not yet refreshed is waited for by the count."""
    indices, doing = connection.client.indices, f"looking at the state of index {name!r}"
    kept = ("_all.primaries.docs", "indices.*.shards.*.routing.primary", "indices.*.shards.*.seq_no.max_seq_no")

    def measure() -> Mapping[str, Any] | None:
        stats = partial(indices.stats, index=name, metric="docs", level="shards", filter_path=kept)
        return _unless(_FORBIDDEN, lambda: stats().body)

    documents = _count(connection, name)
    about = connection.ask(lambda: indices.get_settings(index=name, name="index.uuid").body, doing=doing)
    uuids = ", ".join(sorted(one["settings"]["index"]["uuid"] for one in about.values()))
    stats = connection.ask(measure, doing=doing)
    if stats is None:
        return Fingerprint(uuids, documents, None, None)
    copies = [copy for one in stats["indices"].values() for shard in one["shards"].values() for copy in shard]
    highest = max((copy["seq_no"]["max_seq_no"] for copy in copies if copy["routing"]["primary"]), default=None)
    return Fingerprint(uuids, documents, stats["_all"]["primaries"]["docs"]["deleted"], highest)


def _unless(status: int, call: Callable[[], T]) -> T | None:
    """What is answered; None where the answer is this status."""
    from elasticsearch import ApiError  # noqa: PLC0415 - the client is loaded where it is used

    try:
        return call()
    except ApiError as error:
        if error.status_code == status:
            return None
        raise


# the ids of all its products, page by page, as one moment has them

_KEEP = "5m"
"""How long the server keeps the moment between two pages; it is let go at the end."""
_DOING = "reading the ids of the products"


def _product_ids(connection: Connection, index: str, path: str, *, page: int) -> tuple[tuple[str, ...], int]:
    """The ids of an index in a keyword field, ascending as text, and how many documents have none."""
    ids: list[str] = []
    with _moment(connection, index) as moment:
        for hits in _pages(connection, moment, path, page):
            for hit in hits:
                values = hit["fields"][path]
                if len(values) > 1:
                    raise _fault(index, path, f"a document has {len(values)} ids, {some(values)}", "one a document")
                ids += values
    exists = {"exists": {"field": path}}
    if "pit" not in moment and (counted := _count(connection, index, exists)) != len(ids):
        read = f"{counted:,} documents have a {path!r}, and {len(ids):,} different ones were read"
        raise CouldNotRunError(f"index {index!r}: {read}; two have the same, or the index changed meanwhile")
    _check(index, path, ids)
    return tuple(ids), _count(connection, index, {"bool": {"must_not": exists}})


def _check(index: str, path: str, ids: list[str]) -> None:
    if not ids:
        raise _fault(index, path, "no document has a value", "the field of the products' ids")
    if twice := list(dict.fromkeys(left for left, right in pairwise(ids) if left == right)):
        raise _fault(index, path, f"more than one document has the id {some(twice)}", "an id once")
    if wrong := [one for one in ids if not is_id(one)]:
        raise _fault(index, path, f"found {some(wrong)}", ID_RULE)


def _fault(index: str, path: str, problem: str, allowed: str) -> InputError:
    return InputError(f"index {index!r}, field {path!r}: {problem}; allowed: {allowed}")


@contextmanager
def _moment(connection: Connection, index: str) -> Iterator[dict[str, Any]]:
    """What a search names to see one moment of the index; only the index where the user may not have that."""
    from elasticsearch import ApiError, TransportError  # noqa: PLC0415 - the client is loaded where it is used

    client = connection.client

    def opened() -> dict[str, Any]:
        try:
            return {"pit": {"id": client.open_point_in_time(index=index, keep_alive=_KEEP)["id"], "keep_alive": _KEEP}}
        except ApiError as error:
            if error.status_code == _FORBIDDEN:
                return {"index": index}
            raise

    moment = connection.ask(opened, doing=_DOING)
    try:
        yield moment
    finally:
        if "pit" in moment:
            with suppress(ApiError, TransportError):  # the server lets go of it by itself after a while
                client.close_point_in_time(id=moment["pit"]["id"])


def _pages(connection: Connection, moment: dict[str, Any], path: str, page: int) -> Iterator[list[dict[str, Any]]]:
    """The documents that have an id, ascending by it; each with `fields` and `sort`."""
    search: dict[str, Any] = {
        "query": {"exists": {"field": path}},
        "sort": [{path: "asc"}],
        "size": page,
        "stored_fields": "_none_",
        "docvalue_fields": [path],
        "track_total_hits": False,
        "allow_partial_search_results": False,
        "filter_path": ("pit_id", "timed_out", "hits.hits.fields", "hits.hits.sort"),
    }
    full = True
    while full:
        answer = connection.ask(partial(connection.client.search, **moment, **search), doing=_DOING)
        if answer["timed_out"]:
            raise connection.problem(f"out of time (while {_DOING})")
        hits = answer.get("hits", {}).get("hits", [])
        yield hits
        full = len(hits) == page
        if full:
            search["search_after"] = hits[-1]["sort"]
        if "pit_id" in answer:
            moment["pit"]["id"] = answer["pit_id"]


def _count(connection: Connection, index: str, query: Mapping[str, Any] | None = None) -> int:
    """How many documents of an index match; all of them without a query."""
    call = partial(connection.client.count, index=index, query=query)
    answer = connection.ask(call, doing=f"counting the documents of index {index!r}")
    if failed := answer["_shards"]["failed"]:
        raise connection.problem(f"shards of index {index!r} do not answer ({failed})")
    return int(answer["count"])
