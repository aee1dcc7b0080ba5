"""The gate is not put aside unnoticed: what settings, selections, test code and data do, and what a user sees of it.

Each way is that of a change that costs relevance: without it the session would fail. CI holds the baseline of main.
"""

from pathlib import Path

import pytest
from _pytest.pytester import LineMatcher
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


# selection

SELECTIONS: dict[str, tuple[str, ...]] = {
    "-k": ("-k", "other"),
    "--strategy": ("--strategy", "other"),
    "--deselect": tuple(
        f"--deselect=benchmarks/test_strategies.py::{test}[own]" for test in ("test_strategy", "test_no_regression")
    ),
    "-k measures": ("-k", "strategy and other"),
}
LACKING = f"FAIL: {MAIN} has own, which this session did not measure; allowed: --allow-missing, where that is meant"


@pytest.mark.parametrize("options", SELECTIONS.values(), ids=SELECTIONS)
@pytest.mark.parametrize("place", ["addopts", "line"])
def test_a_selection_that_leaves_the_strategy_out(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], place: str
) -> None:
    if place == "addopts":
        add(project.path / "tox.ini", " " + " ".join(f'"{option}"' for option in options))
        options = ()
    result = run(project, *options)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*note: in the baseline and not measured: own", LACKING])
    assert run(project, *options, "--allow-missing").ret == pytest.ExitCode.OK
    monkeypatch.delenv("CI")
    result = run(project, *options)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*note: in the baseline and not measured: own"])


def test_last_failed(project: pytest.Pytester) -> None:
    configure(project, OWN + WORSE.replace("own", "other"))
    add(project.path / "tox.ini", " --lf --lfnf=none")
    assert run(project).ret == pytest.ExitCode.NO_TESTS_COLLECTED, "nothing has failed before"
    add(project.path / "tox.ini", " --lfnf=all")
    assert run(project).ret == pytest.ExitCode.TESTS_FAILED
    configure(project, WORSE + OTHER)
    result = run(project)  # of what failed: the other one
    result.stdout.fnmatch_lines([LACKING])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize(
    ("configuration", "line"),
    [
        (OTHER, LACKING),
        (WORSE.replace("own", "other"), LACKING),
        (WORSE.replace("own", "renamed") + OTHER, LACKING),
    ],
    ids=["removed", "another's name", "renamed"],
)
def test_a_strategy_that_is_gone(project: pytest.Pytester, configuration: str, line: str) -> None:
    configure(project, configuration)
    result = run(project)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([line])


@pytest.mark.parametrize("where", ["file", "addopts"])
def test_what_the_project_must_not_say(project: pytest.Pytester, where: str) -> None:
    if where == "file":
        configure(project, OTHER, head="allow_missing = true\n")
    else:
        add(project.path / "tox.ini", " --allow-missing")
    line = usage_error(run(project))
    assert line.endswith("so, not the project; allowed: --allow-missing, RELEVANCE_ALLOW_MISSING")


# test code

