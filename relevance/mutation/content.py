"""Changes of what goes into an engine and comes out of it: texts, vectors, rankings."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from relevance.mutation.engine import Alterations, altered
from relevance.mutation.plans import NotApplicableError, needs_text, needs_vectors
from relevance.records import NO_HIT, Catalogue, Ranking, Vectors

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    import pandas as pd

    from relevance.engines.base import QueryBatch
    from relevance.mutation.engine import FieldVectors
    from relevance.mutation.plans import Change
    from relevance.suite import Plan

    _Frames: TypeAlias = tuple[pd.DataFrame, pd.DataFrame]
    _FrameChange: TypeAlias = Callable[[pd.DataFrame, pd.DataFrame], _Frames]
    _Floats: TypeAlias = npt.NDArray[np.float32]
    _RankingChange: TypeAlias = Callable[[Ranking, int, np.random.Generator], Ranking]

_LOST = "zqzq"
"""Stands in front of a word that is not found any more, which stays a word of its own."""

DESCRIPTION_WORDS, QUERY_WORDS, DIMENSIONS = 10, 2, 32
_A_TENTH, _MISSING = 0.1, 0.05
_EMPTY_EACH, _DEEPER = 50, 20


# texts of products


def indexed(change: _FrameChange) -> Change:
    """Change products (`id`, `title`, `description`) and attributes (`id`, `name`, `value`) before they are indexed."""

    def of(catalogue: Catalogue) -> Catalogue:
        products, attributes = catalogue.products.copy(), catalogue.attributes.copy()
        attributes["id"] = np.array(catalogue.ids, dtype=object)[attributes["product"].to_numpy(dtype=np.int64)]
        return Catalogue(*change(products, attributes))

    def changed(plan: Plan, _: int) -> Plan:
        needs_text(plan)
        return altered(plan, Alterations(catalogue=of))

    return changed


def rewritten(rewrite: Callable[[str], str]) -> _FrameChange:
    """Rewrite all texts of products."""

    def change(products: pd.DataFrame, attributes: pd.DataFrame) -> _Frames:
        for frame, names in ((products, ("title", "description")), (attributes, ("name", "value"))):
            for name in names:
                frame[name] = [rewrite(text) for text in frame[name].tolist()]
        return products, attributes

    return change


def emptied(name: str) -> _FrameChange:
    """Empty a field of all products."""
    if name == "attributes":
        return lambda products, attributes: (products, attributes.iloc[:0])
    return lambda products, attributes: (products.assign(**{name: ""}), attributes)


def fields_exchanged(products: pd.DataFrame, attributes: pd.DataFrame) -> _Frames:
    """Let titles and descriptions change places."""
    return products.assign(title=products["description"], description=products["title"]), attributes


def description_cut(products: pd.DataFrame, attributes: pd.DataFrame) -> _Frames:
    """Keep the first words of descriptions."""
    cut = [" ".join(text.split()[:DESCRIPTION_WORDS]) for text in products["description"].tolist()]
    return products.assign(description=cut), attributes


def products_missing(plan: Plan, seed: int) -> Plan:
    """Leave out 5% of the products."""

    def products(catalogue: Catalogue) -> list[int]:
        return np.flatnonzero(np.random.default_rng(seed).random(len(catalogue)) >= _MISSING).tolist()

    return altered(plan, Alterations(products=products))


def other_order(plan: Plan, seed: int) -> Plan:
    """Index products in an order of their own, which decides ties; the lists come back under the usual codes."""

    def products(catalogue: Catalogue) -> list[int]:
        return np.random.default_rng(seed).permutation(len(catalogue)).tolist()  # type: ignore[no-any-return]

    return altered(plan, Alterations(products=products))


# texts of queries, and what texts are rewritten to


def queries(rewrite: Callable[[str], str]) -> Change:
    """Rewrite each query's text before it is matched; one of which nothing is left stays as it is."""

    def of(batch: QueryBatch) -> QueryBatch:
        return replace(batch, texts=[rewrite(text) or text for text in batch.texts])

    def changed(plan: Plan, _: int) -> Plan:
        needs_text(plan)
        if all((rewrite(text) or text) == text for text in plan.dataset.queries.texts):
            raise NotApplicableError("no query has what is changed")
        return altered(plan, Alterations(batch=of))

    return changed


def capitals_lost(text: str) -> str:
    """Make words with a capital others, which nothing finds."""
    return re.sub(r"\w*[A-Z]\w*", lambda word: _LOST + word[0].lower(), text)


def stemmed(text: str) -> str:
    """Cut plurals by a rule that is too simple."""
    return re.sub(r"(?i)\b([a-z]{3,}?)(es|s)\b", r"\1", text)


def without_numbers(text: str) -> str:
    """Leave out words with a digit."""
    return " ".join(re.sub(r"\S*\d\S*", " ", text).split())


# vectors


