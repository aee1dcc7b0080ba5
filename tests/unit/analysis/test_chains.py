"""Analyzers and normalizers out of settings: the tokens that Elasticsearch 8.19.5 gives for `_analyze`."""

from typing import Any

import pytest
from parity.chains import Chain

from relevance.analysis import Analysis, Stream, parameters
from relevance.errors import InputError

FILTERS = {
    "stems": {"type": "stemmer", "language": "porter2"},
    "shoes": {"type": "synonym_graph", "synonyms": ["running shoe, sneaker"]},
    "pairs": {"type": "shingle"},
}


def shown(stream: Stream) -> str:
    """Tokens as `term@position`, with `+n` where they span n positions more."""
    place, words = -1, []
    for token in stream.tokens:
        place += token.step
        words.append(f"{token.term}@{place}" + (f"+{token.span - 1}" if token.span > 1 else ""))
    return " ".join(words)


def chain(*filters: str, **parts: Any) -> Analysis:
    return Analysis(
        {
            "analysis": {
                "filter": FILTERS,
                "analyzer": {"mine": {"tokenizer": "standard", "filter": list(filters)}},
                **parts,
            }
        }
    )


@pytest.mark.parametrize(
    ("filters", "tokens"),
    [
        ((), "The@0 Running@1 Shoes@2"),
        (("lowercase", "stop"), "running@1 shoes@2"),
        (("lowercase", "stop", "stems"), "run@1 shoe@2"),
        (("lowercase", "stems", "shoes"), "the@0 sneaker@1+1 run@1 shoe@2"),
        (("lowercase", "pairs"), "the@0 the running@0+1 running@1 running shoes@1+1 shoes@2"),
    ],
)
def test_a_custom_analyzer_is_its_chain(filters: tuple[str, ...], tokens: str) -> None:
    assert shown(chain(*filters).analyzer("mine")("The Running Shoes")) == tokens


@pytest.mark.parametrize(
    "settings",
    [
        {"analysis": {"analyzer": {"x": {"type": "standard", "stopwords": "_english_"}}}},
        {"index": {"analysis": {"analyzer": {"x": {"type": "standard", "stopwords": ["_english_"]}}}}},
        {"index.analysis.analyzer.x.type": "standard", "index.analysis.analyzer.x.stopwords": "_english_"},
        {"index.analysis": {"analyzer.x.type": "standard"}, "analysis": {"analyzer.x": {"stopwords": "_english_"}}},
    ],
)
def test_settings_are_read_in_each_spelling(settings: dict[str, Any]) -> None:
    assert shown(Analysis(settings).analyzer("x")("the Drill")) == "drill@1"


def test_default_is_standard_unless_the_settings_have_their_own() -> None:
    own = Analysis({"analysis": {"analyzer": {"default": {"type": "simple"}}}})
    assert shown(Analysis().analyzer("default")("A 12")) == "a@0 12@1"
    assert shown(own.analyzer("default_search")("A 12")) == "a@0"


def test_a_normalizer_gives_one_text() -> None:
    analysis = Analysis({"analysis": {"normalizer": {"plain": {"filter": ["lowercase", "asciifolding"]}}}})
    assert analysis.normalizer("plain")("Crème Brûlée") == "creme brulee"
    assert analysis.normalizer("lowercase")("ÀB c") == "àb c"


def test_gaps_at_spaces_are_kept() -> None:
    stream = chain("lowercase", "stop").analyzer("mine")("drill of  the saw and the")
    assert (shown(stream), stream.rest) == ("drill@0 saw@3", 2)


def test_shingles_are_no_graph() -> None:
    assert not chain("lowercase", "pairs").analyzer("mine").is_graph
    assert chain("lowercase", "shoes").analyzer("mine").is_graph


@pytest.mark.parametrize(
    ("analysis", "said"),
    [
        ({"analyzer": {"x": {"tokenizer": "standard", "filter": ["lowercas"]}}}, "did you mean 'lowercase'"),
        ({"analyzer": {"x": {"tokenizer": "standrad"}}}, "did you mean 'standard'"),
        ({"analyzer": {"x": {"filter": ["lowercase"]}}}, "has no tokenizer"),
        ({"analyzer": {"x": {"type": "englsh"}}}, "settings.analysis.analyzer.x.type: unknown analyzer 'englsh'"),
        ({"analyzer": {"x": {"tokenizer": "standard", "filtr": []}}}, "did you mean 'filter'"),
        (
            {"analyzer": {"x": {"tokenizer": "standard", "filter": "f"}}, "filter": {"f": {"type": "ngram", "min": 1}}},
            "analysis.filter.f: unknown parameter 'min'",
        ),
        (
            {"analyzer": {"x": {"tokenizer": "standard", "filter": "f"}}, "filter": {"f": {"type": "keep"}}},
            "keep_words",
        ),
        (
            {
                "analyzer": {"x": {"tokenizer": "standard", "filter": "f"}},
                "filter": {"f": {"type": "length", "min": "a"}},
            },
            "settings.analysis.filter.f.min (length): ",
        ),
        ({"normalizer": {"x": {"filter": ["stop"]}}}, "settings.analysis.normalizer.x.filter: 'stop'; "),
    ],
)
def test_what_is_not_known_is_named(analysis: dict[str, Any], said: str) -> None:
    [error] = Analysis({"analysis": analysis}).errors()
    assert isinstance(error, InputError)
    assert said in str(error)


