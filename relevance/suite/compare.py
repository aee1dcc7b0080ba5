"""A session beside its baselines: its snapshot, whether they are comparable, what is worse and why.

What times or searches again raises `CouldNotRunError` where the engine fails.
"""

from __future__ import annotations

import hashlib
import math
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.baseline import (
    DIGITS,
    KEPT,
    SELECTED,
    DatasetIdentity,
    Measurement,
    ProductsSeen,
    Sides,
    Snapshot,
    by_todays_data,
    check_part,
    data_changes,
    differences,
    find_baseline,
    judged_as_before,
    lacks,
    read_baseline,
    without_run_times,
)
from relevance.datasets.asked import Orders, comparison_key
from relevance.diagnosis import changed_rankings, diagnose, parts_without_strategy
from relevance.engines.explanation import gap_words
from relevance.errors import InputError, RelevanceError, StrategyError
from relevance.evaluation import evaluate, named
from relevance.fields import DEFAULT_FIELDS
from relevance.gate import (
    FLOORS,
    Comparison,
    as_recorded,
    blunt_limits,
    compare,
    compare_run_times,
    looser_floors,
    looser_limits,
    reaches,
    recorded_floors,
    recorded_limits,
)
from relevance.gate.holes import DEPTH
from relevance.records import NO_HIT
from relevance.remembered import Remembered
from relevance.reranking.cross_encoder import definition as reranked_by
from relevance.runner import search_part
from relevance.significance import SAME
from relevance.strategies import FINETUNED, STATIC, Leg
from relevance.suite.explaining import earlier_of, explained
from relevance.text import one_line, plural, some

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from relevance.baseline import Acceptance
    from relevance.config import Config
    from relevance.diagnosis import Diagnosis, Hit, LegValues, SideBySide
    from relevance.evaluation import Evaluation, Metric
    from relevance.gate import Limits
    from relevance.records import Catalogue, Dataset
    from relevance.reranking.cross_encoder import Scorer
    from relevance.stages import Rerank
    from relevance.strategies import Strategy
    from relevance.suite.explaining import Earlier
    from relevance.suite.measure import Result, Suite
    from relevance.suite.plan import Plan

_PACKAGES = ("numpy", "relevance-benchmarks")
_MODEL_PACKAGES = ("sentence-transformers", "tokenizers", "torch", "transformers")
# facts of an engine that say which index it was, not how it ranks
_INDEX_FACTS = ("index", "reused", "uuid")

# how often at most what looks slow is timed again, and all that goes into a baseline
_LOOKS = 4
# no further strategy of a baseline is timed again after so long
_SETTLE_S = 20.0

_SHOWN, _SHOWN_NAME = 3, 60

MOST_EXPLAINED = 200
"""So many changed queries are explained, of all strategies and baselines; those that a diagnosis shows always are."""

# by the hash of a catalogue
_SEEN: Remembered[str, ProductsSeen] = Remembered(8)


# what was measured


def snapshot_of_data(dataset: Dataset) -> Snapshot:
    """Describe the data alone: what is known before anything was measured."""
    judgments, products = dataset.judgments, dataset.catalogue.ids
    grades: dict[int, dict[str, int]] = {}
    columns = (judgments.queries.tolist(), judgments.products.tolist(), judgments.grades.tolist())
    for query, product, grade in zip(*columns, strict=True):
        grades.setdefault(query, {})[products[product]] = grade
    return Snapshot(
        dataset=DatasetIdentity(
            name=dataset.name,
            corpus=dataset.catalogue.sha256,
            queries=dataset.queries.sha256,
            judgments=judgments.sha256(dataset.queries, dataset.catalogue),
            products=len(dataset.catalogue),
        ),
        queries=tuple(dataset.queries.ids[query] for query in grades),
        texts=tuple(dataset.queries.texts[query] for query in grades),
        grades=tuple(grades.values()),
        params=tuple(dataset.queries.params[query] for query in grades) if dataset.queries.params else (),
        weights=tuple(dataset.queries.weights[query] for query in grades) if dataset.queries.weights else (),
        tags=tuple(dataset.queries.tags[query] for query in grades) if dataset.queries.tags else (),
        products_seen=_products_seen(dataset.catalogue),
        relevant_from=judgments.relevant_from,
        strategies=MappingProxyType({}),
        engine=MappingProxyType({}),
        models=MappingProxyType({}),
        versions=MappingProxyType({}),
        calibration_s=None,
    )


