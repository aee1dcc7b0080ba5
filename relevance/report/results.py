"""A session as files for programs: JSON, TSV, what to judge, and judgments (qrels) and runs that trec_eval reads.

`trec_eval -c QRELS RUN` scores them to the means of `relevance.evaluation` (with `-l` where grades below
`Judgments.relevant_from` are not relevant but above 0). trec_eval forgets the order of lines: it sorts by score in
float32 and breaks ties by product id descending. The score column of a run therefore counts down in whole numbers; the
real scores are in `per_query.json`. Ids hold no white space: the loaders refuse it.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from relevance.baseline import SNAPSHOT, document_text
from relevance.diagnosis import named
from relevance.errors import InputError
from relevance.files import csv_text, read_bytes, read_json_object
from relevance.gate import ANSWERS
from relevance.records import NO_HIT
from relevance.report.comment import COMMENT, comment
from relevance.report.costs import cost_files
from relevance.report.page.session import View, session_page
from relevance.report.pages import page
from relevance.strategies import FINETUNED
from relevance.suite import few_queries, snapshot_of, titles_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from relevance.baseline import Sides, Snapshot
    from relevance.diagnosis import Diagnosis, StrategyDiagnosis
    from relevance.evaluation import Metric
    from relevance.gate import Comparison
    from relevance.history import Version
    from relevance.records import Dataset, Ranking
    from relevance.runner import Latencies
    from relevance.suite import Plan, Result, Suite

SCHEMA = 2
"""Version of the layout of each of the JSON files."""

PAGE = "report.html"
"""The page for people, in a folder of results and beside a diagnosis."""

RESULTS = "results.json"
"""What a session measured, in a folder of results."""

TITLES = "titles.tsv"
"""Titles of the products that results are about, in a folder of results."""

_DIGITS = 6
_PROPERTIES = ("before", "after", "relative", "p", "at_most", "needed")
_MOST_BYTES = 2**30


def session_files(  # noqa: PLR0913 - all that a session has
    suite: Suite,
    comparisons: Sequence[Comparison] = (),
    diagnoses: Sequence[Diagnosis] = (),
    sides: Sequence[Sides] = (),
    *,
    versions: Sequence[Version] = (),
    complete: bool = False,
    failed: Sequence[str] = (),
) -> Mapping[str, str | bytes]:
    """The files of a session that has measured one strategy or more.

    Args:
        suite: has measured.
        comparisons: one for each baseline.
        diagnoses: why, in the same order.
        sides: what was compared, in the same order.
        versions: earlier ones and the session, by time; none where that was not looked at.
        complete: whether all strategies that there are were measured.
        failed: what failed that no comparison says, a line each.
    """
    dataset, leading = suite.plan.dataset, suite.plan.config.gate.leading
    document, titles = results_document(suite, comparisons, complete=complete), titles_of(suite)
    views = _views(comparisons, diagnoses, sides) or [View(snapshot_of(suite))]
    runs = {
        f"runs/{name}.run": run_text(name, result.ranking, dataset.queries.ids, dataset.catalogue.ids)
        for name, result in suite.results.items()
    }
    return {
        PAGE: session_page(document, views, leading=leading, titles=titles, versions=versions),
        RESULTS: _json(document),
        COMMENT: comment(dataset.name, comparisons, diagnoses, leading=leading, failed=failed),
        "per_query.json": per_query_json(suite),
        "queries.tsv": queries_tsv(dataset),
        "qrels.txt": qrels_text(dataset),
        SNAPSHOT: document_text(snapshot_of(suite)),
        TITLES: titles_tsv(suite),
        **diagnosis_files(comparisons, diagnoses),
        **cost_files(suite),
        **runs,
    }


def _views(comparisons: Sequence[Comparison], diagnoses: Sequence[Diagnosis], sides: Sequence[Sides]) -> list[View]:
    whys: Sequence[Diagnosis | None] = diagnoses or [None] * len(comparisons)  # none of a session that was interrupted
    compared = zip(comparisons, whys, sides, strict=True)
    return [View(both.now, both.before, comparison, diagnosis) for comparison, diagnosis, both in compared]


def compared_files(
    comparison: Comparison, diagnosis: Diagnosis, sides: Sides, *, leading: Metric, titles: Mapping[str, str]
) -> Mapping[str, str]:
    """The files of two sessions that were compared without measuring: page, comment, and diagnosis.

    Args:
        comparison: what the gate says.
        diagnosis: why.
        sides: what was compared.
        leading: the metric that queries are told apart by.
        titles: of products, by id, as far as known.
    """
    views = _views([comparison], [diagnosis], [sides])
    page_text = session_page(_compared_document(comparison, sides.now), views, leading=leading, titles=titles)
    text = comment(sides.now.dataset.name, [comparison], [diagnosis], leading=leading)
    return {PAGE: page_text, COMMENT: text, **diagnosis_files([comparison], [diagnosis])}


def diagnosis_files(comparisons: Sequence[Comparison], diagnoses: Sequence[Diagnosis]) -> Mapping[str, str]:
    """The files of a diagnosis, by name; none where nothing was compared."""
    if not diagnoses:
        return {}
    compared = list(zip(comparisons, diagnoses, strict=True))
    return {
        "diagnosis.md": page("diagnosis", compared=compared, answers=ANSWERS),
        "diagnosis.json": _diagnosis_json(diagnoses),
        "to_judge.csv": _to_judge_csv(diagnoses),
    }


def attributes(record: object, *names: str) -> dict[str, Any]:
    """Some attributes of a record, for a JSON file."""
    return {name: getattr(record, name) for name in names}


def rounded(value: Any) -> Any:
    """Give a value as the JSON files have it, numbers with six decimals: beyond them is the rounding of the machine."""
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    if isinstance(value, float):
        return round(value, _DIGITS) if math.isfinite(value) else None
    return value


def _json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def results_document(
    suite: Suite, comparisons: Sequence[Comparison] = (), *, complete: bool = False
) -> Mapping[str, Any]:
    """The whole run, means and verdicts by strategy, and an entry for each baseline it was compared with.

    `schemas/results.json` beside this module describes it.
    """
    plan, dataset = suite.plan, suite.plan.dataset
    few = few_queries(len(dataset.judgments.judged_queries), plan.config.gate)
    notes = dict.fromkeys((*plan.notes, *suite.notes(), *([few] if few else [])))
    return {
        "schema": SCHEMA,
        "dataset": {
            "name": dataset.name,
            "products": len(dataset.catalogue),
            "queries": len(dataset.queries),
            "judgments": len(dataset.judgments),
            "sha256": {
                "corpus": dataset.catalogue.sha256,
                "queries": dataset.queries.sha256,
                "judgments": dataset.judgments.sha256(dataset.queries, dataset.catalogue),
            },
        },
        "engine": {
            "name": plan.engine.name,
            "version": suite.engine.version,
            "line": plan.engine.line,
            "facts": dict(suite.engine.facts),
            "preparation": rounded(attributes(suite.preparation, "embedding_s", "start_s", "indexing_s", "training_s")),
        },
        "models": {name: _model(name, plan) for name in plan.models},
        "strategies": {name: _strategy(result, fuses=suite.engine.fuses) for name, result in suite.results.items()},
        "not_run": {**plan.left_out, **suite.refused},
        "broken": dict(suite.broken),
        "complete": complete,
        "notes": list(notes),
        "answers": _answers(),
        "comparison": [_comparison(one) for one in comparisons],
    }


def _compared_document(comparison: Comparison, now: Snapshot) -> Mapping[str, Any]:
    """What two sessions alone say of the newer one, in the layout of `results.json`."""
    return {
        "schema": SCHEMA,
        "dataset": {"name": now.dataset.name, "products": now.dataset.products, "queries": len(now.queries)},
        "engine": {name: now.engine.get(name) for name in ("name", "version")},
        "strategies": {
            name: {"metrics": {str(metric): rounded(float(values.mean())) for metric, values in one.metrics.items()}}
            for name, one in now.strategies.items()
        },
        "not_run": {},
        "notes": [],
        "answers": _answers(),
        "comparison": [_comparison(comparison)],
    }


def _answers() -> Mapping[str, str]:
    return {answer: meaning.says for answer, meaning in ANSWERS.items()}


def _model(name: str, plan: Plan) -> Mapping[str, object]:
    """The model, and what is known of the training of the fine-tuned one."""
    model, finetuned = plan.models[name].facts, plan.finetuned
    if name != FINETUNED or finetuned is None:
        return model
    leaks = finetuned.leaks
    counts = (None, None) if leaks is None else (len(leaks.shared_products), len(leaks.near_queries))
    return {**model, "recipe": finetuned.sha256 or None, "shared_products": counts[0], "near_queries": counts[1]}


def _strategy(result: Result, *, fuses: bool) -> Mapping[str, object]:
    timing = result.timing
    took = None  # what the server says of its own time; of none, where this process is the engine
    if timing is not None and timing.took_s is not None:
        single = timing.single
        took = {"run_time_s": timing.took_s, "p50_ms": single.took_p50_ms, "p95_ms": single.took_p95_ms}
    return {
        "model": ", ".join(result.strategy.models) or None,
        **({} if result.strategy.served is None else {"fusion": "server" if fuses else "ours"}),
        "metrics": {str(metric): rounded(result.evaluation.mean(metric)) for metric in result.evaluation.per_query},
        "run_time_s": rounded(timing.run_time_s) if timing else None,
        "queries_per_s": round(timing.queries_per_s, 1) if timing else None,
        "latency_ms": {
            "p50": round(timing.single.p50_ms, 4) if timing else None,
            "p95": round(timing.single.p95_ms, 4) if timing else None,
            **(_stages(timing.single) if timing else {}),
        },
        **({"embedding": rounded(asdict(timing.embedding))} if timing and timing.embedding else {}),
        "took": rounded(took),
        **({} if result.recall is None else {"recall": rounded(result.recall)}),
        **({"rebuilds": rounded(dict(result.rebuilds))} if result.rebuilds else {}),
        "verdict": result.verdict.status,
        "reasons": [*result.verdict.reasons, *result.verdict.notes],
    }


def _stages(latencies: Latencies) -> Mapping[str, object]:
    """How long the parts take, and all together, where that was measured."""
    return {name: {"p50": round(p50, 4), "p95": round(p95, 4)} for name, (p50, p95) in latencies.stages.items()}


def _comparison(comparison: Comparison) -> Mapping[str, object]:
    effect = ("before", "after", "relative", "interval", "p", "adjusted_p", "queries")
    findings = [
        {
            **attributes(finding, "strategy", "measure", "segment", "answer", "improved", *effect),
            "queries_changed": finding.changed,
            **attributes(finding, "smallest_visible", "at_most", "needed", "span", "cause", "fails", "reasons"),
        }
        for finding in comparison.findings
    ]
    return {
        "baseline": comparison.baseline,
        "answer": comparison.answer(),
        "fails": comparison.fails(),
        "problems": list(comparison.problems),
        "unjudged": {
            name: attributes(one, "count", "judged", "next_look", "settled", "words")
            for name, one in comparison.holes.items()
        },
        "effective_queries": rounded(comparison.effective_queries),
        "accepted": [rounded(asdict(entry)) for entry in comparison.accepted],
        "proposed": [rounded(asdict(entry)) for entry in comparison.proposed],
        "changed": list(comparison.differs),
        "notes": list(comparison.notes),
        "findings": rounded(findings),
    }


def comparison_properties(strategy: str, comparisons: Sequence[Comparison]) -> Iterator[tuple[str, str]]:
    """Names and values for JUnit: before, after, the change and how sure; by file where there are several baselines."""
    for comparison in comparisons:
        where = f" ({comparison.baseline})" if len(comparisons) > 1 else ""
        answer = comparison.answer(strategy)
        yield f"answer{where}", answer
        yield f"answer says{where}", ANSWERS[answer].says
        yield f"fails{where}", "yes" if comparison.fails(strategy) else "no"
        for finding in comparison.findings:
            if finding.strategy == strategy:
                yield f"{named(finding)} answer{where}", finding.answer
                for name, value in attributes(finding, *_PROPERTIES).items():
                    if value is not None:
                        yield f"{named(finding)} {name}{where}", f"{value:.{_DIGITS}g}"


def is_complete(folder: Path) -> bool:
    """Whether the session of a folder of results measured all strategies that there are; False where none says so.

    Raises:
        InputError: its file is there and cannot be read.
    """
    path = folder / RESULTS
    return path.is_file() and read_json_object(path, "results of a session").get("complete") is True


def per_query_json(suite: Suite) -> str:
    """Every query of every strategy: metrics and hits with their real scores; one line a query."""
    blocks = []
    for name, result in suite.results.items():
        rows = ",\n".join(_query_rows(result, suite.plan.dataset))
        blocks.append(f"    {json.dumps(name)}: {{\n{rows}\n    }}")
    strategies = ",\n".join(blocks)
    return f'{{\n  "schema": {SCHEMA},\n  "strategies": {{\n{strategies}\n  }}\n}}\n'


def _query_rows(result: Result, dataset: Dataset) -> Iterator[str]:
    """A line a query: its metrics, and its hits as [product id, score], the score as the shortest float32 decimal."""
    evaluation, ranking = result.evaluation, result.ranking
    values = {str(metric): column.tolist() for metric, column in evaluation.per_query.items()}
    for position, code in enumerate(evaluation.queries.tolist()):
        hits = [
            [dataset.catalogue.ids[product], float(str(score))]
            for product, score in zip(ranking.codes[code].tolist(), ranking.scores[code], strict=True)
            if product != NO_HIT
        ]
        metrics = {name: column[position] for name, column in values.items()}
        row = json.dumps({"metrics": metrics, "hits": hits}, ensure_ascii=False)
        yield f"      {json.dumps(dataset.queries.ids[code])}: {row}"


_ESCAPES: Mapping[str, str] = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_ESCAPED = {escaped[1]: one for one, escaped in _ESCAPES.items()}


def _tsv(rows: Iterable[tuple[str, str]]) -> str:
    escapes = str.maketrans(dict(_ESCAPES))
    return "".join(f"{key}\t{text.translate(escapes)}\n" for key, text in rows)


def queries_tsv(dataset: Dataset) -> str:
    r"""Lines `id TAB text`; a backslash, tab or line end inside a text is written `\\`, `\t`, `\n` or `\r`.

    Behind another tab stand the parameters, a JSON object; in the lines of queries without any there is no such field.
    """
    queries = dataset.queries
    lines = _tsv(zip(queries.ids, queries.texts, strict=True))
    if not queries.params:
        return lines
    params = (f"\t{json.dumps(one)}" if one else "" for one in queries.params)
    return "".join(f"{line}{one}\n" for line, one in zip(lines.split("\n")[:-1], params, strict=True))


def titles_tsv(suite: Suite) -> str:
    r"""Lines `id TAB title` of the products that are hits or judged, by id; escaped as in `queries.tsv`."""
    dataset, titles = suite.plan.dataset, titles_of(suite)
    codes = set(dataset.judgments.products.tolist())
    codes.update(code for result in suite.results.values() for code in set(result.ranking.codes.ravel().tolist()))
    ids = (dataset.catalogue.ids[code] for code in sorted(codes - {NO_HIT}))
    return _tsv((product, titles[product]) for product in ids)


def read_titles(path: Path) -> Mapping[str, str]:
    """Titles by product id, none where the file is not there.

    Raises:
        InputError: the file cannot be read, is too large, or has a line of another form.
    """
    if not path.exists():
        return {}
    titles = {}
    for number, line in enumerate(read_bytes(path, "titles", most_bytes=_MOST_BYTES).split(b"\n")[:-1], 1):
        try:
            product, tab, title = line.decode().partition("\t")
        except UnicodeDecodeError as error:
            raise InputError(f"{path}, line {number}: byte {error.start} is not UTF-8; titles are in UTF-8") from None
        if not tab or not product or "\t" in title:
            raise InputError(f"{path}, line {number}: not an id, a tab and a title")
        titles[product] = re.sub(r"\\(.)", lambda match: _ESCAPED.get(match[1], match[0]), title)
    return titles


def qrels_text(dataset: Dataset) -> str:
    """Lines `query 0 product grade`, in the order of the ids; each ends with a line feed.

    Decimal grades are written as they are; trec_eval itself reads whole ones only.
    """
    queries, products, judgments = dataset.queries.ids, dataset.catalogue.ids, dataset.judgments
    rows = zip(judgments.queries.tolist(), judgments.products.tolist(), judgments.grades.tolist(), strict=True)
    return "".join(
        f"{queries[query]} 0 {products[product]} {str(grade).removesuffix('.0')}\n" for query, product, grade in rows
    )


def run_text(name: str, ranking: Ranking, query_ids: Sequence[str], product_ids: Sequence[str]) -> str:
    """Lines `query Q0 product rank score name`, rank from 1; each ends with a line feed.

    Args:
        name: of the run, without white space.
        ranking: a row for each of `query_ids`; a query without hits gets no line.
        query_ids: by query code.
        product_ids: by product code.
    """
    lines = []
    depth = ranking.codes.shape[1]
    for query, codes in zip(query_ids, ranking.codes.tolist(), strict=True):
        hits = (code for code in codes if code != NO_HIT)
        lines += [f"{query} Q0 {product_ids[c]} {rank} {depth + 1 - rank} {name}\n" for rank, c in enumerate(hits, 1)]
    return "".join(lines)


def _diagnosis_json(diagnoses: Sequence[Diagnosis]) -> str:
    """All diagnoses, one a baseline; a query or a hit on one line. The hits to judge are in `to_judge.csv` alone."""
    baselines = [
        {
            "baseline": one.baseline,
            "changed": list(one.differs),
            "notes": list(one.notes),
            "reported": [rounded(asdict(row)) for row in one.reported],
            "strategies": [_why(why, one) for why in one.strategies],
        }
        for one in diagnoses
    ]
    return _laid_out({"schema": SCHEMA, "baselines": baselines}, "") + "\n"


def _why(why: StrategyDiagnosis, diagnosis: Diagnosis) -> Mapping[str, object]:
    needed = [one.needed for one in diagnosis.to_judge if one.strategy == why.strategy]
    means = ("before", "after", "relative", "adjusted_p")
    rankings = [
        {
            **attributes(one.change, "query", "text"),
            "before": [asdict(hit) for hit in one.before],
            "after": [asdict(hit) for hit in one.after],
            **({"reasons": one.reasons} if one.reasons else {}),
        }
        for one in why.rankings
    ]
    legs = [
        {**attributes(leg, "leg", "before", "after"), "told_by": leg.source or None, "lost_most": leg.lost}
        for leg in why.legs
    ]
    document = {
        **attributes(why, "strategy", "answer", "measures", "metric", "before", "after", "judged"),
        "queries": {
            "won": len(why.won),
            "lost": len(why.lost),
            "unchanged": why.unchanged,
            "other_hits": why.reranked,
        },
        "lost": [asdict(one) for one in why.lost],
        "won": [asdict(one) for one in why.won],
        "newly_empty": why.newly_empty,
        "rankings": (),
        "legs": legs,
        "legs_note": why.legs_note,
        "segments": [attributes(one, "segment", "queries", *means, "answer") for one in why.segments],
        "to_judge": {"hits": len(needed), "needed": sum(needed)},
    }
    return {**rounded(document), "rankings": rankings}  # grades are not rounded


def _laid_out(value: object, margin: str) -> str:
    """Tables and lists of tables have a line an entry; what holds no table stands on one line."""
    inner = f"{margin}  "
    if isinstance(value, dict) and any(isinstance(one, dict | list) for one in value.values()):
        rows = [f"{inner}{json.dumps(key)}: {_laid_out(one, inner)}" for key, one in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{margin}}}"
    if isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        return "[\n" + ",\n".join(f"{inner}{_laid_out(one, inner)}" for one in value) + f"\n{margin}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _to_judge_csv(diagnoses: Sequence[Diagnosis]) -> str:
    """Hits to judge in the order of judging; one that is asked for beside several baselines stands where it is first.

    Which side a hit would help is not said: whoever judges it should not know.
    """
    rows: dict[tuple[str, str, str], tuple[str | int, ...]] = {}
    for one in (one for diagnosis in diagnoses for one in diagnosis.to_judge):
        row = (one.text, one.product, one.title or "", one.rank, one.strategy, one.query, one.place, int(one.needed))
        rows.setdefault((one.strategy, one.query, one.product), row)
    head = ("query", "product", "title", "rank", "strategy", "query_id", "n", "needed")
    return csv_text(head, list(rows.values()))
