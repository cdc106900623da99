"""Notices to the user by apprise, an extra: what was kept, who gave up, and how it ended."""

import importlib
import logging
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from autoresearch.errors import LabError

logger = logging.getLogger(__name__)


class Notice(StrEnum):
    """Notice to a user; the text is its title."""

    KEPT = "kept an experiment"
    GAVE_UP = "gave up a worker"
    ENDED = "ended"
    DISK = "needs room on its disk"
    TROUBLE = "has trouble"
    TRIED = "can reach you here"


class Notifier:
    """Sends each notice once to all addresses; that one can't be sent stops nothing."""

    def __init__(self, addresses: Sequence[str], lab: str, campaign: str) -> None:
        self._addresses = tuple(addresses)
        self._who = f"{lab} {campaign}"
        self._sent: set[tuple[Notice, str]] = set()

    def send(self, notice: Notice, words: str, about: str = "") -> bool:
        """Send a notice unless it, or one of the same kind about the same thing, was sent."""
        key = (notice, about or words)
        if not self._addresses or key in self._sent:
            return False
        self._sent.add(key)
        try:
            return bool(_apprise(self._addresses).notify(title=f"{self._who} {notice}", body=words))
        except Exception as error:  # noqa: BLE001 - a boundary: addresses are plugins of many makers
            logger.warning("a notice was not sent: %s", type(error).__name__)
            return False


def check_addresses(addresses: Sequence[str], lab: str, campaign: str) -> None:
    """Send a first notice; raise LabError, which repeats no address, if it can't be sent."""
    if not addresses:
        return
    sent = Notifier(addresses, lab, campaign).send(
        Notice.TRIED, "A campaign is about to start; it tells you here what it keeps."
    )
    if not sent:
        raise LabError(
            "The address of --notify could not be reached.",
            "Check it with apprise itself: `apprise -vv -b hello ADDRESS`.",
            reason="notify",
        )


def _apprise(addresses: Sequence[str]) -> Any:  # noqa: ANN401 - an extra without types
    apprise = importlib.import_module("apprise")
    sender = apprise.Apprise()
    for address in addresses:
        if not sender.add(address):
            raise ValueError("an address that apprise does not know")
    return sender
