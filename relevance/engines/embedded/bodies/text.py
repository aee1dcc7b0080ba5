"""From the tokens of a query's text to a query, as Lucene's query builder makes it.

Tokens of one place are one clause of synonyms; the places are the clauses of a bool or the words of a phrase. Where
tokens span several places they are a graph: it is cut where no token jumps across, and a piece with paths side by side
becomes the sum of its paths.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias

from relevance.analysis.tokens import Stream, Token
from relevance.engines.embedded.bodies.fuzzy import Fuzzy
from relevance.engines.embedded.bodies.leaves import Blended, Synonym, Term, keyword_of, prefix, value_query
from relevance.engines.embedded.bodies.minimum import required
from relevance.engines.embedded.bodies.nodes import Bool, Constant, DisMax, MatchAll, MatchNone, Node, boosted
from relevance.engines.embedded.bodies.phrases import Path, Phrase, PhrasePrefix, Places, SpanNear
from relevance.engines.embedded.bodies.words import NotPlannedError, Unknown, ends_with_a_token
from relevance.errors import InputError, NotInterpretedError
from relevance.values import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from relevance.engines.embedded.bodies.levels import Levels
    from relevance.schema import Field

MatchType: TypeAlias = Literal["boolean", "boolean_prefix", "phrase", "phrase_prefix"]


@dataclass(frozen=True)
class Match:
    """What a match asks for, beside its text and field; the names are Elasticsearch's."""

    operator: str = "or"
    minimum: str | None = None
    analyzer: str = ""
    fuzziness: str | None = None
    prefix_length: int = 0
    max_expansions: int = 50
    transpositions: bool = True
    slop: int = 0
    zero_terms: str = "none"
    lenient: bool = False
    phrases_of_paths: bool = True


class Builder(Protocol):
    """Makes the queries of terms and phrases, in one field or in several."""

    @property
    def has_positions(self) -> bool:
        """Whether there can be phrases."""

    def term(self, term: str) -> Node:
        """One term."""

    def synonym(self, terms: tuple[str, ...]) -> Node:
        """Terms at one place."""

    def prefix(self, term: str) -> Node:
        """The beginning of a term."""

    def phrase(self, places: Places, slop: int) -> Node:
        """Terms one after the other."""

    def phrase_prefix(self, places: Places, slop: int) -> Node:
        """The same, where the last one is a beginning."""

    def near(self, pieces: Sequence[Sequence[Path]], *, is_prefix: bool) -> Node:
        """Pieces of a graph one after the other, each the paths that it may be."""


