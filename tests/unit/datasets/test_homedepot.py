"""The Home Depot layout and the sample: what the files become, and how bad ones are refused."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from helpers.datasets import (
    ATTRIBUTES,
    DESCRIPTIONS,
    HOMEDEPOT,
    SOLUTION,
    TEST,
    TRAIN,
    as_csv,
    as_zip,
    attributes,
    load,
    load_pairs,
    products,
    refusal,
    triples,
    write,
)

from relevance import files
from relevance.datasets import homedepot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relevance.records import Dataset

GOOD_ROW = (1, "p", "t", "q", 3)


def _load(folder: Path, rows: Sequence[Sequence[object]], **others: bytes) -> Dataset:
    written = {f"{name}.csv": content for name, content in others.items()}
    return load("homedepot", write(folder, {"train.csv": as_csv(TRAIN, rows), **written}))


@pytest.mark.parametrize(
    ("relevance", "expected"), [(1, 0), (1.33, 0), (1.5, 1), (1.67, 1), (2, 1), (2.5, 1), (2.51, 2), (2.67, 2), (3, 2)]
)
def test_grade_is_the_references(relevance: float, expected: int) -> None:
    """A half is rounded to the even neighbour: both 1.5 and 2.5 give 1."""
    assert homedepot.grade(relevance) == expected


def test_products_queries_and_judgments(tmp_path: Path) -> None:
    """Rows of products that train.csv does not name are ignored and counted; what is relevant is a setting."""
    dataset = load("homedepot", write(tmp_path, HOMEDEPOT), relevant_from=2)
    assert products(dataset) == [["p1", "steel bracket", "holds 20 kg"], ["p2", "oak shelf", ""]]
    assert attributes(dataset) == [("p1", "Colour", "grey"), ("p1", "Bolts", "4"), ("p2", "Wood", "oak")]
    assert triples(dataset) == {("shelf", "p2", 2), ("shelf", "p1", 1), ("bracket", "p1", 2)}
    note = "product_descriptions.csv: 1 row of products that train.csv does not name is ignored"
    assert (dataset.name, dataset.notes, dataset.judgments.relevant_from) == ("homedepot", (note,), 2)


def test_query_id_is_the_hash_of_the_term(tmp_path: Path) -> None:
    """Of the search term as it was read; what differs in white space or case only is noted."""
    dataset = _load(tmp_path, [(1, "p", "t", " Étagère ", 3), (2, "p", "t", "étagère", 3)])
    expected = {f"q{hashlib.sha256(term.encode()).hexdigest()[:12]}": term for term in (" Étagère ", "étagère")}
    assert dict(zip(dataset.queries.ids, dataset.queries.texts, strict=True)) == expected
    assert any("1 query differs from another in white space or case only" in note for note in dataset.notes)


def test_what_is_settled_by_rule_is_noted(tmp_path: Path) -> None:
    """Missing files, several titles (that of the smallest id counts), repeated judgments and descriptions."""
    rows = [(10, "p", "later", "a", 3), (9, "p", "first", "b", "2"), (11, "p", "first", "b", "2.0")]
    dataset = _load(tmp_path, rows)
    assert products(dataset) == [["p", "first", ""]]
    assert dataset.notes == (
        "train.csv: 1 product has several titles: that of the row with the smallest id counts",
        "no product_descriptions.csv: products have no description",
        "no attributes.csv: products have no attributes",
        "train.csv: 1 judgment is repeated and counts once",
    )
    described = _load(tmp_path, rows, product_descriptions=as_csv(DESCRIPTIONS, [("p", "same"), ("p", "same")]))
    assert products(described) == [["p", "first", "same"]]
    assert "product_descriptions.csv: 1 row is repeated and counts once" in described.notes


def test_words_for_nothing_are_text(tmp_path: Path) -> None:
    """NA, null and None are text like any other, in every file."""
    words = ["NA", "null", "None", "nan", "N/A"]
    dataset = _load(
        tmp_path,
        [(number, word, word, word, 3) for number, word in enumerate(words)],
        attributes=as_csv(ATTRIBUTES, [("NA", "null", "None")]),
        product_descriptions=as_csv(DESCRIPTIONS, [("NA", "NA")]),
    )
    assert set(dataset.queries.texts) == set(words) == set(dataset.catalogue.products["title"])
    assert attributes(dataset) == [("NA", "null", "None")]
    assert sorted(dataset.catalogue.products["description"]) == ["", "", "", "", "NA"]


def test_attributes(tmp_path: Path) -> None:
    """A null name or value is ""; blank rows are counted; 100001.0 is 100001, unless a product is called 100001.0."""
    content = b'"product_uid","name","value"\n,,\n1.0,"Wet",\n1,,"a"\n\n5.0,"c","3"\nx.0,"d","4"\n'
    dataset = _load(tmp_path, [(n, p, "t", "q", 3) for n, p in enumerate(("1", "5", "5.0", "x"))], attributes=content)
    assert attributes(dataset) == [("1", "Wet", ""), ("1", "", "a"), ("5.0", "c", "3")]
    assert "attributes.csv: 2 blank rows are skipped" in dataset.notes
    assert "attributes.csv: 1 row of products that train.csv does not name is ignored" in dataset.notes


def test_many_rows(tmp_path: Path) -> None:
    """A table far longer than what is read at once, with stretches of blank rows, is read whole and in order."""
    rows = [(number, f"p{number:04}", "t", f"q{number % 7}", 3) for number in range(1_300)]
    pairs = [("p0003", "a", str(number)) for number in range(1_300)]
    pairs[100:100] = [("", "", "")] * 1_200
    dataset = _load(tmp_path, rows, attributes=as_csv(ATTRIBUTES, pairs))
    assert (len(dataset.catalogue), len(dataset.judgments), len(dataset.queries)) == (1_300, 1_300, 7)
    assert attributes(dataset) == [("p0003", "a", str(number)) for number in range(1_300)]
    assert "attributes.csv: 1,200 blank rows are skipped" in dataset.notes


def test_newlines_quotes_commas_and_any_order_of_columns(tmp_path: Path) -> None:
    """A quoted field may hold line ends of any kind, commas and doubled quotes; a CSV may end its lines by CR LF."""
    title, description = 'a "flat",\nround\r\nshelf\x85', '3/4" bolt\r'
    descriptions = as_csv(DESCRIPTIONS, [("p", description)]).replace(b'"\n"', b'"\r\n"')
    files = {"train.csv": as_csv(TRAIN[::-1], [(3, "q", title, "p", 1)]), "product_descriptions.csv": descriptions}
    assert products(load("homedepot", write(tmp_path, files))) == [["p", title, description]]


def test_pairs_join_test_and_solution(tmp_path: Path) -> None:
    """Pairs are joined by id and ordered by it as a number; ignored ones (relevance -1) are left out."""
    solution = b'"id","relevance","Usage"\n11,2.33,"Private"\n9,3,"Public"\n10,-1,"Ignored"\n'
    test = as_csv(TEST, [(11, "p7", "brass hook", "hook"), (10, "p1", "t", "angle"), (9, "p1", "t", "NA")])
    folder = write(tmp_path, {"test.csv": test, "solution.csv.zip": as_zip("solution.csv", solution)})
    assert load_pairs("homedepot", folder).to_dict("split", index=False) == {
        "columns": ["query", "product", "title", "text", "relevance"],
        "data": [["NA", "p1", "t", "t", 3.0], ["hook", "p7", "brass hook", "brass hook", 2.33]],
    }


def test_the_sample_is_read_from_the_package_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package brings the sample with it; in a checkout it lies in fixtures/sample."""
    monkeypatch.setattr(homedepot, "_CHECKED_OUT_SAMPLE", write(tmp_path / "checkout", HOMEDEPOT))
    monkeypatch.setattr(homedepot, "_PACKAGED_SAMPLE", tmp_path / "packaged")
    assert len(load("sample").catalogue) == 2
    write(tmp_path / "packaged", {"train.csv": as_csv(TRAIN, [GOOD_ROW])})
    assert len(load("sample").catalogue) == 1
    assert refusal("sample", tmp_path).startswith("data set 'sample' takes no path, found")


