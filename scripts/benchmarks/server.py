"""Measure the server: its start, each tool call, and what an experiment costs beside its runs.

    python scripts/benchmarks/server.py [--starts 7] [--calls 9] [--experiments 3]
    python scripts/benchmarks/server.py --bytecode   # starts alone, without bytecode and with it

Works over stdio on the shipped target, in a home of its own that is thrown away. Prints three
parts and one line of figures; takes one to two minutes on two cores.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import anyio
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from autoresearch.lab import Lab
from server.scripted_agents.demo_experiments import DemoProposer

Span = tuple[float, float]


def client_on(home: Path, **variables: str) -> Client[Any]:
    """A client that starts a server on this home."""
    transport = StdioTransport(
        sys.executable,
        ["-m", "autoresearch_mcp"],
        env={**os.environ, "AUTORESEARCH_HOME": str(home), **variables},
        keep_alive=False,
        log_file=home / "server.log",
    )
    return Client(transport)


async def time_starts(home: Path, starts: int, **variables: str) -> list[float]:
    """Seconds from spawn to the answer of tools/list, in the newer protocol era."""
    seconds = []
    for _ in range(starts):
        began = time.perf_counter()
        async with client_on(home, **variables) as client:
            await client.list_tools()
            seconds.append(time.perf_counter() - began)
    return seconds


async def measure_bytecode(options: argparse.Namespace) -> None:
    """Starts in turn, where no import writes bytecode: before `connect` wrote it, and after."""
    with tempfile.TemporaryDirectory(prefix="bench-server-") as folder:
        home = Path(folder)
        never = {"PYTHONDONTWRITEBYTECODE": "1"}
        none_there = {**never, "PYTHONPYCACHEPREFIX": str(home / "empty")}
        await time_starts(home, 1)  # writes bytecode
        before, after = [], []
        for _ in range(options.starts):
            before += await time_starts(home, 1, **none_there)
            after += await time_starts(home, 1, **never)
    for name, seconds in (("without", before), ("with", after)):
        print(f"{name} bytecode: {', '.join(f'{one:.2f}' for one in seconds)} s")
    ratio = median(before) / median(after)
    print(
        f"start {median(before):.2f} s without and {median(after):.2f} s with it: {ratio:.1f} times"
    )


class Session:
    """Calls tools and keeps how long each call took."""

    def __init__(self, client: Client[Any]) -> None:
        self._client = client
        self.seconds: dict[str, list[float]] = {}

    async def call(
        self,
        tool: str,
        *,
        timed: bool = True,
        **arguments: Any,  # noqa: ANN401 - JSON values
    ) -> dict[str, Any]:
        """The structured answer."""
        began = time.perf_counter()
        result = await self._client.call_tool(tool, arguments)
        if timed:
            self.seconds.setdefault(tool, []).append(time.perf_counter() - began)
        assert result.structured_content is not None
        return result.structured_content

    async def evaluate(self, experiment: str) -> dict[str, Any]:
        """Call until there is a verdict, or the noise of e0 is known."""
        while True:
            found = await self.call(
                "evaluate_metric", timed=False, experiment=experiment, wait_s=45
            )
            if "outcome" in found or not found.get("needs"):
                return found


async def time_experiments(session: Session, home: Path, experiments: int) -> list[float]:
    """Seconds from propose to verdict in which none of the experiment's runs was at work."""
    await session.call("open_lab", timed=False)
    await session.evaluate("e0")
    proposer = DemoProposer(experiments)
    beside = []
    while True:
        section = await session.call("explain_code_section", section="train.py")
        patch = proposer.next({knob["name"]: knob["value"] for knob in section["knobs"]})
        if patch is None:
            return beside
        began = time.time()
        proposed = await session.call(
            "propose_patch",
            hypothesis=patch.change,
            edits=[{"path": "train.py", "find": patch.find, "replace": patch.replace}],
        )
        name = proposed["experiment"]
        await session.call("run_training", experiment=name)
        judged = await session.evaluate(name)
        ended = time.time()
        lesson = f"{patch.change} was tried: {judged['outcome']}"
        await session.call("conclude_experiment", experiment=name, lesson=lesson)
        beside.append(ended - began - busy((began, ended), spans(home)))
        print(
            f"  {name} {patch.change}: {judged['outcome']}, {ended - began:.1f} s, "
            f"{beside[-1]:.2f} s beside training and scoring"
        )


def spans(home: Path) -> list[Span]:
    """When each run of the home's lab was training or scoring."""
    reports = Lab.reopen(None, home=home).history().reports.values()
    return [(report.started, report.ended) for report in reports]


def busy(window: Span, work: list[Span]) -> float:
    """Seconds of the window that any of the spans covers."""
    covered, upto = 0.0, window[0]
    for began, ended in sorted(work):
        first, last = max(began, upto), min(ended, window[1])
        if last > first:
            covered += last - first
            upto = last
    return covered


async def time_calls(session: Session, calls: int) -> None:
    """Each tool that has something to answer when nothing runs, without a wait."""
    for n in range(calls):
        await session.call("open_lab")
        await session.call("check_run", wait_s=0)
        await session.call("evaluate_metric", experiment="e1", wait_s=0)
        await session.call("recall_experiments", words="rate")
        await session.call("explain_code_section", section="train.py:load")
        await session.call(
            "conclude_experiment", experiment="e1", lesson=f"the bench says so for the time {n}"
        )
        section = await session.call("explain_code_section", section="EPSILON")
        written = section["knobs"][0]["value"]
        proposed = await session.call(
            "propose_patch",
            hypothesis="for the bench",
            edits=[
                {
                    "path": "train.py",
                    "find": f"EPSILON = {written}",
                    "replace": f"EPSILON = {n + 2}e-7",
                }
            ],
        )
        run = await session.call("run_training", experiment=proposed["experiment"])
        await session.call("stop_run", timed=False, run=run["run"])


async def measure(options: argparse.Namespace) -> None:
    """All three, one after the other."""
    with tempfile.TemporaryDirectory(prefix="bench-server-") as folder:
        home = Path(folder)
        await time_starts(home, 1)  # writes bytecode
        starts = await time_starts(home, options.starts)
        print(f"spawn to first answer: {', '.join(f'{one:.2f}' for one in starts)} s")
        async with client_on(home) as client:
            session = Session(client)
            print("propose to verdict:")
            beside = await time_experiments(session, home, options.experiments)
            await time_calls(session, options.calls)
    print("median of each tool, without a wait:")
    medians = {tool: median(seconds) for tool, seconds in session.seconds.items()}
    for tool, seconds in medians.items():
        print(f"  {tool}: {seconds * 1000:.0f} ms over {len(session.seconds[tool])} calls")
    slowest = max(medians, key=lambda tool: medians[tool])
    every = median(one for seconds in session.seconds.values() for one in seconds)
    print(
        f"start {median(starts):.2f} s; call {every * 1000:.0f} ms, slowest tool {slowest} "
        f"{medians[slowest] * 1000:.0f} ms; experiment {median(beside):.2f} s beside its runs"
    )


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description="Measure the server over stdio.")
    parser.add_argument("--starts", type=int, default=7)
    parser.add_argument("--calls", type=int, default=9)
    parser.add_argument("--experiments", type=int, default=3)
    parser.add_argument("--bytecode", action="store_true")
    options = parser.parse_args()
    anyio.run(measure_bytecode if options.bytecode else measure, options)


if __name__ == "__main__":
    main()
