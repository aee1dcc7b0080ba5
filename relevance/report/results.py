"""The results as JSON and TSV: what ran, on what, what came out, per strategy and per query."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from relevance.evaluation import METRICS
from relevance.records import NO_HIT
from relevance.report.comparison import comparison_json
from relevance.strategies import FINETUNED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from relevance.embeddings import Model
    from relevance.gate import Comparison
    from relevance.records import Dataset
    from relevance.suite import Plan, Result, Suite, Timing

__all__ = ["SCHEMA", "per_query_json", "queries_tsv", "results_json"]

SCHEMA = 1
"""Version of the layout of `results.json` and `per_query.json`."""

_DIGITS = 6
"""Decimals of means and times: beyond them is the rounding of the machine."""


def _dataset(dataset: Dataset) -> Mapping[str, object]:
    return {
        "name": dataset.name,
        "products": len(dataset.catalogue),
        "queries": len(dataset.queries),
        "judgments": len(dataset.judgments),
        "sha256": {
            "corpus": dataset.catalogue.sha256,
            "queries": dataset.queries.sha256,
            "judgments": dataset.judgments.sha256(dataset.queries, dataset.catalogue),
        },
    }


def _model(model: Model) -> Mapping[str, object]:
    return {
        "name": model.name,
        "sha256": model.sha256,
        "dimensions": model.dimensions,
        "prompt": model.prompt,
        "max_tokens": model.max_tokens,
    }


def _training(name: str, plan: Plan) -> Mapping[str, object]:
    """What is known of the training of the fine-tuned model, nothing of the others."""
    finetuned = plan.finetuned
    if name != FINETUNED or finetuned is None:
        return {}
    leaks = finetuned.leaks
    return {
        "recipe": finetuned.sha256 or None,
        "shared_products": None if leaks is None else len(leaks.shared_products),
        "near_queries": None if leaks is None else len(leaks.near_queries),
    }


def _strategy(result: Result) -> Mapping[str, object]:
    timing = result.timing
    return {
        "model": result.strategy.model if result.strategy.embeds else None,
        "metrics": {str(metric): round(result.evaluation.mean(metric), _DIGITS) for metric in METRICS},
        "run_time_s": round(timing.run_time_s, _DIGITS) if timing else None,
        "queries_per_s": round(timing.queries_per_s, 1) if timing else None,
        "latency_ms": {
            "p50": round(timing.single.p50_ms, 4) if timing else None,
            "p95": round(timing.single.p95_ms, 4) if timing else None,
        },
        "took": _took(timing),
        "verdict": result.verdict.status,
        "reasons": [*result.verdict.reasons, *result.verdict.notes],
    }


def _took(timing: Timing | None) -> Mapping[str, object] | None:
    """What the server says of its own time; None where this process is the engine, or no time was taken."""
    if timing is None or timing.took_s is None:
        return None
    single = timing.single
    return {
        "run_time_s": round(timing.took_s, _DIGITS),
        "p50_ms": _rounded(single.took_p50_ms),
        "p95_ms": _rounded(single.took_p95_ms),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _engine(suite: Suite) -> Mapping[str, object]:
    preparation = suite.preparation
    return {
        "name": suite.plan.engine.name,
        "version": suite.engine.version,
        "facts": dict(suite.engine.facts),
        "preparation": {
            "embedding_s": _rounded(preparation.embedding_s),
            "start_s": _rounded(preparation.start_s),
            "indexing_s": _rounded(preparation.indexing_s),
            "training_s": _rounded(preparation.training_s),
        },
    }


def results_json(suite: Suite, comparisons: Sequence[Comparison] = ()) -> str:
    """The whole run, means and verdicts by strategy, and an entry for each baseline it was compared with."""
    document = {
        "schema": SCHEMA,
        "dataset": _dataset(suite.plan.dataset),
        "engine": _engine(suite),
        "models": {name: {**_model(model), **_training(name, suite.plan)} for name, model in suite.plan.models.items()},
        "strategies": {name: _strategy(result) for name, result in suite.results.items()},
        "not_run": dict(suite.plan.left_out),
        "comparison": [comparison_json(one) for one in comparisons],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _query_rows(result: Result, dataset: Dataset) -> Iterator[str]:
    """A line a query: its metrics, and its hits as [product id, score], the score as the shortest float32 decimal."""
    evaluation, ranking = result.evaluation, result.ranking
    values = {str(metric): evaluation.per_query[metric].tolist() for metric in METRICS}
    for position, code in enumerate(evaluation.queries.tolist()):
        hits = [
            [dataset.catalogue.ids[product], float(str(score))]
            for product, score in zip(ranking.codes[code].tolist(), ranking.scores[code], strict=True)
            if product != NO_HIT
        ]
        metrics = {name: column[position] for name, column in values.items()}
        row = json.dumps({"metrics": metrics, "hits": hits}, ensure_ascii=False)
        yield f"      {json.dumps(dataset.queries.ids[code])}: {row}"


def per_query_json(suite: Suite) -> str:
    """Every query of every strategy: metrics and hits with their real scores; one line a query."""
    blocks = []
    for name, result in suite.results.items():
        rows = ",\n".join(_query_rows(result, suite.plan.dataset))
        blocks.append(f"    {json.dumps(name)}: {{\n{rows}\n    }}")
    strategies = ",\n".join(blocks)
    return f'{{\n  "schema": {SCHEMA},\n  "strategies": {{\n{strategies}\n  }}\n}}\n'


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def queries_tsv(dataset: Dataset) -> str:
    r"""Lines `id TAB text`; a backslash, tab or line end inside a text is written `\\`, `\t`, `\n` or `\r`."""
    rows = zip(dataset.queries.ids, dataset.queries.texts, strict=True)
    return "".join(f"{query}\t{text.translate(_ESCAPES)}\n" for query, text in rows)
