"""Agents get this server's tools alone, and what a client prints is read for what it means."""

import json
import shlex

import pytest

from autoresearch.campaigns.agents import AgentReport, agent_command, mcp_configuration, read_line

SERVER = ("/bin/python", "-m", "autoresearch_mcp", "serve", "--toolset", "research")
TOLD = {"AUTORESEARCH_HOME": "/home/labs", "AUTORESEARCH_WORKER": "c1/w1"}


def words_of(agent: str, session: str = "") -> list[str]:
    command = agent_command(
        agent, server=SERVER, server_environment=TOLD, mcp_file="/tmp/mcp.json", session=session
    )
    return list(command.words)


def after(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


def test_claude_code_has_one_server_its_tools_and_nothing_else() -> None:
    words = words_of("claude-code --model opus")
    assert after(words, "--tools") == ""
    assert after(words, "--allowedTools") == "mcp__autoresearch__*"
    assert after(words, "--setting-sources") == ""
    assert "--strict-mcp-config" in words
    assert "bypassPermissions" not in shlex.join(words)
    assert words[-2:] == ["--model", "opus"]
    assert "--resume" not in words
    assert after(words_of("claude-code", "abc"), "--resume") == "abc"


def test_codex_has_one_server_no_shell_and_can_write_nothing() -> None:
    words = words_of("codex -m gpt-5")
    said = shlex.join(words)
    for feature in ("shell_tool", "unified_exec", "browser_use", "apps"):
        assert f"--disable {feature}" in said
    assert 'sandbox_mode="read-only"' in words
    assert 'web_search="disabled"' in words
    assert 'mcp_servers.autoresearch.env.AUTORESEARCH_WORKER="c1/w1"' in words
    assert "mcp_servers.autoresearch.required=true" in words
    assert words[-3:] == ["-m", "gpt-5", "-"]
    assert words_of("codex", "t-1")[:4] == ["codex", "exec", "resume", "t-1"]


def test_any_other_command_gets_the_configuration_by_its_environment() -> None:
    command = agent_command(
        "./agent.sh 'two words'", server=SERVER, server_environment=TOLD, mcp_file="/tmp/mcp.json"
    )
    assert command.words == ("./agent.sh", "two words")
    assert command.environment["AUTORESEARCH_MCP_CONFIG"] == "/tmp/mcp.json"


def test_the_configuration_names_command_and_environment() -> None:
    server = json.loads(mcp_configuration(SERVER, TOLD))["mcpServers"]["autoresearch"]
    assert [server["command"], *server["args"]] == list(SERVER)
    assert server["env"] == TOLD


def read(agent: str, *events: object) -> AgentReport:
    report = AgentReport()
    for event in events:
        report = read_line(agent, report, json.dumps(event).encode())
    return report


INIT = {
    "type": "system",
    "subtype": "init",
    "session_id": "s1",
    "mcp_servers": [{"name": "autoresearch", "status": "connected"}],
}


def test_a_result_of_claude_code_ends_it_cleanly_with_its_cost() -> None:
    usage = {"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 2}
    report = read(
        "claude-code",
        INIT,
        {"type": "assistant", "message": {"usage": {"input_tokens": 3, "output_tokens": 4}}},
        {"type": "result", "subtype": "success", "usage": usage, "total_cost_usd": 0.25},
    )
    assert report == AgentReport(
        session="s1", tokens=17, money=0.25, connected=True, finished=True, error=""
    )


def test_tokens_count_before_the_result_comes() -> None:
    spoken = {"type": "assistant", "message": {"usage": {"input_tokens": 3, "output_tokens": 4}}}
    assert read("claude-code", INIT, spoken, spoken).tokens == 14


@pytest.mark.parametrize("subtype", ["error_max_turns", "error_during_execution", "success"])
def test_a_result_that_is_an_error_is_no_clean_end(subtype: str) -> None:
    told = {"type": "result", "subtype": subtype, "is_error": True, "result": "Not logged in"}
    report = read("claude-code", INIT, told)
    assert (report.finished, report.error) == (False, "Not logged in")


def test_a_server_that_is_not_connected_is_seen_at_once() -> None:
    failed = {**INIT, "mcp_servers": [{"name": "autoresearch", "status": "failed"}]}
    assert read("claude-code", failed).connected is False
    assert read("claude-code", {**INIT, "mcp_servers": "none"}).connected is False


def test_codex_says_its_thread_its_tokens_and_its_failures() -> None:
    usage = {"input_tokens": 100, "cached_input_tokens": 60, "output_tokens": 7}
    report = read(
        "codex",
        {"type": "thread.started", "thread_id": "t-1"},
        {"type": "turn.completed", "usage": usage},
    )
    assert (report.session, report.tokens, report.finished) == ("t-1", 107, True)
    failed = read("codex", {"type": "turn.failed", "error": {"message": "no  credit\n"}})
    assert (failed.finished, failed.error) == (False, "no credit")


@pytest.mark.parametrize("line", [b"", b"\xff\xfe\x00", b"[1]", b"null", b'{"type": 3}', b"{"])
@pytest.mark.parametrize("agent", ["claude-code", "codex", "./own"])
def test_garbage_changes_nothing(agent: str, line: bytes) -> None:
    assert read_line(agent, AgentReport(), line) == AgentReport()


@pytest.mark.parametrize("cost", [-1, float("inf"), "much", None, True])
def test_a_cost_that_is_none_counts_nothing(cost: object) -> None:
    line = json.dumps({"type": "result", "subtype": "success", "total_cost_usd": cost}).encode()
    assert read_line("claude-code", AgentReport(), line).money in (0.0, 1.0 if cost is True else 0)


def test_a_model_that_is_not_reached_is_said_until_it_is() -> None:
    retry = {"type": "system", "subtype": "api_retry", "attempt": 3, "max_retries": 10}
    assert "attempt 3 of 10" in read("claude-code", INIT, retry).error
    spoken = {"type": "assistant", "message": {"usage": {"input_tokens": 1}}}
    assert read("claude-code", INIT, retry, spoken).error == ""
