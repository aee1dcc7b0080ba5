"""Ways to put the gate aside, and the page that shows what a user sees of each: `docs/studies/put-aside.md`.

`PYTHONPATH=.:tests python -m helpers.put_aside` after a change; a test tries each way and compares the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

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

What it does to the judgments decides, as it should where they were wrong: that is named under `changed:`, and is what
the review of a pull request is for.

A test tries every row; `python -m helpers.put_aside` in `tests` writes this page.

What no step of a job can see is a pull request that changes the workflow itself, or whose code writes results that
were never measured: [keep both in review](../ci.md#what-a-pull-request-could-change).
"""


def toml(strategies: str = WORSE + OTHER, *, head: str = "", gate: str = "") -> str:
    """A `relevance.toml` that selects its strategies."""
    names = ", ".join(f'"{name}"' for name in ("own", "other", "renamed") if f"[strategies.{name}]" in strategies)
    choice = "" if head.startswith("strategy") else f"strategy = [{names}]\n"
    return f"{choice}{head}{strategies}{gate}"


def train(queries: int = 60, *, good_until: int = 60) -> str:
    """Each query finds a good product and a bad one, both judged; behind `good_until` people call both bad."""
    rows = ['"id","product_uid","product_title","search_term","relevance"']
    for at in range(queries):
        rows.append(f'{2 * at},{1000 + at},"Thing{at}","thing{at}",{3 if at < good_until else 1}')
        rows.append(f'{2 * at + 1},{2000 + at},"Thing{at} in grey with many words","thing{at}",1')
    return "\n".join(rows) + "\n"


@dataclass(frozen=True)
class Way:
    """What a pull request does.

    Attributes:
        what: for the page.
        line: that a user sees, with `*` for what depends on the run.
        files: new content by name; behind a + what is added to a file.
        pytest: exit code of the session.
        compare: exit code of the step behind it.
    """

    what: str
    line: str
    files: Mapping[str, str] = field(default_factory=dict)
    pytest: int = 1
    compare: int = 1

    def apply(self, folder: Path) -> None:
        """Change the files of a project."""
        for name, text in self.files.items():
            path = folder / name.removeprefix("+")
            before = path.read_text(encoding="utf-8") if name.startswith("+") and path.exists() else ""
            path.parent.mkdir(exist_ok=True)
            path.write_text(before + text, encoding="utf-8")


def _gate(limits: str) -> dict[str, str]:
    return {"relevance.toml": toml(gate=f"[gate]\n{limits}\n")}


def _addopts(options: str) -> dict[str, str]:
    return {"+tox.ini": f" {options}"}


_WORSE = f"own: worse than in {MAIN}"
_SILENT = f"FAIL: own is worse than in {MAIN}"
_MISSING = "FAIL: own: in the baseline and not measured; allowed: --allow-missing, if that is meant"
_NOTHING = "FAIL: --gate-from-baseline says that this session gates, and it has measured no strategy"
_PASSED = "FAIL: this session has failed, and something has made it pass"
_IGNORED = f"{MAIN}: gate: {{}} is looser than the baseline's {{}}; without effect, the baseline's limits hold"
_NO_RESULTS = 2
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
        "ERROR: *.worse is no key any more: every metric has one direction; leave it out",
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
        "  changed: data: 20 judgments changed; both sides are scored by today's",
        {"data/train.csv": train(good_until=40)},
        pytest=0,
        compare=0,
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
        {_CONFTEST: "\nfrom relevance.gate import Comparison\nComparison.fails = lambda *_: False\n"},
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
