"""Files: read with bounds and strictly, written whole or not at all."""

from __future__ import annotations

import csv
import gzip
import os
import random
import zipfile
from pathlib import Path

import pytest

from relevance import files
from relevance.errors import InputError
from relevance.files import (
    Number,
    TextFile,
    csv_text,
    parse_json,
    read_bytes,
    read_json_list,
    read_json_object,
    read_toml,
    refuse_lfs_pointer,
    replacing,
    write_file,
)

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n"


def _file(folder: Path, content: bytes, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def _zip(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "read",
    [
        refuse_lfs_pointer,
        lambda path: read_bytes(path, "a text"),
        lambda path: read_json_object(path, "an object"),
        lambda path: read_toml(path, "settings"),
        lambda path: list(TextFile(path).lines()),
        lambda path: list(TextFile(path).json_lines()),
    ],
    ids=["check", "bytes", "json", "toml", "lines", "json lines"],
)
def test_a_git_lfs_pointer_is_called_what_it_is(tmp_path: Path, read: object) -> None:
    path = _file(tmp_path, POINTER)
    with pytest.raises(InputError, match=r"file is a Git LFS pointer, not the file; run git lfs pull$"):
        read(path)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' stands twice"),
        ("[NaN]", "NaN is no JSON"),
        ("[-Infinity]", "-Infinity is no JSON"),
        ("[1e999]", "out of range"),
        ("[" + "9" * 5_000 + "]", "too many digits"),
        ('["\\ud83d"]', "half a surrogate pair"),
        ('{"\\uDE00": 1}', "half a surrogate pair"),
        ("[" * 100_000, "nested too deeply"),
        ("[1,]", "Illegal trailing comma|Expecting value"),
    ],
)
def test_json_is_strict(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_json(text)


def test_json_that_is_too_deep_is_json(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a":' * 9_000 + "1" + "}" * 9_000)
    with pytest.raises(
        InputError, match=r"a\.json: it is nested too deeply; allowed: 100 objects and lists inside each"
    ):
        read_json_object(tmp_path / "a.json", "a search template")


def test_json_numbers_as_they_are_written_and_whole_characters() -> None:
    assert parse_json("[6.0, 1e2, 7]") == [6.0, 100.0, 7]
    exact = parse_json("[6.0, 1e999]", exact_numbers=True)
    assert exact == ["6.0", "1e999"]
    assert all(isinstance(one, Number) for one in exact)
    assert parse_json('["\\ud83d\\ude00", "\\\\ud83d"]') == ["\U0001f600", "\\ud83d"]


def test_json_of_too_many_values_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(ValueError, match="more than 1,000 values"):
        parse_json("[" + "[]," * 1_000, most_values=1_000)  # not JSON either: that it says later
    assert parse_json("[[], []]", most_values=10) == [[], []]


def test_json_and_toml_files(tmp_path: Path) -> None:
    assert read_toml(_file(tmp_path, b"\xef\xbb\xbfa = 1\r\n"), "settings") == {"a": 1}
    assert read_json_object(_file(tmp_path, b'\xef\xbb\xbf{"a": 1}'), "a thing") == {"a": 1}
    assert read_json_list(_file(tmp_path, gzip.compress(b"[1]")), "a thing") == [1]
    with pytest.raises(InputError, match="not a JSON list, but an object; a thing is expected there"):
        read_json_list(_file(tmp_path, b"{}"), "a thing")
    with pytest.raises(InputError, match="larger than 10 bytes, which a thing never is"):
        read_json_list(_file(tmp_path, b"[" + b" " * 10 + b"]"), "a thing", most_bytes=10)
    lines = _file(tmp_path, b'{"a": 1}\r\n\n{"a": 2}')
    assert list(TextFile(lines).json_lines()) == [(1, {"a": "1"}), (3, {"a": "2"})]
    with pytest.raises(InputError, match="line 2: found a list"):
        list(TextFile(_file(tmp_path, b"{}\n []")).json_lines())


def test_rows_of_csv(tmp_path: Path) -> None:
    file = TextFile(_file(tmp_path, b'\xef\xbb\xbfa,b\r\n\r\n"x\ny","say ""hi"""\r\n1,2'))
    assert file.has_mark()
    assert list(file.rows(",")) == [(1, ["a", "b"]), (3, ["x\ny", 'say "hi"']), (5, ["1", "2"])]
    macs = TextFile(_file(tmp_path, b"a,b\r1,2\r"))
    assert list(macs.rows(",")) == [(1, ["a", "b"]), (2, ["1", "2"])]
    blank: list[int] = []
    many = TextFile(_file(tmp_path, b"a,b\n" + b",\n" * 1_200 + b"1,2\n"))
    assert list(many.rows(",", blank=blank)) == [(1, ["a", "b"]), (1_202, ["1", "2"])]
    assert (len(blank), blank[-1]) == (1_200, 1_201)


def test_a_long_field_is_read_and_the_libraries_limit_stays(tmp_path: Path) -> None:
    path = _file(tmp_path, b"a,b\n1," + b"x" * 300_000)
    assert len(list(TextFile(path).rows(","))[1][1][1]) == 300_000
    assert csv.field_size_limit() == 131_072


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'a,b\n1,2\n3,"x\ny,z\n', "line 3: a quote in front of a field is not closed"),
        (b'a,b\n1,"x" y\n', "line 2: found text behind a field's closing quote"),
        (b"a,b\n1,x\ry\n", "line 2: found a carriage return inside a field without quotes"),
        (b"a,b\n1,\xff\n", "line 2: found byte 0xff, which is not UTF-8"),
        (b"a,b\n1,\0\n", "line 2: found a NUL byte"),
        (b"\xff\xfea\0", "begins with the byte order mark of UTF-16"),
        (b"", "is empty or begins with an empty line"),
    ],
)
def test_malformed_csv_is_one_line_of_ours(tmp_path: Path, content: bytes, problem: str) -> None:
    with pytest.raises(InputError) as error:
        list(TextFile(_file(tmp_path, content)).rows(","))
    assert problem in str(error.value)


