"""The fine-tuned strategies from data set to results, and the command: with a small model that trains in a second."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers.pairs import write_files

from relevance import suite
from relevance.cli import main
from relevance.config import Config
from relevance.config.reading import read_config
from relevance.errors import InputError
from relevance.finetune.store import train
from relevance.report.results import results_document
from relevance.report.terminal import plan_lines
from relevance.suite import Suite

pytestmark = pytest.mark.needs("model")


@pytest.fixture(scope="module")
def options(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("project")
    return {
        "dataset": f"files:{write_files(folder / 'data')}",
        "model": str(tiny),
        "cache_dir": str(folder / "cache"),
        "device": "cpu",
        "engine": "embedded",
        "epochs": 1,
        "batch_size": 4,
        "learning_rate": 0.003,
    }


def _config(options: dict[str, Any], *strategies: str, **others: Any) -> Config:
    return read_config(options={**options, "strategy": [*strategies], **others}, environ={}, file=None, root=Path.cwd())


@pytest.fixture(scope="module")
def trained(options: dict[str, Any]) -> Suite:
    """A session that trains the model first."""
    config = _config(options, "vectorsearch", "rrf_finetune")
    plan = suite.make_plan(config, config.selected)
    assert any(line.startswith("model finetuned: to be trained first, from tiny on ") for line in plan_lines(plan))
    prepared = suite.prepare(plan, progress=False)
    for strategy in plan.strategies:
        prepared.judge(strategy, prepared.search(strategy), None)
    prepared.close()
    return prepared


def test_the_model_is_trained_once_and_reported(options: dict[str, Any], trained: Suite) -> None:
    results = results_document(trained)
    base, finetuned = (results["models"][name] for name in ("base", "finetuned"))
    assert finetuned["sha256"] != base["sha256"]
    assert finetuned["near_queries"] == 0
    assert results["engine"]["preparation"]["training_s"] > 0
    config = _config(options, "rrf_finetune")
    again = suite.make_plan(config, config.selected)
    assert again.finetuned is not None
    assert again.finetuned.trained
    assert (again.finetuned.sha256, again.models["finetuned"].sha256) == (finetuned["recipe"], finetuned["sha256"])
    measured = suite.snapshot_of(trained).models
    assert measured["finetuned"]["recipe"] == again.finetuned.sha256
    assert "recipe" not in measured["base"]


def test_a_named_model_that_saw_an_evaluated_query_is_refused(
    options: dict[str, Any], trained: Suite, tmp_path: Path
) -> None:
    model = trained.plan.models["finetuned"].path
    config = _config(options, "vectorsearch_finetune", finetuned_model=str(model))
    assert suite.make_plan(config, config.selected).models["finetuned"].path == model
    data = write_files(tmp_path, queries=("red lamp", "Lamp  number 0"))
    config = _config(options, "vectorsearch_finetune", finetuned_model=str(model), dataset=f"files:{data}")
    line = r"leak in the pairs of model .*: 1 query is evaluated and trained on: 'Lamp  "
    with pytest.raises(InputError, match=line):
        suite.make_plan(config, config.selected)


def test_a_model_from_elsewhere_is_taken_with_a_note(options: dict[str, Any]) -> None:
    config = _config(options, "vectorsearch_finetune", finetuned_model=options["model"])
    lines = plan_lines(suite.make_plan(config, config.selected))
    assert any("has no record of its pairs" in line for line in lines)


def _command(options: dict[str, Any], *arguments: str, **others: Any) -> int:
    named = {**options, **others}.items()
    return main(["finetune", *(f"--{name.replace('_', '-')}={value}" for name, value in named), *arguments])


def test_the_command_trains_compares_and_reports(
    options: dict[str, Any],
    trained: Suite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cache = shutil.copytree(options["cache_dir"], tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    assert _command(options, "--seeds", "2", "--out", "report", cache_dir=cache) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert [line.partition(":")[0] for line in lines[:2]] == ["seed 12", "seed 13"]
    assert "forecast of validation nDCG@10: " in printed.err
    assert lines[2].startswith("validation nDCG@10, forecast: ")
    assert "; what came: " in lines[2]
    gains = [line for line in lines if " against " in line]
    assert [line.split()[0] for line in gains] == ["vectorsearch_finetune", "rrf_finetune", "linear_finetune"]
    assert len([line for line in lines if line.startswith("  by judged hits alone (")]) == 3
    assert all("95% interval over queries" in line or "not shown" in line for line in gains)
    assert (tmp_path / "report" / "index.md").is_file()
    models = {path.name for path in (cache / "finetuned").iterdir() if path.is_dir()}
    assert len(models) == 2
    assert trained.plan.models["finetuned"].path.name in models


def test_recipes_are_compared_by_validation_and_the_winner_is_measured(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    recipes = ("loss=mnrl", "loss=hard+learning_rate=0.0001")
    command = ("--seeds", "2", "--compare", ",".join(recipes), "--out", "report")
    assert _command(options, *command, cache_dir=tmp_path / "cache") == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    rows = list(csv.DictReader(io.StringIO((tmp_path / "report" / "recipes.csv").read_text())))
    assert [row["recipe"] for row in rows] == [*recipes]
    best = max(rows, key=lambda row: float(row["ndcg10"]))
    assert best["chosen"] == "1"
    assert f"winner: {best['recipe']}, " in out
    assert {line.split()[0] for line in lines[3:5]} == {*recipes}
    measured = [line for line in lines if line.startswith("seed ")]
    assert len(measured) == 2
    with_mining = [row["parts_seconds"].partition("=")[0] for row in rows]
    assert with_mining == ["", "mining"]
    assert all(int(row["memory_bytes"]) > 10_000_000 for row in rows)
    assert "2 recipes, 4 models, 4 to be trained: about " in err
    page = (tmp_path / "report" / "index.md").read_text()
    assert f"- winner: {best['recipe']}, " in page
    # everything is there by now
    assert _command(options, *command, cache_dir=tmp_path / "cache") == 0
    again = capsys.readouterr()
    assert again.out == out
    assert "2 recipes, 4 models, all there already" in again.err


def test_interrupted_recipes_go_on_where_they_were(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from relevance.suite import recipes  # noqa: PLC0415 - it is patched

    def interrupted(recipe: Any, *arguments: Any, **settings: Any) -> Any:
        if recipe.options.loss == "hard":
            raise KeyboardInterrupt
        return train(recipe, *arguments, **settings)

    command, cache = ("--compare=loss=mnrl", "--compare=loss=hard", "--out", str(tmp_path / "report")), tmp_path / "c"
    with monkeypatch.context() as patch:
        patch.setattr(recipes, "train", interrupted)
        assert _command(options, *command, cache_dir=cache) == 130
    assert "interrupted; 1 of 2 models are kept, the same command goes on from there" in capsys.readouterr().err
    assert not (tmp_path / "report").exists()
    assert _command(options, *command, cache_dir=cache) == 0
    assert "2 recipes, 2 models, 1 to be trained" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("others", "line"),
    [
        ({"compare": "loss=mnrl,loss=hart"}, "--compare loss=hart: loss = 'hart' (did you mean 'hard'?); allowed: "),
        ({"seeds": "0"}, "'0'; allowed: a whole number from 1 to 100"),
        ({"loss": "cosine"}, "option --loss = 'cosine' (did you mean 'cosent'?); allowed: mnrl"),
        ({"finetuned_model": "x/y"}, "changes nothing where one is trained"),
        ({"pairs_from_judgments": "0.01"}, "leaves none to train on"),
        ({"pairs_from_judgments": "0.5"}, "1 pair of relevance 3 to train on"),
        ({"es_url": "http://127.0.0.1:9", "es_index": "shop"}, "leave out --es-index"),
        ({"dataset": "files:"}, "data set 'files' has no pairs to fine-tune a model on"),
    ],
)
def test_bad_input_is_one_line_before_anything_is_trained(
    options: dict[str, Any], tmp_path: Path, others: dict[str, str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "dataset" in others:
        others = {"dataset": f"files:{write_files(tmp_path, pairs=False)}"}
    assert _command(options, **others) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert line in error


def test_a_device_that_is_not_there_is_exit_code_3(
    options: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _command(options, device="cuda:97", out=tmp_path / "report", cache_dir=tmp_path / "cache") == 3
    assert capsys.readouterr().err.splitlines()[-1].startswith("relevance: device 'cuda:97' is not there")


def test_an_interrupt_says_what_is_kept(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from relevance.finetune.loop import Follower  # noqa: PLC0415 - imports torch

    saved = Follower.on_save

    def interrupted(self: Any, *arguments: Any, **options: Any) -> None:
        saved(self, *arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(Follower, "on_save", interrupted)
    assert _command(options, out=tmp_path / "report", cache_dir=tmp_path / "cache") == 130
    assert "interrupted; the checkpoint of step 2 is kept" in capsys.readouterr().err
