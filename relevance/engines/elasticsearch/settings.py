"""How an Elasticsearch is reached and what is made on it: `[elasticsearch]`, as a record; nothing heavy is imported."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Literal, get_args

from annotated_types import Interval, MinLen, Predicate

from relevance.errors import InputError
from relevance.setting import Location, Takes, Text, Texts, Written, setting

VectorIndex = Literal["flat", "hnsw", "int8_flat", "int8_hnsw", "int4_flat", "int4_hnsw", "bbq_flat", "bbq_hnsw"]
VECTOR_INDICES: tuple[VectorIndex, ...] = get_args(VectorIndex)
SearchType = Literal["auto", "query_then_fetch", "dfs_query_then_fetch"]

DEFAULT_IMAGE = "docker.elastic.co/elasticsearch/elasticsearch:8.19.5"
_LEAST_MB = 128
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REGISTRY = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]+)?/)?"
_IMAGE = rf"{_REGISTRY}{_PART}(?:/{_PART})*(?::\w[\w.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?"


def _is_heap(size: str) -> bool:
    parts = re.fullmatch(r"([0-9]{1,6})([mgMG])", size, re.ASCII)
    return parts is not None and int(parts[1]) * (1024 if parts[2] in "gG" else 1) >= _LEAST_MB


_Image = Annotated[
    str,
    Predicate(re.compile(_IMAGE, re.ASCII).fullmatch),
    Takes("image", "an image's name in lower case with its tag, [REGISTRY/]NAME[:TAG], in quotes"),
]
_Heap = Annotated[str, Predicate(_is_heap), Takes("size", f"a size as Java writes it, at least {_LEAST_MB}m: 512m, 2g")]
_Index = Annotated[
    str,
    Predicate(re.compile(r"[^-_+\s\\/*?\"<>|,#:][^\s\\/*?\"<>|,#:]*").fullmatch),
    Takes("name", "the name of one index or alias"),
]


@dataclass(frozen=True, repr=False)
class Credentials:
    """What a cluster is shown; never printed, never stored."""

    api_key: str = ""  # base64, as Elasticsearch gives it out, or `id:key`
    user: str = ""  # of basic authentication
    password: str = ""
    ca_certs: str = ""  # file of certificates that are trusted
    fingerprint: str = ""  # SHA-256 of the certificate that is trusted, in hex
    in_url: bool = False  # whether user and password stood in the URL, not in variables

    @property
    def words(self) -> str:
        """Their kind and origin, without a value; "" where there are none."""
        if self.api_key.strip():
            return "the API key of ES_API_KEY"
        if not self.user:
            return ""
        return "the user in the URL" if self.in_url else "the user of ES_USER and ES_PASSWORD"


@dataclass(frozen=True)
class Settings:
    """What `[elasticsearch]` of the configuration and its options set; credentials are no setting."""

    url: Annotated[Text | None, Takes("URL", "a URL such as http://127.0.0.1:9200, in quotes")] = setting(
        "cluster that is there already; user and password may stand in option and variable, never in the file",
        "--es-url URL",
        words="none: a container",
        variable="ES_URL",
    )
    credentials: Credentials = field(default_factory=Credentials, repr=False)
    cloud_id: Text | None = setting(
        "the same for a deployment of Elastic Cloud: its Cloud ID in the place of a URL",
        "--es-cloud-id ID",
        words="none",
        variable="ES_CLOUD_ID",
    )
    timeout: Annotated[int, Interval(ge=1, le=86_400)] = setting(
        "seconds after which an answer is given up", "--es-timeout SECONDS", default=60
    )
    image: _Image = setting("image of the container", "--es-image IMAGE", default=DEFAULT_IMAGE)
    memory: _Heap = setting("heap of the container's server", "--es-memory SIZE", default="1g")
    shards: Annotated[int, Interval(ge=1, le=1_024)] = setting(
        "primary shards of the index that is made", "--es-shards N", default=1
    )
    replicas: Annotated[int, Interval(ge=0, le=1_000)] = setting(
        "replicas of each of them", "--es-replicas N", default=0
    )
    vector_index: VectorIndex = setting(
        "how vectors are indexed: flat is exact, the others are approximate", "--vector-index KIND", default="flat"
    )
    oversample: Annotated[
        Annotated[int | float, Interval(ge=1, le=10)] | None, Takes("number", "a number from 1 to 10")
    ] = setting(
        "of quantized vectors: so many times the candidates are scored again by the vectors as they were",
        "--es-oversample FACTOR",
        words="the server's own",
    )
    rebuilds: Annotated[int | None, Interval(ge=3, le=50)] = setting(
        "an update of the baseline builds an approximate vector index so many times more, to learn how far that alone"
        " moves the metrics",
        "--rebuilds N",
        words="none",
    )
    search_type: SearchType = setting(
        "whether term statistics of all shards are gathered first: auto does so on an index of ours alone, not for"
        " templates",
        "--es-search-type TYPE",
        default="auto",
    )
    mapping: Location | None = setting(
        "JSON file of settings and mappings that are laid over ours", "--es-mapping FILE"
    )
    keep_index: bool = setting(
        "keep the index on the cluster, for the next run with the same content; the variable takes 1 or 0",
        "--keep-index",
        default=False,
    )
    index: _Index | None = setting(
        "index that exists: it is evaluated as it is, nothing is written", "--es-index NAME", words="none: one is made"
    )
    fields: Texts = setting(
        "of that index: our fields to its own; id is a keyword, a whole number or _id",
        default=MappingProxyType({}),
        words="none",
    )
    # what TOML makes of `small.title = "…"` is a table in a table
    vectors: Annotated[
        Mapping[str, str],
        Written(Annotated[Mapping[str, Text | Texts], MinLen(1)]),
        Takes("table of texts", 'a table of texts, such as {title = "title_vector"}'),
    ] = setting(
        "of that index: our embedded texts to its dense_vector fields", default=MappingProxyType({}), words="none"
    )


# the URL of a cluster

_USUAL_PORT, _TLS_PORT, _PORTS = 9200, 443, range(1, 1 << 16)
_HOST = r"\[[0-9a-f:.]+\]|[\w.-]+"
_URL = re.compile(rf"(https?)://({_HOST})(?::([0-9]+))?(/[^?#]*)?", re.IGNORECASE)
_NEARLY = re.compile(
    rf"(?>(https?)(?::?/+|:)|[a-z]+:/+|)({_HOST})(?::([0-9]+)(?![^/?#]))?(?![^:/?#])(?:/[^?#:]*)?", re.IGNORECASE
)
"""As far as it may be shown: what is behind a colon and no port may be a password whose host was forgotten."""
_AROUND_USER = re.compile("([a-z]+://)?(?:(.*)@)?(.*)", re.IGNORECASE | re.DOTALL)


def split_url(url: str) -> tuple[str, Credentials]:
    """A URL as it may be shown, with its port; and the user and the password that were inside it.

    A missing port is 443 for https, as clients have it; for http, where Elasticsearch's own is another than the
    scheme's, it has to be said.

    Raises:
        InputError: not http or https, no host, no port; the line says what was probably meant, and shows no password.
    """
    begun, user_info, rest = _AROUND_USER.fullmatch(url.strip()).groups("")  # type: ignore[union-attr]  # it always fits
    address = begun + rest
    nearly, parts = _NEARLY.match(address), _URL.fullmatch(address)
    shown, nearest = "URL of a cluster", "http://HOST:PORT or https://HOST:PORT"
    if nearly:
        scheme, host, port = nearly.groups("")
        usual = port if port and int(port) in _PORTS else _USUAL_PORT
        shown, nearest = nearly[0], f"{scheme or 'http'}://{host}:{usual}".lower()
    if re.search("[/?#@]", user_info):
        raise InputError(f"{shown}: / ? # @ in a user or a password have to be written as %2F %3F %23 %40")
    scheme, host, port, path = parts.groups("") if parts else ("",) * 4
    if not parts or not (port or scheme.lower() == "https") or int(port or _TLS_PORT) not in _PORTS:
        what = "no port" if parts and not port else "not the URL of a cluster"
        raise InputError(f"{shown}: {what}; expected, for example: {nearest}")
    server = f"{scheme}://{host}:{port or _TLS_PORT}".lower()
    user, _, password = map(urllib.parse.unquote, user_info.partition(":"))
    return f"{server}{path.rstrip('/')}", Credentials(user=user, password=password)


def cloud_url(cloud_id: str) -> str:
    """The URL of the deployment that a Cloud ID names.

    Raises:
        InputError: it is no Cloud ID.
    """
    from elastic_transport.client_utils import parse_cloud_id  # noqa: PLC0415 - the client is loaded where it is used

    try:
        address = parse_cloud_id(cloud_id.strip()).es_address
    except ValueError:
        address = None
    if address is None:
        raise InputError("no Cloud ID; expected: NAME:BASE64, as the deployment's page in Elastic Cloud shows it")
    return "https://{}:{}".format(*address)
