"""The training process under its limits: started in the sandbox, fed, watched, killed at the end.

Limits are checked 20 times a second, for the whole tree of processes. At a limit everything is
killed at once, without grace; only a checkpoint that was renamed into place before counts.
"""

import contextlib
import errno
import os
import selectors
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from autoresearch.devices.grants import Grant
from autoresearch.records import EndCause
from autoresearch.run_directory import RunDir, RunSpec
from autoresearch.run_output.capped_log import CappedLog
from autoresearch.sandboxes.base import Confinement, Sandbox
from autoresearch.system.processes import Descendants, Usage
from autoresearch.training.disk_usage import DiskUsage
from autoresearch.training.limits import EndKind, LimitMet, exceeded_resource, spent_time
from autoresearch.training.lookup_recording import recorder_environment
from autoresearch.training.token_source import TokenSource, open_token_source

POLL_S = 0.05
_READ_BYTES = 64 * 1024
_MACHINE_IS_FULL = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)


@dataclass(frozen=True, slots=True)
class Progress:
    """The resources that a training has used so far."""

    wall_s: float
    cpu_s: float
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEnd:
    """A training's end and the resources it used.

    `exit_code` is negative for a signal, None if the sandbox did not start the command.
    """

    kind: EndKind
    limit: str  # the limit that was met, with its number; "" if it exited
    exit_code: int | None
    taken: Progress
    peak_mb: float  # of memory, as far as observed
    all_dead: bool
    gpu_peak_mb: float = 0.0
    oom_kills: int = 0  # of its processes, by the kernel
    over: EndCause | None = None  # at EndKind.LIMIT, which limit that was


class NotStarted(Exception):
    """The training's command can't be executed; the message says why."""


class Training:
    """Owner of all descendants of this process, from its creation to the end of `run_to_end`.

    If it raises, the caller must kill the descendants.
    """

    def __init__(
        self,
        rundir: RunDir,
        spec: RunSpec,
        sandbox: Sandbox,
        descendants: Descendants,
        grant: Grant,
        listen: Callable[[bytes], object] | None = None,
    ) -> None:
        """Start the training; `listen` gets all its output, of which the log keeps only a part."""
        self._rundir = rundir
        self._spec = spec
        self._descendants = descendants
        self._sandbox = sandbox
        self._usage = Usage(0.0, 0.0, 0)
        self._footprint = DiskUsage(rundir, spec)
        self._peak_mb = 0.0
        self._log = CappedLog(rundir.log_file)
        self._listen = listen
        self._source = open_token_source(spec)
        self._output, output_end = os.pipe()
        os.set_blocking(self._output, False)
        confinement = training_confinement(rundir, spec, self._source, grant, output_end)
        try:
            self._child = sandbox.start(confinement)
        except OSError as error:
            if error.filename != confinement.argv[0] or error.errno in _MACHINE_IS_FULL:
                raise
            raise NotStarted(f"{error.filename}: {error.strerror}") from error
        self._started = time.monotonic()  # after our own preparations, which are not its time
        self._exited: float | None = None
        descendants.reset_reaped_cpu()
        os.close(output_end)
        self._source.begin()

    def run_to_end(
        self, stop_asked: Callable[[], bool], report: Callable[[Progress], None]
    ) -> TrainingEnd:
        """Feed and watch until it exits or meets a limit; then kill what is left of it."""
        met = self._watch(stop_asked, report)
        all_dead = self._descendants.kill()
        self._usage = self._look()
        self._source.abandon()
        while self._copy_output():
            pass
        self._log.close()
        code = self._descendants.exit_code(self._child.pid)
        self._child.returncode = -9 if code is None else code
        return TrainingEnd(
            kind=met.kind,
            limit=met.text,
            exit_code=self._sandbox.exit_code(self._child, self._child.returncode),
            taken=self._progress(),
            peak_mb=self._peak_mb,
            all_dead=all_dead,
            oom_kills=self._sandbox.oom_kills(),
            over=met.over,
        )

    def _watch(
        self, stop_asked: Callable[[], bool], report: Callable[[Progress], None]
    ) -> LimitMet:
        with selectors.DefaultSelector() as selector, exit_signal(self._child) as exited:
            selector.register(self._output, selectors.EVENT_READ, self._copy_output)
            if (tokens := self._source.fileno) is not None:
                selector.register(tokens, selectors.EVENT_WRITE, self._source.pump)
            if exited is not None:
                selector.register(exited, selectors.EVENT_READ, None)
            while True:
                if self._descendants.exit_code(self._child.pid) is not None:
                    self._exited = time.monotonic()
                    return LimitMet(EndKind.EXITED, "")
                self._usage = self._look()
                self._peak_mb = max(self._peak_mb, self._usage.rss_mb)
                if met := self._limit_met(stop_asked):
                    return met
                report(self._progress())
                _move_data(selector, until=time.monotonic() + POLL_S)

    def _look(self) -> Usage:
        """Return its usage; CPU seconds as a control group counts them, if that is more.

        A child that nobody waits for (SIGCHLD ignored) takes its seconds with it, but not from its
        group.
        """
        seen = self._descendants.look()
        return replace(seen, cpu_s=max(seen.cpu_s, self._sandbox.cpu_s()))

    def _limit_met(self, stop_asked: Callable[[], bool]) -> LimitMet | None:
        wall_s = time.monotonic() - self._started
        if stop_asked():
            return LimitMet(EndKind.STOPPED, "asked to stop")
        found = exceeded_resource(self._spec, self._usage)
        if found is None and (text := self._footprint.too_much(wall_s, self._descendants.held_mb)):
            found = LimitMet(EndKind.LIMIT, text, EndCause.OVER_DISK)
        return found or spent_time(self._spec, wall_s, self._usage.cpu_s)

    def _progress(self) -> Progress:
        wall_s = (self._exited or time.monotonic()) - self._started
        return Progress(wall_s, self._usage.cpu_s, self._source.tokens)

    def _copy_output(self) -> bool:
        """Move output of the training into the log; return whether there can be more."""
        try:
            chunk = os.read(self._output, _READ_BYTES)
        except BlockingIOError:
            return False
        self._log.write(chunk)
        if self._listen is not None:
            self._listen(chunk)
        return bool(chunk)


