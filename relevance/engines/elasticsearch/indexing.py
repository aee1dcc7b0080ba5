"""Products become an index of ours: always a new one, complete or gone; or a kept one with the same content."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from relevance.engines.elasticsearch import documents
from relevance.engines.elasticsearch.failures import explained, one_line
from relevance.engines.elasticsearch.leftovers import PATTERN, PREFIX, Mark, content_of, this_process
from relevance.engines.elasticsearch.mapping import NESTED_LIMIT, NOTHING, index_body, own_paths, read_own_mapping
from relevance.engines.elasticsearch.queries import SearchedIndex
from relevance.errors import RelevanceError
from relevance.text import progress_bar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from elastic_transport import ObjectApiResponse

    from relevance.engines import VectorField
    from relevance.engines.elasticsearch.client import Connection
    from relevance.engines.elasticsearch.mapping import FieldPaths, OwnMapping
    from relevance.engines.elasticsearch.settings import Settings, VectorIndex
    from relevance.records import Catalogue, Vectors

_HASH = 12
_NESTED_LIMIT = 10_000


@dataclass(frozen=True, kw_only=True)
class Index(SearchedIndex):
    """An index of ours, complete; its name is among the facts only where it is the same in every run.

    Attributes:
        kept: whether it stays when the run ends.
        reused: whether an earlier run made it.
        products: that it holds.
    """

    kept: bool
    reused: bool
    products: int


@dataclass(frozen=True, eq=False)
class _Job:
    """What is to be indexed where."""

    connection: Connection
    catalogue: Catalogue
    vectors: Mapping[VectorField, Vectors]
    settings: Settings
    paths: FieldPaths
    own: OwnMapping
    body: Mapping[str, Any]
    content: str
    progress: bool


def index(
    connection: Connection,
    catalogue: Catalogue,
    *,
    vectors: Mapping[VectorField, Vectors],
    settings: Settings,
    progress: bool,
) -> Index:
    """Index a catalogue, or find the kept index of an earlier run with the same content.

    Args:
        connection: to the server.
        catalogue: the products; all their text fields are indexed.
        vectors: unit vectors of the products for each vector field.
        settings: what is made.
        progress: whether a bar is shown.

    Raises:
        InputError: a product does not fit into an index; the server refuses the user's own settings or mappings.
        CouldNotRunError: the server failed, or refused products.
        BaseException: whatever interrupts; nothing of the index is left in any case, as far as the server answers.
    """
    own = NOTHING if settings.mapping is None else read_own_mapping(settings.mapping)
    paths = own_paths(vectors)
    dimensions = {key: int(each.matrix.shape[1]) for key, each in vectors.items()}
    body = index_body(paths, dimensions, settings, own)
    limit = str(body["settings"][NESTED_LIMIT])  # what is no number the server will refuse itself
    documents.check(catalogue, most_attributes=int(limit) if limit.isdecimal() else _NESTED_LIMIT)
    content = content_of(catalogue, vectors, body)
    job = _Job(connection, catalogue, vectors, settings, paths, own, body, content, progress)
    return (_reused(job) if settings.keep_index else None) or _new(job)


def delete(connection: Connection, index: Index) -> str | None:
    """Remove an index, unless it is kept; None, or a line that says that it is still there and how to remove it."""
    return None if index.kept else _remove(connection, index.name, index.name.rpartition("-")[2], settled=True)


def _reused(job: _Job) -> Index | None:
    """The kept index of an earlier run, if it is complete and nobody has written to it since."""
    connection = job.connection
    look = partial(connection.client.indices.get_mapping, index=f"{PREFIX}{job.content[:_HASH]}*")
    for name, each in sorted(connection.ask(look, doing="looking for a kept index").body.items()):
        mark = Mark.read(name, each.get("mappings"))
        if mark is None or (mark.content, mark.complete, mark.kept) != (job.content, True, True):
            continue
        status = _status(connection, name)
        unchanged = (status.shards, status.operations) == (job.settings.shards, mark.operations)
        if unchanged and _count(connection, name) == mark.products == len(job.catalogue):
            return _described(job, name, status, reused=True)
    return None


def _new(job: _Job) -> Index:
    """A new index, under the first name that is free; it is removed whatever goes wrong."""
    token = secrets.token_hex(4)
    for name in _names(job, token):
        mark = Mark(
            name=name,
            content=job.content,
            products=len(job.catalogue),
            kept=job.settings.keep_index,
            token=token,
            version=version("relevance-benchmarks"),
            made=time.time(),
            owner=this_process(),
        )
        try:
            return _filled(job, mark)
        except _NameTakenError:
            continue
        except RelevanceError as error:
            if job.connection.retry_policy.ended() is not None:  # and the index with it
                raise
            left = _remove(job.connection, name, token, settled=False)
            if left is None:
                raise
            raise type(error)(f"{error}; {left}", details=error.details) from error
        except BaseException:
            _remove(job.connection, name, token, settled=False)
            raise
    raise job.connection.problem("every name for the index is taken")


def _names(job: _Job, token: str) -> Iterator[str]:
    plain = f"{PREFIX}{job.content[:_HASH]}"
    if job.settings.keep_index:
        yield plain
    yield f"{plain}-{token}"


def _filled(job: _Job, mark: Mark) -> Index:
    connection, name, total = job.connection, mark.name, len(job.catalogue)
    uuid = _create(job, mark)
    with progress_bar(total, "indexing", "product", shown=job.progress) as bar:
        actions = documents.actions(job.catalogue, job.vectors, job.paths)
        documents.send_all(connection, name, actions, total=total, sent=bar.update)
    _merge(connection, name, merge_seconds(total, job.vectors.values(), job.settings.vector_index, connection.release))
    refresh = partial(connection.client.indices.refresh, index=name)
    _whole(connection, connection.ask(refresh, doing="refreshing the index").body, "refreshing")
    held = _count(connection, name)
    if held != total:
        problem = f"index {name} holds {held:,} products after {total:,} were sent"
        raise connection.problem(f"{problem}; does something else write to it?")
    status = _status(connection, name)
    if status.uuid != uuid:
        problem = f"index {name} was removed and made anew by something else while it was filled"
        raise connection.problem(f"{problem}; is a clean-up running there?")
    meta = replace(mark, complete=True, operations=status.operations).as_meta()
    complete = partial(connection.client.indices.put_mapping, index=name, meta=meta)
    connection.ask(complete, doing="completing the index")
    return _described(job, name, status, reused=False)


def _described(job: _Job, name: str, status: _Status, *, reused: bool) -> Index:
    settings = job.settings
    sorted_segment = settings.shards == 1 and status.segments <= 1
    facts: dict[str, object] = {"index": name} if settings.keep_index else {}
    facts |= {
        "vector_index": settings.vector_index,
        "shards": settings.shards,
        "replicas": settings.replicas,
        "segments": status.segments,
        "reused": reused,
        "mapping": job.own.sha256,
        "forced_sort": not sorted_segment,
    }
    return Index(
        name=name,
        paths=job.paths,
        shards=settings.shards,
        sorted_segment=sorted_segment,
        kept=settings.keep_index,
        reused=reused,
        products=len(job.catalogue),
        facts=facts,
        notes=job.connection.notes("indexing"),
    )


# making and removing

_SHARDS_S = 30.0
_REMOVE_S, _REMOVE_RETRY_S = 10.0, 2.0
_AGAIN_S = (0.3, 0.7, 1.5)
_REASON = 200
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


class _NameTakenError(Exception):
    """Somebody else has an index of that name."""


def _create(job: _Job, mark: Mark) -> str:
    """Make the index that a mark names; its uuid."""
    connection, body, name = job.connection, job.body, mark.name
    doing = f"making index {name}"
    seconds = max(1, round(min(_SHARDS_S, connection.timeout / 2)))
    mappings = {**body["mappings"], "_meta": mark.as_meta()}

    def create() -> ObjectApiResponse[Any] | None:
        from elasticsearch import BadRequestError  # noqa: PLC0415 - the client is loaded where it is used

        try:
            return connection.client.indices.create(
                index=name, settings=body["settings"], mappings=mappings, timeout=f"{seconds}s"
            )
        except BadRequestError as error:
            if error.error == "resource_already_exists_exception":
                if _is_there(connection, name, mark.token):
                    return None  # it was made, only the answer was lost
                raise _NameTakenError from None
            raise explained(error, doing=doing, url=connection.url, sent=job.own.path) from error

    answer = connection.ask(create, doing=doing)
    if answer is not None and not answer.get("shards_acknowledged", True):
        reason = _why_unassigned(connection, name)
        raise connection.problem(f"no node takes the shards of index {name} within {seconds} s{reason}")
    look = partial(connection.client.indices.get, index=name, flat_settings=True)
    settings = connection.ask(look, doing="looking at the index").get(name, {"settings": {}})["settings"]
    for setting in sorted(settings):
        short = setting.removeprefix("index.")
        if short.startswith(_DECIDES) and short not in body["settings"]:
            problem = f"a template of the cluster gives index {name} the setting {short}, which would change results"
            raise connection.problem(f"{problem}; keep {PATTERN} out of that template")
    return str(settings.get("index.uuid", ""))


def _why_unassigned(connection: Connection, name: str) -> str:
    """The server's reason in a few words, where it may be asked for it."""
    from elasticsearch import ApiError, TransportError  # noqa: PLC0415 - the client is loaded where it is used

    try:
        answer = connection.client.cluster.allocation_explain(index=name, shard=0, primary=True)
    except (ApiError, TransportError):
        return ""
    deciders = (each for node in answer.get("node_allocation_decisions", []) for each in node.get("deciders", []))
    reasons = [each["explanation"] for each in deciders if each.get("decision") == "NO"]
    reason = reasons[0] if reasons else answer.get("allocate_explanation", "")
    return f": {one_line(reason, _REASON)}" if reason else ""


