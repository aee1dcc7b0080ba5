"""The way to a server: URLs, what is shown to it, what else may answer, and that no secret is ever seen."""

from __future__ import annotations

import gzip
import json
import socket
import socketserver
import ssl
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers.cluster import Clock
from hypothesis import given
from hypothesis import strategies as st

from relevance.engines.elasticsearch import client
from relevance.engines.elasticsearch.client import MOST_BYTES, Connection, make_client
from relevance.engines.elasticsearch.settings import Credentials, Settings, split_url
from relevance.errors import CouldNotRunError, InputError, RelevanceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from relevance.engines.elasticsearch.client import RetryPolicy

NOBODY = Credentials()
SECRET = "hunter2hunter2"  # noqa: S105 - of nobody
HTML = "<html><body>It works!</body></html>"

# self-signed for localhost, of tests alone: its key is public
CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBjjCCATOgAwIBAgIBATAKBggqhkjOPQQDAjAiMSAwHgYDVQQDDBdhIGNlcnRp
ZmljYXRlIGZvciB0ZXN0czAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAw
MFowIjEgMB4GA1UEAwwXYSBjZXJ0aWZpY2F0ZSBmb3IgdGVzdHMwWTATBgcqhkjO
PQIBBggqhkjOPQMBBwNCAAQ5JpIepB60VAKSKFSb6SS/of20O6q4ZxGBOpdg8TPt
wA6NQbSStMjIo5E5xBnhGPIybEaejYEyS6s/ITduH7p+o1gwVjAdBgNVHQ4EFgQU
eWUiQ4Tqunv9XYfdnhcJGLENntMwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8E
BAMCAoQwFAYDVR0RBA0wC4IJbG9jYWxob3N0MAoGCCqGSM49BAMCA0kAMEYCIQCY
MWR/7h441NcJ4iJsnjs51VzBJNiQl2VvW6USQDvVYQIhAPWg+j6PxWIULGqhVVwt
+aYqeVXpj+esqzJVHqnIaRoU
-----END CERTIFICATE-----
"""
KEY = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgy6voo3+GRHDseiTR
vafi4KMDiaxangJxjQxh/NWP4lqhRANCAAQ5JpIepB60VAKSKFSb6SS/of20O6q4
ZxGBOpdg8TPtwA6NQbSStMjIo5E5xBnhGPIybEaejYEyS6s/ITduH7p+
-----END PRIVATE KEY-----
"""
FINGERPRINT = "45:93:E9:30:14:E9:E6:C7:5D:65:23:8A:BE:9E:F5:54:97:36:D4:BC:F4:B6:C4:53:45:60:F7:7D:CE:77:86:EF"


@dataclass
class Answer:
    """What the fake says; status 0: it hangs up."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"x-elastic-product": "Elasticsearch"})
    kind: str = "application/json"


def server_of(number: str, **version: str) -> Answer:
    """The greeting of an Elasticsearch."""
    return Answer({"version": {"number": number, "lucene_version": "9", **version}, "tagline": "You Know, for Search"})


def no_elasticsearch(body: object, status: int = 200, kind: str = "application/json", **headers: str) -> Answer:
    """The greeting of anything else."""
    return Answer(body, status, headers, kind)


GREETING = server_of("8.19.5")


@dataclass
class Fake:
    """A server that says what it was told to, the last of it again and again, and keeps what it was asked."""

    answers: list[Answer]
    url: str = ""
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """The next one."""
        self.asked.append((path, headers, body))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def handler(fake: Fake) -> type[BaseHTTPRequestHandler]:
    """A handler of the fake's requests."""

    class Handler(BaseHTTPRequestHandler):
        """Answers every method alike."""

        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def respond(self) -> None:
            """Say the next answer."""
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = fake.answer(self.path, headers, self.rfile.read(length))
            if not answer.status:
                self.close_connection = True
                return
            body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
            self.send_response(answer.status)
            for name, value in (answer.headers | {"content-type": answer.kind}).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def __getattr__(self, name: str) -> Callable[[], None]:
            if name.startswith("do_"):
                return self.respond
            raise AttributeError(name)

    return Handler


class QuietServer(ThreadingHTTPServer):
    """Prints no traceback where a client hangs up."""

    def handle_error(self, *_: object) -> None:
        """Nothing to say."""
        if not isinstance(sys.exc_info()[1], OSError):
            raise  # noqa: PLE0704 - it is called while the error is handled


