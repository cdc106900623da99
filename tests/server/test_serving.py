"""The server as a client starts it: over stdio, in both eras, with clean pipes and few imports."""

import subprocess
import sys

import pytest

from tests.server.conftest import call, over_stdio, refused

pytestmark = pytest.mark.anyio
FAKE = ("-m", "tests.support.fake_server")
HEAVY = (
    "numpy",
    "torch",
    "scipy",
    "matplotlib",
    "cyclopts",
    "jinja2",
    "autoresearch.lab",
    "tomlkit",
)


@pytest.mark.slow
async def test_every_tool_answers_over_stdio(mode, tmp_path):
    edit = {"path": "train.py", "find": "0.01", "replace": "0.02"}
    home = {"AUTORESEARCH_HOME": str(tmp_path / "home")}
    exercise = "predict-a-run"
    async with over_stdio(mode, *FAKE, log=tmp_path / "log", env=home) as client:
        tools = [tool.name for tool in await client.list_tools()]
        answers = {
            "open_lab": await call(client, "open_lab"),
            "propose_patch": await call(client, "propose_patch", hypothesis="h", edits=[edit]),
            "run_training": await call(client, "run_training", experiment="e2", wait_s=1),
            "check_run": await call(client, "check_run"),
            "evaluate_metric": await call(client, "evaluate_metric", experiment="e2"),
            "conclude_experiment": await call(
                client, "conclude_experiment", experiment="e2", lesson="l"
            ),
            "recall_experiments": await call(client, "recall_experiments"),
            "explain_code_section": await call(client, "explain_code_section", section="train.py"),
            "stop_run": await call(client, "stop_run", run="e2-r1"),
            "fit_scaling": await call(client, "fit_scaling", experiment="e2", wait_s=0),
            "start_lesson": await call(client, "start_lesson", folder=str(tmp_path)),
            "get_hint": await call(client, "get_hint", exercise=exercise),
            "submit_exercise": await call(
                client, "submit_exercise", exercise=exercise, answer="[1, 2, 3]"
            ),
            "show_progress": await call(client, "show_progress"),
        }
        said = await refused(client, "check_run", wait_s=99)
        ledger = await client.read_resource("lab://fake/ledger")
    assert set(answers) == set(tools)
    for answer in answers.values():
        assert answer["summary"]
        assert answer["next_step"]
    assert said.code == "arguments.value"
    assert "at most 45" in said
    assert '"kind":"lab_opened"' in ledger[0].text
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.slow
def test_starting_the_server_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from server.app import build_server\n"
        "build_server()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_nothing_but_protocol_goes_to_stdout(tmp_path):
    environment = {"AUTORESEARCH_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-m", "autoresearch_mcp"],
        input=b"",
        capture_output=True,
        env=environment,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.long
def test_a_dotenv_file_in_the_clients_folder_does_not_configure_the_server(tmp_path):
    (tmp_path / ".env").write_text("FASTMCP_LOG_LEVEL=NONSENSE\n")
    done = subprocess.run(
        [sys.executable, "-m", "autoresearch_mcp"],
        input=b"",
        capture_output=True,
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
