"""Changes of what goes into an engine and comes out of it: texts, vectors, rankings; and the kinds made of them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from relevance.fields import ATTRIBUTES, DESCRIPTION, TITLE
from relevance.mutation.engine import NotApplicableError, around, kinds, needs_text, needs_vectors
from relevance.records import NO_HIT, Catalogue, Ranking, Vectors

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from relevance.engines import QueryBatch
    from relevance.mutation.engine import AnswerChange, Ask, Change, FieldVectors, ProductsChange
    from relevance.suite import Plan

    _Floats: TypeAlias = npt.NDArray[np.float32]
    _RankingChange: TypeAlias = Callable[[Ranking, int, np.random.Generator], Ranking]

_DESCRIPTION_WORDS, _QUERY_WORDS, _DIMENSIONS = 10, 2, 32
_A_TENTH, _MISSING = 0.1, 0.05
_EMPTY_EACH, _DEEPER = 50, 20
# stands in front of a word that is not found any more, which stays a word of its own
_LOST = "zqzq"


# texts of products


def _indexed(change: Callable[[Catalogue], Catalogue]) -> Change:
    """Change products before they are indexed."""

    def changed(plan: Plan, _: int) -> Plan:
        needs_text(plan)
        return around(plan, products=lambda catalogue, vectors: (change(catalogue), vectors))

    return changed


def _rewritten(rewrite: Callable[[str], str]) -> Change:
    return _indexed(lambda catalogue: catalogue.mapped(lambda _, text: rewrite(text)))


def _of_role(change: Callable[..., Catalogue], *roles: str) -> Change:
    """Change the text fields that have these roles."""

    def changed(plan: Plan, seed: int) -> Plan:
        names = [plan.dataset.catalogue.fields.of_role(role) for role in roles]
        if not all(names):
            raise NotApplicableError("the products have no such field")
        return _indexed(lambda catalogue: change(catalogue, *names))(plan, seed)

    return changed


def _cut(catalogue: Catalogue, name: str) -> Catalogue:
    def cut(field: str, text: str) -> str:
        return " ".join(text.split()[:_DESCRIPTION_WORDS]) if field == name else text

    return catalogue.mapped(cut)


def _products_missing(plan: Plan, seed: int) -> Plan:
    drawn = np.random.default_rng(seed).random(len(plan.dataset.catalogue))
    return _of_products(plan, np.flatnonzero(drawn >= _MISSING))


def _other_order(plan: Plan, seed: int) -> Plan:
    return _of_products(plan, np.random.default_rng(seed).permutation(len(plan.dataset.catalogue)))


def _of_products(plan: Plan, codes: npt.NDArray[np.int64]) -> Plan:
    """Index the products of these codes, in this order; the lists come back under the usual codes."""

    def products(catalogue: Catalogue, vectors: FieldVectors) -> tuple[Catalogue, FieldVectors]:
        places = [f"{place:09d}" for place in range(len(codes))]  # ids that sort as the places do
        part = catalogue.taken(codes.tolist(), places)
        return part, {name: replace(one, rows=one.rows[codes]) for name, one in vectors.items()}

    def answers(ask: Ask, batch: QueryBatch, hits: int) -> Ranking:
        ranking = ask(batch, hits)
        return Ranking(np.where(ranking.codes == NO_HIT, NO_HIT, codes[ranking.codes]), ranking.scores)

    return around(plan, products=products, answers=answers)


# texts of queries, and what texts are rewritten to


def _queries(rewrite: Callable[[str], str]) -> Change:
    """Rewrite each query's text before it is matched; one of which nothing is left stays as it is."""

    def answers(ask: Ask, batch: QueryBatch, hits: int) -> Ranking:
        return ask(replace(batch, texts=[rewrite(text) or text for text in batch.texts]), hits)

    def changed(plan: Plan, _: int) -> Plan:
        needs_text(plan)
        if all((rewrite(text) or text) == text for text in plan.dataset.queries.texts):
            raise NotApplicableError("no query has what is changed")
        return around(plan, answers=answers)

    return changed


def _capitals_lost(text: str) -> str:
    """Make words with a capital others, which nothing finds."""
    return re.sub(r"\w*[A-Z]\w*", lambda word: _LOST + word[0].lower(), text)


def _stemmed(text: str) -> str:
    """Cut plurals by a rule that is too simple."""
    return re.sub(r"(?i)\b([a-z]{3,}?)(es|s)\b", r"\1", text)


