"""A session for a person at a terminal: what is measured, the table, what is worse and why. Data in, lines out."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from relevance.evaluation import JUDGED10
from relevance.finetune.recipe import estimated_seconds
from relevance.finetune.reranker import estimated_seconds as seconds_to_train
from relevance.gate import ANSWERS, EMPTY, RUN_TIME, reaches
from relevance.gate.holes import LEAST_JUDGED
from relevance.gate.rebuilds import RECALL, reach, same_index
from relevance.report.screen import CHANGE, DIFFERENCE, FAILURE, FINDING, NO_HITS, NOTE, REASON, STRATEGY, SUMMARY, WHY
from relevance.strategies import FINETUNED, STATIC
from relevance.suite import searched_fields
from relevance.text import (
    Line,
    duration,
    fitted,
    middle_cut,
    narrow_table,
    one_line,
    plural,
    printable,
    shortened,
    some,
    terminal_table,
    width,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from relevance.baseline import Acceptance, Accepted
    from relevance.diagnosis import Diagnosis, Hit, Reported, StrategyDiagnosis
    from relevance.embeddings import Model
    from relevance.evaluation import Metric
    from relevance.finetune.reranker import RerankerRecipe
    from relevance.gate import Comparison, Finding, Verdict
    from relevance.records import Dataset
    from relevance.reranking.cross_encoder import Scorer
    from relevance.stages import Rerank
    from relevance.suite import Plan, Result, Suite


# What will be measured

_SHORT_HASH = 12
_SHOWN_PROMPT = 60


def dataset_line(dataset: Dataset) -> str:
    """Name and sizes of a data set."""
    sizes = ((dataset.catalogue, "product"), (dataset.queries, "query"), (dataset.judgments, "judgment"))
    return f"{dataset.name}: {', '.join(plural(len(rows), noun) for rows, noun in sizes)}"


def plan_lines(plan: Plan) -> list[str]:
    """What will be measured on what: data set, sizes, hashes, engine and models."""
    dataset, finetuned = plan.dataset, plan.finetuned
    judgments = dataset.judgments.sha256(dataset.queries, dataset.catalogue)
    hashes = {"corpus": dataset.catalogue.sha256, "queries": dataset.queries.sha256, "judgments": judgments}
    shown = ", ".join(f"{name} {value[:_SHORT_HASH]}" for name, value in hashes.items())
    lines = [dataset_line(dataset), f"sha256 {shown}", f"engine: {plan.engine.line}"]
    lines += [f"  {plan.engine.hint}"] if plan.engine.hint else []
    for name, model in plan.models.items():
        line = f"{model.name} ({', '.join(_model_facts(model))}, sha256 {model.sha256[:_SHORT_HASH]})"
        if name == FINETUNED and finetuned is not None and finetuned.recipe is not None and not finetuned.trained:
            pairs, took = plural(len(finetuned.recipe.pairs.train), "pair"), estimated_seconds(finetuned.recipe)
            line = f"to be trained first, from {model.name} on {pairs}: about {duration(took)} on two idle CPU cores"
        if name == STATIC and plan.static is not None and not plan.static.trained:
            line = f"to be distilled first, from {FINETUNED}: a minute or two on two idle CPU cores"
        lines.append(f"model {name}: {line}")
    if finetuned is not None and (leaks := finetuned.leaks) is not None:
        near = plural(len(leaks.near_queries), "near one was", "near ones were")
        products = f"{len(leaks.shared_products):,} of its {plural(leaks.products, 'product')} are indexed"
        lines.append(f"  no evaluated query was trained on, {near}; {products}")
    lines += [_rerank_line(rerank, scorer) for rerank, scorer in plan.rerankers.items()]
    if plan.reranker is not None and plan.reranker.stored is None:
        lines.append(f"rerank: {reranker_line(plan.reranker.recipe)}")
    lines += [f"NOT RUN: {name}: {reason}" for name, reason in plan.left_out.items()]
    lines += [f"note: {note}" for note in plan.notes]
    return [printable(line) for line in lines]


def reranker_line(recipe: RerankerRecipe) -> str:
    """Say what a cross-encoder is to be trained from, and how long that may take."""
    pairs, took = plural(len(recipe.chosen), "judged pair"), duration(seconds_to_train(recipe))
    return f"cross-encoder to be trained first, from {recipe.base.name} on {pairs}: about {took} on two idle CPU cores"


def _rerank_line(rerank: Rerank, scorer: Scorer | None) -> str:
    first = f"the first {plural(rerank.depth, 'hit')}"
    if scorer is None:
        return f"rerank: {rerank.search} ({first})"
    return f"rerank: {scorer.name} ({first}, {scorer.max_tokens} tokens, sha256 {scorer.fingerprint[:_SHORT_HASH]})"


def _model_facts(model: Model) -> list[str]:
    """What decides a model's vectors; what few models have only where this one has it."""
    cut = " (cut)" if model.truncate_dim else ""
    tokens = "any number of" if model.max_tokens is None else model.max_tokens
    facts = [f"{model.dimensions} dimensions{cut}", f"{tokens} tokens", f"prompt {_shown_prompt(model.query_prompt)}"]
    facts += [f"prompt of products {_shown_prompt(model.document_prompt)}"] if model.document_prompt else []
    facts += ["dot product"] if model.similarity == "dot" else []
    facts += [f"revision {model.revision}"] if model.revision else []
    facts += ["runs code of its own"] if model.trust_remote_code else []
    return facts + ([f"configuration {model.configuration[:_SHORT_HASH]}"] if model.configuration else [])


