"""The documentation's page about the configuration says what the code does."""

from __future__ import annotations

import json
from pathlib import Path

from relevance.config import KEYS, read_config
from relevance.config.examples import EXAMPLE, EXISTING, GATE, MAPPING, TEMPLATE
from relevance.config.page import page
from relevance.engines.elasticsearch.own_mapping import read_own_mapping
from relevance.evaluation import AP10, NDCG10, RR10
from relevance.gate import Limits
from relevance.strategies import Strategy

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"


def test_the_page_is_what_the_code_writes() -> None:
    """`python -m relevance.config.page > docs/configuration.md` after every change of a key."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_key_option_and_variable_stands_on_the_page() -> None:
    """In a row of its own."""
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    assert len(rows) == len(KEYS)
    for key, row in zip(KEYS, rows, strict=True):
        assert row.startswith(f"| `{key.path.removeprefix(key.table + '.').removeprefix('NAME.')}` |")
        option = f"{key.option} {key.metavar}".strip()
        assert f"| `{option}` | `{key.variable}` |" in row if option else "|  |  |" in row


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    """It is read without an error, and chooses what it defines."""
    file = tmp_path / "relevance.toml"
    file.write_text(EXAMPLE)
    (tmp_path / "phrases.json").write_text(TEMPLATE)
    config = read_config(options={}, environ={}, file=file, root=tmp_path)
    assert EXAMPLE in page()
    assert config.source.path == tmp_path / "catalogue"
    assert [strategy.name for strategy in config.selected] == ["textsearch_boosted", "titles", "fused", "phrases"]
    assert list(config.models) == ["base", "plain", "finetuned"]
    assert config.elasticsearch.mapping == tmp_path / "synonyms.json"


def test_the_example_of_a_field_map_is_a_configuration(tmp_path: Path) -> None:
    """It names an index with its fields."""
    file = tmp_path / "relevance.toml"
    file.write_text(EXISTING)
    found = read_config(options={}, environ={}, file=file, root=tmp_path).elasticsearch
    assert EXISTING in page()
    assert (found.index, found.fields["id"], found.vectors["plain.whole"]) == ("products", "sku", "text_embedding")


def test_the_example_of_limits_is_a_configuration(tmp_path: Path) -> None:
    """What is nearest holds."""
    file = tmp_path / "relevance.toml"
    file.write_text(GATE)
    limits = read_config(options={}, environ={}, file=file, root=tmp_path).gate
    assert GATE in page()
    assert (limits.of("rrf", NDCG10).fail, limits.of("rrf", RR10).fail) == (0.03, 0.05)
    assert (limits.of("vectorsearch", AP10).fail, limits.time("vectorsearch")) == (0.1, (1.5, 3.0))


def test_the_defaults_of_the_limits_are_those_of_the_page() -> None:
    """In words here, as numbers there."""
    for key in (key for key in KEYS if key.table == "gate"):
        value = getattr(Limits(), key.key)
        found = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value or "none")
        assert key.default == ("none" if found == "{}" else found), key.path


def test_the_template_and_the_mapping_are_accepted(tmp_path: Path) -> None:
    """Both stand on the page as they would in a file."""
    assert TEMPLATE in page()
    assert Strategy("own", template=json.loads(TEMPLATE)).embeds
    assert MAPPING in page()
    file = tmp_path / "synonyms.json"
    file.write_text(MAPPING)
    assert "analysis.analyzer.shop.tokenizer" in read_own_mapping(file).settings
