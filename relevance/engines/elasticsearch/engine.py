"""Elasticsearch as an engine: searches by `_msearch`, a few requests at a time; one alone by `_search`, as a shop asks.

What comes back is checked and read into a ranking; whatever is wrong is no empty list.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from queue import SimpleQueue
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, TypeAlias
from urllib.parse import quote

import numpy as np
import orjson

from relevance.engines import Engine
from relevance.engines.elasticsearch.failures import RetriableError, explained, refusal, refused
from relevance.engines.elasticsearch.queries import form
from relevance.errors import CouldNotRunError, InputError, RelevanceError
from relevance.records import NO_HIT, Ranking
from relevance.text import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from relevance.engines import QueryBatch
    from relevance.engines.elasticsearch.client import Connection
    from relevance.engines.elasticsearch.failures import Refusal
    from relevance.engines.elasticsearch.queries import Form, SearchedIndex
    from relevance.records import Catalogue
    from relevance.strategies import Leg

Answer: TypeAlias = dict[str, Any]

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
_JSON, _NDJSON = "application/json", "application/x-ndjson"


class ElasticsearchEngine(Engine):
    """Ranks by searches on an index.

    Args:
        connection: to the index's server; closed with the engine.
        index: one of ours, or one that exists.
        catalogue: the products that the index holds.
        on_close: called once, before the connection is closed; what it returns is a note.
    """

    def __init__(
        self,
        connection: Connection,
        index: SearchedIndex,
        catalogue: Catalogue,
        *,
        on_close: Callable[[], str | None],
    ) -> None:
        self.version = connection.version
        self.facts = MappingProxyType(dict(index.facts))
        self.connection, self.index = connection, index
        self.code_of = {uid: code for code, uid in enumerate(catalogue.ids)}
        self.milliseconds = 0.0
        self.again = Counter[str]()  # searches that had to be asked again, each once, by the first reason
        self.gently = False  # one search at a time, since the server's queue was full before
        self._forms: dict[tuple[Leg, int], Form] = {}
        self._on_close: Callable[[], str | None] | None = on_close
        self._left: str | None = None

    @property
    def took_ms(self) -> float | None:
        """Milliseconds that the server says it worked on all searches so far; requests side by side count each."""
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
        if on_close is None:
            return
        try:
            self._left = on_close()
        finally:
            self.connection.close()


class _AnswerError(Exception):
    """An answer that is no ranking; its text says why, for whoever knows the query."""


class _Searches:
    """The searches of one leg, until all are answered; what is refused for the moment is asked again."""

    def __init__(self, engine: ElasticsearchEngine, leg: Leg, shape: Form, batch: QueryBatch, hits: int) -> None:
        self._engine, self._name, self._form, self._texts = engine, leg.name, shape, batch.texts
        self._vectors = batch.vectors[leg.model] if leg.embeds else None
        self._sent = "the strategy's template" if leg.template else ""
        self._codes = np.full((len(batch), hits), NO_HIT, dtype=np.int64)
        self._scores = np.full((len(batch), hits), -np.inf, dtype=np.float32)
        self._open = set(range(len(batch)))
        self._failed: list[tuple[int, Exception]] = []  # refused in the last round, with the reason
        self._again: set[int] = set()
        self._options: dict[str, Any] = {"preference": _PREFERENCE}
        if shape.statistics:
            self._options["search_type"] = "dfs_query_then_fetch"

    def ask(self) -> Ranking:
        connection = self._engine.connection
        try:
            connection.retry_policy.run(self._round, doing="searching", url=connection.url, retried=self._retried)
        except RelevanceError as error:
            if error.__cause__ is None:
                raise
            row, cause = self._failed[0]
            raise explained(cause, doing=self._doing(row), url=connection.url, sent=self._sent) from cause
        return self._ranking()

    def _round(self) -> None:
        """Ask what is open; what the server refuses stays open."""
        self._failed = []
        at_once = 1 if self._engine.gently else _REQUESTS_AT_ONCE
        with _Calls(self._send, list(self._parts()), at_once=at_once) as calls:
            for rows, outcome in calls:
                if isinstance(outcome, Exception):
                    calls.stop()
                    self._failed += [(row, outcome) for row in rows]
                else:
                    milliseconds, answers = outcome
                    self._engine.milliseconds += milliseconds
                    self._take(rows, answers)
        if self._failed:
            row, error = self._failed[0]
            raise self._wrong(row, str(error)) if isinstance(error, _AnswerError) else error

    def _retried(self, reason: str) -> None:
        new = {row for row, _ in self._failed} - self._again  # each is counted once, however often it is asked
        self._engine.again[reason] += len(new)
        self._again |= new

    # what is sent

    def _parts(self) -> Iterator[list[int]]:
        """Cut what is open into requests."""
        dimensions = 0 if self._vectors is None else self._vectors.shape[1]
        numbers, hits = self._form.vectors * dimensions, self._codes.shape[1]
        fixed = _BYTES_OF_A_BODY + numbers * _BYTES_OF_A_NUMBER + hits * _BYTES_OF_A_HIT
        part: list[int] = []
        size = 0
        for row in sorted(self._open):
            size += fixed + len(self._texts[row]) * self._form.texts
            if part and (size > _BYTES_A_REQUEST or len(part) == _SEARCHES_A_REQUEST):
                yield part
                part, size = [], fixed
            part.append(row)
        if part:
            yield part

    def _send(self, rows: Sequence[int]) -> tuple[float, list[Answer]]:
        """One request, one of several under way: milliseconds that the server worked, the answer to each search."""
        if len(self._texts) == 1:
            kept = ",".join(("took", *_KEPT))
            params = self._options | {"allow_partial_search_results": "false", "filter_path": kept}
            answer = self._post("_search", params, _JSON, self._body(rows[0]))
            answers = [{"status": _OK, **answer}]
        else:
            params = {"filter_path": ",".join(("took", *(f"responses.{part}" for part in _KEPT)))}
            if self._engine.gently:
                params |= {"max_concurrent_searches": 1, "max_concurrent_shard_requests": 1}
            header = orjson.dumps(self._options | {"allow_partial_search_results": False})
            lines = [line for row in rows for line in (header, self._body(row))]
            answer = self._post("_msearch", params, _NDJSON, b"\n".join([*lines, b""]))
            answers = answer.get("responses", [])
        if len(answers) != len(rows) or not isinstance(answer.get("took"), int):
            raise _AnswerError(f"{len(answers)} answers to {len(rows)} searches; is a proxy in between?")
        return answer["took"], answers

    def _body(self, row: int) -> bytes:
        vector = None if self._vectors is None else self._vectors[row]
        return orjson.dumps(self._form.body(self._texts[row], vector), option=orjson.OPT_SERIALIZE_NUMPY)

    def _post(self, what: str, params: Mapping[str, Any], kind: str, body: bytes) -> Answer:
        path = f"/{quote(self._engine.index.name, safe='')}/{what}"
        headers = {"accept": _JSON, "content-type": kind}
        client = self._engine.connection.client
        answer = client.perform_request("POST", path, params=params, headers=headers, body=body)
        if not isinstance(answer.body, dict):
            raise _AnswerError("the answer is none to a search; is a proxy in between?")
        return answer.body

    # what comes back

    def _take(self, rows: Sequence[int], answers: Sequence[Answer]) -> None:
        refusals = [_refusal(answer) for answer in answers]
        both = list(zip(rows, refusals, strict=True))
        self._failed += [(row, RetriableError(one)) for row, one in both if one is not None]
        self._engine.gently |= any(one is not None and one.status == _TOO_MANY for one in refusals)
        for (row, one), answer in zip(both, answers, strict=True):
            if one is None:
                try:
                    self._read(row, answer)
                except _AnswerError as error:
                    raise self._wrong(row, str(error)) from None
                self._open.discard(row)
            elif not one.passes:
                raise refused(one, doing=self._doing(row), url=self._engine.connection.url, sent=self._sent)

    def _read(self, row: int, answer: Answer) -> None:
        if answer.get("timed_out") is not False:
            raise _AnswerError("the search ran out of time on the server (timed_out)")
        failed = answer.get("_shards", {}).get("failed")
        if failed != 0:
            raise _AnswerError(f"{'some' if failed is None else failed} of the index's shards failed")
        hits: Sequence[Answer] = answer.get("hits", {}).get("hits", ())
        count, most = len(hits), self._codes.shape[1]
        if count > most:
            raise _AnswerError(f"{count} hits where {most} were asked for")
        code_of, id_field = self._engine.code_of, self._form.id_field
        try:
            self._codes[row, :count] = [code_of[hit["fields"][id_field][0]] for hit in hits]
        except (KeyError, IndexError):
            raise _AnswerError(self._stranger(hits)) from None
        scores: Sequence[Any] = range(most, most - count, -1)
        if not self._form.placed:
            scores = [hit.get("_score") for hit in hits]
            if not all(isinstance(score, float | int) for score in scores):
                raise _AnswerError("a hit has no score; a search that sorts needs track_scores")
        self._scores[row, :count] = scores

    def _stranger(self, hits: Sequence[Answer]) -> str:
        id_field = self._form.id_field
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
        wrong = ~np.all(scores[:, 1:] <= scores[:, :-1], axis=1) | _twice(codes)
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
        return self._engine.connection.problem(f"{reason} (while {self._doing(row, counted=False)})")

    def _doing(self, row: int, *, counted: bool = True) -> str:
        """What goes on, for errors."""
        text, of_all = self._texts[row], len(self._texts)
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        failed = f"; {len(self._failed)} of {of_all} searches failed" if counted and of_all > 1 else ""
        return f"searching for {shown!r}, leg {self._name!r}{failed}"


def _refusal(answer: Answer) -> Refusal | None:
    """What the server said instead of searching; None where it searched."""
    status, error = answer.get("status"), answer.get("error")
    if status == _OK and error is None:
        return None
    return refusal(status if isinstance(status, int) else 0, error)


def _twice(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Shape (queries,): whose list holds a product twice."""
    ordered = np.sort(codes, axis=1)
    twice: npt.NDArray[np.bool_] = np.any((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != NO_HIT), axis=1)
    return twice


_SECONDS_TO_END = 1.0
"""Long enough for a request to a healthy server; a thread that hangs on a frozen one keeps no process alive."""

_Call: TypeAlias = "Callable[[list[int]], tuple[float, list[Answer]]]"
_Outcome: TypeAlias = "tuple[list[int], tuple[float, list[Answer]] | Exception]"


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
