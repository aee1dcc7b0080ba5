"""Queries without queries inside: terms, sets of terms, ranges."""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from relevance.engines.embedded.bodies.fields import NumberIndex, TermIndex
from relevance.engines.embedded.bodies.hits import NO_DOCS, NONE, Hits, Ints, constant
from relevance.engines.embedded.bodies.nodes import DisMax, Explanation, MatchAll, MatchNone, Node, boosted
from relevance.engines.embedded.bodies.words import NotPlannedError, Unknown, UnknownWord
from relevance.errors import InputError, NotInterpretedError
from relevance.values import date_of, decimal_of, exact_of, in_range, rounded, text_of, units

_LOOKS_LATE = 9
"""The release from which on Lucene counts clauses before it looks for terms that fit a pattern or a range."""

if TYPE_CHECKING:
    from collections.abc import Callable

    from relevance.engines.embedded.bodies.levels import Level, Levels
    from relevance.schema import Field


@dataclass(frozen=True)
class Term(Node):
    """A term of a text or keyword field, scored by the field's similarity.

    Attributes:
        df: in how many documents it is taken to be, where that is not counted; equal terms are equal all the same.
    """

    path: str
    term: str
    df: int | Share | None = field(default=None, compare=False)

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        del among
        term, df = level.catalogue.spelt(self.term), self.df
        if isinstance(df, Share):
            df = df.df(level.catalogue)
        key = (level.path, self.path, term, df, boost)
        known = level.catalogue.remembered.get(key)
        if known is None:
            known = self._scored(level, term, df, boost)
            level.catalogue.remember(key, known)
        return known

    def _scored(self, level: Level, term: str, df: int | None, boost: np.float32) -> Hits:
        index = level.terms(self.path)
        number = None if index is None else index.number(term)
        if index is None or number is None:
            return NONE
        docs, freqs = index.postings(number)
        idf = index.idf(index.df(number) if df is None else df)
        return Hits(docs, index.score(docs, freqs, boost, idf))

    def docs(self, level: Level, among: Ints | None = None) -> Ints:
        del among
        index = level.terms(self.path)
        number = None if index is None else index.number(level.catalogue.spelt(self.term))
        return NO_DOCS if index is None or number is None else index.postings(number)[0]

    def weighs_otherwise(self, other: Node, level: Level) -> bool:
        if not isinstance(other, Term) or self.df == other.df:
            return False
        if isinstance(self.df, Share) or isinstance(other.df, Share):
            raise NotPlannedError
        index = level.catalogue.terms(self.path)
        number = None if index is None else index.number(self.term)
        counted = 0 if index is None or number is None else index.df(number)
        return (self.df or counted) != (other.df or counted)

    def explain(self, level: Level, doc: int, boost: np.float32) -> Explanation | None:
        index = level.terms(self.path)
        df = self.df.df(level.catalogue) if isinstance(self.df, Share) else self.df
        return None if index is None else explained(self, index, (self.term,), df, level, doc, boost)

    def __str__(self) -> str:
        return f"{self.path}:{self.term}"


def explained(  # noqa: PLR0913, PLR0917 - what makes a score
    node: Node, index: TermIndex, terms: tuple[str, ...], df: int | None, level: Level, doc: int, boost: np.float32
) -> Explanation | None:
    """Say what made the score of a term or of synonyms, as Elasticsearch does."""
    score = node.hits(level, boost).at(doc)
    if score is None:
        return None
    freq, most = 0, 0
    for term in terms:
        number = index.number(term)
        if number is not None:
            docs, freqs = index.postings(number)
            freq += int(freqs[docs == doc].sum())
            most = max(most, index.df(number))
    similarity = index.field.similarity.type
    idf = index.idf(most if df is None else df)
    weight = index.weight(boost, idf)
    parts = [("boost", boost), ("idf", idf), ("tf", score / weight if weight else np.float32(0))]
    details: list[Explanation] = [{"value": float(value), "description": name, "details": []} for name, value in parts]
    details[0]["value"] = float(boost if similarity == "boolean" else weight / idf if idf else boost)
    if similarity == "BM25":
        details[1]["description"] = (
            f"idf, log(1 + (N - n + 0.5) / (n + 0.5)), n={most if df is None else df} N={index.doc_count}"
        )
        details[2]["description"] = f"tf, freq={float(freq)}"
    return {
        "value": float(score),
        "description": f"weight({node} in {doc}) [{similarity}], freq={float(freq)}, boost * idf * tf",
        "details": details if similarity == "BM25" else details[:1],
    }