def _shown_prompt(prompt: str) -> str:
    return shortened(repr(prompt), _SHOWN_PROMPT)


# The table

_TIMES = {"time (s)": ".3f", "took (s)": ".3f", "queries/s": ",.0f", "p50 (ms)": ".2f", "p95 (ms)": ".2f"}
_RERANK = "rerank (ms)"
_STATUS = {"pass": ("pass", "good"), "fail": ("FAIL", "bad"), "not_gated": ("not gated", "warn")}
_JUDGED = "judged"
# what a narrow terminal has no room for, the first to go first; then floors, long names, the time and metrics go
_LEFT_OUT_FIRST = ("queries/s", "took (s)", "p95 (ms)", _JUDGED, "p50 (ms)", _RERANK, "cut", "embed (ms)")
_BARE = len("0.1234*")
_NAME, _SHORTEST_NAME = 24, 12


def table(suite: Suite, *, columns: int | None, comparisons: Sequence[Comparison] = ()) -> list[Line]:
    """One row a strategy, also one that gives no ranking; `*` marks a column's best value, `>=` or `<` the floor.

    No row is wider than so many `columns` (None: any number): columns are left out, first those in which nothing
    stands, then those that matter least; then the floors, the middle of long names, times, and all metrics but the
    leading one, which a line below the table says.
    """
    results = list(suite.results.values())
    metrics = {_JUDGED if one == JUDGED10 else label: one for label, one in suite.plan.config.metrics.columns.items()}
    best = {
        label: (min if metric.lower_is_better else max)(result.evaluation.mean(metric) for result in results)
        for label, metric in metrics.items()
        if results and label != _JUDGED
    }
    rows, marks = [], ["head"]
    for result in results:
        # what failed by a baseline has failed, with floors or without
        worse = any(one.fails(result.strategy.name) for one in comparisons) or result.strategy.name in suite.broken
        word, mark = _STATUS["fail" if worse else result.verdict.status]
        if not worse and _compared_alone(result, comparisons):
            word = "no floors, compared"
        rows.append({**_cells(result, suite, metrics, best), "verdict": word})
        marks.append(mark)
    for name in suite.refused:
        unmeasured = dict.fromkeys((*metrics, *_TIMES, _RERANK, "embed (ms)", "cut"), "-")
        rows.append({"strategy": name, **unmeasured, "verdict": "FAIL"})
        marks.append("bad")
    none = {"took (s)"} if all(row["took (s)"] == "-" for row in rows) else set()  # this process is the engine
    none |= {_RERANK} if all(result.strategy.reranking is None for result in results) else set()
    cells = {name: [name, *(row[name] for row in rows)] for name in rows[0] if name not in none}
    gated = [name for name in metrics if name != _JUDGED]
    leading = next((name for name in gated if metrics[name] == suite.plan.config.gate.leading), gated[0])
    shown = _fitted(cells, columns, [*(name for name in gated if name != leading), leading])
    texts = terminal_table(
        list(zip(*shown.values(), strict=True)),
        right={at for at, name in enumerate(shown) if name not in {"strategy", "verdict", *metrics} or name == _JUDGED},
    )
    if columns is not None:
        texts = [text if width(text) <= columns else fitted(text, columns).rstrip() for text in texts]
    lines = [Line(texts[0], marks[0])]
    for text, mark, row in zip(texts[1:], marks[1:], rows, strict=True):
        is_best = any(row[name][_BARE - 1 : _BARE] == "*" for name in gated)
        lines.append(Line(text, mark, STRATEGY, is_first=mark == "bad" or is_best))
    if unshown := [name for name in gated if name not in shown]:
        lines.append(Line(f"without room for {', '.join(unshown)}: {SUMMARY}"))
    return lines


def _compared_alone(result: Result, comparisons: Sequence[Comparison]) -> list[str]:
    """The baselines that a strategy without floors was compared with."""
    if result.verdict.status != "not_gated":
        return []
    name = result.strategy.name
    return [each.baseline for each in comparisons if any(one.strategy == name for one in each.findings)]


