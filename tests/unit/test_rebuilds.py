"""How far building an approximate index again moves a mean: what is learned, kept, and said of a difference."""

from dataclasses import replace
from itertools import count
from pathlib import Path
from statistics import stdev
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from helpers import shop
from helpers.project import usage_error, write_project
from helpers.snapshots import VECTOR, measured, session, snapshot

from relevance import engines
from relevance.baseline import Snapshot, document_text, read_baseline, update_lines
from relevance.engines import Engine, QueryBatch
from relevance.engines.embedded import EmbeddedEngine
from relevance.errors import StrategyError
from relevance.evaluation import NDCG10
from relevance.gate import Comparison, Limits, compare
from relevance.gate.rebuilds import reach
from relevance.records import Ranking
from relevance.report.terminal import session_lines
from relevance.strategies import Leg
from relevance.suite import Suite, snapshot_of
from relevance.suite.measure import Preparation
from relevance.suite.neighbours import ExactNeighbours

pytest_plugins = ["pytester"]

QUERIES = 400
BUILDS = (0.50, 0.49, 0.51, 0.505, 0.495)
GRAPH = {"vector_index": "hnsw"}


def test_the_reach_is_a_prediction_limit() -> None:
    assert reach(BUILDS, 0.01) == pytest.approx(3.7469 * stdev(BUILDS) * 2**0.5, rel=1e-4)
    assert reach((0.4, 0.4, 0.4), 0.01) == 0


def test_two_further_builds_lie_further_apart_as_rarely_as_it_says() -> None:
    random = np.random.default_rng(4)
    builds = random.normal(0.5, 0.01, (4_000, 5)).tolist()
    before, now = random.normal(0.5, 0.01, (2, 4_000))
    beyond = np.mean([old - new > reach(learned, 0.05) for old, new, learned in zip(before, now, builds, strict=True)])
    assert 0.04 < beyond < 0.06


def side(values: Any, facts: Any = GRAPH, **changed: Any) -> Snapshot:
    of_engine = {"name": "elasticsearch", "version": "8.19.5", "facts": facts}
    strategy = measured({NDCG10: values}, definition=VECTOR, **changed)
    tags = tuple(("first",) if at < QUERIES / 2 else () for at in range(QUERIES))
    return snapshot({"near": strategy}, queries=[f"q{at:03}" for at in range(QUERIES)], engine=of_engine, tags=tags)


def compared(share: float, builds: Any = BUILDS, *, facts: Any = GRAPH, **limits: Any) -> Comparison:
    """All queries but a few fall or rise by this share: small and sure."""
    before = np.full(QUERIES, 0.5)
    rebuilds = {"nDCG@10": builds} if builds else {}
    now = before * (1 + share * (np.arange(QUERIES) % 10 > 0) / 0.9)
    limited = Limits(gated=(NDCG10,), **limits)
    return compare(side(before, rebuilds=rebuilds), side(now, facts), limited, baseline="main.json", draws=5_000)


def answered(comparison: Comparison) -> tuple[str, str, bool]:
    finding = next(one for one in comparison.findings if one.measure == "nDCG@10" and not one.segment)
    return finding.answer, finding.cause, finding.blocks


# what the builds move: 3.747 * 0.0079 * sqrt(2) / 0.5 = 8.38%
@pytest.mark.parametrize(
    ("share", "builds", "expected"),
    [
        (-0.04, BUILDS, ("undecided", "rebuilds", False)),
        (-0.01, BUILDS, ("undecided", "rebuilds", False)),  # a likely loss without
        (-0.09, BUILDS, ("loss", "", False)),
        (-0.04, (), ("loss", "", False)),
        (-0.04, (0.5, 0.5, 0.501), ("loss", "", False)),
        (0.0, BUILDS, ("no loss", "", False)),
    ],
)
def test_a_drop_that_another_build_makes_as_well_is_no_loss_by_itself(share: float, builds: Any, expected: Any) -> None:
    assert answered(compared(share, builds)) == expected