@dataclass(frozen=True)
class Synonym(Node):
    """Terms at one place: their frequencies add up, and the most frequent one says how rare they are."""

    path: str
    terms: tuple[str, ...]

    def rewritten(self, level: Level) -> Node:
        del level
        if not self.terms:
            return MatchNone()
        return Term(self.path, self.terms[0]) if len(self.terms) == 1 else self

    def _held(self, level: Level) -> list[int]:
        index, spelt = level.terms(self.path), level.catalogue.spelt
        numbers = [] if index is None else [index.number(spelt(term)) for term in self.terms]
        return [number for number in numbers if number is not None]

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        del among
        index = level.terms(self.path)
        numbers = self._held(level)
        if index is None or not numbers:
            return NONE
        postings = [index.postings(number) for number in numbers]
        docs, places = np.unique(np.concatenate([docs for docs, _ in postings]), return_inverse=True)
        freqs = np.bincount(places, weights=np.concatenate([freqs for _, freqs in postings]), minlength=len(docs))
        idf = index.idf(max(index.df(number) for number in numbers))
        return Hits(docs, index.score(docs, freqs, boost, idf))

    def is_live(self, level: Level) -> bool:
        return bool(self._held(level))

    def docs(self, level: Level, among: Ints | None = None) -> Ints:
        del among
        index = level.terms(self.path)
        return NO_DOCS if index is None else index.docs_of(np.array(self._held(level), dtype=np.int64))

    def explain(self, level: Level, doc: int, boost: np.float32) -> Explanation | None:
        index = level.terms(self.path)
        return None if index is None else explained(self, index, self.terms, None, level, doc, boost)

    def __str__(self) -> str:
        return f"Synonym({' '.join(f'{self.path}:{term}' for term in self.terms)})"


@dataclass(frozen=True)
class Blended(Node):
    """One word in several fields, about as rare in each: fields, terms and boosts."""

    terms: tuple[tuple[str, str, float], ...]
    tie: float

    def rewritten(self, level: Level) -> Node:
        dfs: list[Any] = (
            [Share(self, at) for at in range(len(self.terms))] if self.varies else self.dfs(level.catalogue)
        )
        nodes = [boosted(Term(path, term, df), boost) for (path, term, boost), df in zip(self.terms, dfs, strict=True)]
        return DisMax(tuple(nodes), self.tie)

    def dfs(self, levels: Levels) -> list[int | None]:
        """In how many documents the word is taken to be in each field; None: it is counted."""
        columns = [levels.terms(path) for path, _, _ in self.terms]
        dfs: list[int | None] = []
        for column, (_, term, _) in zip(columns, self.terms, strict=True):
            number = None if column is None else column.number(levels.spelt(term))
            dfs.append(None if column is None or number is None else column.df(number))
        held = sorted(
            ((df, column, at) for at, (df, column) in enumerate(zip(dfs, columns, strict=True)) if df and column),
            key=lambda one: -one[0],
        )
        if len(dfs) > 1 and held:
            limit = min(column.total_tokens for _, column, _ in held)
            before = held[0][0]
            blended = min(limit, before)
            for df, column, at in held:
                blended += df < before
                before = df
                dfs[at] = min(limit, blended, column.doc_count)
        return dfs

    def __str__(self) -> str:
        return f"Blended({' '.join(f'{path}:{term}' for path, term, _ in self.terms)})"


class Share(NamedTuple):
    """The part of a word that is not known yet: of which it is one, and its number there."""

    blended: Blended
    at: int

    def df(self, levels: Levels) -> int | None:
        """In how many documents it is taken to be."""
        key = (self.blended, *(levels.spelt(term) for _, term, _ in self.blended.terms))
        dfs = levels.blended.get(key)
        if dfs is None:
            dfs = levels.blended[key] = self.blended.dfs(levels)
        return dfs[self.at]


