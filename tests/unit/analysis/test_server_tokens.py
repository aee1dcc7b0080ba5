"""Each component on its own, against what both releases of the server answer to `_analyze`."""

import json
from pathlib import Path

import pytest
from parity.chains import Chain, places

from relevance.analysis import Analysis

TABLE = Path(__file__).with_name("server_tokens.tsv")
ROWS = [line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


def analysed(body: str, text: str, release: int) -> str:
    parts = json.loads(body)
    chain = Chain(
        parts.get("tokenizer", "standard"), parts.get("filter", ()), parts.get("char_filter", ()), parts.get("analyzer")
    )
    tokens = places(Analysis(chain.settings, release=release).analyzer("mine")(json.loads(text)))
    return " ".join(
        f"{json.dumps(term, ensure_ascii=False)}@{position}" + (f"+{span - 1}" if span > 1 else "")
        for term, position, span in tokens
    )


@pytest.mark.parametrize("row", ROWS, ids=[f"{number}" for number, _ in enumerate(ROWS)])
def test_tokens_are_the_servers(row: list[str]) -> None:
    body, text, of_8, *of_9 = row
    assert analysed(body, text, 8) == of_8
    assert analysed(body, text, 9) == (of_9[0] if of_9 else of_8)
