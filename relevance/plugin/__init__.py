"""The pytest plugin: options, parametrization, session fixtures, and the final table. It holds no rule of its own.

Loaded by one line in a root `conftest.py`: `pytest_plugins = ["relevance.plugin"]`.

Exit codes: 1 the gate failed, 2 interrupted, 4 usage or bad input, 5 nothing selected, 7 could not run.
"""

from relevance.plugin.collection import (
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_generate_tests,
    pytest_report_collectionfinish,
    pytest_report_header,
    pytest_xdist_node_collection_finished,
)
from relevance.plugin.comparing import compare_strategy
from relevance.plugin.ending import pytest_sessionfinish, pytest_terminal_summary, pytest_unconfigure
from relevance.plugin.measuring import (
    measure_strategy,
    pytest_benchmark_group_stats,
    relevance_plan,
    relevance_suite,
)
from relevance.plugin.options import pytest_addoption

__all__ = [
    "compare_strategy",
    "measure_strategy",
    "pytest_addoption",
    "pytest_benchmark_group_stats",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_report_collectionfinish",
    "pytest_report_header",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_unconfigure",
    "pytest_xdist_node_collection_finished",
    "relevance_plan",
    "relevance_suite",
]