def _cells(result: Result, suite: Suite, metrics: Mapping[str, Metric], best: Mapping[str, float]) -> dict[str, str]:
    strategy, timing, floors = result.strategy, result.timing, result.verdict.floors
    cells = {"strategy": strategy.name}
    for label, metric in metrics.items():
        mean = result.evaluation.mean(metric)
        if label == _JUDGED:
            cells[label] = f"{mean:.0%}"
            continue
        cells[label] = f"{mean:.4f}{'*' if mean == best[label] else ' '}"
        if floors is not None and result.verdict.status != "not_gated" and label in floors.means:
            floor = floors.means[label]
            signs = ("<=", " >") if metric.lower_is_better else (">=", " <")
            cells[label] += f"{signs[not reaches(metric, mean, floor)]}{floor:.3f}"
    times: tuple[float | None, ...] = (None,) * len(_TIMES)
    if timing is not None:
        times = timing.run_time_s, timing.took_s, timing.queries_per_s, timing.single.p50_ms, timing.single.p95_ms
    for (name, form), value in zip(_TIMES.items(), times, strict=True):
        cells[name] = "-" if value is None else format(value, form)
    stages = {} if timing is None else timing.single.stages
    cells[_RERANK] = f"{stages['rerank'][0]:.1f}" if "rerank" in stages else "-" if strategy.reranking else ""
    query_ms = suite.query_ms[strategy.model] if strategy.embeds else None
    cells["embed (ms)"] = f"+{query_ms:.1f}" if query_ms is not None else "-" if strategy.embeds else ""
    # there are no counts of an index that exists
    counts = [suite.cut[key] for key in searched_fields([strategy]) if strategy.embeds and key in suite.cut]
    texts, cut = map(sum, zip(*counts, strict=True)) if counts else (0, 0)
    cells["cut"] = f"{cut:,}/{texts:,}" if counts else ""
    return cells


def _fitted(
    cells: Mapping[str, Sequence[str]], most: int | None, metrics: Sequence[str]
) -> Mapping[str, Sequence[str]]:
    """The columns that a terminal has room for, of `metrics` the last one always."""
    kept = {name: list(column) for name, column in cells.items()}

    def room() -> int:
        """For names, below 0 where the rest alone is too wide."""
        others = sum(2 + max(map(width, column)) for name, column in kept.items() if name != "strategy")
        return max(map(width, kept["strategy"])) if most is None else most - others

    def fits(least: int) -> bool:
        """Whether there is room for the names, cut to no less than `least` columns if need be."""
        names = {middle_cut(name, max(room(), 3)) for name in cells["strategy"]}
        longest = max(map(width, cells["strategy"]))
        return room() >= min(longest, least) and len(names) == len({*cells["strategy"]})

    empty = [name for name, column in cells.items() if name not in metrics and not set(column[1:]) - {"", "-"}]
    whole = max(map(width, cells["strategy"]))
    for name in (*empty, *_LEFT_OUT_FIRST):
        if not fits(whole) and name not in {"strategy", "verdict"}:
            kept.pop(name, None)
    if not fits(whole):  # the verdict says what became of the floors
        kept |= {name: [name, *(cell[:_BARE] for cell in cells[name][1:])] for name in metrics}
    for name in ("time (s)", *metrics[-2::-1]):
        if not fits(_NAME):
            kept.pop(name, None)
    if not fits(whole):
        kept["strategy"] = [middle_cut(name, max(room(), _SHORTEST_NAME)) for name in cells["strategy"]]
    return kept


# Below the table

_SHOWN_QUERIES = 5
_SHOWN_NAMES = 3


def session_lines(
    suite: Suite, *, columns: int | None, comparisons: Sequence[Comparison] = (), diagnoses: Sequence[Diagnosis] = ()
) -> list[Line]:
    """The table, and what a person has to know below it: what failed and is not gated, what is worse and why.

    At least one strategy was measured or refused; the diagnoses are in the comparisons' order, none where none could
    be made.
    """
    results = list(suite.results.values())
    lines = [*table(suite, columns=columns, comparisons=comparisons), *_preparation_lines(suite), Line("")]
    lines += _recall_lines(suite)
    broken = (*suite.refused.values(), *suite.broken.values())
    lines += [Line(f"FAIL: {line}", "bad", FAILURE) for line in broken]
    lines += verdict_lines(results, comparisons)
    lines += _without_hits(suite)
    for comparison, diagnosis in zip_longest(comparisons, diagnoses):
        lines += comparison_lines(comparison, diagnosis, columns=columns)
    return lines


def _without_hits(suite: Suite) -> Iterator[Line]:
    """The judged queries that have no hits, each of which counts 0: a line for the strategies that share them."""
    texts, sharing = suite.plan.dataset.queries.labels, dict[tuple[int, ...], list[str]]()
    for name, result in suite.results.items():
        sharing.setdefault(tuple(result.evaluation.without_hits.tolist()), []).append(name)
    for codes, names in sharing.items():
        if codes:
            shown = some([repr(texts[code]) for code in codes], _SHOWN_QUERIES)
            queries = plural(len(codes), "judged query")
            yield Line(f"{some(names, _SHOWN_NAMES)}: {queries} without hits: {shown}", part=NO_HITS)


