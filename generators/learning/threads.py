"""One thread for the products of matrices: more of them wait for each other, and what they round differs with their number.

Whoever wants more processors starts more processes, each with partitions of its own.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


@cache
def _controller() -> ThreadpoolController:
    import numpy  # noqa: F401 - the controller knows the libraries that are loaded when it is made
    import scipy.linalg  # noqa: F401

    return ThreadpoolController()


def one_thread() -> AbstractContextManager[Any]:
    """While this lasts, NumPy and SciPy compute with one thread in this process."""
    if os.environ.get("OPENBLAS_NUM_THREADS") == "1":
        return nullcontext()  # as in our own child processes, where a confined one may not look for libraries
    limited: AbstractContextManager[Any] = _controller().limit(limits=1)
    return limited
