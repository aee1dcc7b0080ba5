"""Changes of vectors, whatever model made them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from relevance.mutation.altered import Alterations, altered
from relevance.mutation.kind import Kind, NotApplicableError
from relevance.records import Vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from relevance.engines.base import QueryBatch, VectorField
    from relevance.suite import Plan

    _Held: TypeAlias = Mapping[VectorField, Vectors]
    _Floats: TypeAlias = npt.NDArray[np.float32]

__all__ = ["KINDS", "needs_vectors", "noisy_vectors"]

_GROUP, _MODELS = "vectors", "models"
_STALE, _LOST = 0.1, 0.1
_PROJECTED = 32


def _each(held: _Held, change: Callable[[Vectors], Vectors]) -> _Held:
    return {name: change(found) for name, found in held.items()}


def needs_vectors(plan: Plan) -> None:
    """Raises `NotApplicableError` where no strategy uses any."""
    if not plan.models:
        raise NotApplicableError("no strategy uses vectors")


def _products(change: Callable[[Vectors, np.random.Generator], Vectors]) -> Callable[[Plan, int], Plan]:
    """A change of the products' vectors, each field drawn anew from one seed."""

    def changed(plan: Plan, seed: int) -> Plan:
        needs_vectors(plan)

        def of(one: Vectors) -> Vectors:
            # a field that no product has text in has no row to change
            return change(one, np.random.default_rng(seed)) if len(one.matrix) else one

        return altered(plan, Alterations(vectors=lambda held: _each(held, of)))

    return changed


def _both(change: Callable[[_Floats, int], _Floats]) -> Callable[[Plan, int], Plan]:
    """A change of rows of vectors, of products and of queries alike; the seed decides the same draw on both sides."""

    def changed(plan: Plan, seed: int) -> Plan:
        needs_vectors(plan)

        def of(batch: QueryBatch) -> QueryBatch:
            return replace(batch, vectors={name: change(rows, seed) for name, rows in batch.vectors.items()})

        def held(vectors: _Held) -> _Held:
            return _each(vectors, lambda one: Vectors(change(np.asarray(one.matrix), seed), one.rows))

        return altered(plan, Alterations(vectors=held, batch=of))

    return changed


def _unit(rows: _Floats) -> _Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units: _Floats = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return units


def _not_normalised(plan: Plan, seed: int) -> Plan:
    """Lengths as a model without its last layer may give them: log-normal, of the size of a few percent to a half."""
    if plan.engine.name != "embedded":
        raise NotApplicableError("this engine computes cosines, whatever the lengths are")

    def change(one: Vectors, rng: np.random.Generator) -> Vectors:
        lengths = rng.lognormal(0.0, 0.25, size=(len(one.matrix), 1)).astype(np.float32)
        return Vectors((np.asarray(one.matrix) * lengths / lengths.max()).astype(np.float32), one.rows)

    return _products(change)(plan, seed)


def _stale(one: Vectors, rng: np.random.Generator) -> Vectors:
    """A tenth of the products have the vector of another one, as before their text changed."""
    chosen = np.flatnonzero(rng.random(len(one.rows)) < _STALE)
    rows = one.rows.copy()
    rows[chosen] = one.rows[np.roll(chosen, 1)]
    return Vectors(one.matrix, rows)


def _shifted(one: Vectors, rng: np.random.Generator) -> Vectors:  # noqa: ARG001 - nothing is drawn
    return Vectors(one.matrix, np.roll(one.rows, 1))


def _lost(one: Vectors, rng: np.random.Generator) -> Vectors:
    return Vectors(one.matrix, np.where(rng.random(len(one.rows)) < _LOST, -1, one.rows))


def _quantised(levels: int) -> Callable[[_Floats, int], _Floats]:
    """Each number of a row rounded to one of so many steps on either side of 0, as wide as its largest."""

    def change(rows: _Floats, seed: int) -> _Floats:  # noqa: ARG001 - nothing is drawn
        largest = np.abs(rows).max(axis=1, keepdims=True)
        steps = np.round(rows / np.where(largest > 0, largest, 1) * levels)
        return _unit((np.sign(rows) if levels == 0 else steps).astype(np.float32))

    return change


def _projected(rows: _Floats, seed: int) -> _Floats:
    directions = np.random.default_rng(seed).standard_normal((rows.shape[1], _PROJECTED)).astype(np.float32)
    return _unit(rows @ (directions / np.sqrt(np.float32(_PROJECTED))))


def _swapped(plan: Plan, seed: int) -> Plan:  # noqa: ARG001 - nothing is drawn
    def of(held: _Held) -> _Held:
        other = {"title": "attributes", "attributes": "title"}
        return {(model, name): held[model, other.get(name, name)] for model, name in held}

    if not {"title", "attributes"} <= {name for _, name in plan.vector_fields}:
        raise NotApplicableError("no strategy searches the vectors of titles and attributes")
    return altered(plan, Alterations(vectors=of))


def _rotated_queries(plan: Plan, seed: int) -> Plan:
    """An orthogonal matrix: within one side all cosines stay."""
    needs_vectors(plan)

    def of(batch: QueryBatch) -> QueryBatch:
        vectors = {}
        for name, rows in batch.vectors.items():
            drawn = np.random.default_rng(seed).standard_normal((rows.shape[1], rows.shape[1]))
            vectors[name] = _unit((rows @ np.linalg.qr(drawn)[0]).astype(np.float32))
        return replace(batch, vectors=vectors)

    return altered(plan, Alterations(batch=of))


def noisy_vectors(size: float) -> Callable[[Plan, int], Plan]:
    """Each number of a product's vector moves by up to about so much."""

    def change(one: Vectors, rng: np.random.Generator) -> Vectors:
        noise = size * rng.standard_normal(one.matrix.shape, dtype=np.float32)
        return Vectors(_unit(np.asarray(one.matrix) + noise), one.rows)

    return _products(change)


KINDS = (
    Kind("vectors_not_normalised", _GROUP, "products' vectors have lengths of their own", _not_normalised),
    Kind("vectors_stale", _GROUP, "10% of the products have another product's vectors", _products(_stale)),
    Kind("vectors_shifted", _GROUP, "every product has the vectors of the one before it", _products(_shifted)),
    Kind("vectors_lost", _GROUP, "10% of the products have no vectors", _products(_lost)),
    Kind("vectors_quantised_4_bits", _GROUP, "vectors are rounded to 4 bits a number", _both(_quantised(7))),
    Kind("vectors_quantised_1_bit", _GROUP, "vectors are rounded to their signs", _both(_quantised(0))),
    Kind("vector_fields_swapped", _GROUP, "titles have the vectors of attributes, and these of titles", _swapped),
    Kind("queries_of_another_model", _GROUP, "queries are embedded by another model than products", _rotated_queries),
    Kind(
        "weaker_model",
        _MODELS,
        f"another, weaker model: all vectors are projected onto {_PROJECTED} random directions",
        _both(_projected),
    ),
)
