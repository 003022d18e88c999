"""How many pages of a PDF can be read before one kills whoever reads it.

Called for a document that a process already died of: a page may be a bomb that no Python code can
interrupt. The pages are read by a copy of this process, which tells of each page that it has done.
"""

import contextlib
import os
import resource
import signal

from extractors.pdf import pages

MIN_CPU_SECONDS = 1


def num_sound_pages(data: bytes, *, max_pages: int, cpu_seconds: float) -> int:
    """Pages from the first on that are read within ``cpu_seconds`` and without a crash.

    A page that raises is sound: it becomes a fault of its own. 0 where nothing can be opened.
    """
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiver)
        with contextlib.suppress(BaseException):
            _read_all(data, max_pages, cpu_seconds, sender)
        os._exit(0)
    os.close(sender)
    count = 0
    with os.fdopen(receiver, "rb") as done:
        while done.read(1):
            count += 1
    os.waitpid(child, 0)
    return count


def _read_all(data: bytes, max_pages: int, cpu_seconds: float, sender: int) -> None:
    """Reads page after page and writes a byte for each, under a limit of CPU time."""
    # An interval timer does not outlive a fork, and this limit needs nobody to set it off.
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + max(MIN_CPU_SECONDS, int(cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
    pages.read(data, max_pages=max_pages, on_page=lambda: os.write(sender, b"."))
