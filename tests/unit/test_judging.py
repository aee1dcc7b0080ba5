"""What is to be judged, the page, and programs that judge: nothing lost, nothing twice, and nobody else is served."""

from __future__ import annotations

import http.client
import re
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from helpers.datasets import load, write

from relevance.cli import main
from relevance.datasets.overlay import Rating, changing, read_ratings
from relevance.errors import CouldNotRunError, InputError
from relevance.judging import (
    Queue,
    Row,
    ask_command,
    ask_function,
    fill,
    fitting,
    grade_keys,
    held_out,
    read_pairs,
    rows_of,
    serving,
)
from relevance.judging.queue import Tab

DAY = "2026-11-28"
SHOP = {
    "products.jsonl": b"".join(
        b'{"id": "p%d", "title": "<b>shelf</b> %d", "description": "of oak", "attributes": {"w": [1, 2]}}\n' % (n, n)
        for n in range(8)
    ),
    "queries.tsv": b"q1\tshelf & co\nq2\tmug\n",
    "qrels.txt": b"q1 0 p0 2\nq1 0 p1 0\nq2 0 p1 1\n",
}
TO_JUDGE = "query,product,title,rank,strategy,query_id,could_change_verdict\n" + "".join(
    f"shelf & co,p{n},x,{n},textsearch,q1,1\n" for n in (3, 2, 3, 0, 4, 99)
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set in `data`, and hits to judge."""
    write(tmp_path / "data", SHOP)
    (tmp_path / "to_judge.csv").write_text(TO_JUDGE)
    return tmp_path


def queue_of(folder: Path, rater: str = "anna") -> Queue:
    dataset = load("files", folder / "data", overlaid=False)
    pairs = fitting(dataset, read_pairs(folder)[0])
    keys = grade_keys(dataset.judgments.grades.tolist())
    return Queue(rows_of(dataset, pairs), folder / "data" / "judgments.overlay.csv", rater, keys, lambda: DAY)


def kept(folder: Path) -> dict[str, float]:
    """Grades by product, of one query."""
    ratings, repeated = read_ratings(folder / "data" / "judgments.overlay.csv")
    assert not repeated
    return {one.product: one.grade for one in ratings.values()}


def current(queue: Queue, tab: Tab) -> str:
    row = queue.next(tab)
    return "" if row is None else row.product


def answer(queue: Queue, tab: Tab, grade: float) -> None:
    row = queue.next(tab)
    assert row is not None
    queue.answer(tab, row.id, grade)


# The queue


def test_rows_come_in_the_order_of_the_file_without_what_is_judged_or_gone(folder: Path) -> None:
    assert read_pairs(folder) == ([("q1", f"p{n}") for n in (3, 2, 0, 4, 99)], 0)
    assert read_pairs(folder / "to_judge.csv") == read_pairs(folder)
    rows = list(queue_of(folder).rows.values())
    assert [row.product for row in rows] == ["p3", "p2", "p4"]
    assert (rows[0].text, rows[0].title) == ("shelf & co", "<b>shelf</b> 3")
    assert rows[0].fields == (("description", ("of oak",)), ("attributes", ("w 1", "w 2")))
    assert rows[0].texts["attributes"] == "w 1\nw 2"


def test_ids_that_a_spreadsheet_would_run_are_read_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "to_judge.csv").write_text("product,query_id\n'=p,'-q\n'p,q\n")
    assert read_pairs(tmp_path)[0] == [("-q", "=p"), ("q", "'p")]


@pytest.mark.parametrize(
    ("marks", "asked", "later"), [("110", ["a", "b"], 1), ("000", ["a", "b", "c"], 0), ("010", ["b"], 2)]
)
def test_what_is_needed_is_asked_alone(tmp_path: Path, marks: str, asked: list[str], later: int) -> None:
    rows = "".join(f"q,{product},{mark}\n" for product, mark in zip("abc", marks, strict=True))
    (tmp_path / "to_judge.csv").write_text(f"query_id,product,needed\n{rows}")
    assert read_pairs(tmp_path) == ([("q", product) for product in asked], later)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "is not there: no hits to judge; a session beside a baseline writes it"),
        ("query,product\n", "line 1: found columns 'query, product'; expected among them: query_id, product"),
        ("query_id,product\nq\n", "line 2: found 1 field; allowed: 2"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: str | None, problem: str) -> None:
    if content is not None:
        (tmp_path / "to_judge.csv").write_text(content)
    with pytest.raises(InputError, match=re.escape(problem)):
        read_pairs(tmp_path)


@pytest.mark.parametrize(
    ("grades", "keys"),
    [
        ([1, 1, 3], {"0": 0, "1": 1, "2": 2, "3": 3}),
        ([1.0], {"0": 0, "1": 1}),
        ([0.5, 1], {"a": 0, "b": 0.5, "c": 1}),
        ([50, 100], {"a": 0, "b": 50, "c": 100}),
        ([n / 30 for n in range(90)], {"0": 0, "1": 1, "2": 2}),
        ([n / 2 for n in range(201)], {key: 10 * at for at, key in enumerate("abcdefghijk")}),
    ],
)
def test_the_grades_of_the_data_set_are_keys(grades: list[float], keys: dict[str, float]) -> None:
    assert grade_keys(grades) == keys


def test_every_answer_is_on_the_disk_and_a_new_start_goes_on(folder: Path) -> None:
    queue, tab = queue_of(folder), Tab()
    answer(queue, tab, 2)
    assert kept(folder) == {"p3": 2}
    again = queue_of(folder)
    assert (again.graded, current(again, Tab())) == (1, "p2")
    answer(again, Tab(), 0)
    answer(again, tab, 1)
    assert (kept(folder), current(again, tab)) == ({"p3": 2, "p2": 0, "p4": 1}, "")


def test_each_rater_is_asked_everything(folder: Path) -> None:
    answer(queue_of(folder), Tab(), 2)
    ben = queue_of(folder, "ben")
    assert (ben.graded, current(ben, Tab())) == (0, "p3")
    answer(ben, Tab(), 0)
    assert len(read_ratings(folder / "data" / "judgments.overlay.csv")[0]) == 2


def test_what_is_skipped_comes_last_and_again(folder: Path) -> None:
    queue, tab = queue_of(folder), Tab()
    shown = []
    for _ in range(4):
        row = queue.next(tab)
        assert row is not None
        shown.append(row.product)
        queue.skip(tab, row.id)
    assert shown == ["p3", "p2", "p4", "p3"]
    assert not (folder / "data" / "judgments.overlay.csv").exists()
    assert current(queue, Tab()) == "p3"


def test_undo_takes_back_step_by_step_and_asks_again(folder: Path) -> None:
    queue, tab = queue_of(folder), Tab()
    answer(queue, tab, 2)
    queue.skip(tab, next(uid for uid, row in queue.rows.items() if row.product == "p2"))
    queue.undo(tab)
    assert current(queue, tab) == "p2"
    queue.undo(tab)
    assert (current(queue, tab), kept(folder)) == ("p3", {})
    queue.undo(tab)
    assert tab.said == "nothing to undo here"
    answer(queue, tab, 1)
    assert (kept(folder), current(queue, tab)) == ({"p3": 1}, "p2")


def test_of_two_tabs_the_last_answer_holds_and_says_so(folder: Path) -> None:
    queue, one, other = queue_of(folder), Tab(), Tab()
    row = queue.next(one)
    assert row is queue.next(other)
    assert row is not None
    queue.answer(one, row.id, 2)
    queue.answer(other, row.id, 0)
    assert other.said.startswith("0 for <b>shelf</b> 3, in the place of 2: it was judged already")
    queue.undo(one)
    assert one.said.startswith("not undone: <b>shelf</b> 3 was judged otherwise since")
    assert kept(folder) == {"p3": 0}
    queue.undo(other)
    assert (other.said, kept(folder)) == ("undone, 2 holds again: <b>shelf</b> 3", {"p3": 2})


def test_what_others_write_meanwhile_stays(folder: Path) -> None:
    queue = queue_of(folder)
    with changing(folder / "data" / "judgments.overlay.csv") as ratings:
        ratings["q1", "p7"[:2]] = Rating("q1", "p7", 1, "ben", DAY)  # type: ignore[index]
    answer(queue, Tab(), 2)
    assert kept(folder) == {"p3": 2, "p7": 1}


# The page


class Client:
    """Asks as a browser does, without one."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.port, self.path = parts.port or 0, parts.path

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, Any, str]:
        """Status, headers and text; a header's name has `_` in the place of `-`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.putrequest(method, path, skip_host="Host" in named)
            if body is not None:
                usual = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
                named = {**usual, **named}
            for name, value in named.items():
                connection.putheader(name, value)
            connection.endheaders(body.encode() if body is not None else None)
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()
        finally:
            connection.close()

    def open(self) -> tuple[str, str]:
        """A new tab: its address and the page."""
        status, headers, _ = self.ask("GET", self.path)
        assert status == 303
        return headers["Location"], self.ask("GET", headers["Location"])[2]

    def post(self, page: str, answer: str) -> tuple[int, str]:
        """Press a button of a page; the status, and the page that follows."""
        form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
        status, headers, text = self.ask("POST", f"{self.path}answer", urlencode({**form, "answer": answer}))
        return status, self.ask("GET", headers["Location"])[2] if status == 303 else text


@pytest.fixture
def client(folder: Path) -> Iterator[Client]:
    with serving(queue_of(folder)) as url:
        yield Client(url)


def test_the_page_asks_row_by_row_and_shows_nothing_unescaped(folder: Path, client: Client) -> None:
    _, page = client.open()
    assert "<title>0 of 3 judged</title>" in page
    assert '<bdi id="query">shelf &amp; co</bdi>' in page
    assert "<b>" not in page
    assert "&lt;b&gt;shelf&lt;/b&gt; 3" in page
    keys = [(key, key[0]) for key in ("0", "1", "2", "skip", "undo")]
    assert re.findall(r'value="(\w+)" data-key="(\w)"', page) == keys
    status, page = client.post(page, "2")
    assert (status, kept(folder)) == (303, {"p3": 2})
    assert "<title>1 of 3 judged</title>" in page
    assert "2 for <b>shelf</b> 3" in unescape(page)
    _, page = client.post(page, "skip")
    _, page = client.post(page, "0")
    _, page = client.post(page, "1")
    assert "All 3 are judged." in page
    _, page = client.post(page, "undo")
    assert kept(folder) == {"p3": 2, "p4": 0}
    assert "&lt;b&gt;shelf&lt;/b&gt; 2</h2>" in page


def test_pages_load_nothing_and_nothing_else_may_show_or_script_them(client: Client) -> None:
    place, page = client.open()
    headers = client.ask("GET", place)[1]
    nonces = {re.search(r'<style nonce="(\S+)"', client.ask("GET", place)[2])[1] for _ in range(2)}  # type: ignore[index]
    assert len(nonces) == 2
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; ")
    assert "unsafe" not in policy
    assert (headers["Cache-Control"], headers["X-Frame-Options"]) == ("no-store", "DENY")
    assert not re.search(r"(?:src|href)=|https?:|@import|url\(", page)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 403),
        ("/TOKENx/", {}, 403),
        ("/TOKEN", {}, 403),
        ("/\x7f\xff/".encode("latin-1").decode("latin-1"), {}, 403),
        ("/TOKEN/other", {}, 404),
        ("/TOKEN/?" + "&".join(f"a{n}=1" for n in range(9)), {}, 400),
        ("/TOKEN/", {"Host": "evil.example"}, 421),
        ("/TOKEN/", {"Host": "127.0.0.1"}, 421),
        ("/TOKEN/", {"Host": "evil.example:PORT"}, 421),
        ("/TOKEN/", {"Origin": "http://evil.example"}, 403),
        ("/TOKEN/", {"Origin": "null"}, 403),
        ("/TOKEN/", {"Host": "localhost:PORT"}, 303),
        ("/TOKEN/", {"Origin": "http://127.0.0.1:PORT"}, 303),
    ],
)
def test_who_is_not_meant_is_not_served(client: Client, path: str, headers: dict[str, str], status: int) -> None:
    token = client.path.strip("/")
    filled = {name: value.replace("PORT", str(client.port)) for name, value in headers.items()}
    raw = path.replace("TOKEN", token).replace("\x7f\xff", "%7f%ff")
    answered, given, text = client.ask("GET", raw, **filled)
    assert answered == status
    assert token not in text
    assert "Content-Security-Policy" in given or status == 303


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("x" * 5_000, {}, 413),
        ("", {"Content_Length": "99999999999999999999"}, 413),
        ("", {"Content_Length": "-1"}, 411),
        ("answer=2", {"Content_Type": "text/plain"}, 415),
        ("\x00=\xff", {}, 400),
        ("&".join(f"a{n}=1" for n in range(20)), {}, 400),
        ("answer=2&row=0123456789abcdef", {}, 400),
        ("answer=7", {}, 400),
        ("", {}, 400),
    ],
)
def test_answers_that_are_none_change_nothing(
    folder: Path, client: Client, body: str, headers: dict[str, str], status: int
) -> None:
    assert client.ask("POST", f"{client.path}answer", body, **headers)[0] == status
    assert not (folder / "data" / "judgments.overlay.csv").exists()
    assert client.ask("PUT", client.path)[0] == 501


def test_a_grade_that_cannot_be_kept_is_not_confirmed(folder: Path, client: Client) -> None:
    _, page = client.open()
    (folder / "data" / "judgments.overlay.csv").write_text("<<<<<<< ours\n")
    status, page = client.post(page, "2")
    assert status == 500
    assert "Nothing was kept: " in page
    assert "line 1: found columns '<<<<<<< ours'" in unescape(page)
    (folder / "data" / "judgments.overlay.csv").unlink()
    assert "0 of 3 judged" in client.open()[1]


def test_many_answers_at_once_are_all_kept(folder: Path, client: Client) -> None:
    pages = []
    for _ in range(3):
        _, page = client.open()
        for _ in range(len(pages)):
            _, page = client.post(page, "skip")
        pages.append(page)
    threads = [Thread(target=client.post, args=(page, "1")) for page in pages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept(folder) == {"p2": 1, "p3": 1, "p4": 1}


def test_a_port_that_is_taken_is_named(folder: Path, client: Client) -> None:
    with pytest.raises(CouldNotRunError, match=rf"port {client.port} of 127\.0\.0\.1: .+; allowed: another --port"):
        serving(queue_of(folder), client.port).__enter__()


# Programs

GRADER = """
import json, sys
for line in sys.stdin:
    row = json.loads(line)
    print(row["grades"][int(row["fields"]["title"][-1]) % 3] if row["query"] else "", flush=True)
