"""What is judged beside a data set's own judgments: what counts, what is refused, and how it is written."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.datasets import BEIR, CHORUS, HOMEDEPOT, SHOP, load, triples, write

from relevance import datasets
from relevance.config.reading import read_config
from relevance.datasets import Source, homedepot
from relevance.datasets.overlay import Judging, Rating, beside, changing, read_ratings
from relevance.errors import CouldNotRunError, InputError

HEAD = "query,product,grade,rater,date\n"
DAY = "2026-11-28"
NEEDED = "0.667 on 30 or more is needed: its grades"
OWN = {("shelf", "p2", 2), ("shelf", "7", 0), ("thé mug", "7", 1)}


def overlaid(folder: Path, rows: str, files: dict[str, bytes] | None = None, name: str = "files") -> datasets.Dataset:
    """A data set with these rows, without the date, in its overlay."""
    write(folder, files or SHOP)
    lines = "".join(f"{row},{DAY}\n" for row in rows.split())
    (folder / "judgments.overlay.csv").write_text(HEAD + lines, encoding="utf-8")
    return load(name, folder)


@pytest.mark.parametrize(
    ("rows", "judged"),
    [
        ("", OWN),
        ("q2,p2,2,anna", {*OWN, ("thé mug", "p2", 2)}),
        ("q1,7,1,anna", {*OWN, ("shelf", "7", 1)} - {("shelf", "7", 0)}),
        ("q2,p2,2,anna q2,p2,0,ben q2,p2,1,cleo", {*OWN, ("thé mug", "p2", 1)}),
        ("q2,p2,2,anna q2,p2,0,ben", {*OWN, ("thé mug", "p2", 0)}),
        ("q2,p2,2,anna q2,p2,0,anna", {*OWN, ("thé mug", "p2", 0)}),
        ("q2,p2,0.5,anna", {*OWN, ("thé mug", "p2", 0.5)}),
        ("q9,p2,2,anna q2,p9,2,anna", OWN),
        ("q2,p2,2,auto:one", OWN),
    ],
)
def test_people_replace_and_add_by_the_low_median_of_their_grades(
    tmp_path: Path, rows: str, judged: set[tuple[str, str, float]]
) -> None:
    assert triples(overlaid(tmp_path, rows)) == judged


def test_what_it_changes_is_noted(tmp_path: Path) -> None:
    rows = "q1,7,1,anna q1,p2,2,anna q2,p2,1,anna q2,p2,2,ben q2,p2,0,ben q1,p2,1,ben q9,p2,1,anna q2,p2,2,auto:x"
    assert overlaid(tmp_path, rows).notes == (
        "judgments.overlay.csv: 1 judgment more, 2 with another grade; 6 rows: anna 3, auto:x 1, ben 2",
        "judgments.overlay.csv: people agree: alpha 0.250 on 2 pairs that two or more graded (Krippendorff's, ordinal)",
        f"judgments.overlay.csv: auto:x: alpha 0.000 with people on 1 pair that both graded; {NEEDED} do not count",
        "judgments.overlay.csv: 1 row names a query or product that is gone, and does not count",
        "judgments.overlay.csv: 1 row is replaced by a later one of the same rater",
    )


@pytest.mark.parametrize(("format_", "files"), [("beir", BEIR), ("homedepot", HOMEDEPOT), ("chorus", CHORUS)])
def test_every_format_has_one(tmp_path: Path, format_: str, files: dict[str, bytes]) -> None:
    plain = load(format_, write(tmp_path, files))
    query, product = plain.queries.ids[0], plain.catalogue.ids[0]
    dataset = overlaid(tmp_path, f"{query},{product},7,anna", files, format_)
    text = plain.queries.texts[0]
    assert triples(dataset) == {one for one in triples(plain) if one[:2] != (text, product)} | {(text, product, 7)}
    hashes = [one.judgments.sha256(one.queries, one.catalogue) for one in (plain, dataset)]
    assert hashes[0] != hashes[1]
    assert dataset.judgments.relevant_from == plain.judgments.relevant_from


def test_it_can_be_left_out_and_is_no_file_of_another_name(tmp_path: Path) -> None:
    dataset = overlaid(tmp_path, "q2,p2,2,anna")
    assert not any("not read" in note for note in dataset.notes)
    own = datasets.load(replace(Source("files", "files", tmp_path), overlaid=False))
    assert (triples(own), own.notes) == (OWN, ())


# Automatic raters


def shop(folder: Path, rows: Iterable[str]) -> datasets.Dataset:
    """Forty pairs with own judgments, ten without, in a data set of one query a product."""
    write(folder, {"products.jsonl": "".join(f'{{"id": "p{n}", "title": "t"}}\n' for n in range(50)).encode()})
    write(folder, {"queries.tsv": b"q\tx\n"})
    write(folder, {"qrels.txt": "".join(f"q 0 p{n} {n % 3}\n" for n in range(40)).encode()})
    (folder / "judgments.overlay.csv").write_text(HEAD + "".join(f"{row},{DAY}\n" for row in rows))
    return load("files", folder)


def graded_by_program(agreeing: int, *, of: int = 30, name: str = "auto:x") -> list[str]:
    """So many pairs as people graded them, the others otherwise, and one that nobody else graded."""
    shared = [f"q,p{n},{n % 3 if n < agreeing else (n + 1) % 3},{name}" for n in range(of)]
    return [*shared, f"q,p45,2,{name}"]


@pytest.mark.parametrize(
    ("rows", "counts"),
    [
        (graded_by_program(30), True),
        (graded_by_program(29, of=29), False),  # too few
        (graded_by_program(15), False),  # too far apart
        ([*graded_by_program(30), "q,p45,0,anna"], False),  # a person graded it
        # the grades of a person who thinks otherwise than the data set are what it is compared with
        ([*graded_by_program(30), *(f"q,p{n},{(n + 1) % 3},anna" for n in range(15))], False),
    ],
)
def test_an_automatic_rater_counts_where_it_agrees_with_people(
    tmp_path: Path, rows: list[str], *, counts: bool
) -> None:
    assert (("x", "p45", 2) in triples(shop(tmp_path, rows))) is counts


def test_an_automatic_rater_changes_no_grade_of_people(tmp_path: Path) -> None:
    rows = [*graded_by_program(29), "q,p46,1,anna", "q,p46,0,auto:x"]
    dataset = shop(tmp_path, rows)
    own = {("x", f"p{n}", n % 3) for n in range(40)}
    assert triples(dataset) == own | {("x", "p45", 2), ("x", "p46", 1)}
    assert f"alpha 0.878 with people on 31 pairs that both graded; {NEEDED} count" in dataset.notes[1]


def test_of_several_automatic_raters_the_low_median_counts(tmp_path: Path) -> None:
    rows = [*graded_by_program(30, name="auto:a"), *graded_by_program(30, name="auto:b"), "q,p45,0,auto:b"]
    assert ("x", "p45", 0) in triples(shop(tmp_path, rows))


def test_the_limit_is_a_setting(tmp_path: Path) -> None:
    rows = graded_by_program(20)
    assert ("x", "p45", 2) not in triples(shop(tmp_path, rows))
    file = tmp_path / "relevance.toml"
    file.write_text('dataset = "files:."\n[judging]\nleast_agreement = 0.2\n')
    config = read_config(options={}, environ={}, file=file, root=tmp_path)
    assert config.judging == Judging(0.2)
    assert ("x", "p45", 2) in triples(datasets.load(config.source))
    file.write_text("[judging]\nleast_agreement = 2\n")
    with pytest.raises(InputError, match=r"least_agreement = 2; allowed: a number from -1 to 1"):
        read_config(options={}, environ={}, file=file, root=tmp_path)


# The file


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (HEAD + "q1,p2,2,anna\n", "line 2: found 4 fields; allowed: 5, as in the header"),
        (
            HEAD + f"q1,p2,2,anna,{DAY}\nq1,p2,x,anna,{DAY}\n",
            "line 3, column grade: found 'x'; allowed: a number from 0",
        ),
        (HEAD + f"q1,p2,-1,anna,{DAY}\n", "line 2, column grade: found '-1'; allowed: a number from 0"),
        (HEAD + f"q1,p2,2,,{DAY}\n", "line 2, column rater: found ''; allowed: 1 to 100 printable characters"),
        (HEAD + f"q1,p2,2,{'a' * 101},{DAY}\n", "line 2, column rater: found 'aaa"),
        (HEAD + f"q 1,p2,2,anna,{DAY}\n", "line 2, column query: found 'q 1'; allowed: an id"),
        (HEAD + f"q1,,2,anna,{DAY}\n", "line 2, column product: found ''; allowed: an id"),
        (HEAD + "q1,p2,2,anna,2026-02-30\n", "line 2, column date: found '2026-02-30'; allowed: a date such as"),
        (HEAD + "<<<<<<< ours\n", "line 2: found 1 field; allowed: 5"),
        (
            "query,product,grade\n",
            "line 1: found columns 'query, product, grade'; expected: query, product, grade, rater, date",
        ),
        ("", "is empty or begins with an empty line"),
    ],
)
def test_a_row_that_is_wrong_is_named_by_file_and_line(tmp_path: Path, content: str, line: str) -> None:
    write(tmp_path, {**SHOP, "judgments.overlay.csv": content.encode()})
    with pytest.raises(InputError) as caught:
        load("files", tmp_path)
    text = str(caught.value).replace(f"{tmp_path / 'judgments.overlay.csv'}", "")
    assert line in text
    assert "\n" not in text


def test_what_is_written_is_read_again_whatever_it_begins_with(tmp_path: Path) -> None:
    path = tmp_path / "judgments.overlay.csv"
    ratings = [
        Rating("-q", "=p", 2, "@anna", DAY),
        Rating("-q", "'p", 0.25, "'ben", DAY),
        Rating("'-q", "p", 0, 'an, "apple"', DAY),
    ]
    with changing(path) as kept:
        kept.update({(one.pair, one.rater): one for one in ratings})
    assert set(read_ratings(path)[0].values()) == set(ratings)
    assert not any(line.startswith(("=", "-", "@")) for line in path.read_text().split("\n"))


def test_threads_and_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "judgments.overlay.csv"

    def add(rater: str) -> None:
        for n in range(10):
            with changing(path) as ratings:
                ratings[("q", f"p{n}"), rater] = Rating("q", f"p{n}", 1, rater, DAY)

    threads = [threading.Thread(target=add, args=(f"r{n}",)) for n in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(read_ratings(path)[0]) == 40
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "judgments.overlay.csv"
    with changing(path) as ratings:
        ratings[("q", "p"), "anna"] = Rating("q", "p", 1, "anna", DAY)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CouldNotRunError, match=r"not written: No space left on device"), changing(path) as ratings:
        ratings.clear()
    assert path.read_bytes() == before
    monkeypatch.undo()
    with pytest.raises(KeyError), changing(path) as ratings:
        del ratings[("q", "p"), "anna"], ratings["nobody"]  # type: ignore[index]
    assert path.read_bytes() == before


def test_it_lies_beside_the_data_but_not_in_an_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert beside(Source("mine", "files", tmp_path), "other.csv") == tmp_path / "other.csv"
    sample = beside(Source("sample", "sample"))
    assert sample == homedepot.sample_folder() / "judgments.overlay.csv"
    monkeypatch.setattr(homedepot, "_PACKAGED_SAMPLE", tmp_path)
    assert beside(Source("sample", "sample")) is None
