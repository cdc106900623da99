"""Watches a run's GPU while it trains: what it holds there, who else computes, what slows it.

What counts as a disturbance is only what the run can't cause: another process, which was there
before it or is not below it, and a power brake. Heat is not one: a run could heat its own GPU to be
rid of a bad seed, and a machine that can't cool its GPU would never finish a run; it is said.
Memory that another process holds is one only where the run found too little of it.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Collection

import psutil

from autoresearch.devices import HEAT, POWER_BRAKE, Device, Look, Probe, Tenant
from autoresearch.devices.readiness import BUSY, holds, largest

SAMPLE_S = 1.0
_MOST_DISTURBED = 0.05  # share of the samples
_WORTH_SAYING = 0.05
_MOST_HELD = 0.05  # share of its memory: a desktop may hold so much, and a run has to fit beside it


class Watch:
    """Looks at one GPU about every second; with a core it has nothing to do."""

    def __init__(self, probe: Probe, device: Device, *, shared: bool) -> None:
        self._probe = probe
        self._device = device
        self._shared = shared
        self._sampled = float("-inf")
        self._samples = 0
        self._slowed: Counter[str] = Counter()
        self._others: Counter[str] = Counter()
        self._strangers: set[int] = set()
        self._mine: set[int] = set()
        self._beside: tuple[Tenant, ...] = ()  # others, at the last look
        self._before_mb: float | None = None
        self._least_mb = math.inf  # of its memory that was free at a look
        self.peak_mb = 0.0  # of the GPU's memory, held by the run at once; 0.0 where nobody tells

    def begin(self) -> None:
        """Before the run: who is there now is no part of it."""
        look = self._probe.look(self._device)
        self._strangers = {tenant.pid for tenant in look.tenants}
        self._before_mb = look.free_mb

    def sample(self, own: Callable[[], Collection[int]], now: float | None = None) -> None:
        """Look if it is time to; `own` says which processes are the run's."""
        now = time.monotonic() if now is None else now
        if now < self._sampled + SAMPLE_S:
            return
        self._sampled = now
        look, mine = self._probe.look(self._device), set(own())
        self._mine = mine
        self._note_free(look)
        self._beside = self._others_in(look)
        self._samples += 1
        self._slowed.update(look.slowed_by)
        self.peak_mb = max(self.peak_mb, self._held_mb(look, mine))
        for tenant in self._beside:
            if self._disturbs(tenant):
                self._others[holds(tenant) if tenant.busy is None else _computes(tenant)] += 1
                break

    def disturbance(self) -> str:
        """Why what the run did in this time can't count where seconds do, "" where it can."""
        for cause, count in (*self._others.most_common(1), self._braked()):
            if count > _MOST_DISTURBED * self._samples:
                share = count / self._samples
                return f"{cause} on {self._device.name} {share:.0%} of the time"
        return ""

    def notice(self) -> str:
        """What is worth saying of a run that counts."""
        share = self._slowed[HEAT] / self._samples if self._samples else 0.0
        if share <= _WORTH_SAYING:
            return ""
        return f"{self._device.name} lowered its clocks for heat {share:.0%} of the time"

    def crowd(self) -> str:
        """Who held memory there in the run's last moments or now that it is dead, "" if nobody.

        Nobody where the driver never saw it full either: that it ran out is the run's own word.
        """
        look = self._probe.look(self._device)
        self._note_free(look)
        there = {tenant.pid: tenant for tenant in (*self._beside, *self._others_in(look))}
        most = _MOST_HELD * self._device.memory_mb
        held = largest(tuple(t for t in there.values() if (t.memory_mb or 0.0) > most))
        if not held or self._shared or self._least_mb > most:
            return ""
        return f"{' and '.join(map(_held, held))} on {self._device.name}"

    def _note_free(self, look: Look) -> None:
        if look.free_mb is not None:
            self._least_mb = min(self._least_mb, look.free_mb)

    def _braked(self) -> tuple[str, int]:
        return f"{POWER_BRAKE} lowered the clocks", self._slowed[POWER_BRAKE]

    def _others_in(self, look: Look) -> tuple[Tenant, ...]:
        """A number that is not seen from here, as in a container, may be the run's own."""
        return tuple(
            tenant
            for tenant in look.tenants
            if tenant.pid not in self._mine
            and (tenant.pid in self._strangers or psutil.pid_exists(tenant.pid))
        )

    def _disturbs(self, tenant: Tenant) -> bool:
        return not self._shared and (tenant.busy is None or tenant.busy > BUSY)

    def _held_mb(self, look: Look, mine: set[int]) -> float:
        told = [t.memory_mb for t in look.tenants if t.pid in mine and t.memory_mb is not None]
        if told:
            return sum(told)
        if self._shared or look.free_mb is None or self._before_mb is None:
            return 0.0
        return max(0.0, self._before_mb - look.free_mb)


def _held(tenant: Tenant) -> str:
    return f"{tenant.name} (pid {tenant.pid}) held {tenant.memory_mb:,.0f} MB"


def _computes(tenant: Tenant) -> str:
    return f"{tenant.name} (pid {tenant.pid}) computed"
