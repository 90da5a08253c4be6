"""Iterations on a GPU whose losses and gradients' norm stay there until somebody looks: the host does not wait for the device."""

import logging
from dataclasses import dataclass

from pycaffe_geo.errors import DeviceError
from pycaffe_geo.layer import CHECK_EVERY
from pycaffe_geo.ops.iteration import plan_iteration
from pycaffe_geo.solvers.capture import Capture, obstacle

log = logging.getLogger(__name__)

LONGEST = 1000  # iterations without a look


@dataclass(frozen=True)
class Trouble:
    """An iteration whose numbers were not finite: `positions` of the data at its start, and what was noticed."""

    iteration: int
    positions: dict
    symptom: str


def deferred_steps(net, updater, definition, gradients):
    """Return DeferredSteps, or None where the host has to look at every iteration: on a CPU, and where the loss scale of float16
    follows the gradients. gradients: the blobs whose diffs are checked and clipped."""
    if not updater.together:
        return None
    if definition.precision == "FLOAT16" and not definition.loss_scale:
        if definition.capture == "auto":
            log.warning("capture: off, because the loss scale follows the gradients; a fixed one, loss_scale: 1024, allows it")
        return None
    return DeferredSteps(net, updater, definition, gradients)


class DeferredSteps:
    """Runs whole iterations: data layers, forward, backward, clipping and update, with nothing to wait for.

    The first iteration whose loss or gradients are not finite, and all after it, leave the parameters as they are, so that the
    search for the cause finds them as they were. Iterations are recorded and repeated (see Capture) where the definition's
    `capture` is auto and nothing stands against it.
    """

    def __init__(self, net, updater, definition, gradients):
        self._net, self._updater, self._gradients = net, updater, gradients
        self._steps = definition.iter_size
        window, clip = definition.average_loss, definition.clip_gradients
        self._numbers = plan_iteration(net.device, net.dtype, self._steps, window, clip)
        self._data = [i for i, layer in enumerate(net.layers) if layer.is_data]
        self._others = [i for i, layer in enumerate(net.layers) if not layer.is_data]
        self._losses = [(weight, blob) for weights, top in zip(net.loss_weights, net.tops)
                        for weight, blob in zip(weights, top) if weight]
        self._layer = None
        self._capture = self._choose_capture(definition)
        self.start(0)

    def _choose_capture(self, definition):
        if definition.capture == "off":
            return None
        against = "debug_info shows diffs before the update" if definition.debug_info else obstacle(self._net)
        if against:
            log.warning("capture: off, because %s", against)
        return None if against else Capture(self._net, self._numbers.counts)

    def start(self, iteration):
        """Go on with `iteration`, all numbers being finite so far."""
        self._fetched = self._next = iteration
        self._positions = {}
        self._numbers.forget()

    @property
    def late(self):
        """True where it is time for a look."""
        return self._next - self._fetched >= LONGEST

    def run(self, iteration, rate):
        """Give one iteration, at the learning rate `rate`, to the device."""
        self._positions[iteration] = self._net.positions()
        self._net.clock.iteration = iteration
        self._updater.together.load(1.0, self._updater.rule.numbers(rate, iteration))
        if self._steps == 1:
            self._feed(0)
            self._do(self._whole)
        else:
            self._do(self._net.clear_param_diffs)
            for step in range(self._steps):
                self._feed(step)
                self._do(self._batch)
            self._do(self._finish)
        self._next = iteration + 1

    def fetch(self):
        """Wait for the device. Return the losses since the last time (at most `average_loss`, the last ones), and a Trouble or
        None."""
        losses, bad = self._numbers.fetch(self._fetched, self._next)
        if not bad:
            self._fetched = self._next
            self._positions = {}
            return losses, None
        seen = f"the gradients' norm is {bad.norm}" if abs(bad.loss) < float("inf") else f"the loss is {bad.loss}"
        late = f"; noticed after iteration {self._next - 1}" if self._next - 1 > bad.iteration else ""
        trouble = Trouble(bad.iteration, self._positions[bad.iteration], seen + late)
        self.start(bad.iteration)
        return [], trouble

    def _feed(self, step):
        """Make a batch: this is never recorded."""
        self._net.clock.step = step
        self._numbers.begin(self._net.clock.iteration, step)
        for i in self._data:
            self._net.forward_layer(i)

    def _do(self, part):
        """Run a part of an iteration; layers that look at values now and then get the chance to."""
        if not self._capture or self._net.clock.iteration % CHECK_EVERY == 0:
            part()
            return
        try:
            self._capture.run(part)
        except DeviceError as e:
            log.warning("capture: off from now on, because %s cannot be recorded: %s", self._layer.where, e)
            self._capture = None
            part()

    def _whole(self):
        self._net.clear_param_diffs()
        self._batch()
        self._finish()

    def _batch(self):
        net = self._net
        for i in self._others:
            self._layer = net.layers[i]
            net.forward_layer(i)
        self._numbers.add_losses([blob.data for _, blob in self._losses], [weight for weight, _ in self._losses])
        for i in reversed(self._others):
            self._layer = net.layers[i]
            net.backward_layer(i)

    def _finish(self):
        self._numbers.judge([blob.diff for blob in self._gradients], self._updater.together.scale)
        self._updater.place()
        self._updater.together.launch()
