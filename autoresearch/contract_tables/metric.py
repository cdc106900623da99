"""The metric's table of a contract: its name, its source, and what kind of number it is."""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_TIMES = {"s", "sec", "secs", "second", "seconds", "ms", "us", "µs", "ns", "min", "minutes"}
_SPEEDS = frozenset(
    re.findall(
        r"\S+",
        "time timing wall cpu latency duration elapsed runtime seconds secs sec ms us ns minutes "
        "throughput speed speedup fps ips ops qps rps tps flops gflops tflops mfu bandwidth hz ",
    )
)
_SIZES = frozenset(["b", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib", "byte", "bytes"])


class Section(BaseModel):
    """A table of the contract; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Metric(Section):
    """The metric under research, and its source.

    `sealed`: the lab computes it from a model that sees inputs only. `clock`: the lab's own clock
    measures it, named wall_s or cpu_s. `stdout`: the run reports it itself.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")]
    unit: str = ""
    direction: Literal["min", "max"]
    scoring: Literal["sealed", "stdout", "clock"]
    # "log" for a time, a size or a rate, whose noise is relative; by default the unit tells.
    scale: Literal["linear", "log"] | None = None
    # At most one of these, with "stdout"; without any, one line `METRIC name=value` is expected.
    pattern: str = ""  # a regular expression with one group, matched to each line of the output
    file: str = ""  # a JSON file that the run leaves in its tree, with the metric's name as key
    block: str = ""  # a line such as "---" before the one block of `key: value` lines
    goal: float | None = None  # a value that is good enough, such as the best possible one

    @model_validator(mode="after")
    def _one_source(self) -> "Metric":
        given = [name for name in ("pattern", "file", "block") if getattr(self, name)]
        if given and self.scoring != "stdout":
            raise ValueError(f'{given[0]} is for scoring = "stdout"')
        if len(given) > 1:
            raise ValueError(f"give one of {' and '.join(given)}")
        if self.scoring == "clock" and self.name not in ("wall_s", "cpu_s"):
            raise ValueError('scoring = "clock" measures name = "wall_s" or "cpu_s"')
        return self

    @field_validator("pattern")
    @classmethod
    def _has_one_group(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"is not a regular expression: {error}") from error
        if pattern and groups != 1:
            raise ValueError(f"must have one group, for the number; it has {groups}")
        return pattern

    @property
    def provenance(self) -> str:
        """The source of the number, as every result words it."""
        words = {"stdout": "self-reported", "clock": "measured by the lab's clock"}
        return words.get(self.scoring, self.scoring)

    def attributed(self, sentence: str) -> str:
        """Return a sentence of the judge's with its numbers' source, unless they are sealed."""
        return sentence if self.scoring == "sealed" else f"{sentence}; {self.provenance}"


def measures_speed(metric: Metric) -> bool:
    """Return whether a metric is a time, or a rate in time: by its source, its unit or its name."""
    if metric.scoring == "clock" or metric.unit.lower() in _TIMES or _is_rate(metric.unit):
        return True
    words = [word for word in re.split(r"[^a-z0-9]+", metric.name.lower()) if word]
    return bool(_SPEEDS & set(words)) or words[-1:] == ["s"] or _is_rate(metric.name)


def _is_rate(name: str) -> bool:
    return bool(
        re.search(r"(?:/|\bper\W?)\s?(?:s|sec|second|ms|min|minute|hour|h)$", _spaced(name))
    )


def _spaced(name: str) -> str:
    """Return a name's words between spaces: "tokens_per_s" is "tokens per s"."""
    return name.lower().replace("_", " ")


def is_ratio(metric: Metric) -> bool:
    """Return whether a metric is a time, a rate or a size, whose noise is relative."""
    return measures_speed(metric) or metric.unit.lower() in _SIZES
