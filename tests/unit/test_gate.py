"""Floors: how the file is read, and the verdict on what was measured."""

from __future__ import annotations

import tomllib
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from relevance import gate
from relevance.errors import InputError
from relevance.evaluation import RR10, evaluate
from relevance.records import NO_HIT, Catalogue, Dataset, Judgments, Queries, Ranking
from relevance.report.terminal import failure, verdict_lines

if TYPE_CHECKING:
    from pathlib import Path

    from relevance.evaluation import Evaluation

DATASETS, STRATEGIES = ("sample", "chorus"), ("textsearch", "rrf")


@pytest.fixture
def dataset() -> Dataset:
    """Eight queries; query q has q + 1 relevant products, of ten."""
    products = pd.DataFrame({"id": [f"p{n}" for n in range(10)], "title": "x", "description": ""})
    catalogue = Catalogue(products, pd.DataFrame({"id": [], "name": [], "value": []}, dtype=str))
    queries = Queries(pd.DataFrame({"id": [f"q{n}" for n in range(8)], "text": [f"text {n}" for n in range(8)]}))
    pairs = [(query, product) for query in range(8) for product in range(query + 1)]
    codes = np.array(pairs)
    return Dataset("sample", catalogue, queries, Judgments(codes[:, 0], codes[:, 1], np.ones(len(pairs), dtype=int)))


def _evaluation(dataset: Dataset, found: set[int]) -> Evaluation:
    """The queries `found` have product 0, which is relevant to all, as their only hit; the others product 9."""
    codes = np.array([[0 if query in found else 9, NO_HIT] for query in range(8)])
    return evaluate(Ranking(codes, np.ones(codes.shape, np.float32)), dataset.judgments, n_products=10)


def _floors(folder: Path, text: str) -> gate.Floors:
    path = folder / "f.toml"
    path.write_text(text)
    return gate.read_floors(path, datasets=DATASETS, strategies=STRATEGIES)["sample", "textsearch"]


def test_mean_at_the_floor_passes(dataset: Dataset, tmp_path: Path) -> None:
    """A mean that equals its floor passes; one that is a hair below fails."""
    half = _evaluation(dataset, {0, 1, 2, 3})
    passing = gate.judge(half, _floors(tmp_path, "[sample.textsearch]\nMRR = 0.5"), dataset)
    failing = gate.judge(half, _floors(tmp_path, "[sample.textsearch]\nMRR = 0.5000001"), dataset)
    assert (passing.status, failing.status) == ("pass", "fail")
    assert failing.reasons == ("MRR 0.5000 is below its floor 0.5000",)


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
    evaluation.per_query[RR10].flags.writeable = True
    evaluation.per_query[RR10][4] = 2 / 3 - 1e-9  # a baseline's values are rounded
    same = gate.judge(evaluation, floors, dataset, before={RR10: {"q2": 0.0, "q4": 0.666667}}).shortfalls[0]
    assert (same.queries[0].query, same.queries[0].before) == ("q5", None)


def test_floors_hold_on_another_corpus_too(dataset: Dataset, tmp_path: Path) -> None:
    """A changed word in a product does not turn them off; a note says that it is another corpus."""
    table = "[sample.textsearch]\nMRR = 0.5\ncorpus = "
    actual = dataset.catalogue.sha256[:8]
    for corpus, notes in (
        ("00000000", (f"floors were set for corpus 00000000, this is {actual}; they hold all the same",)),
        (actual, ()),
    ):
        floors = _floors(tmp_path, f'{table}"{corpus}"')
        good, bad = (gate.judge(_evaluation(dataset, hits), floors, dataset) for hits in ({0, 1, 2, 3}, set()))
        assert (good.status, bad.status) == ("pass", "fail")
        assert good.notes == bad.notes == notes
        results = [SimpleNamespace(strategy=SimpleNamespace(name=name), verdict=good) for name in ("one", "two")]
        assert tuple(line.text for line in verdict_lines(results)) == notes


def test_suggested_floors_pass_what_they_were_suggested_for(dataset: Dataset, tmp_path: Path) -> None:
    """The snippet is TOML, lies below the measured means by the margin, and is bound to no corpus."""
    half = _evaluation(dataset, {0, 1, 2, 3})
    snippet = gate.suggest(dataset, {"textsearch": half})
    assert tomllib.loads(snippet) == {"sample": {"textsearch": {"MRR": 0.495, "MAP": 0.255, "NDCG": 0.304}}}
    floors = _floors(tmp_path, snippet)
    assert gate.judge(half, floors, dataset).status == "pass"
    assert gate.judge(_evaluation(dataset, {0, 1, 2}), floors, dataset).status == "fail"
    without = gate.judge(half, None, dataset)
    assert (without.status, without.reasons) == ("not_gated", ("no floors for this strategy on this data set",))


BAD_FILES = {
    "not TOML": ("[sample.textsearch]\nMRR = \n", "f.toml: not TOML: Invalid value (at line 2, column 7)"),
    "unknown metric": (
        "[sample.textsearch]\nMMR = 0.5",
        "f.toml [sample.textsearch]: unknown floor 'MMR' (did you mean 'MRR'?); allowed: MRR, MAP, NDCG, corpus",
    ),
    "unknown strategy": (
        "[sample.textserch]\nMRR = 0.5",
        "f.toml [sample]: unknown strategy 'textserch' (did you mean 'textsearch'?); allowed: textsearch, rrf",
    ),
    "unknown data set": ("[samples.rrf]\nMRR = 0.5", "f.toml: unknown data set 'samples' (did you mean 'sample'?)"),
    "above one": ("[sample.rrf]\nMRR = 1.5", "f.toml [sample.rrf] MRR = 1.5; allowed: a number from 0 to 1"),
    "text": ('[sample.rrf]\nMRR = "0.5"', "f.toml [sample.rrf] MRR = '0.5'; allowed: a number from 0 to 1"),
    "not a number": ("[sample.rrf]\nMAP = nan", "f.toml [sample.rrf] MAP = nan; allowed: a number from 0 to 1"),
    "truth value": ("[sample.rrf]\nMAP = true", "f.toml [sample.rrf] MAP = True; allowed: a number from 0 to 1"),
    "empty table": ("[sample.rrf]\n", "f.toml [sample.rrf]: no floor; at least one of MRR, MAP, NDCG is needed"),
    "no table": ("[sample]\nrrf = 1", "f.toml [sample.rrf]: expected a table, found 1"),
    "no data set": ("sample = 1", "f.toml [sample]: expected a table, found 1"),
    "short corpus": (
        '[sample.rrf]\nMAP = 0\ncorpus = "abc"',
        "corpus = 'abc'; allowed: the first 8 or more hex",
    ),
    "number for corpus": ("[sample.rrf]\nMAP = 0\ncorpus = 12345678", "corpus = 12345678; allowed: the first 8"),
    "empty corpus": ('[sample.rrf]\nMAP = 0\ncorpus = ""', "corpus = ''; allowed: the first 8"),
}


@pytest.mark.parametrize(("text", "line"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_file_of_floors(tmp_path: Path, text: str, line: str) -> None:
    """A bad file of floors is one line: what, where, what is allowed."""
    with pytest.raises(InputError) as error:
        _floors(tmp_path, text)
    assert line in str(error.value)
    assert "\n" not in str(error.value)
