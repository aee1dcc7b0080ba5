"""The report on a fine-tuning: its page and its CSV files."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from made_up_changes import ODD, changes, comparison, curve, evaluation, facts, pairs, queries
from markdown_it import MarkdownIt

from relevance.errors import InputError
from relevance.finetune.changes import Changes, compare
from relevance.finetune.similarity import JudgedPairs, pair_changes
from relevance.report.finetuned import check_report_folder, report_files, write_report
from relevance.report.finetuned.columns import comparison_csv, pairs_csv, queries_csv, training_csv
from relevance.report.finetuned.page import index_page

if TYPE_CHECKING:
    from pathlib import Path

GAIN = re.compile(r"[+-]\d\.\d{4}(?! \[)(?!\])(?!, )")
"""A signed number of four decimals that neither has an interval behind it nor stands in one."""


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture is drawn, which takes most of a report's time; other tests look at pictures."""
    for name in ("curve", "band", "queries", "box", "density"):
        monkeypatch.setattr(f"relevance.report.finetuned.{name}_picture", lambda _: b"PNG")


def rendered(page: str) -> str:
    """The page as HTML."""
    return MarkdownIt("commonmark").enable("table").render(page)


def rows(text: str) -> list[list[str]]:
    """The rows of a CSV file without its head."""
    return list(csv.reader(io.StringIO(text)))[1:]


def none_changed() -> Changes:
    """A fine-tuning that changed nothing at all."""
    same = evaluation([0.5, 0.25, 1.0])
    labels, cosines = np.array([0.0, 1.0]), np.array([0.4, 0.4])
    judged = JudgedPairs(("a", "b"), ("1", "2"), ("", ""), labels, cosines, cosines, 1)
    compared = compare(("rrf", "rrf_finetune"), same, [same], queries(3))
    return Changes((compared,), pair_changes(judged), (curve(2, best=0),))


@pytest.mark.usefixtures("undrawn")
def test_the_page_leads_to_every_file_and_no_other() -> None:
    """Every picture and CSV file of the folder is linked from the page, and every link leads to a file."""
    files = report_files(facts(2), changes(20, judged=60, seeds=2))
    linked = set(re.findall(r'(?:href|src)="([^"]+)"', rendered(str(files["index.md"]))))
    assert linked == set(files) - {"index.md"}


@pytest.mark.usefixtures("undrawn")
def test_many_notes_are_a_file_of_their_own() -> None:
    """Ten notes stand on the page; where there are more, all are in a file, and the page says so."""
    notes = tuple(f"near: {at}\nand | so on" for at in range(12))
    files = report_files(replace(facts(), notes=notes), changes(5, judged=10))
    assert str(files["notes.txt"]).splitlines() == [f"near: {at} and | so on" for at in range(12)]
    page = str(files["index.md"])
    assert page.count("- near: ") == 10
    assert "- 2 more: [notes.txt](notes.txt)" in page
    assert "notes.txt" not in report_files(replace(facts(), notes=notes[:10]), changes(5, judged=10))


@pytest.mark.usefixtures("undrawn")
def test_one_seed_has_no_band() -> None:
    """Neither picture nor section of seeds where there is one."""
    files = report_files(facts(), changes(20, judged=60))
    assert "seeds.png" not in files
    assert "## Seeds" not in str(files["index.md"])


def test_a_gain_never_stands_without_its_interval() -> None:
    """Outside of the tables of single queries every change has its interval beside it."""
    page = index_page(facts(3), changes(40, judged=60, seeds=3))
    for section in page.split("\n## "):
        lines = [line for line in section.splitlines() if "→" not in line]
        assert not GAIN.search("\n".join(lines))
    single = index_page(facts(), Changes((comparison("rrf", 1, 1),), pair_changes(pairs(3)), (curve(),)))
    assert single.count("not shown: a single query has no interval") == 5  # summary, three metrics, queries
    assert not re.search(r"[+-]\d\.\d{4} \[", single)


def test_numbers_of_the_comparison_are_on_the_page() -> None:
    """0.5 and 0.25 against 0.75 and 0.5: a change of 0.25, certain, two thirds of the base."""
    found = compare(("rrf", "rrf_finetune"), evaluation([0.5, 0.25]), [evaluation([0.75, 0.5])], queries(2))
    page = index_page(facts(), Changes((found,), pair_changes(pairs(3)), (curve(),)))
    change = "+0.2500 [+0.2500, +0.2500] | +66.7% [+66.7%, +66.7%] | better |"
    assert f"| `rrf_finetune` | NDCG | 0.3750 | 0.6250 | {change}" in page
    assert "2 queries gained, 0 lost" in page
    assert "| =1+2" not in page  # the third of the odd texts is no query here
    assert "Lost most: none." in page


