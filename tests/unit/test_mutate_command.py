"""The command `relevance mutate`: what it plants, prints, writes, and how it ends."""

from __future__ import annotations

import csv
import json
import re
from typing import TYPE_CHECKING

import pytest
from helpers import small_shop

from relevance.cli import main
from relevance.mutation import KINDS, NEUTRAL_KINDS

if TYPE_CHECKING:
    from pathlib import Path

TEXT = ["--strategy", "textsearch", "--strategy", "textsearch_boosted"]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the made shop as files; the current one."""
    dataset = small_shop.shop()
    products, attributes = dataset.catalogue.products, dataset.catalogue.attributes
    lists: dict[int, dict[str, list[str]]] = {}
    for code, name, value in attributes.itertuples(index=False):
        lists.setdefault(int(code), {}).setdefault(name, []).append(value)
    with (tmp_path / "products.jsonl").open("w", encoding="utf-8") as out:
        for code, (uid, title, description) in enumerate(products.itertuples(index=False)):
            row = {"id": uid, "title": title, "description": description, "attributes": lists[code]}
            out.write(json.dumps(row) + "\n")
    with (tmp_path / "judgments.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(("query", "product", "grade"))
        judged = dataset.judgments
        columns = (judged.queries.tolist(), judged.products.tolist(), judged.grades.tolist())
        for query, product, grade in zip(*columns, strict=True):
            writer.writerow((dataset.queries.texts[query], dataset.catalogue.ids[product], grade))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["mutate", "--engine", "embedded", "--dataset", "files:.", *TEXT, *arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_what_is_planted_and_what_the_gate_says(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each kind, the counts, the cost; the folder holds the same in three forms, replaced whole."""
    only = ["--only", "hits_reversed", "--only", "duplicates", "--only", "vectors_stale"]
    for _ in range(2):
        code, out, err = _run(capsys, *only, "--out", "found")
        assert code in {0, 1}
        assert (code == 1) == bool(err)
    lines = {line.split()[0]: line for line in out.splitlines() if line}
    assert " refused " in lines["duplicates"]
    assert "not applicable" in lines["vectors_stale"]
    assert "every list is turned round" in lines["hits_reversed"]
    assert "measured drop of nDCG@10" in out
    assert "changes without training took" in out
    folder = shop / "found"
    names = {path.name for path in folder.iterdir()}
    assert names == {".relevance-folder", "mutations.csv", "mutations.json", "mutations.md"}
    document = json.loads((folder / "mutations.json").read_text(encoding="utf-8"))
    assert [one["kind"] for one in document["mutations"]] == ["vectors_stale", "hits_reversed", "duplicates"]
    with (folder / "mutations.csv").open(encoding="utf-8", newline="") as rows:
        found = list(csv.DictReader(rows))
    assert {row["kind"] for row in found} == {"vectors_stale", "hits_reversed", "duplicates"}
    reversed_ = next(row for row in found if row["kind"] == "hits_reversed" and row["strategy"] == "textsearch")
    entry = next(one for one in document["mutations"][1]["strategies"] if one["strategy"] == "textsearch")
    assert float(reversed_["drop"]) == pytest.approx(entry["relative"], abs=1e-6)
    assert "| hits_reversed |" in (folder / "mutations.md").read_text(encoding="utf-8")


def test_neutral_changes(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ARG001 - the files
    """Noise does not fail; each is planted as often as asked for, with seeds that follow each other; nulls too."""
    only = ("--only", "same_again", "--only", "other_order", "--runs", "3", "--seed", "5")
    code, out, err = _run(capsys, "--neutral", *only, "--nulls", "4")
    assert (code, err) == (0, "")
    assert [f"other_order ({seed})" in out for seed in (4, 5, 6, 7, 8)] == [False, True, True, True, False]
    assert re.search(r"same_again \(5\) +no effect", out)
    assert "true nulls, 4 sessions" in out


def test_a_large_drop_that_passes_is_exit_code_1(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where limits are too wide for what was planted, that is said and the command fails."""
    (shop / "relevance.toml").write_text("[gate]\nfail = 0.04\nleast_queries = 1000\n", encoding="utf-8")
    code, _, err = _run(capsys, "--only", "last_word_lost")
    assert code == 1
    assert "last_word_lost: " in err
    assert "drops by" in err


def test_the_list_names_all_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is read or planted."""
    assert main(["mutate", "--list"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[1:]] == list(KINDS)
    assert main(["mutate", "--list", "--neutral"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == list(NEUTRAL_KINDS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "title_gone"], "unknown kind 'title_gone'"),
        (["--only", "same_again"], "unknown kind 'same_again'"),
        (["--only", "labels_shuffled"], "--only labels_shuffled: trains a model, minutes each; allowed: with"),
        (["--nulls", "3"], "--nulls changes nothing without --neutral"),
        (["--neutral", "--other-model", "x/y"], "--other-model is a regression; allowed: without --neutral"),
        (["--baseline", "main.json"], "unknown argument '--baseline'"),
        (["--runs", "0"], "'0'; allowed: a whole number from 1 to 100,000"),
        (["--out", "judgments.csv"], "--out"),
        (["--dataset", "files:nowhere"], "nowhere"),
    ],
)
def test_bad_input(
    shop: Path,  # noqa: ARG001 - the files
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    """Exit code 2 and one line."""
    code, out, err = _run(capsys, *arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert said in line
