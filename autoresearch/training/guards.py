"""Guards of a contract: commands that must pass before a run's result is measured.

Each starts in a fresh copy of the experiment's files, to which it may write, so that nothing a run
left there can satisfy it. The run's output is read-only, in $AUTORESEARCH_RUN_OUT.
"""

import dataclasses
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass

from autoresearch.devices.grants import Grant
from autoresearch.records import EndCause
from autoresearch.run_directory import RunDir, RunSpec, remove_tree
from autoresearch.run_output.log_digest import last_line
from autoresearch.sandboxes.base import Sandbox
from autoresearch.system.processes import Descendants
from autoresearch.training.end_reason import End, crash, unstarted_end
from autoresearch.training.limits import EndKind
from autoresearch.training.training_process import NotStarted, Progress, Training, TrainingEnd

LEFT = "AUTORESEARCH_RUN_OUT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A command that must pass, and its time limit."""

    name: str
    argv: tuple[str, ...]
    left_s: float  # seconds left of the time for all guards

    def run(
        self,
        rundir: RunDir,
        spec: RunSpec,
        sandbox: Sandbox,
        descendants: Descendants,
        grant: Grant,
        stop_asked: Callable[[], bool],
        report: Callable[[Progress], None],
    ) -> tuple[TrainingEnd | None, End | None]:
        """Run the guard and return its end, and the run's end if it failed.

        Its output is appended to the run's log.

        Returns:
            The process's end (None if it could not be started), and the run's end (None if the
            guard passed or was stopped).
        """
        directory = _fresh(rundir)
        # Like any other unsealed command, with more to read.
        seen = (*spec.inputs, (str(rundir.out), str(rundir.out)))
        own = dataclasses.replace(
            spec,
            command=self.argv,
            scoring="stdout",
            inputs=seen,
            cpu_ceiling_s=None,
            wall_ceiling_s=self.left_s,
        )
        shown = dataclasses.replace(grant, env={**grant.env, LEFT: str(rundir.out)})
        try:
            training = Training(directory, own, sandbox, descendants, shown)
            end = training.run_to_end(stop_asked, report)
            failure_end = self._failed(directory, own, end)
        except NotStarted as refused:
            words = f"guard {self.name} failed: its command can't be started: {refused}"
            end, failure_end = None, End(EndCause.GUARD_FAILED, words)
        self._keep_log(rundir, directory)
        remove_tree(directory.path)
        return end, failure_end

    def _failed(self, directory: RunDir, spec: RunSpec, end: TrainingEnd) -> End | None:
        words = ""
        if not end.all_dead:
            words = "some of its processes could not be killed"
        elif end.kind is EndKind.STOPPED:
            return None
        elif end.exit_code is None:
            never = unstarted_end(directory)
            if never.cause is EndCause.NO_SANDBOX:
                return never
            words = never.reason
        elif end.kind is EndKind.CEILING:
            words = f"killed after {end.taken.wall_s:.1f} s: all guards share {spec.guard_s:g} s"
        elif end.kind is not EndKind.EXITED:
            words = f"killed after {end.taken.wall_s:.1f} s: {end.limit}"
        elif end.exit_code < 0:
            words = crash(directory, spec, end).reason
        elif end.exit_code > 0:
            last = last_line(directory.log_file)
            words = f"exit status {end.exit_code}" + (f"; its last line: {last}" if last else "")
        if not words:
            return None
        return End(EndCause.GUARD_FAILED, f"guard {self.name} failed: {words}")

    def _keep_log(self, rundir: RunDir, directory: RunDir) -> None:
        with rundir.log_file.open("ab") as log, directory.log_file.open("rb") as said:
            log.write(f"\n[guard {self.name}: {shlex.join(self.argv)}]\n".encode())
            shutil.copyfileobj(said, log)


def _fresh(rundir: RunDir) -> RunDir:
    """Return a run directory for a guard, with the files as committed."""
    directory = RunDir(rundir.path / "guard")
    remove_tree(directory.path)
    shutil.copytree(rundir.committed, directory.tree, symlinks=True)
    directory.out.mkdir()
    directory.scratch.mkdir()
    return directory
