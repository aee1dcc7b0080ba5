"""The user's own settings and mappings, from a file of JSON: read with bounds, checked, laid over ours."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from relevance.errors import InputError, unknown
from relevance.fields import VECTOR_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["NOTHING", "OwnMapping", "merged_over", "read_own_mapping"]

_MAX_BYTES = 1 << 20
_MOST_LEVELS = 60
_PARTS = ("settings", "mappings")
_MAPPINGS = ("properties", "runtime")
_NESTED = "product_attributes"
_VECTOR = re.compile(rf"({'|'.join(VECTOR_FIELDS)})_vector(_.+)?")

_OURS: Mapping[str, str] = {
    "number_of_shards": "allowed: --es-shards",
    "number_of_replicas": "allowed: --es-replicas",
    "auto_expand_replicas": "allowed: --es-replicas",
    "sort": "the index is sorted by product id, which decides ties",
    "refresh_interval": "the index is refreshed once, when it is complete",
    "default_pipeline": "products are indexed as they are",
    "final_pipeline": "products are indexed as they are",
    "blocks": "the index has to be written",
}
"""Settings that cannot be laid over, and why or what to take instead; each stands for all below it, too."""


@dataclass(frozen=True)
class OwnMapping:
    """What a file lays over ours.

    Attributes:
        path: of the file; "" for no file.
        sha256: of the file; None for no file.
        settings: of an index, flat: no objects inside, no `index.` in front.
        mappings: of an index.
    """

    path: str = ""
    sha256: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    mappings: Mapping[str, Any] = field(default_factory=dict)


NOTHING = OwnMapping()


def read_own_mapping(path: Path) -> OwnMapping:
    """Read and check a file; what Elasticsearch makes of it shows when the index is made.

    Raises:
        InputError: it cannot be read, is larger than 1 MiB, is no JSON in UTF-8, has a key twice, or sets what
            relevance itself needs.
    """
    raw = _bytes(path)
    try:
        content = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8; JSON is UTF-8") from None
    except (ValueError, RecursionError) as error:  # an integer of 5,000 digits is a ValueError of int's
        raise InputError(f"{path}: not JSON: {' '.join(str(error).split())}") from None
    _refuse_deep(path, content)
    parts = _objects(path, content, "the file", _PARTS)
    settings = dict(_flat(path, _mapping(path, parts.get("settings", {}), "settings")))
    mappings = _objects(path, parts.get("mappings", {}), "mappings", _MAPPINGS)
    _refuse_ours(path, settings, mappings)
    return OwnMapping(str(path), hashlib.sha256(raw).hexdigest(), settings, mappings)


def merged_over(ours: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Objects merged key by key, however deep; of anything else the own value stays."""
    merged = dict(ours)
    for key, value in own.items():
        before = merged.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        merged[key] = merged_over(before, value) if both and before is not None else value
    return merged


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); settings and mappings are expected") from None
    if len(raw) > _MAX_BYTES:
        raise InputError(f"{path}: larger than {_MAX_BYTES:,} bytes, which a file of settings and mappings never is")
    return raw


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for at, key in enumerate(keys) if key in keys[:at])
        raise ValueError(f"the key {repeated[:60]!r} twice in one object")
    return made


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _refuse_deep(path: Path, content: object) -> None:
    level, depth = [content], 0
    while level:
        depth += 1
        inside = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [inner for values in inside for inner in values]
    if depth > _MOST_LEVELS:
        raise InputError(f"{path}: {depth:,} objects inside each other; allowed: {_MOST_LEVELS}")


def _mapping(path: Path, value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{path}: {what} is {json.dumps(value)[:60]}; allowed: a JSON object")
    return value


def _objects(path: Path, value: object, what: str, allowed: tuple[str, ...]) -> dict[str, Any]:
    """An object whose values are objects under allowed keys."""
    found = _mapping(path, value, what)
    for key, inner in found.items():
        if key not in allowed:
            raise InputError(f"{path}: {what}: {unknown('key', key, allowed)}")
        _mapping(path, inner, key)
    return found


def _flat(path: Path, settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The settings as the server itself flattens them; the two ways to write one are one key."""
    seen: set[str] = set()
    for key, value in settings.items():
        name = f"{before}.{key}" if before else key
        leaf_name = name.removeprefix("index.")
        inside = _flat(path, value, name) if isinstance(value, Mapping) else iter([(leaf_name, value)])
        for full, leaf in inside:
            if full in seen:
                raise InputError(f"{path}: settings: {full} is set twice")
            seen.add(full)
            yield full, leaf


def _refuse_ours(path: Path, settings: Mapping[str, Any], mappings: Mapping[str, Any]) -> None:
    for name in settings:
        for ours, why in _OURS.items():
            if name == ours or name.startswith(f"{ours}."):
                raise InputError(f"{path}: settings: {name} is set by relevance itself; {why}")
    properties = mappings.get("properties", {})
    for name in properties:
        if name == "product_uid" or _VECTOR.fullmatch(name):
            raise InputError(f"{path}: mappings: the field {name} is relevance's own; allowed: another name")
    nested = _mapping(path, properties.get(_NESTED, {}), f"the field {_NESTED}")
    for name in ("type", "dynamic", "enabled"):
        if name in nested:
            problem = f"mappings: {_NESTED}.{name} is set by relevance itself"
            raise InputError(f"{path}: {problem}; allowed: properties of it, such as name_value")
