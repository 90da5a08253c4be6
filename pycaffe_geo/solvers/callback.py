"""What the training loop tells the outside world."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Report:
    """What one displayed iteration or one test found. `loss` is the smoothed loss (TRAIN) or the mean loss (TEST); `values` holds
    every loss term (times its loss_weight) and every small output, by name."""

    iteration: int
    phase: str
    lr: float
    loss: float
    values: dict = field(default_factory=dict)


class Callback:
    """Base class of what listens to a Solver; each method may be left out."""

    def iterated(self, solver):
        """An iteration has ended: `solver.iter` updates are done, `solver.loss` is the smoothed loss."""

    def displayed(self, solver, report):
        """An iteration that `display` asks for has been computed; on a CPU its update comes after this, on a GPU before."""

    def tested(self, solver, report):
        """A test net has been run over its `test_iter` batches."""

    def snapshotted(self, solver, weights, state):
        """A pair of snapshot files has been written."""
