"""`relevance tune`: from arguments to a folder, and what goes wrong on the way."""

import json
import re
import tomllib
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
    for words in (
        "mine: 200 products, 60 queries",
        "NDCG      tuning split  held out",
        f"written to {folder}",
    ):
        assert words in printed.out
    names = {".relevance-folder", "index.md", "combinations.csv", "held_out.csv", "strategy.toml", "report.html"}
    assert {path.name for path in folder.iterdir()} == names
    assert [path.name for path in folder.parent.iterdir()] == ["tune-text"]


def test_a_run_replaces_its_own_results_with_the_same_bytes(project: Path) -> None:
    written = []
    for _ in range(2):
        assert main(["tune", "text", "--strategy", "own", "--grid", "title=1,3,9", "--seed", "3", "--out", "here"]) == 0
        files = (project / "here").iterdir()
        # words name the seconds
        written.append({path.name: path.read_bytes() for path in files if path.suffix not in {".md", ".html"}})
    assert written[0] == written[1]
    assert b"own_tuned" in written[0]["strategy.toml"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("tune", "what is tuned? allowed: text, multifield, hybrid, or the name of a strategy"),
        ("tune texts", "unknown kind or strategy 'texts' (did you mean 'text'?); allowed: text, multifield, hybrid"),
        ("tune own", "no parameter of own has values to try; allowed: [tuning.own] or --grid"),
        ("tune own --strategy textsearch", "--strategy own, textsearch; allowed: one strategy"),
        ("tune own --grid k1=1,-1", "k1 = -1; allowed: a number of 0 or more"),
        ("tune own --grid analyser=english", "unknown parameter of own 'analyser' (did you mean 'analyzer'?)"),
        ("tune own --grid analyzer=englisch,english", "unknown analyzer 'englisch'"),
        ("tune own --grid k1=1,2 --without b", "--without b: unknown parameter 'b'"),
        ("tune text --grid title", "--grid 'title'; allowed: NAME=VALUE[,VALUE…]"),
        ("tune text --grid whole=1,2", "--grid whole: unknown field of textsearch_boosted 'whole'"),
        ("tune text --share 2", "--share 2; allowed: between 0 and 1"),
        ("tune text --share 0.1", "the tuning split has"),
        ("tune text --seed -1", "--seed -1; allowed: a whole number of 0 or more"),
        ("tune text --share x", "--share: 'x'; allowed: a number between 0 and 1"),
        ("tune text --strategy own --strategy textsearch", "allowed: one strategy, which is tuned"),
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


TEMPLATE = """{"query": {"multi_match": {
    "query": "{{query}}", "fields": ["product_title^{{tune.title_boost=3}}", "product_description"],
    "tie_breaker": "{{tune.tie=0.3}}", "minimum_should_match": "{{tune.most=1}}"
}}}"""
OF_TEMPLATE = """
[strategies.shop]
template = "search.json"

[tuning.shop]
title_boost = [1, 3, 10]
most = ["1", "2<75%"]
"""


@pytest.mark.parametrize("trials", ["", " --trials 5"])
def test_the_marks_of_a_template_are_tuned_and_its_winner_runs(
    project: Path, capsys: pytest.CaptureFixture[str], trials: str
) -> None:
    (project / "search.json").write_text(TEMPLATE)
    (project / "relevance.toml").write_text(FILE + OF_TEMPLATE + "tie = {from = 0.0, to = 1.0, step = 0.5}\n")
    assert main(f"tune shop --engine embedded{trials}".split()) == 0
    printed = capsys.readouterr().out
    tried = "5 trials by TPE" if trials else "grid"
    assert f"{tried}: title_boost {{1, 3, 10}} x tie {{0, 0.5, 1}} x most {{1, 2<75%}}: " in printed
    assert (
        "(paired bootstrap; the best of 5 trials by TPE)" if trials else "; the best of 18 combinations)"
    ) in printed
    folder = project / "results" / "tune-shop"
    written = json.loads((folder / "shop_tuned.json").read_text())
    fields = written["query"]["multi_match"]["fields"]
    assert re.fullmatch(r"product_title\^\{\{tune\.title_boost=(1|3|10)\}\}", fields[0])
    (project / "shop_tuned.json").write_text(json.dumps(written))
    (project / "relevance.toml").write_text(FILE + (folder / "strategy.toml").read_text())
    assert main(["tune", "shop_tuned", "--grid", "title_boost=1,3,10"]) == 0
    assert main(["config"]) == 0
    head = (folder / "combinations.csv").read_text().splitlines()[0]
    assert head == "title_boost,tie,most,MRR,MAP,NDCG,ranks_as,mark"


def test_how_text_is_read_is_tuned(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = '\n[tuning.own]\nanalyzer = ["standard", "english"]\nk1 = {from = 0.1, to = 1.2}\ntext.title = [1, 4]\n'
    (project / "relevance.toml").write_text(FILE + table)
    assert main(["tune", "--strategy", "own", "--engine", "embedded", "--trials", "12", "--out", "here"]) == 0
    printed = capsys.readouterr().out
    assert "12 trials by TPE: analyzer {standard, english} x k1 {0.1 to 1.2} x text.title {1, 4}: " in printed
    assert "today: analyzer standard, k1 1.2, text.title 4 (own)" in printed
    keys = tomllib.loads((project / "here" / "strategy.toml").read_text())["strategies"]["own_tuned"]
    assert {"text", "k1"} <= keys.keys() <= {"text", "k1", "analyzer"}


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("[tuning.owm]\nk1 = [1]", "[tuning.owm]: unknown strategy 'owm' (did you mean 'own'?)"),
        ("[tuning.own]\nk2 = [1]", "[tuning.own]: unknown parameter of own 'k2'"),
        ("[tuning.own]\ntext.name = [1, 2]", "[tuning.own]: unknown parameter of own 'text.name'"),
        ("[tuning.own]\nk1 = 3", "[tuning.own]: k1 = 3; allowed: a list of values, or {from = …, to = …}"),
        ("[tuning.own]\nwindow = [1, 2]", "[tuning.own]: unknown parameter of own 'window'"),
    ],
)
def test_a_wrong_table_is_found_by_any_command(
    project: Path, capsys: pytest.CaptureFixture[str], table: str, problem: str
) -> None:
    (project / "relevance.toml").write_text(f"{FILE}\n{table}\n")
    assert main(["config"]) == 2
    assert problem in capsys.readouterr().err


def test_a_wrong_table_of_another_strategy_stops_no_tuning(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "relevance.toml").write_text(f"{FILE}\n[tuning.textsearch]\nk1 = [-1]\n")
    assert main(["tune", "own", "--grid", "text.title=1,4", "--engine", "embedded"]) == 0
    assert main(["check"]) == main(["tune", "textsearch"]) == 2
    assert "[tuning.textsearch]: k1 = -1; allowed: " in capsys.readouterr().err


def test_a_field_without_text_can_be_left_out(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop.write_files(project / "data", shop.without_attributes())
    assert main(["tune", "text"]) == 2
    assert "attributes: no product of the data set has text there" in capsys.readouterr().err
    assert main(["tune", "text", "--without", "attributes"]) == 0
    assert "today: title 8, description 2 (textsearch_boosted)" in capsys.readouterr().out


def test_a_full_disk_is_one_line(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("relevance.files.write_file", full)
    monkeypatch.setattr(Path, "write_bytes", full)
    assert main(["tune", "text"]) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not list(project.rglob("report.html"))


def test_the_help_says_the_defaults_of_the_split() -> None:
    # which it would take numpy to look up
    assert (parser.SHARE, parser.SEED) == (search.SHARE, search.SEED)
