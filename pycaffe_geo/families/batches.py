"""What data layers share: which records make batch number p, and a thread that fetches the next batch ahead."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pycaffe_geo.backend import CPU


class BatchOrder:
    """Which of `count` records belong to batch number 0, 1, 2 ...; a pure function of (key, batch number).

    Records run on from one epoch to the next, so a batch may span two. With `shuffle` every epoch has an order of its own,
    keyed by `key` and the epoch. `blocks`: counts of records (files) that stay together when shuffled; their sum is `count`.
    `rand_skip`: the first epoch begins at a place below this number, drawn by `key`.
    """

    def __init__(self, count, batch_size, shuffle, key, blocks=(), rand_skip=0):
        self.count = count
        self.blocks = blocks or (count,)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.key = key
        self.first = int(CPU.generator(*key, "rand_skip").integers(rand_skip)) if rand_skip else 0
        self._orders = {}

    def records(self, position):
        """Return the record numbers (batch_size,) of batch number `position`."""
        numbers = self.first + np.arange(position * self.batch_size, (position + 1) * self.batch_size)
        epochs, places = np.divmod(numbers, self.count)
        if not self.shuffle:
            return places
        return np.array([self._order(e)[p] for e, p in zip(epochs.tolist(), places.tolist())])

    def _order(self, epoch):
        if epoch not in self._orders:
            generator = CPU.generator(*self.key, "shuffle", epoch)
            starts = np.cumsum([0, *self.blocks[:-1]])
            inside = [start + generator.permutation(n) for start, n in zip(starts, self.blocks)]
            order = np.concatenate([inside[b] for b in generator.permutation(len(inside))])
            self._orders = {e: o for e, o in self._orders.items() if e >= epoch - 1}
            self._orders[epoch] = order
        return self._orders[epoch]


class Prefetcher:
    """Calls `fetch(position)` for the next batch in a thread while the present one is used; `fetch` depends on position alone."""

    def __init__(self, fetch):
        self._fetch = fetch
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
        self._ahead = (None, None)

    def get(self, position):
        """Return fetch(position), and begin to fetch position + 1; an error of the fetch is raised here."""
        ready, future = self._ahead
        result = future.result() if ready == position else self._fetch(position)
        self._ahead = (position + 1, self._pool.submit(self._fetch, position + 1))
        return result