"""


def rows(folder: Path) -> list[Row]:
    return list(queue_of(folder).rows.values())


def command(script: str) -> str:
    return f"{sys.executable} -c '{script}'" if "'" not in script else f'{sys.executable} -c "{script}"'


def test_a_command_gets_rows_and_gives_grades(folder: Path) -> None:
    (folder / "grader.py").write_text(GRADER)
    graded = ask_command(f"{sys.executable} {folder / 'grader.py'}", rows(folder), (0, 1, 2), seconds=30)
    assert [(row.product, grade) for row, grade in graded] == [("p3", 0), ("p2", 2), ("p4", 1)]


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("print(2)", "ended with exit code 0 before its answer; what it graded is kept"),
        ("print(2); print(7)", "line 2: found '7'; allowed: one of 0, 1, 2, or nothing"),
        ("print(2); print(0.5)", "line 2: found '0.5'; allowed: one of 0, 1, 2"),
        (
            "print(2, 0, 1, sep=chr(10), flush=True); raise SystemExit(3)",
            "ended with exit code 3; what it graded is kept",
        ),
        ("print(*[2] * 4, sep=chr(10))", "printed more lines than it was asked for: its answers may be those of other"),
        ("while True: print(2)", "printed more lines than it was asked for"),
        ("import time; print(2, flush=True); time.sleep(60)", "silent for 1.5 seconds; what it graded is kept"),
    ],
)
def test_what_a_command_graded_before_it_failed_is_kept(folder: Path, script: str, problem: str) -> None:
    path = folder / "data" / "judgments.overlay.csv"
    asked = ask_command(command(script), rows(folder), (0, 1, 2), seconds=1.5)
    with pytest.raises((CouldNotRunError, InputError), match=re.escape(problem)):
        fill(asked, path, "auto:x", DAY, done=lambda: None)
    assert kept(folder)["p3"] == 2


def test_a_command_runs_without_a_shell(folder: Path) -> None:
    asked = ask_command(f"echo 2 ; touch {folder / 'made'}", rows(folder), (0, 1, 2), seconds=30)
    with pytest.raises(InputError, match="line 1: found '2 ; touch"):
        list(asked)
    assert not (folder / "made").exists()
    with pytest.raises(CouldNotRunError, match=r"--auto no/such: not started: No such file"):
        list(ask_command("no/such", rows(folder), (0, 1)))
    with pytest.raises(InputError, match="No closing quotation"):
        list(ask_command("a 'b", rows(folder), (0, 1)))


@pytest.mark.parametrize(
    ("body", "answers"),
    [
        ("return 2 if fields['id'] == 'p2' else None", [None, 2, None]),
        ("return '1'", [1, 1, 1]),
        ("raise ValueError('no key')", CouldNotRunError("grades:judge: 'shelf & co': ValueError: no key")),
        ("return True", InputError("found 'True'; allowed: one of 0, 1, 2")),
        ("raise SystemExit(0)", CouldNotRunError("grades:judge: 'shelf & co': SystemExit: 0")),
    ],
)
def test_a_function_grades(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str, answers: Any) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "grades", raising=False)
    (folder / "grades.py").write_text(f"def judge(query, fields):\n    {body}\n")
    asked = ask_function("grades:judge", rows(folder), (0, 1, 2))
    if isinstance(answers, Exception):
        with pytest.raises(type(answers), match=re.escape(str(answers))):
            list(asked)
    else:
        assert [grade for _, grade in asked] == answers
    monkeypatch.delitem(sys.modules, "grades", raising=False)


@pytest.mark.parametrize("name", ["grades", "no_such_module:judge", "../x:judge", "os:no_such", "os:sep"])
def test_a_function_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"--auto-function .*; allowed: (MODULE:FUNCTION|a function)"):
        list(ask_function(name, [], (0, 1)))


def test_what_is_held_out_is_of_people_and_stays_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load("files", folder / "data")
    people = [("q1", "p5"), ("q2", "p6")]
    every = held_out(dataset, people)
    assert set(every) == {("q1", "p0"), ("q1", "p1"), ("q2", "p1"), *people}
    monkeypatch.setattr("relevance.judging.automatic.HELD_OUT", 2)
    assert held_out(dataset, people) == every[:2]


# The command


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Thirty judged pairs beside those of `folder`, as the current folder."""
    products = "".join(f'{{"id": "p{n}", "title": "shelf {n}"}}\n' for n in range(40))
    (folder / "data" / "products.jsonl").write_text(products)
    (folder / "data" / "qrels.txt").write_text("".join(f"q1 0 p{n} {n % 3}\n" for n in range(5, 40)))
    (folder / "relevance.toml").write_text('dataset = "files:data"\n')
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "grades", raising=False)
    return folder


