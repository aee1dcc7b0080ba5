"""A whole run on data that want to be obeyed: by the terminal, by a CI server, by a page."""

from __future__ import annotations

import csv
import json
import re
from typing import TYPE_CHECKING

import pytest

import relevance.report.folder  # noqa: F401 - numpy cannot be imported twice in a process, as inner sessions would
from relevance.cli import main

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]

COMMANDS = (
    "##vso[task.setvariable variable=PATH]x",
    "##teamcity[buildStatus status='SUCCESS']",
    "::error::nothing to see",
    "::add-mask::a",
    "##[set-env name=PATH;]x",
    "\x1b]0;title\x07\x1b[2J\x1b[1;1H",
    "section_start:1:x\r\x1b[0K",
    "\u202etxt.exe",
    "<script>x</script> | [a](http://b)",
)
OBEYED = re.compile(r"\x1b|\r|\x07|\u202e|##\w*\[|^\s*::", re.MULTILINE)
TESTS = """
def test_ranking(strategy, measure_strategy):
    measure_strategy(strategy)


def test_no_regression(strategy, compare_strategy):
    compare_strategy(strategy)
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> Path:
    """Every query and title is a command; the name of the data set too."""
    pytester.makeconftest('pytest_plugins = ["relevance.plugin"]')
    pytester.makeini("[pytest]\naddopts = --import-mode=importlib")
    data = pytester.mkdir("data ##vso[x] ::error::")
    rows = [{"id": f"p{at}", "title": f"{text} w{at}"} for at, text in enumerate(COMMANDS)]
    (data / "products.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with (data / "judgments.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("query", "product", "grade"), *((row["title"], row["id"], 2) for row in rows)])
    (pytester.path / "benchmarks").mkdir()
    (pytester.path / "benchmarks" / "test_strategies.py").write_text(TESTS)
    return pytester.path


def test_nothing_is_obeyed(
    project: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a passing nor a failing session, its summary, `check`, `compare` or an error obeys the data."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "summary.md"))
    (project / "relevance.toml").write_text('strategy = ["own"]\n[strategies.own]\ntext = {title = 1}\n')
    options = ("benchmarks", "--dataset", "files:data ##vso[x] ::error::", "--benchmark-disable")
    first = pytester.runpytest_inprocess(*options, "--update-baseline")
    assert first.ret == 0
    (project / "relevance.toml").write_text('strategy = ["own"]\n[strategies.own]\ntext = {description = 1}\n')
    second = pytester.runpytest_inprocess(*options)
    assert second.ret == 1
    assert "w7" in second.stdout.str()
    monkeypatch.chdir(project)
    capsys.readouterr()
    main(["check", "--dataset", options[2]])
    main(["compare", "benchmarks/baselines", "::error::\n##vso[x]"])
    main(["check", "--dataset", "files:\x1b[2J\n::error::"])
    printed = capsys.readouterr()
    texts = [first.stdout.str(), first.stderr.str(), second.stdout.str(), second.stderr.str(), *printed]
    for text in texts:
        assert not OBEYED.search(text), OBEYED.search(text)
    pages = [project / "summary.md", *project.glob(".relevance/latest/*.md")]
    assert len(pages) == 2
    for page in pages:
        assert not re.search(r"\x1b|<script>|[^\\]\]\(http", page.read_text())
