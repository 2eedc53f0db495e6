"""Lets threadpoolctl see and limit the threads of the native core."""

from __future__ import annotations

import ctypes
from typing import Any


def register() -> None:
    """Makes lrswift one of the libraries that `threadpoolctl.threadpool_limits` and `threadpool_info` know.

    Nothing happens where threadpoolctl is not installed.
    """
    try:
        import threadpoolctl
    except ModuleNotFoundError:
        return

    class Controller(threadpoolctl.LibController):
        user_api = "lrswift"
        internal_api = "lrswift"
        filename_prefixes = ("liblrswift",)

        def get_num_threads(self) -> int:
            return int(self.dynlib.lrs_get_threads())

        def set_num_threads(self, num_threads: int) -> Any:
            return self.dynlib.lrs_set_threads(ctypes.c_int32(num_threads))

        def get_version(self) -> str:
            version = self.dynlib.lrs_version
            version.restype = ctypes.c_char_p
            return version().decode()

        def set_additional_attributes(self) -> None:
            """threadpoolctl asks for it; there are none."""

    threadpoolctl.register(Controller)
