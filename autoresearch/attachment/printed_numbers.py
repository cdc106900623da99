"""Reads off what a run printed which numbers are in it: the output of an untrusted program."""

import json
import math
import re

from autoresearch.attachment.metric_names import NUMBER, Number, unit_after
from autoresearch.attachment.print_statements import pattern_for
from autoresearch.run_output.log_digest import clean_lines

_OUTPUT = "its output"
_VALUE = r"[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_METRIC = re.compile(rf"METRIC\s+([\w.-]+)\s*=\s*({_VALUE})\s*")
_NAMED = re.compile(rf"([^\W\d_][\w/@.\- ]*?)(\s*[:=]\s*|\s+)({_VALUE})(?![\w.])")
_MOST_LINES = 2000


def said_numbers(log: str) -> tuple[Number, ...]:
    """Return the numbers with a name in a run's output, each as printed last."""
    found: dict[str, Number] = {}
    for line in clean_lines(log)[-_MOST_LINES:]:
        for number in _of_line(line):
            found.pop(number.name, None)
            found[number.name] = number
    return tuple(found.values())


def _of_line(line: str) -> list[Number]:
    if metric := _METRIC.fullmatch(line):
        return [_number(metric[1], "", float(metric[2]))]
    if line.startswith("{") and line.endswith("}"):
        return _of_json(line)
    found = []
    for one in _NAMED.finditer(line):
        alone = not line[: one.start()].strip()
        pattern = pattern_for(one[1], one[2], alone=alone)
        unit = unit_after(line[one.end() :])
        found.append(_number(one[1], pattern, float(one[3].replace("_", "")), unit))
    return found


def _of_json(line: str) -> list[Number]:
    try:
        fields = json.loads(line)
    except ValueError:
        return []
    return [
        _number(name, f'"{re.escape(name)}": ?{NUMBER}', float(value))
        for name, value in fields.items()
        if type(value) in (int, float) and math.isfinite(value)
    ]


def _number(label: str, pattern: str, value: float, unit: str = "") -> Number:
    return Number(label=label, pattern=pattern, where=_OUTPUT, unit=unit, value=value)