@contextmanager
def serving(*answers: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Fake]:
    """A fake on a port of its own."""
    fake = Fake(list(answers))
    server = QuietServer(("127.0.0.1", 0), handler(fake))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    fake.url = f"{'https://localhost' if tls else 'http://127.0.0.1'}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def hasty() -> RetryPolicy:
    """Without waiting: its clock goes on by what it sleeps."""
    return Clock().policy()


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """What a server of https needs."""
    (tmp_path / "server.pem").write_text(KEY + CERTIFICATE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    return context


def connect(
    url: str, credentials: Credentials = NOBODY, *, timeout: float = 5, retry_policy: RetryPolicy | None = None
) -> Connection:
    """Connect with these settings."""
    return client.connect(Settings(url, credentials, timeout), retry_policy)  # type: ignore[arg-type] # of 0.1 s, here


def refusal(fake: Fake, retry_policy: RetryPolicy, credentials: Credentials = NOBODY) -> str:
    """The line that says why no connection is made."""
    with pytest.raises(CouldNotRunError) as caught:
        connect(fake.url, credentials, retry_policy=retry_policy)
    line = str(caught.value)
    assert "\n" not in line
    assert fake.url in line
    return line.replace(fake.url, "URL")


@pytest.mark.parametrize(("number", "release"), [("8.0.0", 8), ("8.19.5", 8), ("9.5.2-SNAPSHOT", 9)])
def test_both_releases_are_taken(number: str, release: int) -> None:
    """Elasticsearch 8 and 9 are connected to, and the version is theirs."""
    with serving(server_of(number)) as fake, connect(fake.url) as connection:
        assert (connection.url, connection.version, connection.release) == (fake.url, number, release)


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (
            no_elasticsearch({"version": {"number": "2.11.0", "distribution": "opensearch"}}),
            "URL is OpenSearch 2.11.0, not Elasticsearch; releases 8 and 9 are supported",
        ),
        (server_of("7.17.0"), "URL is Elasticsearch 7.17.0; releases 8 and 9 are supported"),
        (server_of("10.0.0"), "URL is Elasticsearch 10.0.0; releases 8 and 9 are supported"),
        (
            server_of("8.19.5\x1b[2J\n##vso[x]"),
            r"URL is Elasticsearch 8.19.5\x1b[2J\n##vso\[x]; releases 8 and 9 are supported",
        ),
        (
            no_elasticsearch(server_of("7.10.2").body),
            "URL is Elasticsearch 7.10.2; releases 8 and 9 are supported",
        ),
        (
            no_elasticsearch(server_of("8.19.5").body),
            "URL is Elasticsearch 8.19.5 without the header X-Elastic-Product; a proxy in between has to pass it on",
        ),
        (no_elasticsearch(HTML, kind="text/html"), "URL answers, but is no Elasticsearch (an HTML page)"),
        (
            no_elasticsearch({"couchdb": "Welcome", "version": "3.3"}),
            "URL answers, but is no Elasticsearch (JSON of another kind)",
        ),
        (
            no_elasticsearch("{not json", kind="application/json"),
            "URL answers, but is no Elasticsearch (what it says is not JSON)",
        ),
        (no_elasticsearch("OK", kind="text/plain"), "URL answers, but is no Elasticsearch (text)"),
        (Answer({"version": "?"}), "URL answers, but is no Elasticsearch (JSON of another kind)"),
        (
            no_elasticsearch(HTML, 404, "text/html"),
            "URL answers 404, but is no Elasticsearch (an HTML page); is the path right?",
        ),
        (
            Answer({"error": "no handler found for uri [/x/] and method [GET]"}, 400),
            "URL is a path on an Elasticsearch, not its root (400); is the path right?",
        ),
        (
            no_elasticsearch("", 302, location="https://me:hunter2@login.example.com/?token=hunter2"),
            "URL points to https://login.example.com/ (302); give the cluster's own URL",
        ),
        (
            no_elasticsearch(HTML, 502, "text/html"),
            "elasticsearch at URL: a proxy does not reach the server (502); is it running?",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_anything_else_is_one_clear_line(hasty: RetryPolicy, answer: Answer, line: str) -> None:
    """OpenSearch, old and future releases, proxies and other web servers are named for what they are."""
    with serving(answer) as fake:
        found = refusal(fake, hasty)
    assert found.removesuffix(" (while connecting)") == line


def test_old_releases_can_answer(hasty: RetryPolicy) -> None:
    """The greeting asks for no media type of series 8: a 7 would refuse to say what it is."""
    with serving(server_of("7.17.0")) as fake:
        refusal(fake, hasty)
    assert fake.asked[0][1]["accept"] == "*/*"


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (401, "the user or the API key was refused (401); set ES_API_KEY, or ES_USER and ES_PASSWORD"),
        (403, "the user or the API key may not do this (403)"),
    ],
)
def test_refused_credentials_say_what_to_set(hasty: RetryPolicy, status: int, line: str) -> None:
    """401 and 403 are final at the first answer, and do not repeat what was shown."""
    body = {"error": {"type": "security_exception", "reason": f"unable to authenticate [bob] by Basic {SECRET}"}}
    with serving(Answer(body, status)) as fake:
        found = refusal(fake, hasty, Credentials(user="bob", password=SECRET))
    assert found == f"elasticsearch at URL: {line} (while connecting)"
    assert len(fake.asked) == 1


