import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import DataError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

WORDS = np.array([[2.0, 0, 2], [5, 2, 1]])
NORMAL = {"type": "gaussian"}
PARAM = {"num_output": 4, "input_dim": 6, "weight_filler": NORMAL, "bias_filler": NORMAL}
EXAMPLE = dict(bottom=[WORDS], embed_param=PARAM)


@pytest.mark.parametrize("bias_term", [True, False])
def test_gradient(bias_term):
    report = check_layer("Embed", [WORDS], embed_param={**PARAM, "bias_term": bias_term})
    assert report.ok, report


def test_forward_looks_rows_up():
    layer, bottom, top = build_layer("Embed", [WORDS], embed_param=PARAM)
    layer.forward(bottom, top)
    w, b = (blob.data for blob in layer.blobs)
    assert top[0].shape == (2, 3, 4)
    for n, t in np.ndindex(2, 3):
        np.testing.assert_allclose(top[0].data[n, t], w[int(WORDS[n, t])] + b)


def test_as_caffe():
    check_case("embed_nobias")


@pytest.mark.parametrize("value", [6, -1, 1.5])
def test_words_outside(value):
    layer, bottom, top = build_layer("Embed", [np.array([0.0, value])], embed_param=PARAM)
    with pytest.raises(DataError, match=rf"\(Embed\): bottom 'bottom0' holds {value}, expected whole numbers 0 to 5"):
        layer.forward(bottom, top)


def test_sizes_must_be_given():
    with pytest.raises(SpecError, match="embed_param has num_output 4 and input_dim 0, expected at least 1"):
        build_layer("Embed", [(2,)], embed_param={"num_output": 4})
