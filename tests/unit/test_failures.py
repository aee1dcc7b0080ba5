"""What goes wrong between us and a server: in one line for people, and tried again where it may pass."""

from __future__ import annotations

import socket
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import elasticsearch
import pytest
from helpers.cluster import Clock, api_error
from hypothesis import given, settings
from hypothesis import strategies as st
from urllib3.exceptions import ClosedPoolError, ProtocolError

from relevance.engines.elasticsearch.client import make_client
from relevance.engines.elasticsearch.errors import (
    Refusal,
    RetriableError,
    explained,
)
from relevance.engines.elasticsearch.settings import Credentials
from relevance.errors import CouldNotRunError, InputError, RelevanceError

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "http://127.0.0.1:9209"
AT = f"elasticsearch at {URL}: "

READ_ONLY = {
    "type": "cluster_block_exception",
    "reason": "index [i] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, "
    "index has read-only-allow-delete block];",
}
MEMORY = {"type": "circuit_breaking_exception", "reason": "[parent] Data too large", "durability": "TRANSIENT"}


def pressed(*, held: int, needed: int, most: int) -> dict[str, Any]:
    """As a server says it that has no memory for a write."""
    told = f"coordinating_and_primary_bytes={held}, replica_bytes=0, all_bytes={held}, coordinating_operation_bytes"
    reason = f"rejected execution of coordinating operation [{told}={needed}, max_coordinating_bytes={most}]"
    return {"type": "es_rejected_execution_exception", "reason": reason}


BUSY = {"type": "es_rejected_execution_exception", "reason": "rejected execution of TimedRunnable on queue"}


def said(kind: str, reason: str, **more: Any) -> dict[str, Any]:
    """The body of a refusal."""
    return {"error": {"root_cause": [{"type": kind, "reason": reason}], "type": kind, "reason": reason, **more}}


def from_network(cause: Exception) -> elasticsearch.ConnectionError:
    """A lost connection as the client raises it: its cause is in Python's chain alone."""
    error = elasticsearch.ConnectionError(str(cause))
    error.__cause__ = cause
    return error


def timed_out() -> elasticsearch.ConnectionTimeout:
    """As the client raises it."""
    error = elasticsearch.ConnectionTimeout("Connection timed out during request")
    error.__cause__ = TimeoutError("HTTPConnectionPool: Read timed out. (read timeout=60.0)")
    return error


