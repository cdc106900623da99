"""Campaigns through the real Claude Code and Codex: five experiments, one kill, an end by budget.

A stand-in on loopback is their model. It knows nothing but what it is sent: it opens the lab,
proposes one change after another, and brings each to its verdict.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from autoresearch.campaigns.settings import CampaignFolder, CampaignSettings
from autoresearch.campaigns.start import CHECK_WORDS, Plan, check_agent, start_campaign
from autoresearch.lab import Lab
from autoresearch.ledger.campaign_records import CampaignBudget, CampaignEnd, WorkerEnd
from tests.support.nights import left_over, to_the_end
from tests.support.real_clients import CLAUDE, CODEX, bare_environment, needs_claude, needs_codex
from tests.support.refusals import raises
from tests.support.stand_in_model import Call, Json, StandInModel, _answers, _names, stand_in_model

PROVIDER = {
    "model_provider": "stand_in",
    "model_providers.stand_in.name": "stand-in",
    "model_providers.stand_in.wire_api": "responses",
}


@dataclass(slots=True)
class ResearchingModel(StandInModel):
    """Makes one experiment after another, whatever conversation it is in."""

    made: dict[str, Call] = field(default_factory=dict)
    prompts: list[str] = field(default_factory=list)
    experiments: int = 0

    def next_call(self, body: Json) -> tuple[int, Call, str, str] | None:
        said = json.dumps(body)
        self.prompts.append(said)
        if CHECK_WORDS in said:
            return None
        answers = _answers(body)
        last = [name for name in answers if name in self.made][-1:]
        call = self._after(last[0], answers[last[0]][0].text) if last else Call("open_lab", OPEN)
        if call is None:
            return None
        number = len(self.made)
        [named, *_] = [one for one in _names(body) if one[0].endswith(call.tool)]
        self.made[f"call_{number}"] = call
        return (number, call, *named)

    def _after(self, name: str, answer: str) -> Call | None:
        call = self.made[name]
        told = _object_in(answer)
        experiment = {"experiment": told.get("experiment", call.arguments.get("experiment", ""))}
        if call.tool == "propose_patch" and told.get("experiment"):
            return Call("run_training", experiment)
        if call.tool in ("run_training", "evaluate_metric") and "outcome" not in told:
            return Call("evaluate_metric", {**call.arguments, "wait_s": 20})
        if call.tool == "evaluate_metric":
            return Call("conclude_experiment", {**experiment, "lesson": "more smoothing: seen"})
        if "campaign_over" in answer or "takes no further experiment" in answer:
            return None
        self.experiments += 1
        edit = {"path": "train.py", "find": "SMOOTHING = 30.0"}
        edit["replace"] = f"SMOOTHING = {60 + self.experiments}.0"
        why = f"smoothing of {60 + self.experiments} is closer to what the counts need"
        return Call("propose_patch", {"hypothesis": why, "edits": [edit]})


OPEN = {"source": "tiny"}


def _object_in(answer: str) -> dict[str, Any]:
    start = answer.find("{")
    try:
        found, _ = json.JSONDecoder().raw_decode(answer[start:]) if start >= 0 else ({}, 0)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@pytest.fixture
def lab(measured_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A measured lab, and an environment in which the clients know no login and no network."""
    shutil.copytree(measured_home, tmp_path / "home", symlinks=True)
    for name in [name for name in os.environ if not name.startswith(("PATH", "LANG", "PYTEST"))]:
        monkeypatch.delenv(name)  # certificates and proxies of this machine would be used
    for name, value in bare_environment(tmp_path / "person").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # where the model is
    for program in filter(None, (CLAUDE, CODEX)):
        monkeypatch.setenv("PATH", str(Path(program).parent), prepend=":")
    return Lab.reopen("tiny", home=tmp_path / "home")


def settings(lab: Lab) -> CampaignSettings:
    return CampaignSettings(
        home=str(lab.home),
        lab=lab.name,
        server=(sys.executable, "-m", "autoresearch_mcp", "serve", "--toolset", "research"),
        python=sys.executable,
    )


