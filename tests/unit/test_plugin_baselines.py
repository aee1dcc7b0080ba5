"""Baselines as a user of the plugin meets them: made, compared, required, refused; what the terminal says of each."""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from helpers.project import TRAIN, write_project

from relevance.baseline import read_baseline

pytest_plugins = ["pytester"]

OWN = "[strategies.own]\ntext = {title = 1}\n"
WORSE = "[strategies.own]\ntext = {attributes = 1}\n"
OPTIONS = ("benchmarks", "--dataset", "homedepot:data")
FILE = "benchmarks/baselines/homedepot.json"


def _train(queries: int = 60, *, grade: int = 3) -> str:
    """Each query has one product, which its title finds; the first query's grade is given."""
    rows = (f'{at},{1000 + at},"Thing{at} of wood","thing{at}",{grade if at == 0 else 3}' for at in range(queries))
    return "\n".join(('"id","product_uid","product_title","search_term","relevance"', *rows)) + "\n"


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """Sixty queries and one strategy of the user's own."""
    made = write_project(pytester)
    (made.path / "data" / "train.csv").write_text(_train(), encoding="latin-1")
    _configured(made, OWN)
    return made


def _configured(project: pytest.Pytester, text: str) -> None:
    (project.path / "relevance.toml").write_text(f'strategy = ["own"]\n{text}')


def _run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    """Without times, unless `--benchmark-enable` or `--benchmark-only` is given."""
    timed = {"--benchmark-enable", "--benchmark-only"} & set(options)
    return project.runpytest_inprocess(*OPTIONS, *([] if timed else ["--benchmark-disable"]), *options)


def _made(project: pytest.Pytester, *options: str) -> bytes:
    result = _run(project, "--update-baseline", *options)
    assert result.ret == pytest.ExitCode.OK
    return (project.path / FILE).read_bytes()


def _comparison(project: pytest.Pytester) -> list[dict[str, Any]]:
    return json.loads((project.path / ".relevance/latest/results.json").read_text())["comparison"]


def _untraced(result: pytest.RunResult) -> None:
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_update_then_compare(project: pytest.Pytester) -> None:
    """The first run makes the baseline, the second is compared with it and says that nothing is worse."""
    update = _run(project, "--update-baseline")
    update.assert_outcomes(passed=1, skipped=1)
    update.stdout.fnmatch_lines(
        [
            f"baseline: {FILE} is updated by this session",
            "baseline: homedepot.json written to benchmarks/baselines",
            "  new: own: MRR 1.0000, MAP 1.0000, NDCG 1.0000, Judged 1.0000",
        ]
    )
    again = _run(project)
    again.assert_outcomes(passed=2)
    again.stdout.fnmatch_lines(
        [f"baseline: {FILE}, 1 strategy", f"compared with {FILE}: 1 strategy × 3 metrics, nothing worse"]  # noqa: RUF001
    )
    assert [path.name for path in (project.path / "benchmarks/baselines").iterdir()] == ["homedepot.json"]


def test_a_regression_fails_with_its_reason(project: pytest.Pytester) -> None:
    """Exit code 1; test and summary say which metric, from what to what, and what else changed; no traceback."""
    _made(project)
    _configured(project, WORSE)
    result = _run(project, "--junitxml", "junit.xml")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            f"own: worse than in {FILE}",
            "  FAIL: nDCG@10 fell by 100% (1.0000 * 0.0000)",
            "  changed: own: text.title 1 -> none",
            f"compared with {FILE}: 1 strategy × 3 metrics, fail",  # noqa: RUF001
            "FAIL: own: nDCG@10 fell by 100% *",
        ]
    )
    _untraced(result)
    suite = ET.parse(project.path / "junit.xml").getroot().find("testsuite")  # noqa: S314 - pytest wrote it
    properties = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert properties["status"] == "fail"
    assert (properties["nDCG@10 before"], properties["nDCG@10 after"]) == ("1", "0")
    assert properties["nDCG@10 relative"] == "1"
    assert 0 < float(properties["nDCG@10 p"]) < 0.001
    assert properties["RR@10"] == "0"


