"""What ranks from outside: functions, endpoints, commands, run files; each fault is one line that names the query."""

import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from helpers.endpoint import Answered, Asked, answering, as_json

from relevance.engines import QueryBatch
from relevance.engines.rankers import WithRankers, ranking_of
from relevance.errors import InputError, StrategyError
from relevance.outside import Outside, Query
from relevance.outside import command as commands
from relevance.strategies import Strategy, from_table

PRODUCTS = {"p1": 0, "p2": 1, "p3": 2}
ASKED = [Query("red shoe", "q1", {"locale": "de"}), Query("boot", "q2")]
ASKS_BY_MARK = {"ids": "$.hits[*].id", "scores": "$.hits[*].score"}


def outside(**table: Any) -> Outside:
    found = from_table("shop", table).outside
    assert found is not None
    return found


def ranked(ranker: Outside, queries: list[Query] = ASKED, depth: int = 3, *, drops: bool = False) -> Any:
    opened, unknown = ranker.open(), Counter[str]()
    try:
        answers = opened.rank(queries, depth)
        ranking = ranking_of(answers, queries, PRODUCTS, hits=depth, drops=drops, unknown=unknown)
        return ranking.codes.tolist(), ranking.scores.tolist(), [*opened.notes()], dict(unknown)
    finally:
        opened.close()


# a function


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Outside]:
    numbers = count()
    monkeypatch.setattr(sys, "path", [*sys.path])

    def made(body: str) -> Outside:
        name = f"ranking_{tmp_path.name}_{next(numbers)}"
        (tmp_path / f"{name}.py").write_text(f"import numpy as np\ndef rank(query, params, depth):\n    {body}\n")
        return outside(search=f"{name}:rank", folder=str(tmp_path))

    return made


@pytest.mark.parametrize(
    "body",
    [
        'return ["p2", "p1"]',
        'return [("p2", 2.0), ("p1", 1)]',
        'return (["p2", 2], ["p1", 1.0])',
        'return [{"id": "p2", "score": 2}, {"id": "p1", "score": 1}]',
        'return np.array(["p2", "p1"])',
        'return iter([("p2", np.float32(2)), ("p1", np.int64(1))])',
        'return ["p2", "p1", "p3", "p4"][:depth if depth < 3 else 2]',
    ],
)
def test_a_function_gives_hits_in_many_ways(module: Callable[[str], Outside], body: str) -> None:
    codes, scores, notes, _ = ranked(module(body), depth=2)
    assert codes == [[1, 0], [1, 0]]
    assert scores == [[2, 1], [2, 1]]
    assert notes == []


def test_a_function_is_defined_by_its_name_and_the_file_that_it_stands_in(
    module: Callable[[str], Outside], tmp_path: Path
) -> None:
    one, other = module('return ["p1"]'), module('return ["p2"]')
    assert [*one.definition()] == ["search"]  # nothing is imported for it
    for each in (one, other):
        each.open().close()
    names = [each.definition()["search"].partition(":")[0] for each in (one, other)]
    sources = [(tmp_path / f"{name}.py").read_bytes() for name in names]
    assert [each.definition()["search function"] for each in (one, other)] == [
        hashlib.sha256(source).hexdigest() for source in sources
    ]
    built_in = outside(search="time:sleep", folder=str(tmp_path))
    built_in.open().close()
    assert built_in.definition() == {"search": "time:sleep"}


