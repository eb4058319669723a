"""Too many messages are as good as none: beyond a measure those about machines' calls are put together."""

from datetime import datetime, timedelta

from andon.domain.call import Priority

WITHIN = timedelta(minutes=10)
AT_MOST = 10
# So long a summary waits for others to join it.
COLLECT = timedelta(minutes=1)


def may_be_bundled(raised_by_machine: bool, priority: Priority) -> bool:
    """People's calls and critical ones are always told one by one."""
    return raised_by_machine and priority < Priority.CRITICAL


def leaves_at(wanted: datetime, told_lately: int, *, held: bool) -> datetime | None:
    """When a message leaves as, or within, a summary; None: it leaves by itself at the time it wants to.

    `told_lately` counts those to the same person within ten minutes before. Messages held back come in one, too.
    """
    if held:
        return wanted
    return wanted + COLLECT if told_lately >= AT_MOST else None
