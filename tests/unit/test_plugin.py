"""The plugin as its user meets it: options, selection, exit codes, the lines on the terminal, the folder of results.

A tiny catalogue in the Home Depot layout and the text strategies: neither a model nor a server is needed.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from helpers.project import TRAIN, write_project

import relevance.suite
from relevance.config import option_keys
from relevance.errors import CouldNotRunError, InputError

pytest_plugins = ["pytester"]

TEXT = ("--strategy", "textsearch", "--strategy", "textsearch_boosted")


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project of a user: one line of conftest, the benchmark file, a data set, no floors."""
    return write_project(pytester)


def _run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_inprocess("benchmarks", "--dataset", "homedepot:data", *options)


def _results(project: pytest.Pytester, out: str = ".relevance/latest") -> dict:
    return json.loads((project.path / out / "results.json").read_text())


def _floors(project: pytest.Pytester, text: str) -> None:
    (project.path / "benchmarks" / "thresholds.toml").write_text(text)


def test_passing_run(project: pytest.Pytester) -> None:
    """Strategies above their floors pass with exit code 0, and the table marks the best value and shows the floor."""
    _floors(project, "[homedepot.textsearch]\nMRR = 0.7\n[homedepot.textsearch_boosted]\nNDCG = 0.5")
    result = _run(project, *TEXT)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "homedepot: 5 products, 4 queries, 6 judgments",
            "engine: embedded (asked for)",
            "strategy  *MRR *MAP *NDCG *judged *time (s)*verdict",
            "textsearch *0.7500[*]>=0.700*pass",
            "textsearch_boosted *0.7500[*] *>=0.500*pass",
            "results: .relevance/latest",
        ]
    )


def test_failure_says_metric_value_floor_and_queries(project: pytest.Pytester) -> None:
    """A strategy below its floor fails with exit code 1, with the queries that cost most and without a traceback."""
    _floors(project, "[homedepot.textsearch]\nMRR = 0.9\nMAP = 0.1")
    result = _run(project, "--strategy", "textsearch")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    text = result.stdout.str()
    assert re.search(r"MRR 0\.7500 < floor 0\.9000, short by 0\.1500", text)
    assert re.search(r"0\.0000  'couch' \(q[0-9a-f]{12}\)", text)
    assert "MAP 0" not in text
    assert "Traceback" not in text
    assert "plugin.py" not in text
    assert _results(project)["strategies"]["textsearch"]["verdict"] == "fail"


def test_results_json(project: pytest.Pytester) -> None:
    """`results.json` has the documented keys and nothing else."""
    _floors(project, "[homedepot.textsearch]\nMRR = 0.7")
    _run(project, *TEXT)
    results = _results(project)
    assert list(results) == ["schema", "dataset", "engine", "models", "strategies", "not_run", "comparison"]
    assert results["comparison"] == []
    assert results["schema"] == 1
    assert {key: results["dataset"][key] for key in ("name", "products", "queries", "judgments")} == {
        "name": "homedepot",
        "products": 5,
        "queries": 4,
        "judgments": 6,
    }
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in results["dataset"]["sha256"].values())
    assert results["models"] == {}
    engine = results["engine"]
    assert list(engine) == ["name", "version", "facts", "preparation"]
    assert (engine["name"], engine["facts"]) == ("embedded", {"vector_index": "flat"})
    assert list(engine["preparation"]) == ["embedding_s", "start_s", "indexing_s", "training_s"]
    assert engine["preparation"]["start_s"] is None
    assert engine["preparation"]["indexing_s"] > 0
    row = results["strategies"]["textsearch"]
    assert list(row) == ["model", "metrics", "run_time_s", "queries_per_s", "latency_ms", "took", "verdict", "reasons"]
    assert list(row["metrics"]) == ["RR@10", "AP@10", "nDCG@10", "Judged@10"]
    assert row["metrics"]["RR@10"] == 0.75
    assert row["run_time_s"] > 0
    assert row["took"] is None
    assert row["latency_ms"]["p95"] >= row["latency_ms"]["p50"] > 0
    assert results["strategies"]["textsearch_boosted"]["verdict"] == "not_gated"


