"""How well Home Depot's titles are found by other analyzers, k1 and b, and with queries corrected.

    cd tests && python -m studies.text_strategies FOLDER OUT.csv

Everything is chosen by the fine-tuning queries (test.csv and solution.csv), over the products of these pairs; the
benchmark's queries are looked at once, with what was chosen.
"""

from __future__ import annotations

import csv
import sys
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from relevance import engines
from relevance.datasets import Source, homedepot, load
from relevance.engines import QueryBatch
from relevance.engines.elasticsearch.settings import Settings
from relevance.evaluation import NDCG10, evaluate
from relevance.fields import ANALYZERS, Reading
from relevance.records import Catalogue, Dataset, Judgments, Queries
from relevance.runner import search
from relevance.spelling import Spellers
from relevance.strategies import Strategy, readings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

K1 = (0.1, 0.2, 0.3, 0.4, 0.6, 0.9)
B = (0.4, 0.5, 0.6, 0.7, 0.8)
CHOSEN: dict[str, Any] = {"analyzer": "stemmed_parts", "k1": 0.2, "b": 0.8}


def of_pairs(folder: Path) -> Dataset:
    """The fine-tuning pairs as a data set: their products, queries and grades."""
    pairs = homedepot.load_pairs(Source("homedepot", "homedepot", folder), folder)
    pairs = pairs.drop_duplicates(["query", "product"])
    rows = pairs.drop_duplicates("product").rename(columns={"product": "uid"})
    products = pd.DataFrame({"id": rows["uid"], "title": rows["title"], "description": ""})
    catalogue = Catalogue(products, pd.DataFrame({"id": [], "name": [], "value": []}, dtype=object))
    texts = sorted(set(pairs["query"]))
    queries = Queries(pd.DataFrame({"id": texts, "text": texts}))
    codes = {uid: code for code, uid in enumerate(catalogue.ids)}
    rank = {text: code for code, text in enumerate(queries.texts)}
    grades = [homedepot.grade(one) for one in pairs["relevance"]]
    judgments = Judgments(
        pairs["query"].map(rank).to_numpy(), pairs["product"].map(codes).to_numpy(), pd.Series(grades).to_numpy()
    )
    return Dataset("pairs", catalogue, queries, judgments)


def measured(dataset: Dataset, strategies: list[Strategy]) -> Iterator[tuple[Strategy, float]]:
    """nDCG@10 of each strategy, over the judged queries."""
    catalogue = dataset.catalogue.read(readings_of(strategies))
    choice = engines.choose("embedded", Settings(), strategies)
    with choice.open(progress=False) as indexer:
        engine = indexer.index(catalogue, text_fields=("title",), vectors={}, progress=False)
        for one in strategies:
            batch = QueryBatch(dataset.queries.texts, spelling=Spellers(catalogue))
            evaluation = evaluate(search(engine, one, batch), dataset.judgments, n_products=len(catalogue))
            yield one, evaluation.mean(NDCG10)


def main(folder: Path, out: Path) -> None:
    """Measure, and write the table."""
    grid = [Strategy("own", text={"title": 1}, analyzer=analyzer) for analyzer in ("standard", *ANALYZERS)]
    grid += [Strategy("own", text={"title": 1}, analyzer=CHOSEN["analyzer"], k1=k1, b=b) for k1, b in product(K1, B)]
    chosen = [Strategy("own", text={"title": 1}, **CHOSEN, spelling=spelling) for spelling in (False, True)]
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["queries", "analyzer", "k1", "b", "spelling", "ndcg@10"])
        asked = [("fine-tuning", of_pairs(folder), [*grid, chosen[1]])]
        asked += [("benchmark", load(Source("homedepot", "homedepot", folder)), chosen)]
        for name, dataset, strategies in asked:
            for one, value in measured(dataset, strategies):
                reading = one.reading or Reading()
                row = [name, reading.analyzer, reading.k1, reading.b, one.spelling, f"{value:.4f}"]
                writer.writerow(row)
                file.flush()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