def test_an_improvement_is_named(project: pytest.Pytester) -> None:
    """It passes, and the summary says what became better."""
    rows = (f'{1000 + at},"name","thing{at}"' for at in range(60))
    attributes = "\n".join(('"product_uid","name","value"', *rows)) + "\n"
    (project.path / "data" / "attributes.csv").write_text(attributes, encoding="latin-1")
    titles = _train().replace("Thing1", "Shelf")  # those that begin with 1 are found by their attributes alone
    (project.path / "data" / "train.csv").write_text(titles, encoding="latin-1")
    _made(project)
    _configured(project, OWN.replace("title = 1", "title = 1, attributes = 1"))
    result = _run(project)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines([f"compared with {FILE}: *nothing worse", "better: own: nDCG@10 *"])


def test_comparison_in_the_results(project: pytest.Pytester) -> None:
    """`results.json` has an entry for each baseline, with a row a finding."""
    _made(project)
    _configured(project, WORSE)
    _run(project)
    (found,) = _comparison(project)
    assert list(found) == ["baseline", "status", "changed", "notes", "findings"]
    assert (found["baseline"], found["status"]) == (FILE, "fail")
    (row,) = [row for row in found["findings"] if row["measure"] == "nDCG@10"]
    assert list(row) == [
        "strategy",
        "measure",
        "status",
        "improved",
        "before",
        "after",
        "relative",
        "interval",
        "p",
        "adjusted_p",
        "queries",
        "queries_changed",
        "smallest_visible",
        "reasons",
    ]
    assert (row["strategy"], row["before"], row["after"], row["queries"]) == ("own", 1, 0, 60)


def test_without_a_baseline(project: pytest.Pytester) -> None:
    """Outside CI: a loud line, the comparison is skipped with its reason, exit code 0."""
    result = _run(project, "-rs")
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(
        [
            f"baseline: none at {FILE}",
            f"NOT COMPARED: no baseline at {FILE}; pytest --update-baseline makes one",
            f"SKIPPED * no baseline at {FILE}; pytest --update-baseline makes one",
        ]
    )
    assert _comparison(project) == []


def _floors(project: pytest.Pytester, mrr: float) -> None:
    (project.path / "benchmarks" / "thresholds.toml").write_text(f"[homedepot.own]\nMRR = {mrr}")


@pytest.mark.parametrize("selected", [(), ("-k", "test_strategy"), ("--benchmark-only",)])
def test_without_a_baseline_in_ci(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, selected: tuple[str, ...]
) -> None:
    """Exit code 1, whichever tests were selected."""
    monkeypatch.setenv("CI", "true")
    _floors(project, 0.5)
    result = _run(project, *selected)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"FAIL: *there is none at {FILE}; pytest --update-baseline makes one"])


def test_a_baseline_can_be_required_or_not(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """By option and by the file, which outranks what CI says."""
    assert _run(project, "--require-baseline").ret == pytest.ExitCode.TESTS_FAILED
    monkeypatch.setenv("CI", "1")
    _floors(project, 0.5)
    (project.path / "relevance.toml").write_text(f'strategy = ["own"]\nrequire_baseline = false\n{OWN}')
    assert _run(project).ret == pytest.ExitCode.OK


@pytest.mark.parametrize("selected", [("-k", "test_strategy"), ("--benchmark-only",)])
def test_the_gate_cannot_be_deselected(project: pytest.Pytester, selected: tuple[str, ...]) -> None:
    """What no test has compared is compared at the end: exit code 1 and a line."""
    _made(project)
    _configured(project, WORSE)
    result = _run(project, *selected)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"FAIL: own is worse than in {FILE}"])


