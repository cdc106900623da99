"""Claude Code and Codex: their configuration, the command that starts this server, skills."""
