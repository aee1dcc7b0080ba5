"""The stage that reorders the first hits: its table, order and scores, what is kept, and what is said of failures."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import shop

from relevance import runner
from relevance.engines import QueryBatch
from relevance.errors import CouldNotRunError, InputError, StrategyError
from relevance.fields import DEFAULT_FIELDS, EmbeddedTable, with_embedded
from relevance.outside import Query
from relevance.records import NO_HIT, Ranking
from relevance.reranking import LARGEST, Reranker, reorder
from relevance.reranking.cross_encoder import CrossReranker, Scorer, definition
from relevance.reranking.function import FunctionReranker, scoring_function
from relevance.stages import Rerank, read_rerank
from relevance.strategies import Leg, Strategy, from_table


class Fixed(Reranker):
    """Scores product codes by a table; remembers what was asked."""

    name = "fixed"

    def __init__(self, scores: dict[int, float]) -> None:
        self.asked: list[tuple[str, list[int], bool]] = []
        self._scores = scores

    def scores(
        self, queries: Sequence[Query], products: Sequence[Sequence[int]], *, cached: bool = True
    ) -> Sequence[Sequence[float]]:
        self.asked += [(query.text, list(codes), cached) for query, codes in zip(queries, products, strict=True)]
        return [[self._scores[code] for code in codes] for codes in products]


def ranked(*codes: int) -> Ranking:
    scores = [-np.inf if code == NO_HIT else 50 - at for at, code in enumerate(codes)]
    return Ranking(np.array([codes]), np.array([scores], dtype=np.float32))


@pytest.mark.parametrize(
    ("codes", "depth", "expected", "scores"),
    [
        ((4, 2, 7, 1), 3, [7, 2, 4, 1], [9.0, 5.0, 5.0, 4.0]),  # ties by code; what is behind counts down
        ((4, 2, 7, 1), 1, [4, 2, 7, 1], [5.0, 4.0, 3.0, 2.0]),
        ((4, 7, NO_HIT, NO_HIT), 3, [7, 4, NO_HIT, NO_HIT], [9.0, 5.0, -np.inf, -np.inf]),
        ((4, 7, NO_HIT, NO_HIT), 2, [7, 4, NO_HIT, NO_HIT], [9.0, 5.0, -np.inf, -np.inf]),
        ((4, 7), 50, [7, 4], [9.0, 5.0]),  # deeper than there are hits
        ((NO_HIT, NO_HIT), 2, [NO_HIT, NO_HIT], [-np.inf, -np.inf]),
    ],
)
def test_the_first_hits_are_in_the_order_of_the_scores_and_scores_descend(
    codes: tuple[int, ...], depth: int, expected: list[int], scores: list[float]
) -> None:
    reranker = Fixed({4: 5.0, 2: 5.0, 7: 9.0, 1: 99.0})
    ranking = reorder(ranked(*codes), reranker, [Query("lamp")], depth=depth, cached=True)
    assert ranking.codes[0].tolist() == expected
    assert ranking.scores[0].tolist() == scores


@pytest.mark.parametrize("lowest", [LARGEST, -LARGEST, 3e7, 0.0, 1e-30])
def test_scores_behind_the_reranked_hits_still_descend_where_32_bits_are_coarse(lowest: float) -> None:
    ranking = reorder(ranked(*range(200)), Fixed({0: lowest}), [Query("lamp")], depth=1, cached=True)
    assert ranking.codes[0].tolist() == list(range(200))
    assert (np.diff(ranking.scores[0]) < 0).all()
    assert np.isfinite(ranking.scores).all()


class Lists:
    """Answers with products 0 to 5, as many as are asked for."""

    took_ms: float | None = None

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        assert leg.text
        self.lengths.append(hits)
        codes = np.full((len(batch), hits), NO_HIT)
        codes[:, :6] = range(min(6, hits))
        return Ranking(codes, np.where(codes == NO_HIT, -np.inf, 9 - codes).astype(np.float32))


def reranking_strategy(depth: int) -> tuple[Strategy, Rerank]:
    strategy = Strategy("ours", text={"title": 1}, rerank={"model": "a/b", "depth": depth})
    assert strategy.reranking is not None
    return strategy, strategy.reranking


def test_as_many_hits_are_retrieved_as_are_reranked_and_as_many_given_as_asked_for() -> None:
    strategy, rerank = reranking_strategy(20)
    engine, reranker = Lists(), Fixed(dict.fromkeys(range(5), 1.0) | {5: 2.0})
    batch = QueryBatch(["lamp"], rerankers={rerank: reranker})
    ranking = runner.search(engine, strategy, batch, hits=3)  # type: ignore[arg-type] # all that is asked of an engine
    assert engine.lengths == [20]
    assert ranking.codes.tolist() == [[5, 0, 1]]
    assert reranker.asked == [("lamp", [0, 1, 2, 3, 4, 5], True)]
    without = replace(strategy, rerank=None)
    runner.search(engine, without, batch, hits=3)  # type: ignore[arg-type] # likewise
    assert engine.lengths == [20, 3]


def test_latencies_are_of_the_model_not_of_scores_that_are_kept_and_say_the_stages_apart() -> None:
    strategy, rerank = reranking_strategy(6)
    reranker = Fixed(dict.fromkeys(range(6), 1.0))
    batch, ticks = QueryBatch(["lamp", "rug"], rerankers={rerank: reranker}), iter(range(0, 10_000, 3))
    latencies = runner.latencies(Lists(), strategy, batch, clock=lambda: next(ticks))  # type: ignore[arg-type] # likewise
    assert {cached for _, _, cached in reranker.asked} == {False}
    assert len(reranker.asked) == 1 + runner.RERANKED_QUERIES  # one that loads the model
    assert latencies.stages == {"retrieve": (3000, 3000), "rerank": (3000, 3000)}
    assert latencies.p50_ms == 9000


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({}, "model, or search, one of the two"),
        ([], "rerank = []; allowed: a table"),
        (3, "rerank = 3; allowed: a table"),
        ({"model": "a/b", "search": "shop:score"}, "model, or search, one of the two"),
        ({"model": "a/b", "deep": 3}, "unknown key 'deep'"),
        ({"model": "a/b", "depth": 0}, "rerank: depth = 0; allowed: a whole number from 1 to 10,000"),
        ({"model": ""}, "rerank: model = ''"),
        ({"search": "shop:score", "batch": 8}, "batch changes nothing here"),
        ({"model": "finetuned", "revision": "main"}, "revision changes nothing here"),
    ],
)
def test_what_a_table_may_not_say_is_one_line(table: object, line: str) -> None:
    with pytest.raises(InputError, match=r"strategy 'ours': rerank(: | = )") as caught:
        from_table("ours", {"text": {"title": 1}, "rerank": table})
    assert line in str(caught.value)


@pytest.mark.parametrize("weight", [1, 0.999_999])
def test_scores_that_32_bits_cannot_tell_apart_are_ordered_as_they_are(weight: float) -> None:
    stamps = Fixed({4: 1764347001.0, 2: 1764347050.0, 7: 1764347003.0})
    searched = Ranking(np.array([[2, 4, 7]]), np.zeros((1, 3), dtype=np.float32))
    ranking = reorder(searched, stamps, [Query("lamp")], depth=3, weight=weight, cached=True)
    assert ranking.codes[0].tolist() == [2, 7, 4]
    assert ranking.scores.dtype == np.float32
    assert (np.diff(ranking.scores[0]) <= 0).all()


def test_two_ways_of_writing_a_stage_are_one_and_two_stages_are_two_strategies() -> None:
    assert read_rerank({"model": "a/b"}) == read_rerank({"depth": 20, "model": "a/b"})
    one, other = (Strategy("s", text={"title": 1}, rerank={"model": "a/b", "depth": depth}) for depth in (10, 20))
    assert one != other
    assert hash(one) != hash(other)


# functions


def function_reranker(function: Callable[..., object]) -> FunctionReranker:
    catalogue = shop.catalogue([("p1", "red lamp"), ("p2", "blue lamp")])
    return FunctionReranker("shop:score", function, catalogue)


def test_a_function_sees_query_products_and_parameters() -> None:
    seen: list[object] = []

    def score(query: str, products: list[dict[str, object]], params: dict[str, object]) -> np.ndarray:
        seen.append((query, [(one["id"], one["title"]) for one in products], params))
        return np.array([1, 2.5])

    reranker = function_reranker(score)
    assert reranker.scores([Query("lamp", "q1", {"lang": "en"}), Query("none")], [[1, 0], []]) == [[1.0, 2.5], []]
    assert seen == [("lamp", [("p2", "blue lamp"), ("p1", "red lamp")], {"lang": "en"})]


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (lambda *_: [1.0], "1 score for 2 products; allowed: one each"),
        (lambda *_: [1.0, float("nan")], "a score is nan; allowed: a finite number"),
        (lambda *_: [1.0, None], "a score is None; allowed: a finite number"),
        (lambda *_: [1.0, 10**400], "a score is 1000"),
        (lambda *_: [1.0, 1e31], "a score is 1e+31; allowed: a finite number up to 1e+30"),
        (lambda *_: 3, "TypeError"),
        (lambda *_: dict[str, int]()["weight"], "KeyError: 'weight'"),
        (lambda *_: {1.0, 2.0}, "found set; allowed: a list of numbers, one for each product in their order"),
        (lambda *_: {0.5: "p1", 1.0: "p2"}, "found dict; allowed: a list of numbers"),
        (lambda *_: b"ab", "found bytes; allowed: a list of numbers"),
    ],
)
def test_what_a_function_does_wrong_is_a_line_that_names_the_query(answer: Callable[..., object], line: str) -> None:
    with pytest.raises(StrategyError, match=r"rerank shop:score: query 'lamp' \(q1\): ") as caught:
        function_reranker(answer).scores([Query("lamp", "q1")], [[0, 1]])
    assert line in str(caught.value)


def test_a_field_of_the_products_named_id_does_not_hide_their_ids() -> None:
    seen: list[object] = []
    reranker = function_reranker(lambda _, products, __: seen.extend(one["id"] for one in products) or [1, 2])
    reranker._documents = [{"id": "own", "title": "red lamp"}, {"id": "own", "title": "blue lamp"}]
    reranker.scores([Query("lamp")], [[1, 0]])
    assert seen == ["p2", "p1"]


def test_a_function_that_is_not_there_is_a_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rerank: search: nowhere_at_all:score: No module named 'nowhere_at_all'"):
        scoring_function(Rerank(search="nowhere_at_all:score", folder=str(tmp_path)))
    sys.path.remove(str(tmp_path))


# cross-encoders


class Counting:
    """Scores a pair by the length of its text; remembers the pairs."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer, self.pairs = scorer, list[tuple[str, str]]()

    def predict(self, pairs: Sequence[tuple[str, str]], batch: int) -> np.ndarray:
        assert batch == 32
        self.pairs += pairs
        return np.array([len(text) for _, text in pairs], dtype=np.float32)