def test_the_comparison_alone(project: pytest.Pytester) -> None:
    """As `--lf` selects it: the strategies are measured, without a time."""
    _made(project)
    result = _run(project, "-k", "no_regression")
    result.assert_outcomes(passed=1, deselected=1)
    assert _comparison(project)[0]["status"] == "pass"


def test_what_is_compared_was_measured_before(project: pytest.Pytester) -> None:
    """Whoever has put the tests in another order."""
    shuffled = """
        def pytest_collection_modifyitems(items):
            items.reverse()
    """
    conftest = project.path / "conftest.py"
    conftest.write_text(conftest.read_text() + "\n".join(line[8:] for line in shuffled.splitlines()))
    _made(project)
    result = _run(project, "-v")
    result.stdout.fnmatch_lines(["*test_strategy[[]own[]] PASSED*", "*test_no_regression[[]own[]] PASSED*"])


# other data


def _with_other_judgments(project: pytest.Pytester) -> None:
    (project.path / "data" / "train.csv").write_text(_train(grade=2), encoding="latin-1")


def test_other_data_cannot_be_compared(project: pytest.Pytester) -> None:
    """Exit code 4 at collection, with what differs in numbers."""
    _made(project)
    (project.path / "data" / "train.csv").write_text(_train(63, grade=2), encoding="latin-1")
    result = _run(project)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    line = (
        f"ERROR: {FILE}: other data than this session's: 1 judgment changed, 3 queries new, "
        "another corpus (60 products before, 63 now); "
        "allowed: a baseline of these data (--update-baseline makes it), or --on-common-queries"
    )
    assert line in result.stderr.lines
    _untraced(result)


def test_on_common_queries(project: pytest.Pytester) -> None:
    """What both have is compared; the summary says how many that are and what differs."""
    _made(project)
    (project.path / "data" / "train.csv").write_text(_train(63, grade=2), encoding="latin-1")
    result = _run(project, "--on-common-queries")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            f"baseline: {FILE}, 1 strategy (on common queries)",
            "*note: compared on 59 of 63 queries: 1 judgment changed, 3 queries new, another corpus *",
            "*note: run times are not compared: they were those of other queries or products",
        ]
    )
    _configured(project, WORSE)
    assert _run(project, "--on-common-queries").ret == pytest.ExitCode.TESTS_FAILED


def test_nothing_in_common(project: pytest.Pytester) -> None:
    """There is nothing to compare on: exit code 4."""
    _made(project)
    (project.path / "data" / "train.csv").write_text(TRAIN, encoding="latin-1")
    result = _run(project, "--on-common-queries")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {FILE}: *not one query is common, so that nothing can be compared"])


# several baselines, and those of others


def test_several_baselines(project: pytest.Pytester) -> None:
    """Each is compared; one that fails is enough, and the text says which."""
    _made(project)
    (project.path / FILE).rename(project.path / "release.json")
    _configured(project, WORSE)
    _made(project)
    (project.path / FILE).rename(project.path / "main.json")
    result = _run(project, "--baseline", "main.json", "--baseline", "release.json")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "baseline: main.json, 1 strategy",
            "baseline: release.json, 1 strategy",
            "own: worse than in release.json",
            "compared with main.json: *nothing worse",
            "compared with release.json: *fail",
        ]
    )
    assert [found["status"] for found in _comparison(project)] == ["pass", "fail"]


