"""Folders of ours are replaced whole, those of others never."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relevance.errors import InputError
from relevance.report.folder import MARK, check_folder, write_folder

if TYPE_CHECKING:
    from pathlib import Path

EARLIER = {
    "results": ("results.json", "per_query.json", "queries.tsv", "qrels.txt", "runs", "titles.tsv"),
    "diagnosis": ("diagnosis.md", "diagnosis.json", "to_judge.csv"),
    "tuning": ("combinations.csv", "held_out.csv", "strategy.toml", "index.md", "heatmap.png"),
    "mutations": ("mutations.json", "mutations.csv", "mutations.md"),
    "report": ("index.md", "training.csv", "comparison.csv", "queries.csv", "pairs.csv", "curve.png", "notes.txt"),
}
"""What versions before the mark have written."""


def holding(folder: Path, names: tuple[str, ...]) -> Path:
    """A folder with such files."""
    folder.mkdir()
    for name in names:
        (folder / name).write_text("{}")
    return folder


@pytest.mark.parametrize("content", EARLIER)
def test_a_folder_of_ours_is_replaced(tmp_path: Path, content: str) -> None:
    """One that is new, empty, was written by us, or by a version that left no mark."""
    out = tmp_path / "deep" / "out"
    check_folder(out, content=content)
    write_folder(out, {"a": "1"}, content=content)
    check_folder(out, content=content)
    write_folder(out, {"b": "2", "c/d": "3"}, content=content)
    assert {path.name for path in out.rglob("*")} == {MARK, "b", "c", "d"}
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    old = holding(tmp_path / "old", EARLIER[content])
    check_folder(old, content=content)
    write_folder(old, {"b": "2"}, content=content)
    check_folder(holding(tmp_path / "empty", ()), content=content)


@pytest.mark.parametrize(
    "names",
    [
        ("results.json",),
        ("results.json", "package.json", "src"),
        (*EARLIER["results"], "thesis.txt"),
        ("index.md", "training.csv"),
        (".git",),
    ],
    ids=["of another tool", "of a package", "got company", "half", "hidden"],
)
@pytest.mark.parametrize("content", EARLIER)
def test_a_folder_of_others_stays(tmp_path: Path, names: tuple[str, ...], content: str) -> None:
    """Other tools write results.json too, and a folder of ours may have got company."""
    theirs = holding(tmp_path / "theirs", names)
    with pytest.raises(InputError, match=r"^--out .*theirs: holds other files; allowed: a new or empty folder, or "):
        check_folder(theirs, content=content)
    with pytest.raises(FileExistsError):
        write_folder(theirs, {"a": "1"}, content=content)
    assert {path.name for path in theirs.iterdir()} == set(names)


def test_one_kind_of_ours_is_not_lost_to_another(tmp_path: Path) -> None:
    """Results are not replaced by a diagnosis, marked or not."""
    write_folder(tmp_path / "marked", {"a": "1"})
    old = holding(tmp_path / "old", EARLIER["results"])
    for folder in (tmp_path / "marked", old):
        with pytest.raises(InputError, match=r"--out x: holds earlier results, which would be lost; allowed: a new"):
            check_folder(folder, content="diagnosis", named="--out x")


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("file", "is a file; allowed: a folder, which is replaced whole"),
        ("file/out", "is not a folder that can be written to"),
    ],
)
def test_a_place_that_cannot_be(tmp_path: Path, place: str, why: str) -> None:
    """Said before anything long starts."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=why):
        check_folder(tmp_path / place)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The folder behind it is replaced."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    write_folder(tmp_path / "out", {"a": "1"})
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "disk" / "a").read_text() == "1"
