"""Measure what a campaign's supervisor costs while its agents think and runs go on.

uv run python scripts/benchmarks/campaigns.py [--seconds 60] [--workers 3] [--target microgpt]

Starts a campaign in a home of its own whose agents only live, keeps control runs going, and
prints the processor time of the supervisor as a share of one core, beside that of the runs.
"""

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from autoresearch.campaigns.records import steer
from autoresearch.campaigns.settings import CampaignFolder, CampaignSettings
from autoresearch.campaigns.start import (
    Plan,
    start_campaign,
    wait_for_supervisor,
)
from autoresearch.lab import Lab
from autoresearch.ledger.campaign_records import CampaignBudget, Steering
from autoresearch.statistics.gates import GATE
from autoresearch.system.processes import rss_mb
from autoresearch.verdicts.evidence import controls_of, values

IDLE = f"{sys.executable} -c 'import time; time.sleep(1e6)'"


def measured(lab: Lab) -> Lab:
    """Wait until the lab's baseline is measured."""
    while len(values(lab.history(), controls_of(lab.history(), "e0"))) < GATE.fewest_controls:
        lab.evaluate("e0")
        time.sleep(0.2)
    return lab


def loop_of(folder: CampaignFolder) -> psutil.Process:
    """Return the process of a campaign's loop: the child of its guardian."""
    words = ["campaign", str(folder.path.resolve())]
    found = [p for p in psutil.process_iter(["cmdline"]) if (p.info["cmdline"] or [])[-2:] == words]
    parents = {p.ppid() for p in found}
    return next(p for p in found if p.pid not in parents)


def cpu_s(process: psutil.Process) -> float:
    """Return the processor time that a process and the children it waited for have used."""
    times = process.cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    """Print the share of a core."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--target", default="microgpt")
    args = parser.parse_args()
    with TemporaryDirectory(prefix="campaign-") as home:
        lab = measured(Lab.open(args.target, home=Path(home)))
        plan = Plan(
            budget=CampaignBudget(hours=1.0),
            agents=(IDLE,) * args.workers,
            silence_s=3600.0,
            grace_s=60.0,
        )
        settings = CampaignSettings(
            home=home,
            lab=lab.name,
            server=(sys.executable, "-m", "autoresearch_mcp"),
            python=sys.executable,
        )
        state = start_campaign(lab, plan, settings, check=lambda _: None)
        folder = CampaignFolder.of(lab.folder, state.name)
        wait_for_supervisor(folder)
        time.sleep(5.0)
        loop, runs = loop_of(folder), len(lab.history().reports)
        before, began = cpu_s(loop), time.monotonic()
        time.sleep(args.seconds)
        used, took = cpu_s(loop) - before, time.monotonic() - began
        ended = len(lab.history().reports) - runs
        print(
            f"{args.workers} workers, {ended} control runs in {took:.0f} s: the supervisor used "
            f"{used:.2f} CPU s, {used / took:.1%} of a core, {rss_mb(loop.pid):.0f} MB"
        )
        steer(lab, Steering.STOP)
        while lab.history().campaigns[state.name].goes_on:
            time.sleep(0.5)


if __name__ == "__main__":
    main()