def _unit(rows: _Floats) -> _Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units: _Floats = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return units


def product_vectors(change: Callable[[Vectors, np.random.Generator], Vectors]) -> Change:
    """Change the products' vectors, each field drawn anew from one seed."""

    def changed(plan: Plan, seed: int) -> Plan:
        needs_vectors(plan)

        def of(vectors: FieldVectors) -> FieldVectors:
            # a field that no product has text in has no row to change
            return {
                name: change(one, np.random.default_rng(seed)) if len(one.matrix) else one
                for name, one in vectors.items()
            }

        return altered(plan, Alterations(vectors=of))

    return changed


def all_vectors(change: Callable[[_Floats, int], _Floats]) -> Change:
    """Change rows of vectors, of products and of queries alike; the seed decides the same draw on both sides."""

    def changed(plan: Plan, seed: int) -> Plan:
        needs_vectors(plan)

        def of_queries(batch: QueryBatch) -> QueryBatch:
            return replace(batch, vectors={name: change(rows, seed) for name, rows in batch.vectors.items()})

        def of_products(vectors: FieldVectors) -> FieldVectors:
            return {name: Vectors(change(np.asarray(one.matrix), seed), one.rows) for name, one in vectors.items()}

        return altered(plan, Alterations(vectors=of_products, batch=of_queries))

    return changed


def vectors_not_normalised(plan: Plan, seed: int) -> Plan:
    """Give vectors lengths as a model without its last layer may: log-normal, apart by a few percent to a half."""
    if plan.engine.name != "embedded":
        raise NotApplicableError("this engine computes cosines, whatever the lengths are")

    def change(one: Vectors, rng: np.random.Generator) -> Vectors:
        lengths = rng.lognormal(0.0, 0.25, size=(len(one.matrix), 1)).astype(np.float32)
        return Vectors((np.asarray(one.matrix) * lengths / lengths.max()).astype(np.float32), one.rows)

    return product_vectors(change)(plan, seed)


def stale(one: Vectors, rng: np.random.Generator) -> Vectors:
    """Give a tenth of the products the vector of another one, as before their text changed."""
    chosen = np.flatnonzero(rng.random(len(one.rows)) < _A_TENTH)
    rows = one.rows.copy()
    rows[chosen] = one.rows[np.roll(chosen, 1)]
    return Vectors(one.matrix, rows)


def shifted(one: Vectors, _: np.random.Generator) -> Vectors:
    """Give every product the vector of the one before it."""
    return Vectors(one.matrix, np.roll(one.rows, 1))


def lost(one: Vectors, rng: np.random.Generator) -> Vectors:
    """Take the vector of a tenth of the products away."""
    return Vectors(one.matrix, np.where(rng.random(len(one.rows)) < _A_TENTH, -1, one.rows))


def noisy_vectors(size: float) -> Change:
    """Move each number of a product's vector by up to about so much."""

    def change(one: Vectors, rng: np.random.Generator) -> Vectors:
        noise = size * rng.standard_normal(one.matrix.shape, dtype=np.float32)
        return Vectors(_unit(np.asarray(one.matrix) + noise), one.rows)

    return product_vectors(change)


def quantised(levels: int) -> Callable[[_Floats, int], _Floats]:
    """Round each number of a row to one of so many steps on either side of 0, as wide as its largest; 0: to signs."""

    def change(rows: _Floats, _: int) -> _Floats:
        largest = np.abs(rows).max(axis=1, keepdims=True)
        steps = np.round(rows / np.where(largest > 0, largest, 1) * levels)
        return _unit((np.sign(rows) if levels == 0 else steps).astype(np.float32))

    return change


def projected(rows: _Floats, seed: int) -> _Floats:
    """Project onto random directions."""
    directions = np.random.default_rng(seed).standard_normal((rows.shape[1], DIMENSIONS)).astype(np.float32)
    return _unit(rows @ (directions / np.sqrt(np.float32(DIMENSIONS))))


def vector_fields_exchanged(plan: Plan, _: int) -> Plan:
    """Let the vectors of titles and attributes change places."""

    def of(vectors: FieldVectors) -> FieldVectors:
        other = {"title": "attributes", "attributes": "title"}
        return {(model, name): vectors[model, other.get(name, name)] for model, name in vectors}

    if not {"title", "attributes"} <= {name for _, name in plan.vector_fields}:
        raise NotApplicableError("no strategy searches the vectors of titles and attributes")
    return altered(plan, Alterations(vectors=of))


def queries_rotated(plan: Plan, seed: int) -> Plan:
    """Turn the queries' vectors by an orthogonal matrix: within one side all cosines stay."""
    needs_vectors(plan)

    def rotated(rows: _Floats) -> _Floats:
        drawn = np.random.default_rng(seed).standard_normal((rows.shape[1], rows.shape[1]))
        return _unit((rows @ np.linalg.qr(drawn)[0]).astype(np.float32))

    def of(batch: QueryBatch) -> QueryBatch:
        return replace(batch, vectors={name: rotated(rows) for name, rows in batch.vectors.items()})

    return altered(plan, Alterations(batch=of))


