"""A small JSON file of the user's, read with bounds; an error is one line with the file and the place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from relevance.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_json_object"]

_MAX_BYTES = 1 << 20


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for at, key in enumerate(keys) if key in keys[:at])!r} stands twice")
    return made


def read_json_object(path: Path, what: str) -> dict[str, Any]:
    """Read a file that holds one JSON object; a byte order mark in front is skipped.

    Args:
        path: the file.
        what: what it should be, for messages: `a search template`.

    Raises:
        InputError: it cannot be read, is larger than 1 MiB, is not JSON in UTF-8, or holds something else; NaN,
            infinities, a key twice in one object and half a surrogate pair are no JSON.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path}: larger than {_MAX_BYTES:,} bytes, which {what} never is")
        value = json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_refuse, object_pairs_hook=_object)
        json.dumps(
            value, ensure_ascii=False, allow_nan=False
        ).encode()  # 1e999 becomes an infinity only when it is read
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {what} is expected there") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8; JSON is UTF-8") from None
    except UnicodeEncodeError:
        raise InputError(f"{path}: not JSON: half a surrogate pair; allowed: Unicode characters") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: not a JSON object, but {_kind(value)}; {what} is expected there")
    return value


def _kind(value: object) -> str:
    kinds = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
