"""A session whose strategies rank from outside: what fails is one line, fails its strategy, and stops no other."""

import sys
from collections.abc import Mapping
from itertools import count

import pytest
from helpers.project import printed, results, write_project

pytest_plugins = ["pytester"]

_NUMBERS = count()


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setattr(sys, "path", [*sys.path])
    return write_project(pytester)


def run(
    project: pytest.Pytester, body: str, *options: str, files: Mapping[str, str] = {}, more: str = ""
) -> pytest.RunResult:
    """A session of a strategy of text, and of a function with this body."""
    module = f"ranker_{next(_NUMBERS)}"
    (project.path / f"{module}.py").write_text(f"def rank(query, params, depth):\n    {body}\n")
    strategies = f'[strategies.shop]\nsearch = "{module}:rank"\n\n[strategies.own]\ntext = {{title = 1}}\n'
    (project.path / "relevance.toml").write_text(f'strategy = ["shop", "own"]\n\n{strategies}\n{more}')
    for name, text in files.items():
        (project.path / name).write_text(text)
    return project.runpytest_inprocess("benchmarks", "--dataset", "homedepot:data", "--benchmark-disable", *options)


def test_a_ranker_is_gated_as_others_are(project: pytest.Pytester) -> None:
    body = 'return ["100", "101", "102", "103", "104"]'
    assert run(project, body, "--update-baseline").ret == pytest.ExitCode.OK
    same = run(project, body)
    assert same.ret == pytest.ExitCode.OK
    same.stdout.fnmatch_lines(["compared with *: 2 strategies * 3 metrics, *"])
    floors = {"floors.toml": "[homedepot.shop]\nMRR = 0.99\n"}
    fails = run(project, body, "--floors", "floors.toml", files=floors)
    assert fails.ret == pytest.ExitCode.TESTS_FAILED
    fails.stdout.fnmatch_lines(["shop *FAIL", "FAIL: shop: MRR *"])


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ('raise KeyError("no index")', "query *: KeyError: 'no index'"),
        ("return []", "no hit of any of 4 queries"),
        ('return ["100", "100"]', "query *: product '100' stands twice; allowed: once"),
        ('return ["x"]', "query *: product 'x', which the data set's products lack; allowed: their ids*"),
        ('return [("100", float("nan"))]', "query *: a score is nan; allowed: a finite number"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--update-baseline",)])
def test_a_ranker_that_fails_fails_its_strategy_alone(
    project: pytest.Pytester, body: str, line: str, options: tuple[str, ...]
) -> None:
    result = run(project, body, *options)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["shop *- *FAIL", f"FAIL: strategy 'shop': *{line}"])
    assert "Traceback" not in printed(result)
    document = results(project)
    assert list(document["strategies"]) == ["own"]
    assert list(document["not_run"]) == ["shop"]


def test_hits_that_are_all_dropped_are_none(project: pytest.Pytester) -> None:
    result = run(project, 'return ["x"]', "--unknown-products", "drop")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    line = "no hit of any of 4 queries; all were dropped, as the data set's products lack them"
    result.stdout.fnmatch_lines([f"FAIL: strategy 'shop': *{line}"])


def test_a_fusion_with_a_ranker_that_fails_fails_as_well(project: pytest.Pytester) -> None:
    fused = '[strategies.both]\ncombine = "rrf"\nfuse = ["shop", "own"]\n'
    working = run(project, 'return ["100", "101"]', "--strategy", "both", more=fused)
    assert working.ret == pytest.ExitCode.OK
    working.stdout.fnmatch_lines(["both *0.*"])
    failing = run(project, 'raise ValueError("gone")', "--strategy", "both,own", more=fused)
    assert failing.ret == pytest.ExitCode.TESTS_FAILED
    failing.stdout.fnmatch_lines(["both *- *FAIL", "FAIL: strategy 'both': *query *: ValueError: gone"])
    assert list(results(project)["strategies"]) == ["own"]


FAILS_LATER = (
    "rank.times = getattr(rank, 'times', 0) + 1\n"
    "    if rank.times > {0}:\n        raise ValueError('gone')\n"
    '    return ["100", "101"]'
)


def test_a_ranker_that_fails_while_single_queries_are_timed_fails_its_strategy_alone(
    project: pytest.Pytester,
) -> None:
    result = run(project, FAILS_LATER.format(16), "--benchmark-enable")  # once to warm up, three rounds of four queries
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["shop *- *FAIL", "FAIL: strategy 'shop': search *query *: ValueError: gone"])
    document = results(project)
    assert list(document["strategies"]) == ["own"]
    assert list(document["not_run"]) == ["shop"]


def test_a_ranker_that_fails_while_a_loss_is_diagnosed_fails_its_strategy_alone(project: pytest.Pytester) -> None:
    fused = '[strategies.both]\ncombine = "rrf"\nfuse = ["shop", "own"]\nweights = {shop = 9}\n'
    options = ("--strategy", "both,own")
    assert run(project, 'return ["100", "102", "101"]', *options, "--update-baseline", more=fused).ret == 0
    worse = FAILS_LATER.format(4).replace('["100", "101"]', '["104", "103"]')
    result = run(project, worse, *options, more=fused)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    line = "FAIL: strategy 'both': strategy 'shop': search *query *: ValueError: gone"
    result.stdout.fnmatch_lines(["both *0.*FAIL", "own *0.*no floors, compared", line])
    document = results(project)
    assert list(document["strategies"]) == ["both", "own"]
    assert (document["not_run"], list(document["broken"])) == ({}, ["both"])
    assert document["broken"]["both"].endswith("ValueError: gone")
