"""What was seen while the database was away, kept on the reader's own disk until it can be recorded.

One writer per reader process. Its segments are append-only files of framed lines; a segment that was cut off by a
crash or a full disk is good up to the last whole frame. A lock file says whether the writer lives; what a dead one
left behind is adopted by the next reader that starts on this machine. Delivering twice is harmless, because
recording is idempotent: a segment is deleted after it was recorded, never before.
"""

import contextlib
import fcntl
import json
import os
import socket
import struct
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any
from uuid import UUID, uuid4

from floor.domain.counters import CounterSetup
from floor.domain.fold import MachineSetup
from floor.domain.machine import Observation

FRAME = struct.Struct("<II")  # length, crc32
SEGMENT_S = 900.0
# 12 hours of outage; older segments are dropped, parts are not lost with them, only who ran and stopped when.
MAX_SEGMENTS = 48

Seen = tuple[UUID, MachineSetup, Observation]


class Spool:
    """The spool of this process. Not thread-safe: the recorder serialises access."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._name = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
        self._lock = _lock(folder / f"{self._name}.lock")
        self._segments: list[Path] = []
        self._file: IO[bytes] | None = None
        self._opened_s = 0.0
        self._number = 0
        self.rows = 0

    def append(self, rows: list[Seen], now_s: float) -> None:
        """Write `rows` and wait until the disk has them. `now_s` is monotonic."""
        if self._file is None or now_s - self._opened_s > SEGMENT_S:
            self._new_segment(now_s)
        if self._file is None:
            return
        self._file.write(b"".join(_frame(row) for row in rows))
        self._file.flush()
        os.fdatasync(self._file.fileno())
        self.rows += len(rows)

    def _new_segment(self, now_s: float) -> None:
        if self._file is not None:
            self._file.close()
        self._number += 1
        path = self._folder / f"{self._name}.{self._number:06d}.spool"
        self._file = path.open("ab")
        self._opened_s = now_s
        self._segments.append(path)
        while len(self._segments) > MAX_SEGMENTS:
            self._segments.pop(0).unlink(missing_ok=True)

    def seal_oldest(self) -> Path | None:
        """The oldest segment, to which nothing will be added any more."""
        if not self._segments:
            return None
        if len(self._segments) == 1 and self._file is not None:
            self._file.close()
            self._file = None
        return self._segments[0]

    def recorded(self, segment: Path, rows: int) -> None:
        """Drop a sealed segment; it held `rows` rows and all of them are in the database."""
        if segment not in self._segments:
            return
        self._segments.remove(segment)
        segment.unlink(missing_ok=True)
        self.rows = max(0, self.rows - rows) if self._segments else 0

    def close(self) -> None:
        """Let go. Segments that were not recorded stay for the next reader."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if not self._segments:
            (self._folder / f"{self._name}.lock").unlink(missing_ok=True)
        self._lock.close()


@contextlib.contextmanager
def abandoned(folder: Path) -> Iterator[list[Path]]:
    """Adopt the segments of dead writers, oldest first; delete them when the block ends without an exception.

    One adopter at a time on this machine: who comes second waits, so that nobody records newer observations of a
    machine before the older ones are in.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "adopt.lock").open("ab") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        dead = [path for path in sorted(folder.glob("*-*.lock")) if _is_dead(path)]
        segments = [path for lock in dead for path in sorted(folder.glob(f"{lock.stem}.*.spool"))]
        yield sorted(segments, key=lambda path: path.stat().st_mtime)
        for path in (*segments, *dead):
            path.unlink(missing_ok=True)


def read(segment: Path) -> Iterator[Seen]:
    """The whole frames of a segment; a torn or damaged tail ends it."""
    with segment.open("rb") as file:
        while len(head := file.read(FRAME.size)) == FRAME.size:
            length, crc = FRAME.unpack(head)
            body = file.read(length)
            if len(body) != length or zlib.crc32(body) != crc:
                return
            yield _thaw(json.loads(body))


def _frame(row: Seen) -> bytes:
    body = json.dumps(_freeze(row), separators=(",", ":")).encode()
    return FRAME.pack(len(body), zlib.crc32(body)) + body


def _freeze(row: Seen) -> list[Any]:
    equipment_id, setup, observation = row
    counters = [[c.modulus, c.max_per_s] for c in (setup.made, setup.rejected)]
    return [
        str(equipment_id),
        [setup.limit_ms, *counters, setup.counts_good],
        [observation.at.isoformat(), *observation[1:]],
    ]


def _thaw(frozen: list[Any]) -> Seen:
    equipment_id, (limit_ms, made, rejected, counts_good), (at, *rest) = frozen
    setup = MachineSetup(limit_ms, CounterSetup(*made), CounterSetup(*rejected), counts_good)
    return UUID(equipment_id), setup, Observation(datetime.fromisoformat(at), *rest)


def _lock(path: Path) -> IO[bytes]:
    file = path.open("ab")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def _is_dead(path: Path) -> bool:
    try:
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
