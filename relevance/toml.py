"""TOML files, read with bounds; an error is one line with the file and the line."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from relevance.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_toml"]

_MAX_BYTES = 1 << 20


def read_toml(path: Path, what: str) -> dict[str, object]:
    """Read a file; a byte order mark in front, as Windows' editors write it, is skipped.

    Args:
        path: the file.
        what: what it should be, for messages: `a file of floors`.

    Raises:
        InputError: it cannot be read, is larger than 1 MiB, or is not TOML in UTF-8.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path}: larger than {_MAX_BYTES:,} bytes, which {what} never is")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {what} is expected there") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8; TOML is UTF-8") from None
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is a ValueError of int's
        problem = str(error).replace("at end of document", f"at line {text.count(chr(10)) + 1}, the end")
        raise InputError(f"{path}: not TOML: {problem}") from None
