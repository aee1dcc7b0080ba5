"""Baselines as a user of the plugin meets them: made, compared, required, refused; what the terminal says of each."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from helpers.project import (
    TRAIN,
    calibrate_little,
    printed,
    results,
    usage_error,
    write_floors,
    write_project,
    write_train,
)

from relevance.baseline import read_baseline
from relevance.gate import GATED

pytest_plugins = ["pytester"]

OWN = "[strategies.own]\ntext = {title = 1}\n"
WORSE = "[strategies.own]\ntext = {attributes = 1}\n"
OTHER = "[strategies.other]\ntext = {title = 2}\n"
OPTIONS = ("benchmarks", "--dataset", "homedepot:data")
FILE = "benchmarks/baselines/homedepot.json"
KEPT: dict[str, bytes] = {}
"""Baselines by configuration: the same run makes the same bytes, so that each is made once."""


def _train(queries: int = 60, *, grade: int = 3) -> str:
    """Each query has one product, which its title finds; the first query's grade is given."""
    rows = (f'{at},{1000 + at},"Thing{at} of wood","thing{at}",{grade if at == 0 else 3}' for at in range(queries))
    return "\n".join(('"id","product_uid","product_title","search_term","relevance"', *rows)) + "\n"


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """Sixty queries and one strategy of the user's own."""
    project = write_project(pytester)
    write_train(project, _train())
    _configured(project, OWN)
    return project


def _configured(project: pytest.Pytester, text: str, *, strategies: str = '"own"', more: str = "") -> None:
    (project.path / "relevance.toml").write_text(f"strategy = [{strategies}]\n{more}{text}")


def _two(project: pytest.Pytester, text: str = OWN) -> None:
    _configured(project, text + OTHER, strategies='"own", "other"')


def _run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    """Without times, unless `--benchmark-enable` or `--benchmark-only` is given."""
    timed = {"--benchmark-enable", "--benchmark-only"} & set(options)
    return project.runpytest_inprocess(*OPTIONS, *([] if timed else ["--benchmark-disable"]), *options)


def _update(project: pytest.Pytester) -> bytes:
    """Make the baseline of what is configured."""
    configuration, file = (project.path / "relevance.toml").read_text(), project.path / FILE
    if configuration not in KEPT:
        assert _run(project, "--update-baseline").ret == pytest.ExitCode.OK
        KEPT[configuration] = file.read_bytes()
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(KEPT[configuration])
    return KEPT[configuration]


def _comparison(project: pytest.Pytester) -> list[dict[str, Any]]:
    comparisons: list[dict[str, Any]] = results(project)["comparison"]
    return comparisons


def test_update_then_compare(project: pytest.Pytester) -> None:
    """The first run makes the baseline, the next is compared with it; an update makes the same bytes again."""
    update = _run(project, "--update-baseline")
    update.assert_outcomes(passed=1, skipped=1)
    update.stdout.fnmatch_lines(
        [
            f"baseline: {FILE} is updated by this session",
            "baseline: homedepot.json written to benchmarks/baselines",
            "  new: own: MRR 1.0000, MAP 1.0000, NDCG 1.0000, Judged 1.0000",
        ]
    )
    first = (project.path / FILE).read_bytes()
    again = _run(project)
    again.assert_outcomes(passed=2)
    again.stdout.fnmatch_lines(
        [f"baseline: {FILE}, 1 strategy", f"compared with {FILE}: 1 strategy × 3 metrics, nothing worse"]  # noqa: RUF001
    )
    assert _run(project, "--update-baseline").ret == pytest.ExitCode.OK
    assert (project.path / FILE).read_bytes() == first
    assert [path.name for path in (project.path / "benchmarks/baselines").iterdir()] == ["homedepot.json"]


