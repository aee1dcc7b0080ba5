"""Elasticsearch as an engine: a container, a cluster or an index that exists, chosen and opened, and its searches.

Searches go by `_msearch`; one alone by `_search`, as a shop asks. What comes back is checked and read into a ranking;
whatever is wrong is no empty list.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from queue import SimpleQueue
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, TypeAlias
from urllib.parse import quote

import numpy as np
import orjson

from relevance.engines import Engine, EngineChoice
from relevance.engines.elasticsearch import index as own_index
from relevance.engines.elasticsearch.client import RetryPolicy, connect
from relevance.engines.elasticsearch.errors import Refusal, RetriableError, explained
from relevance.engines.elasticsearch.existing import look_at
from relevance.engines.elasticsearch.mapping import read_own_mapping
from relevance.engines.elasticsearch.settings import Credentials
from relevance.errors import CouldNotRunError, InputError, RelevanceError
from relevance.records import NO_HIT, Ranking
from relevance.strategies import QUERY_MARK, VECTOR_MARK
from relevance.text import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from relevance.engines import Indexer, QueryBatch, VectorField
    from relevance.engines.elasticsearch.client import Connection
    from relevance.engines.elasticsearch.container import Container
    from relevance.engines.elasticsearch.existing import Existing
    from relevance.engines.elasticsearch.mapping import FieldPaths, SearchedIndex
    from relevance.engines.elasticsearch.settings import Settings
    from relevance.records import Catalogue, Vectors
    from relevance.strategies import Leg, Strategy

    Vector: TypeAlias = npt.NDArray[np.float32] | None

Json: TypeAlias = dict[str, Any]

# the choice, and its opening


def choose(settings: Settings, strategies: Sequence[Strategy], why: str) -> EngineChoice:
    """Check that the cluster answers, or that a container can be had.

    Raises:
        InputError: an index is named and no cluster; the file of own mappings is not as it has to be.
        CouldNotRunError: the cluster does not answer or is another release; no Docker engine answers.
    """
    own = ""
    if settings.mapping is not None:
        read_own_mapping(settings.mapping)
        own = f", mappings of {settings.mapping.name}"
    ours = f"{settings.vector_index} vectors, {plural(settings.shards, 'shard')}{own} ({why})"
    if settings.url is None:
        if settings.index is not None:
            raise InputError(f"--es-index {settings.index} without a cluster; allowed: --es-url URL, or ES_URL")
        from relevance.engines.elasticsearch.container import NOBODY, WAIT_S, look  # noqa: PLC0415 - loads Docker's client

        docker = look(settings.image, seconds=WAIT_S)
        if not docker.answers:
            start = "start Docker, " if docker.problem == NOBODY else ""
            raise CouldNotRunError(
                f"elasticsearch: {docker.problem}; {start}name a cluster by --es-url, or take --engine embedded"
            )
        pulled = ", to be pulled" if docker.problem else ""
        line = f"elasticsearch in a container of {settings.image}{pulled}, {ours}"
        return EngineChoice("elasticsearch", line, partial(open_engine, settings, missing=bool(docker.problem)))
    with connect(settings) as connection:
        where = f"elasticsearch {connection.version} at {connection.url}"
    if settings.index is None:
        return EngineChoice("elasticsearch", f"{where}, {ours}", partial(open_engine, settings))

    def look_at_it(dimensions: Mapping[str, int]) -> EngineChoice:
        with connect(settings) as connection:
            index = look_at(connection, settings, strategies, dimensions)
        opened = partial(open_engine, settings, existing=index)
        return replace(unseen, open=opened, product_ids=index.product_ids, notes=index.notes)

    line = f"{where}, index {settings.index} as it is ({why})"
    unseen = EngineChoice("elasticsearch", line, partial(open_engine, settings), existing=look_at_it)
    return unseen


@contextmanager
def open_engine(
    settings: Settings, *, progress: bool, missing: bool = False, existing: Existing | None = None
) -> Iterator[Indexer]:
    """Open a cluster that is given, for an index that exists or for those that are made; without one, a container.

    Where the image of the container is `missing`, it is pulled first.
    """
    with ExitStack() as closing:
        container = None
        if settings.url is None:
            from relevance.engines.elasticsearch.container import Container, pull  # noqa: PLC0415 - as above

            if missing:
                pull(settings.image, progress=progress)
            container = Container(settings.image, memory=settings.memory)
            closing.callback(container.close)
            container.begin()
        # all engines are closed with a stack: an interrupt can come between an engine's making and its first use
        yield _Indexer(settings, closing.enter_context(ExitStack()), container, existing)


@dataclass
class _Indexer:
    """Opens engines on a cluster that is given, or in a container of ours, with which their indices go."""

    settings: Settings
    engines: ExitStack
    container: Container | None
    existing: Existing | None

    def ready(self) -> float | None:
        if self.container is None:
            return None
        self.container.wait()
        return self.container.start_s

    def index(
        self,
        catalogue: Catalogue,
        *,
        text_fields: Iterable[str],  # noqa: ARG002 - all are in our mapping, or checked with the field map
        vectors: Mapping[VectorField, Vectors],
        progress: bool,
    ) -> Engine:
        settings, policy = self.settings, RetryPolicy()
        if self.container is not None:  # the credentials of the environment are for a cluster of the user's
            settings = replace(settings, url=self.container.url, credentials=Credentials())
            policy = RetryPolicy(ended=self.container.ended)
        connection = connect(settings, policy)
        try:
            index: SearchedIndex
            on_close: Callable[[], str | None] | None = None
            if self.existing is not None:
                index, on_close = self.existing, partial(self.existing.changed, connection)
            else:
                index = own_index.make(connection, catalogue, vectors=vectors, settings=settings, progress=progress)
                if self.container is None and not settings.keep_index:
                    on_close = partial(own_index.remove, connection, index.name)
            engine = ElasticsearchEngine(connection, index, catalogue, on_close=on_close)
            self.engines.callback(engine.close)
        except BaseException:
            connection.close()
            raise
        return engine


# legs of strategies as bodies of searches; raw templates are filled as parsed JSON, never as text

_MOVES_THE_LIST = ("from", "search_after", "pit", "slice")
"""What makes an answer begin elsewhere than at its first hit, or needs a state between searches."""

_SHAPE_OF_A_HIT = (
    "_source",
    "docvalue_fields",
    "explain",
    "fields",
    "highlight",
    "script_fields",
    "seq_no_primary_term",
    "size",
    "stored_fields",
    "version",
)
"""What decides how many hits come back and what they hold, not which: ours takes its place."""

_HAS_ITS_OWN_ORDER = ("rescore", "retriever")
"""Elasticsearch refuses a sort beside them."""


@dataclass(frozen=True)
class Form:
    """How the searches of a leg look; made once for a leg, filled for each query."""

    body: Callable[[str, Vector], Json]  # from a query's text and vector, shape (dimensions,), to the search
    statistics: bool  # whether term statistics are gathered from all shards first
    placed: bool  # whether the order of the hits is the template's own sort, so that scores do not say it
    vectors: int  # how often a body holds the query's vector
    texts: int  # and its text


def form(leg: Leg, index: SearchedIndex, *, hits: int) -> Form:
    """The form of a leg's searches on an index.

    Raises:
        InputError: the leg's template cannot give a ranking.
        KeyError: the leg names a field that the index has not.
    """
    uid, several = index.paths.id, index.shards > 1
    # ids by their column: reading `_id` out of stored fields takes a third longer
    common: Json = {"size": hits, "stored_fields": "_none_", "docvalue_fields": [uid], "track_total_hits": False}
    by_id: Json = {"sort": [{"_score": "desc"}, {uid: "asc"}], "track_scores": True}
    if not leg.template:
        common |= {} if index.sorted_segment else by_id
        # Elasticsearch refuses to gather statistics beside a knn section, and vectors need none
        return Form(
            lambda text, vector: _body(leg, index.paths, text, vector) | common,
            statistics=several and not leg.vectors,
            placed=False,
            vectors=len(leg.vectors),
            texts=len(leg.text),
        )
    search: Json = json.loads(leg.template)
    check_template(search)
    own = search.get("sort")
    whole = {key: value for key, value in search.items() if key not in _SHAPE_OF_A_HIT} | common
    if own:
        whole["sort"] = [*(own if isinstance(own, list) else [own]), {uid: "asc"}]
    elif not index.sorted_segment and not any(key in search for key in _HAS_ITS_OWN_ORDER):
        whole |= by_id
    return Form(
        partial(_filled, whole),
        statistics=several and not any(key in search for key in ("knn", "retriever")),
        placed=bool(own),
        vectors=leg.template.count(VECTOR_MARK),
        texts=leg.template.count(QUERY_MARK),
    )


def _body(leg: Leg, paths: FieldPaths, text: str, vector: Vector) -> Json:
    """Text clauses in the query, vectors in the knn section, where `k` means the same on releases 8 and 9."""
    body: Json = {}
    if leg.text:
        body["query"] = {"bool": {"should": [_match(paths, name, boost, text) for name, boost in leg.text]}}
    if leg.vectors:
        counts = {"k": leg.candidates, "num_candidates": leg.candidates}
        body["knn"] = [
            {"field": paths.vectors[leg.model, name], "query_vector": vector, "boost": boost, **counts}
            for name, boost in leg.vectors
        ]
    return body


def _match(paths: FieldPaths, name: str, boost: float, text: str) -> Json:
    clause = {"match": {paths.text[name]: {"query": text, "boost": boost}}}
    if name in paths.nested:
        return {"nested": {"path": paths.nested[name], "query": clause}}
    return clause


def check_template(template: Mapping[str, Any]) -> None:
    """Refuse a raw search that cannot give a ranking.

    Raises:
        InputError: a part of it moves the list of hits, or it sorts by nothing that a search understands.
    """
    for key in _MOVES_THE_LIST:
        if key in template:
            raise InputError(f"template: {key!r} moves the list of hits, which has to begin at the first; leave it out")
    sort = template.get("sort", [])
    if not all(isinstance(key, str | dict) for key in (sort if isinstance(sort, list) else [sort])):
        raise InputError(f"template: sort = {json.dumps(sort)}; allowed: a field, an object, or a list of them")


def _filled(value: Any, text: str, vector: Vector) -> Any:
    """The marks replaced in values; what a query's text holds is never looked at again, so that it stays text."""
    if isinstance(value, str):
        return vector if value == VECTOR_MARK else value.replace(QUERY_MARK, text)
    if isinstance(value, dict):
        return {key: _filled(one, text, vector) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, text, vector) for one in value]
    return value


