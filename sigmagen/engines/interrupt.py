"""Interrupts long DuckDB queries when a signal comes. Otherwise, Python sees signals only between queries."""

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
    """The connection, with its query interrupted when a signal comes. The signal's handler decides what follows."""
    _CONNECTIONS.add(connection)
    _start_watching()
    return connection


def _start_watching() -> None:
    """Start a thread that each signal wakes. Only the main thread can set this up, and only once in a process."""
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
            _interrupt_all()


def _interrupt_all() -> None:
    """A separate function, so that the waiting thread holds no reference to a connection."""
    for connection in list(_CONNECTIONS):
        with suppress(duckdb.Error):  # closed in between
            connection.interrupt()
