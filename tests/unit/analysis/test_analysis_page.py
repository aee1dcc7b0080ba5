"""Every component of Elasticsearch is known or refused by name, and docs/analysis.md says which."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from relevance.analysis import Analysis
from relevance.analysis.analyzers import ANALYZERS
from relevance.analysis.char_filters import CHAR_FILTERS
from relevance.analysis.filters import FILTERS
from relevance.analysis.languages import stop_words
from relevance.analysis.refused import REFUSED
from relevance.analysis.stemmers import SNOWBALL, STEMMERS
from relevance.analysis.tokenizers import TOKENIZERS

PAGE = (Path(__file__).parents[3] / "docs" / "analysis.md").read_text(encoding="utf-8")
COMPONENTS = Path(__file__).with_name("elasticsearch_components.txt").read_text(encoding="utf-8").splitlines()[1:]
KNOWN: dict[str, Iterable[str]] = {
    "char_filter": CHAR_FILTERS,
    "tokenizer": TOKENIZERS,
    "filter": [*FILTERS, "multiplexer", "synonym", "synonym_graph"],
    "stemmer": STEMMERS,
    "analyzer": ANALYZERS,
}
TITLES = {
    "char_filter": "char filters",
    "tokenizer": "tokenizers",
    "filter": "token filters",
    "stemmer": "stemmers",
    "analyzer": "analyzers",
}


@pytest.mark.parametrize("line", COMPONENTS, ids=lambda line: line.partition(":")[0])
def test_every_component_is_known_or_refused(line: str) -> None:
    part, _, names = line.partition(": ")
    assert not set(REFUSED[part]) & set(KNOWN[part])
    assert set(names.split()) <= {*KNOWN[part], *REFUSED[part]}


@pytest.mark.parametrize(
    ("title", "names"),
    [
        *((TITLES[part], names) for part, names in KNOWN.items()),
        ("Snowball", SNOWBALL),
        ("stop words", [f"_{name}_" for name in stop_words() if " " not in name]),
    ],
)
def test_the_page_names_what_is_known(title: str, names: Iterable[str]) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {title} |"))
    assert re.findall("`([^`]+)`", row) == sorted(names, key=str)


def test_the_page_names_what_is_refused_and_why() -> None:
    rows = re.findall(r"^\| ([a-z ]+) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
    said = {(title, name, why) for title, names, why in rows for name in re.findall("`([^`]+)`", names)}
    assert said == {(TITLES[part], name, why) for part, names in REFUSED.items() for name, why in names.items()}


@pytest.mark.parametrize(
    ("analysis", "line"),
    [
        (
            {"analyzer": {"x": {"tokenizer": "standard", "filter": ["hunspell"]}}},
            "settings.analysis.analyzer.x.filter: filter 'hunspell' reads files of the server; allowed: stemmer, ",
        ),
        (
            {
                "analyzer": {"x": {"tokenizer": "icu"}},
                "tokenizer": {"icu": {"type": "icu_tokenizer"}},
            },
            "settings.analysis.tokenizer.icu.type: tokenizer 'icu_tokenizer' comes with the plugin analysis-icu; ",
        ),
        ({"analyzer": {"x": {"type": "polish"}}}, "settings.analysis.analyzer.x.type: analyzer 'polish' comes with "),
        (
            {
                "analyzer": {"x": {"tokenizer": "standard", "filter": ["s"]}},
                "filter": {"s": {"type": "stemmer", "language": "lovins"}},
            },
            "settings.analysis.filter.s (stemmer): language 'lovins' is gone from release 9; allowed: english, ",
        ),
    ],
)
def test_a_refusal_says_where_why_and_what_instead(analysis: dict[str, object], line: str) -> None:
    [error] = Analysis({"analysis": analysis}).errors()
    assert str(error).startswith(line)


def test_the_example_gives_what_it_shows() -> None:
    code = PAGE.split("```python\n")[1].split("```")[0]
    names: dict[str, Analysis] = {}
    exec(code.replace("print(", "shown = ("), names)  # noqa: S102 - our own page
    assert str(names["shown"]) == code.rsplit("# ", 1)[1].strip()