def test_what_it_says() -> None:
    near = compared(-0.04).findings[0]
    said = "within what building the index again alone moves: 8.38% (5 rebuilds)"
    assert near.reasons[:2] == ("fell by 4% (0.5000 → 0.4800)", said)
    comparison = compared(-0.09)
    assert "beyond what building the index again alone moves: 8.38% (5 rebuilds)" in comparison.findings[0].reasons
    note = "building the hnsw index again alone moves a mean by up to 8.38% (near nDCG@10, 5 rebuilds)"
    assert note in comparison.notes
    unknown = "how far building the hnsw index again moves the means of near is not known"
    assert f"{unknown}; --update-baseline --rebuilds 5 learns it" in compared(-0.04, ()).notes


def test_a_gain_that_another_build_makes_as_well_is_not_better() -> None:
    found = [[one.improved for one in compared(share).findings[:1]] for share in (0.04, 0.12)]
    assert found == [[False], [True]]


def test_of_another_kind_of_index_nothing_was_learned() -> None:
    for facts in ({"vector_index": "int4_hnsw"}, {**GRAPH, "oversample": 3}, {"vector_index": "flat"}):
        other = compared(-0.04, facts=facts)
        assert answered(other)[0] == "loss"
        assert not [one for one in other.notes if "again" in one]


def test_what_is_undecided_by_it_can_be_made_to_fail() -> None:
    assert answered(compared(-0.04, too_few_queries="fail")) == ("undecided", "rebuilds", True)


def test_kinds_of_queries_keep_their_own_limits() -> None:
    kinds = [one for one in compared(-0.06).findings if one.segment]
    assert kinds
    assert {one.answer for one in kinds} == {"loss"}


# the baseline


def test_builds_are_written_where_there_are_some_and_read(tmp_path: Path) -> None:
    file = tmp_path / "shop.json"
    learned = side(np.full(QUERIES, 0.5), rebuilds={"nDCG@10": BUILDS, "recall": (0.9, 0.91, 0.92, 0.9, 0.9)})
    file.write_text(document_text(learned))
    assert read_baseline(file).strategies["near"].rebuilds == learned.strategies["near"].rebuilds
    plain = side(np.full(QUERIES, 0.5))
    assert "rebuilds" not in document_text(plain)
    assert update_lines(plain, learned) == [
        "built again 5 times: near: nDCG@10 0.4900 to 0.5100, recall 0.9000 to 0.9200"
    ]
    assert update_lines(learned, plain) == ["no other builds any more: near; --rebuilds 5 makes some"]


# measuring


class Varying(Engine):
    """Another one each time that it is built: it leaves out another hit of every query."""

    version, facts = "1", MappingProxyType(GRAPH)

    def __init__(self, inner: Engine, left_out: int, closed: list[int]) -> None:
        self.inner, self.left_out, self.closed = inner, left_out, closed

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        found = self.inner.search(leg, batch, hits=hits + 1)
        rest = np.arange(hits + 1) != self.left_out
        return Ranking(found.codes[:, rest], found.scores[:, rest])

    def close(self) -> None:
        self.closed.append(self.left_out)


def made_suite(closed: list[int]) -> Suite:
    plan = shop.plan(["vectorsearch", "textsearch"])
    held = {key: shop.vectors(key[1]) for key in plan.vector_fields}
    texts = plan.dataset.queries.texts
    inner = EmbeddedEngine.index(plan.dataset.catalogue, text_fields=plan.text_fields, vectors=held)
    builds = (Varying(inner, number, closed) for number in count())
    suite = Suite(
        plan,
        next(builds),
        QueryBatch(texts, {"base": shop.rows_of(texts)}),
        {},
        {"base": None},
        Preparation(0, None, 0),
        exact=ExactNeighbours(plan.dataset.catalogue, held),
        build=lambda: next(builds),
    )
    for strategy in plan.strategies:
        suite.judge(strategy, suite.search(strategy), None)
    return suite


