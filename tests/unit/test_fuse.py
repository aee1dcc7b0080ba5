"""Strategies whose lists are fused: by name, ranked together, recorded, explained, changed and checked."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relevance import runner, suite
from relevance.baseline import by_todays_data, differences, read_baseline, write_baseline
from relevance.cli import main
from relevance.config import Config, reading
from relevance.diagnosis import parts_of
from relevance.engines import Engine, QueryBatch
from relevance.errors import InputError, StrategyError
from relevance.gate import Limits
from relevance.mutation import KINDS
from relevance.records import Ranking
from relevance.strategies import Leg, leaves_of, mapped
from relevance.suite import Suite

PRODUCTS = {"p1": "oak table", "p2": "oak chair, red", "p3": "red lamp", "p4": "table lamp", "p5": "red oak table"}
HEAD = """engine = "embedded"
dataset = "shop"
strategy = ["names", "shop", "both"]
[datasets.shop]
format = "files"
path = "data"
[fields.name]
type = "text"
[fields.brand]
type = "text"
"""
TOML = f"""{HEAD}
[strategies.names]
text = {{name = 2}}
[strategies.brands]
text = {{brand = 1}}
[strategies.shop]
search = "shop_search:rank"
[strategies.text]
fuse = ["names", "brands"]
combine = "rrf"
[strategies.both]
fuse = ["text", "names", "shop"]
combine = "linear"
weights = {{shop = 3}}
window = 4
"""
RANK = """
def rank(query, params, depth):
    return [("p3", 9.0), ("p1", 6.0), ("p4", 3.0)][:depth]
