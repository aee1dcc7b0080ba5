"""Documents of any schema, searched by bodies in Elasticsearch's language as Elasticsearch answers them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from relevance.engines.embedded.bodies.documents import Documents, read_documents
from relevance.engines.embedded.bodies.lanes import Lanes
from relevance.engines.embedded.bodies.levels import Levels
from relevance.engines.embedded.bodies.parts import read_body
from relevance.engines.embedded.bodies.plans import Plans
from relevance.errors import InputError
from relevance.text import progress_bar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from relevance.analysis import Analysis
    from relevance.bodies import Body
    from relevance.engines.embedded.bodies.nodes import Explanation, Node
    from relevance.engines.embedded.bodies.parts import Answer, SearchBody
    from relevance.schema import Schema


class BodyIndex:
    """Documents in the order of their codes, by which ties are broken.

    Args:
        schema: the fields.
        analysis: their analyzers.
        documents: JSON objects, as they would be sent to the server; or those of another index, see `shape_of`.
        release: of Elasticsearch, whose ways are followed where they differ.
        ids: of the documents, for queries about `_id`.
    """

    def __init__(
        self,
        schema: Schema,
        analysis: Analysis,
        documents: Iterable[Mapping[str, Any]] | Documents,
        *,
        release: int = 9,
        ids: Sequence[str] = (),
    ) -> None:
        self._ids = ids  # what is shared is shared as long as they are here
        codes = {one: code for code, one in enumerate(ids)}
        held = documents if isinstance(documents, Documents) else read_documents(documents, schema)
        self._levels = Levels(schema, analysis, held, codes, release)
        self._products = self._levels.level("")
        self._plans = Plans(self._levels)

    def fill(self, bodies: Iterable[Mapping[str, Any]], *, progress: bool = False) -> None:
        """Index the fields that bodies name; others are indexed when they are first asked for.

        Raises:
            InputError: a value is none of its field's type.
        """
        paths = list(dict.fromkeys(path for body in bodies for path in _named(body, self._levels.schema)))
        with progress_bar(len(paths), "indexing", "field", shown=progress) as bar:
            for _ in self._levels.fill(paths):
                bar.update(1)

    def search(self, bodies: Iterable[Mapping[str, Any]], *, hits: int) -> list[Answer]:
        """Answer search bodies: score descending, then code ascending.

        Raises:
            InputError: a part of a body is not known; the line names its place.
        """
        return [self._search(body, hits) for body in bodies]

    def ask(self, form: Body, asked: Iterable[tuple[str, Any, Mapping[str, Any]]], *, hits: int) -> list[Answer]:
        """Answer the searches that a template makes of texts, vectors and parameters; as `search` does.

        Raises:
            InputError: a part of a body is not known, or a parameter is missing; the line names its place.
        """
        answers: dict[int, Answer] = {}
        planned: dict[int, tuple[SearchBody, list[tuple[int, Sequence[str]]]]] = {}
        for row, (text, vector, params) in enumerate(asked):
            plan, words = self._plans.plan(form, text, params, hits)
            if plan is None:
                answers[row] = self._search(form.render(query=text, vector=vector, params=params), hits)
            else:
                planned.setdefault(id(plan), (plan, []))[1].append((row, words))
        most = Lanes.most(self._products)
        for plan, rows in planned.values():
            for start in range(0, len(rows), most):
                places, words_of = zip(*rows[start : start + most], strict=True)
                answers.update(zip(places, self._planned(plan, words_of, hits), strict=True))
        return [answers[row] for row in range(len(answers))]

    def _planned(self, plan: SearchBody, words_of: Sequence[Sequence[str]], hits: int) -> list[Answer]:
        """Answer queries of one plan: together, unless one fails, which is to be the first one that does."""
        try:
            if len(words_of) > 1:
                with suppress(InputError):
                    return plan.in_lanes.best(Lanes(self._products, words_of), hits)
            found: list[Answer] = []
            for self._levels.words in words_of:
                found += plan.best(self._products, hits)
            return found
        finally:
            self._levels.words = None

    @property
    def notes(self) -> list[str]:
        """What in the bodies that were answered may differ from a server's answer, a line each."""
        return sorted({*self._levels.notes, *self._levels.uncompared})

    def extend(self, schema: Schema, analysis: Analysis) -> None:
        """Take a mapping that has more fields of the documents' values; what is indexed stays."""
        self._levels.schema, self._levels.analysis = schema, analysis
        self._levels.parsed.clear()
        self._plans.clear()

    def forget_notes(self) -> None:
        """Begin a new list of notes."""
        self._levels.notes.clear()

    def query(self, body: Mapping[str, Any]) -> Node:
        """The query of a body, rewritten."""
        return read_body(body, self._levels, 0).node

    def _search(self, body: Mapping[str, Any], hits: int) -> Answer:
        return read_body(body, self._levels, hits).best(self._products, hits)[0]

    def explain(self, body: Mapping[str, Any], code: int, *, hits: int = 10) -> Explanation | None:
        """Say what made the score of a product where so many hits are asked for; None where it does not match."""
        return read_body(body, self._levels, hits).explain(self._products, code)


_OF_ALL_FIELDS = ("multi_match", "combined_fields", "query_string", "simple_query_string")
"""Clauses that take all fields where they name none."""


def _named(body: Any, schema: Schema) -> Iterator[str]:
    """The fields whose names a body holds, wherever."""
    if isinstance(body, str):
        name = body.partition("^")[0]
        yield from (path for path, field in schema.named(name).items() if not field.is_stored)
    elif isinstance(body, Mapping):
        for key, value in body.items():
            yield from _named(key, schema)
            yield from _named(value, schema)
            if key in _OF_ALL_FIELDS and isinstance(value, Mapping) and not {"fields", "default_field"} & set(value):
                yield from _named("*", schema)
    elif isinstance(body, list | tuple):
        for one in body:
            yield from _named(one, schema)
