"""Baseline files: what is written is read again, whole or not at all; anything else is refused in one line."""

from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.refused_baselines import PACKED, PAGE, TEXT, changed, page
from helpers.snapshots import METRICS, QUERIES, random_measurement, snapshot

from relevance.baseline import Snapshot, document_text, files, find_baseline, read_baseline, write_baseline
from relevance.errors import InputError

MANY = tuple(f"q{at:05}" for at in range(100))


def _same(left: Snapshot, right: Snapshot) -> bool:
    return document_text(left) == document_text(right)


@pytest.fixture
def _packed_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if 10 kB were 1 MB."""
    monkeypatch.setattr(files, "PACKED_FROM_BYTES", 10_000)


def _large(seed: int = 1) -> Snapshot:
    """Above those 10 kB."""
    return snapshot({"titles": random_measurement(seed, queries=MANY)}, queries=MANY)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Every number, text and order comes back; whole numbers as such."""
    texts = ("ä \"quoted\" 'text'", "", "tab\tand\nline", "沙发")
    grades = ({"a": 1.5, "b": 0}, *[{"a": 2, "b": 0}] * 3)
    written = snapshot(texts=texts, grades=grades, relevant_from=0.5, calibration_s=None)
    path = write_baseline(written, tmp_path / "benchmarks" / "baselines")
    read = read_baseline(path)
    assert path == tmp_path / "benchmarks" / "baselines" / "shop.json"
    assert _same(read, written)
    assert (read.texts, read.grades, read.relevant_from, read.queries) == (texts, grades, 0.5, QUERIES)
    assert isinstance(read.grades[1]["a"], int)
    assert read.dataset == written.dataset
    for name, one in written.strategies.items():
        assert read.strategies[name].hits == one.hits
        for metric in METRICS:
            values = read.strategies[name].metrics[metric]
            assert (values.dtype, values.flags.writeable) == (np.float64, False)
            assert (values == one.metrics[metric]).all()


def test_a_baseline_of_today_is_read_and_written_alike() -> None:
    """The committed one, by another version of the code: the same bytes."""
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "baselines" / "sample.json"
    assert document_text(read_baseline(path)) == path.read_text(encoding="utf-8")


