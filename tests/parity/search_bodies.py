"""Search bodies in the shapes that public projects use, over one shop's fields; each with where its shape comes from.

The fields are those of `INDEX`; the texts of the projects are not here, only the shape of what they send.
"""

from typing import Any

Q = "{{query}}"
VISIBLE = {"term": {"visible": True}}
PRICE = {"range": {"price": {"gte": 5, "lte": 500}}}

INDEX: dict[str, Any] = {
    "settings": {
        "analysis": {
            "char_filter": {"signs": {"type": "mapping", "mappings": ["& => and", "\u00ae =>", "\u2122 =>"]}},
            "filter": {
                "english_stop": {"type": "stop", "stopwords": "_english_"},
                "english_stemmer": {"type": "stemmer", "language": "english"},
                "light_stemmer": {"type": "stemmer", "language": "light_english"},
                "minimal_stemmer": {"type": "stemmer", "language": "minimal_english"},
                "possessive": {"type": "stemmer", "language": "possessive_english"},
                "synonyms": {
                    "type": "synonym_graph",
                    "synonyms": ["tv, television", "notebook => laptop", "usb stick, flash drive, thumb drive"],
                },
                "grams": {"type": "edge_ngram", "min_gram": 2, "max_gram": 15},
                "trigrams": {"type": "ngram", "min_gram": 3, "max_gram": 3},
                "shingles": {"type": "shingle", "min_shingle_size": 2, "max_shingle_size": 2, "output_unigrams": False},
                "parts": {"type": "word_delimiter_graph", "preserve_original": True, "catenate_all": True},
                "reference_parts": {"type": "word_delimiter", "generate_number_parts": True, "split_on_numerics": True},
            },
            "analyzer": {
                "english_text": {
                    "tokenizer": "standard",
                    "char_filter": ["signs"],
                    "filter": ["possessive", "lowercase", "asciifolding", "english_stop", "english_stemmer"],
                },
                "english_search": {
                    "tokenizer": "standard",
                    "char_filter": ["signs"],
                    "filter": [
                        "possessive",
                        "lowercase",
                        "asciifolding",
                        "synonyms",
                        "english_stop",
                        "english_stemmer",
                    ],
                },
                "whole_words": {"tokenizer": "whitespace", "filter": ["lowercase", "asciifolding"]},
                "spelling": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding", "unique"]},
                "autocomplete": {"tokenizer": "standard", "filter": ["lowercase", "grams"]},
                "words": {"tokenizer": "standard", "filter": ["lowercase"]},
                "tri": {"tokenizer": "standard", "filter": ["lowercase", "trigrams"]},
                "pairs": {"tokenizer": "standard", "filter": ["lowercase", "shingles"]},
                "model_number": {"tokenizer": "whitespace", "filter": ["parts", "lowercase", "flatten_graph"]},
                "model_number_search": {"tokenizer": "whitespace", "filter": ["parts", "lowercase"]},
                "reference": {"tokenizer": "keyword", "filter": ["reference_parts", "lowercase"]},
            },
            "normalizer": {"folded": {"type": "custom", "filter": ["lowercase", "asciifolding"]}},
        }
    },
    "mappings": {
        "properties": {
            "id": {"type": "keyword"},
            "sku": {
                "type": "keyword",
                "normalizer": "folded",
                "copy_to": ["search"],
                "fields": {"reference": {"type": "text", "analyzer": "reference"}},
            },
            "name": {
                "type": "text",
                "analyzer": "english_text",
                "search_analyzer": "english_search",
                "copy_to": ["search", "spelling"],
                "fields": {
                    "plain": {"type": "text", "analyzer": "words"},
                    "raw": {"type": "keyword", "normalizer": "folded", "ignore_above": 256},
                    "autocomplete": {"type": "text", "analyzer": "autocomplete", "search_analyzer": "words"},
                    "tri": {"type": "text", "analyzer": "tri"},
                    "shingle": {"type": "text", "analyzer": "pairs"},
                    "whitespace": {"type": "text", "analyzer": "whole_words"},
                    "model": {"type": "text", "analyzer": "model_number", "search_analyzer": "model_number_search"},
                    "bm25": {"type": "text", "analyzer": "english", "index_options": "offsets"},
                },
            },
            "brand": {
                "type": "text",
                "analyzer": "words",
                "copy_to": ["search", "spelling"],
                "fields": {"raw": {"type": "keyword"}},
            },
            "description": {
                "type": "text",
                "analyzer": "english_text",
                "search_analyzer": "english_search",
                "copy_to": ["search"],
            },
            "keywords": {"type": "text", "analyzer": "whole_words"},
            "category": {"type": "keyword", "fields": {"text": {"type": "text", "analyzer": "english"}}},
            "tags": {"type": "keyword"},
            "search": {"type": "text", "analyzer": "english_text"},
            "spelling": {"type": "text", "analyzer": "spelling"},
            "price": {"type": "double"},
            "rating": {"type": "float"},
            "reviews": {"type": "integer"},
            "popularity": {"type": "long"},
            "stock": {"type": "integer"},
            "visible": {"type": "boolean"},
            "available": {"type": "boolean"},
            "created": {"type": "date"},
            "attributes": {
                "type": "nested",
                "properties": {
                    "name": {"type": "keyword"},
                    "value": {"type": "text", "analyzer": "words", "fields": {"raw": {"type": "keyword"}}},
                },
            },
            "offers": {
                "type": "nested",
                "properties": {"seller": {"type": "keyword"}, "price": {"type": "double"}, "boost": {"type": "float"}},
            },
        }
    },
}