def test_each_build_is_searched_and_removed() -> None:
    closed: list[int] = []
    suite = made_suite(closed)
    before = dict(suite.results)
    suite.rebuild(4)
    assert closed == [1, 2, 3, 4]
    assert suite.results["textsearch"] is before["textsearch"]
    near = suite.results["vectorsearch"]
    assert replace(near, rebuilds=before["vectorsearch"].rebuilds).ranking is before["vectorsearch"].ranking
    assert list(near.rebuilds) == ["RR@10", "AP@10", "nDCG@10", "Judged@10", "recall"]
    assert near.recall == pytest.approx(0.9)
    assert near.rebuilds["recall"] == (0.9,) * 4  # one of ten is left out by each
    assert len(set(near.rebuilds["nDCG@10"])) > 1
    assert snapshot_of(suite).strategies["vectorsearch"].rebuilds == near.rebuilds
    (line,) = (one.text for one in session_lines(suite, columns=None) if "exact neighbours" in one.text)
    assert line.endswith("(hnsw vectors): vectorsearch 0.900 (0.900 to 0.900 in 4 rebuilds)")


def test_a_build_that_fails_is_removed() -> None:
    closed: list[int] = []
    suite = made_suite(closed)
    suite.exact = None
    suite.build = lambda: Varying(None, 7, closed)  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        suite.rebuild(3)
    assert closed == [7]


def test_a_strategy_that_a_build_gives_no_ranking_of_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = made_suite([])

    def gone(*_: object) -> None:
        raise StrategyError("strategy 'vectorsearch': gone")

    monkeypatch.setattr(Suite, "search", gone)
    suite.rebuild(2)
    assert suite.refused == {"vectorsearch": "strategy 'vectorsearch': gone"}
    assert list(suite.results) == ["textsearch"]


def test_an_exact_index_is_not_built_again() -> None:
    suite = made_suite([])
    suite.build = None
    suite.rebuild(3)
    assert not suite.results["vectorsearch"].rebuilds


@pytest.mark.parametrize(
    ("recall", "words"),
    [(0.9, ""), (0.85, ", fewer than building it again explains")],
)
def test_recall_beside_the_builds_of_the_baseline(recall: float, words: str) -> None:
    suite = made_suite([])
    suite.results["vectorsearch"] = replace(suite.results["vectorsearch"], recall=recall)
    old = measured([0.5], rebuilds={"recall": (0.9, 0.91, 0.905)})
    suite.baseline = session(vectorsearch=old)
    suite.baseline = replace(suite.baseline, engine={"facts": GRAPH})
    (line,) = (one.text for one in session_lines(suite, columns=None) if "exact neighbours" in one.text)
    assert line.endswith(f"vectorsearch {recall:.3f} (0.900 to 0.910 in 3 rebuilds{words})")


# the option


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    chosen = ("--dataset", "homedepot:data", "--strategy", "textsearch", "--benchmark-disable")
    return pytester.runpytest_inprocess("benchmarks", *chosen, *options)


def test_an_update_builds_again(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(Suite, "rebuild", lambda _, times: asked.append(times))
    choice = replace(engines.embedded_choice("elasticsearch"), name="elasticsearch")
    monkeypatch.setattr(engines, "choose", lambda *_: choice)
    write_project(pytester)
    update, graph = ("--update-baseline", "--rebuilds", "4"), ("--vector-index", "hnsw")
    assert run(pytester, *update, *graph).ret == 0
    assert asked == [4]
    alone = run(pytester, "--rebuilds", "4", *graph)
    alone.stdout.fnmatch_lines(["note: option --rebuilds changes nothing: no baseline is updated (--update-baseline)"])
    assert asked == [4]
    idle = "note: option --rebuilds changes nothing: the vector index is exact, or not ours to build"
    run(pytester, *update).stdout.fnmatch_lines([idle])
    kept = run(pytester, *update, *graph, "--keep-index", "--es-url", "http://127.0.0.1:1")
    assert "--rebuilds beside --keep-index: " in usage_error(kept)
    assert "--rebuilds = 2" in usage_error(run(pytester, "--update-baseline", "--rebuilds", "2"))
