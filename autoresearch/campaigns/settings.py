"""Settings of a campaign's supervisor that the ledger does not hold, and where its files lie.

They are of this machine: how this server is started, which clients there are, who is told. The
ledger has the rest.
"""

import json
import re
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path

from autoresearch.common.files import replace_file
from autoresearch.errors import NotFoundError
from autoresearch.ledger.campaign_rules import CAMPAIGNS, SUPERVISOR_LOCK

CLAUDE_CODE, CODEX, SEARCH = "claude-code", "codex", "search"
CLIENTS = (CLAUDE_CODE, CODEX)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignSettings:
    """Settings of one machine: its commands, and the addresses for notices."""

    home: str
    lab: str
    server: tuple[str, ...]  # the command that serves the research tools over stdio
    python: str  # runs this product's own roles
    notify: tuple[str, ...] = ()  # addresses for apprise; they can hold passwords

    @property
    def home_path(self) -> Path:
        """Return the folder of all labs."""
        return Path(self.home)


@dataclass(frozen=True, slots=True)
class CampaignFolder:
    """The files of one campaign on this machine, below its lab."""

    path: Path

    @classmethod
    def of(cls, lab_folder: Path, campaign: str) -> "CampaignFolder":
        """Return a campaign's folder, whether it exists or not."""
        return cls(lab_folder / CAMPAIGNS / campaign)

    @property
    def settings_file(self) -> Path:
        """Return the file of the settings, readable by its owner alone."""
        return self.path / "settings.json"

    @property
    def lock_file(self) -> Path:
        """Return the file that the supervisor keeps locked while it lives."""
        return self.path / SUPERVISOR_LOCK

    @property
    def errors(self) -> Path:
        """Return the file of the supervisor's own errors."""
        return self.path / "supervisor.err"

    @property
    def clock_file(self) -> Path:
        """Return the file of the seconds that the campaign has worked."""
        return self.path / "worked.json"

    def worker(self, name: str) -> "WorkerFolder":
        """Return the folder of one worker."""
        return WorkerFolder(self.path / name)

    def write_settings(self, settings: CampaignSettings) -> None:
        """Write the settings; only the owner can read them."""
        self.path.mkdir(parents=True, exist_ok=True)
        replace_file(self.settings_file, json.dumps(asdict(settings)).encode(), mode=0o600)

    def read_settings(self) -> CampaignSettings:
        """Return the settings; raise NotFoundError where this machine has none."""
        try:
            read = json.loads(self.settings_file.read_text("utf-8"))
        except FileNotFoundError as missing:
            raise NotFoundError(
                f"The campaign {self.path.name} was not started in this copy of its lab.",
                "Resume it where it was started.",
                reason="campaign_files",
            ) from missing
        fixed = {key: tuple(read[key]) for key in ("server", "notify")}
        return CampaignSettings(**{**read, **fixed})


@dataclass(frozen=True, slots=True)
class WorkerFolder:
    """The files of one worker."""

    path: Path

    @property
    def calls_file(self) -> Path:
        """Return the file in which its server writes down each tool call."""
        return self.path / "calls.jsonl"

    @property
    def mcp_file(self) -> Path:
        """Return the file that tells an agent how to start its server."""
        return self.path / "mcp.json"

    @property
    def brief_file(self) -> Path:
        """Return the file of the present brief."""
        return self.path / "brief.md"

    @property
    def output_file(self) -> Path:
        """Return the file of what its agent printed."""
        return self.path / "agent.log"

    @property
    def scratch(self) -> Path:
        """Return the empty folder that agents are started in."""
        return self.path / "scratch"


def agent_words(agent: str) -> list[str]:
    """Return an agent's command line as words; its first may be the name of a client."""
    return shlex.split(agent)


def shown_agent(agent: str) -> str:
    """Return an agent's name for people: a client's own, else its command's first word."""
    words = agent_words(agent)
    return re.sub(r"^.*/", "", words[0]) if words else agent