class OneField(NamedTuple):
    """Builds for one field."""

    levels: Levels
    field: Field
    options: Match

    def term(self, term: Any) -> Node:
        options = self.options
        if options.fuzziness is not None:
            self.refuse("fuzziness", "wildcard", "match_only_text", "constant_keyword")
            if not self.field.has_terms:
                raise InputError(
                    f"fuzziness on the field {self.field.path!r} ({self.field.type}); allowed: text, keyword"
                )
            return Fuzzy(
                self.field.path,
                term.word() if isinstance(term, Unknown) else term,
                options.fuzziness,
                options.prefix_length,
                options.max_expansions,
                options.transpositions,
            )
        return value_query(self.levels, self.field, term)

    def synonym(self, terms: tuple[str, ...]) -> Node:
        self.refuse("synonyms", "match_only_text")
        return Synonym(self.field.path, tuple(sorted(terms, key=str)))

    def prefix(self, term: str) -> Node:
        self.refuse("prefixes", "search_as_you_type")
        return prefix(self.field, term)

    def phrase(self, places: Places, slop: int) -> Node:
        if len(places) == 1:
            return Bool(should=tuple(value_query(self.levels, self.field, term) for term in places[0][1]))
        if not self._has_phrases():
            return MatchNone()
        has_gaps = any(after - before != 1 for (before, _), (after, _) in pairwise(places))
        if self.field.index_phrases and not slop and not has_gaps:
            line = f"phrases on the field {self.field.path!r}, which has index_phrases: a server scores pairs of words"
            raise NotInterpretedError(f"{line}; allowed: index_phrases = false, or a slop")
        phrase = Phrase(self.field.path, places, slop)
        return Constant(phrase) if self.field.is_unscored else phrase

    def phrase_prefix(self, places: Places, slop: int) -> Node:
        if not self._has_phrases():
            return MatchNone()
        self.refuse("phrase prefixes", "match_only_text")
        if not slop:
            self._refuse_beginnings()
        return PhrasePrefix(self.field.path, places, slop, self.options.max_expansions)

    def near(self, pieces: Sequence[Sequence[Path]], *, is_prefix: bool) -> Node:
        if not self.has_positions and not self.options.lenient:  # a server refuses it where a word is there
            line = f"phrases over a graph on the field {self.field.path!r}, indexed without positions"
            raise NotInterpretedError(f"{line}, are not interpreted")
        if not self._has_phrases():
            return MatchNone()
        if is_prefix:
            self._refuse_beginnings()
        most = self.options.max_expansions if is_prefix else None
        return SpanNear(self.field.path, tuple(tuple(piece) for piece in pieces), most)

    @property
    def has_positions(self) -> bool:
        return self.field.type == "text" and self.field.index_options in ("positions", "offsets")

    def refuse(self, what: str, *kinds: str) -> None:
        """Refuse what is not known of some types."""
        if self.field.kind in kinds:
            raise NotInterpretedError(f"{what} on the field {self.field.path!r}, a {self.field.kind}")

    def _refuse_beginnings(self) -> None:
        if self.field.index_prefixes:
            line = f"phrase prefixes on the field {self.field.path!r}, which has index_prefixes: a server scores these"
            raise NotInterpretedError(f"{line}; allowed: a field without index_prefixes, or a slop")

    def _has_phrases(self) -> bool:
        self.refuse("phrases", "search_as_you_type")
        if not self.has_positions and not self.options.lenient:
            raise InputError(f"field {self.field.path!r} is indexed without positions: phrases cannot be searched")
        return self.has_positions


class CrossFields(NamedTuple):
    """Builds for several fields as if they were one: each word is looked for in all of them."""

    fields: Sequence[tuple[OneField, float]]
    tie: float

    @property
    def has_positions(self) -> bool:
        return self.fields[0][0].has_positions

    def _best(self, make: Callable[[OneField], Node]) -> Node:
        return DisMax(tuple(boosted(make(one), boost) for one, boost in self.fields), self.tie)

    def term(self, term: Any) -> Node:
        return self.synonym((term,))

    def synonym(self, terms: tuple[str, ...]) -> Node:
        words: list[tuple[str, str, float]] = []
        others: list[Node] = []
        for one, boost in self.fields:
            for term in terms:
                try:
                    node = value_query(one.levels, one.field, term)
                except InputError:
                    if not one.options.lenient:
                        raise
                    node = MatchNone()
                if isinstance(node, Term):
                    words.append((node.path, node.term, boost))
                else:
                    others.append(boosted(node, boost))
        if words:
            others.append(Blended(tuple(words), self.tie))
        return others[0] if len(others) == 1 else DisMax(tuple(others), 1)

    def prefix(self, term: str) -> Node:
        return self._best(lambda one: one.prefix(term))

    def phrase(self, places: Places, slop: int) -> Node:
        return self._best(lambda one: one.phrase(places, slop))

    def phrase_prefix(self, places: Places, slop: int) -> Node:
        return self._best(lambda one: one.phrase_prefix(places, slop))

    def near(self, pieces: Sequence[Sequence[Path]], *, is_prefix: bool) -> Node:
        return self._best(lambda one: one.near(pieces, is_prefix=is_prefix))


def build(  # noqa: PLR0911, PLR0913 - Lucene's cases, in its order
    stream: Stream, builder: Builder, kind: MatchType, options: Match, *, is_graph: bool, operator: str = ""
) -> Node | None:
    """Make the query of a token stream; None where it has no tokens."""
    tokens, operator = stream.tokens, operator or options.operator
    if not tokens:
        return None
    if len(tokens) == 1:
        if kind == "phrase_prefix":
            return builder.phrase_prefix(_places(tokens), options.slop)
        term = tokens[0].term
        return builder.prefix(term) if kind == "boolean_prefix" else builder.term(term)
    if is_graph and any(token.span > 1 for token in tokens):
        graph = Graph(tokens)
        if kind in ("phrase", "phrase_prefix"):
            return _graph_phrase(graph, builder, kind, options)
        return _graph_bool(graph, builder, kind, options, operator)
    distance = sum(token.step for token in tokens)
    if kind == "phrase_prefix":
        return builder.phrase_prefix(_places(tokens), options.slop)
    if kind == "phrase" and distance > 1:
        return builder.phrase(_places(tokens), options.slop)
    if distance == 1:
        return builder.synonym(tuple(token.term for token in tokens))
    groups = [terms for _, terms in _places(tokens)]
    nodes = [_at_one_place(terms, builder) for terms in groups[:-1]]
    nodes.append(_at_one_place(groups[-1], builder, is_prefix=kind == "boolean_prefix"))
    return _all_or_any(nodes, operator)


