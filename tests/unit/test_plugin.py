"""The plugin as its user meets it: options, selection, exit codes, the lines on the terminal, the folder of results.

A tiny catalogue in the Home Depot layout and the text strategies: neither a model nor a server is needed.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from helpers.project import printed, results, usage_error, write_floors, write_project

import relevance.suite
from relevance import runner
from relevance.config import option_keys
from relevance.errors import CouldNotRunError

pytest_plugins = ["pytester"]

TEXT = ("--strategy", "textsearch", "--strategy", "textsearch_boosted")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project of a user: one line of conftest, the benchmark file, a data set, no floors."""
    monkeypatch.setattr(runner, "SINGLE_QUERIES", 10)
    return write_project(pytester)


def _run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_inprocess("benchmarks", "--dataset", "homedepot:data", *options)


def _floors(project: pytest.Pytester, **mrr: float) -> None:
    write_floors(project.path / "benchmarks", **mrr)


def test_a_run(project: pytest.Pytester) -> None:
    """Above their floors strategies pass; the table marks the best; results.json has its keys and no more."""
    _floors(project, textsearch=0.7)
    result = _run(project, *TEXT)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "homedepot: 5 products, 4 queries, 6 judgments",
            "engine: embedded (asked for)",
            "strategy  *MRR *MAP *NDCG *judged *time (s)*verdict",
            "textsearch *0.7500[*]>=0.700*pass",
            "textsearch_boosted *0.7500[*] *not gated",
            "textsearch: 1 judged query without hits: 'couch'",
            "results: .relevance/latest",
        ]
    )
    document = results(project)
    assert list(document) == ["schema", "dataset", "engine", "models", "strategies", "not_run", "comparison"]
    assert (document["schema"], document["models"], document["comparison"]) == (1, {}, [])
    hashes = document["dataset"].pop("sha256")
    assert document["dataset"] == {"name": "homedepot", "products": 5, "queries": 4, "judgments": 6}
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in hashes.values())
    engine = document["engine"]
    assert list(engine) == ["name", "version", "facts", "preparation"]
    assert (engine["name"], engine["facts"]) == ("embedded", {"vector_index": "flat"})
    assert list(engine["preparation"]) == ["embedding_s", "start_s", "indexing_s", "training_s"]
    assert engine["preparation"]["start_s"] is None
    assert engine["preparation"]["indexing_s"] > 0
    row = document["strategies"]["textsearch"]
    assert list(row) == ["model", "metrics", "run_time_s", "queries_per_s", "latency_ms", "took", "verdict", "reasons"]
    assert list(row["metrics"]) == ["RR@10", "AP@10", "nDCG@10", "Judged@10"]
    assert (row["metrics"]["RR@10"], row["took"]) == (0.75, None)
    assert row["run_time_s"] > 0
    assert row["latency_ms"]["p95"] >= row["latency_ms"]["p50"] > 0
    verdicts = {name: one["verdict"] for name, one in document["strategies"].items()}
    assert verdicts == {"textsearch": "pass", "textsearch_boosted": "not_gated"}
    _check_same_bytes(project)


def _check_same_bytes(project: pytest.Pytester) -> None:
    """A second run writes the same files, timings aside; each query has its metrics and hits with scores."""
    _run(project, *TEXT, "--out", "two")
    one, two = project.path / ".relevance" / "latest", project.path / "two"
    names = sorted(str(path.relative_to(one)) for path in one.rglob("*.*"))
    runs = ["runs/textsearch.run", "runs/textsearch_boosted.run"]
    timed = {"baseline.json", "results.json"}
    plain = [".relevance-folder", "per_query.json", "qrels.txt", "queries.tsv", *runs, "titles.tsv"]
    assert names == sorted([*plain, *timed])
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in plain)
    assert _untimed(one / "baseline.json") == _untimed(two / "baseline.json")
    rows = json.loads((one / "per_query.json").read_text())["strategies"]["textsearch"]
    ids = dict(reversed(line.split("\t")) for line in (one / "queries.tsv").read_text().splitlines())
    assert rows[ids["couch"]]["hits"] == []
    assert rows[ids["couch"]]["metrics"]["nDCG@10"] == 0
    (first, score), (second, lower) = rows[ids["garden bench"]]["hits"]
    assert (first, second) == ("101", "103")
    assert score > lower > 0


