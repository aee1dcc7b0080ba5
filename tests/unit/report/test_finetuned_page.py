"""The page of a fine-tuning: its numbers are those of the CSV files beside it."""

import csv
import io
import json
import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers.changes import ODD, changes, choice, comparison, curve, done, judged, pairs

from relevance.finetune import Options, RerankerOptions
from relevance.finetune.changes import Changes
from relevance.finetune.recipe import Curve, Step
from relevance.report.finetuned import report_files, reranker_files

WHOLE = report_files(done(changes(20, judged=600, seeds=2), choice=choice("loss=mnrl", ODD[0], "loss=hard+epochs=5")))


def payload_of(files: Mapping[str, str | bytes]) -> dict[str, Any]:
    found = re.search(
        r'<script type="application/json" id="payload">(.*?)</script>', str(files["report.html"]), re.DOTALL
    )
    assert found is not None
    read: dict[str, Any] = json.loads(found[1])
    return read


def rows_of(files: Mapping[str, str | bytes], name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(str(files[f"{name}.csv"]))))


def number(value: Any) -> str:
    return "" if value is None else f"{value:.6f}"


PAYLOAD = payload_of(WHOLE)


def test_gains_are_those_of_comparison_csv() -> None:
    found = []
    for one in PAYLOAD["comparisons"]:
        seeds = [(str(PAYLOAD["seeds"][0]), gain) for gain in one["gains"]]
        seeds += [(str(seed), gain) for seed, gain in zip(PAYLOAD["seeds"][1:], one["seeds"][1:], strict=True)]
        for seed, gain in (*seeds, *(("all", one[name]) for name in ("over_seeds", "condensed", "judged"))):
            metric = gain["metric"] + (" of judged hits" if gain is one["condensed"] else "")
            means = (gain["base"], gain["tuned"], gain["difference"], *gain["interval"])
            found.append([one["base"], one["tuned"], seed, metric, *map(number, means)])
    assert found == [list(row.values()) for row in rows_of(WHOLE, "comparison")]


def test_queries_are_those_of_queries_csv_in_their_order() -> None:
    found = [
        [one["base"], one["tuned"], PAYLOAD["queries"][at][0], *map(number, values)]
        for one in PAYLOAD["comparisons"]
        for at, *values in one["queries"]
    ]
    table = rows_of(WHOLE, "queries")
    assert found == [[value for name, value in row.items() if name != "query"] for row in table]
    assert {text for _, text in PAYLOAD["queries"]} >= {text for text in ODD if "\n" not in text}


def test_trainings_are_those_of_training_csv() -> None:
    found = [
        [str(one["seed"]), str(step["step"]), *map(number, list(step.values())[1:]), str(int(at == one["best"]))]
        for one in PAYLOAD["curves"]
        for at, step in enumerate(one["steps"])
    ]
    assert found == [list(row.values()) for row in rows_of(WHOLE, "training")]


def test_recipes_are_those_of_recipes_csv() -> None:
    for one, row in zip(PAYLOAD["recipes"]["tried"], rows_of(WHOLE, "recipes"), strict=True):
        assert one["name"] == row["recipe"]
        assert number(one["mean"]) == row["ndcg10"]
        assert list(map(number, one["interval"])) == [row["ndcg10_low"], row["ndcg10_high"]]
        assert list(map(number, one["band"])) == [row["lowest_seed"], row["highest_seed"]]
        first = [one["to_first"]["mean"], *one["to_first"]["interval"]]
        assert list(map(number, first)) == [row["to_first"], row["to_first_low"], row["to_first_high"]]
        assert [str(int(one["wins"])), " ".join(map(str, one["steps"]))] == [row["chosen"], row["steps_kept"]]
    assert [one["wins"] or one["ties"] for one in PAYLOAD["recipes"]["tried"]][2] is True


def test_pairs_that_changed_most_are_those_of_pairs_csv() -> None:
    table, own = rows_of(WHOLE, "pairs"), PAYLOAD["pairs"]
    improved = [row for row in table if float(row["gain"]) > 0]
    worsened = [row for row in reversed(table) if float(row["gain"]) < 0]
    assert (own["number"], own["improved"], own["worsened"]) == (600, len(improved), len(worsened))
    shown = [[*one[1:3], *map(number, one[5:])] for one in own["shown"]]
    names = ("product", "title", "cosine_before", "cosine_after", "standing_before", "standing_after", "gain")
    assert shown == [[row[name] for name in names] for row in (*improved[:200], *worsened[:200])]
    boxed = [float(row["cosine_after"]) for row in table if row["label"] == "2"]
    assert own["groups"][2]["after"] == pytest.approx(np.quantile(boxed, (0.05, 0.25, 0.5, 0.75, 0.95)), abs=2e-6)
    assert all(
        sum(group[side]) == pytest.approx(1, abs=1e-4)
        for group in own["groups"]
        for side in ("shares_before", "shares_after")
    )


def test_leaks_and_notes_and_what_was_trained_are_told() -> None:
    leaks = SimpleNamespace(near_queries=[("hammers", "hammer")], shared_products=range(212))
    own = payload_of(report_files(done(changes(3, judged=4), leaks=leaks, notes=("212 shared products",))))
    assert own["notes"] == ["212 shared products", "near: 'hammers' was trained on, 'hammer' is evaluated"]
    assert ["trained products that are indexed", "212"] in own["facts"]
    assert ["learning_rate", "5e-05"] in own["facts"]


@pytest.mark.parametrize(
    "changed",
    [
        Changes((), judged([], [], []), (curve(1, best=0),)),
        Changes((comparison("rrf", 1, 1),), pairs(3), (curve(),)),
        Changes(
            (),
            judged([1], [0.5], [0.5]),
            (Curve((Step(0, 0.0, None, float("nan"), 0.5, 0.5),), 0, 1.0, stopped_early=False),),
        ),
    ],
)
def test_what_there_is_nothing_of_makes_a_page(changed: Changes) -> None:
    own = payload_of(report_files(done(changed)))
    assert (own["pairs"] is None) == (not len(changed.pairs))
    assert len(own["comparisons"]) == len(changed.comparisons)


def test_a_cross_encoder_has_a_page_with_its_times() -> None:
    stored = SimpleNamespace(path="models/53aa", curve=curve(3), notes=("it was cut",))
    reranked = SimpleNamespace(stored=stored, change=comparison("rrf", 30, 1), stages={"rerank": (12.5, 20.25)})
    recipe = SimpleNamespace(
        dataset="sample",
        base=SimpleNamespace(name="small"),
        options=Options(seed=7),
        reranker=RerankerOptions(),
        chosen=range(5),
    )
    files = reranker_files(reranked, recipe)  # type: ignore[arg-type] # as it is
    own = payload_of(files)
    assert set(files) == {"report.html", "training.csv", "comparison.csv", "queries.csv"}
    assert own["times"] == {"rerank": [12.5, 20.25]}
    assert (own["seeds"], own["sides"]) == ([7], ["Without", "Reranked"])
    assert ["graded training pairs", "5"] in own["facts"]
