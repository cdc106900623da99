"""Scores one model by reveal: shows it tokens, hides the next, and computes the loss itself.

A process of its own, which holds the targets and never imports researched code. The model sits in
another process, behind the sandbox boundary, and must answer for column t before t is sent, so it
can't look ahead. A second fresh process scores a secret sample of the same documents in another
order, mixed with spare ones, and must agree document by document: who learns while being scored, or
keeps anything from one batch to the next, does not.
"""

import builtins
import dataclasses
import math
import os
import re
import secrets
import select
import signal
import struct
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from autoresearch.devices.granted import granted
from autoresearch.errors import ScoringFailed
from autoresearch.feed import read_corpus, split_corpus
from autoresearch.out_of_memory import (
    HOST_WORDS,
    Taken,
    out_of_memory,
    out_of_memory_while_scored,
    size,
)
from autoresearch.records import Measurement
from autoresearch.rundir import RunDir, RunSpec, write_json
from autoresearch.sandbox import Confinement, Sandbox, make_sandbox

_BEGIN = b"!"  # whatever: the host loads the model when there is a byte
_UNSAID = "; what it said is not shown, since it has seen held-out documents"
_FAILED = re.compile(r"the model failed: (\w{1,40}):(?: .*?)??(?: \(line (\d{1,5})\))?", re.ASCII)
_OWN_WORDS = tuple(
    re.compile(f"the model returned {what}", re.ASCII)  # 660 characters are digits otherwise
    for what in (
        r"(bool|object|(u?int|float|complex)(8|16|32|64|128|256)) where floats were asked",
        r"a shape of \d dimensions where \d were asked",
        r"a shape that is (shorter|longer) in dimension \d of \d than was asked",
        r"logits that are NaN or infinite",
    )
)
_OWN_IMPORT = re.compile(r"^from autoresearch\.(\w+) import [^\n(]+$", re.M)
CHECKED = 250  # documents that a second process scores again
CHECKED_ROWS = 128  # documents it is asked about at once
WORST = 1e6  # bits per byte: beyond it one run would spoil the noise that all are judged by
TOLERANCE = 1e-4  # of a document's nats, or of one nat where it costs less


def score_run(path: Path) -> int:
    """Score the checkpoint of a run directory into measurement.json: a measurement or why none."""
    rundir = RunDir(path.resolve())
    spec = rundir.read_spec()
    sandbox = make_sandbox(spec.sandbox)
    try:
        measurement = _score_of_kind(rundir, spec, sandbox)
    except ScoringFailed as failure:
        write_json(rundir.measurement_file, {"failed": failure.message})
        return 0
    finally:
        sandbox.release()
    write_json(rundir.measurement_file, dataclasses.asdict(measurement))
    return 0


def _score_of_kind(rundir: RunDir, spec: RunSpec, sandbox: Sandbox) -> Measurement:
    if spec.vocab == "tokens":
        from autoresearch.token_scorer import score_tokens  # it needs the Host below

        return score_tokens(rundir, spec, sandbox)
    if spec.vocab == "arrays":
        from autoresearch.array_scorer import score_arrays

        return score_arrays(rundir, spec, sandbox)
    return score(rundir, spec, sandbox)