def _first_words(text: str) -> str:
    return " ".join(text.split()[:_QUERY_WORDS])


def _without_numbers(text: str) -> str:
    return " ".join(re.sub(r"\S*\d\S*", " ", text).split())


# vectors


def _unit(rows: _Floats) -> _Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units: _Floats = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return units


def _each(change: Callable[[Vectors], Vectors]) -> ProductsChange:
    return lambda catalogue, vectors: (catalogue, {name: change(one) for name, one in vectors.items()})


def _of_queries(change: Callable[[_Floats], _Floats]) -> AnswerChange:
    def answers(ask: Ask, batch: QueryBatch, hits: int) -> Ranking:
        return ask(replace(batch, vectors={name: change(rows) for name, rows in batch.vectors.items()}), hits)

    return answers


def _product_vectors(change: Callable[[Vectors, np.random.Generator], Vectors]) -> Change:
    """Change the products' vectors, each field drawn anew from one seed."""

    def changed(plan: Plan, seed: int) -> Plan:
        needs_vectors(plan)
        # a field that no product has text in has no row to change
        by_field = _each(lambda one: change(one, np.random.default_rng(seed)) if len(one.matrix) else one)
        return around(plan, products=by_field)

    return changed


def _all_vectors(change: Callable[[_Floats, int], _Floats]) -> Change:
    """Change rows of vectors, of products and of queries alike; the seed decides the same draw on both sides."""

    def changed(plan: Plan, seed: int) -> Plan:
        needs_vectors(plan)
        by_field = _each(lambda one: replace(one, matrix=change(np.asarray(one.matrix), seed)))
        return around(plan, products=by_field, answers=_of_queries(lambda rows: change(rows, seed)))

    return changed


def _not_normalised(plan: Plan, seed: int) -> Plan:
    """Lengths as of a model without its last layer: log-normal, apart by a few percent to a half."""
    if plan.engine.name != "embedded":
        raise NotApplicableError("this engine computes cosines, whatever the lengths are")

    def change(one: Vectors, rng: np.random.Generator) -> Vectors:
        lengths = rng.lognormal(0.0, 0.25, size=(len(one.matrix), 1)).astype(np.float32)
        return replace(one, matrix=(np.asarray(one.matrix) * lengths / lengths.max()).astype(np.float32))

    return _product_vectors(change)(plan, seed)


@_product_vectors
def _stale(one: Vectors, rng: np.random.Generator) -> Vectors:
    """As before the products' texts changed."""
    chosen = np.flatnonzero(rng.random(len(one.rows)) < _A_TENTH)
    rows = one.rows.copy()
    rows[chosen] = one.rows[np.roll(chosen, 1)]
    return replace(one, rows=rows)


@_product_vectors
def _shifted(one: Vectors, _: np.random.Generator) -> Vectors:
    return replace(one, rows=np.roll(one.rows, 1))


@_product_vectors
def _vectors_lost(one: Vectors, rng: np.random.Generator) -> Vectors:
    return replace(one, rows=np.where(rng.random(len(one.rows)) < _A_TENTH, -1, one.rows))


@_product_vectors
def _noisy(one: Vectors, rng: np.random.Generator) -> Vectors:
    noise = 1e-7 * rng.standard_normal(one.matrix.shape, dtype=np.float32)
    return replace(one, matrix=_unit(np.asarray(one.matrix) + noise))


def _quantised(levels: int) -> Change:
    """Round each number of a row to one of so many steps on either side of 0, as wide as its largest."""

    def change(rows: _Floats, _: int) -> _Floats:
        largest = np.abs(rows).max(axis=1, keepdims=True)
        return _unit(np.round(rows / np.where(largest > 0, largest, 1) * levels).astype(np.float32))

    return _all_vectors(change)


@_all_vectors
def _projected(rows: _Floats, seed: int) -> _Floats:
    directions = np.random.default_rng(seed).standard_normal((rows.shape[1], _DIMENSIONS)).astype(np.float32)
    return _unit(rows @ (directions / np.sqrt(np.float32(_DIMENSIONS))))


def _vector_fields_exchanged(plan: Plan, _: int) -> Plan:
    fields = plan.dataset.catalogue.fields
    title, attributes = fields.of_role(TITLE), fields.of_role(ATTRIBUTES)
    other = {title: attributes, attributes: title}
    if not other.keys() <= {name for _, name in plan.vector_fields}:
        raise NotApplicableError("no strategy searches the vectors of titles and attributes")

    def products(catalogue: Catalogue, vectors: FieldVectors) -> tuple[Catalogue, FieldVectors]:
        return catalogue, {(model, name): vectors[model, other.get(name, name)] for model, name in vectors}

    return around(plan, products=products)


