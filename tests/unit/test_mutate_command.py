"""The command `relevance mutate`: what it plants, prints, writes, and how it ends."""

import csv
import json
import re
from pathlib import Path

import pytest
from helpers import shop
from helpers.pages import payload

from relevance.cli import main
from relevance.mutation import KINDS, NEUTRAL_KINDS

TEXT = ["--strategy", "textsearch", "--strategy", "textsearch_boosted"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shop as files; the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return shop.write_files(tmp_path, shop.shop())


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["mutate", "--engine", "embedded", "--dataset", "files:.", *TEXT, *arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_lines_and_folder_say_what_the_gate_says_of_each_kind(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    only = ["--only", "hits_reversed", "--only", "duplicates", "--only", "vectors_stale"]
    for _ in range(2):  # the folder is replaced whole
        code, out, err = run(capsys, *only, "--out", "found")
        assert (code, bool(err)) in {(0, False), (1, True)}
    lines = {line.split()[0]: line for line in out.splitlines() if line}
    assert " refused " in lines["duplicates"]
    assert "not applicable" in lines["vectors_stale"]
    assert "every list is turned round" in lines["hits_reversed"]
    assert "\ndrop of nDCG@10  " in out
    assert "changes without training took" in out
    written = {path.name: path.read_text(encoding="utf-8") for path in (folder / "found").iterdir()}
    assert set(written) == {".relevance-folder", "mutations.csv", "mutations.json", "mutations.md", "report.html"}
    document = json.loads(written["mutations.json"])
    page = payload(folder / "found" / "report.html")
    assert page["results"] == document
    assert [f"relevance: {line}" for line in page["wrong"]] == err.splitlines()
    assert [one["caught"] for one in document["mutations"]] == [None, True, True]
    assert [one["kind"] for one in document["mutations"]] == ["vectors_stale", "hits_reversed", "duplicates"]
    rows = list(csv.DictReader(written["mutations.csv"].splitlines()))
    assert {row["kind"] for row in rows} == {"vectors_stale", "hits_reversed", "duplicates"}
    drops = {row["strategy"]: float(row["drop"]) for row in rows if row["kind"] == "hits_reversed"}
    assert drops == {
        one["strategy"]: pytest.approx(one["relative"], abs=1e-6) for one in document["mutations"][1]["strategies"]
    }
    assert "| hits_reversed |" in written["mutations.md"]


@pytest.mark.parametrize("columns", [80, 110, 200])
def test_a_narrow_terminal_still_says_why(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    _, out, _ = run(capsys, "--only", "hits_reversed", "--only", "duplicates")
    table = out.split("\n\n")[1].splitlines()
    assert all(len(line) <= columns for line in table[:2])
    assert "every list is turned" in table[1]
    assert ("adjusted p" in table[0]) is (columns > 80)
    assert re.search(r"duplicates +refused +ranking: query 'q", table[2])


def test_runs_of_a_kind_stand_with_their_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "--only", "newly_empty", "--runs", "2", "--seed", "5")
    assert re.findall(r"newly_empty \((\d)\)", out) == ["5", "6"]


def test_neutral_changes_are_planted_with_seeds_that_follow(capsys: pytest.CaptureFixture[str]) -> None:
    only = ("--only", "same_again", "--only", "other_order", "--runs", "3", "--seed", "5")
    code, out, err = run(capsys, "--neutral", *only, "--nulls", "4")
    assert code == 1  # where hits that nobody judged decide, noise fails too
    assert [line.split(":")[1:] for line in err.splitlines()] == [
        [f" other_order, seed {seed}", " fails undecided, although nothing became worse"] for seed in (5, 6, 7)
    ]
    assert re.findall(r"other_order \((\d)\)", out) == ["5", "6", "7"]
    assert re.search(r"same_again \(5\) +no effect", out)
    assert "true nulls, 4 sessions" in out


@pytest.mark.parametrize(
    ("unjudged", "code", "verdict"), [("pass", 1, "undecided  "), ("fail", 0, "undecided, fails  ")]
)
def test_a_large_drop_that_passes_is_exit_code_1(
    folder: Path, capsys: pytest.CaptureFixture[str], unjudged: str, code: int, verdict: str
) -> None:
    limits = f'[gate]\nfail = 0.04\nleast_queries = 1000\nunjudged_hits = "{unjudged}"\n'
    (folder / "relevance.toml").write_text(limits, encoding="utf-8")
    answered, out, err = run(capsys, "--only", "last_word_lost")
    assert answered == code
    assert bool(re.search(r"last_word_lost: \w+ drops by", err)) is (code == 1)
    assert re.search(f"last_word_lost +{verdict}", out)


def test_withheld_judgments_are_told_by_truth_and_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    only = ["--only", "last_word_lost", "--strategy", "textsearch", "--out", "found"]
    code, out, err = run(capsys, "--holes", "five", *only)
    assert (code, bool(err)) in {(0, False), (1, True)}
    assert "judgments withheld: what the baseline's first five show is judged" in out
    assert len(re.findall(r"^truly (?:better|a loss): \d", out, flags=re.MULTILINE)) == 2
    rows = list(csv.DictReader((folder / "found" / "mutations.csv").read_text(encoding="utf-8").splitlines()))
    assert {(row["strategy"], row["undone"]) for row in rows} >= {("textsearch", "False"), ("textsearch", "True")}
    assert all(row["kind"] == "last_word_lost" and row["at 0"] for row in rows)
    counted = json.loads((folder / "found" / "mutations.json").read_text(encoding="utf-8"))
    page = payload(folder / "found" / "report.html")
    assert page["results"] == counted
    assert [f"relevance: {line}" for line in page["wrong"]] == err.splitlines()
    assert (counted["pool"], len(counted["tried"])) == ("five", len(rows))


@pytest.mark.parametrize(("options", "kinds"), [([], KINDS), (["--neutral"], NEUTRAL_KINDS)])
def test_the_list_names_all_kinds(
    capsys: pytest.CaptureFixture[str], options: list[str], kinds: dict[str, object]
) -> None:
    assert main(["mutate", "--list", *options]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == list(kinds)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("--only title_gone", "unknown kind 'title_gone'"),
        ("--only same_again", "unknown kind 'same_again'"),
        ("--only labels_shuffled", "--only labels_shuffled: trains a model, minutes each; allowed: with"),
        ("--nulls 3", "--nulls changes nothing without --neutral"),
        ("--neutral --other-model x/y", "--other-model is a regression; allowed: without --neutral"),
        ("--holes twelve", "unknown pool 'twelve'"),
        ("--holes ten --neutral", "--holes asks for changes with an effect; allowed: without --neutral"),
        ("--baseline main.json", "unknown argument '--baseline'"),
        ("--runs 0", "'0'; allowed: a whole number from 1 to 100,000"),
        ("--out judgments.csv", "--out"),
        ("--dataset files:nowhere", "nowhere"),
    ],
)
def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str], arguments: str, problem: str) -> None:
    code, out, err = run(capsys, *arguments.split())
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert problem in line