def _recall_lines(suite: Suite) -> list[Line]:
    """What an approximate vector index, and other builds of it, find of the exact neighbours, by strategy."""
    found = {name: one for name, one in suite.results.items() if one.recall is not None}
    if not found:
        return []
    facts, before, chance = suite.engine.facts, suite.baseline, suite.plan.config.gate.p_sure
    learned = before.strategies if before and same_index(before.facts, facts) else {}
    words = []
    for name, one in found.items():
        builds = one.rebuilds or (learned[name].rebuilds if name in learned else {})
        words.append(f"{name} {one.recall:.3f}{_builds_words(one.recall or 0.0, builds.get(RECALL, ()), chance)}")
    return [Line(f"recall of the 10 exact neighbours ({facts.get('vector_index')} vectors): {', '.join(words)}")]


def _builds_words(recall: float, builds: Sequence[float], chance: float) -> str:
    """How much of the neighbours other builds of the index found; "" where there were none."""
    if not builds:
        return ""
    lower = ", fewer than building it again explains" if recall < min(builds) - reach(builds, chance) else ""
    return f" ({min(builds):.3f} to {max(builds):.3f} in {plural(len(builds), 'rebuild')}{lower})"


def verdict_lines(results: Sequence[Result], comparisons: Sequence[Comparison] = ()) -> list[Line]:
    """What failed and what has no floors, a line a reason, and what is to be known of the floors."""
    lines, alone, ungated = list[Line](), dict[str, list[str]](), dict[str, list[str]]()
    for result in results:
        name, (word, mark) = result.strategy.name, _STATUS[result.verdict.status]
        if baselines := _compared_alone(result, comparisons):
            alone.setdefault(" and ".join(baselines), []).append(name)
        elif result.verdict.status == "not_gated":
            for reason in result.verdict.reasons:
                ungated.setdefault(reason, []).append(name)
        else:
            reasons = (f"{word}: {name}: {reason}" for reason in result.verdict.reasons)
            lines += [Line(reason, mark, REASON, is_first=mark == "bad") for reason in reasons]
    word, mark = _STATUS["not_gated"]
    told = [f"no floors: {some(names, _SHOWN_NAMES)}: compared with {others} alone" for others, names in alone.items()]
    told += [f"{word}: {some(names, _SHOWN_NAMES)}: {reason}" for reason, names in ungated.items()]
    lines += [Line(line, mark, REASON) for line in told]
    notes = dict.fromkeys(note for one in results for note in one.verdict.notes)
    return [*lines, *(Line(note, part=NOTE) for note in notes)]


def _preparation_lines(suite: Suite) -> list[Line]:
    """Where the time before the first search went and what it made, for an engine that is another process."""
    if suite.engine.took_ms is None:
        return []
    preparation, facts, embeds = suite.preparation, suite.engine.facts, bool(suite.plan.models)
    took = [] if preparation.start_s is None else [f"started in {preparation.start_s:.1f} s"]
    took += [f"texts embedded in {preparation.embedding_s:.1f} s"] if embeds else []
    if facts.get("reused"):
        took.append(f"index of an earlier run taken in {preparation.indexing_s:.1f} s")
    elif "uuid" not in facts:  # an index that exists has its own, and was not made
        products = plural(len(suite.plan.dataset.catalogue), "product")
        took.append(f"{products} indexed in {preparation.indexing_s:.1f} s")
    index = [f"{facts['vector_index']} vectors"] if facts.get("vector_index") and embeds else []
    shards, segments = facts.get("shards"), facts.get("segments")
    index += [plural(shards, "shard")] if isinstance(shards, int) else []
    if isinstance(segments, int):  # of the shard that has most
        of_each = f"{'up to ' if segments > 1 else ''}{plural(segments, 'segment')} each"
        index.append(plural(segments, "segment") if shards == 1 else of_each)
    parts = "; ".join(", ".join(part) for part in (took, index) if part)
    return [Line(f"{suite.plan.engine.name} {suite.engine.version}: {parts}")]


def failure(strategy: str, verdict: Verdict) -> str:
    """Why a strategy is below its floors: metric, value, floor and the queries that contribute most to a shortfall."""
    where = verdict.floors.where if verdict.floors else ""
    lines = [f"{strategy}: {'; '.join(verdict.reasons)}", f"  floors: {where}", *(f"  {one}" for one in verdict.notes)]
    for short in verdict.shortfalls:
        since = bool(short.queries) and short.queries[0].before is not None
        over = short.value > short.floor
        which = "the highest" if over else "the lowest"
        which = f"{'rose' if over else 'fell'} most since the baseline" if since else which
        missing = f"{'over' if over else 'short'} by {abs(short.floor - short.value):.4f}; {which}"
        floor = f"{'> ceiling' if over else '< floor'} {short.floor:.4f}"
        lines.append(f"  {short.label} {short.value:.4f} {floor}, {missing}")
        for one in short.queries:
            before = f"{one.before:.4f} → " if since else ""
            lines.append(f"    {before}{one.value:.4f}  {one.text!r} ({one.query})")
    return "\n".join(map(printable, lines))


# A comparison with a baseline

