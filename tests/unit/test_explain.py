"""Why a product has its rank: parts that add up to the score, on either engine, and what is printed of them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import shop
from helpers.snapshots import measured, snapshot

from relevance import suite
from relevance.cli import main
from relevance.diagnosis import Hit, QueryChange, SideBySide
from relevance.engines import QueryBatch
from relevance.engines.embedded import EmbeddedEngine
from relevance.engines.embedded.searches import BodyEngine
from relevance.engines.explanation import (
    Explanation,
    Part,
    Tree,
    gap_words,
    moved_parts,
    parts_of,
    read_tree,
    with_vectors,
)
from relevance.engines.mapping import OwnMapping
from relevance.report.explained import explained_lines
from relevance.strategies import STRATEGIES, Leg, Strategy
from relevance.suite import Before, LegRank, ProductRank


def tree(value: float, description: str, *details: Tree) -> Tree:
    return Tree(value, description, details)


def term(value: float, inner: str, **numbers: float) -> Tree:
    names = {
        "boost": "boost",
        "idf": "idf, computed as log(1 + (N - n + 0.5) / (n + 0.5)) from:",
        "tf": "tf, computed as",
    }
    below = tree(value, "score(freq=1.0), computed as", *(tree(one, names[name]) for name, one in numbers.items()))
    return tree(value, f"weight({inner} in 303) [PerFieldSimilarity], result of:", below)


OAK, ELM = term(2.0, "title:oak", boost=2.2, idf=1.5, tf=0.6), term(1.0, "title:elm")
FILTER = tree(0.0, "match on required clause, product of:", tree(0.0, "# clause"), tree(1.0, "brand:red"))
OWN = tree(0.0, "match on required clause, product of:", tree(0.0, "# clause"), tree(1.0, "_nested_path:offers"))
NEAREST = tree(0.5, "within top k documents")
VALUE = "field value function: ln1p(doc['popularity'].value * factor=1.0)"
BOTH = tree(3.0, "min of:", tree(3.0, "function score, score mode [sum]",
    tree(0.5, "function score, product of:", tree(1.0, "match filter: ConstantScore(FieldExistsQuery [field=price])"),
         tree(0.5, "Function for field price:", tree(0.5, "exp(-0.5*pow(MIN[0.0],2.0)/649.2)"))),
    tree(2.5, "product of:", tree(1.25, "field value function: none(doc['sales'].value?:0.0 * factor=2.0)"),
         tree(2.0, "weight"))), tree(9.0, "maxBoost"))  # fmt: skip
BOTH_WORDS = "sum of gauss(price) where exists(price) 0.5, factor(sales * 2) * weight 2 2.5"
FUNCTION = tree(3.0, "min of:", tree(3.0, VALUE), tree(9.0, "maxBoost"))


MARKED: dict[str, Any] = {"suggest": {"text": "{{query}}"}}


def rows(parts: tuple[Part, ...]) -> list[tuple[Any, ...]]:
    return [(one.clause, one.field, one.term, round(one.value, 6), one.how) for one in parts]


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (OAK, [("match", "title", "oak", 2, "boost 2.2 * idf 1.5 * tf 0.6")]),
        (term(2.0, 'title:"oak shelf"~2'), [("phrase", "title", '"oak shelf"~2', 2, "")]),
        (term(2.0, "Synonym(title:tv title:televis)"), [("synonyms", "title", "tv televis", 2, "")]),
        (tree(3.5, "sum of:", OAK, ELM, NEAREST, FILTER, OWN),
         [("match", "title", "oak", 2, "boost 2.2 * idf 1.5 * tf 0.6"), ("match", "title", "elm", 1, ""),
          ("vector", "", "", 0.5, "")]),
        (tree(2.0, "max of:", ELM, OAK), [("match", "title", "oak", 2, "boost 2.2 * idf 1.5 * tf 0.6")]),
        (tree(2.3, "max plus 0.3 times others of:", ELM, OAK),
         [("match", "title", "elm", 0.3, "* 0.3 (tie_breaker 0.3)"),
          ("match", "title", "oak", 2, "boost 2.2 * idf 1.5 * tf 0.6")]),
        (tree(3.0, "function score, product of:", ELM, FUNCTION),
         [("match", "title", "elm", 3, "* 3 (ln1p(popularity) 3)")]),
        (tree(1.0, "product of:", ELM, tree(1.0, "primaryWeight")), [("match", "title", "elm", 1, "")]),
        (tree(4.0, "sum of", ELM, FUNCTION),
         [("match", "title", "elm", 1, ""), ("function", "", "ln1p(popularity)", 3, "")]),
        (tree(0.5, "Score based on 3 child docs in range from 1 to 3, using score mode Avg", ELM),
         [("match", "title", "elm", 0.5, "* 0.5 (avg of 3 nested documents)")]),
        (tree(1.5, "avg of 2 nested documents of offers:", OAK, ELM),
         [("match", "title", "oak", 1, "boost 2.2 * idf 1.5 * tf 0.6 * 0.5 (avg of 2 nested documents of offers)"),
          ("match", "title", "elm", 0.5, "* 0.5 (avg of 2 nested documents of offers)")]),
        (tree(1.0, "ConstantScore(brand:red)"), [("constant", "brand", "red", 1, "")]),
        (tree(1.0, "name.plain:tv*"), [("constant", "name.plain", "tv*", 1, "")]),
        (tree(3.0, "function score, replacement of:", ELM, tree(3.0, "factor: weight where brand:red")),
         [("function", "", "weight where brand:red", 3, "")]),
        (tree(6.0, "function score, product of:", OAK, BOTH),
         [("match", "title", "oak", 6, f"boost 2.2 * idf 1.5 * tf 0.6 * 3 ({BOTH_WORDS})")]),
        (tree(7.0, "sum of:", tree(2.0, "product of:", OAK, tree(1.0, "primaryWeight")),
              tree(5.0, "product of:", ELM, tree(5.0, "secondaryWeight"))),
         [("match", "title", "oak", 2, "boost 2.2 * idf 1.5 * tf 0.6"),
          ("match", "title", "elm", 5, "* 5 (rescore_query_weight 5)")]),
        (tree(4.0, "product of:", OAK, tree(2.0, "product of:", ELM, tree(2.0, "secondaryWeight"))),
         [("match", "title", "oak", 4, "boost 2.2 * idf 1.5 * tf 0.6 * 2 (rescore_query 2)")]),
        (tree(2.5, "sum of:", tree(2.0, 'title:"oak shelf"'), tree(0.5, "knn(whole_vector, 50)")),
         [("phrase", "title", '"oak shelf"', 2, ""), ("vector", "whole_vector", "", 0.5, "")]),
        (tree(0.0, "sum of:"), []),
        (tree(0.0, "no matching clauses"), [("constant", "", "no matching clauses", 0, "")]),
        (tree(7.0, "something new of:", ELM), [("match", "title", "elm", 7, "* 7 (something new of)")]),
    ],
)  # fmt: skip
def test_an_explanation_becomes_parts_that_add_up(root: Tree, expected: list[tuple[Any, ...]]) -> None:
    parts = parts_of(root)
    assert rows(parts) == expected
    assert math.fsum(part.value for part in parts) == pytest.approx(root.value)


def test_what_a_server_says_is_read_with_bounds() -> None:
    answer: Any = {"value": 1, "description": "sum of:", "details": [{"value": "x", "details": 7}, 5]}
    assert read_tree(answer) == tree(1.0, "sum of:", tree(0.0, ""), tree(0.0, ""))
    for _ in range(1_000):
        answer = {"value": 1, "description": "sum of:", "details": [answer]}
    assert parts_of(read_tree(answer)) == (Part("constant", "", "sum of:", 1.0),)
    assert read_tree(None) == tree(0.0, "")


def test_several_vector_fields_share_what_the_server_gives_together() -> None:
    parts = (Part("match", "title", "oak", 2.0), Part("vector", "", "", 3.0))
    split = with_vectors(parts, [("title_vector", 0.5), ("whole_vector", 1.0)])
    assert rows(split[1:]) == [("vector", "title_vector", "", 1, ""), ("vector", "whole_vector", "", 2, "")]
    assert with_vectors(parts, []) == parts
    each = (Part("vector", "", "", 1.0), Part("vector", "", "", 0.5))
    named = with_vectors(each, [("title_vector", 0.5), ("whole_vector", 1.0)])
    assert rows(named) == [("vector", "whole_vector", "", 1, ""), ("vector", "title_vector", "", 0.5, "")]


# the embedded engine


@pytest.mark.parametrize("name", [one for one in STRATEGIES if STRATEGIES[one].model == "base"])
def test_parts_add_up_to_the_scores_of_the_embedded_engine(name: str) -> None:
    data = shop.shop()
    engine = shop.indexed(data.catalogue)
    for leg in STRATEGIES[name].legs():
        leg = replace(leg, candidates=20)  # noqa: PLW2901 - fewer than there are products
        for text in data.queries.texts[:1]:
            batch = QueryBatch([f"{text} {text.split()[0]} unheard"], {"base": shop.rows_of([text])})
            ranking = engine.search(leg, batch, hits=len(data.catalogue))
            scores = dict(zip(ranking.codes[0].tolist(), ranking.scores[0].tolist(), strict=True))
            for code in (*ranking.codes[0, [0, 5]].tolist(), 0):
                explained = engine.explain(leg, batch, code)
                assert explained.score == scores.get(code)
                total = math.fsum(part.value for part in explained.parts)
                assert total == pytest.approx(scores.get(code, 0.0), rel=1e-6)


def test_how_the_embedded_engine_explains() -> None:
    products = shop.catalogue(
        [("a", "Red drill", "A drill"), ("b", "Oak", "")],
        [("a", "Colour", "red"), ("a", "Case", "red box"), ("b", "x", "y")],
    )
    engine = EmbeddedEngine.index(products, text_fields=("title", "attributes"), vectors={})
    leg = Leg((("title", 8), ("attributes", 1)), (), 1, "base")
    explained = engine.explain(leg, QueryBatch(["red red oak"]), 0)
    assert [(one.field, one.term, one.how.partition(" * idf")[0]) for one in explained.parts] == [
        ("title", "red", "boost 35.2"), ("attributes", "red", "mean of 2 nested documents that match"),
    ]  # fmt: skip


def test_bodies_are_explained_as_legs_are() -> None:
    data = shop.shop()
    plain = shop.indexed(data.catalogue)
    engine = BodyEngine(data.catalogue, {}, OwnMapping(), release=9, plain=None)
    leg = STRATEGIES["textsearch_boosted"].legs()[0]
    batch = QueryBatch([f"{data.queries.texts[0]} unheard"])
    for code in plain.search(leg, batch, hits=4).codes[0].tolist():
        ours, theirs = plain.explain(leg, batch, code), engine.explain(leg, batch, code)
        assert theirs.score == ours.score
        added = {part.term: 0.0 for part in ours.parts}
        for one, sign in ((ours, 1), (theirs, -1)):
            for part in one.parts:
                added[part.term] += sign * part.value
        assert added == pytest.approx(dict.fromkeys(added, 0.0), abs=1e-5)
    clauses = [{"match": {"product_title": "{{query}}"}}, {"match_all": {}}]
    only = {"term": {"product_uid": "p003"}}
    query = {"bool": {"must": {"dis_max": {"tie_breaker": 0.5, "queries": clauses}}, "filter": only}}
    (leg,) = Strategy("own", template={"query": query}).legs()
    explained = engine.explain(leg, batch, 3)
    assert explained.score == engine.search(leg, batch, hits=1).scores[0, 0]
    assert math.fsum(part.value for part in explained.parts) == pytest.approx(explained.score)
    line = 'query.bool.filter: no match of term {"product_uid": "p003"}'
    assert engine.explain(leg, batch, 4) == Explanation(None, (), (line,))


def test_each_rescoring_adds_its_own() -> None:
    match = {"match": {"product_title": "red"}}
    three = {"function_score": {"functions": [{"weight": 3}]}}
    rescore = [
        {"query": {"rescore_query": three, "score_mode": "multiply"}},
        {"query": {"rescore_query": match, "rescore_query_weight": 2}},
    ]
    engine = BodyEngine(
        shop.catalogue([("a", "Red drill"), ("b", "Red")]), {}, OwnMapping(), release=9, plain=None
    )  # fmt: skip
    (plain,) = Strategy("own", template={"query": match} | MARKED).legs()
    (leg,) = Strategy("own", template={"query": match, "rescore": rescore} | MARKED).legs()
    alone = engine.explain(plain, QueryBatch(["red"]), 0).score
    assert alone is not None
    explained = engine.explain(leg, QueryBatch(["red"]), 0)
    assert [part.value for part in explained.parts] == pytest.approx([3 * alone, 2 * alone])
    words = [part.how.partition(" * ")[2].split(" * ")[-1] for part in explained.parts]
    assert words == ["3 (rescore_query 3)", "2 (rescore_query_weight 2)"]


def test_what_puts_one_product_before_another() -> None:
    behind = Explanation(2.5, (Part("match", "title", "oak", 2.0), Part("match", "title", "elm", 0.0),
                               Part("vector", "whole", "", 0.5)), lacking=("elm",))  # fmt: skip
    ahead = Explanation(4.5, (Part("match", "title", "oak", 1.5), Part("match", "title", "elm", 2.25),
                              Part("vector", "whole", "", 0.75)))  # fmt: skip
    assert gap_words(("p1", behind), ("p2", ahead)) == (
        "p1 has no elm; p2 is ahead by title elm (2.25, p1: 0), whole (0.75, p1: 0.5)"
    )
    assert gap_words(("p1", Explanation(None, ())), ("p2", ahead)).startswith("p1 is no hit; p2 is ahead by title elm")
    assert gap_words(("p2", ahead), ("p2", ahead)) == ""


def test_what_moved_a_score() -> None:
    then = Explanation(3.0, (Part("match", "title", "oak", 2.0, "boost 17.6 * idf 1.5 * tf 0.6"),
                             Part("vector", "whole", "", 0.5), Part("match", "title", "elm", 0.5)))  # fmt: skip
    now = Explanation(1.5, (Part("match", "title", "oak", 1.0, "boost 8.8 * idf 1.5 * tf 0.6"),
                            Part("vector", "whole", "", 0.5)))  # fmt: skip
    assert moved_parts(then, now) == ["title oak: 2 -> 1 (boost 17.6 -> 8.8)", "title elm: 0.5 -> 0"]
    half = Explanation(1.25, (Part("match", "title", "oak", 1.0), Part("match", "title", "elm", 0.25)))
    assert moved_parts(replace(then, parts=then.parts[::2]), half) == ["title oak, elm: 2.5 -> 1.25"]
    many = Explanation(9.0, tuple(Part("match", f"t{at}", "", float(at)) for at in range(1, 10)))
    assert moved_parts(many, Explanation(None, ()))[0::6] == ["t9: 9 -> 0", "and 3 more that moved less"]


def test_of_two_rankings_the_best_judged_hit_that_fell() -> None:
    def hit(product: str, grade: float | None, other_rank: int | None) -> Hit:
        return Hit(product, None, grade, "moved", other_rank)

    change = QueryChange("q1", "oak", 1.0, 0.5)
    before = (hit("a", 0, 3), hit("b", 2, 1), hit("c", 2, None), hit("d", 2, 4))
    sides = SideBySide(change, before, (hit("b", 2, 2), hit("x", None, None), hit("a", 0, 1)))
    assert [one.product for one in sides.fallen() or ()] == ["c", "a"]
    assert SideBySide(change, before[1:2], before[:1]).fallen() is None
    assert SideBySide(change, before, ()).fallen() == (before[2], None)


# of a query and a product


def test_one_query_of_a_plan() -> None:
    plan = shop.plan(["textsearch"])
    data, whole = suite.only_query(plan, "q001").dataset, plan.dataset
    assert (data.queries.ids, data.queries.texts) == (("q001",), (whole.queries.texts[1],))
    assert data.judgments.products.tolist() == whole.judgments.products[whole.judgments.queries == 1].tolist()
    assert data.catalogue.ids[suite.product_code(data, "p003")] == "p003"


def test_the_rank_in_a_baseline() -> None:
    before = snapshot({"titles": measured([1.0, 0.5], [["a", "b"], ["c"]])})
    assert suite.rank_before(before, "titles", "q1", "b") == "rank 2"
    assert suite.rank_before(before, "titles", "q2", "b") == "not among the first 10"
    assert suite.rank_before(before, "fused", "q2", "b") == "no strategy 'fused'"
    assert suite.rank_before(before, "titles", "q9", "b") == "no query 'q9'"


# what is printed

PARTS = (
    Part("match", "title", "oak", 2.25, "boost 2.2 * idf 1.5 * tf 0.6"),
    Part("match", "title", "\x1b[2Jelm", 0.0),
    Part("match", "title", "ash", 0.0),
    Part("match", "description", "sofas", 0.0, "the product has `sofa`"),
    Part("vector", "whole", "", 0.75, "cosine 0.5"),
)


def ranked(name: str, *legs: LegRank, **changed: Any) -> ProductRank:
    values: dict[str, Any] = {
        "strategy": STRATEGIES[name], "query": "q1", "label": "oak elm {store=5}", "product": "p1",
        "title": "Oak shelf", "grade": 2.0, "engine": "embedded 1", "rank": 3, "depth": 1_000, "score": 3.0,
        "legs": legs,
    }  # fmt: skip
    return ProductRank(**(values | changed))


def test_a_score_as_a_table() -> None:
    leg = LegRank("text+vector whole", 3, 1_000, Explanation(3.0, PARTS))
    before = Before("main.json", "rank 1", ("hybrid: text.title 4 -> 8",))
    assert explained_lines(ranked("hybrid", leg, before=(before,))) == [
        "query     q1  oak elm {store=5}",
        "product   p1  Oak shelf (grade 2)",
        "strategy  hybrid on embedded 1",
        "rank      3",
        "before    rank 1, in main.json",
        "",
        "clause  field  term  adds",
        "match   title  oak   2.25  boost 2.2 * idf 1.5 * tf 0.6",
        "vector  whole        0.75  cosine 0.5",
        "sum                     3  score 3",
        "not there:",
        "  title        \\x1b[2Jelm, ash",
        "  description  sofas: the product has `sofa`",
        "",
        "since main.json:",
        "  hybrid: text.title 4 -> 8",
    ]


def test_what_makes_several_rows_stands_below() -> None:
    made = "sum of gauss(price) 0.4, log1p(sales) 1.1"
    parts = (
        Part("match", "title", "oak", 3.0, f"boost 2.2 * 1.5 ({made})"),
        Part("match", "title", "elm", 1.5, f"* 1.5 ({made})"),
        Part("match", "name", "elm", 0.3, "* 0.3 (tie_breaker 0.3)"),
    )
    lines = explained_lines(ranked("textsearch", LegRank("text", 3, 1_000, Explanation(4.8, parts))))
    assert lines[6:] == [
        "match   title  oak      3  boost 2.2 * 1.5 [1]",
        "match   title  elm    1.5  * 1.5 [1]",
        "match   name   elm    0.3  * 0.3 (tie_breaker 0.3)",
        "sum                   4.8  score 4.8",
        f"[1] {made}",
    ]


def test_a_fused_score_as_tables() -> None:
    text = LegRank("text", 1, 50, Explanation(2.25, PARTS[:1]), 1 / 61, "1/(60 + 1)")
    vector = LegRank("vector whole", None, 50, Explanation(None, ()), 0.0)
    assert explained_lines(ranked("rrf", text, vector, grade=None, rank=None, score=1 / 61))[1:] == [
        "product   p1  Oak shelf (no judgment)",
        "strategy  rrf on embedded 1",
        "rank      not among the first 1,000",
        "",
        "leg           rank  score        adds  share",
        "text             1   2.25  0.01639344   100%  1/(60 + 1)",
        "vector whole     -      -           0     0%  not among the first 50",
        "sum                        0.01639344         score 0.01639344",
        "",
        "text:",
        "clause  field  term  adds",
        "match   title  oak   2.25  boost 2.2 * idf 1.5 * tf 0.6",
        "sum                  2.25  score 2.25",
        "",
        "vector whole:",
        "no hit",
    ]


@pytest.mark.parametrize(
    ("rank", "explanation", "words"),
    [(10, Explanation(3.0, PARTS), "10"), (57, Explanation(3.0, PARTS), "57, beyond the first 10"),
     (None, Explanation(3.0, PARTS), "not among the first 1,000"), (None, Explanation(None, ()), "none, it is no hit")],
)  # fmt: skip
def test_a_rank_in_words(rank: int | None, explanation: Explanation, words: str) -> None:
    lines = explained_lines(ranked("textsearch", LegRank("text", rank, 1_000, explanation), rank=rank))
    assert lines[3] == f"rank      {words}"


def test_very_many_parts_are_cut() -> None:
    many = tuple(Part("match", "title", f"t{at}", float(at)) for at in range(1, 301))
    *_, last, total = explained_lines(ranked("hybrid", LegRank("text", 1, 9, Explanation(45150.0, many))))
    assert last.split() == ["100", "more", "5050"]
    assert total.split() == ["sum", "45150", "score", "45150"]


# the command


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    products = [{"id": "a", "title": "Red kite"}, {"id": "b", "title": "Red drum"}, {"id": "c", "title": "Oak"}]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "products.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in products))
    (tmp_path / "data" / "queries.tsv").write_text("q1\tred kite\nq2\tdrum\nq3\tdrum\n")
    (tmp_path / "data" / "qrels.txt").write_text("q1 0 a 2\nq2 0 b 1\nq3 0 b 1\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


COMMAND = ("--dataset", "files:data", "--engine", "embedded", "--strategy", "textsearch_boosted")


@pytest.mark.usefixtures("project")
def test_the_command_prints_where_a_score_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "red kite", "b", *COMMAND]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "query     q1  red kite",
        "product   b  Red drum (no judgment)",
        "strategy  textsearch_boosted on embedded 1",
        "rank      2",
    ]
    (total,) = [line.split() for line in lines if line.startswith("sum")]
    assert (total[1], total[2]) == (total[3], "score")
    assert main(["explain", "q1", "c", *COMMAND]) == 0
    out = capsys.readouterr().out
    assert "rank      none, it is no hit" in out
    assert "left out  by query.bool.should: none of its 3 clauses matches" in out


@pytest.mark.usefixtures("project")
def test_a_corrected_query_is_explained_as_it_was_asked(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--dataset", "sample", "--engine", "embedded", "--strategy", "textsearch_spelled")
    assert main(["explain", "space heeter", "100885", *options]) == 0
    out = capsys.readouterr().out
    assert "asked as  space heater\n" in out
    assert ["match", "title", "heater"] in [line.split()[:3] for line in out.splitlines()]
    (total,) = [line.split() for line in out.splitlines() if line.startswith("sum")]
    assert total[1] == total[3]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["q9", "a"], "relevance: no query 'q9'; allowed: the id or the text of a query of data set 'files'"),
        (["drumm", "a"], "relevance: no query 'drumm' (did you mean 'drum'?); allowed: the id or the text of a query"),
        (["drum", "a"], "relevance: 2 queries have the text 'drum'; allowed: an id, such as q2, q3"),
        (["q1", "aa"], "relevance: no product 'aa' (did you mean 'a'?); allowed: the id of one of data set 'files'"),
        (["q1", "a", "--strategy", "textserch"], "relevance: option --strategy: unknown strategy 'textserch' (did"),
        (["q1"], "relevance: the following arguments are required: PRODUCT (relevance explain --help)"),
    ],
)
@pytest.mark.usefixtures("project")
def test_what_cannot_be_explained(capsys: pytest.CaptureFixture[str], arguments: list[str], line: str) -> None:
    assert main(["explain", *arguments, *COMMAND]) == 2
    assert capsys.readouterr().err.startswith(line)
