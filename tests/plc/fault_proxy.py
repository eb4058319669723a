"""A TCP proxy between a driver and a controller that knows EtherNet/IP frames and can spoil the replies.

What happens to a reply is a function from the frame to a series of pieces: bytes are sent, numbers are seconds to
wait, CLOSE hangs up and FREEZE waits until the test thaws the proxy.
"""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

CLOSE: Final = "close"
FREEZE: Final = "freeze"
Piece = bytes | float | str
Tamper = Callable[[bytes], Iterator[Piece]]
HEADER = 24


def untouched(frame: bytes) -> Iterator[Piece]:
    yield frame


def cut_after(count: int) -> Tamper:
    def tamper(frame: bytes) -> Iterator[Piece]:
        yield frame[:count]
        yield CLOSE

    return tamper


def trickled(pause_s: float) -> Tamper:
    """The header at once, the rest byte by byte."""

    def tamper(frame: bytes) -> Iterator[Piece]:
        yield frame[:HEADER]
        for index in range(HEADER, len(frame)):
            yield frame[index : index + 1]
            yield pause_s

    return tamper


def delayed(pause_s: float) -> Tamper:
    def tamper(frame: bytes) -> Iterator[Piece]:
        yield pause_s
        yield frame

    return tamper


def lost(frame: bytes) -> Iterator[Piece]:
    yield from ()


def frozen(frame: bytes) -> Iterator[Piece]:
    yield FREEZE
    yield frame


def duplicated(frame: bytes) -> Iterator[Piece]:
    yield frame
    yield frame


def encapsulation_error(frame: bytes) -> Iterator[Piece]:
    yield frame[:8] + struct.pack("<I", 0x64) + frame[12:]


def cip_error(frame: bytes) -> Iterator[Piece]:
    """The whole answer is "connection failure" instead of the values."""
    if frame[:2] != b"\x70\x00":
        yield frame
        return
    body = frame[24:44] + frame[44:46] + frame[46:47] + b"\x00\x01\x00"
    body = body[:18] + struct.pack("<H", len(body) - 20) + body[20:]
    yield frame[:2] + struct.pack("<H", len(body)) + frame[4:24] + body


def garbage(frame: bytes) -> Iterator[Piece]:
    yield b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    yield CLOSE


def scrambled(frame: bytes) -> Iterator[Piece]:
    """The right frame around the wrong contents."""
    yield frame[:46] + bytes((byte * 7 + 13) % 256 for byte in frame[46:])


class FaultProxy:
    """`tamper` may be exchanged at any time. `requests` are the frames the driver sent, whole and in order."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.tamper: Tamper = untouched
        self.requests: list[bytes] = []
        self.connections = 0
        self._thawed = threading.Event()
        self._closed = threading.Event()
        self._sockets: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def thaw(self) -> None:
        self.tamper = untouched
        self._thawed.set()
        self._thawed = threading.Event()

    def unplug(self) -> None:
        """Hang up on everybody and refuse whoever comes."""
        self._refuse()
        self._hang_up()

    def plug_in(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        self._thawed.set()
        self._refuse()
        self._hang_up()

    def __enter__(self) -> "FaultProxy":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _refuse(self) -> None:
        # Closing alone would let the thread that waits in accept() take one more.
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _hang_up(self) -> None:
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        self._sockets.clear()

    def _accept(self) -> None:
        server = self._server
        while not self._closed.is_set():
            try:
                client, _ = server.accept()
            except OSError:
                return
            self.connections += 1
            try:
                controller = socket.create_connection(("127.0.0.1", self.target_port), 2)
            except OSError:
                client.close()
                continue
            controller.settimeout(None)
            self._sockets += [client, controller]
            threading.Thread(target=self._requests, args=(client, controller), daemon=True).start()
            threading.Thread(target=self._replies, args=(controller, client), daemon=True).start()

    def _requests(self, client: socket.socket, controller: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while frame := _frame(client):
                self.requests.append(frame)
                controller.sendall(frame)
            controller.shutdown(socket.SHUT_WR)

    def _replies(self, controller: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while frame := _frame(controller):
                for piece in self.tamper(frame):
                    if self._closed.is_set() or not self._pass_on(piece, client):
                        return
            client.shutdown(socket.SHUT_WR)

    def _pass_on(self, piece: Piece, client: socket.socket) -> bool:
        if isinstance(piece, bytes):
            client.sendall(piece)
        elif piece == FREEZE:
            self._thawed.wait()
        elif piece == CLOSE:
            client.shutdown(socket.SHUT_RDWR)
            client.close()
            return False
        else:
            time.sleep(float(piece))
        return True

    def services(self) -> list[int]:
        """The CIP service of every request, with those inside of other requests.

        PCCC functions are marked with 0x100, services of the connection manager with 0x600.
        """
        return [service for frame in self.requests for service in _services(frame)]


def _frame(sock: socket.socket) -> bytes:
    head = _exactly(sock, HEADER)
    return head + _exactly(sock, int.from_bytes(head[2:4], "little")) if head else b""


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            return b""
        data += part
    return data


UNCONNECTED_SEND, MULTIPLE, PCCC = 0x52, 0x0A, 0x4B
CONNECTION_MANAGER, PCCC_FUNCTION = 0x600, 0x100


def _services(frame: bytes) -> Iterator[int]:
    command = frame[0]
    if command == 0x6F:
        yield from _inside(frame[40:], connected=False)
    elif command == 0x70:
        yield from _inside(frame[46:], connected=True)


def _inside(message: bytes, *, connected: bool) -> Iterator[int]:
    service, path = message[0], 2 + 2 * message[1]
    if service == UNCONNECTED_SEND and not connected:
        yield from _inside(message[path + 4 :], connected=False)
    elif service == MULTIPLE:
        (count,) = struct.unpack_from("<H", message, path)
        for offset in struct.unpack_from(f"<{count}H", message, path + 2):
            yield from _inside(message[path + offset :], connected=True)
    elif service == PCCC:
        yield PCCC_FUNCTION | message[path + 7 + 4]
    elif message[2:4] == b"\x20\x06":
        yield CONNECTION_MANAGER | service
    else:
        yield service
