"""`relevance.toml`, options, environment and defaults: read once, checked, frozen.

An option outranks an environment variable, which outranks the file, which outranks the default. Relative paths start
at the file's folder where they stand in the file, else at the working directory.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relevance.config.keys import FILE_NAME, KEYS, Key
    from relevance.config.options import add_options, given_options
    from relevance.config.reading import find_upwards, read_config
    from relevance.config.record import Config, rows

_HOMES = {
    "FILE_NAME": "keys",
    "KEYS": "keys",
    "Config": "record",
    "Key": "keys",
    "add_options": "options",
    "find_upwards": "reading",
    "given_options": "options",
    "read_config": "reading",
    "rows": "record",
}

__all__ = [
    "FILE_NAME",
    "KEYS",
    "Config",
    "Key",
    "add_options",
    "find_upwards",
    "given_options",
    "read_config",
    "rows",
]


def __getattr__(name: str) -> Any:
    """Import a name where it is first used (PEP 562): the table of keys costs nothing, so `pytest --help` is fast."""
    if name not in _HOMES:
        raise AttributeError(f"module 'relevance.config' has no attribute {name!r}")
    return getattr(import_module(f"relevance.config.{_HOMES[name]}"), name)
