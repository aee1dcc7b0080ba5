"""Baselines as a user of the plugin meets them: made, compared, required, refused; what the terminal says of each."""

import re
import sys
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from helpers.junit import strange_in_junit
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
from relevance.cli import main

pytest_plugins = ["pytester"]

OWN = "[strategies.own]\ntext = {title = 1}\n"
WORSE = "[strategies.own]\ntext = {attributes = 1}\n"
OTHER = "[strategies.other]\ntext = {title = 2}\n"
FILE = "benchmarks/baselines/homedepot.json"
NONE = f"no baseline at {FILE}; pytest --update-baseline makes one"
KEPT: dict[str, bytes] = {}
"""Baselines by configuration: the same run makes the same bytes, so that each is made once."""


def train(queries: int = 60, *, grade: int = 3) -> str:
    """Each query has one product, which its title finds; `grade` is the first query's."""
    rows = (f'{at},{1000 + at},"Thing{at} of wood","thing{at}",{grade if at == 0 else 3}' for at in range(queries))
    return "\n".join(('"id","product_uid","product_title","search_term","relevance"', *rows)) + "\n"


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """Sixty queries and one strategy of the user's own."""
    write_train(write_project(pytester), train())
    configure(pytester, OWN)
    return pytester


def configure(project: pytest.Pytester, text: str, *, more: str = "") -> None:
    own, other = 'strategy = ["own"]', 'strategy = ["own", "other"]'
    (project.path / "relevance.toml").write_text(f"{other if OTHER in text else own}\n{more}{text}")


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    """Without times, unless `--benchmark-enable` or `--benchmark-only` is given."""
    timed = {"--benchmark-enable", "--benchmark-only"} & set(options)
    fixed = ("benchmarks", "--dataset", "homedepot:data", *([] if timed else ["--benchmark-disable"]))
    return project.runpytest_inprocess(*fixed, *options)


def update(project: pytest.Pytester) -> bytes:
    """Make the baseline of what is configured."""
    configuration, file = (project.path / "relevance.toml").read_text(), project.path / FILE
    if configuration not in KEPT:
        assert run(project, "--update-baseline").ret == pytest.ExitCode.OK
        KEPT[configuration] = file.read_bytes()
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(KEPT[configuration])
    return KEPT[configuration]


def comparisons(project: pytest.Pytester) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = results(project)["comparison"]
    return found


def test_update_then_compare(project: pytest.Pytester) -> None:
    first = run(project, "--update-baseline")
    first.assert_outcomes(passed=1, skipped=1)
    first.stdout.fnmatch_lines(
        [
            f"baseline: {FILE} is updated by this session",
            "baseline: homedepot.json written to benchmarks/baselines",
            "  new: own: MRR 1.0000, MAP 1.0000, NDCG 1.0000, Judged 1.0000",
        ]
    )
    baseline = (project.path / FILE).read_bytes()
    again = run(project)
    again.assert_outcomes(passed=2)
    again.stdout.fnmatch_lines(
        [
            f"baseline: {FILE}, 1 strategy",
            f"compared with {FILE}: 1 strategy × 3 metrics, no loss",  # noqa: RUF001
            "results: .relevance/latest",
            "  .relevance/latest/diagnosis.md * which queries changed, and why",
        ]
    )
    assert "judged queries" not in printed(again)
    assert run(project, "--update-baseline").ret == pytest.ExitCode.OK
    assert (project.path / FILE).read_bytes() == baseline
    assert [path.name for path in (project.path / FILE).parent.iterdir()] == ["homedepot.json"]


