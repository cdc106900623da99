"""Connecting a client: what is written, what is kept, and that the printed command works."""

import json
import sys
import tomllib
from pathlib import Path

import pytest

from autoresearch.errors import LabError
from server.clients import apply, codex_block, merge, plan_claude_code, plan_codex, plan_toml
from server.commands import run
from server.launching import Launch, launch_command, source_named

LAUNCH = Launch("uvx", ("--from", "/a folder/x", "autoresearch-mcp"))
READERS = ("check_run", "recall_experiments")
THEIRS = """\
# my settings
model = "some-model"

[mcp_servers.other]
command = "other"

[mcp_servers.autoresearch]
command = "old"

[mcp_servers.autoresearch.env]
X = "1"

# about profiles
[profiles.fast]
model = "quick"
"""


def test_a_fresh_codex_config_says_command_limits_variables_and_allowed_tools(tmp_path):
    config, skill = plan_codex(tmp_path, LAUNCH, {"AUTORESEARCH_HOME": "/labs"}, READERS)
    server = tomllib.loads(config.text)["mcp_servers"]["autoresearch"]
    assert server == {
        "command": "uvx",
        "args": ["--from", "/a folder/x", "autoresearch-mcp"],
        "env_vars": ["CUDA_VISIBLE_DEVICES", "HF_HOME"],
        "startup_timeout_sec": 60,
        "tool_timeout_sec": 120,
        "env": {"AUTORESEARCH_HOME": "/labs"},
        "tools": {name: {"approval_mode": "approve"} for name in READERS},
    }
    assert skill.path == tmp_path / "skills" / "run-autoresearch" / "SKILL.md"
    assert skill.text.startswith("---\nname: run-autoresearch\n")


def test_an_existing_codex_config_keeps_everything_else(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(THEIRS)
    plan = plan_toml(path, codex_block(LAUNCH, {}, READERS))
    assert apply([plan])
    text = path.read_text()
    tables = tomllib.loads(text)
    assert tables["model"] == "some-model"
    assert tables["profiles"] == {"fast": {"model": "quick"}}
    assert tables["mcp_servers"]["other"] == {"command": "other"}
    assert tables["mcp_servers"]["autoresearch"]["command"] == "uvx"
    assert "env" not in tables["mcp_servers"]["autoresearch"]
    assert "# my settings" in text
    [backup] = tmp_path.glob("config.toml.*.bak")
    assert backup.read_text() == THEIRS


def test_writing_twice_changes_nothing_and_backs_up_nothing(tmp_path):
    for plans in (
        lambda: plan_codex(tmp_path / "codex", LAUNCH, {}, READERS),
        lambda: plan_claude_code(tmp_path / "project", LAUNCH, {}, READERS),
    ):
        apply(plans())
        again = plans()
        assert not any(plan.changes for plan in again)
        assert apply(again) == []


def test_a_codex_config_that_cannot_be_merged_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "config.toml"
    for text in ('mcp_servers = { other = { command = "x" } }\n', "model = \n"):
        path.write_text(text)
        with pytest.raises(LabError, match="by hand"):
            plan_toml(path, codex_block(LAUNCH, {}, READERS))
        assert path.read_text() == text


def test_claude_codes_files_are_merged_with_what_is_there(tmp_path):
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {"other": {"command": "x"}}, "y": 1}')
    settings = tmp_path / ".claude" / "settings.local.json"
    settings.write_text(
        '{"permissions": {"allow": ["Bash(ls)"], "deny": ["Read(x)"]}, '
        '"env": {"MCP_TIMEOUT": "90000"}}'
    )
    backups = apply(plan_claude_code(tmp_path, LAUNCH, {"AUTORESEARCH_HOME": "/l"}, READERS))
    servers = json.loads((tmp_path / ".mcp.json").read_text())
    assert servers["y"] == 1
    assert servers["mcpServers"]["other"] == {"command": "x"}
    assert servers["mcpServers"]["autoresearch"] == {
        "type": "stdio",
        "command": "uvx",
        "args": ["--from", "/a folder/x", "autoresearch-mcp"],
        "env": {"AUTORESEARCH_HOME": "/l"},
    }
    assert json.loads(settings.read_text()) == {
        "permissions": {
            "allow": [
                "Bash(ls)",
                "mcp__autoresearch__check_run",
                "mcp__autoresearch__recall_experiments",
            ],
            "deny": ["Read(x)"],
        },
        "env": {"MCP_TIMEOUT": "90000"},
    }
    assert len(backups) == 2
    assert (tmp_path / ".claude" / "skills" / "run-autoresearch" / "SKILL.md").exists()


