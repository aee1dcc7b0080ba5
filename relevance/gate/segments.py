"""Kinds of queries: which of them are alike, by their text, their traffic or judgments, and the user's own tags."""

from __future__ import annotations

import re
from collections import Counter
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

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
    middle = median(judged.tolist()) if len(judged) else 0
    few = judged < middle
    return {f"fewer than {middle:g} judgments": few, f"{middle:g} judgments or more": ~few}
