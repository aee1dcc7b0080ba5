"""What differs between two snapshots: data in numbers, the change under test by name, and what an update changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers.refused_baselines import OTHER, OTHER_DATA
from helpers.snapshots import METRICS, TEXT, random_measurement, snapshot

from relevance.baseline import (
    SELECTED,
    Snapshot,
    check_part,
    data_changes,
    differences,
    document_text,
    merge,
    update_lines,
    without_run_times,
)
from relevance.errors import InputError


def with_data(now: Snapshot, **hashes: Any) -> Snapshot:
    return replace(now, dataset=replace(now.dataset, **hashes))


def defined(**changed: Any) -> Snapshot:
    one = random_measurement(definition={**TEXT, **changed})
    return snapshot({"titles": one, "fused": random_measurement(2)})


def on_engine(name: str = "embedded", version: str = "1", **facts: Any) -> Snapshot:
    return snapshot(engine={"name": name, "version": version, "facts": {"vector_index": "flat", **facts}})


def using(*, strategy: str = "base", **models: Any) -> Snapshot:
    """One strategy that embeds, with these models at hand."""
    return snapshot({"tuned": random_measurement(definition={"vectors": {}, "model": strategy})}, models=models)


def test_the_body_of_the_index() -> None:
    assert on_engine(body=SHOP).index_body == SHOP
    assert on_engine().index_body is None


def test_what_was_measured_is_no_data() -> None:
    after = snapshot({}, engine={"name": "other"}, models={}, versions={}, calibration_s=None)
    assert data_changes(snapshot(), with_data(after, name="alias")) == ""


def test_run_times_can_be_left_out() -> None:
    untimed = without_run_times(snapshot())
    assert [(one.run_time_s, one.rounds) for one in untimed.strategies.values()] == [(None, 0)] * 2
    assert untimed.queries == snapshot().queries


FIELDS = [*[f"name{at}^2" for at in range(8)], "name^6"]
SHOP = {"settings": {"analysis": {"filter": {"syn": {"synonyms": ["couch, sofa"]}}}},
        "mappings": {"properties": {"name": {"type": "text", "analyzer": "english"}}}}  # fmt: skip
CHANGED = {"settings": {"analysis": {"filter": {"syn": {"synonyms": ["couch, sofa", "tv, television"]}}}},
           "mappings": {"properties": {"name": {"type": "text", "analyzer": "standard"}}}}  # fmt: skip
OTHER_MODELS = {"base": {"name": "small", "sha256": OTHER}, "unused": {"name": "large"}}
TUNED = {"name": "small fine-tuned", "sha256": "d" * 64, "recipe": "f" * 64}


# the session (beside `snapshot()`, or before and after), and a line for each change under test
def gated(**limits: Any) -> Snapshot:
    return snapshot(gate=limits)


DIFFERENCES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "nothing": (snapshot(), ()),
    "a boost": (defined(text={"title": 4, "description": 2}), ("titles: text.title 8 -> 4",)),
    "a field": (defined(text={"title": 8, "attributes": 1}),
                ("titles: text.description 2 -> none", "titles: text.attributes none -> 1")),
    "combination": (defined(combine="rrf", k=60), ('titles: combine "sum" -> "rrf"', "titles: k none -> 60")),
    "engine": (on_engine("elasticsearch", "8.19.5", vector_index="hnsw", shards=2),
               ('engine: name "embedded" -> "elasticsearch"', 'engine: version "1" -> "8.19.5"',
                'engine: facts.vector_index "flat" -> "hnsw"')),
    "an index that exists": ([on_engine(mapping="a" * 64, fields={"title": "name.en"}),
                              on_engine(mapping="b" * 64, fields={"title": "x"})],
        (f"engine: facts.mapping {'a' * 12} -> {'b' * 12}", 'engine: facts.fields.title "name.en" -> "x"')),
    # the body of an index says what its hash says, where both have it; a release counts where both rank by one
    "a mapping": ([on_engine(mapping="a" * 64, body=SHOP), on_engine(mapping="b" * 64, body=CHANGED)],
        ('index: settings.analysis.filter.syn.synonyms + "tv, television"',
         'index: mappings.properties.name.analyzer "english" -> "standard"')),
    "a mapping that an older file has the hash of": ([on_engine(mapping="a" * 64),
                                                      on_engine(mapping="b" * 64, body=SHOP)],
        (f"engine: facts.mapping {'a' * 12} -> {'b' * 12}",)),
    "the same mapping in an older file": ([on_engine(mapping="a" * 64), on_engine(mapping="a" * 64, body=SHOP)], ()),
    "mappings laid over ours": ([on_engine(mapping="a" * 64, laid_over={"settings": {"similarity.default.b": 0.3}}),
                                 on_engine(mapping="b" * 64, laid_over={"settings": {"similarity.default.b": 0.4}})],
        ("index: settings.similarity.default.b 0.3 -> 0.4",)),
    "a strategy that reads otherwise, more": ([on_engine(), on_engine(release=9)], ()),
    "another release": ([on_engine(release=8), on_engine(release=9)], ("engine: facts.release 8 -> 9",)),
    "a weight, of several": ([snapshot(), snapshot(weights=(2, 1, 0, 0))],
        ("weights: 3 queries with another weight, 2 of them 0 now",)),
    "weights of before": ([snapshot(weights=(2, 1, 0, 1)), snapshot()], ("weights: 2 queries with another weight",)),
    "weights that are all 1": (snapshot(weights=(1, 1, 1, 1)), ()),
    "tags": ([snapshot(tags=(("a",), ("b",), (), ())), snapshot(tags=(("a",), (), (), ()))],
        ("tags: 1 query with other tags",)),
    "a limit": ([gated(fail=0.02, least=50), gated(fail=1.0, more=3)], ("gate: fail 0.02 -> 1.0",)),
    "a limit of a strategy": ([gated(strategies={}), gated(strategies={"own": {"fail": 1.0}})],
        ("gate: strategies.own.fail none -> 1.0",)),
    "a metric, and a strategy less": ([gated(gated=["nDCG@10"], selected=["a", "b"]),
                                       gated(gated=["Judged@10"], selected=["a"])],
        ('gate: gated - "nDCG@10"; + "Judged@10"', 'gate: selected - "b"')),
    "metrics": ([gated(gated=["RR@10", "AP@10"], gate=["RR@10", "AP@10"], report=["RR@10", "AP@10"]),
                 gated(gated=["RR@10", "P@5"], gate=["RR@10", "P@5"], report=["AP@10", "RR@10"])],
        ('gate: gated - "AP@10"; + "P@5"', "gate: report in another order")),
    "many strategies less, and one more": ([gated(selected=["a", "b", "c", "d", "e"]), gated(selected=["a", "f"])],
        ('gate: selected - "b", "c", "d" and 1 more; + "f"',)),
    "an older file without limits": ([snapshot(), gated(fail=1.0)], ()),
    "a package": (snapshot(versions={"numpy": "2.1"}), ('package: numpy "2.0" -> "2.1"',)),
    "a package that is not needed": (snapshot(versions={}), ()),
    "a text of any length": (defined(template={"query": "x" * 100 + "\n"}),
        (f'titles: template.query none -> "{"x" * 47}…',)),
    "true for 1": (defined(k=True), ("titles: k none -> true",)),
    "1 for true": ([defined(k=True), defined(k=1)], ("titles: k true -> 1",)),
    "a line feed in a key": (on_engine(**{"a\n\x1b[2J": 1}), ("engine: facts.a\\n\\x1b[2J none -> 1",)),
    # inside a list by its place, in long values from where they differ
    "one field of several": ([defined(fields=FIELDS), defined(fields=[*FIELDS[:8], "name^1"])],
        ('titles: fields[8] "name^6" -> "name^1"',)),
    "a field more": ([defined(fields=FIELDS), defined(fields=[*FIELDS, "brand"])],
                     ('titles: fields + "brand"',)),
    "a field less": ([defined(fields=[*FIELDS, "brand"]), defined(fields=FIELDS)], ('titles: fields - "brand"',)),
    "the end of a long text": ([defined(a="x" * 80 + "a"), defined(a="x" * 80 + "b")],
        (f'titles: a …{"x" * 16}a" -> …{"x" * 16}b"',)),
    "a digit more": ([defined(a=10**60), defined(a=10**61)], (f"titles: a …{'0' * 16} -> …{'0' * 17}",)),
    "a table for a text": ([defined(a={"b": 1}), defined(a="b")], ('titles: a {"b": 1} -> "b"',)),
    "a table in a list": ([defined(a=[{"b": 1}]), defined(a=[{"b": 2}])], ("titles: a[0].b 1 -> 2",)),
    # models count where a strategy uses them; made again by the same recipe, another machine's has other weights
    "a model": ([using(base={"name": "small", "sha256": "d" * 64}), using(**OTHER_MODELS)],
                (f"model base: sha256 {'d' * 12} -> {'e' * 12}",)),
    "a model that no strategy uses": (snapshot(models=OTHER_MODELS), ()),
    "a configuration": ([using(base={"configuration": "d" * 64}), using(base={"configuration": OTHER})],
                        (f"model base: configuration {'d' * 12} -> {'e' * 12}",)),
    "a configuration of before or after alone": ([using(base={"name": "small"}),
                                                  using(base={"name": "small", "configuration": OTHER})], ()),
    "a model more": ([using(), using(base={"name": "small"})], ('model base: name none -> "small"',)),
    "a model less": ([using(base={"name": "small"}), using()], ('model base: name "small" -> none',)),
    "trained again": ([using(base=TUNED), using(base={**TUNED, "sha256": OTHER})],
                      (f"model base: retrained: same recipe, other weights (sha256 {'d' * 12} -> {'e' * 12})",)),
    "trained otherwise": ([using(base=TUNED), using(base={**TUNED, "sha256": OTHER, "recipe": OTHER})],
                          (f"model base: sha256 {'d' * 12} -> {'e' * 12}",
                           f"model base: recipe {'f' * 12} -> {'e' * 12}")),
    "trained the same": ([using(base=TUNED), using(base=TUNED)], ()),
    "of an unknown recipe": ([using(base={**TUNED, "recipe": ""}), using(base={**TUNED, "sha256": OTHER})],
        (f"model base: sha256 {'d' * 12} -> {'e' * 12}",)),
}  # fmt: skip


@pytest.mark.parametrize(("sessions", "lines"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_the_change_under_test_is_named(sessions: Any, lines: tuple[str, ...]) -> None:
    before, after = sessions if isinstance(sessions, list) else (snapshot(), sessions)
    assert differences(before, after) == lines


def test_another_source_of_a_function_is_named_where_both_sides_know_theirs() -> None:
    def of(**source: str) -> Any:
        definition = {"fuse": ["shop"], "lists": {"shop": {"search": "shop:rank", **source}}}
        return snapshot({"own": random_measurement(1, definition=definition)})

    def key(digest: str) -> dict[str, str]:
        return {"search function": digest}

    assert differences(of(**key("a1")), of(**key("b2"))) == ('own: lists.shop.search function "a1" -> "b2"',)
    assert differences(of(), of(**key("b2"))) == differences(of(**key("a1")), of()) == ()


def test_any_number_of_differences_is_cut() -> None:
    lines = differences(snapshot(), on_engine(**{f"fact {at}": at for at in range(20_000)}))
    assert (len(lines), lines[-1]) == (21, "engine: 19,980 more differences")
    (line,) = differences(snapshot(), on_engine(**{"x" * 9_999: 1}))
    assert len(line) < 300
    names = [str(at) for at in range(90)]
    known = snapshot(
        {name: random_measurement(definition={"model": name}) for name in names},
        models={name: {"name": "small"} for name in names},
    )
    with pytest.raises(InputError) as error:
        check_part(known, snapshot({}, models={name: {"name": "other"} for name in names}), measured=())
    assert str(error.value).count("model ") == 20
    assert "; 70 more; allowed" in str(error.value)


def test_an_update_of_everything_is_the_session() -> None:
    after = with_data(snapshot({"titles": random_measurement(5)}), corpus=OTHER)
    assert merge(snapshot(), after, complete=True).strategies is after.strategies
    assert merge(None, after, complete=False) is after


def test_an_update_of_some_strategies_leaves_the_others() -> None:
    before = snapshot()
    after = snapshot({"titles": random_measurement(5)}, calibration_s=1.5)
    merged = merge(before, after, complete=False)
    assert set(merged.strategies) == {"titles", "fused"}
    assert merged.strategies["titles"] is after.strategies["titles"]
    kept = merged.strategies["fused"]
    assert kept.hits == before.strategies["fused"].hits
    # its run time keeps its ratio to the calibration; without one on both sides it is dropped
    assert kept.run_time_s / merged.calibration_s == pytest.approx(0.25 / 0.5)
    untimed = merge(before, replace(after, calibration_s=None), complete=False).strategies["fused"]
    assert (untimed.run_time_s, untimed.rounds) == (None, 0)
    assert document_text(merged) == document_text(merge(merged, after, complete=False))
    shallow = merge(replace(before, kept=5), replace(after, gate={SELECTED: ["titles"]}), complete=False)
    assert (shallow.kept, {len(hits) for one in shallow.strategies.values() for hits in one.hits}) == (5, {5})
    assert shallow.gate == {SELECTED: ["titles"]}
    old = replace(before, gate={SELECTED: ["titles", "fused"], "fail": 1.0})
    assert merge(old, replace(after, gate={SELECTED: ["titles"]}), complete=False).gate == {
        SELECTED: ["fused", "titles"]
    }
    other = merge(before, replace(after, models={"tuned": {}}, versions={"torch": "2.13"}), complete=False)
    assert [*other.models, *other.versions] == ["base", "tuned", "numpy", "torch"]


@pytest.mark.parametrize(
    ("after", "line"),
    [
        (OTHER_DATA["a grade"], "1 judgment changed"),
        (on_engine("other"), 'engine: name "embedded" -> "other"'),
        (snapshot(models={"base": {"name": "large", "sha256": "d" * 64}}), 'model base: name "small" -> "large"'),
    ],
    ids=["data", "engine", "a model of those that stay"],
)
def test_a_part_that_does_not_belong_to_the_rest_is_refused(after: Snapshot, line: str) -> None:
    before = snapshot({"titles": random_measurement(), "alike": random_measurement(definition={"model": "base"})})
    with pytest.raises(InputError) as error:
        merge(before, replace(after, strategies={"titles": random_measurement(5)}), complete=False)
    assert line in str(error.value)
    assert "an update of all of them, 1 of which this session does not measure" in str(error.value)
    check_part(before, after, measured=["titles", "alike"])


def test_an_update_says_what_it_changes() -> None:
    half, better = (random_measurement(metrics=dict.fromkeys(METRICS, np.full(4, mean))) for mean in (0.5, 0.75))
    before = snapshot({"titles": half, "fused": random_measurement(2)})
    titles = replace(better, definition={**TEXT, "text": {"title": 4, "description": 2}})
    assert update_lines(before, with_data(snapshot({"titles": titles, "phrases": half}), corpus=OTHER)) == [
        "data: another corpus (20 products as before, with other content)",
        "titles: text.title 8 -> 4",
        "changed: titles: MRR 0.5000 -> 0.7500, MAP 0.5000 -> 0.7500, NDCG 0.5000 -> 0.7500",
        "new: phrases: MRR 0.5000, MAP 0.5000, NDCG 0.5000",
        "gone: fused",
    ]
    assert update_lines(None, snapshot({"titles": half})) == ["new: titles: MRR 0.5000, MAP 0.5000, NDCG 0.5000"]
    assert update_lines(before, replace(before, calibration_s=1)) == ["nothing but times"]
    fused = before.strategies["fused"]
    turned = {metric: values[::-1] for metric, values in fused.metrics.items()}
    for moved in (replace(fused, hits=fused.hits[::-1]), replace(fused, metrics=turned)):
        after = replace(before, strategies={**before.strategies, "fused": moved})
        assert update_lines(before, after) == ["single queries; every mean stays"]
