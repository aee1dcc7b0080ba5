"""What is written of a search for boosts."""

from __future__ import annotations

import csv
import io
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from helpers import golden
from helpers.tuned import made_dataset, tuned

from relevance.config.reading import read_config
from relevance.evaluation import NDCG10
from relevance.records import Queries
from relevance.report.charts import heat_map, png
from relevance.report.tuning import snippet, tuning_files, tuning_lines
from relevance.significance import Interval
from relevance.strategies import STRATEGIES, Strategy
from relevance.tuning import make_grid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from relevance.records import Dataset
    from relevance.tuning import Combination, Tuning

TEXT = STRATEGIES["textsearch_boosted"]
DATASET = made_dataset(queries=40, products=60)


@pytest.fixture(scope="module")
def text() -> Tuning:
    """The usual text grid."""
    return tuned(make_grid("text", TEXT), DATASET)


@pytest.fixture
def files_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Mapping[str, str | bytes]]:
    """All files, the picture undrawn: it takes a second."""
    monkeypatch.setattr("relevance.report.tuning.png", lambda *_: b"")

    def files(tuning: Tuning, dataset: Dataset = DATASET) -> Mapping[str, str | bytes]:
        return tuning_files(tuning, dataset, engine="embedded 1", taken=STRATEGIES)

    return files


def rows(files: Mapping[str, str | bytes], name: str) -> list[dict[str, str]]:
    """Of a CSV file."""
    return list(csv.DictReader(io.StringIO(str(files[name]))))


def test_the_folder(text: Tuning, files_of: Callable[..., Mapping[str, str | bytes]]) -> None:
    """The page links to what is beside it and shows the table to paste."""
    fixed = replace(text, seconds=1.0, idle=["attributes"], equals=text.outcomes[:3])
    files = files_of(fixed)
    assert all(f"]({name})" in str(files["index.md"]) for name in ("heatmap.png", "combinations.csv", "held_out.csv"))
    golden.check("tuning.md", str(files["index.md"]))
    golden.check("tuning.txt", "\n".join(tuning_lines(fixed)))


def test_all_combinations(text: Tuning, files_of: Callable[..., Mapping[str, str | bytes]]) -> None:
    """A row for each, in the grid's order; what ranks alike has equal means and names the one that was run."""
    found = rows(files_of(text), "combinations.csv")
    boosts = [(float(row["title"]), float(row["description"]), float(row["attributes"])) for row in found]
    assert boosts == text.grid.combinations
    by_boosts = dict(zip(boosts, found, strict=True))
    assert by_boosts[2, 2, 2]["ranks_as"] == "1/1/1"
    assert by_boosts[2, 2, 2]["NDCG"] == by_boosts[1, 1, 1]["NDCG"]
    assert sum(row["ranks_as"] == "" for row in found) == 33
    assert "today" in by_boosts[8, 2, 1]["mark"]
    assert sum("winner" in row["mark"] for row in found) == 1


def test_held_out_queries(text: Tuning, files_of: Callable[..., Mapping[str, str | bytes]]) -> None:
    """A row for each query of the other side, whose means are those of the page; no text is a formula."""
    texts = tuple(f"=1+{number}" for number in range(len(DATASET.queries)))
    queries = Queries(pd.DataFrame({"id": DATASET.queries.ids, "text": texts}))
    found = rows(files_of(text, replace(DATASET, queries=queries)), "held_out.csv")
    assert [row["query_id"] for row in found] == [DATASET.queries.ids[code] for code in text.split.held_out]
    assert {row["query"][:4] for row in found} == {"'=1+"}
    for column, mean in zip(("ndcg_today", "ndcg_winner"), text.held_out.mean(axis=1), strict=True):
        assert np.mean([float(row[column]) for row in found]) == pytest.approx(mean, abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "today"),
    [
        ("text", TEXT),
        ("text", Strategy("shop", text={"title": 8, "attributes": 0.25})),
        ("multifield", Strategy("own", vectors={"title": 3, "whole": 1}, candidates=20, model="plain")),
        ("hybrid", STRATEGIES["hybrid_boosted"]),
    ],
)
def test_the_snippet_is_the_winner(kind: str, today: Strategy, tmp_path: Path) -> None:
    """Put into `relevance.toml`, it is the strategy that won, under a name that is free."""
    found = tuned(make_grid(kind, today), DATASET)
    table = snippet(found, STRATEGIES)
    models = '[models.plain]\nprompt = ""\n' if today.model == "plain" else ""
    (tmp_path / "relevance.toml").write_text(models + table)
    config = read_config(options={}, environ={}, file=tmp_path / "relevance.toml", root=tmp_path, cwd=tmp_path)
    name = f"{today.name.removesuffix('_boosted')}_tuned"
    assert config.strategies[name] == found.grid.strategy(found.winner.boosts, name)
    assert list(tomllib.loads(snippet(found, [name]))["strategies"]) == [f"{name}2"]


