"""Planted regressions on the sample, with the real model: what is large fails, on a server too."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from relevance.cli import main
from relevance.strategies import BASE, STRATEGIES

pytestmark = pytest.mark.needs("model")

OF_BASE = [name for name, strategy in STRATEGIES.items() if strategy.model == BASE]
LARGE = (
    "title_not_matched",
    "title_lost",
    "vectors_shifted",
    "queries_of_another_model",
    "hits_reversed",
    "off_by_one",
)
ON_SERVER = ("index_hnsw", "index_int8_hnsw", "analyzer_keeps_case", "analyzer_of_letters", "bm25_k1_3")


def planted(out: Path, names: Iterable[str], engine: str, strategies: list[str], *options: str) -> dict[str, Any]:
    """What the command writes of each kind, by name; it says that nothing large was missed."""
    chosen = [part for name in strategies for part in ("--strategy", name)]
    only = [part for name in names for part in ("--only", name)]
    where = ["--device", "cpu", "--dataset", "sample", "--engine", engine, "--out", str(out)]
    assert main(["mutate", *where, *chosen, *only, *options]) == 0
    document = json.loads((out / "mutations.json").read_text(encoding="utf-8"))
    assert [one["kind"] for one in document["mutations"] if one["kind"] not in names] == []
    return {one["kind"]: one for one in document["mutations"]}


def test_what_drops_by_5_percent_fails(tmp_path: Path) -> None:
    kinds = planted(tmp_path / "out", LARGE, "embedded", OF_BASE)
    assert set(kinds) == set(LARGE)
    for name, one in kinds.items():
        large = [row["answer"] for row in one["strategies"] if row["relative"] >= 0.05]
        # where hits that nobody judged decide, it is undecided and fails; `planted` sees that none passes
        assert large, name
        assert {one["verdict"], *large} <= {"loss", "undecided, fails"}, name


def test_the_same_again_has_no_effect(tmp_path: Path) -> None:
    kinds = planted(tmp_path / "out", ["same_again"], "embedded", OF_BASE, "--neutral")
    assert kinds["same_again"]["verdict"] == "no effect"


@pytest.mark.needs("docker")
def test_changes_of_a_server_are_measured_on_their_own_index(tmp_path: Path) -> None:
    kinds = planted(tmp_path / "out", ON_SERVER, "elasticsearch", ["textsearch", "vectorsearch"])
    assert {name: one["not_applicable"] for name, one in kinds.items()} == dict.fromkeys(ON_SERVER, "")
    for name in ("analyzer_keeps_case", "analyzer_of_letters"):
        assert kinds[name]["changed"] == ["textsearch"], name
        assert kinds[name]["verdict"] in {"undecided", "undecided, fails", "likely loss", "loss"}, name
    assert kinds["bm25_k1_3"]["changed"] == ["textsearch"]
    assert kinds["index_int8_hnsw"]["changed"] == ["vectorsearch"]


@pytest.mark.needs("docker")
def test_an_approximate_index_built_again_does_not_fail(tmp_path: Path) -> None:
    options = ("--neutral", "--vector-index", "hnsw")  # it may be another one each time
    kinds = planted(tmp_path / "out", ["hnsw_again"], "elasticsearch", ["vectorsearch"], *options)
    assert kinds["hnsw_again"]["verdict"] in {"no effect", "no loss", "undecided", "likely loss"}
