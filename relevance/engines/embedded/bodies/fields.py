"""The fields of an index as arrays, and how Lucene scores their terms.

BM25 is that of Lucene with the factor k1 + 1 that Elasticsearch keeps. Every operation is one of float32 in Lucene's
order unless a line says otherwise: a rearrangement changes last bits.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from relevance.analysis import Stream, Token
from relevance.engines.embedded.bodies.edits import Spellings
from relevance.engines.embedded.bodies.hits import ONE, Floats, Ints
from relevance.engines.embedded.bodies.lexicon import Lexicon
from relevance.engines.embedded.bodies.vectors import lengths
from relevance.engines.embedded.engine import length_factors, quantized, rarity
from relevance.engines.embedded.rows import offsets_of
from relevance.errors import InputError
from relevance.values import number_of, source_text, units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from relevance.engines.embedded.bodies.documents import Values
    from relevance.engines.embedded.bodies.lexicon import Tokens
    from relevance.schema import Field, Similarity

Weights: TypeAlias = "Any"
"""A float32, or one for each document."""

POSITION_BITS = 20
"""A place is `doc << POSITION_BITS | position`."""


class TermIndex:
    """The postings of a text or keyword field.

    Args:
        field: the field.
        size: documents of its level.
        tokens: of all documents.
        present: documents that have a value.
    """

    def __init__(self, field: Field, size: int, tokens: Tokens, present: Ints) -> None:
        self.field = field
        self.terms: Sequence[str] = tokens.names
        self.present = present
        self._size = size
        order = np.argsort(tokens.terms, kind="stable")
        terms, docs = tokens.terms[order], tokens.docs[order]
        is_other = (terms[1:] != terms[:-1]) | (docs[1:] != docs[:-1])
        firsts = np.flatnonzero(np.concatenate([[True], is_other]))[: len(terms)]
        self._docs = docs[firsts].astype(np.int64)
        self._starts = offsets_of(np.bincount(terms[firsts], minlength=len(self.terms)))
        counts = np.diff(firsts, append=len(terms))
        has_freqs = field.index_options != "docs"
        self._freqs = _smallest(counts if has_freqs else np.ones(len(counts), dtype=np.int64))
        self.total_tokens = len(terms) if has_freqs else len(firsts)
        per_doc = np.bincount(tokens.docs, minlength=size)
        self.doc_count = int(np.count_nonzero(per_doc))
        if not has_freqs:
            lengths = np.bincount(self._docs, minlength=size)
        elif field.type == "keyword":
            lengths = 2 * per_doc  # Lucene counts a term that is not analyzed twice
        elif field.similarity.discount_overlaps and tokens.is_beside.any():
            lengths = np.bincount(tokens.docs[~tokens.is_beside], minlength=size)
        else:
            lengths = per_doc
        self._lengths = _smallest(lengths)
        self.score_as(field)
        self._positions = _smallest(tokens.positions[order]) if self.has_positions else None

    def score_as(self, field: Field) -> None:
        """Score as a field does whose terms and places are the same."""
        self.field = field
        self._norms = self._norm_factors()

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
        return (self.terms[number] for number in self.run_of(beginning))

    def run_of(self, beginning: str) -> range:
        """The terms that begin with a text: their numbers."""
        size = len(beginning)
        first = bisect_left(self.terms, beginning)
        return range(first, bisect_right(self.terms, beginning, lo=first, key=lambda term: term[:size]))

    def around(self, inside: str) -> Ints:
        """The terms that hold a text, and maybe others: their numbers. The case of ASCII letters does not count."""
        letters = inside.encode("utf-8", "surrogatepass").lower()
        if b"\n" in letters:
            return np.arange(len(self.terms))
        joined, starts = self._joined
        places, at = [], joined.find(letters)
        while at >= 0:
            places.append(at)
            at = joined.find(letters, at + len(letters))
        return np.unique(np.searchsorted(starts, np.array(places, dtype=np.int64), side="right") - 1)

    @cached_property
    def _joined(self) -> tuple[bytes, Ints]:
        """All terms as one text, and where each begins."""
        encoded = [term.encode("utf-8", "surrogatepass") for term in self.terms]
        starts = offsets_of(np.fromiter((len(each) + 1 for each in encoded), dtype=np.int64, count=len(encoded)))[:-1]
        return b"\n".join(encoded).lower(), starts

    def df(self, number: int) -> int:
        """Count the documents that hold a term."""
        return int(self._starts[number + 1] - self._starts[number])

    def postings(self, number: int) -> tuple[Ints, npt.NDArray[np.unsignedinteger]]:
        """Find the documents that hold a term, and how often each does."""
        run = slice(self._starts[number], self._starts[number + 1])
        return self._docs[run], self._freqs[run]

    def numbers_of_docs(self, *, highest: bool = False) -> Ints:
        """The lowest or highest term of each document; -1 where it has none."""
        return self._highest if highest else self._lowest

    @cached_property
    def _lowest(self) -> Ints:
        return self._last_written(slice(None, None, -1))

    @cached_property
    def _highest(self) -> Ints:
        return self._last_written(slice(None))

    def _last_written(self, way: slice) -> Ints:
        numbers = np.full(self._size, -1, dtype=np.int64)
        terms = np.repeat(np.arange(len(self.terms)), np.diff(self._starts))
        numbers[self._docs[way]] = terms[way]
        return numbers

    def docs_of(self, numbers: Ints) -> Ints:
        """Find the documents that hold any of some terms."""
        if not len(numbers):
            return np.empty(0, dtype=np.int64)
        return np.unique(np.concatenate([self.postings(int(number))[0] for number in numbers]))

    def positions(self, number: int) -> Ints:
        """Find the places of a term, ascending: `doc << POSITION_BITS | position`."""
        starts, places = self._places
        return places[starts[self._starts[number]] : starts[self._starts[number + 1]]]

    @cached_property
    def _places(self) -> tuple[Ints, Ints]:
        """Where those of each term and document begin, and all places; made when a phrase is first searched."""
        if self._positions is None:
            raise InputError(f"field {self.field.path!r} is indexed without positions: phrases cannot be searched")
        docs = np.repeat(self._docs, self._freqs)
        return offsets_of(self._freqs), docs << POSITION_BITS | self._positions

    def idf(self, df: int) -> np.float32:
        """How rare a term is that so many documents hold."""
        return np.float32(rarity(self.doc_count, df))

    def weight(self, boost: Weights, idf: Weights) -> Weights:
        """What a term would score at best."""
        if self.field.similarity.type == "boolean":
            return boost
        return boost * (ONE + np.float32(self.field.similarity.k1)) * idf

    def score(self, docs: Ints, freqs: npt.NDArray[Any], boost: Weights, idf: Weights) -> Floats:
        """Score documents that hold a term, or a phrase, so many times; the boost and the idf of each, or of all."""
        weight = self.weight(boost, idf)
        if self.field.similarity.type == "boolean":
            return np.full(len(docs), weight, dtype=np.float32)
        scores: Floats = weight - weight / (ONE + freqs.astype(np.float32) * self._norms[docs])
        return scores

    def _norm_factors(self) -> Floats:
        similarity: Similarity = self.field.similarity
        k1, b = np.float32(similarity.k1), np.float32(similarity.b)
        average = np.float32(self.total_tokens / self.doc_count) if self.doc_count else ONE  # divided in float64
        kept = quantized(self._lengths.astype(np.int64)) if self.field.norms else np.ones(self._size, dtype=np.float32)
        with np.errstate(divide="ignore"):
            return length_factors(kept, average, k1, b)


def _smallest(numbers: npt.NDArray[np.integer]) -> npt.NDArray[np.unsignedinteger]:
    """The same numbers, none below 0, in the smallest type that holds them."""
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))


def text_index(field: Field, size: int, held: Values, lexicon: Lexicon, gap: int) -> TermIndex:
    """Index a text field: every value is analyzed, `gap` positions lie between two values of a document."""
    docs, values = held.filled()
    tokens = lexicon.tokens(docs.tolist(), map(source_text, values), gap)
    return TermIndex(field, size, tokens, np.unique(docs).astype(np.int64))


def keyword_index(field: Field, size: int, held: Values, normalize: Callable[[str], str]) -> TermIndex:
    """Index a keyword field."""

    def term(text: str) -> Stream:
        short = field.ignore_above is None or units(text) <= field.ignore_above
        return Stream([Token(normalize(text))] if short else [])

    docs, values = held.filled(field.null_value)
    tokens = Lexicon(lambda text: (text,), term).tokens(docs.tolist(), map(source_text, values), 0)
    return TermIndex(field, size, tokens, np.unique(tokens.docs).astype(np.int64))


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
        docs = array("i")
        numbers: list[float] = []
        read: dict[str, float] = {}  # dates above all, which take long
        for doc, one in zip(*held.filled(field.null_value), strict=True):
            if one == "" and field.type != "boolean" and field.coerce:
                continue
            try:
                number = read.get(one) if isinstance(one, str) else None
                if number is None:
                    number = number_of(field, one)
                    if isinstance(one, str):
                        read[one] = number
            except InputError as error:
                if field.ignore_malformed:
                    continue
                raise InputError(f"field {field.path!r} ({field.type}): {error}") from None
            numbers.append(number)
            docs.append(doc)
        decimals = field.type in ("double", "float", "half_float")
        values = np.array(numbers, dtype=np.float64 if decimals else np.int64)
        places = np.array(docs, dtype=np.int32)
        self.starts = offsets_of(np.bincount(places, minlength=size))
        is_single = len(self.starts) == size + 1 and bool((np.diff(self.starts) <= 1).all())
        self.values = values if is_single else values[np.lexsort((values, places))]
        self._docs = places

    @cached_property
    def present(self) -> Ints:
        """Documents that have a value."""
        return np.flatnonzero(np.diff(self.starts))

    @cached_property
    def ends(self) -> tuple[float, float] | None:
        """The least and the greatest value; None where there is none."""
        return (self.values.min(), self.values.max()) if len(self.values) else None

    def docs_where(self, flags: npt.NDArray[np.bool_]) -> Ints:
        """Find the documents of some values."""
        return np.unique(self._docs[flags]).astype(np.int64)


class VectorColumn:
    """The vectors of a field: `docs` ascending, and a row of `matrix` for each."""

    def __init__(self, field: Field, held: Values) -> None:
        self.field = field
        docs, rows = held.filled()
        self.docs = docs.astype(np.int64)
        self.matrix = np.array(rows, dtype=np.float32).reshape(len(rows), -1 if len(rows) else 0)

    @cached_property
    def lengths(self) -> Floats:
        """See `vectors.lengths`."""
        return lengths(self.matrix)

    @property
    def present(self) -> Ints:
        """Documents that have a vector."""
        return self.docs
