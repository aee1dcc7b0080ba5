"""TREC files: judgments (qrels) and runs that trec_eval reads.

`trec_eval -c QRELS RUN` scores them to the means of `relevance.evaluation` (with `-l` where grades below
`Judgments.relevant_from` are not relevant but above 0). trec_eval forgets the order of lines: it sorts by score in
float32 and breaks ties by product id descending. The score column therefore counts down in whole numbers; the real
scores are in the JSON results. Ids hold no white space: the loaders refuse it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relevance.records import NO_HIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relevance.records import Dataset, Ranking

__all__ = ["qrels_text", "run_text"]


def qrels_text(dataset: Dataset) -> str:
    """Lines `query 0 product grade`, in the order of the ids; each ends with a line feed."""
    queries, products, judgments = dataset.queries.ids, dataset.catalogue.ids, dataset.judgments
    rows = zip(judgments.queries.tolist(), judgments.products.tolist(), judgments.grades.tolist(), strict=True)
    return "".join(f"{queries[query]} 0 {products[product]} {grade}\n" for query, product, grade in rows)


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