REFUSED = from_network(ConnectionRefusedError(111, "Connection refused"))
LOST = from_network(ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer")))
CUT_OFF = elasticsearch.SSLError("TLS error")
CUT_OFF.__cause__ = ssl.SSLEOFError(8, "EOF occurred in violation of protocol")
UNTRUSTED = elasticsearch.SSLError("TLS error")
UNTRUSTED.__cause__ = ssl.SSLCertVerificationError(
    1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1002)"
)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (REFUSED, "connection refused while searching; is it running, and is the port right?"),
        (LOST, "connection lost while searching; is it still running?"),
        (CUT_OFF, "connection lost while searching; is it still running?"),
        (
            ConnectionResetError(104, "Connection reset by peer"),
            "connection lost while searching; is it still running?",
        ),
        (
            from_network(socket.gaierror(-2, "Name or service not known")),
            "no such host while searching; is the name right?",
        ),
        (from_network(OSError(113, "No route to host")), "no connection while searching (No route to host)"),
        (timed_out(), "no answer within 60 s while searching (--es-timeout)"),
        (elasticsearch.ConnectionTimeout("?"), "no answer in time while searching (--es-timeout)"),
        (
            UNTRUSTED,
            (
                "its certificate is not trusted (certificate has expired); "
                "set ES_CA_CERTS to the file of its CA, or ES_FINGERPRINT"
            ),
        ),
        (
            elasticsearch.SerializationError("Unable to deserialize as JSON: b'<html>'"),
            "an answer that is not JSON while searching; is a proxy in between?",
        ),
        (
            elasticsearch.SerializationError("Unable to serialize to JSON: {…}", (TypeError("not UTF-8"),)),
            "what should be sent while searching cannot be written as JSON (not UTF-8)",
        ),
        (
            api_error(401, said("security_exception", "unable to authenticate user [bob]")),
            "the user or the API key was refused (401); set ES_API_KEY, or ES_USER and ES_PASSWORD (while searching)",
        ),
        (
            api_error(
                403,
                said(
                    "security_exception",
                    "action [indices:admin/create] is unauthorized for user [bob] with effective roles [r] on indices "
                    "[i], this action is granted by the index privileges [create_index,manage,all]",
                ),
            ),
            (
                "the user or the API key may not do this (403): indices:admin/create; it needs one of the index "
                "privileges create_index, manage, all (while searching)"
            ),
        ),
        (
            api_error(404, said("index_not_found_exception", "no such index [i]")),
            "no such index [i]; was it removed? (while searching)",
        ),
        (
            api_error(400, said("illegal_argument_exception", "k must be\n  positive")),
            "it refuses: k must be positive (illegal_argument_exception) (while searching)",
        ),
        (
            api_error(413, "<html>413</html>"),
            (
                "a request is too large for the server or a proxy in between (413); "
                "raise http.max_content_length there (while searching)"
            ),
        ),
        (
            api_error(429, {"error": BUSY}),
            "the server is too busy (429: its queue is full); try again later (while searching)",
        ),
        (
            api_error(429, {"error": pressed(held=9, needed=5, most=10)}),
            (
                "the server has too little memory for what is written (429); "
                "give it more heap (a container of ours: --es-memory) (while searching)"
            ),
        ),
        (
            api_error(429, {"error": READ_ONLY}),
            (
                "index is read-only (disk past its flood-stage watermark): free disk space on the cluster, "
                "then run again (while searching)"
            ),
        ),
        (
            api_error(429, {"error": MEMORY}),
            (
                "the server ran out of memory (circuit_breaking_exception); "
                "give it more heap (a container of ours: --es-memory) (while searching)"
            ),
        ),
        (api_error(503, None), "the server is not ready (503); is the cluster complete? (while searching)"),
        (from_network(ClosedPoolError(None, "Pool is closed.")), "the connection was closed while searching"),
        (
            api_error(507, None),
            "the server has no room left (507); free disk space on the cluster, then run again (while searching)",
        ),
        (api_error(500, "oops"), "it refuses: oops (while searching)"),
        (api_error(500, "<html>"), "it refuses: status 500 (while searching)"),
        (RetriableError(Refusal(429, "circuit_breaking_exception", "full")), "the server ran out of memory"),
        (KeyError("took"), "no connection while searching ('took')"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else type(value).__name__,
)
def test_each_failure_is_one_line(error: Exception, line: str) -> None:
    """What a cluster or the network does is an error of one line that could not be foreseen, with what to do."""
    found = explained(error, doing="searching", url=URL)
    assert type(found) is CouldNotRunError
    assert str(found).startswith(f"{AT}{line}")


def test_what_answers_may_be_no_elasticsearch() -> None:
    """A proxy that says 200 by itself in the middle of a run is named."""
    error = elasticsearch.UnsupportedProductError("?", api_error(200, None).meta, "<html>")
    assert str(explained(error, doing="searching", url=URL)) == f"{AT}what answered while searching is no Elasticsearch"


def test_a_file_of_the_user_that_is_refused_is_bad_input() -> None:
    """400 for what the user wrote names the file, with the server's first and last reason; 429 for it does not."""
    body = said(
        "mapper_parsing_exception", "Failed to parse mapping: bad", caused_by={"reason": "analyzer [x] is unknown"}
    )
    found = explained(api_error(400, body), doing="making the index", url=URL, sent="mapping.json")
    assert type(found) is InputError
    assert str(found) == (
        f"mapping.json: elasticsearch at {URL} refuses it: "
        "analyzer [x] is unknown; hence Failed to parse mapping: bad (mapper_parsing_exception)"
    )
    assert (
        type(explained(RetriableError(Refusal(400, "x", "y")), doing="searching", url=URL, sent="strategy 's'"))
        is InputError
    )
    assert (
        type(explained(RetriableError(Refusal(429, "x", "y")), doing="searching", url=URL, sent="strategy 's'"))
        is CouldNotRunError
    )


@pytest.mark.parametrize(
    ("kind", "reason", "line"),
    [
        (
            "validation_exception",
            "this action would add [2] shards, but this cluster has [999]/[1000] maximum normal shards open;",
            "the cluster takes no more shards: this action",
        ),
        (
            "illegal_argument_exception",
            "cannot create index with name [x], because it matches with template [all] that creates data streams only",
            "a template of the cluster makes data streams of such names: cannot create",
        ),
    ],
)
def test_what_is_the_clusters_is_not_the_files(kind: str, reason: str, line: str) -> None:
    """A limit or a template of the cluster is no fault of the user's file."""
    error = explained(api_error(400, said(kind, reason)), doing="making the index", url=URL, sent="mapping.json")
    assert type(error) is CouldNotRunError
    assert str(error).startswith(f"{AT}{line}")