def _products_seen(catalogue: Catalogue) -> ProductsSeen:
    if catalogue.sha256 not in _SEEN:
        _SEEN[catalogue.sha256] = ProductsSeen.of(catalogue.ids)
    return _SEEN[catalogue.sha256]


def snapshot_of(suite: Suite) -> Snapshot:
    """Describe everything that the suite has measured: one strategy or more; made anew where that is more by now."""
    measured = (*suite.results.items(), suite.calibration.seconds if suite.calibration else None)
    if suite.described is None or suite.described[0] != measured:
        suite.described = measured, _described(suite)
    return suite.described[1]


def _described(suite: Suite) -> Snapshot:
    engine, dataset, models = suite.engine, suite.plan.dataset, suite.plan.models
    facts = {name: fact for name, fact in engine.facts.items() if name not in _INDEX_FACTS}
    packages = (*_PACKAGES, *(_MODEL_PACKAGES if models else ()))
    of_models = {name: model.facts for name, model in models.items()}
    if FINETUNED in models and suite.plan.finetuned and suite.plan.finetuned.sha256:
        of_models[FINETUNED] = {**of_models[FINETUNED], "recipe": suite.plan.finetuned.sha256}
    if STATIC in models and suite.plan.static:
        of_models[STATIC] = {**of_models[STATIC], "recipe": suite.plan.static.recipe.sha256}
    kept = min((result.deep.codes.shape[1] for result in suite.results.values()), default=KEPT)
    return replace(
        snapshot_of_data(dataset),
        kept=min(kept, KEPT),
        gate=gate_of(suite.plan),
        strategies=MappingProxyType({name: _measured(result, suite.plan) for name, result in suite.results.items()}),
        engine=MappingProxyType({"name": suite.plan.engine.name, "version": engine.version, "facts": facts}),
        models=MappingProxyType(of_models),
        versions=MappingProxyType({name: version(name) for name in packages}),
        calibration_s=suite.calibration.seconds if suite.calibration else None,
    )


def gate_of(plan: Plan) -> Mapping[str, Any]:
    """What a session is gated by: all of `[gate]`, the floors and the selected strategies, JSON values."""
    facts, selected = as_recorded(plan.config.gate, plan.config.metrics), plan.config.selected
    return {**facts, FLOORS: floors_of(plan), SELECTED: sorted(strategy.name for strategy in selected)}


def floors_of(plan: Plan) -> dict[str, dict[str, float]]:
    """The floors of a plan by strategy and label, as a baseline records them."""
    return {name: dict(floors.means) for name, floors in sorted(plan.floors.items())}


def _definition(strategy: Strategy, rerankers: Mapping[Rerank, Scorer | None]) -> Mapping[str, object]:
    """What decides a strategy's ranking, as JSON values; settings that change nothing are left out."""
    definition: dict[str, object] = {}
    if strategy.fuse is not None:
        lists = {one.name: _definition(one, rerankers) for one in strategy.members}
        definition |= {"fuse": list(strategy.fuse), "lists": lists, "combine": strategy.combine}
    elif strategy.outside is not None:
        definition |= strategy.outside.definition()
    elif strategy.template is None:
        definition |= {"text": dict(strategy.text), "vectors": dict(strategy.vectors), "combine": strategy.combine}
    else:
        definition["template"] = dict(strategy.template)
    if strategy.reading is not None:
        definition["reading"] = {key: value for key, value in asdict(strategy.reading).items() if value != ""}
    if strategy.spelling:
        definition["spelling"] = strategy.spelling is True or list(strategy.vocabulary)
    definition |= _fusion(strategy) if strategy.is_fused else {}
    if strategy.vectors:
        definition["candidates"] = strategy.candidates
    if strategy.embeds and strategy.fuse is None:
        definition["model"] = strategy.model
    texts = {name: list(strategy.fields.embedded_of(name, strategy.model)) for name in strategy.vectors}
    if own := {name: fields for name, fields in texts.items() if tuple(fields) != DEFAULT_FIELDS.embedded.get(name)}:
        definition["embedded"] = own
    if (rerank := strategy.reranking) is not None:
        definition["rerank"] = reranked_by(rerank, rerankers.get(rerank), strategy.fields)
    return definition


