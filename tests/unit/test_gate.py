"""Floors and limits: how they are read, and the verdict on means. More that is wrong is in `test_config_errors.py`."""

from __future__ import annotations

import tomllib
from dataclasses import asdict
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from relevance import gate
from relevance.config import rows
from relevance.config.reading import read_config
from relevance.errors import InputError
from relevance.evaluation import JUDGED10, NDCG10, RR10, evaluate
from relevance.records import NO_HIT, Catalogue, Dataset, Judgments, Queries, Ranking
from relevance.report.terminal import failure, verdict_lines

if TYPE_CHECKING:
    from pathlib import Path

    from relevance.config import Config
    from relevance.evaluation import Evaluation


@pytest.fixture
def dataset() -> Dataset:
    """Eight queries; query q has q + 1 relevant products, of ten."""
    products = pd.DataFrame({"id": [f"p{n}" for n in range(10)], "title": "x", "description": ""})
    catalogue = Catalogue(products, pd.DataFrame({"id": [], "name": [], "value": []}, dtype=str))
    queries = Queries(pd.DataFrame({"id": [f"q{n}" for n in range(8)], "text": [f"text {n}" for n in range(8)]}))
    codes = np.array([(query, product) for query in range(8) for product in range(query + 1)])
    return Dataset("sample", catalogue, queries, Judgments(codes[:, 0], codes[:, 1], np.ones(len(codes), dtype=int)))


def _evaluation(dataset: Dataset, found: set[int]) -> Evaluation:
    """The queries `found` have product 0, which is relevant to all, as their only hit; the others product 9."""
    codes = np.array([[0 if query in found else 9, NO_HIT] for query in range(8)])
    return evaluate(Ranking(codes, np.ones(codes.shape, np.float32)), dataset.judgments, n_products=10)


def _floors(folder: Path, text: str) -> gate.Floors:
    path = folder / "f.toml"
    path.write_text(text)
    read = gate.read_floors(path, datasets=("sample", "chorus"), strategies=("textsearch", "rrf"))
    return read["sample", "textsearch"]


def test_mean_at_the_floor_passes(dataset: Dataset, tmp_path: Path) -> None:
    """A mean that equals its floor passes; one that is a hair below fails. The verdict holds the floors."""
    half = _evaluation(dataset, {0, 1, 2, 3})
    floors = [_floors(tmp_path, f"[sample.textsearch]\nMRR = {floor}") for floor in ("0.5", "0.5000001", "1")]
    verdicts = [gate.judge(half, one, dataset) for one in floors]
    assert [one.status for one in verdicts] == ["pass", "fail", "fail"]
    assert verdicts[1].reasons == ("MRR 0.5000 is below its floor 0.5000",)
    assert [one.floors for one in verdicts] == floors
    without = gate.judge(half, None, dataset)
    assert (without.status, without.reasons) == ("not_gated", ("no floors for this strategy on this data set",))


def test_without_a_baseline_the_lowest_queries_are_named(dataset: Dataset, tmp_path: Path) -> None:
    """Among equal ones those with most relevant products."""
    floors = _floors(tmp_path, "[sample.textsearch]\nMRR = 0.9\nMAP = 0.0")
    verdict = gate.judge(_evaluation(dataset, {6, 7}), floors, dataset)
    (short,) = verdict.shortfalls
    assert (short.label, short.value, short.floor) == ("MRR", 0.25, 0.9)
    assert [lost.query for lost in short.queries] == ["q5", "q4", "q3", "q2", "q1"]
    assert (short.queries[0].text, short.queries[0].before) == ("text 5", None)
    assert failure("textsearch", verdict).splitlines()[2:4] == [
        "  MRR 0.2500 < floor 0.9000, short by 0.6500; the lowest",
        "    0.0000  'text 5' (q5)",
    ]


def test_with_a_baseline_those_that_fell_most_are_named(dataset: Dataset, tmp_path: Path) -> None:
    """Not those that were at 0 before: they pulled nothing down. Where none fell, the lowest are named again."""
    floors, evaluation = _floors(tmp_path, "[sample.textsearch]\nMRR = 0.9"), _evaluation(dataset, {6, 7})
    before = {RR10: {"q0": 0.5, "q1": 1.0, "q2": 0.0, "q3": 0.0, "q6": 1.0, "gone": 1.0}}
    verdict = gate.judge(evaluation, floors, dataset, before=before)
    (short,) = verdict.shortfalls
    assert [(lost.query, lost.before, lost.value) for lost in short.queries] == [("q1", 1, 0), ("q0", 0.5, 0)]
    assert failure("textsearch", verdict).splitlines()[2:4] == [
        "  MRR 0.2500 < floor 0.9000, short by 0.6500; fell most since the baseline",
        "    1.0000 → 0.0000  'text 1' (q1)",
    ]
    every = gate.judge(evaluation, floors, dataset, before={RR10: {f"q{n}": 1.0 for n in range(8)}}).shortfalls[0]
    assert [lost.query for lost in every.queries] == ["q0", "q1", "q2", "q3", "q4"]
    evaluation.per_query[RR10].flags.writeable = True
    evaluation.per_query[RR10][4] = 2 / 3 - 1e-9  # a baseline's values are rounded
    same = gate.judge(evaluation, floors, dataset, before={RR10: {"q2": 0.0, "q4": 0.666667}}).shortfalls[0]
    assert (same.queries[0].query, same.queries[0].before) == ("q5", None)


