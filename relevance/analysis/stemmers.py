"""Stemmers by Elasticsearch's names: Snowball's from PyStemmer, the others by their published rules.

PyStemmer 2.2.0.3 holds the Snowball of Elasticsearch 8; later ones stem some words otherwise, and Elasticsearch 9 stems
others so.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import Stemmer

from relevance.analysis.kstem import kstem
from relevance.analysis.language_stemmers import LANGUAGES, brazilian
from relevance.analysis.porter import porter
from relevance.analysis.refused import REFUSED
from relevance.analysis.tokens import Filter, each
from relevance.errors import InputError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_REMEMBERED = 200_000

SNOWBALL = (
    "arabic", "armenian", "basque", "catalan", "danish", "dutch", "english", "finnish", "french", "german", "greek",
    "hindi", "hungarian", "indonesian", "irish", "italian", "lithuanian", "nepali", "norwegian", "porter", "portuguese",
    "romanian", "russian", "serbian", "spanish", "swedish", "tamil", "turkish", "yiddish",
)  # fmt: skip
STEMMERS: dict[str, Callable[[str], str] | str] = {
    **{name: name for name in SNOWBALL},
    "german2": "german",
    "porter2": "english",
    "english": porter,
    "porter": porter,
    "kstem": kstem,
    "light_english": kstem,
    **LANGUAGES,
}
"""By name: a function, or the name of Snowball's algorithm."""


def stemmer(release: int = 9, /, *, language: str | None = None, name: str | None = None) -> Filter:
    """Stem; keywords stay as they are."""
    chosen = (language or name or "english").lower()
    _refuse_unknown(chosen, STEMMERS)
    stem = STEMMERS[chosen]
    if isinstance(stem, str):
        # German of release 9 is what all releases call german2.
        return each(_snowball(stem, 9 if chosen == "german2" else release), but_keywords=True)
    whole = stem if stem is brazilian else partial(_in_units, stem)  # which lowers the case of whole letters
    return each(lru_cache(_REMEMBERED)(whole), but_keywords=chosen != "possessive_english")


def _refuse_unknown(language: str, known: Iterable[str]) -> None:
    if language in REFUSED["stemmer"]:
        raise InputError(f"language {language!r} {REFUSED['stemmer'][language]}")
    if language not in known:
        raise InputError(unknown("language", language, sorted(known)))


def _in_units(stem: Callable[[str], str], word: str) -> str:
    """Count a letter beyond 16 bits as two, as Java does; halves of such pairs are letters of private use meanwhile."""
    if max(word, default="") < _FIRST_HALF:
        return stem(word)
    units = memoryview(word.encode("utf-16-le", "surrogatepass")).cast("H")
    stemmed = stem("".join(map(chr, units)).translate(_HALVES))
    return stemmed.translate(_WHOLES).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


_FIRST_HALF = "\ud800"
_HALVES = {half: 0xF0000 + half for half in range(0xD800, 0xE000)}
_WHOLES = {private: half for half, private in _HALVES.items()}


def snowball(release: int = 9, /, *, language: str | None = None, name: str | None = None) -> Filter:
    """Stem by one of Snowball's algorithms; keywords stay as they are."""
    chosen = (language or name or "english").lower()
    _refuse_unknown(chosen, SNOWBALL)
    return each(_snowball(chosen, release), but_keywords=True)


def _snowball(algorithm: str, release: int) -> Callable[[str], str]:
    stem: Callable[[str], str] = Stemmer.Stemmer(algorithm, 0).stemWord
    change = _SINCE_9.get(algorithm) if release > 8 else None
    return lru_cache(_REMEMBERED)(partial(_in_units, partial(change, stem) if change else stem))


def _english_9(stem: Callable[[str], str], word: str) -> str:
    match = _short_double(word)
    return match[1] if match else stem(word)


_short_double = re.compile("([aeo](?:bb|dd|ff|gg|mm|nn|pp|rr|tt))(?:ed|ing)(?:ly)?").fullmatch
_UMLAUTS = {"ae": "ä", "oe": "ö", "ue": "ü"}
_spelt_umlauts = partial(re.compile("ae|oe|(?<![aeiouyäöüq])ue").sub, lambda match: _UMLAUTS[match[0]])


def _german_9(stem: Callable[[str], str], word: str) -> str:
    return stem(_spelt_umlauts(word))


_TO_CEDILLA = str.maketrans("șț", "şţ")
_TO_COMMA = str.maketrans("şţ", "șț")


def _romanian_9(stem: Callable[[str], str], word: str) -> str:
    return stem(word.translate(_TO_CEDILLA)).translate(_TO_COMMA)


_SINCE_9 = {"english": _english_9, "german": _german_9, "romanian": _romanian_9}
"""What release 9 does otherwise, with the stem of release 8 and a word."""
