"""Where documents live: products, and the nested objects of each path."""

from __future__ import annotations

from array import array
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from relevance.engines.embedded.bodies.arrange import by_score
from relevance.engines.embedded.bodies.documents import Values
from relevance.engines.embedded.bodies.fields import (
    NumberIndex,
    TermIndex,
    VectorColumn,
    keyword_index,
    text_index,
)
from relevance.engines.embedded.bodies.hits import Hits
from relevance.engines.embedded.bodies.lexicon import Lexicon
from relevance.engines.embedded.bodies.words import NotPlannedError, Unknown
from relevance.errors import NotInterpretedError
from relevance.remembered import Remembered
from relevance.schema import UNCOMPARED, Similarity
from relevance.values import boolean_of, source_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from relevance.analysis import Analysis, Stream
    from relevance.engines.embedded.bodies.documents import Documents
    from relevance.engines.embedded.bodies.expanded import Expansion
    from relevance.engines.embedded.bodies.functions import Function, Table
    from relevance.engines.embedded.bodies.hits import Ints
    from relevance.engines.embedded.bodies.nodes import Node
    from relevance.engines.embedded.bodies.words import Question, Reading
    from relevance.schema import Field, Schema

Column: TypeAlias = "TermIndex | NumberIndex | VectorColumn"


_REMEMBERED = 10_000_000
_STREAMS = 5_000
_PARSED = 1_000
_BLENDED = 10_000  # words of which it is kept how frequent they are taken to be
_EXPANSIONS = 10_000  # words, each with the terms that stand for it
_TABLES = 200  # of factors, a float64 for each document
_KEY = 50
"""Hits that are kept, and as how many a key counts: 12 bytes each."""


class Levels:
    """All documents of an index; a field is indexed when it is first asked for.

    Attributes:
        release: of Elasticsearch, whose ways are followed where they differ.
        words: those of the query that is asked, where they were not known when its search was read.
        hits: how many the search that is being read asks for.
        notes: what may differ from a server's answer.
    """

    def __init__(
        self, schema: Schema, analysis: Analysis, documents: Documents, ids: dict[str, int], release: int = 9
    ) -> None:
        self.release = release
        self.hits = 0
        self.notes: set[str] = set()
        self.schema = schema
        self.analysis = analysis
        self.ids = ids
        self._documents = documents
        self._columns: dict[str, Column] = {}
        self._lexicons: dict[str, Lexicon] = {}
        self._truths: dict[str, TermIndex] = {}
        self.remembered: dict[object, Any] = {}
        self.parsed: Remembered[tuple[int, str], tuple[object, Node]] = Remembered(_PARSED)
        self.blended: Remembered[object, list[int | None]] = Remembered(_BLENDED)
        self.words: Sequence[str] | None = None
        self.expansions: Remembered[Node, Expansion] = Remembered(_EXPANSIONS)
        self.reading: Reading | None = None
        self._held = 0
        self._streams: Remembered[tuple[str, str], Stream] = Remembered(_STREAMS)
        self._levels = {path: Level(path, self, parents) for path, parents in documents.parents.items()}

    @property
    def uncompared(self) -> Iterator[str]:
        """A line on each field that was searched, or indexed for it, whose type was not compared with a server."""
        for path in self._columns:
            if (kind := self.schema.fields[path].kind) in UNCOMPARED:
                yield f"field {path!r}: a {kind} is searched by its rules, not compared with a server"

    @property
    def unmapped(self) -> set[str]:
        """Places of values that the mapping does not name."""
        return self._documents.unmapped

    def spelt(self, term: object) -> str:
        """A term as it is written: that of the query, where it is not known before."""
        return term if isinstance(term, str) else self.words[term.number]  # type: ignore[attr-defined, index]

    def answer(self, question: Question) -> Any:
        """Answer with the words for which a plan is being made, which holds for all that are answered so.

        Raises:
            NotPlannedError: no plan is being made.
        """
        if self.reading is None:
            raise NotPlannedError
        self.reading.questions[question] = None
        with self.asked(self.reading.words):
            return question.answer(self)

    @contextmanager
    def asked(self, words: Sequence[str]) -> Iterator[None]:
        """Take these for the words of the query."""
        self.words = words
        try:
            yield
        finally:
            self.words = None

    def stream(self, analyzer: str, text: str | Unknown) -> Stream:
        """Analyze a text of a query, which several fields may share."""
        if isinstance(text, Unknown):
            return text.stream(analyzer)
        key = (analyzer, text)
        if key not in self._streams:
            self._streams[key] = self.analysis.analyzer(analyzer)(text)
        return self._streams[key]

    def level(self, path: str) -> Level:
        """The level of a path of nested objects; "" for that of the products."""
        return self._levels[path]

    def column(self, path: str) -> Column | None:
        """Index a field; None where the mapping has none of this name."""
        if path not in self._columns:
            field = self.schema.fields.get(path)
            if field is None:
                return None
            self._columns[path] = self._indexed(field)
        return self._columns[path]

    def terms(self, path: str) -> TermIndex | None:
        """Index the terms of a text or keyword field; truth values are the terms `F` and `T`."""
        field = self.schema.fields.get(path)
        if field is None or field.type != "boolean":
            column = self.column(path)
            return column if isinstance(column, TermIndex) else None
        if path not in self._truths:
            held, size = self._documents.values[field.source], self._levels[field.nested].size
            terms = replace(field, norms=False, index_options="docs")
            self._truths[path] = keyword_index(terms, size, held, lambda value: "FT"[boolean_of(value)])
        return self._truths[path]

    def remember(self, key: object, hits: Any) -> None:
        """Keep the hits of a leaf, which many queries share; `docs` says how many they are."""
        self._held += len(hits.docs) + _KEY
        if self._held > _REMEMBERED:
            self.remembered.clear()
            self._held = len(hits.docs)
        self.remembered[key] = hits

    def fill(self, paths: Iterable[str]) -> Iterator[str]:
        """Index fields before they are asked for; gives the name of each that is done."""
        for path in paths:
            with suppress(NotInterpretedError):  # it is refused where a clause names it
                self.column(path)
            yield path
        self._lexicons.clear()

    def _indexed(self, field: Field) -> Column:
        """Index a field, unless an index of the same documents has it already: how terms are scored may differ."""
        key = repr((_as_read(field), self.release, self.analysis.definition(field.analyzer, field.normalizer)))
        column: Column | None = self._documents.columns.get(key)
        if column is None:
            self._documents.columns[key] = column = self._index(field)
        if isinstance(column, TermIndex) and column.field != field:
            column = copy(column)
            column.score_as(field)
        return column

    def _index(self, field: Field) -> Column:
        held, size = self._documents.values[field.source], self._levels[field.nested].size
        if field.value is not None:
            held = Values(array("i", range(size)), [field.value] * size)
        if field.kind == "token_count":
            analyze = self.analysis.analyzer(field.analyzer)
            counts = [None if value is None else analyze(source_text(value)).length for value in held.values]
            held = Values(held.docs, counts, held.has_null)
        if field.type == "text":
            analyzer = self.analysis.analyzer(field.analyzer)
            gap = analyzer.gap if field.position_increment_gap is None else field.position_increment_gap
            if field.analyzer not in self._lexicons:
                self._lexicons[field.analyzer] = Lexicon(analyzer.parts, analyzer.part)
            return text_index(field, size, held, self._lexicons[field.analyzer], gap)
        if field.type == "keyword":
            normalize = self.analysis.normalizer(field.normalizer) if field.normalizer else str
            return keyword_index(field, size, held, normalize)
        return NumberIndex(field, size, held) if field.is_number else VectorColumn(field, held)


