"""The command `relevance compare`: verdict and exit code of two sides that were measured before."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.snapshots import measured, snapshot

from relevance.baseline import document_text
from relevance.cli import main
from relevance.strategies import Strategy
from relevance.suite.compare import single_parts

GOOD = snapshot({"own": measured(np.linspace(0.5, 0.9, 80).tolist())})
WORSE = snapshot({"own": measured(np.linspace(0.3, 0.7, 80).tolist())})
FEW = snapshot({"own": measured([0.5] * 49)})


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A baseline file `a.json` and a folder of results `b`, that is worse."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.json").write_text(document_text(GOOD))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "baseline.json").write_text(document_text(WORSE))
    (tmp_path / "b" / "titles.tsv").write_text("a\tOak\\ttable\nb\tBench\n")
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], command: str) -> tuple[int, str]:
    """Exit code and output; where that is bad input, the one line of error."""
    capsys.readouterr()
    code = main(["compare", *command.split()])
    out, err = capsys.readouterr()
    assert (out == "", len(err.splitlines())) == ((True, 1) if code == 2 else (False, 0))
    return code, out + err


@pytest.mark.usefixtures("sides")
def test_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = printed(capsys, "a.json b")
    assert code == 1
    assert "own: worse than in a.json" in out
    assert "LOSS: own: nDCG@10 fell by 28.57% (0.7000 → 0.5000)" in out
    assert "queries by nDCG@10: 80 lost, 0 won, 0 unchanged" in out
    assert "[2] Oak table" in out
    assert "judged queries" not in out
    assert not Path(".relevance").exists()
    code, out = printed(capsys, "b a.json")
    assert (code, "better: own: nDCG@10" in out) == (0, True)
    code, out = printed(capsys, "b b")
    assert (code, "no loss" in out) == (0, True)


def test_few_queries_are_said(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sides / "few.json").write_text(document_text(FEW))
    code, out = printed(capsys, "few.json few.json")
    line = "note: 49 judged queries: the gate's paired test needs 50 ([gate] least_queries), with fewer a drop beside a"
    assert (code, line in out) == (0, True)


def test_limits_of_the_configuration(sides: Path) -> None:
    (sides / "other.toml").write_text("[gate]\nfail = 0.4\n")
    assert main(["compare", "a.json", "b", "--config", "other.toml"]) == 0
    (sides / "other.toml").rename("relevance.toml")
    assert main(["compare", "a.json", "b"]) == 0


def test_out_is_replaced_whole_but_not_other_files(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        code, out = printed(capsys, "a.json b --out why")
        assert code == 1
        assert out.endswith("written to why: report.html, comment.md, diagnosis.md, diagnosis.json, to_judge.csv\n")
    names = {path.name for path in (sides / "why").iterdir()}
    assert names == {".relevance-folder", "comment.md", "diagnosis.json", "diagnosis.md", "report.html", "to_judge.csv"}
    assert json.loads((sides / "why" / "diagnosis.json").read_text())["baselines"][0]["baseline"] == "a.json"
    assert "holds other files" in printed(capsys, "a.json b --out b")[1]
    (sides / "b" / ".relevance-folder").write_text("results\n")
    assert "holds earlier results, which would be lost" in printed(capsys, "a.json b --out b")[1]


FILES = {
    "broken.json": document_text(GOOD)[:-50],
    "other.json": '{"hits": [1, 2',
    "titles.run": "q1 Q0 p7 1 9.5 titles\n",
    "pointer.json": "version https://git-lfs.github.com/spec/v1\noid sha256:4\nsize 6\n",
    "strange/baseline.json": document_text(snapshot({"else": measured([0.5] * 80)})),
    "titled/baseline.json": document_text(WORSE),
    "titled/titles.tsv": "no tab\n",
}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("nothing.json b", "nothing.json: cannot be read (No such file or directory)"),
        ("a.json empty", "empty: is an empty folder, not a baseline; a folder of results (--out) or a baseline"),
        ("a.json titles.run", "titles.run: is a TREC run, not a baseline; a folder of results (--out) or a"),
        ("pointer.json b", "pointer.json: is a Git LFS pointer, not the baseline itself; run git lfs pull"),
        ("broken.json b", "broken.json: damaged baseline"),
        ("other.json b", "other.json: is a text that begins with '{\"hits\": [1, 2', not a baseline; a folder of"),
        ("a.json b --config nothing.toml", "nothing.toml"),
        ("a.json", "AFTER"),
        ("a.json b c", "unknown argument 'c'"),
        ("a.json strange", "strategy is in both"),
        ("a.json titled", "titles.tsv, line 1: not an id, a tab and a title"),
    ],
)
def test_bad_input(sides: Path, capsys: pytest.CaptureFixture[str], command: str, said: str) -> None:
    for name in ("empty", "strange", "titled"):
        (sides / name).mkdir()
    for name, text in FILES.items():
        (sides / name).write_text(text)
    code, line = printed(capsys, command)
    assert (code, said in line) == (2, True)


def test_other_data_score_both_sides(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grades = ({"a": 1, "b": 0}, *WORSE.grades[1:])
    (sides / "c.json").write_text(document_text(replace(WORSE, grades=grades)))
    code, out = printed(capsys, "a.json c.json")
    assert code == 1
    assert "changed: data: 1 judgment changed; both sides are scored by today's" in out
    # the first query by today's: both have the one relevant product in front
    assert "80 lost, 0 won, 0 unchanged" in out
    other = replace(WORSE, texts=(*WORSE.texts[:-20], *(f"other {text}" for text in WORSE.texts[-20:])))
    (sides / "c.json").write_text(document_text(other))
    code, out = printed(capsys, "a.json c.json")
    assert "not compared: 20 queries with another text or other parameters (q00061, q00062, q00063 and 17 more)" in out
    assert (code, "compared on 60 of 80 queries of the baseline; allowed: 64 or more" in out) == (1, True)
    assert "is gone: both sides are scored by" in printed(capsys, "a.json c.json --on-common-queries")[1]


def test_a_project_is_its_last_results(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sides / "relevance.toml").write_text("")
    (sides / ".relevance").mkdir()
    (sides / "b").rename(sides / ".relevance" / "latest")
    for before, after in (("a.json", "."), ("a.json", f"{sides}"), ("a.json", ".relevance/latest")):
        code, out = printed(capsys, f"{before} {after}")
        assert (code, "own: worse than in a.json" in out, "[2] Oak table" in out) == (1, True, True)
    assert "compared with .: 1 strategy" in printed(capsys, ". a.json")[1]


def test_two_strategies_of_one_session(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sides / "relevance.toml").write_text("")
    (sides / ".relevance" / "latest").mkdir(parents=True)
    both = replace(GOOD, strategies={"one": GOOD.strategies["own"], "two": WORSE.strategies["own"]})
    (sides / ".relevance" / "latest" / "baseline.json").write_text(document_text(both))
    (sides / "b" / "titles.tsv").rename(sides / ".relevance" / "latest" / "titles.tsv")
    code, out = printed(capsys, ". --strategy one --strategy two")
    assert code == 1
    assert "[2] Oak table" in out, "titles of the project's results"
    assert "two: worse than in one (.)" in out
    assert "queries by nDCG@10: 80 lost, 0 won, 0 unchanged" in out
    code, out = printed(capsys, ". --strategy two --strategy one")
    assert (code, "better: one: nDCG@10" in out) == (0, True)
    for command, said in (
        (". --strategy one", "--strategy one; allowed: two strategies of one folder"),
        (". b --strategy one --strategy two", "two strategies of one folder, which is named once"),
        (". --strategy one --strategy ones", "unknown strategy 'ones' (did you mean 'one'?)"),
        (".", "AFTER is missing"),
    ):
        code, line = printed(capsys, command)
        assert (code, said in line) == (2, True), line


@pytest.mark.parametrize("combine", ["rrf", "sum"])
def test_a_leg_is_searched_as_the_strategy_reads_it(combine: Any) -> None:
    own = Strategy(
        "own", text={"title": 8}, vectors={"whole": 1, "title": 1}, combine=combine, analyzer="english", spelling=True
    )
    legs = single_parts(own)
    assert list(legs) == ["text", "vector title", "vector whole"]
    assert (legs["text"].reading, legs["text"].spelling) == (own.reading, ("title",))
    assert [leg.vectors for leg in legs.values()] == [(), (("title", 1.0),), (("whole", 1.0),)]
