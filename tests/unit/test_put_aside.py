"""The gate is not put aside unnoticed: each way of `helpers.put_aside`, and what is not the workflow's session."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest
from _pytest.pytester import LineMatcher
from helpers.project import write_project, write_train
from helpers.put_aside import ITS_OWN, MAIN, OTHER, OWN, PAGE, WAYS, WORSE, Way, page, toml, train, write_files

from relevance.baseline import read_baseline, write_baseline
from relevance.cli import main
from relevance.gate import Comparison

pytest_plugins = ["pytester"]

EACH = [pytest.param(way, id=way.what.replace("`", "")) for ways in WAYS.values() for way in ways]
MISSING = "FAIL: own: in the baseline and not measured; allowed: --allow-missing, if that is meant"
KEPT: dict[str, bytes] = {}
"""Baselines by configuration: the same run makes the same bytes."""


def write_data(project: pytest.Pytester) -> None:
    """By titles the good product comes first, by attributes the bad one in 20 of 60 queries: the shorter text does."""
    write_train(project, train())
    rows = ['"product_uid","name","value"']
    for at in range(60):
        first, second = (1000 + at, 2000 + at) if at < 40 else (2000 + at, 1000 + at)
        rows += [f'{first},"name","thing{at}"', f'{second},"name","thing{at} in grey with many words"']
    (project.path / "data" / "attributes.csv").write_text("\n".join(rows) + "\n", encoding="latin-1")


@pytest.fixture
def project(
    request: pytest.FixtureRequest, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    """A branch in which one strategy of two has become worse, and main's baseline as CI hands it on."""
    way = getattr(request.node, "callspec", None) and request.node.callspec.params.get("way")
    main = {} if way is None else dict(way.main)
    limits = main.pop("+relevance.toml", "")
    write_data(write_project(pytester))
    make_baseline(pytester, toml(WORSE + OTHER), ITS_OWN)
    write_files(main, pytester.path)
    make_baseline(pytester, toml(OWN + OTHER, gate=limits), MAIN, main)
    write_files({"relevance.toml": toml(gate=limits)}, pytester.path)
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("RELEVANCE_BASELINE", MAIN)
    return pytester


def make_baseline(
    project: pytest.Pytester, configuration: str, name: str, main: Mapping[str, str] = MappingProxyType({})
) -> None:
    (project.path / "relevance.toml").write_text(configuration)
    file, key = project.path / "benchmarks" / "baselines" / "homedepot.json", f"{configuration}{main}"
    if key not in KEPT:
        assert run(project, "--update-baseline").ret == pytest.ExitCode.OK
        KEPT[key] = file.read_bytes()
        file.unlink()
    (project.path / name).write_bytes(KEPT[key])


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_inprocess("benchmarks", "--dataset", "homedepot:data", "--benchmark-disable", *options)


def compare(*options: str) -> int:
    """What the step behind the session does, in the folder of the project."""
    return main(["compare", MAIN, ".relevance/latest", *options])


@pytest.mark.parametrize("way", EACH)
def test_a_way(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], way: Way
) -> None:
    main = (project.path / MAIN).read_bytes()
    write_files(way.files, project.path)
    folders = [] if any(option in way.what for option in ("testpaths", "--ignore")) else ["benchmarks"]
    gates = ("--gate-from-baseline", "--out=.relevance/latest")
    with monkeypatch.context() as patched:
        patched.setattr(Comparison, "fails", Comparison.fails)  # one way replaces it
        result = project.runpytest_inprocess(*folders, "--dataset=homedepot:data", "--benchmark-disable", *gates)
    monkeypatch.setenv("RELEVANCE_BASELINE", MAIN)  # one way sets another, in its own process
    (project.path / MAIN).write_bytes(main)  # the step takes it from git
    capsys.readouterr()
    code = compare("--gate-from-baseline")
    printed_then = capsys.readouterr()
    lines = (*result.outlines, *result.errlines, *printed_then.out.splitlines(), *printed_then.err.splitlines())
    LineMatcher([*lines]).fnmatch_lines([way.line])
    assert (result.ret, code) == (way.pytest, way.compare)


def test_the_page_shows_all_ways() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "write it anew: python -m helpers.put_aside in tests"


def test_whoever_starts_a_session_has_the_last_word(project: pytest.Pytester) -> None:
    assert run(project).ret == pytest.ExitCode.TESTS_FAILED
    assert run(project, "--baseline", ITS_OWN).ret == pytest.ExitCode.OK


