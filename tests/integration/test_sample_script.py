"""The script that made the committed sample."""

import runpy
import sys
from pathlib import Path

import pytest

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


def test_made_again_the_sample_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FIXTURES)
    monkeypatch.setattr(sys, "argv", ["make_sample.py", "--out", str(tmp_path)])
    runpy.run_path(str(FIXTURES / "make_sample.py"), run_name="__main__")
    again = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert again == {path.name: path.read_bytes() for path in (FIXTURES / "sample").glob("*.csv")}