def _at_one_place(terms: tuple[str, ...], builder: Builder, *, is_prefix: bool = False) -> Node:
    if len(terms) > 1:
        return builder.synonym(terms)
    return builder.prefix(terms[0]) if is_prefix else builder.term(terms[0])


def _all_or_any(nodes: Sequence[Node], operator: str) -> Bool:
    return Bool(must=tuple(nodes)) if operator == "and" else Bool(should=tuple(nodes))


def _places(tokens: Sequence[Token]) -> Places:
    """Group tokens by their positions, the first of which is 0."""
    places: list[tuple[int, list[str]]] = []
    for token in tokens:
        if token.step or not places:
            places.append(((places[-1][0] + token.step) if places else 0, []))
        places[-1][1].append(token.term)
    return tuple((position, tuple(terms)) for position, terms in places)


class Graph:
    """Tokens as edges between states; Lucene's `GraphTokenStreamFiniteStrings`."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        edges: list[tuple[int, int, Token]] = []
        position, gap = -1, 0
        for token in tokens:
            if token.step == 0:
                position -= gap
            else:
                position += 1
                gap = token.step - 1
            # a token beside another one comes as many positions after those before it
            edges.append((position, position + token.span + gap, token._replace(step=gap + 1)))
            position += gap
        self.end = max(end for _, end, _ in edges)
        self._edges = _alive(edges, self.end)
        starts = {start for start, _, _ in self._edges}
        crossed = {state for start, end, _ in self._edges for state in range(start + 1, end)}
        self.cuts = sorted(state for state in starts if 0 < state < self.end and state not in crossed)

    def pieces(self) -> Iterator[tuple[int, int]]:
        """Cut the graph where no token jumps across: the first and last state of each piece."""
        ends = [*self.cuts, self.end]
        return zip([0, *self.cuts], ends, strict=True)

    def has_side_path(self, state: int) -> bool:
        """Whether the tokens that begin at a state end at different ones."""
        return len({end for start, end, _ in self._edges if start == state}) > 1

    def terms(self, state: int) -> tuple[str, ...]:
        """The tokens that begin at a state."""
        return tuple(token.term for start, _, token in self._edges if start == state)

    def paths(self, start: int, end: int) -> Iterator[Stream]:
        """Every way from one state to another, as a stream without spans."""
        if start == end:
            yield Stream(())
            return
        for first, last, token in self._edges:
            if first == start and last <= end:
                for rest in self.paths(last, end):
                    yield Stream((token._replace(span=1), *rest.tokens))


def _alive(edges: list[tuple[int, int, Token]], end: int) -> list[tuple[int, int, Token]]:
    """Leave out tokens that no way from the first to the last state passes."""
    forward, backward = {0}, {end}
    for first, last, _ in sorted(edges, key=lambda edge: edge[0]):
        if first in forward:
            forward.add(last)
    for first, last, _ in sorted(edges, key=lambda edge: -edge[1]):
        if last in backward:
            backward.add(first)
    return [edge for edge in edges if edge[0] in forward and edge[1] in backward]


def _graph_bool(graph: Graph, builder: Builder, kind: MatchType, options: Match, operator: str) -> Node:
    nodes: list[Node] = []
    for start, end in graph.pieces():
        is_prefix = kind == "boolean_prefix" and end == graph.end
        if not graph.has_side_path(start):
            nodes.append(_at_one_place(graph.terms(start), builder, is_prefix=is_prefix))
            continue
        paths = []
        for path in graph.paths(start, end):
            if options.phrases_of_paths and builder.has_positions:
                inner: MatchType = "phrase_prefix" if is_prefix else "phrase"
            else:
                inner = "boolean_prefix" if is_prefix else "boolean"
            node = build(path, builder, inner, options, is_graph=False, operator="and")
            paths += [node] if node is not None else []
        nodes.append(paths[0] if len(paths) == 1 else Bool(should=tuple(paths)))
    return _all_or_any(nodes, operator)


def _graph_phrase(graph: Graph, builder: Builder, kind: MatchType, options: Match) -> Node:
    if options.slop:
        phrases = (build(path, builder, kind, options, is_graph=False) for path in graph.paths(0, graph.end))
        return Bool(should=tuple(phrase for phrase in phrases if phrase is not None))
    pieces: list[list[Path]] = []
    for start, end in graph.pieces():
        if graph.has_side_path(start):
            paths = graph.paths(start, end)
            pieces.append([tuple((token.step, token.term) for token in path.tokens) for path in paths])
        else:
            pieces.append([((1, term),) for term in graph.terms(start)])
    return builder.near(pieces, is_prefix=kind == "phrase_prefix")


# a text on a field


def field_query(levels: Levels, field: Field, value: Any, kind: MatchType, options: Match) -> Node:
    """Match a value on one field.

    Raises:
        InputError: the field's type cannot be searched so.
    """
    builder = OneField(levels, field, options)
    if isinstance(value, Unknown) and not field.has_terms:
        raise NotPlannedError
    if not field.has_terms:
        if kind == "phrase_prefix":
            raise InputError(f"field {field.path!r} is a {field.type}: no phrases there; allowed: text")
        try:
            return builder.term(value)
        except InputError:
            if options.lenient:
                return MatchNone()
            raise
    text = value if isinstance(value, Unknown) else text_of(value)
    if field.type == "keyword" and not options.analyzer:
        if kind == "phrase_prefix":
            raise InputError(f"field {field.path!r} is a keyword: no phrases there; allowed: text")
        if kind == "boolean_prefix":
            return builder.prefix(keyword_of(levels, field, text))
        if isinstance(text, Unknown):
            return builder.term(text.through(field.normalizer))
        return builder.term(keyword_of(levels, field, text))
    node = analyzed(levels, builder, analyzer_of(field, kind, options), text, kind, options)
    return without_terms(options) if node is None else node


def analyzer_of(field: Field, kind: MatchType, options: Match) -> str:
    """Name the analyzer of a query's text."""
    if options.analyzer:
        return options.analyzer
    if field.type == "keyword":
        return field.normalizer
    return field.search_quote_analyzer if kind in ("phrase", "phrase_prefix") else field.search_analyzer


