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
    """What a cluster is shown; never printed, never stored.

    Attributes:
        api_key: base64, as Elasticsearch gives it out.
        user: of basic authentication.
        password: of basic authentication.
        ca_certs: file of certificates that are trusted.
        fingerprint: SHA-256 of the certificate that is trusted, in hex.
        in_url: whether user and password stood in the URL, not in variables.
    """

    api_key: str = ""
    user: str = ""
    password: str = ""
    ca_certs: str = ""
    fingerprint: str = ""
    in_url: bool = False

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
    """What `[elasticsearch]` of the configuration and its options set.

    Attributes:
        credentials: of the environment and of the URL; no setting.
    """

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

_USUAL_PORT, _TLS_PORT = 9200, 443

_HOST = re.compile(r"[\w.-]+|[0-9a-f:.]+:[0-9a-f:.]*")
_BEGUN = re.compile(r"^(?:https?:?/+|https?:|[a-z]+:/+)", re.IGNORECASE)
_PLAIN = re.compile(r"(?:\[[0-9a-f:.]*\]|[^:/\[\]]*)(?::\d*)?(?:/.*)?", re.IGNORECASE)


def split_url(url: str) -> tuple[str, Credentials]:
    """A URL as it may be shown, with its port; and the user and the password that were inside it.

    A missing port is 443 for https, as clients have it; for http, where Elasticsearch's own is another than the
    scheme's, it has to be said.

    Raises:
        InputError: not http or https, no host, no port; the line says what was probably meant, without the password.
    """
    scheme, found, rest = url.strip().partition("://")
    if not found or not re.fullmatch("[a-zA-Z]+", scheme):
        scheme, found, rest = "", "", url.strip()
    user_info, _, address = rest.rpartition("@")
    # without what may be a key behind `?`, or a password behind `:` whose host was forgotten
    plain = re.split(r"[?#]", address)[0]
    plain = plain if _PLAIN.fullmatch(plain) else f"{plain.partition(':')[0]}:…"
    scheme, shown = scheme.lower(), f"{scheme.lower()}{found}{plain}"
    if re.search(r"[/?#@]", user_info):
        raise InputError(f"{shown}: / ? # @ in a user or a password have to be written as %2F %3F %23 %40")

    def wrong(what: str, nearest: str = "") -> InputError:
        nearest = nearest or _nearest(shown)
        return InputError(f"{shown or 'URL of a cluster'}: {what}; expected, for example: {nearest}")

    try:
        parts = urllib.parse.urlsplit(f"//{address}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise wrong("no such host or port") from None
    if scheme not in ("http", "https") or not _HOST.fullmatch(host):
        raise wrong("not the URL of a cluster")
    if port == 0 or plain != address:
        raise wrong("port 0" if port == 0 else "a query behind the path")
    host = f"[{host}]" if ":" in host else host
    if port is None and scheme == "http":
        raise wrong("no port", f"http://{host}:{_USUAL_PORT}{parts.path}")
    user, _, password = user_info.partition(":")
    inside = Credentials(user=urllib.parse.unquote(user), password=urllib.parse.unquote(password))
    return f"{scheme}://{host}:{port or _TLS_PORT}{parts.path.rstrip('/')}", inside


def _nearest(shown: str) -> str:
    """What was probably meant."""
    host, _, behind = _BEGUN.sub("", shown).partition(":")
    port = re.match(r"\d+", behind)
    if not _HOST.fullmatch(host.lower()):
        return "http://HOST:PORT or https://HOST:PORT"
    scheme = "https" if shown.startswith("https") else "http"
    return f"{scheme}://{host}:{port[0] if port and 0 < int(port[0]) < 1 << 16 else _USUAL_PORT}"


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
