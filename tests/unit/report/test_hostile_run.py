"""A whole run on data that want to be obeyed: by the terminal, by a CI server, by a page."""

import re
from pathlib import Path

import pytest
import scipy.sparse  # noqa: F401 - numpy cannot be imported twice in a process, as inner sessions would
from helpers.shop import catalogue, dataset, write_files

import relevance.report.folder  # noqa: F401 - likewise
from relevance.cli import main

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
    titles = [f"{text} w{at}" for at, text in enumerate(COMMANDS)]
    products = catalogue((f"p{at}", title) for at, title in enumerate(titles))
    queries = {f"q{at}": title for at, title in enumerate(titles)}
    judged = [(at, at, 2) for at in range(len(titles))]
    write_files(pytester.path / "data ##vso[x] ::error::", dataset(products, queries, judged))
    (pytester.path / "benchmarks").mkdir()
    (pytester.path / "benchmarks" / "test_strategies.py").write_text(TESTS)
    return pytester.path


def test_no_session_command_or_page_obeys_its_data(
    project: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "summary.md"))
    named = ("--dataset", "files:data ##vso[x] ::error::")
    texts = []
    for field, options, code in (("title", ["--update-baseline"], 0), ("description", [], 1)):
        table = f'strategy = ["own"]\n[strategies.own]\ntext = {{{field} = 1}}\n'
        (project / "relevance.toml").write_text(table)
        session = pytester.runpytest_inprocess("benchmarks", *named, "--benchmark-disable", *options)
        assert session.ret == code
        texts += [session.stdout.str(), session.stderr.str()]
    assert "w7" in texts[2]
    monkeypatch.chdir(project)
    capsys.readouterr()
    main(["check", *named])
    main(["compare", "benchmarks/baselines", "::error::\n##vso[x]"])
    main(["check", "--dataset", "files:\x1b[2J\n::error::"])
    for text in (*texts, *capsys.readouterr()):
        assert not OBEYED.search(text), OBEYED.search(text)
    pages = [project / "summary.md", *project.glob(".relevance/latest/*.md")]
    assert len(pages) == 3
    for page in pages:
        assert not re.search(r"\x1b|<script>|[^\\]\]\(http", page.read_text())
