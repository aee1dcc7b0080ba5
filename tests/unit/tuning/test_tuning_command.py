"""`relevance tune`: from arguments to a folder, and what goes wrong on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from relevance.cli import main, parser
from relevance.tuning import search

FILE = """dataset = "mine"
strategy = ["textsearch", "own"]
out = "results/latest"

[datasets.mine]
format = "files"
path = "data"

[strategies.own]
text = {title = 4, description = 1}
"""


@pytest.fixture
def _unpainted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture takes a second."""
    monkeypatch.setattr("relevance.report.tuning.png", lambda *_: b"")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Forty queries over forty products, whose titles lie; the current folder."""
    data = tmp_path / "data"
    data.mkdir()
    products = [
        {
            "id": f"p{n}",
            "title": f"thing {n % 7} red",
            "description": f"made for {n} and {n % 5}",
            "attributes": {"n": "x"},
        }
        for n in range(40)
    ]
    (data / "products.jsonl").write_text("".join(f"{json.dumps(product)}\n" for product in products))
    (data / "queries.tsv").write_text("".join(f"q{n}\tthing {n} for {n % 5}\n" for n in range(40)))
    (data / "qrels.txt").write_text("".join(f"q{n} 0 p{n} 2\nq{n} 0 p{(n + 7) % 40} 1\n" for n in range(40)))
    (tmp_path / "relevance.toml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends with 0, says what it found, and writes beside the folder of benchmark results."""
    assert main(["tune", "text"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "mine: 40 products, 40 queries" in printed.out
    assert "NDCG      tuning split  held out" in printed.out
    written = project / "results" / "tune-text"
    assert f"written to {written}" in printed.out
    assert {path.name for path in written.iterdir()} == {
        ".relevance-folder",
        "index.md",
        "combinations.csv",
        "held_out.csv",
        "strategy.toml",
        "heatmap.png",
    }
    assert [path.name for path in written.parent.iterdir()] == ["tune-text"]


@pytest.mark.usefixtures("_unpainted")
def test_a_run_replaces_its_own_results(project: Path) -> None:
    """Of the same kind, in a folder that is named; the same input gives the same bytes."""
    written = []
    for _ in range(2):
        assert main(["tune", "text", "--strategy", "own", "--grid", "title=1,3,9", "--seed", "3", "--out", "here"]) == 0
        written.append({path.name: path.read_bytes() for path in (project / "here").iterdir() if path.suffix != ".md"})
    assert written[0] == written[1]
    assert b"own_tuned" in written[0]["strategy.toml"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("tune", "required: KIND"),
        ("tune texts", "unknown kind 'texts' (did you mean 'text'?); allowed: text, multifield, hybrid"),
        ("tune text --grid title", "--grid 'title'; allowed: FIELD=N[,N…]"),
        ("tune text --grid whole=1,2", "--grid whole: unknown field of textsearch_boosted 'whole'"),
        ("tune text --share 2", "--share 2; allowed: between 0 and 1"),
        ("tune text --share 0.1", "the tuning split has"),
        ("tune text --seed -1", "--seed -1; allowed: a whole number of 0 or more"),
        ("tune text --share x", "invalid float value"),
        ("tune text --strategy own --strategy textsearch", "allowed: one strategy, whose boosts are tuned"),
        ("tune text --strategy rrf", "strategy 'rrf' cannot be tuned as text"),
        ("tune text --strategy nobody", "unknown strategy 'nobody'"),
        ("tune text --out data", "--out "),
        ("tune text --floors x.toml", "unknown argument '--floors'"),
    ],
)
def test_bad_input(project: Path, capsys: pytest.CaptureFixture[str], arguments: str, problem: str) -> None:
    """One line, exit code 2, nothing written."""
    assert main(arguments.split()) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1, error
    assert problem in error
    assert not (project / "results").exists()


@pytest.mark.usefixtures("_unpainted")
def test_a_field_without_text(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The line says how to leave it out, and then the rest is tuned."""
    products = project / "data" / "products.jsonl"
    products.write_text(products.read_text().replace('{"n": "x"}', "{}"))
    assert main(["tune", "text"]) == 2
    assert "attributes: no product of the data set has text there" in capsys.readouterr().err
    assert main(["tune", "text", "--without", "attributes"]) == 0
    assert "today: title 8, description 2 (textsearch_boosted)" in capsys.readouterr().out


@pytest.mark.usefixtures("_unpainted")
def test_a_folder_that_cannot_be_written(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """3, one line, nothing beside it."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("relevance.files.write_file", full)
    monkeypatch.setattr(Path, "write_bytes", full)
    assert main(["tune", "text"]) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not list(project.rglob("heatmap.png"))


def test_the_help_says_the_defaults() -> None:
    """Those of the split, which it would take numpy to look up."""
    assert (parser.SHARE, parser.SEED) == (search.SHARE, search.SEED)
