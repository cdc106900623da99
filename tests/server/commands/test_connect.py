"""Connecting a client: what is written, what is kept, and that the printed command works."""

import json
import sys
import tomllib
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from autoresearch.errors import LabError
from server.clients.configuration import (
    apply,
    codex_table,
    merge,
    plan_claude_code,
    plan_codex,
    plan_toml,
)
from server.clients.launch import Launch, launch_command, source_named
from server.clients.skills import NOTE, plan_skills, shipped
from server.commands import run
from server.commands.connect import Answer

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
    [config] = plan_codex(tmp_path, LAUNCH, {"AUTORESEARCH_HOME": "/labs"}, READERS)
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


def test_an_existing_codex_config_keeps_everything_else(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(THEIRS)
    plan = plan_toml(path, codex_table(LAUNCH, {}, READERS))
    assert apply([plan])
    text = path.read_text()
    tables = tomllib.loads(text)
    assert tables["model"] == "some-model"
    assert tables["profiles"] == {"fast": {"model": "quick"}}
    assert tables["mcp_servers"]["other"] == {"command": "other"}
    assert tables["mcp_servers"]["autoresearch"]["command"] == "uvx"
    assert tables["mcp_servers"]["autoresearch"]["env"] == {"X": "1"}
    assert "# my settings" in text
    assert "\n\n# about profiles\n[profiles.fast]\n" in text
    [backup] = tmp_path.glob("config.toml.*.bak")
    assert backup.read_text() == THEIRS


def test_writing_twice_changes_nothing_and_backs_up_nothing(tmp_path):
    for plans in (
        lambda: plan_codex(tmp_path / "codex", LAUNCH, {}, READERS),
        lambda: plan_claude_code(tmp_path / "project", LAUNCH, {}, READERS),
        lambda: plan_skills(tmp_path / "skills", shipped()).plans,
    ):
        apply(plans())
        again = plans()
        assert not any(plan.changes for plan in again)
        assert apply(again) == []


EDITED = """\
# about our server
[mcp_servers.autoresearch]
enabled = false  # for now
command = "old"
env_vars = [
    "MINE",  # a key of mine
]
tool_timeout_sec = 900

# what my shell has not
[mcp_servers.autoresearch.env]
X = "1"

[mcp_servers.autoresearch.tools.check_run]
approval_mode = "prompt"

# about profiles
[profiles.fast]
model = "quick"
"""


def test_what_the_user_changed_in_our_own_table_stays(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(EDITED)
    [plan] = plan_codex(tmp_path, LAUNCH, {"AUTORESEARCH_HOME": "/labs"}, READERS)
    assert plan.text == snapshot("""\
# about our server
[mcp_servers.autoresearch]
enabled = false  # for now
command = "uvx"
env_vars = [
    "MINE",  # a key of mine
    "CUDA_VISIBLE_DEVICES",
    "HF_HOME",
]
tool_timeout_sec = 900
args = ["--from", "/a folder/x", "autoresearch-mcp"]
startup_timeout_sec = 60

# what my shell has not
[mcp_servers.autoresearch.env]
X = "1"
AUTORESEARCH_HOME = "/labs"

[mcp_servers.autoresearch.tools.check_run]
approval_mode = "prompt"

[mcp_servers.autoresearch.tools.recall_experiments]
approval_mode = "approve"

# about profiles
[profiles.fast]
model = "quick"
""")


@pytest.mark.parametrize(
    "text",
    [
        'mcp_servers = { other = { command = "x" } }\n',
        'mcp_servers = { autoresearch = { command = "x", enabled = false } }\n',
        'mcp_servers.other.command = "x"\ny = 1\n[p]\n',
        'mcp_servers.autoresearch.env.Y = "x"\ny = 1\n[p]\n',
        '[mcp_servers]\nautoresearch.command = "x"\nautoresearch.env.Y = "1"\n# p\n[p]\n',
        '[mcp_servers.autoresearch.env]\nY = "x"\n# p\n[p]\n',
        '[mcp_servers.autoresearch]\n[p]\n[mcp_servers.autoresearch.env]\nY = "1"',
        '[mcp_servers.autoresearch.env]\nY = "1"\n[p]\n[mcp_servers."autoresearch"]\nz = 1',
        "[mcp_servers.autoresearch]\ntools = { check_run = { z = 1 } }\n[mcp_servers.other]\n",
    ],
)
def test_however_a_codex_config_is_written_it_is_merged(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text)
    apply(plan_codex(tmp_path, LAUNCH, {"AUTORESEARCH_HOME": "/labs"}, READERS))
    before, after = tomllib.loads(text), tomllib.loads(path.read_text())
    old = before.setdefault("mcp_servers", {}).pop("autoresearch", {})
    new = after["mcp_servers"].pop("autoresearch")
    assert after == before
    assert (new["command"], new["tool_timeout_sec"]) == ("uvx", 120)
    assert new["env"] == {**old.get("env", {}), "AUTORESEARCH_HOME": "/labs"}
    assert all(new["tools"][name]["approval_mode"] == "approve" for name in READERS)
    assert old.keys() <= new.keys()
    assert path.read_text().count("# p\n[p]\n") == text.count("# p\n[p]\n")
    [again] = plan_codex(tmp_path, LAUNCH, {"AUTORESEARCH_HOME": "/labs"}, READERS)
    assert not again.changes


@pytest.mark.parametrize(
    "text",
    [
        "model = \n",
        "mcp_servers = 3\n",
        "[[mcp_servers]]\n",
        "[mcp_servers]\nautoresearch = 'x'\n",
        "[mcp_servers.autoresearch]\nenv = 'x'\n",
        "[mcp_servers.autoresearch]\ntool_timeout_sec = 'long'\n",
    ],
)
def test_a_codex_config_that_holds_something_else_is_refused_and_left_alone(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(LabError, match="by hand"):
        plan_toml(path, codex_table(LAUNCH, {}, READERS))
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
    apply([plan_toml(tmp_path / "config.toml", codex_table(LAUNCH, {}, READERS))])
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
    monkeypatch.setattr("server.clients.launch.installed_from", lambda: "/d/x.whl")
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    assert launch_command() == Launch(
        "/bin/uvx", ("--python", python, "--from", "/d/x.whl", "autoresearch-mcp")
    )
    monkeypatch.setattr("server.clients.launch.installed_from", lambda: None)
    assert launch_command() == Launch("uvx", ("--python", python, "autoresearch-mcp"))


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def install(folder: Path, *, force: bool = False) -> list[Path]:
    return apply(plan_skills(folder, shipped(), force=force).plans)


def test_skills_are_copied_whole_but_for_what_their_authors_need(tmp_path):
    install(tmp_path)
    copied = contents(tmp_path)
    assert "teach-microgpt/references/situations.md" in copied
    assert {path.partition("/")[0] for path in copied} == {
        "explain-code",
        "run-autoresearch",
        "teach-microgpt",
        "write-a-course",
        NOTE,
    }
    assert not [path for path in copied if "evals" in path]


def test_a_toolset_brings_the_skills_that_speak_of_its_tools():
    assert shipped("research") == ["explain-code", "run-autoresearch"]
    assert shipped("teach") == ["explain-code", "teach-microgpt", "write-a-course"]
    assert len(shipped("all")) == 4


def test_a_skill_that_the_user_changed_is_kept_until_forced_and_then_backed_up(tmp_path):
    install(tmp_path)
    mine = tmp_path / "teach-microgpt" / "SKILL.md"
    shipped_text = mine.read_text()
    mine.write_text("my own way\n")
    plan = plan_skills(tmp_path, shipped())
    assert plan.kept == [mine]
    assert apply(plan.plans) == []
    assert mine.read_text() == "my own way\n"
    [backup] = install(tmp_path, force=True)
    assert backup.read_text() == "my own way\n"
    assert mine.read_text() == shipped_text


def test_a_skill_that_was_there_before_us_is_kept(tmp_path):
    theirs = tmp_path / "explain-code" / "SKILL.md"
    theirs.parent.mkdir()
    theirs.write_text("another skill of that name\n")
    install(tmp_path)
    assert theirs.read_text() == "another skill of that name\n"


def test_a_copy_that_nobody_touched_follows_the_product_without_a_backup(tmp_path, monkeypatch):
    product = tmp_path / "product"
    skill = product / "greet" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("version 1\n")
    monkeypatch.setattr("server.clients.skills.SKILLS", product)
    install(tmp_path / "client")
    skill.write_text("version 2\n")
    assert install(tmp_path / "client") == []
    assert (tmp_path / "client" / "greet" / "SKILL.md").read_text() == "version 2\n"


def test_a_note_that_was_damaged_makes_every_changed_file_the_users(tmp_path):
    install(tmp_path)
    (tmp_path / NOTE).write_text("{")
    (tmp_path / "explain-code" / "SKILL.md").write_text("mine\n")
    assert plan_skills(tmp_path, shipped()).kept == [tmp_path / "explain-code" / "SKILL.md"]


def test_a_skills_folder_that_cannot_be_read_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "teach-microgpt").write_text("a file in the way")
    with pytest.raises(LabError, match="can't be read"):
        plan_skills(tmp_path, shipped())
    assert [path.name for path in tmp_path.iterdir()] == ["teach-microgpt"]


def test_without_skills_in_the_product_connect_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("server.clients.skills.SKILLS", tmp_path)
    with pytest.raises(LabError, match="Install the product again"):
        shipped()


def answering(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The server's answer stands in; all else of `connect` is real."""

    async def answer(launch: Launch) -> Answer:
        return Answer(9, READERS, 0.5)

    monkeypatch.setattr("server.commands.connect._try", answer)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "user" / ".codex"))


def test_connect_copies_skills_to_where_each_client_looks(tmp_path, monkeypatch, capsys):
    answering(monkeypatch, tmp_path)
    for client, folder in (("claude-code", ".claude/skills"), ("codex", "user/.agents/skills")):
        assert run(["connect", client, "--skills"]) == 0
        assert not (tmp_path / folder).exists()
        assert "to write" in capsys.readouterr().out
        assert run(["connect", client, "--skills", "--write"]) == 0
        assert (tmp_path / folder / "teach-microgpt" / "SKILL.md").exists()
        assert run(["connect", client, "--skills", "--write"]) == 0
        assert "0 files written, 0 backed up" in capsys.readouterr().out


def test_connect_says_what_it_kept_and_how_to_force_it(tmp_path, monkeypatch, capsys):
    answering(monkeypatch, tmp_path)
    assert run(["connect", "claude-code", "--write"]) == 0
    mine = tmp_path / ".claude" / "skills" / "teach-microgpt" / "SKILL.md"
    mine.write_text("mine\n")
    capsys.readouterr()
    assert run(["connect", "claude-code", "--write"]) == 0
    out = capsys.readouterr().out
    assert f"kept, for you changed it: {mine}" in out
    assert "connect claude-code --write --force" in out
    assert run(["connect", "claude-code", "--write", "--json"]) == 0
    skills = json.loads(capsys.readouterr().out)["skills"]
    assert [skill["kept"] for skill in skills if skill["kept"]] == [[str(mine)]]
    assert run(["connect", "claude-code", "--write", "--force"]) == 0
    assert mine.read_text().startswith("---\nname: teach-microgpt\n")


def test_connect_takes_the_users_own_courses_along_by_their_whole_paths(tmp_path, monkeypatch):
    answering(monkeypatch, tmp_path)
    monkeypatch.setenv("AUTORESEARCH_COURSES", f"mine:{tmp_path / 'ours'}")
    assert run(["connect", "claude-code", "--write", "--no-skills"]) == 0
    server = json.loads((tmp_path / ".mcp.json").read_text())["mcpServers"]["autoresearch"]
    assert server["env"]["AUTORESEARCH_COURSES"] == f"{tmp_path / 'mine'}:{tmp_path / 'ours'}"


def test_connect_without_skills_leaves_their_folder_alone(tmp_path, monkeypatch, capsys):
    answering(monkeypatch, tmp_path)
    assert run(["connect", "claude-code", "--write", "--no-skills"]) == 0
    assert not (tmp_path / ".claude" / "skills").exists()


@pytest.mark.slow
def test_connect_prints_by_default_and_writes_on_request(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "codex"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))
    assert run(["connect", "claude-code"]) == 0
    out = capsys.readouterr().out
    assert '"mcp__autoresearch__check_run"' in out
    assert "the server answered with 14 tools in" in out
    assert list(tmp_path.iterdir()) == []
    assert run(["connect", "codex", "--write", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["tools"] == 14
    assert [one["written"] for one in report["files"]] == [True]
    assert [one["written"] for one in report["skills"]] == [True] * 4
    config = tomllib.loads((tmp_path / "codex" / "config.toml").read_text())
    server = config["mcp_servers"]["autoresearch"]
    assert (server["command"], server["args"]) == (report["command"], report["args"])
    assert set(server["tools"]) == {
        "check_run",
        "recall_experiments",
        "explain_code_section",
        "show_progress",
    }


def test_connect_says_so_when_the_server_does_not_answer(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    broken = Launch(sys.executable, ("-c", "raise SystemExit('no such thing')"))
    monkeypatch.setattr("server.commands.connect.launch_command", lambda _: broken)
    assert run(["connect", "claude-code", "--write"]) == 1
    err = capsys.readouterr().err
    assert "did not answer" in err
    assert "no such thing" in err
    assert list(tmp_path.iterdir()) == []