_SHOWN_CHANGES = 20
_SHOWN_REPORTED = 10
_VISIBLE = 0.02
_UNSURE = "[gate] too_few_queries"
_FAILING = {"holes": "[gate] unjudged_hits", "queries": _UNSURE, "rebuilds": _UNSURE, "": "[gate]"}
_SHOWN_DIFFERENCES = 36  # twelve strategies by three metrics
_SHOWN_STRATEGIES = 12
_NO_METRICS = {EMPTY, RUN_TIME}
_SHOWN_FINDINGS = 30
_SHOWN_NAME, _SHOWN_REASON = 60, 300
_NUMBERS = {"before", "now", "difference", "change", "loss at most", "changed"}
_DIFFERENCES_LEFT_OUT = ("changed", "loss at most", "change", "95% interval", "before")


def comparison_lines(
    comparison: Comparison, diagnosis: Diagnosis | None = None, *, columns: int | None = None
) -> list[Line]:
    """Every difference, what is worse or better and why, what else changed and what was not compared.

    `columns` are those of the terminal; None: any number.
    """
    findings, answer = comparison.findings, comparison.answer()
    strategies = plural(len({one.strategy for one in findings}), "strategy")
    metrics = plural(len({one.measure for one in findings if one.measure not in _NO_METRICS}), "metric")
    mark = "good" if answer == "no loss" else "head"
    end = f"{answer}, which fails here" if comparison.fails() and answer != "loss" else answer
    head = Line(f"compared with {comparison.baseline}: {strategies} × {metrics}, {end}", mark)  # noqa: RUF001
    lines = [head if findings else Line(f"compared with {comparison.baseline}: nothing in common", "warn")]
    lines += [Line(f"  {text}", "warn") for text in acceptance_lines(comparison)]
    lines += [Line(f"FAIL: {problem}", "bad", FAILURE) for problem in comparison.problems]
    lines += _difference_lines(comparison, () if diagnosis is None else diagnosis.reported, columns)
    if comparison.effective_queries is not None:
        lines.append(
            Line(f"  by their weights the queries count as much as {comparison.effective_queries:,.0f} equal ones")
        )
    ordered = ordered_findings(comparison)
    for one in ordered[:_SHOWN_FINDINGS]:
        label, mark = _label(one)
        more = "" if one.answer == "no loss" else "".join(f": {reason}" for reason in one.reasons[1:2])
        lines.append(Line(f"{label}: {one.strategy}: {what_happened(one)}{more}", mark, FINDING))
    if len(ordered) > _SHOWN_FINDINGS:
        lines.append(Line(f"and {len(ordered) - _SHOWN_FINDINGS:,} more, none of them a worse answer", part=FINDING))
    lines += [Line(line, part=CHANGE) for line in _changed(comparison)]
    for note in comparison.notes:
        alarms = note in comparison.alarms
        lines.append(Line(f"  note: {note}", "bad" if alarms else "warn", NOTE, is_first=alarms))
    return lines if diagnosis is None else lines + _diagnosis_lines(comparison, diagnosis)


def acceptance_lines(comparison: Comparison) -> list[str]:
    """What somebody accepted, the newest first: in the baseline, and in that of the project where it is another one."""
    lines = _newest([f"accepted {acceptance_words(entry)}" for entry in comparison.accepted])
    aside = f"without effect beside {comparison.baseline} until it is merged"
    return lines + _newest([f"proposed {acceptance_words(entry)}; {aside}" for entry in comparison.proposed])


def _newest(entries: Sequence[str]) -> list[str]:
    more = len(entries) - _SHOWN
    return [*entries[:_SHOWN], *([f"and {plural(more, 'earlier entry')} of the log"] if more > 0 else [])]


def acceptance_words(entry: Acceptance) -> str:
    """`on 2026-11-28 by Ada: own (loss, nDCG@10 0.7000 → 0.5000): "the old ids are gone"`."""
    names = some([f"{name} ({_overridden(one, entry.metric)})" for name, one in entry.strategies.items()], _SHOWN)
    data = f" with {entry.data}" if entry.data else ""
    by, reason = one_line(entry.by, _SHOWN_NAME), one_line(entry.reason, _SHOWN_REASON)
    return f'on {entry.when[:10]} by {by}: {names}{data}: "{reason}"'


def _overridden(one: Accepted, metric: str) -> str:
    verdict = f"{one.verdict}, which failed" if one.fails and one.verdict != "loss" else one.verdict
    means = [f"{mean:.4f}" for mean in (one.before, one.after) if mean is not None]
    return f"{verdict}, {metric} {' → '.join(means)}" if means else verdict


def differences_of(comparison: Comparison) -> list[Finding]:
    """The findings that are differences of a metric's mean, in the order of the comparison.

    Queries that newly return nothing are among them where that is worse: it may be the only thing that is.
    """
    own = (one for one in comparison.findings if not one.segment)
    return [one for one in own if one.measure not in _NO_METRICS or (one.measure == EMPTY and one.answer != "no loss")]


