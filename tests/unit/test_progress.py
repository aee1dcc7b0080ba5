"""Long work says how far it is, on a terminal and elsewhere."""

import sys

import pytest

from relevance.text import ProgressLines, progress_bar


@pytest.mark.parametrize(
    ("seconds", "lines"),
    [
        ([1, 9], []),
        ([5, 10], ["embedding: 100 of 1,000 (text), about 90 s left"]),
        (
            [20, 30, 49, 60],
            ["embedding: 50 of 1,000 (text), about 6 min left", "embedding: 200 of 1,000 (text), about 4 min left"],
        ),
    ],
    ids=["short work says nothing", "after ten seconds", "then every thirty"],
)
def test_lines(capsys: pytest.CaptureFixture[str], seconds: list[int], lines: list[str]) -> None:
    clock = iter([0.0, *seconds])
    work = ProgressLines(1_000, "embedding", "text", clock=lambda: next(clock))
    for _ in seconds:
        work.update(50)
    assert capsys.readouterr().err.splitlines() == lines


def test_earlier_work_says_nothing_of_the_rate(capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter([0.0, 20.0, 60.0])
    with ProgressLines(1_000, "training", "batch", initial=900, clock=lambda: next(clock)) as work:
        work.update(50)
        work.set_postfix_str("loss 1")
        work.update(50)
    assert capsys.readouterr().err == "training: 950 of 1,000 (batch), about 20 s left\n"


@pytest.mark.parametrize(
    ("shown", "terminal", "bar"), [(True, True, True), (False, True, False), (False, False, False)]
)
def test_a_bar_needs_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, shown: bool, terminal: bool, bar: bool
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    with progress_bar(10, "indexing", "product", shown=shown) as work:
        work.update(10)
    assert ("indexing: 100%" in capsys.readouterr().err) is bar


def test_without_a_terminal_there_are_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    assert isinstance(progress_bar(10, "indexing", "product", shown=True), ProgressLines)


def test_a_part_of_other_work_shows_a_bar_only_where_it_takes_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress_bar(10, "mining", "batch", shown=True, within=True) as work:
        work.update(10)
    assert capsys.readouterr().err == ""
