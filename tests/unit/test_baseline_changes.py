"""What differs between two snapshots: data in numbers, the change under test by name, and what an update changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers.refused_baselines import OTHER, OTHER_DATA, SAME
from helpers.snapshots import METRICS, TEXT, random_measurement, snapshot

from relevance.baseline import (
    Snapshot,
    check_part,
    common_queries,
    data_changes,
    differences,
    document_text,
    merge,
    on_common_queries,
    update_lines,
)
from relevance.errors import InputError


def _with_data(now: Snapshot, **hashes: Any) -> Snapshot:
    return replace(now, dataset=replace(now.dataset, **hashes))


def test_equal_data() -> None:
    """Names, strategies, engine, models and versions are no data."""
    after = snapshot({}, engine={"name": "other"}, models={}, versions={}, calibration_s=None)
    assert data_changes(snapshot(), _with_data(after, name="alias")) == ""


def test_common_queries_have_the_same_text_and_judgments() -> None:
    """A query whose judgments or text changed is another query."""
    before = snapshot()
    after = snapshot(
        queries=("q2", "q3", "q4", "q5"),
        texts=("text of q2", "other", "text of q4", "text of q5"),
        grades=(SAME, SAME, {"a": 1}, SAME),
    )
    assert common_queries(before, after) == ("q2",)
    assert common_queries(before, snapshot(relevant_from=2)) == ()
    for part, whole, row in zip(on_common_queries(before, after), (before, after), (1, 0), strict=True):
        assert (part.queries, part.texts, part.grades) == (("q2",), ("text of q2",), (SAME,))
        one, of = part.strategies["fused"], whole.strategies["fused"]
        assert one.hits == (of.hits[row],)
        assert [*one.metrics] == [*METRICS]
        assert [*map(list, one.metrics.values())] == [[values[row]] for values in of.metrics.values()]


# the change under test


_FIELDS = [*[f"name{at}^2" for at in range(8)], "name^6"]


def _defined(**changed: Any) -> Snapshot:
    one = random_measurement()
    return snapshot({"titles": replace(one, definition={**TEXT, **changed}), "fused": random_measurement(2)})


DIFFERENCES = {
    "a boost": (_defined(text={"title": 4, "description": 2}), ("titles: text.title 8 -> 4",)),
    "a field": (
        _defined(text={"title": 8, "attributes": 1}),
        ("titles: text.description 2 -> none", "titles: text.attributes none -> 1"),
    ),
    "combination": (_defined(combine="rrf", k=60), ('titles: combine "sum" -> "rrf"', "titles: k none -> 60")),
    "engine": (
        snapshot(engine={"name": "elasticsearch", "version": "8.19.5", "facts": {"vector_index": "hnsw", "shards": 2}}),
        (
            'engine: name "embedded" -> "elasticsearch"',
            'engine: version "1" -> "8.19.5"',
            'engine: facts.vector_index "flat" -> "hnsw"',
        ),
    ),
    "package": (snapshot(versions={"numpy": "2.1"}), ('package: numpy "2.0" -> "2.1"',)),
    "package that is not needed": (snapshot(versions={}), ()),
    "a text of any length": (
        _defined(template={"query": "x" * 100 + "\n"}),
        (f'titles: template.query none -> "{"x" * 47}…',),
    ),
    "nothing": (snapshot(), ()),
    "true for 1": (_defined(text={"title": 8, "description": 2}, k=True), ("titles: k none -> true",)),
    "a line feed in a key": (
        snapshot(engine={"name": "embedded", "version": "1", "facts": {"vector_index": "flat", "a\n\x1b[2J": 1}}),
        ("engine: facts.a\\n\\x1b[2J none -> 1",),
    ),
}


@pytest.mark.parametrize(("after", "lines"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_the_change_under_test_is_named(after: Snapshot, lines: tuple[str, ...]) -> None:
    """A line each, with what was and what is."""
    assert differences(snapshot(), after) == lines


def test_another_analyzer_of_an_index_that_exists() -> None:
    """By the hash of its mapping and settings, and by the field."""

    def measured_on(mapping: str, analyzer: str) -> Snapshot:
        facts = {"mapping": mapping * 64, "fields": {"title": f"name.en: text, analyzer shop ({analyzer})"}}
        return snapshot(engine={"name": "elasticsearch", "version": "8.19.5", "facts": facts})

    mapping, field = differences(measured_on("a", "1a2b3c4d"), measured_on("b", "5e6f7a8b"))
    assert mapping == f"engine: facts.mapping {'a' * 12} -> {'b' * 12}"
    old, new = (f'"name.en: text, analyzer shop ({one})"' for one in ("1a2b3c4d", "5e6f7a8b"))
    assert field == f"engine: facts.fields.title {old} -> {new}"


CHANGED_VALUES = {
    "one field of several": (_FIELDS, [*_FIELDS[:8], "name^1"], 'fields[8] "name^6" -> "name^1"'),
    "a field more": (
        _FIELDS,
        [*_FIELDS, "brand"],
        'fields …me7^2", "name^6"] -> …me7^2", "name^6", "brand"]',
    ),
    "the end of a long text": ("x" * 80 + "a", "x" * 80 + "b", f'fields …{"x" * 16}a" -> …{"x" * 16}b"'),
    "a digit more": (10**60, 10**61, f"fields …{'0' * 16} -> …{'0' * 17}"),
    "1 for true": (True, 1, "fields true -> 1"),
    "a table for a text": ({"a": 1}, "a", 'fields {"a": 1} -> "a"'),
    "a table in a list": ([{"a": 1}], [{"a": 2}], "fields[0].a 1 -> 2"),
}


@pytest.mark.parametrize(("before", "after", "line"), CHANGED_VALUES.values(), ids=CHANGED_VALUES)
def test_both_sides_of_a_change_are_told_apart(before: object, after: object, line: str) -> None:
    """Inside a list by its place, in long values from where they differ."""
    assert differences(_defined(fields=before), _defined(fields=after)) == (f"titles: {line}",)


def test_any_number_of_differences_is_cut() -> None:
    """20,000 keys print as twenty lines and a count; a refused update names as few."""
    facts = {f"fact {at}": at for at in range(20_000)}
    after = snapshot(engine={"name": "embedded", "version": "1", "facts": {"vector_index": "flat", **facts}})
    lines = differences(snapshot(), after)
    assert (len(lines), lines[-1]) == (21, "engine: 19,980 more differences")
    long = snapshot(engine={"name": "embedded", "version": "1", "facts": {"x" * 9_999: 1}})
    assert max(map(len, differences(snapshot(), long))) < 300
    many = snapshot({}, models={str(at): {"name": "other"} for at in range(90)})
    known = snapshot(
        {str(at): random_measurement(definition={"model": str(at)}) for at in range(90)},
        models={str(at): {"name": "small"} for at in range(90)},
    )
    with pytest.raises(InputError) as error:
        check_part(known, many, measured=())
    assert str(error.value).count("model ") == 20
    assert "; 70 more; allowed" in str(error.value)


def test_models_count_where_a_strategy_uses_them() -> None:
    """By their hash, cut to what people compare."""
    definition = {"vectors": {"whole": 1}, "model": "base"}
    strategies = {"alike": random_measurement(definition=definition)}
    other = {"base": {"name": "small", "sha256": OTHER}, "unused": {"name": "large"}}
    lines = differences(snapshot(strategies), snapshot(strategies, models=other))
    assert lines == (f"model base: sha256 {'d' * 12} -> {'e' * 12}",)
    assert differences(snapshot(), snapshot(models=other)) == ()
    (added,), (gone,) = (
        differences(replace(snapshot(strategies), models=before), replace(snapshot(strategies), models=after))
        for before, after in (({}, {"base": {"name": "small"}}), ({"base": {"name": "small"}}, {}))
    )
    assert (added, gone) == ('model base: name none -> "small"', 'model base: name "small" -> none')


def _finetuned(**model: str) -> Snapshot:
    definition = {"vectors": {"whole": 1}, "model": "finetuned"}
    known = {"name": "small fine-tuned", "sha256": "d" * 64, "recipe": "f" * 64}
    return snapshot({"tuned": random_measurement(definition=definition)}, models={"finetuned": {**known, **model}})


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
    after = _with_data(snapshot({"titles": random_measurement(5)}), corpus=OTHER)
    assert merge(snapshot(), after, complete=True) is after
    assert merge(None, after, complete=False) is after


def test_an_update_of_some_strategies_leaves_the_others() -> None:
    """Their numbers and hits stay, and their run time keeps its ratio to the calibration."""
    before = snapshot()
    after = snapshot({"titles": random_measurement(5)}, calibration_s=1.5)
    found = merge(before, after, complete=False)
    assert set(found.strategies) == {"titles", "fused"}
    assert found.strategies["titles"] is after.strategies["titles"]
    kept = found.strategies["fused"]
    assert kept.hits == before.strategies["fused"].hits
    assert kept.run_time_s / found.calibration_s == pytest.approx(0.25 / 0.5)
    assert document_text(found) == document_text(merge(found, after, complete=False))
    other = replace(after, models={"finetuned": {"name": "new"}}, versions={"torch": "2.13"})
    kept = merge(before, other, complete=False)
    assert list(kept.models) == ["base", "finetuned"]
    assert list(kept.versions) == ["numpy", "torch"]


def test_run_times_that_cannot_stand_side_by_side() -> None:
    """Without a calibration on both sides an old time is dropped."""
    after = snapshot({"titles": random_measurement(5)}, calibration_s=None)
    kept = merge(snapshot(), after, complete=False).strategies["fused"]
    assert (kept.run_time_s, kept.rounds) == (None, 0)


REFUSED_PARTS = {
    "data": (OTHER_DATA["a grade"], "1 judgment changed"),
    "engine": (snapshot(engine={"name": "other", "version": "1", "facts": {}}), 'engine: name "embedded" -> "other"'),
    "a model of those that stay": (
        snapshot(models={"base": {"name": "large", "sha256": "d" * 64}}),
        'model base: name "small" -> "large"',
    ),
}


@pytest.mark.parametrize(("after", "line"), REFUSED_PARTS.values(), ids=REFUSED_PARTS)
def test_a_part_that_does_not_belong_to_the_rest(after: Snapshot, line: str) -> None:
    """It says what is different and how many strategies would be left behind."""
    one = replace(after, strategies={"titles": random_measurement(5)})
    before = snapshot({"titles": random_measurement(), "alike": random_measurement(definition={"model": "base"})})
    with pytest.raises(InputError) as error:
        merge(before, one, complete=False)
    assert line in str(error.value)
    assert "an update of all of them, 1 of which this session does not measure" in str(error.value)
    check_part(before, after, measured=["titles", "alike"])


def test_an_update_says_what_it_changes() -> None:
    """New, changed and gone strategies, data, and the change under test."""
    metrics = {metric: np.full(4, 0.5) for metric in METRICS}
    better = {metric: np.full(4, 0.75) for metric in METRICS}
    before = snapshot({"titles": random_measurement(metrics=metrics), "fused": random_measurement(2)})
    changed = random_measurement(metrics=better, definition={**TEXT, "text": {"title": 4, "description": 2}})
    after = _with_data(snapshot({"titles": changed, "phrases": random_measurement(metrics=metrics)}), corpus=OTHER)
    assert update_lines(before, after) == [
        "data: another corpus (20 products as before, with other content)",
        "titles: text.title 8 -> 4",
        "changed: titles: MRR 0.5000 -> 0.7500, MAP 0.5000 -> 0.7500, NDCG 0.5000 -> 0.7500",
        "new: phrases: MRR 0.5000, MAP 0.5000, NDCG 0.5000",
        "gone: fused",
    ]
    assert update_lines(before, replace(before, calibration_s=1)) == ["nothing but times"]
    fused = before.strategies["fused"]
    turned = {metric: values[::-1] for metric, values in fused.metrics.items()}
    for moved in (replace(fused, hits=fused.hits[::-1]), replace(fused, metrics=turned)):
        after = replace(before, strategies={**before.strategies, "fused": moved})
        assert update_lines(before, after) == ["single queries; every mean stays"]
    assert update_lines(None, snapshot({"titles": random_measurement(metrics=metrics)})) == [
        "new: titles: MRR 0.5000, MAP 0.5000, NDCG 0.5000"
    ]