def _remove(connection: Connection, name: str, token: str, *, settled: bool) -> str | None:
    """Remove an index that was made with a token, or half made; None, or a line that it may still be there.

    Args:
        connection: to its server.
        name: of the index; one that does not end with the token is asked for it, somebody else may have made it.
        token: of the run that made it.
        settled: whether nothing is on its way to it; a request that was interrupted may make it anew, so that it is
            looked at again.
    """
    hurried = connection.hurried(_REMOVE_S, _REMOVE_RETRY_S)  # whoever has interrupted us does not want to wait
    drop = partial(hurried.client.indices.delete, index=name, ignore_unavailable=True)
    why = "it was made anew"
    try:
        for pause in _AGAIN_S:
            if _is_there(hurried, name, token):
                hurried.ask(drop, doing="removing the index")
            if settled:
                return None
            time.sleep(pause)
            if not _is_there(hurried, name, token):
                return None
    except RelevanceError as error:
        why = str(error).removeprefix(f"elasticsearch at {connection.url}: ")
    url = connection.url
    return f"index {name} may still be on {url} ({why}); to remove it: relevance clean --es-url {url}"


def _is_there(connection: Connection, name: str, token: str) -> bool:
    """Whether there is an index of that name, and a run with that token has made it."""
    indices, doing = connection.client.indices, "looking for the index"
    if name.endswith(token):
        return bool(connection.ask(partial(indices.exists, index=name), doing=doing))
    look = partial(indices.get_mapping, index=name, ignore_unavailable=True)
    mark = Mark.read(name, connection.ask(look, doing=doing).get(name, {}).get("mappings"))
    return mark is not None and mark.token == token


