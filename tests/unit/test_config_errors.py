"""What is wrong with a configuration is one line: file, table, key, what was found, what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relevance.config import FILE_NAME, read_config
from relevance.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "key of a typist": (
        'datset = "sample"',
        "FILE: unknown key 'datset' (did you mean 'dataset'?); allowed: dataset, engine, strategy, floors, ",
    ),
    "option for a key": ('cache-dir = "x"', "FILE: unknown key 'cache-dir' (did you mean 'cache_dir'?)"),
    "the list under the tables' name": (
        'strategies = ["rrf"]',
        "FILE: strategies = ['rrf']; allowed: tables [strategies.NAME]; what runs is chosen by strategy = [",
    ),
    "list and tables of one name": ('strategies = ["a"]\n[strategies.a]\ntext = {title = 1}', "FILE: not TOML: "),
    "table of the key that chooses": (
        "[strategy.own]\ntext = {title = 1}",
        "FILE: [strategy] is a table; allowed: [strategies.NAME], and strategy = to choose",
    ),
    "data set without quotes": ("engine = 'embedded'\ndataset = sample", "FILE: not TOML: Invalid value (at line 2, "),
    "Windows path": ('out = "C:\\data"', "FILE: not TOML: "),
    "key twice": ('out = "a"\nout = "b"', "FILE: not TOML: Cannot overwrite a value (at line 2, the end)"),
    "number for a text": ("dataset = 5", "FILE dataset = 5; allowed: a text in quotes"),
    "empty text": ('dataset = ""', "FILE dataset = ''; allowed: a text in quotes"),
    "unknown data set": ('dataset = "homedepo:x"', "FILE dataset: unknown data set 'homedepo' (did you mean 'homed"),
    "no path behind the colon": ('dataset = "homedepot:"', "FILE dataset: data set 'homedepot:': nothing stands"),
    "engine": ('engine = "embeded"', "FILE engine: unknown engine 'embeded' (did you mean 'embedded'?); allowed: emb"),
    "truth for a path": ("out = true", "FILE out = True; allowed: a path in quotes"),
    "null character": ('out = "a\\u0000b"', "FILE out = 'a\\x00b'; allowed: a path in quotes"),
    "text for a list": ('strategy = "rrf"', "FILE strategy = 'rrf'; allowed: a list of names, such as"),
    "empty list": ("strategy = []", "FILE strategy = []; allowed: a list of names, such as"),
    "list of numbers": ("strategy = [1]", "FILE strategy = [1]; allowed: a list of names, such as"),
    "unknown strategy": ('strategy = ["rff"]', "FILE strategy: unknown strategy 'rff' (did you mean 'rrf'?); allowed"),
    "unknown products": ('unknown_products = "keep"', "FILE unknown_products = 'keep'; allowed: error, drop"),
    "no such home": ('out = "~nobody_of_that_name/x"', "FILE out = '~nobody_of_that_name/x': "),
    "models without name": ('models = "a/b"', "FILE: models = 'a/b'; allowed: tables [models.NAME]"),
    "model without name": ('[models]\npath = "a/b"', "FILE [models] path = 'a/b'; allowed: a table [models.NAME]"),
    "name of a model": (
        "[models.My-Model]\nprompt = ''",
        "FILE [models]: name 'My-Model'; allowed: lower-case letters",
    ),
    "key of a model": (
        "[models.base]\nquery_prompt = ''",
        "FILE [models.base]: unknown key 'query_prompt' (did you mean 'prompt'?); allowed: path, prompt, max_tokens",
    ),
    "tokens in words": (
        '[models.base]\nmax_tokens = "many"',
        "FILE [models.base] max_tokens = 'many'; allowed: a whole",
    ),
    "half a token": ("[models.base]\nmax_tokens = 1.5", "FILE [models.base] max_tokens = 1.5; allowed: a whole number"),
    "nothing in a table": (
        "[models.base]",
        "FILE [models.base]: nothing in it; allowed: path, prompt, max_tokens, device",
    ),
    "alias like a format": (
        '[datasets.sample]\nformat = "chorus"',
        "FILE [datasets.sample]: sample is a format; allowed: a name of its own",
    ),
    "alias without format": (
        '[datasets.shop]\npath = "x"',
        "FILE [datasets.shop]: no format; allowed: format = one of",
    ),
    "format": (
        '[datasets.shop]\nformat = "chrus"',
        "FILE [datasets.shop]: unknown format 'chrus' (did you mean 'chorus'?); allowed: sample, ",
    ),
    "columns": (
        '[datasets.shop]\nformat = "chorus"\ncolumns = ["id"]',
        "FILE [datasets.shop] columns = ['id']; allowed: a table of texts",
    ),
    "grades as words": (
        '[datasets.shop]\nformat = "chorus"\ngains = {Exact = "2"}',
        "FILE [datasets.shop] gains = {'Exact': '2'}; allowed: a table of grades",
    ),
    "nothing is irrelevant": (
        '[datasets.shop]\nformat = "chorus"\nrelevant_from = 0',
        "FILE [datasets.shop]: data set 'shop': relevant_from = 0; allowed: a whole number of 1 or more",
    ),
    "built-in strategy": (
        "[strategies.rrf]\ntext = {title = 1}",
        "FILE [strategies.rrf]: a built-in strategy has that name; allowed: any other",
    ),
    "name of a strategy": (
        "[strategies.Own]\ntext = {title = 1}",
        "FILE [strategies]: name 'Own'; allowed: lower-case letters, digits and underscores",
    ),
    "key of a strategy": (
        "[strategies.own]\ntexts = {title = 1}",
        "FILE [strategies.own]: unknown key 'texts' (did you mean 'text'?); allowed: text, vectors, combine, window",
    ),
    "field": (
        "[strategies.own]\ntext = {titel = 1}",
        "FILE [strategies.own]: strategy 'own': text: unknown field 'titel' (did you mean 'title'?); allowed: title, ",
    ),
    "boost in quotes": (
        '[strategies.own]\ntext = {title = "8"}',
        "FILE [strategies.own]: strategy 'own': text.title = '8' is no boost; allowed: 1e-06 to 1,000,000",
    ),
    "fields without boosts": (
        '[strategies.own]\ntext = ["title"]',
        "FILE [strategies.own]: strategy 'own': text = ['title']; allowed: a boost for each of the fields",
    ),
    "combination": (
        '[strategies.own]\ntext = {title = 1}\ncombine = "max"',
        "FILE [strategies.own]: strategy 'own': combine = 'max'; allowed: sum, rrf",
    ),
    "fusion of one list": (
        '[strategies.own]\ntext = {title = 1}\ncombine = "rrf"',
        "FILE [strategies.own]: strategy 'own': rrf fuses two lists or more",
    ),
    "window of nothing": (
        '[strategies.own]\ntext = {title = 1}\nvectors = {whole = 1}\ncombine = "rrf"\nwindow = 0',
        "FILE [strategies.own]: strategy 'own': window = 0; allowed: a whole number from 1 to 10,000",
    ),
    "window of a sum": (
        "[strategies.own]\ntext = {title = 1}\nwindow = 50",
        "FILE [strategies.own]: strategy 'own': window changes nothing without rrf; leave it out",
    ),
    "k of a sum": (
        "[strategies.own]\ntext = {title = 1}\nk = 60",
        "FILE [strategies.own]: strategy 'own': k changes nothing without rrf; leave it out",
    ),
    "candidates of a text": (
        "[strategies.own]\ntext = {title = 1}\ncandidates = 150",
        "FILE [strategies.own]: strategy 'own': candidates changes nothing without vectors; leave it out",
    ),
    "model of a text": (
        '[strategies.own]\ntext = {title = 1}\nmodel = "base"',
        "FILE [strategies.own]: strategy 'own': model changes nothing without vectors; leave it out",
    ),
    "model that is not defined": (
        '[models.small]\nprompt = ""\n[strategies.own]\nvectors = {whole = 1}\nmodel = "smal"',
        "FILE [strategies.own]: unknown model 'smal' (did you mean 'small'?); allowed: base, small",
    ),
    "too deep": ("a = " + "[" * 10_000, "FILE: not TOML: "),
    "too large": ("#" * (1 << 21), "FILE: larger than 1,048,576 bytes, which a configuration never is"),
    "number too long": ("dataset = 1" + "0" * 5_000, "FILE: not TOML: "),
    "not UTF-8": (b"# caf\xe9", "FILE: byte 5 is not UTF-8; TOML is UTF-8"),
}


@pytest.mark.parametrize(("text", "line"), FILES.values(), ids=FILES)
def test_a_bad_file_is_one_clear_line(tmp_path: Path, text: str | bytes, line: str) -> None:
    """The whole file is checked, whatever is going to run."""
    file = tmp_path / FILE_NAME
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        read_config(options={}, environ={}, file=file, root=tmp_path, cwd=tmp_path)
    found = str(caught.value).replace(str(file), "FILE")
    assert found.startswith(line)
    assert "\n" not in found
    assert len(found) < 400


GIVEN = {
    "unknown strategy": ({"strategy": ["rff"]}, {}, "option --strategy: unknown strategy 'rff' (did you mean 'rrf'?)"),
    "unknown data set": ({"dataset": "smple"}, {}, "option --dataset: unknown data set 'smple' (did you mean 'sampl"),
    "unknown products": ({"unknown_products": "x"}, {}, "option --unknown-products = 'x'; allowed: error, drop"),
    "negative tokens": ({"max_tokens": -1}, {}, "option --max-tokens = -1; allowed: a whole number"),
    "nothing": ({"out": ""}, {}, "option --out = ''; allowed: a path in quotes"),
    "tokens in words": (
        {},
        {"RELEVANCE_MAX_TOKENS": "many"},
        "environment RELEVANCE_MAX_TOKENS = 'many'; allowed: a whole number",
    ),
    "strategies by blanks": (
        {},
        {"RELEVANCE_STRATEGY": "rrf hybrid"},
        "environment RELEVANCE_STRATEGY: unknown strategy 'rrf hybrid'",
    ),
    "name between commas": ({}, {"RELEVANCE_STRATEGY": "rrf,,hybrid"}, "environment RELEVANCE_STRATEGY = ['rrf', '', "),
    "variable of a typist": (
        {},
        {"RELEVANCE_DATSET": "sample"},
        "environment: unknown variable 'RELEVANCE_DATSET' (did you mean 'RELEVANCE_DATASET'?); allowed: RELEVANCE_DATA",
    ),
}


@pytest.mark.parametrize(("options", "environ", "line"), GIVEN.values(), ids=GIVEN)
def test_a_bad_option_or_variable_is_one_clear_line(
    tmp_path: Path, options: dict[str, object], environ: dict[str, str], line: str
) -> None:
    """It says which of the two it was."""
    with pytest.raises(InputError) as caught:
        read_config(options=options, environ=environ, file=None, root=tmp_path, cwd=tmp_path)
    assert str(caught.value).startswith(line)


def test_a_file_that_was_named_has_to_be_there(tmp_path: Path) -> None:
    """Or it is an error, and not the defaults."""
    with pytest.raises(
        InputError, match=r"none\.toml: cannot be read \(No such file or directory\); a configuration is"
    ):
        read_config(options={}, environ={}, file=tmp_path / "none.toml", root=tmp_path, cwd=tmp_path)