def test_floors_hold_on_another_corpus_too(dataset: Dataset, tmp_path: Path) -> None:
    """A changed word in a product does not turn them off; a note says that it is another corpus."""
    actual = dataset.catalogue.sha256[:8]
    for corpus, notes in (
        ("00000000", (f"floors were set for corpus 00000000, this is {actual}; they hold all the same",)),
        (actual, ()),
    ):
        floors = _floors(tmp_path, f'[sample.textsearch]\nMRR = 0.5\ncorpus = "{corpus}"')
        good, bad = (gate.judge(_evaluation(dataset, hits), floors, dataset) for hits in ({0, 1, 2, 3}, set()))
        assert (good.status, bad.status) == ("pass", "fail")
        assert good.notes == bad.notes == notes
        results = [SimpleNamespace(strategy=SimpleNamespace(name=name), verdict=good) for name in ("one", "two")]
        assert tuple(line.text for line in verdict_lines(results)) == notes


def test_suggested_floors_pass_what_they_were_suggested_for(dataset: Dataset, tmp_path: Path) -> None:
    """The snippet is TOML, lies below the measured means by the margin, and is bound to no corpus."""
    half, none = _evaluation(dataset, {0, 1, 2, 3}), _evaluation(dataset, set())
    snippet = gate.suggest(dataset, {"textsearch": half, "rrf": none})
    assert tomllib.loads(snippet)["sample"] == {
        "textsearch": {"MRR": 0.495, "MAP": 0.255, "NDCG": 0.304},
        "rrf": {"MRR": 0, "MAP": 0, "NDCG": 0},
    }
    floors = _floors(tmp_path, snippet)
    assert gate.judge(half, floors, dataset).status == "pass"
    assert gate.judge(_evaluation(dataset, {0, 1, 2}), floors, dataset).status == "fail"


TABLE = "[sample.rrf]\n"
A_NUMBER = "allowed: a number from 0 to 1"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[sample.textsearch]\nMRR = \n", "f.toml: not TOML: Invalid value (at line 2, column 7)"),
        (
            "[sample.textsearch]\nMMR = 0.5",
            "f.toml [sample.textsearch]: unknown floor 'MMR' (did you mean 'MRR'?); allowed: MRR, MAP, NDCG, corpus",
        ),
        (
            "[sample.textserch]\nMRR = 0.5",
            "f.toml [sample]: unknown strategy 'textserch' (did you mean 'textsearch'?); allowed: textsearch, rrf",
        ),
        ("[samples.rrf]\nMRR = 0.5", "f.toml: unknown data set 'samples' (did you mean 'sample'?)"),
        (f"{TABLE}MRR = 1.5", f"f.toml [sample.rrf] MRR = 1.5; {A_NUMBER}"),
        (f'{TABLE}MRR = "0.5"', f"f.toml [sample.rrf] MRR = '0.5'; {A_NUMBER}"),
        (f"{TABLE}MAP = nan", f"f.toml [sample.rrf] MAP = nan; {A_NUMBER}"),
        (f"{TABLE}MAP = true", f"f.toml [sample.rrf] MAP = True; {A_NUMBER}"),
        (TABLE, "f.toml [sample.rrf]: no floor; at least one of MRR, MAP, NDCG is needed"),
        ("[sample]\nrrf = 1", "f.toml [sample.rrf]: expected a table, found 1"),
        ("sample = 1", "f.toml [sample]: expected a table, found 1"),
        (f'{TABLE}MAP = 0\ncorpus = "abc"', "corpus = 'abc'; allowed: the first 8 or more hex"),
        (f"{TABLE}MAP = 0\ncorpus = 12345678", "corpus = 12345678; allowed: the first 8"),
        (f'{TABLE}MAP = 0\ncorpus = ""', "corpus = ''; allowed: the first 8"),
    ],
)
def test_bad_file_of_floors(tmp_path: Path, text: str, line: str) -> None:
    """A bad file of floors is one line: what, where, what is allowed."""
    with pytest.raises(InputError) as error:
        _floors(tmp_path, text)
    assert line in str(error.value)
    assert "\n" not in str(error.value)


# limits


def _config(folder: Path, text: str) -> Config:
    file = folder / "relevance.toml"
    file.write_text(text)
    return read_config(options={}, environ={}, file=file, root=folder)


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    """Those of the procedure that was studied."""
    assert read_config(options={}, environ={}, file=None, root=tmp_path).gate == gate.Limits()
    assert asdict(gate.Limits().of("rrf", NDCG10)) == {
        "fail": 0.02,
        "fail_large": 0.05,
        "warn": 0.02,
        "warn_sure": 0.005,
        "least_drop": 0.005,
        "p_sure": 0.01,
        "p_warn": 0.05,
        "p_large": 0.1,
        "large_queries": 1_000,
        "least_queries": 50,
        "worse": "lower",
        "leading": True,
    }
    assert not gate.Limits().of("rrf", RR10).leading


