"""What a configuration names, read and counted before anything long starts, as data.

Every part is read even where another one is wrong, so that one check shows as much as it can.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from relevance import datasets, engines, suite
from relevance.errors import CouldNotRunError, RelevanceError
from relevance.estimate import TextsToEmbed, memory_bytes, search_seconds, texts_to_embed
from relevance.fields import embedded_texts
from relevance.strategies import FINETUNED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from relevance.config import Config
    from relevance.embeddings import Model
    from relevance.gate import Floors
    from relevance.records import Catalogue, Dataset
    from relevance.suite import Finetuned

    _T = TypeVar("_T")

__all__ = ["CatalogueFindings", "Findings", "FloorsFindings", "JudgmentsFindings", "check"]


@dataclass(frozen=True)
class CatalogueFindings:
    """The products.

    Attributes:
        products: how many.
        without_description: products whose description is empty.
        without_attributes: products that have none.
        attributes: of all products.
        equal_titles: products whose title an earlier one has.
        equal_texts: products whose title, description and attributes an earlier one has.
        characters: of all texts.
    """

    products: int
    without_description: int
    without_attributes: int
    attributes: int
    equal_titles: int
    equal_texts: int
    characters: int


@dataclass(frozen=True)
class JudgmentsFindings:
    """The queries and what was said of their products.

    Attributes:
        queries: how many.
        judgments: how many.
        judged_products: products that at least one judgment names.
        per_query: least, median and most judgments of a query.
        grades: how many judgments give which grade.
        relevant_from: the lowest grade that counts as relevant.
        without_judgments: texts of the queries that have none.
        without_relevant: texts of the queries that have judgments, but no relevant product.
    """

    queries: int
    judgments: int
    judged_products: int
    per_query: tuple[int, float, int]
    grades: Mapping[int, int]
    relevant_from: float
    without_judgments: tuple[str, ...]
    without_relevant: tuple[str, ...]


@dataclass(frozen=True)
class FloorsFindings:
    """Which of the strategies that will run can fail.

    Attributes:
        file: of the floors, "" where there is none.
        gated: strategies that have floors for this data set.
        ungated: strategies that have none.
        other_corpus: strategies whose floors are for another corpus; they are not gated either.
    """

    file: str
    gated: tuple[str, ...]
    ungated: tuple[str, ...]
    other_corpus: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """What was found.

    Attributes:
        name: of the data set.
        place: where it lies, "" for the sample.
        catalogue: None where the data set cannot be read.
        judgments: likewise.
        notes: what the loader met and settled by rule.
        engine: which one would rank, and why; "" where it cannot be had.
        hint: how to get another one, where that one is taken for want of it.
        floors: None where the file of floors or the data set cannot be read.
        texts: what is embedded, by model and embedded text; empty where models or data cannot be read.
        search_seconds: to measure the strategies on the embedded engine, estimated; 0 where there is no data set.
        memory: bytes, estimated: of the whole run at its largest; None where the data set cannot be read.
        problems: what is wrong, a line each; the suite would not start.
        could_not_run: whether nothing is wrong but something is not there.
    """

    name: str
    place: str
    catalogue: CatalogueFindings | None
    judgments: JudgmentsFindings | None
    notes: tuple[str, ...]
    engine: str
    hint: str
    floors: FloorsFindings | None
    texts: tuple[TextsToEmbed, ...]
    search_seconds: float
    memory: int | None
    problems: tuple[str, ...]
    could_not_run: bool


class _Problems:
    """Collects the errors of parts that are read one after another."""

    def __init__(self) -> None:
        self.errors: list[RelevanceError] = []

    def caught(self, read: Callable[[], _T]) -> _T | None:
        """What `read` returns, None where it raises an error of ours."""
        try:
            return read()
        except RelevanceError as error:
            self.errors.append(error)
            return None


def check(config: Config) -> Findings:
    """Read the data set, the floors and what is known of the models, and choose the engine.

    No model is loaded, nothing is started and nothing indexed; a cluster that is named is asked what it is.
    """
    problems = _Problems()
    exists = config.elasticsearch.index is not None
    dataset = None if exists else problems.caught(lambda: datasets.load(config.source))
    config = _with_floors(config)
    strategies, left_out = problems.caught(lambda: suite.runnable(config, config.selected)) or (config.selected, {})
    config = replace(config, selected=strategies)
    floors = problems.caught(lambda: suite.floors_of(config))
    models = problems.caught(lambda: suite.resolved_models(config, config.selected))
    engine = problems.caught(lambda: engines.choose(config.engine, config.elasticsearch, config.selected))
    if engine is not None and engine.existing is not None and models is not None:
        existing, dimensions = engine.existing, {name: model.dimensions for name, model in models.items()}
        engine = problems.caught(lambda: existing(dimensions)) or engine
        products = engine.product_ids
        if products is not None:
            dataset = problems.caught(lambda: datasets.load_over(config.source, products))
    finetuned = None
    if dataset is not None and models is not None and FINETUNED in models:
        whole = dataset
        finetuned = problems.caught(lambda: suite.finetuned_model(config, whole))
        dataset = problems.caught(lambda: suite.evaluated_part(config, whole))
    trained = {FINETUNED: finetuned.model} if finetuned is not None and finetuned.trained else {}
    texts: tuple[TextsToEmbed, ...] = ()
    if dataset is not None and models is not None:
        texts = problems.caught(lambda: _texts(config, dataset, {**models, **trained})) or ()
    catalogue = None if dataset is None else _catalogue_findings(dataset.catalogue)
    return Findings(
        name=config.source.name,
        place="" if config.source.path is None else str(config.source.path),
        catalogue=catalogue,
        judgments=None if dataset is None else _judgments_findings(dataset),
        notes=(
            *(() if engine is None else engine.notes),
            *(() if dataset is None else dataset.notes),
            *_finetuned_notes(finetuned, left_out),
        ),
        engine="" if engine is None else engine.line,
        hint="" if engine is None else engine.hint,
        floors=None if dataset is None or floors is None else _floors_findings(config, floors, dataset),
        texts=texts,
        search_seconds=0.0
        if dataset is None
        else search_seconds(config.selected, products=len(dataset.catalogue), queries=len(dataset.queries)),
        memory=None
        if catalogue is None
        else memory_bytes(texts, models or {}, products=catalogue.products, characters=catalogue.characters),
        problems=tuple(str(error) for error in problems.errors),
        could_not_run=bool(problems.errors) and all(isinstance(one, CouldNotRunError) for one in problems.errors),
    )


def _finetuned_notes(finetuned: Finetuned | None, left_out: Mapping[str, str]) -> tuple[str, ...]:
    """What is known of the fine-tuned model, and which strategies will not run without one."""
    notes = [f"{name} will not run: {reason}" for name, reason in left_out.items()]
    if finetuned is not None and finetuned.recipe is not None:
        recipe = finetuned.recipe
        pairs = f"{len(recipe.pairs.train):,} pairs to train on, {len(recipe.pairs.validation):,} to validate with"
        notes.append(f"model {FINETUNED}: {pairs}; {'trained' if finetuned.trained else 'not trained yet'}")
    return (*notes, *(() if finetuned is None else finetuned.notes))


def _catalogue_findings(catalogue: Catalogue) -> CatalogueFindings:
    products = catalogue.products
    whole = embedded_texts(catalogue, "whole")
    return CatalogueFindings(
        products=len(catalogue),
        without_description=sum(not text.strip() for text in products["description"]),
        without_attributes=int((np.diff(catalogue.attribute_offsets) == 0).sum()),
        attributes=len(catalogue.attributes),
        equal_titles=len(catalogue) - len(set(products["title"])),
        equal_texts=len(catalogue) - len(set(whole)),
        characters=sum(map(len, whole)),
    )


def _judgments_findings(dataset: Dataset) -> JudgmentsFindings:
    judgments, texts = dataset.judgments, dataset.queries.texts
    relevant = judgments.grades >= judgments.relevant_from
    per_query = np.bincount(judgments.queries, minlength=len(texts))
    relevant_per_query = np.bincount(judgments.queries[relevant], minlength=len(texts))
    return JudgmentsFindings(
        queries=len(texts),
        judgments=len(judgments),
        judged_products=len(np.unique(judgments.products)),
        per_query=(int(per_query.min()), float(np.median(per_query)), int(per_query.max())) if texts else (0, 0.0, 0),
        grades=dict(sorted(Counter(judgments.grades.tolist()).items())),
        relevant_from=judgments.relevant_from,
        without_judgments=tuple(texts[code] for code in np.flatnonzero(per_query == 0)),
        without_relevant=tuple(texts[code] for code in np.flatnonzero((per_query > 0) & (relevant_per_query == 0))),
    )


def _with_floors(config: Config) -> Config:
    """With the floors where `relevance init` puts them, where none were named and there are some."""
    usual = config.root / "benchmarks" / "thresholds.toml"
    return replace(config, floors=usual) if config.floors is None and usual.exists() else config


def _floors_findings(config: Config, floors: Mapping[str, Floors], dataset: Dataset) -> FloorsFindings:
    found = {strategy.name: floors.get(strategy.name) for strategy in config.selected}
    corpus = dataset.catalogue.sha256 if any(one and one.corpus for one in found.values()) else ""
    other = tuple(name for name, one in found.items() if one and not corpus.startswith(one.corpus))
    return FloorsFindings(
        file="" if config.floors is None else str(config.floors),
        gated=tuple(name for name, one in found.items() if one and name not in other),
        ungated=tuple(name for name, one in found.items() if not one),
        other_corpus=other,
    )


def _texts(config: Config, dataset: Dataset, models: Mapping[str, Model]) -> tuple[TextsToEmbed, ...]:
    # an index that exists has its products' vectors already
    used = suite.searched_fields(config.selected) if config.elasticsearch.index is None else ()
    found = []
    for name, model in models.items():
        for field in (field for owner, field in used if owner == name):
            texts = embedded_texts(dataset.catalogue, field)
            found.append(texts_to_embed(texts, model, prompt="", cache_dir=config.cache_dir, names=(name, field)))
        queries, prompt = dataset.queries.texts, model.prompt
        found.append(texts_to_embed(queries, model, prompt=prompt, cache_dir=config.cache_dir, names=(name, "queries")))
    return tuple(found)