def _untimed(path: Path) -> dict[str, object]:
    """A baseline without what time makes."""
    document = json.loads(path.read_text())
    for key in ("sha256", "calibration_s"):
        document.pop(key)
    for strategy in document["strategies"].values():
        strategy.pop("run_time_s")
    return document


def test_a_failure(project: pytest.Pytester) -> None:
    """Exit code 1: metric, value, floor and the queries that cost most, without a traceback, in the JUnit file too."""
    floors = "[homedepot.textsearch]\nMRR = 0.9\nMAP = 0.1\n"
    (project.path / "benchmarks" / "thresholds.toml").write_text(floors)
    result = _run(project, *TEXT, "--junitxml", "junit.xml")
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
    """`--benchmark-disable` gates and times are null; `-k` deselects, `-x` stops, and what ran is written."""
    _floors(project, textsearch=0.9, textsearch_boosted=0.9)
    result = _run(project, "--benchmark-disable", "-k", "textsearch", "-x")
    result.assert_outcomes(failed=1, deselected=18)
    ((name, row),) = results(project)["strategies"].items()
    assert (name, row["verdict"]) == ("textsearch", "fail")
    assert (row["run_time_s"], row["queries_per_s"], row["latency_ms"]) == (None, None, {"p50": None, "p95": None})


@pytest.mark.parametrize(("options", "shown"), [((), 1), (("--benchmark-sort", "name", "--benchmark-only"), 2)])
def test_beside_other_benchmarks(project: pytest.Pytester, options: tuple[str, ...], shown: int) -> None:
    """pytest-benchmark's table is of others unless one of its options was given; its JSON has our figures too."""
    (project.path / "benchmarks" / "test_other.py").write_text("def test_other(benchmark): benchmark(sum, [1])")
    short = ("--benchmark-max-time", "0.001", "--benchmark-min-time", "0.0001")
    text = printed(_run(project, "--strategy", "textsearch", "--benchmark-json", "b.json", *short, *options))
    assert f"benchmark: {shown} tests" in text
    rows = {row["name"]: row for row in json.loads((project.path / "b.json").read_text())["benchmarks"]}
    row = rows["test_strategy[textsearch]"]
    assert row["stats"]["rounds"] == 3
    assert {"dataset", "strategy", "queries_per_s", "p50_ms", "p95_ms", "nDCG@10"} <= set(row["extra_info"])
    assert "relevance_run" not in (row["params"] or {})


