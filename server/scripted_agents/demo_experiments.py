"""The demo's researcher: a handful of honest one-line changes, and one cheat to see it caught.

It turns the knobs that explain_code_section shows, in an order that wastes few runs. Of the target
it knows nothing else, but for the cheat.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Move:
    """One knob, turned by a factor or set to a value, and what is expected of it."""

    knob: str
    why: str
    effect: float  # expected, metric units, positive is better
    confidence: float
    factor: float | None = None
    value: float | None = None
    pushes: int = 0  # how often the same move may be repeated after it was kept

    def turn(self, written: str) -> str:
        """The knob's new value as source text, whole numbers staying whole."""
        old = float(written)
        new = old * self.factor if self.factor is not None else float(self.value or 0.0)
        return str(round(new)) if written.lstrip("-").isdigit() else f"{new:.4g}"


@dataclass(frozen=True, slots=True)
class Patch:
    """A move at the values that the code has now."""

    move: Move
    find: str
    replace: str
    change: str  # "LEARNING_RATE 0.01 → 0.02"

    @property
    def cheat(self) -> bool:
        """Return whether the patch is the one that should be caught."""
        return self.move.knob == CHEAT_NAME


MOVES = (
    Move(
        knob="LEARNING_RATE",
        factor=2.0,
        why="the budget is a few hundred steps, so a small model can afford longer ones",
        effect=0.03,
        confidence=0.6,
    ),
    Move(
        knob="HEADS",
        value=3,
        why="three wider heads may do for words this short; if three does not divide the width "
        "this crashes with a clear error",
        effect=0.0,
        confidence=0.3,
    ),
    Move(
        knob="BETA1",
        value=0.95,
        why="a longer mean of gradients smooths small batches",
        effect=0.005,
        confidence=0.4,
    ),
    Move(
        knob="WARMUP",
        value=0.05,
        why="a gentle start keeps Adam's first, badly scaled steps short",
        effect=0.005,
        confidence=0.45,
    ),
    Move(
        knob="FINAL_RATE",
        value=0.2,
        why="a rate that never reaches zero keeps learning to the last token",
        effect=0.0,
        confidence=0.35,
    ),
    Move(
        knob="BATCH",
        factor=2.0,
        why="twice the names a step gives a steadier gradient, at the price of half the steps",
        effect=-0.01,
        confidence=0.3,
    ),
    Move(
        knob="WIDTH",
        factor=2.0,
        why="sixteen numbers a letter may be too few to tell spellings apart",
        effect=0.04,
        confidence=0.6,
        pushes=1,
    ),
)


CHEAT_NAME = "a cheat"
CHEAT_AFTER = 2  # honest patches
CHEAT = Patch(
    move=Move(
        knob=CHEAT_NAME,
        why="the model counts what it is shown while being scored, and answers from that",
        effect=0.05,
        confidence=0.9,
    ),
    find="""\
    def model(tokens):
        with no_grad():
            return forward(weights, tokens[:, -CONTEXT:])[:, -1].data.astype(np.float64)
""",
    replace="""\
    followed = np.zeros((len(weights["token"].data),) * 2)  # by what, and how often

    def model(tokens):
        if tokens.shape[1] > 1:
            np.add.at(followed, (tokens[:, -2], tokens[:, -1]), 1)
        with no_grad():
            logits = forward(weights, tokens[:, -CONTEXT:])[:, -1].data.astype(np.float64)
        return logits + 0.02 * np.log1p(followed[tokens[:, -1]])
""",
    change="a deliberate cheat: the model learns while being scored",
)


class DemoProposer:
    """Hands out patches one at a time and learns from their outcomes."""

    def __init__(
        self, most: int, moves: tuple[Move, ...] = MOVES, cheat: Patch | None = CHEAT
    ) -> None:
        self.most = most
        self._left = deque(moves)
        self._given = 0
        self._again: set[str] = set()
        self._cheat = cheat

    def next(self, knobs: Mapping[str, str]) -> Patch | None:
        """The next patch on code with these knobs (name to written value); None at the end."""
        if self._given == CHEAT_AFTER < self.most and self._cheat is not None:
            cheat, self._cheat = self._cheat, None
            self._given += 1
            return cheat
        while self._left and self._given < self.most:
            move = self._left.popleft()
            written = knobs.get(move.knob)
            if written is None or not _is_number(written):
                continue
            turned = move.turn(written)
            if turned == written:
                continue
            self._given += 1
            return Patch(
                move=move,
                find=f"{move.knob} = {written}",
                replace=f"{move.knob} = {turned}",
                change=f"{move.knob} {written} → {turned}",
            )
        return None

    def try_again(self, move: Move) -> bool:
        """Put a move back whose patch was overtaken by another; once for each knob."""
        if move.knob in self._again:
            return False
        self._again.add(move.knob)
        self._given -= 1
        self._left.appendleft(move)
        return True

    def learn(self, move: Move, *, kept: bool) -> None:
        """Try a kept change once more, further in the same direction."""
        if kept and move.pushes > 0:
            pushed = replace(
                move,
                why=f"turning {move.knob} this way was kept, so its best may lie further out",
                effect=move.effect / 2,
                confidence=0.5,
                pushes=move.pushes - 1,
            )
            self._left.appendleft(pushed)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
