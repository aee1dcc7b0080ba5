"""Planted regressions on the sample, with the real model: what is large fails, on a server too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from relevance.cli import main
from relevance.strategies import BASE, STRATEGIES

if TYPE_CHECKING:
    from pathlib import Path

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


def _planted(out: Path, names: tuple[str, ...], *options: str, strategies: list[str]) -> dict[str, dict[str, Any]]:
    """What the command writes of each kind, by name; it says that nothing large was missed."""
    chosen = [part for name in strategies for part in ("--strategy", name)]
    only = [part for name in names for part in ("--only", name)]
    assert main(["mutate", "--device", "cpu", "--dataset", "sample", "--out", str(out), *chosen, *only, *options]) == 0
    document = json.loads((out / "mutations.json").read_text(encoding="utf-8"))
    return {one["kind"]: one for one in document["mutations"]}


def test_what_drops_by_5_percent_fails(tmp_path: Path) -> None:
    """Of nine strategies, whichever drops by so much; and at least one does under each of these."""
    found = _planted(tmp_path / "out", LARGE, "--engine", "embedded", strategies=OF_BASE)
    assert set(found) == set(LARGE)
    for name, one in found.items():
        assert one["verdict"] == "fail", name
        large = [row for row in one["strategies"] if row["relative"] >= 0.05]
        assert large, name
        assert {row["status"] for row in large} == {"fail"}, name


def test_the_same_again_has_no_effect(tmp_path: Path) -> None:
    """Indexed and searched a second time, all nine return the same."""
    found = _planted(tmp_path / "out", ("same_again",), "--neutral", "--engine", "embedded", strategies=OF_BASE)
    assert found["same_again"]["verdict"] == "no effect"


@pytest.mark.needs("docker")
def test_changes_of_a_server(tmp_path: Path) -> None:
    """Analyzers, BM25 and approximate indices are changed in a container; what was measured is of their index."""
    searched = ["textsearch", "vectorsearch"]
    found = _planted(tmp_path / "out", ON_SERVER, "--engine", "elasticsearch", strategies=searched)
    assert set(found) == set(ON_SERVER)
    assert {name: one["not_applicable"] for name, one in found.items()} == dict.fromkeys(ON_SERVER, "")
    for name in ("analyzer_keeps_case", "analyzer_of_letters"):
        assert found[name]["changed"] == ["textsearch"], name
        assert found[name]["verdict"] in {"warn", "fail"}, name
    assert found["bm25_k1_3"]["changed"] == ["textsearch"]
    assert found["index_int8_hnsw"]["changed"] == ["vectorsearch"]


@pytest.mark.needs("docker")
def test_an_approximate_index_built_again_does_not_fail(tmp_path: Path) -> None:
    """It may be another one each time."""
    options = ("--neutral", "--engine", "elasticsearch", "--vector-index", "hnsw")
    found = _planted(tmp_path / "out", ("hnsw_again",), *options, strategies=["vectorsearch"])
    assert found["hnsw_again"]["verdict"] in {"no effect", "pass", "warn"}