SCORER = Scorer("tiny", Path("tiny"), "f1", 64, Path("tiny"))


def cross(
    folder: Path, texts: Sequence[str] = ("lamp", "red lamp", ""), scorer: Scorer = SCORER
) -> tuple[CrossReranker, list[Counting]]:
    loaded: list[Counting] = []

    def load(of: Scorer) -> Counting:
        loaded.append(Counting(of))
        return loaded[0]

    return CrossReranker(scorer, texts, folder, batch=32, progress=False, load=load), loaded


def test_scores_are_kept_by_content_and_the_model_is_loaded_once_and_only_where_one_lacks(tmp_path: Path) -> None:
    first, loaded = cross(tmp_path)
    queries = [Query("lamp"), Query("rug")]
    assert first.scores(queries, [[0, 1], [2]]) == [[4, 8], [0]]
    assert first.scores(queries, [[1], [0, 2]]) == [[8], [4, 0]]
    assert len(loaded) == 1
    assert sorted(loaded[0].pairs) == [("lamp", "lamp"), ("lamp", "red lamp"), ("rug", ""), ("rug", "lamp")]
    again, none = cross(tmp_path, texts=("red lamp", "lamp", "new"))  # other codes, the same texts
    assert again.scores(queries, [[1, 0], []]) == [[4, 8], []]
    assert not none
    assert again.scores([Query("lamp")], [[0, 2]]) == [[8, 3]]
    assert none[0].pairs == [("lamp", "new")]


