"""OpenSearch, Solr and Vespa as docs/rankers.md asks them: their hits, their errors, and answers in part."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from helpers import search_servers
from helpers.endpoint import answering
from helpers.rankers_page import STRATEGIES

from relevance.errors import StrategyError
from relevance.outside import Query
from relevance.strategies import from_table

SHELF = search_servers.Shelf(
    {
        "title": ["Oak table for six", "Garden table", "Pine shelf", "Sofa"],
        "description": ["A table of oak", "", "Holds what a table holds", "Grey"],
    },
    ["p1", "p2", "p3", "p4"],
)
SERVERS = {"opensearch": search_servers.opensearch, "solr": search_servers.solr, "vespa": search_servers.vespa}


def asked(name: str, change: Mapping[str, str] = {}, query: str = "oak table", **server: Any) -> list[tuple[str, Any]]:
    """The hits of a query, asked as the page does but for texts that are exchanged."""
    table = json.dumps(STRATEGIES[name]["http"])
    for old, new in change.items():
        assert old in table
        table = table.replace(old, new)
    http = json.loads(table)
    with answering(SERVERS[name](SHELF, **server)) as there:
        http["url"] = there.url + "/" + http["url"].split("/", 3)[3]
        ranker = from_table(name, {"http": http}).outside
        assert ranker is not None
        opened = ranker.open()
        try:
            (answer,) = opened.rank([Query(query)], 3)
        except StrategyError as error:
            raise StrategyError(str(error).partition("query 'oak table': ")[2]) from None
        finally:
            opened.close()
    return list(answer)


@pytest.mark.parametrize("name", SERVERS)
def test_hits_are_read(name: str) -> None:
    hits = asked(name)
    assert [uid for uid, _ in hits] == ["p1", "p2", "p3"]
    assert hits[0][1] > hits[1][1] > hits[2][1] > 0
    assert asked(name, query="sofa & co/?") == [("p4", pytest.approx(hits[0][1], rel=0.9))]
    assert asked(name, query="lamp") == []


@pytest.mark.parametrize("name", SERVERS)
def test_where_a_match_phase_ends_early_an_answer_is_whole(name: str) -> None:
    """It is what the rank profile asks for; the others have nothing of the kind."""
    assert asked(name, **({"degraded": "match-phase"} if name == "vespa" else {})) == asked(name)


@pytest.mark.parametrize(
    ("name", "change", "server", "line"),
    [
        ("opensearch", {"/products/": "/produkts/"}, {}, "answered 404: no such index [produkts]"),
        ("opensearch", {"multi_match": "mult_match"}, {}, "answered 400: unknown query [mult_match]"),
        ("opensearch", {}, {"timed_out": True}, "$.timed_out is true; allowed in a whole answer: nothing, false or 0"),
        ("opensearch", {}, {"failed": 2}, "$._shards.failed is 2; allowed in a whole answer: nothing, false or 0"),
        ("solr", {"=title^8": "=titel^8"}, {}, "answered 400: undefined field titel"),
        ("solr", {"/products/": "/produkts/"}, {}, "answered 404: <html><head><title>Error 404 Not Found"),
        ("solr", {}, {"partial": True}, "$.responseHeader.partialResults is true; allowed in a whole answer: nothing"),
        ("vespa", {"bm25": "bm52"}, {}, "answered 400: schema(s) [products] does not contain rank profile 'bm52'"),
        ("vespa", {"userQuery()": "userQuery("}, {}, "answered 400: Could not create query from YQL"),
        ("vespa", {}, {"errors": True}, "$.root.errors is 'Backend communication timeout on node 1'; allowed in a"),
        ("vespa", {}, {"degraded": "timeout"}, "$.root.coverage.degraded['timeout', 'adaptive-timeout', 'non-ideal"),
    ],
)
def test_an_error_or_a_part_of_an_answer_is_one_line(
    name: str, change: Mapping[str, str], server: Mapping[str, Any], line: str
) -> None:
    with pytest.raises(StrategyError) as caught:
        asked(name, change, **server)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_where_errors_are_is_said_in_the_configuration() -> None:
    none = {'"ids"': '"errors": [], "ids"'}
    own = {'"ids"': '"errors": ["$.hits.total[?@ == \'eq\']"], "ids"'}
    assert asked("opensearch", none, timed_out=True) == asked("opensearch")
    with pytest.raises(StrategyError, match=r"^\$.hits.total\[\?@ == 'eq'\] is 'eq'; allowed"):
        asked("opensearch", own)
