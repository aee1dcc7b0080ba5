"""`[elasticsearch]` becomes `Settings`; what would change nothing is an error, and secrets are kept apart."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from relevance.config.keys import KEYS
from relevance.config.layers import located
from relevance.engines.elasticsearch.settings import Credentials, Settings
from relevance.engines.elasticsearch.urls import split_url
from relevance.errors import InputError, unknown
from relevance.fields import TEXT_FIELDS, VECTOR_FIELDS
from relevance.strategies import BASE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relevance.config.layers import Layers, Value

__all__ = ["CREDENTIALS", "elasticsearch"]

CREDENTIALS: Mapping[str, str] = MappingProxyType(
    {
        "ES_API_KEY": "api_key",
        "ES_USER": "user",
        "ES_PASSWORD": "password",
        "ES_CA_CERTS": "ca_certs",
        "ES_FINGERPRINT": "fingerprint",
    }
)
"""The variables of the environment, the only place for what is secret but a URL's user and password."""

_TABLE = "elasticsearch"

_IDLE = (
    *((name, "url", "no container is started") for name in ("image", "memory")),
    *(
        (name, "index", "an index that exists is taken as it is")
        for name in ("shards", "replicas", "vector_index", "mapping", "keep_index")
    ),
)
"""(setting, the one beside which it changes nothing, why)."""


def elasticsearch(layers: Layers, models: Iterable[str]) -> Settings:
    """What was given of `[elasticsearch]`, checked.

    Args:
        layers: what was given.
        models: names of those that are defined.

    Raises:
        InputError: a value is not allowed, or changes nothing beside another that was given at least as expressly.
    """
    found = {key.key: value for key in KEYS if key.table == _TABLE and (value := layers.find(key.path))}
    _refuse_idle(found)
    values: dict[str, Any] = {name: value.value for name, value in found.items()}
    if "url" in found:
        values["url"], values["credentials"] = _reached(found["url"], layers.environ)
    if "mapping" in found:
        values["mapping"] = located(found["mapping"])
    if "fields" in found:
        values["fields"] = MappingProxyType(_fields(found["fields"]))
    if "vectors" in found:
        values["vectors"] = MappingProxyType(_vectors(found["vectors"], models))
    return Settings(**values)


def _refuse_idle(found: Mapping[str, Value]) -> None:
    """Refuse a setting that changes nothing; one of the file may, where an option or a variable makes it idle."""
    for name, beside, why in _IDLE:
        value, other = found.get(name), found.get(beside)
        if value and value.value and other and value.rank >= other.rank:
            raise InputError(f"{value.where} changes nothing beside {other.where}: {why}; leave one of them out")
    keep = found.get("keep_index")
    if keep and keep.value and keep.rank and "url" not in found:
        raise InputError(f"{keep.where} changes nothing without a cluster, a container is removed; allowed: --es-url")
    for name in ("fields", "vectors"):
        if name in found and "url" in found and "index" not in found:  # the map may wait in the file for its cluster
            raise InputError(f"{found[name].where} changes nothing without an index that exists; allowed: --es-index")


def _reached(url: Value, environ: Mapping[str, str]) -> tuple[str, Credentials]:
    """The URL without user and password, and what the cluster is shown: those outrank the variables."""
    shown = {attribute: environ.get(variable, "") for variable, attribute in CREDENTIALS.items()}
    try:
        address, inside = split_url(str(url.value))
    except InputError as error:
        raise InputError(f"{url.where}: {error}") from None
    if inside.user or inside.password:
        if not url.rank:  # the file is one that people commit
            allowed = "ES_USER and ES_PASSWORD, or ES_API_KEY, in the environment"
            raise InputError(f"{url.where}: holds a user or a password; allowed: {allowed}")
        shown |= {"api_key": "", "user": inside.user, "password": inside.password}
    return address, Credentials(**shown)


def _fields(given: Value) -> dict[str, str]:
    """Our text fields and `id` to the index's own."""
    allowed = ("id", *TEXT_FIELDS)
    table: Any = given.value
    for name in table:
        if name not in allowed:
            raise InputError(f"{given.where}: {unknown('field', name, allowed)}")
    return dict(table)


def _vectors(given: Value, models: Iterable[str]) -> dict[str, str]:
    """Our embedded texts, `FIELD` of the model base or `MODEL.FIELD`, to the index's own fields."""
    found: dict[str, str] = {}
    for name, path in _flat(given.value):
        model, _, field = name.rpartition(".")
        if model not in ("", *models):
            raise InputError(f"{given.where}: {unknown('model', model, models)}")
        if field not in VECTOR_FIELDS:
            raise InputError(f"{given.where}: {unknown('field', field, VECTOR_FIELDS)}")
        key = field if model in ("", BASE) else name
        if key in found:
            raise InputError(f"{given.where}: {field} and {BASE}.{field} are the same; leave one of them out")
        found[key] = path
    return found


def _flat(table: Any) -> Iterable[tuple[str, str]]:
    """What TOML makes of `small.title = "…"` is a table in a table."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{key}", one) for key, one in value.items())
        else:
            yield name, value