# what an index holds

_BYTES_A_SECOND = 40e6  # seen on 2 cores of a server without vector instructions, as the next
_VECTORS_A_SECOND: Mapping[VectorIndex, float] = {"hnsw": 2_000, "int8_hnsw": 2_000}
_PRODUCT_BYTES, _NUMBER_BYTES, _NUMBER_TEXT_BYTES = 1_000, 4, 10
_WITH_TEXTS = 8
"""A release that, to repair a copy of a shard, keeps vectors a second time for a while, as the text they came in."""
CHEAP_S = 60.0


@dataclass(frozen=True)
class _Status:
    """An index as its server sees it.

    Attributes:
        uuid: another one under the same name is another index.
        shards: primaries that are there.
        segments: of the copy of a shard that has most.
        operations: writes so far, those that replaced or deleted something too.
    """

    uuid: str
    shards: int
    segments: int
    operations: int


def _status(connection: Connection, index: str) -> _Status:
    ask = partial(connection.client.indices.stats, index=index, metric=["docs", "segments"], level="shards")
    about = connection.ask(ask, doing="looking at the index").get("indices", {}).get(index, {})
    copies = [copy for shard in about.get("shards", {}).values() for copy in shard]
    primaries = [copy for copy in copies if copy["routing"]["primary"]]
    return _Status(
        uuid=str(about.get("uuid", "")),
        shards=len(primaries),
        segments=max((copy.get("segments", {}).get("count", 0) for copy in copies), default=0),
        operations=sum(copy.get("seq_no", {}).get("max_seq_no", -1) + 1 for copy in primaries),
    )


def _count(connection: Connection, index: str) -> int:
    answer = connection.ask(partial(connection.client.count, index=index), doing="counting the products")
    _whole(connection, answer.body, "counting")
    return int(answer["count"])


def merge_seconds(products: int, vectors: Iterable[Vectors], kind: VectorIndex, release: int) -> float:
    """About how long it takes to merge an index to one segment; a graph of vectors is made anew."""
    each_field = list(vectors)
    number = _NUMBER_BYTES if release > _WITH_TEXTS else _NUMBER_BYTES + _NUMBER_TEXT_BYTES
    size = products * _PRODUCT_BYTES + sum(number * each.matrix.shape[1] * len(each.rows) for each in each_field)
    graph = sum(len(each.rows) for each in each_field) / _VECTORS_A_SECOND[kind] if kind != "flat" else 0.0
    return float(size / _BYTES_A_SECOND + graph)


def _merge(connection: Connection, index: str, seconds: float) -> None:
    """Merge to one segment a shard, where that is cheap; searches see it after the next refresh."""
    if seconds > CHEAP_S:
        return
    client = connection.client.options(request_timeout=connection.timeout + 10 * seconds)
    merge = partial(client.indices.forcemerge, index=index, max_num_segments=1)
    _whole(connection, connection.ask(merge, doing="merging the index").body, "merging")


def _whole(connection: Connection, answer: Mapping[str, Any], what: str) -> None:
    """Refuse an answer that does not speak for every shard."""
    shards = answer.get("_shards", {})
    if shards.get("failed"):
        raise connection.problem(f"{shards['failed']} of {shards.get('total')} shards failed ({what})")
