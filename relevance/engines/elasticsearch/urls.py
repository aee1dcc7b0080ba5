"""The URL of a cluster: checked, with its port, and apart from the user and the password inside it."""

from __future__ import annotations

import re
import urllib.parse

from relevance.engines.elasticsearch.settings import Credentials
from relevance.errors import InputError

__all__ = ["split_url"]

_ALLOWED = "http://HOST:PORT or https://HOST:PORT"
_USUAL_PORT, _TLS_PORT = 9200, 443

_HOST = re.compile(r"[\w.-]+|[0-9a-f:.]+:[0-9a-f:.]*")
_SCHEME = re.compile(r"[a-z]+", re.IGNORECASE)
_BEGUN = re.compile(r"^(?:https?:?/+|https?:|[a-z]+:/+)", re.IGNORECASE)
_PLAIN = re.compile(r"(?:\[[0-9a-f:.]*\]|[^:/\[\]]*)(?::\d*)?(?:/.*)?", re.IGNORECASE)


def split_url(url: str) -> tuple[str, Credentials]:
    """A URL as it may be shown, with its port; and the user and the password that were inside it.

    A missing port is 443 for https, as clients have it; for http, where Elasticsearch's own is another than the
    scheme's, it has to be said.

    Raises:
        InputError: not http or https, no host, no port; the line says what was probably meant, without the password.
    """
    scheme, address, user_info = _parts(url.strip())
    shown = scheme + _shown(address)
    if re.search(r"[/?#@]", user_info):
        raise InputError(f"{shown}: / ? # @ in a user or a password have to be written as %2F %3F %23 %40")
    try:
        parts = urllib.parse.urlsplit(f"//{address}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _wrong(shown, "no such host or port", _nearest(shown)) from None
    if scheme not in ("http://", "https://") or not _HOST.fullmatch(host):
        raise _wrong(shown, "not the URL of a cluster", _nearest(shown))
    if port == 0 or shown != scheme + address:
        raise _wrong(shown, "port 0" if port == 0 else "a query behind the path", _nearest(shown))
    host = f"[{host}]" if ":" in host else host
    if port is None and scheme == "http://":
        raise _wrong(shown, "no port", f"http://{host}:{_USUAL_PORT}{parts.path}")
    user, _, password = user_info.partition(":")
    inside = Credentials(user=urllib.parse.unquote(user), password=urllib.parse.unquote(password))
    return f"{scheme}{host}:{port or _TLS_PORT}{parts.path.rstrip('/')}", inside


def _parts(url: str) -> tuple[str, str, str]:
    """Scheme with its `://`, "" where there is none; host, port and path; what is before the last `@`."""
    scheme, found, rest = url.partition("://")
    if not found or not _SCHEME.fullmatch(scheme):
        scheme, found, rest = "", "", url
    user_info, _, address = rest.rpartition("@")
    return f"{scheme.lower()}{found}", address, user_info


def _shown(address: str) -> str:
    """Without what may be a key behind `?`, or a password behind `:` whose host was forgotten."""
    address = re.split(r"[?#]", address)[0]
    return address if _PLAIN.fullmatch(address) else f"{address.partition(':')[0]}:…"


def _wrong(shown: str, what: str, nearest: str) -> InputError:
    return InputError(f"{shown or 'URL of a cluster'}: {what}; expected, for example: {nearest}")


def _nearest(shown: str) -> str:
    """What was probably meant."""
    scheme = "https" if shown.startswith("https") else "http"
    host, _, behind = _BEGUN.sub("", shown).partition(":")
    port = re.match(r"\d+", behind)
    if not _HOST.fullmatch(host.lower()):
        return _ALLOWED
    return f"{scheme}://{host}:{port[0] if port and 0 < int(port[0]) < 1 << 16 else _USUAL_PORT}"
