"""Text of users on a terminal: shown, never obeyed, and cut by the columns that it takes."""

from __future__ import annotations

import unicodedata

__all__ = ["fitted", "plain"]

_WIDE = {"F", "W"}
_NO_WIDTH = {"Mn", "Me"}


def plain(text: str) -> str:
    """One line without control characters (an escape could recolour or rewrite the screen); spaces become one."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in " ".join(text.split()))


def _columns(sign: str) -> int:
    if unicodedata.category(sign) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(sign) in _WIDE else 1


def fitted(text: str, columns: int) -> str:
    """Text of exactly so many columns, two or more: padded with spaces, or cut with `…` at its end."""
    taken, kept = 0, []
    for sign in text:
        taken += _columns(sign)
        kept.append(sign)
    if taken <= columns:
        return text + " " * (columns - taken)
    while taken > columns - 1:
        taken -= _columns(kept.pop())
    return "".join(kept) + "…" + " " * (columns - 1 - taken)