def multi(fields: list[str], kind: str | None = None, **more: Any) -> dict[str, Any]:
    return {"multi_match": {"query": Q, "fields": fields, **({"type": kind} if kind else {}), **more}}


BODIES: dict[str, dict[str, Any]] = {}


def body(name: str, source: str, **parts: Any) -> None:
    BODIES[name] = {"source": source, "body": parts}


# --- frameworks for shops
body(
    "elasticsuite_fulltext",
    "Smile ElasticSuite (Magento): cutoff as filter, weighted multi_match, phrase boost",
    query={
        "bool": {
            "filter": [VISIBLE],
            "must": [
                {
                    "bool": {
                        "filter": [{"match": {"search": {"query": Q, "minimum_should_match": "100%"}}}],
                        "must": [
                            multi(
                                ["search^1", "name^6", "brand^3", "category.text^2"],
                                "best_fields",
                                minimum_should_match=1,
                                tie_breaker=1.0,
                            )
                        ],
                        "should": [multi(["name.whitespace^10", "name.shingle^8"], "best_fields", tie_breaker=1.0)],
                    }
                }
            ],
        }
    },
)
body(
    "elasticsuite_fuzzy",
    "Smile ElasticSuite: fuzzy search where a spelling is not known",
    query={
        "bool": {
            "minimum_should_match": 1,
            "should": [
                multi(
                    ["spelling^1", "name^5"],
                    "best_fields",
                    fuzziness="1",
                    prefix_length=1,
                    max_expansions=10,
                    minimum_should_match="100%",
                    tie_breaker=1.0,
                ),
                multi(["name.tri^1"], "best_fields", minimum_should_match="75%"),
            ],
            "filter": [VISIBLE],
        }
    },
)
body(
    "elasticsuite_optimizers",
    "Smile ElasticSuite: optimizers as functions over the whole",
    query={
        "function_score": {
            "query": {
                "bool": {
                    "filter": [VISIBLE],
                    "must": [multi(["name^5", "search"], "cross_fields", minimum_should_match="100%")],
                }
            },
            "functions": [
                {"filter": {"range": {"stock": {"gt": 0}}}, "weight": 1.5},
                {
                    "field_value_factor": {"field": "popularity", "factor": 1.1, "modifier": "log1p", "missing": 0},
                    "weight": 2,
                },
            ],
            "score_mode": "multiply",
            "boost_mode": "multiply",
        }
    },
)
body(
    "magento_catalog_search",
    "Magento 2 Elasticsearch module: match per attribute, phrase for the name, hits by entity",
    query={
        "bool": {
            "minimum_should_match": 1,
            "must": [{"terms": {"category": ["{{params.category?}}"]}}],
            "should": [
                {"match": {"search": {"query": Q, "boost": 2}}},
                {"match_phrase_prefix": {"name": {"query": Q, "boost": 6, "analyzer": "words"}}},
                {"match": {"sku": {"query": Q, "boost": 7}}},
                {"match": {"description": {"query": Q, "boost": 2}}},
            ],
        }
    },
)
body(
    "shopware5_term",
    "Shopware 5 SearchBundleES: best fields with and, or a phrase prefix",
    query={
        "bool": {
            "minimum_should_match": 1,
            "should": [
                multi(
                    ["name^7", "name.plain^7", "keywords^5", "brand^3", "category.text"],
                    "best_fields",
                    minimum_should_match="50%",
                    tie_breaker=0.3,
                ),
                multi(["name^7", "brand^2", "sku.reference^5"], "phrase_prefix", boost=3, slop=5),
            ],
        }
    },
)
body(
    "shopware6_tokens",
    "Shopware 6: per field exact match, phrase prefix, fuzzy and n-grams under one dis_max",
    query={
        "dis_max": {
            "tie_breaker": 0,
            "queries": [
                {"match": {"name": {"query": Q, "boost": 500, "operator": "and"}}},
                {"match_phrase_prefix": {"name": {"query": Q, "boost": 350, "slop": 5, "max_expansions": 10}}},
                {"match": {"name": {"query": Q, "fuzziness": "AUTO", "boost": 200, "prefix_length": 2}}},
                {"match": {"name.tri": {"query": Q, "boost": 120}}},
                {"match": {"brand": {"query": Q, "boost": 250}}},
                {
                    "nested": {
                        "path": "attributes",
                        "query": {"match": {"attributes.value": {"query": Q, "boost": 50}}},
                        "score_mode": "max",
                    }
                },
            ],
        }
    },
)
body(
    "sylius_plugin",
    "Webgriffe's Sylius plugin: filters, name and attributes as should, at least one",
    query={
        "bool": {
            "filter": [{"term": {"visible": True}}],
            "should": [
                {"term": {"sku": {"value": Q, "boost": 100}}},
                {"match": {"name": {"query": Q, "fuzziness": "AUTO", "boost": 3}}},
                {"match": {"description": {"query": Q, "boost": 0.5}}},
                {
                    "nested": {
                        "path": "attributes",
                        "score_mode": "sum",
                        "query": {"bool": {"must": [{"match": {"attributes.value": Q}}]}},
                    }
                },
            ],
            "minimum_should_match": 1,
        }
    },
)
body(
    "vendure_body",
    "Vendure's Elasticsearch plugin: filters, a boosted multi_match or a keyword's term",
    query={
        "bool": {
            "must": [
                {
                    "bool": {
                        "should": [
                            multi(["name^5", "description", "sku^10"], "best_fields", fuzziness="AUTO"),
                            {"term": {"sku": {"value": Q, "boost": 15}}},
                        ]
                    }
                }
            ],
            "filter": [
                {"term": {"visible": True}},
                {"term": {"available": True}},
                {"terms": {"category": ["{{params.category?}}"]}},
            ],
        }
    },
    sort=[{"_score": "desc"}],
)
body(
    "spryker_catalog",
    "Spryker: one multi_match over full-text and boosted full-text, cross_fields",
    query={
        "bool": {
            "must": [multi(["search", "name^3"], "cross_fields")],
            "filter": [{"match": {"category": {"query": "{{params.category?}}"}}}],
        }
    },
)
body(
    "searchkick_word",
    "Searchkick: each field exactly, stemmed by two analyzers, and misspelt, under dis_max",
    query={
        "dis_max": {
            "queries": [
                {"match": {"name": {"query": Q, "boost": 10, "operator": "and", "analyzer": "english_search"}}},
                {"match": {"name": {"query": Q, "boost": 10, "operator": "and", "analyzer": "english_text"}}},
                {
                    "match": {
                        "name": {
                            "query": Q,
                            "boost": 1,
                            "operator": "and",
                            "analyzer": "english_text",
                            "fuzziness": 1,
                            "prefix_length": 0,
                            "max_expansions": 3,
                            "fuzzy_transpositions": True,
                        }
                    }
                },
            ]
        }
    },
)
body(
    "searchkick_boost_by",
    "Searchkick: boost_by and boost_where as functions that are summed",
    query={
        "function_score": {
            "query": {
                "dis_max": {
                    "queries": [
                        {"match": {"name": {"query": Q, "boost": 10, "operator": "and"}}},
                        {"match": {"brand": {"query": Q, "boost": 10, "operator": "and"}}},
                    ]
                }
            },
            "functions": [
                {"field_value_factor": {"field": "reviews", "modifier": "ln2p", "factor": 1, "missing": 0}},
                {"filter": {"term": {"available": True}}, "weight": 1000},
            ],
            "score_mode": "sum",
        }
    },
)
body(
    "searchkick_recency",
    "Searchkick: boost_by_recency",
    query={
        "function_score": {
            "query": {"match": {"name": Q}},
            "functions": [{"gauss": {"created": {"origin": "2024-06-01", "scale": "90d", "decay": 0.5}}}],
            "score_mode": "sum",
            "boost_mode": "multiply",
        }
    },
)
body(
    "searchkick_word_start",
    "Searchkick: word_start by edge n-grams in the index only",
    query={
        "bool": {
            "should": [
                {"match": {"name.autocomplete": {"query": Q, "operator": "and", "boost": 10}}},
                {"match": {"name.autocomplete": {"query": Q, "operator": "and", "fuzziness": 1, "max_expansions": 3}}},
            ],
            "filter": [PRICE],
        }
    },
)
body(
    "django_oscar",
    "django-oscar-es: query_string's replacement by multi_match, filters after the query",
    query={
        "bool": {
            "must": [multi(["name^2", "description", "sku^4"], fuzziness="AUTO", prefix_length=1)],
            "filter": [VISIBLE],
        }
    },
    post_filter={"bool": {"filter": [PRICE]}},
)
body(
    "ecomplus_dsl",
    "E-Com Plus store template: filters of nested specs, stock before score",
    query={
        "bool": {
            "must": [multi(["name", "keywords"], "best_fields", operator="and")],
            "filter": [
                VISIBLE,
                {
                    "nested": {
                        "path": "attributes",
                        "query": {"bool": {"filter": [{"exists": {"field": "attributes.value"}}]}},
                    }
                },
            ],
        }
    },
    sort=[{"available": {"order": "desc"}}, "_score"],
)
body(
    "saleor_like_weights",
    "Saleor and similar: names before descriptions, most_fields",
    query={
        "bool": {
            "must": {
                "multi_match": {
                    "query": Q,
                    "type": "most_fields",
                    "fields": ["name^8", "name.plain^4", "description^2", "brand"],
                    "minimum_should_match": "60%",
                }
            }
        }
    },
)
body(
    "bagisto_or_oro",
    "OroCommerce: all-text field with and, sorted by score, name as tie",
    query={"bool": {"must": [{"match": {"search": {"query": Q, "operator": "and"}}}]}},
    sort=["_score", {"name.raw": "asc"}],
)
# --- courses, books, talks
body(
    "bestbuy_function_score",
    "Search with machine learning course (Best Buy data): boosted multi_match times a price factor",
    query={
        "function_score": {
            "query": {
                "bool": {
                    "must": [multi(["name^100", "description^50", "keywords^10", "category.text"])],
                    "filter": [PRICE],
                }
            },
            "field_value_factor": {"field": "price", "missing": 1},
        }
    },
)
body(
    "bestbuy_rank_functions",
    "The course's second week: query functions over reciprocal ranks, averaged and replaced",
    query={
        "function_score": {
            "query": {
                "bool": {
                    "must": [],
                    "should": [
                        {"match": {"name": {"query": Q, "fuzziness": 1, "prefix_length": 2, "boost": 0.01}}},
                        {"match_phrase": {"name.bm25": {"query": Q, "slop": 1, "boost": 50}}},
                        multi(
                            ["name^10", "name.bm25^10", "description^5", "keywords", "category.text^5"],
                            "cross_fields",
                            minimum_should_match="2<75%",
                        ),
                        {"terms": {"sku": [Q], "boost": 50.0}},
                        {"match": {"name.bm25": {"query": Q, "operator": "OR", "minimum_should_match": "2<75%"}}},
                    ],
                    "minimum_should_match": 1,
                    "filter": [VISIBLE],
                }
            },
            "boost_mode": "multiply",
            "score_mode": "sum",
            "functions": [
                {"filter": {"exists": {"field": "reviews"}}, "gauss": {"reviews": {"origin": 1000, "scale": 500}}},
                {"filter": {"exists": {"field": "price"}}, "exp": {"price": {"origin": 20, "scale": 100}}},
                {"filter": {"exists": {"field": "rating"}}, "linear": {"rating": {"origin": 5, "scale": 3}}},
            ],
        }
    },
)
body(
    "esia_all_functions",
    "Elasticsearch in Action, chapter 6: weight, field value and decay, summed, replacing the score",
    query={
        "function_score": {
            "query": {"match": {"description": Q}},
            "functions": [
                {"weight": 1.5, "filter": {"term": {"brand": "hp"}}},
                {"field_value_factor": {"field": "reviews", "factor": 10.5, "modifier": "log1p", "missing": 0}},
                {"gauss": {"price": {"origin": 50, "offset": 10, "scale": 30, "decay": 0.5}}},
            ],
            "score_mode": "sum",
            "boost_mode": "replace",
        }
    },
)
body(
    "relevant_search_book",
    "Relevant Search (book): cross_fields in a must, phrases with shingles as signals",
    query={
        "bool": {
            "must": [multi(["name", "brand", "category.text"], "cross_fields", operator="and", tie_breaker=0.4)],
            "should": [
                {"match": {"name.shingle": {"query": Q, "boost": 4}}},
                {"constant_score": {"filter": {"match_phrase": {"name.plain": Q}}, "boost": 10}},
            ],
        }
    },
)
body(
    "definitive_guide_most_fields",
    "Elasticsearch: The Definitive Guide: a stemmed and a plain field as most_fields",
    query={"multi_match": {"query": Q, "type": "most_fields", "fields": ["name", "name.plain", "name.shingle"]}},
)
body(
    "definitive_guide_dis_max",
    "The Definitive Guide: dis_max with a tie breaker over nested bools",
    query={
        "dis_max": {
            "tie_breaker": 0.7,
            "queries": [
                {"match": {"name": {"query": Q, "minimum_should_match": "30%", "boost": 2}}},
                {"match": {"description": {"query": Q, "minimum_should_match": "30%"}}},
            ],
        }
    },
)
body(
    "definitive_guide_boosting",
    "The Definitive Guide: boosting, accessories are demoted",
    query={
        "boosting": {
            "positive": {"match": {"name": Q}},
            "negative": {"match": {"name": "case cover cable adapter"}},
            "negative_boost": 0.5,
        }
    },
)
body(
    "definitive_guide_rescore",
    "The Definitive Guide: a sloppy phrase rescores the best 50",
    query={"match": {"name": {"query": Q, "minimum_should_match": "30%"}}},
    rescore={"window_size": 50, "query": {"rescore_query": {"match_phrase": {"name": {"query": Q, "slop": 50}}}}},
)
# --- wikis, geocoders, libraries, portals
body(
    "pelias_autocomplete",
    "Pelias: constant score of a phrase, popularity replaces, last word by edge n-grams",
    query={
        "bool": {
            "must": [
                {
                    "constant_score": {
                        "boost": 1,
                        "filter": {"match_phrase": {"name.autocomplete": {"query": Q, "analyzer": "words", "slop": 3}}},
                    }
                }
            ],
            "should": [
                {
                    "function_score": {
                        "query": {"match_all": {}},
                        "max_boost": 20,
                        "score_mode": "first",
                        "boost_mode": "replace",
                        "functions": [
                            {
                                "field_value_factor": {"modifier": "log1p", "field": "popularity", "missing": 1},
                                "weight": 1,
                            }
                        ],
                    }
                },
                {
                    "function_score": {
                        "query": {"match_all": {}},
                        "max_boost": 20,
                        "score_mode": "first",
                        "boost_mode": "replace",
                        "functions": [
                            {
                                "field_value_factor": {
                                    "modifier": "none",
                                    "field": "reviews",
                                    "missing": 1,
                                    "factor": 0.0002,
                                },
                                "weight": 3,
                            }
                        ],
                    }
                },
            ],
        }
    },
    sort=["_score"],
    track_scores=True,
)
body(
    "pelias_phrase_slop",
    "Pelias: multi_match phrase in must, more in should, multi_match as a filter",
    query={
        "bool": {
            "must": [multi(["name.plain", "keywords"], "phrase", analyzer="words", slop=3, boost=1)],
            "should": [{"match_phrase": {"name.plain": {"query": Q, "slop": 2, "boost": 1}}}],
            "filter": [{"multi_match": {"fields": ["brand.*", "category"], "query": "{{params.brand?}}"}}],
        }
    },
)
body(
    "pelias_fuzzy",
    "Pelias: fuzzy multi_match with and as a constant score",
    query={
        "bool": {
            "must": [
                {
                    "constant_score": {
                        "filter": multi(
                            ["name.plain", "brand"],
                            "best_fields",
                            fuzziness=1,
                            max_expansions=20,
                            prefix_length=1,
                            operator="and",
                        )
                    }
                }
            ],
            "should": [{"match": {"name": Q}}],
        }
    },
)
body(
    "cirrus_prefix_rescore",
    "Wikibase on CirrusSearch: functions over the best 8192, multiplied",
    query={
        "bool": {
            "should": [
                {"match": {"name.plain": {"query": Q, "operator": "and"}}},
                {"prefix": {"name.raw": {"value": Q, "boost": 2}}},
            ],
            "minimum_should_match": 1,
        }
    },
    rescore={
        "window_size": 8192,
        "query": {
            "query_weight": 1.0,
            "rescore_query_weight": 1.0,
            "score_mode": "multiply",
            "rescore_query": {
                "function_score": {
                    "functions": [
                        {
                            "field_value_factor": {"field": "popularity", "modifier": "log2p", "missing": 0},
                            "weight": 0.6,
                        }
                    ],
                    "score_mode": "sum",
                    "boost_mode": "sum",
                }
            },
        },
    },
)
body(
    "cirrus_phrase_then_function",
    "WikibaseMediaInfo on CirrusSearch: two rescores one after the other",
    query={"bool": {"must": [multi(["name^3", "search"], "most_fields", operator="or", minimum_should_match="2<75%")]}},
    rescore=[
        {
            "window_size": 512,
            "query": {
                "rescore_query_weight": 10,
                "rescore_query": {"match_phrase": {"search": {"query": Q, "slop": 1}}},
            },
        },
        {
            "window_size": 1000,
            "query": {
                "score_mode": "multiply",
                "rescore_query": {
                    "function_score": {
                        "functions": [{"filter": {"term": {"available": True}}, "weight": 1.25}],
                        "boost_mode": "replace",
                    }
                },
            },
        },
    ],
)
body(
    "artsy_positron",
    "Artsy: best_fields over multi-fields by wildcard with two edits, phrase as should",
    query={
        "bool": {
            "must": {
                "multi_match": {
                    "query": Q,
                    "type": "best_fields",
                    "fields": ["name.p*", "brand"],
                    "fuzziness": "AUTO:4,8",
                }
            },
            "should": {"match_phrase": {"name": Q}},
        }
    },
)
body(
    "elasticpress",
    "ElasticPress (WordPress, WooCommerce): phrase, and, fuzzy, with a decay on the date",
    query={
        "function_score": {
            "query": {
                "bool": {
                    "should": [
                        multi(["name^5", "description", "sku^10"], "phrase", boost=4),
                        multi(["name^5", "description"], boost=2, fuzziness=0, operator="and"),
                        multi(["name", "description"], fuzziness=1),
                    ]
                }
            },
            "exp": {"created": {"scale": "14d", "decay": 0.25, "offset": "7d", "origin": "2024-06-01"}},
            "score_mode": "avg",
            "boost_mode": "sum",
        }
    },
)
body(
    "wagtail_search",
    "Wagtail: match over _all with and, or edge n-grams for autocomplete, boosted copies",
    query={
        "bool": {
            "must": {
                "multi_match": {"query": Q, "fields": ["search", "name^2.0"], "operator": "and", "type": "cross_fields"}
            },
            "filter": [VISIBLE],
        }
    },
)
body(
    "app_search_like",
    "App Search's public description: cross fields of stemmed, joined and delimited copies",
    query={
        "bool": {
            "must": [
                {
                    "bool": {
                        "should": [
                            multi(
                                ["name^2", "name.plain^1.8", "name.model^0.5", "description"],
                                "cross_fields",
                                minimum_should_match="1<-1 3<49%",
                            ),
                            multi(
                                ["name.plain^0.1", "description^0.1"],
                                "best_fields",
                                fuzziness="AUTO",
                                prefix_length=2,
                                minimum_should_match="1<-1 3<49%",
                            ),
                            {"match_bool_prefix": {"name.autocomplete": {"query": Q, "analyzer": "words"}}},
                        ]
                    }
                }
            ]
        }
    },
)
body(
    "open_food_facts_like",
    "Open Food Facts' search-a-licious: phrase boosts over a multi_match with and; scores by popularity",
    query={
        "function_score": {
            "query": {
                "bool": {
                    "should": [
                        multi(["name", "brand", "category.text"], "phrase", boost=2.0),
                        multi(["name", "brand", "category.text"], "cross_fields", operator="and"),
                    ],
                    "minimum_should_match": 1,
                }
            },
            "functions": [{"field_value_factor": {"field": "popularity", "modifier": "sqrt", "missing": 1}}],
            "boost_mode": "multiply",
        }
    },
)
# --- single shapes that blogs and manuals of shops show
body(
    "synonyms_at_search",
    "Elastic's guide to synonyms: a synonym graph at search time, phrase in should",
    query={
        "bool": {
            "must": [{"match": {"name": {"query": Q, "auto_generate_synonyms_phrase_query": True}}}],
            "should": [{"match_phrase": {"name.plain": {"query": Q, "slop": 2}}}],
        }
    },
)
body(
    "model_numbers",
    "Shops of parts: word delimiter graph and whole references beside the name",
    query={
        "dis_max": {
            "tie_breaker": 0.1,
            "queries": [
                {"match": {"name.model": {"query": Q, "boost": 3}}},
                {"match": {"sku.reference": {"query": Q, "boost": 5}}},
                {"wildcard": {"sku": {"value": "*-{{query}}*", "boost": 2, "case_insensitive": True}}},
                {"match": {"name": Q}},
            ],
        }
    },
)
body(
    "typeahead_bool_prefix",
    "search_as_you_type in manuals: bool_prefix over copies",
    query={
        "bool": {
            "must": [multi(["name.plain", "name.shingle", "brand"], "bool_prefix", operator="and")],
            "filter": [VISIBLE],
        }
    },
)
body(
    "nested_offers",
    "Marketplaces: the best offer's factor lifts the product",
    query={
        "bool": {
            "must": [multi(["name^3", "brand"], "cross_fields", minimum_should_match="2<75%")],
            "should": [
                {
                    "nested": {
                        "path": "offers",
                        "score_mode": "max",
                        "query": {
                            "function_score": {
                                "query": {"range": {"offers.price": {"lte": 100}}},
                                "field_value_factor": {"field": "offers.boost", "missing": 0},
                                "boost_mode": "replace",
                            }
                        },
                    }
                }
            ],
            "must_not": [{"term": {"stock": 0}}],
        }
    },
)
body(
    "collapsed_variants",
    "Shops with variants: one per brand, low scores cut",
    query={
        "bool": {"must": [{"match": {"name": Q}}], "should": [{"term": {"tags": {"value": "bestseller", "boost": 2}}}]}
    },
    collapse={"field": "brand.raw"},
    min_score=1.5,
)
body(
    "hybrid_knn",
    "Elastic's guide to hybrid search: a knn section beside the query, both boosted",
    query={"match": {"name": {"query": Q, "boost": 0.9}}},
    knn={
        "field": "whole_vector",
        "query_vector": "{{vector}}",
        "k": 50,
        "num_candidates": 100,
        "boost": 0.1,
        "filter": [VISIBLE],
    },
)
