def test_a_right_net_passes_and_one_layer_alone(tool, small_net):
    code, out, _ = tool("check_gradients", "--net", small_net)
    assert code == 0 and "gradient check passed" in out and "fc[0] (2, 3)" in out
    code, out, _ = tool("check_gradients", "--net", small_net, "--layer", "relu", "--seed", "3")
    assert code == 0 and "layer 'relu' (ReLU): gradient check passed" in out


def test_a_wrong_gradient_ends_in_1_with_the_numbers(tool, small_net, monkeypatch):
    from pycaffe_geo.layers.inner_product import InnerProduct

    right = InnerProduct.backward

    def wrong(self, top, propagate_down, bottom):
        right(self, top, propagate_down, bottom)
        self.blobs[0].diff[0, 1] *= 2

    monkeypatch.setattr(InnerProduct, "backward", wrong)
    code, out, _ = tool("check_gradients", "--net", small_net, "--layer", "fc")
    assert code == 1 and "FAILED" in out and "fc[0][0, 1]: analytic " in out


def test_an_unknown_layer_is_a_mistake(tool, small_net):
    code, _, err = tool("check_gradients", "--net", small_net, "--layer", "rellu")
    assert code == 1 and "did you mean 'relu'?" in err
