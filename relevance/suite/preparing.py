"""A plan becomes an indexed suite: train, embed, index."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance import embeddings, finetune
from relevance.engines.base import QueryBatch
from relevance.fields import embedded_texts
from relevance.strategies import FINETUNED
from relevance.suite.calibration import Calibration, index_made
from relevance.suite.finetuned import trained_model
from relevance.suite.measured import Preparation, Suite

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from relevance.engines.base import VectorField
    from relevance.records import Vectors
    from relevance.suite.plan import Plan

__all__ = ["prepare"]


@dataclass(frozen=True, eq=False)
class _Encoded:
    products: Mapping[VectorField, Vectors]
    queries: Mapping[str, npt.NDArray[np.float32]]
    cut: Mapping[VectorField, tuple[int, int]]
    query_ms: Mapping[str, float | None]


def _encode(plan: Plan, *, progress: bool) -> _Encoded:
    products: dict[VectorField, Vectors] = {}
    queries: dict[str, npt.NDArray[np.float32]] = {}
    cut: dict[VectorField, tuple[int, int]] = {}
    query_ms: dict[str, float | None] = {}
    for name, model in plan.models.items():
        encoder = embeddings.Encoder(model, plan.cache_dir, progress=progress)
        for key in plan.vector_fields:
            if key[0] == name:
                texts = embedded_texts(plan.dataset.catalogue, key[1])
                products[key] = encoder.products(texts, label=f"{name}: {key[1]}")
                cut[key] = encoder.cut_of(texts)
        queries[name] = encoder.queries(plan.dataset.queries.texts).expanded()
        query_ms[name] = encoder.stats.query_ms_p50
    return _Encoded(products, queries, cut, query_ms)


def _with_trained(plan: Plan, *, progress: bool) -> Plan:
    """The plan with its fine-tuned model, which is trained where it is not there."""
    finetuned = plan.finetuned
    if finetuned is None or finetuned.recipe is None or finetuned.trained:
        return plan
    stored = finetune.train(finetuned.recipe, plan.cache_dir, progress=progress)
    model = trained_model(plan.config, stored)
    return replace(
        plan,
        models=MappingProxyType({**plan.models, FINETUNED: model}),
        finetuned=replace(finetuned, model=model, trained=True),
    )


def prepare(plan: Plan, *, progress: bool, calibrated: bool = False) -> Suite:
    """Train, embed and index what the plan needs, nothing else; a server of ours starts meanwhile.

    Args:
        plan: what will run.
        progress: whether bars are shown.
        calibrated: whether the calibration is indexed as well, where an index is made at all.

    Raises:
        CouldNotRunError: the model or the engine cannot be used.
        InputError: the embeddings' cache is damaged.
    """
    opening = plan.engine.open(progress=progress)
    try:
        began = perf_counter()
        plan = _with_trained(plan, progress=progress)
        start = perf_counter()
        encoded = _encode(plan, progress=progress)
        embedded = perf_counter()
        opening.wait()
        ready = perf_counter()
        engine = opening.index(
            plan.dataset.catalogue, text_fields=plan.text_fields, vectors=encoded.products, progress=progress
        )
        preparation = Preparation(embedded - start, opening.start_s(), perf_counter() - ready, start - began)
        made = index_made(opening) if calibrated and opening.makes_index else None
        calibration = Calibration(made) if made is not None else None
    except BaseException:
        opening.close()
        raise
    batch = QueryBatch(plan.dataset.queries.texts, encoded.queries)
    return Suite(
        plan,
        engine,
        batch,
        encoded.cut,
        encoded.query_ms,
        preparation,
        calibration,
        _opening=opening,
        _calibrated=made,
    )
