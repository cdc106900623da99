"""A client as a process of its own: starts the server, starts a run, then stays until it is killed.

python -m tests.support.client_process LAB EXPERIMENT
"""

import sys

import anyio
from fastmcp import Client
from fastmcp.client.transports import StdioTransport


async def main(lab: str, experiment: str) -> None:
    import os

    server = StdioTransport(sys.executable, ["-m", "autoresearch_mcp"], env=dict(os.environ))
    async with Client(server) as client:
        result = await client.call_tool("run_training", {"lab": lab, "experiment": experiment})
        print(result.structured_content["run"], flush=True)
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
