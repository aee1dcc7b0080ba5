"""`relevance.toml`, options, environment and defaults: read once, checked, frozen.

An option outranks an environment variable, which outranks the file, which outranks the default. Relative paths start
at the file's folder where they stand in the file, else at the working directory. `relevance.config.reading` is imported
where it is used: it takes pandas and numpy, and `pytest --help` does without.
"""

from relevance.config.model import (
    FILE_NAME,
    Config,
    add_options,
    add_removed,
    find_upwards,
    keys,
    option_keys,
    parsed_options,
    rows,
)

__all__ = [
    "FILE_NAME",
    "Config",
    "add_options",
    "add_removed",
    "find_upwards",
    "keys",
    "option_keys",
    "parsed_options",
    "rows",
]
