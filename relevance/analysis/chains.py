"""Analyzers and normalizers out of an index's settings, in Elasticsearch's own vocabulary."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import takewhile
from typing import Any, NoReturn, TypeVar

import pydantic

from relevance.analysis import graph
from relevance.analysis.analyzers import ANALYZERS
from relevance.analysis.char_filters import CHAR_FILTERS, NORMALIZING_CHAR_FILTERS
from relevance.analysis.filters import FILTERS
from relevance.analysis.parameters import Texts
from relevance.analysis.refused import REFUSED
from relevance.analysis.synonyms import Rules, Words, parse_solr, synonym_graph_of, synonym_of
from relevance.analysis.tokenizers import MAX_NGRAM_DIFF, TOKENIZERS
from relevance.analysis.tokens import CharFilter, Filter, Stream, Token, Tokenizer
from relevance.errors import InputError, unknown
from relevance.fields import nested_settings
from relevance.remembered import Remembered

_Component = TypeVar("_Component")
_REMEMBERED = 500_000
_validated = pydantic.validate_call(config=pydantic.ConfigDict(coerce_numbers_to_str=True))
_BY_NAME = {("filter", "edge_ngram"): {"max_gram": 1}}
"""Parameters of a component that no settings define, where they are not its defaults."""
GAP = 100
"""Positions between two values of a field, where neither the analyzer nor the mapping has its own."""


@dataclass(frozen=True)
class Analyzer:
    """Turns a text into tokens: `analyzer(text)`.

    Attributes:
        name: as the mapping calls it.
        gap: positions between two values of a field.
    """

    name: str
    char_filters: Sequence[CharFilter]
    tokenizer: Tokenizer
    filters: Sequence[Filter]
    gap: int = GAP
    _pieces: dict[str, Stream] = field(default_factory=lambda: Remembered(_REMEMBERED), repr=False, compare=False)

    @cached_property
    def _near(self) -> Sequence[Filter]:
        """The filters that take one piece between spaces after the other."""
        return list(takewhile(lambda one: one.is_local, self.filters)) if self.tokenizer.at_spaces else []

    @cached_property
    def _far(self) -> Sequence[Filter]:
        return self.filters[len(self._near) :]

    def __call__(self, text: str) -> Stream:
        """Cut a text into tokens."""
        for change in self.char_filters:
            text = change(text)
        return self._rewritten(self._in_pieces(text) if self.tokenizer.at_spaces else self.tokenizer.tokenize(text))

    def parts(self, text: str) -> Sequence[str]:
        """Cut a text into parts that `part` can analyze one by one; many texts share them."""
        for change in self.char_filters:
            text = change(text)
        return text.split(" ") if self.tokenizer.at_spaces and not self._far else (text,)

    def part(self, part: str) -> Stream:
        """Give the tokens of a part of a text, whose positions follow those of the part before it."""
        if self.tokenizer.at_spaces and not self._far:
            return self._of_piece(part)
        return self._rewritten(self._in_pieces(part) if self.tokenizer.at_spaces else self.tokenizer.tokenize(part))

    def _rewritten(self, stream: Stream) -> Stream:
        for one in self._far:
            stream = one.rewrite(stream)
        return stream

    def _in_pieces(self, text: str) -> Stream:
        """Cut at spaces, where nearly every piece was seen before."""
        tokens: list[Token] = []
        skipped = 0
        pieces = self._pieces
        for piece in text.split(" "):
            stream = pieces.get(piece) or self._learnt(piece)
            if skipped and stream.tokens:
                first, *others = stream.tokens
                tokens.append(first._replace(step=first.step + skipped))
                tokens += others
                skipped = stream.rest
            else:
                tokens += stream.tokens
                skipped += stream.rest
        return Stream(tokens, skipped)

    def _learnt(self, piece: str) -> Stream:
        stream = self._pieces[piece] = self._of_piece(piece)
        return stream

    def _of_piece(self, piece: str) -> Stream:
        stream = self.tokenizer.tokenize(piece)
        for one in self._near:
            stream = one.rewrite(stream)
        return stream

    @property
    def is_graph(self) -> bool:
        """Whether a search reads tokens that span positions as paths of a graph."""
        return not any(one.ends_graph for one in self.filters)


@dataclass(frozen=True)
class Normalizer:
    """Turns the value of a keyword field into the one that is compared: `normalizer(text)`."""

    name: str
    char_filters: Sequence[CharFilter]
    filters: Sequence[Filter]

    def __call__(self, text: str) -> str:
        """Write a value as it is compared."""
        for change in self.char_filters:
            text = change(text)
        stream = Stream([Token(text)])
        for one in self.filters:
            stream = one.rewrite(stream)
        return stream.tokens[0].term


class Analysis:
    """The components of an index's settings, built where they are asked for.

    Args:
        settings: the `settings` of an index body, in any of Elasticsearch's spellings: `{"analysis": …}`,
            `{"index": {"analysis": …}}`, or keys with dots.
        release: of Elasticsearch; the few components that differ follow it.
    """

    def __init__(self, settings: Mapping[str, Any] | None = None, *, release: int = 9) -> None:
        tree = nested_settings(settings or {}, "settings")
        analysis = tree.get("analysis", {})
        self._of_index = {
            "release": release,
            "max_ngram_diff": tree.get("max_ngram_diff", MAX_NGRAM_DIFF),
            "max_shingle_diff": tree.get("max_shingle_diff", graph.MAX_SHINGLE_DIFF),
        }
        self._parts: dict[str, Mapping[str, Any]] = {
            part: analysis.get(part, {}) for part in ("char_filter", "tokenizer", "filter", "analyzer", "normalizer")
        }
        self._analyzers: dict[str, Analyzer] = {}
        self._normalizers: dict[str, Normalizer] = {}

    def has(self, part: str, name: str) -> bool:
        """Whether a part (`analyzer`, `normalizer`) is in the settings, or known to servers alone."""
        return name in self._parts[part] or name in REFUSED.get(part, {})

    def analyzer(self, name: str) -> Analyzer:
        """Give the analyzer of a name: one of the settings, or a built-in one.

        `default` is the standard analyzer unless the settings have their own; `default_search` is `default`.

        Raises:
            InputError: it, a component of it or a parameter is not known; the line names it.
        """
        if name not in self._analyzers:
            self._analyzers[name] = self._build_analyzer(name)
        return self._analyzers[name]

    def normalizer(self, name: str) -> Normalizer:
        """Give the normalizer of a name; `lowercase` is built in.

        Raises:
            InputError: it, a component of it or a parameter is not known; the line names it.
        """
        if name not in self._normalizers:
            self._normalizers[name] = self._build_normalizer(name)
        return self._normalizers[name]

    def definition(self, *names: str) -> str:
        """Write down all settings that analyzers and normalizers of some names are made of."""
        of_index = {key: value for key, value in self._of_index.items() if key != "release"}
        parts: dict[str, Any] = {}
        waiting: list[Any] = list(names)
        while waiting:
            one = waiting.pop()
            if isinstance(one, Mapping):
                waiting += one.values()
            elif isinstance(one, list | tuple):
                waiting += one
            else:
                for name in _names(str(one)):
                    held = {part: named[name] for part, named in self._parts.items() if name in named}
                    if held and name not in parts:
                        parts[name] = held
                        waiting.append(held)
        return json.dumps([names, of_index, parts], sort_keys=True, default=str)

    def errors(self) -> list[InputError]:
        """Build all analyzers and normalizers of the settings, and give what stands in the way."""
        errors = []
        for build, part in ((self.analyzer, "analyzer"), (self.normalizer, "normalizer")):
            for name in self._parts[part]:
                try:
                    build(name)
                except InputError as error:
                    errors.append(error)
        return errors

    def _build_analyzer(self, name: str) -> Analyzer:
        own = self._parts["analyzer"]
        if name not in own:
            if name == "default_search":
                return self.analyzer("default")
            own = {name: {"type": "standard" if name == "default" else name}}
        settings = own[name]
        kind = settings.get("type", "custom")
        if kind == "custom":
            return self._custom(name, settings)
        if kind not in ANALYZERS:
            self._refuse("analyzer", name, kind, "settings.analysis.analyzer", ANALYZERS)
        return Analyzer(name, *self._build("analyzer", name, kind, ANALYZERS[kind], settings))

    def _custom(self, name: str, settings: Mapping[str, Any]) -> Analyzer:
        _only_known(
            "analyzer", name, settings, ("type", "tokenizer", "char_filter", "filter", "position_increment_gap")
        )
        place = f"settings.analysis.analyzer.{name}"
        if "tokenizer" not in settings:
            raise InputError(f"{place} has no tokenizer; allowed: {', '.join(TOKENIZERS)}")
        chars = self._char_filters(settings, place, CHAR_FILTERS)
        tokenizer = self._component("tokenizer", settings["tokenizer"], place, TOKENIZERS)
        filters: list[Filter] = []
        kinds: list[str] = []
        for one in _names(settings.get("filter")):
            filters.append(self._filter(one, place, _Before(chars, tokenizer, filters, kinds)))
            kinds.append(self._kind("filter", one))
        return Analyzer(name, chars, tokenizer, filters, int(settings.get("position_increment_gap", GAP)))

    def _build_normalizer(self, name: str) -> Normalizer:
        settings = self._parts["normalizer"].get(name)
        if settings is None:
            if name != "lowercase":
                names = ["lowercase", *self._parts["normalizer"]]
                raise InputError(f"settings.analysis.normalizer: {unknown('normalizer', name, names)}")
            settings = {"filter": ["lowercase"]}
        _only_known("normalizer", name, settings, ("type", "char_filter", "filter"))
        place = f"settings.analysis.normalizer.{name}"
        chars = self._char_filters(settings, place, NORMALIZING_CHAR_FILTERS)
        filters = []
        for one in _names(settings.get("filter")):
            part = self._filter(one, place, _Before((), TOKENIZERS["keyword"](), (), ()))
            if not part.in_normalizer:
                raise InputError(f"{place}.filter: {one!r}; allowed: filters that change letters alone")
            filters.append(part.plain or part)
        return Normalizer(name, chars, filters)

    def _kind(self, part: str, name: str) -> str:
        return str(self._parts[part].get(name, {}).get("type", name))

    def _char_filters(
        self, settings: Mapping[str, Any], place: str, builders: Mapping[str, Callable[..., CharFilter]]
    ) -> list[CharFilter]:
        return [self._component("char_filter", one, place, builders) for one in _names(settings.get("char_filter"))]

    def _component(
        self, part: str, name: str, place: str, builders: Mapping[str, Callable[..., _Component]]
    ) -> _Component:
        settings = self._parts[part].get(name, _BY_NAME.get((part, name), {}))
        kind = self._kind(part, name)
        if kind not in builders:
            self._refuse(part, name, kind, f"{place}.{part}", builders)
        return self._build(part, name, kind, builders[kind], settings)

    def _refuse(self, part: str, name: str, kind: str, place: str, known: Iterable[str]) -> NoReturn:
        """Say why a kind is not known: at its definition, or where it is used without one."""
        if name in self._parts[part]:
            place = f"settings.analysis.{part}.{name}.type"
        if kind in REFUSED[part]:
            raise InputError(f"{place}: {part} {kind!r} {REFUSED[part][kind]}")
        raise InputError(f"{place}: {unknown(part, kind, [*self._parts[part], *known])}")

    def _filter(self, name: str, place: str, before: _Before) -> Filter:
        chained: dict[str, Callable[..., Filter]] = {
            "synonym": partial(_synonyms, synonym_of, before),
            "synonym_graph": partial(_synonyms, synonym_graph_of, before),
            "multiplexer": partial(self._multiplexer, f"settings.analysis.filter.{name}", before),
        }
        component = self._component("filter", name, place, {**FILTERS, **chained})
        self._refuse_order(name, before)
        return component

    def _refuse_order(self, name: str, before: _Before) -> None:
        """Refuse what is known to come out otherwise behind some filters, since offsets are not kept."""
        kind, place = self._kind("filter", name), f"settings.analysis.filter.{name}"
        if kind == "cjk_bigram" and before.char_filters:
            raise InputError(f"{place}: behind a char_filter, which may part what it joins; allowed: without one")
        if kind == "word_delimiter" and self._reorders(name):
            moving = [kind for kind, one in zip(before.kinds, before.filters, strict=False) if not one.in_place]
            for other in [*(["a char_filter"] if before.char_filters else []), *moving]:
                raise InputError(f"{place}: behind {other}, which may move tokens; allowed: word_delimiter_graph")

    def _reorders(self, name: str) -> bool:
        """Whether a word delimiter gives more or less than the parts of a word: then it sorts them by offsets."""
        settings = self._parts["filter"].get(name, {})
        added = ("catenate_words", "catenate_numbers", "catenate_all", "preserve_original")
        dropped = ("generate_word_parts", "generate_number_parts")
        return any(str(settings.get(key, "")).lower() == "true" for key in added) or any(
            str(settings.get(key, "")).lower() == "false" for key in dropped
        )

    def _multiplexer(self, place: str, before: _Before, *, filters: Texts, preserve_original: bool = True) -> Filter:
        chains: list[list[Filter]] = []
        for row in filters:
            chain: list[Filter] = []
            for name in _names(row):
                own = replace(before, filters=[*before.filters, *chain])
                chain.append(self._filter(name, place, own))
            chains.append(chain)
        return graph.multiplexer(chains, preserve_original=preserve_original)

    def _build(
        self, part: str, name: str, kind: str, builder: Callable[..., _Component], settings: Mapping[str, Any]
    ) -> _Component:
        """Call the builder of a component with its parameters, whose types are those that its signature says.

        A builder that differs by release, or by a setting of the index, takes that as its positional argument.
        """
        parameters = {key: value for key, value in settings.items() if key not in {"type", "version"}}
        signature = inspect.signature(builder).parameters.values()
        of_index = [one.name for one in signature if one.kind is one.POSITIONAL_ONLY]
        _only_known(part, name, parameters, [one.name for one in signature if one.kind is one.KEYWORD_ONLY])
        place = f"settings.analysis.{part}.{name}" if settings else f"{part} {name!r}"
        try:
            component: _Component = _validated(builder)(*map(self._of_index.__getitem__, of_index), **parameters)
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            at, *within = first["loc"]
            where = ".".join(map(str, [of_index[at] if isinstance(at, int) else at, *within]))
            place += f".{where}" if settings else f": {where}"
            raise InputError(f"{place} ({kind}): {first['msg'].lower()}") from None
        except InputError as error:
            raise InputError(f"{place} ({kind}): {error}") from None
        return component


@dataclass(frozen=True)
class _Before:
    """What stands before a filter in its chain; synonym rules are read through it."""

    char_filters: Sequence[CharFilter]
    tokenizer: Tokenizer
    filters: Sequence[Filter]
    kinds: Sequence[str]

    def words(self, text: str) -> Words:
        for change in self.char_filters:
            text = change(text)
        stream = self.tokenizer.tokenize(text)
        for one in self.filters:
            stream = (one.plain or one).rewrite(stream)
        for token in stream.tokens:
            if not token.term or token.step != 1:
                raise ValueError(f"{text!r} has a gap or several tokens at one place after analysis")
        return tuple(token.term for token in stream.tokens)


def _synonyms(
    filter_of: Callable[[Rules], Filter],
    before: _Before,
    *,
    synonyms: Texts,
    expand: bool = True,
    lenient: bool | None = None,
    format: str = "solr",  # noqa: A002 - the settings' own name
    updateable: bool = False,
) -> Filter:
    if format != "solr":
        raise InputError(f"format = {format!r}; allowed: solr")
    if not all(one.reads_synonyms for one in before.filters):
        raise InputError("synonym rules cannot be read through a filter before it; allowed: that filter behind it")
    lenient = updateable if lenient is None else lenient
    rules = parse_solr(synonyms, before.words, expand=expand, lenient=lenient)
    return filter_of(rules)


def _names(value: object) -> list[str]:
    if value is None:
        return []
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else [str(part) for part in value]  # type: ignore[attr-defined]


def _only_known(part: str, name: str, settings: Mapping[str, Any], allowed: Iterable[str]) -> None:
    for key in settings:
        inline = "synonyms" if key == "synonyms_set" else key.removesuffix("_path")
        if key not in allowed and inline != key and inline in allowed:
            raise InputError(
                f"settings.analysis.{part}.{name}: {key!r} is not read here; "
                f"write the words into the settings, as {inline!r}"
            )
        if key not in allowed:
            raise InputError(f"settings.analysis.{part}.{name}: {unknown('parameter', key, allowed)}")
