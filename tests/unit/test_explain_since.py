"""What has moved a product since a baseline, by the command and in a diagnosis: a small shop with fields of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from relevance import diagnosis, suite
from relevance.baseline import by_todays_data, read_baseline, write_baseline
from relevance.cli import main
from relevance.config import reading
from relevance.engines.explanation import Explanation, Part
from relevance.errors import InputError
from relevance.fields import DEFAULT_FIELDS
from relevance.gate import Limits
from relevance.strategies import Strategy
from relevance.suite import LegRank, ProductRank, Suite, compare
from relevance.suite.explaining import _fields_then, ranks_alike

STEMMED, PLAIN = ["lowercase", "porter_stem"], ["lowercase"]
NAMES = {"p1": "Space heaters", "p2": "Red heaters, used", "p3": "Heater, red", "p4": "Oak table"}
TOML = """
engine = "embedded"
dataset = "shop"
mapping = "index.json"
strategy = ["own", "weighted"]
[datasets.shop]
format = "files"
path = "data"
[strategies.own]
template = "search.json"
[strategies.weighted]
text = {name = 3, "name.plain" = 1}
"""


def index(chain: list[str], search: list[str]) -> dict[str, Any]:
    analyzers = {name: {"tokenizer": "standard", "filter": one} for name, one in (("i", chain), ("s", search))}
    name = {"type": "text", "analyzer": "i", "search_analyzer": "s", "fields": {"plain": {"type": "text"}}}
    properties = {"name": name, "stock": {"type": "integer"}}
    return {"settings": {"analysis": {"analyzer": analyzers}}, "mappings": {"properties": properties}}


def search(boost: str = "name^3", **parts: Any) -> dict[str, Any]:
    must = {"multi_match": {"query": "{{query}}", "fields": [boost], "tie_breaker": 0.3}}
    return {"query": {"bool": {"must": must, **parts}}}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "benchmarks" / "baselines").mkdir(parents=True)
    products = [{"id": uid, "name": name, "stock": int(uid[1:])} for uid, name in NAMES.items()]
    (tmp_path / "data" / "products.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in products))
    (tmp_path / "data" / "queries.tsv").write_text("q1\theaters\nq2\ttable\n")
    (tmp_path / "data" / "qrels.txt").write_text("q1 0 p1 2\nq2 0 p4 1\n")
    (tmp_path / "relevance.toml").write_text(TOML)
    write(index(STEMMED, STEMMED), search())
    with closing(measured()) as indexed:
        write_baseline(suite.snapshot_of(indexed), tmp_path / "benchmarks" / "baselines")
    return tmp_path


def write(index_body: Mapping[str, Any], search_body: Mapping[str, Any]) -> None:
    Path("index.json").write_text(json.dumps(index_body))
    Path("search.json").write_text(json.dumps(search_body))


def measured() -> Suite:
    here = Path.cwd()
    config = reading.read_config(options={}, file=here / "relevance.toml", root=here, cwd=here, environ={})
    indexed = suite.prepare(suite.make_plan(config, config.selected), progress=False)
    for strategy in indexed.plan.strategies:
        indexed.judge(strategy, indexed.search(strategy), None)
    return indexed


def since(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["explain", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = [place for place, line in enumerate(lines) if line.startswith("since ")]
    return [line.strip() for line in lines[at[0] + 1 :]] if at else []


LOST = "`heaters` no longer matches name: "
DROPPED = '- "porter_stem"'


@pytest.mark.parametrize(
    ("index_body", "search_body", "lines"),
    [
        (index(STEMMED, STEMMED), search(), []),
        (
            index(STEMMED, STEMMED),
            search("name"),
            [
                'own: template.query.bool.must.multi_match.fields[0] "name^3" -> "name"',
                "name heater: 1.121 -> 0.3737 (boost 6.6 -> 2.2)",
            ],
        ),
        (
            index(STEMMED, PLAIN),
            search(),
            [
                f"index: settings.analysis.analyzer.s.filter {DROPPED}",
                f"{LOST}asked as `heaters`, before as `heater`, in the index it is `heater` as before",
                "name heater: 1.121 -> 0",
            ],
        ),
        (
            index(PLAIN, STEMMED),
            search(),
            [
                f"index: settings.analysis.analyzer.i.filter {DROPPED}",
                f"{LOST}`heaters` in the index only, where it was `heater`",
                "name heater: 1.121 -> 0",
            ],
        ),
        (
            index(STEMMED, STEMMED),
            search(filter=[{"range": {"stock": {"gte": 2}}}]),
            [
                "left out now by query.bool.filter[0]",
                "name heater: 1.121 -> 0",
            ],
        ),
    ],
)
@pytest.mark.usefixtures("shop")
def test_what_moved_a_product(
    capsys: pytest.CaptureFixture[str], index_body: Any, search_body: Any, lines: list[str]
) -> None:
    write(index_body, search_body)
    told = since(capsys, "heaters", "p1", "--strategy", "own")
    assert [line for line in lines if line not in told] == []
    assert bool(told) == bool(lines)


def test_what_a_baseline_does_not_hold_is_said(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shop / "benchmarks" / "baselines" / "shop.json"
    snapshot = read_baseline(path)
    facts = {name: fact for name, fact in snapshot.facts.items() if name != "body"}
    write_baseline(replace(snapshot, engine={**snapshot.engine, "facts": facts}), path.parent)
    write(index(STEMMED, PLAIN), search())
    told = since(capsys, "heaters", "p1", "--strategy", "own")
    assert told[-1] == (
        "not asked again as it was: it holds its mapping as a hash alone; --update-baseline keeps the mapping, too"
    )
    assert since(capsys, "heaters", "p1", "--strategy", "own", "--baseline", str(path)) == told


@pytest.mark.parametrize(
    ("index_body", "search_body", "reasons"),
    [
        (
            index(STEMMED, PLAIN),
            search(),
            [
                f"{LOST}asked as `heaters`, before as `heater`, in the index it is `heater` as before",
                (
                    "p1 is left out by query.bool.must: no match of multi_match "
                    '{"query": "heaters", "fields": ["name^3"], "tie_breaker": 0.3}'
                ),
            ],
        ),
        (
            index(STEMMED, STEMMED),
            search(filter={"range": {"stock": {"gte": 2}}}),
            [
                "p1 is no hit; p3 is ahead by name heater (1.121, p1: 0)",
                'p1 is left out by query.bool.filter: no match of range {"stock": {"gte": 2}}',
            ],
        ),
    ],
)
def test_reasons_of_a_diagnosis(shop: Path, index_body: Any, search_body: Any, reasons: list[str]) -> None:
    write(index_body, search_body)
    before = suite.Baseline("shop.json", read_baseline(shop / "benchmarks" / "baselines" / "shop.json"))
    limits = Limits(least_queries=1)
    with closing(measured()) as indexed:
        session = suite.snapshot_of(indexed)
        sides = by_todays_data(before.snapshot, session)
        compared = {before: suite.compare_with(before, session, limits, sides=sides)}
        (diagnosis,) = suite.diagnose_suite(indexed, session, compared, limits, sides=[sides], live=True)
    (ranking, *_) = [one for why in diagnosis.strategies if why.strategy == "own" for one in why.rankings]
    assert [line for line in reasons if line not in ranking.reasons] == []


@pytest.mark.parametrize(("most", "asked"), [(9, ["q1", "q2"]), (1, ["q1"]), (0, ["q1"])])
def test_changed_queries_are_explained_up_to_a_limit_and_those_shown_in_any_case(
    shop: Path, monkeypatch: pytest.MonkeyPatch, most: int, asked: list[str]
) -> None:
    monkeypatch.setattr(compare, "MOST_EXPLAINED", most)
    monkeypatch.setattr(diagnosis, "RANKINGS", dict.fromkeys(diagnosis.RANKINGS, 1))
    write(index(STEMMED, STEMMED), search(must_not={"match_all": {}}))
    before = suite.Baseline("shop.json", read_baseline(shop / "benchmarks" / "baselines" / "shop.json"))
    with closing(measured()) as indexed:
        session = suite.snapshot_of(indexed)
        sides = by_todays_data(before.snapshot, session)
        compared = {before: suite.compare_with(before, session, Limits(), sides=sides)}
        (found,) = suite.diagnose_suite(indexed, session, compared, Limits(), sides=[sides], live=True)
    (own,) = found.strategies
    assert sorted(own.explained) == asked
    assert all("is left out by query.bool.must_not" in lines[-1] for lines in own.explained.values())
    assert own.rankings[0].reasons == own.explained["q1"]


def fused(**changed: Any) -> ProductRank:
    strategy = Strategy("fused", text={"title": 1}, vectors={"whole": 1}, combine="rrf", **changed)
    text = Explanation(2.0, (Part("match", "title", "oak", 2.0),))
    legs = (
        LegRank("text", 3, strategy.window, text, 1 / (strategy.k + 3), f"1/({strategy.k} + 3)"),
        LegRank("vector whole", None, strategy.window, Explanation(None, ()), 0.0),
    )
    return ProductRank(strategy, "q1", "oak", "p1", "Oak", None, "embedded 1", 2, 1_000, 0.01, legs)


def test_lists_add_other_shares() -> None:
    assert suite.since(fused(), fused(k=10)) == ("text: 0.01587 -> 0.07692 (1/(60 + 3) -> 1/(10 + 3))",)
    now = fused(window=10)
    (text, *_) = now.legs
    without = replace(now, legs=(replace(text, rank=None, share=0.0, formula=""),))
    assert suite.since(fused(), without)[0] == "text: 0.01587 -> 0 (1/(60 + 3) -> none of 10)"


def test_a_baseline_with_a_model_that_is_gone(shop: Path) -> None:
    snapshot = read_baseline(shop / "benchmarks" / "baselines" / "shop.json")
    own = snapshot.strategies["weighted"]
    definition = {**own.definition, "vectors": {"whole": 1}, "model": "small"}
    snapshot = replace(snapshot, strategies={"weighted": replace(own, definition=definition)})
    with closing(measured()) as indexed, pytest.raises(InputError, match=r"\[models.small\] is no longer configured"):
        suite.earlier(indexed.plan.config, indexed.results["weighted"].strategy, snapshot, shop)


def test_a_hit_behind_a_better_one_of_its_group(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(index(STEMMED, STEMMED), search() | {"collapse": {"field": "stock"}})
    products = [{"id": uid, "name": name, "stock": 1} for uid, name in NAMES.items()]
    (shop / "data" / "products.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in products))
    assert main(["explain", "heaters", "p2", "--strategy", "own"]) == 0
    assert "left out  by collapse: a better hit has its stock" in capsys.readouterr().out


@pytest.mark.parametrize(
    "keys", ['text = {name = 3}\nspelling = ["name"]', 'template = "search.json"\nspelling = ["name", "name.plain"]']
)
def test_a_strategy_comes_back_out_of_a_baseline(shop: Path, capsys: pytest.CaptureFixture[str], keys: str) -> None:
    toml = TOML.replace('["own", "weighted"]', '["mine"]').partition("[strategies.own]")[0]
    (shop / "relevance.toml").write_text(f"{toml}[strategies.mine]\n{keys}\n")
    with closing(measured()) as indexed:
        write_baseline(suite.snapshot_of(indexed), shop / "benchmarks" / "baselines")
        today = indexed.results["mine"].strategy
        snapshot = read_baseline(shop / "benchmarks" / "baselines" / "shop.json")
        assert suite.earlier(indexed.plan.config, today, snapshot, shop) is None  # all is as today
    write(index(PLAIN, PLAIN), search())
    assert since(capsys, "heaters", "p2", "--strategy", "mine")


def test_strategies_that_say_the_same() -> None:
    one = Strategy("own", text={"title": 1}, analyzer="stemmed")
    assert ranks_alike(one, Strategy("own", text={"title": 1}, analyzer="stemmed", k1=1.2))
    assert not ranks_alike(one, Strategy("own", text={"title": 1}, analyzer="stemmed", k1=0.2))
    assert not ranks_alike(fused().strategy, fused(k=10).strategy)


def test_what_was_embedded_is_embedded_again() -> None:
    config: Any = SimpleNamespace(fields=DEFAULT_FIELDS, elasticsearch=SimpleNamespace(index=None))
    body = {"mappings": {"properties": {"name": {"type": "text"}, "brand": {"type": "text"}}}}
    snapshot: Any = SimpleNamespace(index_body=body, facts={"body": "theirs"})
    fields = _fields_then(config, snapshot, {"embedded": {"whole": ["name", "brand"]}})
    assert fields.embedded["whole"] == ("name", "brand")
