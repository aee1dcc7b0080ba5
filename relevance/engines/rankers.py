"""Strategies that rank from outside, beside an engine that answers the others."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from relevance.engines import Engine
from relevance.outside import Query, ranking_of
from relevance.text import plural, some

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from relevance.engines import EngineChoice, Indexer, QueryBatch, VectorField
    from relevance.engines.explanation import Explanation
    from relevance.fields import Reading
    from relevance.outside import Outside, Ranker
    from relevance.records import Catalogue, Ranking, Vectors
    from relevance.strategies import Leg

_SHOWN = 3


class WithRankers(Engine):
    """An engine, and what ranks from outside.

    Args:
        inner: answers the legs that are its own.
        catalogue: whose products are ranked.
        drops: whether hits that the catalogue lacks are dropped, and counted in a note.
    """

    def __init__(self, inner: Engine, catalogue: Catalogue, *, drops: bool) -> None:
        self._inner, self._drops = inner, drops
        self.version, self.facts = inner.version, inner.facts
        self._codes = {uid: code for code, uid in enumerate(catalogue.ids)}
        self._rankers: dict[Outside, Ranker] = {}
        self._unknown: dict[str, Counter[str]] = {}
        self._short: dict[str, tuple[int, int]] = {}

    @property
    def took_ms(self) -> float | None:  # type: ignore[override] # of the inner one
        """See `Engine`."""
        return self._inner.took_ms

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        """Answer one leg; a ranker is opened when it is first asked."""
        outside = leg.outside
        if outside is None:
            return self._inner.search(leg, batch, hits=hits)
        if outside not in self._rankers:
            self._rankers[outside] = outside.open()
        queries = _queries(leg, batch)
        unknown = self._unknown.setdefault(outside.name, Counter())
        answers = self._rankers[outside].rank(queries, hits)
        ranking = ranking_of(answers, queries, self._codes, hits=hits, drops=self._drops, unknown=unknown)
        found = int((ranking.codes >= 0).sum(axis=1).max(initial=0))
        if len(batch) > 1 and found < hits:
            self._short[outside.name] = (found, hits)
        return ranking

    def search_all(self, legs: Sequence[Leg], batch: QueryBatch, *, hits: int) -> Sequence[Ranking]:
        """Answer several legs; those of the inner engine together."""
        own = [leg for leg in legs if leg.outside is None]
        answers = iter(self._inner.search_all(own, batch, hits=hits))
        return [next(answers) if leg.outside is None else self.search(leg, batch, hits=hits) for leg in legs]

    def read(self, readings: Sequence[Reading]) -> bool:
        """See `Engine`."""
        return self._inner.read(readings)

    def explain(self, leg: Leg, batch: QueryBatch, code: int) -> Explanation:
        """See `Engine`; what ranks from outside explains nothing."""
        return super().explain(leg, batch, code) if leg.outside else self._inner.explain(leg, batch, code)

    def notes(self) -> Sequence[str]:
        """Of the inner engine and of the rankers: what was dropped, and what gave fewer hits than were asked for."""
        lines = [*self._inner.notes()]
        for outside, ranker in self._rankers.items():
            lines += ranker.notes()
            if unknown := self._unknown[outside.name]:
                ids = some([uid for uid, _ in unknown.most_common()], _SHOWN)
                lines.append(f"{outside.name}: hits that the data set's products lack were dropped: {ids}")
            if outside.name in self._short:
                found, hits = self._short[outside.name]
                lines.append(f"{outside.name}: {plural(found, 'hit')} of a query at most, where {hits} were asked for")
        return lines

    def close(self) -> None:
        """Let go of the rankers and of the engine."""
        for ranker in self._rankers.values():
            ranker.close()
        self._inner.close()


def _queries(leg: Leg, batch: QueryBatch) -> list[Query]:
    ids = batch.ids or [""] * len(batch)
    values = zip(ids, batch.values(leg), strict=True)
    return [Query(text, uid, params, vector) for uid, (text, vector, params) in values]


@dataclass(frozen=True)
class _Indexer:
    inner: Indexer
    drops: bool

    def ready(self) -> float | None:
        return self.inner.ready()

    def index(
        self,
        catalogue: Catalogue,
        *,
        text_fields: Iterable[str],
        vectors: Mapping[VectorField, Vectors],
        progress: bool,
    ) -> Engine:
        engine = self.inner.index(catalogue, text_fields=text_fields, vectors=vectors, progress=progress)
        return WithRankers(engine, catalogue, drops=self.drops)


def beside(choice: EngineChoice, *, drops: bool) -> EngineChoice:
    """Give the choice whose engine is a `WithRankers`."""
    inspect = choice.inspect

    def inspected(dimensions: Mapping[str, int]) -> EngineChoice:
        assert inspect is not None  # noqa: S101 - for the types
        return beside(inspect(dimensions), drops=drops)

    @contextmanager
    def opening(*, progress: bool) -> Iterator[Indexer]:
        with choice.open(progress=progress) as indexer:
            yield _Indexer(indexer, drops)

    return replace(choice, open=opening, inspect=inspect and inspected)