@pytest.mark.parametrize(
    ("grade", "alpha", "counts"),
    [("int(fields['id'][1:]) % 3", "alpha 1.000", True), ("1", "alpha 0.", False)],
)
def test_a_program_counts_where_it_agrees(
    project: Path, capsys: pytest.CaptureFixture[str], grade: str, alpha: str, *, counts: bool
) -> None:
    (project / "grades.py").write_text(f"def judge(query, fields):\n    return {grade}\n")
    assert main(["judge", "to_judge.csv", "--auto-function", "grades:judge"]) == 0
    sys.modules.pop("grades")
    out = capsys.readouterr().out
    overlay = project / "data" / "judgments.overlay.csv"
    of = "of 4 rows that nobody has judged and 35 pairs of people's"
    assert out.splitlines()[0] == f"auto:grades:judge: 39 judged now, {of}; {overlay}"
    assert alpha in out
    assert ("its grades count" in out) is counts
    assert ("its grades do not count" in out) is not counts
    assert len(load("files", project / "data").judgments) == (39 if counts else 35)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--rater", "auto:x"], "--rater 'auto:x': auto: is for programs; allowed: another name, or --auto"),
        (["--rater", " x"], "--rater ' x'; allowed: 1 to 100 printable characters"),
        (["--auto", " "], "--auto is empty; allowed: a command"),
        (["--auto", "a", "--auto-function", "b:c"], "argument --auto-function: not allowed with argument --auto"),
        (["nowhere"], "nowhere is not there: no hits to judge"),
        (["data"], "is not there: no hits to judge"),
        (["--port", "0"], "argument --port: '0'; allowed: a whole number from 1 to 65,535"),
    ],
)
def test_what_is_wrong_is_one_line(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    results = [] if arguments[0] in ("nowhere", "data") else [str(project / "to_judge.csv")]
    assert main(["judge", *results, *arguments]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert line in error


def test_judging_ends_by_control_c_with_a_line(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def judge_one() -> None:
        client = Client(re.search(r"http://\S+", capsys.readouterr().err)[0])  # type: ignore[index]
        client.post(client.open()[1], "2")
        raise KeyboardInterrupt

    monkeypatch.setattr("relevance.cli.judge._wait", judge_one)
    assert main(["judge", "to_judge.csv", "--rater", "anna"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"anna: 1 judged now, 1 of 4 rows; {project / 'data' / 'judgments.overlay.csv'}",
        "note: 1 row is left out: judged by the data set's own files, or of what it does not have",
    ]


def test_when_to_run_the_session_again_is_said(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("relevance.cli.judge._wait", lambda: None)
    (project / "to_judge.csv").write_text("query_id,product,needed\nq1,p0,1\nq1,p2,0\nq1,p3,0\n")
    assert main(["judge", ".", "--rater", "anna"]) == 0
    line = "after these run pytest benchmarks/ again: it asks for more (2 other rows) only where it needs them"
    assert line in capsys.readouterr().out.splitlines()


def test_nothing_to_judge_is_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "to_judge.csv").write_text("query_id,product\n")
    assert main(["judge", ".", "--rater", "anna"]) == 0
    assert capsys.readouterr().out == "nothing to judge: anna has judged 0 of 0 rows\n"


def test_the_sample_of_an_installed_package_is_no_place(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("relevance.datasets.homedepot._PACKAGED_SAMPLE", project)
    assert main(["judge", "to_judge.csv", "--dataset", "sample"]) == 2
    assert "no place for judgments; allowed: a copy of its files (homedepot:DIR)" in capsys.readouterr().err
