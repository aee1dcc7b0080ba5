"""Text for people: counted nouns, tables, and the one place that makes text from data harmless where it is shown."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_LONGEST_LINE = 4_000


def plural(number: int, noun: str, nouns: str = "") -> str:
    """Count: `1 query`, `3,000 queries`; `nouns` where an ending does not do (`judgments are`)."""
    if number == 1:
        return f"1 {noun}"
    if nouns:
        return f"{number:,} {nouns}"
    if re.search("[^aeiou]y$", noun):
        return f"{number:,} {noun[:-1]}ies"
    return f"{number:,} {noun}{'es' if noun.endswith(('s', 'x', 'ch', 'sh')) else 's'}"


def some(texts: Sequence[str], most: int) -> str:
    """Join the first texts by commas and count those that are left out: `a, b and 3 more`."""
    more = f" and {len(texts) - most:,} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


_MINUTE, _HOUR = 60, 3600


def duration(seconds: float) -> str:
    """Seconds for people, roughly: `40 s`, `3 min`, `2.5 h`."""
    if seconds < 2 * _MINUTE:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:.1f} h"


# Controls but the tab, separators of lines, embeddings, overrides and isolates of directions, byte order marks, tags,
# and halves of surrogate pairs. Joiners, soft hyphens and direction marks belong to ordinary text.
_CONTROL = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
# Azure Pipelines, TeamCity, MyGet and older GitHub runners look for ##name[ anywhere in a line, GitHub for :: at its
# start; GitLab and Travis fold at a mark (which needs control characters too, but not in every viewer).
_COMMAND = re.compile(
    r"##\w*(?=\[)|^\s*(?=::)|\bsection_(?:start|end)(?=:\d)|\btravis_(?:fold|time)(?=:)", re.IGNORECASE
)


# user:password with whatever is in it, or a token alone; a path made of a URL has one slash
_CREDENTIALS = re.compile(r"(?<=\w)(:/+)(?:[^\s/:@]*:\S*|[^\s/@…]+)@")


def without_credentials(text: str) -> str:
    """Text with `…` in the place of what stands before the @ of a URL."""
    return _CREDENTIALS.sub(r"\1…@", text)


def printable(text: str) -> str:
    r"""Escape what a terminal or a CI log would obey, so that a line only shows: `\x1b[2J`, `##vso\[…]`, `\::error::`.

    Every line that is printed and every error goes through this. Harmless text is not changed, nor is text that went
    through it before. The end of a line of more than 4,000 characters is cut. Credentials of URLs are left out.
    """
    line = shortened(without_credentials(text), _LONGEST_LINE)
    line = _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), line)
    return shortened(_COMMAND.sub(lambda match: f"{match[0]}\\", line), _LONGEST_LINE)


def printable_lines(text: str) -> str:
    """Escape each line of a text that has several."""
    return "\n".join(map(printable, text.split("\n")))


def shortened(text: str, most: int) -> str:
    """Text of at most so many characters, its end cut where it is longer."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def one_line(text: str, most: int = _LONGEST_LINE) -> str:
    """Text from data as a part of a printed line: printable, any white space one space."""
    return printable(shortened(" ".join(text.split()), most))


def width(text: str) -> int:
    """Columns that a terminal needs for a text."""
    return sum(map(_columns, text)) if not text.isascii() else len(text)


def _columns(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"F", "W"} else 1


def fitted(text: str, columns: int) -> str:
    """Text of exactly so many columns, two or more: padded with spaces, or cut with `…` at its end."""
    taken = width(text)
    if taken <= columns:
        return text + " " * (columns - taken)
    kept = list(text)
    while taken > columns - 1:
        taken -= _columns(kept.pop())
    return "".join(kept) + "…" + " " * (columns - 1 - taken)


def terminal_table(rows: Sequence[Sequence[str]], *, right: Collection[int] = ()) -> list[str]:
    """Lines with columns aligned to the left, those of the numbers `right` to the right."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        padded = ((cell, " " * (most - width(cell))) for cell, most in zip(row, widths, strict=True))
        cells = (spaces + cell if at in right else cell + spaces for at, (cell, spaces) in enumerate(padded))
        lines.append("  ".join(cells).rstrip())
    return lines


_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;"}  # $ opens a formula on some sites
# not the _ inside of a word, the @ of nDCG@10 and the sign of a number
_SPECIAL = re.compile(
    r"[&<>$]|[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=[wW]{3})\.|@(?!\d+(?![\w.-]))"
    r"|^[-+](?!\d)|^[#=]|^[0-9]+[.)](?=\s|$)"
)
_PLAIN = re.compile(r"[A-Za-z0-9_.:/+-]([A-Za-z0-9_.:/ +-]*[A-Za-z0-9_.:/+-])?")
_JOINERS = "\u200c\u200d"  # that some scripts cannot be written without


def markdown(text: str) -> str:
    """Text that a Markdown page shows as it is, in a table's cell or in a line.

    Emphasis, code, links, addresses that some sites make links of, HTML, formulas, lists and headings lose their
    meaning. White space becomes one space; characters that cannot be seen (controls, marks that turn the direction of
    writing, halves of surrogate pairs) are left out.
    """
    spaced = " ".join(text.split())
    shown = "".join(one for one in spaced if one in _JOINERS or unicodedata.category(one) not in {"Cc", "Cf", "Cs"})
    return _SPECIAL.sub(_escape, shown)


def _escape(match: re.Match[str]) -> str:
    special = match[0]
    return _ENTITIES.get(special, f"{special[:-1]}\\{special[-1]}")


def markdown_code(text: str) -> str:
    """A name or a value as code; HTML's where a character of it could end Markdown's own."""
    return f"`{text}`" if _PLAIN.fullmatch(text) else f"<code>{markdown(text)}</code>"