SWALLOWING = """
def test_strategy(strategy, measure_strategy): measure_strategy(strategy)
def test_no_regression(strategy, compare_strategy):
    try: compare_strategy(strategy)
    except BaseException: pass
"""
XFAIL = """
import pytest
def test_strategy(strategy, measure_strategy): measure_strategy(strategy)
@pytest.mark.xfail
def test_no_regression(strategy, compare_strategy): compare_strategy(strategy)
"""
SKIPPED = XFAIL.replace("@pytest.mark.xfail", '@pytest.mark.skip(reason="flaky")')
WITHOUT_COMPARISON = "def test_strategy(strategy, measure_strategy): measure_strategy(strategy)"
REPORT = """
import pytest
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport():
    report = yield
    report.outcome = "passed"
    return report
"""
STATUS = """
import pytest
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session):
    yield
    session.exitstatus = 0
"""
UNCONFIGURE = """
SESSION = []
def pytest_sessionstart(session): SESSION.append(session)
def pytest_unconfigure(): SESSION[0].exitstatus = 0
"""
CMDLINE = """
import pytest
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main():
    yield
    return 0
"""
EXIT = """
import pytest
def pytest_sessionfinish(): pytest.exit("done", returncode=0)
"""
UNREGISTERED = """
def pytest_runtestloop(session):
    session.config.pluginmanager.unregister(name="relevance-session")
"""
MADE_PASSED = "FAIL: this session has failed, and something has made it pass"
WORSE_LINE = f"FAIL: own is worse than in {MAIN}"
CODE: dict[str, tuple[str, str, str]] = {
    "the failure is caught": ("benchmarks/test_strategies.py", SWALLOWING, WORSE_LINE),
    "xfail": ("benchmarks/test_strategies.py", XFAIL, WORSE_LINE),
    "skip": ("benchmarks/test_strategies.py", SKIPPED, WORSE_LINE),
    "no test compares": ("benchmarks/test_strategies.py", WITHOUT_COMPARISON, WORSE_LINE),
    "a hook makes every report pass": ("conftest.py", REPORT, WORSE_LINE),
    "a hook sets the exit code at the end": ("conftest.py", STATUS, "own: worse than in *"),
    "a hook sets the exit code even later": ("conftest.py", UNCONFIGURE, "own: worse than in *"),
    "a hook answers in pytest's place": ("conftest.py", CMDLINE, "own: worse than in *"),
    "a hook ends the session": ("conftest.py", EXIT, MADE_PASSED),
    "the plugin is taken out": ("conftest.py", UNREGISTERED, "*"),
}


@pytest.mark.parametrize(("file", "code", "line"), CODE.values(), ids=CODE)
def test_code_that_hides_a_failure(project: pytest.Pytester, file: str, code: str, line: str) -> None:
    if file == "conftest.py":
        add(project.path / file, code)
    else:
        (project.path / file).write_text(code)
    result = run(project)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    LineMatcher(result.stdout.lines + result.stderr.lines).fnmatch_lines([line])


def test_a_floor_that_is_missed_behind_xfail(project: pytest.Pytester) -> None:
    (project.path / "benchmarks" / "thresholds.toml").write_text("[homedepot.own]\nMRR = 0.5\n")
    xfail = XFAIL.replace("@pytest.mark.xfail\n", "").replace(
        "def test_strategy", "@pytest.mark.xfail\ndef test_strategy"
    )
    (project.path / "benchmarks" / "test_strategies.py").write_text(xfail)
    result = run(project, "-k", "test_strategy")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAIL: own: MRR 0.0000 is below its floor 0.5000"])


# sessions that measure nothing

NOTHING = "FAIL: --gate-from-baseline says that this session gates, and it has measured no strategy"


@pytest.mark.parametrize("option", ["--co", "--collect-only", "--setup-plan", "--fixtures", "--markers", "--help"])
def test_a_session_that_runs_no_test(project: pytest.Pytester, option: str) -> None:
    add(project.path / "tox.ini", f" {option}")
    result = run(project, "--gate-from-baseline")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert NOTHING in result.stdout.lines + result.stderr.lines


@pytest.mark.parametrize("option", ["--co", "--setup-plan"])
def test_a_listing_that_the_project_asks_for_fails_in_ci(project: pytest.Pytester, option: str) -> None:
    add(project.path / "tox.ini", f" {option}")
    result = run(project)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAIL: CI is set and no benchmark of benchmarks has run*"])


def test_tests_that_are_looked_for_elsewhere(project: pytest.Pytester) -> None:
    project.mkdir("tests")
    (project.path / "tests" / "test_other.py").write_text("def test_other(): pass")
    add(project.path / "tox.ini", "\ntestpaths = tests")
    options = ("--dataset", "homedepot:data", "--benchmark-disable")
    assert project.runpytest_inprocess(*options).ret == pytest.ExitCode.OK, "nothing says that it gates"
    result = project.runpytest_inprocess(*options, "--gate-from-baseline")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([NOTHING])


@pytest.mark.parametrize("conftest", ["", "pytest_plugins = []"])
def test_without_the_plugin_its_option_is_unknown(project: pytest.Pytester, conftest: str) -> None:
    (project.path / "conftest.py").write_text(conftest)
    assert run(project, "--gate-from-baseline").ret == pytest.ExitCode.USAGE_ERROR
