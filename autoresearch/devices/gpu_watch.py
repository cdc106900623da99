"""Watch of a run's GPU during training: the run's memory, other tenants, lowered clocks.

Only what the run can't cause counts as a disturbance: another process, which was there before it or
is not its descendant, and a power brake. Heat does not count but is reported: a run could heat its
own GPU to discard a bad seed, and a machine that can't cool its GPU would never finish a run.
Memory held by another process counts only if the run ran out of memory.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Collection

import psutil

from autoresearch.devices import HEAT, POWER_BRAKE, Device, Look, Probe, Tenant
from autoresearch.devices.readiness import BUSY, describe_tenant, largest

SAMPLE_S = 1.0
_MOST_DISTURBED = 0.05  # share of the samples
_WORTH_SAYING = 0.05  # share of the samples
_MOST_HELD = 0.05  # share of its memory that a desktop, for example, may hold beside a run


class Watch:
    """Samples one GPU about once a second."""

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
        self._beside: tuple[Tenant, ...] = ()  # other tenants at the last look
        self._before_mb: float | None = None
        self._least_mb = math.inf  # least free memory seen at a look
        self.peak_mb = 0.0  # of the GPU's memory held by the run; 0.0 if not reported

    def begin(self) -> None:
        """Record the tenants before the run, which are no part of it."""
        look = self._probe.look(self._device)
        self._strangers = {tenant.pid for tenant in look.tenants}
        self._before_mb = look.free_mb

    def sample(self, own: Callable[[], Collection[int]], now: float | None = None) -> None:
        """Take a sample if one is due; `own` returns the pids of the run's processes."""
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
                self._others[
                    describe_tenant(tenant) if tenant.busy is None else _computes(tenant)
                ] += 1
                break

    def disturbance(self) -> str:
        """Return why a run with a budget in seconds can't count, "" if it can."""
        for cause, count in (*self._others.most_common(1), self._braked()):
            if count > _MOST_DISTURBED * self._samples:
                share = count / self._samples
                return f"{cause} on {self._device.name} {share:.0%} of the time"
        return ""

    def notice(self) -> str:
        """Return a remark about lowered clocks for a run that counts, or ""."""
        share = self._slowed[HEAT] / self._samples if self._samples else 0.0
        if share <= _WORTH_SAYING:
            return ""
        return f"{self._device.name} lowered its clocks because of heat {share:.0%} of the time"

    def crowd(self) -> str:
        """Return which other processes held memory at the run's end or after it, or "".

        Returns "" if the driver never saw the GPU full: only the run itself then claims that.
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
        """Return other tenants; a pid invisible here, as in a container, may be the run's."""
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