@pytest.mark.parametrize(
    ("low", "high", "sentence"),
    [
        (0.01, 0.03, "interval +0.0100 to +0.0300 (paired bootstrap): it excludes 0, the winner is better"),
        (-0.03, -0.01, "it excludes 0, the winner is worse than today's boosts"),
        (-0.03, 0.01, "it holds 0, so these queries do not show that the winner is better"),
    ],
)
def test_what_is_said_of_the_interval(text: Tuning, low: float, high: float, sentence: str) -> None:
    """The sentence says on which side of 0 it lies, or that it holds 0."""
    other = next(one for one in text.outcomes if one.boosts == (1, 4, 4))
    interval = Interval((low + high) / 2, low, high, 0.95, 20)
    assert sentence in "\n".join(tuning_lines(replace(text, winner=other, equals=[], interval=interval)))


def test_the_notes_of_the_winner(text: Tuning) -> None:
    """Today's boosts may be the best; a boost that is the highest of its axis may not be high enough."""
    assert text.todays is not None
    lines = "\n".join(tuning_lines(replace(text, winner=text.todays)))
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
def test_pictures_of_every_shape(kind: str, today: Strategy, axes: list[tuple[str, Combination]]) -> None:
    """One boost to four; a fixed one; today's boosts on the grid and beside it: a picture of the page's width.

    All combinations of the last are equal: nothing is divided by nothing.
    """
    found = tuned(make_grid(kind, today, axes=axes), DATASET)
    picture = png(heat_map, found)
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20], "big") == 1350
    if today is TEXT:
        assert png(heat_map, found) == picture


def test_the_heat_map_shows_every_combination() -> None:
    """Each number is in its cell, the winner has the red frame, today's boosts the black one."""
    from matplotlib.colors import to_hex

    kind, today, axes = FOUR_BOOSTS
    found = tuned(make_grid(kind, today, axes=axes), DATASET)
    outcomes = [replace(one, means={NDCG10: at / 16}) for at, one in enumerate(found.outcomes)]
    means = np.arange(16).reshape(2, 2, 2, 2) / 16
    found = replace(found, outcomes=outcomes, winner=outcomes[5])
    panels = [panel for panel in heat_map(found).axes if panel.images]
    for panel, (third, fourth) in zip(panels, [(0, 0), (1, 0), (0, 1), (1, 1)], strict=True):
        cells = means[:, :, third, fourth]
        assert np.array_equal(np.asarray(panel.images[0].get_array()), cells)
        shown = {text.get_position(): text.get_text() for text in panel.texts}
        assert shown == {(x, y): f"{mean:.4f}" for (y, x), mean in np.ndenumerate(cells)}
        for outcome, colour in ((found.winner, "#d62728"), (found.todays, "#000000")):
            y, x, *at = map(tuple.index, found.grid.axes.values(), outcome.boosts)
            framed = [tuple(one.get_center()) for one in panel.patches if to_hex(one.get_edgecolor()) == colour]
            assert framed == ([(x, y)] if at == [third, fourth] else [])
