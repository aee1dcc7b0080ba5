"""Where the parts meet: a configuration becomes a plan, a plan an indexed suite, a suite measures strategies."""

from relevance.suite.compare import (
    Baseline,
    compare_with,
    confirm_run_times,
    diagnose_suite,
    model_facts,
    read_checked,
    read_replaced,
    settle_run_times,
    snapshot_of,
    snapshot_of_data,
    titles_of,
)
from relevance.suite.measure import Preparation, Result, Suite, Timing, one_thread
from relevance.suite.plan import (
    Finetuned,
    Plan,
    evaluated_part,
    finetuned_model,
    floors_of,
    make_plan,
    resolved_models,
    runnable,
    searched_fields,
)
from relevance.suite.prepare import Embedded, prepare

__all__ = [
    "Baseline",
    "Embedded",
    "Finetuned",
    "Plan",
    "Preparation",
    "Result",
    "Suite",
    "Timing",
    "compare_with",
    "confirm_run_times",
    "diagnose_suite",
    "evaluated_part",
    "finetuned_model",
    "floors_of",
    "make_plan",
    "model_facts",
    "one_thread",
    "prepare",
    "read_checked",
    "read_replaced",
    "resolved_models",
    "runnable",
    "searched_fields",
    "settle_run_times",
    "snapshot_of",
    "snapshot_of_data",
    "titles_of",
]
