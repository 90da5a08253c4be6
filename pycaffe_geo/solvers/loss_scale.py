"""The factor on the diffs of float16 blobs: as large as it can be without making gradients infinite."""

import logging

log = logging.getLogger(__name__)

START = 2.0**15
MOST, LEAST = 2.0**24, 2.0**-24  # losses that are sums over pixels have gradients that need a factor far below 1
PATIENCE = 2000  # finite iterations after which a larger factor is tried


class LossScale:
    """Keeps the loss scale of a net with float16 blobs (Micikevicius et al. 2018, arXiv:1710.03740).

    fixed: the factor for good; 0 lets it be halved by an infinite gradient and doubled after 2000 iterations without one.
    A net without float16 blobs has the fixed factor 1.
    """

    def __init__(self, net, fixed=0.0):
        self._net = net
        self._moves = not fixed
        self.set(fixed or START)

    def set(self, value, good=0):
        """Use the factor `value`, which `good` iterations in a row have stood."""
        self.value, self.good = value, good
        self._net.set_loss_scale(value)

    def __str__(self):
        """Return what a message on gradients adds."""
        return "" if self.value == 1 else f" with loss scale {self.value:.2g}"

    def state(self):
        """Return the fields of a snapshot's State."""
        return {"loss_scale": self.value, "good_steps": self.good} if self._moves else {}

    def restore(self, state):
        """Go on from a snapshot's State, where it has a loss scale and this one is not fixed."""
        if self._moves and state.loss_scale:
            self.set(state.loss_scale, state.good_steps)

    def lower(self, iteration):
        """After an infinite gradient: return True where the update is to be left out and training may go on."""
        if not self._moves or self.value < 2 * LEAST:
            return False
        self.set(self.value / 2)
        log.info("iteration %d: a gradient is too large for float16: no update, loss scale %g", iteration, self.value)
        return True

    def stood(self):
        """After an update."""
        self.good += 1
        if self._moves and self.good == PATIENCE:
            self.set(min(2 * self.value, MOST))
