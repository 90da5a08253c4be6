"""Signals during training: SIGINT snapshots and stops, a second SIGINT exits at once, SIGHUP snapshots."""

import signal
import threading


class Signals:
    """A context in which flags tell the training loop of signals; only the main thread can take them.

    `stop` is set by SIGINT, `snapshot` by SIGHUP. After the first SIGINT Python's own handler is in place, so that a second one
    raises KeyboardInterrupt at once. The handlers that were there before come back at the end.
    """

    def __init__(self):
        self.stop = False
        self.snapshot = False
        self._before = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._take(signal.SIGINT, self._on_interrupt)
            if hasattr(signal, "SIGHUP"):
                self._take(signal.SIGHUP, self._on_hangup)
        return self

    def __exit__(self, *error):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def take_snapshot_request(self):
        """Return whether a snapshot was asked for, and forget it."""
        asked, self.snapshot = self.snapshot, False
        return asked

    def _take(self, number, handler):
        self._before[number] = signal.signal(number, handler) or signal.SIG_DFL

    def _on_interrupt(self, number, frame):
        self.stop = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def _on_hangup(self, number, frame):
        self.snapshot = True