def _as_read(field: Field) -> Field:
    """A field without what decides neither its terms nor where they stand."""
    counted = Similarity(discount_overlaps=field.similarity.discount_overlaps)
    return replace(field, path="", search_analyzer="", search_quote_analyzer="", similarity=counted, norms=True)


class Level:
    """The documents of one level, numbered from 0 in the order of the catalogue.

    Args:
        path: of the nested objects; "" for products.
        catalogue: all levels and their fields.
        around: for each document, the number of the one that holds it, on the level around this one.
    """

    def __init__(self, path: str, catalogue: Levels, around: Ints) -> None:
        self.path = path
        self.catalogue = catalogue
        self.size, self.queries = len(around), 1
        self._around = around
        self.tables: Remembered[Function, Table] = Remembered(_TABLES)

    @cached_property
    def every(self) -> Ints:
        """All documents."""
        return np.arange(self.size)

    @property
    def lane(self) -> Level:
        """The documents of one query."""
        return self

    def in_lane(self, docs: Ints) -> Ints:
        """The numbers that documents, ascending, have there."""
        return docs

    def counts(self, hits: Hits) -> list[int]:
        """How many hits each query has."""
        return [len(hits.docs)]

    def split(self, hits: Hits) -> Iterator[Hits]:
        """The hits of each query, whose words are known while they are looked at."""
        yield hits

    def best(self, hits: Hits, most: int) -> list[Hits]:
        """The first hits of each query by their scores."""
        return [Hits(*by_score(*hits, most))]

    def each(self, among: Ints | None) -> Iterator[Ints | None]:
        """For each query its own of some documents; its words are known meanwhile."""
        yield among

    def joined(self, parts: Sequence[Ints]) -> Ints:
        """The documents of all queries."""
        return parts[0]

    def field(self, path: str) -> Column | None:
        """A field as its documents have it; None where the mapping has none of this name, or has it elsewhere."""
        field = self.catalogue.schema.fields.get(path)
        return self.catalogue.column(path) if field is not None and field.nested == self.path else None

    def terms(self, path: str) -> TermIndex | None:
        """The terms of a text or keyword field of this level, or of truth values."""
        field = self.catalogue.schema.fields.get(path)
        return self.catalogue.terms(path) if field is not None and field.nested == self.path else None

    def below(self, path: str) -> Level:
        """The level of nested objects."""
        return self.catalogue.level(path)

    def parents(self, path: str) -> Ints:
        """For each document, the number of the one that holds it on a level further out."""
        above = self.catalogue.schema.nested[self.path]
        if above == path:
            return self._around
        return self.catalogue.level(above).parents(path)[self._around]
