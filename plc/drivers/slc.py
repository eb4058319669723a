"""SLC 500 and MicroLogix: data files read in blocks with the PCCC typed logical read.

pycomm3 would send one request per address and take N7:1000 for N7:100. Here addresses are checked first
(plc/domain/addresses.py), neighbours are read together and the values are taken out of the words afterwards.
"""

import itertools
import struct
import time
from collections.abc import Sequence

from pycomm3.cip import PCCC_ERROR_CODE

from plc.domain.addresses import FILES, Address, BadAddress, Block, blocks, parse
from plc.drivers.base import DriverError, Endpoint, Identity, Quality, Snapshot, TagSpec, Value
from plc.drivers.logix import finite
from plc.drivers.session import HINT_NOT_A_CONTROLLER, Session, text

EXECUTE_PCCC = b"\x4b\x02\x20\x67\x24\x01"
EXECUTE_PCCC_REPLY = 0xCB
TYPED_READ_COMMAND, TYPED_READ_REPLY, TYPED_READ_FUNCTION = 0x0F, 0x4F, 0xA2
REQUESTER_BYTES = 7
WORD = {"INT": struct.Struct("<h"), "UINT": struct.Struct("<H")}
LONG = {"DINT": struct.Struct("<i"), "UDINT": struct.Struct("<I")}
REAL = struct.Struct("<f")


class SlcDriver:
    def __init__(self, endpoint: Endpoint, tags: Sequence[TagSpec]) -> None:
        # An SLC refuses the large connection; asking first would waste a request at each open.
        self._session = Session(endpoint, large=False)
        self._transactions = itertools.cycle(range(1, 0x10000))
        self._refused: dict[str, Value] = {}
        self._tags: list[tuple[TagSpec, Address]] = []
        self._alone: set[int] = set()
        for tag in tags:
            try:
                self._tags.append((tag, _address(tag)))
            except BadAddress as error:
                self._refused[tag.name] = Value(None, Quality.BAD_TAG, str(error))
        self._blocks = self._plan()

    def open(self) -> Identity:
        return self._session.guarded(self._open)

    def read(self) -> Snapshot:
        return self._session.guarded(self._read)

    def close(self) -> None:
        self._session.close()

    def abandon(self) -> None:
        self._session.abandon()

    def _open(self) -> Identity:
        self._session.connect()
        found = self._session._list_identity() or {}
        revision = found.get("revision") or {}
        return Identity(
            vendor=text(found.get("vendor")),
            product_name=text(found.get("product_name")),
            serial=text(found.get("serial")),
            revision=f"{revision.get('major', '?')}.{revision.get('minor', '?')}",
        )

    def _plan(self) -> list[Block]:
        """Neighbours together, and every address that once spoiled a block by itself."""
        joined = [(index, address) for index, (_, address) in enumerate(self._tags) if index not in self._alone]
        single = [block for index in sorted(self._alone) for block in blocks([(index, self._tags[index][1])])]
        return blocks(joined) + single

    def _read(self) -> Snapshot:
        started_s = time.monotonic()
        values = dict(self._refused)
        spoiled = False
        for block in self._blocks:
            spoiled |= not self._read_block(block, values)
        if spoiled:
            self._blocks = self._plan()
        received_s = time.monotonic()
        return Snapshot(received_s, received_s - started_s, values)

    def _read_block(self, block: Block, values: dict[str, Value]) -> bool:
        """Read one block into `values`. False: an address in it had to be singled out."""
        data, error = self._typed_read(block)
        if not error:
            for index, offset in block.parts:
                tag, address = self._tags[index]
                values[tag.name] = _value(tag, address, data[offset : offset + address.count * address.element_bytes])
            return True
        if len(block.parts) == 1:
            tag, _ = self._tags[block.parts[0][0]]
            values[tag.name] = Value(None, Quality.BAD_TAG, error)
            return True
        for part, _ in block.parts:
            (single,) = blocks([(part, self._tags[part][1])])
            self._read_block(single, values)
            if values[self._tags[part][0].name].quality is Quality.BAD_TAG:
                self._alone.add(part)
        return False

    def _typed_read(self, block: Block) -> tuple[bytes, str]:
        """The block's bytes, or what the controller has against it."""
        transaction = next(self._transactions)
        size = block.size
        message = (
            EXECUTE_PCCC
            + bytes([REQUESTER_BYTES])
            + self._session._cfg["vid"]
            + self._session._cfg["vsn"]
            + struct.pack("<BBHB", TYPED_READ_COMMAND, 0, transaction, TYPED_READ_FUNCTION)
            + bytes([size, block.file, FILES[block.kind].code, block.element, block.sub_element])
        )
        reply = self._session.request(message)
        if reply[0] != EXECUTE_PCCC_REPLY:
            raise DriverError("The answer belongs to another request.", HINT_NOT_A_CONTROLLER)
        if reply[2]:
            raise DriverError(
                f"The controller refuses to be read: CIP error 0x{reply[2]:02x}.",
                "Is this an SLC 5/05 or MicroLogix?",
            )
        requester = reply[4 + 2 * reply[3]]
        command, status, answered = struct.unpack_from("<BBH", reply, 4 + 2 * reply[3] + requester)
        if command != TYPED_READ_REPLY or answered != transaction:
            raise DriverError("The answer belongs to another request.", HINT_NOT_A_CONTROLLER)
        data = reply[8 + 2 * reply[3] + requester :]
        if status:
            return b"", _pccc_error(status, data)
        if len(data) != size:
            raise DriverError(f"The controller sent {len(data)} bytes instead of {size}.", HINT_NOT_A_CONTROLLER)
        return data, ""


