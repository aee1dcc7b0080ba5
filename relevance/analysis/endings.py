"""Endings that stemmers take away, step by step: the tables of `endings.txt`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class _Rule:
    """Endings of which the first that fits a word is removed.

    Attributes:
        endings: as texts.
        behind: letters of which one stands before each of them, with `^` in front none; "" where any may.
        least: letters that have to stay.
        replacement: what stands in the place of the ending.
        exceptions: words, or ends of them, that stay.
    """

    endings: tuple[str, ...]
    behind: tuple[str, ...]
    least: int
    replacement: str
    exceptions: tuple[str, ...]

    def stems(self, word: str) -> Iterator[str]:
        """What stays of a word that has one of the endings, by each of them."""
        for ending, letters in zip(self.endings, self.behind, strict=True):
            stem = word[: len(word) - len(ending)]
            if word.endswith(ending) and len(stem) >= self.least:
                is_behind = (stem[-1:] in letters) != letters.startswith("^")
                if is_behind or not letters:
                    yield stem


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
class Step:
    """Rules of which the first that fits a word is applied."""

    least: int
    exceptions_are_words: bool
    endings: tuple[str, ...]
    rules: Sequence[_Rule]
    returns: Sequence[_Return]

    def applied(self, word: str) -> str | None:
        """The word without its ending; None where no rule fits."""
        if len(word) < self.least or not word.endswith(self.endings):
            return None
        for rule in self.rules:
            for stem in rule.stems(word) if word.endswith(rule.endings) else ():
                if word in rule.exceptions if self.exceptions_are_words else word.endswith(rule.exceptions):
                    continue
                back = next((one.text for one in self.returns if one.fits(stem)), "")
                return stem + (rule.replacement or back)
        return None

    def __call__(self, word: str) -> str:
        """Give the word without its ending, or as it is."""
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
def step(name: str) -> Step:
    """Give a step of a stemmer: `galician plural`."""
    head, *rows = _blocks()[name]
    rules: list[_Rule] = []
    returns: list[_Return] = []
    for row in rows:
        if row.startswith("+"):
            text, how, *stems = row[1:].split()
            returns.append(_Return(text.strip("-"), how, tuple(stems)))
        else:
            ends, least, replacement, *exceptions = row.split()
            pairs = [end.removeprefix("(").rpartition(")") for end in ends.split(",")]
            endings, behind = tuple(end for *_, end in pairs), tuple(letters for letters, *_ in pairs)
            rules.append(_Rule(endings, behind, int(least), replacement.strip("-"), tuple(exceptions)))
    least, how, *only = head.split()
    every = (ending for rule in rules for ending in rule.endings)
    return Step(int(least), how == "whole", tuple(only or every), rules, returns)


@cache
def steps(stemmer: str) -> Sequence[Step]:
    """Give the steps of a stemmer in their order, or the one of that name."""
    return tuple(step(name) for name in _blocks() if f"{name} ".startswith(f"{stemmer} "))


def without_endings(stemmer: str, word: str) -> str:
    """Take the steps of a stemmer, one behind the other."""
    for each in steps(stemmer):
        word = each(word)
    return word


@cache
def words(name: str) -> frozenset[str]:
    """Give a list of words that stands among the steps."""
    return frozenset(_blocks()[name][1].split())
