"""The world outside the product: a mail server that can misbehave, and an address that hears the watchdog."""

import contextlib
import json
import re
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SLOW_S = 2.0
LONGEST_S = 40.0  # a connection that is never answered ends some day, or the run would not


class Mood(StrEnum):
    GOOD = "good"
    DOWN = "down"  # closes every connection at once
    SLOW = "slow"
    REFUSES = "refuses"  # answers 554
    MUTE = "mute"  # takes the connection and never says a word
    FORGETFUL = "forgetful"  # takes the whole message and never answers


@dataclass(frozen=True, slots=True)
class Mail:
    """`at` is seconds since 1970. `is_answered` False: the sender could not know that it was taken."""

    at: float
    message_id: str
    to: str
    subject: str
    is_answered: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """What the watchdog said at `at`, seconds since 1970."""

    at: float
    wrong: tuple[str, ...]
    over: tuple[str, ...]
    text: str


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self) -> None:
        self.mood = Mood.GOOD
        self.mails: list[Mail] = []
        super().__init__(("127.0.0.1", 0), _Conversation)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that was killed in the middle of a sentence is what this is for."""


class _Conversation(socketserver.StreamRequestHandler):
    server: MailServer
    timeout = LONGEST_S

    def handle(self) -> None:
        mood = self.server.mood
        if mood is Mood.DOWN:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        if mood is Mood.MUTE:
            self._wait_while(Mood.MUTE)
            return
        self._say("220 stub")
        self.to: list[str] = []
        while line := self.rfile.readline():
            if not self._answer(line.decode(errors="replace").strip()):
                return

    def _answer(self, line: str) -> bool:
        """False: the conversation is over."""
        word = line[:4].upper()
        if word == "RCPT":
            if self.server.mood is Mood.REFUSES:
                self._say("554 not today")
                return True
            self.to.append(line.partition("<")[2].partition(">")[0])
        elif word == "DATA":
            return self._take()
        elif word == "QUIT":
            self._say("221 bye")
            return False
        self._say("250 ok")
        return True

    def _take(self) -> bool:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        message = message_from_bytes(b"".join(lines))
        if self.server.mood is Mood.SLOW:
            time.sleep(SLOW_S)
        is_answered = self.server.mood is not Mood.FORGETFUL
        subject = re.sub(r"\s+", " ", str(message["Subject"]))
        for to in self.to:
            self.server.mails.append(Mail(time.time(), str(message["Message-ID"]), to, subject, is_answered))
        if not is_answered:
            self._wait_while(Mood.FORGETFUL)
            return False
        self.to = []
        self._say("250 taken")
        return True

    def _wait_while(self, mood: Mood) -> None:
        deadline = time.monotonic() + LONGEST_S
        while self.server.mood is mood and time.monotonic() < deadline:
            time.sleep(0.2)

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


class AlarmServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        super().__init__(("127.0.0.1", 0), _Alarm)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/alarms"


class _Alarm(BaseHTTPRequestHandler):
    server: AlarmServer

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        wrong, over = (tuple(alarm["key"] for alarm in said[part]) for part in ("wrong", "over"))
        self.server.heard.append(Heard(time.time(), wrong, over, said["text"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Silent: what was heard is in `heard`."""


@dataclass
class Outside:
    mail: MailServer = field(default_factory=MailServer)
    alarms: AlarmServer = field(default_factory=AlarmServer)

    @property
    def environment(self) -> dict[str, str]:
        """What the product must be started with to speak to this world."""
        return {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(self.mail.port),
            "SMTP_TLS": "false",
            "MS5_WATCHDOG_WEBHOOK": self.alarms.address,
        }


@contextmanager
def outside() -> Iterator[Outside]:
    world = Outside()
    with world.mail, world.alarms, contextlib.ExitStack() as stack:
        for server in (world.mail, world.alarms):
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
        yield world
