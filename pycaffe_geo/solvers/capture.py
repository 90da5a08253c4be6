"""Whole-iteration capture: what the device has to do is recorded once, and then started by one call."""


def obstacle(net):
    """Return why the iterations of `net` cannot be recorded, or ""."""
    for layer in net.layers:
        if layer.on_host or layer.always_reshape:
            return f"{layer.where} works on the host in every iteration"
    return ""


class Capture:
    """Records the parts of an iteration of `net`, functions without arguments that wait for nothing, and repeats them.

    A part runs as it is the first time, so that all its memory is there; it is recorded the second time, and only repeated from
    the third on. All begins anew when the shape of a batch changes, or when a buffer of the device moves. Inputs change between
    the repetitions where they lie. counts: the device's array of iteration and step, which recorded draws read.
    """

    def __init__(self, net, counts):
        self._net, self._counts = net, counts
        self._recorder = net.device.recorder()
        self._inputs = [top for layer, tops in zip(net.layers, net.tops) if layer.is_data for top in tops]
        self._graphs = {}
        self._ran = set()
        self._state = None

    def run(self, part):
        """Run `part`; DeviceError where it cannot be recorded: then nothing of it has been done."""
        if self._now() != self._state:
            self._graphs.clear()
            self._ran.clear()
        if part not in self._ran:
            self._recorder.run(part)
            self._ran.add(part)
            self._state = self._now()
            return
        if part not in self._graphs:
            self._graphs[part] = self._record(part)
        self._recorder.launch(self._graphs[part])

    def _record(self, part):
        self._net.clock.counts = self._counts
        try:
            return self._recorder.record(part)
        finally:
            self._net.clock.counts = None

    def _now(self):
        return self._net.device.moves, [top.shape for top in self._inputs]
