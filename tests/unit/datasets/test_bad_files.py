"""Bad files of data sets: each is an error of one line that says what, where and what is allowed."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written import (
    ATTRIBUTES,
    CHORUS,
    DESCRIPTIONS,
    HOMEDEPOT,
    RATINGS,
    SOLUTION,
    TEST,
    TRAIN,
    as_csv,
    as_json,
    as_zip,
    load,
    load_pairs,
    write,
)

from relevance.datasets import files
from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MISSING = b"(no such file)"
GOOD_ROW = (1, "p", "t", "q", 3)
COLUMNS = "id, product_uid, product_title, search_term, relevance"
AN_ID = "an id: one or more printable characters without white space"
A_QUERY = "a query of at least one character that is not white space"
QUOTING = 'allowed: CSV, fields in "quotes", a quote inside as ""'


def _train(*rows: tuple[object, ...]) -> dict[str, bytes]:
    return {"train.csv": as_csv(TRAIN, rows)}


def _ratings(*rows: tuple[object, ...]) -> dict[str, bytes]:
    return {"Broad_Query_Set_rated.csv": as_csv(RATINGS, rows, "utf-8")}


def _two_members() -> bytes:
    packed = io.BytesIO(as_zip("train.csv", HOMEDEPOT["train.csv"]))
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("notes\n.txt", "x")
    return packed.getvalue()


def _flagged(offset_in_directory: int, value: int, name: str = "train.csv") -> bytes:
    """A zip file with a 16-bit field of its central directory overwritten."""
    content = bytearray(as_zip(name, HOMEDEPOT[name]))
    struct.pack_into("<H", content, content.rindex(b"PK\x01\x02") + offset_in_directory, value)
    return bytes(content)


BAD_HOMEDEPOT: Mapping[str, tuple[Mapping[str, bytes], str]] = {
    "no train.csv": ({"train.csv": MISSING}, "{dir} has neither train.csv nor train.csv.zip; one of them is needed"),
    "plain and zipped": (
        {"train.csv.zip": as_zip("train.csv", b"")},
        "{dir} has both train.csv and train.csv.zip; only one of them may be there",
    ),
    "empty file": (
        {"train.csv": b""},
        f"{{dir}}/train.csv is empty or begins with an empty line; expected columns: {COLUMNS}",
    ),
    "header only": (_train(), "{dir}/train.csv has a header but no rows; allowed: one row or more"),
    "blank rows only": (
        _train(("", "", "", "", "")),
        "{dir}/train.csv has a header but no rows; allowed: one row or more",
    ),
    "missing column": (
        {"train.csv": as_csv(TEST, [GOOD_ROW[:4]])},
        "{dir}/train.csv, line 1: found columns 'id, product_uid, product_title, search_term'; expected: " + COLUMNS,
    ),
    "wrong column": (
        {"attributes.csv": as_csv(("uid", "name", "value"), [("p", "a", "b")])},
        "{dir}/attributes.csv, line 1: found columns 'uid, name, value'; expected: product_uid, name, value",
    ),
    "column twice": (
        {"attributes.csv": as_csv(("name", "name", "value"), [("p", "a", "b")])},
        "{dir}/attributes.csv, line 1: found columns 'name, name, value'; expected: product_uid, name, value",
    ),
    "semicolons": (
        {"attributes.csv": b"product_uid;name;value\np;a;b\n"},
        "{dir}/attributes.csv, line 1: found columns 'product_uid;name;value'; expected: product_uid, name, value",
    ),
    "too few fields": (_train(GOOD_ROW, (2, "p", "two\nlines")), "{dir}/train.csv, line 3: found 3 fields; allowed: 5"),
    "too many fields": (
        _train((*GOOD_ROW[:2], "a\nb", "q", 3), (*GOOD_ROW, 3)),
        "{dir}/train.csv, line 4: found 6 fields; allowed: 5",
    ),
    "too many fields in all rows": (_train((*GOOD_ROW, 3)), "{dir}/train.csv, line 2: found 6 fields; allowed: 5"),
    "too few fields far down": (
        _train(*((number, "p", "a\nb", f"q{number}", 3) for number in range(1_500)), (2_000, "p", "t", "q")),
        "{dir}/train.csv, line 3002: found 4 fields; allowed: 5",
    ),
    "quote not closed": (
        {"train.csv": as_csv(TRAIN, [GOOD_ROW]) + b'2,"p","t,"q",3\n'},
        f"{{dir}}/train.csv, line 3: ',' expected after '\"'; {QUOTING}",
    ),
    "text behind a quote": (
        {"train.csv": as_csv(TRAIN, [GOOD_ROW]) + b'2,"p","t"x,"q",3\n'},
        f"{{dir}}/train.csv, line 3: ',' expected after '\"'; {QUOTING}",
    ),
    "quote open to the end": (
        {"train.csv": as_csv(TRAIN, [GOOD_ROW]) + b'2,"p","t\n3,p,t,q,3\n'},
        f"{{dir}}/train.csv, line 3: unexpected end of data; {QUOTING}",
    ),
    "endless field": (
        _train((1, "p", "t" * 140_000, "q", 3)),
        f"{{dir}}/train.csv, line 2: field larger than field limit (131072); {QUOTING}",
    ),
    "byte order mark": (
        {"train.csv": b"\xef\xbb\xbf" + HOMEDEPOT["train.csv"]},
        "{dir}/train.csv begins with the byte order mark of UTF-8; allowed: Latin-1 without one",
    ),
    "UTF-16": (
        {"train.csv": HOMEDEPOT["train.csv"].decode().encode("utf-16")},
        "{dir}/train.csv begins with the byte order mark of UTF-16; allowed: Latin-1 without one",
    ),
    "UTF-8": (
        {"train.csv": as_csv(TRAIN, [(1, "p", "Étagère", "q", 3)], "utf-8")},
        "{dir}/train.csv is encoded in UTF-8; allowed: Latin-1",
    ),
    "NUL byte": (
        _train(GOOD_ROW, (2, "p", "t\0", "q", 3)),
        "{dir}/train.csv, line 3: found a NUL byte; allowed: Latin-1 text",
    ),
    "relevance below the scale": (
        _train(GOOD_ROW, (2, "p", "t", "r", "0.99")),
        "{dir}/train.csv, line 3, column relevance: found '0.99'; allowed: a decimal number from 1 to 3",
    ),
    "relevance above the scale": (
        _train((1, "p", "a\nb", "q", 3), (2, "p", "t", "r", "3.01")),
        "{dir}/train.csv, line 4, column relevance: found '3.01'; allowed: a decimal number from 1 to 3",
    ),
    "relevance ignored": (
        _train((1, "p", "t", "q", -1)),
        "{dir}/train.csv, line 2, column relevance: found '-1'; allowed: a decimal number from 1 to 3",
    ),
    "relevance empty": (
        _train((1, "p", "t", "q", "")),
        "{dir}/train.csv, line 2, column relevance: found ''; allowed: a decimal number from 1 to 3",
    ),
    "relevance a word": (
        _train((1, "p", "t", "q", "nan")),
        "{dir}/train.csv, line 2, column relevance: found 'nan'; allowed: a decimal number from 1 to 3",
    ),
    "relevance with a comma": (
        _train((1, "p", "t", "q", "2,33")),
        "{dir}/train.csv, line 2, column relevance: found '2,33'; allowed: a decimal number from 1 to 3",
    ),
    "relevance in other digits": (
        {"train.csv": as_csv(TRAIN, [(1, "p", "t", "q", "\xb2")])},
        "{dir}/train.csv, line 2, column relevance: found '²'; allowed: a decimal number from 1 to 3",
    ),
    "empty query": (
        _train(GOOD_ROW, (2, "p", "t", "\xa0 \t", 3)),
        f"{{dir}}/train.csv, line 3, column search_term: found '\\xa0 \\t'; allowed: {A_QUERY}",
    ),
    "two queries of one id": (
        _train((1, "p", "t", "shelf 6815351", 3), (2, "p", "t", "shelf 13418545", 3)),
        (
            "{dir}/train.csv: the queries 'shelf 6815351' and 'shelf 13418545' have the same id q0fd86279f4c2;"
            " allowed: one query an id"
        ),
    ),
    "empty product id": (
        _train(GOOD_ROW, (2, "", "t", "q", 3)),
        f"{{dir}}/train.csv, line 3, column product_uid: found ''; allowed: {AN_ID}",
    ),
    "product id with white space": (
        _train(("1", "p 1", "t", "q", 3)),
        f"{{dir}}/train.csv, line 2, column product_uid: found 'p 1'; allowed: {AN_ID}",
    ),
    "product id with a line end": (
        {"product_descriptions.csv": as_csv(DESCRIPTIONS, [("p1\n", "text")])},
        f"{{dir}}/product_descriptions.csv, line 2, column product_uid: found 'p1\\n'; allowed: {AN_ID}",
    ),
    "attribute of no product": (
        {"attributes.csv": as_csv(ATTRIBUTES, [("p1", "a", "b"), ("", "", ""), ("", "Colour", "red")])},
        f"{{dir}}/attributes.csv, line 4, column product_uid: found ''; allowed: {AN_ID}",
    ),
    "row id not a number": (
        _train(("a", "p", "t", "q", 3)),
        "{dir}/train.csv, line 2, column id: found 'a'; allowed: a whole number of at most 18 digits",
    ),
    "row id twice": (
        _train(GOOD_ROW, (1, "p", "t", "other", 3)),
        "{dir}/train.csv, line 3, column id: found '1'; allowed: an id that no other row has",
    ),
    "judgments that disagree": (
        _train((1, "p", "t", "q", "2.33"), (2, "r", "t", "q", 3), (3, "p", "t", "q", 2)),
        (
            "{dir}/train.csv, lines 2 and 4, column relevance: found '2.33' and '2.0' for the same"
            " search_term 'q', product_uid 'p'; allowed: one value"
        ),
    ),
    "descriptions that disagree": (
        {"product_descriptions.csv": as_csv(DESCRIPTIONS, [("p1", "one\ntwo"), ("p2", "x"), ("p1", "one")])},
        (
            "{dir}/product_descriptions.csv, lines 2 and 5, column product_description:"
            " found 'one\\ntwo' and 'one' for the same product_uid 'p1'; allowed: one value"
        ),
    ),
    "long value": (
        _train((1, "p", "t", "q", "3" * 100)),
        f"{{dir}}/train.csv, line 2, column relevance: found '{'3' * 59}…; allowed: a decimal number from 1 to 3",
    ),
    "no zip file": (
        {"train.csv": MISSING, "train.csv.zip": HOMEDEPOT["train.csv"]},
        "{dir}/train.csv.zip cannot be read: File is not a zip file",
    ),
    "empty zip file": (
        {"train.csv": MISSING, "train.csv.zip": b"PK\x05\x06" + bytes(18)},
        "{dir}/train.csv.zip holds no file; allowed: just train.csv",
    ),
    "zip file of another file": (
        {"train.csv": MISSING, "train.csv.zip": as_zip("test.csv", b"")},
        "{dir}/train.csv.zip holds 'test.csv'; allowed: just train.csv",
    ),
    "zip file of several files": (
        {"train.csv": MISSING, "train.csv.zip": _two_members()},
        "{dir}/train.csv.zip holds 'train.csv', 'notes\\n.txt'; allowed: just train.csv",
    ),
    "encrypted zip file": (
        {"train.csv": MISSING, "train.csv.zip": _flagged(8, 1)},
        "{dir}/train.csv.zip is encrypted; allowed: a zip file without a password",
    ),
    "zip file of another method": (
        {"train.csv": MISSING, "train.csv.zip": _flagged(10, zipfile.ZIP_BZIP2)},
        "{dir}/train.csv.zip is packed by method 12; allowed: stored, deflated",
    ),
    "cut zip file": (
        {"train.csv": MISSING, "train.csv.zip": as_zip("train.csv", HOMEDEPOT["train.csv"])[:-30]},
        "{dir}/train.csv.zip cannot be read: File is not a zip file",
    ),
}

BAD_CHORUS: Mapping[str, tuple[Mapping[str, bytes], str]] = {
    "no 3.json": ({"3.json": MISSING}, "{dir} has neither 3.json nor 3.json.zip; one of them is needed"),
    "no ratings": (
        {"Broad_Query_Set_rated.csv": MISSING},
        "{dir} has neither Broad_Query_Set_rated.csv nor Broad_Query_Set_rated.csv.zip; one of them is needed",
    ),
    "Latin-1 ratings": (
        {"Broad_Query_Set_rated.csv": as_csv(RATINGS, [("mug", "21", 3), ("thé", "21", 3)])},
        "{dir}/Broad_Query_Set_rated.csv, line 3: found byte 0xe9, which is not UTF-8; allowed: UTF-8 text",
    ),
    "Latin-1 products": (
        {"1.json": b'[{"id": "21",\n"title": "caf\xe9"}]'},
        "{dir}/1.json, line 2: found byte 0xe9, which is not UTF-8; allowed: UTF-8 text",
    ),
    "empty JSON": (
        {"1.json": b""},
        "{dir}/1.json, line 1, column 1: Expecting value; allowed: a JSON list of products",
    ),
    "cut JSON": (
        {"1.json": b'[{"id": "21",\n "title":'},
        "{dir}/1.json, line 2, column 10: Expecting value; allowed: a JSON list of products",
    ),
    "an object": (
        {"1.json": b'{"id": "21"}'},
        "{dir}/1.json: found an object; allowed: a JSON list of one product or more",
    ),
    "an empty list": ({"1.json": b"[]"}, "{dir}/1.json: found a list; allowed: a JSON list of one product or more"),
    "a list of text": ({"1.json": b'["21"]'}, "{dir}/1.json, item 1: found '21'; allowed: an object"),
    "nested too deeply": (
        {"1.json": b"[" * 100_000},
        "{dir}/1.json is nested too deeply; allowed: a JSON list of products",
    ),
    "a key twice": (
        {"1.json": b'[{"id": "21", "title": "a", "title": "b"}]'},
        "{dir}/1.json: found the key 'title' twice in one object; allowed: a JSON list of products",
    ),
    "NaN": (
        {"1.json": b'[{"id": "21", "title": "a", "attr_n_a": NaN}]'},
        "{dir}/1.json: found NaN, which is no JSON; allowed: a JSON list of products",
    ),
    "no id": ({"1.json": as_json({"title": "a"})}, "{dir}/1.json, item 1, key 'id': found nothing; allowed: text"),
    "id a number": (
        {"1.json": as_json({"id": "5", "title": "a"}, {"id": 21, "title": "a"})},
        "{dir}/1.json, item 2, key 'id': found the number 21; allowed: text",
    ),
    "id with white space": (
        {"1.json": as_json({"id": "21\u2003", "title": "a"})},
        f"{{dir}}/1.json, item 1, key 'id': found '21\\u2003'; allowed: {AN_ID}",
    ),
    "no title": (
        {"1.json": as_json({"id": "21"})},
        "{dir}/1.json, item 1, key 'title': found nothing; allowed: text",
    ),
    "description null": (
        {"1.json": as_json({"id": "21", "title": "a", "short_description": None})},
        "{dir}/1.json, item 1, key 'short_description': found null; allowed: text",
    ),
    "attribute a list": (
        {"1.json": as_json({"id": "21", "title": "a", "attr_t_x": ["a"]})},
        "{dir}/1.json, item 1, key 'attr_t_x': found a list; allowed: text, a number, true or false",
    ),
    "lone surrogate": (
        {"1.json": b'[{"id": "21", "title": "a", "attr_t_x": "b\\ud800"}]'},
        "{dir}/1.json, item 1: found '\\ud800'; allowed: Unicode characters, no lone surrogate",
    ),
    "products that disagree": (
        {"2.json": as_json({"id": "21", "title": "Other"})},
        "{dir}/2.json, item 1, key 'id': found '21'; allowed: an id that no other product has, unless both are equal",
    ),
    "rating above the scale": (
        _ratings(("mug", "21", 3), ("cup", "21", 4)),
        "{dir}/Broad_Query_Set_rated.csv, line 3, column rating: found '4'; allowed: 0, 1, 2, 3",
    ),
    "rating not whole": (
        _ratings(("mug", "21", "1.5")),
        "{dir}/Broad_Query_Set_rated.csv, line 2, column rating: found '1.5'; allowed: 0, 1, 2, 3",
    ),
    "rating of an unknown product": (
        _ratings(("mug", "21", 3), ("mug", "99", 0)),
        (
            "{dir}/Broad_Query_Set_rated.csv, line 3, column docid: found '99';"
            " allowed: the id of a product of the data set, or unknown_products = drop"
        ),
    ),
    "ratings that disagree": (
        _ratings(("mug", "21", 3), ("mug", "21", 2)),
        (
            "{dir}/Broad_Query_Set_rated.csv, lines 2 and 3, column rating: found '3' and '2' for the same"
            " query 'mug', docid '21'; allowed: one value"
        ),
    ),
    "empty query": (
        _ratings(("mug", "21", 3), (" ", "21", 2)),
        f"{{dir}}/Broad_Query_Set_rated.csv, line 3, column query: found ' '; allowed: {A_QUERY}",
    ),
}

BAD_PAIRS: Mapping[str, tuple[Mapping[str, bytes], str]] = {
    "no solution": (
        {"solution.csv": MISSING},
        "{dir} has neither solution.csv nor solution.csv.zip; one of them is needed",
    ),
    "no test": ({"test.csv": MISSING}, "{dir} has neither test.csv nor test.csv.zip; one of them is needed"),
    "relevance out of range": (
        {"solution.csv": as_csv(SOLUTION, [(10, -1, "Ignored"), (11, "-0.5", "Private")])},
        (
            "{dir}/solution.csv, line 3, column relevance: found '-0.5';"
            " allowed: a decimal number from 1 to 3, or -1 (ignored)"
        ),
    ),
    "pair without relevance": (
        {"solution.csv": as_csv(SOLUTION, [(10, -1, "Ignored")])},
        "{dir}/test.csv, line 3, column id: found '11'; allowed: an id of solution.csv",
    ),
    "relevance without pair": (
        {"solution.csv": as_csv(SOLUTION, [(10, -1, ""), (11, 2, ""), (12, 3, "")])},
        "{dir}/solution.csv, line 4, column id: found '12'; allowed: an id of test.csv",
    ),
    "UTF-8": (
        {"test.csv": as_csv(TEST, [(10, "p", "t", "thé"), (11, "p", "t", "q")], "utf-8")},
        "{dir}/test.csv is encoded in UTF-8; allowed: Latin-1",
    ),
}


def _message(load: Callable[[Path], object], folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        load(folder)
    return str(caught.value)


def _folder(tmp_path: Path, good: Mapping[str, bytes], bad: Mapping[str, bytes]) -> Path:
    written = {name: content for name, content in {**good, **bad}.items() if content is not MISSING}
    return write(tmp_path / "files", written)


@pytest.mark.parametrize(("bad", "expected"), BAD_HOMEDEPOT.values(), ids=BAD_HOMEDEPOT)
def test_homedepot(tmp_path: Path, bad: Mapping[str, bytes], expected: str) -> None:
    """A bad file in the Home Depot layout is named with line and column."""
    folder = _folder(tmp_path, HOMEDEPOT, bad)
    assert _message(lambda path: load("homedepot", path), folder) == expected.replace("{dir}", str(folder))


@pytest.mark.parametrize(("bad", "expected"), BAD_CHORUS.values(), ids=BAD_CHORUS)
def test_chorus(tmp_path: Path, bad: Mapping[str, bytes], expected: str) -> None:
    """A bad file of the Chorus catalogue is named with line and column, or item and key."""
    folder = _folder(tmp_path, CHORUS, bad)
    assert _message(lambda path: load("chorus", path), folder) == expected.replace("{dir}", str(folder))


@pytest.mark.parametrize(("bad", "expected"), BAD_PAIRS.values(), ids=BAD_PAIRS)
def test_pairs(tmp_path: Path, bad: Mapping[str, bytes], expected: str) -> None:
    """A bad file of fine-tuning pairs is named with line and column."""
    folder = _folder(tmp_path, HOMEDEPOT, bad)
    assert _message(lambda path: load_pairs("homedepot", path), folder) == expected.replace("{dir}", str(folder))


def test_no_folder(tmp_path: Path) -> None:
    """A folder that is not there, or is a file, is named; an unprintable name stays on one line."""
    path = tmp_path / "no\nfolder"
    message = _message(lambda folder: load("homedepot", folder), path)
    assert message == f"data set 'homedepot': there is no folder {str(path)!r}"
    file = tmp_path / "file"
    file.write_bytes(b"")
    assert _message(lambda folder: load("chorus", folder), file) == f"data set 'chorus': {file} is not a folder"


def test_a_folder_or_a_broken_link_for_a_file(tmp_path: Path) -> None:
    """What bears a file's name and is none is refused, also where the file is optional."""
    folder = write(tmp_path, {"train.csv": HOMEDEPOT["train.csv"]})
    (folder / "attributes.csv").symlink_to(folder / "gone.csv")
    assert _message(lambda path: load("homedepot", path), folder) == f"{folder}/attributes.csv is not a file"
    (folder / "product_descriptions.csv.zip").mkdir()
    message = _message(lambda path: load("homedepot", path), folder)
    assert message == f"{folder}/product_descriptions.csv.zip is not a file"