def _queries_rotated(plan: Plan, seed: int) -> Plan:
    """Turn the queries' vectors by an orthogonal matrix: within one side all cosines stay."""
    needs_vectors(plan)

    def rotated(rows: _Floats) -> _Floats:
        drawn = np.random.default_rng(seed).standard_normal((rows.shape[1], rows.shape[1]))
        return _unit((rows @ np.linalg.qr(drawn)[0]).astype(np.float32))

    return around(plan, answers=_of_queries(rotated))


# rankings


def _rankings(change: _RankingChange, *, deeper: int = 0) -> Change:
    """Change every list: from so many more hits than were asked for to as many as were."""

    def changed(plan: Plan, seed: int) -> Plan:
        def answers(ask: Ask, batch: QueryBatch, hits: int) -> Ranking:
            return change(ask(batch, hits + deeper), hits, np.random.default_rng(seed))

        return around(plan, answers=answers)

    return changed


def _places(places: Callable[[int], slice | npt.NDArray[np.int64]], *, deeper: int = 0) -> Change:
    """Make every list of what stands at these places, by the number of hits that were asked for."""

    def change(ranking: Ranking, hits: int, _: np.random.Generator) -> Ranking:
        return Ranking(ranking.codes[:, places(hits)], ranking.scores[:, places(hits)])

    return _rankings(change, deeper=deeper)


def _without(ranking: Ranking, lost: npt.NDArray[np.bool_]) -> Ranking:
    """Put padding in the place of hits."""
    return Ranking(np.where(lost, NO_HIT, ranking.codes), np.where(lost, np.float32(-np.inf), ranking.scores))


def _first_lost(ranking: Ranking, hits: int, _: np.random.Generator) -> Ranking:
    """The last place is empty."""
    moved = Ranking(np.roll(ranking.codes, -1, axis=1), np.roll(ranking.scores, -1, axis=1))
    return _without(moved, np.arange(hits) == hits - 1)


