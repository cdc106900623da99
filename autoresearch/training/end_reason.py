"""The reason why a run ended, in one sentence, from what its training and its scorer left."""

import json
import signal
import stat

from autoresearch.errors import ScoringError
from autoresearch.records import Measurement, RunState
from autoresearch.run_directory import RunDir, RunSpec, measurement_of
from autoresearch.run_output.log_digest import last_line, true_exception
from autoresearch.run_output.out_of_memory import MemoryUsage, out_of_memory
from autoresearch.training.metric_source import MetricSource
from autoresearch.training.training_process import EndKind, TrainingEnd

End = tuple[RunState, str, Measurement | None]
_IDLE_SHARE = 0.1  # of its time on a CPU: below it a training hung rather than worked


def failure_end(
    rundir: RunDir, spec: RunSpec, end: TrainingEnd, number: MetricSource | None
) -> End | None:
    """Return the run's end if there is nothing to measure, else None.

    `number` is None if a model is scored: then a run that was cut has left a checkpoint to score.
    Otherwise it must have exited by itself with status 0, or its number does not count.
    """
    after = f"after {end.taken.wall_s:.1f} s"
    if not end.all_dead:
        return RunState.CRASHED, f"processes of it could not be killed {after}", None
    if end.exit_code is None:
        return unstarted_end(rundir)
    problem: str | None = None
    if end.kind is EndKind.LIMIT:
        problem = f"killed {after}: {end.limit}"
    elif end.kind is EndKind.EXITED and end.exit_code != 0:
        problem = crash_reason(rundir, spec, end)
    elif number is None:
        problem = checkpoint_problem(rundir, spec, end)
    elif end.kind is not EndKind.EXITED:
        problem = f"{_hung(end)}killed {after} at {end.limit}"
    if problem is None:
        return None
    return RunState.CRASHED, problem + (number.void(end) if number else ""), None


def measured_end(number: MetricSource, end: TrainingEnd) -> End:
    """Return the end of a run that exited with status 0 and whose number is read."""
    try:
        found = number.measure(end)
    except ScoringError as failure:
        return RunState.CRASHED, failure.message, None
    return RunState.FINISHED, f"{number.metric} {found.value:.6g}", found


def crash_reason(rundir: RunDir, spec: RunSpec, end: TrainingEnd) -> str:
    """Return why a training failed: its exception, its signal, or its exit status."""
    exception = true_exception(rundir.log_file)
    taken = MemoryUsage(
        limit_mb=spec.memory_mb,
        peak_mb=end.peak_mb,
        gpu_peak_mb=end.gpu_peak_mb,
        kills=end.oom_kills,
    )
    if words := out_of_memory(exception or last_line(rundir.log_file), taken):
        return words
    if end.exit_code is not None and end.exit_code < 0:
        words = f"killed by {_signal_name(-end.exit_code)} after {end.taken.wall_s:.1f} s"
        if -end.exit_code == signal.SIGXFSZ:
            words += f": a file above {2 * spec.checkpoint_mb:g} MB"
        return words
    if exception is None:
        last = last_line(rundir.log_file)
        return f"exit status {end.exit_code}" + (f"; its last line: {last}" if last else "")
    return exception


def unstarted_end(rundir: RunDir) -> End:
    """Return the end of a run whose command was not started; the log is the sandbox's message."""
    words = last_line(rundir.log_file) or "it said nothing"
    _, missing, command = words.partition("execvp ")
    if missing:
        return RunState.CRASHED, f"its command can't be started: {command}", None
    return RunState.LOST, f"the sandbox could not be set up: {words}", None


def checkpoint_problem(rundir: RunDir, spec: RunSpec, end: TrainingEnd) -> str | None:
    """Return why the training's checkpoint can't be scored, None if it can."""
    path = rundir.out / spec.checkpoint
    if rundir.out.is_symlink():
        return "the training replaced its out folder by a symlink"
    try:
        left = path.lstat()
    except OSError:
        return _no_checkpoint(spec, end)
    if not stat.S_ISREG(left.st_mode):
        kind = "a symlink" if stat.S_ISLNK(left.st_mode) else "no regular file"
        return f"the checkpoint {spec.checkpoint} is {kind}"
    if left.st_size > spec.checkpoint_mb * 2**20:
        size_mb = left.st_size / 2**20
        return f"the checkpoint has {size_mb:.1f} MB, over its {spec.checkpoint_mb:g} MB"
    return None


def scored_end(rundir: RunDir, exit_code: int | None) -> End:
    """Return the end of a run by its scorer's exit code; None means that it had to be killed."""
    if exit_code == 0:
        fields = json.loads(rundir.measurement_file.read_text())
        if "failed" in fields:
            return RunState.CRASHED, fields["failed"], None
        measurement = measurement_of(fields)
        return RunState.FINISHED, f"scored {measurement.value:.4f}", measurement
    how = "hung" if exit_code is None else f"exited with {exit_code}"
    words = last_line(rundir.error_file)
    return RunState.LOST, f"the scorer itself {how}" + (f": {words}" if words else ""), None


def _no_checkpoint(spec: RunSpec, end: TrainingEnd) -> str:
    taken = end.taken
    if end.kind is EndKind.EXITED:
        return f"exited after {taken.wall_s:.1f} s without a checkpoint {spec.checkpoint}"
    numbers = f"{taken.cpu_s:.1f} CPU s used, {taken.tokens} tokens taken"
    return f"{_hung(end)}no checkpoint after {taken.wall_s:.1f} s, killed at {end.limit}; {numbers}"


def _hung(end: TrainingEnd) -> str:
    return "hung: " if end.taken.cpu_s < _IDLE_SHARE * end.taken.wall_s else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