@pytest.mark.parametrize("other", [{"fingerprint": "f2"}, {"max_tokens": 32}, {"trust_remote_code": True}])
def test_another_model_has_scores_of_its_own(tmp_path: Path, other: dict[str, object]) -> None:
    cross(tmp_path)[0].scores([Query("lamp")], [[0]])
    reranker, loaded = cross(tmp_path, scorer=replace(SCORER, **other))  # type: ignore[arg-type] # of one of them
    reranker.scores([Query("lamp")], [[0]])
    assert loaded[0].pairs == [("lamp", "lamp")]


def test_without_the_cache_every_pair_is_scored_and_nothing_kept(tmp_path: Path) -> None:
    reranker, loaded = cross(tmp_path)
    for _ in range(2):
        assert reranker.scores([Query("lamp")], [[0, 1]], cached=False) == [[4, 8]]
    assert len(loaded[0].pairs) == 4
    assert not (tmp_path / "reranking").exists()


def test_damaged_scores_are_made_again_with_a_note(tmp_path: Path) -> None:
    cross(tmp_path)[0].scores([Query("lamp")], [[0, 1]])
    (vectors,) = tmp_path.rglob("*.vectors")
    content = bytearray(vectors.read_bytes())
    content[0] ^= 1
    vectors.write_bytes(content)
    reranker, loaded = cross(tmp_path)
    assert reranker.scores([Query("lamp")], [[0, 1]]) == [[4, 8]]
    assert len(loaded[0].pairs) == 1
    assert "1 damaged, computed again" in reranker.notes()[0]


def test_scores_on_disk_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relevance.reranking.cross_encoder._MOST_KEPT", 3)
    for query in ("a", "b", "c"):
        cross(tmp_path)[0].scores([Query(query)], [[0, 1]])
    assert sum(file.stat().st_size for file in tmp_path.rglob("*.vectors")) == 4 * 2


