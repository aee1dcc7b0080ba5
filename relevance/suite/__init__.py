"""Where the parts meet: a configuration becomes a plan, a plan an indexed suite, a suite measures strategies."""

from relevance.suite.compare import (
    Baseline,
    baseline_paths,
    compare_with,
    confirm_run_times,
    diagnose_suite,
    few_queries,
    model_facts,
    read_checked,
    read_replaced,
    settle_run_times,
    snapshot_of,
    snapshot_of_data,
    titles_of,
)
from relevance.suite.explaining import LegRank, ProductRank, explain, only_query, product_code, rank_before
from relevance.suite.measure import Result, Suite, one_thread, prepare
from relevance.suite.plan import Finetuned, Parts, Plan, make_plan, read_parts, runnable, searched_fields, with_params

__all__ = [
    "Baseline",
    "Finetuned",
    "LegRank",
    "Parts",
    "Plan",
    "ProductRank",
    "Result",
    "Suite",
    "baseline_paths",
    "compare_with",
    "confirm_run_times",
    "diagnose_suite",
    "explain",
    "few_queries",
    "make_plan",
    "model_facts",
    "one_thread",
    "only_query",
    "prepare",
    "product_code",
    "rank_before",
    "read_checked",
    "read_parts",
    "read_replaced",
    "runnable",
    "searched_fields",
    "settle_run_times",
    "snapshot_of",
    "snapshot_of_data",
    "titles_of",
    "with_params",
]
