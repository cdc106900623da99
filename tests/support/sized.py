"""Runs at several sizes that take no time, and a contract that asks for them."""

import math
from dataclasses import replace

from autoresearch.records import Measurement, RunReport
from autoresearch.run_directory import RunDir
from tests.support.instant import InstantExecutor
from tests.support.repositories import CONTRACT


class Sized(InstantExecutor):
    """Runs cost what their size says, and gain by the size; nothing else."""

    def submit(self, rundir: RunDir) -> None:
        super().submit(rundir)
        report = rundir.read_status()
        assert report is not None
        if report.measurement is not None and rundir.path.parents[1].name == "scaling":
            rundir.write_status(_sized(report, rundir))


def _sized(report: RunReport, rundir: RunDir) -> RunReport:
    size = float(rundir.path.name.partition("-")[0])
    assert report.measurement is not None
    value = report.measurement.value + 4 / math.sqrt(size)
    measurement = Measurement(value=value, documents=9, tokens=9, score_s=0.1)
    return replace(report, measurement=measurement, cpu_s=size * (1 + report.measurement.value / 9))


SCALED = CONTRACT.replace("[knobs]", '[scaling]\nknob = "SCALE"\nsizes = [1, 2, 4, 8]\n[knobs]')
