"""AffineGenerator layer."""

from dataclasses import dataclass

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class AffineGeneratorParam:
    """Which of `rotation` (angle, radians), `scale` (s) and `translation` (t, pixels) there are; none: all six numbers of A.

    `around_identity`: the numbers are differences from the identity, so that a layer above that starts at 0 starts there.
    """

    rotation: bool = False
    scale: bool = False
    translation: bool = False
    around_identity: bool = False


@register(aliases=("SimilarityGenerator",))
class AffineGenerator(Layer):
    """Numbers (N, P[, 1, 1]) -> transform A (N, 1, 2, 3) of the plane, for AffineGrid.

    Six numbers are A row by row. With flags there are, in this order, 1 for rotation, 1 for scale, 2 for translation, and
    A = [s R | t] with R = [cos -sin; sin cos], which turns x (right) towards y (down); s is 1, R the identity and t is 0 where
    they are not asked for. SimilarityGenerator has all three unless it is told which. gvnn's generator (Jaderberg et al.'s
    spatial transformers) gives t turned and scaled, s R t.
    """

    parameters = {"affine_generator_param": AffineGeneratorParam}

    def setup(self, bottom, top):
        p = self.affine_generator_param
        wanted = [name for name in ("rotation", "scale", "translation") if getattr(p, name)]
        if self.type == "SimilarityGenerator" and not wanted:
            wanted = ["rotation", "scale", "translation"]
        self.columns, self.count = {}, 0  # where the numbers of each part lie
        for name in wanted:
            first, self.count = self.count, self.count + (2 if name == "translation" else 1)
            self.columns[name] = slice(first, self.count)
        self.count = self.count or 6

    def reshape(self, bottom, top):
        shape, count = bottom[0].shape, self.count
        if shape[1:] not in ((count,), (count, 1, 1)):
            raise ShapeError(f"{self.where}: bottom '{bottom[0].name}' is {shape}, expected (N, {count}) or (N, {count}, 1, 1)")
        top[0].reshape(shape[0], 1, 2, 3)

    def forward(self, bottom, top):
        numbers, A = bottom[0].data.reshape(-1, self.count), top[0].data[:, 0]
        if not self.columns:
            A[...] = numbers.reshape(A.shape)
            if self.affine_generator_param.around_identity:
                A[:, 0, 0] += 1
                A[:, 1, 1] += 1
            return
        cos, sin, scale = self._similarity(numbers)
        A[:, 0, 0] = A[:, 1, 1] = scale * cos
        A[:, 1, 0] = scale * sin
        A[:, 0, 1] = -A[:, 1, 0]
        A[:, :, 2] = numbers[:, self.columns["translation"]] if "translation" in self.columns else 0

    def backward(self, top, propagate_down, bottom):
        if not propagate_down[0]:
            return
        dA, dnumbers = top[0].diff[:, 0], bottom[0].diff.reshape(-1, self.count)
        if not self.columns:
            dnumbers[...] = dA.reshape(dnumbers.shape)
            return
        cos, sin, scale = self._similarity(bottom[0].data.reshape(dnumbers.shape))
        dcos, dsin = dA[:, 0, 0] + dA[:, 1, 1], dA[:, 1, 0] - dA[:, 0, 1]
        gradients = {
            "rotation": (scale * (cos * dsin - sin * dcos))[:, None],
            "scale": (cos * dcos + sin * dsin)[:, None],
            "translation": dA[:, :, 2],
        }
        for name, column in self.columns.items():
            dnumbers[:, column] = gradients[name]

    def _similarity(self, numbers):
        """Return the cosine and sine of the angle, and the scale, (N,) each."""
        xp, columns = self.xp, self.columns
        angle = numbers[:, columns["rotation"]][:, 0] if "rotation" in columns else xp.zeros_like(numbers[:, 0])
        scale = numbers[:, columns["scale"]][:, 0] if "scale" in columns else xp.ones_like(numbers[:, 0])
        if "scale" in columns and self.affine_generator_param.around_identity:
            scale = scale + 1
        return xp.cos(angle), xp.sin(angle), scale
