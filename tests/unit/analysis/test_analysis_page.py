"""The page docs/analysis.md names what the tables hold."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from relevance.analysis import Analysis
from relevance.analysis.analyzers import ANALYZERS
from relevance.analysis.chains import CHAINED
from relevance.analysis.char_filters import CHAR_FILTERS
from relevance.analysis.filters import FILTERS
from relevance.analysis.languages import stop_words
from relevance.analysis.stemmers import SNOWBALL, STEMMERS
from relevance.analysis.tokenizers import TOKENIZERS

PAGE = (Path(__file__).parents[3] / "docs" / "analysis.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("char filters", CHAR_FILTERS),
        ("tokenizers", TOKENIZERS),
        ("token filters", [*FILTERS, *CHAINED]),
        ("stemmers", STEMMERS),
        ("Snowball", SNOWBALL),
        ("stop words", [f"_{name}_" for name in stop_words() if " " not in name]),
        ("analyzers", ANALYZERS),
    ],
)
def test_the_table_is_complete(part: str, names: Iterable[str]) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {part} |"))
    assert re.findall("`([^`]+)`", row) == sorted(names, key=str)


def test_the_example_gives_what_it_shows() -> None:
    code = PAGE.split("```python\n")[1].split("```")[0]
    names: dict[str, Analysis] = {}
    exec(code.replace("print(", "shown = ("), names)  # noqa: S102 - our own page
    assert str(names["shown"]) == code.rsplit("# ", 1)[1].strip()