def test_a_function_gets_query_parameters_and_depth(module: Callable[[str], Outside]) -> None:
    ranker = module('return ["p1"] if (query, params, depth) == ("red shoe", {"locale": "de"}, 3) else ["p2", "p3"]')
    assert ranked(ranker)[0] == [[0, -1, -1], [1, 2, -1]]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("raise ValueError('no\\nindex')", r"query 'boot' (q2): ValueError: no index"),
        ("return (1 / 0 for _ in range(3))", "query 'boot' (q2): ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "query 'boot' (q2): SystemExit: 3"),
        ('return {"p1": 1.0}', "query 'boot' (q2): found an object; allowed: a list of hits"),
        ('return [b"p1"]', """query 'boot' (q2): a hit is "b'p1'"; allowed: an id"""),
        ("return None", "query 'boot' (q2): found null; allowed: a list of hits"),
        ('return "p1"', "query 'boot' (q2): found a text; allowed: a list of hits"),
        ('return [("p1", float("nan"))]', "query 'boot' (q2): a score is nan; allowed: a finite number"),
        ('return [("p1", "high")]', "query 'boot' (q2): a score is 'high'; allowed: a finite number"),
        ('return [("p1", 10**400)]', "query 'boot' (q2): a score is 1000"),
        ('return [("p1", 10**9999)]', "query 'boot' (q2): a score is a number of too many digits; allowed: a finite"),
        ("return [10**9999]", "query 'boot' (q2): a hit is a number of too many digits; allowed: an id of up to 400"),
        ("return [1.5]", "query 'boot' (q2): a hit is '1.5'; allowed: an id"),
        ('return [("p1", 0.9), "p2"]', "query 'boot' (q2): some hits have a score and some have none; allowed: all or"),
        ('return ["p1", "p1"]', "query 'boot' (q2): product 'p1' stands twice; allowed: once"),
        ('return ["p9"]', "query 'boot' (q2): product 'p9', which the data set's products lack; allowed: their ids"),
    ],
)
def test_a_fault_of_a_function_names_the_query(module: Callable[[str], Outside], body: str, line: str) -> None:
    ranker = module(f'if query == "boot":\n        {body}\n    return ["p1"]')
    with pytest.raises(StrategyError) as caught:
        ranked(ranker)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("rank", "search: 'rank'; allowed: MODULE:FUNCTION"),
        ("no_such_module:rank", "search: no_such_module:rank: No module named 'no_such_module'; allowed: MODULE:FUNC"),
        ("json:no_such", "search: json:no_such: module 'json' has no attribute 'no_such'; allowed: MODULE:FUNCTION"),
        ("json:__doc__", "search: json:__doc__: is str; allowed: a function"),
    ],
)
def test_a_function_that_is_not_there(name: str, line: str) -> None:
    with pytest.raises(InputError, match=re.escape(line)):
        outside(search=name).open()


# a command

ECHO = """
import json, sys
for line in sys.stdin:
    q = json.loads(line)
    print(json.dumps({"hits": [["p2", 0.5], {"id": "p1", "score": 0.25}][: q["depth"]]}), flush=True)
"""


def command(script: str, **more: Any) -> Outside:
    return outside(command=[sys.executable, "-c", script], **more)


def test_a_command_answers_lines_with_lines() -> None:
    assert ranked(command(ECHO)) == ([[1, 0, -1]] * 2, [[0.5, 0.25, -np.inf]] * 2, [], {})


def test_a_command_is_started_once() -> None:
    ranker = command("import json, os\nwhile input(): print(json.dumps([str(os.getpid())]), flush=True)").open()
    try:
        first, second = (next(iter(ranker.rank(ASKED[:1], 3))) for _ in range(2))
        assert first == second
    finally:
        ranker.close()


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("print([]); raise SystemExit('no index')", "query 'boot' (q2): ended with exit code 1 before its answer"),
        ("print([])\nprint('oops')", "query 'boot' (q2): found 'oops'"),
        ("print([])\nprint('[' * 20_000_000)", "query 'boot' (q2): "),
        ("print([])\nprint('[NaN]')", "query 'boot' (q2): found '[NaN]' (NaN is no JSON); allowed: a line of JSON"),
        ("print([])\nprint('{}')", "query 'boot' (q2): found null; allowed: a list of hits"),
        ("print([], flush=True)\nimport time; time.sleep(9)", "query 'boot' (q2): silent for 0.2 seconds"),
    ],
)
def test_a_fault_of_a_command_names_the_query(script: str, line: str) -> None:
    with pytest.raises(StrategyError) as caught:
        ranked(command(script, timeout=0.2))
    assert str(caught.value).startswith(f"command {Path(sys.executable).name}: {line}")
    assert "no index" not in script or caught.value.details == ("no index",)


def test_what_a_command_prints_in_another_encoding_is_no_id_of_a_product() -> None:
    with pytest.raises(
        StrategyError, match=r"^query 'boot' \(q2\): product '\ufffd', which the data set's products lack"
    ):
        ranked(command("import os; os.write(1, b'[]\\n[\"\\xe9\"]\\n')"))