GRAPH = {"type": "synonym_graph", "synonyms": ["x y, z"]}
CATENATED = {"type": "word_delimiter", "catenate_all": "true"}


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        (["shingle", CATENATED], "behind shingle, which may move tokens; allowed: word_delimiter_graph"),
        ([{"type": "stemmer", "language": "lovins"}], "gone from release 9"),
        ([{"type": "stop", "remove_trailing": False}], "remove_trailing"),
        ([{"type": "pattern_replace", "pattern": "a", "replacement": "$1"}], "no group 1"),
        ([{"type": "pattern_replace", "pattern": "(a"}], "pattern"),
        ([{"type": "ngram", "max_gram": "3"}], "min_gram = 1, max_gram = 3; allowed: 1 apart, or more by the setting"),
        ([{"type": "shingle", "max_shingle_size": 5}], "allowed: 2 apart with output_unigrams, or more by the setting"),
        ([{"type": "synonym", "synonyms_path": "s.txt"}], "'synonyms_path' is not read here; write the words into"),
        ([{"type": "synonym_graph", "synonyms_set": "s"}], "settings, as 'synonyms'"),
        ([{"type": "stop", "stopwords_path": "s.txt"}], "settings, as 'stopwords'"),
        ([{"type": "stemmer_override", "rules_path": "s.txt"}], "settings, as 'rules'"),
        ([{"type": "dictionary_decompounder", "word_list_path": "s.txt"}], "settings, as 'word_list'"),
    ],
)
def test_what_would_come_out_otherwise_is_refused(filters: list[Any], said: str) -> None:
    [error] = Analysis(Chain("standard", filters).settings).errors()
    assert said in str(error)


@pytest.mark.parametrize("filters", [[GRAPH, "stop", "flatten_graph"], ["porter_stem", "stop", CATENATED]])
def test_what_comes_out_the_same_is_not(filters: list[Any]) -> None:
    assert not Analysis(Chain("standard", filters).settings).errors()


def test_synonyms_are_refused_behind_a_filter_that_cannot_read_them() -> None:
    with pytest.raises(InputError, match="filter before it"):
        chain("pairs", "shoes").analyzer("mine")


@pytest.mark.parametrize(
    ("definition", "limits"),
    [
        ({"type": "ngram", "min_gram": 2, "max_gram": 5}, {"max_ngram_diff": "3"}),
        ({"type": "ngram", "min_gram": 2, "max_gram": 5}, {"index": {"max_ngram_diff": 3}}),
        ({"type": "shingle", "max_shingle_size": 5}, {"index.max_shingle_diff": 4}),
        ({"type": "shingle", "max_shingle_size": 5, "output_unigrams": "false"}, {}),
    ],
)
def test_settings_widen_grams_and_shingles(definition: dict[str, Any], limits: dict[str, Any]) -> None:
    assert not Analysis({**Chain("standard", [definition]).settings, **limits}).errors()


def test_a_tokenizer_of_wide_grams_is_refused() -> None:
    [error] = Analysis(Chain({"type": "ngram", "max_gram": 5}).settings).errors()
    assert str(error).startswith("settings.analysis.tokenizer.tokenizer0 (ngram): min_gram = 1, max_gram = 5; ")


SLOW = "(a|aa)+$"


@pytest.mark.parametrize(
    "chain",
    [
        Chain("keyword", char_filters=[{"type": "pattern_replace", "pattern": SLOW}]),
        Chain({"type": "pattern", "pattern": SLOW}),
        Chain({"type": "pattern", "pattern": SLOW, "group": 1}),
        Chain("keyword", [{"type": "pattern_replace", "pattern": SLOW}]),
        Chain("keyword", [{"type": "pattern_capture", "patterns": [SLOW]}]),
        Chain("keyword", [{"type": "keyword_marker", "keywords_pattern": "(a|aa)+"}]),
        Chain(analyzer={"type": "pattern", "pattern": SLOW}),
    ],
)
def test_no_pattern_runs_for_ever(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameters, "TIME_LIMIT", 0.01)
    analyzer = Analysis(chain.settings).analyzer("mine")
    with pytest.raises(InputError, match=r"pattern '\(a\|aa\)\+\$?' takes more than 0.01 s on a text of 41 characters"):
        analyzer("a" * 40 + "b")


def test_halves_of_a_pair_are_stemmed_and_sorted() -> None:
    analysis = Analysis(Chain("keyword", [{"type": "truncate", "length": 2}, "porter_stem", "fingerprint"]).settings)
    assert shown(analysis.analyzer("mine")("a\U0001d538s")) == "a\ud835@0"


@pytest.mark.parametrize(
    ("pattern", "flags", "said"),
    [
        (r"\w", "UNICODE_CHARACTER_CLASS", "flag 'UNICODE_CHARACTER_CLASS'"),
        (r"(a)\1", "CASE_INSENSITIVE", "repeated in any case"),
        (r"\p{javaLowerCase}", "", "unknown property"),
        (r"(?U)\w", "", "group at 0"),
        (r"\G\d", "", "escape at 0"),
        ("[a", "", "missing ] of the set at 0"),
        ("(a", "", "missing ) of the group at 0"),
        ("a)", "", "unmatched ) at 1"),
        ("a{,2}", "", "repetition at 1"),
        ("[z-a]", "", "range z-a is the wrong way round"),
        ("[a&&]", "", "nothing beside &&"),
    ],
)
def test_what_a_pattern_has_that_is_not_known(pattern: str, flags: str, said: str) -> None:
    definition = {"type": "pattern_replace", "pattern": pattern, "flags": flags}
    [error] = Analysis(Chain("keyword", char_filters=[definition]).settings).errors()
    assert said in str(error)
