"""TensorBoard logs of a run: scalars of every display and test, and pictures of every test."""

from pathlib import Path

from pycaffe_geo.errors import PycaffeGeoError
from pycaffe_geo.solvers.callback import Callback
from pycaffe_geo.solvers.metrics_file import column


class TensorBoard(Callback):
    """Writes an event file to the folder of the run; `tensorboard --logdir` shows it. Use it as a context manager, or `close` it.

    Tags: train/NAME or test/NAME ("test 1/NAME" of the second of several test nets), the names being those of metrics.csv: loss,
    each loss term and each small output; and train/lr and test/warps. picture(net) returns what is to be seen of a test net after
    a test, an RGB picture (H, W, 3) uint8, or None. A resumed run goes on in a new file, which hides what an earlier one has from
    that iteration on. PycaffeGeoError where the package tensorboardX is missing.
    """

    def __init__(self, picture=None):
        try:
            import tensorboardX
        except ImportError as e:
            raise PycaffeGeoError("a TensorBoard log needs the package tensorboardX "
                                  "(pip install 'pycaffe_geo[tensorboard]')") from e
        self._make, self._writer, self._picture = tensorboardX.SummaryWriter, None, picture

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        """Write what is still in memory."""
        if self._writer:
            self._writer.close()

    def displayed(self, solver, report):
        self._scalars(solver, report, {"lr": report.lr})

    def tested(self, solver, report):
        self._scalars(solver, report, {})
        number = int(report.phase.partition(" ")[2] or 0)
        picture = self._picture and self._picture(solver.test_nets[number])
        if picture is not None:
            self._writer.add_image(f"{report.phase.lower()}/warps", picture, report.iteration, dataformats="HWC")

    def _scalars(self, solver, report, more):
        if not self._writer:
            folder = Path(solver.snapshot_prefix).parent
            number = len(list(folder.glob("events.out.tfevents.*")))  # the names hold whole seconds: two sessions may share one
            self._writer = self._make(str(folder), purge_step=solver.iter or None, filename_suffix=f".{number:04d}")
        values = {column(name): value for name, value in report.values.items()}
        for name, value in {**values, "loss": report.loss, **more}.items():
            self._writer.add_scalar(f"{report.phase.lower()}/{name}", value, report.iteration)
