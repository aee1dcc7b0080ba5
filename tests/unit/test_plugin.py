"""The plugin as its user meets it: options, selection, exit codes, the lines on the terminal, the folder of results."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from helpers.project import printed, results, usage_error, write_floors, write_project

import relevance.suite
from relevance import runner
from relevance.config import option_keys
from relevance.errors import CouldNotRunError

pytest_plugins = ["pytester"]

TEXT = ("--strategy", "textsearch,textsearch_boosted")
ONE = ("--strategy", "textsearch", "--benchmark-disable")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setattr(runner, "SINGLE_QUERIES", 10)
    return write_project(pytester)


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_inprocess("benchmarks", "--dataset", "homedepot:data", *options)


def test_a_run(project: pytest.Pytester) -> None:
    write_floors(project.path / "benchmarks", textsearch=0.7)
    result = run(project, *TEXT)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "homedepot: 5 products, 4 queries, 6 judgments",
            "engine: embedded (asked for)",
            "strategy  *MRR *MAP *NDCG *judged *time (s)*verdict",
            "textsearch *0.7500[*]>=0.700*pass",
            "textsearch_boosted *0.7500[*] *not gated",
            "textsearch, textsearch_boosted: 1 judged query without hits: 'couch'",
            "note: 4 judged queries: the gate's paired test needs 50 ([[]gate[]] least_queries), *",
            "results: .relevance/latest",
            "  .relevance/latest/summary.txt   this summary in full",
            "  .relevance/latest/results.json  every number, for programs",
        ]
    )
    summary = (project.path / ".relevance" / "latest" / "summary.txt").read_text(encoding="utf-8")
    assert summary.splitlines()[-1].startswith("note: 4 judged queries")
    assert set(summary.splitlines()) < set(printed(result).splitlines())
    document = results(project)
    assert list(document) == [
        "schema",
        "dataset",
        "engine",
        "models",
        "strategies",
        "not_run",
        "broken",
        "complete",
        "notes",
        "answers",
        "comparison",
    ]
    assert (document["schema"], document["models"], document["comparison"]) == (2, {}, [])
    hashes = document["dataset"].pop("sha256")
    assert document["dataset"] == {"name": "homedepot", "products": 5, "queries": 4, "judgments": 6}
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in hashes.values())
    engine, row = document["engine"], document["strategies"]["textsearch"]
    assert list(engine) == ["name", "version", "line", "facts", "preparation"]
    facts = (engine["name"], engine["line"], engine["facts"])
    assert facts == ("embedded", "embedded (asked for)", {"vector_index": "flat"})
    assert [note.partition(": ")[0] for note in document["notes"]] == [
        "no product_descriptions.csv",
        "no attributes.csv",
        "4 judged queries",
    ]
    assert list(engine["preparation"]) == ["embedding_s", "start_s", "indexing_s", "training_s"]
    assert engine["preparation"]["start_s"] is None
    assert engine["preparation"]["indexing_s"] > 0
    assert list(row) == ["model", "metrics", "run_time_s", "queries_per_s", "latency_ms", "took", "verdict", "reasons"]
    assert list(row["metrics"]) == ["RR@10", "AP@10", "nDCG@10", "Judged@10"]
    assert (row["metrics"]["RR@10"], row["took"], row["verdict"]) == (0.75, None, "pass")
    assert row["run_time_s"] > 0
    assert row["latency_ms"]["p95"] >= row["latency_ms"]["p50"] > 0
    run(project, *TEXT, "--out", "two")
    _check_same_bytes(project.path / ".relevance" / "latest", project.path / "two")


def test_what_fails_stands_directly_above_the_closing_line(project: pytest.Pytester) -> None:
    write_floors(project.path / "benchmarks", textsearch=0.8)
    (project.path / "benchmarks" / "test_own.py").write_text("def test_own():\n    assert 1 == 2\n")
    result = run(project, *TEXT, "--benchmark-disable")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    lines = [line for line in result.outlines if line]
    assert lines[-2] == "FAIL: below a floor: textsearch"
    assert re.search(r"2 failed, .* in ", lines[-1])
    order = (
        *("= FAILURES =", "assert 1 == 2", "short test summary info", "FAILED benchmarks/test_own.py"),
        *("= relevance: homedepot =", "results: .relevance/latest"),
    )
    places = [next(at for at, line in enumerate(lines) if words in line) for words in order]
    assert places == sorted(places)


def test_quality_beside_cost_stands_where_it_is_asked_for(project: pytest.Pytester) -> None:
    text = printed(run(project, *TEXT, "--costs"))
    assert re.search(r"quality beside cost: .*\n *strategy +NDCG", text)
    folder = project.path / ".relevance" / "latest"
    assert "| `textsearch` |" in (folder / "costs.md").read_text().replace("**", "")
    assert "quality beside cost" not in printed(run(project, *TEXT))  # and the folder is ours to replace
    assert not (folder / "costs.md").exists()


def test_strategies_that_take_long_say_how_far_they_are(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relevance.text._FIRST_S", -1.0)
    result = run(project, *TEXT)
    lines = [line for line in printed(result).splitlines() if "measuring" in line]
    assert len(lines) == 1
    assert re.search(r"measuring: 1 of 2 \(strategy\), about \d+ s left$", lines[0])


def _untimed(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    for key in ("sha256", "calibration_s"):
        document.pop(key)
    for strategy in document["strategies"].values():
        strategy.pop("run_time_s")
    return document


def _check_same_bytes(one: Path, two: Path) -> None:
    """Times aside, two runs of textsearch write the same."""
    plain = ["per_query.json", "qrels.txt", "queries.tsv", "titles.tsv", ".relevance-folder"]
    plain += ["runs/textsearch.run", "runs/textsearch_boosted.run"]
    names = {str(path.relative_to(one)) for path in one.rglob("*.*")}
    assert names == {*plain, "baseline.json", "results.json", "summary.txt", "comment.md", "report.html"}
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in plain)
    assert _untimed(one / "baseline.json") == _untimed(two / "baseline.json")
    rows = json.loads((one / "per_query.json").read_text())["strategies"]["textsearch"]
    ids = dict(reversed(line.split("\t")) for line in (one / "queries.tsv").read_text().splitlines())
    assert (rows[ids["couch"]]["hits"], rows[ids["couch"]]["metrics"]["nDCG@10"]) == ([], 0)
    (first, score), (second, lower) = rows[ids["garden bench"]]["hits"]
    assert (first, second) == ("101", "103")
    assert score > lower > 0


def test_a_failure(project: pytest.Pytester) -> None:
    floors = "[homedepot.textsearch]\nMRR = 0.9\nMAP = 0.1\n"
    (project.path / "benchmarks" / "thresholds.toml").write_text(floors)
    result = run(project, *TEXT, "--junitxml", "junit.xml")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    text = printed(result)
    assert re.search(r"MRR 0\.7500 < floor 0\.9000, short by 0\.1500", text)
    assert re.search(r"0\.0000  'couch' \(q[0-9a-f]{12}\)", text)
    assert "MAP 0" not in text
    assert "relevance/plugin" not in text
    suite = ET.parse(project.path / "junit.xml").getroot().find("testsuite")  # noqa: S314 - pytest wrote it
    assert (suite.get("tests"), suite.get("failures")) == ("4", "1")
    assert "MRR 0.7500 is below its floor 0.9000" in suite.find("testcase/failure").get("message")


def test_without_times_and_stopped(project: pytest.Pytester) -> None:
    write_floors(project.path / "benchmarks", textsearch=0.9, textsearch_boosted=0.9)
    run(project, "--benchmark-disable", "-k", "textsearch", "-x").assert_outcomes(failed=1, deselected=18)
    ((name, row),) = results(project)["strategies"].items()
    assert (name, row["verdict"]) == ("textsearch", "fail")
    assert (row["run_time_s"], row["queries_per_s"], row["latency_ms"]) == (None, None, {"p50": None, "p95": None})


@pytest.mark.parametrize(("options", "shown"), [((), 1), (("--benchmark-sort", "name", "--benchmark-only"), 2)])
def test_the_table_of_pytest_benchmark_is_of_others(
    project: pytest.Pytester, options: tuple[str, ...], shown: int
) -> None:
    (project.path / "benchmarks" / "test_other.py").write_text("def test_other(benchmark): benchmark(sum, [1])")
    short = ("--benchmark-max-time", "0.001", "--benchmark-min-time", "0.0001")
    text = printed(run(project, *TEXT[:1], "textsearch", "--benchmark-json", "b.json", *short, *options))
    assert f"benchmark: {shown} tests" in text
    rows = {row["name"]: row for row in json.loads((project.path / "b.json").read_text())["benchmarks"]}
    row = rows["test_strategy[textsearch]"]
    assert row["stats"]["rounds"] == 3
    assert {"dataset", "strategy", "queries_per_s", "p50_ms", "p95_ms", "nDCG@10"} <= set(row["extra_info"])
    assert "relevance_run" not in (row["params"] or {})


def test_nothing_gated_is_a_failure_in_ci(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    line = "not gated: textsearch: no floors for this strategy on this data set"
    outside = run(project, *ONE, "--suggest-floors")
    monkeypatch.setenv("CI", "true")
    inside = run(project, *ONE)
    assert (outside.ret, inside.ret) == (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    outside.stdout.fnmatch_lines([line])
    inside.stdout.fnmatch_lines([line, "FAIL: CI is set and no strategy was gated"])
    snippet = re.search(r"\[homedepot\.textsearch\]\nMRR = 0\.745\n(?:\w+ = .*\n)*", outside.stdout.str())
    (project.path / "benchmarks" / "thresholds.toml").write_text(snippet.group())
    assert "no strategy was gated" not in printed(run(project, *ONE, "-k", "test_strategy"))
    assert results(project)["strategies"]["textsearch"]["verdict"] == "pass"


UNKNOWN_MODEL = '[models.small]\npath = "./small"\n[strategies.own]\nvectors = {title = 1}\nmodel = "small"'
MISTAKES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "strategy": ("", ("--strategy", "rrf,textserch"), "unknown strategy 'textserch' (did you mean 'textsearch'?); "),
    "data": ("", ("--dataset", "homedepot:nowhere"), "nowhere"),
    "floors": ("", ("--floors", "none.toml"), "none.toml: cannot be read (No such file or directory)"),
    "folder of others": ("", ("--out", "benchmarks"), "--out benchmarks: holds other files; allowed: a new or empty"),
    "no folder": ("", ("--out", "/proc/none/out"), "--out /proc/none/out: is not a folder that can be written to (/pr"),
    "cache": ("", ("--strategy", "rrf", "--cache-dir", "tox.ini"), "tox.ini"),
    "key": ('datset = "x"', (), "relevance.toml: unknown key 'datset' (did you mean 'dataset'?)"),
    "model of the file": (UNKNOWN_MODEL, (), "[models.small]: model 'small': no such folder"),
}


@pytest.mark.parametrize(("file", "options", "line"), MISTAKES.values(), ids=MISTAKES)
def test_bad_use_is_a_line_before_anything_is_measured(
    project: pytest.Pytester, file: str, options: tuple[str, ...], line: str
) -> None:
    (project.path / "relevance.toml").write_text(file)
    assert line in usage_error(run(project, *options)).replace(f"{project.path}/", "")
    assert not (project.path / ".relevance").exists()


def test_a_benchmark_without_a_strategy(project: pytest.Pytester) -> None:
    (project.path / "benchmarks" / "test_own.py").write_text("def test_own(measure_strategy): pass")
    assert "test_own asks for measure_strategy; it has to ask for strategy as well" in usage_error(run(project))


def test_options_that_change_nothing_are_noted(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ES_URL", "http://a:1")
    monkeypatch.setenv("RELEVANCE_DEVICE", "cpu")
    (project.path / "relevance.toml").write_text("[elasticsearch]\ntimeout = 5\n")
    result = run(project, *ONE, "--es-shards", "3", "--model", "x/y")
    result.stdout.fnmatch_lines(
        [
            "note: environment ES_URL and option --es-shards change nothing: the embedded engine ranks",
            "note: option --model changes nothing: no strategy that runs uses the model base",
        ]
    )
    assert printed(result).count("nothing: ") == 2


def test_disk_full(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Path.write_bytes

    def full(self: Path, *arguments: object, **options: object) -> int:
        if self.name == "qrels.txt":
            raise OSError(28, "No space left on device")
        return written(self, *arguments, **options)

    monkeypatch.setattr(Path, "write_bytes", full)
    result = run(project, *ONE)
    assert result.ret == 7
    assert "not written: No space left on device" in printed(result)
    assert list((project.path / ".relevance").iterdir()) == []


@pytest.mark.parametrize(
    ("option", "code"), [("--collect-only", 0), ("--fixtures", 0), ("--setup-plan", 0), ("-knothing", 1)]
)
def test_what_only_lists_measures_nothing_and_fails_nothing(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, option: str, code: int
) -> None:
    (project.path / "data" / "train.csv").unlink()  # data are not read
    monkeypatch.setenv("CI", "1")
    result = run(project, option, "-q")
    assert result.ret == (code and pytest.ExitCode.NO_TESTS_COLLECTED)
    if option == "--collect-only":
        result.stdout.fnmatch_lines(["benchmarks/test_strategies.py::test_strategy[[]rrf_multi[]]"])
    assert not (project.path / ".relevance").exists()


# relevance.toml

CONFIGURATION = """
dataset = "shop"
out = "results"
[datasets.shop]
format = "homedepot"
path = "data"
[models.small]
path = "./small"
[strategies.titles]
text = {title = 8}
[strategies.alike]
vectors = {title = 1}
model = "small"
[strategies.textsearch_twice]
text = {title = 2, description = 2, attributes = 2}
"""


@pytest.fixture
def configured(project: pytest.Pytester) -> pytest.Pytester:
    (project.path / "relevance.toml").write_text(CONFIGURATION)
    return project


def test_own_strategies_are_benchmarks_with_floors_under_their_alias(configured: pytest.Pytester) -> None:
    floors = "[shop.titles]\nMRR = 0.9\n[homedepot.textsearch]\nMRR = 0.9"  # the format's do not count
    (configured.path / "benchmarks" / "thresholds.toml").write_text(floors)
    collected = configured.runpytest_inprocess("benchmarks", "--collect-only", "-q", "-k", "titles or rrf or alike")
    collected.stdout.fnmatch_lines(
        [f"*test_strategy[[]{name}[]]" for name in ("rrf", "rrf_multi", "rrf_finetune", "titles", "alike")]
    )
    options = ("--benchmark-disable", "-k", "textsearch or finetune or titles", "--suggest-floors")
    ran = configured.runpytest_inprocess("benchmarks", *options)
    ran.assert_outcomes(failed=1, passed=3, skipped=4, deselected=20)
    ran.stdout.fnmatch_lines(["shop: 5 products*", "*titles: MRR 0.7500 is below its floor*", "[[]shop.textsearch[]]"])
    document = results(configured, "results")
    assert (document["dataset"]["name"], document["strategies"]["textsearch"]["verdict"]) == ("shop", "not_gated")
    assert list(document["strategies"]) == ["textsearch", "textsearch_boosted", "titles", "textsearch_twice"]
    assert document["strategies"]["textsearch_twice"]["metrics"] == document["strategies"]["textsearch"]["metrics"]
    # those that cannot run are left out of both tests, and the results say why
    assert list(document["not_run"]) == ["vectorsearch_finetune", "rrf_finetune"]


def test_file_variable_and_option_choose_what_runs(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    def strategies(out: str, *arguments: str) -> list[str]:
        project.runpytest_inprocess("--benchmark-disable", *arguments)
        return list(results(project, out)["strategies"])

    (project.path / "relevance.toml").write_text('strategy = ["titles", "textsearch"]' + CONFIGURATION)
    assert strategies("results", "benchmarks") == ["titles", "textsearch"]
    monkeypatch.setenv("RELEVANCE_OUT", "here")
    monkeypatch.setenv("RELEVANCE_STRATEGY", "textsearch,titles")
    monkeypatch.chdir(project.path / "benchmarks")  # where its path starts
    assert strategies("benchmarks/here") == ["textsearch", "titles"]
    assert strategies("benchmarks/there", "--strategy", "textsearch_twice", "--out=there") == ["textsearch_twice"]


def test_the_header_names_the_file_and_the_help_all_options(project: pytest.Pytester) -> None:
    head = "relevance: configuration "
    run(project, "--collect-only").stdout.fnmatch_lines([f"{head}none, no relevance.toml in the root folder"])
    (project.path / "relevance.toml").write_text(CONFIGURATION)
    run(project, "--collect-only").stdout.fnmatch_lines([f"{head}relevance.toml"])
    (project.path / "data" / "other.toml").write_text(CONFIGURATION.replace("titles", "headings"))
    other = run(project, "--collect-only", "-q", "-v", "--config", "data/other.toml")
    other.stdout.fnmatch_lines([f"{head}data/other.toml", "*headings*"])
    shown = project.runpytest_inprocess("--help")
    assert shown.ret == pytest.ExitCode.OK
    assert all(key.option in shown.stdout.str() for key in option_keys() if not key.command)


def test_only_models_that_run_are_looked_for(configured: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def resolve(path: str, **_: object) -> None:
        asked.append(path)
        raise CouldNotRunError("enough")

    monkeypatch.setattr(relevance.suite.plan.embeddings, "resolve", resolve)
    configured.runpytest_inprocess("benchmarks", "--benchmark-disable", "-k", "titles")
    assert asked == []
    result = configured.runpytest_inprocess("benchmarks", "-k", "alike")
    assert (result.ret, asked) == (7, [str(configured.path / "small")])
    result.stdout.fnmatch_lines(["ERROR: [[]models.small[]]: enough"])
