"""Searches by `_msearch`, a few requests at a time; one search alone by `_search`, as a shop would ask."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from relevance.engines.elasticsearch.answers import KEPT, AnswerError, incomplete, refusal_of
from relevance.engines.elasticsearch.failures import RetriableError, explained, refused
from relevance.engines.elasticsearch.threads import Calls
from relevance.errors import CouldNotRunError, InputError, RelevanceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from relevance.engines.elasticsearch.answers import Answer, Hits
    from relevance.engines.elasticsearch.client import Connection
    from relevance.engines.elasticsearch.queries import Form
    from relevance.records import Ranking

__all__ = ["Asked", "Searcher"]

_SEARCHES_A_REQUEST = 200
_BYTES_A_REQUEST = 8_000_000
"""Of a request's body or of its answer, about; a server takes 100 MB."""

_REQUESTS_AT_ONCE = 2
"""While a request is written or its answer read here, the server works on the other."""

_BYTES_OF_A_NUMBER, _BYTES_OF_A_HIT, _BYTES_OF_A_BODY = 12, 60, 400

_PREFERENCE = "relevance"
"""The same copy of a shard each time: copies may differ in deleted documents, hence in scores."""

_SHOWN = 80
_TOO_MANY = 429
_JSON, _NDJSON = "application/json", "application/x-ndjson"


@dataclass(frozen=True)
class Asked:
    """The searches of one leg.

    Attributes:
        name: of the leg, for errors.
        form: what makes a query a search.
        texts: of the queries.
        vectors: of the queries, shape (queries, dimensions); None where the form holds no vector.
        hits: how many of each are kept.
        given: what of the user's the server is sent, where it is a raw template; else "".
    """

    name: str
    form: Form
    texts: Sequence[str]
    vectors: npt.NDArray[np.float32] | None
    hits: int
    given: str = ""

    def body(self, row: int) -> bytes:
        """The search of a query, as JSON on one line."""
        vector = None if self.vectors is None else self.vectors[row]
        return orjson.dumps(self.form.body(self.texts[row], vector), option=orjson.OPT_SERIALIZE_NUMPY)

    def parts(self, rows: Sequence[int]) -> Iterator[list[int]]:
        """Cut queries into requests."""
        dimensions = 0 if self.vectors is None else self.vectors.shape[1]
        fixed = _BYTES_OF_A_BODY + self.form.vectors * dimensions * _BYTES_OF_A_NUMBER + self.hits * _BYTES_OF_A_HIT
        part: list[int] = []
        size = 0
        for row in rows:
            size += fixed + len(self.texts[row]) * self.form.texts
            if part and (size > _BYTES_A_REQUEST or len(part) == _SEARCHES_A_REQUEST):
                yield part
                part, size = [], fixed
            part.append(row)
        if part:
            yield part

    def doing(self, row: int) -> str:
        """What goes on, for errors."""
        text = self.texts[row]
        return f"searching for {text if len(text) <= _SHOWN else f'{text[:_SHOWN]}…'!r}, leg {self.name!r}"


@dataclass
class Searcher:
    """Asks an index, and asks again what was refused.

    Attributes:
        connection: to the server.
        index: name of the index.
        took_ms: what the server says it worked on all answers so far; requests side by side count each.
        again: how many searches had to be asked again, each once, by the first reason.
        gently: whether one search is asked at a time, since the server's queue was full before.
    """

    connection: Connection
    index: str
    took_ms: float = 0.0
    again: Counter[str] = field(default_factory=Counter)
    gently: bool = False

    def search(self, asked: Asked, found: Hits) -> Ranking:
        """Ask all searches of a leg, which `found` gathers.

        Raises:
            CouldNotRunError: a search did not succeed.
            InputError: the server does not understand the user's template, or it gives no ranking.
        """
        _Searches(self, asked, found).ask()
        ranking, wrong = found.ranking()
        if wrong >= 0:
            reason = "the hits are not in the order of their scores, or a product is there twice"
            where = f"elasticsearch at {self.connection.url}: {reason} (while {asked.doing(wrong)})"
            raise InputError(f"{asked.given}: {where}") if asked.given else CouldNotRunError(where)
        return ranking

    def send(self, asked: Asked, rows: Sequence[int]) -> tuple[float, list[Answer]]:
        """One request; several may be under way.

        Returns:
            Milliseconds that the server worked, and the answer to each search.

        Raises:
            AnswerError: the answer is not one for each search.
            Exception: as the client does.
        """
        params: dict[str, Any] = dict(_options(asked.form))
        if len(asked.texts) == 1:
            params |= {"allow_partial_search_results": "false", "filter_path": ",".join(("took", *KEPT))}
            answer = self._post("_search", params, _JSON, asked.body(rows[0]))
            answers = [{"status": 200, **answer}]
        else:
            answer = self._post("_msearch", self._of_several(), _NDJSON, _lines(asked, rows))
            answers = answer.get("responses", [])
        if len(answers) != len(rows) or not isinstance(answer.get("took"), int):
            raise AnswerError(f"{len(answers)} answers to {len(rows)} searches; is a proxy in between?")
        return answer["took"], answers

    def _of_several(self) -> dict[str, Any]:
        kept = {"filter_path": ",".join(("took", *(f"responses.{part}" for part in KEPT)))}
        return {**kept, "max_concurrent_searches": 1, "max_concurrent_shard_requests": 1} if self.gently else kept

    def _post(self, what: str, params: Mapping[str, Any], kind: str, body: bytes) -> Answer:
        path = f"/{quote(self.index, safe='')}/{what}"
        headers = {"accept": _JSON, "content-type": kind}
        answer = self.connection.client.perform_request("POST", path, params=params, headers=headers, body=body)
        if not isinstance(answer.body, dict):
            raise AnswerError("the answer is none to a search; is a proxy in between?")
        return answer.body