def test_a_regression_fails_with_its_reason(project: pytest.Pytester) -> None:
    """Exit code 1; test, summary, JUnit file and results say which metric, from what to what, and what else changed."""
    _update(project)
    _configured(project, WORSE)
    result = _run(project, "--junitxml", "junit.xml")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            f"own: worse than in {FILE}",
            "  FAIL: nDCG@10 fell by 100% (1.0000 * 0.0000)",
            "  changed: own: text.title 1 -> none",
            "own *0.0000* FAIL",
            f"compared with {FILE}: 1 strategy × 3 metrics, fail",  # noqa: RUF001
            "FAIL: own: nDCG@10 fell by 100% *",
        ]
    )
    assert "is worse than in" not in printed(result), "said at the end of what no test has said"
    suite = ET.parse(project.path / "junit.xml").getroot().find("testsuite")  # noqa: S314 - pytest wrote it
    properties = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert properties["status"] == "fail"
    assert (properties["nDCG@10 before"], properties["nDCG@10 after"]) == ("1", "0")
    assert properties["nDCG@10 relative"] == "1"
    assert 0 < float(properties["nDCG@10 p"]) < 0.001
    assert [properties[str(metric)] for metric in GATED.values()] == ["0"] * 3
    (comparison,) = _comparison(project)
    assert list(comparison) == ["baseline", "status", "changed", "notes", "findings"]
    assert (comparison["baseline"], comparison["status"]) == (FILE, "fail")
    (row,) = [row for row in comparison["findings"] if row["measure"] == "nDCG@10"]
    names = "strategy measure status improved before after relative interval p adjusted_p queries queries_changed"
    assert list(row) == [*names.split(), "smallest_visible", "reasons"]
    assert (row["strategy"], row["before"], row["after"], row["queries"]) == ("own", 1, 0, 60)


def test_an_improvement_is_named(project: pytest.Pytester) -> None:
    """It passes, and the summary says what became better."""
    rows = (f'{1000 + at},"name","thing{at}"' for at in range(60))
    attributes = "\n".join(('"product_uid","name","value"', *rows)) + "\n"
    (project.path / "data" / "attributes.csv").write_text(attributes, encoding="latin-1")
    write_train(project, _train().replace("Thing1", "Shelf"))  # what begins with 1 is found by its attributes alone
    assert _run(project, "--update-baseline").ret == pytest.ExitCode.OK
    _configured(project, OWN.replace("title = 1", "title = 1, attributes = 1"))
    result = _run(project)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines([f"compared with {FILE}: *nothing worse", "better: own: nDCG@10 *"])


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


def test_what_was_not_measured_is_said(project: pytest.Pytester) -> None:
    """Where the comparison alone is selected, neither it nor an update has anything to go by."""
    for option, line in (
        ("-v", f"NOT COMPARED: no baseline at {FILE}; pytest --update-baseline makes one"),
        ("--update-baseline", f"baseline: {FILE} is as it was: own not measured"),
    ):
        result = _run(project, "-k", "test_no_regression", option)
        assert result.ret == pytest.ExitCode.OK
        result.stdout.fnmatch_lines([line])


@pytest.mark.parametrize(
    ("ci", "options"),
    [("true", ()), ("true", ("-k", "test_strategy")), ("", ("--require-baseline",))],
)
def test_a_baseline_that_is_required(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, options: tuple[str, ...]
) -> None:
    """By CI, whichever tests were selected, or by an option; the file outranks CI. Exit code 1 where there is none."""
    monkeypatch.setenv("CI", ci)
    write_floors(project.path / "benchmarks", own=0.5)
    result = _run(project, *options)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"FAIL: *there is none at {FILE}; pytest --update-baseline makes one"])
    _configured(project, OWN, more="require_baseline = false\n")
    assert ci == "" or _run(project, *options).ret == pytest.ExitCode.OK


@pytest.mark.parametrize("selected", [("-k", "test_strategy"), ("--benchmark-only",)])
def test_the_gate_cannot_be_deselected(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, selected: tuple[str, ...]
) -> None:
    """What no test has compared is compared at the end: exit code 1 and a line."""
    calibrate_little(monkeypatch)
    _update(project)
    _configured(project, WORSE)
    result = _run(project, *selected)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"FAIL: own is worse than in {FILE}"])


def test_what_is_compared_is_measured_before(project: pytest.Pytester) -> None:
    """Whoever has put the tests in another order; without a time where the comparison alone is selected, as by --lf."""
    _update(project)
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write("\ndef pytest_collection_modifyitems(items): items.reverse()\n")
    result = _run(project, "-v")
    result.stdout.fnmatch_lines(["*test_strategy[[]own[]] PASSED*", "*test_no_regression[[]own[]] PASSED*"])
    _run(project, "-k", "no_regression").assert_outcomes(passed=1, deselected=1)
    assert _comparison(project)[0]["status"] == "pass"