def test_a_command_that_failed_is_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_START_S", 0.5)
    once = "import sys, time\nprint([]) if 'boot' in input() else time.sleep(9)"
    ranker = command(once, timeout=0.5).open()
    try:
        with pytest.raises(StrategyError, match=r"query 'red shoe' \(q1\): silent for 0.5 seconds"):
            list(ranker.rank(ASKED[:1], 3))
        monkeypatch.setattr(commands, "_START_S", 30)
        assert list(ranker.rank(ASKED[1:], 3)) == [[]]
    finally:
        ranker.close()


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"command: no program 'no-such'; allowed: one on the PATH, or a path from /"):
        outside(command=["no-such"]).open()


# a run file


def run_file(folder: Path, text: str) -> Outside:
    (folder / "old.run").write_bytes(text.encode("latin-1"))
    return outside(run="old.run", folder=str(folder))


def test_a_run_file_is_sorted_as_trec_eval_sorts(tmp_path: Path) -> None:
    text = "q1 Q0 p1 1 0.5 x\nq1 Q0 p2 2 0.5 x\nq1 Q0 p3 3 2e0 x\nq3 Q0 p1 1 1 x\n"
    codes, scores, notes, _ = ranked(run_file(tmp_path, text))
    assert codes == [[2, 1, 0], [-1, -1, -1]]
    assert scores[0] == [2, 0.5, 0.5]
    assert notes == ["run old.run: hits of 1 query that the data set lacks, left out"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("q1 Q0 p1 1 0.5\n", "old.run, line 1: 5 columns; expected six: query Q0 product rank score name"),
        ("\nq1 Q0 p1 1 nan x\n", "old.run, line 2: the score is 'nan'; allowed: a finite number"),
        ("q1 Q0 p1 1 2 x\nq1 Q0 p1 2 1 x\n", "old.run, line 2: query 'q1' has product 'p1' twice; allowed: once"),
        ("q1 Q0 p\xe9 1 2 x\n", "old.run, line 1"),
        ("q1 Q0 p1 1 1e999 x\n", "old.run, line 1: the score is '1e999'; allowed: a finite number"),
        ("\n", "old.run: no hit in it; expected lines query Q0 product rank score name"),
    ],
)
def test_a_run_file_that_is_none(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(InputError, match=re.escape(line)):
        run_file(tmp_path, text).open()


def test_a_run_answers_no_other_queries(tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match="query 'hat': allowed: a query of the data set, a run answers no other"):
        ranked(run_file(tmp_path, "q1 Q0 p1 1 1 x\n"), [Query("hat")])


# an endpoint

ANSWERS = {"red shoe": [{"id": "p2", "score": 7.5}, {"id": "p1", "score": 1}], "boot": []}


def test_an_endpoint_is_asked_by_its_url() -> None:
    def answer(asked: Asked) -> Answered:
        return as_json({"hits": ANSWERS["boot" if "boot" in asked.path else "red shoe"]})

    with answering(answer) as there:
        url = f"{there.url}/find/{{{{params.locale=en}}}}?q={{{{query}}}}&n={{{{ depth }}}}"
        found = ranked(
            outside(http={"url": url, **ASKS_BY_MARK}), [Query("r&d/ü #1", params={"locale": "a b"}), ASKED[1]]
        )
    assert found[0] == [[1, 0, -1], [-1, -1, -1]]
    assert sorted(asked.path for asked in there.asked) == [
        "/find/a%20b?q=r%26d%2F%C3%BC%20%231&n=3",
        "/find/en?q=boot&n=3",
    ]
    assert {asked.method for asked in there.asked} == {"GET"}


def test_an_endpoint_is_asked_by_a_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cret")
    body = {"q": "{{query}}", "size": "{{depth}}", "knn": "{{vector}}", "in": ["{{params.locale?}}"]}
    query = Query('"\\', "q1", {}, np.array([0.5, 1], dtype=np.float32))
    with answering(lambda _: as_json([{"id": 3}])) as there:
        table = {"url": there.url, "ids": "$[*].id", "body": body, "headers": {"Authorization": "Bearer ${SHOP_TOKEN}"}}
        endpoint = outside(http=table)
        answer = list(endpoint.open().rank([query], 20))
    (asked,) = there.asked
    assert answer == [[("3", None)]]
    assert asked.method == "POST"
    assert asked.body == {"q": '"\\', "size": 20, "knn": [0.5, 1.0], "in": []}
    assert asked.headers["authorization"] == "Bearer s3cret"
    assert asked.headers["content-type"] == "application/json"
    assert "s3cret" not in json.dumps(endpoint.definition()) + repr(endpoint)
    assert endpoint.definition()["http"]["headers"] == {"Authorization": "Bearer ${SHOP_TOKEN}"}


def flaky(*statuses: int) -> Callable[[Asked], Answered]:
    left = iter(statuses)
    return lambda _: as_json({"hits": [{"id": "p1", "score": 1}]}, next(left, 200))


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (lambda _: (500, b"<h1>no\nindex</h1>"), r"answered 500: <h1>no index</h1>"),
        (lambda _: (302, b""), "answered 302"),
        (
            lambda _: (301, b"", {"Location": "https://me:pw@b/?q=1"}),
            "answered 301, to 'https://…@b/?q=1'; allowed: the",
        ),
        (lambda _: (200, '{"hits": "é"}'.encode("latin-1")), 'found \'{"hits": "�"}\'; allowed: JSON in UTF-8, an'),
        (lambda _: (200, b'{"hits": [{"id": "p1", "score"'), 'found \'{"hits": [{"id": "p1", "score"\'; allowed: JSON'),
        (lambda _: (200, b" " * 70_000_000), "an answer of more than 64 MiB"),
        (flaky(503, 503), "answered 503"),
        (lambda _: (200, b"<html>"), "found '<html>'; allowed: JSON in UTF-8, an object or a list"),
        (
            lambda _: (200, b'{"hits": [{"id": "p1", "score": NaN}]}'),
            'found \'{"hits": [{"id": "p1", "score": NaN}]}\'',
        ),
        (
            lambda _: as_json({"error": {"reason": "no mapping"}}),
            "$.error is 'no mapping'; allowed in a whole answer: no",
        ),
        (lambda _: as_json({"hits": [{"id": "p1", "score": 10**400}]}), "a score is 1000"),
        (lambda _: as_json({"hits": [{"id": "p1"}]}), "1 id, but 0 scores at $.hits[*].score; allowed: one each"),
        (lambda _: as_json({"hits": [{"id": None, "score": 1}]}), "$.hits[*].id leads to None; allowed: ids, texts or"),
        (lambda _: as_json({"hits": [{"id": "p1", "score": "1"}]}), "a score is '1'; allowed: a finite number"),
    ],
)
def test_a_fault_of_an_endpoint_names_the_query(answer: Callable[[Asked], Answered], line: str) -> None:
    with answering(answer) as there, pytest.raises(StrategyError) as caught:
        ranked(
            outside(http={"url": f"{there.url}?q={{{{query}}}}", "retries": 0 + ("503" in line), **ASKS_BY_MARK}),
            ASKED[:1],
        )
    assert str(caught.value).startswith(f"http GET {there.url}: query 'red shoe' (q1): {line}")


