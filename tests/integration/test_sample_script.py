"""The script that made the committed sample."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


def test_made_again_it_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script writes the committed bytes, and nothing else into the folder."""
    monkeypatch.syspath_prepend(FIXTURES)
    monkeypatch.setattr(sys, "argv", ["make_sample.py", "--out", str(tmp_path)])
    runpy.run_path(str(FIXTURES / "make_sample.py"), run_name="__main__")
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(
        path.stem for path in (FIXTURES / "sample").glob("*.csv")
    )
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (FIXTURES / "sample" / path.name).read_bytes(), "run fixtures/make_sample.py"
