"""Shared memory of a Net: blobs whose lifetimes do not meet lie in the same place of one buffer.

A net of n layers runs in 2 n steps: step i is the forward of layer i, step 2 n - 1 - i its backward.
* The data of a blob live from the forward of the layer that makes them to that of their last reader; where backward runs, to the
  backward of the last layer that looks at them there (`uses_bottom` and `uses_top` of Layer). Data that a later layer changes in
  place, and of which an earlier one needs a copy, live as that copy does, from forward to backward.
* A diff lives from the first backward that writes it to that of the layer that made the blob, which reads it.
* Whatever else may be read at any time has memory of its own: parameters, inputs and the tops of data layers, outputs, losses,
  the blobs of Python layers, small blobs, and those named in `keep`. So have diffs that are read but that nothing writes: they
  are 0.
When a layer begins to write one of these buffers, all that overlap with it are lost: reading them raises, until they are written
again. A blob that outgrows its place has memory of its own until the next iteration begins, for which all places are chosen anew.
"""

import bisect
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pycaffe_geo.blob import Memory
from pycaffe_geo.errors import SpecError, nearest

SMALL = 16 << 10  # bytes; less than that is not worth an error for who wants to look at it
ALIGNMENT = 512  # bytes
DATA, DIFF = 0, 1  # of Blob.memories


@dataclass
class Life:
    """A buffer of `size` bytes that must hold its values from step `first` to step `last`; `start` is its place."""

    memory: Memory
    size: int
    first: int
    last: int
    start: int = 0

    @property
    def end(self):
        """The first byte behind it."""
        return self.start + self.size

    def meets(self, other):
        """True where both hold values at some step."""
        return self.first <= other.last and other.first <= self.last

    def overlaps(self, other):
        """True where both lie, in part, in the same place."""
        return self.start < other.end and other.start < self.end


class SharedMemory:
    """The places of all buffers of `net` that may share. keep: patterns of blob names; trains: backward will run.

    own, shared, alone: bytes of blobs that do not share, of the buffer of the others, and what these would take unshared.
    """

    def __init__(self, net, steps, keep=(), trains=True):
        self._net, self._steps, self._trains = net, steps, trains
        self._keep = _matching(net, keep)
        _separate_scratch(net, steps)
        self._most = {}
        self._choose_places()

    def allocate(self):
        """Make the buffer and give every blob its place. What the blobs hold is lost."""
        for life in self._lives:
            life.memory.array, life.memory.lost = None, "no layer has made them yet"
        buffer = self._net.device.xp.zeros(self.shared, "uint8")
        for life in self._lives:
            life.memory.array = buffer[life.start:life.end].view(life.memory.dtype)
        self._net.device.moves += 1
        self._placed = [life.memory.array for life in self._lives]
        self._claims = self._list_claims()

    def begin(self):
        """Before the first step of an iteration: choose the places anew where a blob has outgrown its own."""
        if any(life.memory.array is not place for life, place in zip(self._lives, self._placed)):
            self.release()
            self._choose_places()
            self.allocate()

    def release(self):
        """Let every blob have memory of its own again. What the blobs hold is lost."""
        for life in self._lives:
            life.memory.array, life.memory.lost = None, ""

    def enter(self, step):
        """Before a layer runs `step`: what it begins to write becomes readable, and what lay there is lost."""
        for memory, losers, reason in self._claims.get(step, ()):
            for loser in losers:
                loser.lost = reason
            memory.lost = ""

    def _choose_places(self):
        kept = self._kept()
        buffers, own = {}, {}
        for step, memory, count, writes in _uses(self._net, self._steps, self._trains):
            size = self._most[id(memory)] = max(count * memory.dtype.itemsize, self._most.get(id(memory), 0))
            life = buffers.setdefault(id(memory), Life(memory, size, step, step) if writes else None)
            if life is None or size <= SMALL or id(memory) in kept:
                own[id(memory)] = size
            else:
                life.size, life.last = max(size, life.size), step
        self._lives = [life for key, life in buffers.items() if key not in own]
        for life in self._lives:
            life.size = -(-life.size // ALIGNMENT) * ALIGNMENT
        _place(self._lives)
        self.own = sum(own.values())
        self.alone = sum(life.size for life in self._lives)
        self.shared = max((life.end for life in self._lives), default=0)

    def _kept(self):
        """Return the ids of the Memory objects that keep their values."""
        net, blobs = self._net, [self._net.blobs[name] for name in self._keep + net_results(self._net)]
        for layer, bottom, top in zip(net.layers, net.bottoms, net.tops):
            if layer.is_data or not bottom or layer.always_reshape:
                blobs += [*bottom, *top]
        return {id(memory) for blob in blobs for memory in blob.memories}

    def _list_claims(self):
        """Return {step: [(Memory that it begins to write, those that lie in the same place, what to say of them)]}."""
        names, claims = self._net.layer_names, {}
        for life in self._lives:
            losers = [other.memory for other in self._lives if other is not life and life.overlaps(other)]
            forward = life.first < len(names)
            name = names[life.first if forward else 2 * len(names) - 1 - life.first]
            reason = f"layer '{name}' has used their memory since ({'forward' if forward else 'backward'})"
            claims.setdefault(life.first, []).append((life.memory, losers, reason))
        return claims


def net_results(net):
    """Return the names of the blobs that a net gives to whoever runs it: its outputs and its losses."""
    losses = [t.name for tops, weights in zip(net.tops, net.loss_weights) for t, weight in zip(tops, weights) if weight]
    return [*net.outputs, *losses]


def _matching(net, patterns):
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in net.blobs):
            raise SpecError(f"keep: net '{net.name}' has no blob '{pattern}'{nearest(pattern, net.blobs)}")
    return [name for name in net.blobs if any(fnmatchcase(name, pattern) for pattern in patterns)]