def test_what_passes_is_tried_again() -> None:
    with answering(flaky(503, 429)) as there:
        table = {"url": f"{there.url}?q={{{{query}}}}", "retries": 2, **ASKS_BY_MARK}
        codes, _, notes, _ = ranked(outside(http=table), ASKED[:1])
    assert codes == [[0, -1, -1]]
    assert notes == [f"http GET {there.url}: 1 answers only after another try"]
    assert len(there.asked) == 3


def test_what_is_not_reached() -> None:
    with answering(flaky()) as gone:
        pass
    table = {"url": f"{gone.url}?q={{{{query}}}}", "retries": 1, **ASKS_BY_MARK}
    with pytest.raises(
        StrategyError, match=r"query 'red shoe' \(q1\): not reached \(\[Errno \d+\] Connection refused\) after 2 tries$"
    ):
        ranked(outside(http=table), ASKED[:1])


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("http://no-such-host.invalid/?q={{query}}", r"not reached \(Failed to resolve 'no-such-host.invalid' .*\)"),
        ("https://127.0.0.1:PORT/?q={{query}}", r"no TLS connection \(.*wrong version number\)"),
    ],
)
def test_a_host_that_is_none_and_one_without_tls(url: str, line: str) -> None:
    with answering(flaky()) as there:
        table = {"url": url.replace("PORT", there.url.rpartition(":")[2]), "retries": 0, **ASKS_BY_MARK}
        with pytest.raises(StrategyError, match=rf"query 'red shoe' \(q1\): {line}$"):
            ranked(outside(http=table), ASKED[:1])


