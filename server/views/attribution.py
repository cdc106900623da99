"""Attribution of a lab's numbers, wherever they are shown, if the lab does not compute them.

One place for the words: tools send their answers through `attributed`, commands print `who_says`.
"""

from typing import TypeVar

from autoresearch.contract_tables.metric import Metric
from server.views.research_results import Result

R = TypeVar("R", bound=Result)
_WHY = {
    "stdout": "the program under research prints it",
    "clock": "no more is known of what the program did than its guards check",
}


def who_says(metric: Metric) -> str:
    """For example "score is self-reported: the program under research prints it."; "" if sealed."""
    if metric.scoring == "sealed":
        return ""
    return f"{metric.name} is {metric.provenance}: {_WHY[metric.scoring]}."


def attributed(metric: Metric, result: R) -> R:
    """The answer, its summary saying who says the numbers in it."""
    words = who_says(metric)
    if not words:
        return result
    return result.model_copy(update={"summary": f"{result.summary} {words}"})