STARTING = Answer({"error": {"type": "master_not_discovered_exception", "reason": "?"}}, 503)


def test_a_server_that_comes_up_is_waited_for(hasty: RetryPolicy) -> None:
    """503 twice, then the greeting: connected; 503 for longer than the policy lasts is the error."""
    with serving(STARTING, STARTING, GREETING) as fake, connect(fake.url, retry_policy=hasty):
        assert len(fake.asked) == 3
    with serving(STARTING) as fake:
        assert "the server is not ready (503, master_not_discovered_exception)" in refusal(fake, hasty)


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_nobody_there(hasty: RetryPolicy, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong port is tried again for two seconds by the clock, then one line; the client's own logs are not seen."""
    fake = Fake([], url=f"http://127.0.0.1:{closed_port()}")
    assert refusal(fake, hasty) == (
        "elasticsearch at URL: connection refused while connecting; is it running, and is the port right?"
    )
    assert hasty.clock() == 2
    assert not caplog.records


def test_http_to_a_port_of_https(hasty: RetryPolicy, tls: ssl.SSLContext) -> None:
    """A server that hangs up on http may speak https; the line shows that URL."""
    for answer, context in ((Answer(status=0), None), (GREETING, tls)):
        with serving(answer, tls=context) as fake:
            fake.url = fake.url.replace("https://", "http://")
            assert refusal(fake, hasty).endswith(f"If it speaks https: {fake.url.replace('http', 'https')}")


def test_a_proxy_that_says_that_it_speaks_https(hasty: RetryPolicy) -> None:
    """Web servers answer http on a port of https with 400 and a sentence; the line says it shorter."""
    page = "<html>The plain HTTP request was sent to HTTPS port</html>"
    with serving(no_elasticsearch(page, 400, "text/html")) as fake:
        assert refusal(fake, hasty) == f"URL speaks https; allowed: {fake.url.replace('http', 'https')}"


def test_https_to_a_port_of_http(hasty: RetryPolicy) -> None:
    """The other way round it is certain, and not tried again."""
    with serving(GREETING) as fake:
        plain, fake.url = fake.url, fake.url.replace("http", "https")
        assert refusal(fake, hasty) == f"elasticsearch at URL: it does not speak https; allowed: {plain}"
    assert hasty.clock() == 0


@pytest.mark.parametrize(
    ("host", "credentials", "line"),
    [
        ("localhost", NOBODY, "its certificate is not trusted (self-signed certificate); set ES_CA_CERTS to the file"),
        (
            "127.0.0.1",
            Credentials(ca_certs="server.pem"),
            "its certificate is not trusted (hostname '127.0.0.1' doesn't match 'localhost'); set ES_CA_CERTS",
        ),
        (
            "localhost",
            Credentials(fingerprint="ab" * 32),
            "its certificate has another fingerprint than ES_FINGERPRINT says",
        ),
        ("localhost", Credentials(ca_certs="server.pem"), ""),
        ("localhost", Credentials(fingerprint=FINGERPRINT), ""),
        ("localhost", Credentials(fingerprint=FINGERPRINT.replace(":", "").lower()), ""),
    ],
)
def test_trust(  # noqa: PLR0913 - fixtures beside the case
    hasty: RetryPolicy,
    tls: ssl.SSLContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    host: str,
    credentials: Credentials,
    line: str,
) -> None:
    """A CA's file or a fingerprint makes a certificate trusted, for its own host; no log or warning is seen."""
    monkeypatch.chdir(tmp_path)
    with serving(GREETING, tls=tls) as fake:
        fake.url = fake.url.replace("localhost", host)
        if line:
            assert refusal(fake, hasty, credentials).startswith(f"elasticsearch at URL: {line}")
        else:
            connect(fake.url, credentials).close()
    assert hasty.clock() == 0
    assert not caplog.records


def test_what_is_shown_to_the_server() -> None:
    """An API key, a user and a password, and those inside the URL go into the header Authorization."""
    with serving(GREETING) as fake:
        inside = fake.url.replace("//", "//me:p%40ss%2Fword@")
        for url, credentials in [
            (fake.url, Credentials(api_key=" a2V5\n")),
            (fake.url, Credentials(api_key="id:key")),
            (fake.url, Credentials(user="me", password="päss")),  # noqa: S106 - of nobody
            (inside, NOBODY),
            (fake.url, NOBODY),
        ]:
            connect(url, credentials).close()
    assert [headers.get("authorization") for _, headers, _ in fake.asked] == [
        "ApiKey a2V5",
        "ApiKey aWQ6a2V5",
        "Basic bWU6cMOkc3M=",
        "Basic bWU6cEBzcy93b3Jk",
        None,
    ]


@pytest.mark.parametrize(
    ("credentials", "line"),
    [
        (Credentials(api_key=SECRET, user="me", password=SECRET), "an API key (ES_API_KEY) beside a user"),
        (Credentials(api_key=f"{SECRET}\nx"), "ES_API_KEY: spaces or other characters that no API key has"),
        (Credentials(api_key=f"{SECRET}ä"), "ES_API_KEY: spaces or other characters that no API key has"),
        (Credentials(user="me"), "a user alone; ES_USER and ES_PASSWORD belong together"),
        (Credentials(password=SECRET), "a password alone; ES_USER and ES_PASSWORD belong together"),
        (Credentials(user="a:b", password=SECRET), "ES_USER: a colon, which no user has"),
        (Credentials(user="me", password=f"{SECRET}\udcff"), "ES_USER, ES_PASSWORD: something that is not Unicode"),
        (Credentials(fingerprint=SECRET), "ES_FINGERPRINT: expected 64 hexadecimal digits (SHA-256, colons allowed)"),
        (Credentials(fingerprint="z" * 64), "ES_FINGERPRINT: expected 64 hexadecimal digits"),
        (Credentials(ca_certs="no/such.pem"), "ES_CA_CERTS: no such file: no/such.pem"),
        (Credentials(ca_certs=__file__), "ES_CA_CERTS: no certificates in "),
    ],
)
def test_credentials_that_cannot_be_right(credentials: Credentials, line: str) -> None:
    """They are bad input before anything is sent, and the line does not show them."""
    with pytest.raises(InputError) as caught:
        connect("https://127.0.0.1:1", credentials, timeout=1)
    assert str(caught.value).startswith(line)
    assert SECRET not in str(caught.value)


def test_nothing_shows_a_secret() -> None:
    """Neither a connection nor settings nor credentials do, printed in either way."""
    credentials = Credentials(user="me", password=SECRET)
    with serving(GREETING) as fake, connect(fake.url, credentials) as connection:
        shown = [
            f"{value}{value!r}" for value in (connection, connection.client, credentials, Settings("u", credentials))
        ]
    assert not [text for text in shown if SECRET in text]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:9200", "http://localhost:9200"),
        ("HTTPS://Es.Example.com:9243/a/b/", "https://es.example.com:9243/a/b"),
        ("https://es.example.com", "https://es.example.com:443"),
        (" http://[::1]:9200/ ", "http://[::1]:9200"),
        ("http://me:pass@host:9200", "http://host:9200"),
    ],
)
def test_a_url_as_it_is_shown(url: str, expected: str) -> None:
    """With its port, without a user and a password, and splitting it again changes nothing."""
    assert split_url(url)[0] == expected
    assert split_url(expected)[0] == expected


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("localhost:9200", "http://localhost:9200"),
        ("es.example.com", "http://es.example.com:9200"),
        ("http://es.example.com", "http://es.example.com:9200"),
        ("http:/localhost:9201", "http://localhost:9201"),
        ("http//localhost:9200", "http://localhost:9200"),
        ("ftp://host:21", "http://host:21"),
        ("http://host:99999", "http://host:9200"),
        ("http://host:0", "http://host:9200"),
        ("http://host:9200?pretty", "http://host:9200"),
        ("http://host:9200/?token=abc", "http://host:9200"),
        ("http://", "http://HOST:PORT or https://HOST:PORT"),
        ("", "http://HOST:PORT or https://HOST:PORT"),
        ("http://lo cal:9200", "http://HOST:PORT or https://HOST:PORT"),
        ("http://[::1:9200", "http://HOST:PORT or https://HOST:PORT"),
    ],
)
def test_a_url_that_is_none(url: str, meant: str) -> None:
    """It is bad input, and the line shows what was probably meant."""
    with pytest.raises(InputError) as caught:
        split_url(url)
    assert str(caught.value).endswith(f"expected, for example: {meant}")