def test_a_settings_file_that_is_not_json_is_refused(tmp_path):
    (tmp_path / ".mcp.json").write_text("{")
    with pytest.raises(LabError, match="is not JSON"):
        plan_claude_code(tmp_path, LAUNCH, {}, READERS)


def test_a_value_of_another_kind_is_refused_not_overwritten():
    with pytest.raises(LabError, match="permissions"):
        merge({"permissions": "all"}, {"permissions": {"allow": []}}, "settings.json")


def test_a_link_stays_a_link_when_its_file_is_written(tmp_path):
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "dotfiles" / "config.toml").write_text('model = "m"\n')
    (tmp_path / "config.toml").symlink_to(tmp_path / "dotfiles" / "config.toml")
    apply([plan_toml(tmp_path / "config.toml", codex_block(LAUNCH, {}, READERS))])
    assert (tmp_path / "config.toml").is_symlink()
    assert "autoresearch" in (tmp_path / "dotfiles" / "config.toml").read_text()


@pytest.mark.parametrize(
    ("direct_url", "source"),
    [
        ({"url": "file:///a%20folder/x", "dir_info": {"editable": True}}, "/a folder/x"),
        ({"url": "file:///d/autoresearch_mcp-1-py3-none-any.whl", "archive_info": {}}, None),
        (
            {
                "url": "https://example.org/x.git",
                "vcs_info": {"vcs": "git", "commit_id": "abc"},
            },
            "git+https://example.org/x.git@abc",
        ),
    ],
)
def test_the_source_is_what_the_installer_wrote_down(direct_url, source):
    expected = source or "/d/autoresearch_mcp-1-py3-none-any.whl"
    assert source_named(direct_url) == expected


def test_from_uvs_cache_the_command_is_uvx_from_the_same_source(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "archive-v0" / "abc"))
    python = str(Path(sys.executable).resolve())
    monkeypatch.setattr("server.launching.installed_from", lambda: "/d/x.whl")
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    assert launch_command() == Launch(
        "/bin/uvx", ("--python", python, "--from", "/d/x.whl", "autoresearch-mcp")
    )
    monkeypatch.setattr("server.launching.installed_from", lambda: None)
    assert launch_command() == Launch("uvx", ("--python", python, "autoresearch-mcp"))


@pytest.mark.slow
def test_connect_prints_by_default_and_writes_on_request(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "codex"))
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))
    assert run(["connect", "claude-code"]) == 0
    out = capsys.readouterr().out
    assert '"mcp__autoresearch__check_run"' in out
    assert "the server answered with 9 tools in" in out
    assert list(tmp_path.iterdir()) == []
    assert run(["connect", "codex", "--write", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["tools"] == 9
    assert [one["written"] for one in report["files"]] == [True, True]
    config = tomllib.loads((tmp_path / "codex" / "config.toml").read_text())
    server = config["mcp_servers"]["autoresearch"]
    assert (server["command"], server["args"]) == (report["command"], report["args"])
    assert set(server["tools"]) == {"check_run", "recall_experiments", "explain_code_section"}


def test_connect_says_so_when_the_server_does_not_answer(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    broken = Launch(sys.executable, ("-c", "raise SystemExit('no such thing')"))
    monkeypatch.setattr("server.commands.connecting.launch_command", lambda _: broken)
    assert run(["connect", "claude-code", "--write"]) == 1
    err = capsys.readouterr().err
    assert "did not answer" in err
    assert "no such thing" in err
    assert list(tmp_path.iterdir()) == []
