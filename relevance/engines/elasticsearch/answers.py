"""What a server answered to a search, checked and read into a ranking; whatever is wrong is no empty list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from relevance.engines.elasticsearch.failures import Refusal, refusal
from relevance.records import NO_HIT, Ranking

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

__all__ = ["KEPT", "Answer", "AnswerError", "Hits", "incomplete", "refusal_of"]

KEPT = ("status", "error", "timed_out", "_shards.failed", "hits.hits._score", "hits.hits.fields")
"""The parts of an answer to a search that are sent back (`filter_path`)."""

_OK = 200

Answer: TypeAlias = dict[str, Any]


class AnswerError(Exception):
    """An answer that is no ranking; its text says why, for whoever knows the query."""


def refusal_of(answer: Answer) -> Refusal | None:
    """What the server said instead of searching; None where it searched."""
    status, error = answer.get("status"), answer.get("error")
    if status == _OK and error is None:
        return None
    return refusal(status if isinstance(status, int) else 0, error)


def incomplete(answer: Answer) -> str:
    """Why the search did not see the whole index; "" where it did."""
    if answer.get("timed_out") is not False:
        return "the search ran out of time on the server (timed_out)"
    failed = answer.get("_shards", {}).get("failed")
    if failed != 0:
        return f"{'some' if failed is None else failed} of the index's shards failed"
    return ""


class Hits:
    """The hits of a batch of queries as they come in.

    Args:
        queries: how many.
        hits: how many of each at most.
        codes: of a product's id, its code.
        id_field: holds the product's id in a hit's `fields`.
        placed: whether a hit's place decides, not its score; its score is then the number of places left.
    """

    def __init__(self, queries: int, hits: int, *, codes: Mapping[str, int], id_field: str, placed: bool) -> None:
        self._codes = np.full((queries, hits), NO_HIT, dtype=np.int64)
        self._scores = np.full((queries, hits), -np.inf, dtype=np.float32)
        self._code_of = codes
        self._id_field = id_field
        self._placed = placed

    def take(self, row: int, answer: Answer) -> None:
        """Read the hits of a query.

        Raises:
            AnswerError: they are no ranking of the catalogue's products.
        """
        hits: Sequence[Answer] = answer.get("hits", {}).get("hits", ())
        count, most = len(hits), self._codes.shape[1]
        if count > most:
            raise AnswerError(f"{count} hits where {most} were asked for")
        codes, id_field = self._code_of, self._id_field
        try:
            self._codes[row, :count] = [codes[hit["fields"][id_field][0]] for hit in hits]
        except (KeyError, IndexError):
            raise AnswerError(self._stranger(hits)) from None
        if self._placed:
            self._scores[row, :count] = np.arange(most, most - count, -1)
        else:
            self._scores[row, :count] = _scores(hits)

    def _stranger(self, hits: Sequence[Answer]) -> str:
        ids = [(hit.get("fields", {}).get(self._id_field) or [None])[0] for hit in hits]
        unknown = next(uid for uid in ids if uid not in self._code_of)
        if unknown is None:
            return (
                f"a hit has no {self._id_field!r}, which is the product's id by [elasticsearch.fields] id; name a "
                "keyword field there that every document has, or evaluate an alias whose filter leaves the others out"
            )
        return f"the product {str(unknown)!r} is not in the catalogue; the index changed while it was searched"

    def ranking(self) -> tuple[Ranking, int]:
        """The ranking, equal scores in the order of the ids, and the first query whose hits are none; else -1."""
        wrong = _out_of_order(self._scores) | _twice(self._codes)
        if not self._placed and _ties_out_of_order(self._codes, self._scores):
            order = np.lexsort((self._codes, -self._scores), axis=-1)
            self._codes = np.take_along_axis(self._codes, order, axis=1)
            self._scores = np.take_along_axis(self._scores, order, axis=1)
        return Ranking(self._codes, self._scores), int(np.argmax(wrong)) if wrong.any() else -1


def _scores(hits: Sequence[Answer]) -> list[float]:
    scores: list[Any] = [hit.get("_score") for hit in hits]
    if not all(isinstance(score, float | int) for score in scores):
        raise AnswerError("a hit has no score; a search that sorts needs track_scores")
    return scores


def _out_of_order(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Shape (queries,): whose scores rise somewhere."""
    rises: npt.NDArray[np.bool_] = ~np.all(scores[:, 1:] <= scores[:, :-1], axis=1)
    return rises


def _twice(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Shape (queries,): whose list holds a product twice."""
    ordered = np.sort(codes, axis=1)
    twice: npt.NDArray[np.bool_] = np.any((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != NO_HIT), axis=1)
    return twice


def _ties_out_of_order(codes: npt.NDArray[np.int64], scores: npt.NDArray[np.float32]) -> bool:
    tied = (scores[:, 1:] == scores[:, :-1]) & (codes[:, 1:] != NO_HIT)
    return bool((tied & (codes[:, 1:] < codes[:, :-1])).any())
