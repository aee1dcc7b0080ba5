"""Whole texts that are compared with a file; `RELEVANCE_UPDATE_GOLDEN=1 pytest …` writes the files anew."""

import os
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "unit" / "report" / "golden"


def check(name: str, text: str) -> None:
    file = FOLDER / name
    if os.environ.get("RELEVANCE_UPDATE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
