"""Shuts this process in with Linux's Landlock: files and ports that are not named stay out of reach, for good.

Whatever runs in the process later, a server's SQL functions included, is bound by it, and so are its children.
"""

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

# System call numbers are the same on x86-64 and arm64; see landlock(7) for all the constants.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_RULE_PATH, _RULE_PORT = 1, 2
_PR_SET_NO_NEW_PRIVS = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_ALL_OF_ABI_1 = (1 << 13) - 1
_REFER, _TRUNCATE = 1 << 13, 1 << 14  # known from ABI 2 and 3 on
_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_CONNECT_TCP = 1 << 1  # known from ABI 4 on


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("ports", ctypes.c_uint64))


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


class _PortRule(ctypes.Structure):
    _fields_ = (("allowed", ctypes.c_uint64), ("port", ctypes.c_uint64))


def shut_in(*, read: Iterable[Path], write: Iterable[Path], connect: Iterable[int]) -> bool:
    """Allow only these files and folders, and TCP connections only to these ports; paths that do not exist are skipped.

    Returns False, and changes nothing, where the kernel has no Landlock (older than Linux 5.13, or no Linux). Call it
    before any thread is started: it binds the calling thread and those that it starts.
    """
    abi = _call(_CREATE_RULESET, None, 0, _VERSION_FLAG) if sys.platform == "linux" else -1
    if abi < 1:
        return False
    files = _ALL_OF_ABI_1 | (_REFER if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0)
    ports = _CONNECT_TCP if abi >= 4 else 0
    ruleset = _Ruleset(files, ports)
    rules = _checked(_call(_CREATE_RULESET, ctypes.byref(ruleset), ctypes.sizeof(ruleset) if ports else 8, 0))
    try:
        for path in read:
            _allow_path(rules, path, _EXECUTE | _READ_FILE | _READ_DIR)
        for path in write:
            _allow_path(rules, path, files)
        for port in connect if ports else ():
            rule = _PortRule(_CONNECT_TCP, port)
            _checked(_call(_ADD_RULE, rules, _RULE_PORT, ctypes.byref(rule), 0))
        _checked(_libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _checked(_call(_RESTRICT_SELF, rules, 0))
    finally:
        os.close(rules)
    return True


def _allow_path(rules: int, path: Path, allowed: int) -> None:
    with contextlib.suppress(FileNotFoundError, PermissionError):
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            rule = _PathRule(allowed if path.is_dir() else allowed & _OF_A_FILE, fd)
            _checked(_call(_ADD_RULE, rules, _RULE_PATH, ctypes.byref(rule), 0))
        finally:
            os.close(fd)


def _call(number: int, *arguments: object) -> int:
    answer: int = _libc().syscall(ctypes.c_long(number), *arguments)
    return answer


def _checked(answer: int) -> int:
    if answer < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"Landlock: {os.strerror(error)}")
    return answer


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