def test_same_command_same_bytes(project: pytest.Pytester) -> None:
    """Two runs of a command write the same files, timings aside."""
    _run(project, *TEXT, "--out", "one")
    _run(project, *TEXT, "--out", "two")
    names = sorted(path.relative_to(project.path / "one") for path in (project.path / "one").rglob("*.*"))
    assert [str(name) for name in names] == [
        ".relevance-folder",
        "baseline.json",
        "per_query.json",
        "qrels.txt",
        "queries.tsv",
        "results.json",
        "runs/textsearch.run",
        "runs/textsearch_boosted.run",
        "titles.tsv",
    ]
    for name in names:
        if name.name not in {"baseline.json", "results.json"}:
            assert (project.path / "one" / name).read_bytes() == (project.path / "two" / name).read_bytes()
    one, two = (_untimed(project.path / name / "baseline.json") for name in ("one", "two"))
    assert one == two


def _untimed(path: Path) -> dict[str, object]:
    """A baseline without what time makes."""
    document = json.loads(path.read_text())
    for key in ("sha256", "calibration_s"):
        document.pop(key)
    for strategy in document["strategies"].values():
        strategy.pop("run_time_s")
    return document


def test_per_query_json_has_real_scores(project: pytest.Pytester) -> None:
    """`per_query.json` gives every query its metrics and its hits with their scores; no hits is an empty list."""
    _run(project, "--strategy", "textsearch")
    rows = json.loads((project.path / ".relevance/latest/per_query.json").read_text())["strategies"]["textsearch"]
    queries = dict(
        reversed(line.split("\t")) for line in (project.path / ".relevance/latest/queries.tsv").read_text().splitlines()
    )
    assert rows[queries["couch"]]["hits"] == []
    assert rows[queries["couch"]]["metrics"]["nDCG@10"] == 0
    hits = rows[queries["garden bench"]]["hits"]
    assert [product for product, _ in hits] == ["101", "103"]
    assert hits[0][1] > hits[1][1] > 0


def test_query_without_hits_is_listed(project: pytest.Pytester) -> None:
    """A judged query that finds nothing counts 0 and is named on the terminal."""
    _run(project, "--strategy", "textsearch").stdout.fnmatch_lines(["textsearch: 1 judged query without hits: 'couch'"])


def test_benchmark_json_has_our_figures(project: pytest.Pytester) -> None:
    """pytest-benchmark's JSON has three rounds a strategy, queries a second and the latencies."""
    _run(project, "--strategy", "textsearch", "--benchmark-json", "b.json", "--benchmark-only")
    (row,) = json.loads((project.path / "b.json").read_text())["benchmarks"]
    assert row["name"] == "test_strategy[textsearch]"
    assert row["stats"]["rounds"] == 3
    assert {"queries_per_s", "p50_ms", "p95_ms", "nDCG@10"} <= set(row["extra_info"])


@pytest.mark.parametrize(("options", "shown"), [((), False), (("--benchmark-sort", "name"), True)])
def test_own_table_of_pytest_benchmark(project: pytest.Pytester, options: tuple[str, ...], *, shown: bool) -> None:
    """pytest-benchmark's own table is printed only where one of its options was given."""
    text = _run(project, "--strategy", "textsearch", *options).stdout.str()
    assert ("benchmark: 1 tests" in text) is shown


def test_other_benchmarks_keep_their_table(project: pytest.Pytester) -> None:
    """A benchmark that is not ours is still shown by pytest-benchmark."""
    (project.path / "benchmarks" / "test_other.py").write_text("def test_other(benchmark): benchmark(sum, [1])")
    text = _run(project, "--strategy", "textsearch").stdout.str()
    assert "benchmark: 1 tests" in text
    assert "test_other" in text


def test_benchmark_disable_gates_without_times(project: pytest.Pytester) -> None:
    """Under --benchmark-disable metrics are gated and times are null."""
    _floors(project, "[homedepot.textsearch]\nMRR = 0.9")
    result = _run(project, "--strategy", "textsearch", "--benchmark-disable")
    row = _results(project)["strategies"]["textsearch"]
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert (row["run_time_s"], row["queries_per_s"], row["latency_ms"]) == (None, None, {"p50": None, "p95": None})


def test_k_and_x(project: pytest.Pytester) -> None:
    """`-k` deselects, `-x` stops at the first failure, and what ran is written."""
    _floors(project, "[homedepot.textsearch]\nMRR = 0.9\n[homedepot.textsearch_boosted]\nMRR = 0.9")
    _run(project, "-k", "textsearch", "-x").assert_outcomes(failed=1, deselected=18)
    assert list(_results(project)["strategies"]) == ["textsearch"]