def score(rundir: RunDir, spec: RunSpec, sandbox: Sandbox) -> Measurement:
    """Bits per byte on the held-out documents; raise ScoringFailed if the model fails to answer."""
    started = time.monotonic()
    corpus = read_corpus(Path(spec.documents))
    deadline = started + spec.score_s
    with (
        Host(rundir, spec, sandbox, corpus.vocab, deadline=deadline) as first,
        Host(rundir, spec, sandbox, corpus.vocab, deadline=deadline) as second,
    ):
        from autoresearch.reveal import reveal, score_in_bulk  # numpy, while the hosts import it

        split = split_corpus(corpus, split_seed=spec.split_seed, held_out=spec.held_out)
        spare = split.spare_part(spec.spare_part)
        held_out = _shuffled(split.held_out)
        measure = score_in_bulk if spec.bulk else reveal
        nats = dict(zip(held_out, measure(first, corpus, held_out), strict=True))
        first.kill()  # before the second loads the model: the two never live at the same time
        again = _shuffled((*_shuffled(held_out)[:CHECKED], *spare))
        # Other batches too, or rows that are asked about together could teach each other.
        rows = min(CHECKED_ROWS, max(1, len(again) // 4))
        nats_again = dict(zip(again, reveal(second, corpus, again, rows), strict=True))
    value = _bits_per_byte(nats)
    if value is None or not value < WORST:  # nor is NaN
        raise ScoringFailed(f"the metric is {value}, where less than {WORST:g} is asked")
    _check_agreement(nats, nats_again)
    return Measurement(
        value=value,
        documents=len(nats),
        tokens=sum(map(len, nats)) + len(nats),
        score_s=time.monotonic() - started,
        spare=_bits_per_byte({document: nats_again[document] for document in spare}),
    )


def _shuffled(documents: Iterable[str]) -> list[str]:
    """In an order that nobody else knows."""
    shuffled = list(documents)
    secrets.SystemRandom().shuffle(shuffled)
    return shuffled


def _bits_per_byte(nats: Mapping[str, float]) -> float | None:
    """Of these documents, the end of each counted as a byte."""
    size = sum(len(document.encode()) + 1 for document in nats)
    return math.fsum(nats.values()) / math.log(2) / size if size else None


def _check_agreement(first: Mapping[str, float], second: Mapping[str, float]) -> None:
    """Raise ScoringFailed where a document's cost depends on what was shown before it."""
    both = [(cost, second[document]) for document, cost in first.items() if document in second]
    off = [abs(a - b) for a, b in both if not abs(a - b) <= TOLERANCE * max(1.0, a)]
    if off:
        raise ScoringFailed(
            "the model's answers depend on what it was asked before: asked again in another order, "
            f"a fresh process of it made {len(off)} of {len(both)} documents cost up to "
            f"{max(off):.4f} nats more or less"
        )


class Host:
    """The model's process, asked over two pipes of its own, all within one deadline."""

    def __init__(
        self,
        rundir: RunDir,
        spec: RunSpec,
        sandbox: Sandbox,
        vocab: int,
        *,
        deadline: float,
        program: str = "model_host.py",
    ) -> None:
        self._deadline = deadline
        self._score_s = spec.score_s
        self._entry, self._memory_mb = spec.entry, spec.memory_mb
        host_requests, self._requests = os.pipe()
        self._replies, host_replies = os.pipe()
        os.set_blocking(self._requests, False)
        os.set_blocking(self._replies, False)
        # Nobody else knows the name, so nobody can ask when something in it was changed.
        scratch = rundir.scratch / f"model-{secrets.token_hex(8)}"
        scratch.mkdir(parents=True)
        ends = (host_requests, host_replies)
        confinement = host_confinement(rundir, spec, vocab, scratch, ends, program)
        self._sandbox = sandbox
        self._loaded = False
        self._process = sandbox.start(confinement)
        os.close(host_requests)
        os.close(host_replies)

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def ask(self, request: bytes, size: int) -> bytes:
        """Send a request and return the answer, exactly `size` bytes; wait for the model first."""
        if not self._loaded:
            self._send(_BEGIN)
            self._expect(b"R")
            self._loaded = True
        self._send(request)
        self._expect(b"A")
        return self.receive(size)

    def kill(self) -> None:
        """End the host; what it may have forked is the supervisor's to end."""
        self._process.kill()
        self._process.wait()

    def _expect(self, kind: bytes) -> None:
        got = self.receive(1)
        if got == b"E":
            (size,) = struct.unpack("<I", self.receive(4))
            words = self.receive(min(size, 1000)).decode("utf-8", "replace")
            words = "".join(c if c.isprintable() else " " for c in words)
            raise ScoringFailed(self._words_that_may_be_shown(words))
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

    def receive(self, size: int) -> bytes:
        """The next bytes of an answer, exactly so many."""
        pieces = bytearray()
        while len(pieces) < size:
            self._wait(select.POLLIN, self._replies)
            piece = os.read(self._replies, size - len(pieces))
            if not piece:
                raise ScoringFailed(self._how_it_ended())
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
        code = self._sandbox.exit_code(self._process, self._process.wait())
        if code is None:
            raise RuntimeError("the sandbox could not start the model's process")
        if code == -signal.SIGKILL and self._sandbox.oom_kills():
            limit = size(self._memory_mb)
            return f"{HOST_WORDS}while it was scored the kernel ended the model above its {limit}"
        how = f"with exit status {code}" if code >= 0 else f"by signal {-code}"
        return f"the model's process ended {how}"

    def _words_that_may_be_shown(self, words: str) -> str:
        if self._loaded:
            return _known_words(words, self._memory_mb)
        short = out_of_memory(words, Taken(limit_mb=self._memory_mb))
        return f"{short}, while {self._entry} was loaded to be scored" if short else words


def _known_words(words: str, limit_mb: float) -> str:
    """What a model may say once it was shown held-out data: whose words could carry it out.

    The kind of an exception that Python has by itself or that says "out of memory", the line, and
    our own sentences.
    """
    if any(pattern.fullmatch(words) for pattern in _OWN_WORDS):
        return words
    found = _FAILED.fullmatch(words)
    where = f" in line {found[2]}" if found and found[2] else ""
    if found and (short := out_of_memory_while_scored(found[1], where, limit_mb)):
        return f"{short}{_UNSAID}"
    kind = getattr(builtins, found[1], None) if found else None
    if found is None or not (isinstance(kind, type) and issubclass(kind, BaseException)):
        return f"the model failed{_UNSAID}"
    return f"the model failed: {found[1]}{where}{_UNSAID}"


def _program(name: str) -> str:
    """A host's text; what it imports of ours stands before it, since it can import nothing.

    It imports nothing of the tree, either, before it loads the model: that would run as soon as the
    second host starts, while the first is asked.
    """
    folder = Path(__file__).parent
    text = (folder / name).read_text()
    before = [(folder / f"{module}.py").read_text() for module in _OWN_IMPORT.findall(text)]
    outside = "import sys\nsys.path[:] = [path for path in sys.path if path]"
    return "\n".join((outside, *before, _OWN_IMPORT.sub("", text)))


def host_confinement(
    rundir: RunDir, spec: RunSpec, vocab: int, scratch: Path, ends: tuple[int, int], program: str
) -> Confinement:
    """What the model may see: its tree, its checkpoint, and no documents at all.

    It has the variables that the training has, since the same file may read them when imported.
    """
    requests, replies = ends
    source = _program(program)
    checkpoint = str(rundir.out / spec.checkpoint)
    status = rundir.read_status()
    grant = granted(spec, status.device if status else "")
    arguments = (spec.entry, checkpoint, str(vocab), str(requests), str(replies))
    environment = {
        **grant.env,
        "AUTORESEARCH_SEED": str(spec.seed),
        "AUTORESEARCH_BUDGET": "0",
        "AUTORESEARCH_BUDGET_UNIT": spec.budget_unit,
        "AUTORESEARCH_CONTEXT": str(spec.context),
        "AUTORESEARCH_VOCAB": str(vocab),
        "AUTORESEARCH_DATA": os.devnull,
        "AUTORESEARCH_OUT": str(scratch),
    }
    return Confinement(
        argv=(spec.python, "-c", source, *arguments),
        cwd=rundir.tree,
        env=environment,
        interpreter=spec.python,
        readable=(rundir.tree, rundir.out / spec.checkpoint, *grant.readable),
        writable=(),
        scratch=scratch,
        links=spec.links(rundir.tree, scratch),
        secluded=True,
        hidden=tuple(map(Path, spec.hidden)),
        devices=grant.devices,
        gpu=grant.gpu,
        memory_mb=spec.memory_mb,
        file_mb=spec.checkpoint_mb,
        pass_fds=(requests, replies),
    )
