"""What a configuration names, read and counted before anything long starts; and what a run will take, estimated.

Every part is read even where another one is wrong, so that one check shows as much as it can. Nothing is embedded.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance import suite
from relevance.baseline import KEPT
from relevance.embeddings.cache import open_store, text_digest
from relevance.engines.mapping import NO_FIELD
from relevance.engines.rankers import ranking_of
from relevance.errors import CouldNotRunError, InputError, RelevanceError
from relevance.gate import blunt_limits, kinds_of, unknown_kinds
from relevance.outside import Query
from relevance.records import embedded_texts
from relevance.runner import ROUNDS, SINGLE_QUERIES, WARM_UP_ROUNDS
from relevance.strategies import FINETUNED
from relevance.text import duration, plural, some

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from relevance.config import Config
    from relevance.embeddings import Model, Side
    from relevance.gate import Floors
    from relevance.outside import Outside
    from relevance.records import Catalogue, Dataset
    from relevance.strategies import Strategy
    from relevance.suite import Finetuned

Rows = list[tuple[str, str]]
"""A line a fact: its subject, and what is said of it."""

LOOK_AT = "look at"
"""The subject of what is no mistake, and may not be what was meant."""

# of a model of so many bytes (all-MiniLM-L6-v2) on two CPU cores; a larger model is slower in proportion
_TOKENS_PER_S, _WEIGHTS_BYTES = 5_000, 90_868_376
# where the model has no tokenizer.json: what word pieces make of English product texts
_TOKENS_PER_WORD = 1.4
# so many texts are counted, evenly spaced; all of them where there are no more
_COUNTED = 1_000
# to score a product for a query in one list (all text fields, or one vector field) on the embedded engine
_SECONDS_PER_LIST = 5e-8
# measured with the embedded engine on made catalogues of 10,000 and 100,000 products
_START_BYTES, _BYTES_PER_CHARACTER, _BYTES_PER_PRODUCT, _ENCODER_BYTES = 170_000_000, 9, 1_000, 500_000_000

_SHOWN = 5
_ONE_PERCENT = 0.01


@dataclass(frozen=True)
class Findings:
    """What was found.

    Attributes:
        dataset: its name, and the place that it is read from.
        rows: the facts; those to look at have the subject `LOOK_AT`.
        problems: the lines with which the suite would end.
        could_not_run: whether nothing is wrong with the input, but something is not there.
    """

    dataset: str
    rows: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]
    could_not_run: bool

    @property
    def lines(self) -> tuple[str, ...]:
        """A line a fact."""
        width = max((len(subject) for subject, _ in self.rows), default=0)
        return (self.dataset, *(f"  {subject.ljust(width)}  {text}" for subject, text in self.rows))


@dataclass(frozen=True)
class TextsToEmbed:
    """The distinct texts of one model and one embedded text, or the queries.

    Attributes:
        model: its name in the configuration.
        field: `title`, `description`, `attributes`, `whole` or `queries`.
        missing: how many are not in the cache; a text that two fields share counts in both.
        cut: longer than `max_tokens`: counted, or where not `exact` estimated from a part of them.
        seconds: to embed those that are missing, estimated, on two CPU cores.
    """

    model: str
    field: str
    texts: int
    missing: int
    cut: int
    exact: bool
    max_tokens: int | None
    seconds: float


def check(config: Config, wrong: Sequence[InputError] = ()) -> Findings:
    """Read the data set, the floors, the baselines and what is known of the models, and choose the engine.

    Nothing is embedded, started or indexed. A cluster that is named is asked what it is, an index that exists what it
    holds, what ranks from outside a query, and a mapping of the user's own is tried on an index without products, which
    is removed. `wrong` is what was found in the configuration's file already.
    """
    errors: list[RelevanceError] = [*wrong, *config.broken.values()]

    def attempt(read: Callable[..., Any], *arguments: object) -> Any:
        try:
            return read(*arguments)
        except RelevanceError as error:
            errors.append(error)
            return None

    usual = config.root / "benchmarks" / "thresholds.toml"  # where `relevance init` puts them
    if config.floors is None and usual.exists():
        config = replace(config, floors=usual)
    parts = suite.read_parts(config, config.selected, attempt)
    config = replace(config, selected=parts.strategies)
    dataset, engine, finetuned = parts.dataset, parts.engine, parts.finetuned
    errors += [InputError(line) for line in (engine.failing if engine else ())]
    baselines = _baseline_rows(config, dataset, attempt)
    models = dict(parts.models or {}) if finetuned is not None and not finetuned.trained else parts.known_models
    texts: Sequence[TextsToEmbed] = () if dataset is None else attempt(_texts, config, dataset, models) or ()
    whole = [] if dataset is None else embedded_texts(dataset.catalogue, "whole")
    rows: Rows = []
    if dataset is not None:
        rows += [*_catalogue_rows(dataset.catalogue, whole), *judgments_rows(dataset)]
        rows += [] if parts.floors is None else _floors_rows(config, parts.floors, dataset)
        errors += [InputError(line) for line in unknown_kinds(kinds_of(suite.snapshot_of_data(dataset)), config.gate)]
    rows += baselines
    if dataset is not None and (few := suite.few_queries(len(dataset.judgments.judged_queries), config.gate)):
        rows.append((LOOK_AT, few))
    names = [strategy.name for strategy in config.selected]
    rows += [(LOOK_AT, f"gate: {line}") for line in blunt_limits(config.gate, names)]
    rows += [("engine", line) for line in ((engine.line, engine.hint) if engine else ()) if line]
    if dataset is not None and len(dataset.judgments):
        rows += _ranker_rows(config, dataset, attempt)
    rows += _texts_rows(texts)
    if dataset is not None:
        own = [one for one in config.selected if any(leg.outside is None for leg in one.legs())]
        if engine is not None and engine.name == "embedded" and own:
            seconds = search_seconds(own, products=len(dataset.catalogue), queries=len(dataset.queries))
            where = "on the embedded engine, in four rounds each"
            rows.append(("time", f"about {duration(seconds)} to measure the strategies {where}"))
        rows.append(("memory", f"about {_memory_bytes(texts, models, whole) / 2**30:.1f} GiB at most"))
    notes = [note for model in models.values() for note in model.notes]
    notes += [*(engine.notes if engine else ()), *(dataset.notes if dataset else ())]
    notes += _finetuned_notes(finetuned, parts.left_out)
    rows += [(LOOK_AT if NO_FIELD in note else "note", note) for note in notes]
    place = "" if config.source.path is None else f": {config.source.path}"
    return Findings(
        dataset=f"{config.source.name}{place}",
        rows=tuple(rows),
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


def _share(part: int, whole: int) -> str:
    if not part:
        return "none"
    share = part / whole
    return f"{part:,} ({'<1%' if share < _ONE_PERCENT else f'{share:.0%}'})"


def _catalogue_rows(catalogue: Catalogue, whole: Sequence[str]) -> Rows:
    fields, count = catalogue.fields, len(catalogue)
    without, values = [], []
    for name in (name for name in fields.own_texts if name != fields.title):
        field = fields.text[name]
        sizes = [sum(bool(text.strip()) for text in texts) for texts in catalogue.values(name)]
        without.append(f"{_share(sizes.count(0), count)} without {field.noun or name}")
        if field.nested:
            values.append((name, f"{sum(sizes):,}"))
    titles = _share(count - len(set(catalogue.titles)), count)
    texts = _share(count - len(set(whole)), count)
    return [
        ("products", f"{count:,}; {', '.join(without)}" if without else f"{count:,}"),
        ("equal", f"{titles} with the {fields.title or 'title'} of an earlier one, {texts} with all its text"),
        *values,
    ]


def judgments_rows(dataset: Dataset) -> Rows:
    """What is said of queries and judgments, and what of it to look at."""
    judgments, texts, relevant_from = dataset.judgments, dataset.queries.labels, dataset.judgments.relevant_from
    per_query = np.bincount(judgments.queries, minlength=len(texts))
    relevant = np.bincount(judgments.queries[judgments.grades >= relevant_from], minlength=len(texts))
    least, median, most = np.percentile(per_query, [0, 50, 100]) if texts else (0, 0, 0)
    grades = dict(sorted(Counter(judgments.grades.tolist()).items()))
    counted = ", ".join(f"{grade}: {count:,}" for grade, count in grades.items())
    judged = _share(len(np.unique(judgments.products)), len(dataset.catalogue))
    rows = [
        ("queries", f"{len(texts):,}"),
        ("judgments", f"{len(judgments):,}, {least:,.0f} to {most:,.0f} a query (median {median:g})"),
        ("judged", f"{judged} of the products"),
        ("grades", f"{counted}; relevant from {relevant_from}"),
    ]
    lowest, *others = grades or {0: 0}
    if others and lowest >= relevant_from:
        which = f"grades {lowest} to {others[-1]}, relevant from {relevant_from}"
        remedy = f"set relevant_from in [datasets.NAME], such as {[lowest, *others][(len(others) + 1) // 2]}"
        line = f"every judged product counts as relevant ({which}), MRR and MAP hardly move: {remedy}"
        rows.append((LOOK_AT, line))
    if others and others[-1] < relevant_from:
        which = f"no grade reaches {relevant_from}, MRR and MAP are 0"
        rows.append((LOOK_AT, f"{which}: set relevant_from in [datasets.NAME], such as {others[-1]}"))
    for queries, what in (
        (per_query == 0, "without a judgment, left out of the means"),
        ((per_query > 0) & (relevant == 0), "without a relevant product, 0 in every mean"),
    ):
        if queries.any():
            named = [repr(texts[code]) for code in np.flatnonzero(queries)]
            rows.append((LOOK_AT, f"{plural(len(named), 'query')} ({some(named, _SHOWN)}) {what}"))
    return rows


def _floors_rows(config: Config, floors: Mapping[str, Floors], dataset: Dataset) -> Rows:
    """Which of the strategies that will run can fail."""
    names = [strategy.name for strategy in config.selected]
    gated = {name: floors[name] for name in names if name in floors}
    which = f"{len(gated) or 'none'} of them gated by {config.floors}"
    rows = [("strategies", f"{len(names):,}, {which if config.floors else 'none of them gated: no file of floors'}")]
    if ungated := [name for name in names if name not in floors]:
        rows.append((LOOK_AT, f"no floors: {', '.join(ungated)} (pytest --suggest-floors prints some)"))
    corpus = dataset.catalogue.sha256 if any(one.corpus for one in gated.values()) else ""
    if other := [name for name, one in gated.items() if not corpus.startswith(one.corpus)]:
        rows.append((LOOK_AT, f"floors that were set for another corpus: {', '.join(other)}"))
    return rows


def _baseline_rows(config: Config, dataset: Dataset | None, attempt: Callable[..., Any]) -> Rows:
    """What a session will be compared with; where the data set cannot be read, only whether that can."""
    folder, cwd = config.root / "benchmarks" / "baselines", Path.cwd()
    paths = suite.baseline_paths(config, folder)
    if not paths and dataset is not None:
        usual = os.path.relpath(folder / f"{config.source.name}.json", cwd)
        return [("baseline", f"none at {usual}; pytest --update-baseline makes one")]
    data = None if dataset is None else suite.snapshot_of_data(dataset)
    rows: Rows = []
    for path in paths:
        one = attempt(partial(suite.read_compared, cwd=cwd), path, data)
        rows += [] if one is None else [("baseline", one.line)]
    return rows


def _ranker_rows(config: Config, dataset: Dataset, attempt: Callable[..., Any]) -> Rows:
    """What each ranker from outside answers to one query."""
    rows: Rows = []
    for where, leg in {leg.outside: (one.where, leg) for one in config.selected for leg in one.legs()}.values():
        if leg.outside is None:
            continue
        if leg.embeds:
            rows.append(("ranker", f"{leg.outside.name}: not tried, it is sent vectors and nothing is embedded here"))
        elif said := attempt(_asked, config, dataset, where, leg.outside):
            rows.append(("ranker", said))
    return rows


def _asked(config: Config, dataset: Dataset, where: str, outside: Outside) -> str:
    """What one query is answered with, and how often a session asks.

    Raises:
        InputError: the ranker cannot be opened, or what a session would say of this query.
    """
    code, queries = int(dataset.judgments.judged_queries[0]), dataset.queries
    query = Query(queries.texts[code], queries.ids[code], queries.params[code] if queries.params else {})
    codes, unknown = {uid: code for code, uid in enumerate(dataset.catalogue.ids)}, Counter[str]()
    hits, drops = max(config.metrics.depth, KEPT), config.source.unknown_products == "drop"
    try:
        ranker = outside.open()
        try:
            start = perf_counter()
            answers = list(ranker.rank([query], hits))
            seconds = perf_counter() - start
        finally:
            ranker.close()
        ranking = ranking_of(answers, [query], codes, hits=hits, drops=drops, unknown=unknown)
    except InputError as error:
        raise type(error)(f"{where}: {error}", details=error.details) from None
    scores = [score for score in ranking.scores[0].tolist() if math.isfinite(score)]
    parts = [plural(len(scores), "hit") if scores else "no hit"]
    if scores and answers[0][0][1] is not None:
        parts.append(f"scores {scores[0]:g} to {scores[-1]:g}")
    if unknown:
        parts.append(f"{len(unknown):,} dropped, which the products lack ({some([*map(repr, unknown)], _SHOWN)})")
    if outside.takes_time:
        asked = (WARM_UP_ROUNDS + ROUNDS) * len(queries) + SINGLE_QUERIES
        parts.append(f"{1000 * seconds:,.0f} ms; a session asks it {asked:,} times")
    return f"{outside.name}: {query}: {', '.join(parts)}"


def _texts(config: Config, dataset: Dataset, models: Mapping[str, Model]) -> list[TextsToEmbed]:
    # an index that exists has its products' vectors already
    used = suite.searched_fields(config.selected) if config.elasticsearch.index is None else ()
    counted = []
    searching = {name for strategy in config.selected for name in strategy.models}
    for name, model in ((name, model) for name, model in models.items() if name in searching):
        for field in (field for owner, field in used if owner == name):
            texts = embedded_texts(dataset.catalogue, field, name)
            counted.append(texts_to_embed(texts, model, "document", cache_dir=config.cache_dir, names=(name, field)))
        queries = dataset.queries.texts
        counted.append(texts_to_embed(queries, model, "query", cache_dir=config.cache_dir, names=(name, "queries")))
    return counted


def texts_to_embed(
    texts: Sequence[str], model: Model, side: Side, *, cache_dir: Path, names: tuple[str, str]
) -> TextsToEmbed:
    """Count and estimate.

    Args:
        texts: as they would be embedded; texts of nothing but white space have no vector.
        model: as `embeddings.resolve` returns it.
        side: whether they are queries or products' texts.
        cache_dir: a folder that `embeddings.check_cache_dir` has accepted.
        names: of the model in the configuration, and of the texts.

    Raises:
        InputError: a file of the cache is damaged, or a text is no Unicode text.
    """
    distinct = list(dict.fromkeys(text for text in texts if text.strip()))
    store = open_store(cache_dir, model, side)
    missing = len(store.missing([text_digest(text) for text in distinct]))
    step = -(-len(distinct) // _COUNTED) or 1
    sample = distinct[::step]
    counts, counted = _token_counts([model.prompt(side) + text for text in sample], model)
    share = len(distinct) / len(sample) if sample else 0.0
    limit = model.max_tokens or math.inf
    mean = sum(min(count, limit) for count in counts) / len(counts) if counts else 0.0
    rate = _TOKENS_PER_S * _WEIGHTS_BYTES / max(1, model.weights_bytes)
    return TextsToEmbed(
        model=names[0],
        field=names[1],
        texts=len(distinct),
        missing=missing,
        cut=round(share * sum(count > limit for count in counts)),
        exact=counted and step == 1,
        max_tokens=model.max_tokens,
        seconds=missing * mean / rate,
    )


def _token_counts(texts: Sequence[str], model: Model) -> tuple[list[int], bool]:
    """Tokens of each text, special ones included, and whether they were counted or estimated from its words."""
    from tokenizers import Tokenizer  # noqa: PLC0415 - only where something is embedded

    try:
        tokenizer = Tokenizer.from_file(str(model.transformer / "tokenizer.json"))
    except Exception:  # noqa: BLE001 - the library raises Exception itself; the estimate by words is good enough
        return [round(len(text.split()) * _TOKENS_PER_WORD) + 2 for text in texts], False
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return [len(encoding) for encoding in tokenizer.encode_batch(list(texts))], True


def _texts_rows(texts: Sequence[TextsToEmbed]) -> Rows:
    rows = []
    for one in texts:
        cut = "none cut"
        if one.max_tokens is not None:
            cut = f"{'' if one.exact else 'about '}{one.cut:,} cut at {one.max_tokens:,} tokens"
        cached = "all in the cache" if not one.missing else f"{one.missing:,} not in the cache"
        rows.append(("embedded", f"{one.model}, {one.field}: {plural(one.texts, 'text')}, {cut}; {cached}"))
    missing, seconds = sum(one.missing for one in texts), sum(one.seconds for one in texts)
    if missing:
        rate = f"{missing / seconds:,.0f} texts a second, assumed for two CPU cores"
        rows.append(("time", f"about {duration(seconds)} to embed {plural(missing, 'text')} at {rate}"))
    return rows


def search_seconds(strategies: Sequence[Strategy], *, products: int, queries: int) -> float:
    """Seconds to measure strategies on the embedded engine, estimated; embedding and indexing come on top."""
    leaves = [leaf for strategy in strategies for leaf in strategy.leaves]
    lists = sum(max(1, bool(leaf.text) + len(leaf.vectors)) for leaf in leaves)
    return (WARM_UP_ROUNDS + ROUNDS) * lists * products * queries * _SECONDS_PER_LIST


def _memory_bytes(texts: Sequence[TextsToEmbed], models: Mapping[str, Model], whole: Sequence[str]) -> int:
    """The index, all vectors, and a model where it has to be loaded."""
    loaded = [models[one.model].weights_bytes for one in texts if one.missing]
    encoder = _ENCODER_BYTES + max(loaded) if loaded else 0
    vectors = sum(4 * models[one.model].dimensions * one.texts for one in texts)
    index = _BYTES_PER_CHARACTER * sum(map(len, whole)) + _BYTES_PER_PRODUCT * len(whole)
    return _START_BYTES + encoder + vectors + index
