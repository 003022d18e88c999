"""The system calls that code in the sandbox may not make, as a filter program of the kernel.

A second wall behind namespaces: each call here is one that ordinary programs do without and that
has led out of containers, or that holds memory beyond the limits of a process. Refused calls fail
with EPERM, so that a program sees an error and goes on. The filter refuses what it does not know:
another architecture (32-bit calls on a 64-bit kernel) ends the process, and calls newer than
``NEWEST`` do not exist.

Numbers: ``asm/unistd_64.h`` and ``asm-generic/unistd.h`` of Linux 6.12. Layout of the data and of
the program: ``linux/seccomp.h``, ``linux/filter.h``.
"""

import errno
import platform
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.errors import ConfigError

NEWEST = 466
"""Number of the last call that was looked at: ``removexattrat`` of Linux 6.13."""

_SHARED = {  # one number on both architectures, as for all calls since 2019
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "memfd_secret": 447,
    "set_mempolicy_home_node": 450,
}
_X86_64 = {
    "shmget": 29,
    "shmat": 30,
    "socket": 41,
    "connect": 42,
    "accept": 43,
    "bind": 49,
    "listen": 50,
    "semget": 64,
    "msgget": 68,
    "ptrace": 101,
    "syslog": 103,
    "uselib": 134,
    "personality": 135,
    "sysfs": 139,
    "vhangup": 153,
    "modify_ldt": 154,
    "pivot_root": 155,
    "adjtimex": 159,
    "chroot": 161,
    "acct": 163,
    "settimeofday": 164,
    "mount": 165,
    "umount2": 166,
    "swapon": 167,
    "swapoff": 168,
    "reboot": 169,
    "sethostname": 170,
    "setdomainname": 171,
    "iopl": 172,
    "ioperm": 173,
    "init_module": 175,
    "delete_module": 176,
    "quotactl": 179,
    "lookup_dcookie": 212,
    "clock_settime": 227,
    "mbind": 237,
    "set_mempolicy": 238,
    "mq_open": 240,
    "kexec_load": 246,
    "add_key": 248,
    "request_key": 249,
    "keyctl": 250,
    "migrate_pages": 256,
    "unshare": 272,
    "vmsplice": 278,
    "move_pages": 279,
    "accept4": 288,
    "perf_event_open": 298,
    "fanotify_init": 300,
    "name_to_handle_at": 303,
    "open_by_handle_at": 304,
    "clock_adjtime": 305,
    "setns": 308,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "kcmp": 312,
    "finit_module": 313,
    "memfd_create": 319,
    "kexec_file_load": 320,
    "bpf": 321,
    "userfaultfd": 323,
}
_AARCH64 = {
    "lookup_dcookie": 18,
    "umount2": 39,
    "mount": 40,
    "pivot_root": 41,
    "chroot": 51,
    "vhangup": 58,
    "quotactl": 60,
    "vmsplice": 75,
    "acct": 89,
    "personality": 92,
    "unshare": 97,
    "kexec_load": 104,
    "init_module": 105,
    "delete_module": 106,
    "clock_settime": 112,
    "syslog": 116,
    "ptrace": 117,
    "reboot": 142,
    "sethostname": 161,
    "setdomainname": 162,
    "settimeofday": 170,
    "adjtimex": 171,
    "mq_open": 180,
    "msgget": 186,
    "semget": 190,
    "shmget": 194,
    "shmat": 196,
    "socket": 198,
    "bind": 200,
    "listen": 201,
    "accept": 202,
    "connect": 203,
    "add_key": 217,
    "request_key": 218,
    "keyctl": 219,
    "swapon": 224,
    "swapoff": 225,
    "mbind": 235,
    "set_mempolicy": 237,
    "migrate_pages": 238,
    "move_pages": 239,
    "perf_event_open": 241,
    "accept4": 242,
    "fanotify_init": 262,
    "name_to_handle_at": 264,
    "open_by_handle_at": 265,
    "clock_adjtime": 266,
    "setns": 268,
    "process_vm_readv": 270,
    "process_vm_writev": 271,
    "kcmp": 272,
    "finit_module": 273,
    "memfd_create": 279,
    "bpf": 280,
    "userfaultfd": 282,
    "kexec_file_load": 294,
}


@dataclass(frozen=True)
class Architecture:
    """What differs from one to the other; ``refused`` gives the number of each refused call."""

    audit: int
    clone: int
    ioctl: int
    refused: Mapping[str, int]
    foreign_from: int | None = None
    """Numbers from here belong to another calling convention (x32)."""


ARCHITECTURES = {
    "x86_64": Architecture(
        audit=0xC000003E,
        clone=56,
        ioctl=16,
        refused={**_X86_64, **_SHARED},
        foreign_from=0x40000000,
    ),
    "aarch64": Architecture(audit=0xC00000B7, clone=220, ioctl=29, refused={**_AARCH64, **_SHARED}),
}

CLONE3 = 435
"""Its flags lie behind a pointer that a filter cannot follow; without it the C library clones."""

NEW_NAMESPACES = 0x7E020080
"""CLONE_NEW: TIME, NS, CGROUP, UTS, IPC, USER, PID and NET."""

TERMINAL_INPUT = (0x5412, 0x541C, 0x541D)
"""TIOCSTI, TIOCLINUX and TIOCCONS: they type into a terminal or take its output."""

_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT = 0, 4, 16, 24
_LOAD, _EQUAL, _AT_LEAST, _ABOVE, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x25, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000


def filter_program(machine: str | None = None) -> bytes:
    """The filter for ``machine`` (this one's by default), an array of ``struct sock_filter``.

    Raises ConfigError for an architecture whose calls are not known here.
    """
    machine = platform.machine() if machine is None else machine
    if machine not in ARCHITECTURES:
        known = " and ".join(ARCHITECTURES)
        raise ConfigError(f"code cannot be run on {machine!r}: the sandbox knows {known} only")
    own = ARCHITECTURES[machine]
    refuse, absent = _ERROR | errno.EPERM, _ERROR | errno.ENOSYS
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, own.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if own.foreign_from is not None:
        program += _if(_AT_LEAST, own.foreign_from, _KILL)
    program += _if(_ABOVE, NEWEST, absent)
    program += _if(_EQUAL, CLONE3, absent)
    for number in sorted(own.refused.values()):
        program += _if(_EQUAL, number, refuse)
    program += _if_argument(own.clone, _FIRST_ARGUMENT, _ANY_BIT, (NEW_NAMESPACES,), refuse)
    program += _if_argument(own.ioctl, _SECOND_ARGUMENT, _EQUAL, TERMINAL_INPUT, refuse)
    program.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _if(comparison: int, value: int, action: int) -> list[tuple[int, int, int, int]]:
    return [(comparison, 0, 1, value), (_RETURN, 0, 0, action)]


def _if_argument(
    number: int, argument: int, comparison: int, values: Sequence[int], action: int
) -> list[tuple[int, int, int, int]]:
    """For call ``number`` alone: the low 32 bits of an argument decide, which is all it has."""
    tests = [step for value in values for step in _if(comparison, value, action)]
    return [
        (_EQUAL, 0, len(tests) + 2, number),
        (_LOAD, 0, 0, argument),
        *tests,
        (_RETURN, 0, 0, _ALLOW),
    ]
