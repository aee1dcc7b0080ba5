"""The main job as a user starts it: a process of its own, the sample, the real model."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.console import ROOT, Terminal, check_page

from relevance.strategies import STRATEGIES

pytrec_eval = pytest.importorskip("pytrec_eval")
pytestmark = pytest.mark.needs("model")

MEASURES = {"RR@10": "recip_rank", "AP@10": "map_cut_10", "nDCG@10": "ndcg_cut_10"}
UNTIMED = {".relevance-folder", "per_query.json", "qrels.txt", "queries.tsv", "titles.tsv"}
# hold run times, or say what is slower than in the baseline
TIMED = {
    "baseline.json",
    "comment.md",
    "diagnosis.json",
    "diagnosis.md",
    "report.html",
    "results.json",
    "summary.txt",
    "to_judge.csv",
}


def main_job(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """In CI's mode; what is embedded and trained is taken from the usual cache, as everywhere."""
    command = [sys.executable, "-m", "pytest", "benchmarks", "--out", str(out), "-p", "no:cacheprovider", *options]
    environment = {**os.environ, "CI": "true", "HF_HUB_OFFLINE": "1"}
    return subprocess.run(  # noqa: S603 - the command is ours
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def readme(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """What is wrong with the README's commands, and the results of the one that runs all strategies."""
    terminal = Terminal(tmp_path_factory.mktemp("readme"))
    return check_page(ROOT / "README.md", terminal), terminal.places["checkout"] / ".relevance" / "latest"


@pytest.fixture(scope="module")
def first(readme: tuple[list[str], Path]) -> Path:
    return readme[1]


def test_commands_of_the_readme_print_what_it_shows(readme: tuple[list[str], Path]) -> None:
    assert not readme[0], "\n\n".join(readme[0])


def test_all_eleven_are_gated_and_pass(first: Path) -> None:
    strategies = read(first, "results.json")["strategies"]
    assert len(strategies) == 11
    assert {row["verdict"] for row in strategies.values()} == {"pass"}


def test_trec_eval_scores_the_run_files_to_the_same_means(first: Path) -> None:
    qrels = pytrec_eval.parse_qrel((first / "qrels.txt").read_text().splitlines())
    evaluator = pytrec_eval.RelevanceEvaluator(qrels, set(MEASURES.values()))
    for name, row in read(first, "results.json")["strategies"].items():
        run = pytrec_eval.parse_run((first / "runs" / f"{name}.run").read_text().splitlines())
        scored = evaluator.evaluate(run)
        for metric, measure in MEASURES.items():
            mean = sum(values[measure] for values in scored.values()) / len(qrels)  # trec_eval -c
            assert row["metrics"][metric] == pytest.approx(mean, abs=1e-6), (name, metric)


def test_a_second_run_writes_the_same_bytes(first: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = main_job(out, "--benchmark-disable")  # which changes no ranking, and takes a quarter of the time
    assert done.returncode == 0, done.stdout + done.stderr
    names = {str(path.relative_to(first)) for path in first.rglob("*.*")}
    assert names == {*UNTIMED, *TIMED, *(f"runs/{name}.run" for name in STRATEGIES)}
    for name in sorted(names - TIMED):
        assert (first / name).read_bytes() == (out / name).read_bytes(), name
    metrics_and_hits = [
        {name: (one["scores_sha256"], one["rows"]) for name, one in read(folder, "baseline.json")["strategies"].items()}
        for folder in (first, out)
    ]
    assert metrics_and_hits[0] == metrics_and_hits[1]


def test_a_failing_floor_fails_the_process(tmp_path: Path) -> None:
    floors = tmp_path / "floors.toml"
    floors.write_text("[sample.vectorsearch]\nNDCG = 0.99\n")
    options = ("--floors", str(floors), "--strategy", "vectorsearch", "--benchmark-disable")
    done = main_job(tmp_path / "out", *options)
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
query_prompt = "find: "

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


def test_strategies_of_two_models_have_each_its_model_prompt_and_floors(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").write_text(TRAIN)
    (tmp_path / "relevance.toml").write_text(SHOP)
    (tmp_path / "floors.toml").write_text("[shop.near]\nMRR = 1\n[shop.near_plain]\nMRR = 1\n")
    out = tmp_path / "out"
    done = main_job(out, "--config", str(tmp_path / "relevance.toml"), "-k", "near or titles")
    assert done.returncode == 0, done.stdout + done.stderr
    results = read(out, "results.json")
    rows = {name: (row["model"], row["verdict"]) for name, row in results["strategies"].items()}
    assert rows == {"titles": (None, "not_gated"), "near": ("base", "pass"), "near_plain": ("plain", "pass")}
    assert {name: model["prompt"] for name, model in results["models"].items()} == {"base": "", "plain": "find: "}
    hits = read(out, "per_query.json")["strategies"]
    lengths = {name: {len(query["hits"]) for query in one.values()} for name, one in hits.items()}
    assert lengths == {"titles": {0, 1}, "near": {3}, "near_plain": {3}}
    assert hits["near"] != hits["near_plain"]  # another prompt, other scores