def analyzed(  # noqa: PLR0913, PLR0917 - what a text becomes
    levels: Levels, builder: Builder, analyzer: str, text: Any, kind: MatchType, options: Match
) -> Node | None:
    """Analyze a text and make its query; None where nothing is left of it."""
    analyze = levels.analysis.analyzer(analyzer)
    stream = levels.stream(analyzer, text)
    is_graph = analyze.is_graph and len(stream.tokens) > 1 and any(token.span > 1 for token in stream.tokens)
    if kind == "boolean_prefix" and not is_graph:  # of a graph the last word is a beginning, wherever it ends
        is_unknown = isinstance(text, Unknown)
        ends = text.ends_with_a_token(analyzer) if is_unknown else ends_with_a_token(levels, analyzer, text)
        kind = kind if ends else "boolean"
    return build(stream, builder, kind, options, is_graph=is_graph)


@dataclass(frozen=True)
class NoTerms(MatchNone):
    """A text without tokens, where such a clause is left out."""


def without_terms(options: Match) -> Node:
    """What a text without tokens matches."""
    kinds: dict[str, Callable[[], Node]] = {"all": MatchAll, "left out": NoTerms}
    return kinds.get(options.zero_terms, MatchNone)()


# minimum_should_match


def with_minimum(node: Node, minimum: str | None) -> Node:
    """Ask for as many clauses of a bool as a `minimum_should_match` says."""
    if minimum is None or not isinstance(node, Bool):
        return node
    number = required(minimum, len(node.should))
    return Bool(node.must, node.filter, node.should, node.must_not, number) if number > 0 else node