def _fusion(strategy: Strategy) -> Mapping[str, object]:
    way = {"k": strategy.k} if strategy.combine == "rrf" else {"normalizer": strategy.normalizer}
    more: dict[str, object] = {"weights": dict(strategy.weights)} if strategy.weights else {}
    more |= {"fusion": strategy.fusion} if strategy.fusion != "ours" else {}
    return {"window": strategy.window, **way, **more}


def changes_since(suite: Suite, snapshot: Snapshot, strategy: Strategy) -> tuple[str, ...]:
    """What decides a strategy's ranking and was another in a baseline, a line each."""
    measured = snapshot.strategies[strategy.name]
    today = {strategy.name: replace(measured, definition=_definition(strategy, suite.plan.rerankers))}
    nothing: dict[str, Any] = {"versions": {}, "gate": {}, "weights": (), "tags": ()}
    now = replace(snapshot_of(suite), strategies=today, **nothing)
    return differences(replace(snapshot, **nothing), now)


def _measured(result: Result, plan: Plan) -> Measurement:
    evaluation, ranking, ids = result.evaluation, result.ranking, plan.dataset.catalogue.ids
    codes = result.deep.codes[evaluation.queries, :KEPT].tolist()
    digest = hashlib.sha256(repr(ranking.codes.shape).encode("ascii"))
    digest.update(ranking.codes.astype("<i8").tobytes())
    digest.update(ranking.scores.astype("<f4").tobytes())
    return Measurement(
        definition=_definition(result.strategy, plan.rerankers),
        metrics=_rounded(evaluation),
        hits=tuple(tuple(ids[code] for code in row if code != NO_HIT) for row in codes),
        scores_sha256=digest.hexdigest(),
        run_time_s=result.timing.run_time_s if result.timing else None,
        rounds=result.timing.rounds if result.timing else 0,
        rebuilds=result.rebuilds,
    )


def _rounded(evaluation: Evaluation) -> Mapping[Metric, npt.NDArray[np.float64]]:
    return MappingProxyType({metric: np.round(values, DIGITS) for metric, values in evaluation.per_query.items()})


# which baselines


@dataclass(frozen=True, eq=False)
class Baseline:
    """A baseline that was read.

    Attributes:
        name: of its file, for people.
        snapshot: what it holds.
        changes: what differs between its data and the session's, in numbers; "" where nothing does.
        limits: those that hold beside it in the place of the session's own; None where the session's hold.
        floors: those that hold beside the session's own, by strategy and label; empty where these hold alone.
        gate_lines: what is to be said of the limits, a line each.
    """

    name: str
    snapshot: Snapshot
    changes: str = ""
    limits: Limits | None = None
    floors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    gate_lines: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """What a person is told of it before anything was compared."""
        other = f" (of other data: {self.changes}; both sides are scored by today's)" if self.changes else ""
        accepted = [
            f"{some([*one.strategies], _SHOWN)} by {one_line(one.by, _SHOWN_NAME)} on {one.when[:10]}"
            for one in self.snapshot.accepted
        ]
        by_hand = f"; accepted: {some(accepted, _SHOWN)}" if accepted else ""
        return f"{self.name}, {plural(len(self.snapshot.strategies), 'strategy')}{other}{by_hand}"


