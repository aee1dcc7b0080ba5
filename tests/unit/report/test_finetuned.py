"""The report on a fine-tuning: its page and its CSV files."""

from __future__ import annotations

import csv
import io
import re
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import golden
from helpers.changes import ODD, changes, comparison, curve, done, evaluation, pairs, queries
from markdown_it import MarkdownIt

from relevance.finetune.changes import Changes, Comparison, JudgedPairs, compare, pair_changes
from relevance.report import charts
from relevance.report.finetuned import comparison_csv, index_page, pairs_csv, queries_csv, report_files, training_csv

GAIN = re.compile(r"[+-]\d\.\d{4}(?! \[)(?!\])(?!, )")
"""A signed number of four decimals that neither has an interval behind it nor stands in one."""


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture is drawn, which takes most of a report's time; other tests look at pictures."""
    for name in ("curve", "band", "queries", "box", "density"):
        monkeypatch.setattr(charts, f"{name}_picture", lambda _: b"PNG")


def rendered(page: str) -> str:
    """The page as HTML."""
    return MarkdownIt("commonmark").enable("table").render(page)


def rows(text: str) -> list[list[str]]:
    """The rows of a CSV file without its head."""
    return list(csv.reader(io.StringIO(text)))[1:]


def compared(before: list[float], after: list[float], names: tuple[str, str] = ("rrf", "rrf_finetune")) -> Comparison:
    """One seed's model on made-up queries."""
    return compare(names, evaluation(before), [evaluation(after)], queries(len(before)))


def judged(texts: tuple[str, ...]) -> JudgedPairs:
    """Pairs whose texts, ids and titles are these, half of them relevant."""
    number = len(texts)
    labels = np.array([0.0, 1.0] * number)[:number]
    cosines = np.linspace(0.1, 0.9, number)
    return JudgedPairs(texts, texts, texts, labels, cosines, cosines[::-1], 1)


def test_the_page() -> None:
    """Summary, facts, comparisons, seeds, training, queries and pairs."""
    leaks = SimpleNamespace(near_queries=[("hammers", "hammer")], shared_products=range(212))
    golden.check("finetuned.md", index_page(done(changes(12, judged=20, seeds=2), leaks=leaks)))


@pytest.mark.usefixtures("undrawn")
def test_the_page_leads_to_every_file_and_no_other() -> None:
    """Every picture and CSV file of the folder is linked from the page, and every link leads to a file."""
    notes = tuple(f"near: {at}\nand | so on" for at in range(12))
    files = report_files(done(changes(20, judged=60, seeds=2), notes=notes))
    linked = set(re.findall(r'(?:href|src)="([^"]+)"', rendered(str(files["index.md"]))))
    assert linked == set(files) - {"index.md"}
    assert str(files["notes.txt"]).splitlines() == [f"near: {at} and | so on" for at in range(12)]
    assert str(files["index.md"]).count("- near: ") == 10


@pytest.mark.usefixtures("undrawn")
def test_no_file_holds_nothing() -> None:
    """One seed has no band, no strategy no comparison, no pair no picture, few notes no file."""
    nothing = JudgedPairs((), (), (), *(np.array([]),) * 3, relevant_from=1)
    files = report_files(done(Changes((), pair_changes(nothing), (curve(1, best=0),))))
    page = str(files["index.md"])
    assert "No strategies were compared." in page
    assert "There are no judged pairs to compare." in page
    assert "## Seeds" not in page
    assert {name for name in files if not name.endswith((".md", ".csv"))} == {"curve.png"}


