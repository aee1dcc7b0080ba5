"""What becomes of a query's words: what each is asked as, what the index makes of it, and what a product has there."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from relevance import bodies
from relevance.analysis import Analysis
from relevance.engines.explanation import Part
from relevance.engines.mapping import body_with, documents, own_paths, read_own_mapping, search_of
from relevance.fields import texts_at
from relevance.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from relevance.engines.mapping import FieldPaths
    from relevance.records import Catalogue
    from relevance.strategies import Leg

_ONE_FIELD = ("match", "match_phrase", "match_phrase_prefix", "match_bool_prefix")
_SEVERAL_FIELDS = ("multi_match", "combined_fields", "query_string", "simple_query_string")
_NEAR, _NEAREST, _BEGIN = 0.75, 2, 2


@dataclass(frozen=True)
class QueryWord:
    """A word of a query in one of the fields that are searched.

    Attributes:
        asked: the terms that the query looks for; none for a stop word.
        indexed: the terms that the index would hold of it.
        held: the terms of the product that are one of either, or else the most alike.
        is_found: whether the product has one that is asked for.
    """

    field: str
    text: str
    asked: tuple[str, ...]
    indexed: tuple[str, ...]
    held: tuple[str, ...]
    is_found: bool

    @property
    def part(self) -> Part:
        """The word as what adds nothing to a score, with why."""
        if set(self.held) & set(self.indexed):
            how = f"asked as {_quoted(self.asked)}, in the index it is {_quoted(self.indexed)}"
        else:
            how = f"the product has {_quoted(self.held)}" if self.held else ""
        return Part("match", self.field, self.text, 0.0, how)


class WordReader:
    """Analyzes queries and products as an index does.

    Args:
        catalogue: the products, with the fields that decide.
        mapping: file with settings and mappings that are laid over those of the fields; None for none.
        release: of Elasticsearch.

    Raises:
        InputError: a part of the analysis is not known here.
    """

    def __init__(self, catalogue: Catalogue, mapping: Path | None, release: int) -> None:
        self._catalogue, self._paths = catalogue, own_paths((), catalogue.fields)
        self._documents: dict[int, Mapping[str, Any]] = {}
        body = body_with(catalogue.fields, {}, read_own_mapping(mapping))
        self._schema, self._analysis = Schema.of(body), Analysis(body["settings"], release=release)

    def keep(self, codes: Iterable[int]) -> None:
        """Read what these products have, all at once: one by one takes longer."""
        new = {self._catalogue.ids[code]: code for code in codes if code not in self._documents}
        if new:
            some = self._catalogue.taken([*new.values()], [*new])
            self._documents |= {new[uid]: document for uid, document in documents(some)}  # in the order of ids

    def words(self, leg: Leg, text: str, code: int) -> list[QueryWord]:
        """The words of a query, field by field, beside what a product has in it.

        Raises:
            InputError: an analyzer is not known here.
        """
        search = search_of(replace(leg, vectors=()), self._paths)
        names = field_names(leg, self._paths)
        self.keep([code])
        return [
            word
            for path, analyzer in dict.fromkeys(self._asked(search))
            for word in self._of_field(path, analyzer, names.get(path, path), text, self._documents[code])
        ]

    def _asked(self, search: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for pattern, analyzer in _asked_fields(search):
            for field in self._schema.matching(pattern):
                if field.type == "text":
                    yield field.path, analyzer or field.search_analyzer

    def _of_field(
        self, path: str, analyzer: str, name: str, text: str, document: Mapping[str, Any]
    ) -> Iterator[QueryWord]:
        field = self._schema.fields[path]
        sources = [field.source, *(one.source for one in self._schema.fields.values() if path in one.copy_to)]
        texts = [value for source in dict.fromkeys(sources) for value in texts_at(document, source)]
        held = dict.fromkeys(term for value in texts for term in self._terms(field.analyzer, value))
        for word in dict.fromkeys(text.split()):
            asked, indexed = self._terms(analyzer, word), self._terms(field.analyzer, word)
            there = tuple(term for term in dict.fromkeys((*asked, *indexed)) if term in held)
            if asked:
                alike = [term for term in held if term[:_BEGIN] == word.casefold()[:_BEGIN]]
                near = there or tuple(difflib.get_close_matches(word.casefold(), alike, _NEAREST, _NEAR))
                yield QueryWord(name, word, asked, indexed, near, is_found=any(term in held for term in asked))

    def _terms(self, analyzer: str, text: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(token.term for token in self._analysis.analyzer(analyzer)(text).tokens))


def field_names(leg: Leg, paths: FieldPaths) -> dict[str, str]:
    """What a leg's strategy calls the fields of an index; those of a template keep their paths."""
    if leg.template:
        return {}
    own = {path: name for name, path in paths.text.items()}
    read = {} if leg.reading is None else {leg.reading.of(path): name for path, name in own.items()}
    return {**own, **read, **{path: name for (_, name), path in paths.vectors.items()}}


def _asked_fields(value: Any) -> Iterator[tuple[str, str]]:
    """The names and patterns of the fields that a body looks for the query in, with the clause's own analyzer."""
    if isinstance(value, list):
        for one in value:
            yield from _asked_fields(one)
    if not isinstance(value, Mapping):
        return
    for name, inner in value.items():
        if name in _ONE_FIELD and isinstance(inner, Mapping):
            for path, options in inner.items():
                if bodies.QUERY in json.dumps(options):
                    yield path, str(options.get("analyzer", "")) if isinstance(options, Mapping) else ""
        elif name in _SEVERAL_FIELDS and isinstance(inner, Mapping):
            fields = inner.get("fields", ())
            for path in fields if isinstance(fields, list) else [fields]:
                yield str(path).partition("^")[0], str(inner.get("analyzer", ""))
        else:
            yield from _asked_fields(inner)


def moved_words(then: Sequence[QueryWord], now: Sequence[QueryWord]) -> list[str]:
    """Say which words a product has no longer, or has now, and what changed their analysis."""
    before = {(word.field, word.text): word for word in then}
    gone = dict.fromkeys(word.field for word in then if word.is_found and word.field not in {one.field for one in now})
    lines = [f"{field} is no longer searched" for field in gone]
    for word in now:
        old = before.get((word.field, word.text))
        if old is not None and old.is_found != word.is_found:
            verb = "matches" if word.is_found else "no longer matches"
            lines.append(f"`{word.text}` {verb} {word.field}{' now' if word.is_found else ''}: {_change(old, word)}")
    return lines


def _change(old: QueryWord, word: QueryWord) -> str:
    if old.asked == word.asked and old.indexed == word.indexed:
        return "the product has another text there"
    if old.asked == word.asked:
        return f"{_quoted(word.indexed)} in the index only, where it was {_quoted(old.indexed)}"
    asked = f"asked as {_quoted(word.asked)}, before as {_quoted(old.asked)}"
    if old.indexed == word.indexed:
        return f"{asked}, in the index it is {_quoted(word.indexed)} as before"
    return f"{asked}; in the index it is {_quoted(word.indexed)}, was {_quoted(old.indexed)}"


def _quoted(terms: Sequence[str]) -> str:
    return ", ".join(f"`{term}`" for term in terms) or "nothing"
