"""The demo's research loop: a real MCP client that starts the server and uses only its tools.

Knows no terminal: what happens is told to a `Watcher`.
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from autoresearch.errors import InvalidStateError
from autoresearch.records import Outcome
from autoresearch.sandboxes.base import all_confined
from server.scripted_agents.demo_experiments import DemoProposer, Patch
from server.views import figures

if TYPE_CHECKING:
    from fastmcp import Client

TARGET = "microgpt"
EXPERIMENTS = 8
LANES = 2  # experiments in flight, so that no device idles while another is judged
WAIT_S = 30
OVERTAKEN = "overtaken"  # in place of the outcome of a keep that did not move the incumbent

Answer = dict[str, Any]
Watcher = Callable[[str, str, bool], None]  # (what it is about, its state now, if it is a verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One experiment of the demo, as it ended."""

    experiment: str
    change: str
    hypothesis: str
    outcome: str
    effect: float | None
    low: float | None
    high: float | None
    predicted: float
    confidence: float
    runs: int
    verdict: str
    incumbent: float  # mean after the verdict, metric units
    cheat: bool = False  # put there on purpose, to be caught

    @property
    def kept(self) -> bool:
        """Return whether the trial moved the incumbent."""
        return self.outcome == Outcome.KEEP

    @property
    def fooled(self) -> bool:
        """Return whether the trial is a cheat that the judge took for a gain, overtaken or not."""
        return self.cheat and self.outcome in (Outcome.KEEP, OVERTAKEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """Data that the report and the chart show."""

    home: Path
    target: str
    metric: str
    unit: str
    lower_is_better: bool
    scoring: str  # who says the numbers
    budget: str
    sandbox: str
    baseline: float
    sigma: float
    final: float
    final_experiment: str
    kept_line: tuple[str, ...]
    trials: tuple[Trial, ...]
    runs: int
    seconds: float

    @property
    def confined(self) -> bool:
        """Return whether a sandbox confined the code under research."""
        return all_confined(self.sandbox)

    @property
    def cheats(self) -> tuple[Trial, ...]:
        """Trials that should have been caught."""
        return tuple(trial for trial in self.trials if trial.cheat)

    @property
    def gain(self) -> float:
        """Gain of the incumbent over the original code; positive is better."""
        change = self.baseline - self.final
        return change if self.lower_is_better else -change


async def run_demo(
    home: Path,
    watch: Watcher,
    *,
    most: int = EXPERIMENTS,
    source: str = TARGET,
    proposer: DemoProposer | None = None,
) -> DemoResult:
    """Open a fresh lab on `source` in `home`, research it, and return what came of it.

    `proposer` decides what is tried; by default the demo's own moves, at most `most` of them.
    """
    from fastmcp import Client
    from fastmcp.client.transports import StdioTransport
    from mcp_types import Implementation

    from server.version import product_version

    started = time.monotonic()
    home.mkdir(parents=True, exist_ok=True)
    transport = StdioTransport(
        sys.executable,
        ["-m", "autoresearch_mcp"],
        env={**os.environ, "AUTORESEARCH_HOME": str(home)},
        keep_alive=False,
        log_file=home / "server.log",
    )
    info = Implementation(name="autoresearch-mcp demo", version=product_version())
    async with Client(transport, client_info=info) as client:
        return await _Research(client, home, watch, proposer or DemoProposer(most), source).run(
            started
        )


class _Research:
    """One demo: two lanes that take turns to propose, and share what they learn."""

    def __init__(
        self,
        client: "Client[Any]",
        home: Path,
        watch: Watcher,
        proposer: DemoProposer,
        source: str,
    ) -> None:
        self._client = client
        self._home = home
        self._watch = watch
        self._proposer = proposer
        self._source = source
        self._proposing = anyio.Lock()
        self._trials: list[Trial] = []

    async def run(self, started: float) -> DemoResult:
        opened = await self._call("open_lab", source=self._source)
        self._watch("lab", opened["summary"], False)
        baseline = await self._evaluate("e0", "the original code, and its noise")
        async with anyio.create_task_group() as lanes:
            for _ in range(LANES):
                lanes.start_soon(self._lane)
        closing = await self._call("open_lab", source=self._source)
        incumbent = closing["incumbent"]
        return DemoResult(
            home=self._home,
            target=opened["target"],
            metric=opened["metric"]["name"],
            unit=opened["metric"]["unit"],
            lower_is_better=opened["metric"]["better"] == "lower",
            scoring=opened["metric"]["scoring"],
            budget=opened["budget"],
            sandbox=opened["sandbox"],
            baseline=baseline["incumbent"]["mean"],
            sigma=baseline["incumbent"]["sigma"],
            final=incumbent["mean"],
            final_experiment=incumbent["experiment"],
            kept_line=tuple(incumbent["kept"]),
            trials=tuple(self._trials),
            runs=baseline["controls"]["count"] + sum(trial.runs for trial in self._trials),
            seconds=time.monotonic() - started,
        )

    async def _lane(self) -> None:
        while True:
            async with self._proposing:
                patch = await self._next_patch()
                if patch is None:
                    return
                experiment = await self._propose(patch)
            if experiment:
                await self._call("run_training", experiment=experiment)
            while experiment:
                judged = await self._evaluate(experiment, patch.change)
                await self._conclude(patch, judged)
                experiment = judged.get("replayed_as", "")

    async def _next_patch(self) -> Patch | None:
        section = await self._call("explain_code_section", section="train.py")
        return self._proposer.next({knob["name"]: knob["value"] for knob in section["knobs"]})

    async def _propose(self, patch: Patch) -> str:
        """The experiment's id; "" if the other lane moved the incumbent under the patch."""
        try:
            answer = await self._call(
                "propose_patch",
                hypothesis=f"{patch.change}: {patch.move.why}",
                edits=[{"path": "train.py", "find": patch.find, "replace": patch.replace}],
                predicted_effect=patch.move.effect,
                confidence=patch.move.confidence,
                model="built-in proposer",
            )
        except InvalidStateError:
            if self._proposer.try_again(patch.move):
                return ""
            raise
        self._watch(answer["experiment"], patch.change, False)
        return str(answer["experiment"])

    async def _evaluate(self, experiment: str, about: str) -> Answer:
        """Call until there is a verdict, as an agent would."""
        while True:
            answer = await self._call("evaluate_metric", experiment=experiment, wait_s=WAIT_S)
            if "outcome" in answer or not answer.get("needs"):
                outcome = answer.get("outcome", "measured")
                self._watch(experiment, f"{about}: {outcome}", outcome in set(Outcome))
                return answer
            self._watch(experiment, f"{about}: {answer['needs']}", False)

    async def _conclude(self, patch: Patch, judged: Answer) -> None:
        effect, low, high = (judged.get(name) for name in ("effect", "low", "high"))
        better = judged["outcome"] == Outcome.KEEP
        kept = better and judged.get("moved_incumbent", False)
        overtaken = better and not kept
        if overtaken and "replayed_as" not in judged:
            self._proposer.try_again(patch.move)
        self._proposer.learn(patch.move, kept=kept)
        shown = figures.effect(effect, low, high, judged.get("sigma"))
        answer = await self._call(
            "conclude_experiment",
            experiment=judged["experiment"],
            lesson=f"{patch.change}: {judged['outcome']}, {shown}.",
        )
        self._trials.append(
            Trial(
                experiment=judged["experiment"],
                change=patch.change,
                hypothesis=patch.move.why,
                outcome=OVERTAKEN if overtaken else judged["outcome"],
                effect=effect,
                low=low,
                high=high,
                predicted=patch.move.effect,
                confidence=patch.move.confidence,
                runs=len(judged["runs"]),
                verdict=judged["verdict"],
                incumbent=answer["incumbent"]["mean"],
                cheat=patch.cheat,
            )
        )

    async def _call(self, tool: str, **arguments: Any) -> Answer:  # noqa: ANN401 - JSON values
        result = await self._client.call_tool(tool, arguments, raise_on_error=False)
        if result.is_error or result.structured_content is None:
            words = " ".join(getattr(part, "text", "") for part in result.content)
            raise InvalidStateError(
                f"{tool} was refused: {words}", f"See {self._home / 'server.log'}."
            )
        return result.structured_content