def test_a_gain_never_stands_without_its_interval() -> None:
    """Outside of the tables of single queries every change has its interval beside it."""
    page = index_page(done(changes(40, judged=60, seeds=3)))
    for section in page.split("\n## "):
        assert not GAIN.search("\n".join(line for line in section.splitlines() if "→" not in line))
    single = index_page(done(Changes((comparison("rrf", 1, 1),), pair_changes(pairs(3)), (curve(),))))
    assert single.count("not shown: a single query has no interval") == 5  # summary, three metrics, queries
    assert not re.search(r"[+-]\d\.\d{4} \[", single)


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (
            [0.5, 0.25],
            [0.75, 0.5],
            "change +0.2500 [+0.2500, +0.2500], in percent +66.7% [+66.7%, +66.7%]: better; 2 queries gained, 0 lost",
        ),
        (
            [0.75, 0.5],
            [0.5, 0.25],
            "in percent -40.0% [-40.0%, -40.0%]: **worse**; 0 queries gained, 2 lost",
        ),
        (
            [0.5, 0.5],
            [0.5, 0.5],
            "change +0.0000 [+0.0000, +0.0000], in percent +0.0% [+0.0%, +0.0%]: undecided; 0 queries gained, 0 lost",
        ),
        ([0.0, 0.0], [0.0, 0.5], "in percent -: undecided; 1 query gained, 0 lost"),
    ],
)
def test_the_verdict_is_that_of_the_interval(before: list[float], after: list[float], line: str) -> None:
    """A loss is said loudly, and nothing is divided by 0."""
    page = index_page(done(Changes((compared(before, after),), pair_changes(pairs(3)), (curve(),))))
    assert line in page


def test_nothing_changed_is_a_page_too() -> None:
    """No gained query, equal cosines, the step before training chosen: words instead of numbers that are not there."""
    cosines = np.array([0.4, 0.4])
    same = JudgedPairs(("a", "b"), ("1", "2"), ("", ""), np.array([0.0, 1.0]), cosines, cosines, 1)
    page = index_page(done(Changes((compared([0.5], [0.5]),), pair_changes(same), (curve(2, best=0),))))
    for words in ("Gained most: none.", "Improved most: none.", "of label and cosine: - before, - after."):
        assert words in page


def test_odd_texts_break_no_table() -> None:
    """Queries, titles, ids and facts with pipes, line ends, HTML and links are text in their cells."""
    number = len(ODD)
    odd = Changes((compared([0.5] * number, [1.0] * number, ("a|b", "<c>")),), pair_changes(judged(ODD)), (curve(),))
    shown = rendered(index_page(done(odd, dataset=ODD[0], base=ODD[1], notes=ODD)))
    assert not re.search(r'<b>|<em>|example\.org"', shown)
    for table in re.findall(r"<table>.*?</table>", shown, re.DOTALL):
        assert len({row.count("<t") for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)}) == 1
    assert shown.count("&lt;b&gt;bold&lt;/b&gt; &amp; co") >= 4


def test_csv_files_hold_everything() -> None:
    """A row an evaluation, a gain, a query of each comparison, a pair from the largest gain on."""
    whole = changes(20, judged=60, seeds=2)
    assert len(rows(training_csv(whole.curves, (12, 13)))) == 11 + 9
    assert len(rows(comparison_csv(whole.comparisons, (12, 13)))) == 2 * (3 + 1 + 1)
    assert len(rows(queries_csv(whole.comparisons))) == 2 * 20
    gains = [float(row[-1]) for row in rows(pairs_csv(whole.pairs))]
    assert len(gains) == 60
    assert gains == sorted(gains, reverse=True)


def test_a_csv_text_is_no_formula_and_can_be_had_back() -> None:
    """Texts that a spreadsheet would run get an apostrophe, as do texts with one; numbers below 0 stay numbers."""
    texts = ("=1+2", "+1", "-1", "@a", "\tx", "'a", "＝1", 'plain, "quoted"\nline')  # noqa: RUF001 - full-width sign
    cells = [row[0] for row in rows(pairs_csv(pair_changes(judged(texts))))]
    assert all(cell.startswith("'") for cell in cells if cell != texts[-1])
    assert {cell.removeprefix("'") for cell in cells} == set(texts)
    assert {row[3] for row in rows(pairs_csv(pair_changes(judged(texts))))} == {"0", "1"}
