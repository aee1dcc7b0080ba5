"""Examples that stand on the page about the configuration; tests read them as files."""

from __future__ import annotations

__all__ = ["EXAMPLE", "EXISTING", "GATE", "MAPPING", "TEMPLATE"]

EXAMPLE = """\
dataset = "shop"                                  # [datasets.shop], below
strategy = ["textsearch_boosted", "titles", "fused", "phrases"]
floors = "benchmarks/thresholds.toml"
out = ".relevance/latest"

[datasets.shop]
format = "files"
path = "catalogue"
columns = {id = "sku", title = "name"}
relevant_from = 2
unknown_products = "drop"

[models.base]                                     # the model of every strategy that names none
max_tokens = 128

[models.plain]                                    # the same weights, without a query prompt
prompt = ""

[strategies.titles]
text = {title = 8, description = 2}

[strategies.fused]
text = {title = 8, description = 2, attributes = 1}
vectors = {title = 1, whole = 1}
combine = "rrf"
window = 100
model = "plain"

[strategies.phrases]                              # only Elasticsearch can run it
template = "phrases.json"

[elasticsearch]
url = "https://search.example.com:9243"           # without it: a container
shards = 3
keep_index = true
mapping = "synonyms.json"
"""

TEMPLATE = """\
{
  "query": {
    "bool": {
      "should": [
        {"match_phrase": {"product_title": {"query": "{{query}}", "slop": 2, "boost": 4}}},
        {"match": {"product_description": "{{query}}"}}
      ]
    }
  },
  "knn": {"field": "whole_vector", "query_vector": "{{vector}}", "k": 150, "num_candidates": 150, "boost": 10}
}
"""

MAPPING = """\
{
  "settings": {
    "analysis": {
      "filter": {"shop_synonyms": {"type": "synonym_graph", "synonyms": ["couch, sofa", "tap, faucet"]}},
      "analyzer": {"shop": {"tokenizer": "standard", "filter": ["lowercase", "shop_synonyms"]}}
    }
  },
  "mappings": {
    "properties": {"product_title": {"type": "text", "analyzer": "standard", "search_analyzer": "shop"}}
  }
}
"""

EXISTING = """\
[elasticsearch]
url = "https://search.example.com:9243"
index = "products"

[elasticsearch.fields]                            # our names = the index's own
id = "sku"
title = "name"
description = "text.long"
attributes = "facets.value"

[elasticsearch.vectors]
title = "name_embedding"                          # vectors of the model base
"plain.whole" = "text_embedding"                  # vectors of [models.plain]

[models.plain]
prompt = ""
"""

GATE = """\
[gate]
fail = 0.03                                       # 3% instead of 2%, for all

[gate.metrics."RR@10"]
fail = 0.05                                       # the first hit may move more

[gate.strategies.vectorsearch]
time_fail = 3.0

[gate.strategies.vectorsearch."AP@10"]
fail = 0.1
"""
