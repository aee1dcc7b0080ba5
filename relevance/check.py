"""What a configuration names, read and counted before anything long starts; and what a run will take, estimated.

Every part is read even where another one is wrong, so that one check shows as much as it can. No model is loaded.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance import suite
from relevance.embeddings.cache import open_store, text_digest
from relevance.errors import CouldNotRunError, RelevanceError
from relevance.fields import embedded_texts
from relevance.files import refuse_lfs_pointer
from relevance.runner import ROUNDS, WARM_UP_ROUNDS
from relevance.strategies import FINETUNED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from relevance.config import Config
    from relevance.embeddings import Model
    from relevance.gate import Floors
    from relevance.records import Catalogue, Dataset
    from relevance.strategies import Strategy
    from relevance.suite import Finetuned

_TOKENS_PER_S = 5_000
"""Of a model of `_WEIGHTS_BYTES` (all-MiniLM-L6-v2) on two CPU cores; a larger model is slower in proportion."""
_WEIGHTS_BYTES = 90_868_376

_TOKENS_PER_WORD = 1.4
"""Where the model has no tokenizer.json: what word pieces make of English product texts."""

_COUNTED = 1_000
"""So many texts are counted, evenly spaced; all of them where there are no more."""

_SECONDS_PER_LIST = 5e-8
"""To score a product for a query in one list (all text fields, or one vector field) on the embedded engine."""

# measured with the embedded engine on made catalogues of 10,000 and 100,000 products
_START_BYTES = 170_000_000
_BYTES_PER_CHARACTER = 9
_BYTES_PER_PRODUCT = 1_000
_ENCODER_BYTES = 500_000_000


@dataclass(frozen=True)
class CatalogueFindings:
    """The products, and how many of them lack something or equal an earlier one."""

    products: int
    without_description: int
    without_attributes: int
    attributes: int
    equal_titles: int
    equal_texts: int  # title, description and attributes
    characters: int  # of all texts


@dataclass(frozen=True)
class JudgmentsFindings:
    """The queries and what was said of their products."""

    queries: int
    judgments: int
    judged_products: int
    per_query: tuple[int, float, int]  # least, median and most judgments
    grades: Mapping[int, int]  # how many judgments give which grade, ascending
    relevant_from: float
    without_judgments: tuple[str, ...]  # texts of queries
    without_relevant: tuple[str, ...]  # texts of queries that have judgments, but no relevant product


@dataclass(frozen=True)
class FloorsFindings:
    """Which of the strategies that will run can fail; `file` is "" where there is none."""

    file: str
    gated: tuple[str, ...]
    ungated: tuple[str, ...]
    other_corpus: tuple[str, ...]  # of the gated ones, those whose floors were set for another corpus


@dataclass(frozen=True)
class TextsToEmbed:
    """The distinct texts of one model and one embedded text, or the queries."""

    model: str  # its name in the configuration
    field: str  # `title`, `description`, `attributes`, `whole` or `queries`
    texts: int
    missing: int  # not in the cache; a text that two fields share counts in both
    cut: int  # longer than `max_tokens`: counted, or where not `exact` estimated from a part of them
    exact: bool
    max_tokens: int
    seconds: float  # to embed those that are missing, estimated, on two CPU cores


@dataclass(frozen=True)
class Findings:
    """What was found; None or empty where a part cannot be read."""

    name: str
    place: str  # "" for the sample
    catalogue: CatalogueFindings | None
    judgments: JudgmentsFindings | None
    notes: tuple[str, ...]  # what the loader met and settled by rule
    engine: str  # which one would rank, and why
    hint: str  # how to get another one, where that one is taken for want of it
    floors: FloorsFindings | None
    texts: tuple[TextsToEmbed, ...]
    search_seconds: float  # to measure the strategies on the embedded engine, estimated
    memory: int | None  # bytes of the process at its largest, estimated
    problems: tuple[str, ...]  # the lines with which the suite would end
    could_not_run: bool  # whether nothing is wrong with the input, but something is not there


def check(config: Config) -> Findings:
    """Read the data set, the floors and what is known of the models, and choose the engine.

    No model is loaded, nothing is started and nothing indexed; a cluster that is named is asked what it is.
    """
    errors: list[RelevanceError] = []

    def attempt(read: Callable[..., Any], *arguments: object) -> Any:
        try:
            return read(*arguments)
        except RelevanceError as error:
            errors.append(error)
            return None

    config = _with_floors(config)
    parts = suite.read_parts(config, config.selected, attempt)
    config = replace(config, selected=parts.strategies)
    dataset, engine, models, finetuned = parts.dataset, parts.engine, parts.models, parts.finetuned
    trained = {FINETUNED: finetuned.model} if finetuned is not None and finetuned.trained else {}
    texts: tuple[TextsToEmbed, ...] = ()
    if dataset is not None and models is not None:
        texts = attempt(_texts, config, dataset, {**models, **trained}) or ()
    catalogue = None if dataset is None else _catalogue_findings(dataset.catalogue)
    seconds = 0.0
    if dataset is not None and engine is not None and engine.name == "embedded":
        seconds = search_seconds(config.selected, products=len(dataset.catalogue), queries=len(dataset.queries))
    return Findings(
        name=config.source.name,
        place="" if config.source.path is None else str(config.source.path),
        catalogue=catalogue,
        judgments=None if dataset is None else _judgments_findings(dataset),
        notes=(
            *(() if engine is None else engine.notes),
            *(() if dataset is None else dataset.notes),
            *_finetuned_notes(finetuned, parts.left_out),
        ),
        engine="" if engine is None else engine.line,
        hint="" if engine is None else engine.hint,
        floors=None if dataset is None or parts.floors is None else _floors_findings(config, parts.floors, dataset),
        texts=texts,
        search_seconds=seconds,
        memory=None if catalogue is None else _memory_bytes(texts, models or {}, catalogue),
        problems=tuple(dict.fromkeys(line for error in errors for line in (str(error), *error.details))),
        could_not_run=bool(errors) and all(isinstance(one, CouldNotRunError) for one in errors),
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
        gated=tuple(name for name, one in found.items() if one),
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


def texts_to_embed(
    texts: Sequence[str], model: Model, *, prompt: str, cache_dir: Path, names: tuple[str, str]
) -> TextsToEmbed:
    """Count and estimate.

    Args:
        texts: as they would be embedded; texts of nothing but white space have no vector.
        model: as `embeddings.resolve` returns it.
        prompt: in front of each text.
        cache_dir: a folder that `embeddings.check_cache_dir` has accepted.
        names: of the model in the configuration, and of the texts.

    Raises:
        InputError: a file of the cache is damaged, the weights are a pointer of Git LFS, or a text is no Unicode text.
    """
    refuse_lfs_pointer(model.weights)
    distinct = list(dict.fromkeys(text for text in texts if text.strip()))
    store = open_store(cache_dir, model, prompt)
    missing = len(store.missing([text_digest(text) for text in distinct]))
    step = -(-len(distinct) // _COUNTED) or 1
    sample = distinct[::step]
    counts, counted = _token_counts([prompt + text for text in sample], model)
    share = len(distinct) / len(sample) if sample else 0.0
    mean = sum(min(count, model.max_tokens) for count in counts) / len(counts) if counts else 0.0
    rate = _TOKENS_PER_S * _WEIGHTS_BYTES / max(1, model.weights.stat().st_size)
    return TextsToEmbed(
        model=names[0],
        field=names[1],
        texts=len(distinct),
        missing=missing,
        cut=round(share * sum(count > model.max_tokens for count in counts)),
        exact=counted and step == 1,
        max_tokens=model.max_tokens,
        seconds=missing * mean / rate,
    )


def search_seconds(strategies: Sequence[Strategy], *, products: int, queries: int) -> float:
    """Seconds to measure strategies on the embedded engine, estimated; embedding and indexing come on top."""
    lists = sum(max(1, bool(strategy.text) + len(strategy.vectors)) for strategy in strategies)
    return (WARM_UP_ROUNDS + ROUNDS) * lists * products * queries * _SECONDS_PER_LIST


def _memory_bytes(texts: Sequence[TextsToEmbed], models: Mapping[str, Model], catalogue: CatalogueFindings) -> int:
    """The index, all vectors, and a model where it has to be loaded."""
    loaded = [models[one.model].weights.stat().st_size for one in texts if one.missing]
    encoder = _ENCODER_BYTES + max(loaded) if loaded else 0
    vectors = sum(4 * models[one.model].dimensions * one.texts for one in texts)
    index = _BYTES_PER_CHARACTER * catalogue.characters + _BYTES_PER_PRODUCT * catalogue.products
    return _START_BYTES + encoder + vectors + index


def _token_counts(texts: Sequence[str], model: Model) -> tuple[list[int], bool]:
    """Tokens of each text, special ones included, and whether they were counted or estimated from its words."""
    from tokenizers import Tokenizer  # noqa: PLC0415 - only where something is embedded

    try:
        tokenizer = Tokenizer.from_file(str(model.weights.parent / "tokenizer.json"))
    except Exception:  # noqa: BLE001 - the library raises Exception itself; the estimate by words is good enough
        return [round(len(text.split()) * _TOKENS_PER_WORD) + 2 for text in texts], False
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return [len(encoding) for encoding in tokenizer.encode_batch(list(texts))], True
