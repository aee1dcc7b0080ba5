"""A plan becomes an indexed suite: train, embed, index."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance import embeddings
from relevance.engines import QueryBatch
from relevance.fields import embedded_texts
from relevance.finetune.store import train
from relevance.strategies import FINETUNED
from relevance.suite.measure import Calibration, Preparation, Suite, index_calibration
from relevance.suite.plan import trained_model

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from relevance.embeddings import Encoder, Model
    from relevance.engines import VectorField
    from relevance.records import Catalogue, Queries, Vectors
    from relevance.suite.plan import Plan


@dataclass(frozen=True, eq=False)
class Embedded:
    """Vectors that are in memory already, for plans that share models and data; reading the cache checks every row.

    Attributes:
        products: by model, catalogue and field: the vectors, how many distinct texts there are and how many were cut.
        queries: by model and queries: shape (queries, dimensions), and the time to embed one, in milliseconds.
    """

    products: dict[tuple[Model, Catalogue, str], tuple[Vectors, tuple[int, int]]] = field(default_factory=dict)
    queries: dict[tuple[Model, Queries], tuple[npt.NDArray[np.float32], float | None]] = field(default_factory=dict)

    def products_of(self, plan: Plan, encoder: Encoder, key: VectorField) -> tuple[Vectors, tuple[int, int]]:
        """Vectors of a field of all products, from here or from the encoder; how many texts there were and were cut."""
        catalogue, (name, of) = plan.dataset.catalogue, key
        known = (encoder.model, catalogue, of)
        if known not in self.products:
            texts = embedded_texts(catalogue, of)
            vectors = encoder.products(texts, label=f"{name}: {of}")
            self.products[known] = vectors, encoder.cut_of(texts)
        return self.products[known]

    def queries_of(self, plan: Plan, encoder: Encoder) -> tuple[npt.NDArray[np.float32], float | None]:
        """Vectors of all queries, from here or from the encoder, and the milliseconds that one takes."""
        known = (encoder.model, plan.dataset.queries)
        if known not in self.queries:
            vectors = encoder.queries(plan.dataset.queries.texts).expanded()
            self.queries[known] = vectors, encoder.query_ms
        return self.queries[known]


def _with_trained(plan: Plan, *, progress: bool) -> tuple[Plan, tuple[str, ...]]:
    """The plan with its fine-tuned model, which is trained where it is not there; and notes on that."""
    finetuned = plan.finetuned
    if finetuned is None or finetuned.recipe is None or finetuned.trained:
        return plan, ()
    stored = train(finetuned.recipe, plan.cache_dir, progress=progress)
    model = trained_model(plan.config, stored)
    trained = replace(
        plan,
        models=MappingProxyType({**plan.models, FINETUNED: model}),
        finetuned=replace(finetuned, model=model, trained=True),
    )
    return trained, stored.notes


def prepare(plan: Plan, *, progress: bool, calibrated: bool = False, embedded: Embedded | None = None) -> Suite:
    """Train, embed and index what the plan needs, nothing else; a server of ours starts meanwhile.

    Args:
        plan: what will run.
        progress: whether bars are shown.
        calibrated: whether the calibration is indexed as well, where an index is made at all.
        embedded: vectors of earlier plans, to which those of this one are added; None: there are none.

    Raises:
        CouldNotRunError: the model or the engine cannot be used.
        InputError: the embeddings' cache can only be read, and something is missing there.
    """
    with ExitStack() as closing:
        indexer = closing.enter_context(plan.engine.open(progress=progress))
        began = perf_counter()
        plan, notes = _with_trained(plan, progress=progress)
        start = perf_counter()
        embedded = Embedded() if embedded is None else embedded
        vectors, cut, of_queries, query_ms = {}, {}, {}, {}
        for name, model in plan.models.items():
            encoder = embeddings.Encoder(model, plan.cache_dir, progress=progress)
            for key in (key for key in plan.vector_fields if key[0] == name):
                vectors[key], cut[key] = embedded.products_of(plan, encoder, key)
            of_queries[name], query_ms[name] = embedded.queries_of(plan, encoder)
            notes += encoder.notes
        done = perf_counter()
        start_s = indexer.ready()
        ready = perf_counter()
        engine = indexer.index(plan.dataset.catalogue, text_fields=plan.text_fields, vectors=vectors, progress=progress)
        closing.callback(engine.close)
        indexing_s = perf_counter() - ready
        preparation = Preparation(done - start, start_s, indexing_s, start - began, notes)
        calibration = None
        if calibrated and plan.engine.product_ids is None:
            calibrated_engine = index_calibration(indexer)
            closing.callback(calibrated_engine.close)
            calibration = Calibration(calibrated_engine)
        batch = QueryBatch(plan.dataset.queries.texts, of_queries, plan.dataset.own_products)
        return Suite(plan, engine, batch, cut, query_ms, preparation, calibration, _closing=closing.pop_all())