# other data


def test_other_data_cannot_be_compared(project: pytest.Pytester) -> None:
    """Exit code 4 at collection, with what differs in numbers; on common queries where that is asked for."""
    _update(project)
    write_train(project, _train(63, grade=2))
    changes = "1 judgment changed, 3 queries new, another corpus (60 products before, 63 now)"
    allowed = "a baseline of these data (--update-baseline makes it), or --on-common-queries"
    assert usage_error(_run(project)) == f"{FILE}: other data than this session's: {changes}; allowed: {allowed}"
    result = _run(project, "--on-common-queries")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            f"baseline: {FILE}, 1 strategy (on common queries)",
            f"*note: compared on 59 of 63 queries: {changes}",
            "*note: run times are not compared: they were those of other queries or products",
        ]
    )
    _configured(project, WORSE)
    assert _run(project, "--on-common-queries").ret == pytest.ExitCode.TESTS_FAILED
    write_train(project, TRAIN)
    line = usage_error(_run(project, "--on-common-queries"))
    assert line.startswith(f"{FILE}: ")
    assert line.endswith("not one query is common, so that nothing can be compared")


def test_a_baseline_of_another_data_set(project: pytest.Pytester) -> None:
    """It says whose it is."""
    _update(project)
    write_train(project, TRAIN)
    more = 'dataset = "shop"\n[datasets.shop]\nformat = "homedepot"\npath = "data"\n'
    _configured(project, OWN, more=more)
    line = usage_error(project.runpytest_inprocess("benchmarks", "--baseline", FILE))
    assert line.startswith(f"{FILE}: other data than this session's (it is of homedepot): ")


# several baselines, and those of others


def test_several_baselines(project: pytest.Pytester) -> None:
    """Each is compared; one that fails is enough, and the text says which. In the file paths start where it is."""
    _update(project)
    (project.path / FILE).rename(project.path / "release.json")
    _configured(project, WORSE)
    _update(project)
    (project.path / FILE).rename(project.path / "main.json")
    _configured(project, WORSE, more='baseline = ["main.json"]\n')
    _run(project).stdout.fnmatch_lines(["compared with main.json: *nothing worse"])
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
    assert [one["status"] for one in _comparison(project)] == ["pass", "fail"]


def test_a_baseline_that_is_named_has_to_be_there(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """By option or variable: exit code 4; beside an update it is an error too."""
    line = "none.json: cannot be read (No such file or directory); a baseline is expected there"
    named = ("--baseline", "none.json")
    assert usage_error(_run(project, *named)) == line
    both = f"--update-baseline writes {FILE} and compares with nothing; leave out --baseline"
    assert usage_error(_run(project, "--update-baseline", *named)) == both
    monkeypatch.setenv("RELEVANCE_BASELINE", "none.json")
    assert usage_error(_run(project)) == line


def test_a_damaged_baseline(project: pytest.Pytester) -> None:
    """Exit code 4 at collection, one line, no results; an update does not write over it."""
    whole = _update(project)
    by_hand = re.sub(rb'"rounds": \d', b'"rounds": 4', whole)
    for damaged, option, line in (
        (by_hand, "-v", "changed by hand (its checksum is another)"),
        (whole[:-100], "--update-baseline", "damaged baseline (not JSON: "),
    ):
        (project.path / FILE).write_bytes(damaged)
        (project.path / ".relevance" / "latest" / "results.json").unlink(missing_ok=True)
        error = usage_error(_run(project, option))
        assert error.startswith(f"{FILE}: ")
        assert line in error
        assert (project.path / FILE).read_bytes() == damaged
        assert not (project.path / ".relevance" / "latest" / "results.json").exists()


# updates


def test_an_update_that_failed_or_was_stopped_writes_nothing(project: pytest.Pytester) -> None:
    """Below a floor, or where a strategy was not measured, the baseline is as it was."""
    _two(project)
    before = _update(project)
    write_floors(project.path / "benchmarks", own=0.5, other=0.5)
    _two(project, WORSE)
    for options, why in (((), "the session failed"), (("-x",), "other not measured")):
        result = _run(project, "--update-baseline", *options)
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        result.stdout.fnmatch_lines([f"baseline: {FILE} is as it was: {why}"])
        assert (project.path / FILE).read_bytes() == before


def test_an_update_says_what_changes(project: pytest.Pytester) -> None:
    """What was and what is, and what made it so; it is no failure that it became worse."""
    _update(project)
    _configured(project, WORSE)
    result = _run(project, "--update-baseline")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        ["  own: text.title 1 -> none", "  changed: own: MRR 1.0000 -> 0.0000, MAP 1.0000 -> 0.0000, *"]
    )