def baseline_paths(config: Config, folder: Path) -> Sequence[Path]:
    """The files to compare with: those that are named, else that of the data set in the usual folder, if any."""
    if config.baseline is not None:
        return config.baseline
    own = find_baseline(folder, config.source.name)
    return [] if own is None else [own]


def read_replaced(path: Path, data: Snapshot, measured: Collection[str], *, cwd: Path, complete: bool) -> Snapshot:
    """Read what an update will replace.

    Args:
        path: its file.
        data: what the session measures on; nothing has to be measured yet.
        measured: the strategies that will be.
        cwd: the folder that people see its name from.
        complete: whether the session measures all strategies that there are.

    Raises:
        InputError: the file cannot be read, or a part of it would be updated that does not belong to the rest.
    """
    name = os.path.relpath(path, cwd)
    before = read_baseline(path, named=name)
    if not complete:
        try:
            check_part(before, data, measured=measured)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
    return before


def read_compared(path: Path, data: Snapshot | None, *, cwd: Path) -> Baseline:
    """Read a baseline that a session is compared with.

    Args:
        path: its file.
        data: what the session measures on; None where that is not known.
        cwd: the folder that people see its name from.

    Raises:
        InputError: the file cannot be used, see `read_baseline`.
    """
    name = os.path.relpath(path, cwd)
    before = read_baseline(path, named=name)
    changes = data_changes(before, data) if data else ""
    whose = f"it is of {before.dataset.name}" if data and before.dataset.name != data.dataset.name else ""
    return Baseline(name, before, ", ".join(filter(None, (whose, changes))))


def proposed_beside(baselines: Sequence[Baseline], own: Path | None) -> list[tuple[Acceptance, ...]]:
    """What the project's own baseline accepts and each that is compared with does not, the newest first.

    A pull request may accept what it likes in the file that it brings along: that counts where it was merged.
    """
    entries: tuple[Acceptance, ...] = ()
    if own is not None:
        with suppress(InputError):  # nothing is compared with it
            entries = read_baseline(own).accepted
    known = [{each.key for each in one.snapshot.log} for one in baselines]
    return [tuple(one for one in entries if one.key not in keys) for keys in known]


# what is worse


def with_limits(
    baseline: Baseline, limits: Limits, floors: Mapping[str, Mapping[str, float]] | None, *, from_baseline: bool
) -> Baseline:
    """Give a baseline with the limits and floors that hold beside it, and what of the session's own is looser.

    Args:
        baseline: what a session is compared with.
        limits: the session's own.
        floors: the session's own, by strategy and label; None where they are not known.
        from_baseline: whether those of the baseline hold.

    Raises:
        InputError: the limits of the baseline should hold, and one of them is none.
    """
    strategies = tuple(baseline.snapshot.strategies)
    blunt = [f"gate: {line}" for line in blunt_limits(limits, strategies)]
    try:
        recorded = recorded_limits(baseline.snapshot, where=baseline.name)
        floors_then = recorded_floors(baseline.snapshot, where=baseline.name) or {}
    except InputError:
        if from_baseline:
            raise
        recorded = None
    if recorded is None:
        older = "gate: the file is an older one without limits, those of this session hold; --update-baseline adds them"
        return replace(baseline, gate_lines=(*blunt, *([older] if from_baseline else [])))
    looser = [f"gate: {line}" for line in looser_limits(recorded, limits, strategies)]
    if floors is not None:
        looser += [f"gate: {line}" for line in looser_floors(floors_then, floors, strategies)]
    if not from_baseline:
        return replace(baseline, gate_lines=(*blunt, *looser))
    ignored = (f"{line}; without effect, the baseline's limits hold" for line in looser)
    blunt = [f"gate: {line}" for line in blunt_limits(recorded, strategies)]
    return replace(baseline, limits=recorded, floors=floors_then, gate_lines=(*blunt, *ignored))