def test_a_mark_of_utf_8_is_none_of_the_answer() -> None:
    with answering(lambda _: (200, b'\xef\xbb\xbf{"hits": [{"id": "p1", "score": 1}]}')) as there:
        assert ranked(outside(http={"url": f"{there.url}?q={{{{query}}}}", **ASKS_BY_MARK}))[0] == [[0, -1, -1]] * 2


def test_what_is_too_slow() -> None:
    never = Event()
    with answering(lambda _: (never.wait(5), as_json([]))[1]) as there:
        table = {"url": f"{there.url}?q={{{{query}}}}", "retries": 0, **ASKS_BY_MARK}
        with pytest.raises(StrategyError, match=r"\(q1\): no answer within 0.1 s \(timeout\)"):
            ranked(outside(http=table, timeout=0.1), ASKED[:1])
        never.set()


def test_requests_a_second_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("relevance.outside.http.time.sleep", slept.append)
    monkeypatch.setattr("relevance.outside.http.time.monotonic", lambda: 100.0)
    with answering(flaky()) as there:
        table = {"url": f"{there.url}?q={{{{query}}}}", "per_second": 4, **ASKS_BY_MARK}
        ranked(outside(http=table), [*ASKED, *ASKED])
    assert sorted(slept) == [0, 0.25, 0.5, 0.75]


GOOD: Mapping[str, Any] = {"url": "http://h/?q={{query}}", "ids": "$.a"}


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({"ids": "$.a"}, "http: no url; allowed: of the endpoint"),
        ({"url": "http://h/?q={{query}}"}, "http: no ids; allowed: JSONPath"),
        ({**GOOD, "adress": 1}, "http: unknown key 'adress'; allowed: url, ids"),
        ({**GOOD, "url": "ftp://h/{{query}}"}, "http: url = 'ftp://h/{{query}}'; allowed: http:// or https://"),
        ({**GOOD, "url": "http://{{query}}/"}, "http: url = 'http://{{query}}/'; allowed: http:// or https://"),
        ({**GOOD, "url": "http://me:s3cret@h/{{query}}"}, "http: url: user and password in it; allowed: headers ="),
        ({**GOOD, "url": "http://h/"}, "http: no mark ({{query}}, {{vector}}, {{params.NAME}}) in url or body"),
        ({**GOOD, "url": "http://h/{{vector}}{{query}}"}, "http: {{vector}} or an optional mark in the url"),
        (
            {**GOOD, "url": "http://h/{{querry}}"},
            "http: unknown mark '{{querry}}' (did you mean",
        ),
        ({**GOOD, "url": "http://h/{{tune.a=1}}{{query}}"}, "http: a mark {{tune.NAME=VALUE}} in the url; allowed: in"),
        ({**GOOD, "body": {"q": "{{querry}}"}}, "http: body: unknown mark '{{querry}}'"),
        (
            {**GOOD, "body": {"q": "{{tune.a}}"}},
            "http: body: {{tune.a}}: no value; allowed: {{tune.a=VALUE}}, with today",
        ),
        ({**GOOD, "ids": "$.[["}, "http: ids = '$.[[': expected a shorthand selector; allowed: a JSONPath, such as"),
        ({**GOOD, "method": "PUT"}, "http: method = 'PUT'; allowed: GET, POST"),
        ({**GOOD, "method": "GET", "body": {"q": 1}}, "http: a body with method GET; allowed: POST, or marks in the"),
        ({**GOOD, "concurrency": 0}, "http: concurrency = 0; allowed: a whole number from 1 to 64"),
        ({**GOOD, "per_second": 0}, "http: per_second = 0; allowed: a number above 0"),
        ({**GOOD, "headers": {"X-Api-Key": "s3cret"}}, "http: header X-Api-Key: a secret stands in the file; allowed:"),
        ({**GOOD, "headers": {"X-Session": "s3cret"}}, "http: header X-Session: a secret stands in the file; allowed"),
        (
            {**GOOD, "headers": {"Authorization": "Bearer s3cret${TOKEN}"}},
            "http: header Authorization: a secret stands in the file; allowed",
        ),
        ({**GOOD, "url": "http://h/?q={{query}}&api_key=s3cret"}, "http: url: api_key: a secret stands in the file"),
        ({**GOOD, "url": "http://h:99999/{{query}}"}, "http: url = 'http://h:99999/{{query}}': Port out of range"),
        ({**GOOD, "url": "http://[::1/{{query}}"}, "http: url = 'http://[::1/{{query}}': Invalid IPv6 URL; allowed"),
        ({**GOOD, "headers": {"a b": "c"}}, "http: header 'a b'; allowed: printable ASCII"),
    ],
)
def test_a_table_that_cannot_be(table: Mapping[str, Any], line: str) -> None:
    with pytest.raises(InputError) as caught:
        outside(http=table)
    assert str(caught.value).startswith(f"strategy 'shop': {line}")
    assert "s3cret" not in str(caught.value)


