"""Numbers that a program prints: their names, which could be the metric, which way is better.

Knows words, not programs: `printed.py` reads them off the code, `said.py` off what a run wrote.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# The group of a pattern: "12.5ms" gives 12.5; of "1,234" nothing, for 1 would be wrong.
NUMBER = r"([-+]?(?:nan|inf|\d*\.?\d+(?:[eE][-+]?\d+)?))(?!\d|[,.]\d)"


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\S+", text))


_LOWER = _words(
    "loss error err mse rmse mae mape nll perplexity ppl bpb bpc wer cer fid regret time latency "
    "seconds duration elapsed runtime ms us ns size bytes kb mb memory cost distance misses"
)
_HIGHER = _words(
    "accuracy acc r2 auc auroc f1 precision recall score reward return bleu rouge throughput iou "
    "miou map psnr ssim speedup gflops flops ips fps ops qps correct coverage correlation sharpe "
    "hits"
)
_COUNTERS = _words(
    "step steps iter iters iteration iterations epoch epochs batch seed seeds n size_n rank lr "
    "learning_rate params parameters samples examples rows columns shape dtype device version port "
    "pid threads workers fold depth layers width repeats rounds calls runs trials norm grad mfu "
    "vocab tokens tok"
)
_HELD_OUT = _words("val valid validation test eval heldout holdout held dev cv")
_TRAINING = ("train", "training")
_UNITS = {
    "ms": "ms", "s": "s", "sec": "s", "secs": "s", "seconds": "s", "us": "us", "µs": "us",
    "ns": "ns", "%": "%", "mb": "MB", "kb": "kB", "bytes": "bytes", "gflops": "GFLOPS",
}  # fmt: skip
_SHARES = _words("accuracy acc auc auroc f1 precision recall iou miou r2 ssim coverage")
_PASSES = _words("pass passed passing success successes solve solved hit win")
_FAILURES = _words("failures failed fails errors mismatches violations misses bugs warnings")
_TIMES = ("ms", "s", "us", "ns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number in a program's output."""

    label: str  # as printed: "val loss"
    pattern: str  # of its line; "" for a line `METRIC name=value`
    where: str  # "train.py:40", or "its output"
    unit: str = ""
    value: float | None = None  # where it was seen

    @property
    def name(self) -> str:
        """The name that a contract can use, such as "val_loss"."""
        plain = unicodedata.normalize("NFKD", self.label).encode("ascii", "ignore").decode()
        return re.sub(r"\W+", "_", plain.strip().lower()).strip("_")

    @property
    def words(self) -> tuple[str, ...]:
        """The words of its name."""
        return tuple(word for word in self.name.split("_") if word)


def direction_of(name: str, unit: str = "") -> str:
    """Return the better direction that a name implies: "min", "max", or "" if it implies none."""
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
    if "per" in words[1:]:
        if words[-1] in ("second", "sec", "s"):
            return "max"
        words = words[: words.index("per")]
    for known, direction in ((_HIGHER, "max"), (_LOWER, "min")):
        if name.lower() in known or set(words) & known:
            return direction
    return "min" if unit in _TIMES else ""


def best_possible(name: str, unit: str, direction: str) -> float | None:
    """Return the bound of a metric whose name tells it, such as 1 of an accuracy; else None.

    A loss has one too, but no program is expected to reach it.
    """
    words = {word for word in re.split(r"[^a-z0-9]+", name.lower()) if word}
    rate = "rate" in words
    if direction == "max" and (words & _SHARES or (rate and words & _PASSES)):
        return 100.0 if unit == "%" or words & {"percent", "pct"} else 1.0
    if direction == "min" and words & _FAILURES and not rate:
        return 0.0
    return None


def may_have_a_sign(name: str) -> bool:
    """Return whether a number of that name is best at 0 when it can be negative."""
    words = set(re.split(r"[^a-z0-9]+", name.lower()))
    return bool(words & {"err", "error", "errors", "bias", "residual", "deviation", "diff"})


def unit_after(text: str) -> str:
    """The unit that stands right behind a number, "" where none does."""
    found = re.match(r"\s?(%|[A-Za-zµ]+)(?![\w/])", text)
    return _UNITS.get(found[1].lower(), "") if found else ""


def is_counter(number: Number) -> bool:
    """Return whether a number is progress or a setting rather than a result."""
    return not number.words or number.words[-1] in _COUNTERS or number.name in _COUNTERS


def candidates(numbers: Iterable[Number]) -> tuple[Number, ...]:
    """Return the numbers that could be the metric, one per name; only the likeliest if clear."""
    last = {number.name: number for number in numbers if not is_counter(number)}
    found = list(last.values())
    for better in (_is_marked, _is_held_out, _has_direction, _is_no_time):
        chosen = [number for number in found if better(number)]
        found = chosen or found
    return tuple(found)


def quoted(numbers: Sequence[Number], most: int = 8) -> str:
    """Their names, for a question."""
    shown = [
        f"{number.name} ({number.value:g})" if number.value is not None else number.name
        for number in numbers[:most]
    ]
    return ", ".join(shown) + (", …" if len(numbers) > most else "")


def _is_marked(number: Number) -> bool:
    """`METRIC name=value`: said to be one."""
    return not number.pattern


def _is_held_out(number: Number) -> bool:
    return bool(_HELD_OUT & set(number.words)) and not set(number.words) & set(_TRAINING)


def _has_direction(number: Number) -> bool:
    return bool(direction_of(number.name, number.unit)) and not set(number.words) & set(_TRAINING)


def _is_no_time(number: Number) -> bool:
    """Return whether a number is a result rather than the time that a training took."""
    return number.unit not in _TIMES and not set(number.words) & {"time", "elapsed", "seconds"}