def _pccc_error(status: int, data: bytes) -> str:
    if status in (0x10, 0x50) or (status == 0xF0 and data[:1] in (b"\x02", b"\x03", b"\x06", b"\x07")):
        return "The controller has no such file or element"
    return f"The controller answers: {PCCC_ERROR_CODE.get(status, f'PCCC error 0x{status:02x}')}"


def _address(tag: TagSpec) -> Address:
    if tag.data_type == "BOOL" and tag.length > 1:
        address = parse(tag.address, count=-(-tag.length // 16))
        if address.element_bytes != 2:
            raise BadAddress(f"{tag.address}: only words hold arrays of bits.")
        return address
    address = parse(tag.address, count=tag.length)
    accepted = {"INT": ("INT", "UINT"), "DINT": ("DINT", "UDINT")}.get(address.data_type, (address.data_type,))
    if tag.data_type not in accepted:
        raise BadAddress(f"{tag.address} is {address.data_type}, not {tag.data_type}.")
    return address


def _value(tag: TagSpec, address: Address, data: bytes) -> Value:
    if tag.data_type == "BOOL":
        if address.bit is None:
            return Value(int.from_bytes(data, "little") & ((1 << tag.length) - 1), Quality.GOOD)
        return Value(bool(int.from_bytes(data[:4], "little") >> address.bit & 1), Quality.GOOD)
    if tag.data_type == "STRING":
        return _string(data)
    if tag.data_type == "REAL":
        reals = tuple(item[0] for item in REAL.iter_unpack(data))
        return finite(reals[0] if tag.length == 1 else reals)
    if address.element_bytes == 6:
        return Value(WORD[tag.data_type].unpack_from(data, 2 * address.word)[0], Quality.GOOD)
    layout = WORD.get(tag.data_type) or LONG[tag.data_type]
    numbers = tuple(item[0] for item in layout.iter_unpack(data))
    return Value(numbers[0] if tag.length == 1 else numbers, Quality.GOOD)


def _string(data: bytes) -> Value:
    length = int.from_bytes(data[:2], "little")
    if length > 82:
        return Value(None, Quality.BAD_VALUE, "The string's length is wrong")
    # The characters of each word are stored in the order high, low.
    swapped = bytearray(data[2:84])
    swapped[0::2], swapped[1::2] = swapped[1::2], swapped[0::2]
    return Value(text(bytes(swapped[:length]).decode("latin-1")), Quality.GOOD)
