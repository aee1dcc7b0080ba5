"""The gate is not put aside unnoticed: what settings, selections, test code and data do, and what a user sees of it.

Each way is that of a change that costs relevance: without it the session would fail. CI holds the baseline of main.
"""

from pathlib import Path

import pytest
from helpers.project import printed, usage_error, write_project, write_train

pytest_plugins = ["pytester"]

OWN = "[strategies.own]\ntext = {title = 1}\n"
WORSE = "[strategies.own]\ntext = {attributes = 1}\n"
OTHER = "[strategies.other]\ntext = {title = 2}\n"
MAIN = "main.json"
KEPT: dict[str, bytes] = {}
"""Baselines by configuration: the same run makes the same bytes."""


def train(queries: int = 60) -> str:
    """Each query has one product, which its title finds and its attributes do not."""
    rows = (f'{at},{1000 + at},"Thing{at} of wood","thing{at}",3' for at in range(queries))
    return "\n".join(('"id","product_uid","product_title","search_term","relevance"', *rows)) + "\n"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A branch in which one strategy of two has become worse, and main's baseline as CI hands it on."""
    write_train(write_project(pytester), train())
    configure(pytester, OWN + OTHER)
    make_baseline(pytester, MAIN)
    configure(pytester, WORSE + OTHER)
    make_baseline(pytester, "its-own.json")
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("RELEVANCE_BASELINE", MAIN)
    return pytester


def configure(project: pytest.Pytester, strategies: str, *, head: str = "", gate: str = "") -> None:
    names = ", ".join(f'"{name}"' for name in ("own", "other") if f"strategies.{name}]" in strategies)
    (project.path / "relevance.toml").write_text(f"strategy = [{names}]\n{head}{strategies}{gate}")


def make_baseline(project: pytest.Pytester, name: str) -> None:
    """Of what is configured."""
    configuration = (project.path / "relevance.toml").read_text()
    folder = project.path / "benchmarks" / "baselines"
    if configuration not in KEPT:
        assert run(project, "--update-baseline").ret == pytest.ExitCode.OK
        KEPT[configuration] = (folder / "homedepot.json").read_bytes()
        (folder / "homedepot.json").unlink()
    (project.path / name).write_bytes(KEPT[configuration])


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_inprocess("benchmarks", "--dataset", "homedepot:data", "--benchmark-disable", *options)


def add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_a_worse_strategy_fails(project: pytest.Pytester) -> None:
    result = run(project)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"own: worse than in {MAIN}"])


# settings


def test_a_baseline_that_the_branch_brings_along(project: pytest.Pytester) -> None:
    """By `addopts` or the file: the environment outranks both."""
    configure(project, WORSE + OTHER, head='baseline = ["its-own.json"]\n')
    add(project.path / "tox.ini", " --baseline its-own.json")
    result = run(project)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"baseline: {MAIN}, 2 strategies", f"own: worse than in {MAIN}"])
    assert "its-own" not in printed(result)
    assert run(project, "--baseline", "its-own.json").ret == pytest.ExitCode.OK, "whoever starts it has the last word"


def test_an_update_that_the_branch_asks_for(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RELEVANCE_BASELINE")
    add(project.path / "tox.ini", " --update-baseline")
    assert usage_error(run(project)).startswith("option of addopts --update-baseline: no session would be compared")
    assert not (project.path / "benchmarks" / "baselines" / "homedepot.json").exists()
