"""Elasticsearch as an engine: a container, a cluster or an index that exists, chosen and opened, and its searches.

Searches go by `_msearch`; one alone by `_search`, as a shop asks. What comes back is checked and read into a ranking;
whatever is wrong is no empty list.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from threading import Thread
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote

import numpy as np
import orjson

from relevance import bodies
from relevance.engines import Engine, EngineChoice
from relevance.engines.elasticsearch import index as own_index
from relevance.engines.elasticsearch.client import RetryPolicy, connect
from relevance.engines.elasticsearch.errors import Refusal, RetriableError
from relevance.engines.elasticsearch.existing import look_at
from relevance.engines.elasticsearch.mapping import check_vectors, search_type_of
from relevance.engines.elasticsearch.settings import Credentials
from relevance.engines.explanation import Explanation, parts_of, read_tree, with_vectors
from relevance.engines.left_out import left_out
from relevance.engines.mapping import (
    DEPENDS_ON_SIZE,
    ROW_ID,
    USUAL_SIZE,
    body_with,
    missing_fields,
    search_of,
    unfilled,
)
from relevance.errors import CouldNotRunError, InputError, RelevanceError, StrategyError
from relevance.records import NO_HIT, Ranking, no_hits
from relevance.strategies import readings_of
from relevance.text import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from relevance.engines import Indexer, QueryBatch, Request, VectorField
    from relevance.engines.elasticsearch.client import Connection
    from relevance.engines.elasticsearch.container import Container
    from relevance.engines.elasticsearch.existing import Existing
    from relevance.engines.elasticsearch.mapping import SearchedIndex
    from relevance.engines.elasticsearch.settings import Settings
    from relevance.engines.explanation import Tree
    from relevance.records import Catalogue, Vectors
    from relevance.strategies import Leg, Strategy

    Vector: TypeAlias = npt.NDArray[np.float32] | None

Json: TypeAlias = dict[str, Any]

# the choice, and its opening


def choose(request: Request, why: str) -> EngineChoice:
    """Check that the cluster answers, or that a container can be had.

    Raises:
        InputError: an index is named and no cluster; the file of own mappings, a template or a release is not as it has
            to be.
        CouldNotRunError: the cluster does not answer or is another release; no Docker engine answers.
    """
    settings, strategies, fields = request.settings, request.strategies, request.fields
    check_vectors(settings)
    for strategy in strategies:
        if strategy.template is not None:
            check_template(strategy.template, where=f"{strategy.where}: ")
    note, missing = unfilled(request.own, fields), False
    if settings.url is not None:
        with connect(settings) as connection:
            where = f"elasticsearch {connection.version} at {connection.url}"
            if settings.index is None and any(strategy.embeds for strategy in strategies):
                check_vectors(settings, connection)
    elif settings.index is not None:
        raise InputError(f"--es-index {settings.index} without a cluster; allowed: --es-url URL, or ES_URL")
    else:
        from relevance.engines.elasticsearch.container import is_missing  # noqa: PLC0415 - loads Docker's client

        missing = is_missing(settings.image)
        where = f"elasticsearch in a container of {settings.image}{', to be pulled' if missing else ''}"
    opening = partial(open_engine, settings, missing=missing)
    if settings.index is not None:
        choice = EngineChoice("elasticsearch", f"{where}, index {settings.index} as it is ({why})", opening)
    else:
        parts = [f"{settings.vector_index} vectors"]
        parts += [f"oversampled {settings.oversample:g} times"] if settings.oversample is not None else []
        parts += _parts_of_line(settings, settings.shards, is_ours=True)
        parts += [] if fields.body is None else [plural(len(fields.properties), "field")]
        parts += [] if settings.mapping is None else [f"mappings of {settings.mapping.name}"]
        body = body_with(fields.read(readings_of(strategies)), {}, request.own)
        statistics = _without_statistics(settings, strategies, settings.shards, is_ours=True)
        notes = (note, *missing_fields(strategies, body["mappings"]), statistics)
        parts += _fused_there(strategies)
        line = f"{where}, {', '.join(parts)} ({why})"
        choice = EngineChoice("elasticsearch", line, opening, notes=tuple(filter(None, notes)))

    def inspect(dimensions: Mapping[str, int]) -> EngineChoice:
        with connect(settings) as connection:
            if settings.index is None:
                left = own_index.try_mapping(connection, settings, fields)
                return replace(choice, notes=(*choice.notes, *filter(None, [left])), inspect=None)
            index = look_at(connection, settings, strategies, dimensions)
        vectors = f"{index.facts['vector_index']} vectors" if index.facts["vector_index"] else ""
        parts = [f"index {settings.index} as it is", vectors, *_parts_of_line(settings, index.shards, is_ours=False)]
        parts += _fused_there(strategies)
        parts += [] if index.paths.sorts else [f"ids of {index.paths.id} ordered here"]
        note = _without_statistics(settings, strategies, index.shards, is_ours=False)
        return EngineChoice(
            "elasticsearch",
            f"{where}, {', '.join(filter(None, parts))} ({why})",
            partial(opening, existing=index),
            product_ids=index.product_ids,
            notes=(*index.notes, *filter(None, [note])),
        )

    # a container is not waited for, which starts while texts are embedded: there the making of the index tells
    is_tried = settings.url is not None and (settings.mapping is not None or fields.body is not None)
    return replace(choice, inspect=inspect) if settings.index is not None or is_tried else choice


def _fused_there(strategies: Sequence[Strategy]) -> list[str]:
    served = [one.name for one in strategies if one.served is not None]
    return [f"fusion of {', '.join(served)} by the server"] if served else []


def _parts_of_line(settings: Settings, shards: int, *, is_ours: bool) -> list[str]:
    """How an index is searched, for the header; what is usual on an index of ours is not said."""
    search_type = search_type_of(settings.search_type, shards, is_ours=is_ours)
    is_usual = is_ours and shards == 1 and settings.search_type == "auto"
    return [plural(shards, "shard"), *([] if is_usual else [search_type])]


def _without_statistics(settings: Settings, strategies: Sequence[Strategy], shards: int, *, is_ours: bool) -> str:
    """A line on the strategies none of whose searches has the term statistics that are asked for; "" for none."""
    names = []
    for strategy in strategies:
        ours = is_ours and strategy.template is None
        asked = search_type_of(settings.search_type, shards, is_ours=ours) == _DFS
        if asked and not any(_takes_statistics(leg) for leg in strategy.legs()):
            names.append(strategy.name)
    if not names:
        return ""
    beside = f"{_DFS} is left out, the server refuses it beside {', '.join(_NO_STATISTICS)}"
    return f"{beside}: {plural(len(names), 'strategy')} without it: {', '.join(names)}"


@contextmanager
def open_engine(
    settings: Settings, *, progress: bool, missing: bool = False, existing: Existing | None = None
) -> Iterator[Indexer]:
    """Open a cluster that is given, for an index that exists or for those that are made; without one, a container.

    Where the image of the container is `missing`, it is pulled first.
    """
    with ExitStack() as stack:
        container = None
        if settings.url is None:
            from relevance.engines.elasticsearch.container import Container, pull  # noqa: PLC0415 - as above

            if missing:
                pull(settings.image, progress=progress)
            container = Container(settings.image, memory=settings.memory)
            stack.callback(container.close)
            container.begin()
        # all engines are closed with a stack: an interrupt can come between an engine's making and its first use
        yield _Indexer(settings, stack.enter_context(ExitStack()), container, existing)


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
                if self.container is not None:
                    index = replace(index, notes=(*self.container.notes, *index.notes))
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
    "stored_fields",
    "version",
)
"""What decides what hits hold, not which come: ours takes its place."""

_HAS_ITS_OWN_ORDER = ("rank", "rescore", "retriever")
"""Elasticsearch refuses a sort beside them."""
_NO_STATISTICS = ("knn", "rank", "retriever")
"""Elasticsearch refuses to gather statistics beside them, and vectors need none."""
_LARGEST_SIZE = 10_000
_DFS = "dfs_query_then_fetch"


@dataclass(frozen=True)
class Form:
    """How the searches of a leg look; made once for a leg, filled for each query.

    Attributes:
        search: with marks, as templates have them.
        size: hits that are asked for.
        statistics: whether term statistics are gathered from all shards first.
        placed: whether the order of the hits is the template's own sort, so that scores do not say it.
        whole_ties: whether products of the last score are asked for until all are there, to be ordered here.
    """

    search: bodies.Body
    size: int
    statistics: bool
    placed: bool
    whole_ties: bool

    def body(self, text: str, vector: Vector, params: Mapping[str, Any]) -> Json:
        """The search of a query, by its text, its vector of shape (dimensions,), and its parameters."""
        return self.search.render(query=text, vector=vector, params=params)


def form(leg: Leg, index: SearchedIndex, *, hits: int) -> Form:
    """The form of a leg's searches on an index.

    A template is asked as it is written: what would change which products come, or their scores, is left alone.

    Raises:
        KeyError: the leg names a field that the index has not.
    """
    paths, raw, sort = index.paths, leg.search, leg.search.get("sort")
    search = search_of(leg, paths, oversample=index.oversample)
    cut = leg.fused is not None or any(key in raw for key in DEPENDS_ON_SIZE)
    whole_ties = not (index.sorted_segment or paths.sorts or sort or cut)
    # parts of a template take a size that they do not name from its own, which may be larger; what is too many is cut
    least = raw.get("size", USUAL_SIZE) if raw else 0
    size = max(hits, min(hits + whole_ties, index.window), least)
    size = size if leg.fused is None else min(size, leg.fused.window)  # which the server demands
    search = {key: value for key, value in search.items() if key not in _SHAPE_OF_A_HIT}
    search |= {"size": size, **paths.shape, "track_total_hits": False}
    if sort:
        search["sort"] = [*(sort if isinstance(sort, list) else [sort]), *([{paths.id: "asc"}] if paths.sorts else [])]
    elif paths.sorts and not index.sorted_segment and not any(key in search for key in _HAS_ITS_OWN_ORDER):
        search |= {"sort": [{"_score": "desc"}, {paths.id: "asc"}], "track_scores": True}
    search_type = search_type_of(index.search_type, index.shards, is_ours=index.is_ours and not raw)
    gathers = search_type == _DFS and _takes_statistics(leg)
    return Form(bodies.prepare(search), size, statistics=gathers, placed=bool(sort), whole_ties=whole_ties)


def _takes_statistics(leg: Leg) -> bool:
    return not leg.vectors and not any(key in leg.search for key in _NO_STATISTICS)


def check_template(template: Mapping[str, Any], *, where: str = "") -> None:
    """Refuse a raw search that cannot give a ranking; `where` is how messages begin.

    Raises:
        InputError: a part of it moves the list of hits, or its size or sort is nothing that a search understands.
    """
    for key in _MOVES_THE_LIST:
        if key in template:
            problem = f"template: {key!r} moves the list of hits, which has to begin at the first"
            raise InputError(f"{where}{problem}; leave it out")
    size, sort = template.get("size", USUAL_SIZE), template.get("sort", [])
    if type(size) is not int or not 0 <= size <= _LARGEST_SIZE:
        raise InputError(f"{where}template: size = {json.dumps(size)}; allowed: 0 to {_LARGEST_SIZE:,}")
    if not all(isinstance(key, str | dict) for key in (sort if isinstance(sort, list) else [sort])):
        raise InputError(f"{where}template: sort = {json.dumps(sort)}; allowed: a field, an object, or a list of them")


# searching

SEARCHES_A_REQUEST = 200
BYTES_A_REQUEST = 8_000_000
"""Of a request's body or of its answer, about; a server takes 100 MB."""