def _half(ranking: Ranking, hits: int, _: np.random.Generator) -> Ranking:
    return _without(ranking, np.arange(hits) >= hits // 2)


def _turned_round(ranking: Ranking, hits: int, _: np.random.Generator) -> Ranking:
    """Padding stays behind the hits, and the scores stay, since a list is ordered by them."""
    lengths = (ranking.codes != NO_HIT).sum(axis=1, keepdims=True)
    places = np.arange(hits)
    turned = np.where(places < lengths, lengths - 1 - places, places)
    return Ranking(np.take_along_axis(ranking.codes, turned, axis=1), ranking.scores)


def _by_id(ranking: Ranking, _hits: int, _rng: np.random.Generator) -> Ranking:
    last = np.iinfo(np.int64).max
    codes = np.sort(np.where(ranking.codes == NO_HIT, last, ranking.codes), axis=1)
    return Ranking(np.where(codes == last, NO_HIT, codes), ranking.scores)


def _some_empty(ranking: Ranking, _: int, rng: np.random.Generator) -> Ranking:
    """The same queries in every list of a batch, since each is drawn from the same seed."""
    queries = len(ranking.codes)
    chosen = rng.permutation(queries)[: max(1, queries // _EMPTY_EACH)]
    return _without(ranking, np.isin(np.arange(queries), chosen)[:, np.newaxis])


def _ordered(ranking: Ranking, scores: _Floats, hits: int, ties: npt.NDArray[np.float64 | np.int64]) -> Ranking:
    """Hits by these scores, descending; of equal ones the lowest of `ties` first."""
    order = np.lexsort((ties, -scores), axis=1)[:, :hits]
    return Ranking(np.take_along_axis(ranking.codes, order, axis=1), np.take_along_axis(scores, order, axis=1))


def _ties_shuffled(ranking: Ranking, hits: int, rng: np.random.Generator) -> Ranking:
    """Among the hits that the engine returns."""
    return _ordered(ranking, ranking.scores, hits, rng.random(ranking.codes.shape))


def _noisy_scores(size: float) -> Change:
    def change(ranking: Ranking, hits: int, rng: np.random.Generator) -> Ranking:
        noise = rng.standard_normal(ranking.scores.shape, dtype=np.float32) * np.float32(size)
        moved = np.where(ranking.codes == NO_HIT, -np.inf, ranking.scores * (1 + noise))
        return _ordered(ranking, moved, hits, ranking.codes)

    return _rankings(change, deeper=_DEEPER)


# the kinds


TEXTS = kinds(
    "indexed text",
    {
        "title_lost": ("titles are indexed empty", _of_role(Catalogue.without, TITLE)),
        "description_lost": ("descriptions are indexed empty", _of_role(Catalogue.without, DESCRIPTION)),
        "attributes_lost": ("attributes are not indexed", _of_role(Catalogue.without, ATTRIBUTES)),
        "fields_swapped": (
            "titles are indexed as descriptions and vice versa",
            _of_role(Catalogue.exchanged, TITLE, DESCRIPTION),
        ),
        "description_cut": (f"descriptions are indexed up to {_DESCRIPTION_WORDS} words", _of_role(_cut, DESCRIPTION)),
        "products_missing": ("5% of the products are not indexed", _products_missing),
        "lower_case_lost_in_index": ("words with a capital are not lowered in the index", _rewritten(_capitals_lost)),
        "stemmed_in_index": ("plurals are cut in the index, not in queries", _rewritten(_stemmed)),
    },
)
QUERIES = kinds(
    "queries",
    {
        "lower_case_lost_in_queries": ("words with a capital are not lowered in queries", _queries(_capitals_lost)),
        "stemmed_in_queries": ("plurals are cut in queries, not in the index", _queries(_stemmed)),
        "first_word_lost": ("longer queries lose their first word", _queries(lambda text: text.partition(" ")[2])),
        "last_word_lost": ("longer queries lose their last word", _queries(lambda text: text.rpartition(" ")[0])),
        "numbers_lost": ("words with a digit are not matched", _queries(_without_numbers)),
        "queries_cut": (f"queries are cut behind {_QUERY_WORDS} words", _queries(_first_words)),
    },
)
VECTORS = kinds(
    "vectors",
    {
        "vectors_not_normalised": ("products' vectors have lengths of their own", _not_normalised),
        "vectors_stale": ("10% of the products have another product's vectors", _stale),
        "vectors_shifted": ("every product has the vectors of the one before it", _shifted),
        "vectors_lost": ("10% of the products have no vectors", _vectors_lost),
        "vectors_quantised_4_bits": ("vectors are rounded to 4 bits a number", _quantised(7)),
        "vectors_quantised_1_bit": (
            "vectors are rounded to their signs",
            _all_vectors(lambda rows, _: _unit(np.sign(rows))),
        ),
        "vector_fields_swapped": ("titles have the vectors of attributes and vice versa", _vector_fields_exchanged),
        "queries_of_another_model": ("queries are embedded by another model than products", _queries_rotated),
    },
)
MODELS = kinds(
    "models",
    {
        "weaker_model": (f"a weaker model: all vectors are projected onto {_DIMENSIONS} random directions", _projected),
    },
)
RANKINGS = kinds(
    "rankings",
    {
        "first_hit_lost": ("the first hit of every list is lost", _rankings(_first_lost)),
        "off_by_one": ("every list begins with its second hit", _places(lambda hits: slice(1, hits + 1), deeper=1)),
        "every_second_hit": ("every other hit is lost", _places(lambda hits: slice(0, 2 * hits, 2), deeper=60)),
        "hits_reversed": ("every list is turned round", _rankings(_turned_round)),
        "hits_by_id": ("the hits of every list are ordered by id", _rankings(_by_id)),
        "half_of_the_hits": ("the second half of every list is lost", _rankings(_half)),
        "duplicates": (
            "the first hit of every list comes twice",
            _places(lambda hits: np.maximum(np.arange(hits) - 1, 0)),
        ),
        "newly_empty": ("one query of 50 returns nothing", _rankings(_some_empty)),
    },
)
NOISE = kinds(
    "noise",
    {
        "other_order": ("products are indexed in another order, which decides ties", _other_order),
        "ties_shuffled": ("products of equal scores are ordered by chance", _rankings(_ties_shuffled, deeper=_DEEPER)),
        "score_noise_1e7": ("scores move by about 1e-7 of themselves", _noisy_scores(1e-7)),
        "score_jitter_1e3": ("scores move by about 1e-3 of themselves", _noisy_scores(1e-3)),
        "vector_noise_1e7": ("the numbers of vectors move by about 1e-7", _noisy),
    },
)
