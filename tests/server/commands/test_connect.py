"""Connecting a client: what is written, what is kept, and that the printed command works."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from autoresearch.errors import LabError
from server.clients.configuration import (
    codex_table,
    merge,
    plan_claude_code,
    plan_codex,
    plan_toml,
)
from server.clients.installed import PLUGIN_TOOLS, installed
from server.clients.launch import (
    Launch,
    environment,
    how_to_install,
    launch_command,
    passed_on,
    source_named,
)
from server.clients.skills import NOTE, plan_skills, shipped
from server.clients.user_files import apply
from server.commands import run
from server.commands.connect import Answer
from tests.support.paths import ROOT
from tests.support.refusals import raises

LAUNCH = Launch("uvx", ("--from", "/a folder/x", "autoresearch-mcp"))
READERS = ("check_run", "recall_experiments")
NAMES = ("AUTORESEARCH_HOME", "CUDA_VISIBLE_DEVICES", "HF_HOME")
MARK = b"\xef\xbb\xbf"
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
    [config] = plan_codex(tmp_path, LAUNCH, {"AUTORESEARCH_HOME": "/labs"}, READERS, names=NAMES)
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
    [plan] = plan_codex(tmp_path, LAUNCH, {"AUTORESEARCH_HOME": "/labs"}, READERS, names=NAMES)
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
    with pytest.raises(LabError) as refused:
        plan_toml(path, codex_table(LAUNCH, {}, READERS))
    assert refused.value.code == "lab_error.not_mergeable"
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
    with pytest.raises(LabError, match=r"\.mcp\.json") as refused:
        plan_claude_code(tmp_path, LAUNCH, {}, READERS)
    assert refused.value.reason == "not_json"


def test_a_value_of_another_kind_is_refused_not_overwritten():
    with pytest.raises(LabError, match="permissions") as refused:
        merge({"permissions": "all"}, {"permissions": {"allow": []}}, "settings.json")
    assert refused.value.reason == "other_kind"


OURS = {"type": "stdio", "command": LAUNCH.command, "args": list(LAUNCH.args)}


def claude_entry(folder: Path, entry: dict[str, object], **options: object) -> dict[str, object]:
    """Our entry in .mcp.json after a plan over this one."""
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": {"autoresearch": entry}}))
    plan, _ = plan_claude_code(folder, LAUNCH, options.pop("env", {}), READERS, **options)
    made = json.loads(plan.text)["mcpServers"]["autoresearch"]
    return {**made, "notes": plan.notes}


def test_what_the_user_added_to_our_own_entry_of_claude_code_stays(tmp_path):
    theirs = {"HTTPS_PROXY": "http://p:1", "MY": "1"}
    old = {"type": "stdio", "command": "old", "args": ["x"], "env": theirs, "timeout": 900_000}
    made = claude_entry(tmp_path, {**old, "disabled": True}, env={"AUTORESEARCH_HOME": "/l"})
    assert made == {
        **OURS,
        "env": {**theirs, "AUTORESEARCH_HOME": "/l"},
        "timeout": 900_000,
        "disabled": True,
        "notes": (),
    }


def test_what_cannot_stay_beside_a_command_is_named(tmp_path):
    made = claude_entry(
        tmp_path, {"type": "http", "url": "http://x", "headers": {"A": "b"}, "k": 1}
    )
    [note] = made.pop("notes")
    assert made == {**OURS, "env": {}, "k": 1}
    assert "url, headers" in note
    config = tmp_path / "config.toml"
    config.write_text(
        '[mcp_servers.autoresearch]\nurl = "http://x"\n'
        'bearer_token_env_var = "T"\nenabled = false\n'
    )
    [plan] = plan_codex(tmp_path, LAUNCH, {}, READERS)
    table = tomllib.loads(plan.text)["mcp_servers"]["autoresearch"]
    assert table["enabled"] is False
    assert table.keys().isdisjoint(("url", "bearer_token_env_var"))
    assert "url, bearer_token_env_var" in plan.notes[0]


def test_an_entry_whose_variables_are_no_object_is_refused(tmp_path):
    with raises("lab_error.other_kind", "mcpServers.autoresearch"):
        claude_entry(tmp_path, {"command": "x", "env": "HOME=1"})


def test_a_home_that_the_entry_names_becomes_the_terminals_and_that_is_said(tmp_path):
    made = claude_entry(tmp_path, {"env": {"AUTORESEARCH_HOME": "/other"}}, home="/labs")
    assert made["env"] == {"AUTORESEARCH_HOME": "/labs"}
    assert "/other" in made["notes"][0]
    assert "/labs" in made["notes"][0]
    same = claude_entry(tmp_path, {"env": {"AUTORESEARCH_HOME": "/labs/"}}, home="/labs")
    assert (same["env"], same["notes"]) == ({"AUTORESEARCH_HOME": "/labs/"}, ())


@pytest.mark.parametrize("name", ["AUTORESEARCH_HOME", "XDG_DATA_HOME"])
def test_a_home_that_a_cleared_environment_would_not_find_is_written(tmp_path, monkeypatch, name):
    for other in ("AUTORESEARCH_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(other, raising=False)
    assert environment() == {}
    monkeypatch.setenv(name, str(tmp_path))
    assert Path(environment()["AUTORESEARCH_HOME"]).is_relative_to(tmp_path)


def test_proxies_certificates_and_what_uv_is_told_are_passed_on_by_name_alone():
    secret = {"UV_INDEX_URL": "https://me:word@x/simple", "UV_RUN_RECURSION_DEPTH": "1"}
    names = passed_on({**secret, "HTTPS_PROXY": "http://p:1", "UV_PROJECT_ENVIRONMENT": "/v"})
    assert {"HTTPS_PROXY", "no_proxy", "SSL_CERT_FILE", "XDG_DATA_HOME", "UV_INDEX_URL"} <= {*names}
    assert {"UV_RUN_RECURSION_DEPTH", "UV_PROJECT_ENVIRONMENT"}.isdisjoint(names)
    table = codex_table(LAUNCH, {}, READERS, names)
    assert table["env_vars"] == names
    assert "word" not in json.dumps(table)


def test_variables_that_codex_takes_from_elsewhere_are_kept(tmp_path):
    theirs = '{ name = "TOKEN", source = "remote" }'
    (tmp_path / "config.toml").write_text(f"[mcp_servers.autoresearch]\nenv_vars = [{theirs}]\n")
    [plan] = plan_codex(tmp_path, LAUNCH, {}, READERS, names=NAMES)
    table = tomllib.loads(plan.text)["mcp_servers"]["autoresearch"]
    assert table["env_vars"] == [{"name": "TOKEN", "source": "remote"}, *NAMES]


@pytest.mark.parametrize(("theirs", "limit"), [(300_000, 300_000), (5_000, 60_000)])
def test_a_start_limit_in_milliseconds_is_not_undercut_by_ours(tmp_path, theirs, limit):
    text = f"[mcp_servers.autoresearch]\nstartup_timeout_ms = {theirs}\n"
    (tmp_path / "config.toml").write_text(text)
    [plan] = plan_codex(tmp_path, LAUNCH, {}, READERS)
    table = tomllib.loads(plan.text)["mcp_servers"]["autoresearch"]
    assert table["startup_timeout_ms"] == limit
    assert "startup_timeout_sec" not in table


def test_files_saved_with_a_byte_order_mark_are_merged_and_backed_up_as_they_were(tmp_path):
    (tmp_path / ".claude").mkdir()
    files = {
        ".mcp.json": MARK + b'{"mcpServers": {"other": {"command": "x"}}}\n',
        ".claude/settings.local.json": MARK + b'{"permissions": {"deny": ["Read(x)"]}}\n',
        "config.toml": MARK + THEIRS.encode(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    plans = [
        *plan_claude_code(tmp_path, LAUNCH, {}, READERS),
        *plan_codex(tmp_path, LAUNCH, {}, ()),
    ]
    backups = apply(plans)
    assert [backup.read_bytes() for backup in backups] == list(files.values())
    assert not any((tmp_path / name).read_bytes().startswith(MARK) for name in files)
    assert "other" in json.loads((tmp_path / ".mcp.json").read_text())["mcpServers"]
    assert tomllib.loads((tmp_path / "config.toml").read_text())["model"] == "some-model"


def test_line_ends_of_windows_stay(tmp_path):
    (tmp_path / ".mcp.json").write_bytes(b'{\r\n"mcpServers": {}\r\n}\r\n')
    (tmp_path / "config.toml").write_bytes(THEIRS.replace("\n", "\r\n").encode())
    apply([plan_claude_code(tmp_path, LAUNCH, {}, ())[0], *plan_codex(tmp_path, LAUNCH, {}, ())])
    for name in (".mcp.json", "config.toml"):
        content = (tmp_path / name).read_bytes()
        assert content.count(b"\n") == content.count(b"\r\n") > 5
    assert b"\r\n# about profiles\r\n" in (tmp_path / "config.toml").read_bytes()


def test_a_file_that_is_not_utf8_is_refused_in_words(tmp_path):
    (tmp_path / ".mcp.json").write_bytes('{"mcpServers": {}}'.encode("utf-16"))
    with raises("lab_error.not_utf8", ".mcp.json"):
        plan_claude_code(tmp_path, LAUNCH, {}, READERS)


def test_a_second_backup_in_one_second_does_not_replace_the_first(tmp_path):
    path = tmp_path / "config.toml"
    kept = set()
    for number in range(3):
        path.write_text(f"model = '{number}'\n")
        kept.update(apply(plan_codex(tmp_path, LAUNCH, {}, ())))
    assert {backup.read_text() for backup in kept} == {f"model = '{n}'\n" for n in range(3)}


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
    monkeypatch.setattr("server.clients.launch.find_spec", lambda package: None)
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    assert launch_command() == Launch(
        "/bin/uvx", ("--python", python, "--from", "/d/x.whl", "autoresearch-mcp")
    )
    monkeypatch.setattr("server.clients.launch.installed_from", lambda: None)
    assert launch_command() == Launch("uvx", ("--python", python, "autoresearch-mcp"))


@pytest.mark.parametrize(
    ("source", "packages", "named"),
    [
        ("/d", ("scipy", "matplotlib"), "/d[scaling]"),
        ("/d", ("matplotlib",), "/d[plots]"),
        ("/d", ("optuna",), "/d[search]"),
        ("/d", ("scipy", "matplotlib", "optuna"), "/d[scaling,search]"),
        (None, ("scipy",), "autoresearch-mcp[scaling]"),
        ("git+https://x/y@abc", ("scipy",), "autoresearch-mcp[scaling] @ git+https://x/y@abc"),
    ],
)
def test_the_clients_server_gets_the_extras_that_are_here(
    monkeypatch, tmp_path, source, packages, named
):
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "archive-v0" / "abc"))
    monkeypatch.setattr("server.clients.launch.installed_from", lambda: source)
    monkeypatch.setattr(
        "server.clients.launch.find_spec", lambda name: name if name in packages else None
    )
    assert launch_command().args[-3:] == ("--from", named, "autoresearch-mcp")


@pytest.mark.parametrize(
    ("prefix", "begins"),
    [
        ("/h/.local/share/uv/tools/autoresearch-mcp", "uv tool install '/d[scaling]'"),
        ("/h/.cache/uv/archive-v0/abc", "uvx --from '/d[scaling]' autoresearch-mcp"),
        ("/h/venv", "uv pip install --python"),
    ],
)
def test_how_to_install_an_extra_is_said_for_this_installation(monkeypatch, prefix, begins):
    monkeypatch.setattr(sys, "prefix", prefix)
    monkeypatch.setattr("server.clients.launch.installed_from", lambda: "/d")
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    assert how_to_install("scaling").startswith(begins)
    assert how_to_install("scaling").count("/d[scaling]") == 1


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
    with pytest.raises(LabError, match="teach-microgpt") as refused:
        plan_skills(tmp_path, shipped())
    assert refused.value.reason == "skill_unreadable"
    assert [path.name for path in tmp_path.iterdir()] == ["teach-microgpt"]


def test_without_skills_in_the_product_connect_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("server.clients.skills.SKILLS", tmp_path)
    with pytest.raises(LabError) as refused:
        shipped()
    assert refused.value.code == "not_found.skills"
    assert refused.value.remedy


def answering(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The server's answer stands in; all else of `connect` is real."""

    async def answer(launch: Launch, *, unattended: bool) -> Answer:
        return Answer(9, (*READERS, "propose_patch") if unattended else READERS, 0.5)

    monkeypatch.setattr("server.commands.connect._try", answer)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "user" / ".codex"))


