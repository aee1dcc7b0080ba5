"""When two texts count as the same query, and when as nearly the same."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["all_deletions", "deletions", "normalised", "one_edit_apart", "stems"]

_WORD = re.compile(r"\w+")


def normalised(text: str) -> str:
    """The text after Unicode normalisation (NFKC), case folding, and with each run of white space as one space."""
    # folding can bring forth what composes again, so it is normalised on both sides
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


def stems(text: str) -> tuple[str, ...]:
    """The bag of the stems of a normalised text, sorted.

    Plurals alone are stemmed, by the S stemmer of Harman, "How effective is suffixing?" (JASIS 42, 1991).
    """
    return tuple(sorted(_stem(word) for word in _WORD.findall(text)))


def _stem(word: str) -> str:
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return f"{word[:-3]}y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")):
        return word[:-1]
    return word


def deletions(text: str) -> Iterator[str]:
    """The text, and it without each one of its characters: what texts one edit apart have in common."""
    yield text
    for at in range(len(text)):
        yield text[:at] + text[at + 1 :]


def one_edit_apart(left: str, right: str) -> bool:
    """Whether one character put in, left out or replaced makes one text of the other; equal texts are not."""
    if left == right or abs(len(left) - len(right)) > 1:
        return False
    at = next((at for at, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    tails = ((left[at + 1 :], right[at + 1 :]), (left[at + 1 :], right[at:]), (left[at:], right[at + 1 :]))
    return any(a == b for a, b in tails)


def all_deletions(texts: Iterable[str]) -> dict[str, list[str]]:
    """For each text that one deletion leaves, the texts that leave it."""
    found: dict[str, list[str]] = {}
    for text in texts:
        for left in set(deletions(text)):
            found.setdefault(left, []).append(text)
    return found
