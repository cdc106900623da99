"""The scorer's process: score a run's checkpoint by the kind of its corpus."""

import dataclasses
from pathlib import Path

from autoresearch.errors import ScoringError
from autoresearch.records import Measurement
from autoresearch.run_directory import RunDir, RunSpec, write_json
from autoresearch.sandboxes.base import Sandbox
from autoresearch.sandboxes.selection import make_sandbox


def score_run(path: Path) -> int:
    """Score a run's checkpoint and write a measurement, or the failure, to measurement.json.

    Args:
        path: The run directory.

    Returns:
        The exit status 0, also where the model failed to answer.
    """
    rundir = RunDir(path.resolve())
    spec = rundir.read_spec()
    sandbox = make_sandbox(spec.sandbox)
    try:
        measurement = _score_of_kind(rundir, spec, sandbox)
    except ScoringError as failure:
        write_json(rundir.measurement_file, {"failed": failure.message, "code": failure.code})
        return 0
    finally:
        sandbox.release()
    write_json(rundir.measurement_file, dataclasses.asdict(measurement))
    return 0


def _score_of_kind(rundir: RunDir, spec: RunSpec, sandbox: Sandbox) -> Measurement:
    if spec.vocab == "tokens":
        from autoresearch.scoring.token_scorer import score_tokens

        return score_tokens(rundir, spec, sandbox)
    if spec.vocab == "arrays":
        from autoresearch.scoring.array_scorer import score_arrays

        return score_arrays(rundir, spec, sandbox)
    from autoresearch.scoring.character_scorer import score_characters

    return score_characters(rundir, spec, sandbox)
