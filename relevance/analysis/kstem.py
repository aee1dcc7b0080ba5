"""Krovetz's stemmer: R. Krovetz, "Viewing morphology as an inference process" (1993).

An ending goes where a word of its list stays. Each step gives the words to look for, in order; the last of them is what
the word becomes when the list has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

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
            candidates = step(word)
            word = next((one for one in candidates if one in known.words), candidates[-1])
    return known.stems.get(word, word)


def _is_consonant(word: str, at: int) -> bool:
    if word[at] in "aeiou":
        return False
    return word[at] != "y" or at == 0 or not _is_consonant(word, at - 1)


def _has_vowel(word: str) -> bool:
    return not all(_is_consonant(word, at) for at in range(len(word)))


def _is_doubled(word: str) -> bool:
    return len(word) > 1 and word[-1] == word[-2] and _is_consonant(word, len(word) - 1)


def _plain_or_with_e(stem: str) -> list[str]:
    """A stem, one of its doubled letters less, an e more."""
    return [stem, *([stem[:-1]] if _is_doubled(stem) else []), stem + "e"]


def _with_e_or_plain(stem: str) -> list[str]:
    """A stem with an e, where that is no exception; without; one of its doubled letters less."""
    with_e = [stem + "e"] if stem + "e" not in _list().exceptions else []
    return [*with_e, stem, *([stem[:-1]] if _is_doubled(stem) else [])]


def _plural(word: str) -> list[str]:
    if word.endswith("ies") and len(word) > 3:
        return [word[:-1], word[:-3] + "y"]
    if word.endswith("es"):
        stem = word[:-2]
        is_plain = len(stem) > 1 and not stem.endswith("ss")
        return [*([stem + "e"] if is_plain else []), stem, stem + "e"]
    return [word[:-1] if len(word) > 3 and word[-2] != "s" and not word.endswith("ous") else word]


def _past(word: str) -> list[str]:
    stem = word[:-2]
    if len(word) > 4 and word.endswith("ied"):
        return [word[:-1], word[:-3] + "y"]
    if len(word) < 5 or not _has_vowel(stem):
        return [word]
    otherwise = word if word.startswith("un") else stem + "e"
    return [*_with_e_or_plain(stem), stem if _is_doubled(stem) else otherwise]


def _aspect(word: str) -> list[str]:
    stem = word[:-3]
    if len(word) < 6 or not _has_vowel(stem):
        return [word]
    last = len(stem) - 1
    ends_hard = last > 0 and _is_consonant(stem, last) and _is_consonant(stem, last - 1)
    return [*_with_e_or_plain(stem), stem if _is_doubled(stem) or ends_hard else stem + "e"]


def _ity(word: str) -> list[str]:
    stem = word[:-3]
    if stem.endswith("il"):
        return [stem, stem + "e", stem[:-2] + "le"]
    return [stem, stem + "e", stem + "e" if stem.endswith("iv") else stem]


def _ness(word: str) -> list[str]:
    stem = word[:-4]
    return [stem[:-1] + "y" if stem[-1] == "i" else stem]


def _ion(word: str) -> list[str]:
    size = len(word)
    if word.endswith("ization") and size > 7:
        return [word[:-5] + "e"]
    candidates: list[str] = []
    if word.endswith("ition") and size > 5:
        candidates += [word[:-5] + "e"]
    elif word.endswith("ation") and size > 5:
        candidates += [word[:-3] + "e", word[:-5] + "e", word[:-5]]
    if word.endswith("ication") and size > 7:
        candidates += [word[:-7] + "y"]
    return [*candidates, word[:-3] + "e", word[:-3], word]


def _er(word: str) -> list[str]:
    if word.endswith("izer") and len(word) > 4:
        return [word[:-1]]
    stem = word[:-2]
    candidates = [stem[:-1]] if _is_doubled(stem) else []
    if stem[-1] == "i":
        return [*candidates, stem[:-1] + "y", stem + "e", stem, word]
    candidates += [stem[:-1]] if stem[-1] == "e" else []
    return [*candidates, stem + word[-2], stem, stem + "e", word]


def _ly(word: str) -> list[str]:
    stem = word[:-2]
    if stem.endswith("ab"):
        return [stem + "le", stem, stem + "le"]
    return [stem + "le", stem, *([stem[:-1] + "y"] if stem[-1] == "i" else []), stem]


def _al(word: str) -> list[str]:
    stem = word[:-2]
    if len(word) < 4:
        return [word]
    candidates = [*_plain_or_with_e(stem), stem + "um"]
    if stem.endswith("ic"):
        return [*candidates, stem[:-2], stem[:-2] + "y", stem]
    return [*candidates, *([stem[:-1]] if stem[-1] == "i" else []), word]


def _ive(word: str) -> list[str]:
    stem = word[:-3]
    without_at = [stem[:-2] + "e", stem[:-2]] if stem.endswith("at") else []
    return [stem, stem + "e", *without_at, stem + "ion", word]


def _ize(word: str) -> list[str]:
    return [*_plain_or_with_e(word[:-3]), word]


def _ment(word: str) -> list[str]:
    return [word[:-4], word]


def _ble(word: str) -> list[str]:
    stem = word[:-4]
    return [*_plain_or_with_e(stem), stem + "ate", word] if word[-4] in "ai" else [word]


def _ism(word: str) -> list[str]:
    return [word[:-3]]


def _ic(word: str) -> list[str]:
    stem = word[:-2]
    return [word + "al", stem + "y", stem + "e", stem, word]


def _ncy(word: str) -> list[str]:
    return [word[:-2] + "t", word[:-1] + "e"] if word[-4] in "ea" else [word]


def _nce(word: str) -> list[str]:
    return [word[:-4] + "e", word[:-4], word] if word[-4] in "ea" else [word]


_STEPS: Sequence[tuple[tuple[str, ...], Callable[[str], list[str]]]] = (
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
