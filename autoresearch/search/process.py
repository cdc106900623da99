"""A search as a child process: settings in a JSON file, what came of it in another beside it.

A campaign starts it as a role. SIGTERM and SIGINT end it at its next step; its runs go on, and
the same settings take them up again.
"""

import dataclasses
import json
import os
import signal
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from autoresearch.common.files import replace_file
from autoresearch.errors import LabError
from autoresearch.lab import Lab
from autoresearch.search.driver import run_search
from autoresearch.search.settings import Progress, SearchSettings

RESULT, PROGRESS = "result.json", "progress.jsonl"  # beside the settings
FAILED = 1


@dataclass(frozen=True, kw_only=True)
class ProcessSettings:
    """The content of the settings file."""

    home: Path
    lab: str
    search: SearchSettings = SearchSettings()


def search_process(settings_file: Path) -> int:
    """Run the search that the file describes; return 0, or 1 where it could not be run.

    `result.json` beside the file is the SearchResult, or {"error": …, "code": …}; while it goes
    on, `progress.jsonl` gets a line for everything that happens.
    """
    folder, told = settings_file.parent, False

    def stop(number: int, frame: object) -> None:
        nonlocal told
        told = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with (folder / PROGRESS).open("a", encoding="utf-8") as lines:

        def watch(progress: Progress) -> None:
            lines.write(json.dumps(dataclasses.asdict(progress)) + "\n")
            lines.flush()

        try:
            text = settings_file.read_text(encoding="utf-8")
            given = TypeAdapter(ProcessSettings).validate_json(text)
            lab = Lab.reopen(given.lab, home=given.home)
            parent = os.getppid()
            found = run_search(
                lab, given.search, lambda: not told and os.getppid() == parent, watch=watch
            )
        except ValidationError as error:
            _write(folder, {"error": f"{settings_file}: {error}", "code": "lab_error.settings"})
            return FAILED
        except LabError as error:
            _write(folder, {"error": str(error), "code": error.code})
            return FAILED
    _write(folder, dataclasses.asdict(found))
    return 0


def _write(folder: Path, content: dict[str, object]) -> None:
    replace_file(folder / RESULT, json.dumps(content).encode())
