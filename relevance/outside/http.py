"""A search that an HTTP endpoint answers: OpenSearch, Solr, Vespa, a search API."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote, unquote, urlsplit

import jsonpath
import urllib3
from annotated_types import Interval
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError, SSLError
from urllib3.util import Retry

from relevance import bodies
from relevance.errors import InputError, StrategyError
from relevance.files import parse_json, quoted
from relevance.outside import Outside, Ranker, score_in
from relevance.setting import Takes, Text, Texts, Written, declared, setting
from relevance.text import one_line, plural, shortened, without_credentials
from relevance.web import UnboundedAnswerError, proxy_of, read_whole, timed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from relevance.outside import Answer, Query

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET_HEADER = re.compile(r"auth(?!or(?!i))|session|cookie|key|token|secret|password|credential", re.IGNORECASE)
_NO_SECRET = re.compile(r'[\s;,:"]*(?:[A-Za-z][A-Za-z-]*\s+)?(?:[A-Za-z_][\w.-]*="?)?')
"""What may stand beside a variable in such a header: a scheme, `name=`."""
_SECRET_PARAMETER = re.compile(
    r"(?:(?:api|access|auth|app|client|subscription|x)[_-]?)*(?:key|token|secret)|password|passwd|pwd|signature",
    re.IGNORECASE,
)
_LEAST_SECRET = 4
_LONGEST_WAIT_S = 60
_FILLED = re.compile(r"\$\{\w+\}|\{\{.*\}\}")
_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]")
_OF_SSL = re.compile(r"^\[SSL: \w+\] | \(_ssl\.c:\d+\)$")
_BUSY = (429, 502, 503, 504)
_SHOWN = 120
_OK, _MOVED = range(200, 300), range(300, 400)
_PARTIAL = (
    "$.error",
    "$.errors",
    # Elasticsearch and OpenSearch
    "$.timed_out",
    "$._shards.failed",
    # Solr
    "$.responseHeader.partialResults",
    # Vespa; a match phase that ends early is what its rank profile asks for
    "$.root.errors",
    "$.root.coverage.degraded['timeout', 'adaptive-timeout', 'non-ideal-state']",
)
"""Where services say under a status of 200 that an answer is none, or a part of one."""
_REASON = ("root_cause", "reason", "msg", "message", "summary", "detail", "title", "error", "errors", "root")
"""In the order in which they are looked for: the cause that Elasticsearch names first says more than its summary."""

_Body = Annotated[Mapping[str, Any] | None, Written(Any), Takes("path or table", "a path in quotes, or a table")]
_Paths = Annotated[
    tuple[Text, ...], Takes("list of texts", 'a list of JSONPaths, such as ["$.timed_out"], [] for none')
]
_Rate = Annotated[int | float | None, Interval(gt=0, le=100_000), Takes("number", "a number above 0")]


@dataclass(frozen=True)
class Http:
    """`[strategies.NAME.http]`: how an endpoint is asked, and what of its answer are the hits."""

    url: Text = setting(
        "of the endpoint; marks in it, such as {{query}}, are filled as in a search body, and percent-encoded; "
        "${NAME} is a variable of the environment",
        default="",
    )
    ids: Text = setting("JSONPath of the products' ids in an answer, in the order of the hits", default="")
    scores: Text | None = setting("JSONPath of the hits' scores, as many as ids", words="none: the order says it all")
    errors: _Paths = setting(
        "JSONPaths at which an answer that is whole has nothing, false, 0 or something empty",
        default=_PARTIAL,
        words="how Elasticsearch, OpenSearch, Solr and Vespa say that an answer is a part, and error, errors",
    )
    method: Literal["GET", "POST"] | None = setting("how it is asked", words="POST with a body, GET without")
    body: _Body = setting("what is sent, JSON with marks: a file, or the table itself", words="none")
    headers: Texts | None = setting("headers of a request; ${NAME} is a variable of the environment", words="none")
    concurrency: Annotated[int, Interval(ge=1, le=64)] = setting("requests at a time, of all queries", default=4)
    per_second: _Rate = setting("requests a second at most", words="no limit")
    retries: Annotated[int, Interval(ge=0, le=20)] = setting(
        "further tries at 429, 502, 503, 504 and lost connections, each after a longer wait", default=3
    )


_KEYS = {key.name: key for key in declared(Http)}


def read_http(table: Mapping[str, Any]) -> Http:
    """Read a table; the file of a body is read before.

    Raises:
        InputError: a key is not known, or its value not allowed.
    """
    if unknown := [name for name in table if name not in _KEYS]:
        raise InputError(f"http: unknown key {quoted(unknown[0])}; allowed: {', '.join(_KEYS)}")
    http = Http(**{name: _KEYS[name].checked(value, f"http: {name}") for name, value in table.items()})
    for name in ("url", "ids"):
        if not getattr(http, name):
            raise InputError(f"http: no {name}; allowed: {_KEYS[name].meaning}")
    return http


@dataclass(frozen=True)
class Endpoint(Outside):
    """An endpoint as a strategy names it.

    Attributes:
        url: with marks.
        method: GET or POST.
        body: JSON with marks, "" for none.
        headers: names and values as they are written: without what variables hold.
        ids: JSONPath.
        scores: JSONPath, "" for none.
        errors: JSONPaths, see `Http`.
        seconds: until an answer is given up.
        concurrency: requests at a time.
        per_second: at most; None for no limit.
        retries: further tries.
    """

    url: str
    method: str
    body: str
    headers: tuple[tuple[str, str], ...]
    ids: str
    scores: str
    errors: tuple[str, ...]
    seconds: float
    concurrency: int
    per_second: float | None
    retries: int

    @classmethod
    def of(cls, http: Http, seconds: float) -> Endpoint:
        """Check what a table says.

        Raises:
            InputError: the URL is none or holds a password, a path is no JSONPath, a mark is not known, or a secret
                stands in the file.
        """
        try:
            # two ways of writing a mark are one, and what is tuned has its value
            template = http.body and bodies.prepare(http.body, depth=True).template
        except InputError as error:
            raise InputError(f"http: body: {error}") from None
        body = json.dumps(template, sort_keys=True) if template else ""
        made = cls(
            url=http.url,
            method=http.method or ("POST" if body else "GET"),
            body=body,
            headers=tuple((http.headers or {}).items()),
            ids=http.ids,
            scores=http.scores or "",
            errors=http.errors,
            seconds=seconds,
            concurrency=http.concurrency,
            per_second=http.per_second,
            retries=http.retries,
        )
        try:
            problems = [*made._url_problems(), *made._mark_problems(), *made._header_problems()]
        except InputError as error:
            problems = [str(error)]
        for problem in problems:
            raise InputError(f"http: {problem}")
        return made

    def _url_problems(self) -> Iterator[str]:
        try:
            parts = urlsplit(self.url)
            is_url = bool(parts.hostname and (parts.port is None or parts.port))
        except ValueError as error:
            written = quoted(one_line(without_credentials(self.url), _SHOWN))
            yield f"url = {written}: {error}; allowed: http:// or https://, a host, and marks behind it"
            return
        if parts.scheme not in ("http", "https") or not is_url or re.search(r"[{}]", parts.netloc):
            written = quoted(one_line(without_credentials(self.url), _SHOWN))
            yield f"url = {written}; allowed: http:// or https://, a host, and marks behind it"
        if "@" in parts.netloc:
            instead = 'headers = {Authorization = "Basic ${NAME}"}, with a variable of the environment'
            yield f"url: user and password in it; allowed: {instead}"
        for name, _, value in (each.partition("=") for each in parts.query.split("&")):
            if value and _SECRET_PARAMETER.fullmatch(unquote(name)) and not _FILLED.fullmatch(value):
                instead = f"{name}=${{NAME}}, with a variable of the environment"
                yield f"url: {name}: a secret stands in the file; allowed: {instead}"
        for name, path in (("ids", self.ids), ("scores", self.scores), *(("errors", path) for path in self.errors)):
            try:
                jsonpath.compile(path or "$")
            except jsonpath.JSONPathError as error:
                reason = str(error).partition("\n")[0]
                yield f"{name} = {quoted(path)}: {reason}; allowed: a JSONPath, such as $.hits[*].id"

    def _mark_problems(self) -> Iterator[str]:
        if self.method == "GET" and self.body:
            yield "a body with method GET; allowed: POST, or marks in the url"
        if not any(mark.text == bodies.QUERY or mark.parameter for mark in self.marks):
            yield f"no mark ({bodies.MARKS}) in url or body, so that every query would be the same"
        if any(mark.text == bodies.VECTOR or mark.optional for mark in self._url.marks):
            yield f"{bodies.VECTOR} or an optional mark in the url; allowed: in the body"
        if re.search(r"\{\{\s*tune\.", self.url):
            yield "a mark {{tune.NAME=VALUE}} in the url; allowed: in the body"

    def _header_problems(self) -> Iterator[str]:
        for name, value in self.headers:
            if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or _NOT_PRINTABLE.search(value):
                yield f"header {quoted(name)}; allowed: printable ASCII"
            fixed = _VARIABLE.split(value)[::2]
            if _SECRET_HEADER.search(name) and (len(fixed) == 1 or not all(map(_NO_SECRET.fullmatch, fixed))):
                instead = f'{name} = "${{NAME}}", with a variable of the environment'
                yield f"header {name}: a secret stands in the file; allowed: {instead}"

    @property
    def name(self) -> str:
        """What people call it."""
        parts = urlsplit(self.url)
        path = "" if parts.path == "/" else shortened(parts.path, _SHOWN)
        return f"http {self.method} {parts.scheme}://{parts.netloc}{path}"

    @property
    def hits_are(self) -> str:  # type: ignore[override] # of the value
        """By the path of the ids, which a misspelt one leads nowhere."""
        return f": ids = {quoted(self.ids)} leads to nothing in any answer"

    @cached_property
    def marks(self) -> tuple[bodies.Mark, ...]:  # type: ignore[override] # of the value
        """Of url and body."""
        return (*self._url.marks, *(self._body.marks if self._body else ()))

    @cached_property
    def _url(self) -> bodies.Body:
        # each mark is a value of its own, so that what takes its place can be encoded
        return bodies.prepare({"parts": re.split(r"(\{\{[^{}]*\}\})", self.url)}, depth=True)

    @cached_property
    def _body(self) -> bodies.Body | None:
        return bodies.prepare(json.loads(self.body), depth=True) if self.body else None

    def url_for(self, query: Query, depth: int) -> str:
        """The URL that a query is asked by."""
        parts = self._url.render(query=query.text, params=query.params, depth=depth)["parts"]
        texts = (part if isinstance(part, str) else json.dumps(part) for part in parts)
        return "".join(quote(text, safe="") if at % 2 else text for at, text in enumerate(texts))

    def body_for(self, query: Query, depth: int) -> bytes | None:
        """The body that a query is asked by; None for none."""
        if self._body is None:
            return None
        vector = None if query.vector is None else [float(one) for one in query.vector]
        body = self._body.render(query=query.text, vector=vector, params=query.params, depth=depth)
        return json.dumps(body, ensure_ascii=False).encode()

    def open(self) -> Ranker:
        """Fill headers and URL; nothing is asked yet.

        Raises:
            InputError: a variable of the environment is not set, or holds what no header can.
        """
        _filled("url", self.url)
        return _Asking(self, {name: _filled(f"header {name}", value) for name, value in self.headers})

    def definition(self) -> Mapping[str, Any]:
        """What is asked and what is read, headers as they are written."""
        facts: dict[str, Any] = {"url": self.url, "method": self.method, "ids": self.ids}
        facts |= {"body": json.loads(self.body)} if self.body else {}
        facts |= {"headers": dict(self.headers)} if self.headers else {}
        facts |= {"scores": self.scores} if self.scores else {}
        facts |= {"errors": list(self.errors)} if self.errors != _PARTIAL else {}
        return {"http": facts}


def _filled(where: str, text: str, encoded: Callable[[str], str] = str) -> str:
    def value(mark: re.Match[str]) -> str:
        held = os.environ.get(mark[1], "")
        if not held.strip() or re.search(r"[^\x20-\x7e]", held):  # what it holds is never shown
            problem = "holds more than printable ASCII" if held.strip() else "is not set"
            raise InputError(f"http: {where}: {mark[1]} {problem}; allowed: a variable that holds its value")
        return encoded(held)

    return _VARIABLE.sub(value, text)


class _Asking(Ranker):
    def __init__(self, endpoint: Endpoint, headers: Mapping[str, str]) -> None:
        self._endpoint = endpoint
        self._headers = {"Accept": "application/json", **headers}
        if endpoint.body and not any(name.lower() == "content-type" for name in headers):
            self._headers["Content-Type"] = "application/json"
        self._paths = jsonpath.compile(endpoint.ids), endpoint.scores and jsonpath.compile(endpoint.scores)
        self._errors = {path: jsonpath.compile(path) for path in endpoint.errors}
        self._pool = _pool(endpoint)
        self._turn, self._next = threading.Lock(), 0.0
        self._tried_again = 0
        written = " ".join((endpoint.url, *(value for _, value in endpoint.headers)))
        held = {os.environ[name] for name in _VARIABLE.findall(written)}
        self._secrets = sorted({one for each in held for one in (each, _encoded(each))}, key=len, reverse=True)

    def rank(self, queries: Sequence[Query], depth: int) -> Iterator[Answer]:
        if len(queries) == 1:
            yield self._ask(queries[0], depth)
            return
        workers = ThreadPoolExecutor(self._endpoint.concurrency)
        try:
            yield from workers.map(lambda query: self._ask(query, depth), queries)
        finally:
            workers.shutdown(cancel_futures=True)

    def notes(self) -> Sequence[str]:
        again = self._tried_again
        return [f"{self._endpoint.name}: {again:,} answers only after another try"] if again else []

    def close(self) -> None:
        self._pool.close()

    def _ask(self, query: Query, depth: int) -> Answer:
        endpoint = self._endpoint
        self._wait()
        try:
            url, body = _filled("url", endpoint.url_for(query, depth), _encoded), endpoint.body_for(query, depth)
            answer = self._pool.urlopen(
                endpoint.method, _target(url), body=body, headers=self._headers, preload_content=False
            )
            self._tried_again += bool(answer.retries and answer.retries.history)
            place = answer.headers.get("location", "")
            return self._hits(answer.status, read_whole(answer), place)
        except (HTTPError, UnboundedAnswerError, InputError, OSError) as error:
            raise StrategyError(f"{endpoint.name}: {query}: {self._masked(self._line(error))}") from None

    def _masked(self, text: str) -> str:
        """Text with `…` in the place of what variables hold, which a server may repeat."""
        for secret in self._secrets:
            text = text.replace(secret, "…") if len(secret) >= _LEAST_SECRET else text
        return text

    def _wait(self) -> None:
        """Until the next request may be sent."""
        if self._endpoint.per_second is None:
            return
        with self._turn:
            at = max(self._next, time.monotonic())
            self._next = at + 1 / self._endpoint.per_second
        time.sleep(max(0.0, at - time.monotonic()))

    def _hits(self, status: int, data: bytes, place: str) -> Answer:
        said = one_line(self._masked(data[:10_000].decode(errors="replace")), _SHOWN)
        try:
            answer = parse_json(data.decode("utf-8-sig"))
        except ValueError:
            answer = None
        if status not in _OK:
            said = (answer and _reason(answer, self._masked)) or said
            if place and status in _MOVED:
                target = quoted(one_line(without_credentials(self._masked(place)), _SHOWN))
                raise InputError(f"answered {status}, to {target}; allowed: the url itself, no redirect is followed")
            raise InputError(f"answered {status}" + (f": {said}" if said else ""))
        if not isinstance(answer, dict | list):
            raise InputError(f"found {quoted(said)}; allowed: JSON in UTF-8, an object or a list")
        for path, errors in self._errors.items():
            if held := next(filter(None, errors.findall(answer)), None):
                reason = _reason(held, self._masked)
                found = quoted(reason) if reason else one_line(self._masked(json.dumps(held)), _SHOWN)
                raise InputError(f"{path} is {found}; allowed in a whole answer: nothing, false or 0 (errors)")
        of_ids, of_scores = self._paths
        ids = of_ids.findall(answer)
        if wrong := [one for one in ids if not isinstance(one, str | int) or isinstance(one, bool)]:
            found = one_line(self._masked(repr(wrong[0])), _SHOWN)
            raise InputError(f"{self._endpoint.ids} leads to {found}; allowed: ids, texts or whole numbers")
        scores = of_scores.findall(answer) if of_scores else [None] * len(ids)
        if len(scores) != len(ids):
            raise InputError(
                f"{plural(len(ids), 'id')}, but {plural(len(scores), 'score')} at {self._endpoint.scores}; "
                "allowed: one each"
            )
        return [(str(uid), score_in(score)) for uid, score in zip(ids, scores, strict=True)]

    def _line(self, error: Exception) -> str:
        """What went wrong, without what is sent."""
        if isinstance(error, MaxRetryError) and error.reason is not None:
            tries = f" after {self._endpoint.retries + 1} tries" if self._endpoint.retries else ""
            return f"{self._line(error.reason)}{tries}"
        if isinstance(error, InputError | UnboundedAnswerError):
            return str(error)
        # of urllib3's errors one for a connection that is refused is one of a time-out, too
        if isinstance(error, TimeoutError | urllib3.exceptions.TimeoutError) and not isinstance(
            error, NewConnectionError
        ):
            return f"no answer within {self._endpoint.seconds:g} s (timeout)"
        if isinstance(error, SSLError):
            return f"no TLS connection ({_OF_SSL.sub('', str(error))})"
        reason = without_credentials(one_line(str(error).rpartition(": ")[2] or type(error).__name__, _SHOWN))
        return f"not reached ({reason})" if isinstance(error, NewConnectionError) else f"connection lost ({reason})"


def _encoded(text: str) -> str:
    return quote(text, safe="")


def _reason(value: object, masked: Callable[[str], str]) -> str:
    """What an error says of itself, in a line; "" where it says nothing that is known."""
    if isinstance(value, Mapping):
        return next(filter(None, (_reason(value.get(name), masked) for name in _REASON)), "")
    if isinstance(value, list):
        return next(filter(None, (_reason(one, masked) for one in value)), "")
    return one_line(masked(value), _SHOWN) if isinstance(value, str) else ""


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


class _Retry(Retry):
    def increment(
        self, method: Any = None, url: Any = None, response: Any = None, *args: Any, **options: Any
    ) -> _Retry:
        """Give up where the server asks for a longer wait than a session has time for."""
        if response is not None and (self.get_retry_after(response) or 0) > _LONGEST_WAIT_S:
            response.close()
            line = f"to be asked again after more than {_LONGEST_WAIT_S} s (Retry-After)"
            raise InputError(f"answered {response.status}, {line}; allowed: less, or fewer requests (per_second)")
        return super().increment(method, url, response, *args, **options)


def _pool(endpoint: Endpoint) -> Any:
    parts = urlsplit(endpoint.url)
    retries = _Retry(
        total=endpoint.retries,
        redirect=0,
        status_forcelist=_BUSY,
        allowed_methods=None,  # a search changes nothing
        backoff_factor=0.5,
        backoff_max=8,
        raise_on_redirect=False,
        raise_on_status=False,
    )
    options: dict[str, Any] = {"timeout": endpoint.seconds, "retries": retries, "maxsize": endpoint.concurrency}
    assert parts.hostname is not None  # noqa: S101 - checked
    port = parts.port or (443 if parts.scheme == "https" else 80)
    proxy = proxy_of(parts.hostname, port) if parts.scheme == "https" else None
    pool: Any
    if proxy is None:
        kind = urllib3.HTTPSConnectionPool if parts.scheme == "https" else urllib3.HTTPConnectionPool
        pool = kind(parts.hostname, port, **options)
    else:
        proxy.connection_pool_kw |= options
        pool = proxy.connection_from_host(parts.hostname, port, parts.scheme)
    timed(pool)
    return pool
