"""The answer of a fit of scaling laws, as a client and a terminal get it, and its chart."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoresearch.contract_tables.metric import Metric
from autoresearch.loop.scaling import ScalingView
from server.clients.launch import how_to_install
from server.views import next_steps
from server.views.attribution import who_says
from server.views.figures import shorten
from server.views.scaling_text import law, rows, sentence
from server.views.trust import loudly

if TYPE_CHECKING:
    from autoresearch.statistics.scaling_laws import Interval
    from autoresearch.verdicts.ending import Ending

CHART = "chart.png"


def chart_of(view: ScalingView) -> Path | None:
    """Draw it beside the experiment's runs; None without a fit or without matplotlib."""
    if view.fit is None:
        return None
    from server.views.scaling_chart import draw_scaling

    try:
        draw_scaling(view, view.folder / CHART)
    except ImportError:
        return None
    return view.folder / CHART


def scaling_shown(
    view: ScalingView, chart: Path | None, metric: Metric, ending: "Ending | None" = None
) -> dict[str, Any]:
    """The answer, as a client gets it; what is not known is left out."""
    shown: dict[str, Any] = {
        "summary": f"{sentence(view)}{loudly(view.sandbox)} {who_says(metric)}".rstrip(),
        "next_step": next_steps.after_scaling(view, ending),
        "experiment": view.experiment,
        "base": view.base,
        "runs_missing": view.missing,
        "compute_unit": view.compute_unit,
        "sizes": [
            {
                "size": base.size,
                "base": [shorten(value) for value in base.values],
                "experiment": [shorten(value) for value in candidate.values],
                "base_compute": shorten(base.compute, 3),
                "experiment_compute": shorten(candidate.compute, 3),
                **({"failed": failed} if (failed := base.failed or candidate.failed) else {}),
            }
            for base, candidate in rows(view)
        ],
        "sandbox": view.sandbox,
    }
    if view.fit is not None:
        shown |= {
            "gain": _interval(view.fit.gain),
            "gain_at_ten_times": _interval(view.fit.reach.gain),
            "base_law": law(view.fit.baseline, view),
            "experiment_law": law(view.fit.candidate, view),
            "chart": str(chart) if chart else f"none: {how_to_install('scaling')} brings it",
        }
    return shown


def _interval(found: "Interval") -> dict[str, float | None]:
    return {
        "value": shorten(found.value, 4),
        "low": shorten(found.low, 4),
        "high": shorten(found.high, 4),
    }
