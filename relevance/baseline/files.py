"""Baseline files: `DATASET.json`, or `DATASET.json.gz` above 1 MB; written whole or not at all, read with bounds.

Where both forms lie side by side the plain one counts. So an update has one moment at which it happens: the plain file
gets its new content, or it goes away and the packed one, complete by then, takes its place. Whenever a run is killed,
what is read is the old baseline or the new one.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import zlib
from typing import TYPE_CHECKING, NoReturn

from relevance.baseline.document import (
    CHECKSUM,
    SCHEMA,
    MalformedError,
    checksum,
    document_text,
    snapshot_of_document,
)
from relevance.errors import InputError
from relevance.files import MIB, is_lfs_pointer, open_bytes, parse_json, quoted, shown, write_file
from relevance.text import some

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from relevance.baseline.snapshot import Snapshot

SNAPSHOT = "baseline.json"
"""The session as a baseline in a folder of results."""

PACKED_FROM_BYTES = 1_000_000
"""A document of more bytes is packed."""

MAX_BYTES = 256 * MIB
MAX_VALUES = 20_000_000
"""Of a document: numbers, texts and lists; some 1.2 million rows. Parsed, each takes 100 bytes and more."""

_RESTORE = "restore it (git checkout), or move it away and write a new one with --update-baseline"


def find_baseline(folder: Path, name: str) -> Path | None:
    """The file of a data set, None where there is none; the plain form before the packed one."""
    forms = (folder / f"{name}.json", folder / f"{name}.json.gz")
    return next((path for path in forms if os.path.lexists(path)), None)


def read_baseline(path: Path, *, named: str = "", expected: str = "a file of --update-baseline") -> Snapshot:
    """Read a file, plain or packed, whatever its name.

    Args:
        path: the file.
        named: what messages call it; "" is its path.
        expected: what may be there, for messages.

    Raises:
        InputError: it cannot be read, is something else, is damaged or truncated, was changed by hand, or was written
            by a newer version.
    """
    name = named or shown(path)
    try:
        return snapshot_of_document(_content(_document(_unpacked(path))))
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror or error}); a baseline is expected there") from None
    except MemoryError:
        raise InputError(f"{name}: there is not enough memory to read it") from None
    except _SomethingElseError as error:
        raise InputError(f"{name}: {error}, not a baseline; {expected} is expected there") from None
    except MalformedError as error:
        raise InputError(f"{name}: {error}") from None


class _SomethingElseError(MalformedError):
    """What a file is instead."""


def _damaged(problem: str) -> NoReturn:
    raise MalformedError(f"damaged baseline ({problem}); {_RESTORE}")


def _unpacked(path: Path) -> bytes:
    if path.is_dir():
        raise _SomethingElseError(f"is {folder_kind(path)}")
    if path.exists() and not path.is_file():
        raise _SomethingElseError("is no file")
    if is_lfs_pointer(path):
        raise MalformedError("is a Git LFS pointer, not the baseline itself; run git lfs pull")
    try:
        with open_bytes(path, most_bytes=MAX_BYTES) as stream:
            raw = stream.read()
    except InputError as error:  # it names the path in full
        raise MalformedError(str(error).removeprefix(shown(path)).lstrip(": ")) from None
    except EOFError:
        _damaged("the packed file ends too early")
    except (gzip.BadGzipFile, zlib.error) as error:
        _damaged(f"gzip: {error}")
    if not raw:
        _damaged("it is empty")
    return raw


def _document(raw: bytes) -> Mapping[str, object]:
    if raw.startswith(b"<<<<<<< ") or b"\n<<<<<<< " in raw:
        raise MalformedError(_CONFLICT)
    kind = file_kind(raw)
    if kind:
        raise _SomethingElseError(f"is {kind}")
    values = _value_count(raw)
    if values > MAX_VALUES:  # empty lists take 28 times the memory of their text
        raise MalformedError(f"holds {values:,} values; allowed: at most {MAX_VALUES:,}")
    try:
        document = parse_json(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        _damaged(f"byte {error.start} is not UTF-8")
    except ValueError as error:
        _damaged(f"not JSON: {error}")
    if not isinstance(document, dict) or "schema" not in document or CHECKSUM not in document:
        raise _SomethingElseError(f"is {_document_kind(document)}")
    return document


def _value_count(raw: bytes) -> int:
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")


def _content(document: Mapping[str, object]) -> dict[str, object]:
    """What stands in the document beside schema and checksum."""
    schema = document["schema"]
    if isinstance(schema, bool) or not isinstance(schema, int) or schema < 1:
        _damaged(f"schema {str(schema)[:20]!r}")
    if schema > SCHEMA:
        raise MalformedError(
            f"schema {schema}, this version reads {SCHEMA}; a newer relevance wrote it: update relevance"
        )
    content = {key: value for key, value in document.items() if key != CHECKSUM}
    try:
        actual = checksum(content)
    except RecursionError:
        _damaged("nested too deeply")
    if actual != document[CHECKSUM]:
        raise MalformedError(
            "changed by hand (its checksum is another); undo the change (git diff shows it), or move the file away "
            "and write a new one with --update-baseline"
        )
    return {key: value for key, value in content.items() if key != "schema"}


# What else people name: the wrong file of a run, or another tool's

_CONFLICT = (
    "has marks of a merge conflict; take one side (git checkout --ours or --theirs), "
    "then run pytest with --update-baseline"
)
_MAGIC = {
    b"PK\x03\x04": "a zip archive",
    b"PAR1": "a Parquet file",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF file",
    b"\x89PNG": "a picture",
    b"(\xb5/\xfd": "a file packed by Zstandard",
    b"\xfd7zXZ": "a file packed by xz",
    b"BZh": "a file packed by bzip2",
}
_TEXTS = {
    r"\{.*\}\s*\n\s*\{": "a file of JSON lines",
    r"\{|$|\0": "",
    r"\[": "a JSON list",
    r"<!doctype|<html|<\?xml": "a web page or XML",
    r"\S+[ \t]+Q0[ \t]+\S+[ \t]+\d+[ \t]+\S+[ \t]+\S+\s*(\n|$)": "a TREC run",
    r"\S+[ \t]+(0|Q0)[ \t]+\S+[ \t]+-?\d+\s*(\n|$)": "a file of TREC judgments (qrels)",
    r"[^\n,]*,[^\n]*\n[^\n,]*,|[^\n\t]*\t[^\n]*\n[^\n\t]*\t": "a table in text (CSV)",
}
"""By what the text begins with; the first that fits."""

_FOLDERS = {
    SNAPSHOT: f"a folder of results (its {SNAPSHOT} is one)",
    "results.json": f"a folder of results of an older version, without {SNAPSHOT}",
    "mutations.json": "a folder that relevance mutate has written",
    "diagnosis.json": "a folder that relevance compare has written",
    "combinations.csv": "a folder that relevance tune has written",
    "training.csv": "a folder that relevance finetune has written",
    "modules.json": "an embedding model",
    "model.safetensors": "an embedding model",
    "corpus.jsonl": "a BEIR data set",
    "products.csv": "a data set",
    "products.jsonl": "a data set",
    "relevance.toml": "a project (its baselines are in benchmarks/baselines)",
}
"""By a file that is in it."""


def file_kind(raw: bytes) -> str:
    """What a file is by its beginning, "" where that may be a baseline."""
    packed = next((kind for magic, kind in _MAGIC.items() if raw.startswith(magic)), "")
    if packed or raw[257:262] == b"ustar":
        return packed or "a tar archive"
    text = raw[:4096].decode("utf-8-sig", errors="replace").lstrip()
    unknown = f"a text that begins with {quoted(text[:40])}"
    return next((kind for pattern, kind in _TEXTS.items() if re.match(pattern, text, re.IGNORECASE)), unknown)


def _document_kind(document: object) -> str:
    keys = set(document) if isinstance(document, dict) else set()
    if "not_run" in keys:
        return f"the results.json of a run ({SNAPSHOT} beside it is one)"
    if keys == {"schema", "strategies"}:
        return f"the per_query.json of a run ({SNAPSHOT} beside it is one)"
    if keys == {"schema", "baselines"}:
        return "the diagnosis.json of a comparison"
    return "JSON without schema or checksum"


def folder_kind(folder: Path) -> str:
    """What a folder is by the files in it."""
    names = sorted(path.name for path in folder.iterdir())
    for name, kind in _FOLDERS.items():
        if name in names:
            return kind
    runs = [name for name in names if name.endswith((".run", ".trec"))]
    documents = [name for name in names if name.endswith((".json", ".json.gz"))]
    if runs:
        return f"a folder of TREC runs ({some(runs, 3)})"
    if documents:
        return f"a folder; name one of its files ({some(documents, 3)})"
    return f"a folder with {some(names, 3)}" if names else "an empty folder"


def write_baseline(snapshot: Snapshot, folder: Path) -> Path:
    """Write the file of the snapshot's data set into `folder`, and remove its other form; the path.

    Raises:
        OSError: the folder cannot be written; what was there is untouched.
        InputError: the baseline is too large to be read again.
    """
    plain = folder / f"{snapshot.dataset.name}.json"
    packed = folder / f"{plain.name}.gz"
    content = document_text(snapshot).encode("utf-8")
    for size, most, what in ((len(content), MAX_BYTES, "bytes"), (_value_count(content), MAX_VALUES, "values")):
        if size > most:
            raise InputError(f"{plain}: {size:,} {what}; allowed: at most {most:,}; choose fewer strategies")
    folder.mkdir(parents=True, exist_ok=True)
    if len(content) > PACKED_FROM_BYTES:
        write_file(packed, _gzipped(content))
        plain.unlink(missing_ok=True)
        return packed
    write_file(plain, content)
    packed.unlink(missing_ok=True)
    return plain


def _gzipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    # no name and no time: equal content gives equal bytes
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as file:
        file.write(content)
    return packed.getvalue()
