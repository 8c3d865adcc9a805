"""Long queries of DuckDB end when the process is asked to end: its signals are seen only between queries otherwise."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from weakref import WeakSet

import duckdb

_CONNECTIONS: WeakSet[duckdb.DuckDBPyConnection] = WeakSet()
# SIGINT, SIGTERM and SIGHUP, which not every system has.
_STOPPING = (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))
_started = False


def interruptible(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """The connection, whose query is interrupted when a signal comes. The signal's handler says what happens then."""
    _CONNECTIONS.add(connection)
    _start()
    return connection


def _start() -> None:
    """Wake a thread at each signal. Only the main thread may ask for that, and somebody else may have."""
    global _started
    if _started or threading.current_thread() is not threading.main_thread():
        return
    _started = True
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    if before >= 0:
        signal.set_wakeup_fd(before)
        return
    threading.Thread(target=_watch, args=(reading,), daemon=True, name="interrupts").start()


def _watch(reading: int) -> None:
    while received := os.read(reading, 1):
        if received[0] in _STOPPING:
            _interrupt()


def _interrupt() -> None:
    """A function of its own: the thread that waits must not hold a connection."""
    for connection in list(_CONNECTIONS):
        with suppress(duckdb.Error):  # closed in between
            connection.interrupt()
