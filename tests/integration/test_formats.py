"""The same data in another layout is the same data: the same hashes, on which every result depends."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import pytest
from helpers.datasets import hashes
from helpers.shop import write_files

from relevance.datasets import Source, load, load_pairs
from relevance.records import Dataset
from relevance.report.results import qrels_text

SAMPLE = Source("sample", "sample")


@pytest.mark.needs("data")
def test_chorus_as_files_is_chorus(chorus: Dataset, shared_data: Path, tmp_path: Path) -> None:
    with (tmp_path / "products.jsonl").open("w", encoding="utf-8") as lines:
        for number in range(1, 5):
            content = zipfile.ZipFile(shared_data / "chorus" / f"{number}.json.zip").read(f"{number}.json")
            for product in json.loads(content):
                row = {"id": product["id"], "title": product["title"], "description": product.get("short_description")}
                row["attributes"] = {key: value for key, value in product.items() if key.startswith("attr_")}
                lines.write(json.dumps(row) + "\n")
    rated = (shared_data / "chorus" / "Broad_Query_Set_rated.csv").read_bytes()
    # under the columns and the name that Quepid gives them they are the same judgments
    ours = rated.replace(b"query,docid,rating", b"query,product,grade")
    for name, judgments in (("judgments.csv", ours), ("case_1_judgements.csv", rated)):
        (tmp_path / name).write_bytes(judgments)
        dataset = load(Source("shop", "files", tmp_path))
        assert (hashes(dataset), dataset.name, dataset.notes) == (hashes(chorus), "shop", ())
        (tmp_path / name).unlink()


def test_the_sample_as_files_is_the_sample(tmp_path: Path) -> None:
    sample, pairs = load(SAMPLE), load_pairs(SAMPLE)
    pairs = pairs[pairs["product"].isin(sample.catalogue.ids)][["query", "product", "relevance"]]
    write_files(tmp_path, sample)
    pairs.to_csv(tmp_path / "pairs.tsv", sep="\t", header=False, index=False, quoting=csv.QUOTE_NONE)
    source = Source("shop", "files", tmp_path)
    assert hashes(load(source)) == hashes(sample)
    assert load_pairs(source)[["query", "product", "relevance"]].equals(pairs.reset_index(drop=True))


def test_the_sample_as_beir_is_the_sample(tmp_path: Path) -> None:
    sample = load(SAMPLE)
    products = (write_files(tmp_path, sample) / "products.jsonl").read_text(encoding="utf-8").splitlines()
    names = {"id": "_id", "title": "title", "description": "text", "attributes": "metadata"}
    queries = zip(sample.queries.ids, sample.queries.texts, strict=True)
    for name, rows in (
        ("corpus.jsonl", ({names[key]: value for key, value in json.loads(line).items()} for line in products)),
        ("queries.jsonl", ({"_id": identifier, "text": text, "metadata": {}} for identifier, text in queries)),
    ):
        (tmp_path / name).write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    judged = [line.split(" ") for line in qrels_text(sample).splitlines()]
    (tmp_path / "qrels").mkdir()
    rated = ["query-id\tcorpus-id\tscore", *(f"{query}\t{product}\t{grade}" for query, _, product, grade in judged)]
    (tmp_path / "qrels" / "test.tsv").write_text("\n".join(rated), encoding="utf-8")
    dataset = load(Source("beir", "beir", tmp_path))
    assert (hashes(dataset), dataset.notes) == (hashes(sample), ())