# Bad files


def _train(*rows: tuple[object, ...]) -> dict[str, bytes]:
    return {"train.csv": as_csv(TRAIN, rows)}


def _zipped(content: bytes) -> dict[str, bytes | None]:
    return {"train.csv": None, "train.csv.zip": content}


def _flagged(offset_in_directory: int, value: int) -> dict[str, bytes | None]:
    """A zip file with a 16-bit field of its central directory overwritten."""
    content = bytearray(as_zip("train.csv", HOMEDEPOT["train.csv"]))
    struct.pack_into("<H", content, content.rindex(b"PK\x01\x02") + offset_in_directory, value)
    return _zipped(bytes(content))


SCALE = "allowed: a decimal number from 1 to 3"
AN_ID = "allowed: an id: one or more printable characters without white space"
ROW = as_csv(TRAIN, [GOOD_ROW])
BAD: list[tuple[Mapping[str, bytes | None], str]] = [
    ({"train.csv": None}, "has no train.csv; train.csv is needed"),
    ({"train.csv.zip": as_zip("train.csv", b"")}, "has both train.csv and train.csv.zip; only one"),
    ({"train.csv": b""}, "train.csv is empty"),
    (_train(("", "", "", "", "")), "train.csv has no rows"),
    ({"train.csv": as_csv(TEST, [GOOD_ROW[:4]])}, "train.csv, line 1: found columns 'id, product_uid, product_ti"),
    ({"attributes.csv": as_csv(("name", "name", "value"), [("p", "a", "b")])}, "line 1: found columns 'name, name, v"),
    ({"attributes.csv": as_csv((*ATTRIBUTES, "x"), [("p", "a", "b", "c")])}, "expected: product_uid, name, value, s"),
    (_train(*((n, "p", "a\nb", f"q{n}", 3) for n in range(900)), (999, "p")), "line 1802: found 2 fields; allowed: 5"),
    ({"train.csv": b"\xef\xbb\xbf" + ROW}, "train.csv is encoded in UTF-8; allowed: Latin-1"),
    ({"train.csv": as_csv(TRAIN, [(1, "p", "É", "q", 3)], "utf-8")}, "train.csv is encoded in UTF-8; allowed: Latin-1"),
    *((_train(GOOD_ROW, (2, "p", "t", "r", bad)), f"line 3, column relevance: found '{bad}'; {SCALE}")
      for bad in ("0.99", "3.01", "-1", "", "nan", "2,33", "²")),
    (_train(GOOD_ROW, (2, "p", "t", "\xa0 \t", 3)), "line 3, column search_term: found '\\xa0 \\t'; allowed: a query"),
    (_train((1, "p", "t", "shelf 6815351", 3), (2, "p", "t", "shelf 13418545", 3)), "the same id q0fd86279f4c2"),
    (_train(GOOD_ROW, (2, "", "t", "q", 3)), f"line 3, column product_uid: found ''; {AN_ID}"),
    (_train(("1", "p 1", "t", "q", 3)), f"line 2, column product_uid: found 'p 1'; {AN_ID}"),
    ({"product_descriptions.csv": as_csv(DESCRIPTIONS, [("p1\n", "x")])}, "line 2, column product_uid: found 'p1\\n'"),
    ({"attributes.csv": as_csv(ATTRIBUTES, [("", "", ""), ("", "a", "b")])}, "line 3, column product_uid: found ''"),
    (_train(("a", "p", "t", "q", 3)), "line 2, column id: found 'a'; allowed: a whole number of at most 18 digits"),
    (_train(GOOD_ROW, (1, "p", "t", "other", 3)), "line 3, column id: found '1'; allowed: an id that no other row has"),
    (
        _train((1, "p", "t", "q", "2.33"), (2, "r", "t", "q", 3), (3, "p", "t", "q", 2)),
        "train.csv, lines 2 and 4, column relevance: found '2.33' and '2.0' for the same search_term 'q', product_",
    ),
    (
        {"product_descriptions.csv": as_csv(DESCRIPTIONS, [("p1", "one\ntwo"), ("p2", "x"), ("p1", "one")])},
        "lines 2 and 5, column product_description: found 'one\\ntwo' and 'one' for the same product_uid 'p1'",
    ),
    (_train((1, "p", "t", "q", "3" * 100)), f"found '{'3' * 59}…; {SCALE}"),
    (_zipped(HOMEDEPOT["train.csv"]), "train.csv.zip cannot be read: File is not a zip file"),
    (_flagged(8, 1), "train.csv.zip is encrypted; allowed: a zip file without a password"),
    (_flagged(10, 12), "train.csv.zip is packed by method 12; allowed: stored, deflated"),
]  # fmt: skip
BAD_PAIRS: list[tuple[Mapping[str, bytes | None], str]] = [
    ({"solution.csv": None}, "has no solution.csv; solution.csv is needed"),
    ({"test.csv": None}, "has no test.csv; test.csv is needed"),
    (
        {"solution.csv": as_csv(SOLUTION, [(10, -1, ""), (11, "-0.5", "")])},
        f"solution.csv, line 3, column relevance: found '-0.5'; {SCALE}, or -1 (ignored)",
    ),
    (
        {"solution.csv": as_csv(SOLUTION, [(10, -1, "")])},
        "test.csv, line 3, column id: found '11'; allowed: an id of s",
    ),
    (
        {"solution.csv": as_csv(SOLUTION, [(10, -1, ""), (11, 2, ""), (12, 3, "")])},
        "solution.csv, line 4, column id: found '12'; allowed: an id of test.csv",
    ),
    ({"test.csv": as_csv(TEST, [(10, "p", "t", "thé")], "utf-8")}, "test.csv is encoded in UTF-8"),
]


