"""Local executor: supervisors on this machine, with file locks as leases, which the kernel frees.

A run with a spec, a free lock and no final status has lost its supervisor: `settle` kills what is
left of it and records that, once.
"""

import dataclasses
import json
import math
import os
import subprocess
import time

import psutil

from autoresearch.devices import Probe, Wanted
from autoresearch.devices.machine import Machine
from autoresearch.devices.slots import CHOICE, Slot, slots_of
from autoresearch.errors import RunStartError
from autoresearch.records import EndCause, RunReport
from autoresearch.run_directory import RunDir, ended_report, with_end
from autoresearch.run_output.log_digest import last_line
from autoresearch.system.agent_marks import without_marks
from autoresearch.system.locks import try_lock
from autoresearch.system.processes import boot_id, kill_each

_START_S = 30.0  # a supervisor that has written nothing by then never will
_CLOCK_SLACK_S = 1.0  # largest difference of two readings of one process's start
_LAST_SIGN_SLACK_S = 5.0  # longest life of a supervisor after its last heartbeat


class LocalExecutor:
    """Starts one supervisor for each run with the given interpreter."""

    role = "supervise"  # of its supervisors, one of `roles`

    def __init__(self, python: str, probe: Probe | None = None) -> None:
        """Use `probe` to find devices, by default this machine's."""
        self._python = python
        self._probe = probe or Machine()

    def submit(self, rundir: RunDir) -> None:
        """Start a supervisor and return once it is detached; its first status follows soon."""
        if rundir.read_status() is not None:
            raise RunStartError(
                f"{rundir.path} has already been run.", "Plan a new run.", reason="run_before"
            )
        code = self._spawn(rundir)
        if code != 0:
            words = last_line(rundir.error_file) or f"exit status {code}"
            raise RunStartError(
                f"The supervisor of {rundir.path} did not start: {words}.",
                reason="supervisor_failed",
            )

    def _spawn(self, rundir: RunDir) -> int:
        """Start a supervisor; return the exit status of the process that it detaches from."""
        argv = [self._python, "-P", "-m", "autoresearch_mcp", "_role", self.role]
        with rundir.error_file.open("ab") as errors:
            try:
                intermediate = subprocess.Popen(
                    [*argv, str(rundir.path.resolve())],
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    env=without_marks(os.environ),
                    start_new_session=True,
                )
            except OSError as error:
                raise RunStartError(
                    f"The supervisor of {rundir.path} did not start: {error}.",
                    reason="supervisor_not_executable",
                ) from error
        try:
            return intermediate.wait(_START_S)
        except subprocess.TimeoutExpired:
            intermediate.kill()
            return intermediate.wait()

    def alive(self, rundir: RunDir) -> bool:
        """Return whether the run's lock is held."""
        lock = try_lock(rundir.lock_file)
        if lock is None:
            return True
        lock.release()
        return False

    def settle(self, rundir: RunDir) -> RunReport | None:
        """Return the final report, written here if the supervisor is gone; None while it runs."""
        rundir.path.mkdir(parents=True, exist_ok=True)
        status = rundir.read_status()
        if status is not None and status.state.final:
            return status
        if status is None and _age(rundir) < _START_S:
            return None  # its supervisor may be starting just now
        lock = try_lock(rundir.lock_file)
        if lock is None:
            return None
        try:
            status = rundir.read_status()
            if status is None or not status.state.final:
                status = _lost(rundir, status)
                kill_orphans(rundir)
                rundir.write_status(status)
            rundir.remove_leftovers()
        finally:
            lock.release()
        return status

    def slots(self, wanted: Wanted = "cpu", gpu_memory_mb: float = 0) -> tuple[Slot, ...]:
        """Return the slots found here that $AUTORESEARCH_DEVICES allows."""
        choice = os.environ.get(CHOICE, "")
        found = self._probe.devices("any" if choice or wanted != "cpu" else "cpu")
        return slots_of(found, choice, wanted, gpu_memory_mb)


def kill_orphans(rundir: RunDir) -> None:
    """Kill what a dead supervisor left: recorded processes, their sessions, those with its mark.

    A process that the supervisor never saw, with a session of its own and a changed environment, is
    not found.
    """
    kill_each(_Orphans(rundir).has)


class _Orphans:
    """Distinguishes a run's processes from unrelated ones that got the same numbers."""

    def __init__(self, rundir: RunDir) -> None:
        self._recorded = _recorded(rundir)
        self._mark = str(rundir.path.resolve()) + "/"
        self._sessions: set[int] = set()  # known to be the run's: members keep the number in use
        status = rundir.read_status()
        self._last_sign = 0.0 if status is None else status.ended

    def has(self, process: psutil.Process) -> bool:
        """Return whether a process belongs to the run."""
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                return False
            born = process.create_time()
            known = self._recorded.get(process.pid)
            if known is not None and abs(known - born) < _CLOCK_SLACK_S:
                return True
            if self._is_session(os.getsid(process.pid), born):
                return True
            return process.environ().get("AUTORESEARCH_OUT", "").startswith(self._mark)
        except (psutil.Error, OSError):
            return False

    def _is_session(self, leader: int, born: float) -> bool:
        """Return whether a process's session is one that the run began.

        A session's number is not reused while it has a member. A living leader identifies it. If
        the leader is dead, the member must have been born while the supervisor lived: a later
        session may have got the number and lost its leader too.
        """
        began = self._recorded.get(leader)
        if began is None or leader in self._sessions:
            return began is not None
        try:
            its = abs(psutil.Process(leader).create_time() - began) < _CLOCK_SLACK_S
        except psutil.NoSuchProcess:
            its = began - _CLOCK_SLACK_S < born < self._last_sign + _LAST_SIGN_SLACK_S
        if its:
            self._sessions.add(leader)
        return its


def _recorded(rundir: RunDir) -> dict[int, float]:
    """Return start times by pid; {} if they were recorded before this machine's last boot."""
    try:
        record = json.loads(rundir.processes_file.read_text())
        if record["boot"] != boot_id():
            return {}
        return {int(pid): float(born) for pid, born in record["processes"]}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _age(rundir: RunDir) -> float:
    """Return the seconds since the run may have been started; inf if the clock was set back."""
    written = rundir.spec_file if rundir.spec_file.exists() else rundir.path
    age = time.time() - written.stat().st_mtime
    return age if age >= 0 else math.inf


def _lost(rundir: RunDir, status: RunReport | None) -> RunReport:
    if status is None:
        reason = f"its supervisor never started: {last_line(rundir.error_file) or 'no message'}"
        return ended_report(rundir.path.name, EndCause.NEVER_STARTED, reason)
    reason = f"its supervisor died while the run was {status.state}"
    lost = with_end(status, EndCause.SUPERVISOR_DIED, reason)
    return dataclasses.replace(lost, ended=time.time())