def test_a_password_that_is_not_encoded() -> None:
    """It is refused where it could be read as another host; the line says how it is written."""
    with pytest.raises(InputError) as caught:
        split_url(f"http://me:{SECRET}/@x@host:9200")
    assert str(caught.value) == (
        "http://host:9200: / ? # @ in a user or a password have to be written as %2F %3F %23 %40"
    )


FORMS = ["http://me:{}@host:9200", "me:{}@host:9200", "https://{}@host", "http://me:{}", "{}@"]
WORDS = st.text("abcXYZ019:/?#@%[] ä\\", min_size=6, max_size=12).map(lambda text: f"{text}{SECRET}")


@given(WORDS, st.sampled_from(FORMS))
def test_no_password_inside_a_url_is_ever_shown(password: str, form: str) -> None:
    """Whatever characters it has, wherever they break the URL: neither the error nor the URL shows it."""
    if "@" not in form:
        password = password.translate({ord("/"): "", ord("@"): ""})  # with these it is another URL
    try:
        shown, inside = split_url(form.format(password))
    except RelevanceError as error:
        shown = str(error)
    else:
        assert SECRET in inside.user + inside.password
    assert SECRET not in shown


def test_vectors_and_remarks_of_the_server() -> None:
    """Rows of float32 arrive bit for bit in `_bulk`, and a `Warning` header becomes no Python warning."""
    vector = np.random.default_rng(5).standard_normal((3, 384), dtype=np.float32)
    vector[1, 0] = 0.1
    remark = GREETING.headers | {"warning": '299 Elasticsearch-8 "security is not enabled"'}
    done = Answer({"errors": False, "items": []}, headers=remark)
    with serving(Answer(GREETING.body, headers=remark), done) as fake, connect(fake.url) as found:
        found.client.bulk(operations=[{"index": {}}, {"v": vector[1]}, '{"index":{}}', b'{"v":1}'], index="i")
        rows = fake.asked[-1][2].split(b"\n")
    assert rows[1].startswith(b'{"v":[0.1,')  # as float32 is written, in half of the characters of float64
    assert np.array_equal(np.array(json.loads(rows[1])["v"], np.float32), vector[1])
    assert rows[2:] == [b'{"index":{}}', b'{"v":1}', b""]


