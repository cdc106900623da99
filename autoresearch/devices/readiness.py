"""Readiness of a GPU for a run: enough free memory, cool, nobody else computing."""

from autoresearch.devices import HEAT, Device, Look, Tenant

BUSY = 0.05  # share of a GPU's time from which on a process counts as computing


def reason_not_ready(
    device: Device, look: Look, needed_mb: float, *, shared: bool, timed: bool
) -> str:
    """Return why a run has to wait, with numbers; "" if it need not.

    Args:
        device: The GPU.
        look: Its present state; unknown values are taken to be fine.
        needed_mb: GPU memory that the run needs.
        shared: Whether the user lets others compute on it.
        timed: Whether the run's budget is in seconds, so that a slower GPU means a worse model.
    """
    name = f"{device.name} ({device.title})" if device.title else device.name
    if look.free_mb is not None and look.free_mb < needed_mb:
        has = f"{look.free_mb:,.0f} of {device.memory_mb:,.0f} MB free, and it needs {needed_mb:,}"
        held = ", ".join(map(describe_tenant, largest(look.tenants)))
        return f"{name} has {has}" + (f": {held}" if held else "")
    if not timed:
        return ""
    if HEAT in look.slowed_by or _is_hot(look):
        at = f" at {look.temperature_c:.0f} °C" if look.temperature_c is not None else ""
        return f"{name} is hot{at}, and lowers its clocks"
    busy = [tenant for tenant in look.tenants if tenant.busy is not None and tenant.busy > BUSY]
    if busy and not shared:
        return f"{busy[0].name} (pid {busy[0].pid}) computes on {name}"
    return ""


def largest(tenants: tuple[Tenant, ...], most: int = 3) -> tuple[Tenant, ...]:
    """Return the tenants that hold most memory."""
    return tuple(sorted(tenants, key=lambda tenant: -(tenant.memory_mb or 0.0))[:most])


def describe_tenant(tenant: Tenant) -> str:
    """Return a text for people: "python (pid 4242) holds 76,000 MB"."""
    size = "memory" if tenant.memory_mb is None else f"{tenant.memory_mb:,.0f} MB"
    return f"{tenant.name} (pid {tenant.pid}) holds {size}"


def _is_hot(look: Look) -> bool:
    if look.temperature_c is None or look.slowdown_c is None:
        return False
    return look.temperature_c >= look.slowdown_c
