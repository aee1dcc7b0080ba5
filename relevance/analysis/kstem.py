"""Krovetz's stemmer: R. Krovetz, "Viewing morphology as an inference process" (1993).

An ending goes where a word of its list stays. Each step gives the words to look for, in order, and returns what the
word becomes when the list has none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple, TypeAlias

_Step: TypeAlias = Generator[str, None, str]
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")


class _List(NamedTuple):
    exceptions: frozenset[str]
    stems: Mapping[str, str]
    words: frozenset[str]


@cache
def _list() -> _List:
    text = resources.files(__package__).joinpath("krovetz_words.txt").read_text(encoding="utf-8")
    rows = dict(line.split(": ", 1) for line in text.splitlines() if not line.startswith("#"))
    exceptions = frozenset(rows.pop("exceptions").split())
    stems = dict(pair.split(">") for pair in rows.pop("pairs").split())
    words = frozenset(word for row in rows.values() for word in row.split())
    return _List(exceptions, stems, words | exceptions | stems.keys())


def kstem(word: str) -> str:
    """Stem an English word in lower case."""
    known = _list()
    if not 2 < len(word) < 50 or (word not in known.words and not _LETTERS.issuperset(word)):
        return word
    for endings, step in _STEPS:
        if word in known.words:
            break
        if word.endswith(endings) and word not in endings:
            word = _looked_up(step(word), known)
    return known.stems.get(word, word)


def _looked_up(step: _Step, known: _List) -> str:
    while True:
        try:
            candidate = next(step)
        except StopIteration as end:
            word: str = end.value
            return word
        if candidate in known.words:
            return candidate


def _is_consonant(word: str, at: int) -> bool:
    if word[at] in "aeiou":
        return False
    return word[at] != "y" or at == 0 or not _is_consonant(word, at - 1)


def _has_vowel(word: str) -> bool:
    return not all(_is_consonant(word, at) for at in range(len(word)))


def _is_doubled(word: str) -> bool:
    return len(word) > 1 and word[-1] == word[-2] and _is_consonant(word, len(word) - 1)


def _plain_or_with_e(stem: str) -> Iterator[str]:
    """A stem, one of its doubled letters less, an e more."""
    yield stem
    if _is_doubled(stem):
        yield stem[:-1]
    yield stem + "e"


def _with_e_or_plain(stem: str) -> Iterator[str]:
    """A stem with an e, where that is no exception; without; one of its doubled letters less."""
    if stem + "e" not in _list().exceptions:
        yield stem + "e"
    yield stem
    if _is_doubled(stem):
        yield stem[:-1]


def _plural(word: str) -> _Step:
    if word.endswith("ies") and len(word) > 3:
        yield word[:-1]
        yield word[:-3] + "y"
        return word[:-3] + "y"
    if word.endswith("es"):
        stem = word[:-2]
        is_plain = len(stem) > 1 and not stem.endswith("ss")
        if is_plain:
            yield stem + "e"
        yield stem
        if not is_plain:
            yield stem + "e"
        return stem + "e"
    if len(word) > 3 and word[-2] != "s" and not word.endswith("ous"):
        return word[:-1]
    return word


def _past(word: str) -> _Step:
    if len(word) < 5:
        return word
    if word.endswith("ied"):
        yield word[:-1]
        return word[:-3] + "y"
    stem = word[:-2]
    if not _has_vowel(stem):
        return word
    yield from _with_e_or_plain(stem)
    if _is_doubled(stem):
        return stem
    return word if word.startswith("un") else stem + "e"


def _aspect(word: str) -> _Step:
    stem = word[:-3]
    if len(word) < 6 or not _has_vowel(stem):
        return word
    yield from _with_e_or_plain(stem)
    if _is_doubled(stem):
        return stem
    last = len(stem) - 1
    return stem if last and _is_consonant(stem, last) and _is_consonant(stem, last - 1) else stem + "e"


def _ity(word: str) -> _Step:
    stem = word[:-3]
    yield stem
    yield stem + "e"
    if stem.endswith("il"):
        return stem[:-2] + "le"
    return stem + "e" if stem.endswith("iv") else stem


def _ness(word: str) -> _Step:
    stem = word[:-4]
    yield from ()
    return stem[:-1] + "y" if stem[-1] == "i" else stem


def _ion(word: str) -> _Step:
    if word.endswith("ization") and len(word) > 7:
        return word[:-5] + "e"
    if word.endswith("ition") and len(word) > 5:
        yield word[:-5] + "e"
    elif word.endswith("ation") and len(word) > 5:
        yield word[:-3] + "e"
        yield word[:-5] + "e"
        yield word[:-5]
    if word.endswith("ication") and len(word) > 7:
        yield word[:-7] + "y"
    yield word[:-3] + "e"
    yield word[:-3]
    return word


def _er(word: str) -> _Step:
    if word.endswith("izer") and len(word) > 4:
        return word[:-1]
    stem = word[:-2]
    if _is_doubled(stem):
        yield stem[:-1]
    if stem[-1] == "i":
        yield stem[:-1] + "y"
    if stem[-1] == "e":
        yield stem[:-1]
    yield stem + ("e" if stem[-1] == "i" else word[-2])
    yield stem
    yield stem + "e"
    return word


def _ly(word: str) -> _Step:
    stem = word[:-2]
    yield stem + "le"
    yield stem
    if stem.endswith("ab"):
        return stem + "le"
    if stem[-1] == "i":
        yield stem[:-1] + "y"
    return stem


def _al(word: str) -> _Step:
    stem = word[:-2]
    if len(word) < 4:
        return word
    yield from _plain_or_with_e(stem)
    yield stem + "um"
    if stem.endswith("ic"):
        yield stem[:-2]
        yield stem[:-2] + "y"
        return stem
    if stem[-1] == "i":
        yield stem[:-1]
    return word


def _ive(word: str) -> _Step:
    stem = word[:-3]
    yield stem
    yield stem + "e"
    if stem.endswith("at"):
        yield stem[:-2] + "e"
        yield stem[:-2]
    yield stem + "ion"
    return word


def _ize(word: str) -> _Step:
    yield from _plain_or_with_e(word[:-3])
    return word


def _ment(word: str) -> _Step:
    yield word[:-4]
    return word


def _ble(word: str) -> _Step:
    if word[-4] not in "ai":
        return word
    yield from _plain_or_with_e(word[:-4])
    yield word[:-4] + "ate"
    return word


def _ism(word: str) -> _Step:
    yield from ()
    return word[:-3]


def _ic(word: str) -> _Step:
    stem = word[:-2]
    yield word + "al"
    yield stem + "y"
    yield stem + "e"
    yield stem
    return word


def _ncy(word: str) -> _Step:
    if word[-4] not in "ea":
        return word
    yield word[:-2] + "t"
    return word[:-1] + "e"


def _nce(word: str) -> _Step:
    if word[-4] in "ea":
        yield word[:-4] + "e"
        yield word[:-4]
    return word


_STEPS: Sequence[tuple[tuple[str, ...], Callable[[str], _Step]]] = (
    (("s",), _plural),
    (("ed",), _past),
    (("ing",), _aspect),
    (("ity",), _ity),
    (("ness",), _ness),
    (("ion",), _ion),
    (("er", "or"), _er),
    (("ly",), _ly),
    (("al",), _al),
    (("ive",), _ive),
    (("ize",), _ize),
    (("ment",), _ment),
    (("ble",), _ble),
    (("ism",), _ism),
    (("ic",), _ic),
    (("ncy",), _ncy),
    (("nce",), _nce),
)
"""By the endings that a step is for; a word that is such an ending stays."""
