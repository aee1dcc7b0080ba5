"""Elasticsearch as an engine: an index on a server answers the legs of strategies."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance.engines.base import Engine
from relevance.engines.elasticsearch.answers import Hits
from relevance.engines.elasticsearch.queries import form
from relevance.engines.elasticsearch.searching import Asked, Searcher

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from relevance.engines.base import QueryBatch
    from relevance.engines.elasticsearch.client import Connection
    from relevance.engines.elasticsearch.queries import Form, Searched
    from relevance.records import Catalogue, Ranking
    from relevance.strategies import Leg

__all__ = ["ElasticsearchEngine"]


class ElasticsearchEngine(Engine):
    """Ranks by searches on an index.

    Args:
        connection: to the index's server; closed with the engine.
        index: one of ours, or one that exists.
        catalogue: the products that the index holds.
        on_close: called once, before the connection is closed; what it returns is a note.
    """

    def __init__(
        self,
        connection: Connection,
        index: Searched,
        catalogue: Catalogue,
        *,
        on_close: Callable[[], str | None],
    ) -> None:
        self.version = connection.version
        self.facts = MappingProxyType(dict(index.facts))
        self._index = index
        self._codes = {uid: code for code, uid in enumerate(catalogue.ids)}
        self._searcher = Searcher(connection, index.name)
        self._forms: dict[tuple[Leg, int], Form] = {}
        self._on_close: Callable[[], str | None] | None = on_close
        self._left: str | None = None

    @property
    def took_ms(self) -> float | None:
        """Milliseconds that the server says it worked on all searches so far; requests side by side count each."""
        return self._searcher.took_ms

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        """Answer one leg: score descending, then product id ascending; shape (queries, hits).

        A raw template with a sort of its own keeps its order; the scores then count the places from the end.

        Raises:
            CouldNotRunError: a search failed; the query is named.
            InputError: a raw template gives no ranking, or the server does not understand it.
            KeyError: the leg names a field that the index has not.
        """
        shape = self._form(leg, hits)
        vectors = batch.vectors[leg.model] if leg.embeds else None
        given = "the strategy's template" if leg.template else ""
        asked = Asked(leg.name, shape, batch.texts, vectors, hits, given)
        found = Hits(len(batch), hits, codes=self._codes, id_field=shape.id_field, placed=shape.placed)
        return self._searcher.search(asked, found)

    def _form(self, leg: Leg, hits: int) -> Form:
        key = (leg, hits)
        if key not in self._forms:
            self._forms[key] = form(leg, self._index, hits=hits)
        return self._forms[key]

    def notes(self) -> Sequence[str]:
        """What is to be known of the index, how often searches were asked again, what was left on the server."""
        again = [
            f"elasticsearch: {count:,} {'search was' if count == 1 else 'searches were'} asked again ({reason})"
            for reason, count in self._searcher.again.items()
            if count
        ]
        return (*self._index.notes, *again, *([] if self._left is None else [self._left]))

    def close(self) -> None:
        """Let go of the index and of the connection; safe to call twice."""
        on_close, self._on_close = self._on_close, None
        if on_close is None:
            return
        try:
            self._left = on_close()
        finally:
            self._searcher.connection.close()
