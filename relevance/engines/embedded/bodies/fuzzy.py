"""Terms that are spelt about like a word."""

from __future__ import annotations

from dataclasses import dataclass

from relevance.engines.embedded.bodies.nodes import Node


@dataclass(frozen=True)
class Fuzzy(Node):
    """Terms a few edits away from a word; rewriting looks them up."""

    path: str
    term: str
    fuzziness: str = "AUTO"
    prefix_length: int = 0
    max_expansions: int = 50
    transpositions: bool = True