# searching

_SEARCHES_A_REQUEST = 200
_BYTES_A_REQUEST = 8_000_000
"""Of a request's body or of its answer, about; a server takes 100 MB."""

_REQUESTS_AT_ONCE = 2
"""While a request is written or its answer read here, the server works on the other."""

_BYTES_OF_A_NUMBER, _BYTES_OF_A_HIT, _BYTES_OF_A_BODY = 12, 60, 400

_PREFERENCE = "relevance"
"""The same copy of a shard each time: copies may differ in deleted documents, hence in scores."""

_KEPT = ("status", "error", "timed_out", "_shards.failed", "hits.hits._score", "hits.hits.fields")
"""The parts of an answer to a search that are sent back (`filter_path`)."""

_SHOWN = 80
_OK, _TOO_MANY = 200, 429


class ElasticsearchEngine(Engine):
    """Ranks by searches on an index, one of ours or one that exists.

    What `on_close` gives, called once before the connection is closed, is a note.
    """

    def __init__(
        self,
        connection: Connection,
        index: SearchedIndex,
        catalogue: Catalogue,
        *,
        on_close: Callable[[], str | None] | None = None,
    ) -> None:
        self.version = connection.version
        self.facts = MappingProxyType(dict(index.facts))
        self.connection, self.index = connection, index
        self.code_of = {uid: code for code, uid in enumerate(catalogue.ids)}
        self.milliseconds = 0.0
        self.again = Counter[str]()  # searches that had to be asked again, each once, by the first reason
        self.gently = False  # one search at a time, since the server's queue was full before
        self._forms: dict[tuple[Leg, int], Form] = {}
        self._on_close = on_close
        self._left: str | None = None

    @property
    def took_ms(self) -> float | None:
        """Milliseconds that the server says it worked on all searches so far."""
        return self.milliseconds

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        """Answer one leg: score descending, then product id ascending; shape (queries, hits).

        A raw template with a sort of its own keeps its order; the scores then count the places from the end.

        Raises:
            CouldNotRunError: a search failed; the query is named.
            InputError: a raw template gives no ranking, or the server does not understand it.
            KeyError: the leg names a field that the index has not.
        """
        if (leg, hits) not in self._forms:
            self._forms[leg, hits] = form(leg, self.index, hits=hits)
        return _Searches(self, leg, self._forms[leg, hits], batch, hits).ask()

    def notes(self) -> Sequence[str]:
        """What is to be known of the index, how often searches were asked again, what was left on the server."""
        again = [
            f"elasticsearch: {plural(count, 'search was', 'searches were')} asked again ({reason})"
            for reason, count in self.again.items()
            if count
        ]
        return (*self.index.notes, *again, *([] if self._left is None else [self._left]))

    def close(self) -> None:
        """Let go of the index and of the connection; safe to call twice."""
        on_close, self._on_close = self._on_close, None
        try:
            if on_close is not None:
                self._left = on_close()
        finally:
            self.connection.close()


