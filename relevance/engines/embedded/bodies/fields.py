"""The fields of an index as arrays, and how Lucene scores their terms.

BM25 is that of Lucene with the factor k1 + 1 that Elasticsearch keeps. Every operation is one of float32 in Lucene's
order unless a line says otherwise: a rearrangement changes last bits.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.engines.embedded.bodies.edits import Spellings
from relevance.engines.embedded.bodies.hits import ONE, Floats, Ints
from relevance.engines.embedded.engine import length_factors, offsets_of, quantized, rarity
from relevance.errors import InputError
from relevance.values import number_of, text_of, units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from relevance.analysis.tokens import Stream
    from relevance.engines.embedded.bodies.documents import Values
    from relevance.schema import Field, Similarity

POSITION_BITS = 20
"""A place is `doc << POSITION_BITS | position`."""


class TermIndex:
    """The postings of a text or keyword field.

    Args:
        field: the field.
        size: documents of its level.
        terms: shape (tokens,): the term of each, as a number in the order of UTF-8.
        docs: shape (tokens,): the document of each.
        places: shape (tokens,): the position of each in its document; None where they are not kept.
        overlaps: shape (tokens,): whether a token stands at the position of the one before it.
        names: the terms in the order of UTF-8.
        present: documents that have a value.
    """

    def __init__(  # noqa: PLR0913 - the columns of a table
        self,
        field: Field,
        size: int,
        *,
        terms: Ints,
        docs: Ints,
        places: Ints | None,
        overlaps: npt.NDArray[np.bool_],
        names: Sequence[str],
        present: Ints,
    ) -> None:
        self.field = field
        self.terms = names
        self.present = present
        self._size = size
        keys, counts = np.unique(terms * np.int64(max(size, 1)) + docs, return_counts=True)
        of_term, self._docs = np.divmod(keys, max(size, 1))
        self._starts = offsets_of(np.bincount(of_term, minlength=len(names)))
        has_freqs = field.index_options != "docs"
        self._freqs = counts.astype(np.int32) if has_freqs else np.ones(len(keys), dtype=np.int32)
        similarity = field.similarity
        if not has_freqs:
            lengths = np.bincount(self._docs, minlength=size)
        elif field.type == "keyword":
            lengths = 2 * np.bincount(docs, minlength=size)  # Lucene counts a term that is not analyzed twice
        elif similarity.discount_overlaps:
            lengths = np.bincount(docs[~overlaps], minlength=size)
        else:
            lengths = np.bincount(docs, minlength=size)
        self.total_tokens = len(terms) if has_freqs else len(keys)
        self.doc_count = len(np.unique(docs))
        self._norms = self._norm_factors(lengths)
        self._places, self._place_starts = None, None
        if places is not None:
            order = np.lexsort((places, docs, terms))
            self._places = (docs << POSITION_BITS | places)[order]
            self._place_starts = offsets_of(np.bincount(terms, minlength=len(names)))

    @cached_property
    def spellings(self) -> Spellings:
        """The terms, laid out so that those near a word are found at once."""
        return Spellings(self.terms)

    @property
    def has_positions(self) -> bool:
        """Whether phrases can be searched."""
        return self.field.index_options in ("positions", "offsets") and self.field.type == "text"

    def number(self, term: str) -> int | None:
        """Look a term up."""
        at = bisect_left(self.terms, term)
        return at if at < len(self.terms) and self.terms[at] == term else None

    def beginning_with(self, beginning: str) -> Iterator[str]:
        """The terms that begin with a text, in their order."""
        for number in range(bisect_left(self.terms, beginning), len(self.terms)):
            if not self.terms[number].startswith(beginning):
                return
            yield self.terms[number]

    def df(self, number: int) -> int:
        """Count the documents that hold a term."""
        return int(self._starts[number + 1] - self._starts[number])

    def postings(self, number: int) -> tuple[Ints, npt.NDArray[np.int32]]:
        """Find the documents that hold a term, and how often each does."""
        run = slice(self._starts[number], self._starts[number + 1])
        return self._docs[run], self._freqs[run]

    def numbers_of_docs(self, *, highest: bool = False) -> Ints:
        """The lowest or highest term of each document; -1 where it has none."""
        numbers = np.full(self._size, -1, dtype=np.int64)
        terms = np.repeat(np.arange(len(self.terms)), np.diff(self._starts))
        way = slice(None) if highest else slice(None, None, -1)  # the last one to be written stays
        numbers[self._docs[way]] = terms[way]
        return numbers

    def docs_of(self, numbers: Ints) -> Ints:
        """Find the documents that hold any of some terms."""
        if not len(numbers):
            return np.empty(0, dtype=np.int64)
        return np.unique(np.concatenate([self.postings(int(number))[0] for number in numbers]))

    def positions(self, number: int) -> Ints:
        """Find the places of a term, ascending: `doc << POSITION_BITS | position`."""
        if self._places is None or self._place_starts is None:
            raise InputError(f"field {self.field.path!r} is indexed without positions: phrases cannot be searched")
        return self._places[self._place_starts[number] : self._place_starts[number + 1]]

    def idf(self, df: int) -> np.float32:
        """How rare a term is that so many documents hold."""
        return np.float32(rarity(self.doc_count, df))

    def weight(self, boost: np.float32, idf: np.float32) -> np.float32:
        """What a term would score at best."""
        if self.field.similarity.type == "boolean":
            return boost
        return boost * (ONE + np.float32(self.field.similarity.k1)) * idf

    def score(self, docs: Ints, freqs: npt.NDArray[Any], boost: np.float32, idf: np.float32) -> Floats:
        """Score documents that hold a term, or a phrase, so many times."""
        weight = self.weight(boost, idf)
        if self.field.similarity.type == "boolean":
            return np.full(len(docs), weight, dtype=np.float32)
        return weight - weight / (ONE + freqs.astype(np.float32) * self._norms[docs])

    def _norm_factors(self, lengths: Ints) -> Floats:
        similarity: Similarity = self.field.similarity
        k1, b = np.float32(similarity.k1), np.float32(similarity.b)
        average = np.float32(self.total_tokens / self.doc_count) if self.doc_count else ONE  # divided in float64
        kept = quantized(lengths) if self.field.norms else np.ones(self._size, dtype=np.float32)
        with np.errstate(divide="ignore"):
            return length_factors(kept, average, k1, b)


def _numbered(tokens: list[str]) -> tuple[Ints, list[str]]:
    """Number tokens in the order of their terms, which is that of their code points and of UTF-8."""
    first: dict[str, int] = {}
    met = np.fromiter((first.setdefault(token, len(first)) for token in tokens), dtype=np.int64, count=len(tokens))
    names = sorted(first)
    ranks = np.empty(len(names), dtype=np.int64)
    ranks[[first[name] for name in names]] = np.arange(len(names))
    return ranks[met], names


def text_index(field: Field, size: int, held: Values, analyze: Callable[[str], Stream], gap: int) -> TermIndex:
    """Index a text field: every value is analyzed, `gap` positions lie between two values of a document."""
    tokens: list[str] = []
    steps: list[int] = []
    docs, lengths, bases = [], [], []
    last = position = -1
    memory: dict[str, Stream] = {}
    for doc, value in zip(held.docs, held.values, strict=True):
        if value is None:
            continue
        if doc != last:
            last, position = doc, -1
        text = text_of(value)
        stream = memory.get(text)
        if stream is None:
            stream = memory[text] = analyze(text)
        steps_here = [token.step for token in stream.tokens]
        tokens += [token.term for token in stream.tokens]
        steps += steps_here
        docs.append(doc)
        lengths.append(len(steps_here))
        bases.append(position)
        position += sum(steps_here) + stream.rest + gap
    terms, names = _numbered(tokens)
    step = np.array(steps, dtype=np.int64)
    walked = np.cumsum(step)
    begun = np.concatenate([[0], walked])[offsets_of(np.array(lengths, dtype=np.int64))[:-1]]
    has_positions = field.index_options in ("positions", "offsets")
    return TermIndex(
        field,
        size,
        terms=terms,
        docs=np.repeat(np.array(docs, dtype=np.int64), lengths),
        places=walked + np.repeat(np.array(bases, dtype=np.int64) - begun, lengths) if has_positions else None,
        overlaps=step == 0,
        names=names,
        present=np.unique(np.array(docs, dtype=np.int64)),
    )


def keyword_index(field: Field, size: int, held: Values, normalize: Callable[[str], str]) -> TermIndex:
    """Index a keyword field."""
    pairs: list[tuple[int, str]] = []
    for doc, value in zip(held.docs, held.values, strict=True):
        text = field.null_value if value is None else value
        if text is None:
            continue
        text = text_of(text)
        if field.ignore_above is None or units(text) <= field.ignore_above:
            pairs.append((doc, normalize(text)))
    terms, names = _numbered([text for _, text in pairs])
    docs = np.array([doc for doc, _ in pairs], dtype=np.int64)
    return TermIndex(
        field,
        size,
        terms=terms,
        docs=docs,
        places=None,
        overlaps=np.zeros(len(docs), dtype=np.bool_),
        names=names,
        present=np.unique(docs),
    )


class NumberIndex:
    """The values of a field of numbers, dates (milliseconds) or truth values.

    Args:
        field: the field.
        size: documents of its level.
        held: its values.

    Attributes:
        values: int64 or float64, those of a document side by side, ascending.
        starts: shape (documents + 1,): where those of each begin.
    """

    def __init__(self, field: Field, size: int, held: Values) -> None:
        self.field = field
        docs: list[int] = []
        numbers: list[float] = []
        for doc, value in zip(held.docs, held.values, strict=True):
            one = field.null_value if value is None else value
            if one is None or (one == "" and field.type != "boolean" and field.coerce):
                continue
            try:
                numbers.append(number_of(field, one))
            except InputError as error:
                if field.ignore_malformed:
                    continue
                raise InputError(f"field {field.path!r} ({field.type}): {error}") from None
            docs.append(doc)
        decimals = field.type in ("double", "float", "half_float")
        values = np.array(numbers, dtype=np.float64 if decimals else np.int64)
        places = np.array(docs, dtype=np.int64)
        order = np.lexsort((values, places))
        self.values = values[order]
        self._docs = places[order]
        self.starts = offsets_of(np.bincount(places, minlength=size))

    @cached_property
    def present(self) -> Ints:
        """Documents that have a value."""
        return np.flatnonzero(np.diff(self.starts))

    def docs_where(self, flags: npt.NDArray[np.bool_]) -> Ints:
        """Find the documents of some values."""
        return np.unique(self._docs[flags])


class VectorColumn:
    """The vectors of a field: `docs` ascending, and a row of `matrix` for each."""

    def __init__(self, field: Field, held: Values) -> None:
        self.field = field
        rows = [(doc, value) for doc, value in zip(held.docs, held.values, strict=True) if value is not None]
        self.docs = np.array([doc for doc, _ in rows], dtype=np.int64)
        self.matrix = np.array([value for _, value in rows], dtype=np.float32).reshape(len(rows), -1)

    @cached_property
    def lengths(self) -> Floats:
        """Of the vectors."""
        return np.asarray(np.linalg.norm(self.matrix, axis=1), dtype=np.float32)

    @property
    def present(self) -> Ints:
        """Documents that have a vector."""
        return self.docs
