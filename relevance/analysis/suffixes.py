"""Stemmers whose endings stand in `endings.txt`, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from relevance.analysis.light_stemmers import PLAIN_VOWELS
from relevance.analysis.tokenizers import is_letter
from relevance.analysis.tokens import units


@dataclass(frozen=True)
class _Rule:
    endings: Sequence[str]
    least: int
    replacement: str
    exceptions: tuple[str, ...]


@dataclass(frozen=True)
class _Return:
    """What is put back behind the letters that stay."""

    text: str
    how: str
    stems: tuple[str, ...]

    def fits(self, stem: str) -> bool:
        if self.how == "whole":
            return stem in self.stems
        return stem.endswith(self.stems) == (self.how == "ends")


@dataclass(frozen=True)
class _Step:
    """Rules of which the first that fits a word is applied."""

    least: int
    exceptions_are_words: bool
    endings: tuple[str, ...]
    rules: list[_Rule] = field(default_factory=list)
    returns: list[_Return] = field(default_factory=list)

    def applied(self, word: str) -> str | None:
        """The word without its ending; None where no rule fits."""
        if len(word) < self.least or (self.endings and not word.endswith(self.endings)):
            return None
        for rule in self.rules:
            for ending in rule.endings:
                if not word.endswith(ending) or len(word) - len(ending) < rule.least:
                    continue
                if word in rule.exceptions if self.exceptions_are_words else word.endswith(rule.exceptions):
                    continue
                stem = word[: len(word) - len(ending)]
                back = next((one.text for one in self.returns if one.fits(stem)), "")
                return stem + (rule.replacement or back)
        return None

    def __call__(self, word: str) -> str:
        stem = self.applied(word)
        return word if stem is None else stem


@cache
def _blocks() -> Mapping[str, list[str]]:
    text = resources.files(__package__).joinpath("endings.txt").read_text(encoding="utf-8")
    blocks: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            name, _, head = line[1:].partition("]")
            rows = blocks.setdefault(name, [head.strip()])
        elif not line.startswith("#"):
            rows.append(line)
    return blocks


@cache
def _step(name: str) -> _Step:
    head, *rows = _blocks()[name]
    least, how, *endings = head.split()
    step = _Step(int(least), how == "whole", tuple(endings))
    for row in rows:
        if row.startswith("+"):
            text, how, *stems = row[1:].split()
            step.returns.append(_Return(text.strip("-"), how, tuple(stems)))
        else:
            ends, least, replacement, *exceptions = row.split()
            step.rules.append(_Rule(ends.split(","), int(least), replacement.strip("-"), tuple(exceptions)))
    return step


_PORTUGUESE = str.maketrans("àáâãäåçèéêëìíîïñòóôõöùúûüýÿ", "aaaaaaceeeeiiiinooooouuuuyy")


def portuguese_rslp(word: str) -> str:
    """Remove endings of number, gender, size, nouns and verbs."""
    for name in ("plural", "adverb", "feminine", "augmentative"):
        word = _step(f"portuguese_rslp {name}")(word)
    for name in ("noun", "verb", "vowel"):
        stem = _step(f"portuguese_rslp {name}")(word)
        if len(stem) != len(word):
            word = stem
            break
        word = stem
    return word.translate(_PORTUGUESE)


_GALICIAN = str.maketrans("áéêíóú", "aeeiou")


def galician(word: str) -> str:
    """Remove endings of number, size, nouns and verbs."""
    for name in ("plural", "unification", "adverb"):
        word = _step(f"galician {name}")(word)
    smaller = ""
    while len(smaller) != len(word):
        smaller, word = word, _step("galician augmentative")(word)
    stem = _step("galician noun")(word)
    if len(stem) == len(word):
        stem = _step("galician verb")(stem)
    return _step("galician vowel")(stem).translate(_GALICIAN)


def greek(word: str) -> str:
    """Remove endings of a word in lower case without accents."""
    if len(word) < 4:
        return word
    *steps, long_list, comparison = (name for name in _blocks() if name.startswith("greek "))
    stem = word
    for name in steps:
        stem = _step(name)(stem)
    if len(stem) == len(word):
        stem = _step(long_list)(stem)
    return _step(comparison)(stem)


_BRAZILIAN = str.maketrans("áâãéêíóôõúüçñ", "aaaeeiooouucn")


def brazilian(word: str) -> str:
    """Remove endings of nouns and verbs, of words of letters alone."""
    stem = word.lower().translate(_BRAZILIAN)
    if len(stem) > 1 and stem[0] in "\"'-,;.?!":
        stem = stem[1:]
    if len(stem) > 1 and stem[-1] in "-,;.?!'\"":
        stem = stem[:-1]
    if not 2 < units(stem) < 30:
        return word
    return _brazilian(stem) if all(is_letter(sign) and sign <= "\uffff" for sign in stem) else stem


def _brazilian(stem: str) -> str:
    first = _behind_consonant(stem)
    region = _verbal_region(stem)
    changed = _brazilian_noun(stem, first, _behind_consonant(first), region)
    if changed is None:
        changed = _in_region(_step("brazilian verbs"), stem, region)
    if changed is not None:
        stem = changed.removesuffix("i") if region.endswith("ci") else changed
    else:
        ending = next((one for one in ("os", "a", "i", "o") if region.endswith(one)), "")
        stem = stem.removesuffix(ending)
    if region.endswith("e"):
        stem = stem.removesuffix("e")
        stem = stem.removesuffix(region[-2]) if region.endswith(("gue", "cie")) else stem
    return stem


def _brazilian_noun(stem: str, first: str, second: str, region: str) -> str | None:
    if first.endswith("amente"):
        return stem[:-6]
    changed = _in_region(_step("brazilian nouns"), stem, second)
    if changed is None and region.endswith(("iras", "ira")) and stem.endswith(("eiras", "eira")):
        changed = stem.removesuffix("s")[:-1]
    return changed


def _in_region(step: _Step, stem: str, region: str) -> str | None:
    changed = step.applied(region)
    return None if changed is None else stem[: len(stem) - len(region)] + changed


def _behind_consonant(word: str) -> str:
    """What follows the first consonant behind a vowel, where that is not the last letter."""
    last = len(word) - 1
    at = next((at for at in range(last) if word[at] in "aeiou"), last)
    at = next((at for at in range(at, last) if word[at] not in "aeiou"), last)
    return word[at + 1 :]


def _verbal_region(word: str) -> str:
    last = len(word) - 1
    if word[1] not in "aeiou" or word[0] in "aeiou":
        to_vowel = word[1] not in "aeiou"
        for at in range(2, last):
            if (word[at] in "aeiou") == to_vowel:
                return word[at + 1 :]
    return word[3:]


def _by(name: str) -> Callable[[str], str]:
    return lambda word: _step(name)(word)  # noqa: PLW0108 - the table is read when it is first needed


def spanish_plural(word: str) -> str:
    """Remove endings of number."""
    if len(word) < 4:
        return word
    word = word.translate(PLAIN_VOWELS)
    if word.lower() in _words("spanish_plural invariant"):
        return word
    if word.lower() in _words("spanish_plural special"):
        return word[:-2]
    return _spanish_singular(word) if word[-1] == "s" else word


@cache
def _words(name: str) -> frozenset[str]:
    return frozenset(_blocks()[name][1].split())


def _spanish_singular(word: str) -> str:
    fourth, third, second = word[-4], word[-3], word[-2]
    if second not in "aeiou" or fourth == "q" or (fourth == "g" and third == "u" and second in "ie"):
        return word[:-1]
    if second == "e" and (
        (fourth in "aeiou" and third in "rdlnx") or third in "yus" or (fourth in "ulrtn" and third == "i")
    ):
        return word[:-2]
    if second == "i" and third in "aeioud":
        return word[:-2] + "y"
    return word[:-3] + "z" if third == "c" and second == "e" else word[:-1]


def sorani(word: str) -> str:
    """Remove postpositions, possessives, articles and endings of number."""
    for name in ("postposition", "possessive", "article"):
        word = _step(f"sorani {name}")(word)
    return word


SUFFIXES: dict[str, Callable[[str], str]] = {
    "bengali": _by("bengali endings"),
    "brazilian": brazilian,
    "galician": galician,
    "greek": greek,
    "hindi": _by("hindi endings"),
    "minimal_galician": _by("galician plural"),
    "minimal_portuguese": _by("portuguese_rslp plural"),
    "portuguese_rslp": portuguese_rslp,
    "sorani": sorani,
    "spanish_plural": spanish_plural,
}
