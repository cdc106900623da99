"""The host: a model's own process in the sandbox, asked over two pipes within one deadline."""

import os
import secrets
import select
import signal
import struct
import time

from autoresearch.errors import ScoringError
from autoresearch.run_directory import RunDir, RunSpec
from autoresearch.run_output.out_of_memory import (
    MemoryUsage,
    Shortage,
    on_host,
    out_of_memory,
    size,
)
from autoresearch.sandboxes.base import Sandbox
from autoresearch.scoring.host_program import host_confinement
from autoresearch.scoring.model_watch import ModelWatch
from autoresearch.scoring.redaction import redact
from autoresearch.system.processes import cpu_below

_BEGIN = b"!"  # any byte: the host loads the model when one arrives
_LOOK_S = 0.05  # between two looks at what it takes


class Host:
    """A model's process, asked over two pipes of its own.

    Args:
        rundir: The run directory; its tree and checkpoint are what the process can read.
        spec: The run's spec.
        sandbox: The sandbox that starts the process.
        vocab: Number of token ids.
        deadline: Time on the monotonic clock by which every answer must have come.
        program: The host program, one of `host_program.PROGRAMS`.
        watch: Counts what it takes; None for code that is not under research.
    """

    def __init__(
        self,
        rundir: RunDir,
        spec: RunSpec,
        sandbox: Sandbox,
        vocab: int,
        *,
        deadline: float,
        program: str = "model_host.py",
        watch: ModelWatch | None = None,
    ) -> None:
        self._deadline = deadline
        self._score_s = spec.score_s
        self._entry, self._memory_mb = spec.entry, spec.memory_mb
        host_requests, self._requests = os.pipe()
        self._replies, host_replies = os.pipe()
        os.set_blocking(self._requests, False)
        os.set_blocking(self._replies, False)
        # A secret name, so that nobody can watch when something in it changes.
        scratch = rundir.scratch / f"model-{secrets.token_hex(8)}"
        scratch.mkdir(parents=True)
        ends = (host_requests, host_replies)
        confinement = host_confinement(rundir, spec, vocab, scratch, ends, program)
        self._sandbox = sandbox
        self._gpu = confinement.gpu
        self._watch = watch
        self._before: tuple[float, float] | None = None  # the clocks as its present phase began
        self._looked = 0.0
        self._loaded = False
        self._process = sandbox.start(confinement)
        os.close(host_requests)
        os.close(host_replies)

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def ask(self, request: bytes, size: int) -> bytes:
        """Send a request and return the answer, exactly `size` bytes, once the model is loaded.

        Raises:
            ScoringError: The model failed, ended, or missed the deadline.
        """
        if not self._loaded:
            self._load()
        self._send(request)
        self._expect(b"A")
        return self.receive(size)

    def _load(self) -> None:
        self._expect(b"S")  # its own start is over, and costs the model nothing
        self._before = self._clocks()
        if self._watch is not None:
            self._watch.begin()
        self._send(_BEGIN)
        self._expect(b"R")
        self._look()
        self._before = self._clocks()
        self._loaded = True

    def finish(self) -> None:
        """Kill the host after its last answer; raise ScoringError if it took more than it may."""
        self._look()
        self.kill()
        if self._watch is not None:
            self._watch.end_process()

    def kill(self) -> None:
        """Kill the host; the supervisor kills what it may have forked."""
        self._process.kill()
        self._process.wait()

    def _clocks(self) -> tuple[float, float]:
        """Return the CPU seconds of the process with all below it, and the time."""
        cpu_s = max(self._sandbox.cpu_s(self._process), cpu_below(self._process.pid))
        return cpu_s, time.monotonic()

    def _look(self) -> None:
        """Take note of what it has taken in its present phase."""
        self._looked = time.monotonic()
        if self._watch is not None and self._before is not None:
            cpu_s, wall_s = (
                now - then for now, then in zip(self._clocks(), self._before, strict=True)
            )
            note = self._watch.answering if self._loaded else self._watch.loading
            note(max(cpu_s, wall_s) if self._gpu else cpu_s)

    def _expect(self, kind: bytes) -> None:
        got = self.receive(1)
        if got == b"E":
            (size,) = struct.unpack("<I", self.receive(4))
            words = self.receive(min(size, 1000)).decode("utf-8", "replace")
            words = "".join(c if c.isprintable() else " " for c in words)
            raise self._error_that_may_be_shown(words)
        if got != kind:
            raise ScoringError("the model's process answered out of turn", reason="out_of_turn")

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._wait(select.POLLOUT, self._requests)
            try:
                view = view[os.write(self._requests, view) :]
            except BrokenPipeError:
                return  # its error, or its end, is found by reading

    def receive(self, size: int) -> bytes:
        """Return the next `size` bytes of an answer; raise ScoringError as `ask` does."""
        pieces = bytearray()
        while len(pieces) < size:
            self._wait(select.POLLIN, self._replies)
            piece = os.read(self._replies, size - len(pieces))
            if not piece:
                raise self._how_it_ended()
            pieces += piece
        return bytes(pieces)

    def _wait(self, event: int, descriptor: int) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        while (left := self._deadline - time.monotonic()) > 0:
            if time.monotonic() - self._looked > _LOOK_S:
                self._look()
            if poll.poll(min(left, _LOOK_S) * 1000):
                return
        raise ScoringError(
            f"the model had not answered for all documents after {self._score_s:g} s",
            reason="too_slow",
        )

    def _how_it_ended(self) -> ScoringError:
        self._process.kill()  # it closed its pipe, which is an end even if it lives on
        code = self._sandbox.exit_code(self._process, self._process.wait())
        if code is None:
            raise RuntimeError("the sandbox could not start the model's process")
        if code == -signal.SIGKILL and self._sandbox.oom_kills():
            limit = size(self._memory_mb)
            how = f"while being scored, the model was killed by the kernel above its {limit}"
            return _error(on_host(how))
        how = f"with exit status {code}" if code >= 0 else f"by signal {-code}"
        return ScoringError(f"the model's process ended {how}", reason="process_ended")

    def _error_that_may_be_shown(self, words: str) -> ScoringError:
        if self._loaded:
            return _error(redact(words, self._memory_mb))
        short = out_of_memory(words, MemoryUsage(limit_mb=self._memory_mb))
        if short is None:
            return _error(words)
        return _error(
            Shortage(short.cause, f"{short.text}, while {self._entry} was being loaded for scoring")
        )


def _error(found: str | Shortage) -> ScoringError:
    if isinstance(found, Shortage):
        return ScoringError(found.text, reason=found.cause)
    return ScoringError(found, reason="model_failed")
