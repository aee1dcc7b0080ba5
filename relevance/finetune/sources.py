"""What training data is mixed of: names and shares, as `[finetune] mix` lists them. Nothing heavy is imported here."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relevance.errors import InputError
from relevance.numerals import plain_decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

OWN, DESCRIPTIONS, TITLES = "own", "descriptions", "titles"
"""Pairs of the data set; titles with the rest of their products' texts; products with queries made of their titles."""


@dataclass(frozen=True)
class Source:
    """One of `OWN`, `DESCRIPTIONS` and `TITLES`, or a data set by `NAME[:PATH]`; and the part of it that is taken."""

    name: str
    share: float = 1.0


def parse_mix(texts: Sequence[str]) -> tuple[Source, ...]:
    """Read the list, each `NAME` or `NAME=SHARE`.

    Raises:
        InputError: a share is not above 0 and up to 1, or a source stands twice.
    """
    sources: list[Source] = []
    for text in texts:
        name, equals, written = text.rpartition("=")
        share: float | None = None
        with suppress(ValueError):
            share = plain_decimal(written)
        if not equals or (share is None and "/" in written):  # a path may have a = in it
            name, share = text, 1.0
        if share is None or not 0 < share <= 1:
            raise InputError(f"mix: {text!r}; allowed: NAME or NAME=SHARE, the share above 0 and up to 1")
        if name in [source.name for source in sources]:
            raise InputError(f"mix: {name!r} stands twice; allowed: once")
        sources.append(Source(name, share))
    return tuple(sources)