def test_the_nearest_limit_holds(tmp_path: Path) -> None:
    """A strategy's metric before the strategy, before the metric, before all."""
    text = """
        [gate]
        fail = 0.03
        p_sure = 0.001
        [gate.metrics."RR@10"]
        fail = 0.04
        warn = 0.1
        worse = "higher"
        [gate.strategies.rrf]
        fail = 0.05
        time_fail = 4
        [gate.strategies.rrf."AP@10"]
        fail = 0.06
        """
    limits = _config(tmp_path, text).gate
    found = {(name, str(metric)): limits.of(name, metric) for name in ("hybrid", "rrf") for metric in limits.gated}
    assert {key: limit.fail for key, limit in found.items()} == {
        ("hybrid", "nDCG@10"): 0.03,
        ("hybrid", "AP@10"): 0.03,
        ("hybrid", "RR@10"): 0.04,
        ("rrf", "nDCG@10"): 0.05,
        ("rrf", "AP@10"): 0.06,
        ("rrf", "RR@10"): 0.05,
    }
    assert {key[1] for key, limit in found.items() if limit.worse == "higher"} == {"RR@10"}
    assert {limit.warn for limit in found.values()} == {0.02, 0.1}
    assert {limit.p_sure for limit in found.values()} == {0.001}
    assert (limits.time("rrf"), limits.time("hybrid")) == ((1.5, 4), (1.5, 2.0))


def test_numbers_of_queries_have_bounds(tmp_path: Path) -> None:
    """From 1 to a million; a least drop may be none."""
    limits = _config(tmp_path, "[gate]\nlarge_queries = 1_000_000\nleast_queries = 1\nleast_drop = 0").gate
    assert (limits.large_queries, limits.least_queries, limits.least_drop) == (1_000_000, 1, 0)
    for number in (0, 1_000_001):
        with pytest.raises(InputError, match=f"large_queries = {number}; allowed: a whole number of 1 or more"):
            _config(tmp_path, f"[gate]\nlarge_queries = {number}")


def test_metrics_can_be_chosen(tmp_path: Path) -> None:
    """In the order in which they stand, each once; the one that leads is among them."""
    limits = _config(tmp_path, '[gate]\ngated = ["Judged@10", "RR@10", "Judged@10"]\nleading = "RR@10"').gate
    assert (limits.gated, limits.leading) == ((JUDGED10, RR10), RR10)


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({"empty_warn": 0.02}, "empty_warn = 0.02; allowed: no more than empty_fail, which is 0.01"),
        ({"strategies": []}, "strategies = []; allowed: tables [gate.strategies.NAME]"),
        ({"strategies": {"rrf": {"time_warn": 3.0}}}, "time_warn = 3.0 of rrf; allowed: no more than time_fail"),
        ({"strategies": {"rrf": {"RR@10": {"fail": 2}}}}, "strategies.rrf.'RR@10'.fail = 2; allowed: a number above 0"),
        ({"strategies": {"rrf": {"RR@10": {"time_fail": 2}}}}, "strategies.rrf.'RR@10': unknown key 'time_fail'"),
        ({"metrics": {"nDCG@10": 1}}, "metrics.'nDCG@10' = 1; allowed: a table of limits"),
    ],
)
def test_limits_that_change_nothing_or_are_none(table: dict[str, Any], line: str) -> None:
    """Each by its place; limits that are equal are in order, and what the leading metric alone has is its own."""
    own = gate.read_limits({"metrics": {"nDCG@10": {"fail_large": 0.1}}}, strategies=())
    assert (own.of("rrf", NDCG10).fail_large, own.of("rrf", RR10).fail_large) == (0.1, 0.05)
    assert gate.read_limits({"empty_warn": 0.01, "time_fail": 1.5}, strategies=()).empty_warn == 0.01
    with pytest.raises(InputError) as error:
        gate.read_limits(table, strategies=("rrf",))
    assert str(error.value).startswith(line)


def test_limits_are_shown_with_where_they_come_from(tmp_path: Path) -> None:
    """Every key, and the tables in one line."""
    config = _config(tmp_path, '[gate]\nfail = 0.03\n[gate.strategies.rrf]\nwarn = 0.1\n"AP@10" = {fail = 0.04}')
    found = {key: (value, origin) for key, value, origin in rows(config)}
    assert found["gate.fail"] == ("0.03", "relevance.toml")
    assert found["gate.gated"] == ("nDCG@10, AP@10, RR@10", "default")
    assert found["gate.metrics"] == ("none", "default")
    assert found["gate.strategies"] == ("rrf = {warn = 0.1, AP@10 = {fail = 0.04}}", "relevance.toml")
