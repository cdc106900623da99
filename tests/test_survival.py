"""Runs outlive whoever started them: the server, its whole process tree, the client."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from autoresearch.lab import Lab
from autoresearch.records import RunFinished, RunState
from tests.support.fakes import wait_for
from tests.support.paths import ROOT
from tests.support.repositories import make_repository, propose


def the_server(client: psutil.Process) -> list[psutil.Process]:
    return [p for p in client.children(recursive=True) if "autoresearch_mcp" in p.cmdline()]


def the_tree_below_the_client(client: psutil.Process) -> list[psutil.Process]:
    return client.children(recursive=True)


def the_client_alone(client: psutil.Process) -> list[psutil.Process]:
    return [client]


def the_client_and_all_below(client: psutil.Process) -> list[psutil.Process]:
    return [*client.children(recursive=True), client]


@pytest.mark.real_runs
@pytest.mark.parametrize(
    "victims",
    [  # the widest of them in every CI run
        pytest.param(the_server, marks=pytest.mark.long),
        pytest.param(the_client_and_all_below, marks=pytest.mark.slow),
        pytest.param(the_tree_below_the_client, marks=pytest.mark.long),
        pytest.param(the_client_alone, marks=pytest.mark.long),
    ],
)
def test_a_run_ends_as_if_nothing_had_happened_and_is_recorded_once(
    victims: Callable[[psutil.Process], list[psutil.Process]], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    lab = Lab.open(str(make_repository(tmp_path / "repository")), home=home)
    waiting = (
        "import time\n"
        "go = os.environ['AUTORESEARCH_OUT'] + '/go'\n"
        "while __name__ == '__main__' and not os.path.exists(go): time.sleep(.01)\n"
        "SMOOTHING = 3.0"
    )
    experiment = propose(lab, ("SMOOTHING = 30.0", waiting))
    client = subprocess.Popen(
        [sys.executable, "-m", "tests.support.client_process", lab.name, experiment],
        cwd=ROOT,
        env={**os.environ, "AUTORESEARCH_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with client:
        assert client.stdout is not None
        run = client.stdout.readline().strip()
        wait_for(lambda: lab.view_run(run).state is RunState.TRAINING)
        chosen = victims(psutil.Process(client.pid))
        assert chosen
        for process in chosen:
            process.kill()
        psutil.wait_procs(chosen, timeout=10)
        client.kill()
    assert lab.view_run(run).state is RunState.TRAINING

    (lab.runs.directory(run).out / "go").touch()
    wait_for(lambda: Lab.reopen(home=home).view_run(run).state.final)
    seen = Lab.reopen(home=home).view_run(run)
    assert seen.state is RunState.FINISHED, seen.reason
    assert seen.value is not None
    entries = Lab.reopen(home=home).history().entries
    ends = [e.event for e in entries if isinstance(e.event, RunFinished)]
    assert [event.report.run for event in ends] == [run]
