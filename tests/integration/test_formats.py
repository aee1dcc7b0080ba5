"""The same data in another layout is the same data: hashes, and run files byte for byte."""

from __future__ import annotations

import csv
import json
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest

from relevance import runner
from relevance.datasets import Source, load, load_pairs
from relevance.engines import QueryBatch
from relevance.engines.embedded import EmbeddedEngine
from relevance.records import Dataset
from relevance.report.results import qrels_text, run_text
from relevance.strategies import STRATEGIES, TEXT_FIELDS

TEXT_STRATEGIES = [strategy for strategy in STRATEGIES.values() if not strategy.vectors]


def _files(dataset: Dataset) -> dict[str, bytes]:
    """The judgments' file and the run file of each text strategy."""
    engine = EmbeddedEngine.index(dataset.catalogue, text_fields=TEXT_FIELDS, vectors={})
    batch = QueryBatch(dataset.queries.texts, {})
    made = {"qrels.txt": qrels_text(dataset)}
    for strategy in TEXT_STRATEGIES:
        ranking = runner.search(engine, strategy, batch)
        made[strategy.name] = run_text(strategy.name, ranking, dataset.queries.ids, dataset.catalogue.ids)
    engine.close()
    return {name: text.encode() for name, text in made.items()}


def _hashes(dataset: Dataset) -> tuple[str, str, str]:
    judgments = dataset.judgments.sha256(dataset.queries, dataset.catalogue)
    return dataset.catalogue.sha256, dataset.queries.sha256, judgments


def _chorus_as_files(chorus: Path, folder: Path) -> None:
    """The dozen lines."""
    with (folder / "products.jsonl").open("w", encoding="utf-8") as lines:
        for number in range(1, 5):
            content = zipfile.ZipFile(chorus / f"{number}.json.zip").read(f"{number}.json")
            for product in json.loads(content):
                row = {"id": product["id"], "title": product["title"], "description": product.get("short_description")}
                row["attributes"] = {key: value for key, value in product.items() if key.startswith("attr_")}
                lines.write(json.dumps(row) + "\n")
    rated = (chorus / "Broad_Query_Set_rated.csv").read_bytes()
    (folder / "judgments.csv").write_bytes(rated.replace(b"query,docid,rating", b"query,product,grade"))


@pytest.mark.needs("data")
def test_chorus_as_files_is_chorus(chorus: Dataset, shared_data: Path, tmp_path: Path) -> None:
    # Its ratings under the name and with the columns that Quepid gives them are the same judgments.
    _chorus_as_files(shared_data / "chorus", tmp_path)
    found = load(Source("shop", "files", tmp_path))
    assert _hashes(found) == _hashes(chorus)
    assert len(TEXT_STRATEGIES) == 2
    assert _files(found) == _files(chorus)
    assert (found.name, found.notes) == ("shop", ())
    (tmp_path / "judgments.csv").unlink()
    exported = (shared_data / "chorus" / "Broad_Query_Set_rated.csv").read_bytes()
    (tmp_path / "case_1_judgements.csv").write_bytes(exported)
    assert _hashes(load(Source("shop", "files", tmp_path))) == _hashes(chorus)


def _as_beir(dataset: Dataset, folder: Path) -> None:
    """A list holds the values of a name that a product has several times."""
    (folder / "qrels").mkdir()
    names, values = (dataset.catalogue.attributes[column].tolist() for column in ("name", "value"))
    bounds = pairwise(dataset.catalogue.attribute_offsets.tolist())
    rows = dataset.catalogue.products.itertuples(index=False)
    with (folder / "corpus.jsonl").open("w", encoding="utf-8") as lines:
        for (identifier, title, text), (start, end) in zip(rows, bounds, strict=True):
            metadata: dict[str, list[str]] = {}
            for name, value in zip(names[start:end], values[start:end], strict=True):
                metadata.setdefault(name, []).append(value)
            document = {"_id": identifier, "title": title, "text": text, "metadata": metadata}
            lines.write(json.dumps(document) + "\n")
    with (folder / "queries.jsonl").open("w", encoding="utf-8") as lines:
        for identifier, text in zip(dataset.queries.ids, dataset.queries.texts, strict=True):
            lines.write(json.dumps({"_id": identifier, "text": text, "metadata": {}}) + "\n")
    with (folder / "qrels" / "test.tsv").open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, delimiter="\t")
        writer.writerow(["query-id", "corpus-id", "score"])
        writer.writerows([*line.split(" ")[::2], line.split(" ")[3]] for line in qrels_text(dataset).splitlines())


def test_the_sample_as_beir_is_the_sample(tmp_path: Path) -> None:
    expected = load(Source("sample", "sample"))
    _as_beir(expected, tmp_path)
    found = load(Source("beir", "beir", tmp_path))
    assert _hashes(found) == _hashes(expected)
    assert _files(found) == _files(expected)
    assert found.notes == ()


def test_the_sample_as_files_is_the_sample(tmp_path: Path) -> None:
    expected = load(Source("sample", "sample"))
    _as_beir(expected, tmp_path)
    (tmp_path / "corpus.jsonl").rename(tmp_path / "products.jsonl")
    (tmp_path / "qrels.txt").write_text(qrels_text(expected))
    queries = zip(expected.queries.ids, expected.queries.texts, strict=True)
    (tmp_path / "queries.tsv").write_text("".join(f"{key}\t{text}\n" for key, text in queries), encoding="utf-8")
    pairs = load_pairs(Source("sample", "sample"))
    pairs = pairs[pairs["product"].isin(expected.catalogue.ids)]
    rows = zip(pairs["query"], pairs["product"], pairs["relevance"], strict=True)
    (tmp_path / "pairs.tsv").write_text("".join(f"{q}\t{p}\t{r}\n" for q, p, r in rows), encoding="utf-8")
    columns = {"id": "_id", "description": "text", "attributes": "metadata"}
    source = Source("sample", "files", tmp_path, columns=columns)
    assert _hashes(load(source)) == _hashes(expected)
    assert load_pairs(source)[["query", "product", "relevance"]].equals(
        pairs[["query", "product", "relevance"]].reset_index(drop=True)
    )