def test_a_baseline_that_is_named_has_to_be_there(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """By option, variable and file: exit code 4."""
    line = "ERROR: none.json: cannot be read (No such file or directory); a baseline is expected there"
    given = _run(project, "--baseline", "none.json")
    monkeypatch.setenv("RELEVANCE_BASELINE", "none.json")
    for result in (given, _run(project)):
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        assert line in result.stderr.lines


def test_the_file_names_baselines(project: pytest.Pytester) -> None:
    """Their paths start where the file is."""
    _made(project)
    (project.path / FILE).rename(project.path / "main.json")
    (project.path / "relevance.toml").write_text(f'strategy = ["own"]\nbaseline = ["main.json"]\n{OWN}')
    _run(project).stdout.fnmatch_lines(["compared with main.json: *nothing worse"])


def test_a_baseline_of_another_data_set(project: pytest.Pytester) -> None:
    """It says whose it is."""
    _made(project)
    (project.path / "data" / "train.csv").write_text(TRAIN, encoding="latin-1")
    (project.path / "relevance.toml").write_text(
        f'strategy = ["own"]\ndataset = "shop"\n[datasets.shop]\nformat = "homedepot"\npath = "data"\n{OWN}'
    )
    result = project.runpytest_inprocess("benchmarks", "--baseline", FILE)
    result.stderr.fnmatch_lines([f"ERROR: {FILE}: other data than this session's (it is of homedepot): *"])


DAMAGED = {
    "truncated": (None, "damaged baseline (not JSON: "),
    "changed by hand": (b'"rounds": 4', "changed by hand (its checksum is another)"),
}


@pytest.mark.parametrize(("change", "line"), DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("options", [(), ("--update-baseline",)])
def test_a_damaged_baseline(
    project: pytest.Pytester, change: bytes | None, line: str, options: tuple[str, ...]
) -> None:
    """Exit code 4 at collection, one line, no results; an update does not write over it."""
    whole = _made(project)
    (project.path / ".relevance").rename(project.path / "earlier")
    if change is None:
        damaged = whole[:-100]
    else:
        key = change.partition(b":")[0]
        damaged = re.sub(re.escape(key) + rb": \d", change, whole)
    (project.path / FILE).write_bytes(damaged)
    result = _run(project, *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (error,) = [text for text in result.stderr.lines if text.startswith("ERROR: ")]
    assert error.startswith(f"ERROR: {FILE}: ")
    assert line in error
    _untraced(result)
    assert (project.path / FILE).read_bytes() == damaged
    assert not (project.path / ".relevance").exists()


# updates


def test_an_update_below_a_floor_writes_nothing(project: pytest.Pytester) -> None:
    """Exit code 1, and the baseline is as it was; so it is where another test fails."""
    before = _made(project)
    _configured(project, WORSE)
    _floors(project, 0.5)
    result = _run(project, "--update-baseline")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"baseline: {FILE} is as it was: the session failed"])
    assert (project.path / FILE).read_bytes() == before


def test_an_update_says_what_changes(project: pytest.Pytester) -> None:
    """What was and what is, and what made it so; it is no failure that it became worse."""
    _made(project)
    _configured(project, WORSE)
    result = _run(project, "--update-baseline")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        ["  own: text.title 1 -> none", "  changed: own: MRR 1.0000 -> 0.0000, MAP 1.0000 -> 0.0000, *"]
    )


def _two(project: pytest.Pytester, text: str = OWN) -> None:
    (project.path / "relevance.toml").write_text(
        f'strategy = ["own", "other"]\n{text}[strategies.other]\ntext = {{title = 2}}\n'
    )


def test_selected_strategies_are_updated_alone(project: pytest.Pytester) -> None:
    """By option or by -k; the others stay as they are."""
    _two(project)
    _made(project)
    before = read_baseline(project.path / FILE)
    _two(project, WORSE)
    for selection in (("--strategy", "own"), ("-k", "own")):
        assert _run(project, "--update-baseline", *selection).ret == pytest.ExitCode.OK
        found = read_baseline(project.path / FILE)
        assert list(found.strategies) == ["other", "own"]
        assert found.strategies["own"].hits == ((),) * 60
        assert found.strategies["other"].hits == before.strategies["other"].hits


def test_a_strategy_that_is_gone(project: pytest.Pytester) -> None:
    """It leaves the baseline with an update of everything; before, a note says that it was not measured."""
    _two(project)
    _made(project)
    _configured(project, OWN)
    _run(project).stdout.fnmatch_lines(["  note: other: in the baseline, not measured"])
    _run(project, "--update-baseline").stdout.fnmatch_lines(["  gone: other"])
    assert list(read_baseline(project.path / FILE).strategies) == ["own"]


