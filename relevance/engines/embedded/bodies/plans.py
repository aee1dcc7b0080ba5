"""Templates that are read and rewritten once for all queries of a shape.

What rewriting does depends on how many words a text has, where they stand and which of them are equal, hardly on the
words themselves: so a template is read with words that are not known (`words.Unknown`), and what comes of it is
evaluated with those of each query. Where terms are looked up for a word, rewriting asks whether there are any
(`words.Question`): a plan holds for the texts with its answers. Where two words of a text reach one term, the terms
would be merged, and the search is read by itself; so is a template with a clause that has to know its words (numbers,
letters inside a text).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from relevance.bodies import NO_PARAMS, VECTOR
from relevance.engines.embedded.bodies.expanded import Expanded
from relevance.engines.embedded.bodies.fuzzy import Fuzzy
from relevance.engines.embedded.bodies.leaves import AnyTerm, Beginning, Share, Synonym, Term
from relevance.engines.embedded.bodies.nodes import Bool, Node, bare
from relevance.engines.embedded.bodies.parts import SearchBody, read_body
from relevance.engines.embedded.bodies.phrases import BegunPhrase, Phrase, PhrasePrefix
from relevance.engines.embedded.bodies.words import (
    NotPlannedError,
    Reading,
    Unknown,
    ends_with_a_token,
    has_words,
    normalized,
)
from relevance.errors import InputError
from relevance.remembered import Remembered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from relevance.bodies import Body
    from relevance.engines.embedded.bodies.levels import Levels
    from relevance.engines.embedded.bodies.words import Question, Use

_TEMPLATES, _SHAPES = 200, 1_000
_ENOUGH = 3  # shapes that cannot be planned, after which none is tried
_WITH_WORDS = (Term, Synonym, Phrase, AnyTerm, Beginning, Fuzzy, PhrasePrefix)
"""What can be evaluated with words that come later."""
_WORDS = ("term", "terms", "places")  # of these
_NEEDS_ITS_WORDS = (NotPlannedError, InputError, TypeError, AttributeError, IndexError)
"""What is raised where a text, or a word of it, has to be known."""


class _Plan(NamedTuple):
    """A search, and the words that must not reach the same terms."""

    search: SearchBody
    rivals: Sequence[_Rivals]


@dataclass
class _Shape:
    """What texts of a shape become, by the answers to what rewriting asks."""

    questions: dict[Question, None] = field(default_factory=dict)
    plans: dict[tuple[object, ...], _Plan | None] = field(default_factory=dict)


class _Rivals(NamedTuple):
    """Nodes of one field that Lucene merges: those that are the same terms, or in one sum those that share a term."""

    nodes: Sequence[Expanded | Term]
    in_a_sum: bool

    def meet(self, levels: Levels) -> bool:
        """Whether the words of the query that is asked are to be merged."""
        held = [_numbers(node, levels) for node in self.nodes]
        if self.in_a_sum:
            every = [number for numbers in held for number in numbers]
            return len(set(every)) < len(every)
        return len(set(held)) < len(held)


def _numbers(node: Expanded | Term, levels: Levels) -> tuple[int, ...]:
    if isinstance(node, Expanded):
        return tuple(node.source.expansion(levels).numbers.tolist())
    index = levels.terms(node.path)
    number = None if index is None else index.number(levels.spelt(node.term))
    return (-id(node),) if number is None else (number,)


class Template:
    """A template with some parameters on an index."""

    def __init__(self, form: Body, levels: Levels, params: Mapping[str, Any], hits: int) -> None:
        self._form, self._levels, self._params, self._hits = form, levels, params, hits
        self._uses: dict[Use, None] = {}
        self._named: set[str] = set()
        self._shapes: dict[tuple[object, ...], _Shape] = {}
        self._read, self._failed = 0, 0

    def plan(self, text: str) -> tuple[SearchBody | None, list[str]]:
        """What a text becomes, and the words with which it is evaluated; None: it has to be read by itself."""
        if self._failed == self._read >= _ENOUGH:
            return None, []
        numbers: dict[str, int] = {}
        key = tuple(self._shape(text, numbers))
        shape, words = self._shapes.setdefault(key, _Shape()), list(numbers)
        answers = self._answers(shape, words)
        if answers not in shape.plans:
            if self._read % _SHAPES == _SHAPES - 1:
                self._shapes = {key: shape}
            uses, named, reading = dict(self._uses), set(self._named), Reading(words, {})
            plan = self._plan(Unknown(text, self._levels, numbers, named, uses), reading)
            if plan is not None:
                named = self._named | set(_texts(plan.search))
            if len(uses) > len(self._uses) or len(named) > len(self._named):
                self._uses, self._named = uses, named
                self._shapes.clear()
                return self.plan(text)
            if reading.questions.keys() - shape.questions.keys():
                shape = self._shapes[key] = _Shape({**shape.questions, **reading.questions})
                answers = self._answers(shape, words)
            shape.plans[answers] = plan
            self._read += 1
            self._failed += plan is None
        plan = shape.plans[answers]
        return (None, []) if plan is None or self._merges(plan, words) else (plan.search, words)

    def _answers(self, shape: _Shape, words: Sequence[str]) -> tuple[object, ...]:
        with self._levels.asked(words):
            return tuple([question.answer(self._levels) for question in shape.questions])

    def _merges(self, plan: _Plan, words: Sequence[str]) -> bool:
        """Whether rewriting would merge terms of different words."""
        with self._levels.asked(words):
            return any(rivals.meet(self._levels) for rivals in plan.rivals)

    def _shape(self, text: str, words: dict[str, int]) -> Iterator[object]:
        """What a reading can learn of a text: the numbers of its words, and where they stand."""
        for kind, names in self._uses:
            if kind == "whole":
                term = normalized(self._levels, text, names)
                yield term if term in self._named else words.setdefault(term, len(words))
                continue
            (analyzer,) = names
            if kind == "ending":
                yield ends_with_a_token(self._levels, analyzer, text)
                continue
            stream = self._levels.stream(analyzer, text)
            for token in stream.tokens:
                term = token.term
                yield term if term in self._named else words.setdefault(term, len(words))
                yield token.step
                yield token.span
            yield None
            yield stream.rest

    def _plan(self, text: Unknown, reading: Reading) -> _Plan | None:
        notes, self._levels.notes = self._levels.notes, set()
        self._levels.reading = reading
        try:
            rendered = self._form.render(query=text, params=self._params)  # type: ignore[arg-type]
            search = read_body(rendered, self._levels, self._hits)
            _check(search)
            plan = _Plan(search, list(_rivals(search)))
        except _NEEDS_ITS_WORDS:
            return None
        else:
            return None if self._levels.notes else plan
        finally:
            self._levels.notes, self._levels.reading = notes, None


class Plans:
    """The templates of an index."""

    def __init__(self, levels: Levels) -> None:
        self._levels = levels
        self._templates: Remembered[object, tuple[Body, Template]] = Remembered(_TEMPLATES)

    def clear(self) -> None:
        """Forget them: the fields are others."""
        self._templates.clear()

    def plan(self, form: Body, text: str, params: Mapping[str, Any], hits: int) -> tuple[SearchBody | None, list[str]]:
        """See `Template.plan`."""
        key = (id(form), hits, json.dumps(params, sort_keys=True) if params else "")
        if key not in self._templates:
            self._templates[key] = (form, Template(form, self._levels, params or NO_PARAMS, hits))
        return (None, []) if form.count(VECTOR) else self._templates[key][1].plan(text)


def _nodes(search: SearchBody) -> Iterator[Node]:
    todo: list[Any] = [search.node, search.post_filter]
    todo += [one.node for one in search.rescores] + [one.filter for one in search.sort]
    while todo:
        value = todo.pop()
        if isinstance(value, Node):
            yield value
            todo += value.values()
        elif isinstance(value, tuple | frozenset) and not isinstance(value, Share):
            todo += value


def _check(search: SearchBody) -> None:
    for node in _nodes(search):
        if not isinstance(node, _WITH_WORDS) and any(map(has_words, node.values())):
            raise NotPlannedError


def _texts(search: SearchBody) -> Iterator[str]:
    """The terms that a search names itself."""
    for node in _nodes(search):
        todo: list[Any] = [getattr(node, name, None) for name in _WORDS] if isinstance(node, _WITH_WORDS) else []
        while todo:
            value = todo.pop()
            if isinstance(value, str):
                yield value
            elif isinstance(value, tuple | frozenset):
                todo += value


def _rivals(search: SearchBody) -> Iterator[_Rivals]:
    """What Lucene merges where it is the same."""
    nodes = list(_nodes(search))
    phrases = {node for node in nodes if isinstance(node, BegunPhrase)}
    if len({phrase.source.path for phrase in phrases}) < len(phrases):
        raise NotPlannedError
    yield from _by_field(nodes, in_a_sum=False)
    for node in nodes:
        if isinstance(node, Bool) and node.minimum <= 1:
            yield from _by_field([bare(clause) for clause in node.should], in_a_sum=True)


def _by_field(nodes: Sequence[Node], *, in_a_sum: bool) -> Iterator[_Rivals]:
    fields: dict[str, dict[Expanded | Term, None]] = {}
    for node in nodes:
        if isinstance(node, Expanded | Term):
            fields.setdefault(node.source.path if isinstance(node, Expanded) else node.path, {})[node] = None
    for held in fields.values():
        if len(held) > 1 and any(isinstance(node, Expanded) for node in held):
            yield _Rivals(list(held), in_a_sum)
