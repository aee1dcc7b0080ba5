"""What people read: counted nouns, tables, progress, and the one place that makes text from data harmless."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from typing import Self, TextIO

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


def chance(p: float) -> str:
    """A p value for people: `0.012`; `3e-07` where zeros would have to be counted."""
    return f"{p:.2g}" if p >= 1e-4 else f"{p:.0e}"  # noqa: PLR2004


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


def middle_cut(text: str, columns: int) -> str:
    """Text of at most so many columns, `…` for its middle where it is longer: ends tell names apart, too."""
    taken, half = width(text), len(text) // 2
    if taken <= columns:
        return text
    start, end = list(text[:half]), list(text[half:])
    while taken > columns - 1:
        taken -= _columns(start.pop() if len(start) > len(end) else end.pop(0))
    return f"{''.join(start)}…{''.join(end)}"


def folded(text: str, columns: int) -> list[str]:
    """Lines of at most so many columns, broken at spaces; those behind the first stand two further in.

    A longer word, such as a path, is not broken: it can be copied. Nor is a row whose spaces make columns.
    """
    if width(text) <= columns or "  " in text.strip():
        return [text]
    indent = " " * (len(text) - len(text.lstrip()))
    lines, line = [], indent
    for word in text.split():
        joined = f"{line} {word}" if line.strip() else f"{line}{word}"
        if width(joined) > columns and line.strip():
            lines.append(line)
            joined = f"{indent}  {word}"
        line = joined
    return [*lines, line]


def beside(start: str, text: str, columns: int | None) -> list[str]:
    """Lines of at most so many columns (None: any number), the text folded behind its start, as in a column."""
    first, *rest = [text] if columns is None else folded(text, columns - width(start))
    return [f"{start}{first}", *(f"{' ' * width(start)}{line.strip()}" for line in rest)]


def terminal_table(rows: Sequence[Sequence[str]], *, right: Collection[int] = ()) -> list[str]:
    """Lines with columns aligned to the left, those of the numbers `right` to the right."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        padded = ((cell, " " * (most - width(cell))) for cell, most in zip(row, widths, strict=True))
        cells = (spaces + cell if at in right else cell + spaces for at, (cell, spaces) in enumerate(padded))
        lines.append("  ".join(cells).rstrip())
    return lines


@dataclass(frozen=True)
class Line:
    """A line of text for a person.

    Attributes:
        mark: what it means, of `STYLES`.
        part: what it is one of, where a screen may have no room for all of them; "" for a line that is always shown.
        is_first: whether it is shown before others of its part.
    """

    text: str
    mark: str = ""
    part: str = ""
    is_first: bool = False

    def __post_init__(self) -> None:
        """Escape what a terminal or a CI log would obey."""
        object.__setattr__(self, "text", printable(self.text))


STYLES: Mapping[str, Mapping[str, bool]] = {
    "good": {"green": True},
    "bad": {"red": True, "bold": True},
    "warn": {"yellow": True},
    "head": {"bold": True},
    "": {},
}
"""How a line is shown by its mark, in the words of pytest's terminal."""

_ANSI = {"bold": "1", "red": "31", "green": "32", "yellow": "33"}


