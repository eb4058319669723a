"""Mail over SMTP with an end to it: a server that answers one letter at a time is cut off."""

import smtplib
import socket
import threading
from typing import Any

from django.core.mail.backends import smtp

# For one connection, from its first byte to its last. Less than a claimed message belongs to its claimant.
WHOLE_S = 40.0


class _Bounded(smtplib.SMTP):
    def connect(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        # Before the greeting is read: that is where a dead server holds on to people.
        self._timer = threading.Timer(WHOLE_S, self._cut)
        self._timer.daemon = True
        self._timer.start()
        return super().connect(*args, **kwargs)

    def close(self) -> None:
        if timer := getattr(self, "_timer", None):
            timer.cancel()
        super().close()

    def _cut(self) -> None:
        if sock := self.sock:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # closed meanwhile


class EmailBackend(smtp.EmailBackend):
    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return smtplib.SMTP_SSL if self.use_ssl else _Bounded