def test_nothing_selected(project: pytest.Pytester) -> None:
    """Exit code 5, pytest's own, where no benchmark is selected."""
    assert _run(project, "-k", "nothing").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_junit(project: pytest.Pytester) -> None:
    """The failure stands in the JUnit file with its reason."""
    _floors(project, "[homedepot.textsearch]\nMRR = 0.9")
    _run(project, *TEXT, "--junitxml", "junit.xml")
    suite = ET.parse(project.path / "junit.xml").getroot().find("testsuite")  # noqa: S314 - pytest wrote it
    assert (suite.get("tests"), suite.get("failures")) == ("4", "1")
    assert "MRR 0.7500 is below its floor 0.9000" in suite.find("testcase/failure").get("message")


def test_nothing_gated_is_a_failure_in_ci(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without floors the run passes with a loud line, and fails where CI is set."""
    line = "not gated: textsearch: no floors for this strategy on this data set"
    outside = _run(project, "--strategy", "textsearch")
    monkeypatch.setenv("CI", "true")
    inside = _run(project, "--strategy", "textsearch")
    assert (outside.ret, inside.ret) == (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    outside.stdout.fnmatch_lines([line])
    inside.stdout.fnmatch_lines([line, "FAIL: CI is set and no strategy was gated"])


def test_suggested_floors(project: pytest.Pytester) -> None:
    """`--suggest-floors` prints a snippet that the next run passes."""
    text = _run(project, "--strategy", "textsearch", "--suggest-floors").stdout.str()
    snippet = re.search(r"\[homedepot\.textsearch\]\nMRR = 0\.745\n(?:\w+ = .*\n)*", text)
    _floors(project, snippet.group())
    assert _results(project)["strategies"]["textsearch"]["verdict"] == "not_gated"
    assert _run(project, "--strategy", "textsearch").ret == pytest.ExitCode.OK
    assert _results(project)["strategies"]["textsearch"]["verdict"] == "pass"


BAD_USE = {
    "unknown strategy": (
        ("--strategy", "textserch"),
        "unknown strategy 'textserch' (did you mean 'textsearch'?); allowed: textsearch, textsearch_boosted,",
    ),
    "unknown data set": (("--dataset", "homedepo:data"), "unknown data set 'homedepo' (did you mean 'homedepot'?)"),
    "no such folder": (("--dataset", "homedepot:nowhere"), "nowhere"),
    "data set without a path": (("--dataset", "homedepot"), "homedepot"),
    "floors not there": (("--floors", "none.toml"), "none.toml: cannot be read (No such file or directory)"),
    "out holds other files": (("--out", "benchmarks"), "--out benchmarks: holds other files; allowed: a new or empty"),
    "out is a file": (("--out", "tox.ini"), "--out tox.ini: is a file; allowed: a folder, which is replaced whole"),
    "out below a file": (("--out", "tox.ini/out"), "is not a folder that can be written to"),
    "no such model": (("--strategy", "rrf", "--model", "./nowhere"), "nowhere"),
    "no tokens": (("--strategy", "rrf", "--max-tokens", "0"), "0"),
    "too many tokens": (("--strategy", "rrf", "--max-tokens", "100000"), "100000"),
    "tokens in words": (("--max-tokens", "many"), "invalid int value: 'many'"),
    "cache is a file": (("--strategy", "rrf", "--cache-dir", "tox.ini"), "tox.ini"),
    "option that is not there": (("--datset", "sample"), "unrecognized arguments: --datset"),
}


@pytest.mark.parametrize(("options", "line"), BAD_USE.values(), ids=BAD_USE)
def test_bad_use(project: pytest.Pytester, options: tuple[str, ...], line: str) -> None:
    """Bad use is one line of error, exit code 4, no traceback, no results."""
    result = _run(project, *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    errors = [text for text in result.stderr.lines if "error: " in text.lower()]
    assert line in errors[-1].replace(f"{project.path}/", "")
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert not (project.path / ".relevance").exists()


def test_bad_row_of_data(project: pytest.Pytester) -> None:
    """A bad row of the data is found at collection: file, row, column, what is allowed; exit code 4."""
    (project.path / "data" / "train.csv").write_text(TRAIN.replace(",2.67", ",4"))
    result = _run(project, "--strategy", "textsearch")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert re.search(r"^ERROR: .*train\.csv.*4.*relevance.*'4'", result.stderr.str(), re.MULTILINE)


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
    assert "not written: No space left on device" in result.stdout.str() + result.stderr.str()
    assert list((project.path / ".relevance").iterdir()) == []


def test_benchmark_without_a_strategy(project: pytest.Pytester) -> None:
    """A test that measures without asking for the parameter is an error that says so."""
    (project.path / "benchmarks" / "test_own.py").write_text("def test_own(measure_strategy): pass")
    result = _run(project)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_own asks for measure_strategy; it has to ask for strategy as well"])


def test_damaged_cache(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong inside a session fixture ends the session with its line and exit code 4, without a traceback."""

    def damaged(*_: object, **__: object) -> None:
        raise InputError("cache/x.vectors: damaged")

    monkeypatch.setattr(relevance.suite, "prepare", damaged)
    result = _run(project, "--strategy", "textsearch")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["ERROR: cache/x.vectors: damaged"])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_device_that_is_not_there(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not run ends the session with exit code 7, whatever failed before."""

    def absent(*_: object, **__: object) -> None:
        raise CouldNotRunError("device cuda:9: not there")

    monkeypatch.setattr(relevance.suite, "prepare", absent)
    result = _run(project, "--strategy", "textsearch")
    assert result.ret == 7
    result.stdout.fnmatch_lines(["ERROR: device cuda:9: not there"])


def test_collect_only_reads_nothing(project: pytest.Pytester) -> None:
    """`--collect-only` lists the strategies; data are not read."""
    (project.path / "data" / "train.csv").unlink()
    result = _run(project, "--collect-only", "-q")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["benchmarks/test_strategies.py::test_strategy[[]rrf_multi[]]"])


@pytest.mark.parametrize("option", ["--collect-only", "--fixtures", "--setup-plan"])
def test_what_only_lists_measures_nothing_and_fails_nothing(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    """In CI too, where a session in which no benchmark has run fails."""
    monkeypatch.setenv("CI", "1")
    assert _run(project, option).ret == pytest.ExitCode.OK
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


def _configured(project: pytest.Pytester, text: str = CONFIGURATION, *, name: str = "relevance.toml") -> None:
    (project.path / name).write_text(text)


def test_own_strategies_are_benchmarks(project: pytest.Pytester) -> None:
    """Each is collected beside the built-in ones, chosen by -k and by --strategy, and measured like them."""
    _configured(project)
    collected = project.runpytest_inprocess("benchmarks", "--collect-only", "-q", "-k", "titles or rrf or alike")
    collected.stdout.fnmatch_lines(
        [f"*test_strategy[[]{name}[]]" for name in ("rrf", "rrf_multi", "rrf_finetune", "titles", "alike")]
    )
    run = project.runpytest_inprocess("benchmarks", "-k", "textsearch")
    run.assert_outcomes(passed=3, skipped=3, deselected=22)
    project.runpytest_inprocess("benchmarks", "--strategy", "titles", "--out", "own").assert_outcomes(
        passed=1, skipped=1
    )
    rows = _results(project, "results")["strategies"]
    assert list(rows) == ["textsearch", "textsearch_boosted", "textsearch_twice"]
    assert rows["textsearch_twice"]["metrics"] == rows["textsearch"]["metrics"]
    assert list(_results(project, "own")["strategies"]) == ["titles"]


def test_strategies_that_cannot_run_are_left_out_of_both_tests(project: pytest.Pytester) -> None:
    """They are neither measured nor compared; the results say why, the others run."""
    run = _run(project, "-k", "textsearch or finetune")
    run.assert_outcomes(passed=2, skipped=2, deselected=18)
    results = _results(project)
    assert list(results["strategies"]) == ["textsearch", "textsearch_boosted"]
    assert list(results["not_run"]) == ["vectorsearch_finetune", "rrf_finetune"]


def test_the_file_chooses_what_runs(project: pytest.Pytester) -> None:
    """`strategy = [...]` limits the benchmarks, in its order; an option takes its place."""
    _configured(project, 'strategy = ["titles", "textsearch"]' + CONFIGURATION)
    project.runpytest_inprocess("benchmarks").assert_outcomes(passed=2, skipped=2)
    assert list(_results(project, "results")["strategies"]) == ["titles", "textsearch"]
    project.runpytest_inprocess("benchmarks", "--strategy", "textsearch_twice").assert_outcomes(passed=1, skipped=1)
    assert list(_results(project, "results")["strategies"]) == ["textsearch_twice"]


def test_floors_of_an_alias_and_of_an_own_strategy(project: pytest.Pytester) -> None:
    """`[ALIAS.STRATEGY]` gates; the suggested floors stand under the alias; the format's floors do not count."""
    _configured(project)
    _floors(project, "[shop.titles]\nMRR = 0.9\n[homedepot.textsearch]\nMRR = 0.9")
    options = ("--strategy", "titles", "--strategy", "textsearch", "--suggest-floors")
    result = project.runpytest_inprocess("benchmarks", *options)
    result.assert_outcomes(failed=1, passed=1, skipped=2)
    result.stdout.fnmatch_lines(
        ["shop: 5 products*", "*titles: MRR 0.7500 is below its floor*", "[[]shop.textsearch[]]"]
    )
    results = _results(project, "results")
    assert results["dataset"]["name"] == "shop"
    assert results["strategies"]["textsearch"]["verdict"] == "not_gated"


def test_the_header_names_the_file(project: pytest.Pytester) -> None:
    """The one in the root folder, the one of --config, or that there is none."""
    head = "relevance: configuration "
    _run(project, "--collect-only").stdout.fnmatch_lines([f"{head}none, no relevance.toml in the root folder"])
    _configured(project)
    _run(project, "--collect-only").stdout.fnmatch_lines([f"{head}relevance.toml"])
    _configured(project, CONFIGURATION.replace("titles", "headings"), name="data/other.toml")
    other = _run(project, "--collect-only", "-q", "-v", "--config", "data/other.toml")
    other.stdout.fnmatch_lines([f"{head}data/other.toml", "*headings*"])


def test_environment_and_working_folder(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable outranks the file; its path starts where pytest was started, the file's where the file is."""
    _configured(project)
    monkeypatch.setenv("RELEVANCE_OUT", "here")
    monkeypatch.setenv("RELEVANCE_STRATEGY", "titles,textsearch")
    monkeypatch.chdir(project.path / "benchmarks")
    project.runpytest_inprocess().assert_outcomes(passed=2, skipped=2)
    assert list(_results(project, "benchmarks/here")["strategies"]) == ["titles", "textsearch"]


BAD_CONFIGURATION = {
    "key": ('datset = "x"', "relevance.toml: unknown key 'datset' (did you mean 'dataset'?)"),
    "not TOML": ("dataset = sample\n", "relevance.toml: not TOML: Invalid value (at line 1, column 11)"),
    "not UTF-8": (b"\xff", "relevance.toml: byte 0 is not UTF-8"),
    "strategy": (
        "[strategies.own]\ntext = {titel = 1}",
        "relevance.toml [strategies.own]: strategy 'own': text: unknown field 'titel' (did you mean 'title'?)",
    ),
    "floors not there": ('floors = "none.toml"', "none.toml: cannot be read (No such file or directory)"),
    "model not there": (
        '[models.small]\npath = "./small"\n[strategies.own]\nvectors = {title = 1}\nmodel = "small"',
        "[models.small]: model 'small': no such folder",
    ),
    "tokens of a model": (
        '[models.long]\nmax_tokens = 100000\n[strategies.own]\nvectors = {title = 1}\nmodel = "long"',
        "[models.long]: max tokens 100000: the model",
    ),
}


@pytest.mark.parametrize(("text", "line"), BAD_CONFIGURATION.values(), ids=BAD_CONFIGURATION)
def test_bad_configuration(project: pytest.Pytester, text: str | bytes, line: str) -> None:
    """One line, exit code 4, no traceback, no results."""
    (project.path / "relevance.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    result = _run(project)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (error,) = [text for text in result.stderr.lines if text.startswith("ERROR: ")]
    assert line in error.replace(f"{project.path}/", "")
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert not (project.path / ".relevance").exists()


def test_help_is_shown_whatever_the_file_holds(project: pytest.Pytester) -> None:
    """With the options of every key that has one."""
    _configured(project, "nonsense")
    result = project.runpytest_inprocess("--help")
    assert result.ret == pytest.ExitCode.OK
    assert all(key.option in result.stdout.str() for key in option_keys() if not key.field.setting.command)


def test_only_models_that_run_are_looked_for(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by the name under which strategies use it; text strategies ask for none."""
    asked = []

    def resolve(choice: object) -> None:
        asked.append(choice)
        raise CouldNotRunError("enough")

    monkeypatch.setattr(relevance.suite.plan.embeddings, "resolve", resolve)
    _configured(project)
    project.runpytest_inprocess("benchmarks", "-k", "textsearch or titles")
    assert asked == []
    result = project.runpytest_inprocess("benchmarks", "-k", "alike")
    assert [choice.model for choice in asked] == [str(project.path / "small")]
    assert result.ret == 7
    result.stdout.fnmatch_lines(["ERROR: [[]models.small[]]: enough"])