def test_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system says when a file cannot be opened is passed on."""

    def refuse(self: Path, mode: str) -> NoReturn:
        raise PermissionError(13, "Permission denied", str(self), mode)

    folder = write(tmp_path, HOMEDEPOT)
    monkeypatch.setattr(Path, "open", refuse)
    message = _message(lambda path: load("homedepot", path), folder)
    assert message == f"{folder}/train.csv cannot be read: Permission denied"


@pytest.mark.parametrize("declared", [2**20, 100])
def test_a_zip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: int) -> None:
    """A zip file that unpacks to far more than its size is refused by what comes out; a false size is no way out."""
    monkeypatch.setattr(files, "BOMB_FROM_BYTES", 2**16)
    content = bytearray(as_zip("train.csv", b"a" * 2**20))
    struct.pack_into("<I", content, content.rindex(b"PK\x01\x02") + 24, declared)
    folder = write(tmp_path, {"train.csv.zip": bytes(content)})
    message = _message(lambda path: load("homedepot", path), folder)
    most = f"{200 * len(content):,}"
    bomb = f"{folder}/train.csv.zip holds more than {most} bytes, the most that is read from such a file"
    assert message == (
        bomb if declared == 2**20 else f"{folder}/train.csv.zip cannot be read: Bad CRC-32 for file 'train.csv'"
    )


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit holds for plain files too."""
    monkeypatch.setattr(files, "MAX_BYTES", 100)
    folder = write(tmp_path, HOMEDEPOT)
    message = _message(lambda path: load("homedepot", path), folder)
    assert message == f"{folder}/train.csv holds more than 100 bytes, the most that is read from such a file"


_ZIP = as_zip("train.csv", HOMEDEPOT["train.csv"])


@given(st.lists(st.tuples(st.integers(0, len(_ZIP) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_zip_file_is_an_error_of_one_line(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    """Whichever bytes of a zip file are wrong, the data set loads as it was, or one line says why it does not."""
    content = bytearray(_ZIP)
    for at, byte in changes:
        content[at] = byte
    folder = write(tmp_path_factory.mktemp("damaged"), {"train.csv.zip": bytes(content)})
    try:
        outcome = load("homedepot", folder).catalogue.products["title"].tolist()
    except InputError as error:
        outcome = str(error).splitlines()[1:]
    assert outcome in (["steel bracket", "oak shelf"], [])
