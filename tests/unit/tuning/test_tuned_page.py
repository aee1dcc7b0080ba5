"""The page of a tuning: its numbers are those of the CSV files beside it."""

import csv
import io
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers import shop

from relevance.evaluation import NDCG10
from relevance.report.tuning import tuning_files
from relevance.strategies import STRATEGIES
from relevance.tuning import Tuning, make_grid


@pytest.fixture(scope="module")
def text() -> Tuning:
    return shop.tuned(make_grid("text", STRATEGIES["textsearch_boosted"]))


def files_of(tuning: Tuning) -> dict[str, str]:
    files = tuning_files(tuning, shop.shop(), engine="embedded 1", taken=STRATEGIES)
    return {name: str(content) for name, content in files.items()}


def payload_of(files: dict[str, str]) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="payload">(.*?)</script>', files["report.html"], re.DOTALL)
    assert found is not None
    read: dict[str, Any] = json.loads(found[1])
    return read


def rows_of(files: dict[str, str], name: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(files[f"{name}.csv"])))[1:]


def test_combinations_and_held_out_queries_are_those_of_the_csv_files(text: Tuning) -> None:
    files = files_of(text)
    own = payload_of(files)
    found = [
        [*one["values"], *(f"{mean:.6f}" for mean in one["means"]), one["ranks_as"], one["mark"]]
        for one in own["outcomes"]
    ]
    assert found == rows_of(files, "combinations")
    held_out = [[query, words, *(f"{value:.6f}" for value in values)] for query, words, *values in own["held_out"]]
    assert held_out == rows_of(files, "held_out")
    assert own["snippet"] == files["strategy.toml"]


def test_what_won_and_what_it_is_worth(text: Tuning) -> None:
    own = payload_of(files_of(text))
    values = {one["name"]: (one["today"], one["winner"]) for one in own["parameters"]}
    assert values == {"title": ("8", "2"), "description": ("2", "1"), "attributes": ("1", "4")}
    assert own["means"]["today"] == pytest.approx([text.today[NDCG10], text.held_out[0].mean()])
    assert own["means"]["winner"] == pytest.approx([text.winner.means[NDCG10], text.held_out[1].mean()])
    assert own["interval"]["ends"] == pytest.approx([text.interval.low, text.interval.high])
    assert own["verdict"] in files_of(text)["index.md"].replace("\\", "")
    assert own["optimism"].startswith("lead of the winner: ")


@pytest.mark.parametrize(
    ("low", "high", "answer"), [(0.01, 0.03, "better"), (-0.03, -0.01, "worse"), (-0.01, 0.01, "open")]
)
def test_the_answer_is_that_of_the_interval(text: Tuning, low: float, high: float, answer: str) -> None:
    own = payload_of(files_of(replace(text, interval=replace(text.interval, low=low, high=high))))
    assert own["answer"] == answer


def test_todays_values_that_stay_have_nothing_to_take_over(text: Tuning) -> None:
    assert text.todays is not None
    same = replace(text, winner=text.todays, held_out=np.stack([text.held_out[0]] * 2))
    assert payload_of(files_of(same))["answer"] == "today"
    axes = [("title", (0.001, 0.002)), ("description", (10, 20, 40)), ("attributes", (0.1, 0.2))]
    short = payload_of(files_of(shop.tuned(make_grid("text", STRATEGIES["textsearch_boosted"], axes=axes))))
    assert (short["answer"], short["snippet"]) == ("short", None)