def test_connect_copies_skills_to_where_each_client_looks(tmp_path, monkeypatch, capsys):
    answering(monkeypatch, tmp_path)
    for client, folder in (("claude-code", ".claude/skills"), ("codex", "user/.agents/skills")):
        assert run(["connect", client, "--skills"]) == 0
        assert not (tmp_path / folder).exists()
        assert "--write" in capsys.readouterr().out
        assert run(["connect", client, "--skills", "--write"]) == 0
        assert (tmp_path / folder / "teach-microgpt" / "SKILL.md").exists()
        assert run(["connect", client, "--skills", "--write"]) == 0
        assert re.search(r"\b0 files .*\b0 ", capsys.readouterr().out)  # written, backed up


def test_connect_says_what_it_kept_and_how_to_force_it(tmp_path, monkeypatch, capsys):
    answering(monkeypatch, tmp_path)
    assert run(["connect", "claude-code", "--write"]) == 0
    mine = tmp_path / ".claude" / "skills" / "teach-microgpt" / "SKILL.md"
    mine.write_text("mine\n")
    capsys.readouterr()
    assert run(["connect", "claude-code", "--write"]) == 0
    out = capsys.readouterr().out
    assert str(mine) in out
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
    assert "14 tools" in out
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


def test_connect_says_so_when_the_server_does_not_answer(tmp_path, monkeypatch, refused_command):
    monkeypatch.chdir(tmp_path)
    broken = Launch(sys.executable, ("-c", "raise SystemExit('no such thing')"))
    monkeypatch.setattr("server.commands.connect.launch_command", lambda _: broken)
    said = refused_command(["connect", "claude-code", "--write"])
    assert said.code == "lab_error.no_answer"
    assert "no such thing" in said
    assert list(tmp_path.iterdir()) == []


