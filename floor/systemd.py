"""Tells systemd that a process works, for units of Type=notify with WatchdogSec."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Self


class Systemd:
    """`alive` belongs into the loop that does the work, so that a loop that hangs falls silent."""

    def __init__(self, address: str, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._address = address
        self._every_s = every_s
        self._clock = clock
        self._said_at: float | None = None

    @classmethod
    def of_this_process(cls, environment: Mapping[str, str] = os.environ) -> Self | None:
        """None where nobody listens. Speaks at half of the time after which systemd would lose patience."""
        address = environment.get("NOTIFY_SOCKET", "")
        if not address:
            return None
        is_meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        patience_us = int(environment.get("WATCHDOG_USEC") or 0) if is_meant else 0
        return cls(address, patience_us / 2 / 1_000_000)

    def alive(self) -> None:
        """A round is done. The first one also says that the process is ready."""
        now = self._clock()
        if self._said_at is None:
            self._say("READY=1\nWATCHDOG=1")
        elif self._every_s and now - self._said_at >= self._every_s:
            self._say("WATCHDOG=1")
        else:
            return
        self._said_at = now

    def _say(self, words: str) -> None:
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as wire:
            try:
                wire.sendto(words.encode(), address)
            except OSError:
                return  # systemd restarts whom it does not hear; there is nobody else to tell
