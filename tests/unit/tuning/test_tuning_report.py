"""What is written of a search for boosts."""

import csv
import io
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import golden, shop

from relevance.config.reading import read_config
from relevance.evaluation import NDCG10
from relevance.records import Queries
from relevance.report.tuning import named_winner, snippet, tuning_files, tuning_lines
from relevance.significance import Interval
from relevance.strategies import STRATEGIES, Strategy
from relevance.tuning import Tuning, make_grid

TEXT = STRATEGIES["textsearch_boosted"]
DATASET = shop.shop()


@pytest.fixture(scope="module")
def text() -> Tuning:
    """The usual text grid."""
    return shop.tuned(make_grid("text", TEXT))


def files_of(tuning: Tuning, dataset: Any = DATASET) -> dict[str, str]:
    """All files, by name."""
    return {k: str(v) for k, v in tuning_files(tuning, dataset, engine="embedded 1", taken=STRATEGIES).items()}


def printed(tuning: Tuning) -> str:
    return "\n".join(line.text for line in tuning_lines(tuning))


def rows(table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table)))


def test_page_and_lines(text: Tuning) -> None:
    fixed = replace(text, seconds=1.0, idle=["attributes"], equals=text.outcomes[:3])
    page = files_of(fixed)["index.md"]
    assert all(f"]({name})" in page for name in ("report.html", "combinations.csv", "held_out.csv"))
    golden.check("tuning.md", page)
    golden.check("tuning.txt", printed(fixed))


@pytest.mark.parametrize(
    ("lower", "end"),
    [
        (0.01, "; optimism 0.0100, as it was chosen there"),
        (-0.01, "; no optimism"),
        (0.00001, "; no optimism"),
    ],
)
def test_optimism_is_the_lead_that_does_not_hold(text: Tuning, lower: float, end: str) -> None:
    ahead = text.winner.means[NDCG10] - text.today[NDCG10]
    held_out = replace(text.interval, difference=ahead - lower)
    line = tuning_lines(replace(text, interval=held_out))[-1].text
    assert line == f"lead of the winner: {ahead:+.4f} on the tuning split, {ahead - lower:+.4f} held out{end}"


def test_todays_values_lead_nothing(text: Tuning) -> None:
    same = replace(text, winner=text.todays, held_out=np.stack([text.held_out[0]] * 2))
    assert not any("lead" in line.text for line in tuning_lines(same))


@pytest.mark.parametrize(
    ("low", "high", "comment"),
    [
        (
            -0.01,
            0.03,
            "# not shown to be better than today's boosts on 29 held-out queries: NDCG +0.0064, 95% ",
        ),
        (
            -0.03,
            -0.01,
            "# worse than today's boosts on 29 held-out queries: NDCG +0.0064, 95% interval -0.0300 to ",
        ),
        (0.01, 0.03, "[strategies."),
    ],
)
def test_a_winner_that_is_not_shown_to_be_better_says_so_where_it_is_taken_over(
    text: Tuning, low: float, high: float, comment: str
) -> None:
    written = files_of(replace(text, interval=replace(text.interval, low=low, high=high)))["strategy.toml"]
    assert written.startswith(comment)
    assert tomllib.loads(written)["strategies"]


def test_what_is_fused_is_written_as_toml() -> None:
    own = Strategy("own", fuse=("a", "b"), combine="linear", weights={"a": 2}, rerank={"search": "m:f", "depth": 5})
    tuning = shop.tuned(make_grid("text", TEXT))
    table = tomllib.loads(snippet(tuning, own))["strategies"]["own"]
    assert table == {
        "fuse": ["a", "b"],
        "combine": "linear",
        "weights": {"a": 2},
        "rerank": {"search": "m:f", "depth": 5},
    }


