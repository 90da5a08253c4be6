"""DummyData layer."""

from dataclasses import dataclass

from pycaffe_geo.backend import CPU
from pycaffe_geo.errors import SpecError
from pycaffe_geo.fillers import Filler, fill
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.layers.input import BlobShape

_OLD = ("num", "channels", "height", "width")


@dataclass(frozen=True)
class DummyDataParam:
    """`data_filler` (none: constant 0) and `shape`: one for each top, or one for all. `num`, `channels`, `height` and `width`
    are the old way to give 4-D shapes."""

    data_filler: tuple[Filler, ...] = ()
    shape: tuple[BlobShape, ...] = ()
    num: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    height: tuple[int, ...] = ()
    width: tuple[int, ...] = ()

    def __post_init__(self):
        if self.shape and any(getattr(self, key) for key in _OLD):
            raise ValueError("both shape and num, channels, height or width are given, expected shape alone")


@register
class DummyData(Layer):
    """Tops filled by fillers: constants once, random values anew at every forward (Caffe's DummyData).

    Batch number p depends on (seed, layer name, p) alone.
    """

    bottoms = (0, 0)
    tops = (1, None)
    parameters = {"dummy_data_param": DummyDataParam}
    is_data = True

    def setup(self, bottom, top):
        self.position = 0
        p = self.dummy_data_param
        self.fillers = self._for_each(top, "data_filler", p.data_filler or (Filler(),))
        if p.shape:
            shapes = [s.dim for s in self._for_each(top, "shape", p.shape)]
        else:
            shapes = zip(*(self._for_each(top, key, getattr(p, key)) for key in _OLD))
        for blob, shape in zip(top, shapes):
            blob.reshape(*shape)
        self._fill(top, constant=True)

    def reshape(self, bottom, top):
        """Shapes and constants stay as they are."""

    def forward(self, bottom, top):
        self._fill(top, constant=False)
        self.position += 1

    def _fill(self, top, constant):
        for i, (blob, filler) in enumerate(zip(top, self.fillers)):
            if (filler.type == "constant") == constant:
                values = fill(filler, blob.shape, CPU.generator(self.clock.seed, self.name, self.position, i))
                blob.data[...] = self.device.asarray(values, dtype=self.dtype)

    def _for_each(self, top, key, values):
        """Return one value for each top."""
        if len(values) not in (1, len(top)):
            expected = f"1 or {len(top)}" if len(top) > 1 else "1"
            raise SpecError(f"{self.where}: dummy_data_param has {len(values)} {key} for {len(top)} tops, expected {expected}")
        return values * len(top) if len(values) == 1 else values
