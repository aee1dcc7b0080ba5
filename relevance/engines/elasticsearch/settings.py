"""How an Elasticsearch is reached and what is made on it, as values; nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["DEFAULT_IMAGE", "VECTOR_INDICES", "Credentials", "Settings", "VectorIndex"]

VectorIndex = Literal["flat", "hnsw", "int8_hnsw"]
VECTOR_INDICES: tuple[VectorIndex, ...] = ("flat", "hnsw", "int8_hnsw")

DEFAULT_IMAGE = "docker.elastic.co/elasticsearch/elasticsearch:8.19.5"


@dataclass(frozen=True, repr=False)
class Credentials:
    """What a cluster is shown; never printed, never stored.

    Attributes:
        api_key: base64, as Elasticsearch gives it out.
        user: of basic authentication.
        password: of basic authentication.
        ca_certs: file of certificates that are trusted.
        fingerprint: SHA-256 of the certificate that is trusted, in hex.
    """

    api_key: str = ""
    user: str = ""
    password: str = ""
    ca_certs: str = ""
    fingerprint: str = ""


@dataclass(frozen=True)
class Settings:
    """What `[elasticsearch]` of the configuration and its options set.

    Attributes:
        url: of a cluster that is there, without user and password; None: a container.
        credentials: for it.
        timeout: seconds until an answer is given up.
        image: of the container.
        memory: heap of the container's server, as Java writes it: `1g`, `512m`.
        shards: of an index that is made.
        replicas: of an index that is made.
        vector_index: kind of the vectors' index; `flat` is exact.
        mapping: JSON file of settings and mappings that are laid over ours; None: ours alone.
        keep_index: whether the index stays, for the next run with the same content.
        index: an index that exists; it is evaluated, nothing is written.
        fields: for it: `id`, `title`, `description`, `attributes` -> the index's own field.
        vectors: for it: `FIELD` (model base) or `MODEL.FIELD` -> the index's own dense_vector field.
    """

    url: str | None = None
    credentials: Credentials = field(default_factory=Credentials, repr=False)
    timeout: int = 60
    image: str = DEFAULT_IMAGE
    memory: str = "1g"
    shards: int = 1
    replicas: int = 0
    vector_index: VectorIndex = "flat"
    mapping: Path | None = None
    keep_index: bool = False
    index: str | None = None
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    vectors: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