def _separate_scratch(net, steps):
    """Give diffs that only wait to be added to another one a buffer each: together they would live for the whole of backward."""
    of_blobs = {id(memory) for blob in net.blobs.values() for memory in blob.memories}
    seen = set()
    for source in (source for step in steps for source, _ in step.sums if id(source.memories[DIFF]) not in of_blobs):
        if id(source.memories[DIFF]) in seen:
            source.own_diff()
        seen.add(id(source.memories[DIFF]))


def _uses(net, steps, trains):
    """Yield (step, Memory, elements, whether it is written there) in the order in which the layers touch the buffers of blobs.

    What a layer both reads and writes in one step is said to be read first.
    """
    for i, (layer, step) in enumerate(zip(net.layers, steps)):
        copies = [*filter(None, [layer.kept_input]), *(saved for saved, _ in step.saved)] if trains else []
        yield from _touched(i, DATA, net.bottoms[i], False)
        yield from _touched(i, DATA, [*net.tops[i], *copies], True)
    for i, (layer, step) in reversed(list(enumerate(zip(net.layers, steps)))):
        if trains and step.runs:
            now = 2 * len(steps) - 1 - i
            data = (step.bottom if layer.uses_bottom else []) + (step.top if layer.uses_top else [])
            yield from _touched(now, DATA, [*data, *filter(None, [layer.kept_input])], False)
            yield from _touched(now, DIFF, step.top, False)
            yield from _touched(now, DIFF, [b for b, wanted in zip(step.bottom, step.propagate_down) if wanted], True)
            yield from _touched(now, DIFF, [target for _, target in step.sums], False)


def _touched(step, field, blobs, writes):
    return ((step, blob.memories[field], blob.count, writes) for blob in blobs)


def _place(lives):
    """Choose every `start`, the largest first, each in the smallest gap between those it meets (Pisarchyk and Lee 2020,
    arXiv:2001.03288, "greedy by size")."""
    placed = []
    for life in sorted(lives, key=lambda life: -life.size):
        end, gaps = 0, []
        for other in placed:
            if other.meets(life):
                gaps.append((other.start - end, end))
                end = max(end, other.end)
        life.start = min((gap for gap in gaps if gap[0] >= life.size), default=(0, end))[1]
        bisect.insort(placed, life, key=lambda life: life.start)
