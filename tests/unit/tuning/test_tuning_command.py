"""`relevance tune`: from arguments to a folder, and what goes wrong on the way."""

from pathlib import Path

import pytest
from helpers import shop

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
    """A project with the shop's products; the current folder."""
    shop.write_files(tmp_path / "data", shop.shop())
    (tmp_path / "relevance.toml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_writes_beside_the_results_of_benchmarks(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", "text"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    folder = project / "results" / "tune-text"
    for words in ("mine: 200 products, 60 queries", "NDCG      tuning split  held out", f"written to {folder}"):
        assert words in printed.out
    names = {".relevance-folder", "index.md", "combinations.csv", "held_out.csv", "strategy.toml", "heatmap.png"}
    assert {path.name for path in folder.iterdir()} == names
    assert [path.name for path in folder.parent.iterdir()] == ["tune-text"]


@pytest.mark.usefixtures("_unpainted")
def test_a_run_replaces_its_own_results_with_the_same_bytes(project: Path) -> None:
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
        ("tune text --share x", "--share: 'x'; allowed: a number between 0 and 1"),
        ("tune text --strategy own --strategy textsearch", "allowed: one strategy, whose boosts are tuned"),
        ("tune text --strategy rrf", "strategy 'rrf' cannot be tuned as text"),
        ("tune text --strategy nobody", "unknown strategy 'nobody'"),
        ("tune text --out data", "--out "),
        ("tune text --floors x.toml", "unknown argument '--floors'"),
    ],
)
def test_bad_input_is_one_line(project: Path, capsys: pytest.CaptureFixture[str], arguments: str, problem: str) -> None:
    assert main(arguments.split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert problem in line
    assert not (project / "results").exists()


@pytest.mark.usefixtures("_unpainted")
def test_a_field_without_text_can_be_left_out(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop.write_files(project / "data", shop.without_attributes())
    assert main(["tune", "text"]) == 2
    assert "attributes: no product of the data set has text there" in capsys.readouterr().err
    assert main(["tune", "text", "--without", "attributes"]) == 0
    assert "today: title 8, description 2 (textsearch_boosted)" in capsys.readouterr().out


@pytest.mark.usefixtures("_unpainted")
def test_a_full_disk_is_one_line(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("relevance.files.write_file", full)
    monkeypatch.setattr(Path, "write_bytes", full)
    assert main(["tune", "text"]) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not list(project.rglob("heatmap.png"))


def test_the_help_says_the_defaults_of_the_split() -> None:
    # which it would take numpy to look up
    assert (parser.SHARE, parser.SEED) == (search.SHARE, search.SEED)