def test_the_client_itself_tries_once() -> None:
    """Trying again is not the client's: a 503 and a lost connection reach our patience at the first time."""
    with serving(GREETING, Answer({"error": "?"}, 503), Answer(status=0), Answer(status=0)) as fake:
        with connect(fake.url) as connection:
            for _ in range(2):
                with pytest.raises(Exception, match=r"503|Connection error"):
                    connection.client.cluster.health()
        assert len(fake.asked) == 3


@pytest.mark.parametrize("kind", ["application/json", "image/png"])
def test_a_page_of_a_balancer_keeps_its_status(hasty: RetryPolicy, kind: str) -> None:
    """A 503 that is no JSON, whatever it calls itself, is tried again as one of Elasticsearch's own."""
    page = Answer(HTML, 503, headers={}, kind=kind)
    with serving(GREETING, page, page, Answer({"count": 3})) as fake:
        with connect(fake.url, retry_policy=hasty) as connection:
            found = connection.ask(lambda: connection.client.count(index="i"), doing="counting")
        assert found["count"] == 3
        assert connection.retries == {"503": 2}
    with (
        serving(GREETING, page) as fake,
        connect(fake.url, retry_policy=hasty) as connection,
        pytest.raises(CouldNotRunError, match=r"the server is not ready \(503\); is the cluster complete"),
    ):
        connection.ask(lambda: connection.client.count(index="i"), doing="counting")


def test_a_page_that_calls_itself_a_success_is_none(hasty: RetryPolicy) -> None:
    """A proxy's page with status 200 is no answer, and is not waited for."""
    with serving(GREETING, Answer(HTML)) as fake, connect(fake.url, retry_policy=hasty) as connection:
        with pytest.raises(CouldNotRunError, match="an answer that is not JSON while counting; is a proxy in between"):
            connection.ask(lambda: connection.client.count(index="i"), doing="counting")
        assert not connection.retries


