"""Rankers from outside: a Python function, an HTTP endpoint, a command, a run file.

Each is a frozen value, which a strategy holds and `open` makes a `Ranker` of. Nothing heavy is imported here.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from relevance.bodies import NO_PARAMS
from relevance.errors import InputError
from relevance.files import json_kind, quoted
from relevance.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relevance.bodies import Mark

__all__ = ["SOURCE", "Answer", "Outside", "Query", "Ranker", "hits_in", "score_in"]

Answer: TypeAlias = Sequence[tuple[str, float | None]]
"""The hits of a query, best first: product id and score, None for none."""

_SHOWN = 60
_DIGITS = 400
_LARGEST_ID = 10**_DIGITS
_LARGEST = 3.4028234e38
"""Of 32 bits."""


@dataclass(frozen=True, eq=False)
class Query:
    """A query that is asked.

    Attributes:
        text: as it was typed.
        id: "" where it is none of a data set's.
        params: its parameters.
        vector: shape (dimensions,), float32; None where nothing asks for it.
    """

    text: str
    id: str = ""
    params: Mapping[str, Any] = field(default_factory=lambda: NO_PARAMS)
    vector: Any = None

    def __str__(self) -> str:
        return f"query {quoted(one_line(self.text, _SHOWN))}" + (f" ({self.id})" if self.id else "")


class Ranker(ABC):
    """What ranks from outside; it may be asked by one thread at a time."""

    @abstractmethod
    def rank(self, queries: Sequence[Query], depth: int) -> Iterable[Answer]:
        """Answer queries, in their order.

        Args:
            queries: what is asked.
            depth: how many hits are wanted of each; more are taken, too, and cut.

        Raises:
            StrategyError: it fails; the line names the query, where it is one query's.
        """

    def notes(self) -> Sequence[str]:
        """Say what people should know, a line each."""
        return ()

    def close(self) -> None:  # noqa: B027 - a ranker may hold nothing
        """Let go of what the ranker holds; safe to call twice."""


SOURCE = "search function"
"""Key of a definition under which the hash of a function's source stands; a change is told by this name."""


class Outside(ABC):
    """A ranker as a strategy names it: a frozen value without secrets.

    Attributes:
        takes_time: whether the time of a search says something.
        marks: those of what is sent, which queries fill.
        hits_are: where hits are looked for, of which there is none; "" where that goes without saying.
    """

    takes_time = True
    marks: tuple[Mark, ...] = ()
    hits_are: str = ""

    @property
    @abstractmethod
    def name(self) -> str:
        """What people call it."""

    @abstractmethod
    def open(self) -> Ranker:
        """Make the ranker; what it needs is looked for here.

        Raises:
            InputError: a function, a file or a variable of the environment is not there.
        """

    @abstractmethod
    def definition(self) -> Mapping[str, Any]:
        """What decides the ranking, as JSON values, for baselines."""


def hits_in(value: object) -> Answer:
    """Read the hits that a function or a command gives: a list of ids, of pairs (id, score), or of `{id, score}`.

    Raises:
        InputError: it is none.
    """
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise InputError(f"found {_kind(value)}; allowed: a list of hits")
    return [_hit(one) for one in value]


def _hit(value: object) -> tuple[str, float | None]:
    uid: Any
    score: Any = None
    if isinstance(value, str | int) and not isinstance(value, bool):
        uid = value
    elif isinstance(value, Mapping):
        uid, score = value.get("id"), value.get("score")
    elif isinstance(value, Sequence) and not isinstance(value, bytes) and len(value) == 2:  # noqa: PLR2004 - id and score
        uid, score = value
    else:
        uid = None
    if not isinstance(uid, str | int) or isinstance(uid, bool):
        raise InputError(f'a hit is {quoted(one_line(repr(value), _SHOWN))}; allowed: an id, [id, score], {{"id": …}}')
    if isinstance(uid, int) and abs(uid) >= _LARGEST_ID:
        raise InputError(f"a hit is {_written(uid)}; allowed: an id of up to {_DIGITS} digits, or a text")
    return str(uid), score_in(score)


def score_in(value: object) -> float | None:
    """Read a score.

    Raises:
        InputError: it is no number, or none that is finite.
    """
    if value is None:
        return None
    try:
        score = math.nan if isinstance(value, str | bool) else float(value)  # type: ignore[arg-type] # of numpy, too
    except (TypeError, ValueError, OverflowError):
        score = math.nan
    if not math.isfinite(score) or abs(score) > _LARGEST:
        raise InputError(f"a score is {_written(value)}; allowed: a finite number")
    return score


def _written(value: object) -> str:
    try:
        return one_line(repr(value), _SHOWN)
    except ValueError:  # of a whole number of more than 4,300 digits
        return "a number of too many digits"


def _kind(value: object) -> str:
    return json_kind(value) if value is None or isinstance(value, str | int | float | Mapping) else type(value).__name__
