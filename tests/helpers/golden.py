"""Whole texts that are compared with a file; `RELEVANCE_UPDATE_GOLDEN=1 pytest …` writes the files anew."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "unit" / "report" / "golden"


def check(name: str, text: str) -> None:
    """Compare a text with its file."""
    file = FOLDER / name
    if os.environ.get("RELEVANCE_UPDATE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