def test_one_call_keeps_no_more_scores_on_disk_and_in_memory_than_are_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relevance.reranking.cross_encoder._MOST_KEPT", 4)
    monkeypatch.setattr("relevance.reranking.cross_encoder._MOST_IN_MEMORY", 3)
    reranker, loaded = cross(tmp_path, texts=["x" * length for length in range(10)])
    queries, codes = [Query("a"), Query("b")], [[*range(10)], [*range(9, -1, -1)]]
    assert reranker.scores(queries, codes) == codes
    assert len(loaded[0].pairs) == 20
    assert sum(file.stat().st_size for file in tmp_path.rglob("*.vectors")) == 4 * 4
    assert len(reranker._known) <= 3
    assert reranker.scores(queries, codes) == codes


def test_a_model_whose_score_is_no_number_is_a_line(tmp_path: Path) -> None:
    reranker, _ = cross(tmp_path)
    reranker._load = lambda _: type("Broken", (), {"predict": lambda *_: np.array([np.nan])})()  # type: ignore[assignment]
    with pytest.raises(CouldNotRunError, match="cross-encoder tiny: gave no usable score for 'lamp' and 'red lamp'"):
        reranker.scores([Query("lamp")], [[1]])


def test_a_weight_adds_the_search_s_own_scores_both_normalised_over_the_reranked_hits() -> None:
    searched = Ranking(np.array([[4, 2, 7, 1]]), np.array([[9.0, 5.0, 1.0, 0.5]], dtype=np.float32))
    reranker = Fixed({4: 0.0, 2: 3.0, 7: 4.0})
    ranking = reorder(searched, reranker, [Query("lamp")], depth=3, weight=0.25, cached=True)
    # own 1, 0.5, 0; the reranker's 0, 0.75, 1
    assert ranking.codes[0].tolist() == [4, 2, 7, 1]
    assert ranking.scores[0].tolist() == [0.75, 0.5625, 0.25, -0.75]
    below = reorder(searched, Fixed({4: -7.0, 2: -4.0, 7: -3.0}), [Query("lamp")], depth=3, weight=0.25, cached=True)
    assert below.scores[0].tolist() == ranking.scores[0].tolist()
    alone = reorder(searched, reranker, [Query("lamp")], depth=3, weight=1, cached=True)
    assert alone.codes[0].tolist() == [7, 2, 4, 1]


def test_rows_that_end_before_the_depth_stay_shorter_with_a_weight() -> None:
    searched = Ranking(np.array([[4, 2, -1]]), np.array([[9.0, 5.0, -np.inf]], dtype=np.float32))
    ranking = reorder(searched, Fixed({4: 0.0, 2: 3.0}), [Query("lamp")], depth=3, weight=0.75, cached=True)
    assert ranking.codes[0].tolist() == [2, 4, -1]
    assert ranking.scores[0].tolist() == [0.75, 0.25, -np.inf]


@pytest.mark.parametrize(
    ("embedded", "model", "recorded"),
    [
        (EmbeddedTable(("title",)), "a/b", {"fields": ["title"]}),
        (EmbeddedTable(("title",), {"finetuned": ("attributes",)}), "finetuned", {"fields": ["attributes"]}),
        (EmbeddedTable(("title", "description", "attributes")), "a/b", {}),
    ],
)
def test_a_baseline_has_the_fields_that_a_model_reads(
    embedded: EmbeddedTable, model: str, recorded: dict[str, object]
) -> None:
    fields = with_embedded(DEFAULT_FIELDS, {"whole": embedded}, "test")
    found = definition(read_rerank({"model": model}), replace(SCORER, recipe="r1"), fields)
    assert found == {"model": model, "depth": 20, "recipe": "r1", "max_tokens": 64, **recorded}


def test_what_a_baseline_has_of_a_reranking_tells_models_apart() -> None:
    assert definition(read_rerank({"search": "shop:score", "weight": 0.5}), None, DEFAULT_FIELDS)["weight"] == 0.5
    rerank = read_rerank({"model": "a/b", "batch": 8})
    usual: dict[str, object] = {"model": "a/b", "depth": 20, "max_tokens": 64}
    assert definition(rerank, SCORER, DEFAULT_FIELDS) == usual | {"sha256": "f1"}
    assert definition(rerank, replace(SCORER, recipe="r1"), DEFAULT_FIELDS) == usual | {"recipe": "r1"}
    own = with_embedded(DEFAULT_FIELDS, {"whole": EmbeddedTable(("title",))}, "test")  # a function reads no such text
    assert definition(read_rerank({"search": "shop:score"}), None, own) == {"search": "shop:score", "depth": 20}