def codex_agent(url: str) -> str:
    told = {**PROVIDER, "model_providers.stand_in.base_url": f"{url}/v1"}
    options = " ".join(f"-c '{key}={json.dumps(value)}'" for key, value in told.items())
    return f"codex {options} -m gpt-5"


def until(so: Callable[[], bool], within_s: float = 240.0) -> None:
    deadline = time.monotonic() + within_s
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def five_experiments_and_a_kill(lab: Lab, agent: str) -> None:
    plan = Plan(
        budget=CampaignBudget(experiments=5), agents=(agent,), silence_s=240.0, grace_s=240.0
    )
    start_campaign(lab, plan, settings(lab))  # the client itself is asked whether it can work
    folder = CampaignFolder.of(lab.folder, "c1")
    until(lambda: len(lab.history().proposed_in(lab.history().campaigns["c1"])) >= 2)
    [*_, start] = [one.event.start for one in lab.history().campaigns["c1"].starts]
    for process in clients_of(folder):
        process.kill()
    until(lambda: lab.history().campaigns["c1"].starts_of("w1") > start)
    state = to_the_end(lab, within_s=600.0)
    assert state.ended is not None
    assert state.ended.event.cause is CampaignEnd.EXPERIMENTS, state.ended.event.sentence
    assert WorkerEnd.FAILED in {one.event.cause for one in state.ends}
    assert any(one.event.tokens and one.event.session for one in state.ends)
    history = Lab.reopen(lab.name, home=lab.home).history()
    proposed = history.proposed_in(state)
    assert len(proposed) == 5
    assert {one.proposer.worker for one in proposed} == {"c1/w1"}
    assert all(one.id in history.verdicts for one in proposed)
    assert lab.verify().ok
    until(lambda: not left_over(folder))


def clients_of(folder: CampaignFolder) -> list[psutil.Process]:
    """The agent's own processes, without the server that it started."""
    found = []
    for process in psutil.process_iter():
        try:
            marked = str(folder.path) in " ".join(process.environ().values())
            words = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if marked and "autoresearch_mcp" not in words.split(" -c ")[0].split("--mcp-config")[0]:
            found.append(process)
    return found


@pytest.mark.long
@pytest.mark.real_runs
@needs_claude
def test_claude_code_works_through_a_night(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with stand_in_model(of=ResearchingModel) as model:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", model.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
        five_experiments_and_a_kill(lab, "claude-code")
    assert {name.rpartition("__")[2] for name in model.tools} == RESEARCH_TOOLS
    assert any("Yours and open" in said or "Go on where it was" in said for said in model.prompts)


@pytest.mark.long
@pytest.mark.real_runs
@needs_codex
def test_codex_works_through_a_night(lab: Lab) -> None:
    with stand_in_model(of=ResearchingModel) as model:
        five_experiments_and_a_kill(lab, codex_agent(model.url))
    assert model.tools >= RESEARCH_TOOLS
    assert not model.tools & {"shell", "exec_command", "apply_patch", "web_search", "write_stdin"}
    assert any("Go on where it was" in said for said in model.prompts)


RESEARCH_TOOLS = {
    "open_lab",
    "propose_patch",
    "run_training",
    "check_run",
    "stop_run",
    "evaluate_metric",
    "conclude_experiment",
    "recall_experiments",
    "explain_code_section",
    "fit_scaling",
}


@pytest.mark.long
@needs_claude
def test_a_claude_code_without_a_login_is_found_before_the_night(lab: Lab) -> None:
    with raises("lab_error.client_failed", "Log in first"):
        check_agent("claude-code", settings(lab))


@pytest.mark.long
@needs_codex
def test_a_codex_whose_server_does_not_start_is_found_before_the_night(lab: Lab) -> None:
    broken = CampaignSettings(
        home=str(lab.home), lab=lab.name, server=("false",), python=sys.executable
    )
    with stand_in_model(of=ResearchingModel) as model, raises("lab_error.client_failed"):
        check_agent(codex_agent(model.url), broken)
