"""A session on a terminal: rows that never wrap, one screen, and colours only where they are seen."""

import io
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import golden
from helpers.snapshots import comparison, measured, snapshot
from test_terminal import CONFIG, FAILED, PASSED, UNGATED, suite

from relevance.diagnosis import diagnose
from relevance.evaluation import AP10, NDCG10, RR10, parse
from relevance.gate import Floors, Limits, MetricChoice, Verdict
from relevance.report.screen import FINDING, STRATEGY, folded_lines, on_screen, written_lines
from relevance.report.terminal import session_lines, table
from relevance.strategies import STRATEGIES
from relevance.text import Line, coloured, is_coloured, width

SIZES = (1, 11, 40)
BOTH = Verdict("pass", floors=Floors({"MRR": 0.4, "NDCG": 0.3}, "", "thresholds.toml"))
LONG = "vectorsearch_multifield_boosted_of_the_autumn_catalogue"


def names(number: int) -> list[str]:
    """The built-in strategies, then others with names that differ in their middle."""
    own = [f"vectorsearch_{at:02}_with_a_very_long_name_boosted" for at in range(number)]
    return [*list(STRATEGIES)[:11], *own][:number]


def measured_suite(number: int, verdicts: Any = (FAILED, BOTH, UNGATED, PASSED)) -> Any:
    rows = [(name, 0.4 + at / 1000, verdicts[at % len(verdicts)]) for at, name in enumerate(names(number))]
    return suite(*rows)


def printed(number: int, columns: int) -> list[Line]:
    """All that a session with so many strategies prints, each of which is worse than before, on one screen."""
    texts = {"texts": ("oak table", "elm chair")}
    before = snapshot({name: measured([0.9, 0.5], [("a", "b")] * 2) for name in names(number)}, **texts)
    now = snapshot({name: measured([0.1, 0.5], [("n", "a"), ("a", "b")]) for name in names(number)}, **texts)
    compared = comparison(**dict.fromkeys(names(number), "loss"))
    compared = replace(compared, differs=tuple(f"{name}: text.title 8 -> 1" for name in names(number)))
    diagnosis = diagnose(before, now, compared, Limits(), titles={"a": "Oak table", "n": "Elm chair"})
    lines = session_lines(measured_suite(number), columns=columns, comparisons=[compared], diagnoses=[diagnosis])
    return on_screen(lines, columns=columns)


@pytest.mark.parametrize("number", SIZES)
@pytest.mark.parametrize("columns", [80, 100, 160])
def test_a_session_on_one_screen(columns: int, number: int) -> None:
    lines = printed(number, columns)
    golden.check(f"screen-{columns}-{number}.txt", "".join(f"{one.mark:<5}{one.text}\n" for one in lines))
    assert len(lines) <= 40
    assert max(width(line.text) for line in lines) <= columns


@pytest.mark.parametrize("columns", [*range(30, 200, 7)])
def test_no_row_of_the_table_is_wider_than_the_terminal(columns: int) -> None:
    many = replace(MetricChoice(), report=(RR10, AP10, NDCG10, *map(parse, ("P@5", "R@100", "ERR@10"))))
    one = suite((LONG, 0.5, FAILED), (LONG[::-1], 0.4, UNGATED))
    one.plan.config = SimpleNamespace(metrics=many, gate=CONFIG.gate)
    lines = table(one, columns=columns)
    assert max(width(line.text) for line in lines[:3]) <= columns
    assert len({line.text.split()[0] for line in lines[1:3]}) == 2


def test_the_leading_metric_and_the_verdict_stay_and_the_rest_is_named() -> None:
    one = suite((LONG, 0.5, FAILED), (LONG[::-1], 0.4, UNGATED))
    head, first, _, unshown = (line.text for line in table(one, columns=40))
    assert head.split() == ["strategy", "NDCG", "verdict"]
    assert first.split() == ["vectorsear…catalogue", "0.5000*", "FAIL"]
    assert unshown == "without room for MRR, MAP: summary.txt"


def test_names_that_a_cut_makes_alike_are_not_cut_before_columns_went() -> None:
    alike = suite(("a" * 20 + "1" + "b" * 20, 0.5, UNGATED), ("a" * 20 + "2" + "b" * 20, 0.4, UNGATED))
    assert [line.text.split()[0][20] for line in table(alike, columns=66)[1:3]] == ["1", "2"]


def test_what_failed_and_what_is_best_is_shown_first() -> None:
    lines = [Line(f"row {at}", "good", STRATEGY) for at in range(30)]
    lines[20] = Line("row 20", "bad", STRATEGY, is_first=True)
    shown = on_screen([Line("head"), *lines, Line("end")], columns=80, rows=6)
    assert [line.text for line in shown] == [
        "head", "row 0", "row 1", "row 20", "… 27 more strategies (27 pass), in summary.txt", "end",
    ]  # fmt: skip


def test_a_failure_that_has_no_room_makes_its_count_red() -> None:
    lines = [Line(f"  FAILS {at}", "bad", FINDING) for at in range(5)]
    assert on_screen(lines, columns=80, rows=3)[-1] == Line("  … 3 more findings, in summary.txt", "bad")


def test_what_has_room_is_not_counted() -> None:
    lines = [Line(f"row {at}", "good", STRATEGY) for at in range(6)]
    assert on_screen(lines, columns=80, rows=6) == [replace(line, part="") for line in lines]


def test_long_lines_are_folded_and_paths_are_not() -> None:
    line = Line("  note: " + "word " * 5 + "/a/path/that/is/long/indeed/", "warn")
    assert folded_lines([line], 20) == [
        Line(text, "warn") for text in ("  note: word word", "    word word word", "    /a/path/that/is/long/indeed/")
    ]


def test_the_end_names_what_is_worth_reading(tmp_path: Any) -> None:
    for name in ("results.json", "summary.txt", "diagnosis.md", "per_query.json"):
        (tmp_path / name).write_text("x")
    (tmp_path / "to_judge.csv").write_text("query,product\n")
    assert [line.text for line in written_lines(tmp_path, "out")] == [
        "results: out",
        "  out/diagnosis.md  which queries changed, and why",
        "  out/summary.txt   this summary in full",
        "  out/results.json  every number, for programs",
    ]
    (tmp_path / "to_judge.csv").write_text("query,product\na,b\n")
    assert "  out/to_judge.csv  hits to judge (relevance judge)" in [
        line.text for line in written_lines(tmp_path, "out")
    ]


@pytest.mark.parametrize(
    ("environ", "terminal", "seen"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_where_colours_are_seen(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], *, terminal: bool, seen: bool
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    assert is_coloured(stream) is seen


def test_a_colour_says_what_a_line_means() -> None:
    assert [coloured(Line("x", mark)) for mark in ("bad", "good", "warn", "head", "")] == [
        "\x1b[31;1mx\x1b[0m", "\x1b[32mx\x1b[0m", "\x1b[33mx\x1b[0m", "\x1b[1mx\x1b[0m", "x",
    ]  # fmt: skip