def test_a_strategy_that_is_new(project: pytest.Pytester) -> None:
    """Nothing to compare with: its test is skipped and a note says why; the others are compared."""
    _made(project)
    _two(project)
    result = _run(project)
    result.assert_outcomes(passed=3, skipped=1)
    result.stdout.fnmatch_lines(["  note: other: not in the baseline; --update-baseline adds it"])


def test_a_part_of_other_data_is_refused(project: pytest.Pytester) -> None:
    """At collection, exit code 4; all of them may be updated."""
    _two(project)
    before = _made(project)
    _with_other_judgments(project)
    result = _run(project, "--update-baseline", "--strategy", "own")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    line = (
        f"ERROR: {FILE}: --update-baseline of some strategies: 1 judgment changed; "
        "allowed: an update of all of them, 1 of which this session does not measure"
    )
    assert line in result.stderr.lines
    assert (project.path / FILE).read_bytes() == before
    _run(project, "--update-baseline").stdout.fnmatch_lines(["  data: 1 judgment changed"])


def test_an_update_that_was_stopped_writes_nothing(project: pytest.Pytester) -> None:
    """A strategy that was not measured leaves the baseline as it was."""
    _two(project)
    before = _made(project)
    (project.path / "benchmarks" / "thresholds.toml").write_text(
        "[homedepot.own]\nMRR = 1.0\n[homedepot.other]\nMRR = 1.0"
    )
    _two(project, WORSE)
    result = _run(project, "--update-baseline", "-x")
    result.stdout.fnmatch_lines([f"baseline: {FILE} is as it was: other not measured"])
    assert (project.path / FILE).read_bytes() == before


def test_an_update_compares_with_nothing(project: pytest.Pytester) -> None:
    """Beside --baseline it is an error; in the file a baseline waits."""
    result = _run(project, "--update-baseline", "--baseline", "main.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    line = f"ERROR: --update-baseline writes {FILE} and compares with nothing; leave out --baseline"
    assert line in result.stderr.lines


def test_a_baseline_that_cannot_be_written(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line and exit code 7; what was there stays."""
    before = _made(project)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("relevance.baseline.files.os.fsync", full)
    result = _run(project, "--update-baseline")
    assert result.ret == 7
    assert f"{FILE}: not written: No space left on device" in result.stdout.str() + result.stderr.str()
    assert (project.path / FILE).read_bytes() == before
    assert [path.name for path in (project.path / FILE).parent.iterdir()] == ["homedepot.json"]


def test_run_times_are_compared(project: pytest.Pytester) -> None:
    """In calibrations, where both sessions took times on the same engine."""
    _made(project, "--benchmark-enable")
    snapshot = read_baseline(project.path / FILE)
    assert snapshot.calibration_s > 0
    assert (snapshot.strategies["own"].run_time_s > 0, snapshot.strategies["own"].rounds >= 3) == (True, True)
    assert _run(project, "--benchmark-enable").ret in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
    assert [row["measure"] for row in _comparison(project)[0]["findings"]] == [
        "nDCG@10",
        "AP@10",
        "RR@10",
        "empty results",
        "run time",
    ]
    _run(project)
    assert "run time" not in [row["measure"] for row in _comparison(project)[0]["findings"]]


def test_a_baseline_without_times_costs_no_calibration(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing to relate to."""
    _made(project)
    monkeypatch.setattr(sys.modules["relevance.suite.prepare"], "index_calibration", None)  # it would be called
    _run(project, "--benchmark-enable").assert_outcomes(passed=2)


def test_identical_runs_make_identical_files(project: pytest.Pytester) -> None:
    """Where no times are taken, byte for byte."""
    first = _made(project)
    assert _made(project) == first