@pytest.mark.parametrize(
    ("outer", "deepest", "told"),
    [
        ("failed to parse", "bad date", "bad date; hence failed to parse"),
        ("failed to parse: bad date", "bad date", "bad date; hence failed to parse"),
        ("bad date [x] in [1:7]", "bad date [x]", "bad date [x]; hence … in [1:7]"),
        ("bad date", "bad date", "bad date"),
        ("", "bad date", "bad date"),
        ("failed to parse", "", "failed to parse"),
    ],
)
def test_the_deepest_cause_comes_first(outer: str, deepest: str, told: str) -> None:
    """A reason that is cut keeps what was wrong, however long the server's way to it, and says it once."""
    between = {"type": "b", "reason": "between", "caused_by": {"type": "c", "reason": deepest}}
    assert Refusal.read(400, said("a", outer, caused_by=between)).reason == told


def test_an_error_of_ours_stays() -> None:
    """What is explained already is not explained again."""
    ours = InputError("x")
    assert explained(ours, doing="searching", url=URL) is ours


@settings(max_examples=40, deadline=None)
@given(
    st.integers(100, 599),
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["error", "type", "reason", "root_cause", "caused_by", "durability"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    ),
)
def test_any_answer_is_one_line(status: int, body: object) -> None:
    """Whatever a server or a proxy says: no exception but ours, one line, of bounded length."""
    line = str(explained(api_error(status, body), doing="searching", url=URL))
    assert len(line.splitlines()) == 1
    assert len(line) < 800


@pytest.mark.parametrize(
    "echo", ["Basic aHVudGVyMjpodW50ZXIy", "ApiKey aHVudGVyMjpodW50ZXIy", "http://me:hunter2@host"]
)
def test_what_a_server_echoes_is_not_shown(echo: str) -> None:
    """A server that repeats a header or a URL gives no secret away."""
    line = str(explained(api_error(400, said("x", f"bad header [{echo}]")), doing="searching", url=URL))
    assert "bad header [" in line
    assert "hunter2" not in line
    assert "aHVudGVy" not in line


def test_what_a_server_says_is_only_shown() -> None:
    """Its reasons and types reach no terminal and no CI log as commands, in errors and in the reasons of retries."""
    what = Refusal.read(400, said("x\x1b[2J", "no\n::error::##vso[task.complete]\x9b1m"))
    assert (what.kind, what.reason) == (r"x\x1b[2J", r"no ::error::##vso\[task.complete]\x9b1m")
    assert Refusal.read(400, "\x1b[2J").reason == r"\x1b[2J"


