import socket
from pathlib import Path

from floor.systemd import Systemd


def test_systemd_hears_that_the_process_is_ready_and_then_at_half_of_its_patience(tmp_path: Path) -> None:
    now = [0.0]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        process = Systemd(str(tmp_path / "notify"), 15.0, lambda: now[0])
        heard = []
        for now[0] in (0.0, 2.0, 14.9, 15.0, 16.0, 30.0):
            process.alive()
            try:
                heard.append((now[0], systemd.recv(100).decode()))
            except BlockingIOError:
                continue

    assert heard == [(0.0, "READY=1\nWATCHDOG=1"), (15.0, "WATCHDOG=1"), (30.0, "WATCHDOG=1")]


def test_without_systemd_nobody_is_told_and_one_that_went_away_disturbs_nothing(tmp_path: Path) -> None:
    assert Systemd.of_this_process({}) is None

    process = Systemd.of_this_process({"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "30000000"})

    assert process is not None
    process.alive()