@pytest.mark.usefixtures("_packed_early")
def test_equal_snapshots_equal_bytes(tmp_path: Path) -> None:
    """The order in which strategies were measured does not enter, nor does the time of writing."""
    forwards = snapshot()
    assert document_text(forwards) == document_text(snapshot(dict(reversed(forwards.strategies.items()))))
    one, two = (write_baseline(_large(), tmp_path / name) for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes()[4:8] == bytes(4), "the time in the header of gzip"


def test_a_line_a_query() -> None:
    """A person sees in a diff which query changed."""
    lines = [line.lstrip() for line in document_text(snapshot()).splitlines()]
    assert sum(line.startswith('"q3": [[') for line in lines) == 2
    assert sum(line.startswith('"q3": ["text of q3", {"a": 2, "b": 0}]') for line in lines) == 1


def test_line_ends_and_indentation_are_no_change(tmp_path: Path) -> None:
    """As git makes them on other systems; a byte order mark is skipped."""
    (tmp_path / "windows.json").write_bytes(b"\xef\xbb\xbf" + TEXT.replace(b"\n", b"\r\n"))
    (tmp_path / "compact.json").write_text(json.dumps(json.loads(TEXT)))
    for path in tmp_path.iterdir():
        assert _same(read_baseline(path), snapshot())


@pytest.mark.usefixtures("_packed_early")
def test_the_form_follows_the_size(tmp_path: Path) -> None:
    """Above a limit it is packed, below plain; the other form is removed, and of both the plain one counts."""
    for written, name in ((snapshot(), "shop.json"), (_large(), "shop.json.gz"), (snapshot(), "shop.json")):
        assert write_baseline(written, tmp_path).name == name
        assert [path.name for path in tmp_path.iterdir()] == [name]
        assert _same(read_baseline(find_baseline(tmp_path, "shop")), written)
    (tmp_path / "shop.json.gz").write_bytes(PACKED)
    assert find_baseline(tmp_path, "shop") == tmp_path / "shop.json"
    assert find_baseline(tmp_path, "other") is None


def test_what_is_refused() -> None:
    """Each case in the line that users see, which begins with the file and names no way that loses what is there."""
    text = page()
    assert PAGE.read_text(encoding="utf-8") == text, "write it anew: python -m helpers.refused_baselines in tests"
    lines = re.findall(r"^\| .* \| `(.*)` \|$", text, re.MULTILINE)
    assert len(lines) == text.count("\n| ") - 2 * text.count("\n## ")
    assert all(line.startswith("shop.json: ") for line in lines)
    assert not {"remove", "delete", "anew"} & {word for line in lines for word in line.split()}
    _, _, something_else = text.partition("## Something else")
    assert "damaged" not in something_else


def test_folders_are_named_for_what_they_are(tmp_path: Path) -> None:
    """And what of them is a baseline; an empty one and one of anything else too."""
    kinds = {
        "results.json": "a folder of results of an older version, without baseline.json",
        "baseline.json": "a folder of results (its baseline.json is one)",
        "mutations.json": "a folder that relevance mutate has written",
        "diagnosis.json": "a folder that relevance compare has written",
        "combinations.csv": "a folder that relevance tune has written",
        "training.csv": "a folder that relevance finetune has written",
        "modules.json": "an embedding model",
        "model.safetensors": "an embedding model",
        "corpus.jsonl": "a BEIR data set",
        "products.csv": "a data set",
        "products.jsonl": "a data set",
        "relevance.toml": "a project (its baselines are in benchmarks/baselines)",
        "titles.run": "a folder of TREC runs (titles.run)",
        "titles.trec": "a folder of TREC runs (titles.trec)",
        "sample.json.gz": "a folder; name one of its files (sample.json.gz)",
        "notes.md": "a folder with notes.md",
        "": "an empty folder",
    }
    for at, (name, line) in enumerate(kinds.items()):
        folder = tmp_path / str(at)
        folder.mkdir()
        if name:
            (folder / name).touch()
        with pytest.raises(InputError) as error:
            read_baseline(folder)
        assert f"is {line}, not a baseline; a file of --update-baseline is expected there" in str(error.value)


def test_files_are_named_for_what_they_are(tmp_path: Path) -> None:
    """By their first bytes; more kinds are on the page of what is refused."""
    kinds = {
        b"PAR1": "a Parquet file",
        b"SQLite format 3\0": "an SQLite database",
        b"%PDF-1.7": "a PDF file",
        b"\x89PNG\r\n": "a picture",
        b"(\xb5/\xfd\x04": "a file packed by Zstandard",
        b"\xfd7zXZ\0": "a file packed by xz",
        b"BZh9": "a file packed by bzip2",
        b"\0" * 257 + b"ustar": "a tar archive",
        b"<?xml version": "a web page or XML",
        b"<HTML>": "a web page or XML",
        b"q1\tp7\t1\nq1\tp8\t0\n": "a table in text (CSV)",
        b"q1 Q0 p7 -1\n": "a file of TREC judgments (qrels)",
        b"x" * 80: f"a text that begins with '{'x' * 40}'",
    }
    for content, kind in kinds.items():
        (tmp_path / "shop.json").write_bytes(content)
        with pytest.raises(InputError) as error:
            read_baseline(tmp_path / "shop.json", named="shop", expected="a run")
        assert str(error.value) == f"shop: is {kind}, not a baseline; a run is expected there"


def test_places_that_hold_nothing(tmp_path: Path) -> None:
    """Nothing, a link to nothing, and a pipe, which would be read for ever."""
    (tmp_path / "link.json").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.json")
    for name, line in (
        ("none.json", "No such file"),
        ("link.json", "is a link to nowhere"),
        ("pipe.json", "is no file"),
    ):
        with pytest.raises(InputError, match=line):
            read_baseline(tmp_path / name)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    """Plain and packed, whatever the place."""
    path = tmp_path / "shop.json"
    for whole in (TEXT.rstrip(), PACKED):
        for end in np.linspace(0, len(whole) - 1, 40, dtype=int).tolist():
            path.write_bytes(whole[:end])
            with pytest.raises(InputError):
                read_baseline(path)


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its bytes, packed or not, or by its values, before it is parsed; and none is written that cannot be read."""
    plain = write_baseline(snapshot(), tmp_path)
    packed = tmp_path / "packed.json.gz"
    packed.write_bytes(gzip.compress(b" " * 10_000))
    for what, most, files_of_it in (("bytes", 1_000, (plain, packed)), ("values", 100, (plain,))):
        with monkeypatch.context() as patch:
            patch.setattr(files, f"MAX_{what.upper()}", most)
            patch.setattr(files, "parse_json", lambda _: pytest.fail("empty lists would take 28 times their text"))
            for path in files_of_it:
                with pytest.raises(InputError, match=f"{most:,}"):
                    read_baseline(path)
            with pytest.raises(InputError, match=f" {what}; allowed: at most {most:,}; choose fewer strategies"):
                write_baseline(snapshot(), tmp_path)


def test_numbers_and_values_at_their_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole numbers that float64 cannot hold are refused; values are counted by what opens and parts them."""
    path = tmp_path / "shop.json"
    for place in (("relevant_from",), ("dataset", "products"), ("queries", "q1", 1, "a")):
        path.write_bytes(changed(*place, value=2**53 - 1))
        assert read_baseline(path).dataset.name == "shop"
        path.write_bytes(changed(*place, value=2**53))
        with pytest.raises(InputError, match=f"is {2**53}; allowed: a"):
            read_baseline(path)
    monkeypatch.setattr(files, "MAX_VALUES", 3)
    path.write_text('{"schema": [1, {}]}')
    with pytest.raises(InputError, match=r"holds 4 values; allowed: at most 3$"):
        read_baseline(path)
    path.write_text('{"schema": [{}]}')
    with pytest.raises(InputError, match="JSON without schema or checksum"):
        read_baseline(path)


def test_too_little_memory_is_an_error_of_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the bounds are, a machine may have less."""
    path = write_baseline(snapshot(), tmp_path)

    def parse(_: str) -> None:
        raise MemoryError

    monkeypatch.setattr(files, "parse_json", parse)
    with pytest.raises(InputError, match="there is not enough memory"):
        read_baseline(path)


# killed at any moment


def test_an_interrupted_update_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the rename the old file is there, byte for byte, afterwards the new one; nothing is left beside it."""
    old = write_baseline(snapshot(), tmp_path).read_bytes()
    seen = []

    def stopped(self: Path, target: Path) -> None:
        seen.append((target.read_bytes(), self.read_bytes()))
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", stopped)
    new = snapshot({"titles": random_measurement(7)})
    with pytest.raises(KeyboardInterrupt):
        write_baseline(new, tmp_path)
    assert seen == [(old, document_text(new).encode())]
    assert [path.name for path in tmp_path.iterdir()] == ["shop.json"]


@pytest.mark.usefixtures("_packed_early")
@pytest.mark.parametrize("shrinks", [False, True])
def test_a_change_of_form_has_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, shrinks: bool) -> None:
    """A run that is killed between the two steps leaves the old or the new baseline, whole."""
    old, new = (_large(), snapshot()) if shrinks else (snapshot(), _large())
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
