"""The documentation's page about the configuration says what the code does."""

import json
import re
from pathlib import Path

from helpers.configuration import page

from relevance.analysis import Analysis
from relevance.config import Config, keys
from relevance.config.reading import read_config
from relevance.engines.mapping import read_own_mapping
from relevance.evaluation import AP10, NDCG10, RR10
from relevance.strategies import Strategy

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
EXAMPLE, FIELDS, EMBEDDED, ANALYSIS, TUNING, EXISTING, MAPPING, TEMPLATE, METRICS, GATE = re.findall(
    r"^```(?:toml|json)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE
)


def test_the_page_is_what_the_code_writes() -> None:
    """`cd tests && python -m helpers.configuration > ../docs/configuration.md` after every change of a key."""
    assert page() == PAGE
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert [row.split(" | ")[0].strip("|` ").rpartition(".")[2] for row in rows] == [key.name for key in keys()]


def test_the_examples_are_configurations(tmp_path: Path) -> None:
    def read(text: str) -> Config:
        (tmp_path / "relevance.toml").write_text(text)
        return read_config(options={}, environ={}, file=tmp_path / "relevance.toml", root=tmp_path)

    (tmp_path / "phrases.json").write_text(TEMPLATE)
    example = read(EXAMPLE)
    assert example.source.path == tmp_path / "catalogue"
    assert [strategy.name for strategy in example.selected] == ["textsearch_boosted", "titles", "fused", "phrases"]
    assert example.elasticsearch.mapping == tmp_path / "synonyms.json"
    marks = '{"a": "{{query}} {{tune.title_boost=3}} {{tune.tie_breaker=0.3}} {{tune.most=1}}"}'
    (tmp_path / "search.json").write_text(marks)
    tuning = read(f'[strategies.shop]\ntemplate = "search.json"\n{TUNING}').tuning
    assert tuning["shop"]["title_boost"] == [1, 2, 3, 5]
    existing = read(EXISTING).elasticsearch
    assert (existing.index, existing.fields["id"]) == ("products", "sku")
    assert existing.vectors["plain.whole"] == "text_embedding"
    metrics = read(METRICS).metrics
    assert (list(map(str, metrics.gate)), metrics.depth) == (["nDCG@10", "Empty"], 100)
    limits = read(GATE).gate
    assert (limits.of("rrf", NDCG10).fail, limits.of("rrf", RR10).fail) == (0.03, 0.05)
    assert (limits.of("vectorsearch", AP10).fail, limits.time("vectorsearch")) == (0.1, (1.5, 3.0))
    assert Strategy("own", template=json.loads(TEMPLATE)).embeds
    (tmp_path / "synonyms.json").write_text(MAPPING)
    assert "analysis.analyzer.shop.tokenizer" in read_own_mapping(tmp_path / "synonyms.json").settings


def test_the_fields_of_the_page(tmp_path: Path) -> None:
    file = tmp_path / "relevance.toml"

    def read(text: str) -> Config:
        file.write_text(text, encoding="utf-8")
        return read_config(options={}, environ={}, file=file, root=tmp_path)

    assert read(EMBEDDED).fields.embedded_of("whole", "small") == ("name",)
    analyzed = read(ANALYSIS)
    assert Analysis(analyzed.fields.settings).errors() == []
    assert analyzed.fields.settings["similarity.short.b"] == 0.5
    config = read(FIELDS)
    assert {*config.strategies["shop"].text} == {*config.fields.text}
    assert config.fields.embedded["short"] == ("name", "brand")