# rankings


def rankings(change: _RankingChange, *, deeper: int = 0) -> Change:
    """Change every list: from so many more hits than were asked for to as many as were."""

    def changed(plan: Plan, seed: int) -> Plan:
        def of(ranking: Ranking, hits: int) -> Ranking:
            return change(ranking, hits, np.random.default_rng(seed))

        return altered(plan, Alterations(ranking=of, deeper=deeper))

    return changed


def _without(ranking: Ranking, lost: npt.NDArray[np.bool_]) -> Ranking:
    """Put padding in the place of hits."""
    return Ranking(np.where(lost, NO_HIT, ranking.codes), np.where(lost, np.float32(-np.inf), ranking.scores))


def first_lost(ranking: Ranking, hits: int, _: np.random.Generator) -> Ranking:
    """Lose the first hit; the last place is empty."""
    moved = Ranking(np.roll(ranking.codes, -1, axis=1), np.roll(ranking.scores, -1, axis=1))
    return _without(moved, np.arange(hits) == hits - 1)


def from_second(ranking: Ranking, hits: int, _: np.random.Generator) -> Ranking:
    """Begin with the second hit."""
    return Ranking(ranking.codes[:, 1 : hits + 1], ranking.scores[:, 1 : hits + 1])


def every_second(ranking: Ranking, hits: int, _: np.random.Generator) -> Ranking:
    """Lose every other hit."""
    return Ranking(ranking.codes[:, : 2 * hits : 2], ranking.scores[:, : 2 * hits : 2])


def turned_round(ranking: Ranking, hits: int, _: np.random.Generator) -> Ranking:
    """Turn the hits round; padding stays behind them, and the scores stay, since a list is ordered by them."""
    lengths = (ranking.codes != NO_HIT).sum(axis=1, keepdims=True)
    places = np.arange(hits)
    return Ranking(
        np.take_along_axis(ranking.codes, np.where(places < lengths, lengths - 1 - places, places), axis=1),
        ranking.scores,
    )


def by_id(ranking: Ranking, _hits: int, _rng: np.random.Generator) -> Ranking:
    """Order the hits by id."""
    last = np.iinfo(np.int64).max
    codes = np.sort(np.where(ranking.codes == NO_HIT, last, ranking.codes), axis=1)
    return Ranking(np.where(codes == last, NO_HIT, codes), ranking.scores)


def half(ranking: Ranking, hits: int, _: np.random.Generator) -> Ranking:
    """Lose the second half."""
    return _without(ranking, np.arange(ranking.codes.shape[1]) >= hits // 2)


def first_twice(ranking: Ranking, _hits: int, _rng: np.random.Generator) -> Ranking:
    """Let the first hit come again at once; the last one falls out."""
    places = np.maximum(np.arange(ranking.codes.shape[1]) - 1, 0)
    return Ranking(ranking.codes[:, places], ranking.scores[:, places])


def some_empty(ranking: Ranking, _: int, rng: np.random.Generator) -> Ranking:
    """Empty one query of 50: the same in every list of a batch, since each is drawn from the same seed."""
    queries = len(ranking.codes)
    chosen = rng.permutation(queries)[: max(1, queries // _EMPTY_EACH)]
    return _without(ranking, np.isin(np.arange(queries), chosen)[:, np.newaxis])


def _ordered(ranking: Ranking, scores: _Floats, hits: int, ties: npt.NDArray[np.float64 | np.int64]) -> Ranking:
    """Hits by these scores, descending; of equal ones the lowest of `ties` first."""
    order = np.lexsort((ties, -scores), axis=1)[:, :hits]
    return Ranking(np.take_along_axis(ranking.codes, order, axis=1), np.take_along_axis(scores, order, axis=1))


def noisy_scores(size: float) -> Change:
    """Move each score by up to about so much of itself, and order the list by what comes out."""

    def change(ranking: Ranking, hits: int, rng: np.random.Generator) -> Ranking:
        noise = rng.standard_normal(ranking.scores.shape, dtype=np.float32) * np.float32(size)
        moved = np.where(ranking.codes == NO_HIT, -np.inf, ranking.scores * (1 + noise))
        return _ordered(ranking, moved, hits, ranking.codes)

    return rankings(change, deeper=_DEEPER)


def _ties_by_chance(ranking: Ranking, hits: int, rng: np.random.Generator) -> Ranking:
    return _ordered(ranking, ranking.scores, hits, rng.random(ranking.codes.shape))


ties_shuffled = rankings(_ties_by_chance, deeper=_DEEPER)
"""Put equal scores in an order by chance, among the hits that the engine returns."""
