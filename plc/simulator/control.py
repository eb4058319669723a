"""The local switch of the simulator: one line of JSON in, one line of JSON out, over a unix socket.

{"truth": true}                                         parts since the journal was begun, states, links
{"stop": "BP01.PACK.BAG1", "fault": 6, "for_s": 30}     stop a machine, with a fault bit if given
{"stop_all": true, "for_s": 600}
{"run": "BP01.PACK.BAG1"}, {"release": ...}             run its line without incidents, and no longer
{"reset_counter": "BP01.PACK.BAG1"}
{"link_loss": "BAG1", "for_s": 60}, {"restart": "BAG1"}, {"freeze": "BAG1", "for_s": 10}
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Command = dict[str, Any]
Obey = Callable[[Command], dict[str, Any]]


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name for a socket that fits into the 107 bytes the system allows, however deep the folder."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def ask(path: Path, timeout_s: float = 5.0, **command: Any) -> dict[str, Any]:
    """Send one command to a running simulator and return its answer; raise `ValueError` if it refuses."""
    with socket.socket(socket.AF_UNIX) as link, _short(path) as name:
        link.settimeout(timeout_s)
        link.connect(name)
        link.sendall(json.dumps(command).encode() + b"\n")
        with link.makefile(encoding="utf-8") as lines:
            answer: dict[str, Any] = json.loads(lines.readline())
    if "error" in answer:
        raise ValueError(answer["error"])
    return answer


async def serve(path: Path, obey: Obey) -> asyncio.Server:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(_answer(line, obey)).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError, asyncio.CancelledError):
            pass  # the other side has gone, or sends no lines; nothing here depends on it
        finally:
            writer.close()

    with _short(path) as name:
        server = await asyncio.start_unix_server(client, name)
    path.chmod(0o600)
    return server


def _answer(line: bytes, obey: Obey) -> dict[str, Any]:
    try:
        command = json.loads(line)
        if not isinstance(command, dict):
            return {"error": "a command is a JSON object"}
        return obey(command)
    except (ValueError, LookupError, TypeError) as e:
        return {"error": str(e)}
