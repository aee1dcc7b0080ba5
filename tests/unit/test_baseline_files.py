"""Baseline files: what is written is read again, whole or not at all; anything else is refused in one line."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from made_up_snapshots import METRICS, QUERIES, made_up, made_up_strategy

from relevance.baseline import DIGITS, Snapshot, files, find_baseline, read_baseline, write_baseline
from relevance.baseline.document import CHECKSUM, checksum, document_text
from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable


def _same(left: Snapshot, right: Snapshot) -> bool:
    return document_text(left) == document_text(right)


@pytest.fixture
def _packed_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if 10 kB were 1 MB."""
    monkeypatch.setattr(files, "PACKED_FROM_BYTES", 10_000)


def _many() -> Snapshot:
    """Above those 10 kB."""
    queries = [f"q{at:05}" for at in range(100)]
    return made_up({"titles": made_up_strategy(queries=queries)}, queries=queries)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Every number, text and order comes back."""
    texts = ("ä \"quoted\" 'text'", "", "tab\tand\nline", "沙发")
    snapshot = made_up(texts=texts, calibration_s=None)
    path = write_baseline(snapshot, tmp_path / "baselines")
    found = read_baseline(path)
    assert path == tmp_path / "baselines" / "shop.json"
    assert _same(found, snapshot)
    assert found.texts == texts
    assert found.queries == QUERIES
    assert found.dataset == snapshot.dataset
    for name, one in snapshot.strategies.items():
        assert found.strategies[name].hits == one.hits
        for metric in METRICS:
            assert found.strategies[name].metrics[metric].dtype == np.float64
            assert (found.strategies[name].metrics[metric] == one.metrics[metric]).all()


@pytest.mark.usefixtures("_packed_early")
def test_equal_snapshots_equal_bytes(tmp_path: Path) -> None:
    """The order in which strategies were measured does not enter, nor does the time of writing."""
    forwards = made_up()
    backwards = made_up(dict(reversed(forwards.strategies.items())))
    assert document_text(forwards) == document_text(backwards)
    one, two = (write_baseline(_many(), tmp_path / name) for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes()[4:8] == bytes(4), "the time in the header of gzip"


def test_a_line_a_query() -> None:
    """A person sees in a diff which query changed."""
    lines = document_text(made_up()).splitlines()
    assert sum(line.lstrip().startswith('"q3": [[') for line in lines) == 2
    assert sum(line.lstrip().startswith('"q3": ["text of q3", {"p1": 3, "p2": 0}]') for line in lines) == 1


def test_another_machines_rounding_is_the_same_baseline() -> None:
    """What the last bits of a logarithm move is not in the file."""
    value = 0.630929753571457
    near = [np.round(np.array([value + step]), DIGITS) for step in (0, 1e-15, -1e-15)]
    assert near[0] == near[1] == near[2]


@pytest.mark.usefixtures("_packed_early")
def test_the_form_follows_the_size(tmp_path: Path) -> None:
    """Above a limit it is packed, below plain; the other form is removed."""
    assert write_baseline(made_up(), tmp_path).name == "shop.json"
    assert write_baseline(_many(), tmp_path).name == "shop.json.gz"
    assert [path.name for path in tmp_path.iterdir()] == ["shop.json.gz"]
    assert _same(read_baseline(find_baseline(tmp_path, "shop")), _many())
    assert write_baseline(made_up(), tmp_path).name == "shop.json"
    assert [path.name for path in tmp_path.iterdir()] == ["shop.json"]
    assert find_baseline(tmp_path, "other") is None


@pytest.mark.usefixtures("_packed_early")
def test_of_both_forms_the_plain_one_counts(tmp_path: Path) -> None:
    """It is the one that an update replaces or removes last."""
    write_baseline(_many(), tmp_path)
    (tmp_path / "shop.json").write_text(document_text(made_up()), encoding="utf-8")
    assert find_baseline(tmp_path, "shop") == tmp_path / "shop.json"


def test_line_ends_and_indentation_are_no_change(tmp_path: Path) -> None:
    """As git makes them on other systems; a byte order mark is skipped."""
    text = document_text(made_up())
    (tmp_path / "windows.json").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    (tmp_path / "compact.json").write_text(json.dumps(json.loads(text)))
    for path in tmp_path.iterdir():
        assert _same(read_baseline(path), made_up())


def test_a_large_benchmark_is_below_10_mb(tmp_path: Path) -> None:
    """5,859 queries, 11 strategies and 3 metrics, packed."""
    queries = [f"q{at:012x}" for at in range(5_859)]
    strategies = {f"strategy_{seed}": made_up_strategy(seed, queries=queries) for seed in range(11)}
    path = write_baseline(made_up(strategies, queries=queries), tmp_path)
    assert files.PACKED_FROM_BYTES == 1_000_000
    assert path.name == "shop.json.gz"
    assert path.stat().st_size < 10_000_000


# what is refused


def _document(**changed: Any) -> dict[str, Any]:
    """A document with other values and the checksum that belongs to them."""
    document = json.loads(document_text(made_up())) | changed
    content = {key: value for key, value in document.items() if key != CHECKSUM}
    return document | {CHECKSUM: checksum(content)}


def _changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(document_text(made_up()))
    change(document)
    return json.dumps(_document(**document)).encode()


def _without(key: str) -> bytes:
    document = json.loads(document_text(made_up()))
    del document[key]
    content = {name: value for name, value in document.items() if name != CHECKSUM}
    return json.dumps(content | {CHECKSUM: checksum(content)}).encode()


def _row(document: dict[str, Any]) -> list[Any]:
    return document["strategies"]["titles"]["rows"]["q2"]


def _tar() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("shop.json"))
    return made.getvalue()


TEXT = document_text(made_up()).encode()
PACKED = gzip.compress(TEXT, mtime=0)
ANEW = "remove it and make it anew with --update-baseline"

REFUSED = {
    "empty": (b"", f"damaged baseline (it is empty); {ANEW}"),
    "truncated": (TEXT[:-300], "damaged baseline (not JSON: "),
    "truncated, packed": (PACKED[:-200], f"damaged baseline (the packed file ends too early); {ANEW}"),
    "one byte of a packed file": (PACKED[:300] + b"\0\0" + PACKED[302:], "damaged baseline (gzip: "),
    "packed file of something else": (_tar(), "damaged baseline (not JSON: "),
    "zeros": (bytes(len(TEXT)), "damaged baseline (not JSON: Expecting value"),
    "not UTF-8": (TEXT.replace(b"text of q1", b"text of \xff"), "is not UTF-8)"),
    "marks of a merge": (
        TEXT.replace(b'  "models"', b'<<<<<<< HEAD\n  "models"'),
        "double quotes: line 19 column 1 (char 541); it has marks of a merge conflict)",
    ),
    "a metric changed by hand": (
        TEXT.replace(b'"rounds": 3', b'"rounds": 4'),
        f"changed by hand (its checksum is another); undo the change, or {ANEW}",
    ),
    "a query removed by hand": (
        json.dumps({**json.loads(TEXT), "queries": {}}).encode(),
        "changed by hand (its checksum is another)",
    ),
    "newer schema": (
        json.dumps(_document(schema=2)).encode(),
        "schema 2, this version reads 1; a newer relevance wrote it: update relevance",
    ),
    "no schema": (_without("schema"), "not a baseline (no schema or no checksum)"),
    "results of a run": (b'{"schema": 1, "strategies": {}}', "not a baseline (no schema or no checksum)"),
    "a list": (b"[1, 2]", "not a baseline (no schema or no checksum)"),
    "schema in words": (json.dumps(_document(schema="one")).encode(), "damaged baseline (schema 'one')"),
    "a key twice": (TEXT.replace(b'"relevant_from"', b'"dataset": {}, "relevant_from"'), "a key stands twice"),
    "nested too deeply": (b"[" * 200_000, "damaged baseline (not JSON: nested too deeply)"),
    "infinite": (TEXT.replace(b'"relevant_from": 1', b'"relevant_from": 1e999'), "a number is out of range"),
    "not a number": (TEXT.replace(b'"relevant_from": 1', b'"relevant_from": NaN'), "NaN is no JSON"),
    "a metric above 1": (
        _changed(lambda document: _row(document).__setitem__(0, [1.5, 0, 0])),
        "strategies.titles.rows.q2 metrics[0] is 1.5; allowed: a number from 0 to 1",
    ),
    "a metric too few": (_changed(lambda document: _row(document)[0].pop()), "allowed: 3 numbers from 0 to 1"),
    "a hit twice": (
        _changed(lambda document: _row(document).__setitem__(1, ["p1", "p1"])),
        "strategies.titles.rows.q2 hits is ['p1', 'p1']; allowed: product ids, each once",
    ),
    "a row is a number": (
        _changed(lambda document: document["strategies"]["titles"]["rows"].__setitem__("q2", 7)),
        "strategies.titles.rows.q2 is 7; allowed: a list of two lists, metrics and hits",
    ),
    "a row is missing": (
        _changed(lambda document: document["strategies"]["titles"]["rows"].pop("q2")),
        "strategies.titles.rows: other queries than those of the file",
    ),
    "a metric nobody knows": (
        _changed(lambda document: document["strategies"]["titles"].__setitem__("metrics", ["XY@1"])),
        "strategies.titles.metrics[0]: unknown metric 'XY@1'",
    ),
    "queries in another order": (
        _changed(lambda document: document.__setitem__("queries", dict(reversed(document["queries"].items())))),
        "queries: 'q3' stands too late; allowed: ids in ascending order",
    ),
    "no queries": (_changed(lambda document: document.__setitem__("queries", {})), "queries: there is none"),
    "a negative grade": (
        _changed(lambda document: document["queries"]["q1"][1].__setitem__("p1", -1)),
        "queries.q1 grades.p1 is -1; allowed: a number of 0 or more",
    ),
    "a hash that is none": (
        _changed(lambda document: document["dataset"].__setitem__("corpus", "abc")),
        "dataset.corpus is 'abc'; allowed: 64 hex digits",
    ),
    "a key that is not known": (_changed(lambda document: document.__setitem__("sold", 1)), "'sold' is not known"),
    "a key that is missing": (_without("engine"), "'engine' is missing"),
    "a time below 0": (
        _changed(lambda document: document["strategies"]["titles"].__setitem__("run_time_s", -1)),
        "strategies.titles.run_time_s is -1; allowed: seconds above 0, or null",
    ),
    "a name that is none": (
        _changed(lambda document: document["strategies"].__setitem__("a\nb", document["strategies"].pop("fused"))),
        "strategies: a name is 'a\\nb'; allowed: lower-case letters, digits and underscores",
    ),
    "text in the place of a list": (
        _changed(lambda document: document["queries"].__setitem__("q1", "text")),
        "queries.q1 is 'text'; allowed: a list of text and grades",
    ),
}


@pytest.mark.parametrize(("content", "line"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(tmp_path: Path, content: bytes, line: str) -> None:
    """One line: the file, what was found, what to do."""
    path = tmp_path / "shop.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_baseline(path)
    assert str(error.value).startswith(f"{path}: ")
    assert line in str(error.value)
    assert "\n" not in str(error.value)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    """Plain and packed, whatever the place."""
    path = tmp_path / "shop.json"
    for whole in (TEXT.rstrip(), PACKED):
        for end in np.linspace(0, len(whole) - 1, 60, dtype=int).tolist():
            path.write_bytes(whole[:end])
            with pytest.raises(InputError):
                read_baseline(path)


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the bytes that come out, long before all of them have come."""
    monkeypatch.setattr(files, "_BOMB_FROM_BYTES", 2**20)
    bomb = tmp_path / "shop.json.gz"
    bomb.write_bytes(gzip.compress(b" " * 20 * 2**20))
    with pytest.raises(InputError, match=r"bytes unpack to more than [0-9,]+; allowed: at most 200 times as many"):
        read_baseline(bomb)


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not read, and none is written that could not be read."""
    path = write_baseline(made_up(), tmp_path)
    monkeypatch.setattr(files, "_MOST_BYTES", 1000)
    with pytest.raises(InputError, match="allowed: at most 1,000"):
        read_baseline(path)
    with pytest.raises(InputError, match="choose fewer strategies"):
        write_baseline(made_up(), tmp_path)


def test_places_that_are_no_file(tmp_path: Path) -> None:
    """A folder, nothing, a link to nothing."""
    (tmp_path / "link.json").symlink_to("nowhere")
    for name, line in (("", "is not a file"), ("none.json", "No such file"), ("link.json", "No such file")):
        with pytest.raises(InputError, match=line):
            read_baseline(tmp_path / name)


# killed at any moment


def test_the_rename_is_the_only_visible_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until then the old file is there, byte for byte, afterwards the new one; an error leaves nothing beside it."""
    old = write_baseline(made_up(), tmp_path).read_bytes()
    seen = []

    def stopped(self: Path, target: Path) -> None:
        seen.append((target.read_bytes(), self.read_bytes()))
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", stopped)
    new = made_up({"titles": made_up_strategy(7)})
    with pytest.raises(KeyboardInterrupt):
        write_baseline(new, tmp_path)
    assert seen == [(old, document_text(new).encode())]
    assert [path.name for path in tmp_path.iterdir()] == ["shop.json"]


