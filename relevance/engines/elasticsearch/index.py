"""An index of ours: its documents, its making and its removal."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import orjson
from elasticsearch import ApiError, BadRequestError, TransportError
from elasticsearch.helpers import streaming_bulk

from relevance.engines.elasticsearch.errors import Refusal, RetriableError, one_line
from relevance.engines.elasticsearch.leftovers import PATTERN, PREFIX, Mark, this_process
from relevance.engines.elasticsearch.mapping import (
    MOST_NESTED,
    NESTED_LIMIT,
    VECTOR_KINDS,
    SearchedIndex,
    check_vectors,
    index_body,
    search_type_of,
)
from relevance.engines.mapping import documents, facts_of, own_paths, read_own_mapping
from relevance.errors import CouldNotRunError, InputError, RelevanceError
from relevance.fields import DEFAULT_FIELDS, ProductFields
from relevance.records import Catalogue
from relevance.text import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from relevance.engines import VectorField
    from relevance.engines.elasticsearch.client import Connection
    from relevance.engines.elasticsearch.settings import Settings, VectorIndex
    from relevance.engines.mapping import OwnMapping
    from relevance.records import Vectors

# documents

MAX_BYTES = 100 * 2**20
"""Of a request, and so of a document: the server's `http.max_content_length`."""

_MAX_ID_BYTES = 512
_BYTES_OF_AN_ACTION = 8 * _MAX_ID_BYTES
"""Of the line in front of a document, at most: JSON may write a byte of an id as six."""

_SHOWN = 60


Action: TypeAlias = dict[str, Any]
"""As the client's helpers take it: `_op_type`, `_id`, and the document as JSON (bytes) in `_source`."""


def check(catalogue: Catalogue, *, most_attributes: int) -> None:
    """See that every product fits into an index that takes so many nested documents in one product.

    Raises:
        InputError: an id is empty or longer than 512 bytes; a product has too many attributes.
    """
    for uid in catalogue.ids:
        size = len(uid.encode(errors="surrogatepass"))
        if not 0 < size <= _MAX_ID_BYTES:
            problem = f"product {_quoted(uid)}: an id of {size:,} bytes"
            raise InputError(f"{problem}; allowed on elasticsearch: 1 to {_MAX_ID_BYTES} bytes of UTF-8")
    counts = np.diff(catalogue.attribute_offsets)
    if len(counts) and counts.max() > most_attributes:
        at = int(np.argmax(counts))
        problem = f"product {_quoted(catalogue.ids[at])} has {counts[at]:,} attributes"
        raise InputError(
            f"{problem}; allowed: up to {most_attributes:,} (index.mapping.nested_objects.limit, which a file of your "
            "own settings can raise: --es-mapping)"
        )


def actions(catalogue: Catalogue, vectors: Mapping[VectorField, Vectors]) -> Iterator[Action]:
    """The documents, in the order of the products' codes; a blank text and a missing vector are left out.

    An action is `create`, so that one that is sent again changes nothing: a document that is written over would go on
    counting in the statistics of its terms.

    Raises:
        InputError: a product makes a document that is larger than the server takes, or holds half a surrogate pair.
    """
    for uid, document in documents(catalogue, vectors):
        yield _action(uid, document)


def _action(uid: str, document: Mapping[str, Any]) -> Action:
    try:
        source = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
        uid.encode()
    except (orjson.JSONEncodeError, UnicodeEncodeError) as error:
        raise InputError(f"product {_quoted(uid)} cannot be written as JSON ({error}); allowed: Unicode text") from None
    if len(source) > MAX_BYTES - _BYTES_OF_AN_ACTION:
        problem = f"product {_quoted(uid)} makes a document of {len(source) / 2**20:,.0f} MB"
        raise InputError(f"{problem}; allowed on elasticsearch: up to {MAX_BYTES // 2**20} MB")
    return {"_op_type": "create", "_id": uid, "_source": source}


def _quoted(uid: str) -> str:
    """An id in a message: quoted, on one line, cut to about 60 characters."""
    text = repr(uid)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…'"


# sending

DOCUMENTS_A_REQUEST = 500
_BYTES_A_REQUEST = 2**20
"""Of a request at most; a document that is larger goes alone."""

