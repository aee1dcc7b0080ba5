"""The lines that docs/rankers.md shows of what goes wrong, each brought about."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.endpoint import Answered, answering, as_json
from helpers.rankers_page import FAULTS, STRATEGIES

from relevance import runner
from relevance.engines import QueryBatch
from relevance.engines.rankers import WithRankers
from relevance.errors import StrategyError
from relevance.strategies import Strategy, from_table

BATCH = QueryBatch(["red shoe", "boot"], ids=["q1", "q2"])
INNER: Any = SimpleNamespace(version="", facts={}, fuses=False, close=lambda: None)
PRODUCTS: Any = SimpleNamespace(ids=("p1", "p2"))


def line(strategy: Strategy) -> str:
    """What a session says."""
    engine = WithRankers(INNER, PRODUCTS, drops=False)
    try:
        with pytest.raises(StrategyError) as caught:
            runner.search(engine, strategy, BATCH)
    finally:
        engine.close()
    return str(caught.value)


def found(*hits: Mapping[str, Any], **more: Any) -> Answered:
    return as_json({"results": hits, **more})


HIT = {"sku": "p2", "score": 2}
ANSWERS: Mapping[str, Answered] = {
    "answered 500": (500, b"out of memory"),
    "answered 302": (302, b"", {"Location": "/login"}),
    "found '<html>'": (200, b"<html>"),
    "$.timed_out": found(HIT, timed_out=True),
    "1 id, but 0": found({"sku": "p2"}),
    "a score is 'high'": found({**HIT, "score": "high"}),
    "'p2' stands twice": found(HIT, HIT),
    "product 'p9'": found({**HIT, "sku": "p9"}),
    "no hit of any": as_json({"hits": [HIT]}),
}


def api(url: str, **keys: Any) -> Strategy:
    table = STRATEGIES["api"]
    path = table["http"]["url"].removeprefix("https://search.example.com")
    return from_table("api", {**table, "http": {**table["http"], "url": url + path, "retries": 0}, **keys})


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_TOKEN", "s3cret")


@pytest.mark.parametrize("fault", ANSWERS)
def test_an_answer(fault: str) -> None:
    with answering(lambda _: ANSWERS[fault]) as there:
        said = line(api(there.url)).replace(there.url, "https://search.example.com")
    assert [each for each in FAULTS if fault in each] == [said]


def test_no_answer() -> None:
    never = Event()
    with answering(lambda _: (never.wait(5), as_json([]))[1]) as there:
        late = line(api(there.url, timeout=0.1))
        never.set()
    gone = line(api(there.url))
    said = [each.replace(there.url, "https://search.example.com").replace("0.1 s", "5 s") for each in (late, gone)]
    assert FAULTS[:2] == said


@pytest.fixture
def function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Strategy]]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("shop", "shop.search"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    def made(body: str) -> Strategy:
        (tmp_path / "shop").mkdir()
        (tmp_path / "shop" / "search.py").write_text(f"def rank(query, params, depth):\n    {body}\n")
        return from_table("shop", {**STRATEGIES["shop"], "folder": str(tmp_path)})

    yield made
    for name in ("shop", "shop.search"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(("fault", "body"), [("KeyError", "{}['red']"), ("is nan", 'return [("p1", float("nan"))]')])
def test_a_function(function: Callable[[str], Strategy], fault: str, body: str) -> None:
    assert [each for each in FAULTS if fault in each] == [line(function(body))]


def test_a_command() -> None:
    said = line(from_table("fts", {"command": [sys.executable, "-c", "raise SystemExit(1)"]}))
    assert re.sub(r"command python[\d.]*", "command python3", said) == FAULTS[-1]


def test_all_that_the_page_shows_is_brought_about() -> None:
    others = ("no answer within", "not reached", "KeyError", "is nan", "ended with")
    assert [sum(fault in each for fault in (*ANSWERS, *others)) for each in FAULTS] == [1] * len(FAULTS)