@pytest.mark.parametrize(
    ("bad", "expected", "pairs"), [(*case, False) for case in BAD] + [(*case, True) for case in BAD_PAIRS]
)
def test_a_bad_file(tmp_path: Path, bad: Mapping[str, bytes | None], expected: str, pairs: bool) -> None:  # noqa: FBT001
    """It is named with line and column, and with what is allowed."""
    assert expected in refusal("homedepot", write(tmp_path, {**HOMEDEPOT, **bad}), pairs=pairs)


def test_what_is_no_folder_or_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, an unprintable name on one line, also where the file is optional; and what the system says."""
    path = tmp_path / "no\nfolder"
    assert refusal("homedepot", path) == f"data set 'homedepot': there is no folder {str(path)!r}"
    assert refusal("homedepot").startswith("data set 'homedepot' needs the folder of its files")
    folder = write(tmp_path / "files", {"train.csv": ROW})
    assert refusal("homedepot", folder / "train.csv").endswith("is not a folder")
    (folder / "product_descriptions.csv.zip").mkdir()
    assert refusal("homedepot", folder) == "product_descriptions.csv.zip is not a file"

    def refuse(self: Path, mode: str) -> NoReturn:
        raise PermissionError(13, "Permission denied", str(self), mode)

    monkeypatch.setattr(Path, "open", refuse)
    assert refusal("homedepot", folder) == "train.csv cannot be read: Permission denied"


@pytest.mark.parametrize(("declared", "problem"), [(2**20, "holds more than "), (100, "cannot be read: Bad CRC-32")])
def test_a_zip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: int, problem: str) -> None:
    """A zip file that unpacks to far more than its size is refused by what comes out; a false size is no way out."""
    monkeypatch.setattr(files, "BOMB_FROM_BYTES", 2**16)
    content = bytearray(as_zip("train.csv", b"a" * 2**20))
    struct.pack_into("<I", content, content.rindex(b"PK\x01\x02") + 24, declared)
    assert problem in refusal("homedepot", write(tmp_path, {"train.csv.zip": bytes(content)}))
