"""Untrusted text in Markdown: a renderer shows it as it was."""

from __future__ import annotations

import html
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_changes import ODD
from markdown_it import MarkdownIt

from relevance.report.markdown import code, escaped, shortened, table

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40) | st.text(
    "\\\\`*_[]()<>&|~$!#@:/.wa1-+=\"' \n;", max_size=40
)
_CELL = re.compile(r"<td>(.*?)</td>", re.DOTALL)


def shown(text: str) -> str:
    """What a reader sees of a text: white space is one space, characters that cannot be seen are gone."""
    spaced = " ".join(text.split())
    unseen = {"Cc", "Cf", "Cs"}
    kept = "".join(one for one in spaced if one in "\u200c\u200d" or unicodedata.category(one) not in unseen)
    return kept.strip()


def cells(*texts: str) -> list[str]:
    """The cells of a rendered row; HTML in them stays as it is."""
    lines = table(["head"] * len(texts), [texts], left=len(texts))
    return _CELL.findall(MARKDOWN.render("\n".join(lines)))


@pytest.mark.parametrize("text", [*ODD, "\\", "a\\|b", "![x](y.png)", "1. one", "- x", "a~~b~~", "&copy;", "`a` | `b`"])
def test_odd_texts_stay_text(text: str) -> None:
    """Pipes, line ends, HTML, links, emphasis and code are shown, not obeyed."""
    assert html.unescape(cells(escaped(text), "end")[0]) == shown(text)
    assert MARKDOWN.render(f"- {escaped(text)}").count("<") == 4  # the list's own tags


@given(TEXTS)
def test_every_text_is_shown_in_its_cell(text: str) -> None:
    """A row with any text in it has two cells, without any tag, and the first reads as the text."""
    found = cells(escaped(text), "end")
    assert len(found) == 2
    assert "<" not in found[0]
    assert html.unescape(found[0]).strip() == shown(text)


@given(TEXTS.filter(shown))
def test_every_name_is_shown_as_code(text: str) -> None:
    """Code is one element that reads as the name."""
    found = cells(code(text), "end")
    assert len(found) == 2
    inner = re.fullmatch(r"<code>([^<]*)</code>", found[0])
    assert inner is not None
    assert html.unescape(inner[1]).strip() == shown(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("see http://example.org", "see http\\://example.org"),
        ("www.example.org", "www\\.example.org"),
        ("me@example.org", "me\\@example.org"),
        ("$x$", "&#36;x&#36;"),
        ("half \ud800 pair", "half  pair"),
        ("left \u202e right", "left  right"),
    ],
)
def test_what_some_sites_make_of_text_is_taken_away(text: str, written: str) -> None:
    """Bare addresses, formulas, halves of surrogate pairs, turns of the direction of writing."""
    assert escaped(text) == written


def test_a_plain_name_is_plain_code() -> None:
    """Names of strategies and models are readable in the raw page."""
    assert code("vectorsearch_finetune") == "`vectorsearch_finetune`"
    assert code("a`b") == "<code>a\\`b</code>"


def test_long_texts_are_cut_before_they_are_escaped() -> None:
    """So many characters with the mark of the cut, and no more."""
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abc defg", 6) == "abc d…"
    assert shortened("abcd efg", 6) == "abcd…"