def _options(form: Form) -> dict[str, str]:
    return {"preference": _PREFERENCE} | ({"search_type": "dfs_query_then_fetch"} if form.statistics else {})


def _lines(asked: Asked, rows: Sequence[int]) -> bytes:
    header = orjson.dumps({**_options(asked.form), "allow_partial_search_results": False})
    return b"\n".join([*(line for row in rows for line in (header, asked.body(row))), b""])


class _Searches:
    """The searches of one leg, until all are answered."""

    def __init__(self, searcher: Searcher, asked: Asked, found: Hits) -> None:
        self._searcher = searcher
        self._asked = asked
        self._found = found
        self._open = set(range(len(asked.texts)))
        self._failed: list[tuple[int, Exception]] = []  # refused in the last round, with the reason
        self._again: set[int] = set()

    def ask(self) -> None:
        url = self._searcher.connection.url
        try:
            self._searcher.connection.retry_policy.run(self._round, doing="searching", url=url, retried=self._retried)
        except RelevanceError as error:
            if error.__cause__ is None:
                raise
            cause = self._failed[0][1]
            doing, given = self._doing(self._failed[0][0]), self._asked.given
            raise explained(cause, doing=doing, url=url, sent=given) from cause

    def _round(self) -> None:
        """Ask what is open; what the server refuses stays open."""
        self._failed = []
        parts = list(self._asked.parts(sorted(self._open)))
        at_once = 1 if self._searcher.gently else _REQUESTS_AT_ONCE
        with Calls(lambda rows: self._searcher.send(self._asked, rows), parts, at_once=at_once) as calls:
            for rows, outcome in calls:
                if isinstance(outcome, Exception):
                    calls.stop()
                    self._failed += [(row, outcome) for row in rows]
                else:
                    took_ms, answers = outcome
                    self._searcher.took_ms += took_ms
                    self._take(rows, answers)
        if self._failed:
            row, error = self._failed[0]
            if isinstance(error, AnswerError):
                raise self._wrong(row, str(error))
            raise error

    def _take(self, rows: Sequence[int], answers: Sequence[Answer]) -> None:
        refusals = [refusal_of(answer) for answer in answers]
        self._failed += [(row, RetriableError(one)) for row, one in zip(rows, refusals, strict=True) if one is not None]
        self._searcher.gently |= any(one is not None and one.status == _TOO_MANY for one in refusals)
        for row, one, answer in zip(rows, refusals, answers, strict=True):
            if one is None:
                self._read(row, answer)
            elif not one.passes:
                url = self._searcher.connection.url
                raise refused(one, doing=self._doing(row), url=url, sent=self._asked.given)

    def _read(self, row: int, answer: Answer) -> None:
        if reason := incomplete(answer):
            raise self._wrong(row, reason)
        try:
            self._found.take(row, answer)
        except AnswerError as error:
            raise self._wrong(row, str(error)) from None
        self._open.discard(row)

    def _wrong(self, row: int, reason: str) -> CouldNotRunError:
        url = self._searcher.connection.url
        return CouldNotRunError(f"elasticsearch at {url}: {reason} (while {self._asked.doing(row)})")

    def _doing(self, row: int) -> str:
        failed, of_all = len(self._failed), len(self._asked.texts)
        return self._asked.doing(row) + (f"; {failed} of {of_all} searches failed" if of_all > 1 else "")

    def _retried(self, reason: str) -> None:
        new = {row for row, _ in self._failed} - self._again  # each is counted once, however often it is asked
        self._searcher.again[reason] += len(new)
        self._again |= new