def install_plugin(client: str, user: Path) -> None:
    """Leave what the client's own `plugin install` leaves; tests/test_clients.py runs that too."""
    if client == "claude-code":
        path = user / ".claude" / "settings.json"
        text = json.dumps({"enabledPlugins": {"autoresearch@autoresearch-mcp": True}})
    else:
        path = user / ".codex" / "config.toml"
        text = '[plugins."autoresearch@autoresearch-mcp"]\nenabled = true\n'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("client", ["claude-code", "codex"])
def test_beside_the_plugin_no_second_server_is_added(tmp_path, monkeypatch, capsys, client):
    answering(monkeypatch, tmp_path)
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    install_plugin(client, tmp_path / "user")
    assert run(["connect", client, "--write"]) == 0
    out = capsys.readouterr().out
    assert "autoresearch@autoresearch-mcp" in out
    assert "plugin" in out
    assert installed(client, tmp_path).entry is None
    assert not list(tmp_path.rglob("SKILL.md"))


def test_beside_the_plugin_claude_codes_reading_tools_are_allowed_by_its_names(
    tmp_path, monkeypatch
):
    answering(monkeypatch, tmp_path)
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    install_plugin("claude-code", tmp_path / "user")
    assert run(["connect", "claude-code", "--write"]) == 0
    settings = json.loads((tmp_path / ".claude" / "settings.local.json").read_text())
    assert settings["permissions"]["allow"] == [PLUGIN_TOOLS + name for name in READERS]


