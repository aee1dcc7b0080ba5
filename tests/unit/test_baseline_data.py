"""What differs between two snapshots: data in numbers, the change under test by name, and what an update changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_snapshots import DEFINITION, METRICS, QUERIES, made_up, made_up_strategy

from relevance.baseline import (
    DataChanges,
    Snapshot,
    check_part,
    common_queries,
    data_changes,
    differences,
    merge,
    on_common_queries,
    select,
    update_lines,
)
from relevance.baseline.document import document_text
from relevance.errors import InputError

OTHER = "e" * 64


def _with_data(snapshot: Snapshot, **hashes: Any) -> Snapshot:
    return replace(snapshot, dataset=replace(snapshot.dataset, **hashes))


def _judged(*grades: dict[str, int]) -> Snapshot:
    return _with_data(made_up(grades=grades), judgments=OTHER)


SAME = {"p1": 3, "p2": 0}
CHANGES = {
    "a grade": (_judged({"p1": 2, "p2": 0}, SAME, SAME, SAME), "1 judgment changed"),
    "grades, more and fewer": (
        _judged({"p1": 2, "p2": 1}, {"p1": 3, "p2": 0, "p3": 1}, {"p1": 3}, SAME),
        "2 judgments changed, 1 judgment new, 1 judgment gone",
    ),
    "queries": (
        _with_data(made_up(queries=("q1", "q3", "q5", "q6", "q7")), queries=OTHER),
        "3 queries new, 2 queries gone",
    ),
    "a text": (
        _with_data(made_up(texts=("other", *(f"text of {query}" for query in QUERIES[1:]))), queries=OTHER),
        "1 query with another text",
    ),
    "queries without judgments": (_with_data(made_up(), queries=OTHER), "other queries without judgments"),
    "products": (
        _with_data(made_up(), corpus=OTHER, products=25),
        "another corpus (20 products before, 25 now)",
    ),
    "texts of products": (
        _with_data(made_up(), corpus=OTHER),
        "another corpus (20 products as before, with other content)",
    ),
    "what is relevant": (made_up(relevant_from=2), "relevant from grade 1 before, 2 now"),
}


@pytest.mark.parametrize(("after", "said"), CHANGES.values(), ids=CHANGES)
def test_other_data_in_numbers(after: Snapshot, said: str) -> None:
    """On one line; what is the same is not mentioned."""
    found = data_changes(made_up(), after)
    assert found
    assert str(found) == said


def test_equal_data() -> None:
    """Names, strategies, engine, models and versions are no data."""
    after = made_up({}, engine={"name": "other"}, models={}, versions={}, calibration_s=None)
    found = data_changes(made_up(), _with_data(after, name="alias"))
    assert found == DataChanges()
    assert not found


def test_common_queries_have_the_same_text_and_judgments() -> None:
    """A query whose judgments or text changed is another query."""
    before = made_up()
    after = made_up(
        queries=("q2", "q3", "q4", "q5"),
        texts=("text of q2", "other", "text of q4", "text of q5"),
        grades=(SAME, SAME, {"p1": 1}, SAME),
    )
    assert common_queries(before, after) == ("q2",)
    assert common_queries(before, made_up(relevant_from=2)) == ()
    was, has = on_common_queries(before, after)
    assert was.queries == has.queries == ("q2",)
    rows = (was.strategies["fused"].hits, has.strategies["fused"].hits)
    assert rows == (before.strategies["fused"].hits[1:2], after.strategies["fused"].hits[:1])


@given(st.sets(st.sampled_from(QUERIES), min_size=1))
def test_a_part_has_the_rows_of_its_queries(queries: set[str]) -> None:
    """Texts, grades, metrics and hits stay together."""
    whole = made_up()
    part = select(whole, queries=queries, strategies=["fused"])
    assert part.queries == tuple(query for query in QUERIES if query in queries)
    assert list(part.strategies) == ["fused"]
    for row, query in enumerate(part.queries):
        at = QUERIES.index(query)
        assert part.texts[row] == whole.texts[at]
        assert part.strategies["fused"].hits[row] == whole.strategies["fused"].hits[at]
        for metric in METRICS:
            assert part.strategies["fused"].metrics[metric][row] == whole.strategies["fused"].metrics[metric][at]


# the change under test


def _defined(**changed: Any) -> Snapshot:
    one = made_up_strategy()
    return made_up({"titles": replace(one, definition={**DEFINITION, **changed}), "fused": made_up_strategy(2)})


DIFFERENCES = {
    "a boost": (_defined(text={"title": 4, "description": 2}), ("titles: text.title 8 -> 4",)),
    "a field": (
        _defined(text={"title": 8, "attributes": 1}),
        ("titles: text.description 2 -> none", "titles: text.attributes none -> 1"),
    ),
    "combination": (_defined(combine="rrf", k=60), ('titles: combine "sum" -> "rrf"', "titles: k none -> 60")),
    "engine": (
        made_up(engine={"name": "elasticsearch", "version": "8.19.5", "facts": {"vector_index": "hnsw", "shards": 2}}),
        (
            'engine: name "embedded" -> "elasticsearch"',
            'engine: version "1" -> "8.19.5"',
            'engine: facts.vector_index "flat" -> "hnsw"',
        ),
    ),
    "package": (made_up(versions={"numpy": "2.1"}), ('package: numpy "2.0" -> "2.1"',)),
    "package that is not needed": (made_up(versions={}), ()),
    "a text of any length": (
        _defined(template={"query": "x" * 100 + "\n"}),
        (f'titles: template.query none -> "{"x" * 47}…',),
    ),
    "nothing": (made_up(), ()),
}


@pytest.mark.parametrize(("after", "lines"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_the_change_under_test_is_named(after: Snapshot, lines: tuple[str, ...]) -> None:
    """A line each, with what was and what is."""
    assert differences(made_up(), after) == lines


def test_models_count_where_a_strategy_uses_them() -> None:
    """By their hash, cut to what people compare."""
    definition = {"vectors": {"whole": 1}, "model": "base"}
    strategies = {"alike": made_up_strategy(definition=definition)}
    other = {"base": {"name": "small", "sha256": OTHER}, "unused": {"name": "large"}}
    lines = differences(made_up(strategies), made_up(strategies, models=other))
    assert lines == (f"model base: sha256 {'d' * 12} -> {'e' * 12}",)
    assert differences(made_up(), made_up(models=other)) == ()


def _finetuned(**model: str) -> Snapshot:
    definition = {"vectors": {"whole": 1}, "model": "finetuned"}
    known = {"name": "small fine-tuned", "sha256": "d" * 64, "recipe": "f" * 64}
    return made_up({"tuned": made_up_strategy(definition=definition)}, models={"finetuned": {**known, **model}})


def test_a_model_that_was_trained_again_is_told_from_another_one() -> None:
    """The same recipe gives other weights on another machine; what a baseline does not know is no difference."""
    before = _finetuned()
    again = (f"model finetuned: retrained: same recipe, other weights (sha256 {'d' * 12} -> {'e' * 12})",)
    assert differences(before, _finetuned(sha256=OTHER)) == again
    assert differences(before, _finetuned(sha256=OTHER, recipe=OTHER)) == (
        f"model finetuned: sha256 {'d' * 12} -> {'e' * 12}",
        f"model finetuned: recipe {'f' * 12} -> {'e' * 12}",
    )
    assert differences(before, before) == ()
    without = {name: value for name, value in before.models["finetuned"].items() if name != "recipe"}
    older = replace(before, models={"finetuned": without})
    assert differences(older, _finetuned(sha256=OTHER)) == (f"model finetuned: sha256 {'d' * 12} -> {'e' * 12}",)


# updates


def test_an_update_of_everything_is_the_session() -> None:
    """Strategies that are gone are gone, whatever the data."""
    after = _with_data(made_up({"titles": made_up_strategy(5)}), corpus=OTHER)
    assert merge(made_up(), after, complete=True) is after
    assert merge(None, after, complete=False) is after


def test_an_update_of_some_strategies_leaves_the_others() -> None:
    """Their numbers and hits stay, and their run time keeps its ratio to the calibration."""
    before = made_up()
    after = made_up({"titles": made_up_strategy(5)}, calibration_s=1.5)
    found = merge(before, after, complete=False)
    assert set(found.strategies) == {"titles", "fused"}
    assert found.strategies["titles"] is after.strategies["titles"]
    kept = found.strategies["fused"]
    assert kept.hits == before.strategies["fused"].hits
    assert kept.run_time_s / found.calibration_s == pytest.approx(0.25 / 0.5)
    assert document_text(found) == document_text(merge(found, after, complete=False))


def test_run_times_that_cannot_stand_side_by_side() -> None:
    """Without a calibration on both sides an old time is dropped."""
    after = made_up({"titles": made_up_strategy(5)}, calibration_s=None)
    kept = merge(made_up(), after, complete=False).strategies["fused"]
    assert (kept.run_time_s, kept.rounds) == (None, 0)


REFUSED_PARTS = {
    "data": (_judged({"p1": 2, "p2": 0}, SAME, SAME, SAME), "1 judgment changed"),
    "engine": (made_up(engine={"name": "other", "version": "1", "facts": {}}), 'engine: name "embedded" -> "other"'),
    "a model of those that stay": (
        made_up(models={"base": {"name": "large", "sha256": "d" * 64}}),
        'model base: name "small" -> "large"',
    ),
}


@pytest.mark.parametrize(("after", "line"), REFUSED_PARTS.values(), ids=REFUSED_PARTS)
def test_a_part_that_does_not_belong_to_the_rest(after: Snapshot, line: str) -> None:
    """It says what is different and how many strategies would be left behind."""
    one = replace(after, strategies={"titles": made_up_strategy(5)})
    before = made_up({"titles": made_up_strategy(), "alike": made_up_strategy(definition={"model": "base"})})
    with pytest.raises(InputError) as error:
        merge(before, one, complete=False)
    assert line in str(error.value)
    assert "an update of all of them, 1 of which this session does not measure" in str(error.value)
    check_part(before, after, measured=["titles", "alike"])


def test_an_update_says_what_it_changes() -> None:
    """New, changed and gone strategies, data, and the change under test."""
    metrics = {metric: np.full(4, 0.5) for metric in METRICS}
    better = {metric: np.full(4, 0.75) for metric in METRICS}
    before = made_up({"titles": made_up_strategy(metrics=metrics), "fused": made_up_strategy(2)})
    changed = made_up_strategy(metrics=better, definition={**DEFINITION, "text": {"title": 4, "description": 2}})
    after = _with_data(made_up({"titles": changed, "phrases": made_up_strategy(metrics=metrics)}), corpus=OTHER)
    assert update_lines(before, after) == [
        "data: another corpus (20 products as before, with other content)",
        "titles: text.title 8 -> 4",
        "changed: titles: MRR 0.5000 -> 0.7500, MAP 0.5000 -> 0.7500, NDCG 0.5000 -> 0.7500",
        "new: phrases: MRR 0.5000, MAP 0.5000, NDCG 0.5000",
        "gone: fused",
    ]
    assert update_lines(before, replace(before, calibration_s=1)) == ["nothing but times"]
    assert update_lines(None, made_up({"titles": made_up_strategy(metrics=metrics)})) == [
        "new: titles: MRR 0.5000, MAP 0.5000, NDCG 0.5000"
    ]