def difference_cells(finding: Finding) -> dict[str, str]:
    """A difference as the cells of a table, by column."""
    interval = "" if finding.interval is None else f"[{finding.interval[0]:+z.4f}, {finding.interval[1]:+z.4f}]"
    return {
        "strategy": finding.strategy,
        "metric": finding.measure,
        "before": f"{finding.before:.4f}",
        "now": f"{finding.after:.4f}",
        "difference": f"{finding.after - finding.before:+z.4f}",
        "95% interval": interval if finding.changed else "",
        "change": "" if finding.relative is None else f"{_rise(finding):+z.1%}",
        "loss at most": "" if finding.at_most is None or not finding.changed else f"{max(finding.at_most, 0.0):.1%}",
        "changed": f"{finding.changed:,}",
        "answer": answer_words(finding),
    }


def reported_cells(one: Reported) -> dict[str, str]:
    """A metric that is shown and not gated, in the same columns."""
    before, interval = one.before, one.interval
    relative = "" if not before else f"{(one.after - before) / before:+z.1%}"
    return {
        "strategy": one.strategy,
        "metric": one.measure,
        "before": "" if before is None else f"{before:.4f}",
        "now": f"{one.after:.4f}",
        "difference": "" if before is None else f"{one.after - before:+z.4f}",
        "95% interval": f"[{interval[0]:+z.4f}, {interval[1]:+z.4f}]" if interval and one.changed else "",
        "change": relative,
        "loss at most": "",
        "changed": f"{one.changed:,}",
        "answer": "not gated",
    }


def answer_words(finding: Finding) -> str:
    """The answer, what more is known of no loss (`IN_TABLES`), and whether it fails where that does not follow."""
    if finding.answer != "no loss":
        return f"{finding.answer}, fails" if finding.blocks else finding.answer
    if finding.improved:
        return "better"
    if finding.measure in _NO_METRICS or not finding.changed:
        return "no loss"
    return "not judged" if finding.relative is None else "no loss" if finding.at_most is not None else "no sure loss"


def _row_mark(finding: Finding) -> str:
    """How a row is marked: what is better or worse is seen among what is as good as before."""
    plain = finding.answer == "no loss" and not finding.improved
    return "bad" if finding.blocks else "" if plain else ANSWERS[finding.answer].mark


def _rise(finding: Finding) -> float:
    """The change as a share of the mean before, positive where the metric rose."""
    return (finding.after - finding.before) / finding.before


def _difference_lines(comparison: Comparison, reported: Sequence[Reported], columns: int | None) -> list[Line]:
    """A table of all strategies in which a query changed, and a line of the others."""
    findings = differences_of(comparison)
    changed = dict.fromkeys(one.strategy for one in findings if one.changed)
    shown = [one for one in findings if one.strategy in changed]
    lines = []
    if len(shown) > _SHOWN_DIFFERENCES:
        worst = sorted(shown, key=lambda one: (-list(ANSWERS).index(one.answer), -abs(one.relative or 0.0)))
        first = set(map(id, worst[:_SHOWN_DIFFERENCES]))
        more = f"  and {len(shown) - _SHOWN_DIFFERENCES:,} more differences, none of them a worse answer"
        shown, lines = [one for one in shown if id(one) in first], [Line(more, part=DIFFERENCE)]
    if shown:
        rows_of = {name: [one for one in shown if one.strategy == name] for name in changed}
        others = {name: [one for one in reported if one.strategy == name][:_SHOWN_REPORTED] for name in changed}
        cells = [
            row
            for name in changed
            for row in (*map(difference_cells, rows_of[name]), *map(reported_cells, others[name]))
        ]
        table = {name: [name, *(row[name] for row in cells)] for name in cells[0] if any(row[name] for row in cells)}
        marks = ["head"]
        for name in changed:
            marks += [*map(_row_mark, rows_of[name]), *("" for _ in others[name])]
        room = None if columns is None else columns - 2
        rows = narrow_table(table, _DIFFERENCES_LEFT_OUT, room, right=_NUMBERS)
        if room is not None and max(map(width, rows)) > room:
            rows = narrow_table(table, _DIFFERENCES_LEFT_OUT, room, right=_NUMBERS, cut="strategy", shorten=middle_cut)
        told = [Line(f"  {row}", mark, DIFFERENCE, is_first=bool(mark)) for row, mark in zip(rows, marks, strict=True)]
        lines = [Line(told[0].text, "head"), *told[1:], *lines]
    same = {one.strategy: one for one in reversed(findings) if one.strategy not in changed}
    if same:
        means = [f"{one.strategy} ({one.measure} {one.after:.4f})" for one in reversed(same.values())]
        lines.append(Line(f"  no query changed: {some(means, _SHOWN_QUERIES)}"))
    return lines


