"""The fine-tuned strategies from data set to results, and the command: with a made model that trains in a second."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from helpers.pairs import write_files

from relevance import suite
from relevance.cli import main
from relevance.config.reading import read_config
from relevance.errors import InputError
from relevance.report.results import results_json
from relevance.report.terminal import plan_lines

if TYPE_CHECKING:
    from pathlib import Path

    from relevance.config import Config

pytestmark = pytest.mark.needs("model")


def _config(tiny: Path, folder: Path, **options: object) -> Config:
    given = {
        "dataset": f"files:{folder / 'data'}",
        "model": str(tiny),
        "cache_dir": str(folder / "cache"),
        "device": "cpu",
        "engine": "embedded",
        "batch_size": 4,
        **options,
    }
    return read_config(options=given, environ={}, file=None, root=folder)


def test_the_model_is_trained_once_and_reported(tiny: Path, tmp_path: Path) -> None:
    """The first plan says that it is to be trained and how long, the second takes it; the results have it."""
    write_files(tmp_path / "data")
    config = _config(tiny, tmp_path, strategy=["vectorsearch", "rrf_finetune"])
    plan = suite.make_plan(config, config.selected)
    assert any(line.startswith("model finetuned: to be trained first, from tiny on ") for line in plan_lines(plan))
    prepared = suite.prepare(plan, progress=False)
    for strategy in plan.strategies:
        prepared.judge(strategy, prepared.search(strategy), None)
    prepared.close()
    results = json.loads(results_json(prepared))
    assert list(results["models"]) == ["base", "finetuned"]
    assert results["models"]["finetuned"]["sha256"] != results["models"]["base"]["sha256"]
    assert results["models"]["finetuned"]["near_queries"] == 0
    assert results["engine"]["preparation"]["training_s"] > 0
    again = suite.make_plan(config, config.selected)
    assert again.finetuned is not None
    assert again.finetuned.trained
    assert again.finetuned.sha256 == results["models"]["finetuned"]["recipe"]
    assert again.models["finetuned"].sha256 == results["models"]["finetuned"]["sha256"]
    measured = suite.snapshot_of(prepared).models
    assert measured["finetuned"]["recipe"] == again.finetuned.sha256
    assert "recipe" not in measured["base"]


def test_a_given_model_that_saw_an_evaluated_query_is_refused(tiny: Path, tmp_path: Path) -> None:
    """A model of ours names its pairs: where one of its queries is evaluated now, the plan is not made."""
    write_files(tmp_path / "data")
    config = _config(tiny, tmp_path, strategy=["vectorsearch_finetune"])
    suite.prepare(suite.make_plan(config, config.selected), progress=False).close()
    (folder,) = (path for path in (tmp_path / "cache" / "finetuned").iterdir() if path.is_dir())
    given = _config(tiny, tmp_path, strategy=["vectorsearch_finetune"], finetuned_model=str(folder))
    assert suite.make_plan(given, given.selected).models["finetuned"].path == folder
    write_files(tmp_path / "data", queries=("red lamp", "Lamp  number 0"))
    with pytest.raises(
        InputError, match=r"leak in the pairs of model .*: 1 query is evaluated and trained on: 'Lamp  "
    ):
        suite.make_plan(given, given.selected)


def test_a_model_from_elsewhere_is_taken_with_a_note(tiny: Path, tmp_path: Path) -> None:
    """Of a model without a record nobody knows what it saw, and the header says so."""
    write_files(tmp_path / "data")
    config = _config(tiny, tmp_path, strategy=["vectorsearch_finetune"], finetuned_model=str(tiny))
    lines = plan_lines(suite.make_plan(config, config.selected))
    assert any("has no record of its pairs" in line for line in lines)


def _command(tiny: Path, folder: Path, *options: str) -> int:
    given = ("--dataset", f"files:{folder / 'data'}", "--model", str(tiny), "--cache-dir", str(folder / "cache"))
    small = ("--batch-size", "4", "--learning-rate", "0.003", "--device", "cpu", "--engine", "embedded")
    return main(["finetune", *given, *small, *options])


def test_the_command_trains_compares_and_reports(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Over two seeds: a line a training, a gain with its interval a strategy, and a folder with an index page."""
    write_files(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    assert _command(tiny, tmp_path, "--seeds", "2", "--out", "report") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[:2]] == ["seed 12", "seed 13"]
    gains = [line for line in lines if " against " in line]
    assert len(gains) == 2
    assert all("95% interval over queries" in line or "not shown" in line for line in gains)
    assert (tmp_path / "report" / "index.md").is_file()
    assert len([path for path in (tmp_path / "cache" / "finetuned").iterdir() if path.is_dir()]) == 2


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--seeds", "0"), "'0'; allowed: a whole number from 1 to 100"),
        (("--loss", "cosine"), "option --loss = 'cosine'; allowed: mnrl, hard"),
        (("--finetuned-model", "x/y"), "changes nothing where one is trained"),
        (("--pairs-from-judgments", "0.01"), "leaves none to train on"),
        (("--pairs-from-judgments", "0.5"), "1 pair of relevance 3 to train on"),
        (("--es-url", "http://127.0.0.1:9", "--es-index", "shop"), "leave out --es-index"),
    ],
)
def test_bad_input_is_one_line(
    tiny: Path, tmp_path: Path, options: tuple[str, ...], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With exit code 2, before anything is trained."""
    write_files(tmp_path / "data")
    assert _command(tiny, tmp_path, *options) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert line in errors[0]


def test_a_data_set_without_pairs_is_one_line(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With exit code 2."""
    write_files(tmp_path / "data", pairs=False)
    assert _command(tiny, tmp_path) == 2
    assert "data set 'files' has no pairs to fine-tune a model on" in capsys.readouterr().err


def test_a_device_that_is_not_there_is_exit_code_3(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line below what was said of the pairs."""
    write_files(tmp_path / "data")
    assert _command(tiny, tmp_path, "--device", "cuda:97", "--out", str(tmp_path / "report")) == 3
    assert capsys.readouterr().err.splitlines()[-1].startswith("relevance: device 'cuda:97' is not there")


def test_an_interrupt_says_what_is_kept(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 130, with the step of the checkpoint that the same command goes on from."""
    from relevance.finetune.loop import Follower  # noqa: PLC0415 - imports torch

    write_files(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    saved = Follower.on_save

    def interrupted(self: object, *arguments: object, **options: object) -> None:
        saved(self, *arguments, **options)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Follower, "on_save", interrupted)
        assert _command(tiny, tmp_path) == 130
    assert "interrupted; the checkpoint of step 2 is kept" in capsys.readouterr().err
    assert _command(tiny, tmp_path) == 0