class Matching(Node):
    """A query whose score is its boost."""

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        return constant(self.docs(level, among), boost)

    def docs(self, level: Level, among: Ints | None = None) -> Ints:
        del among
        node = self.spelt(level.catalogue) if self.varies else self
        key = (node, level.path)
        known = level.catalogue.remembered.get(key)
        if known is None:
            known = constant(node.find(level), np.float32(1))
            level.catalogue.remember(key, known)
        return known.docs

    def spelt(self, levels: Levels) -> Matching:
        """The same with the words of the query that is asked."""
        del levels
        return self

    def find(self, level: Level) -> Ints:
        """Find the documents, ascending."""
        raise NotImplementedError


@dataclass(frozen=True)
class AnyTerm(Matching):
    """Any of some terms of a text or keyword field."""

    path: str
    terms: frozenset[str]

    def spelt(self, levels: Levels) -> AnyTerm:
        return AnyTerm(self.path, frozenset(map(levels.spelt, self.terms)))

    def find(self, level: Level) -> Ints:
        index = level.terms(self.path)
        if index is None:
            return NO_DOCS
        numbers = [number for term in self.terms if (number := index.number(term)) is not None]
        return index.docs_of(np.array(numbers, dtype=np.int64))

    def __str__(self) -> str:
        return f"{self.path}:({' '.join(sorted(self.terms))})"


@dataclass(frozen=True)
class AnyNumber(Matching):
    """Any of some values of a field of numbers."""

    path: str
    numbers: frozenset[float]

    def find(self, level: Level) -> Ints:
        column = level.field(self.path)
        if not isinstance(column, NumberIndex):
            return NO_DOCS
        numbers = np.array(sorted(self.numbers), dtype=column.values.dtype)
        return column.docs_where(np.isin(column.values, numbers))

    def is_live(self, level: Level) -> bool:
        column = level.field(self.path)
        if not isinstance(column, NumberIndex) or column.ends is None:
            return False
        if len(self.numbers) > 1 and level.catalogue.release < _LOOKS_LATE:
            return True
        return column.ends[0] <= max(self.numbers) and min(self.numbers) <= column.ends[1]

    def __str__(self) -> str:
        return f"{self.path}:{{{' '.join(map(str, sorted(self.numbers)))}}}"


class _Looked(Matching):
    """Terms of a field that are looked up."""

    path: str

    def is_live(self, level: Level) -> bool:
        if level.catalogue.release < _LOOKS_LATE:
            return super().is_live(level)
        index = level.terms(self.path)
        return index is not None and len(index.terms) > 0


@dataclass(frozen=True)
class Beginning(_Looked):
    """Terms that begin with a text."""

    path: str
    term: str

    def spelt(self, levels: Levels) -> Beginning:
        return Beginning(self.path, levels.spelt(self.term))

    def find(self, level: Level) -> Ints:
        index = level.terms(self.path)
        return NO_DOCS if index is None else index.docs_of(np.array(index.run_of(self.term)))

    def __str__(self) -> str:
        return f"{self.path}:{self.term}*"


@dataclass(frozen=True)
class Pattern(_Looked):
    """Terms that fit a pattern: a regular expression, and letters that all of them begin with or hold inside."""

    path: str
    pattern: str
    start: str = ""
    text: str = ""
    inside: str = ""

    @cached_property
    def _fits(self) -> Any:
        return re.compile(self.pattern, re.DOTALL).fullmatch

    def find(self, level: Level) -> Ints:
        index = level.terms(self.path)
        if index is None:
            return NO_DOCS
        if self.inside and not self.start:
            numbers = index.around(self.inside)
        else:
            numbers = np.array(index.run_of(self.start), dtype=np.int64)
        if self.pattern != f"{re.escape(self.start)}.*":
            numbers = np.array(
                [number for number in numbers.tolist() if self._fits(index.terms[number])], dtype=np.int64
            )
        return index.docs_of(numbers)

    def __str__(self) -> str:
        return f"{self.path}:{self.text}"


