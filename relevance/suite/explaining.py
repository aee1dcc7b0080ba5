"""Why a product has its rank for a query: what each request of a strategy gives it, and how the lists are combined."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from relevance import runner
from relevance.engines.explanation import Explanation, Part, moved_parts
from relevance.engines.mapping import DEPENDS_ON_SIZE, own_paths, read_own_mapping
from relevance.errors import InputError, did_you_mean
from relevance.fields import DEFAULT_FIELDS, NAME_VALUE, EmbeddedTable, own_fields, with_embedded
from relevance.files import quoted
from relevance.fusion import normalised
from relevance.records import HITS, NO_HIT, Judgments, Queries
from relevance.strategies import Leg, Strategy, readings_of
from relevance.suite.measure import release_of
from relevance.suite.words import WordReader, field_names, moved_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from relevance.baseline import Snapshot
    from relevance.config import Config
    from relevance.fields import ProductFields
    from relevance.records import Dataset, Ranking
    from relevance.suite.measure import Suite
    from relevance.suite.plan import Plan
    from relevance.suite.words import QueryWord

DEPTH = 1_000
"""So far a product is looked for in a ranking."""


@dataclass(frozen=True)
class LegRank:
    """A product in one of the lists that a strategy combines, or in that of a part whose score is added to others.

    Attributes:
        name: of the leg.
        rank: from 1, of the leg alone; None where it is not among the first `depth`.
        explanation: of its score there.
        share: what the leg adds to the score of the strategy; None where there is only one.
        formula: how ranks or scores are made into that share: `1/(60 + 3)`, `2 * 0.5 (minmax)`.
    """

    name: str
    rank: int | None
    depth: int
    explanation: Explanation
    share: float | None = None
    formula: str = ""


@dataclass(frozen=True)
class Before:
    """A product in a baseline.

    Attributes:
        name: of the baseline's file.
        rank: which rank it had, in words.
        lines: what decides the ranking and is another now, what that does to the product, and what is not known.
    """

    name: str
    rank: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProductRank:
    """A product in the ranking of a query.

    Attributes:
        query: its id, and `label` the query as people read it.
        grade: the product's judgment; None where it has none.
        rank: from 1; None where it is not among the first `depth`.
        score: in the ranking; None where the product is not in it.
        legs: the lists that were combined, or the parts whose scores were added; one where there is one.
        before: for each baseline.
        words: of the query, field by field.
        asked: the query as it was corrected, "" where it is asked as it is.
    """

    strategy: Strategy
    query: str
    label: str
    product: str
    title: str
    grade: float | None
    engine: str
    rank: int | None
    depth: int
    score: float | None
    legs: tuple[LegRank, ...]
    before: tuple[Before, ...] = ()
    words: tuple[QueryWord, ...] = ()
    asked: str = ""

    @property
    def explanation(self) -> Explanation:
        """The parts of all legs."""
        parts = tuple(part for leg in self.legs for part in leg.explanation.parts)
        return Explanation(self.score, parts, self.legs[0].explanation.left_out if len(self.legs) == 1 else ())


def only_query(plan: Plan, query: str) -> Plan:
    """Reduce a plan to one of its queries, by id or by text.

    Raises:
        InputError: there is no such query, or several have that text.
    """
    dataset, queries = plan.dataset, plan.dataset.queries
    codes = [queries.ids.index(query)] if query in queries.ids else []
    codes = codes or [code for code, text in enumerate(queries.texts) if text == query]
    if not codes:
        near = did_you_mean(query, (*queries.texts, *queries.ids))
        allowed = f"the id or the text of a query of data set {dataset.name!r}"
        raise InputError(f"no query {quoted(query)}{near}; allowed: {allowed}")
    if len(codes) > 1:
        ids = ", ".join(queries.ids[code] for code in codes[:5])
        raise InputError(f"{len(codes)} queries have the text {quoted(query)}; allowed: an id, such as {ids}")
    (code,) = codes
    params = {"params": [queries.params[code]]} if queries.params else {}
    frame = pd.DataFrame({"id": [queries.ids[code]], "text": [queries.texts[code]], **params}, dtype=object)
    of_query = dataset.judgments.queries == code
    judgments = Judgments(
        np.zeros(int(of_query.sum()), dtype=np.int64),
        dataset.judgments.products[of_query],
        dataset.judgments.grades[of_query],
        relevant_from=dataset.judgments.relevant_from,
    )
    own = None if dataset.own_products is None else dataset.own_products[[code]]
    return replace(plan, dataset=replace(dataset, queries=Queries(frame), judgments=judgments, own_products=own))


def product_code(dataset: Dataset, product: str) -> int:
    """The code of a product.

    Raises:
        InputError: there is no such product.
    """
    ids = dataset.catalogue.ids
    if product not in ids:
        near = did_you_mean(product, ids)
        raise InputError(f"no product {quoted(product)}{near}; allowed: the id of one of data set {dataset.name!r}")
    return ids.index(product)


def explain(suite: Suite, strategy: Strategy, code: int) -> ProductRank:
    """Explain the rank of a product for the only query of a suite.

    Raises:
        CouldNotRunError: the engine fails.
        InputError: the engine cannot explain what the strategy asks.
    """
    dataset, batch, engine = suite.plan.dataset, suite.batch, suite.engine
    legs = _fused(suite, strategy, 0, code) if strategy.is_fused else _added(suite, strategy.legs()[0], code)
    depth = DEPTH if strategy.is_fused else _depth(strategy.legs()[0])
    rank, score = _place(runner.search(engine, strategy, batch, hits=depth), code)
    judged = dataset.judgments.grades[dataset.judgments.products == code].tolist()
    corrected = dict.fromkeys(batch.spelled(leg).texts[0] for leg in strategy.legs())
    return ProductRank(
        strategy=strategy,
        query=dataset.queries.ids[0],
        label=dataset.queries.labels[0],
        product=dataset.catalogue.ids[code],
        title=dataset.catalogue.titles[code],
        grade=judged[0] if judged else None,
        engine=f"{suite.plan.engine.name} {engine.version}",
        rank=rank,
        depth=depth,
        score=score,
        legs=tuple(legs),
        words=tuple(word for leg in strategy.legs() for word in words_of(suite, leg, 0, code)),
        asked="; ".join(text for text in corrected if text != batch.texts[0]),
    )


def _fused(suite: Suite, strategy: Strategy, row: int, code: int, *, deep: bool = True) -> Iterator[LegRank]:
    """Each list, which adds the share of its rank or of its score; `deep`: with the explanation of it."""
    for name, part in zip(strategy.lists, strategy.parts, strict=True):
        ranking = runner.search_part(suite.engine, part, suite.batch[row : row + 1], hits=strategy.window)
        rank, score = _place(ranking, code)
        share, formula = (0.0, "") if rank is None else _share(strategy, name, ranking, rank)
        is_outside = isinstance(part, Strategy) and part.outside is not None  # which explains nothing
        why = explained(suite, part, row, code) if deep and not is_outside else Explanation(score, ())
        yield LegRank(part.name, rank, strategy.window, why, share, formula)


def _share(strategy: Strategy, name: str, ranking: Ranking, rank: int) -> tuple[float, str]:
    """What a list adds to the score of the product that has a rank in it, and how."""
    weight = strategy.weights.get(name, 1)
    if strategy.combine == "rrf":
        return weight / (strategy.k + rank), f"{weight:g}/({strategy.k} + {rank})"
    values = normalised(ranking.scores, ranking.codes != NO_HIT, strategy.normalizer)
    value = float(values[0, rank - 1])
    return weight * value, f"{weight:g} * {value:.4g} ({strategy.normalizer})"


def _added(suite: Suite, leg: Leg, code: int) -> Iterator[LegRank]:
    """The parts of a score by what they search, each with the rank that it gives alone; one leg where it has one."""
    whole, depth = explained(suite, leg, 0, code), _depth(leg)
    alone = [replace(leg, vectors=())] if leg.text else []
    alone += [replace(leg, text=(), vectors=(vector,)) for vector in leg.vectors]
    if len(alone) < 2:  # noqa: PLR2004 - what is not added
        rank, _ = _place(runner.search_leg(suite.engine, leg, suite.batch, hits=depth), code)
        group = leg.search.get("collapse")
        if rank is None and whole.score is not None and group:
            whole = replace(whole, left_out=(f"collapse: a better hit has its {group['field']}",))
        yield LegRank(leg.name, rank, depth, whole)
        return
    for one in alone:
        rank, _ = _place(runner.search_leg(suite.engine, one, suite.batch, hits=depth), code)
        field = one.vectors[0][0] if one.vectors else ""
        parts = tuple(part for part in whole.parts if (part.field if part.clause == "vector" else "") == field)
        share = math.fsum(part.value for part in parts)
        score = None if whole.score is None or not any(part.value for part in parts) else share
        most = min(depth, leg.candidates) if one.vectors else depth
        yield LegRank(one.name, rank, most, Explanation(score, parts), share)


def explained(suite: Suite, part: Leg | Strategy, row: int, code: int) -> Explanation:
    """Explain a product's score in a leg for one of the queries: fields by our names, words that it lacks named, too.

    The parts of a strategy that fuses lists are these.

    Raises:
        CouldNotRunError: the engine fails.
        InputError: the engine cannot explain what the leg asks.
    """
    if isinstance(part, Strategy) and part.is_fused:
        _, score = _place(runner.search(suite.engine, part, suite.batch[row : row + 1], hits=DEPTH), code)
        lists = [one for one in _fused(suite, part, row, code, deep=False) if one.rank is not None]
        return Explanation(score, tuple(Part("list", one.name, "", one.share or 0.0, one.formula) for one in lists))
    leg = part if isinstance(part, Leg) else part.legs()[0]
    own = suite.batch.own_products
    if own is not None and own[row] == code:
        return Explanation(None, (), ("rule: the query was made of this product",))
    explanation = suite.engine.explain(leg, suite.batch[row : row + 1].spelled(leg), code)
    words = words_of(suite, leg, row, code)
    has = {word.text for word in words if word.is_found}
    lacking = tuple(dict.fromkeys(word.text for word in words if word.text not in has))
    names = field_names(leg, own_paths(suite.plan.vector_fields, suite.plan.dataset.catalogue.fields))
    parts = [replace(part, field=names.get(part.field, part.field)) for part in explanation.parts]
    parts += [word.part for word in words if not word.is_found]
    return replace(explanation, parts=tuple(parts), lacking=lacking)


def words_of(suite: Suite, leg: Leg, row: int, code: int) -> Sequence[QueryWord]:
    """The words of a query beside what a product has; none where the analysis is not known here."""
    if suite.reader is None:
        return ()
    try:
        return suite.reader.words(leg, suite.batch[row : row + 1].spelled(leg).texts[0], code)
    except InputError:
        return ()


def _depth(leg: Leg) -> int:
    return HITS if any(key in leg.search for key in DEPENDS_ON_SIZE) else DEPTH


def _place(ranking: Ranking, code: int) -> tuple[int | None, float | None]:
    """Rank and score of a product in the ranking of one query."""
    codes = ranking.codes[0].tolist()
    if code == NO_HIT or code not in codes:
        return None, None
    return codes.index(code) + 1, float(ranking.scores[0, codes.index(code)])


def rank_before(snapshot: Snapshot, strategy: str, query: str, product: str) -> str:
    """Say which rank a product had in a baseline."""
    if strategy not in snapshot.strategies:
        return f"no strategy {strategy!r}"
    if query not in snapshot.queries:
        return f"no query {query!r}"
    hits = snapshot.strategies[strategy].hits[snapshot.queries.index(query)]
    return rank_words(hits.index(product) + 1 if product in hits else None)


def rank_words(rank: int | None) -> str:
    """A rank among the first hits, which are all that a baseline holds."""
    return f"not among the first {HITS}" if rank is None or rank > HITS else f"rank {rank}"


# what was


_IN_DEFINITIONS = (
    *("text", "vectors", "fuse", "combine", "weights", "normalizer", "window", "k", "fusion"),
    *("template", "spelling", "candidates", "model"),
)
"""Keys of a strategy that stand in its definition as they do in its table."""


def earlier(config: Config, today: Strategy, snapshot: Snapshot, folder: Path) -> tuple[Config, Strategy] | None:
    """Give a strategy as a baseline has it, and the configuration under which it ran; None where both are as today.

    Files of the configuration go to a folder.

    Raises:
        InputError: the baseline does not hold enough of it; the line says what.
    """
    definition, facts = snapshot.strategies[today.name].definition, snapshot.facts
    strategy = _strategy_of(today.name, definition, partial(_fields_then, config, snapshot))
    fields = strategy.fields
    for model in (name for name in strategy.models if name not in config.models):
        raise InputError(f"[models.{model}] is no longer configured")
    release, laid_over = facts.get("release", config.release), facts.get("laid_over")
    path = config.elasticsearch.mapping
    if laid_over != (None if path is None else _laid_over(path)):
        path = None if laid_over is None else folder / "mapping.json"
        if path is not None:
            path.write_text(json.dumps(laid_over), encoding="utf-8")
    if fields is config.fields and release == config.release and path == config.elasticsearch.mapping:
        return None if ranks_alike(strategy, today) else (config, strategy)
    source, server = replace(config.source, fields=fields), replace(config.elasticsearch, mapping=path)
    return replace(config, fields=fields, source=source, release=release, elasticsearch=server), strategy


def _strategy_of(name: str, definition: Mapping[str, Any], fields_of: Callable[..., ProductFields]) -> Strategy:
    """Make the strategy of a definition, over the fields that are found with it."""
    values: dict[str, Any] = {key: definition[key] for key in _IN_DEFINITIONS if key in definition}
    reading, lists = definition.get("reading"), definition.get("lists")
    values |= reading if isinstance(reading, dict) else {}
    if isinstance(rerank := definition.get("rerank"), dict):
        keys = ("model", "search", "depth", "weight", "revision")
        values["rerank"] = {key: rerank[key] for key in keys if key in rerank}
    if isinstance(lists, dict):
        values["members"] = tuple(_strategy_of(member, one, fields_of) for member, one in lists.items())
    return Strategy(name, **values, fields=fields_of(definition))


def ranks_alike(one: Strategy, other: Strategy) -> bool:
    """Whether two strategies ask the same; a key may be left out in one and said in the other."""
    alike = one.legs() == other.legs() and one.fusing == other.fusing and one.reranking == other.reranking
    return one == other or alike


def _laid_over(path: Path) -> Mapping[str, Any]:
    own = read_own_mapping(path)
    return {"settings": own.settings, "mappings": own.mappings}


def _fields_then(config: Config, snapshot: Snapshot, definition: Mapping[str, Any]) -> ProductFields:
    body, today, facts = snapshot.index_body, config.fields, snapshot.facts
    if config.elasticsearch.index is not None:
        raise InputError("an index that exists is asked as it is now")
    if not any(facts.get(name) for name in ("body", "laid_over")) and facts.get("mapping"):
        raise InputError("it holds its mapping as a hash alone; --update-baseline keeps the mapping, too")
    if body is None:
        return today if today.body is None else DEFAULT_FIELDS
    if body == today.body:
        return today
    pairs = [name for name, one in today.text.items() if one.path == f"{name}.{NAME_VALUE}"]
    fields = own_fields(body, columns=today.columns, pairs=pairs)
    embedded = definition.get("embedded")
    tables = {name: EmbeddedTable(names) for name, names in embedded.items()} if isinstance(embedded, dict) else {}
    return with_embedded(fields, tables, "baseline") if tables else fields


def since(then: ProductRank, now: ProductRank) -> tuple[str, ...]:
    """Say what another definition makes of a rank: words that match no longer, clauses that leave out, other scores."""
    before, after = then.explanation, now.explanation
    return (
        *moved_words(then.words, now.words),
        *(f"left out now by {_place_of(line)}" for line in after.left_out if line not in before.left_out),
        *(f"no longer left out by {line}" for line in before.left_out if line not in after.left_out),
        *_moved_legs(then, now),
        *moved_parts(before, after),
    )


def _moved_legs(then: ProductRank, now: ProductRank) -> Iterator[str]:
    """The lists that are fused and add another share."""
    before = {leg.name: leg for leg in then.legs if then.strategy.is_fused}
    for leg in now.legs if now.strategy.is_fused else ():
        old = before.get(leg.name, leg)
        if old.share != leg.share:
            formulas = (one.formula or f"none of {one.depth}" for one in (old, leg))
            yield f"{leg.name}: {old.share or 0:.4g} -> {leg.share or 0:.4g} ({' -> '.join(formulas)})"


def _place_of(line: str) -> str:
    """Where a clause stands; what it is stands above."""
    return line.partition(": ")[0]


@dataclass(frozen=True, eq=False)
class Earlier:
    """A strategy as a baseline has it, over today's index.

    Attributes:
        today: as it is now.
        then: as it was.
        reader: analyzes words as the baseline's mapping has them.
        is_indexed_alike: whether the index is as it was, so that scores can be asked.
    """

    suite: Suite
    today: Strategy
    then: Strategy
    reader: WordReader
    is_indexed_alike: bool

    def moved(self, row: int, code: int, now: Sequence[Explanation]) -> list[str]:
        """Say what the other definition makes of a product's score for a query, without another index.

        Args:
            row: of the query.
            code: of the product.
            now: its explanation in each part of the strategy.

        Raises:
            CouldNotRunError: the engine fails.
        """
        text = self.suite.batch[row : row + 1].texts[0]
        try:
            old_words = [word for leg in self.then.legs() for word in self.reader.words(leg, text, code)]
        except InputError:
            return []
        words = [word for leg in self.today.legs() for word in words_of(self.suite, leg, row, code)]
        lines = moved_words(old_words, words)
        if not self.is_indexed_alike or len(self.then.parts) != len(now):
            return lines
        for part, after in zip(self.then.parts, now, strict=True):
            try:
                lines += moved_parts(explained(self.suite, part, row, code), after)
            except (InputError, KeyError):  # of fields that are not indexed any more
                continue
        return lines


def earlier_of(suite: Suite, strategy: Strategy, snapshot: Snapshot, folder: Path) -> Earlier | None:
    """Give a strategy as a baseline has it; None where all is as today, or the baseline does not hold enough of it.

    Files of the baseline's configuration go to a folder.
    """
    config = suite.plan.config
    try:
        before = earlier(config, strategy, snapshot, folder)
        if before is None:
            return None
        then_config, then = before
        catalogue = suite.plan.dataset.catalogue.with_fields(then_config.fields.read(readings_of([then])))
        release = release_of(then_config, suite.plan.engine, suite.engine)
        reader = WordReader(catalogue, then_config.elasticsearch.mapping, release)
    except InputError:
        return None
    return Earlier(suite, strategy, then, reader, is_indexed_alike=then_config is config)
