"""Says whether everything is live, seen from outside: as a browser would."""

import base64
import http.client
import http.cookiejar
import json
import os
import re
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

ANSWERS_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class NotReady(Exception):
    """What does not answer yet, and what it says."""

    what: str
    detail: str

    def __str__(self) -> str:
        return f"{self.what}: {self.detail}"


class Visitor:
    """Signs in once and keeps the session, as a browser does."""

    def __init__(self, address: str, username: str, password: str) -> None:
        self._address = address
        self._credentials = (username, password)
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._cookies)
        )

    def require_everything(self) -> None:
        """Raise NotReady until page, socket, readers, escalator and a fresh reading all answer."""
        self._require_health()
        self._require_page()
        self._require_socket()

    def _require_health(self) -> None:
        status, body = self._open("/health/ready")
        try:
            health = json.loads(body)
        except ValueError:
            raise NotReady("health", f"answered {status} without a report") from None
        for name, check in health.get("checks", {}).items():
            if not check.get("ok"):
                raise NotReady(name, str(check.get("detail") or "not yet"))
        if status != 200 or health.get("status") != "ok":
            raise NotReady("health", str(health.get("status")))

    def _require_page(self) -> None:
        if not self._cookie("sessionid"):
            self._sign_in()
        status, body = self._open("/board/")
        if status != 200 or "</html>" not in body:
            raise NotReady("page", f"the plant board answered {status}")

    def _sign_in(self) -> None:
        _, body = self._open("/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', body)
        username, password = self._credentials
        form = {
            "username": username,
            "password": password,
            "csrfmiddlewaretoken": token.group(1) if token else "",
        }
        status, _ = self._open("/login/", urllib.parse.urlencode(form).encode())
        if not self._cookie("sessionid"):
            raise NotReady("page", f"signing in answered {status}")

    def _require_socket(self) -> None:
        """A real handshake with the visitor's session, and one frame from the server."""
        host, port = urllib.parse.urlsplit(self._address).netloc.rsplit(":", 1)
        key = base64.b64encode(os.urandom(16)).decode()
        request = (
            f"GET /ws/ HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {self._address}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Cookie: sessionid={self._cookie('sessionid')}\r\n\r\n"
        )
        try:
            with socket.create_connection((host.strip("[]"), int(port)), ANSWERS_WITHIN_S) as connection:
                connection.sendall(request.encode())
                received = _read_until(connection, lambda data: len(data.partition(b"\r\n\r\n")[2]) > 2)
        except OSError as error:
            raise NotReady("socket", str(error)) from error
        if not received.startswith(b"HTTP/1.1 101"):
            raise NotReady("socket", received.partition(b"\r\n")[0].decode("latin-1") or "closed without an answer")

    def _cookie(self, name: str) -> str | None:
        return next((cookie.value for cookie in self._cookies if cookie.name == name), None)

    def _open(self, path: str, form: bytes | None = None) -> tuple[int, str]:
        request = urllib.request.Request(self._address + path, form, {"Referer": self._address + path})  # noqa: S310
        try:
            with self._opener.open(request, timeout=ANSWERS_WITHIN_S) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise NotReady("web", str(getattr(error, "reason", error))) from error


def _read_until(connection: socket.socket, enough: Callable[[bytes], bool]) -> bytes:
    """Return what came until `enough` of it, the end, or the time limit (as TimeoutError)."""
    deadline = time.monotonic() + ANSWERS_WITHIN_S
    received = b""
    while not enough(received):
        connection.settimeout(max(deadline - time.monotonic(), 0.01))
        part = connection.recv(4096)
        if not part or not (received + part).startswith(b"HTTP/1.1 101"):
            return received + part
        received += part
    return received
