"""Text for people: harmless on a terminal, in a CI log and in Markdown; counted and aligned."""

from __future__ import annotations

import html
import re
import unicodedata

import pytest
from helpers.changes import ODD
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from relevance.errors import InputError
from relevance.text import (
    Line,
    duration,
    fitted,
    markdown,
    markdown_code,
    one_line,
    plural,
    printable,
    shortened,
    some,
    terminal_table,
)

HOSTILE = {
    "##vso[task.setvariable variable=x]y": r"##vso\[task.setvariable variable=x]y",
    "lamp ##VSO[task.complete]": r"lamp ##VSO\[task.complete]",
    "##[error]lamp": r"##\[error]lamp",
    "##[set-env name=PATH;]x": r"##\[set-env name=PATH;]x",
    "##teamcity[buildProblem description='x']": r"##teamcity\[buildProblem description='x']",
    "::error file=a.py::x": r"\::error file=a.py::x",
    "::set-output name=a::b": r"\::set-output name=a::b",
    "  ::stop-commands::end": r"  \::stop-commands::end",
    "section_start:1560896352:x\r\x1b[0Kx": r"section_start\:1560896352:x\r\x1b[0Kx",
    "travis_fold:start:x": r"travis_fold\:start:x",
    "\x1b[2J\x1b]0;x\x07": r"\x1b[2J\x1b]0;x\x07",
    "a\n::error::b": r"a\n::error::b",
    "a\rb\x85c\u2028d\x9b2J": r"a\rb\x85c\u2028d\x9b2J",
    "\u202egnp.exe\u2066": r"\u202egnp.exe\u2066",
    "half \ud800": r"half \ud800",
}
HARMLESS = (
    "drill bit, 1/2 in.",
    r"C:\shop\data",
    "日本語 grün",
    "👩\u200d🔧 🇫🇷",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u200f",  # Persian, with a joiner
    "## heading [x]",
    "a::b ::c",
    "test_x.py::test_y",
    "a\tb",
    "soft\u00adhyphen",
    "section_start",
)


@pytest.mark.parametrize(("text", "shown"), HOSTILE.items())
def test_nothing_printed_is_obeyed(text: str, shown: str) -> None:
    assert printable(text) == shown == printable(shown)
    assert Line(text).text == shown
    error = InputError(text, details=[f"x{text}"])
    assert str(error) == shown
    assert not any(re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]|##\w*\[", line) for line in error.details)


def test_what_is_printed_as_it_is() -> None:
    assert [printable(text) for text in HARMLESS] == list(HARMLESS)
    for character in "x\x1b":
        assert len(printable(character * 1_000_000)) == len(str(InputError(character * 1_000_000))) == 4000


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (plural(1, "query"), "1 query"),
        (plural(0, "query"), "0 queries"),
        (plural(2, "day"), "2 days"),
        (plural(3000, "search"), "3,000 searches"),
        (plural(2, "judgment is", "judgments are"), "2 judgments are"),
        (some(["a", "b", "c"], 3), "a, b, c"),
        (some(["a", "b", "c"], 2), "a, b and 1 more"),
        (duration(0.2), "1 s"),
        (duration(119), "119 s"),
        (duration(121), "2 min"),
        (duration(7200), "2.0 h"),
        (shortened("abcdef", 6), "abcdef"),
        (shortened("abc defg", 6), "abc d…"),
        (shortened("abcd efg", 6), "abcd…"),
        (one_line(" a\n\tb\u202e\x07 "), r"a b\u202e\x07"),
        (one_line("abcdef", 4), "abc…"),
        (fitted("ab", 6), "ab    "),
        (fitted("abcdefg", 6), "abcde…"),
        (fitted("日本語", 6), "日本語"),  # wide characters take two columns
        (fitted("日本語字", 6), "日本… "),
        (fitted("e\u0301", 6), "e\u0301     "),  # combining marks take none
        ("|".join(terminal_table([["name", "n"], ["日本", "123"]], right={1})), "name    n|日本  123"),
    ],
)
def test_counted_listed_cut_and_aligned(shown: str, expected: str) -> None:
    assert shown == expected


MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40) | st.text(
    "\\\\`*_[]()<>&|~$!#@:/.wa1-+=\"' \n;", max_size=40
)


def visible(text: str) -> str:
    """What a reader sees of a text: white space is one space, characters that cannot be seen are gone."""
    unseen = {"Cc", "Cf", "Cs"}
    spaced = " ".join(text.split())
    return "".join(one for one in spaced if one in "\u200c\u200d" or unicodedata.category(one) not in unseen).strip()


def is_shown(text: str) -> None:
    """Check that a row with a text in it, as text or as code, has its cells, and that they read as the text."""
    shown = visible(text)
    cells = (markdown(text), markdown_code(text) if shown else "", "end")
    page = MARKDOWN.render(f"|a|b|c|\n|-|-|-|\n| {' | '.join(cells)} |")
    as_text, as_code, end = re.findall(r"<td>(.*?)</td>", page, re.DOTALL)
    assert "<" not in as_text
    assert html.unescape(as_text).strip() == shown
    code = re.fullmatch(r"<code>([^<]*)</code>", as_code) if shown else None
    assert html.unescape(code[1] if code else "").strip() == shown
    assert end == "end"


@given(TEXTS)
def test_every_text_is_shown_in_its_cell(text: str) -> None:
    is_shown(text)


@pytest.mark.parametrize("text", [*ODD, "\\", "a\\|b", "![x](y.png)", "1. one", "- x", "a~~b~~", "&copy;", "`a` | `b`"])
def test_odd_texts_stay_text(text: str) -> None:
    is_shown(text)
    assert MARKDOWN.render(f"- {markdown(text)}").count("<") == 4


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (markdown("see http://example.org"), "see http\\://example.org"),
        (markdown("www.example.org"), "www\\.example.org"),
        (markdown("me@example.org"), "me\\@example.org"),
        (markdown("$x$"), "&#36;x&#36;"),
        (markdown("half \ud800 pair"), "half  pair"),
        (markdown("left \u202e right"), "left  right"),
        (markdown_code("vectorsearch_finetune"), "`vectorsearch_finetune`"),
        (markdown_code("a`b"), "<code>a\\`b</code>"),
    ],
)
def test_what_is_written(written: str, expected: str) -> None:
    assert written == expected
