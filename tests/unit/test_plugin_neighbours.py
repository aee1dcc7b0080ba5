"""The plugin beside what it shares a session with: other projects and folders, other plugins, other tests."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from helpers.project import BENCHMARKS, TRAIN, printed, results, usage_error, write_floors, write_project

from relevance import early, engines, text
from relevance.engines.embedded import EmbeddedEngine

pytest_plugins = ["pytester"]

OPTIONS = ("--benchmark-disable", "--dataset", "homedepot:data", "--strategy", "textsearch")
TIMED = OPTIONS[1:]


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """With a test that is no benchmark."""
    write_project(pytester)
    (pytester.path / "test_other.py").write_text("def test_other(): pass")
    return pytester


def write_benchmarks(file: Path) -> Path:
    file.parent.mkdir()
    file.write_text(BENCHMARKS.read_text())
    return file.parent


def append(file: Path, code: str) -> None:
    file.write_text(f"{file.read_text()}\n{code}")


# two folders, two projects


@pytest.mark.parametrize("folders", [("benchmarks", "more"), ("more", "benchmarks")])
def test_each_folder_has_its_own_floors(project: pytest.Pytester, folders: tuple[str, ...]) -> None:
    write_floors(project.path / "benchmarks", textsearch=0.7)  # MRR is 0.75
    write_floors(write_benchmarks(project.path / "more" / "test_more.py"), textsearch=0.9)
    result = project.runpytest_inprocess(*folders, *OPTIONS)
    result.assert_outcomes(failed=1, passed=1, skipped=2)
    result.stdout.fnmatch_lines(["FAILED more/test_more.py::test_strategy[[]textsearch[]]*"])
    for folder, verdict in (("benchmarks", "pass"), ("more", "fail")):
        assert results(project, f".relevance/latest/{folder}")["strategies"]["textsearch"]["verdict"] == verdict


def test_each_folder_has_its_own_baseline(project: pytest.Pytester) -> None:
    write_benchmarks(project.path / "more" / "test_more.py")
    both = ("benchmarks", "more", *OPTIONS)
    assert project.runpytest_inprocess("more", *OPTIONS, "--update-baseline").ret == 0
    assert project.runpytest_inprocess(*both, "--require-baseline").ret == 1
    assert project.runpytest_inprocess(*both, "--update-baseline").ret == 0
    result = project.runpytest_inprocess(*both, "--require-baseline")
    result.assert_outcomes(passed=4)
    head, summary = (
        [line.format(name) for name in ("benchmarks", "more") for line in lines]
        for lines in (
            ("benchmarks: {0}, configuration none", "baseline: {0}/baselines/homedepot.json, 1 strategy"),
            ("*= relevance: homedepot ({0}) =*", "compared with {0}/baselines/homedepot.json: *no loss"),
        )
    )
    pages = [f"  .relevance/latest/{name}/diagnosis.md *" for name in ("benchmarks", "more")]
    result.stdout.fnmatch_lines([*head, *summary, "results: .relevance/latest", *pages])


def test_each_project_has_its_own_configuration(project: pytest.Pytester) -> None:
    for name, uid, strategy in (("a", 100, "textsearch"), ("b", 900, "textsearch_boosted")):
        root = project.mkdir(name)
        (root / "data").mkdir()
        (root / "data" / "train.csv").write_text(TRAIN.replace(",100,", f",{uid},"), encoding="latin-1")
        own = f'strategy = ["{strategy}"]\ndataset = "homedepot:data"\nengine = "embedded"\n'
        (root / "relevance.toml").write_text(own)
        write_benchmarks(root / "bench" / f"test_{name}.py")
    project.runpytest_inprocess("a", "b", "--benchmark-disable").assert_outcomes(passed=2, skipped=2)
    a, b = (results(project, f"{name}/.relevance/latest") for name in ("a", "b"))
    assert [list(one["strategies"]) for one in (a, b)] == [["textsearch"], ["textsearch_boosted"]]
    assert a["dataset"]["sha256"]["corpus"] != b["dataset"]["sha256"]["corpus"]


def test_a_project_beside_the_root_folder_does_not_take_its_configuration(project: pytest.Pytester) -> None:
    for name in ("a", "b"):
        write_benchmarks(project.path / name / f"test_{name}.py")
    (project.path / "a" / "relevance.toml").write_text('strategy = ["textsearch"]')
    (project.path / "relevance.toml").write_text("broken")  # above both
    result = project.runpytest_inprocess("a", "b", "--collect-only", "-q", "--rootdir", "a")
    counts = [sum(f"{name}::test_strategy[" in line for line in result.stdout.lines) for name in ("a.py", "b.py")]
    assert counts == [1, 11]


def test_a_broken_configuration_is_nothing_to_other_tests(project: pytest.Pytester) -> None:
    (project.path / "benchmarks" / "relevance.toml").write_text("datset = 1")
    line = "benchmarks/relevance.toml: unknown key 'datset'"
    assert line in usage_error(project.runpytest_inprocess("benchmarks", *OPTIONS))
    beside = project.runpytest_inprocess(*OPTIONS)
    assert beside.ret == pytest.ExitCode.USAGE_ERROR
    beside.assert_outcomes(passed=1)
    beside.stdout.fnmatch_lines([f"ERROR: *{line}*"])
    (project.path / "relevance.toml").write_text("broken")
    for selection in (["test_other.py"], ["-k", "other"], ["test_other.py", *OPTIONS]):
        alone = project.runpytest_inprocess(*selection)
        assert alone.ret == pytest.ExitCode.OK
        alone.assert_outcomes(passed=1, deselected=alone.parseoutcomes().get("deselected", 0))
        assert "note:" not in printed(alone)


@pytest.mark.parametrize("selection", [["test_other.py"], ["-k", "other"]])
def test_a_wrong_option_that_no_benchmark_asks_for_is_noted(project: pytest.Pytester, selection: list[str]) -> None:
    result = project.runpytest_inprocess(*selection, "--strategy", "textsearh")
    assert result.ret == pytest.ExitCode.OK
    line = "note: no benchmark was selected, and option --strategy: unknown strategy 'textsearh' (did you mean 'texts*"
    result.stdout.fnmatch_lines([line])


def test_a_value_too_long_for_a_path_is_no_folder(project: pytest.Pytester) -> None:
    assert project.runpytest_inprocess(*OPTIONS, "--model", "x" * 300).ret == pytest.ExitCode.OK


def test_an_error_of_ours_in_a_test_of_theirs_is_its_failure(project: pytest.Pytester) -> None:
    (project.path / "benchmarks" / "test_own.py").write_text(
        "from relevance.errors import InputError\n"
        "def test_own(relevance_plan):\n    raise InputError(relevance_plan.dataset.name)\n"
    )
    project.runpytest_inprocess("benchmarks/test_own.py").stdout.fnmatch_lines(["*none is selected*"])
    result = project.runpytest_inprocess("benchmarks", *OPTIONS)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes()["failed"] == 1
    assert results(project)["strategies"]


def test_one_suite_is_open_at_a_time(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    events = []
    index = EmbeddedEngine.index

    def noted(*arguments: Any, **options: Any) -> Any:
        engine = index(*arguments, **options)
        events.append(("open", id(engine)))
        return engine

    monkeypatch.setattr(EmbeddedEngine, "close", lambda self: events.append(("close", id(self))))
    monkeypatch.setattr(EmbeddedEngine, "index", noted)
    write_benchmarks(project.path / "more" / "test_more.py")
    mixed = "def pytest_collection_modifyitems(items):\n    items[:] = items[::2] + items[1::2]\n"
    append(project.path / "conftest.py", mixed)
    project.runpytest_inprocess(*OPTIONS).assert_outcomes(passed=3, skipped=2)
    assert [what for what, _ in events] == ["open", "close", "open", "close"]
    assert [who for _, who in events[::2]] == [who for _, who in events[1::2]]


# other plugins


def test_without_pytest_benchmark(pytester: pytest.Pytester) -> None:
    write_floors(write_project(pytester, autoload=True).path / "benchmarks", textsearch=0.9)
    result = pytester.runpytest_inprocess("-p", "no:benchmark", *TIMED)
    result.assert_outcomes(failed=1, skipped=1)
    result.stdout.fnmatch_lines(["note: run times are not taken: pytest-benchmark is not loaded"])
    assert results(pytester)["strategies"]["textsearch"]["run_time_s"] is None


def test_with_another_fixture_in_its_place_as_pytest_codspeed_has_it(project: pytest.Pytester) -> None:
    (project.path / "benchmarks" / "conftest.py").write_text(
        "import pytest\n"
        "from pytest_benchmark.fixture import BenchmarkFixture\n"
        "class Benchmark:\n"
        "    stats = None\n"
        "    __class__ = property(lambda self: BenchmarkFixture)\n"
        "    def pedantic(self, target, args=(), rounds=1, warmup_rounds=0): return target(*args)\n"
        "@pytest.fixture\n"
        "def benchmark(): return Benchmark()\n"
    )
    project.runpytest_inprocess("benchmarks", *TIMED).assert_outcomes(passed=1, skipped=1)


def test_other_tests_run_where_benchmarks_are_skipped(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--benchmark-skip", *TIMED)
    others = project.runpytest_inprocess(*options)
    assert others.ret == pytest.ExitCode.OK
    others.assert_outcomes(passed=1, skipped=2)
    others.stdout.fnmatch_lines(["NOT MEASURED: benchmarks: --benchmark-skip would skip every strategy*"])
    assert not (project.path / ".relevance").exists()
    assert project.runpytest_inprocess("benchmarks", *options).ret == pytest.ExitCode.USAGE_ERROR
    monkeypatch.setenv("CI", "1")
    assert project.runpytest_inprocess(*options).ret == pytest.ExitCode.USAGE_ERROR


def test_under_xdist_other_tests_run(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("-p", "xdist", "-n", "1", *TIMED)
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=1, skipped=2)
    result.stdout.fnmatch_lines(["NOT MEASURED: benchmarks: the benchmarks do not run under xdist*"])
    assert not (project.path / ".relevance").exists()


# CI

NONE_IS_FINE = """
import pytest
@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK
"""
DESELECTING = f"""{NONE_IS_FINE}
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if "benchmarks" not in item.nodeid]
"""
PASSING_OVER = f"""{NONE_IS_FINE}
def pytest_ignore_collect(collection_path):
    return True if collection_path.name == "test_strategies.py" else None
