"""The supervisor: one process that owns one run, from its start to its last write.

It is detached by then, and holds the run's lock as long as it lives; all that it starts remains its
descendant and is dead before it writes how the run ended. It needs nothing of the lab but the run
directory.
"""

import os
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout

from autoresearch.devices import Probe
from autoresearch.devices.acquisition import PATIENCE_S, DeviceAcquisition
from autoresearch.devices.disturbance import Counters, find_disturbance, read_machine
from autoresearch.devices.gpu_watch import Watch
from autoresearch.devices.grants import Grant, make_grant
from autoresearch.devices.leases import Lease
from autoresearch.devices.machine import Machine
from autoresearch.records import EndCause, RunReport, RunState
from autoresearch.run_directory import RunDir, RunSpec, remove_tree, write_json
from autoresearch.run_output.out_of_memory import on_host
from autoresearch.sandboxes.base import Sandbox
from autoresearch.sandboxes.selection import make_sandbox
from autoresearch.system.processes import Descendants, become_subreaper, boot_id, rss_mb
from autoresearch.training.curve_watch import CurveWatch
from autoresearch.training.end_reason import (
    End,
    changed_end,
    crash,
    failure_end,
    measured_end,
    scored_end,
)
from autoresearch.training.guards import make_room, run_guards
from autoresearch.training.limits import EndKind
from autoresearch.training.lookup_recording import keep_lookups
from autoresearch.training.metric_source import MetricSource, metric_source_of
from autoresearch.training.training_process import (
    POLL_S,
    NotStarted,
    Progress,
    Training,
    TrainingEnd,
    exit_signal,
)
from autoresearch.training.tree_integrity import record_tree

_LOCK_S = 5.0  # another process may be testing whether the lock is held
_HEARTBEAT_S = 1.0
_MODELS = 2  # processes with the model while it is scored
_SCORER_GRACE_S = 30.0  # beyond the scorer's own deadline, in case it hangs


def supervise(
    path: Path,
    machine: Callable[[], Counters] = read_machine,
    probe: Probe | None = None,
    patience_s: float = PATIENCE_S,
) -> int:
    """Own the run in a directory to its end; return 1 if another process does or did.

    `machine` and `probe` observe this machine and its GPUs; a run waits at most `patience_s` for
    one without room.
    """
    rundir = RunDir(path.resolve())
    become_subreaper()
    lock = FileLock(rundir.lock_file)
    try:
        lock.acquire(timeout=_LOCK_S, poll_interval=0.01)
    except Timeout:
        print(f"{rundir.path} already has a supervisor", file=sys.stderr)
        return 1
    if rundir.read_status() is not None:
        print(f"{rundir.path} has already been run", file=sys.stderr)
        return 1
    _Supervisor(rundir, machine, probe or Machine(), patience_s).own()
    return 0


def ignore_others() -> Counters:
    """Read the machine as if nothing disturbed runs, where no verdict is to come of them."""
    return replace(read_machine(), busy_s=0.0, stalled_s=0.0)