def _letters(text: str, *, any_case: bool) -> str:
    """A regular expression for a text; only ASCII letters have a second case."""
    if not any_case:
        return re.escape(text)
    return "".join(
        f"[{sign.lower()}{sign.upper()}]" if sign.isascii() and sign.isalpha() else re.escape(sign) for sign in text
    )


def prefix(field: Field, text: Any, *, any_case: bool = False) -> Node:
    """Terms that begin with a text.

    Raises:
        NotInterpretedError: the server looks it up in an index of prefixes, which counts letters in another way.
    """
    if isinstance(text, UnknownWord) and (any_case or field.index_prefixes):
        raise NotPlannedError
    if field.index_prefixes and units(text) != len(text):
        raise NotInterpretedError(f"letters beyond U+FFFF in prefixes on the field {field.path!r} with index_prefixes")
    if not any_case:
        return Beginning(field.path, text)
    return Pattern(field.path, f"{_letters(text, any_case=True)}.*", "", f"{text}*")


NOTHING = "(?!)"
"""Fits no text."""


def in_any_case(path: str, term: str, text: str) -> Pattern:
    """Terms that are a text in any case; `text` is how it was written."""
    return Pattern(path, _letters(term, any_case=True), "", text)


def wildcard(path: str, text: str, *, any_case: bool = False) -> Pattern:
    """Terms that fit a pattern of Elasticsearch: `*` any letters, `?` one, a backslash before letters as they are."""
    if not text:  # no term, not even the empty one
        return Pattern(path, NOTHING, "", text)
    parts, runs, at = [], [""], 0
    while at < len(text):
        sign = text[at]
        if sign in "*?":
            parts.append(".*" if sign == "*" else ".")
            runs.append("")
        else:
            if sign == "\\" and at + 1 < len(text):
                at += 1
                sign = text[at]
            parts.append(_letters(sign, any_case=any_case))
            runs[-1] += sign
        at += 1
    return Pattern(path, "".join(parts), "" if any_case else runs[0], text, max(runs, key=len))


_SIGNS = re.compile(r"((?:\\.|[*?])+)", re.DOTALL)
"""What a normalizer leaves alone in a pattern."""


def wildcard_of(path: str, text: str, normalize: Callable[[str], str], *, any_case: bool = False) -> Pattern:
    """The same, where the letters between the signs are normalized."""
    pieces = _SIGNS.split(text)
    text = "".join(piece if at % 2 else normalize(piece) for at, piece in enumerate(pieces))
    return wildcard(path, text, any_case=any_case)


@dataclass(frozen=True)
class Range(Matching):
    """Values between two bounds; None is no bound."""

    path: str
    low: Any = None
    high: Any = None
    holds_low: bool = True
    holds_high: bool = True

    def find(self, level: Level) -> Ints:
        column = level.field(self.path)
        if isinstance(column, TermIndex):
            terms = column.terms
            first = 0 if self.low is None else (bisect_left if self.holds_low else bisect_right)(terms, self.low)
            last = len(terms)
            if self.high is not None:
                last = (bisect_right if self.holds_high else bisect_left)(terms, self.high)
            return column.docs_of(np.arange(first, max(first, last)))
        if not isinstance(column, NumberIndex):
            return NO_DOCS
        values = column.values
        flags = np.ones(len(values), dtype=np.bool_)
        if self.low is not None:
            flags &= values >= self.low if self.holds_low else values > self.low
        if self.high is not None:
            flags &= values <= self.high if self.holds_high else values < self.high
        return column.docs_where(flags)

    def is_live(self, level: Level) -> bool:
        column = level.field(self.path)
        if isinstance(column, TermIndex):
            return len(column.terms) > 0 if level.catalogue.release >= _LOOKS_LATE else super().is_live(level)
        if not isinstance(column, NumberIndex) or column.ends is None:
            return False
        least, most = column.ends
        is_below = self.low is None or (most >= self.low if self.holds_low else most > self.low)
        is_above = self.high is None or (least <= self.high if self.holds_high else least < self.high)
        return is_below and is_above

    def __str__(self) -> str:
        ends = ("[" if self.holds_low else "{", "]" if self.holds_high else "}")
        low, high = (int(end) if isinstance(end, float) and end.is_integer() else end for end in (self.low, self.high))
        return f"{self.path}:{ends[0]}{low} TO {high}{ends[1]}"


