"""What is wrong with a configuration is a line for each: file, table, key, what was found, what is allowed."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from relevance.config import FILE_NAME
from relevance.config.model import rows
from relevance.config.reading import read_config
from relevance.errors import InputError

OF_CLUSTER = '[elasticsearch]\nurl = "http://a:1"\n'
OF_INDEX = f'{OF_CLUSTER}index = "a"\n'
SHOP = '[datasets.shop]\nformat = "chorus"\n'

FILES = [
    ('datset = "sample"', ": unknown key 'datset' (did you mean 'dataset'?); allowed: dataset, engine, strategy, "),
    ('strategies = ["rrf"]', ": strategies = ['rrf']; allowed: tables [strategies.NAME]; what runs is chosen by "),
    ('strategies = ["a"]\n[strategies.a]\ntext = {title = 1}', ": not TOML: "),
    ("[strategy.own]\ntext = {title = 1}", ": [strategy] is a table; allowed: [strategies.NAME], and strategy = "),
    ('out = "a"\nout = "b"', ": not TOML: Cannot overwrite a value (at line 2, the end)"),
    ("dataset = 5", " dataset = 5; allowed: a text in quotes"),
    ('dataset = "homedepo:x"', " dataset: unknown data set 'homedepo' (did you mean 'homed"),
    ('engine = "embeded"', " engine = 'embeded' (did you mean 'embedded'?); allowed: auto, embedded, elasticsearch"),
    ('out = "a\\u0000b"', " out = 'a\\x00b'; allowed: a path in quotes"),
    ('strategy = "rrf"', " strategy = 'rrf'; allowed: a list of names, such as"),
    ('strategy = ["rff"]', " strategy: unknown strategy 'rff' (did you mean 'rrf'?); allowed"),
    ('unknown_products = "keep"', " unknown_products = 'keep'; allowed: error, drop"),
    ('out = "~nobody_of_that_name/x"', " out = '~nobody_of_that_name/x': "),
    ('[models]\npath = "a/b"', " [models] path = 'a/b'; allowed: a table [models.NAME]"),
    ("[models.My-Model]\nquery_prompt = ''", " [models]: name 'My-Model'; allowed: lower-case letters"),
    ("[models.base]\nprompt = ''", " [models.base]: unknown key 'prompt' (did you mean 'query_prompt'?); allowed"),
    ('[models.base]\nmax_tokens = "many"', " [models.base] max_tokens = 'many'; allowed: a whole"),
    ('[datasets.sample]\nformat = "chorus"', " [datasets.sample]: sample is a format; allowed: a name of its own"),
    ('[datasets.shop]\npath = "x"', " [datasets.shop]: no format; allowed: format = one of"),
    (f'{SHOP}columns = ["id"]', " [datasets.shop] columns = ['id']; allowed: a table of texts"),
    (f'{SHOP}gains = {{Exact = "2"}}', " [datasets.shop] gains = {'Exact': '2'}; allowed: a table of grades"),
    (f"{SHOP}relevant_from = 0", " [datasets.shop]: data set 'shop': relevant_from = 0; allowed: a number above 0"),
    ("[strategies.rrf]\ntext = {title = 1}", " [strategies.rrf]: a built-in strategy has that name; allowed: any othe"),
    ("[strategies.own]\ntext = {title = 1}\nwindow = 50", " [strategies.own]: strategy 'own': window changes nothing "),
    ('[strategies.own]\ntext = {title = 1}\nmodel = "base"', " [strategies.own]: strategy 'own': model changes nothin"),
    ('[models.small]\nquery_prompt = ""\n[strategies.own]\nvectors = {whole = 1}\nmodel = "smal"',
     " [strategies.own]: unknown model 'smal' (did you mean 'small'?); allowed: base, small"),
    ('[strategies.own]\ntemplate = "none.json"', " [strategies.own]: FOLDER/none.json: cannot be read (No such file o"),
    ('elasticsearch = "http://a:1"', ": elasticsearch = 'http://a:1'; allowed: a table ["),
    ("[elasticsearch]", " [elasticsearch]: nothing in it; allowed: url, cloud_id, timeout, "),
    ('[elasticsearch]\nurl = "127.0.0.1:9200"', " [elasticsearch] url: 127.0.0.1:9200: "),
    ('[elasticsearch]\nurl = "http://me:s3cr3t@a:1"', " [elasticsearch] url: holds a user or a password; allowed: ES_"),
    ("[elasticsearch]\ntimeout = 0", " [elasticsearch] timeout = 0; allowed: a whole number from 1 "),
    ('[elasticsearch]\nmemory = "1 GB"', " [elasticsearch] memory = '1 GB'; allowed: a size as Java"),
    ('[elasticsearch]\nvector_index = "hsnw"',
     " [elasticsearch] vector_index = 'hsnw' (did you mean 'hnsw'?); allowed: flat, hnsw, int8_flat"),
    ('[elasticsearch]\nindex = "me:s3cr3t@a"', " [elasticsearch] index = '…@a'; allowed: the name of one "),
    ('[elasticsearch]\nindex = "a,b"', " [elasticsearch] index = 'a,b'; allowed: the name of one "),
    (f'{OF_INDEX}fields = {{uid = "x"}}', " [elasticsearch] fields: unknown field 'uid' (did you mean 'id'?); allowed"),
    (f'{OF_INDEX}vectors = {{text = "x"}}', " [elasticsearch] vectors: unknown field 'text'; allowed: title, "),
    (f'{OF_INDEX}vectors = {{small.title = "x"}}', " [elasticsearch] vectors: unknown model 'small'; allowed: base"),
    (f'{OF_INDEX}vectors = {{title = "x", base.title = "y"}}',
     " [elasticsearch] vectors: title and base.title are the same; leave one of them out"),
    (f'{OF_CLUSTER}fields = {{id = "x"}}', " [elasticsearch] fields changes nothing without an index that exists; "),
    (f'{OF_CLUSTER}image = "a:1"', " [elasticsearch] image changes nothing beside FILE [elasticsearch] url: no contai"),
    (f"{OF_INDEX}shards = 3", " [elasticsearch] shards changes nothing beside FILE [elasticsearch] index: an index th"),
    ("[gate]\nfial = 0.03", " [gate]: unknown key 'fial' (did you mean 'fail'?); allowed: leading, fail, likely"),
    ("[strategies.t]\ntext = {title = 1}\nb = 1.5", " [strategies.t] b = 1.5; allowed: a number from 0 to 1"),
    ("[gate]\nfail = 2", " [gate] fail = 2; allowed: a number above 0 and up to 1"),
    ('[gate]\nlikely = "2%"', " [gate] likely = '2%'; allowed: a number above 0 and up to 1"),
    ("[gate]\ntime_warn = 1", " [gate] time_warn = 1; allowed: a number above 1"),
    ("[gate]\nleast_queries = 9.5", " [gate] least_queries = 9.5; allowed: a whole number of 1 or"),
    ("[gate]\ntime_warn = 3", " [gate] time_warn = 3; allowed: no more than time_fail, which is 2.0"),
    ("[gate]\nlikely = 0.1", " [gate] likely = 0.1 of nDCG@10; allowed: no more than fail, which is 0.02"),
    ('[gate]\ntoo_few_queries = "no"', " [gate] too_few_queries = 'no'; allowed: pass, fail"),
    ('[gate]\ngated = ["nDCG@5"]', " [gate]: gated is gone: allowed: gate in [metrics], such as gate = ["),
    ("[gate]\nwarn = 0.02", " [gate]: warn is gone: allowed: fail with p_sure for a loss, likely with p_li"),
    ('[metrics]\ngate = ["RR@10"]', " [gate] leading = 'nDCG@10'; allowed: one of [metrics] gate, RR@10"),
    ('[metrics]\ngate = ["ndcg@5"]', " [metrics] gate: unknown metric 'ndcg@5'; allowed: RR@10, AP@10, nDCG@10"),
    ('[metrics]\nreport = ["nDCG@1001"]', " [metrics] report: unknown metric 'nDCG@1001'; allowed: RR@10, AP@10"),
    ('[metrics]\ngate = ["Judged@10"]', " [metrics] gate: Judged@10 does not say how good a ranking is; allowed"),
    ('[metrics]\ngate = ["RBO@10"]', " [metrics] gate: RBO(p=0.9)@10 does not say how good a ranking is; allowed: in"),
    ("[metrics]\nreport = []", " [metrics] report = []; allowed: a list of names, such as "),
    ('[gate.metrics."RR@5"]\nfail = 0.1', " [gate] metrics.'RR@5': unknown gated metric 'RR@5' (did you mean 'RR@10'?"),
    ('[gate.metrics."RR@10"]\nworse = "higher"', " [gate] metrics.'RR@10'.worse is gone: every metric has"),
    ("[gate]\nmetrics = []", " [gate] metrics = []; allowed: tables [gate.metrics.NAME]"),
    ('[gate.metrics."RR@10"]', " [gate] metrics.'RR@10' = {}; allowed: a table of limits, such as {fail = 0.03}"),
    ("[gate.strategies.rff]\nfail = 0.03", " [gate] strategies: unknown strategy 'rff' (did you mean 'rrf'?); allowed"),
    ("[gate.strategies.rrf]\np_sure = 0.05", " [gate] strategies.rrf: unknown key 'p_sure'; allowed: fail, likely, "),
    ('[gate.strategies.rrf."AP@10"]\nfail = 0.001',
     " [gate] likely = 0.005 of rrf AP@10; allowed: no more than fail, which is 0.001"),
    ("[finetune]\nlearning_rate = 1.0", " [finetune] learning_rate = 1.0; allowed: a number between"),
    ('[finetune]\nloss = "hart"', " [finetune] loss = 'hart' (did you mean 'hard'?); allowed: mnrl, cached_mnrl"),
    ('[gate]\nfail = "' + "9" * 1_000 + '"', f" [gate] fail = '{'9' * 59}…; allowed: a number above 0 and up to 1"),
]  # fmt: skip


def refusal(folder: Path, text: str | None = None, *, environ: Any = None, **options: object) -> list[str]:
    file = folder / FILE_NAME
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError) as caught:
        read_config(options=options, environ=environ or {}, file=file if text is not None else None, root=folder)
    lines = [str(caught.value), *caught.value.details]
    assert not any("s3cr3t" in line or "\n" in line for line in lines)
    return [line.replace(str(file), "FILE").replace(str(folder), "FOLDER") for line in lines]


@pytest.mark.parametrize(("text", "line"), FILES)
def test_a_bad_file_is_one_clear_line(tmp_path: Path, text: str, line: str) -> None:
    (found,) = refusal(tmp_path, text)
    assert found.startswith(f"FILE{line}")
    assert len(found) < 400


OUTSIDE: list[tuple[dict[str, object], dict[str, str], str]] = [
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
    ({}, {"RELEVANCE_ES_PASSWORD": "s3cr3t"}, "environment: unknown variable 'RELEVANCE_ES_PASSWORD'; allowed: ES_PA"),
    ({"keep_index": True}, {}, "option --keep-index changes nothing without a cluster, a container is removed; "),
    ({}, {"RELEVANCE_KEEP_INDEX": "1"}, "environment RELEVANCE_KEEP_INDEX changes nothing without a cluster"),
    ({"keep_index": True, "es_index": "a", "es_url": "http://a:1"}, {},
     "option --keep-index changes nothing beside option --es-index: an index that exists is taken as it is; leave"),
    ({"es_image": "a:1"}, {"ES_URL": "http://a:1"}, "option --es-image changes nothing beside environment ES_URL: no "),
    ({"es_cloud_id": "shop"}, {}, "option --es-cloud-id: no Cloud ID; expected: NAME:BASE64"),
    ({"es_cloud_id": "shop", "es_url": "http://a:1"}, {}, "option --es-cloud-id beside option --es-url: two clusters"),
    ({}, {"RELEVANCE_DATSET": "sample"}, "environment: unknown variable 'RELEVANCE_DATSET' (did you mean 'RELEVANCE_D"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "environ", "line"), OUTSIDE)
def test_a_bad_option_or_variable_is_one_clear_line(
    tmp_path: Path, options: dict[str, object], environ: dict[str, str], line: str
) -> None:
    (found,) = refusal(tmp_path, environ=environ, **options)
    assert found.startswith(line)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "rrf",
            "'rrf' needs the fields title, description, attributes, which the mapping lacks; allowed: vectorsearch, ",
        ),
        (
            "vectorsearch_multifield",
            "'vectorsearch_multifield' needs the fields title, description, attributes, which ",
        ),
        (
            "textsearch_spelled",
            "'textsearch_spelled' needs the fields title, description, attributes, which the mapping ",
        ),
        ("rff", "unknown strategy 'rff'; allowed: vectorsearch, "),
    ],
)
def test_a_strategy_whose_fields_the_mapping_lacks(tmp_path: Path, name: str, line: str) -> None:
    (found,) = refusal(tmp_path, '[fields]\nname = {type = "text"}\n', strategy=[name])
    assert line in found
    same = 'analyzer = "stemmed_parts", k1 = 0.2, b = 0.8, spelling = true in [strategies.NAME] does the same'
    assert (same in found) == (name == "textsearch_spelled")


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    text = 'datset = "x"\nstrategy = ["rff", "hybird"]\n[gate]\nfial = 1\nfail = 2\n[datasets.a]\npath = "a"\n'
    lines = refusal(tmp_path, text, environ={"RELEVANCE_MAX_TOKENS": "many", "RELEVANCE_DATSET": "x"}, es_timeout=0)
    wrong = ["'RELEVANCE_DATSET'", "'datset'", "'fial'", "fail = 2", "RELEVANCE_MAX_TOKENS"]
    assert [part in line for part, line in zip(wrong, lines, strict=False)] == [True] * 5
    assert len(lines) == 9
    keys = "".join(f"k{at} = 1\n" for at in range(30))
    assert refusal(tmp_path, keys)[-1] == "and 10 more"
    more = refusal(tmp_path, 'strategy = ["rff", "hybird"]\n[datasets.a]\npath = "a"\n', max_tokens=-1)
    wrong = ["option --max-tokens", "[datasets.a]: no format", "'rff'", "'hybird'"]
    assert [part in line for part, line in zip(wrong, more, strict=True)] == [True] * 4


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            '[models.base]\nprompt = "x"\n',
            "[models.base]: unknown key 'prompt' (did you mean 'query_prompt'?); allowed: ",
        ),
        (
            '[models]\nprompt = "x"\n',
            "prompt = 'x'; allowed: a table [models.NAME], and keys in it (did you mean 'query_prompt'?)",
        ),
        (
            "[gate]\non_common_queries = true\n",
            "[gate]: on_common_queries is gone: both sides are scored by today's data; ",
        ),
    ],
)
def test_a_key_that_stands_elsewhere_or_is_gone(tmp_path: Path, text: str, line: str) -> None:
    (found,) = refusal(tmp_path, text)
    assert line in found


def test_what_is_wrong_is_gathered_where_the_rest_can_be_looked_at(tmp_path: Path) -> None:
    file, wrong = tmp_path / FILE_NAME, list[InputError]()
    for text, lines in (
        ('datset = "x"\nstrategy = ["rrf", "hybird"]\n[gate]\nfial = 1\n', 3),
        ('dataset = "a"\ndevice = 1\n[datasets.a]\nformat = 5\n', 0),
        ('dataset = "nowhere"\ndevice = 1\n', 0),
        ('strategy = ["hybird"]\n', 0),
    ):
        file.write_text(text)
        wrong.clear()
        read = partial(read_config, options={}, environ={}, file=file, root=tmp_path, measures=False, wrong=wrong)
        if lines:
            assert [one.name for one in read().selected] == ["rrf"]
        else:
            with pytest.raises(InputError):
                read()
        assert len(wrong) == lines


def test_what_is_wrong_in_a_table_is_said_once(tmp_path: Path) -> None:
    text = 'dataset = "a"\nstrategy = ["own"]\n[datasets.a]\nformat = 5\n[strategies.own]\ntexts = {title = 1}\n'
    text += '[elasticsearch]\nurl = 1\nkeep_index = true\n[gate]\nfail = "x"\n[gate.strategies.own]\nfail = 0.1\n'
    lines = refusal(tmp_path, text, keep_index=True)
    wrong = ["[datasets.a] format = 5", "'texts'", "[elasticsearch] url = 1", "[gate] fail = 'x'"]
    assert [part in line for part, line in zip(wrong, lines, strict=True)] == [True] * 4
    text = '[elasticsearch]\nurl = "a"\nindex = "i"\nshards = 2\nfields = {uid = "x"}\nvectors = {text = "x"}\n'
    assert len(refusal(tmp_path, text)) == 4


@pytest.mark.parametrize(
    ("table", "template", "part"),
    [
        (
            'template = "own.json"',
            '{"query": "{{qeury}}"}',
            "strategy 'own' (FOLDER/own.json): template: unknown mark ",
        ),
        (
            'template = "own.json"',
            '{"query": "oak"}',
            "strategy 'own' (FOLDER/own.json): template: no mark ({{query}}, {{ve",
        ),
        ('template = "own.json"', '{"query": ', "FOLDER/own.json: not JSON: "),
        ("texts = {title = 1}", "", "unknown key 'texts'"),
    ],
)
def test_a_strategy_that_cannot_be_made_stops_those_alone_who_run_it(
    tmp_path: Path, table: str, template: str, part: str
) -> None:
    (tmp_path / "own.json").write_text(template)
    text = f"[strategies.own]\n{table}\n"
    (line,) = refusal(tmp_path, text)
    assert line.startswith("FILE [strategies.own]: ")
    assert part in line
    assert refusal(tmp_path, text, strategy=["rrf", "own"]) == [line]
    assert refusal(tmp_path, f'strategy = ["own"]\n{text}') == [line]
    file = tmp_path / FILE_NAME
    file.write_text(text)
    for options, measures in (({"strategy": ["rrf"]}, True), ({}, False)):
        config = read_config(options=options, environ={}, file=file, root=tmp_path, measures=measures)
        assert [*config.broken] == ["own"]
        assert "own" not in {*config.strategies, *(one.name for one in config.selected)}
        assert not any(key.startswith("strategies.own") for key, _, _ in rows(config))


def test_a_file_that_was_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: cannot be read \(No such file or directory\); a configuration"):
        read_config(options={}, environ={}, file=tmp_path / "none.toml", root=tmp_path, cwd=tmp_path)