@pytest.mark.parametrize("client", ["claude-code", "codex"])
def test_plugin_and_entry_together_are_noticed_by_connect_and_by_the_doctor(
    tmp_path, monkeypatch, capsys, client
):
    answering(monkeypatch, tmp_path)
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))
    assert run(["connect", client, "--write", "--no-skills"]) == 0
    assert not installed(client, tmp_path).twice
    config = tmp_path / "user" / ".codex" / "config.toml"
    before = config.read_text() if config.exists() else ""
    install_plugin(client, tmp_path / "user")
    if before:
        config.write_text(before + config.read_text())
    capsys.readouterr()
    for command in (["connect", client], ["doctor"]):
        assert run(command) == 0
        assert installed(client, tmp_path).removal in capsys.readouterr().out


def test_a_plugin_that_is_switched_off_or_a_broken_file_is_no_plugin(tmp_path, monkeypatch):
    answering(monkeypatch, tmp_path)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "claude"))
    (tmp_path / "claude").mkdir()
    settings = tmp_path / "claude" / "settings.json"
    for text in (
        '{"enabledPlugins": {"autoresearch@x": false}}',
        "{",
        "[]",
        '{"enabledPlugins": 3}',
    ):
        settings.write_text(text)
        assert installed("claude-code", tmp_path).plugin == ""
    settings.write_text('{"enabledPlugins": {"autoresearch@x": true}}')
    assert installed("claude-code", tmp_path).plugin == "autoresearch@x"
    (tmp_path / ".claude").mkdir()
    local = tmp_path / ".claude" / "settings.local.json"
    local.write_text('{"enabledPlugins": {"autoresearch@x": false}}')
    assert installed("claude-code", tmp_path).plugin == ""


def test_bytecode_is_written_whatever_the_environment_says_and_never_beside_data(tmp_path):
    for name in ("server/a.py", "autoresearch/targets/t/train.py", "curricula/courses/c/x.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("x = 1\n")
    code = (
        "import sys; from pathlib import Path; from autoresearch.system.bytecode import *;"
        "assert sys.dont_write_bytecode; compile_files(own_files(Path(sys.argv[1])))"
    )
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", code, str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env=environ, check=True)
    assert [path.relative_to(tmp_path).parts[:2] for path in tmp_path.rglob("*.pyc")] == [
        ("server", "__pycache__")
    ]


def test_unattended_the_client_asks_about_no_tool(tmp_path, monkeypatch, capsys):
    answering(monkeypatch, tmp_path)
    settings = tmp_path / ".claude" / "settings.local.json"
    assert run(["connect", "claude-code", "--write", "--no-skills"]) == 0
    assert "mcp__autoresearch__propose_patch" not in settings.read_text()
    assert run(["connect", "claude-code", "--write", "--no-skills", "--unattended"]) == 0
    assert "mcp__autoresearch__propose_patch" in settings.read_text()