def test_a_quote_that_is_never_closed_in_a_large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FIELD_CHARACTERS", 1_000)
    path = _file(tmp_path, b'a,b\n1,"x\n' + b"2,y\n" * 1_000)
    with pytest.raises(InputError, match=r"line 2: .*more than 1,000 characters, or the quote in front .* not closed"):
        list(TextFile(path).rows(","))


@pytest.mark.parametrize(
    "members",
    [
        {"p.csv": b"a\n"},
        {"p.csv": b"a\n", "__MACOSX/._p.csv": b"\0\5"},
        {"data/": b"", "data/p.csv": b"a\n", "data/.DS_Store": b"x", "__MACOSX/data/._p.csv": b"x"},
        {"data\\p.csv": b"a\n"},
    ],
    ids=["plain", "macOS", "a folder inside", "backslashes"],
)
def test_zip_files_as_tools_make_them(tmp_path: Path, members: dict[str, bytes]) -> None:
    for name in ("x.zip", "x"):
        assert list(TextFile(_zip(tmp_path / name, members), "p.csv").lines()) == ["a\n"]


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"p.csv": b"", "q.csv": b""}, "holds 'p.csv', 'q.csv'; allowed: just p.csv"),
        ({"other": b""}, "holds 'other'; allowed: just p.csv"),
        ({"__MACOSX/._p.csv": b""}, "holds no file; allowed: just p.csv"),
        ({"p.csv": b"0" * 100_000}, "holds more than 1,000 bytes"),
    ],
)
def test_zip_files_of_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: dict[str, bytes], problem: str
) -> None:
    monkeypatch.setattr(files, "BOMB_FROM_BYTES", 1_000)
    monkeypatch.setattr(files, "BOMB_RATIO", 2)
    with pytest.raises(InputError, match=problem):
        list(TextFile(_zip(tmp_path / "x.zip", members), "p.csv").lines())


def test_packed_files_are_bounded_and_their_damage_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = b"a" * 999 + b"\n"
    path = _file(tmp_path, gzip.compress(line * 1_000))
    assert sum(map(len, TextFile(path).lines())) == 1_000_000
    monkeypatch.setattr(files, "BOMB_FROM_BYTES", 1_000)
    with pytest.raises(InputError, match=r"holds more than [0-9,]+ bytes"):
        list(TextFile(path).lines())
    packed = gzip.compress(random.Random(1).randbytes(1_000).hex().encode())  # noqa: S311 - noise
    for damaged in (packed[:-20], packed[:50] + b"\xff" * 50 + packed[100:]):
        with pytest.raises(InputError, match=r"file cannot be read: .") as error:
            list(TextFile(_file(tmp_path, damaged)).lines())
        assert "\n" not in str(error.value)
    for name in ("x.gz", "x.zip"):
        with pytest.raises(InputError, match=rf"{name} cannot be read: (Not a gzipped|File is not a zip) file"):
            list(TextFile(_file(tmp_path, b"a,b\n", name), "x").lines())


def test_csv_that_a_spreadsheet_never_runs() -> None:
    rows = [["=1+1", -1, -0.5, None], ["＠sum", 2, 1.0, "plain, quoted"]]  # noqa: RUF001 - the full-width form is meant
    assert csv_text(("q", "n", "x", "t"), rows) == (
        "q,n,x,t\n'=1+1,-1,-0.500000,\n'＠sum,2,1.000000,\"plain, quoted\"\n"  # noqa: RUF001
    )


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    leftover = _file(tmp_path, b"", ".0123.relevance-tmp")
    os.utime(leftover, (0, 0))
    write_file(path, "ä")
    assert path.read_bytes() == "ä".encode()
    with pytest.raises(RuntimeError), replacing(path) as file:  # noqa: PT012 - what is written first is the point
        file.write(b"new")
        raise RuntimeError
    assert path.read_bytes() == "ä".encode()
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208 - names
