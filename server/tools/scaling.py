"""`fit_scaling`: whether a gain holds at ten times the compute, with the chart as an image."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastmcp import Context, FastMCP
from fastmcp.tools.base import ToolResult
from fastmcp.utilities.types import Image

from autoresearch.contract_tables.metric import Metric
from autoresearch.loop.scaling import RUNS, ScalingView
from server.clients.launch import how_to_install
from server.errors import Refusal
from server.sessions.lab_calls import LabCalls
from server.tools.answers import with_image
from server.tools.research import ExperimentId, LabName, Wait, acts
from server.views import next_steps
from server.views.attribution import who_says
from server.views.figures import shorten
from server.views.scaling_text import law, rows, sentence
from server.views.trust import loudly

if TYPE_CHECKING:
    from autoresearch.statistics.scaling_laws import Interval
    from autoresearch.verdicts.ending import Ending

CHART = "chart.png"


def add_scaling(server: FastMCP, desk: LabCalls) -> None:
    """Register it."""

    @server.tool(annotations=acts("Fit scaling laws"), output_schema=None)
    async def fit_scaling(
        experiment: ExperimentId, context: Context, wait_s: Wait = 20, lab: LabName = ""
    ) -> ToolResult:
        """Does its gain hold at ten times the compute? Runs it and its base at several sizes.

        Changes no verdict. Call again until none is missing: then power laws with 95 % intervals
        and a chart.
        """
        if find_spec("scipy") is None:
            raise Refusal(
                "Fitting a power law needs SciPy, which this server's environment lacks. Nothing "
                f"was run. `{how_to_install('scaling')}` brings it; then restart the server.",
                "lab_error.no_scipy",
            )
        here = await desk.lab(lab)

        async def report(view: ScalingView) -> None:
            every = RUNS * len(view.sizes)
            await context.report_progress(every - view.missing, total=every)

        view = await desk.wait(
            here,
            lambda: here.scale(experiment),
            until=lambda found: not found.missing,
            wait_s=wait_s,
            report=report,
        )
        chart = await desk.call(here, lambda: chart_of(view))
        ending = await desk.call(here, here.ending)
        told = scaling_shown(view, chart, here.contract.metric, ending)
        return with_image(told, Image(path=chart) if chart else None)


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
