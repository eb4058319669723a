"""Keeps the programs running: supervisord restarts what dies, with back-off, and rotates the logs.

Every program is started through `launch.py` (pid file, no leftovers) under `setpriv --pdeathsig`, so that nothing
outlives the supervisor, not even a supervisor that is killed.
"""

import shlex
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from ms5.bare.explain import CannotStart
from ms5.bare.folder import PROJECT, Folder
from ms5.bare.services import dies_with_parent

STOPS_WITHIN_S = 25.0
LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    command: Sequence[str]  # must not outlive its parent: see dies_with_parent
    group: str = "processes"
    stop_signal: str = "TERM"
    home: Path | None = None  # a folder in which only this program works
    settled_s: int = 8  # what dies sooner is tried again with longer and longer pauses


def configuration(folder: Folder, programs: Iterable[Program]) -> str:
    """Return supervisord's configuration: groups stop from the last to the first, each all at once."""
    programs = list(programs)
    groups = {program.group: [p.name for p in programs if p.group == program.group] for program in programs}
    sections: dict[str, dict[str, object]] = {
        "unix_http_server": {"file": folder.sockets / "supervisor.sock", "chmod": "0700"},
        "supervisord": {
            "nodaemon": "true",
            "silent": "true",
            "logfile": folder.log / "supervisor.log",
            "pidfile": folder.run / "supervisor.pid",
            "directory": PROJECT,
            "childlogdir": folder.log,
        },
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
    }
    sections |= {f"program:{program.name}": _program_section(folder, program) for program in programs}
    sections |= {
        f"group:{name}": {"programs": ",".join(names), "priority": position}
        for position, (name, names) in enumerate(groups.items(), start=1)
    }
    return "\n".join(_section(name, values) for name, values in sections.items())


def _program_section(folder: Folder, program: Program) -> dict[str, object]:
    launch = [sys.executable, "-I", "-S", str(LAUNCH), "--name", program.name, "--data-dir", str(folder.path)]
    launch += ["--pid-file", str(folder.run / f"{program.name}.pid")]
    if program.home:
        launch += ["--home", str(program.home)]
    return {
        "command": shlex.join([*launch, "--", *program.command]),
        "autostart": "false",
        "autorestart": "true",
        "startsecs": program.settled_s,
        "startretries": 1_000_000,  # never give up; the pause grows by a second with each quick death
        "stopsignal": program.stop_signal,
        "stopwaitsecs": 10,
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": folder.log / f"{program.name}.log",
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": 3,
    }


def _section(name: str, values: Mapping[str, object]) -> str:
    lines = [f"{key}={str(value).replace('%', '%%')}" for key, value in values.items()]
    return "\n".join([f"[{name}]", *lines, ""])


class Supervisor:
    """A running supervisord of one data folder."""

    def __init__(self, folder: Folder, programs: Sequence[Program], environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._groups = {program.name: program.group for program in programs}
        path = folder.run / "supervisor.conf"
        path.write_text(configuration(folder, programs), encoding="utf-8")
        _wait_for_last_run(path)
        self._process = subprocess.Popen(
            [*dies_with_parent("TERM"), sys.executable, "-m", "supervisor.supervisord", "-c", str(path)],
            env=dict(environment),
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches the starter only, which then stops things in order
        )
        self._wait_until_it_answers()

    def start(self, name: str) -> None:
        self._call("startProcess", f"{self._groups[name]}:{name}", False)

    def states(self) -> dict[str, str]:
        """Return supervisord's word for each program: RUNNING, STARTING, BACKOFF, STOPPED, …"""
        return {row["name"]: row["statename"] for row in self._call("getAllProcessInfo")}

    def wait(self) -> int:
        return self._process.wait()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """Stop the programs in order, then supervisord; programs that do not listen are killed after ten seconds."""
        if not self.is_running:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _call(self, method: str, *arguments: Any) -> Any:
        # A connection per call: after a refused one, the transport cannot be used again.
        transport = SupervisorTransport(None, None, f"unix://{self._folder.sockets}/supervisor.sock")
        try:
            server = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
            return getattr(server.supervisor, method)(*arguments)
        finally:
            transport.close()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and self.is_running:
            try:
                self._call("getState")
            except OSError:
                time.sleep(0.03)
            else:
                return
        self.stop()
        raise CannotStart(f"The supervisor did not start. {self._folder.log / 'supervisor.log'} says why.")


def _wait_for_last_run(configuration_file: Path) -> None:
    """Wait while a supervisor whose starter was killed still stops its programs."""
    deadline = time.monotonic() + STOPS_WITHIN_S
    while time.monotonic() < deadline and _is_running(configuration_file):
        time.sleep(0.05)


def _is_running(configuration_file: Path) -> bool:
    try:
        pid = int(configuration_file.with_suffix(".pid").read_text(encoding="ascii"))
        return str(configuration_file).encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return False