"""


@pytest.mark.parametrize(
    ("options", "conftest"),
    [(("-k", "other"), ""), ((), DESELECTING), (("benchmarks",), DESELECTING), (("benchmarks",), PASSING_OVER)],
)
def test_benchmarks_that_were_all_left_out_fail_in_ci(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], conftest: str
) -> None:
    append(project.path / "conftest.py", conftest)  # as pytest-testmon does
    assert project.runpytest_inprocess(*options, *OPTIONS).ret == pytest.ExitCode.OK
    monkeypatch.setenv("CI", "1")
    result = project.runpytest_inprocess(*options, *OPTIONS)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAIL: CI is set and no benchmark of benchmarks has run*--ignore*"])
    assert project.runpytest_inprocess("--ignore=benchmarks", "-k", "other", *OPTIONS).ret == pytest.ExitCode.OK


def test_a_comparison_gates_in_ci_and_its_refusal_is_on_every_page(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "1")
    assert project.runpytest_inprocess("benchmarks", *OPTIONS, "--update-baseline").ret == pytest.ExitCode.OK
    project.runpytest_inprocess("benchmarks", *OPTIONS).assert_outcomes(passed=2)
    (project.path / "benchmarks" / "baselines" / "homedepot.json").write_text("{}", encoding="utf-8")
    page = project.path / "page.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    result = project.runpytest_inprocess("benchmarks", *OPTIONS, "--junitxml", "junit.xml")
    (suite,) = ET.parse(project.path / "junit.xml").getroot().iter("testsuite")  # noqa: S314 - pytest wrote it
    assert suite.get("errors") == "1"
    said = (usage_error(result), page.read_text(encoding="utf-8"), suite.find("testcase/error").get("message"))
    assert all("homedepot.json: " in one and "a file of --update-baseline" in one for one in said)


def test_long_work_says_how_far_it_is(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(engines._EmbeddedIndexer):
        def index(self, *args: Any, progress: bool, **options: Any) -> Any:
            with text.progress_bar(3, "indexing", "product", shown=progress) as bar:
                for _ in range(3):
                    bar.update(1)
            return super().index(*args, progress=progress, **options)

    monkeypatch.setattr(engines, "_EmbeddedIndexer", Slow)
    monkeypatch.setattr(text, "_FIRST_S", 0)
    result = project.runpytest_inprocess("benchmarks", *OPTIONS)
    result.stderr.fnmatch_lines(["indexing: 1 of 3 (product), about * left"])


def test_a_folder_behind_an_option_that_pytest_takes_for_tests(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, model = pytester.mkdir("shop"), pytester.mkdir("mini")
    conftest = shop / "conftest.py"
    conftest.write_text('pytest_plugins = ["relevance.plugin"]')
    (model / "pytest.ini").touch()
    monkeypatch.chdir(shop)
    # where the package is installed, pytest has loaded it already, under its name
    arguments = ("-p", "no:relevance-early", "--model", str(model))
    result = pytester.runpytest_inprocess(*arguments, plugins=[early])
    assert f"write --model={model}" in usage_error(result)
    assert len(result.stderr.lines) <= 2
    conftest.write_text("")  # another project's option of that name is none of ours
    result = pytester.runpytest_inprocess(*arguments, plugins=[early])
    assert "unrecognized arguments: --model" in result.stderr.str()