def test_a_regression_fails_with_its_reason(project: pytest.Pytester) -> None:
    update(project)
    configure(project, WORSE)
    result = run(project, "--junitxml", "junit.xml")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            f"own: worse than in {FILE}",
            "  LOSS: nDCG@10 fell by 100% (1.0000 * 0.0000)",
            "  changed: own: text.title 1 -> none",
            "own *0.0000* FAIL",
            f"compared with {FILE}: 1 strategy × 3 metrics, loss",  # noqa: RUF001
            "LOSS: own: nDCG@10 fell by 100% *",
        ]
    )
    assert "is worse than in" not in printed(result), "said at the end of what no test has said"
    tree = ET.parse(project.path / "junit.xml").getroot()  # noqa: S314 - pytest wrote it
    assert [*strange_in_junit(tree)] == []
    suite = tree.find("testsuite")
    properties = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert (properties["answer"], properties["nDCG@10 relative"]) == ("loss", "1")
    assert [properties[str(metric)] for metric in ("RR@10", "AP@10", "nDCG@10")] == ["0"] * 3
    (comparison,) = comparisons(project)
    told = "answer fails problems unjudged effective_queries accepted proposed changed notes findings"
    assert list(comparison) == ["baseline", *told.split()]
    assert (comparison["baseline"], comparison["answer"]) == (FILE, "loss")
    (row,) = [row for row in comparison["findings"] if (row["measure"], row["segment"]) == ("nDCG@10", "")]
    names = (
        "strategy measure segment answer improved before after relative interval p adjusted_p queries queries_changed"
    )
    assert list(row) == [
        *names.split(),
        *("smallest_visible", "at_most", "needed", "span", "cause", "fails", "reasons"),
    ]
    assert (row["strategy"], row["before"], row["after"], row["queries"]) == ("own", 1, 0, 60)


def test_an_improvement_is_named(project: pytest.Pytester) -> None:
    rows = (f'{1000 + at},"name","thing{at}"' for at in range(60))
    attributes = "\n".join(('"product_uid","name","value"', *rows)) + "\n"
    (project.path / "data" / "attributes.csv").write_text(attributes, encoding="latin-1")
    write_train(project, train().replace("Thing1", "Shelf"))  # what begins with 1 is found by its attributes alone
    assert run(project, "--update-baseline").ret == pytest.ExitCode.OK
    configure(project, OWN.replace("title = 1", "title = 1, attributes = 1"))
    result = run(project)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines([f"compared with {FILE}: *no loss", "better: own: nDCG@10 *"])


NEEDED = f"FAIL: *there is none at {FILE}; pytest --update-baseline makes one"


@pytest.mark.parametrize(
    ("ci", "options", "code", "line"),
    [
        ("", ("-rs",), 0, f"SKIPPED * {NONE}"),
        ("", ("-k", "test_strategy"), 0, f"NOT COMPARED: {NONE}"),
        ("", ("-k", "test_no_regression"), 0, f"NOT COMPARED: {NONE}"),
        ("", ("-k", "regression", "--update-baseline"), 0, f"baseline: {FILE} was not written: own not measured"),
        ("true", (), 1, NEEDED),
        ("true", ("-k", "test_strategy"), 1, NEEDED),
        ("true", ("--config", "of_ci.toml"), 0, f"NOT COMPARED: {NONE}"),  # the file outranks CI
        ("", ("--require-baseline",), 1, NEEDED),
    ],
)
def test_without_a_baseline(  # noqa: PLR0913, PLR0917 - cases
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, options: tuple[str, ...], code: int, line: str
) -> None:
    monkeypatch.setenv("CI", ci)
    write_floors(project.path / "benchmarks", own=0.5)
    own = (project.path / "relevance.toml").read_text()
    (project.path / "of_ci.toml").write_text(f"require_baseline = false\n{own}")
    result = run(project, *options)
    assert result.ret == code
    result.stdout.fnmatch_lines([line])


@pytest.mark.parametrize("selected", [("-k", "test_strategy"), ("--benchmark-only",)])
def test_the_gate_cannot_be_deselected(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, selected: tuple[str, ...]
) -> None:
    calibrate_little(monkeypatch)
    update(project)
    configure(project, WORSE)
    result = run(project, *selected)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"FAIL: own is worse than in {FILE}"])