def test_selected_strategies_are_updated_alone(project: pytest.Pytester) -> None:
    """By option or by -k; the others stay as they are."""
    _two(project)
    _update(project)
    before = read_baseline(project.path / FILE)
    _two(project, WORSE)
    for selection in (("--strategy", "own"), ("-k", "own")):
        assert _run(project, "--update-baseline", *selection).ret == pytest.ExitCode.OK
        after = read_baseline(project.path / FILE)
        assert list(after.strategies) == ["other", "own"]
        assert after.strategies["own"].hits == ((),) * 60
        assert after.strategies["other"].hits == before.strategies["other"].hits


def test_strategies_that_are_gone_or_new(project: pytest.Pytester) -> None:
    """The gone leave with an update of everything, a note says so before; of the new the test is skipped."""
    _two(project)
    _update(project)
    _configured(project, OWN)
    _run(project).stdout.fnmatch_lines(["  note: other: in the baseline, not measured"])
    _run(project, "--update-baseline").stdout.fnmatch_lines(["  gone: other"])
    assert list(read_baseline(project.path / FILE).strategies) == ["own"]
    _two(project)
    result = _run(project)
    result.assert_outcomes(passed=3, skipped=1)
    result.stdout.fnmatch_lines(["  note: other: not in the baseline; --update-baseline adds it"])


def test_a_part_of_other_data_is_refused(project: pytest.Pytester) -> None:
    """At collection, exit code 4; all of them may be updated."""
    _two(project)
    before = _update(project)
    write_train(project, _train(grade=2))
    assert usage_error(_run(project, "--update-baseline", "--strategy", "own")) == (
        f"{FILE}: --update-baseline of some strategies: 1 judgment changed; "
        "allowed: an update of all of them, 1 of which this session does not measure"
    )
    assert (project.path / FILE).read_bytes() == before
    _run(project, "--update-baseline").stdout.fnmatch_lines(["  data: 1 judgment changed"])


def test_a_baseline_that_cannot_be_written(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line and exit code 7; what was there stays."""
    before = _update(project)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("relevance.baseline.files.os.fsync", full)
    result = _run(project, "--update-baseline")
    assert result.ret == 7
    assert f"{FILE}: not written: No space left on device" in printed(result)
    assert (project.path / FILE).read_bytes() == before
    assert [path.name for path in (project.path / FILE).parent.iterdir()] == ["homedepot.json"]


# run times


def test_run_times_are_compared(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """In calibrations, where both sessions took times on the same engine."""
    calibrate_little(monkeypatch)
    assert _run(project, "--update-baseline", "--benchmark-enable").ret == pytest.ExitCode.OK
    snapshot = read_baseline(project.path / FILE)
    assert snapshot.calibration_s > 0
    assert (snapshot.strategies["own"].run_time_s > 0, snapshot.strategies["own"].rounds >= 3) == (True, True)
    assert _run(project, "--benchmark-enable").ret in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
    measures = ["nDCG@10", "AP@10", "RR@10", "empty results"]
    assert [row["measure"] for row in _comparison(project)[0]["findings"]] == [*measures, "run time"]
    _run(project)
    assert [row["measure"] for row in _comparison(project)[0]["findings"]] == measures


def test_a_baseline_without_times_costs_no_calibration(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing to relate to."""
    _update(project)
    monkeypatch.setattr(sys.modules["relevance.suite.measure"], "index_calibration", None)  # it would be called
    _run(project, "--benchmark-enable").assert_outcomes(passed=2)