@pytest.mark.usefixtures("_packed_early")
@pytest.mark.parametrize("shrinks", [False, True])
def test_a_change_of_form_has_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, shrinks: bool) -> None:
    """A run that is killed between the two steps leaves the old or the new baseline, whole."""
    old, new = (_many(), made_up()) if shrinks else (made_up(), _many())
    write_baseline(old, tmp_path)
    states = [read_baseline(find_baseline(tmp_path, "shop"))]
    real = Path.unlink

    def watched(self: Path, *, missing_ok: bool = False) -> None:
        states.append(read_baseline(find_baseline(tmp_path, "shop")))
        real(self, missing_ok=missing_ok)
        states.append(read_baseline(find_baseline(tmp_path, "shop")))

    monkeypatch.setattr(Path, "unlink", watched)
    write_baseline(new, tmp_path)
    assert all(_same(state, old) or _same(state, new) for state in states)
    assert _same(states[-1], new)


def test_leftovers_of_killed_runs_are_removed(tmp_path: Path) -> None:
    """Those that are an hour old; one that may be being written stays."""
    ancient, young = tmp_path / ".shop.json.00000001.tmp", tmp_path / ".shop.json.00000002.tmp"
    for path in (ancient, young):
        path.write_text("half")
    os.utime(ancient, (0, 0))
    write_baseline(made_up(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [young.name, "shop.json"]


def test_the_page_of_refused_baselines() -> None:
    """Twenty cases and more, each with the line that users see, as it is today."""
    from refusals_page import PAGE, page  # noqa: PLC0415 - it imports the cases of this file

    written = page()
    assert PAGE.read_text(encoding="utf-8") == written, "write it anew: python -m refusals_page"
    assert written.count("| `shop.json: ") >= 20