def test_what_is_compared_is_measured_before(project: pytest.Pytester) -> None:
    update(project)
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write("\ndef pytest_collection_modifyitems(items): items.reverse()\n")
    ordered = ["*test_strategy[[]own[]] PASSED*", "*test_no_regression[[]own[]] PASSED*"]
    run(project, "-v").stdout.fnmatch_lines(ordered)
    run(project, "-k", "no_regression").assert_outcomes(passed=1, deselected=1)  # as by --lf
    assert comparisons(project)[0]["answer"] == "no loss"


def test_other_data_score_both_sides(project: pytest.Pytester) -> None:
    update(project)
    write_train(project, train(63, grade=2))
    changes = "1 judgment changed, 3 queries new, another corpus (60 products before, 63 now)"
    result = run(project)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            f"baseline: {FILE}, 1 strategy (of other data: {changes}; both sides are scored by today's)",
            f"*changed: data: {changes}; both sides are scored by today's",
            "*note: not compared: 3 queries new since the baseline (*",
            "*note: run times are not compared: they were those of other queries or products",
        ]
    )
    assert [one["answer"] for one in comparisons(project)] == ["no loss"]
    configure(project, WORSE)
    assert run(project).ret == pytest.ExitCode.TESTS_FAILED


def test_too_few_common_queries_fail(project: pytest.Pytester) -> None:
    update(project)
    write_train(project, TRAIN)
    result = run(project)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    problem = "compared on 0 of 60 queries of the baseline; allowed: 50 or more (*"
    result.stdout.fnmatch_lines([f"FAIL: {problem}"])
    assert [one["findings"] for one in comparisons(project)] == [[]]


def test_the_option_for_common_queries_is_gone(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    instead = "both sides are scored by today's data, whatever has changed; leave it out"
    result = run(project, "--on-common-queries")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--on-common-queries is gone: {instead}"])
    configure(project, OWN, more="on_common_queries = true\n")
    assert usage_error(run(project)).endswith(f"relevance.toml: on_common_queries is gone: {instead}")
    configure(project, OWN)
    monkeypatch.setenv("RELEVANCE_ON_COMMON_QUERIES", "1")
    assert usage_error(run(project)) == f"environment: RELEVANCE_ON_COMMON_QUERIES is gone: {instead}"


def test_several_baselines(project: pytest.Pytester) -> None:
    for text, name in ((OWN, "release.json"), (WORSE, "main.json")):
        configure(project, text)
        update(project)
        (project.path / FILE).rename(project.path / name)
    configure(project, WORSE, more='baseline = ["main.json"]\n')
    run(project).stdout.fnmatch_lines(["compared with main.json: *no loss"])
    result = run(project, "--baseline", "main.json", "--baseline", "release.json")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "baseline: main.json, 1 strategy",
            "baseline: release.json, 1 strategy",
            "own: worse than in release.json",
            "compared with main.json: *no loss",
            "compared with release.json: *loss",
        ]
    )
    assert [one["answer"] for one in comparisons(project)] == ["no loss", "loss"]