_KEPT = (
    "items.*._id",
    "items.*.status",
    *(f"items.*.error.{name}" for name in ("type", "reason", "caused_by", "durability")),
)
_FORBIDDEN, _CONFLICT, _TOO_LARGE = 403, 409, 413
_NODE_LEAVES = frozenset({"node_closed_exception", "node_disconnected_exception", "node_not_connected_exception"})
_NAMED, _REASON = 10, 160


@dataclass(eq=False)
class _Sending:
    """Documents on their way to an index, made when they are needed.

    The client's helper sends them, a stream of requests; where it breaks off, what has no answer or was refused for the
    moment is sent again, and then the rest. The helper's own retries (`max_retries`) stay off: of 429 they know the
    status alone, and would send again what a full disk or the server's memory never takes.
    """

    connection: Connection
    index: str
    actions: Iterator[Action]
    total: int
    sent: Callable[[int], object]
    open: dict[str, Action] = field(default_factory=dict)  # by id: handed to the helper, and to be sent (again)
    at_once: int = field(default_factory=lambda: DOCUMENTS_A_REQUEST)
    passing: Refusal | None = None  # the first one of the stream that is for the moment
    refusals: list[tuple[str, Refusal]] = field(default_factory=list)
    done: int = 0
    ended: bool = False

    def run(self) -> None:
        """Send all of them.

        Raises:
            CouldNotRunError: documents were refused: the first ten by id and reason; or the server failed.
        """
        while not self.ended:
            self.connection.ask(self._stream, doing="indexing")
        if self.refusals:
            raise self._refused()

    def _stream(self) -> None:
        again, self.passing, answers = list(self.open.values()), None, 0
        try:
            for _, item in streaming_bulk(
                self.connection.client,
                again or self._new(),
                chunk_size=self.at_once,
                max_chunk_bytes=_BYTES_A_REQUEST,
                raise_on_error=False,
                index=self.index,
                filter_path=_KEPT,
            ):
                answers += 1
                self._take(item["create"], again=bool(again))
            self._stop_if_refused()
        except (ApiError, RetriableError) as error:
            if not self._goes_on_with_fewer(error):
                raise
            return
        except (KeyError, TypeError) as error:  # the helper takes every answer of 200 for one of `_bulk`
            raise self.connection.problem("an answer of another kind (indexing); is a proxy in between?") from error
        if self.open:
            sent = answers + len(self.open)
            raise self.connection.problem(f"{answers:,} answers to {sent:,} documents (indexing)")
        self.at_once, self.ended = DOCUMENTS_A_REQUEST, not again

    def _new(self) -> Iterator[Action]:
        """What was not sent before; the helper asks for more when all it has sent is answered."""
        for action in self.actions:
            self.open[action["_id"]] = action
            self._stop_if_refused()
            if len(self.refusals) >= _NAMED:
                raise self._refused()
            yield action

    def _take(self, outcome: Mapping[str, Any], *, again: bool) -> None:
        uid = outcome["_id"]
        if "error" in outcome and not (again and outcome["status"] == _CONFLICT):  # which had arrived before
            why = Refusal.read(outcome["status"], outcome["error"])
            is_of_cluster = why.kind == "cluster_block_exception" or why.kind in _NODE_LEAVES
            if why.passes or why.pressure is not None or is_of_cluster:
                self.passing = self.passing or why
                return
            self.refusals.append((uid, why))
        del self.open[uid]
        self.done += 1
        self.sent(1)

    def _stop_if_refused(self) -> None:
        if self.passing is not None:
            raise RetriableError(self.passing)

    def _refused(self) -> CouldNotRunError:
        of = f"{self.total:,}" if self.done == self.total else f"the first {self.done:,}"
        named = "; ".join(f"{_quoted(uid)}: {one_line(why.said, _REASON)}" for uid, why in self.refusals[:_NAMED])
        more = "; …" if len(self.refusals) > _NAMED else ""
        verb = "was" if len(self.refusals) == 1 else "were"
        return self.connection.problem(f"{len(self.refusals):,} of {of} documents {verb} refused: {named}{more}")

    def _goes_on_with_fewer(self, error: ApiError | RetriableError) -> bool:
        """Whether to go on at once, half as many documents a request: the server, or its memory, never takes so many.

        Memory that is only full for the moment gets half as many after a wait.
        """
        if isinstance(error, RetriableError):
            why, own = error.refusal, sum(len(action["_source"]) for action in self.open.values())
        else:
            why, own = Refusal.read(error.status_code, error.body), 0
        alone, first = self.at_once == 1, next(iter(self.open.values()))
        if why.status == _TOO_LARGE or why.pressure is not None or why.kind == "circuit_breaking_exception":
            self.at_once = max(1, min(self.at_once, len(self.open)) // 2)
        if why.pressure is None:
            return why.status == _TOO_LARGE and not alone
        least, most = why.pressure.least(own), why.pressure.most
        if least > most and alone:
            size, needs, has = (f"{each / 2**20:,.1f} MB" for each in (len(first["_source"]), least, most))
            raise self.connection.problem(
                f"product {_quoted(first['_id'])} is too large for the server's memory: its document of {size} needs "
                f"{needs} of it, where {has} are for documents on their way; give the server more heap (--es-memory "
                "for a container of ours, -Xmx on a cluster)"
            )
        return least > most


# making

_HASH = 12
_ROWS_AT_ONCE = 4096
_SHARDS_S = 30.0
_OF_SERVERS = frozenset({"number_of_shards", "number_of_replicas", NESTED_LIMIT})
"""Settings that a serverless project does not take."""
_DECIDES = (
    "analysis.analyzer.default.",
    "analysis.analyzer.default_search.",
    "analysis.analyzer.standard.",
    "blocks.",
    "mapping.source.",
    "mode",
    "similarity.BM25.",
    "similarity.default.",
    "sort.",
)
"""Settings that change results; other ones that a template of the cluster adds do no harm."""


def content_of(catalogue: Catalogue, vectors: Mapping[VectorField, Vectors], body: Mapping[str, Any]) -> str:
    """Hash of all that an index holds: the products, their vectors in their order, settings and mappings.

    How vectors lie in their matrices does not enter, nor rows that belong to no product.
    """
    digest = hashlib.sha256(json.dumps([catalogue.sha256, body], sort_keys=True).encode())
    for (model, name), each in sorted(vectors.items(), key=lambda item: item[0]):
        digest.update(json.dumps([model, name, each.matrix.shape[1]]).encode())
        for start in range(0, len(each.rows), _ROWS_AT_ONCE):
            rows = each.rows[start : start + _ROWS_AT_ONCE]
            there = rows >= 0
            digest.update(np.packbits(there).tobytes())
            digest.update(each.matrix[rows[there]].astype("<f4", copy=False).tobytes())
    return digest.hexdigest()


def make(
    connection: Connection,
    catalogue: Catalogue,
    *,
    vectors: Mapping[VectorField, Vectors],
    settings: Settings,
    progress: bool,
) -> SearchedIndex:
    """Index all text fields and vectors of a catalogue, or find the kept index of an earlier run with the same content.

    Raises:
        InputError: a product does not fit into an index; the server refuses the user's own settings or mappings.
        CouldNotRunError: the server failed, or refused products.
        BaseException: whatever interrupts; nothing of the index is left in any case, as far as the server answers.
    """
    if vectors:
        check_vectors(settings, connection)
    own = read_own_mapping(settings.mapping)
    dimensions = {key: int(each.matrix.shape[1]) for key, each in vectors.items()}
    by_product = {key for key, each in vectors.items() if each.similarity == "dot"}
    body = index_body(dimensions, settings, own, by_product=by_product, fields=catalogue.fields)
    limit = str(body["settings"][NESTED_LIMIT])  # what is no number the server will refuse itself
    check(catalogue, most_attributes=int(limit) if limit.isdecimal() else MOST_NESTED)
    job = _Job(connection, catalogue, vectors, settings, own, body, content_of(catalogue, vectors, body))
    return (job.kept() if settings.keep_index else None) or job.new(progress=progress)


def try_mapping(connection: Connection, settings: Settings, fields: ProductFields = DEFAULT_FIELDS) -> str | None:
    """Make an index without products, and remove it; a line where it may still be there.

    Raises:
        InputError: the server refuses the user's own settings or mappings.
        CouldNotRunError: the server failed.
    """
    passing = replace(settings, keep_index=False)
    nothing = Catalogue.of_documents((), (), fields)
    return remove(connection, make(connection, nothing, vectors={}, settings=passing, progress=False).name)


@dataclass(frozen=True, eq=False)
class _Job:
    """What is to be indexed where; an index is complete or gone."""

    connection: Connection
    catalogue: Catalogue
    vectors: Mapping[VectorField, Vectors]
    settings: Settings
    own: OwnMapping
    body: Mapping[str, Any]
    content: str

    def kept(self) -> SearchedIndex | None:
        """The kept index of an earlier run, if it is complete and nobody has written to it since."""
        connection = self.connection
        look = partial(connection.client.indices.get_mapping, index=f"{PREFIX}{self.content[:_HASH]}*")
        for name, each in sorted(connection.ask(look, doing="looking for a kept index").body.items()):
            mark = Mark.read(name, each.get("mappings"))
            if mark is None or (mark.content, mark.complete, mark.kept) != (self.content, True, True):
                continue
            state = state_of(connection, name)
            shards = self.settings.shards if state.written is None else len(state.written)
            held = (shards, state.documents, len(self.catalogue), state.operations)
            if held == (self.settings.shards, mark.products, mark.products, mark.operations):
                return self._described(name, state, 1 if state.written is None else shards, reused=True)
        return None

    def new(self, *, progress: bool) -> SearchedIndex:
        """A new index, under a name of its own; it is removed whatever goes wrong."""
        mark = Mark(
            name=f"{PREFIX}{self.content[:_HASH]}-{secrets.token_hex(4)}",
            content=self.content,
            products=len(self.catalogue),
            kept=self.settings.keep_index,
            version=version("relevance-benchmarks"),
            made=datetime.now(UTC),
            owner=this_process(),
        )
        try:
            return self._filled(mark, progress=progress)
        except RelevanceError as error:
            if self.connection.retry_policy.ended() is not None:  # and the index with it
                raise
            left = remove(self.connection, mark.name, settled=False)
            if left is None:
                raise
            raise type(error)(f"{error}; {left}", details=error.details) from error
        except BaseException:
            remove(self.connection, mark.name, settled=False)
            raise

    def _filled(self, mark: Mark, *, progress: bool) -> SearchedIndex:
        connection, name, total = self.connection, mark.name, len(self.catalogue)
        settings = self._create(mark)
        with progress_bar(total, "indexing", "product", shown=progress) as bar:
            documents = actions(self.catalogue, self.vectors)
            _Sending(connection, name, documents, total, bar.update).run()
        self._merge(name)
        refresh = partial(connection.client.indices.refresh, index=name)
        _whole(connection, connection.ask(refresh, doing="refreshing the index").body, "refreshing")
        state = state_of(connection, name)
        if state.documents != total:
            problem = f"index {name} holds {state.documents:,} products after {total:,} were sent"
            raise connection.problem(f"{problem}; does something else write to it?")
        if state.uuid != settings.get("index.uuid", state.uuid):
            problem = f"index {name} was removed and made anew by something else while it was filled"
            raise connection.problem(f"{problem}; is a clean-up running there?")
        meta = replace(mark, complete=True, operations=state.operations).as_meta()
        complete = partial(connection.client.indices.put_mapping, index=name, meta=meta)
        connection.ask(complete, doing="completing the index")
        return self._described(name, state, int(settings.get("index.number_of_shards", 1)), reused=False)

    def _create(self, mark: Mark) -> Mapping[str, str]:
        """Make the index that a mark names; its settings."""
        connection, name, indices = self.connection, mark.name, self.connection.client.indices
        doing = f"making index {name}"
        seconds = max(1, round(min(_SHARDS_S, connection.timeout / 2)))
        mappings = {**self.body["mappings"], "_meta": mark.as_meta()}
        settings = dict(self.body["settings"])
        if connection.serverless:
            for setting in _OF_SERVERS - self.own.settings.keys():
                del settings[setting]

        def create() -> Any:
            try:
                return indices.create(index=name, settings=settings, mappings=mappings, timeout=f"{seconds}s")
            except BadRequestError as error:
                if error.error == "resource_already_exists_exception":  # it was made, only the answer was lost
                    return {}
                sent = self.own.path or self.catalogue.fields.where
                raise connection.explained(error, doing=doing, sent=sent) from error

        if not connection.ask(create, doing=doing).get("shards_acknowledged", True):
            reason = _why_unassigned(connection, name)
            raise connection.problem(f"no node takes the shards of index {name} within {seconds} s{reason}")
        look = partial(indices.get, index=name, flat_settings=True)
        held: Mapping[str, str] = connection.ask(look, doing="looking at the index").get(name, {}).get("settings", {})
        for setting in sorted(held):
            short = setting.removeprefix("index.")
            if short.startswith(_DECIDES) and short not in self.body["settings"]:
                problem = f"a template of the cluster gives index {name} the setting {short}"
                raise connection.problem(f"{problem}, which would change results; keep {PATTERN} out of that template")
        return held

    def _merge(self, name: str) -> None:
        """Merge to one segment a shard, where that is cheap; searches see it after the next refresh."""
        connection, kind = self.connection, self.settings.vector_index
        if connection.serverless:
            return
        seconds = merge_seconds(len(self.catalogue), self.vectors.values(), kind, connection.release)
        if seconds <= CHEAP_S:
            client = connection.client.options(request_timeout=connection.timeout + 10 * seconds)
            merge = partial(client.indices.forcemerge, index=name, max_num_segments=1)
            _whole(connection, connection.ask(merge, doing="merging the index").body, "merging")

    def _described(self, name: str, state: IndexState, shards: int, *, reused: bool) -> SearchedIndex:
        """What is searched; the name of the index is among the facts only where the next run finds it again."""
        settings, notes = self.settings, self.connection.notes("indexing")
        sorted_segment = shards == 1 and state.segments is not None and state.segments <= 1
        if self.connection.serverless:
            decides = "the project is serverless: it decides on shards and replicas itself, and counts no writes"
            notes += (f"{decides}: of a kept index only the number of products is looked at",)
        facts: dict[str, object] = {"index": name} if settings.keep_index else {}
        facts |= {
            "vector_index": settings.vector_index,
            **({} if settings.oversample is None else {"oversample": settings.oversample}),
            "shards": shards,
            "replicas": settings.replicas,
            "segments": state.segments,
            "search_type": search_type_of(settings.search_type, shards, is_ours=True),
            "reused": reused,
            **facts_of(self.own, self.catalogue.fields),
            "forced_sort": not sorted_segment,
        }
        return SearchedIndex(
            name=name,
            paths=own_paths(self.vectors, self.catalogue.fields),
            shards=shards,
            sorted_segment=sorted_segment,
            search_type=settings.search_type,
            oversample=settings.oversample,
            facts=facts,
            notes=notes,
        )


def _why_unassigned(connection: Connection, name: str) -> str:
    """The server's reason in a few words, where it may be asked for it."""
    try:
        answer = connection.client.cluster.allocation_explain(index=name, shard=0, primary=True)
    except (ApiError, TransportError):
        return ""
    deciders = (each for node in answer.get("node_allocation_decisions", []) for each in node.get("deciders", []))
    reasons = [each["explanation"] for each in deciders if each.get("decision") == "NO"]
    reason = reasons[0] if reasons else answer.get("allocate_explanation", "")
    return f": {one_line(reason, 200)}" if reason else ""


# removing

_REMOVE_S, _REMOVE_RETRY_S = 10.0, 2.0
_AGAIN_S = (0.3, 0.7, 1.5)


def remove(connection: Connection, name: str, *, settled: bool = True) -> str | None:
    """Remove an index of ours; None, or a line that it may still be there and how to remove it.

    Unless it is `settled`, a request that was interrupted may make it anew, so that it is looked at again.
    """
    hurried = connection.hurried(_REMOVE_S, _REMOVE_RETRY_S)  # whoever has interrupted us does not want to wait
    indices, why = hurried.client.indices, "it was made anew"
    try:
        for pause in _AGAIN_S:
            hurried.ask(partial(indices.delete, index=name, ignore_unavailable=True), doing="removing the index")
            if settled:
                return None
            time.sleep(pause)
            if not hurried.ask(partial(indices.exists, index=name), doing="looking for the index"):
                return None
    except RelevanceError as error:
        why = str(error).removeprefix(f"elasticsearch at {connection.url}: ")
    url = connection.url
    return f"index {name} may still be on {url} ({why}); to remove it: relevance clean --es-url {url}"


# what an index holds

_BYTES_A_SECOND = 40e6  # seen on 2 cores of a server without vector instructions, as the next
_VECTORS_A_SECOND = 2_000  # into a graph
_PRODUCT_BYTES, _NUMBER_BYTES, _NUMBER_TEXT_BYTES = 1_000, 4, 10
_WITH_TEXTS = 8
"""A release that, to repair a copy of a shard, keeps vectors a second time for a while, as the text they came in."""
CHEAP_S = 60.0


@dataclass(frozen=True)
class IndexState:
    """An index as its server sees it: what tells whether it is as it was.

    Attributes:
        uuid: another one under the same name is another index.
        documents: that searches find.
        deleted: documents that are deleted and still count in statistics, as Lucene counts: nested ones, and the marks
            of deletion too; None, as what follows, where the server does not tell.
        written: the highest sequence number of a write, of each primary shard.
        segments: of the copy of a shard that has most; no part of what may not change.
    """

    uuid: str
    documents: int
    deleted: int | None = None
    written: tuple[int, ...] | None = None
    segments: int | None = field(default=None, compare=False)

    @property
    def max_seq_no(self) -> int | None:
        """The highest sequence number of all."""
        return max(self.written, default=None) if self.written is not None else None

    @property
    def operations(self) -> int:
        """How many writes it has seen, those that replaced or deleted something too; -1 where that is not known."""
        return -1 if self.written is None else sum(number + 1 for number in self.written)


def state_of(connection: Connection, name: str) -> IndexState:
    """Look at an index, or at what an alias shows of it; what was written and not yet refreshed is waited for.

    A serverless project tells no more than what is counted, nor does a cluster to who lacks the privilege monitor.
    """
    indices, doing = connection.client.indices, f"looking at the state of index {name!r}"
    documents = count(connection, name)
    about = connection.ask(lambda: indices.get_settings(index=name, name="index.uuid").body, doing=doing)
    uuid = ", ".join(sorted(one["settings"]["index"]["uuid"] for one in about.values() if one["settings"]))
    measure = partial(indices.stats, index=name, metric=["docs", "segments"], level="shards")
    stats = None if connection.serverless else connection.ask(lambda: unless(_FORBIDDEN, measure), doing=doing)
    if stats is None:
        return IndexState(uuid, documents)
    copies = [copy for one in stats["indices"].values() for _, shard in sorted(one["shards"].items()) for copy in shard]
    return IndexState(
        uuid,
        documents,
        stats["_all"]["primaries"]["docs"]["deleted"],
        tuple(copy["seq_no"]["max_seq_no"] for copy in copies if copy["routing"]["primary"]),
        max((copy["segments"]["count"] for copy in copies), default=0),
    )


def unless(status: int, call: Callable[[], Any]) -> Any:
    """What is answered; None where the answer is this status."""
    try:
        return call()
    except ApiError as error:
        if error.status_code == status:
            return None
        raise


def merge_seconds(products: int, vectors: Iterable[Vectors], kind: VectorIndex, release: int) -> float:
    """About how long it takes to merge an index to one segment; a graph of vectors is made anew."""
    each_field = list(vectors)
    number = _NUMBER_BYTES if release > _WITH_TEXTS else _NUMBER_BYTES + _NUMBER_TEXT_BYTES
    size = products * _PRODUCT_BYTES + sum(number * each.matrix.shape[1] * len(each.rows) for each in each_field)
    graph = sum(len(each.rows) for each in each_field) / _VECTORS_A_SECOND if VECTOR_KINDS[kind].graph else 0.0
    return float(size / _BYTES_A_SECOND + graph)


def count(connection: Connection, index: str, query: Mapping[str, Any] | None = None) -> int:
    """How many documents of an index match; all of them without a query."""
    call = partial(connection.client.count, index=index, query=query)
    answer = connection.ask(call, doing=f"counting the documents of index {index!r}")
    _whole(connection, answer.body, "counting")
    return int(answer["count"])


def _whole(connection: Connection, answer: Mapping[str, Any], what: str) -> None:
    """Refuse an answer that does not speak for every shard."""
    shards = answer.get("_shards", {})
    if shards.get("failed"):
        raise connection.problem(f"{shards['failed']} of {shards.get('total')} shards failed ({what})")
