"""What is wrong with a configuration is one line: file, table, key, what was found, what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relevance.config import FILE_NAME
from relevance.config.reading import read_config
from relevance.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

FILES = [
    ('datset = "sample"',
     "FILE: unknown key 'datset' (did you mean 'dataset'?); allowed: dataset, engine, strategy, floors, "),
    ('strategies = ["rrf"]',
     "FILE: strategies = ['rrf']; allowed: tables [strategies.NAME]; what runs is chosen by strategy = ["),
    ('strategies = ["a"]\n[strategies.a]\ntext = {title = 1}', "FILE: not TOML: "),
    ("[strategy.own]\ntext = {title = 1}",
     "FILE: [strategy] is a table; allowed: [strategies.NAME], and strategy = to choose"),
    ('out = "a"\nout = "b"', "FILE: not TOML: Cannot overwrite a value (at line 2, the end)"),
    ("dataset = 5", "FILE dataset = 5; allowed: a text in quotes"),
    ('dataset = "homedepo:x"', "FILE dataset: unknown data set 'homedepo' (did you mean 'homed"),
    ('engine = "embeded"',
     "FILE engine = 'embeded' (did you mean 'embedded'?); allowed: auto, embedded, elasticsearch"),
    ('out = "a\\u0000b"', "FILE out = 'a\\x00b'; allowed: a path in quotes"),
    ('strategy = "rrf"', "FILE strategy = 'rrf'; allowed: a list of names, such as"),
    ('strategy = ["rff"]', "FILE strategy: unknown strategy 'rff' (did you mean 'rrf'?); allowed"),
    ('unknown_products = "keep"', "FILE unknown_products = 'keep'; allowed: error, drop"),
    ('out = "~nobody_of_that_name/x"', "FILE out = '~nobody_of_that_name/x': "),
    ('[models]\npath = "a/b"', "FILE [models] path = 'a/b'; allowed: a table [models.NAME]"),
    ("[models.My-Model]\nprompt = ''", "FILE [models]: name 'My-Model'; allowed: lower-case letters"),
    ("[models.base]\nquery_prompt = ''",
     "FILE [models.base]: unknown key 'query_prompt' (did you mean 'prompt'?); allowed: path, prompt, max_tokens"),
    ('[models.base]\nmax_tokens = "many"', "FILE [models.base] max_tokens = 'many'; allowed: a whole"),
    ('[datasets.sample]\nformat = "chorus"', "FILE [datasets.sample]: sample is a format; allowed: a name of its own"),
    ('[datasets.shop]\npath = "x"', "FILE [datasets.shop]: no format; allowed: format = one of"),
    ('[datasets.shop]\nformat = "chorus"\ncolumns = ["id"]',
     "FILE [datasets.shop] columns = ['id']; allowed: a table of texts"),
    ('[datasets.shop]\nformat = "chorus"\ngains = {Exact = "2"}',
     "FILE [datasets.shop] gains = {'Exact': '2'}; allowed: a table of grades"),
    ('[datasets.shop]\nformat = "chorus"\nrelevant_from = 0',
     "FILE [datasets.shop]: data set 'shop': relevant_from = 0; allowed: a number above 0"),
    ("[strategies.rrf]\ntext = {title = 1}",
     "FILE [strategies.rrf]: a built-in strategy has that name; allowed: any other"),
    ("[strategies.own]\ntext = {title = 1}\nwindow = 50",
     "FILE [strategies.own]: strategy 'own': window changes nothing without rrf; leave it out"),
    ('[strategies.own]\ntext = {title = 1}\nmodel = "base"',
     "FILE [strategies.own]: strategy 'own': model changes nothing without vectors; leave it out"),
    ('[models.small]\nprompt = ""\n[strategies.own]\nvectors = {whole = 1}\nmodel = "smal"',
     "FILE [strategies.own]: unknown model 'smal' (did you mean 'small'?); allowed: base, small"),
    ('[strategies.own]\ntemplate = "none.json"',
     "FILE [strategies.own]: FOLDER/none.json: cannot be read (No such file or directory); a search template is"),
    ('elasticsearch = "http://a:1"', "FILE: elasticsearch = 'http://a:1'; allowed: a table ["),
    ("[elasticsearch]", "FILE [elasticsearch]: nothing in it; allowed: url, timeout, "),
    ('[elasticsearch]\nurl = "127.0.0.1:9200"', "FILE [elasticsearch] url: 127.0.0.1:9200: "),
    ('[elasticsearch]\nurl = "http://me:s3cr3t@a:1"',
     "FILE [elasticsearch] url: holds a user or a password; allowed: ES_USER and ES_PASSWORD, or ES_API_KEY, "),
    ("[elasticsearch]\ntimeout = 0", "FILE [elasticsearch] timeout = 0; allowed: a whole number from 1 "),
    ('[elasticsearch]\nmemory = "1 GB"', "FILE [elasticsearch] memory = '1 GB'; allowed: a size as Java"),
    ('[elasticsearch]\nvector_index = "hsnw"',
     "FILE [elasticsearch] vector_index = 'hsnw' (did you mean 'hnsw'?); allowed: flat, hnsw, int8_hnsw"),
    ('[elasticsearch]\nindex = "me:s3cr3t@a"', "FILE [elasticsearch] index = '…@a'; allowed: the name of one "),
    ('[elasticsearch]\nindex = "a,b"', "FILE [elasticsearch] index = 'a,b'; allowed: the name of one "),
    ('[elasticsearch]\nurl = "http://a:1"\nindex = "a"\nfields = {uid = "x"}',
     "FILE [elasticsearch] fields: unknown field 'uid' (did you mean 'id'?); allowed: id, title, descriptio"),
    ('[elasticsearch]\nurl = "http://a:1"\nindex = "a"\nvectors = {text = "x"}',
     "FILE [elasticsearch] vectors: unknown field 'text'; allowed: title, description, attributes, whole"),
    ('[elasticsearch]\nurl = "http://a:1"\nindex = "a"\nvectors = {small.title = "x"}',
     "FILE [elasticsearch] vectors: unknown model 'small'; allowed: base"),
    ('[elasticsearch]\nurl = "http://a:1"\nindex = "a"\nvectors = {title = "x", base.title = "y"}',
     "FILE [elasticsearch] vectors: title and base.title are the same; leave one of them out"),
    ('[elasticsearch]\nurl = "http://a:1"\nfields = {id = "x"}',
     "FILE [elasticsearch] fields changes nothing without an index that exists; allowed: --es-index"),
    ('[elasticsearch]\nurl = "http://a:1"\nimage = "a:1"',
     "FILE [elasticsearch] image changes nothing beside FILE [elasticsearch] url: no container is started; "),
    ('[elasticsearch]\nurl = "http://a:1"\nindex = "a"\nshards = 3',
     "FILE [elasticsearch] shards changes nothing beside FILE [elasticsearch] index: an index that exists is "),
    ("[gate]\nfial = 0.03", "FILE [gate]: unknown key 'fial' (did you mean 'fail'?); allowed: gated, leading, fail, "),
    ("[gate]\nfail = 2", "FILE [gate] fail = 2; allowed: a number above 0 and up to 1"),
    ('[gate]\nwarn = "2%"', "FILE [gate] warn = '2%'; allowed: a number above 0 and up to 1"),
    ("[gate]\ntime_warn = 1", "FILE [gate] time_warn = 1; allowed: a number above 1"),
    ("[gate]\nleast_queries = 9.5", "FILE [gate] least_queries = 9.5; allowed: a whole number of 1 or"),
    ("[gate]\ntime_warn = 3", "FILE [gate] time_warn = 3; allowed: no more than time_fail, which is 2.0"),
    ("[gate]\nfail = 0.1", "FILE [gate] fail = 0.1 of nDCG@10; allowed: no more than fail_large, which is 0.05"),
    ('[gate]\ngated = ["nDCG@5"]',
     "FILE [gate] gated: unknown metric 'nDCG@5' (did you mean 'nDCG@10'?); allowed: RR@10, AP@10, nDCG@10, "),
    ('[gate]\ngated = ["RR@10"]', "FILE [gate] leading = 'nDCG@10'; allowed: one of gated, RR@10"),
    ('[gate.metrics."RR@5"]\nfail = 0.1',
     "FILE [gate] metrics.'RR@5': unknown gated metric 'RR@5' (did you mean 'RR@10'?); allowed: nDCG@10, AP@10, "),
    ('[gate.metrics."RR@10"]\nfail_large = 0.1',
     "FILE [gate] metrics.'RR@10'.fail_large changes nothing, only the leading metric nDCG@10 has it"),
    ('[gate.metrics."RR@10"]\nworse = "down"', "FILE [gate] metrics.'RR@10'.worse = 'down'; allowed: lower, higher"),
    ("[gate]\nmetrics = []", "FILE [gate] metrics = []; allowed: tables [gate.metrics.NAME]"),
    ('[gate.metrics."RR@10"]', "FILE [gate] metrics.'RR@10' = {}; allowed: a table of limits, such as {fail = 0.03}"),
    ("[gate.strategies.rff]\nfail = 0.03",
     "FILE [gate] strategies: unknown strategy 'rff' (did you mean 'rrf'?); allowed: textsearch, "),
    ("[gate.strategies.rrf]\np_sure = 0.05",
     "FILE [gate] strategies.rrf: unknown key 'p_sure' (did you mean 'warn_sure'?); allowed: fail, fail_large, "),
    ('[gate.strategies.rrf."AP@10"]\nfail = 0.001',
     "FILE [gate] warn_sure = 0.005 of rrf AP@10; allowed: no more than fail, which is 0.001"),
    ("[finetune]\nlearning_rate = 1.0", "FILE [finetune] learning_rate = 1.0; allowed: a number between"),
    ('[finetune]\nloss = "hart"', "FILE [finetune] loss = 'hart' (did you mean 'hard'?); allowed: mnrl, hard"),
    ('[gate]\nfail = "' + "9" * 1_000 + '"', f"FILE [gate] fail = '{'9' * 59}…; allowed: a number above 0 and up to 1"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), FILES)
def test_a_bad_file_is_one_clear_line(tmp_path: Path, text: str | bytes, line: str) -> None:
    """The whole file is checked, whatever is going to run."""
    file = tmp_path / FILE_NAME
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    (tmp_path / "raw.json").write_text('{"query": {"match": {"name": "{{query}}"}}}')
    (tmp_path / "all.json").write_text('{"query": {"match_all": {}}}')
    with pytest.raises(InputError) as caught:
        read_config(options={}, environ={}, file=file, root=tmp_path, cwd=tmp_path)
    found = str(caught.value).replace(str(file), "FILE").replace(str(tmp_path), "FOLDER")
    assert "s3cr3t" not in found
    assert found.startswith(line)
    assert "\n" not in found
    assert len(found) < 400


GIVEN: list[tuple[dict[str, object], dict[str, str], str]] = [
    ({"strategy": ["rff"]}, {}, "option --strategy: unknown strategy 'rff' (did you mean 'rrf'?)"),
    ({"dataset": "smple"}, {}, "option --dataset: unknown data set 'smple' (did you mean 'sampl"),
    ({"unknown_products": "x"}, {}, "option --unknown-products = 'x'; allowed: error, drop"),
    ({"max_tokens": -1}, {}, "option --max-tokens = -1; allowed: a whole number of 0 or more"),
    ({"out": ""}, {}, "option --out = ''; allowed: a path in quotes"),
    ({}, {"RELEVANCE_MAX_TOKENS": "many"}, "environment RELEVANCE_MAX_TOKENS = 'many'; allowed: a whole"),
    ({}, {"RELEVANCE_STRATEGY": "rrf hybrid"}, "environment RELEVANCE_STRATEGY: unknown strategy 'rrf hybrid'"),
    ({}, {"RELEVANCE_STRATEGY": "rrf,,hybrid"}, "environment RELEVANCE_STRATEGY = ['rrf', '', "),
    ({"es_timeout": 0}, {}, "option --es-timeout = 0; allowed: a whole number from 1 to 86,400"),
    ({}, {"RELEVANCE_ENGINE": "elastic"}, "environment RELEVANCE_ENGINE = 'elastic' (did you mean"),
    ({}, {"RELEVANCE_ES_SHARDS": "two"}, "environment RELEVANCE_ES_SHARDS = 'two'; allowed: a whole "),
    ({}, {"RELEVANCE_KEEP_INDEX": "yes"}, "environment RELEVANCE_KEEP_INDEX = 'yes'; allowed: tru"),
    ({"es_url": "http://me:s3cr3t@a:99999"}, {}, "option --es-url: http://a:99999: "),
    ({}, {"ES_URL": "http://me:s3cr3t/s3cr3t@a:1"}, "environment ES_URL: http://a:1: / ? # @ in a user or a password "),
    ({}, {"RELEVANCE_ES_URL": "http://a:1"}, "environment: unknown variable 'RELEVANCE_ES_URL'; allowed: ES_URL"),
    ({}, {"RELEVANCE_ES_PASSWORD": "s3cr3t"},
     "environment: unknown variable 'RELEVANCE_ES_PASSWORD'; allowed: ES_PASSWORD"),
    ({"keep_index": True}, {},
     "option --keep-index changes nothing without a cluster, a container is removed; allowed: --es-url"),
    ({}, {"RELEVANCE_KEEP_INDEX": "1"}, "environment RELEVANCE_KEEP_INDEX changes nothing without a cluster"),
    ({"keep_index": True, "es_index": "a", "es_url": "http://a:1"}, {},
     "option --keep-index changes nothing beside option --es-index: an index that exists is taken as it is; leave"),
    ({"es_image": "a:1"}, {"ES_URL": "http://a:1"},
     "option --es-image changes nothing beside environment ES_URL: no container is started; leave one of them out"),
    ({}, {"RELEVANCE_DATSET": "sample"},
     "environment: unknown variable 'RELEVANCE_DATSET' (did you mean 'RELEVANCE_DATASET'?); allowed: RELEVANCE_DATA"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "environ", "line"), GIVEN)
def test_a_bad_option_or_variable_is_one_clear_line(
    tmp_path: Path, options: dict[str, object], environ: dict[str, str], line: str
) -> None:
    """It says which of the two it was."""
    with pytest.raises(InputError) as caught:
        read_config(options=options, environ=environ, file=None, root=tmp_path, cwd=tmp_path)
    assert str(caught.value).startswith(line)
    assert "s3cr3t" not in str(caught.value)


def test_a_file_that_was_named_has_to_be_there(tmp_path: Path) -> None:
    """Or it is an error, and not the defaults."""
    with pytest.raises(
        InputError, match=r"none\.toml: cannot be read \(No such file or directory\); a configuration is"
    ):
        read_config(options={}, environ={}, file=tmp_path / "none.toml", root=tmp_path, cwd=tmp_path)
