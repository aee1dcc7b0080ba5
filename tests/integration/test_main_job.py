"""The main job as a user starts it: a process of its own, the sample, the real model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from relevance.embeddings import default_cache_dir
from relevance.strategies import STRATEGIES

pytrec_eval = pytest.importorskip("pytrec_eval")

ROOT = Path(__file__).resolve().parents[2]
MEASURES = {"RR@10": "recip_rank", "AP@10": "map_cut_10", "nDCG@10": "ndcg_cut_10"}
pytestmark = pytest.mark.needs("model")


def _main_job(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "benchmarks", "--out", str(out), "-p", "no:cacheprovider", *options]
    environment = {**os.environ, "CI": "true", "HF_HUB_OFFLINE": "1"}
    return subprocess.run(  # noqa: S603 - the command is ours
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def cache() -> Path:
    """That of the main job, so that embedding and training are waited for once: cold on a fresh machine alone."""
    return default_cache_dir()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """The results of a run in CI's mode; it has to pass its floors."""
    out = tmp_path_factory.mktemp("first") / "out"
    done = _main_job(out, "--cache-dir", str(cache))
    assert done.returncode == 0, done.stdout + done.stderr
    return out


UNTIMED = {".relevance-folder", "per_query.json", "qrels.txt", "queries.tsv", "titles.tsv"}
TIMED = {"baseline.json", "diagnosis.json", "diagnosis.md", "results.json", "to_judge.csv"}
"""Hold run times, or say what is slower than in the baseline."""


def test_all_eleven_are_gated_and_pass(first: Path) -> None:
    """Every strategy has floors for the committed sample, and reaches them."""
    strategies = json.loads((first / "results.json").read_text())["strategies"]
    assert len(strategies) == 11
    assert {row["verdict"] for row in strategies.values()} == {"pass"}


def _rows(folder: Path) -> dict[str, object]:
    """Metrics and hits of every query, as a session's own baseline has them."""
    held = json.loads((folder / "baseline.json").read_text())["strategies"]
    return {name: (one["scores_sha256"], one["rows"]) for name, one in held.items()}


def test_same_command_same_run_files(first: Path, cache: Path, tmp_path: Path) -> None:
    """A second run writes the same files byte for byte, timings aside, and leaves no torch in memory."""
    out = tmp_path / "out"
    assert _main_job(out, "--cache-dir", str(cache)).returncode == 0
    names = {str(path.relative_to(first)) for path in first.rglob("*.*")}
    assert names == {*UNTIMED, *TIMED, *(f"runs/{name}.run" for name in STRATEGIES)}
    for name in sorted(names - TIMED):
        assert (first / name).read_bytes() == (out / name).read_bytes(), name
    assert _rows(first) == _rows(out)


def test_trec_eval_scores_the_run_files_to_the_same_means(first: Path) -> None:
    """trec_eval -c on the written files gives the means of `results.json`, for every strategy."""
    with (first / "qrels.txt").open() as file:
        qrels = pytrec_eval.parse_qrel(file)
    evaluator = pytrec_eval.RelevanceEvaluator(qrels, set(MEASURES.values()))
    strategies = json.loads((first / "results.json").read_text())["strategies"]
    for name, row in strategies.items():
        with (first / "runs" / f"{name}.run").open() as file:
            scored = evaluator.evaluate(pytrec_eval.parse_run(file))
        for metric, measure in MEASURES.items():
            mean = sum(values[measure] for values in scored.values()) / len(qrels)
            assert row["metrics"][metric] == pytest.approx(mean, abs=1e-6), (name, metric)


def test_failing_floor_fails_the_process(cache: Path, tmp_path: Path) -> None:
    """A floor out of reach ends the process with 1 and says which strategy, metric, value and queries."""
    floors = tmp_path / "floors.toml"
    floors.write_text("[sample.vectorsearch]\nNDCG = 0.99\n")
    done = _main_job(tmp_path / "out", "--cache-dir", str(cache), "--floors", str(floors), "--strategy", "vectorsearch")
    assert done.returncode == 1
    assert "vectorsearch: NDCG 0." in done.stdout
    assert "is below its floor 0.9900" in done.stdout
    assert "Traceback" not in done.stdout


SHOP = """
dataset = "shop"
floors = "floors.toml"
require_baseline = false

[datasets.shop]
format = "homedepot"
path = "data"

[models.plain]
prompt = "find: "

[strategies.titles]
text = {title = 8}

[strategies.near]
vectors = {title = 1}

[strategies.near_plain]
vectors = {title = 1}
model = "plain"
candidates = 3
"""
TRAIN = """"id","product_uid","product_title","search_term","relevance"
1,100,"Oak table for six","oak table",3
2,101,"Garden bench of pine","oak table",1
3,104,"Sofa in grey","couch",3
"""


def test_two_models_side_by_side(tmp_path: Path, cache: Path) -> None:
    """A project of one's own: strategies of two models in one run, each with its model, prompt and floors."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").write_text(TRAIN)
    (tmp_path / "relevance.toml").write_text(SHOP)
    (tmp_path / "floors.toml").write_text("[shop.near]\nMRR = 1\n[shop.near_plain]\nMRR = 1\n")
    options = ("--config", str(tmp_path / "relevance.toml"), "--cache-dir", str(cache), "-k", "near or titles")
    done = _main_job(tmp_path / "out", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {name: row["model"] for name, row in results["strategies"].items()} == {
        "titles": None,
        "near": "base",
        "near_plain": "plain",
    }
    assert [row["verdict"] for row in results["strategies"].values()] == ["not_gated", "pass", "pass"]
    assert {name: model["prompt"] for name, model in results["models"].items()} == {"base": "", "plain": "find: "}
    hits = json.loads((tmp_path / "out" / "per_query.json").read_text())["strategies"]
    assert {name: {len(query["hits"]) for query in rows.values()} for name, rows in hits.items()} == {
        "titles": {0, 1},
        "near": {3},
        "near_plain": {3},
    }
    assert hits["near"] != hits["near_plain"]  # another prompt, other scores