def training_confinement(
    rundir: RunDir, spec: RunSpec, source: TokenSource, grant: Grant, output: int
) -> Confinement:
    """Return a training's confinement: its tree, its grants, and the folders it may write to.

    An unsealed program may write to its own tree, as ordinary ones do.
    """
    environment = {
        **grant.env,
        "AUTORESEARCH_SEED": str(spec.seed),
        "AUTORESEARCH_BUDGET": _plain(spec.budget),
        "AUTORESEARCH_BUDGET_UNIT": spec.budget_unit,
        "AUTORESEARCH_OUT": str(rundir.out),
        "PYTHONHASHSEED": str(spec.seed % 2**32),
        **source.env,
    }
    left: tuple[Path, ...] = ()
    if spec.guards:  # runs and guards alike, so that it tells neither from the other
        left = (rundir.left,)
        environment["AUTORESEARCH_RUN_OUT"] = str(rundir.left)
    if spec.records_lookups:
        environment |= recorder_environment(rundir, environment)
    return Confinement(
        argv=spec.command,
        cwd=rundir.tree,
        env=environment,
        interpreter=spec.python,
        readable=(rundir.tree, *left, *grant.readable),
        writable=(rundir.out,) if spec.sealed else (rundir.out, rundir.tree),
        scratch=rundir.scratch,
        links=spec.links(rundir.tree, rundir.scratch),
        whole_system=not spec.sealed,  # it has no held-out data to find words of
        hidden=tuple(map(Path, spec.hidden)),
        devices=grant.devices,
        gpu=grant.gpu,
        memory_mb=spec.memory_mb,
        file_mb=2 * spec.checkpoint_mb,  # so that one a little too large gets its own sentence
        pass_fds=source.pass_fds,
        output=output,
    )


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


@contextlib.contextmanager
def exit_signal(child: "subprocess.Popen[bytes]") -> Iterator[int | None]:
    """Yield a descriptor that becomes readable when the child exits; None if unsupported."""
    descriptor = None
    if hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError):  # an old kernel: the next look finds the exit
            descriptor = os.pidfd_open(child.pid)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _move_data(selector: selectors.BaseSelector, until: float) -> None:
    """Feed and log until the next look is due, or the training exits."""
    while (left := until - time.monotonic()) > 0:
        for key, _ in selector.select(left):
            if key.data is None:
                return
            if not key.data():
                selector.unregister(key.fileobj)