def compare_with(  # noqa: PLR0913 - all by name
    baseline: Baseline,
    session: Snapshot,
    limits: Limits,
    *,
    sides: Sides | None = None,
    orders: Orders | None = None,
    allow_missing: bool = True,
) -> Comparison:
    """Ask the gate about a session, all strategies together, both sides by the session's data.

    Args:
        baseline: what it is compared with.
        session: what was measured.
        limits: the session's own; those of `baseline` come before them.
        sides: both by the session's data; None: as far as the snapshots say, see `by_todays_data`.
        orders: those in which hits were asked to be judged; those of this comparison are added.
        allow_missing: whether strategies of the baseline may be missing; they are named all the same.
    """
    limits = baseline.limits or limits
    sides = sides or by_todays_data(baseline.snapshot, session)
    before, after, notes = _timed(sides, baseline.snapshot, session)
    old, new = before.strategies, after.strategies
    notes += [f"{name}: not in the baseline; --update-baseline adds it" for name in new if name not in old]
    missing = ", ".join(name for name in old if name not in new)
    if missing:
        notes.append(f"in the baseline and not measured: {missing}")
    if older := lacks(baseline.snapshot):
        notes.append(f"{baseline.name}: {older}")
    data = data_changes(baseline.snapshot, session)
    changes = [f"data: {data}; both sides are scored by today's"] if data else []
    comparison = Comparison(baseline.name, ())
    if sides.compared:
        keys = _comparison_keys(before, after) if orders is not None else {}
        asked = {name: order for name, key in keys.items() if orders is not None and (order := orders.of(key))}
        comparison = compare(before, after, limits, baseline=baseline.name, orders=asked)
        if orders is not None:
            for name, found in comparison.holes.items():
                orders.keep(keys[name], name, found.rows)
    excused = _excused(baseline, session, limits, comparison)
    alarms = baseline.gate_lines if baseline.limits else (*baseline.gate_lines, *excused)
    problems = [*_problems(baseline, session, sides, limits, "" if allow_missing else missing)]
    if baseline.limits:
        problems += [f"{line}; allowed: merge that alone, and a new baseline with it" for line in excused]
    return replace(
        comparison,
        differs=(*changes, *differences(baseline.snapshot, session)),
        notes=(*alarms, *sides.notes, *notes, *comparison.notes),
        alarms=alarms,
        problems=(*problems, *comparison.problems),
        accepted=baseline.snapshot.accepted,
    )


def _excused(baseline: Baseline, session: Snapshot, limits: Limits, comparison: Comparison) -> list[str]:
    """What passes, and would not by the baseline's own judgments, weights and tags: a line a strategy.

    Judgments that are new since count: to judge what nobody had judged is what settles a comparison.
    """
    as_before, changes = judged_as_before(baseline.snapshot, session)
    if not changes:
        return []
    sides = by_todays_data(baseline.snapshot, as_before)
    if not sides.compared:
        return []
    then = compare(*_timed(sides, baseline.snapshot, session)[:2], limits, baseline=baseline.name)
    names = [name for name in session.strategies if then.fails(name) and comparison.answer(name) != "loss"]
    return [f"{name}: {then.answer(name)} by the baseline's own data, and changed since: {changes}" for name in names]


def _comparison_keys(before: Snapshot, after: Snapshot) -> dict[str, str]:
    """What tells a comparison from others, by strategy: what both sides find for the same queries."""
    old, new = before.strategies, after.strategies
    hits = {name: [[row[:DEPTH] for row in side[name].hits] for side in (old, new)] for name in new if name in old}
    return {name: comparison_key(after.queries, *both) for name, both in hits.items()}


def _problems(baseline: Baseline, session: Snapshot, sides: Sides, limits: Limits, missing: str) -> Iterator[str]:
    """Why a comparison says too little to pass; `missing`: strategies that must not be."""
    if missing:
        yield f"{missing}: in the baseline and not measured; allowed: --allow-missing, if that is meant"
    measured = session.strategies.values()
    unscored = [str(metric) for metric in limits.gated if any(metric not in one.metrics for one in measured)]
    if unscored and baseline.limits:
        yield f"{', '.join(unscored)}: gated by the baseline and not scored; allowed: name it in [metrics] report"
    if problem := _too_few_common(sides, limits):
        yield problem
    for name, floors in baseline.floors.items():
        if name in session.strategies:
            yield from _below(name, floors, session.strategies[name], f"the floor of {baseline.name}")


