"""The wheel, as a user installs it: beside another package named `server`, in an empty folder."""

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.support.paths import ROOT

UV = shutil.which("uv")

pytestmark = [
    pytest.mark.wheel,
    pytest.mark.skipif(UV is None, reason="needs uv on PATH: pip install uv"),
]

OTHER = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "other"
version = "1"
[tool.hatch.build.targets.wheel]
packages = ["server"]
"""

CALLS = """
import anyio, json, os, sys
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

async def main():
    env = {**os.environ, "AUTORESEARCH_HOME": "home"}
    transport = StdioTransport(sys.argv[1], sys.argv[2:], env=env)
    async with Client(transport) as client:
        async def call(name, **arguments):
            return (await client.call_tool(name, arguments)).structured_content
        await call("open_lab")
        run = await call("run_training", experiment="e0")
        while True:
            seen = await call("check_run", run=run["run"], wait_s=20)
            if seen["state"] not in ("queued", "training", "scoring"):
                break
        print(json.dumps(seen))

anyio.run(main)
"""


def run(*command: str, cwd: Path, **env: str) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("VIRTUAL", "UV_PROJECT"))}
    done = subprocess.run(
        command, cwd=cwd, env={**clean, **env}, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(str(UV), "build", "-q", "--wheel", "--out-dir", str(folder), str(ROOT), cwd=folder)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel and another package named `server`."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "other" / "server").mkdir(parents=True)
    (folder / "other" / "server" / "__init__.py").write_text("whose = 'another package'\n")
    (folder / "other" / "pyproject.toml").write_text(OTHER)
    run(str(UV), "venv", "-q", "env", cwd=folder)
    python = folder / "env" / "bin" / "python"
    install = (str(UV), "pip", "install", "-q", "--python", str(python))
    run(*install, str(wheel), "./other", cwd=folder)
    return python


@pytest.mark.slow
def test_the_wheel_puts_one_name_into_site_packages(wheel: Path) -> None:
    names = {Path(name).parts[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"autoresearch_mcp"}


@pytest.mark.slow
def test_the_wheel_carries_target_data_and_skill(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (
        "microgpt/gpt.py",
        "microgpt/tensor.py",
        "microgpt/data/surnames.txt",
        "autoresearch/targets/microgpt/autoresearch.toml",
        "skills/run-autoresearch/SKILL.md",
        "skills/teach-microgpt/SKILL.md",
        "skills/write-a-course/references/format.md",
    ):
        assert f"autoresearch_mcp/_app/{path}" in names


@pytest.mark.slow
def test_an_installed_wheel_trains_and_scores_beside_another_package_named_server(
    python: Path, tmp_path: Path
) -> None:
    said = run(str(python), "-c", "import server; print(server.whose)", cwd=tmp_path)
    assert said.strip() == "another package"
    command = str(python.parent / "autoresearch-mcp")
    assert run(command, "--version", cwd=tmp_path).startswith("0.")
    seen = json.loads(run(str(python), "-c", CALLS, command, cwd=tmp_path))
    assert seen["state"] == "finished", seen
    assert 2 < seen["value"] < 5


@pytest.mark.long
def test_uvx_runs_the_wheel_and_its_runs_do_not_need_uvs_cache(
    wheel: Path, python: Path, tmp_path: Path
) -> None:
    command = (str(UV), "tool", "run", "--from", str(wheel), "autoresearch-mcp")
    seen = json.loads(run(str(python), "-c", CALLS, *command, cwd=tmp_path))
    assert seen["state"] == "finished", seen
    [copied] = (tmp_path / "home" / "runtime").glob("*/bin/python")
    assert copied.exists()
