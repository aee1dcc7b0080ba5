"""Ways to put the gate aside, and the page that shows what a user sees of each: `docs/studies/put-aside.md`.

`PYTHONPATH=.:tests python -m helpers.put_aside` after a change; a test tries each way and compares the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from relevance.datasets.tables import query_id

PAGE = Path(__file__).resolve().parents[2] / "docs" / "studies" / "put-aside.md"

MAIN, ITS_OWN = "main.json", "its-own.json"
OWN = "[strategies.own]\ntext = {title = 1}\n"
WORSE = "[strategies.own]\ntext = {attributes = 1}\n"
OTHER = "[strategies.other]\ntext = {title = 2}\n"

INTRODUCTION = f"""# The gate put aside

A pull request makes the strategy `own` worse: in 20 of 60 queries a bad product comes before the good one. In each
row it also does what the row says, by its own files alone, so that the loss might not be seen. CI does what the
workflow of `relevance init` does: `pytest --gate-from-baseline` beside main's baseline, `{MAIN}`, and then, in a
process that shares no code with the pull request, `relevance compare {MAIN} .relevance/latest --gate-from-baseline`.
The line is what a user sees; the numbers are the exit codes of the two steps. A job has failed where one of them is
not 0.

Judgments, weights and tags that it changes do not excuse a loss: where there is one by main's, the job fails, and says
how many were changed. Judgments that are wrong are corrected by a pull request of their own, which passes, as it
changes no ranking, and brings the baseline up to date. What nobody had judged may be judged in the same one. Products
may leave the catalogue: that is named, and a query that has lost what was relevant is not compared.

