"""Products become an index of ours: always a new one, complete or gone; or a kept one with the same content."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from relevance.engines.elasticsearch import documents, making, states
from relevance.engines.elasticsearch.bulk import send_all
from relevance.engines.elasticsearch.mapping import NESTED_LIMIT, index_body
from relevance.engines.elasticsearch.marks import PREFIX, Mark, content_of
from relevance.engines.elasticsearch.own_mapping import NOTHING, OwnMapping, read_own_mapping
from relevance.engines.elasticsearch.owner import this_process
from relevance.engines.elasticsearch.paths import own_paths
from relevance.errors import CouldNotRunError, RelevanceError
from relevance.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from relevance.engines.base import VectorField
    from relevance.engines.elasticsearch.client import Connection
    from relevance.engines.elasticsearch.paths import FieldPaths
    from relevance.engines.elasticsearch.settings import Settings
    from relevance.engines.elasticsearch.states import IndexState
    from relevance.records import Catalogue, Vectors

__all__ = ["Index", "delete", "index"]

_HASH = 12
_NESTED_LIMIT = 10_000


@dataclass(frozen=True)
class Index:
    """An index of ours, complete.

    Attributes:
        name: of the index.
        paths: its fields.
        shards: primaries.
        sorted_segment: whether ties come in the order of ids by themselves: one shard, one segment, sorted by id.
        kept: whether it stays when the run ends.
        reused: whether an earlier run made it.
        products: that it holds.
        facts: for results; the name is among them only where it is the same in every run.
        notes: what people should know of how it was made, a line each.
    """

    name: str
    paths: FieldPaths
    shards: int
    sorted_segment: bool
    kept: bool
    reused: bool
    products: int
    facts: Mapping[str, object]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Job:
    """What is to be indexed where."""

    server: Connection
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
    documents.check(catalogue, most_attributes=_whole(body["settings"][NESTED_LIMIT]))
    content = content_of(catalogue, vectors, body)
    job = _Job(connection, catalogue, vectors, settings, paths, own, body, content, progress)
    return (_reused(job) if settings.keep_index else None) or _made(job)


def delete(connection: Connection, index: Index) -> str | None:
    """Remove an index, unless it is kept; None, or a line that says that it is still there and how to remove it."""
    return None if index.kept else making.remove(connection, index.name, index.name.rpartition("-")[2], settled=True)


def _whole(value: object) -> int:
    """The limit of nested documents as the server reads it; what is no number it will refuse itself."""
    text = str(value)
    return int(text) if text.isdecimal() else _NESTED_LIMIT


def _reused(job: _Job) -> Index | None:
    """The kept index of an earlier run, if it is complete and nobody has written to it since."""
    server = job.server
    pattern = f"{PREFIX}{job.content[:_HASH]}*"
    answer = server.ask(lambda: server.client.indices.get_mapping(index=pattern), doing="looking for a kept index")
    for name, found in sorted(answer.body.items()):
        mark = Mark.read(name, found.get("mappings"))
        if mark is None or (mark.content, mark.complete, mark.kept) != (job.content, True, True):
            continue
        state = states.state_of(server, name)
        there = (state.shards, state.operations) == (job.settings.shards, mark.operations)
        if there and states.count(server, name) == mark.products == len(job.catalogue):
            return _index(job, name, state, reused=True)
    return None


def _made(job: _Job) -> Index:
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
        except making.NameTakenError:
            continue
        except RelevanceError as error:
            if job.server.retry_policy.ended() is not None:  # and the index with it
                raise
            left = making.remove(job.server, name, token, settled=False)
            if left is None:
                raise
            raise type(error)(f"{error}; {left}", details=error.details) from error
        except BaseException:
            making.remove(job.server, name, token, settled=False)
            raise
    raise CouldNotRunError(f"elasticsearch at {job.server.url}: every name for the index is taken")


def _names(job: _Job, token: str) -> Iterator[str]:
    plain = f"{PREFIX}{job.content[:_HASH]}"
    if job.settings.keep_index:
        yield plain
    yield f"{plain}-{token}"


def _filled(job: _Job, mark: Mark) -> Index:
    server, name = job.server, mark.name
    uuid = making.make(server, job.body, mark, given=job.own.path)
    _send(job, name)
    kind, release = job.settings.vector_index, server.release
    states.merge(server, name, states.merge_seconds(len(job.catalogue), job.vectors.values(), kind, release=release))
    states.refresh(server, name)
    held = states.count(server, name)
    if held != mark.products:
        problem = f"index {name} holds {held:,} products after {mark.products:,} were sent"
        raise CouldNotRunError(f"elasticsearch at {server.url}: {problem}; does something else write to it?")
    state = states.state_of(server, name)
    if state.uuid != uuid:
        problem = f"index {name} was removed and made anew by something else while it was filled"
        raise CouldNotRunError(f"elasticsearch at {server.url}: {problem}; is a clean-up running there?")
    meta = replace(mark, complete=True, operations=state.operations).as_meta()
    server.ask(partial(server.client.indices.put_mapping, index=name, meta=meta), doing="completing the index")
    return _index(job, name, state, reused=False)


def _send(job: _Job, name: str) -> None:
    actions = documents.actions(job.catalogue, job.vectors, job.paths)
    total = len(job.catalogue)
    with progress_bar(total, "indexing", "product", shown=job.progress) as bar:
        send_all(job.server, name, actions, total=total, sent=bar.update)


def _index(job: _Job, name: str, state: IndexState, *, reused: bool) -> Index:
    settings = job.settings
    sorted_segment = settings.shards == 1 and state.segments <= 1
    facts: dict[str, object] = {"index": name} if settings.keep_index else {}
    facts |= {
        "vector_index": settings.vector_index,
        "shards": settings.shards,
        "replicas": settings.replicas,
        "segments": state.segments,
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
        notes=job.server.notes("indexing"),
    )