def test_a_loss_is_said_loudly() -> None:
    """A fine-tuning that made search worse is not to be overlooked."""
    found = compare(("rrf", "rrf_finetune"), evaluation([0.75, 0.5]), [evaluation([0.5, 0.25])], queries(2))
    page = index_page(facts(), Changes((found,), pair_changes(pairs(3)), (curve(),)))
    assert "**worse**; 0 queries gained, 2 lost" in page


def test_odd_texts_break_no_table() -> None:
    """Queries, titles, ids and facts with pipes, line ends, HTML and links are text in their cells."""
    number = len(ODD)
    labels = np.array([0.0, 1.0] * (number // 2))
    judged = JudgedPairs(ODD, ODD, ODD, labels, np.linspace(0.1, 0.9, number), np.linspace(0.9, 0.1, number), 1)
    found = compare(("a|b", "<c>"), evaluation([0.5] * number), [evaluation([1.0] * number)], queries(number))
    odd = replace(facts(), dataset=ODD[0], base=ODD[1], model=ODD[4], counts={ODD[1]: 1}, options={ODD[0]: ODD[5]})
    page = index_page(replace(odd, notes=ODD), Changes((found,), pair_changes(judged), (curve(),)))
    made = rendered(page)
    assert "<b>" not in made
    assert 'example.org"' not in made
    assert "<em>" not in made
    for table in re.findall(r"<table>.*?</table>", made, re.DOTALL):
        widths = {row.count("<t") for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)}
        assert len(widths) == 1
    assert made.count("&lt;b&gt;bold&lt;/b&gt; &amp; co") >= 4


def test_nothing_changed_is_a_page_too() -> None:
    """No gained query, equal cosines, the step before training chosen: words instead of numbers that are not there."""
    page = index_page(facts(), none_changed())
    assert "Gained most: none." in page
    assert "Improved most: none." in page
    assert "Rank correlation (Spearman) of label and cosine: - before, - after." in page
    assert "change +0.0000 [+0.0000, +0.0000]" in page
    assert "undecided" in page


@pytest.mark.usefixtures("undrawn")
def test_without_strategies_and_pairs_the_training_is_reported() -> None:
    """No benchmark ran and no pair is judged: the page says so, and no picture is empty."""
    nothing = JudgedPairs((), (), (), *(np.array([]),) * 3, relevant_from=1)
    files = report_files(facts(), Changes((), pair_changes(nothing), (curve(1, best=0),)))
    page = str(files["index.md"])
    assert "No strategies were compared." in page
    assert "There are no judged pairs to compare." in page
    assert [name for name in files if name.endswith(".png")] == ["curve.png"]


def test_csv_files_hold_everything() -> None:
    """A row an evaluation, a gain, a query of each comparison, a pair."""
    found = changes(20, judged=60, seeds=2)
    assert len(rows(training_csv(found.curves, (12, 13)))) == 11 + 9
    assert len(rows(comparison_csv(found.comparisons, (12, 13)))) == 2 * (3 + 1 + 1)
    assert len(rows(queries_csv(found.comparisons))) == 2 * 20
    assert len(rows(pairs_csv(found.pairs))) == 60
    gains = [float(row[-1]) for row in rows(pairs_csv(found.pairs))]
    assert gains == sorted(gains, reverse=True)


def test_a_csv_text_is_no_formula_and_can_be_had_back() -> None:
    """Texts that a spreadsheet would run get an apostrophe, as do texts with one; numbers below 0 stay numbers."""
    texts = ("=1+2", "+1", "-1", "@a", "\tx", "'a", "＝1", 'plain, "quoted"\nline')  # noqa: RUF001 - full-width sign
    number = len(texts)
    labels = np.arange(number, dtype=np.float64)
    judged = pair_changes(JudgedPairs(texts, texts, texts, labels, -labels / 10, labels / 20, 1))
    found = rows(pairs_csv(judged))
    cells = [row[0] for row in found]
    assert all(cell.startswith("'") for cell in cells if cell != texts[-1])
    assert {cell.removeprefix("'") for cell in cells} == set(texts)
    assert min(float(row[5]) for row in found) == -0.7
    assert [row[3] for row in found if row[0] == texts[-1]] == ["7"]


def test_numbers_of_seeds_must_agree() -> None:
    """A curve or an evaluation too few is the caller's mistake, not a page with holes."""
    for broken in (facts(2), facts(0)):
        with pytest.raises(ValueError, match="as many of each are needed"):
            report_files(broken, changes(5, judged=10))


def test_the_folder_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report takes the place of an earlier one, and of nothing else."""
    monkeypatch.setattr("relevance.report.finetuned.style.DPI", 50)
    write_report(facts(2), changes(5, judged=10, seeds=2), tmp_path / "report")
    for picture in (tmp_path / "report").glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
    check_report_folder(tmp_path / "report", named="--out report")
    write_report(facts(), changes(5, judged=10), tmp_path / "report")
    assert not (tmp_path / "report" / "seeds.png").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    with pytest.raises(InputError, match="holds other files; allowed: a new or empty folder, or an earlier report"):
        check_report_folder(tmp_path, named="--out .")
