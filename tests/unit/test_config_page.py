"""The documentation's page about the configuration says what the code does."""

from __future__ import annotations

from pathlib import Path

from relevance.config import KEYS, read_config
from relevance.config.page import EXAMPLE, page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"


def test_the_page_is_what_the_code_writes() -> None:
    """`python -m relevance.config.page > docs/configuration.md` after every change of a key."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_key_option_and_variable_stands_on_the_page() -> None:
    """In a row of its own."""
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    assert len(rows) == len(KEYS)
    for key, row in zip(KEYS, rows, strict=True):
        assert row.startswith(f"| `{key.path.rpartition('.')[2]}` |")
        assert f"| `{key.option} {key.metavar}` | `{key.variable}` |" in row if key.option else "|  |  |" in row


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    """It is read without an error, and chooses what it defines."""
    file = tmp_path / "relevance.toml"
    file.write_text(EXAMPLE)
    config = read_config(options={}, environ={}, file=file, root=tmp_path)
    assert EXAMPLE in page()
    assert config.source.path == tmp_path / "catalogue"
    assert [strategy.name for strategy in config.selected] == ["textsearch_boosted", "titles", "fused"]
    assert list(config.models) == ["base", "plain"]
