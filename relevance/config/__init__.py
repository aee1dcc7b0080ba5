"""`relevance.toml`, options, environment and defaults: read once, checked, frozen.

An option outranks an environment variable, which outranks the file, which outranks the default. Relative paths start
at the file's folder where they stand in the file, else at the working directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relevance.config.model import FILE_NAME, Config, add_options, given_options, keys, option_keys, rows

if TYPE_CHECKING:
    from relevance.config.reading import CREDENTIALS, find_upwards, read_config

__all__ = [
    "CREDENTIALS",
    "FILE_NAME",
    "Config",
    "add_options",
    "find_upwards",
    "given_options",
    "keys",
    "option_keys",
    "read_config",
    "rows",
]


def __getattr__(name: str) -> Any:
    """Import the reading where it is first used (PEP 562): the options cost nothing, so `pytest --help` is fast."""
    if name not in __all__:
        raise AttributeError(f"module 'relevance.config' has no attribute {name!r}")
    from relevance.config import reading  # noqa: PLC0415 - pandas, numpy

    return getattr(reading, name)