def _below(name: str, floors: Mapping[str, float], measured: Measurement, whose: str) -> Iterator[str]:
    """Which floors a strategy does not reach, those of metrics that were not scored among them."""
    for label, floor in floors.items():
        metric = named(label)
        if metric not in measured.metrics:
            yield f"{name}: {label} is not scored, and {whose} is {floor:g}; allowed: name it in [metrics] report"
        elif not reaches(metric, round(mean := float(measured.metrics[metric].mean()), DIGITS), round(floor, DIGITS)):
            yield f"{name}: {label} {mean:.4f} does not reach {whose}, {floor:.4f}"


def missed_floors(session: Snapshot, *, where: str) -> list[str]:
    """What of a session does not reach the floors that it was gated by, a line each: that fails beside any baseline.

    Raises:
        InputError: one of the floors is none; `where` is what the session is called for people.
    """
    floors = (recorded_floors(session, where=where) or {}).items()
    measured = session.strategies
    return [line for name, own in floors if name in measured for line in _below(name, own, measured[name], "its floor")]


def _too_few_common(sides: Sides, limits: Limits) -> str:
    """Why the queries that are compared say too little of those of the baseline; "" where they are enough."""
    least = max(math.ceil(limits.common_share * sides.of - SAME), min(limits.common_queries, sides.of))
    if sides.compared >= least:
        return ""
    allowed = f"{least:,} or more ([gate] common_share = {limits.common_share:g}, common_queries)"
    lost = f"; {sides.lost:,} have lost what was relevant: were products given other ids?" if sides.lost else ""
    return f"compared on {sides.compared:,} of {plural(sides.of, 'query')} of the baseline; allowed: {allowed}{lost}"


def _timed(sides: Sides, before: Snapshot, session: Snapshot) -> tuple[Snapshot, Snapshot, list[str]]:
    """Both sides, without run times where these were of other queries or products; and a line of that."""
    if (before.dataset.corpus, before.dataset.queries) == (session.dataset.corpus, session.dataset.queries):
        return sides.before, sides.now, []
    line = "run times are not compared: they were those of other queries or products"
    return without_run_times(sides.before), without_run_times(sides.now), [line]


def confirm_run_times(suite: Suite, baselines: Iterable[Baseline], limits: Limits) -> None:
    """Time again what looks slower than in a baseline, as long as its engine is up: a busy moment is no regression."""
    baselines = tuple(baselines)
    for _ in range(_LOOKS):
        session = snapshot_of(suite)
        slow: dict[str, None] = {}
        for baseline in baselines:
            unchanged = Sides(baseline.snapshot, session)
            before, after, _ = _timed(unchanged, baseline.snapshot, session)
            findings, _ = compare_run_times(before, after, baseline.limits or limits)
            slow |= dict.fromkeys(one.strategy for one in findings if one.answer != "no loss")
        for name in slow:
            suite.time_again(name)
        if not slow:
            return


def settle_run_times(suite: Suite, *, clock: Callable[[], float] = perf_counter) -> None:
    """Time all strategies again in turns, some time later: a baseline that was made in a busy moment stays so."""
    start = clock()
    for name in [*suite.results] * _LOOKS:
        if clock() - start > _SETTLE_S:
            return
        suite.time_again(name)


def few_queries(judged: int, limits: Limits) -> str:
    """Say that so many judged queries are too few for the gate's test; "" where they are enough."""
    if judged >= limits.least_queries:
        return ""
    needed = f"the gate's paired test needs {limits.least_queries} ([gate] least_queries)"
    nothing = f"only {limits.empty_queries} or more queries that newly return nothing fail"
    rest = f"with fewer a drop beside a baseline is a likely loss at most, and {nothing}"
    return f"{plural(judged, 'judged query')}: {needed}, {rest}"


