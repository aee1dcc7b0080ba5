"""The two sides of a split."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tuning_data import made_dataset

from relevance.errors import InputError
from relevance.records import Dataset, Judgments, Queries
from relevance.tuning import split_queries


def of_texts(texts: list[str]) -> Dataset:
    """Each query with a judgment."""
    base = made_dataset()
    ids = [f"q{number:04}" for number in range(len(texts))]
    count = np.arange(len(texts))
    judgments = Judgments(count, np.zeros(len(texts), dtype=int), np.ones(len(texts), dtype=int))
    return Dataset("made", base.catalogue, Queries(pd.DataFrame({"id": ids, "text": texts})), judgments)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.3, 0.7))
def test_every_judged_query_is_on_one_side(seed: int, share: float) -> None:
    """Both sides together are the judged queries; about the share of them is tuned on."""
    dataset = of_texts([f"query {number}" for number in range(400)])
    split = split_queries(dataset, share=share, seed=seed)
    assert sorted([*split.tuning, *split.held_out]) == list(range(400))
    assert abs(len(split.tuning) / 400 - share) < 0.15


def test_a_query_stays_where_it_is() -> None:
    """Its side depends on its text and the seed: other queries and other ids change nothing, another seed does."""
    texts = [f"query {number}" for number in range(100)]
    few, many = of_texts(texts[:60]), of_texts(texts[::-1])
    some, all_ = split_queries(few), split_queries(many)
    tuned = {many.queries.texts[code] for code in all_.tuning}
    assert {few.queries.texts[code] for code in some.tuning} == tuned & set(few.queries.texts)
    assert split_queries(many, seed=1).tuning.tolist() != all_.tuning.tolist()


def test_spellings_of_a_text_are_on_one_side() -> None:
    """Case, white space and Unicode forms part no query from its twin."""
    texts = [f"Café {number}" for number in range(40)]
    twins = [f"  CAFE\u0301   {number} " for number in range(40)]
    split = split_queries(of_texts([*texts, *twins]))
    tuned = set(split.tuning.tolist())
    assert all((code in tuned) == (code + 40 in tuned) for code in range(40))


def test_queries_without_judgments_are_on_no_side() -> None:
    """They are not evaluated."""
    dataset = of_texts([f"query {number}" for number in range(60)])
    judged = Judgments(dataset.judgments.queries[:50], dataset.judgments.products[:50], dataset.judgments.grades[:50])
    split = split_queries(Dataset("made", dataset.catalogue, dataset.queries, judged))
    assert sorted([*split.tuning, *split.held_out]) == list(range(50))


def test_too_few_queries() -> None:
    """One line says which side, how many, and how many are needed."""
    with pytest.raises(InputError, match=r"the (tuning|held-out) split has \d of 12 .* allowed: 10 or more on each"):
        split_queries(of_texts([f"query {number}" for number in range(12)]))


@pytest.mark.parametrize("share", [0, 1, -0.5, 1.5, float("nan")])
def test_shares_that_are_none(share: float) -> None:
    """A split has two sides."""
    with pytest.raises(InputError, match=r"--share .* between 0 and 1"):
        split_queries(made_dataset(), share=share)
