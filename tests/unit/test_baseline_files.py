"""Baseline files: what is written is read again, whole or not at all; anything else is refused in one line."""

from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.refused_baselines import PACKED, PAGE, TEXT, changed, page
from helpers.snapshots import METRICS, PRODUCTS, QUERIES, random_measurement, snapshot

from relevance.baseline import (
    KEPT,
    ProductsSeen,
    Snapshot,
    document_text,
    files,
    find_baseline,
    lacks,
    read_baseline,
    write_baseline,
)
from relevance.baseline.files import CHECKSUM, checksum
from relevance.errors import InputError

MANY = tuple(f"q{at:05}" for at in range(100))
SMALL, LARGE = snapshot(), snapshot({"titles": random_measurement(queries=MANY)}, queries=MANY)


@pytest.fixture
def packed_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 10 kB on: `LARGE` is packed."""
    monkeypatch.setattr(files, "PACKED_FROM_BYTES", 10_000)


def same(left: Snapshot, right: Snapshot) -> bool:
    return document_text(left) == document_text(right)


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    texts = ("ä \"quoted\" 'text'", "", "tab\tand\nline", "沙发")
    grades = ({"a": 1.5, "b": 0}, *[{"a": 2, "b": 0}] * 3)
    written = snapshot(texts=texts, grades=grades, relevant_from=0.5, calibration_s=None)
    path = write_baseline(written, tmp_path / "benchmarks" / "baselines")
    read = read_baseline(path)
    assert path == tmp_path / "benchmarks" / "baselines" / "shop.json"
    assert same(read, written)
    assert (read.texts, read.grades, read.relevant_from, read.queries) == (texts, grades, 0.5, QUERIES)
    assert isinstance(read.grades[1]["a"], int)
    assert read.dataset == written.dataset
    for name, one in written.strategies.items():
        assert read.strategies[name].hits == one.hits
        for metric in METRICS:
            values = read.strategies[name].metrics[metric]
            assert (values.dtype, values.flags.writeable) == (np.float64, False)
            assert (values == one.metrics[metric]).all()


def test_parameters_are_written_and_read_where_there_are_some(tmp_path: Path) -> None:
    params = ({"tags": ["a", 1.5], "store": "5"}, {}, {"o": {"k": True}}, {})
    written = snapshot(params=params)
    lines = document_text(written)
    assert '"q1": ["text of q1", {"a": 2, "b": 0}, {"tags": ["a", 1.5], "store": "5"}]' in lines
    assert '"q2": ["text of q2", {"a": 2, "b": 0}]' in lines
    read = read_baseline(write_baseline(written, tmp_path))
    assert (read.params, same(read, written)) == (params, True)
    assert (read.labels[0], read.labels[1]) == ('text of q1 {tags=["a", 1.5], store=5}', "text of q2")
    assert read_baseline(write_baseline(SMALL, tmp_path)).params == ()


def test_weights_tags_and_what_gated_are_written_and_read(tmp_path: Path) -> None:
    weights, tags = (2.5, 1, 0, 1), (("brand", "size"), (), (), ("brand",))
    written = snapshot(weights=weights, tags=tags, gate={"fail": 0.02, "selected": ["titles"]}, kept=12)
    assert '"weights": {\n    "q1": 2.5,\n    "q3": 0\n  }' in document_text(written)
    read = read_baseline(write_baseline(written, tmp_path))
    assert (read.weights, read.tags, read.gate, read.kept) == (weights, tags, written.gate, 12)
    assert same(read, written)
    plain = read_baseline(write_baseline(SMALL, tmp_path))
    assert (plain.weights, plain.tags, plain.gate, plain.kept) == ((), (), {}, KEPT)
    assert plain.products_seen.among([*PRODUCTS, "p18"]) == {*PRODUCTS}
    assert lacks(plain) == ""


def test_an_older_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    document = json.loads(TEXT)
    for name in ("kept", "weights", "tags", "gate", "products_seen", CHECKSUM):
        del document[name]
    document["schema"] = 1
    (tmp_path / "shop.json").write_text(json.dumps(document | {CHECKSUM: checksum(document)}))
    read = read_baseline(tmp_path / "shop.json")
    assert (read.kept, read.weights, read.tags, read.gate, read.products_seen) == (10, (), (), {}, None)
    assert read.strategies["titles"].hits == SMALL.strategies["titles"].hits
    assert lacks(read) == (
        "written by an older release: no hits beyond rank 10, not which products there were, no limits; "
        "--update-baseline writes a new one"
    )
    assert '"schema": 2' in document_text(read)


def test_which_products_there_were_is_known_but_for_one_in_a_thousand() -> None:
    ids = [f"p{at}" for at in range(20_000)]
    seen = ProductsSeen.of(ids)
    assert seen.among(ids) == {*ids}
    others = [f"x{at}" for at in range(20_000)]
    assert 0 < len(seen.among(others)) < 40
    assert ("p7" in seen, "x" in seen, 7 in seen) == (True, False, False)
    assert ProductsSeen.of(reversed(ids)).encoded() == seen.encoded()
    assert len(seen) == 36_000
    assert ("p" in ProductsSeen.of([]), ProductsSeen.of(["p"]).among([])) == (False, set())


def test_the_committed_baseline_is_read_and_written_alike() -> None:
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "baselines" / "sample.json"
    assert document_text(read_baseline(path)) == path.read_text(encoding="utf-8")


@pytest.mark.usefixtures("packed_early")
def test_equal_snapshots_equal_bytes(tmp_path: Path) -> None:
    assert same(SMALL, snapshot(dict(reversed(SMALL.strategies.items()))))
    one, two = (write_baseline(LARGE, tmp_path / name).read_bytes() for name in ("one", "two"))
    assert one == two
    assert one[4:8] == bytes(4), "the time in the header of gzip"


def test_each_query_has_a_line() -> None:
    lines = [line.lstrip() for line in document_text(SMALL).splitlines()]
    assert sum(line.startswith('"q3": [[') for line in lines) == 2
    assert sum(line.startswith('"q3": ["text of q3", {"a": 2, "b": 0}]') for line in lines) == 1


@pytest.mark.parametrize(
    "text", [b"\xef\xbb\xbf" + TEXT.replace(b"\n", b"\r\n"), json.dumps(json.loads(TEXT)).encode()]
)
def test_line_ends_and_indentation_are_no_change(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "shop.json").write_bytes(text)
    assert same(read_baseline(tmp_path / "shop.json"), SMALL)


@pytest.mark.usefixtures("packed_early")
def test_the_form_follows_the_size(tmp_path: Path) -> None:
    for written, name in ((SMALL, "shop.json"), (LARGE, "shop.json.gz"), (SMALL, "shop.json")):
        assert write_baseline(written, tmp_path).name == name
        assert names(tmp_path) == [name]
        assert same(read_baseline(find_baseline(tmp_path, "shop")), written)
    (tmp_path / "shop.json.gz").write_bytes(PACKED)
    assert find_baseline(tmp_path, "shop") == tmp_path / "shop.json"
    assert find_baseline(tmp_path, "other") is None


def test_what_is_refused_is_a_line_that_loses_nothing() -> None:
    text = page()
    assert PAGE.read_text(encoding="utf-8") == text, "write it anew: python -m helpers.refused_baselines in tests"
    lines = re.findall(r"^\| .* \| `(.*)` \|$", text, re.MULTILINE)
    assert len(lines) == text.count("\n| ") - 2 * text.count("\n## ")
    assert all(line.startswith("shop.json: ") for line in lines)
    assert not {"remove", "delete", "anew"} & {word for line in lines for word in line.split()}
    assert "damaged" not in text.partition("## Something else")[2]


def test_what_is_there_instead_is_named_with_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_baseline(tmp_path, named="shop", expected="a run")
    assert str(error.value) == "shop: is an empty folder, not a baseline; a run is expected there"


def test_places_that_hold_nothing(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.json")  # it would be read for ever
    for name, line in (("none", "No such file"), ("link", "is a link to nowhere"), ("pipe", "is no file")):
        with pytest.raises(InputError, match=line):
            read_baseline(tmp_path / f"{name}.json")


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shop.json"
    for whole in (TEXT.rstrip(), PACKED):
        for end in np.linspace(0, len(whole) - 1, 40, dtype=int).tolist():
            path.write_bytes(whole[:end])
            with pytest.raises(InputError):
                read_baseline(path)


@pytest.mark.parametrize(("limit", "most", "what"), [("MAX_BYTES", 1_000, "bytes"), ("MAX_VALUES", 100, "values")])
def test_a_file_that_is_too_large_is_neither_parsed_nor_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: int, what: str
) -> None:
    plain, packed = write_baseline(SMALL, tmp_path), tmp_path / "packed.json.gz"
    packed.write_bytes(gzip.compress(b" " * 10_000))
    monkeypatch.setattr(files, limit, most)
    monkeypatch.setattr(files, "parse_json", lambda _: pytest.fail("empty lists would take 28 times their text"))
    for path in (plain, packed) if what == "bytes" else (plain,):
        with pytest.raises(InputError, match=f"{most:,}"):
            read_baseline(path)
    with pytest.raises(InputError, match=f" {what}; allowed: at most {most:,}; choose fewer strategies"):
        write_baseline(SMALL, tmp_path)


@pytest.mark.parametrize("place", [("relevant_from",), ("dataset", "products"), ("queries", "q1", 1, "a")])
def test_whole_numbers_that_float64_cannot_hold_are_refused(tmp_path: Path, place: Any) -> None:
    path = tmp_path / "shop.json"
    path.write_bytes(changed(*place, value=2**53 - 1))
    assert read_baseline(path).dataset.name == "shop"
    path.write_bytes(changed(*place, value=2**53))
    with pytest.raises(InputError, match=f"is {2**53}; allowed: a"):
        read_baseline(path)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"schema": [1, {}]}', "holds 4 values; allowed: at most 3$"),
        ('{"schema": [{}]}', "JSON without schema or checksum"),
    ],
)
def test_values_are_counted_by_what_opens_and_parts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: str
) -> None:
    monkeypatch.setattr(files, "MAX_VALUES", 3)
    (tmp_path / "shop.json").write_text(text)
    with pytest.raises(InputError, match=line):
        read_baseline(tmp_path / "shop.json")


def test_too_little_memory_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_baseline(SMALL, tmp_path)

    def parse(_: str) -> None:
        raise MemoryError

    monkeypatch.setattr(files, "parse_json", parse)
    with pytest.raises(InputError, match="there is not enough memory"):
        read_baseline(path)


def test_an_interrupted_update_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = write_baseline(SMALL, tmp_path).read_bytes()
    new = snapshot({"titles": random_measurement(7)})
    seen = []

    def stopped(self: Path, target: Path) -> None:
        seen.append((target.read_bytes(), self.read_bytes()))
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_baseline(new, tmp_path)
    assert seen == [(old, document_text(new).encode())]
    assert names(tmp_path) == ["shop.json"]


@pytest.mark.usefixtures("packed_early")
@pytest.mark.parametrize(("old", "new"), [(SMALL, LARGE), (LARGE, SMALL)], ids=["grows", "shrinks"])
def test_a_change_of_form_has_one_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: Snapshot, new: Snapshot
) -> None:
    write_baseline(old, tmp_path)
    states = []
    unlink = Path.unlink

    def watched(self: Path, *, missing_ok: bool = False) -> None:
        states.append(read_baseline(find_baseline(tmp_path, "shop")))
        unlink(self, missing_ok=missing_ok)
        states.append(read_baseline(find_baseline(tmp_path, "shop")))

    monkeypatch.setattr(Path, "unlink", watched)
    write_baseline(new, tmp_path)
    assert all(same(state, old) or same(state, new) for state in states)
    assert same(states[-1], new)


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("MAX_SEEN_BYTES", r"products_seen has 36 bytes; allowed: at most 9, for 20 products"),
        ("_MOST_IN_A_TABLE", r"definition: more than 9 values; allowed: so many at most"),
    ],
)
def test_what_would_take_minutes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, said: str
) -> None:
    large = random_measurement(definition={"template": dict.fromkeys("abcdefghij", 1)})
    file = write_baseline(snapshot({"titles": large}), tmp_path)
    monkeypatch.setattr(files, limit, 9)
    with pytest.raises(InputError, match=said):
        read_baseline(file)


def test_what_would_be_refused_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_SEEN_BYTES", 9)
    with pytest.raises(InputError, match="36 bytes of products_seen; allowed: at most 9"):
        write_baseline(SMALL, tmp_path)
