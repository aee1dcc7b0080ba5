"""The results for a person at a terminal: the table, and why a strategy failed. Data in, lines out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relevance.evaluation import JUDGED10
from relevance.finetune.recipe import estimated_seconds
from relevance.gate import GATED
from relevance.strategies import FINETUNED
from relevance.suite import searched_fields
from relevance.text import duration, plural, printable, some, terminal_table, width

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relevance.embeddings import Model
    from relevance.gate import Comparison, Shortfall, Verdict
    from relevance.records import Dataset
    from relevance.suite import Finetuned, Plan, Result, Suite

_SHORT_HASH = 12
_SHOWN_QUERIES = 5


@dataclass(frozen=True)
class Line:
    """A line of text and how it is marked: `good`, `bad`, `warn`, `head` or nothing."""

    text: str
    mark: str = ""

    def __post_init__(self) -> None:
        """Escape what a terminal or a CI log would obey."""
        object.__setattr__(self, "text", printable(self.text))


def dataset_line(dataset: Dataset) -> str:
    """Name and sizes of a data set."""
    sizes = ((dataset.catalogue, "product"), (dataset.queries, "query"), (dataset.judgments, "judgment"))
    return f"{dataset.name}: {', '.join(plural(len(rows), noun) for rows, noun in sizes)}"


def plan_lines(plan: Plan) -> list[str]:
    """What will be measured on what: data set, sizes, hashes, engine and models."""
    dataset = plan.dataset
    judgments = dataset.judgments.sha256(dataset.queries, dataset.catalogue)
    hashes = (("corpus", dataset.catalogue.sha256), ("queries", dataset.queries.sha256), ("judgments", judgments))
    lines = [
        dataset_line(dataset),
        "sha256 " + ", ".join(f"{name} {value[:_SHORT_HASH]}" for name, value in hashes),
        f"engine: {plan.engine.line}",
    ]
    lines += [f"  {plan.engine.hint}"] if plan.engine.hint else []
    lines += [_model_line(name, model, plan.finetuned) for name, model in plan.models.items()]
    lines += _finetuned_lines(plan)
    return [printable(line) for line in (*lines, *(f"note: {note}" for note in (*plan.engine.notes, *dataset.notes)))]


def _model_line(name: str, model: Model, finetuned: Finetuned | None) -> str:
    if name == FINETUNED and finetuned is not None and finetuned.recipe is not None and not finetuned.trained:
        recipe = finetuned.recipe
        pairs = plural(len(recipe.pairs.train), "pair")
        took = duration(estimated_seconds(recipe))
        return f"model {name}: to be trained first, from {model.name} on {pairs}: about {took} on two CPU cores"
    return (
        f"model {name}: {model.name} ({model.dimensions} dimensions, {model.max_tokens} tokens, "
        f"prompt {model.prompt!r}, sha256 {model.sha256[:_SHORT_HASH]})"
    )


def _finetuned_lines(plan: Plan) -> list[str]:
    """What the training shares with the benchmark, and the strategies that do not run."""
    finetuned = plan.finetuned
    lines = []
    if finetuned is not None and finetuned.leaks is not None:
        leaks = finetuned.leaks
        near = plural(len(leaks.near_queries), "near one was", "near ones were")
        products = f"{len(leaks.shared_products):,} of its {plural(leaks.products, 'product')} are indexed"
        lines.append(f"  no evaluated query was trained on, {near}; {products}")
    lines += [f"note: {note}" for note in (() if finetuned is None else finetuned.notes)]
    return lines + [f"NOT RUN: {name}: {reason}" for name, reason in plan.left_out.items()]


def _metric_cell(result: Result, label: str, best: Mapping[str, float]) -> str:
    """The mean, a star on the best of the column, and the floor that it was compared with."""
    value = result.evaluation.mean(GATED[label])
    star = "*" if value >= best[label] else " "
    floors = result.verdict.floors
    if floors is None or result.verdict.status == "not_gated" or label not in floors.means:
        return f"{value:.4f}{star}"
    floor = floors.means[label]
    return f"{value:.4f}{star}{'>=' if value >= floor else ' <'}{floor:.3f}"


_STATUS = {"pass": ("pass", "good"), "fail": ("FAIL", "bad"), "not_gated": ("not gated", "warn")}
_LEFT = {"strategy", *GATED, "verdict"}
_BARE = len("0.1234*")
_LEFT_OUT_FIRST = ("queries/s", "took (s)", "p95 (ms)", "judged", "p50 (ms)", "cut", "embed (ms)")


def _status(result: Result, comparisons: Sequence[Comparison]) -> tuple[str, str]:
    """Word and mark of a row: what failed by a baseline has failed, with floors or without."""
    worse = any(one.status(result.strategy.name) == "fail" for one in comparisons)
    return _STATUS["fail" if worse else result.verdict.status]


def _row(result: Result, suite: Suite, best: Mapping[str, float], comparisons: Sequence[Comparison]) -> dict[str, str]:
    strategy, timing = result.strategy, result.timing
    row = {
        "strategy": strategy.name,
        **{label: _metric_cell(result, label, best) for label in GATED},
        "judged": f"{result.evaluation.mean(JUDGED10):.0%}",
        **dict.fromkeys(("time (s)", "took (s)", "queries/s", "p50 (ms)", "p95 (ms)"), "-"),
        "embed (ms)": "",
        "cut": "",
        "verdict": _status(result, comparisons)[0],
    }
    if timing is not None:
        row |= {
            "time (s)": f"{timing.run_time_s:.3f}",
            "took (s)": "-" if timing.took_s is None else f"{timing.took_s:.3f}",
            "queries/s": f"{timing.queries_per_s:,.0f}",
            "p50 (ms)": f"{timing.single.p50_ms:.2f}",
            "p95 (ms)": f"{timing.single.p95_ms:.2f}",
        }
    if strategy.embeds:
        query_ms = suite.query_ms[strategy.model]
        row["embed (ms)"] = "-" if query_ms is None else f"+{query_ms:.1f}"
        counts = [suite.cut[key] for key in searched_fields([strategy]) if key in suite.cut]
        if counts:  # there are none of an index that exists
            texts, cut = (sum(column) for column in zip(*counts, strict=True))
            row["cut"] = f"{cut:,}/{texts:,}"
    return row


def _fitted(columns: Mapping[str, Sequence[str]], most: int | None) -> list[str]:
    """The rows without the columns that a narrow terminal has no room for: first those in which nothing stands."""
    empty = [name for name, cells in columns.items() if name not in _LEFT and not set(cells[1:]) - {"", "-"}]
    order = [*empty, *_LEFT_OUT_FIRST]
    for left_out in range(len(order) + 1):
        kept = {name: cells for name, cells in columns.items() if name not in order[:left_out]}
        lines = _aligned(kept)
        if most is None or max(map(width, lines)) <= most:
            return lines
    # the verdict says what became of the floors
    return _aligned({name: [cell[:_BARE] if name in GATED else cell for cell in cells] for name, cells in kept.items()})


def _aligned(columns: Mapping[str, Sequence[str]]) -> list[str]:
    right = {number for number, name in enumerate(columns) if name not in _LEFT}
    return terminal_table(list(zip(*columns.values(), strict=True)), right=right)


def table(suite: Suite, *, columns: int | None, comparisons: Sequence[Comparison] = ()) -> list[Line]:
    """One row a strategy; `*` marks the best value of a column, `>=` or `<` stands before the floor.

    Where the rows are wider than so many `columns`, columns are left out: first those in which nothing stands, then
    those that matter least, last the floors.
    """
    results = list(suite.results.values())
    best = {label: max(result.evaluation.mean(metric) for result in results) for label, metric in GATED.items()}
    rows = [_row(result, suite, best, comparisons) for result in results]
    names = [name for name in rows[0] if name != "took (s)" or any(row[name] != "-" for row in rows)]
    cells = {name: [name, *(row[name] for row in rows)] for name in names}
    marks = ["head", *(_status(result, comparisons)[1] for result in results)]
    return [Line(text, mark) for text, mark in zip(_fitted(cells, columns), marks, strict=True)]


def preparation_lines(suite: Suite) -> list[Line]:
    """Where the time before the first search went and what it made, for an engine that is another process."""
    if suite.engine.took_ms is None:
        return []
    preparation, facts = suite.preparation, suite.engine.facts
    took = [] if preparation.start_s is None else [f"started in {preparation.start_s:.1f} s"]
    if suite.plan.models:
        took.append(f"texts embedded in {preparation.embedding_s:.1f} s")
    if facts.get("reused"):
        took.append(f"index of an earlier run taken in {preparation.indexing_s:.1f} s")
    elif "uuid" not in facts:  # an index that exists has its own, and was not made
        products = plural(len(suite.plan.dataset.catalogue), "product")
        took.append(f"{products} indexed in {preparation.indexing_s:.1f} s")
    made = [f"{facts['vector_index']} vectors"] if facts.get("vector_index") and suite.plan.models else []
    counts = ((facts.get(f"{noun}s"), noun) for noun in ("shard", "segment"))
    made += [plural(count, noun) for count, noun in counts if isinstance(count, int)]
    parts = "; ".join(", ".join(part) for part in (took, made) if part)
    return [Line(f"{suite.plan.engine.name} {suite.engine.version}: {parts}")]


def verdict_lines(results: Sequence[Result]) -> list[Line]:
    """What failed and what is not gated, a line a reason, and what is to be known of the floors."""
    lines = []
    for result in results:
        label, mark = _STATUS[result.verdict.status]
        lines += [Line(f"{label}: {result.strategy.name}: {reason}", mark) for reason in result.verdict.reasons]
    return [*lines, *(Line(note) for note in dict.fromkeys(note for one in results for note in one.verdict.notes))]


def without_hits_lines(suite: Suite) -> list[Line]:
    """The judged queries that a strategy returned nothing for, a line a strategy; each counts 0 in its means."""
    texts = suite.plan.dataset.queries.texts
    lines = []
    for name, result in suite.results.items():
        codes = result.evaluation.without_hits.tolist()
        if codes:
            shown = some([repr(texts[code]) for code in codes], _SHOWN_QUERIES)
            lines.append(Line(f"{name}: {plural(len(codes), 'judged query')} without hits: {shown}"))
    return lines


def _shortfall(short: Shortfall) -> list[str]:
    missing = short.floor - short.value
    head = f"  {short.label} {short.value:.4f} < floor {short.floor:.4f}, short by {missing:.4f}; "
    if short.queries and short.queries[0].before is not None:
        head += "fell most since the baseline"
        return [head, *(f"    {one.before:.4f} → {one.value:.4f}  {one.text!r} ({one.query})" for one in short.queries)]
    return [f"{head}the lowest", *(f"    {one.value:.4f}  {one.text!r} ({one.query})" for one in short.queries)]


def failure(strategy: str, verdict: Verdict) -> str:
    """Why a strategy failed: metric, value, floor and the queries that contribute most to each shortfall."""
    where = verdict.floors.where if verdict.floors else ""
    lines = [f"{strategy}: {'; '.join(verdict.reasons)}", f"  floors: {where}", *(f"  {one}" for one in verdict.notes)]
    lines += [line for short in verdict.shortfalls for line in _shortfall(short)]
    return "\n".join(map(printable, lines))