@pytest.mark.parametrize("options", [("-k", "other"), ("--strategy", "other")])
def test_a_selection_that_is_meant(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    result = run(project, *options)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.outlines[-2].startswith(f"FAIL: {MAIN}: own: in the baseline and not measured; allowed: ")
    assert compare("--gate-from-baseline") == 1
    assert compare("--gate-from-baseline", "--allow-missing") == compare() == 0
    assert run(project, *options, "--allow-missing").ret == pytest.ExitCode.OK
    monkeypatch.delenv("CI")
    result = run(project, *options)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*note: in the baseline and not measured: own"])


def test_last_failed(project: pytest.Pytester) -> None:
    """The session before has failed by the other strategy: that alone is run again."""
    cache = project.path / ".pytest_cache" / "v" / "cache" / "lastfailed"
    cache.parent.mkdir(parents=True)
    cache.write_text('{"benchmarks/test_strategies.py::test_no_regression[other]": true}')
    result = run(project, "--lf")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([MISSING])


def test_a_looser_limit_is_named_on_top_where_it_has_an_effect(project: pytest.Pytester) -> None:
    (project.path / "relevance.toml").write_text(toml(gate="[gate]\nfail = 1.0\n"))
    result = run(project)
    assert result.ret == pytest.ExitCode.OK
    lines = [f"{MAIN}: gate: fail 1.0 {text}" for text in ("lets nearly *", "is looser than the baseline's 0.02")]
    result.stdout.fnmatch_lines([*lines, "strategy *", "  note: gate: fail 1.0 is looser than the baseline's 0.02"])
    assert (compare(), compare("--gate-from-baseline")) == (0, 1)


def test_a_limit_of_the_baseline_that_lets_everything_pass_is_named(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = "[gate]\nfail = 1.0\n"
    monkeypatch.delenv("RELEVANCE_BASELINE")
    make_baseline(project, toml(OWN + OTHER, gate=limits), MAIN)
    (project.path / "relevance.toml").write_text(toml(gate=limits))
    result = run(project, "--gate-from-baseline", "--baseline", MAIN)
    result.stdout.fnmatch_lines([f"{MAIN}: gate: fail 1.0 lets nearly everything pass, the default is 0.02"])


def test_a_baseline_without_limits(project: pytest.Pytester) -> None:
    write_baseline(replace(read_baseline(project.path / MAIN), gate={}), project.path)
    (project.path / "homedepot.json").rename(project.path / MAIN)
    result = run(project, "--gate-from-baseline")
    assert result.ret == pytest.ExitCode.TESTS_FAILED, "the session's own limits hold"
    result.stdout.fnmatch_lines([f"{MAIN}: gate: the file is an older one without limits, those of this session hold*"])


def test_a_floor_that_is_missed_behind_xfail(project: pytest.Pytester) -> None:
    (project.path / "benchmarks" / "thresholds.toml").write_text("[homedepot.own]\nMRR = 0.9\n")
    code = (
        "import pytest\n@pytest.mark.xfail\ndef test_strategy(strategy, measure_strategy): measure_strategy(strategy)\n"
    )
    (project.path / "benchmarks" / "test_strategies.py").write_text(code)
    result = run(project, "--allow-missing", "--strategy", "own")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAIL: own: MRR 0.* is below its floor 0.9000"])


@pytest.mark.parametrize("option", ["--co", "--setup-plan"])
def test_a_listing_that_the_project_asks_for_fails_in_ci(project: pytest.Pytester, option: str) -> None:
    assert run(project, option).ret == pytest.ExitCode.OK, "whoever types it wants to see it"
    with (project.path / "tox.ini").open("a") as file:
        file.write(f" {option}")
    result = run(project)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAIL: CI is set and no benchmark of benchmarks has run*"])


def test_a_process_that_ends_before_its_time(project: pytest.Pytester) -> None:
    """Nothing is written, so that there is nothing to compare; the workflow has removed what was there."""
    shutil.rmtree(project.path / ".relevance", ignore_errors=True)
    (project.path / "conftest.py").write_text(
        'import os\npytest_plugins = ["relevance.plugin"]\ndef pytest_runtestloop(): os._exit(0)\n'
    )
    assert project.runpytest_subprocess("benchmarks", "--dataset", "homedepot:data").ret == 0
    assert compare("--gate-from-baseline") == 2


def test_changed_judgments_are_named_in_a_session_that_does_not_gate(project: pytest.Pytester) -> None:
    write_files({"data/train.csv": train(lost='"Thing{0}","thing{0}",1')}, project.path)
    result = run(project)
    assert result.ret == pytest.ExitCode.OK
    line = "own: loss by the baseline's own data, and changed since: 20 judgments changed, of 20 queries"
    result.stdout.fnmatch_lines([f"{MAIN}: {line}", "strategy *", f"  note: {line}"])
    assert compare() == 0


def test_corrected_judgments_alone_pass(project: pytest.Pytester) -> None:
    judged = train(lost='"Thing{0}","thing{0}",1')
    write_files({"data/train.csv": judged, "relevance.toml": toml(OWN + OTHER)}, project.path)
    assert run(project, "--gate-from-baseline").ret == pytest.ExitCode.OK