_BYTES_OF_A_HIT = 60
_REQUESTS_AT_ONCE = 2
"""While a request is written or its answer read here, the server works on the other."""

_PREFERENCE = "relevance"
"""The same copy of a shard each time: copies may differ in deleted documents, hence in scores."""

_KEPT = ("status", "error", "timed_out", "_shards.failed", "hits.hits._score", "hits.hits.fields")
"""The parts of an answer to a search that are sent back (`filter_path`)."""

_MORE_TIES = 10
"""How many times as many hits are asked for where the last score goes on behind them."""

_SHOWN = 80
_OK, _TOO_MANY = 200, 429

_Searched: TypeAlias = tuple[int, list[Json]]
"""Milliseconds that the server worked on a request, and its answer to each search."""


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
        self.ids = catalogue.ids
        self.code_of = {uid: code for code, uid in enumerate(catalogue.ids)}
        self.took_ms: float = 0.0
        self.fuses = True
        self.retried = Counter[str]()  # searches that had to be asked again, each once, by the first reason
        self.one_at_a_time = False  # one search at a time, since the server's queue was full before
        self.cut_ties = set[str]()  # queries whose products of the last score are more than a search gives
        self._forms: dict[tuple[Leg, int], Form] = {}
        self._on_close = on_close
        self._left: str | None = None

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        """Answer one leg: score descending, then product id ascending; shape (queries, hits).

        A raw template with a sort of its own keeps its order; the scores then count the places from the end.

        Raises:
            CouldNotRunError: a search failed; the query is named.
            StrategyError: a raw template gives no ranking, or the server does not understand it.
            KeyError: the leg names a field that the index has not.
        """
        if (leg, hits) not in self._forms:
            self._forms[leg, hits] = form(leg, self.index, hits=hits)
        return _Searches(self, leg, self._forms[leg, hits], batch, hits).ask()

    def explain(self, leg: Leg, batch: QueryBatch, code: int) -> Explanation:
        """Explain the score of a product for the only query of a batch, as the server does.

        The search is the same, for this product alone of its hits (`post_filter`).

        Raises:
            CouldNotRunError: the search failed.
            StrategyError: the server does not understand a raw template.
        """
        shape = form(leg, self.index, hits=USUAL_SIZE)
        score, tree = self._explained(leg, batch, code, shape)
        if score is None:
            search = shape.body(*batch.values(leg)[0])
            return Explanation(None, (), tuple(left_out(search, partial(self._score_of, leg, batch, code))))
        alone = _vector_legs(leg)
        # the server says what several vector fields give together
        shares = (
            [self._explained(one, batch, code, form(one, self.index, hits=USUAL_SIZE))[0] or 0.0 for _, one in alone]
            if len(alone) > 1
            else [1.0] * len(alone)
        )
        paths = [path or self.index.paths.vectors[one.model, one.vectors[0][0]] for path, one in alone]
        return Explanation(score, with_vectors(parts_of(tree), list(zip(paths, shares, strict=True))))

    def _score_of(self, leg: Leg, batch: QueryBatch, code: int, search: Mapping[str, Any]) -> float | None:
        """What a product gets from a search that is filled already; None where it is no hit."""
        whole = bodies.Body({**search, "size": USUAL_SIZE, **self.index.paths.shape}, (), None)
        shape = Form(whole, USUAL_SIZE, statistics=False, placed=False, whole_ties=False)
        return self._explained(leg, batch, code, shape)[0]

    def _explained(self, leg: Leg, batch: QueryBatch, code: int, shape: Form) -> tuple[float | None, Tree]:
        """A product's score, None where it is no hit, and the server's explanation."""
        shape = replace(shape, whole_ties=False)
        only = {"term": {self.index.paths.id: self.ids[code]}}
        searches = _Searches(self, leg, shape, batch, USUAL_SIZE, only=only)
        ranking = searches.ask()
        tree = read_tree(searches.explanation)
        if ranking.codes[0, 0] == NO_HIT:
            return None, tree
        return (tree.value if shape.placed else float(ranking.scores[0, 0])), tree

    def notes(self) -> Sequence[str]:
        """What is to be known of the index, how often searches were asked again, what was left on the server."""
        notes = [
            f"elasticsearch: {plural(count, 'search was', 'searches were')} asked again ({reason})"
            for reason, count in self.retried.items()
            if count
        ]
        if self.cut_ties:
            queries, most = plural(len(self.cut_ties), "query", "queries"), self.index.window
            notes.append(f"{queries} with more than {most:,} products of the last score: which come is the server's")
        return (*self.index.notes, *notes, *([] if self._left is None else [self._left]))

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

    def __init__(  # noqa: PLR0913 - what a search is made of
        self,
        engine: ElasticsearchEngine,
        leg: Leg,
        shape: Form,
        batch: QueryBatch,
        hits: int,
        *,
        only: Json | None = None,
    ) -> None:
        self._engine, self._leg, self._form, self._texts = engine, leg, shape, batch.texts
        self._values, self._paths = batch.values(leg), engine.index.paths
        self._codes, self._scores = no_hits(len(batch), hits)
        self._open = dict.fromkeys(range(len(batch)), shape.size)  # the hits that are asked for, by query
        self._failed: list[int] = []  # refused in the last round
        self._counted: set[int] = set()
        self.explanation: Json = {}  # of the first hit that came last, where hits are restricted by the filter `only`
        self._only = only
        more = [("hits.hits._id", self._paths.id == ROW_ID), ("hits.hits._explanation", only is not None)]
        self._kept = (*_KEPT, *(name for name, needed in more if needed))
        self._options: Json = {"preference": _PREFERENCE} | ({"search_type": _DFS} if shape.statistics else {})

    def ask(self) -> Ranking:
        connection = self._engine.connection
        try:
            while self._open:  # again where the last score goes on behind the hits that came
                connection.ask(self._round, doing="searching", retried=self._retried)
        except RelevanceError as error:
            if not isinstance(error.__cause__, Exception):
                raise
            raise self._refused(error.__cause__, self._failed[0]) from error.__cause__
        return self._ranking()

    def _round(self) -> None:
        """Ask what is open; what the server refuses stays open. After a lost request none is begun any more."""
        self._failed = []
        passing: Exception | None = None
        at_once = 1 if self._engine.one_at_a_time or len(self._texts) == 1 else _REQUESTS_AT_ONCE
        requests, begun = self._requests(), deque[tuple[list[int], Future[_Searched]]]()
        is_lost = False
        while True:
            while not is_lost and len(begun) < at_once and (request := next(requests, None)):
                rows = [row for row, _ in request]
                begun.append((rows, _begin(partial(self._send, request), aside=at_once > 1)))
            if not begun:
                break
            rows, answer = begun.popleft()
            if isinstance(error := answer.exception(), Exception):
                is_lost, passing = True, passing or error
                self._failed += rows
            else:
                milliseconds, answers = answer.result()
                self._engine.took_ms += milliseconds
                passing = self._take(rows, answers) or passing
        if passing:
            raise passing

    def _retried(self, reason: str) -> None:
        new = set(self._failed) - self._counted  # each is counted once, however often it is asked
        self._engine.retried[reason] += len(new)
        self._counted |= new

    # what is sent

    def _requests(self) -> Iterator[list[tuple[int, bytes]]]:
        """What is open as requests, written when they are needed: the queries' numbers and their searches."""
        request: list[tuple[int, bytes]] = []
        size = 0
        for row in sorted(self._open):
            body = self._form.body(*self._values[row]) | {"size": self._open[row]}
            if self._only is not None:
                filters = [body["post_filter"], self._only] if "post_filter" in body else [self._only]
                body |= {"explain": True, "post_filter": {"bool": {"filter": filters}}}
            search = orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
            more = len(search) + self._open[row] * _BYTES_OF_A_HIT
            if request and (size + more > BYTES_A_REQUEST or len(request) == SEARCHES_A_REQUEST):
                yield request
                request, size = [], 0
            request.append((row, search))
            size += more
        if request:
            yield request

    def _send(self, request: Sequence[tuple[int, bytes]]) -> _Searched:
        """One request, one of several under way."""
        if len(self._texts) == 1:
            ((_, search),) = request
            kept = ",".join(("took", *self._kept))
            params = self._options | {"allow_partial_search_results": "false", "filter_path": kept}
            answer = self._post("_search", params, "application/json", search)
            answers = [{"status": _OK, **answer}]
        else:
            params = {"filter_path": ",".join(("took", *(f"responses.{part}" for part in self._kept)))}
            if self._engine.one_at_a_time:
                params |= {"max_concurrent_searches": 1, "max_concurrent_shard_requests": 1}
            header = orjson.dumps(self._options | {"allow_partial_search_results": False})
            lines = [line for _, search in request for line in (header, search)]
            answer = self._post("_msearch", params, "application/x-ndjson", b"\n".join([*lines, b""]))
            answers = answer.get("responses", [])
        if len(answers) != len(request) or not isinstance(answer.get("took"), int):
            problem = f"{len(answers)} answers to {len(request)} searches; is a proxy in between?"
            raise self._wrong(request[0][0], problem)
        return answer["took"], answers

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
            elif refusal.passes:
                passing = passing or RetriableError(refusal)
                self._engine.one_at_a_time |= refusal.status == _TOO_MANY
            else:
                raise self._refused(RetriableError(refusal), row)
        return passing

    def _read(self, row: int, answer: Json) -> None:
        """Take the hits of a query; it stays open, for more of them, where the last score may go on behind them."""
        if answer.get("timed_out") is not False:
            raise self._wrong(row, "the search ran out of time on the server (timed_out)")
        failed = answer.get("_shards", {}).get("failed")
        if failed != 0:
            raise self._wrong(row, f"{'some' if failed is None else failed} of the index's shards failed")
        hits: Sequence[Json] = answer.get("hits", {}).get("hits", ())
        count, asked, most = len(hits), self._open[row], self._codes.shape[1]
        self.explanation = hits[0].get("_explanation", {}) if hits else {}
        if count > asked:
            raise self._wrong(row, f"{count} hits where {asked} were asked for")
        try:
            codes = [self._engine.code_of[self._paths.ids_of(hit)[0]] for hit in hits]
        except (KeyError, IndexError):
            raise self._wrong(row, self._stranger(hits)) from None
        scores: list[Any] = [hit.get("_score") for hit in hits]
        if self._form.placed:
            scores = list(range(most, most - count, -1))
        elif not all(isinstance(score, float | int) for score in scores):
            raise self._wrong(row, "a hit has no score; a search that sorts needs track_scores")
        elif count > most and self._form.whole_ties and count == asked and scores[-1] == scores[most - 1]:
            if asked < self._engine.index.window:
                self._open[row] = min(asked * _MORE_TIES, self._engine.index.window)
                return
            self._engine.cut_ties.add(self._texts[row])
        if count > most and scores == sorted(scores, reverse=True):
            best = sorted(range(count), key=lambda place: (-scores[place], codes[place]))[:most]
            codes, scores = [codes[place] for place in best], [scores[place] for place in best]
        kept = min(count, most)
        self._codes[row, :kept] = codes[:kept]
        self._scores[row, :kept] = scores[:kept]
        del self._open[row]

    def _stranger(self, hits: Sequence[Json]) -> str:
        id_field, known = self._paths.id, self._engine.code_of
        ids = [next(iter(self._paths.ids_of(hit)), None) for hit in hits]
        unknown = next(uid for uid in ids if uid not in known)
        if unknown is None:
            return (
                f"a hit has no {id_field!r}, which is the product's id by [elasticsearch.fields] id; name a field "
                "there that every document has, or evaluate an alias whose filter leaves the others out"
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
            raise StrategyError(str(error)) if self._leg.template else error
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
        sent = "the template" if self._leg.template else ""
        sent = sent if self._leg.fused is None else 'fusion = "server"'
        line = self._engine.connection.explained(error, doing=f"{self._doing(row)}{failed}", sent=sent)
        if self._leg.fused is not None:
            needed = f"a release and a licence with the retriever {self._leg.fused.combine}"
            line = type(line)(f'{line}; allowed: {needed}, or fusion = "ours"')
        return StrategyError(str(line)) if sent and isinstance(line, InputError) else line

    def _doing(self, row: int) -> str:
        text = self._texts[row]
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        return f"searching for {shown!r}, leg {self._leg.name!r}"


def _vector_legs(leg: Leg) -> list[tuple[str, Leg]]:
    """Each of a leg's searches by a vector as a leg of its own, behind the field that a raw template names."""
    if not leg.template:
        return [("", replace(leg, text=(), vectors=(one,))) for one in leg.vectors]
    sections = leg.search.get("knn", [])
    return [
        (str(section.get("field", "")), replace(leg, template=json.dumps({"knn": section})))
        for section in (sections if isinstance(sections, list) else [sections])
    ]


def _refusal(answer: Json) -> Refusal | None:
    """What the server said instead of searching; None where it searched."""
    status, error = answer.get("status"), answer.get("error")
    if status == _OK and error is None:
        return None
    return Refusal.read(status if isinstance(status, int) else 0, error)


def _begin(send: Callable[[], _Searched], *, aside: bool) -> Future[_Searched]:
    """Send a request, in a thread of its own where others are sent beside it.

    Not in a pool: whoever is interrupted does not wait for a frozen server, as its threads would at the end.
    """
    answer = Future[_Searched]()

    def work() -> None:
        try:
            answer.set_result(send())
        except Exception as error:  # noqa: BLE001 - whoever takes the answer judges it
            answer.set_exception(error)

    if aside:
        Thread(target=work, name="relevance-search", daemon=True).start()
    else:
        work()
    return answer
