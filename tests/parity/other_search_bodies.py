"""Index bodies and search bodies in the shapes of further public projects: documentation, wikis, libraries, jobs.

Every domain has an index body of its own; its documents are those of `made_shop` under the domain's names. Written
fresh in the shapes that the named projects send, none of their text.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Q = "{{query}}"
Properties = dict[str, Any]


@dataclass(frozen=True)
class Domain:
    """An index body, what its fields are called in a shop's documents, and bodies with their sources."""

    index: dict[str, Any]
    names: Mapping[str, Any]
    bodies: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)

    def body(self, name: str, source: str, **parts: Any) -> None:
        self.bodies[name] = (source, parts)

    def documents(self, shop: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        for document in shop:
            yield {"id": document["id"], **_renamed(document, self.names)}


def _renamed(document: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    renamed: dict[str, Any] = {}
    for name, source in names.items():
        if isinstance(source, tuple):  # objects within: their place, and the names in them
            renamed[name] = [_renamed(one, source[1]) for one in document.get(source[0], [])]
        elif isinstance(source, dict):
            renamed[name] = _renamed(document, source)
        elif source in document:
            renamed[name] = document[source]
    return renamed


def _index(properties: Properties, **analysis: Any) -> dict[str, Any]:
    every = {"id": {"type": "keyword"}, **properties}
    return {"settings": {"analysis": analysis}, "mappings": {"properties": every}}


def text(analyzer: str = "", search: str = "", **more: Any) -> Properties:
    named = {"analyzer": analyzer} if analyzer else {}
    return {"type": "text", **named, **({"search_analyzer": search} if search else {}), **more}


KEYWORD: Properties = {"type": "keyword"}
DATE: Properties = {"type": "date"}
WITH_KEYWORD: Properties = {"fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}


def multi(fields: list[str], kind: str | None = None, **more: Any) -> dict[str, Any]:
    return {"multi_match": {"query": Q, "fields": fields, **({"type": kind} if kind else {}), **more}}


# --- documentation

DOCS = Domain(
    _index(
        {
            "project": KEYWORD,
            "title": text("simple"),
            "path": {"type": "keyword", "fields": {"words": text("simple")}},
            "rank": {"type": "integer"},
            "body": text("english", index_options="offsets"),
            "updated": DATE,
            "sections": {"type": "nested", "properties": {"title": text("simple"), "content": text()}},
        }
    ),
    {
        "title": "name",
        "path": "sku",
        "project": "category",
        "rank": "stock",
        "body": "description",
        "updated": "created",
        "sections": ("attributes", {"title": "name", "content": "value"}),
    },
)
_SECTIONS = ["sections.title^2", "sections.content"]


def _in_sections(**options: Any) -> dict[str, Any]:
    query = {"simple_query_string": {"query": Q, "fields": _SECTIONS, **options}}
    return {"nested": {"path": "sections", "query": query, "score_mode": "max"}}


DOCS.body(
    "readthedocs_operators",
    "Read the Docs: title and nested sections, once with `and`, once with `or`",
    query={
        "bool": {
            "should": [
                {"simple_query_string": {"query": Q, "fields": ["title^1.5"], "default_operator": "and"}},
                {"simple_query_string": {"query": Q, "fields": ["title^1.5"], "default_operator": "or"}},
                _in_sections(default_operator="and"),
                _in_sections(default_operator="or"),
            ],
            "filter": [{"term": {"project": "tools"}}],
            "minimum_should_match": 1,
        }
    },
)
DOCS.body(
    "readthedocs_fuzzy",
    "Read the Docs: nested fuzzy multi_match beside wildcards",
    query={
        "bool": {
            "should": [
                multi(["title^1.5"], fuzziness="AUTO:4,6", prefix_length=1),
                {
                    "nested": {
                        "path": "sections",
                        "query": multi(_SECTIONS, fuzziness="AUTO:4,6", prefix_length=1),
                        "score_mode": "max",
                    }
                },
                {"wildcard": {"title": {"value": "*{{query}}*"}}},
            ]
        }
    },
)
DOCS.body(
    "docs_rank_as_factor",
    "Documentation sites that rank pages by hand: the rank is a weight by filter",
    query={
        "function_score": {
            "query": _in_sections(),
            "functions": [
                {"filter": {"term": {"rank": 20}}, "weight": 2},
                {"filter": {"term": {"rank": 0}}, "weight": 0.6},
            ],
            "score_mode": "first",
        }
    },
)
DOCS.body(
    "mdn_yari",
    "MDN: title phrase and prefix before the text, popularity as a function",
    query={
        "function_score": {
            "query": {
                "bool": {
                    "should": [
                        {"match_phrase": {"title": {"query": Q, "boost": 5}}},
                        {"match_phrase_prefix": {"title": {"query": Q, "boost": 3}}},
                        {"match": {"title": {"query": Q, "boost": 2}}},
                        {"match": {"body": {"query": Q, "boost": 1}}},
                    ]
                }
            },
            "functions": [
                {"field_value_factor": {"field": "rank", "factor": 10, "modifier": "ln1p", "missing": 0}, "weight": 2}
            ],
            "boost_mode": "sum",
        }
    },
)
DOCS.body(
    "help_centre_recency",
    "Help centres: the date's distance beside a cross_fields match",
    query={
        "bool": {
            "must": [multi(["title^3", "body"], "best_fields", minimum_should_match="2<66%", tie_breaker=0.2)],
            "should": [{"distance_feature": {"field": "updated", "origin": "2024-06-01", "pivot": "90d", "boost": 3}}],
        }
    },
)
DOCS.body(
    "haystack_simple_backend",
    "django-haystack: a query string over the document, `and` by default",
    query={
        "bool": {
            "must": [
                {
                    "query_string": {
                        "query": "({{query}})",
                        "default_field": "body",
                        "default_operator": "AND",
                        "analyze_wildcard": False,
                        "fuzzy_max_expansions": 50,
                    }
                }
            ],
            "filter": {"terms": {"project": ["tools", "paint", "garden"]}},
        }
    },
)
# --- wikis

WIKI = Domain(
    _index(
        {
            "title": text(
                "stemmed",
                "stemmed_search",
                copy_to=["all"],
                fields={
                    "plain": text("plain", "plain_search"),
                    "keyword": KEYWORD,
                    "near_match": {"type": "keyword", "normalizer": "near"},
                    "prefix": text("prefixes", "plain_search"),
                },
            ),
            "redirect": text("stemmed", "stemmed_search", copy_to=["all"], fields={"plain": text("plain")}),
            "opening_text": text("stemmed", "stemmed_search", fields={"plain": text("plain", "plain_search")}),
            "text": text("stemmed", "stemmed_search", fields={"plain": text("plain", "plain_search")}),
            "all": text("stemmed", "stemmed_search", fields={"plain": text("plain", "plain_search")}),
            "template": KEYWORD,
            "incoming_links": {"type": "integer"},
            "popularity_score": {"type": "double"},
            "timestamp": DATE,
        },
        filter={
            "possessive": {"type": "stemmer", "language": "possessive_english"},
            "folding": {"type": "asciifolding", "preserve_original": True},
            "wiki_stop": {"type": "stop", "stopwords": "_english_"},
            "stemming": {"type": "stemmer", "language": "porter2"},
            "overrides": {"type": "stemmer_override", "rules": ["guidelines => guideline", "colours => colour"]},
            "starts": {"type": "edge_ngram", "min_gram": 1, "max_gram": 12},
        },
        analyzer={
            "stemmed": {
                "tokenizer": "standard",
                "filter": ["possessive", "lowercase", "wiki_stop", "overrides", "stemming", "folding"],
            },
            "stemmed_search": {
                "tokenizer": "standard",
                "filter": ["possessive", "lowercase", "wiki_stop", "overrides", "stemming", "asciifolding"],
            },
            "plain": {"tokenizer": "standard", "filter": ["lowercase", "folding"]},
            "plain_search": {"tokenizer": "standard", "filter": ["lowercase"]},
            "prefixes": {"tokenizer": "standard", "filter": ["lowercase", "starts"]},
        },
        normalizer={"near": {"type": "custom", "filter": ["lowercase", "asciifolding"]}},
    ),
    {
        "title": "name",
        "redirect": "keywords",
        "opening_text": "brand",
        "text": "description",
        "template": "tags",
        "incoming_links": "popularity",
        "popularity_score": "rating",
        "timestamp": "created",
    },
)
_WIKI_FIELDS = ["title^3", "title.plain^1", "redirect^2", "opening_text^1.8", "text^0.6", "text.plain^0.3"]
WIKI.body(
    "cirrus_full_text",
    "CirrusSearch: query string over all fields, near matches as should, phrase and links rescore",
    query={
        "bool": {
            "minimum_should_match": 1,
            "should": [
                {
                    "query_string": {
                        "query": Q,
                        "fields": ["all.plain^1", "all^0.5"],
                        "phrase_slop": 0,
                        "default_operator": "AND",
                        "allow_leading_wildcard": True,
                        "fuzzy_prefix_length": 2,
                    }
                },
                {"multi_match": {"fields": ["title.near_match^2"], "query": Q}},
            ],
        }
    },
    rescore=[
        {
            "window_size": 512,
            "query": {
                "rescore_query": {
                    "query_string": {"query": '"{{query}}"', "fields": ["all.plain^1", "all^0.5"], "phrase_slop": 1}
                },
                "query_weight": 1.0,
                "rescore_query_weight": 10.0,
            },
        },
        {
            "window_size": 8192,
            "query": {
                "score_mode": "multiply",
                "rescore_query": {
                    "function_score": {
                        "functions": [
                            {"field_value_factor": {"field": "incoming_links", "modifier": "log2p", "missing": 0}},
                            {"filter": {"terms": {"template": ["bestseller"]}}, "weight": 1.5},
                        ]
                    }
                },
            },
        },
    ],
)
WIKI.body(
    "cirrus_simple_dis_max",
    "CirrusSearch's simple builder: a filter on all, most_fields in parts with boosts",
    query={
        "bool": {
            "filter": [
                {
                    "bool": {
                        "should": [
                            {"match": {"all": {"query": Q, "operator": "AND"}}},
                            {"match": {"all.plain": {"query": Q, "operator": "AND"}}},
                        ]
                    }
                }
            ],
            "should": [
                multi(_WIKI_FIELDS[:2], "most_fields", boost=0.3),
                {
                    "dis_max": {
                        "queries": [
                            {"match": {"title.plain": {"query": Q, "boost": 2}}},
                            {"match": {"redirect.plain": {"query": Q, "boost": 1.5}}},
                        ],
                        "tie_breaker": 0.2,
                    }
                },
                multi(["text", "text.plain"], "most_fields", boost=0.6, minimum_should_match=1),
            ],
        }
    },
)
WIKI.body(
    "cirrus_prefix_search",
    "CirrusSearch: prefix search on titles, links as factor",
    query={
        "function_score": {
            "query": {
                "bool": {
                    "should": [
                        {"match": {"title.prefix": {"query": Q, "operator": "AND", "boost": 20}}},
                        {"prefix": {"title.keyword": {"value": Q, "boost": 5}}},
                    ],
                    "filter": [{"exists": {"field": "title"}}],
                }
            },
            "functions": [
                {"field_value_factor": {"field": "incoming_links", "modifier": "log1p", "missing": 1}, "weight": 0.5}
            ],
            "score_mode": "sum",
            "boost_mode": "sum",
        }
    },
)
WIKI.body(
    "bluespice_wiki",
    "BlueSpice: boosts by match type under bool.should with minimum 1",
    query={
        "bool": {
            "must": [
                {
                    "simple_query_string": {
                        "query": Q,
                        "fields": ["title^2", "redirect", "text", "all"],
                        "default_operator": "or",
                    }
                }
            ],
            "should": [
                {"match": {"title.near_match": {"query": Q, "boost": 4}}},
                {"match_phrase": {"title.plain": {"query": Q, "boost": 2}}},
            ],
        }
    },
)
WIKI.body(
    "wikibase_entity_prefix",
    "Wikibase: constant scores of labels by language fallback, the best of them",
    query={
        "bool": {
            "should": [
                {
                    "bool": {
                        "filter": [{"match": {"title.prefix": Q}}],
                        "should": [
                            {
                                "dis_max": {
                                    "tie_breaker": 0,
                                    "queries": [
                                        {"constant_score": {"filter": {"match": {"title.near_match": Q}}, "boost": 2}},
                                        {"constant_score": {"filter": {"match": {"title.prefix": Q}}, "boost": 1.1}},
                                        {"constant_score": {"filter": {"match": {"redirect": Q}}, "boost": 0.8}},
                                    ],
                                }
                            }
                        ],
                    }
                },
                {"term": {"title.keyword": Q}},
            ],
            "minimum_should_match": 1,
        }
    },
)
# --- libraries and archives

LIBRARY = Domain(
    _index(
        {
            "title": text(
                "english",
                fields={
                    "english": text("english"),
                    "shingles": text("shingles"),
                    "keyword": {"type": "keyword", "normalizer": "lower"},
                    "standard": text(),
                },
            ),
            "subjects": text(fields={"keyword": KEYWORD, "english": text("english")}),
            "contributors": text(**WITH_KEYWORD),
            "description": text("english", fields={"cased": text("cased")}),
            "reference": text("whole", fields={"keyword": {"type": "keyword", "normalizer": "lower"}}),
            "genre": KEYWORD,
            "year": DATE,
            "holdings": {"type": "integer"},
        },
        filter={"pairs": {"type": "shingle", "min_shingle_size": 2, "max_shingle_size": 3}},
        analyzer={
            "shingles": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding", "pairs"]},
            "cased": {"tokenizer": "standard", "filter": ["asciifolding"]},
            "whole": {"tokenizer": "whitespace", "filter": ["lowercase"]},
        },
        normalizer={"lower": {"type": "custom", "filter": ["lowercase"]}},
    ),
    {
        "title": "name",
        "subjects": "keywords",
        "contributors": "brand",
        "description": "description",
        "reference": "sku",
        "genre": "category",
        "year": "created",
        "holdings": "reviews",
    },
)
LIBRARY.body(
    "wellcome_tiers",
    "Wellcome Collection: tiers of exact titles, contributors with title, and everything, under bool.should",
    query={
        "bool": {
            "should": [
                multi(["reference^1000", "reference.keyword"], "best_fields", analyzer="whole", operator="or"),
                {
                    "dis_max": {
                        "queries": [
                            {
                                "bool": {
                                    "boost": 1000,
                                    "should": [
                                        {"prefix": {"title.keyword": {"value": Q}}},
                                        {"match_phrase": {"title": {"query": Q}}},
                                    ],
                                }
                            },
                            multi(
                                ["contributors^1000", "title^10", "title.standard^10", "title.shingles^100"],
                                "cross_fields",
                                operator="or",
                                minimum_should_match="-25%",
                                boost=100,
                            ),
                        ]
                    }
                },
                multi(
                    ["subjects^10", "description", "title.english"],
                    "most_fields",
                    minimum_should_match="-30%",
                    tie_breaker=0.3,
                ),
            ],
            "minimum_should_match": 1,
            "filter": [{"terms": {"genre": ["lighting", "tools", "garden", "paint"]}}],
        }
    },
)
LIBRARY.body(
    "wellcome_simple_string",
    "Wellcome Collection, earlier: a simple query string without operators",
    query={
        "simple_query_string": {
            "query": Q,
            "fields": ["title^9", "subjects.english^8", "description^3", "contributors^2"],
            "lenient": True,
            "minimum_should_match": "60%",
            "flags": "PHRASE|WHITESPACE",
        }
    },
)
LIBRARY.body(
    "dpla_query_string",
    "DPLA: a lenient query string with `and`, sorted by score and id",
    query={
        "bool": {
            "must": [
                {
                    "query_string": {
                        "query": Q,
                        "fields": ["title^2", "description^0.75", "subjects^1", "contributors"],
                        "default_operator": "AND",
                        "lenient": True,
                    }
                }
            ]
        }
    },
    sort=[{"_score": {"order": "desc"}}, {"id": {"order": "asc"}}],
    track_scores=True,
)
LIBRARY.body(
    "vufind_like_boosts",
    "Catalogues of libraries: the same words by field, anded, in a dis_max of boosts",
    query={
        "dis_max": {
            "tie_breaker": 0.4,
            "queries": [
                {"match_phrase": {"title": {"query": Q, "boost": 750}}},
                {"match": {"title": {"query": Q, "operator": "and", "boost": 600}}},
                {"match": {"contributors": {"query": Q, "operator": "and", "boost": 300}}},
                {"match": {"subjects.english": {"query": Q, "operator": "and", "boost": 100}}},
                {"match": {"description": {"query": Q, "boost": 50}}},
            ],
        }
    },
)
LIBRARY.body(
    "invenio_records",
    "Invenio RDM: a query string over fields with boosts, the newest first where scores are equal",
    query={
        "bool": {
            "must": [
                {
                    "query_string": {
                        "query": Q,
                        "fields": ["title^3", "description", "contributors^2"],
                        "type": "most_fields",
                        "tie_breaker": 0.6,
                    }
                }
            ],
            "filter": [{"range": {"year": {"gte": "2020", "lte": "2023-12"}}}],
        }
    },
    sort=["_score", {"year": {"order": "desc", "missing": "_last"}}],
    track_scores=True,
)
LIBRARY.body(
    "aleph_archive",
    "OCCRP Aleph: a query string, title matches as should, lenient",
    query={
        "bool": {
            "should": [
                {"match_phrase": {"title": {"query": Q, "boost": 3}}},
                {"match": {"contributors.keyword": {"query": Q, "boost": 2}}},
            ],
            "must": [
                {
                    "query_string": {
                        "query": Q,
                        "default_field": "description",
                        "lenient": True,
                        "default_operator": "AND",
                        "minimum_should_match": "66%",
                    }
                }
            ],
            "must_not": [{"term": {"genre": "bathroom"}}],
        }
    },
)
# --- jobs

JOBS = Domain(
    _index(
        {
            "title": text(
                "job", fields={"raw": {"type": "keyword", "normalizer": "low"}, "ngram": text("start", "job")}
            ),
            "company": text("standard", **WITH_KEYWORD),
            "skills": {"type": "keyword", "normalizer": "low"},
            "description": text("job"),
            "level": KEYWORD,
            "salary": {"type": "float"},
            "remote": {"type": "boolean"},
            "open": {"type": "boolean"},
            "posted": DATE,
            "required": {"type": "short"},
            "applications": {"type": "long"},
        },
        filter={
            "job_synonyms": {"type": "synonym_graph", "synonyms": ["tv, television", "flash drive, usb stick"]},
            "stems": {"type": "stemmer", "language": "minimal_english"},
            "starts": {"type": "edge_ngram", "min_gram": 2, "max_gram": 10},
        },
        analyzer={
            "job": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding", "stems"]},
            "job_search": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding", "job_synonyms", "stems"]},
            "start": {"tokenizer": "standard", "filter": ["lowercase", "starts"]},
        },
        normalizer={"low": {"type": "custom", "filter": ["lowercase"]}},
    ),
    {
        "title": "name",
        "company": "brand",
        "skills": "tags",
        "description": "description",
        "level": "category",
        "salary": "price",
        "remote": "available",
        "open": "visible",
        "posted": "created",
        "required": "stock",
        "applications": "reviews",
    },
)
JOBS.body(
    "job_board_recency",
    "Job boards: title, company and text, the posting's age as a decay, remote as a weight",
    query={
        "function_score": {
            "query": {
                "bool": {
                    "must": [multi(["title^4", "company^2", "description"], "best_fields", operator="or")],
                    "filter": [{"term": {"open": True}}, {"range": {"salary": {"gte": 5}}}],
                }
            },
            "functions": [
                {"gauss": {"posted": {"origin": "2024-06-30", "scale": "60d", "offset": "7d", "decay": 0.3}}},
                {"filter": {"term": {"remote": True}}, "weight": 1.3},
            ],
            "score_mode": "avg",
            "boost_mode": "multiply",
        }
    },
)
JOBS.body(
    "job_skills_covered",
    "Matching of people and jobs: so many of the skills as the job requires",
    query={
        "bool": {
            "must": [{"match": {"title": {"query": Q, "analyzer": "job_search"}}}],
            "should": [
                {
                    "terms_set": {
                        "skills": {
                            "terms": ["sale", "new", "eco"],
                            "minimum_should_match_field": "required",
                            "boost": 2,
                        }
                    }
                }
            ],
        }
    },
)
JOBS.body(
    "job_alert_query_string",
    "Alerts of job boards: what people typed as a query string on title and text",
    query={
        "query_string": {
            "query": "title:({{query}})^3 OR description:({{query}}) AND NOT level:bathroom",
            "default_field": "description",
        }
    },
)
JOBS.body(
    "job_typeahead",
    "Typeahead of titles: n-grams and a boolean prefix",
    query={
        "bool": {
            "should": [
                {"match": {"title.ngram": {"query": Q, "operator": "and"}}},
                {"match_bool_prefix": {"title": {"query": Q, "boost": 3}}},
                {"prefix": {"title.raw": {"value": Q, "case_insensitive": True, "boost": 5}}},
            ]
        }
    },
    min_score=1.0,
)
JOBS.body(
    "job_promoted_first",
    "Promoted jobs before others: a constant beside the score, one job a company",
    query={
        "bool": {
            "must": [multi(["title", "description"], "cross_fields", operator="and", analyzer="job_search")],
            "should": [{"constant_score": {"filter": {"range": {"applications": {"gte": 55}}}, "boost": 8}}],
        }
    },
    collapse={"field": "company.keyword"},
)
JOBS.body(
    "job_regexp_level",
    "Filters by pattern: levels by a regular expression, salaries open at one end",
    query={
        "bool": {
            "must": [{"match": {"description": {"query": Q, "minimum_should_match": "3<75%"}}}],
            "filter": [{"regexp": {"level": "(light|gard).*|t[o]{2}ls"}}, {"range": {"salary": {"lt": 120}}}],
        }
    },
)
# --- blogs and content

BLOG = Domain(
    _index(
        {
            "post_title": text(**WITH_KEYWORD),
            "post_excerpt": text(),
            "post_content": text(),
            "post_type": KEYWORD,
            "post_status": {"type": "boolean"},
            "post_date": DATE,
            "terms": {"properties": {"product_cat": {"properties": {"name": text(**WITH_KEYWORD), "slug": KEYWORD}}}},
            "meta": {
                "properties": {
                    "sku": {"properties": {"value": text(**WITH_KEYWORD)}},
                    "price": {"properties": {"double": {"type": "double"}}},
                    "sales": {"properties": {"long": {"type": "long"}}},
                }
            },
        },
        char_filter={"quotes": {"type": "mapping", "mappings": ["\u2019 => '", "& => and"]}},
        filter={
            "own_stop": {"type": "stop", "stopwords": "_english_"},
            "own_snowball": {"type": "snowball", "language": "english"},
        },
        analyzer={
            "default": {
                "tokenizer": "standard",
                "char_filter": ["html_strip", "quotes"],
                "filter": ["lowercase", "own_stop", "own_snowball"],
            }
        },
    ),
    {
        "post_title": "name",
        "post_excerpt": "brand",
        "post_content": "description",
        "post_type": "category",
        "post_status": "visible",
        "post_date": "created",
        "terms": {"product_cat": ("attributes", {"name": "value", "slug": "name"})},
        "meta": {"sku": {"value": "sku"}, "price": {"double": "price"}, "sales": {"long": "popularity"}},
    },
)
_POST = ["post_title^3", "post_excerpt", "post_content", "terms.product_cat.name^2", "meta.sku.value^5"]
BLOG.body(
    "elasticpress_version_4",
    "ElasticPress 4: phrase, all words, some words, with boosts, decayed by date",
    query={
        "function_score": {
            "query": {
                "bool": {
                    "should": [
                        multi(_POST, "phrase", boost=3),
                        multi(_POST, operator="and", boost=1),
                        multi(_POST, "cross_fields", operator="and", boost=1, analyzer="default", tie_breaker=0.5),
                    ]
                }
            },
            "functions": [
                {"exp": {"post_date": {"origin": "2024-06-01", "scale": "14d", "decay": 0.25, "offset": "7d"}}},
                {"weight": 0.001},
            ],
            "score_mode": "sum",
            "boost_mode": "multiply",
        }
    },
    post_filter={
        "bool": {"must": [{"terms": {"post_type": ["tools", "paint", "kitchen"]}}, {"term": {"post_status": True}}]}
    },
)
BLOG.body(
    "woocommerce_orders",
    "ElasticPress' WooCommerce feature: sku first, then the words, sorted by price",
    query={
        "bool": {
            "should": [
                {"term": {"meta.sku.value.keyword": {"value": Q, "boost": 20}}},
                {"match_phrase_prefix": {"post_title": {"query": Q, "max_expansions": 20, "boost": 2}}},
                multi(_POST, fuzziness="AUTO"),
            ],
            "minimum_should_match": 1,
        }
    },
    sort=[{"meta.price.double": {"order": "asc", "missing": "_last"}}, "_score"],
    track_scores=True,
)
BLOG.body(
    "wordpress_vip_search",
    "VIP Search: sales as a logarithm added to the score",
    query={
        "function_score": {
            "query": multi(["post_title^2", "post_content"], minimum_should_match="75%"),
            "field_value_factor": {"field": "meta.sales.long", "modifier": "log1p", "factor": 0.1, "missing": 1},
            "boost_mode": "sum",
            "max_boost": 3,
        }
    },
)
BLOG.body(
    "jetpack_search",
    "Jetpack Search: a filter that all words are somewhere, scored by phrases and fields",
    query={
        "bool": {
            "must": [multi(["post_title.*", "post_content", "terms.*"], "cross_fields", operator="and", boost=1)],
            "should": [
                multi(["post_title^2"], "phrase", boost=4),
                multi(["post_content"], "phrase", slop=3),
                multi(["post_title", "post_excerpt"], "best_fields", tie_breaker=0.3),
            ],
        }
    },
)
BLOG.body(
    "drupal_search_api",
    "Drupal's Search API: a query string over full-text fields with boosts, filters in bool",
    query={
        "bool": {
            "must": [
                {
                    "query_string": {
                        "query": "{{query}}~1",
                        "fields": ["post_title^21", "post_content^1", "post_excerpt^5"],
                        "fuzzy_prefix_length": 1,
                    }
                }
            ],
            "filter": {"bool": {"must": [{"term": {"post_status": True}}]}},
        }
    },
)
BLOG.body(
    "drupal_simple",
    "Drupal's elasticsearch_connector: simple query string, and",
    query={
        "bool": {
            "must": [
                {
                    "simple_query_string": {
                        "query": Q,
                        "fields": ["post_title^8", "post_excerpt^4", "post_content"],
                        "default_operator": "and",
                    }
                }
            ]
        }
    },
)
BLOG.body(
    "nextcloud_full_text",
    "Nextcloud's full-text search: a query string with a star for names, another for the text",
    query={
        "bool": {
            "filter": [{"bool": {"should": [{"match": {"post_type": "tools"}}, {"match": {"post_type": "garden"}}]}}],
            "should": [
                {"query_string": {"query": "{{query}}*", "fields": ["post_title"]}},
                {"query_string": {"query": Q, "fields": ["post_content"]}},
            ],
            "minimum_should_match": 1,
        }
    },
)
BLOG.body(
    "craft_or_typo3_blog",
    "Searches of editors: match per field under should, the newer of equal ones first",
    query={
        "bool": {
            "should": [
                {"match": {"post_title": {"query": Q, "boost": 10, "operator": "and"}}},
                {"match": {"post_content": {"query": Q, "boost": 1}}},
                {"match": {"terms.product_cat.name": {"query": Q, "boost": 3}}},
            ],
            "filter": [{"exists": {"field": "post_date"}}],
        }
    },
    sort=["_score", {"post_date": "desc"}],
    track_scores=True,
)
# --- Python and Ruby libraries over models

MODELS = Domain(
    _index(
        {
            "name": {
                "type": "keyword",
                "ignore_above": 30000,
                "fields": {
                    "analyzed": text("kick_index"),
                    "word_start": text("kick_word_start", "kick_word_search"),
                    "word_middle": text("kick_word_middle", "kick_word_search"),
                    "text_start": text("kick_text_start", "kick_text_search"),
                    "exact": text("kick_exact", index_options="docs", norms=False),
                },
            },
            "brand": {"type": "keyword", "fields": {"analyzed": text("kick_index")}},
            "_all_text": text("wagtail"),
            "_edgengrams": text("wagtail_edges", "lowercase_words"),
            "about": text("wagtail", copy_to=["_all_text"]),
            "headline": text("wagtail", copy_to=["_all_text", "_edgengrams"]),
            "labels": KEYWORD,
            "orders": {"type": "integer"},
            "in_stock": {"type": "boolean"},
            "created_at": DATE,
            "conversions": {"type": "nested", "properties": {"query": KEYWORD, "count": {"type": "integer"}}},
        },
        char_filter={"ampersand": {"type": "mapping", "mappings": ["&=> and "]}},
        tokenizer={"edges": {"type": "edge_ngram", "min_gram": 2, "max_gram": 15, "token_chars": ["letter", "digit"]}},
        filter={
            "kick_stemmer": {"type": "snowball", "language": "English"},
            "kick_shingle": {"type": "shingle", "token_separator": ""},
            "kick_search_shingle": {
                "type": "shingle",
                "token_separator": "",
                "output_unigrams": False,
                "output_unigrams_if_no_shingles": True,
            },
            "kick_edges": {"type": "edge_ngram", "min_gram": 1, "max_gram": 50},
            "kick_grams": {"type": "ngram", "min_gram": 1, "max_gram": 20},
        },
        analyzer={
            "kick_index": {
                "tokenizer": "standard",
                "char_filter": ["ampersand"],
                "filter": ["lowercase", "asciifolding", "kick_shingle", "kick_stemmer"],
            },
            "kick_search": {
                "tokenizer": "standard",
                "char_filter": ["ampersand"],
                "filter": ["lowercase", "asciifolding", "kick_search_shingle", "kick_stemmer"],
            },
            "kick_search2": {
                "tokenizer": "standard",
                "char_filter": ["ampersand"],
                "filter": ["lowercase", "asciifolding", "kick_stemmer"],
            },
            "kick_word_start": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding", "kick_edges"]},
            "kick_word_middle": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding", "kick_grams"]},
            "kick_word_search": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding"]},
            "kick_text_start": {"tokenizer": "keyword", "filter": ["lowercase", "asciifolding", "kick_edges"]},
            "kick_text_search": {"tokenizer": "keyword", "filter": ["lowercase", "asciifolding"]},
            "kick_exact": {"tokenizer": "keyword", "filter": ["lowercase"]},
            "wagtail": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding"]},
            "wagtail_edges": {"tokenizer": "edges", "filter": ["asciifolding", "lowercase"]},
            "lowercase_words": {"tokenizer": "letter", "filter": ["lowercase", "asciifolding"]},
        },
    ),
    {
        "name": "name",
        "brand": "brand",
        "headline": "name",
        "about": "description",
        "labels": "tags",
        "orders": "popularity",
        "in_stock": "available",
        "created_at": "created",
        "conversions": ("offers", {"query": "seller", "count": "price"}),
    },
)


def _kick(path: str, analyzer: str, **more: Any) -> dict[str, Any]:
    return {"match": {path: {"query": Q, "boost": 10, "operator": "and", "analyzer": analyzer, **more}}}


MODELS.body(
    "searchkick_shingled",
    "Searchkick 5: shingles glued together, two search analyzers, exact and misspelt",
    query={
        "bool": {
            "must": {
                "bool": {
                    "should": [
                        {
                            "dis_max": {
                                "queries": [
                                    _kick("name.analyzed", "kick_search"),
                                    _kick("name.analyzed", "kick_search2"),
                                    _kick("name.analyzed", "kick_search2", fuzziness=1, max_expansions=3, boost=1),
                                    _kick("brand.analyzed", "kick_search2"),
                                ]
                            }
                        }
                    ]
                }
            },
            "should": [],
        }
    },
)
MODELS.body(
    "searchkick_conversions",
    "Searchkick: conversions as nested function scores beside the match",
    query={
        "bool": {
            "must": {"dis_max": {"queries": [_kick("name.analyzed", "kick_search2")]}},
            "should": {
                "nested": {
                    "path": "conversions",
                    "score_mode": "sum",
                    "query": {
                        "function_score": {
                            "boost_mode": "replace",
                            "query": {"match": {"conversions.query": "a"}},
                            "field_value_factor": {"field": "conversions.count", "missing": 0},
                        }
                    },
                }
            },
        }
    },
)
MODELS.body(
    "searchkick_boost_where",
    "Searchkick: boost_where with several factors, boost_by with multiply",
    query={
        "function_score": {
            "functions": [{"field_value_factor": {"field": "orders", "modifier": "ln2p", "factor": 1, "missing": 0}}],
            "score_mode": "multiply",
            "query": {
                "function_score": {
                    "functions": [
                        {"filter": {"term": {"in_stock": True}}, "weight": 1000},
                        {"filter": {"bool": {"filter": [{"terms": {"labels": ["sale", "new"]}}]}}, "weight": 25},
                    ],
                    "score_mode": "sum",
                    "query": {"dis_max": {"queries": [_kick("name.word_start", "kick_word_search")]}},
                }
            },
        }
    },
)
MODELS.body(
    "searchkick_word_middle",
    "Searchkick: word_middle and text_start",
    query={
        "dis_max": {
            "queries": [
                _kick("name.word_middle", "kick_word_search"),
                {"match": {"name.text_start": {"query": Q, "boost": 5, "analyzer": "kick_text_search"}}},
                {"match": {"name.exact": {"query": Q, "boost": 20, "analyzer": "kick_exact"}}},
            ]
        }
    },
)
MODELS.body(
    "wagtail_and_filters",
    "Wagtail: all fields with and, boosts by field, filters by content",
    query={
        "bool": {
            "must": {
                "dis_max": {
                    "queries": [
                        {"match": {"_all_text": {"query": Q, "operator": "and"}}},
                        {"match": {"headline": {"query": Q, "operator": "and", "boost": 2.0}}},
                    ]
                }
            },
            "filter": [{"term": {"in_stock": True}}, {"exists": {"field": "created_at"}}],
        }
    },
)
MODELS.body(
    "wagtail_autocomplete",
    "Wagtail: edge n-grams of a tokenizer, letters alone when searching",
    query={"bool": {"must": {"match": {"_edgengrams": {"query": Q, "operator": "or"}}}, "must_not": []}},
)
MODELS.body(
    "wagtail_phrase_and_boost",
    "Wagtail: Phrase() and Boost() of its query language",
    query={
        "bool": {
            "should": [
                {"multi_match": {"query": Q, "fields": ["_all_text", "headline^2.0"], "type": "phrase"}},
                {"multi_match": {"query": Q, "fields": ["_all_text"], "boost": 0.5, "fuzziness": "AUTO"}},
            ]
        }
    },
)
MODELS.body(
    "toshi_chewy_should",
    "Chewy (Ruby): scoring and filtering scopes merged into one bool",
    query={
        "bool": {
            "must": [{"query_string": {"fields": ["headline", "about"], "query": Q, "default_operator": "and"}}],
            "should": [{"term": {"labels": {"value": "bestseller", "boost": 3}}}],
            "filter": [{"range": {"orders": {"gt": 100}}}],
        }
    },
)
MODELS.body(
    "django_elasticsearch_dsl_drf",
    "django-elasticsearch-dsl-drf: search backends joined by should, ordering by fields",
    query={
        "bool": {
            "should": [
                {"match": {"headline": {"query": Q, "fuzziness": 1}}},
                {"match": {"about": {"query": Q}}},
                {"simple_query_string": {"query": Q, "fields": ["headline^4", "about"], "default_operator": "and"}},
            ]
        }
    },
    sort=["_score", {"created_at": {"order": "desc"}}],
    track_scores=True,
)
MODELS.body(
    "nested_sort_of_offers",
    "Prices per customer group or seller: sorted by the nested price of one of them",
    query={"bool": {"must": [{"match": {"headline": {"query": Q, "operator": "or"}}}]}},
    sort=[
        {
            "conversions.count": {
                "order": "asc",
                "mode": "min",
                "missing": "_last",
                "nested": {"path": "conversions", "filter": {"term": {"conversions.query": "a"}}},
            }
        },
        "_score",
    ],
    track_scores=True,
)
# --- shops that have no index body of their own above

SHOP_BODIES: dict[str, tuple[str, dict[str, Any]]] = {}
"""Bodies over `search_bodies.INDEX`."""


def shop(name: str, source: str, **parts: Any) -> None:
    SHOP_BODIES[name] = (source, parts)


shop(
    "sylius_monsieur_biz",
    "MonsieurBiz' search plugin for Sylius: taxons and attributes nested, custom matches summed",
    query={
        "bool": {
            "must": [{"term": {"visible": True}}],
            "should": [
                {"match": {"name": {"query": Q, "boost": 5, "fuzziness": "auto", "prefix_length": 2}}},
                {"match": {"description": {"query": Q, "boost": 1}}},
                {
                    "nested": {
                        "path": "attributes",
                        "query": {
                            "bool": {
                                "should": [
                                    {"match": {"attributes.value": {"query": Q, "boost": 2}}},
                                    {"term": {"attributes.value.raw": Q}},
                                ]
                            }
                        },
                    }
                },
            ],
            "minimum_should_match": 1,
        }
    },
)
shop(
    "magento_opensearch_module",
    "Magento 2.4: matches by attribute with boosts of their weights, a minimum by words",
    query={
        "bool": {
            "should": [
                {"match": {"search": {"query": Q, "boost": 2, "minimum_should_match": "2<60%"}}},
                {"match": {"sku": {"query": Q, "boost": 6}}},
                {"match_phrase_prefix": {"name": {"query": Q, "boost": 6, "analyzer": "words"}}},
                {"match": {"name": {"query": Q, "boost": 6, "minimum_should_match": "2<60%"}}},
            ],
            "must": [{"terms": {"visible": [True]}}],
            "minimum_should_match": 1,
        }
    },
    sort=[{"_score": {"order": "desc"}}, {"id": {"order": "desc"}}],
    track_scores=True,
)
shop(
    "elasticsuite_span_like",
    "ElasticSuite 2.11: cutoff filter, phrases and shingles as should, tie breaker 1",
    query={
        "function_score": {
            "query": {
                "bool": {
                    "filter": [{"bool": {"must": [{"term": {"visible": True}}], "must_not": []}}],
                    "must": [
                        {
                            "bool": {
                                "filter": [
                                    multi(["search", "sku.reference"], "best_fields", minimum_should_match="50%"),
                                ],
                                "must": [
                                    multi(
                                        ["search^1", "name^10", "sku.reference^20"],
                                        "best_fields",
                                        minimum_should_match=1,
                                        tie_breaker=1.0,
                                    )
                                ],
                                "should": [
                                    multi(["name.shingle^10"], "phrase", tie_breaker=1.0, boost=10),
                                    multi(["name.whitespace^4"], "best_fields", boost=4),
                                ],
                            }
                        }
                    ],
                }
            },
            "functions": [
                {"filter": {"terms": {"tags": ["bestseller"]}}, "weight": 1.2},
                {"filter": {"range": {"created": {"gte": "2023-06-01"}}}, "weight": 1.1},
            ],
            "score_mode": "multiply",
        }
    },
)
shop(
    "elasticsuite_nested_price_sort",
    "ElasticSuite: sorted by a nested price of a group",
    query={"match": {"search": {"query": Q, "minimum_should_match": "100%"}}},
    sort=[
        {
            "offers.price": {
                "order": "desc",
                "missing": "_last",
                "unmapped_type": "double",
                "nested": {"path": "offers", "filter": {"terms": {"offers.seller": ["a"]}}},
            }
        },
        {"_score": "desc"},
    ],
    track_scores=True,
)
shop(
    "saleor_search_vector_like",
    "Saleor before Postgres: name, description, exact sku, summed",
    query={
        "bool": {
            "should": [
                {"match": {"name": {"query": Q, "boost": 3.0}}},
                {"match": {"description": {"query": Q, "boost": 1.0}}},
                {"term": {"sku": {"value": Q, "boost": 30, "case_insensitive": True}}},
            ],
            "filter": [{"term": {"visible": True}}],
            "minimum_should_match": "1",
        }
    },
)
shop(
    "spree_searchkick_taxons",
    "Spree with Searchkick: terms in nested taxons, in stock first",
    query={
        "bool": {
            "must": [
                {"dis_max": {"queries": [{"match": {"name": {"query": Q, "operator": "and", "boost": 10}}}]}},
            ],
            "filter": [
                {"term": {"available": {"value": True}}},
                {
                    "bool": {
                        "should": [{"terms": {"category": ["tools", "paint", "garden"]}}, {"exists": {"field": "tags"}}]
                    }
                },
            ],
        }
    },
)
shop(
    "prestashop_module",
    "Modules of PrestaShop: a wildcard beside fuzzy fields, weights by group",
    query={
        "bool": {
            "should": [
                {"wildcard": {"name.raw": {"value": "*{{query}}*", "boost": 20, "case_insensitive": True}}},
                multi(["name^6", "sku^10", "brand^4", "category.text^3", "tags^2", "description"], fuzziness="AUTO"),
            ],
            "minimum_should_match": 1,
        }
    },
)
shop(
    "bigcommerce_blog",
    "Articles on shops: exact, all words, most words, as constant tiers",
    query={
        "dis_max": {
            "queries": [
                {"constant_score": {"filter": {"term": {"name.raw": Q}}, "boost": 100}},
                {"constant_score": {"filter": {"match_phrase": {"name.plain": Q}}, "boost": 50}},
                {"constant_score": {"filter": {"match": {"name.plain": {"query": Q, "operator": "and"}}}, "boost": 20}},
                {"match": {"search": {"query": Q, "minimum_should_match": "50%"}}},
            ],
            "tie_breaker": 0.01,
        }
    },
)
shop(
    "chorus_visible_boosts",
    "Chorus's strategies: edismax-like weights with a multiplied popularity",
    query={
        "function_score": {
            "query": multi(
                ["id^1000", "name^20", "brand^10", "category.text^5", "search"],
                "cross_fields",
                minimum_should_match="2<75%",
            ),
            "functions": [
                {"field_value_factor": {"field": "popularity", "modifier": "log1p", "factor": 0.05, "missing": 0}},
                {"filter": {"match": {"name.plain": "case"}}, "weight": 0.4},
            ],
            "score_mode": "multiply",
            "boost_mode": "multiply",
        }
    },
)
shop(
    "quepid_template",
    "Quepid's default template for Elasticsearch, more fields and cross_fields",
    query=multi(["name^10", "brand^5", "description^2"], "cross_fields", tie_breaker=1.0),
)
shop(
    "ltr_demo_features",
    "Demos of learning to rank: features as a bool, the plain match rescored by them",
    query={"multi_match": {"query": Q, "fields": ["name", "description"]}},
    rescore={
        "window_size": 100,
        "query": {
            "rescore_query": {
                "bool": {
                    "should": [
                        {"match": {"name": {"query": Q, "boost": 2.1}}},
                        {"match_phrase": {"description": {"query": Q, "slop": 3, "boost": 1.4}}},
                        {
                            "function_score": {
                                "query": {"match_all": {}},
                                "field_value_factor": {"field": "reviews", "missing": 0, "modifier": "ln1p"},
                                "boost_mode": "replace",
                            }
                        },
                    ]
                }
            },
            "query_weight": 0.3,
            "rescore_query_weight": 1.5,
        },
    },
)
shop(
    "recipes_ingredients",
    "Recipe sites: ingredients that must be there, others that must not, rating as factor",
    query={
        "function_score": {
            "query": {
                "bool": {
                    "must": [{"match": {"name": {"query": Q, "fuzziness": "AUTO"}}}],
                    "should": [{"match": {"keywords": {"query": Q, "boost": 2}}}],
                    "must_not": [{"match": {"keywords": "LED"}}],
                    "filter": [{"range": {"stock": {"lte": 20}}}],
                }
            },
            "field_value_factor": {"field": "rating", "factor": 1.2, "modifier": "sqrt", "missing": 1},
        }
    },
)
shop(
    "marketplace_sellers",
    "Marketplaces without places: the seller's offer nested, the price's distance as decay",
    query={
        "bool": {
            "must": [
                {
                    "function_score": {
                        "query": multi(["name^3", "brand", "description^0.3"], "most_fields", operator="or"),
                        "functions": [{"gauss": {"price": {"origin": 25, "scale": 20, "decay": 0.33}}, "weight": 2}],
                        "boost_mode": "sum",
                    }
                },
                {
                    "nested": {
                        "path": "offers",
                        "query": {
                            "bool": {
                                "filter": [{"range": {"offers.price": {"lte": 150}}}],
                                "should": [{"term": {"offers.seller": {"value": "b", "boost": 0.3}}}],
                            }
                        },
                        "score_mode": "max",
                    }
                },
            ]
        }
    },
)
shop(
    "opensearch_hybrid_like",
    "Examples of OpenSearch: lexical and filtered should clauses named, with boosts",
    query={
        "bool": {
            "should": [
                {"match": {"name": {"query": Q, "boost": 0.7, "_name": "name"}}},
                {"match_phrase": {"description": {"query": Q, "boost": 0.3, "_name": "phrase"}}},
                {"terms": {"category": ["tools", "lighting"], "boost": 0.2, "_name": "group"}},
            ],
            "minimum_should_match": 1,
            "_name": "all",
        }
    },
)
shop(
    "query_builder_negative",
    "Demotion by boosting inside a bool, sold out last",
    query={
        "boosting": {
            "positive": {"bool": {"must": [multi(["name^2", "search"], operator="and")]}},
            "negative": {"bool": {"should": [{"term": {"available": False}}, {"range": {"stock": {"lt": 1}}}]}},
            "negative_boost": 0.2,
        }
    },
)
shop(
    "typo_tolerant_and_synonyms",
    "Guides to shop search: synonyms, fuzziness and exactness in tiers",
    query={
        "bool": {
            "should": [
                {"match": {"name": {"query": Q, "operator": "and", "boost": 10}}},
                {"match": {"name": {"query": Q, "boost": 3}}},
                {
                    "match": {
                        "name.plain": {"query": Q, "fuzziness": "AUTO:5,8", "max_expansions": 20, "prefix_length": 2}
                    }
                },
                {"match_phrase": {"name": {"query": Q, "boost": 20}}},
            ],
            "filter": {"bool": {"must": {"term": {"visible": "true"}}}},
        }
    },
)
shop(
    "user_syntax_shop",
    "Shops that let people type operators",
    query={
        "bool": {
            "must": [
                {
                    "simple_query_string": {
                        "query": "{{query}}",
                        "fields": ["name^5", "name.model", "brand^2", "description", "category"],
                        "default_operator": "and",
                        "quote_field_suffix": ".plain",
                        "lenient": True,
                    }
                }
            ],
            "filter": [{"range": {"price": {"gt": 1}}}],
        }
    },
)
shop(
    "regexp_part_numbers",
    "Shops of parts: part numbers by a regular expression, else words",
    query={
        "dis_max": {
            "queries": [
                {"regexp": {"sku": {"value": "(ab|hp|ps)-[0-9]{2}[x-z].*", "boost": 2}}},
                {"match": {"name.model": {"query": Q, "operator": "and", "boost": 3}}},
                {"match": {"search": Q}},
            ]
        }
    },
)
shop(
    "newest_near_origin",
    "New arrivals: the date's distance as a should, categories by terms_set",
    query={
        "bool": {
            "must": [{"match": {"search": {"query": Q, "minimum_should_match": "2<80%"}}}],
            "should": [
                {"distance_feature": {"field": "created", "origin": "2024-12-31", "pivot": "180d", "boost": 5}},
                {"terms_set": {"tags": {"terms": ["sale", "new", "eco"], "minimum_should_match": 2}}},
            ],
        }
    },
)

DOMAINS: dict[str, Domain] = {
    "docs": DOCS,
    "wiki": WIKI,
    "library": LIBRARY,
    "jobs": JOBS,
    "blog": BLOG,
    "models": MODELS,
}
REFUSED: dict[str, dict[str, Any]] = {
    "script_score": {"query": {"script_score": {"query": {"match_all": {}}, "script": {"source": "1"}}}},
    "more_like_this": {"query": {"more_like_this": {"fields": ["name"], "like": Q, "min_term_freq": 1}}},
    "rank_feature": {"query": {"rank_feature": {"field": "popularity"}}},
    "intervals": {"query": {"intervals": {"name": {"match": {"query": Q}}}}},
    "has_child": {"query": {"has_child": {"type": "offer", "query": {"match_all": {}}}}},
    "random_score": {"query": {"function_score": {"random_score": {"seed": 1}}}},
    "sltr": {"query": {"match": {"name": Q}}, "rescore": {"query": {"rescore_query": {"sltr": {"model": "m"}}}}},
    "retriever": {"retriever": {"standard": {"query": {"match": {"name": Q}}}}},
    "analyze_wildcard": {"query": {"query_string": {"query": Q, "fields": ["name"], "analyze_wildcard": True}}},
    "terms": {"query": {"terms": {"category": {"index": "users", "id": "1", "path": "likes"}}}},
    "span_near": {"query": {"span_near": {"clauses": [{"span_term": {"name": Q}}], "slop": 1}}},
}
"""What public bodies send too, and is refused by its name."""
