"""Kinds of queries: which of them are alike, by their text, their traffic or judgments, and the user's own tags."""

from __future__ import annotations

import math
import re
from collections import Counter
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from relevance.errors import did_you_mean
from relevance.text import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from relevance.baseline import Snapshot
    from relevance.gate.limits import Limits

    _Bools = npt.NDArray[np.bool_]

_WORD = re.compile(r"\w+")
# letters and digits in one word (dcb200b, m18-2607, 5/8in), or a number that is too long for an amount
_PART_NUMBER = re.compile(r"(?<!\S)(?=\S*\d)(?=\S*[^\W\d_])\S{4,}|(?<!\S)\d{5,}(?!\S)")
_HEAD = 0.5


def kinds_of_queries(
    texts: Sequence[str],
    grades: Sequence[Mapping[str, float]],
    *,
    weights: Sequence[float] = (),
    tags: Sequence[Sequence[str]] = (),
) -> dict[str, _Bools]:
    """Tell which queries belong to which kind, by its name: shape (queries,).

    Kinds are: the length in words; a digit in the text, or none; a part number (a word of four signs or more with
    letters and digits, or a number of five digits or more); head and tail of the traffic, the queries of most weight
    that together make half of all weight, and the rest; without weights, fewer judgments than the median query, and the
    rest; a word that no other query has; and each tag.

    Args:
        texts: the queries.
        grades: of each by product id.
        weights: of each, 0 or more; empty where all weigh the same.
        tags: of each; empty where none has any.
    """
    words = [_WORD.findall(text.casefold()) for text in texts]
    lengths = np.array([len(_WORD.findall(text)) for text in texts], dtype=np.int64)
    digits = _where(any(sign.isdecimal() for sign in text) for text in texts)
    counts = Counter(word for one in words for word in {*one})
    kinds = {
        "one word": lengths <= 1,
        "two or three words": (lengths > 1) & (lengths <= 3),  # noqa: PLR2004 - as it says
        "four words or more": lengths > 3,  # noqa: PLR2004
        "with a digit": digits,
        "without a digit": ~digits,
        "part numbers": _where(_PART_NUMBER.search(text) is not None for text in texts),
        **(_by_weight(weights) if len(weights) else _by_judgments(grades)),
        "a word that no other query has": _where(any(counts[word] == 1 for word in one) for one in words),
    }
    names = sorted({tag for one in tags for tag in one})
    return kinds | {f"tag {name}": _where(name in one for one in tags) for name in names}


def kinds_of(now: Snapshot, rows: Sequence[int] | None = None) -> dict[str, _Bools]:
    """Tell the kinds of a snapshot's queries; `rows` are those that are looked at, in their order."""
    rows = range(len(now.queries)) if rows is None else rows
    return kinds_of_queries(
        [now.texts[row] for row in rows],
        [now.grades[row] for row in rows],
        weights=[now.weights[row] for row in rows] if now.weights else (),
        tags=[now.tags[row] for row in rows] if now.tags else (),
    )


def unknown_kinds(kinds: Mapping[str, _Bools], limits: Limits) -> list[str]:
    """Say which kinds have limits and are none of these, a line each."""
    return [
        f"[gate.segments] {name!r}: no query is of this kind{did_you_mean(name, kinds)}; allowed: {', '.join(kinds)}"
        for name in limits.segments
        if name not in kinds
    ]


def below_floors(now: Snapshot, limits: Limits) -> list[str]:
    """Say which kinds of queries are below their floors, by the leading metric, a line each."""
    kinds, lines = kinds_of(now), []
    for name, inside in kinds.items():
        floor = limits.of_segment(name).floor
        for strategy, measured in now.strategies.items():
            values = measured.metrics.get(limits.leading)
            if values is not None and inside.any() and (mean := math.fsum(values[inside]) / inside.sum()) < floor:
                of = f"{limits.leading} of {plural(int(inside.sum()), 'query')} ({name})"
                lines.append(f"{strategy}: {of} is {mean:.4f}, below its floor {floor:g}")
    return lines


def _where(values: Iterable[bool]) -> _Bools:
    return np.fromiter(values, dtype=np.bool_)


def _by_weight(weights: Sequence[float]) -> dict[str, _Bools]:
    own = np.asarray(weights, dtype=np.float64)
    order = np.argsort(-own, kind="stable")
    before = np.cumsum(own[order]) - own[order]  # the weight of the heavier ones
    head = np.zeros(len(own), dtype=bool)
    head[order] = before < _HEAD * own.sum()
    return {"head": head, "tail": ~head}


def _by_judgments(grades: Sequence[Mapping[str, float]]) -> dict[str, _Bools]:
    judged = np.array([len(one) for one in grades], dtype=np.int64)
    middle = math.ceil(median(judged.tolist())) if len(judged) else 0  # fewer than 24.5 are fewer than 25
    few = judged < middle
    return {f"fewer than {middle} judgments": few, f"{middle} judgments or more": ~few}
