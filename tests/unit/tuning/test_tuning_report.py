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
from matplotlib.colors import to_hex  # noqa: TID253 - pictures are what is tested

from relevance.config.reading import read_config
from relevance.evaluation import NDCG10
from relevance.records import Queries
from relevance.report.charts import heat_map, png
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


@pytest.fixture
def files_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    """All files, the picture undrawn: it takes a second."""
    monkeypatch.setattr("relevance.report.charts.png", lambda *_: b"")

    def files(tuning: Tuning, dataset: Any = DATASET) -> dict[str, str]:
        return {k: str(v) for k, v in tuning_files(tuning, dataset, engine="embedded 1", taken=STRATEGIES).items()}

    return files


def printed(tuning: Tuning) -> str:
    return "\n".join(line.text for line in tuning_lines(tuning))


def rows(table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table)))


def test_page_and_lines(text: Tuning, files_of: Any) -> None:
    fixed = replace(text, seconds=1.0, idle=["attributes"], equals=text.outcomes[:3])
    page = files_of(fixed)["index.md"]
    assert all(f"]({name})" in page for name in ("heatmap.png", "combinations.csv", "held_out.csv"))
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
    text: Tuning, files_of: Any, low: float, high: float, comment: str
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


def test_a_row_for_each_combination_names_the_one_that_ranks_alike(text: Tuning, files_of: Any) -> None:
    table = rows(files_of(text)["combinations.csv"])
    boosts = [(float(row["title"]), float(row["description"]), float(row["attributes"])) for row in table]
    assert boosts == text.space.combinations
    by_boosts = dict(zip(boosts, table, strict=True))
    assert by_boosts[2, 2, 2]["ranks_as"] == "1/1/1"
    assert by_boosts[2, 2, 2]["NDCG"] == by_boosts[1, 1, 1]["NDCG"]
    assert sum(row["ranks_as"] == "" for row in table) == 33
    assert "today" in by_boosts[8, 2, 1]["mark"]
    assert sum("winner" in row["mark"] for row in table) == 1


def test_a_row_for_each_held_out_query_and_no_text_is_a_formula(text: Tuning, files_of: Any) -> None:
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


def test_where_nothing_reaches_today_there_is_nothing_to_copy(files_of: Any) -> None:
    axes = [("title", (0.001, 0.002)), ("description", (10, 20, 40)), ("attributes", (0.1, 0.2))]
    tuning = shop.tuned(make_grid("text", TEXT, axes=axes))
    assert "Nothing that was tried reaches today's boosts on the tuning split" in printed(tuning)
    files = files_of(tuning)
    assert "strategy.toml" not in files
    assert "relevance.toml" not in files["index.md"]
    first, *others = rows(files["combinations.csv"])
    assert (first["title"], first["mark"]) == ("8", "winner, today")
    assert not any(row["mark"] for row in others)
    assert png(heat_map, tuning).startswith(b"\x89PNG")


def test_notes_of_the_winner(text: Tuning) -> None:
    assert text.todays is not None
    lines = printed(replace(text, winner=text.todays))
    assert "Today's boosts are the best of the grid" in lines
    assert "note: 8 is the highest boost of title that was tried" in lines


FEW: tuple[float, ...] = (1, 2)
ONE_BOOST = ("text", TEXT, [("description", (1,)), ("attributes", (1,))])
BESIDE_THE_GRID = ("text", Strategy("own", text={"title": 7, "description": 1}), [])
FOUR_BOOSTS = (
    "multifield",
    Strategy("own", vectors={"title": 8, "description": 2, "attributes": 1, "whole": 1}),
    [("title", (1, 8)), ("description", FEW), ("attributes", FEW), ("whole", FEW)],
)


@pytest.mark.parametrize(("kind", "today", "axes"), [ONE_BOOST, BESIDE_THE_GRID, FOUR_BOOSTS])
def test_a_heat_map_of_every_shape_is_a_page_wide(kind: str, today: Strategy, axes: Any) -> None:
    tuning = shop.tuned(make_grid(kind, today, axes=axes))
    if len(axes) == 4:  # nothing is divided by nothing
        equal = [replace(one, means=tuning.outcomes[0].means) for one in tuning.outcomes]
        tuning = replace(tuning, outcomes=equal, winner=equal[0])
    picture = png(heat_map, tuning)
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20], "big") == 1350


def test_each_mean_is_in_its_cell_and_winner_and_today_are_framed() -> None:
    kind, today, axes = FOUR_BOOSTS
    tuning = shop.tuned(make_grid(kind, today, axes=axes))
    outcomes = [replace(one, means={NDCG10: at / 16}) for at, one in enumerate(tuning.outcomes)]
    means = np.arange(16).reshape(2, 2, 2, 2) / 16
    tuning = replace(tuning, outcomes=outcomes, winner=outcomes[5])
    panels = [panel for panel in heat_map(tuning).axes if panel.images]
    for panel, (third, fourth) in zip(panels, [(0, 0), (1, 0), (0, 1), (1, 1)], strict=True):
        cells = means[:, :, third, fourth]
        assert np.array_equal(np.asarray(panel.images[0].get_array()), cells)
        shown = {text.get_position(): text.get_text() for text in panel.texts}
        assert shown == {(x, y): f"{mean:.4f}" for (y, x), mean in np.ndenumerate(cells)}
        for outcome, colour in ((tuning.winner, "#d62728"), (tuning.todays, "#000000")):
            axes_of = (one.choices for one in tuning.space.parameters)
            y, x, *at = map(tuple.index, axes_of, outcome.combination)
            framed = [tuple(one.get_center()) for one in panel.patches if to_hex(one.get_edgecolor()) == colour]
            assert framed == ([(x, y)] if at == [third, fourth] else [])
