"""Terms one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from relevance.engines.embedded.bodies.nodes import Node

Places: TypeAlias = tuple[tuple[int, tuple[str, ...]], ...]
"""The words of a phrase: positions from 0 on, and the terms that may stand there."""


@dataclass(frozen=True)
class Phrase(Node):
    """Terms one after the other, moved by so many positions at most."""

    path: str
    places: Places
    slop: int = 0


@dataclass(frozen=True)
class PhrasePrefix(Node):
    """A phrase whose last term is the beginning of one; rewriting looks the first of these up."""

    path: str
    places: Places
    slop: int
    max_expansions: int


@dataclass(frozen=True)
class SpanNear(Node):
    """Pieces of a graph one after the other, each of them the paths that it may be."""

    path: str
    pieces: tuple[tuple[Places, ...], ...]
