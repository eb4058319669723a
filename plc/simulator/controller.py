"""One simulated controller: its memory behind a TCP listener that can be cut, frozen and restarted."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Mapping, Sequence

from ethernetip.cip.identity_info import IdentityInfo
from ethernetip.protocol.eip_adapter import EipAdapter

from plc.simulator import logix, pccc
from plc.simulator.cip import PATH_UNKNOWN, Refused, Reply, Router, Segment, attributes
from plc.simulator.demo import ControllerSpec
from plc.simulator.memory import MEMORY
from plc.simulator.pccc import DataFiles
from plc.simulator.tags import Value

HOST = "127.0.0.1"
PROGRAM_NAME_CLASS, CLOCK_CLASS = 0x64, 0x8B
GET_ALL, GET_LIST = 0x01, 0x03
ROCKWELL, PLC_DEVICE = 1, 14

Look = Callable[[], Mapping[str, Value]]


class Gate:
    """Between socket and transport: while it is shut, requests arrive and nobody answers."""

    def __init__(self, reader: asyncio.StreamReader, thawed: asyncio.Event) -> None:
        self._reader, self._thawed = reader, thawed

    async def read(self, size: int) -> bytes:
        data = await self._reader.read(size)
        await self._thawed.wait()
        return data


class Controller:
    """Serve one controller. `look` returns what its memory holds at this moment, `clock` its epoch seconds."""

    def __init__(self, spec: ControllerSpec, look: Look, clock: Callable[[], float]) -> None:
        self.spec = spec
        self.memory = MEMORY[spec.code]()
        self.port = 0
        self._look, self._clock = look, clock
        identity = _identity(spec)
        self.router = Router(identity, self._serve, self._refresh)
        self._adapter = EipAdapter(self.router, identity, self.router.sessions)
        self._adapter.connection_id_lookup = self.router.reverse
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._thawed = asyncio.Event()
        self._thawed.set()

    @property
    def is_listening(self) -> bool:
        return self._server is not None

    async def start(self, port: int = 0) -> None:
        """Listen on `port`; 0 takes a free one, and keeps it over a link loss."""
        if self._server is not None:
            return
        self._server = await asyncio.start_server(self._client, HOST, port or self.port)
        self.port = self._adapter.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Refuse new connections and reset those that are open, as an unplugged cable does in the end."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    def freeze(self) -> None:
        """Keep connections open and answer nothing."""
        self._thawed.clear()

    def thaw(self) -> None:
        self._thawed.set()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            # The transport has no public way in for a socket it did not accept; its version is pinned.
            await self._adapter._handle_client(Gate(reader, self._thawed), writer)
        except (struct.error, ValueError, IndexError, asyncio.CancelledError):
            writer.transport.abort()  # not EtherNet/IP at all
        finally:
            self._writers.discard(writer)

    # --- objects --------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        for name, value in self._look().items():
            self.memory[name] = value

    def _serve(self, service: int, path: Sequence[Segment], data: bytes, room: int) -> Reply | None:
        if path and path[0] == Segment("class", CLOCK_CLASS) and service == GET_LIST:
            now = struct.pack("<Q", int(self._clock() * 1e6))
            return attributes(data, {6: now, 11: now})
        if isinstance(self.memory, DataFiles):
            return self._serve_files(self.memory, service, path, data)
        return self._serve_tags(self.memory, service, path, data, room)

    def _serve_files(self, files: DataFiles, service: int, path: Sequence[Segment], data: bytes) -> Reply | None:
        if path and path[0] == Segment("class", pccc.PCCC_CLASS) and service == pccc.EXECUTE:
            return pccc.execute(files, self.spec.product_name, data)
        return None

    def _serve_tags(
        self, tags: logix.TagDatabase, service: int, path: Sequence[Segment], data: bytes, room: int
    ) -> Reply | None:
        program, rest = _program_of(path)
        if service == logix.LIST_INSTANCES and _is_class(rest, logix.SYMBOL_CLASS):
            return logix.list_symbols(tags, program, int(rest[1].value), data)
        if path[0].kind == "name" or (_is_class(path, logix.SYMBOL_CLASS) and service != GET_LIST):
            return logix.serve_tag(tags, service, path, data, room)
        if _is_class(path, logix.SYMBOL_CLASS):
            return logix.serve_symbol(tags, path, data)
        if _is_class(path, logix.TEMPLATE_CLASS):
            return logix.serve_template(tags, service, int(path[1].value), data)
        if path[0] == Segment("class", PROGRAM_NAME_CLASS) and service == GET_ALL:
            name = self.spec.program.encode()
            return Reply(struct.pack("<H", len(name)) + name)
        return None


def _program_of(path: Sequence[Segment]) -> tuple[str | None, Sequence[Segment]]:
    if not path:
        raise Refused(PATH_UNKNOWN)
    if path[0].kind == "name" and str(path[0].value).lower().startswith("program:"):
        return str(path[0].value), path[1:]
    return None, path


def _is_class(path: Sequence[Segment], number: int) -> bool:
    return len(path) >= 2 and path[0] == Segment("class", number) and path[1].kind == "instance"


def _identity(spec: ControllerSpec) -> IdentityInfo:
    major, minor = spec.revision
    return IdentityInfo(
        vendor_id=ROCKWELL,
        device_type=PLC_DEVICE,
        product_code=spec.product_code,
        major_revision=major,
        minor_revision=minor,
        serial_number=spec.serial,
        product_name=spec.product_name,
        status=0x3060,  # configured, run mode, no faults
    )
