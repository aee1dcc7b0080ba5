"""Baseline files: `DATASET.json`, or `DATASET.json.gz` above 1 MB; written whole or not at all, read with bounds.

Where both forms lie side by side the plain one counts. So an update has one moment at which it happens: the plain file
gets its new content, or it goes away and the packed one, complete by then, takes its place. Whenever a run is killed,
what is read is the old baseline or the new one.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import secrets
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from relevance.baseline.document import (
    CHECKSUM,
    SCHEMA,
    MalformedError,
    checksum,
    document_text,
    snapshot_of_document,
)
from relevance.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from relevance.baseline.snapshot import Snapshot

__all__ = ["PACKED_FROM_BYTES", "find_baseline", "read_baseline", "write_baseline"]

PACKED_FROM_BYTES = 1_000_000
"""A document of more bytes is packed."""

_MOST_BYTES = 2**30
_BOMB_FROM_BYTES, _BOMB_RATIO = 64 * 2**20, 200
_CHUNK_BYTES = 2**20
_GZIP = b"\x1f\x8b"
_ANEW = "remove it and make it anew with --update-baseline"
_STALE_S = 3600
"""A temporary file that is so much older than the one being written belongs to no living run."""


def find_baseline(folder: Path, name: str) -> Path | None:
    """The file of a data set, None where there is none; the plain form before the packed one."""
    forms = (folder / f"{name}.json", folder / f"{name}.json.gz")
    return next((path for path in forms if os.path.lexists(path)), None)


def read_baseline(path: Path, *, shown: str = "") -> Snapshot:
    """Read a file, plain or packed, whatever its name.

    Args:
        path: the file.
        shown: what messages call it; "" is its path.

    Raises:
        InputError: it cannot be read, is damaged or truncated, was changed by hand, or was written by a newer version.
    """
    name = shown or str(path)
    try:
        document = _parsed(_unpacked(path))
        content = _checked(document)
        return snapshot_of_document(content)
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror or error}); a baseline is expected there") from None
    except MalformedError as error:
        raise InputError(f"{name}: {' '.join(str(error).split())}") from None


def _damaged(problem: str) -> NoReturn:
    raise MalformedError(f"damaged baseline ({problem}); {_ANEW}")


def _unpacked(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise MalformedError("is not a file; a baseline is expected there")
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise MalformedError(f"{size:,} bytes; allowed: at most {_MOST_BYTES:,}")
    raw = path.read_bytes()
    if not raw:
        _damaged("it is empty")
    return _gunzipped(raw) if raw.startswith(_GZIP) else raw


def _gunzipped(raw: bytes) -> bytes:
    """Unpack chunk by chunk: what counts is what comes out, whatever the file says of itself."""
    made = bytearray()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            while chunk := file.read(_CHUNK_BYTES):
                made += chunk
                if len(made) > _MOST_BYTES or (len(made) > _BOMB_FROM_BYTES and len(made) > _BOMB_RATIO * len(raw)):
                    most = f"{_BOMB_RATIO} times as many, and {_MOST_BYTES:,}"
                    raise MalformedError(
                        f"{len(raw):,} bytes unpack to more than {len(made):,}; allowed: at most {most}"
                    )
    except EOFError:
        _damaged("the packed file ends too early")
    except (gzip.BadGzipFile, zlib.error) as error:
        _damaged(f"gzip: {error}")
    return bytes(made)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key stands twice in a table")
    return made


def _parsed(raw: bytes) -> object:
    try:
        text = raw.decode("utf-8-sig")
        value: object = json.loads(text, parse_constant=_refuse, object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        _damaged(f"byte {error.start} is not UTF-8")
    except RecursionError:
        _damaged("not JSON: nested too deeply")
    except ValueError as error:
        conflict = "; it has marks of a merge conflict" if "\n<<<<<<< " in text else ""
        _damaged(f"not JSON: {error}{conflict}")
    return value


def _checked(document: object) -> dict[str, object]:
    """What stands in the document beside schema and checksum."""
    if not isinstance(document, dict) or "schema" not in document or CHECKSUM not in document:
        raise MalformedError("not a baseline (no schema or no checksum); a file of --update-baseline is expected there")
    schema = document["schema"]
    if isinstance(schema, bool) or not isinstance(schema, int) or schema < 1:
        _damaged(f"schema {str(schema)[:20]!r}")
    if schema > SCHEMA:
        raise MalformedError(
            f"schema {schema}, this version reads {SCHEMA}; a newer relevance wrote it: update relevance"
        )
    content = {key: value for key, value in document.items() if key != CHECKSUM}
    try:
        found = checksum(content)
    except (ValueError, RecursionError):  # 1e999 becomes an infinity only when it is read
        _damaged("a number is out of range")
    if found != document[CHECKSUM]:
        raise MalformedError(f"changed by hand (its checksum is another); undo the change, or {_ANEW}")
    return {key: value for key, value in content.items() if key != "schema"}


def write_baseline(snapshot: Snapshot, folder: Path) -> Path:
    """Write the file of the snapshot's data set into `folder`, and remove its other form; the path.

    Raises:
        OSError: the folder cannot be written; what was there is untouched.
        InputError: the baseline is too large to be read again.
    """
    plain = folder / f"{snapshot.dataset.name}.json"
    packed = folder / f"{plain.name}.gz"
    content = document_text(snapshot).encode("utf-8")
    if len(content) > _MOST_BYTES:
        raise InputError(f"{plain}: {len(content):,} bytes; allowed: at most {_MOST_BYTES:,}; choose fewer strategies")
    folder.mkdir(parents=True, exist_ok=True)
    if len(content) > PACKED_FROM_BYTES:
        _replace(packed, _gzipped(content))
        plain.unlink(missing_ok=True)
        return packed
    _replace(plain, content)
    packed.unlink(missing_ok=True)
    return plain


def _gzipped(content: bytes) -> bytes:
    made = io.BytesIO()
    # no name and no time: equal content gives equal bytes
    with gzip.GzipFile(filename="", mode="wb", fileobj=made, mtime=0) as file:
        file.write(content)
    return made.getvalue()


def _replace(path: Path, content: bytes) -> None:
    """Give a file its content in one step: it is the old one or the new one, whole."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _remove_leftovers(temporary, path)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _remove_leftovers(own: Path, path: Path) -> None:
    """Remove what killed runs have left beside a file."""
    now = own.stat().st_mtime
    for other in path.parent.glob(f".{path.name}.*.tmp"):
        with suppress(OSError):  # another run may be removing it
            if other != own and now - other.stat().st_mtime > _STALE_S:
                other.unlink()