def test_nothing_gated_is_a_failure_in_ci(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without floors the run passes with a loud line, and fails in CI; those that `--suggest-floors` prints pass."""
    line = "not gated: textsearch: no floors for this strategy on this data set"
    options = ("--strategy", "textsearch", "--benchmark-disable")
    outside = _run(project, *options, "--suggest-floors")
    monkeypatch.setenv("CI", "true")
    inside = _run(project, *options)
    assert (outside.ret, inside.ret) == (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    outside.stdout.fnmatch_lines([line])
    inside.stdout.fnmatch_lines([line, "FAIL: CI is set and no strategy was gated"])
    snippet = re.search(r"\[homedepot\.textsearch\]\nMRR = 0\.745\n(?:\w+ = .*\n)*", outside.stdout.str())
    (project.path / "benchmarks" / "thresholds.toml").write_text(snippet.group())
    assert "no strategy was gated" not in printed(_run(project, *options, "-k", "test_strategy"))
    assert results(project)["strategies"]["textsearch"]["verdict"] == "pass"


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
UNKNOWN_MODEL = '[models.small]\npath = "./small"\n[strategies.own]\nvectors = {title = 1}\nmodel = "small"'

MISTAKES = {
    "strategy": (
        "",
        ("--strategy", "textserch"),
        "unknown strategy 'textserch' (did you mean 'textsearch'?); allowed: textsearch, textsearch_boosted,",
    ),
    "data": ("", ("--dataset", "homedepot:nowhere"), "nowhere"),
    "floors": ("", ("--floors", "none.toml"), "none.toml: cannot be read (No such file or directory)"),
    "folder of others": ("", ("--out", "benchmarks"), "--out benchmarks: holds other files; allowed: a new or empty"),
    "cache": ("", ("--strategy", "rrf", "--cache-dir", "tox.ini"), "tox.ini"),
    "key": ('datset = "x"', (), "relevance.toml: unknown key 'datset' (did you mean 'dataset'?)"),
    "model of the file": (UNKNOWN_MODEL, (), "[models.small]: model 'small': no such folder"),
}


@pytest.mark.parametrize(("file", "options", "line"), MISTAKES.values(), ids=MISTAKES)
def test_bad_use(project: pytest.Pytester, file: str, options: tuple[str, ...], line: str) -> None:
    """Whatever is wrong is one line of error before anything is measured: exit code 4, no traceback, no results."""
    (project.path / "relevance.toml").write_text(file)
    assert line in usage_error(_run(project, *options)).replace(f"{project.path}/", "")
    assert not (project.path / ".relevance").exists()


def test_a_benchmark_without_a_strategy(project: pytest.Pytester) -> None:
    """A test that measures without asking for the parameter is an error that says so, as an option of another type."""
    (project.path / "benchmarks" / "test_own.py").write_text("def test_own(measure_strategy): pass")
    assert "test_own asks for measure_strategy; it has to ask for strategy as well" in usage_error(_run(project))
    result = _run(project, "--max-tokens", "many")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "invalid int value: 'many'" in printed(result)


def test_disk_full(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results that cannot be written are one line and exit code 7; nothing half-written stays."""
    written = Path.write_bytes

    def full(self: Path, *arguments: object, **options: object) -> int:
        if self.name == "qrels.txt":
            raise OSError(28, "No space left on device")
        return written(self, *arguments, **options)

    monkeypatch.setattr(Path, "write_bytes", full)
    result = _run(project, "--strategy", "textsearch")
    assert result.ret == 7
    assert "not written: No space left on device" in printed(result)
    assert list((project.path / ".relevance").iterdir()) == []


@pytest.mark.parametrize(
    ("option", "code"), [("--collect-only", 0), ("--fixtures", 0), ("--setup-plan", 0), ("-knothing", 1)]
)
def test_what_only_lists_measures_nothing_and_fails_nothing(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, option: str, code: int
) -> None:
    """Not even in CI, where a session in which no benchmark has run fails; data are not read."""
    (project.path / "data" / "train.csv").unlink()
    monkeypatch.setenv("CI", "1")
    result = _run(project, option, "-q")
    assert result.ret == (code and pytest.ExitCode.NO_TESTS_COLLECTED)
    if option == "--collect-only":
        result.stdout.fnmatch_lines(["benchmarks/test_strategies.py::test_strategy[[]rrf_multi[]]"])
    assert not (project.path / ".relevance").exists()


# relevance.toml


def _configured(project: pytest.Pytester, text: str = CONFIGURATION, *, name: str = "relevance.toml") -> None:
    (project.path / name).write_text(text)


def test_own_strategies_are_benchmarks(project: pytest.Pytester) -> None:
    """Each is collected beside the built-in ones, chosen by -k and by --strategy, and measured like them."""
    _configured(project)
    collected = project.runpytest_inprocess("benchmarks", "--collect-only", "-q", "-k", "titles or rrf or alike")
    collected.stdout.fnmatch_lines(
        [f"*test_strategy[[]{name}[]]" for name in ("rrf", "rrf_multi", "rrf_finetune", "titles", "alike")]
    )
    run = project.runpytest_inprocess("benchmarks", "--benchmark-disable", "-k", "textsearch or finetune")
    run.assert_outcomes(passed=3, skipped=3, deselected=22)
    document = results(project, "results")
    assert list(document["strategies"]) == ["textsearch", "textsearch_boosted", "textsearch_twice"]
    assert document["strategies"]["textsearch_twice"]["metrics"] == document["strategies"]["textsearch"]["metrics"]
    # those that cannot run are left out of both tests, and the results say why
    assert list(document["not_run"]) == ["vectorsearch_finetune", "rrf_finetune"]


def test_the_file_chooses_what_runs(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """`strategy = [...]` limits the benchmarks, in its order; a variable takes its place, an option the variable's.

    A path of a variable starts where pytest was started, the file's where the file is.
    """
    _configured(project, 'strategy = ["titles", "textsearch"]' + CONFIGURATION)
    project.runpytest_inprocess("benchmarks", "--benchmark-disable").assert_outcomes(passed=2, skipped=2)
    assert list(results(project, "results")["strategies"]) == ["titles", "textsearch"]
    monkeypatch.setenv("RELEVANCE_OUT", "here")
    monkeypatch.setenv("RELEVANCE_STRATEGY", "textsearch,titles")
    monkeypatch.chdir(project.path / "benchmarks")
    project.runpytest_inprocess("--benchmark-disable").assert_outcomes(passed=2, skipped=2)
    assert list(results(project, "benchmarks/here")["strategies"]) == ["textsearch", "titles"]
    options = ("--benchmark-disable", "--strategy", "textsearch_twice", "--out", "there")
    project.runpytest_inprocess(*options).assert_outcomes(passed=1, skipped=1)
    assert list(results(project, "benchmarks/there")["strategies"]) == ["textsearch_twice"]


def test_floors_of_an_alias_and_of_an_own_strategy(project: pytest.Pytester) -> None:
    """`[ALIAS.STRATEGY]` gates; the suggested floors stand under the alias; the format's floors do not count."""
    _configured(project)
    floors = "[shop.titles]\nMRR = 0.9\n[homedepot.textsearch]\nMRR = 0.9"
    (project.path / "benchmarks" / "thresholds.toml").write_text(floors)
    options = ("--benchmark-disable", "--strategy", "titles", "--strategy", "textsearch", "--suggest-floors")
    result = project.runpytest_inprocess("benchmarks", *options)
    result.assert_outcomes(failed=1, passed=1, skipped=2)
    result.stdout.fnmatch_lines(
        ["shop: 5 products*", "*titles: MRR 0.7500 is below its floor*", "[[]shop.textsearch[]]"]
    )
    document = results(project, "results")
    assert document["dataset"]["name"] == "shop"
    assert document["strategies"]["textsearch"]["verdict"] == "not_gated"


def test_the_header_names_the_file(project: pytest.Pytester) -> None:
    """The one in the root folder, the one of --config, or that there is none; `--help` names all options."""
    head = "relevance: configuration "
    _run(project, "--collect-only").stdout.fnmatch_lines([f"{head}none, no relevance.toml in the root folder"])
    _configured(project)
    _run(project, "--collect-only").stdout.fnmatch_lines([f"{head}relevance.toml"])
    _configured(project, CONFIGURATION.replace("titles", "headings"), name="data/other.toml")
    other = _run(project, "--collect-only", "-q", "-v", "--config", "data/other.toml")
    other.stdout.fnmatch_lines([f"{head}data/other.toml", "*headings*"])
    shown = project.runpytest_inprocess("--help")
    assert shown.ret == pytest.ExitCode.OK
    assert all(key.option in shown.stdout.str() for key in option_keys() if not key.command)


def test_only_models_that_run_are_looked_for(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by the name under which strategies use it; text strategies ask for none."""
    asked = []

    def resolve(path: str, **_: object) -> None:
        asked.append(path)
        raise CouldNotRunError("enough")

    monkeypatch.setattr(relevance.suite.plan.embeddings, "resolve", resolve)
    _configured(project)
    project.runpytest_inprocess("benchmarks", "--benchmark-disable", "-k", "titles")
    assert asked == []
    result = project.runpytest_inprocess("benchmarks", "-k", "alike")
    assert asked == [str(project.path / "small")]
    assert result.ret == 7
    result.stdout.fnmatch_lines(["ERROR: [[]models.small[]]: enough"])