def _diagnosis_lines(comparison: Comparison, diagnosis: Diagnosis) -> list[Line]:
    lines = []
    for why in diagnosis.strategies[:_SHOWN_STRATEGIES]:
        mark = ANSWERS[why.answer].mark if why.lost else ""
        lines.append(Line(f"  {why.strategy}: {queries_words(why)}", mark, WHY))
        few = 1 if why.answer == "no loss" else _SHOWN
        lines += [Line(f"    {line}", part=WHY) for line in _extremes(why, few)]
        words = [kind_words(why), hole_words(comparison, why.strategy), span_words(comparison, why.strategy)]
        if why.answer != "loss":  # the test that failed says it of the others
            words.append(leg_words(why))
        lines += [Line(f"    {text}", part=WHY) for text in words if text]
    more = len(diagnosis.strategies) - _SHOWN_STRATEGIES
    lines += [Line(f"  and {plural(more, 'more strategy')} with changed queries", part=WHY)] if more > 0 else []
    return lines + [Line(f"  note: {note}", "warn", NOTE) for note in diagnosis.notes]


def _extremes(why: StrategyDiagnosis, few: int) -> Iterator[str]:
    """The queries that lost most, and those that won most."""
    for word, changes in (("worst", why.lost), ("best", why.won)):
        if changes:
            shown = (f"{_quoted(one.text)} {one.before:.4f} → {one.after:.4f}" for one in changes[:few])
            yield f"{word}: {', '.join(shown)}"


def ordered_findings(comparison: Comparison) -> list[Finding]:
    """Those that are worse, the worst answer first, then what became better.

    Of the kinds of queries those that lost: there are many, and what is undecided or better is on the pages.
    """
    worse = _worse(comparison)
    shown = [one for one in comparison.findings if one in worse or (one.improved and not one.segment)]
    return _worst_first(shown)


def _worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """By what fails, then by the answer."""
    return sorted(findings, key=lambda one: (not one.fails, -list(ANSWERS).index(one.answer)))


def _worse(comparison: Comparison) -> list[Finding]:
    """The findings that are due a line.

    A kind of query that is undecided is due one where it fell and its strategy fails by it, not by all its queries.
    """
    whole = {one.strategy for one in comparison.findings if one.blocks and not one.segment}
    return [
        one
        for one in comparison.findings
        if one.answer != "no loss"
        and not (
            one.segment
            and one.answer == "undecided"
            and (not one.blocks or one.strategy in whole or (one.relative or 0.0) < _VISIBLE)
        )
    ]


def _label(finding: Finding) -> tuple[str, str]:
    """The word in front of a finding that is shown, and how it is marked."""
    meaning = ANSWERS[finding.answer]
    if finding.blocks:
        return f"{meaning.label}, FAILS", "bad"
    return "better" if finding.answer == "no loss" else meaning.label, meaning.mark


def what_happened(finding: Finding) -> str:
    """The first reason of a finding, and what it is of: `nDCG@10 of 61 queries (with a digit) fell by 27%`."""
    if finding.segment:
        return f"{finding.measure} of {plural(finding.queries, 'query')} ({finding.segment}) {finding.reasons[0]}"
    reason = finding.reasons[0] if finding.reasons else f"{finding.before:.4f} -> {finding.after:.4f}"
    return reason if reason.startswith(finding.measure) else f"{finding.measure} {reason}"


def _changed(comparison: Comparison) -> list[str]:
    lines = [f"  changed: {line}" for line in comparison.differs[:_SHOWN_CHANGES]]
    more = len(comparison.differs) - _SHOWN_CHANGES
    return [*lines, f"  changed: and {more:,} more"] if more > 0 else lines


def comparison_failure(strategy: str, comparisons: Sequence[Comparison], diagnoses: Sequence[Diagnosis]) -> str:
    """Why a strategy is worse: every reason, what else changed, and which queries it lost.

    With several baselines, the queries beside the first in which the strategy failed; "" where it failed nowhere.
    """
    lines = []
    for comparison in comparisons:
        if not comparison.fails(strategy):
            continue
        keys = {_FAILING[one.cause]: 0 for one in comparison.findings if one.strategy == strategy and one.blocks}
        what = (
            f"undecided, which fails here ({', '.join(keys)}), beside"
            if keys and comparison.answer(strategy) == "undecided"
            else "worse than in"
        )
        lines.append(f"{strategy}: {what} {comparison.baseline}")
        own = [one for one in _worst_first(_worse(comparison)) if one.strategy == strategy]
        for finding, following in zip_longest(own, own[1:]):
            lines.append(f"  {_label(finding)[0]}: {what_happened(finding)}")
            if following is None or following.reasons[1:] != finding.reasons[1:]:  # said once of those that share them
                lines += [f"    {reason}" for reason in finding.reasons[1:]]
        lines += _changed(comparison)
    both = zip(comparisons, diagnoses, strict=False)
    failed = [(why, one) for one, of in both if one.fails(strategy) and (why := of.of(strategy)) is not None]
    lines += [f"  {line}" for why, one in failed[:1] for line in _queries_lost(why, one)]
    return "\n".join(map(printable, lines))


# Why: the words that terminal and pages share

_SHOWN, _RANKS = 3, 5
_QUERY, _TITLE, _MOVED = 60, 34, 7
_HIT = _TITLE + _MOVED + len("[0]  ")