# why it is worse


def diagnose_suite(  # noqa: PLR0913 - what was measured, what is said of it, and what it went by
    suite: Suite,
    session: Snapshot,
    comparisons: Mapping[Baseline, Comparison],
    limits: Limits,
    *,
    sides: Sequence[Sides],
    live: bool,
) -> tuple[Diagnosis, ...]:
    """Diagnose what the gate said beside each baseline.

    Args:
        suite: has measured what was compared.
        session: its snapshot.
        comparisons: what the gate says beside each baseline.
        limits: those it went by.
        sides: what was compared, of each baseline.
        live: whether the engine can still be asked, for legs that no strategy is alone.
    """
    worse = {
        one.strategy for comparison in comparisons.values() for one in comparison.findings if one.answer != "no loss"
    }
    rows = {query: row for row, query in enumerate(session.queries)}
    legs = {name: _leg_values(suite, session, name) for name in sorted(worse)} if live else {}
    titles = titles_of(suite)
    diagnoses = [
        diagnose(
            one.before,
            one.now,
            comparison,
            baseline.limits or limits,
            titles=titles,
            overlaps=suite.plan.config.metrics.overlaps,
            searched=_of_rows(legs, [rows[query] for query in one.now.queries]),
        )
        for one, (baseline, comparison) in zip(sides, comparisons.items(), strict=True)
    ]
    if not live:
        return tuple(diagnoses)
    most = MOST_EXPLAINED // max(1, len(diagnoses))
    each = zip(comparisons, sides, diagnoses, strict=True)
    return tuple(_with_reasons(suite, why, both, baseline.snapshot, most=most) for baseline, both, why in each)


def _of_rows(legs: Mapping[str, LegValues], rows: Sequence[int]) -> Mapping[str, LegValues]:
    return {
        name: {leg: {metric: numbers[rows] for metric, numbers in metrics.items()} for leg, metrics in values.items()}
        for name, values in legs.items()
    }


def _with_reasons(suite: Suite, diagnosis: Diagnosis, sides: Sides, before: Snapshot, *, most: int) -> Diagnosis:
    """Say of so many changed queries what moved the product that fell, as far as the engine explains its scores."""
    asked: dict[str, dict[str, SideBySide]] = {
        why.strategy: {one.change.query: one for one in why.rankings} for why in diagnosis.strategies
    }
    left = most - sum(map(len, asked.values()))
    for name, one in changed_rankings(sides.before, sides.now, diagnosis, most=most):
        if left > 0 and one.change.query not in asked[name]:
            asked[name][one.change.query] = one
            left -= 1
    codes = _Codes.of(suite)
    with TemporaryDirectory() as folder:
        reasons = {name: _reasons(suite, name, some, before, codes, Path(folder)) for name, some in asked.items()}
    strategies = [
        replace(
            why,
            rankings=tuple(replace(one, reasons=reasons[why.strategy][one.change.query]) for one in why.rankings),
            explained=MappingProxyType(reasons[why.strategy]),
        )
        for why in diagnosis.strategies
    ]
    return replace(diagnosis, strategies=tuple(strategies))


@dataclass(frozen=True, eq=False)
class _Codes:
    """The codes of all queries and products, by id."""

    queries: Mapping[str, int]
    products: Mapping[str, int]

    @classmethod
    def of(cls, suite: Suite) -> _Codes:
        both = suite.plan.dataset.queries.ids, suite.plan.dataset.catalogue.ids
        return cls(*({uid: code for code, uid in enumerate(ids)} for ids in both))