def is_coloured(stream: TextIO) -> bool:
    """Whether lines of a stream are coloured: on a terminal; `NO_COLOR` and `FORCE_COLOR`, not empty, decide first."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")


def coloured(line: Line) -> str:
    """Text with the escape sequences of its style."""
    codes = ";".join(_ANSI[name] for name in STYLES[line.mark])
    return f"\x1b[{codes}m{line.text}\x1b[0m" if codes and line.text else line.text


_LEAST_CUT = 24


def narrow_table(  # noqa: PLR0913 - a table, its room, and what gives way
    table: Mapping[str, Sequence[str]],
    left_out: Sequence[str],
    most: int | None,
    *,
    right: Collection[str] = (),
    cut: str = "",
    shorten: Callable[[str, int], str] = shortened,
) -> list[str]:
    """Lines of a table without those columns that a terminal of `most` signs has no room for.

    Args:
        table: cells by column, the first of each its head.
        left_out: columns that go, in this order, until the rest has room.
        most: None: any number.
        right: columns that are aligned to the right.
        cut: a column that is cut, to `_LEAST_CUT` signs, before another one goes; "" for none.
        shorten: how its cells are cut.
    """
    kept = dict(table)
    for name in ("", *left_out):
        kept.pop(name, None)
        shown = kept
        if cut and most is not None:
            room = most - sum(max(map(width, cells)) + 2 for each, cells in kept.items() if each != cut)
            shown = {**kept, cut: [shorten(cell, max(room, _LEAST_CUT)) for cell in kept[cut]]}
        numbers = {at for at, each in enumerate(shown) if each in right}
        lines = terminal_table(list(zip(*shown.values(), strict=True)), right=numbers)
        if most is None or max(map(width, lines)) <= most:
            break
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


# How far long work is

# a CI log shows that something goes on, and stays short: work of a minute says nothing but that it takes one
_FIRST_S, _EVERY_S = 10.0, 30.0

_first_output: list[Callable[[], object]] = []


@contextmanager
def before_output(call: Callable[[], object]) -> Iterator[None]:
    """Call something before the first bar or line within the block, such as the end of a line that pytest has begun."""
    _first_output.append(call)
    try:
        yield
    finally:
        _first_output.clear()


def _begin_output() -> None:
    while _first_output:
        _first_output.pop()()


def progress_bar(  # noqa: PLR0913 - by name
    total: float, what: str, unit: str, *, shown: bool, initial: int = 0, within: bool = False
) -> Any:
    """Follow work of `total` steps on stderr: a `tqdm` bar on a terminal, else `ProgressLines`.

    Both are context managers with `update`, `set_postfix_str` and `close`.

    Args:
        total: how many steps there are.
        what: the work, for people: `embedding products`.
        unit: what a step is: `text`; `B` for bytes.
        shown: False for one that says nothing.
        initial: steps that were done earlier.
        within: whether it is a part of other work that has a bar: shown after two seconds, and taken off at its end.
    """
    if shown and not sys.stderr.isatty():
        return ProgressLines(total, what, unit, initial=initial)
    from tqdm import tqdm  # noqa: PLC0415 - only where there is something to wait for

    if shown and not within:
        _begin_output()
    more: dict[str, Any] = {"leave": False, "delay": 2} if within else {}
    return tqdm(total=total, desc=what, unit=unit, initial=initial, unit_scale=unit == "B", disable=not shown, **more)


class ProgressLines:
    """Says on stderr how far the work is: after ten seconds, then every thirty."""

    def __init__(
        self, total: float, what: str, unit: str, *, initial: int = 0, clock: Callable[[], float] = monotonic
    ) -> None:
        self.total = total
        self._what, self._unit, self._clock = what, unit, clock
        self._initial, self.n = initial, float(initial)
        self._start = clock()
        self._next = self._start + _FIRST_S

    def update(self, steps: float = 1) -> None:
        """Count steps that were done."""
        self.n += steps
        now = self._clock()
        if now < self._next or self.n >= self.total:
            return
        self._next = now + _EVERY_S
        fresh = self.n - self._initial
        left_s = (now - self._start) * (self.total - self.n) / fresh if fresh else 0.0
        left = f"{left_s / 60:.0f} min" if left_s > 90 else f"{left_s:.0f} s"  # noqa: PLR2004 - a minute and a half
        _begin_output()
        size, unit = (1e6, "MB") if self._unit == "B" else (1, self._unit)
        print(  # noqa: T201 - what the user waits for
            printable(f"{self._what}: {self.n / size:,.0f} of {self.total / size:,.0f} ({unit}), about {left} left"),
            file=sys.stderr,
            flush=True,
        )

    def set_postfix_str(self, text: str) -> None:
        """Only a bar has room for it."""

    def close(self) -> None:
        """There is nothing to take off the terminal."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