@dataclass(frozen=True)
class Exists(Matching):
    """Documents that have a value in any of some fields."""

    paths: tuple[str, ...]

    def find(self, level: Level) -> Ints:
        columns = [column for path in self.paths if (column := level.field(path)) is not None]
        return np.unique(np.concatenate([NO_DOCS, *(column.present for column in columns)]))

    def __str__(self) -> str:
        return f"exists({' '.join(self.paths)})"


@dataclass(frozen=True)
class Ids(Matching):
    """Documents by their ids."""

    ids: frozenset[str]

    def find(self, level: Level) -> Ints:
        if level.path:
            return NO_DOCS
        codes = level.catalogue.ids
        return np.array(sorted(codes[one] for one in self.ids if one in codes), dtype=np.int64)

    def __str__(self) -> str:
        return f"_id:({' '.join(sorted(self.ids))})"


def number_for(field: Field, value: Any, *, listed: bool = False) -> float | None:
    """Read a value of a query for a field of numbers; None where no document can hold it.

    Raises:
        InputError: it is none; or it is one of a list, where those out of range are refused.
    """
    number: float
    if field.type in ("double", "float", "half_float"):
        number = rounded(decimal_of(value, infinite=True), field)
        is_out = not math.isfinite(number)
    else:
        number = exact_of(value, field.type)
        if not math.isfinite(number) or number != int(number):
            return None
        number, is_out = int(number), not in_range(number, field)
    if is_out and listed:
        raise InputError(f"{value!r} is out of the range of {field.type}")
    return None if is_out else number


def truth_of(value: Any) -> int:
    """Read a truth value of a query: 1 or 0.

    Raises:
        InputError: it is none.
    """
    if text_of(value) not in ("true", "false"):
        raise InputError(f"{value!r} is no boolean; allowed: true, false")
    return int(text_of(value) == "true")


def value_query(levels: Levels, field: Field, value: Any) -> Node:
    """A field's exact value, as `term` and `match` look it up.

    Raises:
        InputError: the value is none of the field's type.
    """
    if isinstance(value, Unknown | UnknownWord):
        return _unknown_query(field, value)
    try:
        return _value_query(levels, field, value)
    except InputError as error:
        raise type(error)(f"field {field.path!r} ({field.kind or field.type}): {error}") from None


def _unknown_query(field: Field, value: Unknown | UnknownWord) -> Node:
    """A term that comes later; only a text field takes a word as it is."""
    is_plain = field.has_terms and field.value is None and not field.is_unscored
    if not is_plain or (isinstance(value, UnknownWord) and field.type != "text"):
        raise NotPlannedError
    word: Any = value.through(field.normalizer).word() if isinstance(value, Unknown) else value
    return Term(field.path, word)


def _value_query(levels: Levels, field: Field, value: Any) -> Node:
    if field.has_terms:
        term = keyword_of(levels, field, value)
        if field.value is not None:
            return MatchAll() if term == field.value else MatchNone()
        return AnyTerm(field.path, frozenset([term])) if field.is_unscored else Term(field.path, term)
    if field.type == "boolean":
        return Term(field.path, "FT"[truth_of(value)])
    if field.type == "date":
        return Range(field.path, date_of(field, value), date_of(field, value, round_up=True))
    if not field.is_number:
        raise InputError("it cannot be searched by value")
    number = number_for(field, value)
    return MatchNone() if number is None else AnyNumber(field.path, frozenset([number]))


def keyword_of(levels: Levels, field: Field, value: Any) -> Any:
    """Write a value as a keyword field holds it: a text, or a word that is not known."""
    if isinstance(value, Unknown):
        return value.through(field.normalizer).word()
    text = text_of(value)
    return levels.analysis.normalizer(field.normalizer)(text) if field.normalizer else text