@pytest.mark.parametrize(
    ("status", "error", "passes"),
    [
        (429, BUSY, True),
        (429, pressed(held=9, needed=5, most=10), True),
        (429, pressed(held=0, needed=11, most=10), False),
        (429, MEMORY, True),
        (429, MEMORY | {"durability": "PERMANENT"}, False),
        (429, READ_ONLY, False),
        (403, READ_ONLY, False),
        (503, {"type": "cluster_block_exception", "reason": "state not recovered"}, True),
        (502, None, True),
        (504, "<html>", True),
        (500, None, False),
        (400, None, False),
        (404, None, False),
    ],
)
def test_what_passes(status: int, error: object, passes: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """The same rule holds for a whole answer and for an item of one."""
    assert Refusal.read(status, error).passes is passes
    assert Refusal.read(status, {"error": error, "status": status}).passes is passes


class Waiting(Clock):
    """A clock that goes on by what calls take, too."""

    def failing(self, *errors: BaseException, takes: float = 0.0) -> Callable[[], str]:
        """A call that fails by these errors, one after the other, and then goes well."""
        left = list(errors)

        def call() -> str:
            self.now += takes
            if not left:
                return "done"
            raise left.pop(0)

        return call


def test_it_waits_twice_as_long_each_time() -> None:
    """0.5, 1, 2, 4, 8, 8 seconds; each retry is told with its reason; the result is the call's."""
    clock, told = Waiting(), list[str]()
    errors = [
        api_error(429, {"error": BUSY}),
        REFUSED,
        LOST,
        CUT_OFF,
        RetriableError(Refusal(503, "x", "no")),
        api_error(504, None),
    ]
    found = clock.policy().run(clock.failing(*errors), doing="searching", url=URL, retried=told.append)
    assert found == "done"
    assert clock.slept == [0.5, 1, 2, 4, 8, 8]
    assert told == [
        "429 es_rejected_execution_exception",
        "not reached",
        "connection lost",
        "connection lost",
        "503 x",
        "504",
    ]


@pytest.mark.parametrize(("seconds", "slept"), [(60.0, 60.0), (3.0, 3.0), (0.0, 0.0)])
def test_it_ends_when_the_time_is_up(seconds: float, slept: float) -> None:
    """After the seconds since the first failure comes the line; the last wait is cut to what is left."""
    clock = Waiting()
    with pytest.raises(CouldNotRunError, match="not ready") as caught:
        clock.policy(seconds).run(clock.failing(*[api_error(503, None)] * 99), doing="searching", url=URL)
    assert sum(clock.slept) == slept
    assert isinstance(caught.value.__cause__, elasticsearch.ApiError)


def test_a_long_call_is_no_reason_to_give_up() -> None:
    """The time counts from the first failure, not from the first call."""
    clock = Waiting()
    assert clock.policy(10).run(clock.failing(LOST, takes=100), doing="searching", url=URL) == "done"


def test_nobody_there_may_be_given_up_sooner() -> None:
    """`unreachable_s` limits lost connections alone."""
    clock = Waiting()
    with pytest.raises(CouldNotRunError, match="connection refused"):
        clock.policy(30, unreachable_s=2).run(clock.failing(*[REFUSED] * 99), doing="connecting", url=URL)
    assert sum(clock.slept) == 2


def test_a_server_that_is_known_to_have_ended_is_not_waited_for() -> None:
    """Its error comes in the place of the line for a lost connection; what else fails does not ask for it."""
    clock, ends = Waiting(), [None, CouldNotRunError("it was killed")]
    retry_policy = replace(clock.policy(), ended=lambda: ends.pop(0))
    busy = api_error(503, None)
    with pytest.raises(CouldNotRunError, match=r"^it was killed$") as caught:
        retry_policy.run(clock.failing(LOST, busy, REFUSED), doing="searching", url=URL)
    assert (clock.slept, ends, caught.value.__cause__) == ([0.5, 1], [], None)


def test_a_frozen_server_costs_two_time_outs() -> None:
    """One that does not answer in time is asked once more, however little patience is left, and no third time."""
    clock = Waiting()
    with pytest.raises(CouldNotRunError, match="no answer within 60 s"):
        clock.policy(10).run(clock.failing(*[timed_out()] * 9, takes=60), doing="searching", url=URL)
    assert clock.now == 120.5


@pytest.mark.parametrize(
    "error",
    [
        api_error(429, {"error": READ_ONLY}),
        api_error(403, {"error": READ_ONLY}),
        api_error(400, None),
        api_error(401, None),
        api_error(404, None),
        UNTRUSTED,
        elasticsearch.SerializationError("?"),
        from_network(ClosedPoolError(None, "Pool is closed.")),  # type: ignore[arg-type]
    ],
)
def test_what_does_not_pass_fails_at_once(error: Exception) -> None:
    """No wait for what will be the same next time."""
    clock = Waiting()
    with pytest.raises(RelevanceError):
        clock.policy().run(clock.failing(error), doing="searching", url=URL)
    assert clock.slept == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), KeyError("a slip of ours"), InputError("ours")])
def test_what_is_not_the_clients_passes_through(error: BaseException) -> None:
    """An interrupt, a slip and an error of ours are neither tried again nor changed."""
    clock = Waiting()
    with pytest.raises(type(error)) as caught:
        clock.policy().run(clock.failing(error), doing="searching", url=URL)
    assert caught.value is error
    assert clock.slept == []


def test_a_real_refusal_is_recognised() -> None:
    """The client's own error, over a real socket."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = make_client(f"http://127.0.0.1:{port}", Credentials(), timeout=1)
    with pytest.raises(elasticsearch.ConnectionError) as caught:
        client.info()
    client.close()
    assert "connection refused while searching" in str(explained(caught.value, doing="searching", url=URL))
