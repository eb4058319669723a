"""What goes wrong on a bare machine is told in one sentence that says what to do."""

import errno


class CannotStart(SystemExit):
    """Raised with the sentence; as a SystemExit it reaches the terminal without a traceback, exit code 1."""


def explained(error: OSError) -> CannotStart:
    """Return the sentence for an operating-system error that we know; the rest is shown as the system words it."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CannotStart(f"The disk is full{where}. Free some space, then run the same command again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return CannotStart(
            f"{error.strerror}{where}. Choose a folder that you can write to: MS5_DATA_DIR=/some/folder make run."
        )
    return CannotStart(f"The operating system said: {error.strerror or error}{where}.")
