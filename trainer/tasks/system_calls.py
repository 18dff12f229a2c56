"""The seccomp filter of the sandbox.

libseccomp, which most Linux systems carry, compiles the table below for the processor at hand. Its
filters also end a program that speaks another processor's calls, such as the 32-bit ones.
"""

import ctypes
import errno
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

ALLOW = 0x7FFF_0000
"""SCMP_ACT_ALLOW: what the table does not name goes through."""
REFUSE = 0x0005_0000
"""SCMP_ACT_ERRNO, with the error's number in the low half."""
EQUAL, GREATER, MASKED_EQUAL = 4, 6, 7
"""Of libseccomp's `enum scmp_compare`."""
SOCKET_KIND = 0xF
"""The part of a socket's type that names the kind; the others are flags."""
NEW_NAMESPACES = (1 << 17, *(1 << bit for bit in range(25, 31)))
"""CLONE_NEWNS, and CLONE_NEWCGROUP to CLONE_NEWNET."""

REFUSED = (
    *("unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount"),
    *("fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "name_to_handle_at"),
    *("open_by_handle_at", "ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "bpf"),
    *("perf_event_open", "userfaultfd", "fanotify_init", "lookup_dcookie", "memfd_create"),
    *("memfd_secret", "shmget", "shmat", "shmctl", "semget", "semop", "semctl", "msgget"),
    *("msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink", "add_key", "request_key", "keyctl"),
    *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "pidfd_getfd", "acct", "quotactl"),
    *("swapon", "swapoff", "syslog", "iopl", "ioperm", "vhangup", "nfsservctl"),
)
"""Ways to other processes, other namespaces, memory that no limit counts, and the kernel itself.

io_uring is among them because what goes through its ring passes by every filter."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One call that is refused, whatever it is given or for one argument's value."""

    call: str
    argument: int = 0
    compare: int = 0
    first: int = 0
    second: int = 0
    error: int = errno.EPERM


class Comparison(ctypes.Structure):
    """libseccomp's `struct scmp_arg_cmp`."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("compare", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


def rules() -> Iterator[Rule]:
    """Everything that is refused.

    Of sockets, internet ones are left, which reach nothing in a network of the program's own, and
    connected pairs, which `asyncio` needs; a pair of datagram sockets could be sent elsewhere. A
    family is compared as the 64 bits that a register holds, so that none hides in the upper half.
    """
    yield from map(Rule, REFUSED)
    internet = {int(socket.AF_INET), int(socket.AF_INET6)}
    for family in range(max(internet)):
        if family not in internet:
            yield Rule("socket", 0, EQUAL, family)
    yield Rule("socket", 0, GREATER, max(internet))
    for kind in range(SOCKET_KIND + 1):
        if kind != socket.SOCK_STREAM:
            yield Rule("socketpair", 1, MASKED_EQUAL, SOCKET_KIND, kind)
    for flag in NEW_NAMESPACES:
        yield Rule("clone", 0, MASKED_EQUAL, flag, flag)
    yield Rule("clone3", error=errno.ENOSYS)  # its flags lie in memory; callers then take `clone`


@cache
def compile_filter() -> bytes:
    """The filter as the kernel takes it, an array of `struct sock_filter`; empty where there is no
    libseccomp or it cannot compile the table."""
    library = find_library()
    context = library and library.seccomp_init(ctypes.c_uint32(ALLOW))
    if not library or not context:
        return b""
    context = ctypes.c_void_p(context)
    try:
        complete = all(add_rule(library, context, rule) for rule in rules())
        return export(library, context) if complete else b""
    finally:
        library.seccomp_release(context)


def find_library() -> ctypes.CDLL | None:
    """libseccomp of this system, where it has one."""
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None
    library.seccomp_init.restype = ctypes.c_void_p
    return library


def add_rule(library: ctypes.CDLL, context: ctypes.c_void_p, rule: Rule) -> bool:
    """Whether the rule is in the filter now, or names a call that this system does not know."""
    number = library.seccomp_syscall_resolve_name(rule.call.encode())
    if number < 0:
        return True
    comparisons = [Comparison(rule.argument, rule.compare, rule.first, rule.second)]
    count = 1 if rule.compare else 0
    added = library.seccomp_rule_add_array(
        context, ctypes.c_uint32(REFUSE | rule.error), number, count, (Comparison * 1)(*comparisons)
    )
    return bool(added == 0)


def export(library: ctypes.CDLL, context: ctypes.c_void_p) -> bytes:
    """The compiled filter; empty where libseccomp fails."""
    descriptor = os.memfd_create("lory-filter")
    try:
        if library.seccomp_export_bpf(context, descriptor) != 0:
            return b""
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    finally:
        os.close(descriptor)