class _Searches:
    """The searches of one leg, until all are answered; what is refused for the moment is asked again."""

    def __init__(self, engine: ElasticsearchEngine, leg: Leg, shape: Form, batch: QueryBatch, hits: int) -> None:
        self._engine, self._name, self._form, self._texts = engine, leg.name, shape, batch.texts
        self._vectors = batch.vectors[leg.model] if leg.embeds else None
        self._sent = "the strategy's template" if leg.template else ""
        self._codes = np.full((len(batch), hits), NO_HIT, dtype=np.int64)
        self._scores = np.full((len(batch), hits), -np.inf, dtype=np.float32)
        self._open = set(range(len(batch)))
        self._failed: list[int] = []  # refused in the last round
        self._again: set[int] = set()
        self._options: Json = {"preference": _PREFERENCE}
        if shape.statistics:
            self._options["search_type"] = "dfs_query_then_fetch"

    def ask(self) -> Ranking:
        connection = self._engine.connection
        try:
            connection.retry_policy.run(self._round, doing="searching", url=connection.url, retried=self._retried)
        except RelevanceError as error:
            if not isinstance(error.__cause__, Exception):
                raise
            raise self._refused(error.__cause__, self._failed[0]) from error.__cause__
        return self._ranking()

    def _round(self) -> None:
        """Ask what is open; what the server refuses stays open."""
        self._failed = []
        passing: Exception | None = None
        at_once = 1 if self._engine.gently else _REQUESTS_AT_ONCE
        with _Calls(self._send, list(self._parts()), at_once=at_once) as calls:
            for rows, outcome in calls:
                if isinstance(outcome, Exception):
                    calls.stop()
                    self._failed += rows
                    passing = passing or outcome
                else:
                    milliseconds, answers = outcome
                    self._engine.milliseconds += milliseconds
                    passing = self._take(rows, answers) or passing
        if passing:
            raise passing

    def _retried(self, reason: str) -> None:
        new = set(self._failed) - self._again  # each is counted once, however often it is asked
        self._engine.again[reason] += len(new)
        self._again |= new

    # what is sent

    def _parts(self) -> Iterator[list[int]]:
        """Cut what is open into requests."""
        dimensions = 0 if self._vectors is None else self._vectors.shape[1]
        numbers, hits = self._form.vectors * dimensions, self._codes.shape[1]
        fixed = _BYTES_OF_A_BODY + numbers * _BYTES_OF_A_NUMBER + hits * _BYTES_OF_A_HIT
        return own_index.parts(
            sorted(self._open),
            lambda row: fixed + len(self._texts[row]) * self._form.texts,
            most=_SEARCHES_A_REQUEST,
            most_bytes=_BYTES_A_REQUEST,
        )

    def _send(self, rows: Sequence[int]) -> tuple[float, list[Json]]:
        """One request, one of several under way: milliseconds that the server worked, the answer to each search."""
        if len(self._texts) == 1:
            kept = ",".join(("took", *_KEPT))
            params = self._options | {"allow_partial_search_results": "false", "filter_path": kept}
            answer = self._post("_search", params, "application/json", self._body(rows[0]))
            answers = [{"status": _OK, **answer}]
        else:
            params = {"filter_path": ",".join(("took", *(f"responses.{part}" for part in _KEPT)))}
            if self._engine.gently:
                params |= {"max_concurrent_searches": 1, "max_concurrent_shard_requests": 1}
            header = orjson.dumps(self._options | {"allow_partial_search_results": False})
            lines = [line for row in rows for line in (header, self._body(row))]
            answer = self._post("_msearch", params, "application/x-ndjson", b"\n".join([*lines, b""]))
            answers = answer.get("responses", [])
        if len(answers) != len(rows) or not isinstance(answer.get("took"), int):
            raise self._wrong(rows[0], f"{len(answers)} answers to {len(rows)} searches; is a proxy in between?")
        return answer["took"], answers

    def _body(self, row: int) -> bytes:
        vector = None if self._vectors is None else self._vectors[row]
        return orjson.dumps(self._form.body(self._texts[row], vector), option=orjson.OPT_SERIALIZE_NUMPY)

    def _post(self, what: str, params: Mapping[str, Any], kind: str, body: bytes) -> Json:
        path = f"/{quote(self._engine.index.name, safe='')}/{what}"
        headers = {"accept": "application/json", "content-type": kind}
        client = self._engine.connection.client
        answer = client.perform_request("POST", path, params=params, headers=headers, body=body).body
        return answer if isinstance(answer, dict) else {}

    # what comes back

    def _take(self, rows: Sequence[int], answers: Sequence[Json]) -> RetriableError | None:
        """Read the answers; the first refusal that may pass."""
        refusals = [_refusal(answer) for answer in answers]
        self._failed += [row for row, refusal in zip(rows, refusals, strict=True) if refusal]
        passing = None
        for row, answer, refusal in zip(rows, answers, refusals, strict=True):
            if refusal is None:
                self._read(row, answer)
                self._open.discard(row)
            elif refusal.passes:
                passing = passing or RetriableError(refusal)
                self._engine.gently |= refusal.status == _TOO_MANY
            else:
                raise self._refused(RetriableError(refusal), row)
        return passing

    def _read(self, row: int, answer: Json) -> None:
        if answer.get("timed_out") is not False:
            raise self._wrong(row, "the search ran out of time on the server (timed_out)")
        failed = answer.get("_shards", {}).get("failed")
        if failed != 0:
            raise self._wrong(row, f"{'some' if failed is None else failed} of the index's shards failed")
        hits: Sequence[Json] = answer.get("hits", {}).get("hits", ())
        count, most = len(hits), self._codes.shape[1]
        if count > most:
            raise self._wrong(row, f"{count} hits where {most} were asked for")
        code_of, uid = self._engine.code_of, self._engine.index.paths.id
        try:
            self._codes[row, :count] = [code_of[hit["fields"][uid][0]] for hit in hits]
        except (KeyError, IndexError):
            raise self._wrong(row, self._stranger(hits)) from None
        scores: Sequence[Any] = range(most, most - count, -1)
        if not self._form.placed:
            scores = [hit.get("_score") for hit in hits]
            if not all(isinstance(score, float | int) for score in scores):
                raise self._wrong(row, "a hit has no score; a search that sorts needs track_scores")
        self._scores[row, :count] = scores

    def _stranger(self, hits: Sequence[Json]) -> str:
        id_field = self._engine.index.paths.id
        ids = [(hit.get("fields", {}).get(id_field) or [None])[0] for hit in hits]
        unknown = next(uid for uid in ids if uid not in self._engine.code_of)
        if unknown is None:
            return (
                f"a hit has no {id_field!r}, which is the product's id by [elasticsearch.fields] id; name a keyword "
                "field there that every document has, or evaluate an alias whose filter leaves the others out"
            )
        return f"the product {str(unknown)!r} is not in the catalogue; the index changed while it was searched"

    def _ranking(self) -> Ranking:
        """The ranking, equal scores in the order of the ids."""
        codes, scores = self._codes, self._scores
        ordered = np.sort(codes, axis=1)
        twice = np.any((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != NO_HIT), axis=1)
        wrong = ~np.all(scores[:, 1:] <= scores[:, :-1], axis=1) | twice
        if wrong.any():
            reason = "the hits are not in the order of their scores, or a product is there twice"
            error = self._wrong(int(np.argmax(wrong)), reason)
            raise InputError(f"{self._sent}: {error}") if self._sent else error
        tied = (scores[:, 1:] == scores[:, :-1]) & (codes[:, 1:] != NO_HIT)
        if not self._form.placed and (tied & (codes[:, 1:] < codes[:, :-1])).any():
            order = np.lexsort((codes, -scores), axis=-1)
            return Ranking(np.take_along_axis(codes, order, axis=1), np.take_along_axis(scores, order, axis=1))
        return Ranking(codes, scores)

    # words

    def _wrong(self, row: int, reason: str) -> CouldNotRunError:
        return self._engine.connection.problem(f"{reason} (while {self._doing(row)})")

    def _refused(self, error: Exception, row: int) -> RelevanceError:
        of_all = len(self._texts)
        failed = f"; {len(self._failed)} of {of_all} searches failed" if of_all > 1 else ""
        url = self._engine.connection.url
        return explained(error, doing=f"{self._doing(row)}{failed}", url=url, sent=self._sent)

    def _doing(self, row: int) -> str:
        text = self._texts[row]
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        return f"searching for {shown!r}, leg {self._name!r}"


