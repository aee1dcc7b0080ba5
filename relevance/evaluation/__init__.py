"""Rankings and judgments in, one number per query and metric out.

Queries without a judgment are not evaluated, as in trec_eval. A judged query without hits scores 0 and enters the mean
(trec_eval's option -c).
"""

from relevance.evaluation.metrics import (
    AP10,
    JUDGED10,
    LABELS,
    METRICS,
    NDCG10,
    RR10,
    UNJUDGED,
    Graded,
    Metric,
    parse,
)
from relevance.evaluation.scoring import Evaluation, evaluate, evaluate_all

__all__ = [
    "AP10",
    "JUDGED10",
    "LABELS",
    "METRICS",
    "NDCG10",
    "RR10",
    "UNJUDGED",
    "Evaluation",
    "Graded",
    "Metric",
    "evaluate",
    "evaluate_all",
    "parse",
]