def test_a_baseline_that_cannot_be_used_is_refused_and_not_written_over(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = update(project)
    by_hand = re.sub(rb'"rounds": \d', b'"rounds": 4', whole)
    absent = "none.json: cannot be read (No such file or directory); a baseline is expected there"
    both = f"--update-baseline writes {FILE} and compares with nothing; leave out --baseline"
    for content, options, part in (
        (by_hand, (), f"{FILE}: changed by hand (its checksum is another)"),
        (whole[:-100], ("--update-baseline",), f"{FILE}: damaged baseline (not JSON: "),
        (whole, ("--baseline", "none.json"), absent),
        (whole, ("--update-baseline", "--baseline", "none.json"), both),
    ):
        (project.path / FILE).write_bytes(content)
        assert usage_error(run(project, *options, "--out=out")).startswith(part)
        assert (project.path / FILE).read_bytes() == content
        assert not (project.path / "out").exists()
    monkeypatch.setenv("RELEVANCE_BASELINE", "none.json")
    assert usage_error(run(project)) == absent


def test_an_update_that_failed_or_was_stopped_writes_nothing(project: pytest.Pytester) -> None:
    configure(project, OWN + OTHER)
    before = update(project)
    write_floors(project.path / "benchmarks", own=0.5, other=0.5)
    configure(project, WORSE + OTHER)
    for options, why in (((), "the session failed"), (("-x",), "other not measured")):
        result = run(project, "--update-baseline", *options)
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        result.stdout.fnmatch_lines([f"baseline: {FILE} is as it was: {why}"])
        assert (project.path / FILE).read_bytes() == before


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("one word", "own: nDCG@10 of 60 queries (one word) is 0.0000, below its floor 0.9"),
        ("one wort", "*gate.segments* 'one wort': no query is of this kind (did you mean 'one word'?)*"),
    ],
)
def test_an_update_writes_only_what_the_limits_of_kinds_allow(
    project: pytest.Pytester, kind: str, problem: str
) -> None:
    before = update(project)
    configure(project, WORSE, more=f'[gate.segments."{kind}"]\nfloor = 0.9\n')
    result = run(project, "--update-baseline")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"*{problem}", f"baseline: {FILE} is as it was: the session failed"])
    assert (project.path / FILE).read_bytes() == before


def test_an_update_says_what_changes(project: pytest.Pytester) -> None:
    update(project)
    configure(project, WORSE)
    result = run(project, "--update-baseline")
    assert result.ret == pytest.ExitCode.OK
    changes = "  changed: own: MRR 1.0000 -> 0.0000, MAP 1.0000 -> 0.0000, *"
    result.stdout.fnmatch_lines(["  own: text.title 1 -> none", changes])


def test_selected_strategies_are_updated_alone(project: pytest.Pytester) -> None:
    configure(project, OWN + OTHER)
    update(project)
    before = read_baseline(project.path / FILE)
    configure(project, WORSE + OTHER)
    for selection in (("--strategy", "own"), ("-k", "own")):
        assert run(project, "--update-baseline", *selection).ret == pytest.ExitCode.OK
        after = read_baseline(project.path / FILE)
        assert list(after.strategies) == ["other", "own"]
        assert after.strategies["own"].hits == ((),) * 60
        assert after.strategies["other"].hits == before.strategies["other"].hits


def test_strategies_that_are_gone_or_new(project: pytest.Pytester) -> None:
    configure(project, OWN + OTHER)
    update(project)
    configure(project, OWN)
    run(project).stdout.fnmatch_lines(["  note: in the baseline and not measured: other"])
    run(project, "--update-baseline").stdout.fnmatch_lines(["  gone: other"])
    assert list(read_baseline(project.path / FILE).strategies) == ["own"]
    configure(project, OWN + OTHER)
    result = run(project)
    result.assert_outcomes(passed=3, skipped=1)
    result.stdout.fnmatch_lines(["  note: other: not in the baseline; --update-baseline adds it"])


def test_a_part_of_other_data_is_not_updated_but_all_of_it_is(project: pytest.Pytester) -> None:
    configure(project, OWN + OTHER)
    before = update(project)
    write_train(project, train(grade=2))
    assert usage_error(run(project, "--update-baseline", "--strategy", "own")) == (
        f"{FILE}: --update-baseline of some strategies: 1 judgment changed; "
        "allowed: an update of all of them, 1 of which this session does not measure"
    )
    assert (project.path / FILE).read_bytes() == before
    run(project, "--update-baseline").stdout.fnmatch_lines(["  data: 1 judgment changed"])


