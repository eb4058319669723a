"""Thin Celery drivers. Queue `plc`, threads pool: one worker process holds as many controllers as it has threads."""

import socket
import threading
from pathlib import Path
from uuid import UUID

import structlog
from celery import current_task, shared_task
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings

from plc.models import Controller
from plc.reader import hold as hold_controller
from plc.recorder import Recorder

log = structlog.get_logger(__name__)

SUPERVISE_S = 5.0
_guard = threading.Lock()
_recorder: Recorder | None = None
_stopping = threading.Event()


def spool_folder() -> Path:
    return Path(settings.DATA_DIR) / "spool"


def recorder(instance: str = "") -> Recorder:
    """The recorder of this process, started on first use."""
    global _recorder
    with _guard:
        if _recorder is None:
            _recorder = Recorder(spool_folder(), instance or socket.gethostname())
        return _recorder


# Acknowledged at once: the lease, not the broker, says whether somebody reads. A threads pool knows no time limits.
@shared_task(name="plc.tasks.hold", acks_late=False, reject_on_worker_lost=False)
def hold(*, controller_id: str, **_: object) -> None:
    """Read one controller until this process stops or somebody else takes the lease."""
    if _stopping.is_set():
        return
    owner = current_task.request.hostname or socket.gethostname()
    ended = hold_controller(UUID(controller_id), owner, recorder(owner), spool_folder())
    log.info("controller let go", controller=controller_id, why=ended)


@shared_task(name="plc.tasks.supervise")
def supervise(**_: object) -> None:
    """Find a reader for every enabled controller that has none."""
    for controller_id in Controller.objects.unheld().values_list("pk", flat=True):
        hold.apply_async(kwargs={"controller_id": str(controller_id)}, expires=2 * SUPERVISE_S)


@worker_ready.connect
def _begin(sender: object, **_: object) -> None:
    """A worker of queue `plc` says that it is alive even before it holds anything."""
    queues = getattr(getattr(sender, "task_consumer", None), "queues", [])
    if any(queue.name == "plc" for queue in queues):
        recorder(str(getattr(sender, "hostname", "")))
        supervise.apply_async(expires=SUPERVISE_S)


@worker_shutting_down.connect
def _finish(**_: object) -> None:
    """Runs in the signal handler of SIGTERM: raise the flags, the threads finish their scans."""
    _stopping.set()
    if _recorder is not None:
        _recorder.stop_all()


@worker_shutdown.connect
def _end(**_: object) -> None:
    if _recorder is not None:
        _recorder.close()