"""


pytestmark = pytest.mark.usefixtures("shop")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    sys.modules.pop("shop_search", None)  # of another test
    (tmp_path / "data").mkdir()
    (tmp_path / "benchmarks" / "baselines").mkdir(parents=True)
    products = [{"id": uid, "name": name, "brand": name.split()[-1]} for uid, name in PRODUCTS.items()]
    (tmp_path / "data" / "products.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in products))
    (tmp_path / "data" / "queries.tsv").write_text("q1\tred table\nq2\toak\n")
    (tmp_path / "data" / "qrels.txt").write_text("q1 0 p5 2\nq2 0 p1 1\n")
    (tmp_path / "shop_search.py").write_text(RANK)
    return tmp_path


def configured(text: str = TOML) -> Config:
    here = Path.cwd()
    (here / "relevance.toml").write_text(text)
    return reading.read_config(options={}, file=here / "relevance.toml", root=here, cwd=here, environ={})


def measured(text: str = TOML) -> Suite:
    config = configured(text)
    indexed = suite.prepare(suite.make_plan(config, config.selected), progress=False)
    for strategy in indexed.plan.strategies:
        indexed.judge(strategy, indexed.search(strategy), None)
    return indexed


def hits(ranking: Ranking, row: int = 0) -> list[tuple[str, float]]:
    ids = [*PRODUCTS]
    pairs = zip(ranking.codes[row].tolist(), ranking.scores[row].tolist(), strict=True)
    return [(ids[code], score) for code, score in pairs if code >= 0]


def test_the_lists_of_strategies_are_fused() -> None:
    with closing(measured()) as indexed:
        both = indexed.results["both"].strategy
        lists = [indexed.search(one) for one in both.members]
        expected: dict[str, float] = {}
        for one, weight in zip(lists, (1, 1, 3), strict=True):
            window = hits(one)[:4]
            low, high = window[-1][1], window[0][1]
            for uid, score in window:
                expected[uid] = expected.get(uid, 0) + weight * (1 if low == high else (score - low) / (high - low))
        found = hits(indexed.results["both"].ranking)
        assert [uid for uid, _ in found] == sorted(expected, key=lambda uid: (-expected[uid], uid))
        assert dict(found) == pytest.approx(expected, rel=1e-5)
        (together, _) = runner.search_all(indexed.engine, [both, both.members[1]], indexed.batch)
        assert hits(together) == found


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ('[strategies.sum]\nfuse = ["names", "shop"]\ncombine = "linear"\n', "sum"),
        ('[strategies.shop.rerank]\nsearch = "shop_search:score"\nweight = 0.5\n', "shop"),
    ],
)
def test_scores_that_rise_are_refused_where_they_are_added(shop: Path, table: str, name: str) -> None:
    (shop / "shop_search.py").write_text(
        'def rank(query, params, depth):\n    return [("p3", 0.1), ("p1", 0.2), ("p4", 0.4)][:depth]\n\n\n'
        "def score(query, products, params):\n    return [1] * len(products)\n"
    )
    config = configured(TOML + table)
    chosen = [config.strategies[one] for one in {"shop", name}]
    with closing(suite.prepare(suite.make_plan(config, chosen), progress=False)) as indexed:
        if name != "shop":
            assert [uid for uid, _ in hits(indexed.search(config.strategies["shop"]))] == ["p3", "p1", "p4"]
        line = f"^strategy '{name}': search shop_search:rank: query 'red table' .*: the scores rise from hit to hit; "
        with pytest.raises(StrategyError, match=line):
            indexed.search(config.strategies[name])


def test_what_they_share_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(measured()) as indexed:
        asked: list[tuple[str, int]] = []
        search_leg = runner.search_leg

        def watched(engine: Engine, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
            asked.append((leg.name if leg.outside else leg.text[0][0], hits))
            return search_leg(engine, leg, batch, hits=hits)

        monkeypatch.setattr(runner, "search_leg", watched)
        runner.search(indexed.engine, indexed.results["both"].strategy, indexed.batch)
    assert sorted(asked) == [("brand", 50), ("name", 50), ("search shop_search:rank", 4)]


def test_a_weight_of_a_member_changes_the_definition() -> None:
    with closing(measured()) as indexed:
        before = suite.snapshot_of(indexed)
    for old, new, lines in (
        ("weights = {shop = 3}", "weights = {shop = 4}", ("both: weights.shop 3 -> 4",)),
        ("window = 4", 'window = 4\nnormalizer = "l2"', ('both: normalizer "minmax" -> "l2"',)),
        ("{brand = 1}", "{brand = 2}", ("both: lists.text.lists.brands.text.brand 1 -> 2",)),
        ('combine = "rrf"', 'combine = "rrf"\nk = 10', ("both: lists.text.k 60 -> 10",)),
        ("{name = 2}", "{name = 4}", ("names: text.name 2 -> 4", "both: lists.text.lists.names.text.name 2 -> 4",
                                      "both: lists.names.text.name 2 -> 4")),
    ):  # fmt: skip
        with closing(measured(TOML.replace(old, new))) as indexed:
            assert differences(before, suite.snapshot_of(indexed)) == lines


def test_a_definition_gives_the_strategy_back(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toml = TOML.replace(', "shop"]\ncombine', "]\ncombine").replace("{shop = 3}", "{text = 3}")
    with closing(measured(toml)) as indexed:
        write_baseline(suite.snapshot_of(indexed), shop / "benchmarks" / "baselines")
        snapshot = read_baseline(shop / "benchmarks" / "baselines" / "shop.json")
        today = indexed.results["both"].strategy
        assert suite.earlier(indexed.plan.config, today, snapshot, shop) is None
        other = replace(today, weights={"text": 5})
        then = suite.earlier(indexed.plan.config, other, snapshot, shop)
        assert then is not None
        assert then[1] == today
    configured(toml.replace("{text = 3}", "{text = 6}"))
    assert main(["explain", "red table", "p5", "--strategy", "both"]) == 0
    assert "  text: 3 -> 6 (3 * 1 (minmax) -> 6 * 1 (minmax))" in capsys.readouterr().out.splitlines()


def test_a_fused_rank_is_explained_by_its_lists() -> None:
    config = configured()
    plan = suite.only_query(suite.make_plan(config, config.selected), "q1")
    with closing(suite.prepare(plan, progress=False)) as indexed:
        both = next(one for one in plan.strategies if one.name == "both")
        why = suite.explain(indexed, both, [*PRODUCTS].index("p1"))
        assert [leg.name for leg in why.legs] == ["text", "names", "shop"]
        assert sum(leg.share or 0 for leg in why.legs) == pytest.approx(why.score)
        text, names, outside = why.legs
        assert (outside.rank, outside.formula) == (2, "3 * 0.5 (minmax)")
        assert [part.term for part in names.explanation.parts if part.value] == ["table"]
        assert [(part.clause, part.field) for part in text.explanation.parts] == [("list", "names"), ("list", "brands")]
        assert sum(part.value for part in text.explanation.parts) == pytest.approx(text.explanation.score)


def test_a_diagnosis_tells_which_list_lost(shop: Path) -> None:
    with closing(measured()) as indexed:
        before = suite.Baseline("shop.json", suite.snapshot_of(indexed))
    (shop / "shop_search.py").write_text(RANK.replace('("p1", 6.0)', '("p2", 6.00)'))
    sys.modules.pop("shop_search", None)
    limits = Limits(least_queries=1)
    with closing(measured()) as indexed:
        session = suite.snapshot_of(indexed)
        assert [*parts_of(session.strategies["both"].definition)] == ["text", "names", "shop"]
        sides = by_todays_data(before.snapshot, session)
        compared = {before: suite.compare_with(before, session, limits, sides=sides)}
        (found,) = suite.diagnose_suite(indexed, session, compared, limits, sides=[sides], live=True)
    legs = {leg.leg: leg for why in found.strategies if why.strategy == "both" for leg in why.legs}
    assert {name: leg.source for name, leg in legs.items()} == {"text": "", "names": "names", "shop": "shop"}
    assert legs["shop"].lost


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("fusion_window_5", lambda one: replace(one, window=5) if one.fuse else one),
        ("fusion_without_normalizer", lambda one: replace(one, normalizer="none") if one.name == "both" else one),
        ("fusion_constant_1", lambda one: replace(one, k=1) if one.name == "text" else one),
        (
            "fusion_of_scores",
            lambda one: replace(one, combine="linear", normalizer="none") if one.name == "text" else one,
        ),
        ("text_boosts_off", lambda one: replace(one, text=dict.fromkeys(one.text, 1))),
    ],
)
def test_planted_changes_reach_what_is_fused(kind: str, changed: Any) -> None:
    config = configured()
    plan = suite.make_plan(config, config.selected)
    after = KINDS[kind].change(plan, 1).strategies
    assert after == tuple(mapped(one, changed) for one in plan.strategies)


LINES: Mapping[str, str] = {
    '[strategies.both]\nfuse = ["names", "brnds"]': "fuse: unknown strategy 'brnds' (did you mean 'brands'?); allow",
    '[strategies.both]\nfuse = ["names", "both"]': "fuse: both -> both ends in itself; allowed: strategies without it",
    '[strategies.both]\nfuse = ["names", "brands"]\ntext = {name = 1}': "fuse takes the place of text: strategies have",
    '[strategies.both]\nfuse = ["names", "brands"]\nsearch = "shop_search:rank"': "fuse takes the place of search",
    '[strategies.both]\nfuse = ["names"]': "fuse = ('names',); allowed: a list of two strategies or more",
    '[strategies.both]\nfuse = ["names", "names"]': "fuse: names stands twice; allowed: once, and a weight in weights",
    '[strategies.both]\nfuse = ["names", "brands"]\nweights = {text = 2}': "weights: unknown list 'text'; allowed: nam",
    '[strategies.both]\nfuse = ["names", "brands"]\ncandidates = 9': "candidates changes nothing without vectors",
    '[strategies.both]\nfuse = ["names", "bad"]\ncombine = "rrf"\n[strategies.bad]\ntext = {nme = 1}': (
        "fuse: strategy 'bad' cannot be made; allowed: mend it first"
    ),
}


@pytest.mark.parametrize("table", LINES)
def test_what_is_wrong_is_one_line(table: str) -> None:
    text = f"{HEAD}[strategies.names]\ntext = {{name = 1}}\n[strategies.brands]\ntext = {{brand = 1}}\n"
    text = text.replace('"shop", "both"', '"both"')
    line = LINES[table]
    table = table if "combine" in table else f'{table}\ncombine = "rrf"'
    with pytest.raises(InputError) as caught:
        configured(text + table)
    assert line in str(caught.value)


def test_a_circle_is_one_line() -> None:
    text = TOML.replace('["text", "names", "shop"]', '["text", "names"]').replace("weights = {shop = 3}\n", "")
    with pytest.raises(InputError, match="fuse: both -> text -> both ends in itself"):
        configured(
            text.replace('["names", "brands"]', '["both", "brands"]').replace('["names", "shop", "both"]', '["both"]')
        )


def test_fuse_needs_a_way_to_fuse() -> None:
    text = f"{HEAD}[strategies.names]\ntext = {{name = 1}}\n[strategies.b]\ntext = {{brand = 1}}\n"
    text = text.replace('"shop", "both"', '"both"')
    with pytest.raises(InputError, match="fuse needs combine = rrf or linear, not 'sum'"):
        configured(f'{text}[strategies.both]\nfuse = ["names", "b"]')


def test_leaves_are_what_searches() -> None:
    both = configured().strategies["both"]
    assert [one.name for one in leaves_of([both])] == ["names", "brands", "shop"]
    assert both.models == ()


def test_a_member_that_reranks_gives_its_reranked_list(tmp_path: Path) -> None:
    (tmp_path / "shop_scores.py").write_text(
        "def scores(query, products, params):\n    return [1, 2, 3, 4, 5][: len(products)]\n"
    )
    with closing(measured(TOML + '[strategies.names.rerank]\nsearch = "shop_scores:scores"\ndepth = 3\n')) as indexed:
        both = indexed.results["both"].strategy
        names = [uid for uid, _ in hits(indexed.results["names"].ranking, 1)]
        why = hits(indexed.results["both"].ranking, 1)
        assert names == ["p5", "p2", "p1"]
        (members, _) = runner.search_all(indexed.engine, [both.members[1], both], indexed.batch)
        assert [uid for uid, _ in hits(members, 1)] == names
        alone = indexed.search(replace(both, weights={"names": 1000}))
        assert [uid for uid, _ in hits(alone, 1)][:2] == names[:2] != [uid for uid, _ in why][:2]


def test_check_knows_them(capsys: pytest.CaptureFixture[str]) -> None:
    configured()
    assert main(["check"]) == 0
    assert "strategies  3" in " ".join(capsys.readouterr().out.split("\n")).replace("strategies    ", "strategies  ")