def test_what_a_server_repeats_of_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cret/+" * 20)
    token = "s3cret/+" * 20
    table: dict[str, Any] = {
        "url": "?q={{query}}&token=${SHOP_TOKEN}",
        "headers": {"Authorization": "Bearer ${SHOP_TOKEN}"},
    }
    answers: list[Answered] = [
        as_json({"error": f"no user {token}"}, 401),
        as_json({"errors": [f"no user {token}"]}),
        (403, f"no user {token}".encode()),
        (302, b"", {"Location": f"/login?t={quote(token, safe='')}"}),
    ]
    left = iter(answers)
    with answering(lambda _: next(left)) as there:
        endpoint = outside(http={**ASKS_BY_MARK, **table, "url": there.url + table["url"]})
        for _ in answers:
            with pytest.raises(StrategyError) as caught:
                ranked(endpoint, ASKED[:1])
            assert "s3cret" not in str(caught.value)
            assert "…" in str(caught.value)
    assert there.asked[0].path == f"/?q=red%20shoe&token={quote(token, safe='')}"


def test_a_long_wait_is_given_up() -> None:
    with answering(lambda _: (429, b"", {"Retry-After": "100000"})) as there, pytest.raises(StrategyError) as caught:
        ranked(outside(http={"url": f"{there.url}?q={{{{query}}}}", **ASKS_BY_MARK}), ASKED[:1])
    assert "answered 429, to be asked again after more than 60 s (Retry-After); allowed: less" in str(caught.value)


def test_what_is_read_of_an_answer_is_defined() -> None:
    assert "errors" not in outside(http=GOOD).definition()["http"]
    read = outside(http={**GOOD, "scores": "$.s", "errors": ["$.e"]}).definition()["http"]
    assert (read["scores"], read["errors"]) == ("$.s", ["$.e"])


@pytest.mark.parametrize(("value", "said"), [(None, "is not set"), ("a\r\nb: c", "holds more than printable ASCII")])
def test_a_variable_of_a_header(monkeypatch: pytest.MonkeyPatch, value: str | None, said: str) -> None:
    monkeypatch.delenv("SHOP_TOKEN", raising=False)
    if value is not None:
        monkeypatch.setenv("SHOP_TOKEN", value)
    endpoint = outside(http={**GOOD, "headers": {"X-Key": "${SHOP_TOKEN}"}})
    with pytest.raises(InputError, match=f"http: header X-Key: SHOP_TOKEN {said}; allowed: a variable"):
        endpoint.open()


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({"search": "a:b", "text": {"title": 1}}, "search takes the place of text, vectors, combine, template"),
        ({"search": "a:b", "run": "x"}, "search takes the place of text, vectors, combine, template"),
        ({"command": ["a"], "combine": "rrf"}, "command takes the place of"),
        ({"search": "a:b", "timeout": 3}, "timeout changes nothing without http or command; leave it out"),
        ({"search": "a:b", "k1": 1}, "k1 changes nothing without text; leave it out"),
    ],
)
def test_a_strategy_that_cannot_be(table: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"strategy 'shop': {line}")):
        from_table("shop", table)