def _queries_lost(why: StrategyDiagnosis, comparison: Comparison) -> Iterator[str]:
    """Which queries a strategy lost, and what stood there and stands there now."""
    yield queries_words(why)
    for one in why.lost[:_SHOWN]:
        yield f"  {one.before:.4f} → {one.after:.4f}  {_quoted(one.text)} ({one_line(one.query)})"
    if len(why.lost) > _SHOWN:
        yield f"  and {len(why.lost) - _SHOWN:,} more"
    for ranking in why.rankings[:1]:
        yield f"first hits of {_quoted(ranking.change.text)}, with grades (- is not judged):"
        yield f"      {fitted('before', _HIT)}  now"
        hits = zip_longest(ranking.before[:_RANKS], ranking.after[:_RANKS])
        for rank, (before, after) in enumerate(hits, 1):
            yield f"  {rank:>2}  {_hit(before, now=False)}  {_hit(after, now=True)}".rstrip()
        yield from (f"  why: {one_line(reason)}" for reason in ranking.reasons[:_SHOWN])
    if why.newly_empty:
        yield f"newly without hits: {some([_quoted(text) for text in why.newly_empty], _SHOWN)}"
    yield from filter(None, (leg_words(why), kind_words(why), hole_words(comparison, why.strategy)))


def _quoted(text: str) -> str:
    return f"'{fitted(one_line(text), _QUERY).rstrip()}'"


def _hit(hit: Hit | None, *, now: bool) -> str:
    if hit is None:
        return " " * _HIT
    return f"[{grade(hit)}] {fitted(one_line(hit.title or hit.product), _TITLE)} {fitted(moved(hit, now=now), _MOVED)}"


def grade(hit: Hit) -> str:
    """The grade of a hit, `-` for one without a judgment."""
    return "-" if hit.grade is None else f"{hit.grade:g}"


def moved(hit: Hit, *, now: bool) -> str:
    """What became of a hit beside the other ranking; "" where it is at the same place."""
    if hit.mark == "moved":
        return f"{'was' if now else 'now'} {hit.other_rank}"
    return "" if hit.mark == "same" else hit.mark


def queries_words(why: StrategyDiagnosis) -> str:
    """How many queries were won and lost, by which metric."""
    counts = f"{len(why.lost):,} lost, {len(why.won):,} won, {why.unchanged:,} unchanged"
    silent = why.reranked - len(why.lost) - len(why.won)  # hits moved that the metric does not tell apart
    counts += f" ({silent:,} of them with other hits)" if silent > 0 else ""
    judged = "" if why.judged is None else f"; hits with a judgment {why.judged[0]:.0%} → {why.judged[1]:.0%}"
    judged += ", queries without hits left out" if judged and why.has_empty else ""
    return f"queries by {why.metric}: {counts}{judged}"


def leg_words(why: StrategyDiagnosis) -> str:
    """The legs of a strategy that combines several, on the queries that it lost; "" for others."""
    if not why.legs:
        return ""
    means = [["?" if mean is None else f"{mean:.4f}" for mean in (leg.before, leg.after)] for leg in why.legs]
    legs = ", ".join(f"{leg.leg} {' → '.join(both)}" for leg, both in zip(why.legs, means, strict=True))
    return f"legs on the {plural(len(why.lost), 'lost query')}: {legs}; {why.legs_note}"


def kind_words(why: StrategyDiagnosis) -> str:
    """The kinds of queries that fell furthest, and the one that rose most; "" where there are none that moved."""
    kinds = sorted((one for one in why.segments if one.relative), key=lambda one: -(one.relative or 0.0))
    fell = [one for one in kinds if _rise(one) < 0]
    rose = [one for one in kinds[::-1] if _rise(one) > 0]
    parts = [
        f"{word} {', '.join(f'{one.segment} {_rise(one):+.1%} ({one.queries:,})' for one in shown)}"
        for word, shown in (("worst", fell[:_SHOWN]), ("best", rose[:1]))
        if shown
    ]
    return f"kinds of queries by {kinds[0].measure}: {'; '.join(parts)}" if parts else ""


def hole_words(comparison: Comparison, strategy: str) -> str:
    """What is known of the unjudged hits of a strategy, and what would settle it; "" where there are none."""
    holes = comparison.holes.get(strategy)
    if holes is None:
        return ""
    return f"{holes.words}{'' if holes.settled else ' (to_judge.csv, relevance judge)'}"


def span_words(comparison: Comparison, strategy: str) -> str:
    """Where the differences of a strategy lie as its unjudged hits may be; "" where all are judged."""
    parts = [
        f"{one.measure} {one.span[0]:+z.4f} to {one.span[1]:+z.4f}"
        for one in differences_of(comparison)
        if one.strategy == strategy and one.span is not None
    ]
    holes = comparison.holes.get(strategy)
    sampled = holes is not None and holes.judged >= LEAST_JUDGED
    how = "by what the judged rows say of the others" if sampled else "whatever the unjudged hits are"
    return f"differences, {how}: {', '.join(parts)}" if parts else ""
