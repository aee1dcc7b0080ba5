"""Templates that are read and rewritten once for all queries of a shape.

What rewriting does depends on how many words a text has, where they stand and which of them are equal, never on the
words themselves: so a template is read with words that are not known (`words.Unknown`), and what comes of it is
evaluated with those of each query. A clause that has to know its words (fuzziness, patterns, numbers) ends that: such a
template is read for each query.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from relevance.bodies import NO_PARAMS, VECTOR
from relevance.engines.embedded.bodies.leaves import Synonym, Term
from relevance.engines.embedded.bodies.nodes import Node
from relevance.engines.embedded.bodies.parts import SearchBody, read_body
from relevance.engines.embedded.bodies.phrases import Phrase
from relevance.engines.embedded.bodies.words import NotPlannedError, Unknown, has_words, normalized
from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from relevance.bodies import Body
    from relevance.engines.embedded.bodies.levels import Levels
    from relevance.engines.embedded.bodies.words import Use

_TEMPLATES, _SHAPES = 200, 1_000
_ENOUGH = 3  # shapes that cannot be planned, after which none is tried
_WITH_WORDS = (Term, Synonym, Phrase)
"""What can be evaluated with words that come later."""


class Template:
    """A template with some parameters on an index."""

    def __init__(self, form: Body, levels: Levels, params: Mapping[str, Any], hits: int) -> None:
        self._form, self._levels, self._params, self._hits = form, levels, params, hits
        self._uses: dict[Use, None] = {}
        self._named: set[str] = set()
        self._plans: dict[tuple[object, ...], SearchBody | None] = {}

    def plan(self, text: str) -> tuple[SearchBody | None, list[str]]:
        """What a text becomes, and the words with which it is evaluated; None: it has to be read by itself."""
        if len(self._plans) >= _ENOUGH and not any(self._plans.values()):
            return None, []
        words: dict[str, int] = {}
        shape = tuple(self._shape(text, words))
        if shape not in self._plans:
            if len(self._plans) >= _SHAPES:
                self._plans.clear()
            uses, named = dict(self._uses), set(self._named)
            plan = self._read(Unknown(text, self._levels, dict(words), named, uses))
            if plan is not None:
                named = self._named | set(_texts(plan))
            if len(uses) > len(self._uses) or len(named) > len(self._named):
                self._uses, self._named = uses, named
                self._plans.clear()
                return self.plan(text)
            self._plans[shape] = plan
        return self._plans[shape], list(words)

    def _shape(self, text: str, words: dict[str, int]) -> Iterator[object]:
        """What a reading can learn of a text: the numbers of its words, and where they stand."""
        for analyzer, normalizers in self._uses:
            if analyzer is None:
                term = normalized(self._levels, text, normalizers)
                yield term if term in self._named else words.setdefault(term, len(words))
                continue
            stream = self._levels.stream(analyzer, text)
            for token in stream.tokens:
                term = token.term
                yield term if term in self._named else words.setdefault(term, len(words))
                yield token.step
                yield token.span
            yield None
            yield stream.rest

    def _read(self, text: Unknown) -> SearchBody | None:
        notes, self._levels.notes = self._levels.notes, set()
        try:
            rendered = self._form.render(query=text, params=self._params)  # type: ignore[arg-type]
            search = read_body(rendered, self._levels, self._hits)
            _check(search)
        except (NotPlannedError, InputError, TypeError, AttributeError):  # what needs a text fails without one
            return None
        else:
            return None if self._levels.notes else search
        finally:
            self._levels.notes = notes


class Plans:
    """The templates of an index."""

    def __init__(self, levels: Levels) -> None:
        self._levels = levels
        self._templates: dict[object, tuple[Body, Template]] = {}

    def clear(self) -> None:
        """Forget them: the fields are others."""
        self._templates.clear()

    def plan(self, form: Body, text: str, params: Mapping[str, Any], hits: int) -> tuple[SearchBody | None, list[str]]:
        """See `Template.plan`."""
        key = (id(form), hits, json.dumps(params, sort_keys=True) if params else "")
        if key not in self._templates:
            if len(self._templates) >= _TEMPLATES:
                self._templates.clear()
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
        elif isinstance(value, tuple | frozenset):
            todo += value


def _check(search: SearchBody) -> None:
    for node in _nodes(search):
        if not isinstance(node, _WITH_WORDS) and any(map(has_words, node.values())):
            raise NotPlannedError


def _texts(search: SearchBody) -> Iterator[str]:
    """The terms that a search names itself."""
    for node in _nodes(search):
        todo: list[Any] = node.values() if isinstance(node, _WITH_WORDS) else []
        while todo:
            value = todo.pop()
            if isinstance(value, str):
                yield value
            elif isinstance(value, tuple):
                todo += value
