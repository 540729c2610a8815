"""What an error of the file system means for a user: what cannot be used, why, and what to do."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
import sys
from pathlib import Path

from trainer.system.exits import InterruptedRun, RefusedError

_ROOM = "make room there, or choose another place"
_RIGHTS = "make it accessible, or choose another place"
_OTHER_KIND = "move what is there out of the way, or choose another place"
_DEVICE = "the device or the system is failing: repair it, or choose another place"
_LOST = "the file system behind it is lost: mount it again, and run this again"
_NOT_NOW = "the file system cannot provide it now: run this again, or choose another place"
_PASSING = {  # a file system behind a network comes back
    errno.ESTALE,
    errno.ENOTCONN,
    errno.EHOSTDOWN,
    errno.EREMOTEIO,
    errno.ETIMEDOUT,
    errno.ECONNABORTED,
}
_HINTS = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: _ROOM,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: _RIGHTS,
    errno.EISDIR: _OTHER_KIND,
    errno.ENOTDIR: _OTHER_KIND,
    errno.EEXIST: _OTHER_KIND,
    errno.ENOTEMPTY: _OTHER_KIND,
    errno.EINVAL: _OTHER_KIND,
    errno.ELOOP: _OTHER_KIND,
    errno.ENXIO: _OTHER_KIND,
    errno.ESPIPE: _OTHER_KIND,
    errno.ENOENT: "it is gone: restore it, or start anew",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "allow more open files",
    errno.EIO: _DEVICE,
    errno.ENODEV: _DEVICE,
    errno.ESTALE: _NOT_NOW,
    errno.EBUSY: _NOT_NOW,
    errno.ENOLCK: "the file system has no locks: mount it with locks, or choose another place",
    # Of file systems behind a network, as sshfs, gcsfuse and CIFS mount them.
    errno.ENOTCONN: _LOST,
    errno.EHOSTDOWN: _LOST,
    errno.EREMOTEIO: _LOST,
    errno.ETIMEDOUT: _LOST,
    errno.ECONNABORTED: _LOST,
    errno.EUCLEAN: _DEVICE,
    errno.EOPNOTSUPP: "the file system cannot do this: choose another place",
}
_NUMBERS = {os.strerror(number): number for number in _HINTS}
# TensorFlow's errors hold the path, as it was given, then what the system says; before it the
# operation in braces, or other words.
_TENSORFLOW = re.compile(
    rf"^(?:.*}}}} )?(?:.*\s(?=/))?([^;\n]+)?; ({'|'.join(map(re.escape, _NUMBERS))})", re.MULTILINE
)


def passes(error: OSError) -> bool:
    """Whether the same may succeed later, without anybody's doing."""
    return error.errno in _PASSING


def refused(error: Exception, said: str, way_out: str) -> RefusedError | InterruptedRun:
    """What a user is told of a file that cannot be used; where that passes, to come again.

    Args:
      error: why.
      said: what cannot be done, and why.
      way_out: what helps where it does not pass.
    """
    if isinstance(error, OSError) and passes(error):
        return InterruptedRun(f"{said}: run the same command again")
    return RefusedError(f"{said}: {way_out}")


def refusal(error: BaseException) -> RefusedError | InterruptedRun | None:
    """The refusal that an error of the file system stands for; None: it is something else.

    Args:
      error: Python's, TensorFlow's or HDF5's.

    Returns:
      What a user is told; an `InterruptedRun` where the same may succeed later.
    """
    network = isinstance(error, (ssl.SSLError, ConnectionError, TimeoutError, socket.gaierror))
    if network and getattr(error, "filename", None) is None:
        return None  # numbers of another kind
    if isinstance(error, OSError):
        number, path = error.errno, error.filename
        if number is None and (found := re.search(r"errno = (\d+)", str(error))):  # HDF5's
            number = int(found[1])
    elif type(error).__module__.startswith("tensorflow.") and (
        found := _TENSORFLOW.search(str(error))
    ):
        number, path = _NUMBERS[found[2]], found[1]
    else:
        return None
    if number not in _HINTS:
        return None
    if path is not None and Path(os.fsdecode(path)).is_relative_to(sys.prefix):
        return None  # a file of the installation
    what = "a file" if path is None else os.fsdecode(path)
    kind = InterruptedRun if number in _PASSING else RefusedError
    return kind(f"{what} cannot be used ({os.strerror(number)}): {_HINTS[number]}")
