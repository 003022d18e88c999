"""Machine code for kernels over flat arrays, cached on disk where there is a place for it."""

from collections.abc import Callable
from typing import TypeVar

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def compile_kernel(function: Kernel) -> Kernel:
    """Compile ``function`` on its first call, without the interpreter lock.

    The code is cached between processes, except where neither the package's folder nor the
    user's cache folder can be written (a read-only container): numba refuses to decorate then,
    and the kernel is compiled anew in every process.

    numba's cache watches only the file a kernel stands in. A kernel must therefore call no kernel
    of another module, or the caller keeps running the old callee after an edit.
    """
    try:
        return numba.njit(nogil=True, cache=True)(function)  # type: ignore[no-any-return]
    except RuntimeError:  # "cannot cache function ...: no locator available"
        return numba.njit(nogil=True)(function)  # type: ignore[no-any-return]
