"""`fit_scaling`: whether a gain holds at ten times the compute, with the chart as an image."""

from importlib.util import find_spec

from fastmcp import Context, FastMCP
from fastmcp.tools.base import ToolResult
from fastmcp.utilities.types import Image

from autoresearch.loop.scaling import RUNS, ScalingView
from server.clients.launch import how_to_install
from server.errors import Refusal
from server.reports.scaling_report import chart_of, scaling_shown
from server.sessions.lab_calls import LabCalls
from server.tools.answers import with_image
from server.tools.research import ExperimentId, LabName, Wait, acts


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