`relevance accept` in the pull request changes its own baseline, which is compared with nothing: its entry is shown as
`proposed`, and [counts where a person has merged it](../baselines.md#in-a-pull-request).

A test tries every row; `python -m helpers.put_aside` in `tests` writes this page.

What no step of a job can see is a pull request that changes the workflow itself, or whose code writes results that
were never measured: [keep both in review](../ci.md#what-a-pull-request-could-change).
"""


def toml(strategies: str = WORSE + OTHER, *, head: str = "", gate: str = "") -> str:
    """A `relevance.toml` that selects its strategies."""
    names = ", ".join(f'"{name}"' for name in ("own", "other", "renamed") if f"[strategies.{name}]" in strategies)
    choice = "" if head.startswith("strategy") else f"strategy = [{names}]\n"
    return f"{choice}{head}{strategies}{gate}"


LOST = range(40, 60)
"""The queries that lose."""


def train(queries: int = 60, *, lost: str = '"Thing{0}","thing{0}",3', terms: str = "thing{0}") -> str:
    """Each query finds a good product and a bad one, both judged.

    Args:
        queries: how many there are.
        lost: title, query and relevance of the good product of a query that loses; "" leaves it out.
        terms: the text of a query that loses.
    """
    rows = ['"id","product_uid","product_title","search_term","relevance"']
    for at in range(queries):
        good, term = ('"Thing{0}","thing{0}",3', "thing{0}") if at not in LOST else (lost, terms)
        rows += [f"{2 * at},{1000 + at},{good.format(at)}"] if good else []
        rows.append(f'{2 * at + 1},{2000 + at},"Thing{at} in grey with many words","{term.format(at)}",1')
    return "\n".join(rows) + "\n"


def _other_ids(products: Iterable[int]) -> str:
    """The training file with other ids of some products."""
    text = train()
    for product in products:
        text = text.replace(f",{product},", f",{product + 5000},")
    return text


def marks(column: str, value: str) -> dict[str, str]:
    """A weight or tags of the queries that lose, beside the data set."""
    rows = "".join(f"thing{at},{value}\n" for at in LOST)
    return {"data/queries.overlay.csv": f"query,{column}\n{rows}"}


def graded(grade: int) -> dict[str, str]:
    """A grade of the bad products of the queries that lose, in the overlay of judgments."""
    rows = (f"{query_id(f'thing{at}')},{2000 + at},{grade},anna,2026-11-28\n" for at in LOST)
    return {"data/judgments.overlay.csv": "query,product,grade,rater,date\n" + "".join(rows)}


@dataclass(frozen=True)
class Way:
    """What a pull request does.

    Attributes:
        what: for the page.
        line: that a user sees, with `*` for what depends on the run.
        files: new content by name; behind a + what is added to a file.
        main: what main has already, likewise.
        pytest: exit code of the session.
        compare: exit code of the step behind it.
    """

    what: str
    line: str
    files: Mapping[str, str] = field(default_factory=dict)
    pytest: int = 1
    compare: int = 1
    main: Mapping[str, str] = field(default_factory=dict)


def write_files(files: Mapping[str, str], folder: Path) -> None:
    """Change the files of a project."""
    for name, text in files.items():
        path = folder / name.removeprefix("+")
        before = path.read_text(encoding="utf-8") if name.startswith("+") and path.exists() else ""
        path.parent.mkdir(exist_ok=True)
        path.write_text(before + text, encoding="utf-8")


def _gate(limits: str) -> dict[str, str]:
    return {"relevance.toml": toml(gate=f"[gate]\n{limits}\n")}


def _limits(limits: str) -> dict[str, str]:
    """Likewise, as main has them and the pull request leaves them."""
    return {"+relevance.toml": f"[gate]\n{limits}\n"}


def _addopts(options: str) -> dict[str, str]:
    return {"+tox.ini": f" {options}"}


_WORSE = f"own: worse than in {MAIN}"
_SILENT = f"FAIL: own is worse than in {MAIN}"
_MISSING = "FAIL: own: in the baseline and not measured; allowed: --allow-missing, if that is meant"
_NOTHING = "FAIL: --gate-from-baseline says that this session gates, and it has measured no strategy"
_PASSED = "FAIL: this session has failed, and something has made it pass"
_IGNORED = f"{MAIN}: gate: {{}} is looser than the baseline's {{}}; without effect, the baseline's limits hold"
_NO_RESULTS = 2
_JUDGED = "FAIL: own: loss by the baseline's own data, and changed since: {} judgments {}, of 20 queries; *"
_HARD = 'least_queries = 1000\n[gate.segments."tag ours"]\nhard = true'
_FLOORS = "benchmarks/thresholds.toml"
_FLOOR = "FAIL: own: NDCG 0.8770 does not reach the floor of main.json, 0.9500"
_TESTS, _CONFTEST = "benchmarks/test_strategies.py", "+conftest.py"

_MEASURES = "def test_strategy(strategy, measure_strategy): measure_strategy(strategy)\n"
_COMPARES = "def test_no_regression(strategy, compare_strategy): compare_strategy(strategy)\n"
_CAUGHT = """
def test_no_regression(strategy, compare_strategy):
    try: compare_strategy(strategy)
    except BaseException: pass
"""
_WRAPPER = "\nimport pytest\n@pytest.hookimpl(wrapper=True, tryfirst=True)\n"
_REPORTS = """def pytest_runtest_makereport():
    report = yield
    report.outcome = "passed"
    return report
"""
_UNCONFIGURED = """
SESSION = []
def pytest_sessionstart(session): SESSION.append(session)
def pytest_unconfigure(): SESSION[0].exitstatus = 0
"""
_UNREGISTERED = """
def pytest_runtestloop(session): session.config.pluginmanager.unregister(name="relevance-session")
"""
_FIXTURE = """
import pytest
@pytest.fixture
def {}(strategy, relevance_run): return lambda strategy: None
"""
_REPLACED = """
from dataclasses import replace
def test_strategy(strategy, measure_strategy):
    measure_strategy(replace(strategy, text={"title": 1}) if strategy.name == "own" else strategy)
"""
_PATCHED = "\nfrom relevance.gate import Comparison\nComparison.fails = lambda *_: False\n"
_COPIED = f"""
import shutil
def pytest_sessionfinish(): shutil.copy({ITS_OWN!r}, {MAIN!r})
"""
_UNSET = """
def pytest_configure(config): config.option.relevance_gate_from_baseline = None
"""
_INI = "[pytest]\naddopts = --import-mode=importlib -p no:unraisableexception -p no:threadexception"
_LEFT_OUT = """
def pytest_collection_modifyitems(items): items[:] = [item for item in items if "[own]" not in item.nodeid]
"""

SETTINGS = (
    Way("`baseline` in `relevance.toml`", _WORSE, {"relevance.toml": toml(head=f'baseline = ["{ITS_OWN}"]\n')}),
    Way("`--baseline` in `addopts`", _WORSE, _addopts(f"--baseline {ITS_OWN}")),
    Way(
        "`RELEVANCE_BASELINE` set by `conftest.py`",
        f"baseline: {ITS_OWN}, 2 strategies",
        {_CONFTEST: f"\nimport os\nos.environ['RELEVANCE_BASELINE'] = '{ITS_OWN}'\n"},
        pytest=0,
    ),
    Way(
        "`--update-baseline` in `addopts`",
        "ERROR: option of addopts --update-baseline: no session would be compared with a baseline; *",
        _addopts("--update-baseline"),
        pytest=4,
        compare=_NO_RESULTS,
    ),
    Way("`[gate] fail = 1.0`", _IGNORED.format("fail 1.0", 0.02), _gate("fail = 1.0")),
    Way("`p_sure = 1e-6`", _IGNORED.format("p_sure 1e-06", 0.01), _gate("p_sure = 1e-6")),
    Way("`least_drop = 1.0`", _IGNORED.format("least_drop 1.0", 0.005), _gate("least_drop = 1.0")),
    Way("`least_queries = 1000`", _IGNORED.format("least_queries 1000", 50), _gate("least_queries = 1000")),
    Way(
        '`unjudged_hits = "pass"`',
        _IGNORED.format("unjudged_hits pass", "advice"),
        _gate('unjudged_hits = "pass"'),
    ),
    Way(
        "`fail = 1.0` of the strategy alone",
        _IGNORED.format("fail 1.0 of own nDCG@10, own AP@10, own RR@10", 0.02),
        {"relevance.toml": toml(gate="[gate.strategies.own]\nfail = 1.0\n")},
    ),
    Way(
        "`allow_missing = true` in `relevance.toml`",
        "ERROR: * allow_missing: whoever starts a session says so, not the project; *",
        {"relevance.toml": toml(OTHER, head="allow_missing = true\n")},
        pytest=4,
        compare=_NO_RESULTS,
    ),
    Way(
        "`--allow-missing` in `addopts`",
        "ERROR: option of addopts --allow-missing: whoever starts a session says so, not the project; *",
        _addopts("--allow-missing"),
        pytest=4,
        compare=_NO_RESULTS,
    ),
    Way(
        "a floor lowered",
        _FLOOR,
        {_FLOORS: "[homedepot.own]\nNDCG = 0.5\n"},
        main={_FLOORS: "[homedepot.own]\nNDCG = 0.95\n", **_limits("least_queries = 1000")},
    ),
    Way(
        "the floor removed",
        f"{MAIN}: gate: the floor NDCG of own is gone, the baseline's is 0.95; without effect, *",
        {_FLOORS: "[homedepot.other]\nMRR = 0.1\n"},
        main={_FLOORS: "[homedepot.own]\nNDCG = 0.95\n", **_limits("least_queries = 1000")},
    ),
    Way(
        "`hard` removed, of a tag of which not one query may fall",
        _IGNORED.format("hard false of queries of the kind tag ours", "true"),
        _gate("least_queries = 1000"),
        main={**marks("tags", "ours"), **_limits(_HARD)},
    ),
    Way(
        "`--config` in `addopts`",
        _IGNORED.format("fail 1.0", 0.02),
        {"other.toml": toml(gate="[gate]\nfail = 1.0\n"), **_addopts("--config other.toml")},
    ),
    Way(
        "a second `relevance.toml`, beside the benchmarks",
        _WORSE,
        {"benchmarks/relevance.toml": toml(gate="[gate]\nfail = 1.0\n")},
    ),
    Way(
        "`RELEVANCE_GATE_FROM_BASELINE=0` set by `conftest.py`",
        _IGNORED.format("fail 1.0", 0.02),
        {
            _CONFTEST: "\nimport os\nos.environ['RELEVANCE_GATE_FROM_BASELINE'] = '0'\n",
            **_gate("fail = 1.0"),
        },
    ),
    Way(
        "`--no-summary` in `addopts`",
        _WORSE,
        _addopts("--no-summary"),
    ),
    Way('`out = "elsewhere"`', _WORSE, {"relevance.toml": toml(head='out = "elsewhere"\n')}),
)

METRICS = (
    Way(
        "`[metrics] gate` and `leading` on AP@10",
        f"{MAIN}: gate: nDCG@10 is gated no more; without effect, the baseline's limits hold",
        {"relevance.toml": toml(gate='[metrics]\ngate = ["AP@10"]\n[gate]\nleading = "AP@10"\n')},
    ),
    Way(
        "the same, and nDCG@10 is not in `report`",
        "FAIL: nDCG@10, RR@10: gated by the baseline and not scored; allowed: name it in [metrics] report",
        {
            "relevance.toml": toml(
                gate='[metrics]\nreport = ["AP@10"]\ngate = ["AP@10"]\n[gate]\nleading = "AP@10"\nfail = 1.0\n'
            )
        },
    ),
    Way(
        "`[metrics] gate` on Judged@10",
        "ERROR: *[[]metrics[]] gate: Judged@10 does not say how good a ranking is; allowed: in report",
        {"relevance.toml": toml(gate='[metrics]\ngate = ["Judged@10"]\n')},
        pytest=4,
        compare=_NO_RESULTS,
    ),
    Way(
        '`worse = "higher"`',
        "ERROR: *.worse is gone: every metric has one direction; leave it out",
        {"relevance.toml": toml(gate='[gate.metrics]\n"nDCG@10" = {worse = "higher"}\n')},
        pytest=4,
        compare=_NO_RESULTS,
    ),
)

DATA = (
    Way(
        "the 20 queries that lose are taken out of the data",
        "FAIL: compared on 40 of 60 queries of the baseline; allowed: 50 or more *",
        {"data/train.csv": train(queries=40)},
    ),
    Way(
        "their good products are judged bad",
        _JUDGED.format(20, "changed"),
        {"data/train.csv": train(lost='"Thing{0}","thing{0}",1')},
    ),
    Way("their bad products are judged good, in the overlay", _JUDGED.format(20, "changed"), graded(2)),
    Way(
        "the judgments of their good products are removed",
        _JUDGED.format(20, "removed"),
        {"data/train.csv": train(lost='"Thing{0}","elsewhere",3')},
    ),
    Way(
        "these queries get other words",
        "FAIL: compared on 40 of 60 queries of the baseline; allowed: 50 or more *",
        {"data/train.csv": train(terms="the thing{0}", lost='"Thing{0}","the thing{0}",3')},
    ),
    Way(
        "their good products leave the catalogue",
        "FAIL: compared on 40 of 60 queries of the baseline; *; 20 have lost what was relevant: *other ids?",
        {"data/train.csv": train(lost="")},
    ),
    Way(
        "60 queries that lose nothing are added",
        "  note: not compared: 60 queries new since the baseline (*)",
        {"+data/train.csv": "".join(f'{500 + at},{5000 + at},"Other{at}","other{at}",3\n' for at in range(60))},
    ),
    Way(
        "a weight of 0 on them, where only the weighted mean is gated so",
        "FAIL: own: loss by the baseline's own data, and changed since: weight of 20 queries; *",
        marks("weight", "0"),
        main={**marks("weight", "100"), **_limits("fail = 0.19\nsegment_fail = 0.4\neffective_queries = 10")},
    ),
    Way(
        "their tag renamed, of which not one query may fall",
        "FAIL: own: loss by the baseline's own data, and changed since: tags of 20 queries; *",
        marks("tags", "theirs"),
        main={**marks("tags", "ours"), **_limits(_HARD)},
    ),
    Way(
        "their good products get other ids",
        "FAIL: compared on 40 of 60 queries of the baseline; *; 20 have lost what was relevant: *other ids?",
        {"data/train.csv": _other_ids({1000 + at for at in LOST})},
    ),
    Way(
        "all products get other ids",
        "FAIL: compared on 0 of 60 queries of the baseline; *; 60 have lost what was relevant: *other ids?",
        {"data/train.csv": _other_ids({kind + at for kind in (1000, 2000) for at in range(60)})},
    ),
    Way(
        "`--on-common-queries` in `addopts`",
        "*--on-common-queries is gone: both sides are scored by today's data*",
        _addopts("--on-common-queries"),
        pytest=4,
        compare=_NO_RESULTS,
    ),
)

SELECTION = (
    Way("`addopts = -k other`", _MISSING, _addopts("-k other")),
    Way("`--strategy other` in `addopts`", _MISSING, _addopts("--strategy other")),
    Way(
        "`--deselect` in `addopts`",
        _MISSING,
        _addopts(" ".join(f"--deselect={_TESTS}::test_{test}[own]" for test in ("strategy", "no_regression"))),
    ),
    Way(
        '`strategy = ["other"]` in `relevance.toml`', _MISSING, {"relevance.toml": toml(head='strategy = ["other"]\n')}
    ),
    Way("the strategy removed", _MISSING, {"relevance.toml": toml(OTHER)}),
    Way("the strategy renamed", _MISSING, {"relevance.toml": toml(WORSE.replace("own", "renamed") + OTHER)}),
    Way("`pytest.ini` before `tox.ini`, with `-k other`", _MISSING, {"pytest.ini": f"{_INI} -k other\n"}),
    Way(
        "the same beside the benchmarks",
        "*unrecognized arguments: *--gate-from-baseline*",
        {"benchmarks/pytest.ini": f"{_INI} -k other\n"},
        pytest=4,
        compare=_NO_RESULTS,
    ),
    Way(
        "`python_functions` that name no test",
        _NOTHING,
        {"+tox.ini": "\npython_functions = none\n"},
        pytest=5,
        compare=_NO_RESULTS,
    ),
    Way("`--benchmark-skip` in `addopts`", _NOTHING, _addopts("--benchmark-skip"), compare=_NO_RESULTS),
    Way("`conftest.py` takes its tests out", _MISSING, {_CONFTEST: _LEFT_OUT}),
    Way("`--ignore=benchmarks` in `addopts`", _NOTHING, _addopts("--ignore=benchmarks"), pytest=5, compare=_NO_RESULTS),
    Way("`-m nothing` in `addopts`", _NOTHING, _addopts("-m nothing"), pytest=5, compare=_NO_RESULTS),
    Way(
        "`testpaths` moved",
        _NOTHING,
        {"+tox.ini": "\ntestpaths = tests\n", "tests/test_other.py": "def test_other(): pass\n"},
        compare=_NO_RESULTS,
    ),
)

CODE = (
    Way(
        "`measure_strategy` is a fixture of its own",
        _WORSE,
        {_TESTS: _MEASURES + _COMPARES + _FIXTURE.format("measure_strategy")},
    ),
    Way(
        "`compare_strategy` is a fixture of its own",
        _SILENT,
        {_TESTS: _MEASURES + _COMPARES + _FIXTURE.format("compare_strategy")},
    ),
    Way(
        "main's strategy is measured under its name",
        "FAIL: own: not as the configuration has it; allowed: the fixture's strategy, unchanged",
        {_TESTS: _REPLACED + _COMPARES},
    ),
    Way(
        "the gate is patched, and main's baseline replaced while tests run",
        _WORSE,
        {_CONFTEST: _PATCHED + _COPIED},
        pytest=0,
    ),
    Way(
        "the option is unset by `conftest.py`",
        _IGNORED.format("fail 1.0", 0.02),
        {_CONFTEST: _UNSET, **_gate("fail = 1.0")},
    ),
    Way("the failure is caught", _SILENT, {_TESTS: _MEASURES + _CAUGHT}),
    Way("`xfail`", _SILENT, {_TESTS: f"import pytest\n{_MEASURES}@pytest.mark.xfail\n{_COMPARES}"}),
    Way("`skip`", _SILENT, {_TESTS: f"import pytest\n{_MEASURES}@pytest.mark.skip\n{_COMPARES}"}),
    Way("no test compares", _SILENT, {_TESTS: _MEASURES}),
    Way("a hook makes every report a passed one", _SILENT, {_CONFTEST: _WRAPPER + _REPORTS}),
    Way(
        "a hook sets the exit code at the end",
        _WORSE,
        {_CONFTEST: f"{_WRAPPER}def pytest_sessionfinish(session):\n    yield\n    session.exitstatus = 0\n"},
    ),
    Way("a hook sets the exit code even later", _PASSED, {_CONFTEST: _UNCONFIGURED}),
    Way(
        "a hook answers in pytest's place",
        _PASSED,
        {_CONFTEST: f"{_WRAPPER}def pytest_cmdline_main():\n    yield\n    return 0\n"},
    ),
    Way(
        "a hook ends the session: `pytest.exit(returncode=0)`",
        _PASSED,
        {_CONFTEST: "\nimport pytest\ndef pytest_sessionfinish(): pytest.exit('done', returncode=0)\n"},
    ),
    Way(
        "the plugin's hooks are taken out, and every report is made a passed one",
        _NOTHING,
        {_CONFTEST: _UNREGISTERED + _WRAPPER + _REPORTS},
        compare=_NO_RESULTS,
    ),
    Way(
        "the gate is patched: `Comparison.fails` says no",
        _WORSE,
        {_CONFTEST: _PATCHED},
        pytest=0,
    ),
)

NOTHING = (
    *(
        Way(f"`{option}` in `addopts`", _NOTHING, _addopts(option), compare=_NO_RESULTS)
        for option in ("--co", "--setup-plan", "--fixtures", "--markers", "--help")
    ),
    Way(
        "`conftest.py` without the plugin",
        "*unrecognized arguments: *--gate-from-baseline*",
        {"conftest.py": ""},
        pytest=4,
        compare=_NO_RESULTS,
    ),
    Way(
        "`-p no:relevance.plugin` in `addopts`",
        "*unrecognized arguments: *--gate-from-baseline*",
        _addopts("-p no:relevance.plugin"),
        pytest=4,
        compare=_NO_RESULTS,
    ),
)

WAYS: Mapping[str, tuple[Way, ...]] = {
    "Settings": SETTINGS,
    "Metrics": METRICS,
    "Selection": SELECTION,
    "Test code": CODE,
    "Data": DATA,
    "Sessions that measure nothing": NOTHING,
}


def page() -> str:
    """The whole page."""
    return "\n".join((INTRODUCTION, *_tables()))


def _tables() -> Iterator[str]:
    for heading, ways in WAYS.items():
        yield f"## {heading}\n"
        yield "| what the pull request does | the line | pytest | compare |"
        yield "| --- | --- | --- | --- |"
        for way in ways:
            line = way.line.replace("[[]", "[").replace("[]]", "]").replace("|", "\\|").replace("*", "…").strip()
            yield f"| {way.what} | `{line}` | {way.pytest} | {way.compare} |"
        yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
