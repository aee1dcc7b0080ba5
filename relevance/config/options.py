"""The options that the keys make, for argparse and for pytest. It imports nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relevance.config.keys import FILE_NAME, KEYS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from relevance.config.keys import Key

__all__ = ["DECIMALS", "LISTS", "WHOLE_NUMBERS", "add_options", "given_options"]

WHOLE_NUMBERS = ("number", "seconds", "shards", "replicas", "positive", "batch", "tokens", "seed")
"""The kinds whose values are whole numbers."""

DECIMALS = ("share", "rate")
"""Those whose values are decimal numbers."""

LISTS = ("names", "files")
"""Those whose values are lists of texts."""

_DEST = "relevance_"


def add_options(add: Callable[..., object], command: str = "") -> None:
    """Add `--config` and the option of every key by argparse's `add_argument` or pytest's `addoption`.

    Args:
        add: that method.
        command: whose own options are added too.
    """
    add(
        "--config",
        dest=f"{_DEST}config",
        metavar="FILE",
        help=f"configuration (default: {FILE_NAME} where there is one)",
    )
    for key in KEYS:
        if key.option and key.command in ("", command):
            text = f"{key.meaning} (default: {key.default})"
            add(key.option, dest=_DEST + key.name, default=None, help=text, **_taken(key))


def _taken(key: Key) -> Mapping[str, object]:
    """What argparse has to know of an option's value."""
    if key.kind == "flag":
        return {"action": "store_const", "const": True}
    if key.kind in LISTS:
        return {"action": "append", "metavar": key.metavar}
    taken = int if key.kind in WHOLE_NUMBERS else float if key.kind in DECIMALS else str
    return {"type": taken, "metavar": key.metavar}


def given_options(namespace: argparse.Namespace) -> dict[str, object]:
    """The options that were given, by name, `--config` aside."""
    values = {key.name: getattr(namespace, _DEST + key.name, None) for key in KEYS if key.option}
    return {name: value for name, value in values.items() if value is not None}
