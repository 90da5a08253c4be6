import math

import numpy as np
import pytest
from golden import check_case

from pycaffe_geo.errors import DataError, ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer
from pycaffe_geo.wire import encode_field

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 5, 3, 4))
LABELS = RNG.integers(0, 5, (2, 3, 4))
H = RNG.uniform(0, 2, (1, 1, 5, 5))

EXAMPLE = dict(bottom=[X, LABELS, H])


def write(path, array):
    """Write a .binaryproto with num, channels, height and width, as Caffe's tools of the time did."""
    sizes = b"".join(encode_field(1 + i, n) for i, n in enumerate(array.shape))
    path.write_bytes(sizes + encode_field(5, array.astype("<f4").tobytes()))
    return str(path)


@pytest.mark.parametrize("bottom", [[X, LABELS, H], [X[:1, :, 0, 0], LABELS[:1, 0, 0], H[0, 0]]])
@pytest.mark.parametrize("loss_param", [{}, {"ignore_label": 2}, {"normalization": "FULL"}, {"normalization": "BATCH_SIZE"},
                                        {"normalization": "NONE"}])
def test_gradient(bottom, loss_param):
    report = check_layer("InfogainLoss", bottom, loss_param=loss_param, check_bottoms=[0])
    assert report.ok, report


@pytest.mark.parametrize("axis", [2, -1])
def test_gradient_along_another_axis(axis):
    x = np.moveaxis(X, 1, axis)
    report = check_layer("InfogainLoss", [x, LABELS, H], infogain_loss_param={"axis": axis})
    assert report.ok, report


def loss(bottom, tops=1, **parameters):
    layer, bottom, top = build_layer("InfogainLoss", bottom, tops=tops, **parameters)
    layer.forward(bottom, top)
    return layer, bottom, top


@pytest.mark.parametrize("normalization, divisor", [("NONE", 1), ("BATCH_SIZE", 2), ("FULL", 24), ("VALID", None)])
def test_forward_against_a_loop(normalization, divisor):
    total = count = 0
    for n, y, x in np.ndindex(2, 3, 4):
        scores, label = X[n, :, y, x], LABELS[n, y, x]
        if label != 2:
            norm = math.log(sum(map(math.exp, scores)))
            total += sum(H[0, 0, label, k] * (norm - scores[k]) for k in range(5))
            count += 1
    _, _, top = loss([X, LABELS, H], loss_param={"ignore_label": 2, "normalization": normalization})
    assert top[0].data == pytest.approx(total / (divisor or count), rel=1e-12)


def test_identity_is_softmax_with_loss():
    layer, bottom, top = loss([X, LABELS, np.eye(5)], tops=2)
    other, b, t = build_layer("SoftmaxWithLoss", [X, LABELS], tops=2)
    other.forward(b, t)
    for one, two in ((layer, bottom), (other, b)):
        one.backward(top if one is layer else t, [True, False, False], two)
    for ours, theirs in ((top[0].data, t[0].data), (top[1].data, t[1].data), (bottom[0].diff, b[0].diff)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-16)


def test_matrix_from_a_file(tmp_path):
    source = write(tmp_path / "h.binaryproto", H)
    _, _, expected = loss([X, LABELS, H.astype("f4")])
    _, _, top = loss([X, LABELS], infogain_loss_param={"source": source})
    assert top[0].data == expected[0].data


@pytest.mark.parametrize("values, message", [
    (np.ones((1, 1, 5, 4)), r"H in '.*h.binaryproto' is \(1, 1, 5, 4\), expected \(1, 1, 5, 5\): 'bottom0' .* has 5 classes"),
    (np.ones((1, 1, 1, 25)), r"is \(1, 1, 1, 25\), expected \(1, 1, 5, 5\)"),
    (np.full((1, 1, 5, 5), np.nan), r"H in '.*h.binaryproto' has values that are not finite"),
])
def test_file_with_a_bad_matrix(values, message, tmp_path):
    source = write(tmp_path / "h.binaryproto", values)
    with pytest.raises(DataError, match=message):
        loss([X, LABELS], infogain_loss_param={"source": source})


def test_files_that_cannot_be_read(tmp_path):
    path = tmp_path / "h.binaryproto"
    with pytest.raises(DataError, match=r"layer 'layer' \(InfogainLoss\): .*h.binaryproto: no such file"):
        loss([X, LABELS], infogain_loss_param={"source": str(path)})
    write(path, H)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(DataError, match=r"layer 'layer' \(InfogainLoss\): .*h.binaryproto"):
        loss([X, LABELS], infogain_loss_param={"source": str(path)})


def test_no_matrix_at_all():
    with pytest.raises(SpecError, match="no H, expected a third bottom or infogain_loss_param.source, a .binaryproto file"):
        loss([X, LABELS])


def test_bottom_of_the_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom2' is \(4, 4\), expected \(1, 1, 5, 5\)"):
        loss([X, LABELS, (4, 4)])


@pytest.mark.parametrize("case", ["3b", "ignore_full", "spatial"])
def test_as_caffe(case):
    check_case(f"infogain_{case}", skip=["x0.diff"])  # the Scale before it writes a diff which nobody asked for
