"""Two sites that keep comments, as far as their documented APIs are asked here, on 127.0.0.1."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

GITHUB = r"/repos/shop/search/issues/(?:7/comments|comments/(?P<id>\d+))"
"""Comments of an issue or pull request, and one of them: https://docs.github.com/en/rest/issues/comments."""

GITLAB = r"/api/v4/projects/42/merge_requests/7/notes(?:/(?P<id>\d+))?"
"""Notes of a merge request, and one of them: https://docs.gitlab.com/api/notes/."""


class Site(ThreadingHTTPServer):
    """A server with comments.

    Attributes:
        comments: as the API gives them.
        calls: method and path of each request that changed something.
        me: the author of what is posted; others' comments cannot be changed.
    """

    daemon_threads = True

    def __init__(self, paths: str, *, me: dict[str, Any], whose: str, change: str, token: tuple[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.paths, self.me, self.whose, self.change, self.token = paths, me, whose, change, token
        self.comments: list[dict[str, Any]] = []
        self.calls: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, body: str, author: dict[str, Any], **more: Any) -> None:
        self.comments.append({"id": 100 + len(self.comments), "body": body, self.whose: author, **more})


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path == "/api/v4/user":
            return self._answer(200, self.server.me)
        if not re.fullmatch(self.server.paths, path):
            return self._answer(404, {})
        size, page = int(query.get("per_page", ["30"])[0]), int(query.get("page", ["1"])[0])
        return self._answer(200, self.server.comments[(page - 1) * min(size, 100) : page * min(size, 100)])

    def do_POST(self) -> None:
        self._change("POST")

    def do_PATCH(self) -> None:
        self._change("PATCH")

    def do_PUT(self) -> None:
        self._change("PUT")

    def _change(self, method: str) -> None:
        site, found = self.server, re.fullmatch(self.server.paths, self.path)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]
        if self.headers[site.token[0]] != site.token[1]:
            return self._answer(401, {})
        if not found or method != (site.change if found["id"] else "POST"):
            return self._answer(404, {})
        site.calls.append(f"{method} {self.path}")
        if not found["id"]:
            site.add(body, site.me)
            return self._answer(201, site.comments[-1])
        one = next((one for one in site.comments if one["id"] == int(found["id"])), None)
        if one is None or one[site.whose] != site.me:
            return self._answer(403, {})
        one["body"] = body
        return self._answer(200, one)

    def _answer(self, code: int, value: object) -> None:
        content = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Answer within the block."""
    thread = Thread(target=site.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.shutdown()
        site.server_close()
        thread.join()


GH = """#!{python}
import json, os, subprocess, sys, urllib.request
arguments = sys.argv[1:]
assert arguments.pop(0) == "api"
method, fields, query, path, pages = "GET", {{}}, "", "", False
while arguments:
    word = arguments.pop(0)
    if word == "--method": method = arguments.pop(0)
    elif word == "--field":
        name, _, value = arguments.pop(0).partition("=")
        fields[name] = open(value[1:]).read() if value.startswith("@") else value
    elif word == "--jq": query = arguments.pop(0)
    elif word == "--paginate": pages = True
    elif word != "--silent": path = word
def ask(path):
    request = urllib.request.Request(os.environ["STUB"] + "/" + path, method=method)
    request.add_header("Authorization", "token " + os.environ["GH_TOKEN"])
    content = json.dumps(fields).encode() if fields else None
    return urllib.request.urlopen(request, content).read().decode()
found, page = [], 1
if method != "GET": ask(path)
while method == "GET":
    rows = json.loads(ask(f"{{path}}?per_page=30&page={{page}}"))
    if not rows: break
    subprocess.run(["jq", "-r", query], input=json.dumps(rows), text=True, check=True)
    page += 1
    if not pages: break
"""
"""What the scripts use of `gh api`, asking the site at STUB; `--jq` is jq's, which has `env` as well."""
