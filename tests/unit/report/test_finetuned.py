"""The report on a fine-tuning: its page and its CSV files."""

import csv
import io
import re
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import golden
from helpers.changes import ODD, changes, choice, comparison, curve, done, evaluation, judged, pairs, queries

from relevance.finetune.changes import Changes, Comparison, compare
from relevance.finetune.recipe import Curve, Step
from relevance.report.finetuned import recipe_lines, report_files, reranker_lines

NO_PAIRS = judged([], [], [])


def page(changed: Changes, **facts: Any) -> str:
    return str(report_files(done(changed, **facts))["index.md"])


def compared(before: list[float], after: list[float]) -> Comparison:
    """One seed's model on made-up queries."""
    return compare(("rrf", "rrf_finetune"), evaluation(before), [evaluation(after)], queries(len(before)))


def test_the_page_with_all_parts_and_odd_texts() -> None:
    leaks = SimpleNamespace(near_queries=[("hammers", "hammer")], shared_products=range(212))
    whole = changes(12, judged=20, seeds=2)
    golden.check("finetuned.md", page(whole, leaks=leaks, dataset=ODD[0], base=ODD[1], notes=ODD))


def test_the_page_leads_to_every_file_and_no_other() -> None:
    notes = tuple(f"near: {at}\nand | so on" for at in range(12))
    files = report_files(done(changes(20, judged=60, seeds=2), notes=notes))
    linked = re.findall(r"[^\\]\]\(([^)]+)\)", str(files["index.md"]))
    assert set(linked) == set(files) - {"index.md"}
    assert str(files["notes.txt"]).splitlines() == [f"near: {at} and | so on" for at in range(12)]
    assert str(files["index.md"]).count("- near: ") == 10


RECIPES = choice("loss=mnrl", ODD[0], "loss=hard+epochs=5")


def test_the_recipes_that_were_compared_stand_on_the_page_and_in_a_file() -> None:
    files = report_files(done(changes(20, judged=60, seeds=2), choice=RECIPES))
    section = str(files["index.md"]).partition("## Recipes compared\n")[2].partition("\n## ")[0]
    golden.check("recipes.md", f"{section.strip()}\n")
    first, second, third = csv.DictReader(io.StringIO(str(files["recipes.csv"])))
    assert [one["chosen"] for one in (first, second, third)] == ["0", "0", "1"]
    assert (first["to_first"], second["parts_seconds"], third["memory_bytes"]) == (
        "0.000000",
        "mining=12.0",
        "1234567890",
    )


@pytest.mark.parametrize("columns", [80, 120, None])
def test_the_recipes_have_room_on_a_terminal(columns: int | None) -> None:
    lines = [line.text for line in recipe_lines(choice("loss=mnrl", "loss=hard+epochs=5"), columns)]
    table = lines[1:5]
    assert columns is None or max(map(len, table)) <= columns
    assert [line.split()[0] for line in table] == ["recipe", "base,", "loss=mnrl", "loss=hard+epochs=5"]
    assert "to the first" in table[0]  # what says which recipe is better stays
    assert ("step kept" in table[0]) is (columns is None)


def test_what_there_is_nothing_of_has_no_file() -> None:
    files = report_files(done(Changes((), NO_PAIRS, (curve(1, best=0),))))
    for words in ("No strategies were compared.", "There are no judged pairs to compare."):
        assert words in str(files["index.md"])
    assert "## Seeds" not in str(files["index.md"])
    assert {name for name in files if not name.endswith((".md", ".csv"))} == {"report.html"}


def test_a_gain_never_stands_without_its_interval() -> None:
    alone = re.compile(r"[+-]\d\.\d{4}(?! \[)(?!\])(?!, )")  # neither before an interval nor in one
    lines = page(changes(40, judged=60, seeds=3)).splitlines()
    assert not alone.search("\n".join(line for line in lines if "→" not in line))  # of single queries
    single = page(Changes((comparison("rrf", 1, 1),), pairs(3), (curve(),)))
    assert single.count("not shown: a single query has no interval") == 6  # summary, three metrics, judged, queries
    assert not re.search(r"[+-]\d\.\d{4} \[", single)


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (
            [0.5, 0.25],
            [0.75, 0.5],
            "change +0.2500 [+0.2500, +0.2500], in percent +66.7% [+66.7%, +66.7%]: better; 2 queries gained, 0 lost",
        ),
        ([0.75, 0.5], [0.5, 0.25], "in percent -40.0% [-40.0%, -40.0%]: **worse**; 0 queries gained, 2 lost"),
        ([0.5, 0.5], [0.5, 0.5], "change +0.0000 [+0.0000, +0.0000], in percent +0.0% [+0.0%, +0.0%]: undecided; 0 qu"),
        ([0.5, 0.5], [0.5, 0.49999], "change +0.0000 [+0.0000, +0.0000], in percent"),
        ([0.0, 0.0], [0.0, 0.5], "in percent -: undecided; 1 query gained, 0 lost"),
    ],
)
def test_the_verdict_is_that_of_the_interval(before: list[float], after: list[float], line: str) -> None:
    assert line in page(Changes((compared(before, after),), NO_PAIRS, (curve(),)))


def test_where_nothing_changed_words_stand_for_numbers() -> None:
    same = judged([0, 1], [0.4, 0.4], [0.4, 0.4])
    text = page(Changes((compared([0.5], [0.5]),), same, (curve(2, best=0),)))
    for words in ("Gained most: none.", "Improved most: none.", "of label and cosine: - before, - after."):
        assert words in text


def test_csv_files_hold_every_evaluation_gain_query_and_pair() -> None:
    files = report_files(done(changes(20, judged=60, seeds=2)))

    def rows(name: str) -> list[list[str]]:
        return list(csv.reader(io.StringIO(str(files[f"{name}.csv"]))))[1:]

    assert [len(rows(name)) for name in ("training", "comparison", "queries", "pairs")] == [20, 14, 40, 60]
    assert [row[2:4] for row in rows("comparison")][4:7] == [
        ["all", "nDCG@10"],
        ["all", "nDCG@10 of judged hits"],
        ["all", "Judged@10"],
    ]
    assert [row[-1] for row in rows("training")].count("1") == 2
    queries_of, *_, labels, _, _, _, _, _, gains = zip(*rows("pairs"), strict=True)
    assert "'=1+2" in queries_of  # which a spreadsheet would run
    assert set(labels) == {"0", "1", "2"}
    assert list(map(float, gains)) == sorted(map(float, gains), reverse=True)


def test_a_model_of_dot_products_is_called_so() -> None:
    files = report_files(done(changes(3, judged=4, seeds=1), similarity="dot"))
    assert "dot_product_before,dot_product_after" in str(files["pairs.csv"])
    assert "cosine" not in str(files["index.md"]).lower()


@pytest.mark.parametrize(("tuned", "is_said"), [(0.4, True), (0.5, False), (0.6, False)])
def test_a_reranker_that_is_worse_than_its_input_is_said_so(tuned: float, *, is_said: bool) -> None:
    steps = (Step(0, 0.0, None, 0.1, 0.2, 0.3),)
    stored = SimpleNamespace(curve=Curve(steps, 0, 12.5, stopped_early=False), path="model", notes=())
    change = compared([0.5, 0.5, 0.5], [tuned, 0.5, 0.5])
    lines = reranker_lines(SimpleNamespace(stored=stored, change=change, stages={}))  # type: ignore[arg-type] # as it is
    note = "note: the reranker is worse than what it reorders; do not use it as it is"
    assert ([line.mark for line in lines if line.text == note] == ["warn"]) is is_said
