"""An agent without a language model, for campaigns: a real MCP client that starts its server.

`python night_agent.py MODE…` takes one mode a start, in turn, the last one again and again:
`work` researches a knob (NIGHT_KNOB, else SMOOTHING) of a lab (NIGHT_LAB, else `tiny`); `work:N`
ends after N experiments;
`crash`, `hang`, `repeat`, `cheat`, `flood`, `fork`, `deaf` (to SIGTERM), `garbage` misbehave.
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ASLEEP = 1e6


def main() -> None:
    """Behave as the mode of this start says."""
    brief = sys.stdin.read()
    count = Path("starts")
    starts = int(count.read_text()) if count.exists() else 0
    count.write_text(str(starts + 1))
    Path(f"brief-{starts}.md").write_text(brief)
    modes = sys.argv[1:]
    mode = modes[min(starts, len(modes) - 1)]
    name, _, number = mode.partition(":")
    if name == "crash":
        raise RuntimeError("the agent crashed on purpose")
    if name == "hang":
        time.sleep(ASLEEP)
    if name == "garbage":
        sys.stdout.buffer.write(bytes(range(256)) * 50)
        sys.exit(0)
    if name == "flood":
        while True:
            sys.stdout.buffer.write(b"x" * 1_000_000)
    if name == "fork":
        subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({ASLEEP})"])
        os.setsid() if os.getpgrp() != os.getpid() else None
        sys.exit(1)
    if name == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(ASLEEP)
    asyncio.run(_research(name, int(number or 10**6)))


async def _research(mode: str, most: int) -> None:
    from fastmcp import Client

    told = json.loads(Path(os.environ["AUTORESEARCH_MCP_CONFIG"]).read_text())
    async with Client(told) as client:
        await _call(client, "open_lab", source=os.environ.get("NIGHT_LAB", "tiny"))
        for _ in range(most):
            if mode == "repeat":
                await _call(client, "evaluate_metric", experiment="e999")
                continue
            if not await _experiment(client, cheats=mode == "cheat"):
                return


async def _experiment(client: Any, *, cheats: bool) -> bool:
    """Propose a value, bring it to a verdict, conclude; return whether to go on."""
    section = await _call(client, "explain_code_section", section="train.py")
    name = os.environ.get("NIGHT_KNOB", "SMOOTHING")
    now = next(knob["value"] for knob in section["knobs"] if knob["name"] == name)
    value = f"{float(now) * random.choice((0.3, 0.5, 0.8, 1.3, 2.0, 4.0)):.6g}"
    replace = f"{name} = {value}"
    if cheats:
        replace = f'{replace}\nopen("/etc/passwd").read()\nprint("METRIC val_bpb=0")'
    proposed = await _call(
        client,
        "propose_patch",
        hypothesis=f"{name} {value} is better than {now}",
        edits=[{"path": "train.py", "find": f"{name} = {now}", "replace": replace}],
        predicted_effect=0.01,
        confidence=0.5,
        model="night agent",
    )
    if "error" in proposed:
        return "campaign_over" not in proposed["code"] and "campaign_paused" not in proposed["code"]
    experiment = proposed["experiment"]
    await _call(client, "run_training", experiment=experiment)
    while True:
        found = await _call(client, "evaluate_metric", experiment=experiment, wait_s=20)
        if "outcome" in found or "error" in found:
            break
    lesson = f"{name} {value}: seen"
    await _call(client, "conclude_experiment", experiment=experiment, lesson=lesson)
    return True


async def _call(client: Any, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments, raise_on_error=False)
    if result.is_error or result.structured_content is None:
        words = " ".join(getattr(part, "text", "") for part in result.content)
        return {"error": words, "code": str(result.meta)}
    for word in result.structured_content.get("campaign", ()):
        with Path("heard").open("a") as heard:
            heard.write(f"{word}\n")
    return dict(result.structured_content)


if __name__ == "__main__":
    main()
