"""Markdown from untrusted text: what a shop's data say is shown, never obeyed."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["code", "escaped", "shortened", "table"]

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;"}  # $ opens a formula on some sites
_SPECIAL = re.compile(r"[&<>$]|[\\`*_\[\]|~]|:(?=//)|(?<=[wW]{3})\.|@|^[-+#=]|^[0-9]+[.)](?=\s|$)")
_PLAIN = re.compile(r"[A-Za-z0-9_.:/+-]([A-Za-z0-9_.:/ +-]*[A-Za-z0-9_.:/+-])?")
_INVISIBLE = {"Cc", "Cf", "Cs"}
_JOINERS = "\u200c\u200d"  # that some scripts cannot be written without


def escaped(text: str) -> str:
    """Text that a Markdown page shows as it is, in a table's cell or in a line.

    Emphasis, code, links, addresses that some sites make links of, HTML, formulas, lists and headings lose their
    meaning. White space becomes one space; characters that cannot be seen (controls, marks that turn the direction of
    writing, halves of surrogate pairs) are left out.
    """
    spaced = " ".join(text.split())
    shown = "".join(one for one in spaced if one in _JOINERS or unicodedata.category(one) not in _INVISIBLE)
    return _SPECIAL.sub(_escape, shown)


def _escape(match: re.Match[str]) -> str:
    found = match[0]
    return _ENTITIES.get(found, f"{found[:-1]}\\{found[-1]}")


def shortened(text: str, most: int) -> str:
    """Text of at most so many characters, its end cut where it is longer; to be escaped afterwards."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def code(text: str) -> str:
    """A name or a value as code; HTML's where a character of it could end Markdown's own."""
    return f"`{text}`" if _PLAIN.fullmatch(text) else f"<code>{escaped(text)}</code>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """Lines of a table; the cells are Markdown already.

    Args:
        head: names of the columns.
        rows: cells.
        left: so many columns are aligned to the left, those behind them to the right.
    """
    rule = ["---" if at < left else "---:" for at in range(len(head))]
    return [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]