def test_a_baseline_that_cannot_be_written(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    before = update(project)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("relevance.baseline.files.os.fsync", full)
        result = run(project, "--update-baseline")
    assert result.ret == 7
    assert f"{FILE}: not written: No space left on device" in printed(result)
    assert (project.path / FILE).read_bytes() == before
    assert [path.name for path in (project.path / FILE).parent.iterdir()] == ["homedepot.json"]
    monkeypatch.setattr("relevance.files.tempfile.TemporaryFile", full)
    monkeypatch.setattr("relevance.report.folder.unwritable", lambda _: "")
    early = run(project, "--update-baseline")  # a place where nothing can be written is known before anything long
    assert early.ret == 7
    folder = (project.path / FILE).parent
    line = f"ERROR: --update-baseline: {FILE}: cannot be written ({folder}: No space left on device)"
    early.stdout.fnmatch_lines([line])
    assert "test_strategy" not in printed(early)


def test_run_times_are_compared_where_both_took_some(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    calibrate_little(monkeypatch)
    assert run(project, "--update-baseline", "--benchmark-enable").ret == pytest.ExitCode.OK
    snapshot = read_baseline(project.path / FILE)
    assert snapshot.calibration_s > 0
    assert snapshot.strategies["own"].run_time_s > 0
    assert snapshot.strategies["own"].rounds >= 3
    assert run(project, "--benchmark-enable").ret in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
    measures = ["nDCG@10", "AP@10", "RR@10", "empty results"]
    assert [row["measure"] for row in comparisons(project)[0]["findings"]] == [*measures, "run time"]
    run(project)
    assert [row["measure"] for row in comparisons(project)[0]["findings"]] == measures


def test_a_baseline_without_times_costs_no_calibration(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    update(project)
    monkeypatch.setattr(sys.modules["relevance.suite.measure"], "index_calibration", None)  # it would be called
    run(project, "--benchmark-enable").assert_outcomes(passed=2)


def accept(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure what is worse, and accept it."""
    configure(project, WORSE)
    assert run(project).ret == pytest.ExitCode.TESTS_FAILED
    assert results(project)["complete"] is True
    monkeypatch.chdir(project.path)
    assert main(["accept", "--by", "Ada", "--reason", "the <b>old</b> ids are gone"]) == 0


def test_what_was_accepted_passes_and_is_shown(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    update(project)
    accept(project, monkeypatch)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    result = run(project)
    result.assert_outcomes(passed=2)
    words = 'by Ada: own (loss, nDCG@10 1.0000 * 0.0000): "the <b>old</b> ids are gone"'
    result.stdout.fnmatch_lines(
        [f"baseline: {FILE}, 1 strategy; accepted: own by Ada on ????-??-??", f"  accepted on ????-??-?? {words}"]
    )
    (entry,) = comparisons(project)[0]["accepted"]
    assert (entry["by"], entry["strategies"]["own"]["verdict"]) == ("Ada", "loss")
    (line,) = re.findall("- accepted on .*", (project.path / "summary.md").read_text())
    assert '"the &lt;b&gt;old&lt;/b&gt; ids are gone"' in line
    run(project, "--strategy", "own")
    assert results(project)["complete"] is False
    # a later update is not shown as accepted, and the log stays
    configure(project, OWN)
    assert run(project, "--update-baseline").ret == pytest.ExitCode.OK
    assert len(read_baseline(project.path / FILE).log) == 1
    assert "accepted on" not in printed(run(project))


def test_a_pull_request_that_accepts_itself_fails_and_is_shown(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.path / "main.json").write_bytes(update(project))
    accept(project, monkeypatch)
    result = run(project, "--baseline", "main.json", "--gate-from-baseline")
    result.assert_outcomes(passed=1, failed=1)
    end = "; without effect beside main.json until it is merged"
    result.stdout.fnmatch_lines([f"  proposed on * by Ada: own (loss, *): *{end}"])
    assert comparisons(project)[0]["accepted"] == []
    assert comparisons(project)[0]["proposed"][0]["by"] == "Ada"