def test_hits_that_the_products_lack_are_dropped_where_that_is_asked_for(tmp_path: Path) -> None:
    text = "q1 Q0 p9 1 9 x\nq1 Q0 p2 2 8 x\nq2 Q0 p9 1 9 x\n"
    codes, _, _, unknown = ranked(run_file(tmp_path, text), drops=True)
    assert codes == [[1, -1, -1], [-1, -1, -1]]
    assert unknown == {"p9": 2}


def test_two_rankers_of_one_name_are_counted_apart(tmp_path: Path) -> None:
    for name, text in (("a", "q1 Q0 p9 1 9 x\nq2 Q0 p2 1 8 x\n"), ("b", "q1 Q0 p1 1 9 x\nq2 Q0 p2 1 8 x\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "old.run").write_text(text)
    runs = [from_table(name, {"run": str(tmp_path / name / "old.run")}) for name in "ab"]
    inner: Any = SimpleNamespace(version="", facts={}, fuses=False, notes=list, close=lambda: None)
    products: Any = SimpleNamespace(ids=tuple(PRODUCTS))
    engine = WithRankers(inner, products, drops=True)
    batch = QueryBatch(["red shoe", "boot"], ids=["q1", "q2"])
    for one, hits in zip(runs, (3, 1), strict=True):
        engine.search(one.legs()[0], batch, hits=hits)
    assert engine.notes() == [
        "run old.run: hits that the data set's products lack were dropped: p9",
        "run old.run: 1 hit of a query at most, where 3 were asked for",
    ]


def test_rankers_with_as_few_hits_share_a_note(tmp_path: Path) -> None:
    for name in ("a.run", "b.run", "c.run"):
        text = "q1 Q0 p1 1 9 x\nq2 Q0 p2 1 8 x\n" + ("q1 Q0 p2 2 8 x\n" if name == "c.run" else "")
        (tmp_path / name).write_text(text)
    inner: Any = SimpleNamespace(version="", facts={}, fuses=False, notes=list, close=lambda: None)
    engine = WithRankers(inner, SimpleNamespace(ids=tuple(PRODUCTS)), drops=False)  # type: ignore[arg-type] # as much as is read
    batch = QueryBatch(["red shoe", "boot"], ids=["q1", "q2"])
    for name in ("a.run", "b.run", "c.run"):
        engine.search(from_table(name[0], {"run": str(tmp_path / name)}).legs()[0], batch, hits=3)
    assert engine.notes() == [
        "run a.run, run b.run: 1 hit of a query at most, where 3 were asked for",
        "run c.run: 2 hits of a query at most, where 3 were asked for",
    ]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://h:1/v1/search?q={{query}}", "http GET http://h:1/v1/search"),
        ("http://h/?q={{query}}", "http GET http://h"),
        ("http://h/{{query}}", "http GET http://h/{{query}}"),
    ],
)
def test_an_endpoint_is_called_by_its_url_without_what_is_asked(url: str, name: str) -> None:
    assert outside(http={"url": url, "ids": "$.a"}).name == name


def test_marks_are_those_that_queries_fill() -> None:
    table = {"url": "http://h/{{params.locale}}", "ids": "$.a", "body": {"q": "{{query}}", "n": "{{depth}}"}}
    strategy = Strategy("shop", http=table)
    assert [mark.text for mark in strategy.marks] == ["{{params.locale}}", "{{depth}}", "{{query}}"]
    assert not strategy.embeds
    assert Strategy("shop", http={**table, "body": {"v": "{{vector}}"}}).embeds


def test_what_is_tuned_is_sent_with_its_value() -> None:
    body = {"q": "{{ query }}", "tie": "{{tune.tie=0.3}}", "qf": "title^{{tune.title=8}} description"}
    strategy = from_table("shop", {"http": {**GOOD, "body": body}})
    assert strategy.outside is not None
    assert strategy.outside.definition()["http"]["body"] == {
        "q": "{{query}}",
        "tie": 0.3,
        "qf": "title^8 description",
    }
    assert strategy.tunable == body
