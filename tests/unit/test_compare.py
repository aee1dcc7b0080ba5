"""The command `relevance compare`: verdict and exit code of two sides that were measured before."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from helpers.snapshots import measured, snapshot

from relevance.baseline import document_text
from relevance.cli import main

if TYPE_CHECKING:
    from pathlib import Path

GOOD = snapshot({"own": measured(np.linspace(0.5, 0.9, 80).tolist())})
WORSE = snapshot({"own": measured(np.linspace(0.3, 0.7, 80).tolist())})


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A baseline file `a.json` and a folder of results `b`, that is worse."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.json").write_text(document_text(GOOD))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "baseline.json").write_text(document_text(WORSE))
    (tmp_path / "b" / "titles.tsv").write_text("a\tOak\\ttable\nb\tBench\n")
    return tmp_path


def _error(capsys: pytest.CaptureFixture[str]) -> str:
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert printed.out == ""
    return line


def test_worse(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1; verdict, queries and rankings with the titles of the folder."""
    assert main(["compare", "a.json", "b"]) == 1
    out = capsys.readouterr().out
    assert "own: worse than in a.json" in out
    assert "FAIL: own: nDCG@10 fell by 28.57% (0.7000 → 0.5000)" in out
    assert "queries by nDCG@10: 80 lost, 0 won, 0 unchanged" in out
    assert "[2] Oak table" in out
    assert not (sides / ".relevance").exists()


def test_better_and_the_same(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ARG001 - the files
    """Exit code 0: what became better is named; a side beside itself is no worse."""
    assert main(["compare", "b", "a.json"]) == 0
    assert "better: own: nDCG@10" in capsys.readouterr().out
    assert main(["compare", "b", "b"]) == 0
    assert "nothing worse" in capsys.readouterr().out


def test_limits_of_the_configuration(sides: Path) -> None:
    """`[gate]` of the configuration that the suite would read holds here too, or that of `--config`."""
    (sides / "other.toml").write_text("[gate]\nfail = 0.4\nfail_large = 0.5\n")
    assert main(["compare", "a.json", "b", "--config", "other.toml"]) == 0
    (sides / "relevance.toml").write_text((sides / "other.toml").read_text())
    assert main(["compare", "a.json", "b"]) == 0


def test_out(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--out` holds the diagnosis, replaced whole; results or other files are never replaced."""
    for _ in range(2):
        assert main(["compare", "a.json", "b", "--out", "why"]) == 1
    names = {path.name for path in (sides / "why").iterdir()}
    assert names == {".relevance-folder", "diagnosis.json", "diagnosis.md", "to_judge.csv"}
    assert json.loads((sides / "why" / "diagnosis.json").read_text())["baselines"][0]["baseline"] == "a.json"
    capsys.readouterr()
    assert main(["compare", "a.json", "b", "--out", "b"]) == 2
    assert "holds other files" in _error(capsys)
    (sides / "b" / ".relevance-folder").write_text("results\n")
    assert main(["compare", "a.json", "b", "--out", "b"]) == 2
    assert "holds earlier results, which would be lost" in _error(capsys)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.json", "b"], "nothing.json: cannot be read (No such file or directory)"),
        (["a.json", "empty"], "empty: is an empty folder, not a baseline; a folder of results (--out) or a baseline"),
        (["a.json", "titles.run"], "titles.run: is a TREC run, not a baseline; a folder of results (--out) or a"),
        (["pointer.json", "b"], "pointer.json: is a Git LFS pointer, not the baseline itself; run git lfs pull"),
        (["broken.json", "b"], "broken.json: damaged baseline"),
        (["a.json", "b", "--config", "nothing.toml"], "nothing.toml"),
        (["a.json"], "AFTER"),
        (["a.json", "b", "c"], "unknown argument 'c'"),
        (["a.json", "strange"], "strategy is in both"),
        (["a.json", "titled"], "titles.tsv, line 1: not an id, a tab and a title"),
    ],
)
def test_bad_input(sides: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    """Exit code 2, one line, nothing printed else."""
    (sides / "empty").mkdir()
    (sides / "broken.json").write_text(document_text(GOOD)[:-50])
    (sides / "titles.run").write_text("q1 Q0 p7 1 9.5 titles\n")
    (sides / "pointer.json").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4\nsize 6\n")
    for name, text in (("strange", snapshot({"else": measured([0.5] * 80)})), ("titled", WORSE)):
        (sides / name).mkdir()
        (sides / name / "baseline.json").write_text(document_text(text))
    (sides / "titled" / "titles.tsv").write_text("no tab\n")
    assert main(["compare", *arguments]) == 2
    assert said in _error(capsys)


def test_other_data(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other judgments are refused with what differs; `--on-common-queries` compares what is common and says so."""
    grades = ({"a": 1, "b": 0}, *WORSE.grades[1:])
    (sides / "c.json").write_text(document_text(replace(WORSE, grades=grades)))
    assert main(["compare", "a.json", "c.json"]) == 2
    assert "a.json and c.json are of other data: 1 judgment changed; allowed" in _error(capsys)
    assert main(["compare", "a.json", "c.json", "--on-common-queries"]) == 1
    out = capsys.readouterr().out
    assert "compared on 79 of 80 queries: 1 judgment changed" in out
    assert "79 lost, 0 won, 0 unchanged" in out
    other = replace(WORSE, texts=tuple(f"other {text}" for text in WORSE.texts))
    (sides / "c.json").write_text(document_text(other))
    assert main(["compare", "a.json", "c.json", "--on-common-queries"]) == 2
    assert "not one query is common" in _error(capsys)