class _Supervisor:
    """The steps of a run, and its report so far."""

    def __init__(
        self, rundir: RunDir, machine: Callable[[], Counters], probe: Probe, patience_s: float
    ) -> None:
        self._rundir = rundir
        self._machine = machine
        self._probe = probe
        self._patience_s = patience_s
        self._run = rundir.path.name
        self._descendants = Descendants()
        self._sandbox: Sandbox | None = None
        self._lease: Lease | None = None
        self._gpu: Watch | None = None
        self._peak_mb = 0.0
        self._counts_tokens = False
        self._steady = False
        self._started = time.time()
        self._taken = Progress(0.0, 0.0, 0)
        self._written = 0.0
        self._recorded: set[int] = set()
        self._boot = boot_id()
        self._terminated = False
        self._cut = ""
        self._watch: CurveWatch | None = None
        self._hopeless = ""
        self._guard = ""  # the one that runs
        self._guard_numbers: tuple[tuple[str, float], ...] = ()
        signal.signal(signal.SIGTERM, self._on_sigterm)

    def own(self) -> None:
        """Take the run to a final status, whatever happens."""
        try:
            end = self._steps()
        except Exception as error:  # noqa: BLE001 - the last boundary: no fault of ours may be
            # counted against the candidate, and a run must never end without a word.
            traceback.print_exc()
            self._descendants.kill()
            words = " ".join(str(error).split())
            reason = f"the supervisor failed: {type(error).__name__}: {words}"
            end = End(EndCause.SUPERVISOR_FAILED, reason)
        if end.state is RunState.FINISHED and self._gpu and (said := self._gpu.notice()):
            end = replace(end, reason=f"{end.reason}; {said}")
        self._write(end.state, end.reason, end)
        if self._sandbox is not None:
            self._sandbox.release()
        if self._lease is not None:
            self._lease.release()
        self._rundir.remove_leftovers()

    def _steps(self) -> End:
        self._write(RunState.QUEUED, "waits for a device")
        spec = self._rundir.read_spec()
        self._run, self._counts_tokens = spec.run, spec.budget_unit == "tokens"
        self._steady = spec.steady
        ended = self._take_device(spec)
        if ended is not None or self._lease is None:
            return ended or self._stopped("before it began")
        self._rundir.out.mkdir(exist_ok=True)
        self._rundir.scratch.mkdir(exist_ok=True)
        make_room(self._rundir, spec)
        recorded, number = record_tree(self._rundir.tree), metric_source_of(self._rundir, spec)
        self._watch = CurveWatch(self._rundir, spec)
        self._sandbox = make_sandbox(spec.sandbox)
        self._started, before = time.time(), self._machine()
        if self._gpu is not None:
            self._gpu.begin()
        grant = make_grant(spec, self._lease.device)
        try:
            training = Training(
                self._rundir,
                spec,
                self._sandbox,
                self._descendants,
                grant,
                number.listen if number else None,
            )
        except NotStarted as refused:
            return End(EndCause.COMMAND_NOT_STARTED, f"its command can't be started: {refused}")
        self._record_processes()
        self._write(RunState.TRAINING, "trains")
        end = training.run_to_end(self._training_is_over, self._on_progress)
        if spec.records_lookups:
            keep_lookups(self._rundir, recorded)
        end = replace(end, gpu_peak_mb=self._gpu.peak_mb if self._gpu else 0.0)
        self._taken, self._peak_mb = end.taken, end.peak_mb
        self._watch.look(end.taken)
        self._watch.keep()
        self._cut = end.limit if end.kind is EndKind.CEILING and spec.sealed else ""
        if end.all_dead and end.kind is EndKind.STOPPED and not self._stop_asked():
            return self._hopeless_unless_disturbed(self._watch.hopeless, end, before)
        told_too = self._terminated and end.exit_code == -signal.SIGTERM  # a logout tells all
        if end.all_dead and (end.kind is EndKind.STOPPED or told_too):
            return self._stopped(f"after {end.taken.wall_s:.1f} s of training")
        if self._steady and end.all_dead and end.kind is EndKind.CEILING:
            ended = self._tainted(end, before)  # a busy machine may be why it was not done in time
        ended = ended or self._crowded_out(spec, end)
        ended = ended or failure_end(self._rundir, spec, end, number)
        ended = ended or changed_end(self._rundir, spec, recorded)
        ended = ended or self._tainted(end, before)  # decided before its score is known
        return ended or self._guarded(spec, grant) or self._measure(spec, end, number)

    def _guarded(self, spec: RunSpec, grant: Grant) -> End | None:
        """Return the run's end by its guards, None if all passed."""
        assert self._sandbox is not None
        end = run_guards(
            self._rundir,
            spec,
            self._sandbox,
            grant,
            self._begin_guard,
            self._stop_asked,
            self._on_guard,
        )
        self._guard_numbers = end.numbers
        if end.failure is None and self._stop_asked():
            return self._stopped(f"while guard {self._guard} ran")
        return end.failure

    def _begin_guard(self, name: str) -> Descendants:
        self._guard, self._descendants = name, Descendants()  # a process number may come again
        self._write(RunState.TRAINING, f"guard {name} runs")
        return self._descendants

    def _on_guard(self, _taken: Progress) -> None:
        self._record_processes()
        self._write_now_and_then(RunState.TRAINING, f"guard {self._guard} runs")

    def _measure(self, spec: RunSpec, end: TrainingEnd, number: MetricSource | None) -> End:
        """Return the run's end by the metric it reported, or by scoring its model."""
        if number is not None:
            found = measured_end(number, end)
            self._rundir.keep_only("")  # out of many runs, what they leave would fill the disk
            return found
        remove_tree(self._rundir.scratch)
        self._rundir.keep_only(spec.checkpoint)
        self._rundir.scratch.mkdir()
        self._write(RunState.SCORING, "is scored")
        return self._score(spec)

    def _hopeless_unless_disturbed(self, why: str, end: TrainingEnd, before: Counters) -> End:
        """Return the end of an early stop: tainted if the machine disturbed the run."""
        tainted = self._tainted(end, before)
        if tainted is not None:
            return tainted
        self._hopeless = why
        return End(EndCause.STOPPED_EARLY, f"stopped early: {why}")

    def _crowded_out(self, spec: RunSpec, end: TrainingEnd) -> End | None:
        """Return the run's end if it ran out of GPU memory that another process held, or None."""
        if self._gpu is None or not end.all_dead or end.kind is not EndKind.EXITED:
            return None
        found = crash(self._rundir, spec, end) if end.exit_code else None
        if found is None or found.cause is not EndCause.OUT_OF_GPU_MEMORY:
            return None
        crowd = self._gpu.crowd()
        return End(EndCause.GPU_CROWDED, f"{found.reason}, while {crowd}") if crowd else None

    def _tainted(self, end: TrainingEnd, before: Counters) -> End | None:
        """Return the run's end if the machine disturbed it, or None."""
        steady = self._steady and end.kind is not EndKind.CEILING
        timed = not (self._counts_tokens or steady)
        taint = find_disturbance(
            before,
            self._machine(),
            own_cpu_s=end.taken.cpu_s,
            own_peak_mb=end.peak_mb,
            timed=timed,
            cores=self._cores(),
        )
        if timed and not taint and self._gpu is not None:
            taint = self._gpu.disturbance()
        if taint and self._steady and not steady:
            taint = f"killed at {end.limit}, while {taint}"
        return End(EndCause.DISTURBED, taint) if taint else None

    def _cores(self) -> int:
        """Return the number of cores it needs: those leased, or one to drive a GPU."""
        return 1 + self._lease.device.count(",") if self._lease else 1

    def _take_device(self, spec: RunSpec) -> End | None:
        """Wait for a lease; return the run's end if it gets none, None if it did or was stopped."""
        claim = DeviceAcquisition(spec, self._probe, self._patience_s, self._machine)
        said = ""
        while not self._stop_asked():
            self._lease = claim.take()
            if self._lease is not None:
                self._gpu = claim.watch(self._lease)
                return None
            if claim.exhausted:
                return End(EndCause.NO_DEVICE, f"{claim.reason}, for {self._patience_s:g} s")
            if claim.reason != said:
                said = claim.reason
                self._write(RunState.QUEUED, said)
            time.sleep(POLL_S)
        claim.give_up()
        return None

    def _score(self, spec: RunSpec) -> End:
        remove_tree(self._rundir.measurement_file)  # whatever the training put there
        self._descendants = Descendants()  # a process number may come again
        argv = [sys.executable, "-P", "-m", "autoresearch_mcp", "_role", "score"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        scorer = subprocess.Popen(
            [*argv, str(self._rundir.path)],
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
        )
        deadline = time.monotonic() + spec.score_s + _SCORER_GRACE_S
        model_mb = 0.0
        with exit_signal(scorer) as exited:
            while (code := self._descendants.exit_code(scorer.pid)) is None:
                if self._stop_asked() or time.monotonic() > deadline:
                    break
                model_mb = self._descendants.look().rss_mb - rss_mb(scorer.pid)
                if model_mb > _MODELS * spec.memory_mb:
                    break
                self._record_processes()
                self._write_now_and_then(RunState.SCORING, "is scored")
                select.select([exited] if exited is not None else [], [], [], POLL_S)
        all_dead = self._descendants.kill()
        scorer.returncode = -9 if code is None else code
        if not all_dead:
            return End(EndCause.UNKILLABLE, "some of its model's processes could not be killed")
        if model_mb > _MODELS * spec.memory_mb:
            most = _MODELS * spec.memory_mb
            used = f"the model used {model_mb:.0f} MB in {_MODELS} processes, over {most} MB"
            short = on_host(f"while being scored, {used}")
            return End(short.cause, short.text)
        if code is None and self._stop_asked():
            return self._stopped("while it was being scored")
        return scored_end(self._rundir, code)

    def _stop_asked(self) -> bool:
        rundir = self._rundir
        return self._terminated or rundir.stop_file.exists() or rundir.yield_file.exists()

    def _stopped(self, when: str) -> End:
        """Return the end of a run that was asked to stop; a signal alone may come from a logout."""
        if self._rundir.stop_file.exists():
            return End(EndCause.ASKED_TO_STOP, f"asked to stop {when}")
        if self._rundir.yield_file.exists():
            return End(EndCause.PREEMPTED, f"gave its device to an experiment {when}")
        told = f"the supervisor was told to end {when}"
        return End(EndCause.SUPERVISOR_TOLD_TO_END, told)

    def _on_sigterm(self, _number: int, _frame: FrameType | None) -> None:
        self._terminated = True

    def _training_is_over(self) -> bool:
        return self._stop_asked() or bool(self._watch and self._watch.hopeless)

    def _on_progress(self, taken: Progress) -> None:
        self._taken = taken
        assert self._watch is not None
        self._watch.look(taken)
        if self._gpu is not None:
            self._gpu.sample(self._pids)
        self._record_processes()
        self._write_now_and_then(RunState.TRAINING, "trains")

    def _pids(self) -> set[int]:
        """Return the run's pids at the last look and now: processes may have begun or ended."""
        before = {pid for pid, _ in self._descendants.identities()}
        return before | self._descendants.pids()

    def _record_processes(self) -> None:
        """Record the processes when they change, so that orphans can be killed if this one dies."""
        identities = self._descendants.identities()
        pids = {pid for pid, _ in identities}
        if pids != self._recorded:
            self._recorded = pids
            record = {"boot": self._boot, "processes": identities}
            write_json(self._rundir.processes_file, record, durable=False)

    def _write_now_and_then(self, state: RunState, reason: str) -> None:
        if time.monotonic() - self._written > _HEARTBEAT_S:
            self._write(state, reason)

    def _write(self, state: RunState, reason: str, end: End | None = None) -> None:
        self._written = time.monotonic()
        self._rundir.write_status(
            RunReport(
                run=self._run,
                state=state,
                reason=reason,
                started=self._started,
                ended=time.time(),
                wall_s=self._taken.wall_s,
                cpu_s=self._taken.cpu_s,
                tokens=self._taken.tokens if self._counts_tokens else 0,
                device=self._lease.device if self._lease else "",
                sandbox=self._sandbox.name if self._sandbox else "",
                measurement=end.measurement if end else None,
                cut=self._cut,
                hopeless=self._hopeless,
                peak_mb=self._peak_mb,
                gpu_peak_mb=self._gpu.peak_mb if self._gpu else 0.0,
                cause=end.cause if end else None,
                guard_numbers=self._guard_numbers,
            )
        )