def test_a_server_that_does_not_answer(hasty: RetryPolicy) -> None:
    """It is given up after one time-out: nothing was ever heard of it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        fake = Fake([], url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(CouldNotRunError, match=r"no answer within 0\.1 s while connecting"):
            connect(fake.url, NOBODY, timeout=0.1, retry_policy=hasty)
    assert time.monotonic() - began < 1
    assert hasty.clock() == 0


HEAD = b"HTTP/1.1 200 OK\r\nx-elastic-product: Elasticsearch\r\ncontent-type: application/json\r\n"


@contextmanager
def pouring(head: bytes, piece: bytes, wait: float = 0.0) -> Iterator[str]:
    """The URL of a server that says the head, then the piece, if any, again and again until nobody listens."""

    class Pour(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            with suppress(OSError):
                self.request.sendall(head)
                while piece:
                    self.request.sendall(piece)
                    time.sleep(wait)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Pour) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def packed(times: int) -> bytes:
    """A body of 65 MiB of blanks, packed once or twice."""
    body = b" " * (MOST_BYTES + (1 << 20))
    for _ in range(times):
        body = gzip.compress(body, 1)
    return b"content-length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize(
    ("head", "piece", "words"),
    [
        (HEAD + b"\r\n", b" " * (1 << 20), "an answer of more than 64 MiB while connecting"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n", b"100000\r\n" + b" " * (1 << 20) + b"\r\n", "more than 64 MiB"),
        (HEAD + b"content-encoding: gzip\r\n" + packed(1), b"", "an answer of more than 64 MiB when unpacked"),
        (HEAD + b"content-encoding: gzip, gzip\r\n" + packed(2), b"", "packed in a way that was not asked for"),
        (HEAD + b"content-encoding: br\r\n" + packed(2), b"", "packed in a way that was not asked for"),
        (HEAD + b"content-encoding: gzip\r\ncontent-length: 2\r\n\r\nno", b"", "cannot be unpacked"),
    ],
)
def test_an_answer_without_end(hasty: RetryPolicy, head: bytes, piece: bytes, words: str) -> None:
    """It is given up at 64 MiB, packed or not, at the first try: no memory is left to a server."""
    with pouring(head, piece) as url, pytest.raises(CouldNotRunError, match=words):
        connect(url, NOBODY, timeout=20, retry_policy=hasty)
    assert hasty.clock() == 0


@pytest.mark.parametrize("head", [HEAD + b"content-length: 9\r\n\r\n", HEAD + b"x-more: "])
def test_an_answer_byte_by_byte(hasty: RetryPolicy, head: bytes) -> None:
    """The time-out is that of the whole answer, its headers too, however busy the server is with it."""
    began = time.monotonic()
    with pouring(head, b"1", 0.05) as url, pytest.raises(CouldNotRunError, match=r"no answer within 0\.2 s"):
        connect(url, NOBODY, timeout=0.2, retry_policy=hasty)
    assert time.monotonic() - began < 1


def test_a_packed_answer() -> None:
    """A proxy's gzip is taken off; more requests than there are connections go well one after the other."""
    body = gzip.compress(b'{"count": 3}')
    answer = HEAD + b"connection: close\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    with pouring(answer, b"") as url, make_client(url, NOBODY, timeout=5) as found:
        assert [found.count(index="i")["count"] for _ in range(5)] == [3] * 5


def test_nothing_is_held_after_a_failure(hasty: RetryPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is not made closes its client, after an interrupt too."""
    closed = []

    class Client:
        def options(self, **_: object) -> Client:
            return self

        def close(self) -> None:
            closed.append(self)

    def interrupted(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("relevance.engines.elasticsearch.client._greet", interrupted)
    monkeypatch.setattr("relevance.engines.elasticsearch.client.Elasticsearch", lambda *_, **__: Client())
    with pytest.raises(KeyboardInterrupt):
        connect("http://127.0.0.1:1", NOBODY, timeout=1, retry_policy=hasty)
    assert len(closed) == 1


def test_a_connection_is_closed_at_the_end_of_a_with() -> None:
    """And may be closed again."""
    with serving(GREETING) as fake:
        with connect(fake.url) as connection:
            assert isinstance(connection, Connection)
        connection.close()
