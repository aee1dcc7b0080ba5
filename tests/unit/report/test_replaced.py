"""A folder replaced whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from relevance.errors import InputError
from relevance.report.replaced import check_replaceable, replace_folder


def held(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_there_is_gone(tmp_path: Path) -> None:
    """Only the new files are there, and nothing beside the folder."""
    replace_folder(tmp_path / "out", {"old.txt": "old"})
    replace_folder(tmp_path / "out", {"a/text.txt": "ä\n", "picture.png": b"\x89"})
    assert held(tmp_path) == {"out/a/text.txt": "ä\n".encode(), "out/picture.png": b"\x89"}


def test_half_a_folder_is_none(tmp_path: Path) -> None:
    """A file that cannot be written leaves what was there, and no rest."""
    replace_folder(tmp_path / "out", {"old.txt": "old"})
    with pytest.raises(OSError, match=r"too long|File name"):
        replace_folder(tmp_path / "out", {"new.txt": "new", "x" * 300: ""})
    assert held(tmp_path) == {"out/old.txt": b"old"}


def test_a_last_step_that_fails_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the new folder cannot be moved into its place, the old one is there again."""
    replace_folder(tmp_path / "out", {"old.txt": "old"})
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="no"):
        replace_folder(tmp_path / "out", {"new.txt": "new"})
    assert held(tmp_path) == {"out/old.txt": b"old"}


def test_other_peoples_files_are_refused(tmp_path: Path) -> None:
    """A folder without the mark, or a file, is never replaced; a new, empty or earlier one may be."""

    def check(folder: Path) -> None:
        check_replaceable(folder, mark="mark.csv", named="--out x", earlier="an earlier report")

    (tmp_path / "mine").mkdir()
    check(tmp_path / "mine")
    check(tmp_path / "new" / "deep")
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(InputError, match=r"^--out x: holds other files; allowed: .* an earlier report$"):
        check(tmp_path / "mine")
    with pytest.raises(InputError, match=r"^--out x: is a file"):
        check(tmp_path / "mine" / "thesis.txt")
    (tmp_path / "mine" / "mark.csv").write_text("x")
    check(tmp_path / "mine")
