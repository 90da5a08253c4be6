import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.geometry import se3
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[(2, 1, 4, 4)])


@pytest.mark.parametrize("batch", [1, 3])
def test_gradient(batch):
    report = check_layer("SE3Inverse", [(batch, 1, 4, 4)])
    assert report.ok, report


def test_gradient_as_torch_inverse_along_rigid_motions():
    """The formula's gradient and that of the matrix inverse agree where it matters: along the ways a rigid motion can go."""
    torch = pytest.importorskip("torch")
    twist = np.random.default_rng(0).normal(size=(3, 6))
    T = se3.exp(twist)
    layer, bottom, top = build_layer("SE3Inverse", [T[:, None]])
    layer.forward(bottom, top)
    top[0].diff[...] = np.random.default_rng(1).normal(size=top[0].shape)
    layer.backward(top, [True], bottom)
    x = torch.tensor(T, requires_grad=True)
    inverse = torch.linalg.inv(x)
    (inverse * torch.tensor(top[0].diff[:, 0])).sum().backward()
    np.testing.assert_allclose(top[0].data[:, 0], inverse.detach().numpy(), atol=1e-13)
    expected = se3.exp_backward(twist, x.grad.numpy())
    np.testing.assert_allclose(se3.exp_backward(twist, bottom[0].diff[:, 0]), expected, atol=1e-12)


def test_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 4, 4\), expected \(N, 1, 4, 4\)"):
        build_layer("SE3Inverse", [(2, 4, 4)])
