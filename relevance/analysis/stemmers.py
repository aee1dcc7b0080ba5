"""Stemmers by Elasticsearch's names: Snowball's from PyStemmer, the others by their published rules.

PyStemmer 2.2.0.3 holds the Snowball that Lucene has; later releases stem some words otherwise.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import Stemmer

from relevance.analysis.light_stemmers import LIGHT
from relevance.analysis.porter import porter
from relevance.analysis.tokens import Filter, each
from relevance.errors import InputError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable

_REMEMBERED = 200_000

SNOWBALL = (
    "armenian", "basque", "catalan", "danish", "dutch", "english", "finnish", "french", "german", "hungarian", "irish",
    "italian", "lithuanian", "norwegian", "porter", "portuguese", "romanian", "russian", "serbian", "spanish",
    "swedish", "turkish",
)  # fmt: skip
STEMMERS: dict[str, Callable[[str], str] | str] = {
    **{name: name for name in SNOWBALL},
    "porter2": "english",
    "german2": "german",
    "english": porter,
    "porter": porter,
    **LIGHT,
}
"""By name: a function, or the name of Snowball's algorithm."""


def stemmer(*, language: str | None = None, name: str | None = None) -> Filter:
    """Stem; keywords stay as they are."""
    chosen = (language or name or "english").lower()
    if chosen in {"kstem", "light_english"}:
        raise InputError(f"language {chosen!r} needs a word list that is not here; allowed: english, porter2, …")
    if chosen not in STEMMERS:
        raise InputError(unknown("language", chosen, sorted(STEMMERS)))
    stem = STEMMERS[chosen]
    if isinstance(stem, str):
        return each(_snowball(stem), but_keywords=True)
    return each(lru_cache(_REMEMBERED)(stem), but_keywords=chosen != "possessive_english")


def snowball(*, language: str | None = None, name: str | None = None) -> Filter:
    """Stem by one of Snowball's algorithms; keywords stay as they are."""
    chosen = (language or name or "english").lower().replace("german2", "german")
    if chosen not in SNOWBALL:
        raise InputError(unknown("language", chosen, SNOWBALL))
    return each(_snowball(chosen), but_keywords=True)


def _snowball(algorithm: str) -> Callable[[str], str]:
    stem: Callable[[str], str] = Stemmer.Stemmer(algorithm, 0).stemWord
    return lru_cache(_REMEMBERED)(stem)
