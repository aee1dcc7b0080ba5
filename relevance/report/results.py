"""The results as files for programs: JSON, TSV, and judgments (qrels) and runs that trec_eval reads.

`trec_eval -c QRELS RUN` scores them to the means of `relevance.evaluation` (with `-l` where grades below
`Judgments.relevant_from` are not relevant but above 0). trec_eval forgets the order of lines: it sorts by score in
float32 and breaks ties by product id descending. The score column of a run therefore counts down in whole numbers; the
real scores are in `per_query.json`. Ids hold no white space: the loaders refuse it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from relevance.errors import InputError
from relevance.evaluation import METRICS
from relevance.files import read_bytes
from relevance.records import NO_HIT
from relevance.report.comparison import attributes, comparison_json, rounded
from relevance.strategies import FINETUNED
from relevance.suite import model_facts, titles_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from relevance.gate import Comparison
    from relevance.records import Dataset, Ranking
    from relevance.suite import Plan, Result, Suite

SCHEMA = 1
"""Version of the layout of `results.json` and `per_query.json`."""

TITLES = "titles.tsv"
"""Titles of the products that results are about, in a folder of results."""

_MOST_BYTES = 2**30


def results_json(suite: Suite, comparisons: Sequence[Comparison] = ()) -> str:
    """The whole run, means and verdicts by strategy, and an entry for each baseline it was compared with."""
    plan, dataset = suite.plan, suite.plan.dataset
    document = {
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
            "facts": dict(suite.engine.facts),
            "preparation": rounded(attributes(suite.preparation, "embedding_s", "start_s", "indexing_s", "training_s")),
        },
        "models": {name: _model(name, plan) for name in plan.models},
        "strategies": {name: _strategy(result) for name, result in suite.results.items()},
        "not_run": dict(plan.left_out),
        "comparison": [comparison_json(one) for one in comparisons],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _model(name: str, plan: Plan) -> Mapping[str, object]:
    """The model, and what is known of the training of the fine-tuned one."""
    model = model_facts(plan.models[name])
    finetuned = plan.finetuned
    if name != FINETUNED or finetuned is None:
        return model
    leaks = finetuned.leaks
    return {
        **model,
        "recipe": finetuned.sha256 or None,
        "shared_products": None if leaks is None else len(leaks.shared_products),
        "near_queries": None if leaks is None else len(leaks.near_queries),
    }


def _strategy(result: Result) -> Mapping[str, object]:
    timing = result.timing
    took = None  # what the server says of its own time; of none, where this process is the engine
    if timing is not None and timing.took_s is not None:
        single = timing.single
        took = {"run_time_s": timing.took_s, "p50_ms": single.took_p50_ms, "p95_ms": single.took_p95_ms}
    return {
        "model": result.strategy.model if result.strategy.embeds else None,
        "metrics": {str(metric): rounded(result.evaluation.mean(metric)) for metric in METRICS},
        "run_time_s": rounded(timing.run_time_s) if timing else None,
        "queries_per_s": round(timing.queries_per_s, 1) if timing else None,
        "latency_ms": {
            "p50": round(timing.single.p50_ms, 4) if timing else None,
            "p95": round(timing.single.p95_ms, 4) if timing else None,
        },
        "took": rounded(took),
        "verdict": result.verdict.status,
        "reasons": [*result.verdict.reasons, *result.verdict.notes],
    }


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
_ESCAPED = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}


def queries_tsv(dataset: Dataset) -> str:
    r"""Lines `id TAB text`; a backslash, tab or line end inside a text is written `\\`, `\t`, `\n` or `\r`."""
    rows = zip(dataset.queries.ids, dataset.queries.texts, strict=True)
    return "".join(f"{query}\t{text.translate(_ESCAPES)}\n" for query, text in rows)


def titles_tsv(suite: Suite) -> str:
    r"""Lines `id TAB title` of the products that are hits or judged, by id; escaped as in `queries.tsv`."""
    dataset, titles = suite.plan.dataset, titles_of(suite)
    codes = set(dataset.judgments.products.tolist())
    codes.update(code for result in suite.results.values() for code in set(result.ranking.codes.ravel().tolist()))
    ids = (dataset.catalogue.ids[code] for code in sorted(codes - {NO_HIT}))
    return "".join(f"{product}\t{titles[product].translate(_ESCAPES)}\n" for product in ids)


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
