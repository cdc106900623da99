"""Scores one model by reveal: shows it tokens, hides the next, and computes the loss itself.

A process of its own, which holds the targets and never imports researched code. The model sits in
another process, behind the sandbox boundary, and must answer for column t before t is sent, so it
can't look ahead. What it could do is learn while it is scored: that is not held here.
"""

import dataclasses
import math
import os
import secrets
import select
import struct
import time
from pathlib import Path

from autoresearch.errors import ScoringFailed
from autoresearch.feed import read_corpus, split_corpus
from autoresearch.records import Measurement
from autoresearch.rundir import RunDir, RunSpec, write_json
from autoresearch.sandbox import Confinement, Sandbox, clean_environment, current_sandbox


def score_run(path: Path) -> int:
    """Score the checkpoint of a run directory into measurement.json: a measurement or why none."""
    rundir = RunDir(path.resolve())
    try:
        measurement = score(rundir, rundir.read_spec(), current_sandbox())
    except ScoringFailed as failure:
        write_json(rundir.measurement_file, {"failed": failure.message})
        return 0
    write_json(rundir.measurement_file, dataclasses.asdict(measurement))
    return 0


def score(rundir: RunDir, spec: RunSpec, sandbox: Sandbox) -> Measurement:
    """Bits per byte on the held-out documents; raise ScoringFailed if the model fails to answer."""
    started = time.monotonic()
    corpus = read_corpus(Path(spec.documents))
    host = Host(rundir, spec, sandbox, corpus.vocab, deadline=started + spec.score_s)
    try:
        from autoresearch.reveal import reveal  # numpy, while the host imports its own

        split = split_corpus(corpus, split_seed=spec.split_seed, held_out=spec.held_out)
        held_out = list(split.held_out)
        secrets.SystemRandom().shuffle(held_out)
        host.wait_until_loaded()
        nats, tokens = reveal(host, corpus, held_out)
    finally:
        host.kill()
    size = sum(len(document.encode()) + 1 for document in held_out)  # the end counts as a byte
    value = nats / math.log(2) / size
    if not math.isfinite(value):
        raise ScoringFailed(f"the metric is {value}")
    return Measurement(
        value=value, documents=len(held_out), tokens=tokens, score_s=time.monotonic() - started
    )


class Host:
    """The model's process, asked over two pipes of its own, all within one deadline."""

    def __init__(
        self, rundir: RunDir, spec: RunSpec, sandbox: Sandbox, vocab: int, *, deadline: float
    ) -> None:
        self._deadline = deadline
        self._score_s = spec.score_s
        host_requests, self._requests = os.pipe()
        self._replies, host_replies = os.pipe()
        os.set_blocking(self._requests, False)
        os.set_blocking(self._replies, False)
        confinement = host_confinement(rundir, spec, vocab, host_requests, host_replies)
        self._process = sandbox.start(confinement)
        os.close(host_requests)
        os.close(host_replies)

    def wait_until_loaded(self) -> None:
        """Return when the model is there to be asked."""
        self._expect(b"R")

    def ask(self, request: bytes, size: int) -> bytes:
        """Send a request and return the answer, exactly `size` bytes."""
        self._send(request)
        self._expect(b"A")
        return self._receive(size)

    def kill(self) -> None:
        """End the host; what it may have forked is the supervisor's to end."""
        self._process.kill()
        self._process.wait()

    def _expect(self, kind: bytes) -> None:
        got = self._receive(1)
        if got == b"E":
            (size,) = struct.unpack("<I", self._receive(4))
            words = self._receive(min(size, 1000)).decode("utf-8", "replace")
            raise ScoringFailed("".join(c if c.isprintable() else " " for c in words))
        if got != kind:
            raise ScoringFailed("the model's process answered out of turn")

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._wait(select.POLLOUT, self._requests)
            try:
                view = view[os.write(self._requests, view) :]
            except BrokenPipeError:
                return  # what it has to say, or its end, is found by reading

    def _receive(self, size: int) -> bytes:
        pieces = bytearray()
        while len(pieces) < size:
            self._wait(select.POLLIN, self._replies)
            piece = os.read(self._replies, size - len(pieces))
            if not piece:
                raise ScoringFailed(f"the model's process ended {self._how_it_ended()}")
            pieces += piece
        return bytes(pieces)

    def _wait(self, event: int, descriptor: int) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        left = self._deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise ScoringFailed(
                f"the model had not answered for all documents after {self._score_s:g} s"
            )

    def _how_it_ended(self) -> str:
        self._process.kill()  # it closed its pipe, which is an end even if it lives on
        code = self._process.wait()
        return f"with exit status {code}" if code >= 0 else f"by signal {-code}"


def host_confinement(
    rundir: RunDir, spec: RunSpec, vocab: int, requests: int, replies: int
) -> Confinement:
    """What the model may see: its tree, its checkpoint, and no documents at all.

    It has the variables that the training has, since the same file may read them when imported.
    """
    source = Path(__file__).with_name("model_host.py").read_text()
    checkpoint = str(rundir.out / spec.checkpoint)
    arguments = (spec.entry, checkpoint, str(vocab), str(requests), str(replies))
    environment = {
        **spec.env,
        "AUTORESEARCH_SEED": str(spec.seed),
        "AUTORESEARCH_BUDGET": "0",
        "AUTORESEARCH_VOCAB": str(vocab),
        "AUTORESEARCH_DATA": os.devnull,
        "AUTORESEARCH_OUT": str(rundir.scratch),
    }
    return Confinement(
        argv=(spec.python, "-c", source, *arguments),
        cwd=rundir.tree,
        env=clean_environment(rundir.scratch, environment),
        readable=(rundir.tree, rundir.out),
        writable=(rundir.scratch,),
        memory_mb=spec.memory_mb,
        file_mb=spec.checkpoint_mb,
        pass_fds=(requests, replies),
    )