def _refusal(answer: Json) -> Refusal | None:
    """What the server said instead of searching; None where it searched."""
    status, error = answer.get("status"), answer.get("error")
    if status == _OK and error is None:
        return None
    return Refusal.read(status if isinstance(status, int) else 0, error)


_SECONDS_TO_END = 1.0
"""Long enough for a request to a healthy server; a thread that hangs on a frozen one keeps no process alive."""

_Call: TypeAlias = "Callable[[list[int]], tuple[float, list[Json]]]"
_Outcome: TypeAlias = "tuple[list[int], tuple[float, list[Json]] | Exception]"


class _Calls:
    """Calls a function for every item, up to so many at a time; iterating gives outcomes as they come.

    Whoever is interrupted does not wait for the calls, as a pool of the standard library's would. An exception is an
    outcome, too. With one call at a time the calls are made in the thread that iterates.
    """

    def __init__(self, function: _Call, items: Sequence[list[int]], *, at_once: int) -> None:
        self._function = function
        self._todo = deque(items)
        self._done: SimpleQueue[_Outcome | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name="relevance-search", daemon=True)
            for _ in range(min(at_once, len(items)))
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_SECONDS_TO_END)

    def stop(self) -> None:
        """Take no further item; what was begun still comes back."""
        self._todo.clear()

    def __iter__(self) -> Iterator[_Outcome]:
        if len(self._threads) == 1:
            self._threads.clear()
            while self._todo:
                yield self._outcome(self._todo.popleft())
        for thread in self._threads:
            thread.start()
        working = len(self._threads)
        while working:
            outcome = self._done.get()
            if outcome is None:
                working -= 1
            else:
                yield outcome

    def _outcome(self, item: list[int]) -> _Outcome:
        try:
            return item, self._function(item)
        except Exception as error:  # noqa: BLE001 - whoever iterates judges it
            return item, error

    def _work(self) -> None:
        try:
            while True:
                self._done.put(self._outcome(self._todo.popleft()))
        except IndexError:  # nothing is left to take
            pass
        finally:
            self._done.put(None)
