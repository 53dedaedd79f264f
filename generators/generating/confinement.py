"""Confines the present process to a few folders, for good: no other file, no network, no other program.

Three layers, each by itself enough against an honest mistake. (1) An audit hook refuses in Python. (2) Landlock, where the kernel has
it, refuses opens made by native code too (PyArrow and DuckDB open files without asking Python). (3) A system-call filter
(seccomp) refuses sockets, other programs, and looking into other processes. Only the standard library is imported here: layers 2
and 3 bind the threads started after them, so they must come before libraries that start threads.

Sources: Linux kernel documentation, userspace-api/landlock and userspace-api/seccomp_filter; linux/landlock.h; linux/filter.h.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_SECCOMP_MODE_FILTER = 2

# linux/landlock.h: LANDLOCK_ACCESS_FS_*
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE, _IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
_FIRST_ABI = (1 << 13) - 1
_IN_FOLDER = _READ_FILE | _READ_DIR | _WRITE_FILE | _TRUNCATE | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8
"""Read, write, remove and make folders and regular files: no links, sockets, devices."""

_TCP = 0b11
_SCOPES = 0b11

# Machine: (AUDIT_ARCH, refused system calls): socket, execve, execveat, ptrace, process_vm_readv/writev, open_by_handle_at, mount,
# io_uring_setup (it could do the rest), bpf, unshare, setns, pidfd_getfd.
_FILTERS = {
    "x86_64": (0xC000003E, (41, 59, 322, 101, 310, 311, 304, 165, 425, 321, 272, 308, 438)),
    "aarch64": (0xC00000B7, (198, 221, 281, 117, 270, 271, 265, 40, 425, 280, 97, 268, 438)),
}

_LIBRARIES = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache",
    "/usr/share/zoneinfo",
    "/sys/devices/system/cpu",
)
_DEVICES = ("/dev/null", "/dev/urandom")


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("program", ctypes.c_void_p))


def own_trees(package: Path) -> tuple[str, ...]:
    """What Python itself must read: the interpreter's and the environment's folders, system libraries, and `package`."""
    trees = {str(package), sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, *_LIBRARIES}
    return tuple(sorted({os.path.realpath(t) for t in trees if os.path.exists(t)}))


def confine(readable: Sequence[str], writable: str, memory_limit: int | None = None) -> tuple[str, ...]:
    """Confine this process: it may read below `readable`, read and write below `writable`, and nothing else, for good.

    memory_limit: bytes of address space. Returns what was applied, in words. Call it before starting threads.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_limit is not None:
        resource.setrlimit(resource.RLIMIT_AS, (memory_limit, memory_limit))
    readable = (*(os.path.realpath(p) for p in readable), *(d for d in _DEVICES if os.path.exists(d)))
    writable = os.path.realpath(writable)
    applied = ["Python audit hook"]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    abi = libc.syscall(_LANDLOCK_CREATE, None, 0, 1)
    if abi >= 1 and _landlock(libc, abi, readable, writable):
        applied.append(f"Landlock (version {abi})")
    if _seccomp(libc):
        applied.append("system-call filter")
    sys.addaudithook(_Guard(readable, writable))
    return tuple(applied)


def _landlock(libc: ctypes.CDLL, abi: int, readable: Sequence[str], writable: str) -> bool:
    handled = _FIRST_ABI | (_REFER if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0) | (_IOCTL_DEVICE if abi >= 5 else 0)
    attributes = struct.pack("QQQ", handled, _TCP if abi >= 4 else 0, _SCOPES if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = libc.syscall(_LANDLOCK_CREATE, attributes, size, 0)
    if ruleset < 0:
        return False
    try:
        allowed = [(path, _READ_FILE | _READ_DIR) for path in readable] + [(writable, _IN_FOLDER)]
        for path, access in allowed:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                if not os.path.isdir(path):
                    access &= _READ_FILE
                rule = struct.pack("=Qi", access & handled, descriptor)
                if libc.syscall(_LANDLOCK_ADD, ruleset, 1, rule, 0) != 0:
                    return False
            finally:
                os.close(descriptor)
        return bool(libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _seccomp(libc: ctypes.CDLL) -> bool:
    """A filter that answers "not permitted" to the refused calls, and to every call of another architecture."""
    if platform.machine() not in _FILTERS or sys.maxsize < 2**32:
        return False
    architecture, refused = _FILTERS[platform.machine()]
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    refuse, allow = 0x00050000 | 1, 0x7FFF0000  # errno EPERM; allow
    count = len(refused)
    lines = [
        (load, 0, 0, 4),  # the architecture
        (equal, 0, count + 2, architecture),
        (load, 0, 0, 0),  # the number of the call
        (at_least, count, 0, 0x40000000),  # x32: the same calls under other numbers
        *((equal, count - 1 - n, 0, call) for n, call in enumerate(refused[:-1])),
        (equal, 0, 1, refused[-1]),
        (answer, 0, 0, refuse),
        (answer, 0, 0, allow),
    ]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    filter_ = _Filter(len(lines), ctypes.cast(program, ctypes.c_void_p))
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filter_), 0, 0) == 0)


class _Guard:
    """The audit hook. Refusals name no path: a path may be telling."""

    REFUSED = (
        "socket.",
        "subprocess.",
        "os.exec",
        "os.posix_spawn",
        "os.spawn",
        "os.system",
        "os.fork",
        "os.kill",
        "os.link",
        "os.symlink",
    )
    READS = frozenset(("os.listdir", "os.scandir", "os.chdir", "os.getxattr", "os.listxattr"))
    WRITES = frozenset(("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "os.truncate", "os.utime", "os.setxattr"))

    def __init__(self, readable: Sequence[str], writable: str) -> None:
        self.readable = tuple(readable)
        self.writable = writable

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(self.REFUSED):
            raise PermissionError("a confined generator may not do this")
        if event == "open":
            writes = isinstance(arguments[2], int) and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))
            self.allow(arguments[0], writes=writes)
        elif event in self.READS:
            self.allow(arguments[0], writes=False)
        elif event in self.WRITES:
            self.allow(arguments[0], writes=True)
            if event == "os.rename":
                self.allow(arguments[1], writes=True)

    def allow(self, path: Any, *, writes: bool) -> None:
        if path is None:
            path = "."
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a descriptor that is open already
        real = os.path.realpath(os.fsdecode(path))
        trees = (self.writable,) if writes and real not in _DEVICES else (self.writable, *self.readable)
        if not any(real == tree or real.startswith(tree.rstrip("/") + "/") for tree in trees):
            raise PermissionError("a confined generator may not open this file")
