"""Documents of any schema, searched by bodies in Elasticsearch's language as Elasticsearch answers them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from relevance.engines.embedded.bodies.documents import read_documents
from relevance.engines.embedded.bodies.levels import Levels
from relevance.engines.embedded.bodies.parts import read_body

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from relevance.analysis import Analysis
    from relevance.engines.embedded.bodies.hits import Floats, Ints
    from relevance.engines.embedded.bodies.nodes import Explanation, Node
    from relevance.schema import Schema


class Answer(NamedTuple):
    """The best hits of a body: codes of products and their scores, the best first; and how many match."""

    codes: Ints
    scores: Floats
    total: int


class BodyIndex:
    """Documents in the order of their codes, by which ties are broken.

    Args:
        schema: the fields.
        analysis: their analyzers.
        documents: JSON objects, as they would be sent to the server.
        release: of Elasticsearch, whose ways are followed where they differ.
        ids: of the documents, for queries about `_id`.
    """

    def __init__(
        self,
        schema: Schema,
        analysis: Analysis,
        documents: Iterable[Mapping[str, Any]],
        *,
        release: int = 9,
        ids: Sequence[str] = (),
    ) -> None:
        codes = {one: code for code, one in enumerate(ids)}
        self._levels = Levels(schema, analysis, read_documents(documents, schema), codes, release)
        self._products = self._levels.level("")

    def search(self, bodies: Iterable[Mapping[str, Any]], *, hits: int) -> list[Answer]:
        """Answer search bodies: score descending, then code ascending.

        Raises:
            InputError: a part of a body is not known; the line names its place.
        """
        return [self._search(body, hits) for body in bodies]

    @property
    def notes(self) -> list[str]:
        """What in the bodies that were answered may differ from a server's answer, a line each."""
        return sorted(self._levels.notes)

    def extend(self, schema: Schema, analysis: Analysis) -> None:
        """Take a mapping that has more fields of the documents' values; what is indexed stays."""
        self._levels.schema, self._levels.analysis = schema, analysis

    def forget_notes(self) -> None:
        """Begin a new list of notes."""
        self._levels.notes.clear()

    def query(self, body: Mapping[str, Any]) -> Node:
        """The query of a body, rewritten."""
        return read_body(body, self._levels, 0).node

    def _search(self, body: Mapping[str, Any], hits: int) -> Answer:
        return Answer(*read_body(body, self._levels, hits).best(self._products, hits))

    def explain(self, body: Mapping[str, Any], code: int, *, hits: int = 10) -> Explanation | None:
        """Say what made the score of a product where so many hits are asked for; None where it does not match."""
        return read_body(body, self._levels, hits).explain(self._products, code)