def _reasons(  # noqa: PLR0913, PLR0917 - rankings, and all that is asked for them
    suite: Suite, name: str, rankings: Mapping[str, SideBySide], before: Snapshot, codes: _Codes, folder: Path
) -> dict[str, tuple[str, ...]]:
    """By query, what has moved the product that fell since a baseline, and what puts another before it.

    None where it is not known: the engine may explain nothing of a strategy, and is then not asked again.
    """
    strategy = suite.results[name].strategy
    reasons = dict.fromkeys(rankings, tuple[str, ...]())
    with suppress(RelevanceError):
        then = earlier_of(suite, strategy, before, folder)
        pairs = {query: pair for query, one in rankings.items() if (pair := one.fallen()) is not None}
        pairs = {query: pair for query, pair in pairs.items() if pair[0].product in codes.products}
        readers = (suite.reader, then.reader if then is not None else None)
        products = [codes.products[hit.product] for pair in pairs.values() for hit in pair if hit is not None]
        for reader in filter(None, readers):
            reader.keep(products)
        for query, pair in pairs.items():
            reasons[query] = _moved(suite, strategy, then, codes, query, pair)
    return reasons


def _moved(  # noqa: PLR0913, PLR0917 - a query and two of its products, now and then
    suite: Suite, strategy: Strategy, then: Earlier | None, codes: _Codes, query: str, pair: tuple[Hit, Hit | None]
) -> tuple[str, ...]:
    row, (hit, ahead) = codes.queries[query], pair
    code = codes.products[hit.product]
    fell = [explained(suite, part, row, code) for part in strategy.parts]
    lines = [] if then is None else then.moved(row, code, fell)
    if ahead is not None:
        both = code, codes.products[ahead.product]
        for part, one in zip(strategy.parts, fell, strict=True):
            gap = gap_words((hit.product, one), (ahead.product, explained(suite, part, row, both[1])))
            ranks = _ranks_in(suite, strategy, part, row, both) if len(fell) > 1 else ""
            lines += filter(None, ["; ".join(filter(None, (ranks, gap)))])
    if len(fell) == 1:
        lines += [f"{hit.product} is left out by {line}" for line in fell[0].left_out]
    return tuple(dict.fromkeys(lines))


def _ranks_in(suite: Suite, strategy: Strategy, part: Leg | Strategy, row: int, codes: Sequence[int]) -> str:
    """Which ranks products have in a list that is fused: `text: p1 has rank 3, p2 none among the first 50`."""
    ids = suite.plan.dataset.catalogue.ids
    one = suite.batch[row : row + 1]
    ranking = search_part(suite.engine, part, one, hits=strategy.window).codes[0].tolist()
    ranks = (f"rank {ranking.index(code) + 1}" if code in ranking else f"none of {strategy.window}" for code in codes)
    return f"{part.name}: {', '.join(f'{ids[code]} {rank}' for code, rank in zip(codes, ranks, strict=True))}"


def titles_of(suite: Suite) -> Mapping[str, str]:
    """Titles of all products, by id; "" for one without."""
    catalogue = suite.plan.dataset.catalogue
    return dict(zip(catalogue.ids, catalogue.titles, strict=True))


def single_parts(strategy: Strategy) -> Mapping[str, Leg | Strategy]:
    """What a strategy combines, by name: those that it fuses, else its text and each vector field by itself."""
    if strategy.members:
        return {one.name: one for one in strategy.members}
    legs = strategy.legs()
    single = [replace(leg, vectors=(), fused=None) for leg in legs if leg.text]
    single += [Leg((), ((name, 1.0),), leg.candidates, leg.model) for leg in legs for name, _ in leg.vectors]
    return {leg.name: leg for leg in single}


def _leg_values(suite: Suite, session: Snapshot, strategy: str) -> LegValues:
    """The legs that no strategy of the session is alone, searched by themselves; without one that gives no ranking."""
    dataset, metrics, values = suite.plan.dataset, suite.plan.config.metrics, {}
    parts = single_parts(suite.results[strategy].strategy)
    for name in parts_without_strategy(session, strategy):
        try:
            ranking = search_part(suite.engine, parts[name], suite.batch, hits=metrics.depth)
        except StrategyError as error:
            suite.broken[strategy] = f"{suite.results[strategy].strategy.where}: {error}"
            continue
        scored = evaluate(ranking, dataset.judgments, n_products=len(dataset.catalogue), metrics=metrics.all)
        values[name] = _rounded(scored)
    return values