def test_a_row_for_each_combination_names_the_one_that_ranks_alike(text: Tuning) -> None:
    table = rows(files_of(text)["combinations.csv"])
    boosts = [(float(row["title"]), float(row["description"]), float(row["attributes"])) for row in table]
    assert boosts == text.space.combinations
    by_boosts = dict(zip(boosts, table, strict=True))
    assert by_boosts[2, 2, 2]["ranks_as"] == "1/1/1"
    assert by_boosts[2, 2, 2]["NDCG"] == by_boosts[1, 1, 1]["NDCG"]
    assert sum(row["ranks_as"] == "" for row in table) == 33
    assert "today" in by_boosts[8, 2, 1]["mark"]
    assert sum("winner" in row["mark"] for row in table) == 1


def test_a_row_for_each_held_out_query_and_no_text_is_a_formula(text: Tuning) -> None:
    ids = DATASET.queries.ids
    queries = Queries(pd.DataFrame({"id": ids, "text": [f"=1+{number}" for number in range(len(ids))]}))
    table = rows(files_of(text, replace(DATASET, queries=queries))["held_out.csv"])
    assert [row["query_id"] for row in table] == [ids[code] for code in text.split.held_out]
    assert {row["query"][:4] for row in table} == {"'=1+"}
    for column, mean in zip(("ndcg_today", "ndcg_winner"), text.held_out.mean(axis=1), strict=True):
        assert np.mean([float(row[column]) for row in table]) == pytest.approx(mean, abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "today"),
    [
        ("text", TEXT),
        ("text", Strategy("shop", text={"title": 8, "attributes": 0.25})),
        ("multifield", Strategy("own", vectors={"title": 3, "whole": 1}, candidates=20, model="plain")),
        ("hybrid", STRATEGIES["hybrid_boosted"]),
    ],
)
def test_the_snippet_is_the_winner_under_a_name_that_is_free(kind: str, today: Strategy, tmp_path: Path) -> None:
    tuning = shop.tuned(make_grid(kind, today))
    models = '[models.plain]\nquery_prompt = ""\n' if today.model == "plain" else ""
    (tmp_path / "relevance.toml").write_text(models + snippet(tuning, named_winner(tuning, STRATEGIES)))
    config = read_config(options={}, environ={}, file=tmp_path / "relevance.toml", root=tmp_path, cwd=tmp_path)
    name = f"{today.name.removesuffix('_boosted')}_tuned"
    assert config.strategies[name] == tuning.space.strategy(tuning.winner.combination, name)
    assert list(tomllib.loads(snippet(tuning, named_winner(tuning, [name])))["strategies"]) == [f"{name}2"]


@pytest.mark.parametrize(
    ("low", "high", "sentence"),
    [
        (0.01, 0.03, "interval +0.0100 to +0.0300 (paired bootstrap): it excludes 0, the winner is better"),
        (-0.03, -0.01, "it excludes 0, the winner is worse than today's boosts"),
        (-0.03, 0.01, "it holds 0, so these queries do not show that the winner is better"),
    ],
)
def test_what_is_said_of_the_interval(text: Tuning, low: float, high: float, sentence: str) -> None:
    other = next(one for one in text.outcomes if one.combination == (1, 4, 4))
    interval = Interval((low + high) / 2, low, high, 0.95, 20)
    assert sentence in printed(replace(text, winner=other, equals=[], interval=interval))


def test_where_nothing_reaches_today_there_is_nothing_to_copy() -> None:
    axes = [("title", (0.001, 0.002)), ("description", (10, 20, 40)), ("attributes", (0.1, 0.2))]
    tuning = shop.tuned(make_grid("text", TEXT, axes=axes))
    assert "Nothing that was tried reaches today's boosts on the tuning split" in printed(tuning)
    files = files_of(tuning)
    assert "strategy.toml" not in files
    assert "relevance.toml" not in files["index.md"]
    first, *others = rows(files["combinations.csv"])
    assert (first["title"], first["mark"]) == ("8", "winner, today")
    assert not any(row["mark"] for row in others)


def test_notes_of_the_winner(text: Tuning) -> None:
    assert text.todays is not None
    lines = printed(replace(text, winner=text.todays))
    assert "Today's boosts are the best of the grid" in lines
    assert "note: 8 is the highest boost of title that was tried" in lines
