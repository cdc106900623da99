"""The reason why a run ended, in one sentence, from what its training and its scorer left."""

import json
import signal
import stat
from dataclasses import dataclass

from autoresearch.errors import ScoringError
from autoresearch.records import EndCause, Measurement, RunState
from autoresearch.run_directory import RunDir, RunSpec, measurement_of
from autoresearch.run_output.log_digest import last_line, true_exception
from autoresearch.run_output.out_of_memory import MemoryUsage, out_of_memory
from autoresearch.training.limits import EndKind
from autoresearch.training.metric_source import MetricSource
from autoresearch.training.training_process import TrainingEnd
from autoresearch.training.tree_integrity import TreeState, clean_tree, find_change

_IDLE_SHARE = 0.1  # of its time on a CPU, below which a training hung rather than worked

_OWN_CAUSE = {  # by the code of the scorer's error
    ScoringError("", reason=cause).code: cause
    for cause in (EndCause.OUT_OF_MEMORY, EndCause.OUT_OF_GPU_MEMORY, EndCause.OVER_SCORING)
}


@dataclass(frozen=True, slots=True)
class End:
    """End of a run: its cause, the reason as a sentence, and the measurement if there is one."""

    cause: EndCause
    reason: str
    measurement: Measurement | None = None

    @property
    def state(self) -> RunState:
        """The final state that the cause leads to."""
        return self.cause.state


def failure_end(
    rundir: RunDir, spec: RunSpec, end: TrainingEnd, number: MetricSource | None
) -> End | None:
    """Return the run's end if there is nothing to measure, else None.

    `number` is None if a model is scored: then a run that was cut has left a checkpoint to score.
    Otherwise it must have exited by itself with status 0, or its number does not count.
    """
    after = f"after {end.taken.wall_s:.1f} s"
    if not end.all_dead:
        return End(EndCause.UNKILLABLE, f"some of its processes could not be killed {after}")
    if end.exit_code is None:
        return unstarted_end(rundir)
    problem: End | None = None
    if end.over is not None:
        problem = End(end.over, f"killed {after}: {end.limit}")
    elif end.kind is EndKind.EXITED and end.exit_code != 0:
        problem = crash(rundir, spec, end)
    elif number is None:
        problem = checkpoint_problem(rundir, spec, end)
    elif end.kind is not EndKind.EXITED:
        cause = EndCause.HUNG if _hung(end) else EndCause.OVER_TIME
        problem = End(cause, f"{_hung(end)}killed {after} at {end.limit}")
    if problem is None or number is None:
        return problem
    return End(problem.cause, problem.reason + number.void(end))


def measured_end(number: MetricSource, end: TrainingEnd) -> End:
    """Return the end of a run that exited with status 0 and whose number is read."""
    try:
        found = number.measure(end)
    except ScoringError as failure:
        return End(EndCause.NO_NUMBER, failure.message)
    return End(EndCause.MEASURED, f"{number.metric} {found.value:.6g}", found)


def crash(rundir: RunDir, spec: RunSpec, end: TrainingEnd) -> End:
    """Return what a training that did not exit well died of: exception, signal or status."""
    exception = true_exception(rundir.log_file)
    taken = MemoryUsage(
        limit_mb=spec.memory_mb,
        peak_mb=end.peak_mb,
        gpu_peak_mb=end.gpu_peak_mb,
        kills=end.oom_kills,
    )
    if short := out_of_memory(exception or last_line(rundir.log_file), taken):
        return End(short.cause, short.text)
    if end.exit_code is not None and end.exit_code < 0:
        words = f"killed by {_signal_name(-end.exit_code)} after {end.taken.wall_s:.1f} s"
        if -end.exit_code == signal.SIGXFSZ:
            words += f": a file above {2 * spec.checkpoint_mb:g} MB"
        return End(EndCause.SIGNAL, words)
    if exception is None:
        last = last_line(rundir.log_file)
        words = f"exit status {end.exit_code}" + (f"; its last line: {last}" if last else "")
        return End(EndCause.EXIT_STATUS, words)
    return End(EndCause.EXCEPTION, exception)


def unstarted_end(rundir: RunDir) -> End:
    """Return the end of a run whose command was not started; the log is the sandbox's message."""
    words = last_line(rundir.log_file) or "it printed nothing"
    _, missing, command = words.partition("execvp ")
    if missing:
        return End(EndCause.COMMAND_NOT_STARTED, f"its command can't be started: {command}")
    return End(EndCause.NO_SANDBOX, f"the sandbox could not be set up: {words}")


def checkpoint_problem(rundir: RunDir, spec: RunSpec, end: TrainingEnd) -> End | None:
    """Return why the training's checkpoint can't be scored, or None if it can."""
    path = rundir.out / spec.checkpoint
    if rundir.out.is_symlink():
        words = "the training replaced its out folder with a symlink"
        return End(EndCause.BAD_CHECKPOINT, words)
    try:
        left = path.lstat()
    except OSError:
        return _no_checkpoint(spec, end)
    if not stat.S_ISREG(left.st_mode):
        kind = "a symlink" if stat.S_ISLNK(left.st_mode) else "not a regular file"
        return End(EndCause.BAD_CHECKPOINT, f"the checkpoint {spec.checkpoint} is {kind}")
    if left.st_size > spec.checkpoint_mb * 2**20:
        size_mb = left.st_size / 2**20
        words = f"the checkpoint has {size_mb:.1f} MB, over its {spec.checkpoint_mb:g} MB"
        return End(EndCause.BAD_CHECKPOINT, words)
    return None


def scored_end(rundir: RunDir, exit_code: int | None) -> End:
    """Return the end of a run by its scorer's exit code; None means that it had to be killed."""
    if exit_code == 0:
        fields = json.loads(rundir.measurement_file.read_text())
        if "failed" in fields:
            cause = _OWN_CAUSE.get(fields.get("code", ""), EndCause.MODEL_FAILED)
            return End(cause, fields["failed"])
        measurement = measurement_of(fields)
        return End(EndCause.MEASURED, f"scored {measurement.value:.4f}", measurement)
    how = "hung" if exit_code is None else f"exited with {exit_code}"
    words = last_line(rundir.error_file)
    reason = f"the scorer itself {how}" + (f": {words}" if words else "")
    return End(EndCause.SCORER_FAILED, reason)


def _no_checkpoint(spec: RunSpec, end: TrainingEnd) -> End:
    taken = end.taken
    if end.kind is EndKind.EXITED:
        words = f"exited after {taken.wall_s:.1f} s without a checkpoint {spec.checkpoint}"
        return End(EndCause.NO_CHECKPOINT, words)
    numbers = f"{taken.cpu_s:.1f} CPU s used, {taken.tokens} tokens taken"
    return End(
        EndCause.HUNG if _hung(end) else EndCause.NO_CHECKPOINT,
        f"{_hung(end)}no checkpoint after {taken.wall_s:.1f} s, killed at {end.limit}; {numbers}",
    )


def _hung(end: TrainingEnd) -> str:
    return "hung: " if end.taken.cpu_s < _IDLE_SHARE * end.taken.wall_s else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def changed_end(rundir: RunDir, spec: RunSpec, recorded: TreeState) -> End | None:
    """Return the end of a run that changed its own tree, else None; a sealed tree is cleaned."""
    changed = (clean_tree if spec.sealed else find_change)(rundir.tree, recorded)
    if changed is None:
        return None
    return End(EndCause.TREE_CHANGED, f"the training changed {changed} in its own tree")
