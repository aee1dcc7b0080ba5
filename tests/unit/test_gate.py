"""Floors and limits: how they are read, and the verdict on means. More that is wrong is in `test_config_errors.py`."""

from __future__ import annotations

import tomllib
from dataclasses import astuple, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers import shop

from relevance import gate
from relevance.config import Config, rows
from relevance.config.reading import read_config
from relevance.errors import InputError
from relevance.evaluation import AP10, JUDGED10, METRICS, NDCG10, RR10, Evaluation, Metric
from relevance.records import Dataset
from relevance.report.terminal import failure, verdict_lines

P5, EMPTY = Metric("P", 5), Metric("Empty")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Query n of eight has n + 1 relevant products, the last one none."""
    judged = [(query, product, int(query < 7)) for query in range(8) for product in range(query + 1)]
    queries = {f"q{at}": f"text {at}" for at in range(8)}
    return replace(shop.dataset(shop.catalogue([("p", "x")]), queries, judged), name="sample")


def scored(*values: float) -> Evaluation:
    """Of eight queries; 0 where no value is named."""
    numbers = np.array([*values, *[0] * (8 - len(values))], dtype=np.float64)
    metrics = {RR10: numbers, AP10: numbers * 0.5137, NDCG10: numbers * 0.6177, P5: numbers * 0.4, EMPTY: numbers * 0.1}
    return Evaluation(np.arange(8), metrics, np.array([]))


def read(folder: Path, text: str) -> gate.Floors:
    path = folder / "f.toml"
    path.write_text(text)
    names = {"datasets": ("sample", "chorus"), "strategies": ("textsearch", "rrf")}
    return gate.read_floors(path, **names, metrics=(RR10, AP10, NDCG10, P5, EMPTY))["sample", "textsearch"]


def test_a_mean_at_its_floor_passes(dataset: Dataset, tmp_path: Path) -> None:
    half = scored(1, 1, 1, 1)
    floors = [read(tmp_path, f"[sample.textsearch]\nMRR = {floor}") for floor in ("0.5", "0.5000001", "1")]
    verdicts = [gate.judge(half, one, dataset) for one in floors]
    assert [one.status for one in verdicts] == ["pass", "fail", "fail"]
    assert [one.floors for one in verdicts] == floors
    assert verdicts[1].reasons == ("MRR 0.5000 is below its floor 0.5000",)
    without = gate.judge(half, None, dataset)
    assert (without.status, without.reasons) == ("not_gated", ("no floors for this strategy on this data set",))


THIRD = 1 / 3 - 4e-7  # a baseline has it rounded


@pytest.mark.parametrize(
    ("values", "before", "queries"),
    [
        # the lowest, and of them those with most to find
        ([0, 0, 0, 0, 0, 1, 1], {}, ["q4", "q3", "q2", "q1", "q0"]),
        ([1, 0, 0, 0.5, 0.25], {}, ["q6", "q5", "q2", "q1", "q7"]),
        # those that fell most, not those that were at 0 before
        ([0, 0, 0, 0, 0, 0, 1, 1], {"q0": 0.5, "q1": 1.0, "q2": 0.0, "q6": 1.0, "gone": 1.0}, ["q1", "q0"]),
        ([], {f"q{n}": 1.0 for n in range(8)}, ["q0", "q1", "q2", "q3", "q4"]),
        ([0, 0, 0, THIRD, 0, 1, 1], {"q2": 0.0, "q3": 0.333333}, ["q4", "q2", "q1", "q0", "q7"]),
    ],
)
def test_queries_that_pull_a_mean_below_its_floor(
    dataset: Dataset, tmp_path: Path, values: list[float], before: dict[str, float], queries: list[str]
) -> None:
    floors = read(tmp_path, "[sample.textsearch]\nMRR = 0.9\nMAP = 0.0")
    (short,) = gate.judge(scored(*values), floors, dataset, before={RR10: before}).shortfalls
    assert (short.label, short.value, short.floor) == ("MRR", sum(values) / 8, 0.9)
    assert [lost.query for lost in short.queries] == queries
    fell = queries[0] in before
    assert [lost.before for lost in short.queries] == [before[query] if fell else None for query in queries]


@pytest.mark.parametrize(
    ("before", "said", "line"),
    [
        ({}, "the lowest", "    0.0000  'text 4' (q4)"),
        ({RR10: {"q1": 1.0}}, "fell most since the baseline", "    1.0000 → 0.0000  'text 1' (q1)"),
    ],
)
def test_a_failure_names_the_queries(dataset: Dataset, tmp_path: Path, before: Any, said: str, line: str) -> None:
    floors = read(tmp_path, "[sample.textsearch]\nMRR = 0.9")
    verdict = gate.judge(scored(0, 0, 0, 0, 0, 1, 1), floors, dataset, before=before)
    lines = failure("textsearch", verdict).splitlines()
    assert lines[2:4] == [f"  MRR 0.2500 < floor 0.9000, short by 0.6500; {said}", line]


def test_floors_hold_on_another_corpus_too(dataset: Dataset, tmp_path: Path) -> None:
    actual = dataset.catalogue.sha256[:8]
    note = f"floors were set for corpus 00000000, this is {actual}; they hold all the same"
    for corpus, notes in (("00000000", (note,)), (actual, ())):
        floors = read(tmp_path, f'[sample.textsearch]\nMRR = 0.5\ncorpus = "{corpus}"')
        good, bad = (gate.judge(one, floors, dataset) for one in (scored(1, 1, 1, 1), scored()))
        assert (good.status, bad.status) == ("pass", "fail")
        assert good.notes == bad.notes == notes
        results = [SimpleNamespace(strategy=SimpleNamespace(name=name), verdict=good) for name in ("one", "two")]
        assert tuple(line.text for line in verdict_lines(results)) == notes


@pytest.mark.parametrize("names", [("MRR", "MAP", "NDCG"), ("RR@10", "AP@10", "nDCG@10")])
def test_floors_are_named_as_people_do_or_as_metrics_print(tmp_path: Path, names: tuple[str, ...]) -> None:
    lines = "".join(f'"{name}" = 0.{at}\n' for at, name in enumerate(names, 1))
    floors = read(tmp_path, f'[sample.textsearch]\n{lines}"P@5" = 0.4')
    assert floors.means == {"MRR": 0.1, "MAP": 0.2, "NDCG": 0.3, "P@5": 0.4}


def test_a_floor_is_a_ceiling_where_less_is_better(dataset: Dataset, tmp_path: Path) -> None:
    floors = [read(tmp_path, f"[sample.textsearch]\nEmpty = {ceiling}") for ceiling in ("0.05", "0.06", "0.04")]
    verdicts = [gate.judge(scored(1, 1, 1, 1), one, dataset, before={EMPTY: {"q0": 0.0, "q4": 1.0}}) for one in floors]
    assert [one.status for one in verdicts] == ["pass", "pass", "fail"]
    assert verdicts[2].reasons == ("Empty 0.0500 is above its ceiling 0.0400",)
    lines = failure("textsearch", verdicts[2]).splitlines()
    assert lines[2:] == [
        "  Empty 0.0500 > ceiling 0.0400, over by 0.0100; rose most since the baseline",
        "    0.0000 → 0.1000  'text 0' (q0)",
    ]


def test_suggested_floors_pass_what_they_were_suggested_for(dataset: Dataset, tmp_path: Path) -> None:
    metrics = (RR10, AP10, NDCG10, JUDGED10, P5, EMPTY)
    snippet = gate.suggest(dataset, {"textsearch": scored(1, 1, 1, 1), "rrf": scored()}, metrics)
    assert tomllib.loads(snippet)["sample"] == {
        "textsearch": {"MRR": 0.495, "MAP": 0.251, "NDCG": 0.303, "P@5": 0.195, "Empty": 0.055},
        "rrf": {"MRR": 0, "MAP": 0, "NDCG": 0, "P@5": 0, "Empty": 0.005},
    }
    floors = read(tmp_path, snippet)
    statuses = [gate.judge(scored(*[1] * count), floors, dataset).status for count in (4, 3)]
    assert statuses == ["pass", "fail"]


TABLE = "[sample.rrf]\n"
A_NUMBER = "allowed: a number from 0 to 1"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[sample.textsearch]\nMRR = \n", "f.toml: not TOML: Invalid value (at line 2, column 7)"),
        ("[sample.textsearch]\nMMR = 0.5",
         "f.toml [sample.textsearch]: unknown floor 'MMR' (did you mean 'MRR'?); allowed: MRR, MAP, NDCG, P@5"),
        ("[sample.textserch]\nMRR = 0.5",
         "f.toml [sample]: unknown strategy 'textserch' (did you mean 'textsearch'?); allowed: textsearch, rrf"),
        ("[samples.rrf]\nMRR = 0.5", "f.toml: unknown data set 'samples' (did you mean 'sample'?)"),
        ("[samples.rrf]\nMRR = 0.5", "; after a data set has another name, its tables [samples.…] are renamed or "),
        (f"{TABLE}MRR = 1.5", f"f.toml [sample.rrf] MRR = 1.5; {A_NUMBER}"),
        (f"{TABLE}MRR = -0.1", f"f.toml [sample.rrf] MRR = -0.1; {A_NUMBER}"),
        (f'{TABLE}MRR = "0.5"', f"f.toml [sample.rrf] MRR = '0.5'; {A_NUMBER}"),
        (f"{TABLE}MAP = nan", f"f.toml [sample.rrf] MAP = nan; {A_NUMBER}"),
        (f"{TABLE}MAP = true", f"f.toml [sample.rrf] MAP = True; {A_NUMBER}"),
        (TABLE, "f.toml [sample.rrf]: no floor; at least one of MRR, MAP, NDCG, P@5, Empty is needed"),
        (f'{TABLE}MRR = 0.1\n"RR@10" = 0.1', "f.toml [sample.rrf]: MRR and RR@10 are the same metric; allowed: one"),
        (f'{TABLE}"P@7" = 0.1', "f.toml [sample.rrf]: P@7 is not scored; allowed: add P@7 to [metrics] report"),
        (f'{TABLE}"RBO@10" = 0.1', "f.toml [sample.rrf]: RBO@10 is not scored; it compares with a baseline"),
        ("[sample]\nrrf = 1", "f.toml [sample.rrf]: expected a table, found 1"),
        ("sample = 1", "f.toml [sample]: expected a table, found 1"),
        (f'{TABLE}MAP = 0\ncorpus = "abc"', "corpus = 'abc'; allowed: the first 8 or more hex"),
        (f"{TABLE}MAP = 0\ncorpus = 12345678", "corpus = 12345678; allowed: the first 8"),
        (f'{TABLE}MAP = 0\ncorpus = ""', "corpus = ''; allowed: the first 8"),
    ],
)  # fmt: skip
def test_a_bad_file_of_floors_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, text)
    assert line in str(error.value)
    assert "\n" not in str(error.value)


def config(folder: Path, text: str) -> Config:
    file = folder / "relevance.toml"
    file.write_text(text)
    return read_config(options={}, environ={}, file=file, root=folder)


def test_the_defaults_are_those_of_the_procedure_that_was_studied() -> None:
    limits = gate.read_limits({}, strategies=())
    assert limits == gate.Limits()
    assert astuple(limits.of("rrf", RR10)) == (
        *(0.02, 0.005, 0.005),  # fail, likely, least_drop
        *(0.01, 0.05, 0.02, 0.05, 1_000, 50),  # p_sure, p_likely, no_loss, no_loss_few, large_queries, least_queries
        False,  # leading
    )
    assert limits.of("rrf", NDCG10).leading
    assert (limits.empty_queries, limits.empty_warn, limits.empty_fail, limits.time("rrf")) == (
        3,
        0.005,
        0.01,
        (1.5, 2),
    )


def test_the_nearest_limit_holds() -> None:
    table = {
        "fail": 0.03,
        "p_sure": 0.001,
        "metrics": {"RR@10": {"fail": 0.04, "likely": 0.01}, "nDCG@10": {"least_drop": 0.1}},
        "strategies": {"rrf": {"fail": 0.05, "time_fail": 4, "AP@10": {"fail": 0.06}}},
    }
    limits = gate.read_limits(table, strategies=("rrf",))
    of = {(name, str(metric)): limits.of(name, metric) for name in ("hybrid", "rrf") for metric in limits.gated}
    fails = {key: limit.fail for key, limit in of.items()}
    assert [fails["hybrid", metric] for metric in ("nDCG@10", "AP@10", "RR@10")] == [0.03, 0.03, 0.04]
    assert [fails["rrf", metric] for metric in ("nDCG@10", "AP@10", "RR@10")] == [0.05, 0.06, 0.05]
    assert {key[1] for key, limit in of.items() if limit.least_drop == 0.1} == {"nDCG@10"}
    assert {limit.likely for limit in of.values()} == {0.005, 0.01}
    assert {limit.p_sure for limit in of.values()} == {0.001}
    assert (limits.time("rrf"), limits.time("hybrid")) == ((1.5, 4), (1.5, 2.0))


def test_numbers_of_queries_have_bounds(tmp_path: Path) -> None:
    limits = config(tmp_path, "[gate]\nlarge_queries = 1_000_000\nleast_queries = 1\nleast_drop = 0").gate
    assert (limits.large_queries, limits.least_queries, limits.least_drop) == (1_000_000, 1, 0)
    for number in (0, 1_000_001):
        with pytest.raises(InputError, match=f"large_queries = {number}; allowed: a whole number of 1 or more"):
            config(tmp_path, f"[gate]\nlarge_queries = {number}")


def test_metrics_can_be_chosen_and_limits_be_equal(tmp_path: Path) -> None:
    text = '[metrics]\ngate = ["Empty", "RR@10", "MRR"]\n[gate]\nleading = "RR@10"\nempty_warn = 0.01\ntime_fail = 1.5'
    limits = config(tmp_path, text).gate
    assert (limits.gated, limits.leading) == ((EMPTY, RR10), RR10)
    assert (limits.empty_warn, limits.time("rrf")) == (0.01, (1.5, 1.5))


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({"empty_warn": 0.02}, "empty_warn = 0.02; allowed: no more than empty_fail, which is 0.01"),
        ({"leading": "RR@5"}, "leading = 'RR@5'; allowed: one of [metrics] gate, nDCG@10, AP@10, RR@10"),
        ({"leading": "RBO@10"}, "leading = 'RBO(p=0.9)@10'; allowed: one of [metrics] gate, nDCG@10"),
        ({"strategies": []}, "strategies = []; allowed: tables [gate.strategies.NAME]"),
        ({"strategies": {"rrf": {"time_warn": 3.0}}}, "time_warn = 3.0 of rrf; allowed: no more than time_fail"),
        ({"strategies": {"rrf": {"RR@10": {"fail": 2}}}}, "strategies.rrf.'RR@10'.fail = 2; allowed: a number above 0"),
        ({"strategies": {"rrf": {"RR@10": {"time_fail": 2}}}}, "strategies.rrf.'RR@10': unknown key 'time_fail'"),
        ({"segments": {"one word": {"hart": True}}}, "segments.one word: unknown key 'hart' (did you mean 'hard'?)"),
        ({"segments": {"one word": {"floor": 2}}}, "segments.one word.floor = 2; allowed: a number from 0 to 1"),
        ({"p_likely": 0.001}, "p_sure = 0.01; allowed: no more than p_likely, which is 0.001"),
        ({"metrics": {"nDCG@10": 1}}, "metrics.'nDCG@10' = 1; allowed: a table of limits"),
    ],
)
def test_limits_that_are_none_or_change_nothing_are_refused(table: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as error:
        gate.read_limits(table, strategies=("rrf",))
    assert str(error.value).startswith(line)


def test_the_metrics_that_are_scored_are_those_reported_and_those_gated() -> None:
    own = gate.read_metrics({"report": ["RR@10", "P@5", "RBO@100", "R@50"], "gate": ["NDCG", "P@5"]})
    assert list(map(str, own.all)) == ["RR@10", "P@5", "R@50", "nDCG@10"]
    assert {label: str(metric) for label, metric in own.columns.items()} == {
        "MRR": "RR@10",
        "P@5": "P@5",
        "R@50": "R@50",
    }
    assert (list(map(str, own.overlaps)), own.depth) == (["RBO(p=0.9)@100"], 100)
    assert (gate.MetricChoice().all, gate.MetricChoice().depth) == (METRICS, 10)
    assert gate.read_metrics({"report": ["P@1"], "gate": ["RR@1"]}).depth == 10


def test_limits_are_shown_with_where_they_come_from(tmp_path: Path) -> None:
    text = '[gate]\nfail = 0.03\n[gate.strategies.rrf]\nlikely = 0.01\n"AP@10" = {fail = 0.04}'
    shown = {key: (value, origin) for key, value, origin in rows(config(tmp_path, text))}
    assert shown["gate.fail"] == ("0.03", "relevance.toml")
    assert shown["metrics.gate"] == ("nDCG@10, AP@10, RR@10", "default")
    assert shown["metrics.report"] == ("RR@10, AP@10, nDCG@10, Judged@10", "default")
    assert shown["gate.metrics"] == ("none", "default")
    assert shown["gate.strategies"] == ("rrf = {likely = 0.01, AP@10 = {fail = 0.04}}", "relevance.toml")
