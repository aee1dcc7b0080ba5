"""Strategies that rank from outside, beside an engine that answers the others."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from relevance.engines import Engine, IndexerAround
from relevance.errors import StrategyError
from relevance.files import quoted
from relevance.outside import Query
from relevance.records import Ranking, no_hits
from relevance.text import one_line, plural, some

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from relevance.engines import EngineChoice, Indexer, QueryBatch
    from relevance.engines.explanation import Explanation
    from relevance.fields import Reading
    from relevance.outside import Answer, Outside, Ranker
    from relevance.records import Catalogue
    from relevance.strategies import Leg

_SHOWN, _LONGEST = 3, 60


class WithRankers(Engine):
    """An engine, and what ranks from outside.

    Args:
        inner: answers the legs that are its own.
        catalogue: whose products are ranked.
        drops: whether hits that the catalogue lacks are dropped, and counted in a note.
    """

    def __init__(self, inner: Engine, catalogue: Catalogue, *, drops: bool) -> None:
        self._inner, self._drops = inner, drops
        self.version, self.facts, self.fuses = inner.version, inner.facts, inner.fuses
        self._codes = {uid: code for code, uid in enumerate(catalogue.ids)}
        self._rankers: dict[Outside, Ranker] = {}
        self._unknown: dict[Outside, Counter[str]] = {}
        self._short: dict[Outside, tuple[int, int]] = {}

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
        unknown = self._unknown.setdefault(outside, Counter())
        answers = self._rankers[outside].rank(queries, hits)
        ranking = ranking_of(answers, queries, self._codes, hits=hits, drops=self._drops, unknown=unknown)
        found = int((ranking.codes >= 0).sum(axis=1).max(initial=0))
        if len(batch) > 1 and not found:
            dropped = "; all were dropped, as the data set's products lack them" if unknown else outside.hits_are
            raise StrategyError(f"{outside.name}: no hit of any of {len(batch):,} queries{dropped}")
        if len(batch) > 1 and found < hits:
            self._short[outside] = (found, hits)
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
        lines, short = [*self._inner.notes()], dict[tuple[int, int], list[str]]()
        for outside, ranker in self._rankers.items():
            lines += ranker.notes()
            if unknown := self._unknown.get(outside):
                ids = some([uid for uid, _ in unknown.most_common()], _SHOWN)
                lines.append(f"{outside.name}: hits that the data set's products lack were dropped: {ids}")
            if outside in self._short:
                short.setdefault(self._short[outside], []).append(outside.name)
        for (found, hits), names in short.items():
            who = some([*dict.fromkeys(names)], _SHOWN)
            lines.append(f"{who}: {plural(found, 'hit')} of a query at most, where {hits} were asked for")
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


def ranking_of(  # noqa: PLR0913 - by name
    answers: Iterable[Answer],
    queries: Sequence[Query],
    codes: Mapping[str, int],
    *,
    hits: int,
    drops: bool,
    unknown: Counter[str],
) -> Ranking:
    """Check answers, and make a ranking of them: their order is what counts.

    Args:
        answers: in the order of the queries.
        queries: as they were asked.
        codes: product code by id.
        hits: how many are kept of a query.
        drops: whether hits that the catalogue lacks are dropped, and counted in `unknown` by their id; else they are an
            error.
        unknown: see `drops`.

    Returns:
        Shape (queries, hits); where an answer has no scores, hits are scored by their rank from `hits` down to 1.

    Raises:
        StrategyError: some hits have a score and some have none; a hit stands twice in an answer, or the catalogue
            lacks it; or answers are too few or too many.
    """
    found, scores = no_hits(len(queries), hits)
    row = -1
    for row, answer in enumerate(answers):
        if row == len(queries):
            raise StrategyError(f"more answers than {plural(len(queries), 'query', 'queries')}")
        known: dict[int, float | None] = {}
        for uid, score in answer:
            code = codes.get(uid)
            if code is None and not drops:
                lacks = "which the data set's products lack"
                allowed = 'allowed: their ids, or unknown_products = "drop"'
                raise StrategyError(f"{queries[row]}: product {quoted(one_line(uid, _LONGEST))}, {lacks}; {allowed}")
            if code is None:
                unknown[uid] += 1
            elif code in known:
                raise StrategyError(f"{queries[row]}: product {quoted(uid)} stands twice; allowed: once")
            else:
                known[code] = score
                if len(known) == hits:
                    break
        if len({score is None for score in known.values()}) > 1:
            raise StrategyError(f"{queries[row]}: some hits have a score and some have none; allowed: all or none")
        found[row, : len(known)] = list(known)
        scores[row, : len(known)] = [hits - at if one is None else one for at, one in enumerate(known.values())]
    if row + 1 < len(queries):
        raise StrategyError(f"{plural(row + 1, 'answer')} to {plural(len(queries), 'query', 'queries')}")
    return Ranking(found, scores)


def beside(choice: EngineChoice, *, drops: bool) -> EngineChoice:
    """Give the choice whose engine is a `WithRankers`."""
    inspect = choice.inspect

    def inspected(dimensions: Mapping[str, int]) -> EngineChoice:
        assert inspect is not None  # noqa: S101 - for the types
        return beside(inspect(dimensions), drops=drops)

    @contextmanager
    def opening(*, progress: bool) -> Iterator[Indexer]:
        with choice.open(progress=progress) as indexer:

            def index(catalogue: Catalogue, **options: Any) -> Engine:
                return WithRankers(indexer.index(catalogue, **options), catalogue, drops=drops)

            yield IndexerAround(indexer.ready, index)

    return replace(choice, open=opening, inspect=inspect and inspected)
