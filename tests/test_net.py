import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError, WeightsError
from pycaffe_geo.net import Net
from pycaffe_geo.spec import load_net


def build(layers, head="", phase="TRAIN", **options):
    return Net(load_net("net.yaml", text=f"{head}\nlayers:\n{layers}"), phase, **{"dtype": "float64", **options})


def data(name="x", shape="[2, 3]"):
    return f"- {{name: {name}, type: Input, input_param: {{shape: {{dim: {shape}}}}}}}\n"


def fc(name, bottom, more="", n=3):
    return (f"- {{name: {name}, type: InnerProduct, bottom: {bottom}, "
            f"inner_product_param: {{num_output: {n}, weight_filler: xavier}}{more}}}\n")


def randomise(net, seed=0):
    draw = np.random.default_rng(seed)
    for name in net.inputs:
        net.blobs[name].data[...] = draw.normal(size=net.blobs[name].shape)
    for blob in net.learnable:
        blob.data[...] = draw.normal(size=blob.shape)


def numeric(net, array, step=1e-6):
    slopes = np.zeros(array.shape)
    for index in np.ndindex(array.shape):
        kept = array[index]
        losses = []
        for sign in (1, -1):
            array[index] = kept + sign * step
            net.forward()
            losses.append(net.loss)
        array[index] = kept
        slopes[index] = (losses[0] - losses[1]) / (2 * step)
    net.forward()
    return slopes


def assert_gradients(net):
    """Every parameter's diff, and every input's where it gets one, is the numeric derivative of the loss."""
    randomise(net)
    for blob in net.blobs.values():
        if blob.name not in net.outputs:
            blob.diff[...] = 1e3
    for _ in range(2):  # the second pass would show a diff that is added to instead of written
        net.clear_param_diffs()
        net.forward()
        net.backward()
    for blob in net.learnable:
        np.testing.assert_allclose(blob.diff, numeric(net, blob.data), rtol=1e-6, atol=1e-7, err_msg=blob.name)
    if net.definition.force_backward:
        for name in net.inputs:
            np.testing.assert_allclose(net.blobs[name].diff, numeric(net, net.blobs[name].data), rtol=1e-6, atol=1e-7)


LOSS = "- {name: loss, type: EuclideanLoss, bottom: [y, t]}\n"
FORCE = "force_backward: true"


@pytest.mark.parametrize("layers", [
    pytest.param(fc("a", "x") + fc("b", "a") + fc("c", "a") + "- {name: y, type: Eltwise, bottom: [b, c]}\n", id="two readers"),
    pytest.param(fc("a", "x") + "- {name: y, type: Eltwise, bottom: [a, a, x]}\n", id="one layer reads a blob twice"),
    pytest.param(fc("a", "x") + fc("b", "a") + "- {name: s, type: Eltwise, bottom: [a, b]}\n" + fc("c", "s")
                 + "- {name: y, type: Eltwise, bottom: [s, c, a]}\n", id="residual"),
    pytest.param(fc("a", "x") + "- {name: a2, type: TanH, bottom: a}\n" + fc("b", "a2")
                 + "- {name: r, type: ReLU, bottom: b, top: b}\n"
                 + "- {name: y, type: Eltwise, bottom: [b, a2]}\n", id="in place before a sum"),
    pytest.param(fc("a", "x") + "- {name: f, type: Flatten, bottom: a}\n- {name: r, type: ReLU, bottom: f, top: f}\n"
                 + "- {name: s, type: Sigmoid, bottom: a}\n- {name: y, type: Eltwise, bottom: [f, s]}\n",
                 id="in place on a view"),
    pytest.param(fc("a", "x") + "- {name: f, type: Reshape, bottom: a, reshape_param: {shape: {dim: [3, 2]}}}\n"
                 + "- {name: g, type: Reshape, bottom: f, reshape_param: {shape: {dim: [2, 3]}}}\n"
                 + "- {name: y, type: Eltwise, bottom: [g, x]}\n", id="views of views"),
    pytest.param(fc("a", "x") + "- {name: c, type: Concat, bottom: [a, x, a]}\n"
                 + "- {name: p, type: Slice, bottom: c, top: [p0, p1, p2]}\n- {name: n, type: Silence, bottom: p2}\n"
                 + "- {name: y, type: Eltwise, bottom: [p0, p1]}\n", id="a slice nobody needs"),
    pytest.param(fc("a", "x") + "- {name: sum, type: Reduction, bottom: a, loss_weight: 0.3}\n"
                 + "- {name: y, type: Power, bottom: a, power_param: {power: 2}, loss_weight: 0.7}\n", id="weights on any top"),
    pytest.param(fc("a", "x") + "- {name: e, type: EuclideanLoss, bottom: [a, t], loss_weight: 2}\n"
                 + "- {name: e2, type: Power, bottom: e, power_param: {power: 2}, loss_weight: 3}\n"
                 + "- {name: y, type: Power, bottom: a}\n", id="a loss that feeds a layer"),
])
def test_gradients_of_a_graph(layers):
    assert_gradients(build(data() + data("t") + layers + LOSS, FORCE))


def test_siamese_branches_sum_their_gradients():
    net = build(data() + data("x2") + data("t") + fc("a", "x") + "- {name: b, share: a, bottom: x2}\n"
                + "- {name: y, type: Eltwise, bottom: [a, b], eltwise_param: {operation: PROD}}\n" + LOSS, FORCE)
    assert net.param_names == ["a[0]", "a[1]"] and net.params["b"][0].shares_data(net.params["a"][0])
    assert_gradients(net)


def test_sharing_by_parameter_name():
    param = ", param: [{name: w, lr_mult: 2}, {name: b}]"
    net = build(data() + data("t") + fc("a", "x", param) + fc("y", "a", ", param: [{name: w}, {name: b, decay_mult: 0}]") + LOSS)
    assert net.lr_mults == [2, 1] and net.decay_mults == [1, 0]
    assert_gradients(net)
    with pytest.raises(SpecError, match=r"net.yaml:\d+:\d+: layer 'y' .* param 'w' has lr_mult 3.0, expected 2.0 as a\[0\]"):
        build(data() + fc("a", "x", param) + fc("y", "a", ", param: [{name: w, lr_mult: 3}]"))
    with pytest.raises(SpecError, match=r"layer 'y' .* param 0 is \(5, 3\), expected \(3, 3\): it shares a\[0\]"):
        build(data() + fc("a", "x", param) + fc("y", "a", ", param: [{name: w}]", n=5))


def test_one_param_entry_too_many():
    with pytest.raises(SpecError, match=r"layer 'a' .* has 3 `param` entries for 2 parameter"):
        build(data() + fc("a", "x", ", param: [{}, {}, {}]"))


@pytest.mark.parametrize("layer, message", [
    ("{name: p, type: Power, bottom: a, top: a, power_param: {power: 2}}", "layer 'p' .* cannot work in place"),
    ("{name: p, type: TanH, bottom: a}\n- {name: r, type: ReLU, bottom: a, top: a}",
     "layer 'r' .* another layer has read it before"),
    ("{name: l, type: Sigmoid, bottom: a, loss_weight: 2}\n- {name: r, type: ReLU, bottom: l, top: l}",
     "layer 'r' .* cannot change 'l' in place: it has a loss weight"),
    ("{name: e, type: Eltwise, bottom: [a, x], top: [e, f]}", "has 2 top blob.s., expected 1"),
    ("{name: e, type: EuclideanLoss, bottom: a}", "has 1 bottom blob.s., expected 2"),
    ("{name: e, type: Power, bottom: a, propagate_down: [true, false]}",
     "propagate_down has 2 value.s., expected one for each of 1"),
    ("{name: e, type: Power, bottom: a, loss_weight: [1, 2]}", "loss_weight"),
])
def test_wiring_that_is_refused(layer, message):
    with pytest.raises(SpecError, match=message):
        build(data() + fc("a", "x") + f"- {layer}\n")


@pytest.mark.parametrize("first", ["y", "z"])
@pytest.mark.parametrize("types, saved", [
    (["Sigmoid", "ReLU"], {"Sigmoid"}), (["TanH", "Dropout", "ReLU"], {"TanH"}), (["Softmax", "Power", "Exp"], {"Softmax"}),
    (["Sigmoid", "TanH", "Exp"], {"Sigmoid", "TanH"}), (["ReLU", "Sigmoid"], {"ReLU"}),
    (["ReLU", "Dropout", "Sigmoid"], {"ReLU"}), (["ReLU", "Dropout"], set()), (["ELU", "Scale"], set()),
])
def test_layers_in_place_that_change_what_another_needs_for_its_gradient(types, saved, first):
    """Caffe's gradients are wrong here: the Net keeps the values that a later layer overwrites."""
    chain = f"- {{name: {types[0]}, type: {types[0]}, bottom: y, top: {first}}}\n"
    chain += "".join(f"- {{name: {t}, type: {t}, bottom: {first}, top: {first}}}\n" for t in types[1:])
    last = f"- {{name: loss, type: EuclideanLoss, bottom: [{first}, t]}}\n"
    net = build(data() + data("t") + fc("y", "x") + chain + last, FORCE)
    in_place = saved if first == "y" else saved - {"ReLU"}
    assert net.overwritten == {(name, first) for name in in_place}
    assert_gradients(net)


def test_values_that_are_overwritten_are_kept_where_they_are_needed_only():
    layers = fc("y", "x") + "- {name: s, type: Sigmoid, bottom: y, top: y}\n- {name: r, type: ReLU, bottom: y, top: y}\n"
    net = build(data() + layers)
    assert net.overwritten and not any(step.saved for step in net._plan)  # no loss: backward does not run


def test_relu_and_dropout_in_place_one_after_the_other():
    layers = fc("y", "x") + "- {name: r, type: ReLU, bottom: y, top: y}\n- {name: d, type: Dropout, bottom: y, top: y}\n"
    assert_gradients(build(data() + data("t") + layers + LOSS, FORCE))


def test_backward_runs_only_where_something_learns_and_a_loss_depends_on_it():
    net = build(data() + data("t") + "- {name: p, type: Power, bottom: x}\n" + fc("y", "p") + LOSS + fc("idle", "y"))
    assert dict(zip(net.layer_names, net.backward_layers)) == {
        "x": False, "t": False, "p": False, "y": True, "loss": True, "idle": False}
    assert net.propagate_down(net.layer_index("y")) == [False] and net.propagate_down(net.layer_index("loss")) == [True, False]


def test_a_learned_mask_gets_its_gradient_from_elsewhere_only():
    mask = fc("f", "x") + "- {name: m, type: Sigmoid, bottom: f}\n"
    both = mask + "- {name: e, type: EuclideanLoss, bottom: [m, t]}\n- {name: y, type: AbsLoss, bottom: [x, t, m]}\n"
    only = mask + "- {name: y, type: AbsLoss, bottom: [x, t, m]}\n"
    nets = [build(data() + data("t") + layers) for layers in (both, only)]
    for net in nets:
        randomise(net)
        net.forward()
        net.backward()
    assert nets[0].propagate_down(nets[0].layer_index("y")) == [False, False, False]
    net = nets[0]
    m = net.blobs["m"].data
    np.testing.assert_allclose(net.blobs["m"].diff, (m - net.blobs["t"].data) / 2)
    assert not nets[1].params["f"][0].diff.any() and not nets[1].backward_layers[nets[1].layer_index("m")]


def test_propagate_down_false_stops_the_gradient():
    net = build(data() + data("t") + fc("a", "x") + fc("y", "a", ", propagate_down: false") + LOSS)
    assert net.backward_layers[net.layer_index("a")] is False
    randomise(net)
    net.forward()
    net.backward()
    assert not net.params["a"][0].diff.any() and net.params["y"][0].diff.any()


@pytest.mark.parametrize("kind", ["Sigmoid", "BatchNorm", "Slice", "Tile, tile_param: {tiles: 1}"])
def test_propagate_down_false_leaves_the_gradient_of_other_readers(kind):
    stopped = f"- {{name: stopped, type: {kind}, bottom: a, propagate_down: false}}\n"
    other = "- {name: y, type: Power, bottom: a, power_param: {scale: 2}}\n"
    diffs = []
    for layers in (other, stopped + other + LOSS.replace("name: loss", "name: more").replace("y,", "stopped,"), other + stopped):
        net = build(data() + data("t") + fc("a", "x") + layers + LOSS)
        randomise(net)
        net.forward()
        net.backward()
        diffs.append(net.params["a"][0].diff)
    assert diffs[0].any() and all(np.array_equal(diffs[0], diff) for diff in diffs[1:])


def test_a_gradient_that_stops_in_place_does_not_reach_the_other_half():
    """Normalize runs, for its own scale, but gives its bottom no gradient."""
    cut = "- {name: cut, type: Slice, bottom: a, top: [h, y], slice_param: {slice_point: [2]}}\n"
    stopped = "- {name: n, type: Normalize, bottom: h, top: h, propagate_down: false}\n"
    sums = "- {name: sums, type: Reduction, bottom: h, loss_weight: 1}\n"
    diffs = []
    for layers in (stopped + sums, stopped.replace("top: h", "top: m") + sums.replace("bottom: h", "bottom: m")):
        reshaped = "- {name: a, type: Reshape, bottom: f, reshape_param: {shape: {dim: [0, 0, 1, 1]}}}\n"
        net = build(data() + data("t", "[2, 3, 1, 1]") + fc("f", "x", n=5) + reshaped + cut + layers + LOSS)
        randomise(net)
        net.forward()
        net.backward()
        diffs.append(net.params["f"][0].diff)
    assert np.array_equal(*diffs) and not diffs[0][:2].any() and diffs[0][2:].any()


def test_without_a_loss_nothing_runs_unless_forced():
    layers = data() + fc("y", "x")
    assert not any(build(layers).backward_layers)
    net = build(layers, FORCE)
    randomise(net)
    net.forward()
    out = net.backward(y=np.ones((2, 3)))
    np.testing.assert_allclose(out["x"], np.ones((2, 3)) @ net.params["y"][0].data)


def test_freeze_stops_update_decay_and_backward():
    layers = data() + data("t") + fc("a", "x") + fc("b", "a") + fc("y", "b") + LOSS
    net = build(layers, freeze=["a", "b*"])
    assert net.lr_mults == [0, 0, 0, 0, 1, 1] and net.decay_mults == [0, 0, 0, 0, 1, 1]
    assert net.backward_layers == [False, False, False, False, True, True]
    assert net.layers[2].frozen and not net.layers[4].frozen
    with pytest.raises(SpecError, match="freeze: no layer matches 'conv1'"):
        build(layers, freeze=["conv1"])


def test_a_changed_batch_reshapes_what_follows():
    net = build(data() + data("t") + fc("y", "x") + LOSS)
    randomise(net)
    net.forward()
    for name in ("x", "t"):
        net.blobs[name].reshape(5, 3)
    assert net.forward(x=np.ones((5, 3)), t=np.zeros((5, 3)))["loss"].shape == ()
    assert net.blobs["y"].shape == (5, 3)
    net.backward()
    np.testing.assert_allclose(net.params["y"][1].diff, net.blobs["y"].data.sum(axis=0) / 5)
    net.blobs["x"].reshape(4, 2)
    with pytest.raises(ShapeError, match="layer 'y'"):
        net.forward()


def test_forward_writes_inputs_and_returns_what_is_asked_for():
    net = build(data() + data("t") + fc("a", "x") + fc("y", "a") + LOSS)
    randomise(net)
    x = np.full((2, 3), 0.5)
    out = net.forward(blobs=["a"], x=x)
    assert sorted(out) == ["a", "loss"] and net.blobs["x"].data[0, 0] == 0.5
    np.testing.assert_allclose(out["a"], x @ net.params["a"][0].data.T + net.params["a"][1].data)
    assert list(net.forward(end="a")) == ["a"]
    net.blobs["a"].data[...] = 0
    np.testing.assert_allclose(net.forward(start="y", end="y")["y"], np.tile(net.params["y"][1].data, (2, 1)))


def test_names_and_shapes_of_inputs_are_checked():
    net = build(data() + fc("a", "x"))
    with pytest.raises(SpecError, match="no input 'xx', did you mean 'x'"):
        net.forward(xx=np.zeros((2, 3)))
    with pytest.raises(ShapeError, match=r"input 'x' got the shape \(3, 3\), expected \(2, 3\)"):
        net.forward(x=np.zeros((3, 3)))
    with pytest.raises(SpecError, match="no layer 'aa', did you mean 'a'"):
        net.forward(start="aa")
    with pytest.raises(SpecError, match="blobs=: net '' has no blob 'b'"):
        net.forward(blobs=["b"])


def test_phase_chooses_layers():
    layers = data() + fc("y", "x", ", include: {phase: TRAIN}") + fc("z", "x", ", exclude: {phase: TRAIN}")
    assert build(layers).outputs == ["y"] and build(layers, phase="TEST").outputs == ["z"]


NET = data() + fc("a", "x") + fc("y", "a")


def test_one_stage_or_pattern_may_be_a_text():
    net = build(data() + fc("a", "x", ", include: {stage: deploy}"), stages="deploy", freeze="a*")
    assert net.layer_names == ["x", "a"] and net.layers[1].frozen


@pytest.mark.parametrize("options, message", [
    (dict(phase="test"), "phase: got 'test', expected 'TRAIN' or 'TEST'"),
    (dict(dtype="int32"), "dtype: got 'int32', expected 'float32' or 'float64'"),
])
def test_phases_and_types_that_do_not_exist(options, message):
    with pytest.raises(SpecError, match=message):
        build(data(), **options)


def test_save_and_copy(tmp_path):
    net, other = build(NET, seed=1), build(NET, seed=2)
    assert not np.array_equal(net.params["a"][0].data, other.params["a"][0].data)
    net.save(tmp_path / "w.h5")
    report = other.copy_from(tmp_path / "w.h5")
    assert report.loaded == ["a", "y"] and not report.skipped and not report.initial
    for mine, theirs in zip(net.learnable, other.learnable):
        np.testing.assert_array_equal(mine.data, theirs.data)


def test_copy_reports_what_did_not_match(tmp_path):
    build(NET).save(tmp_path / "w.h5")
    net = build(data() + fc("a", "x") + fc("z", "a"))
    report = net.copy_from(str(tmp_path / "w.h5"))
    assert (report.loaded, report.skipped, report.initial) == (["a"], ["y"], ["z"])
    assert "left at their initial values: 'z'" in str(report)
    with pytest.raises(WeightsError, match=r"layer 'y' param 0 is \(3, 3\), expected \(4, 3\) .* rename it"):
        build(data() + fc("y", "x", n=4)).copy_from(tmp_path / "w.h5")
    with pytest.raises(WeightsError, match="no layer of the file is in this net, did you mean"):
        build(data() + fc("aa", "x")).copy_from(tmp_path / "w.h5")


def test_shared_parameters_are_saved_once(tmp_path):
    from pycaffe_geo.weights import read_weights

    net = build(data() + fc("a", "x") + "- {name: b, share: a, bottom: x}\n")
    net.save(tmp_path / "w.h5")
    assert list(read_weights(tmp_path / "w.h5")) == ["a"]
    assert net.copy_from(tmp_path / "w.h5").initial == []


def test_a_layer_that_shares_one_of_its_parameters_comes_back(tmp_path):
    own = "- {name: b, type: InnerProduct, bottom: x, param: [{name: w}, {}], inner_product_param: {num_output: 3}}\n"
    text = data() + own.replace("name: b", "name: a", 1) + own
    net, other = build(text, seed=1), build(text, seed=2)
    net.params["b"][1].data = [7, 8, 9]
    net.save(tmp_path / "w.h5")
    assert other.copy_from(tmp_path / "w.h5").loaded == ["a", "b"]
    np.testing.assert_array_equal(other.params["b"][1].data, [7, 8, 9])
    with pytest.raises(WeightsError, match=r"layer 'b' has 1 parameter\(s\), expected 2"):
        build(data() + own).copy_from(tmp_path / "w.h5")


def test_rgb_filters_are_repeated_for_stacked_images(tmp_path):
    conv = ("- {name: conv1, type: Convolution, bottom: x, "
            "convolution_param: {num_output: 4, kernel_size: 3, weight_filler: xavier}}\n")
    one, two = (build(data(shape=f"[1, {c}, 7, 7]") + conv, seed=c) for c in (3, 6))
    one.save(tmp_path / "w.h5")
    report = two.copy_from(tmp_path / "w.h5")
    assert "'conv1': its RGB filters repeated 2 times and divided by 2" in str(report)
    image = np.random.default_rng(0).normal(size=(1, 3, 7, 7))
    a = one.forward(x=image)["conv1"]
    np.testing.assert_allclose(two.forward(x=np.concatenate([image, image], axis=1))["conv1"], a, rtol=1e-12)


def test_share_with_uses_the_other_nets_weights():
    train, test = build(NET), build(NET, phase="TEST", seed=5)
    test.share_with(train)
    train.params["a"][0].data[...] = 3
    assert (test.params["a"][0].data == 3).all()
    with pytest.raises(ShapeError, match="layer 'a' .* cannot share"):
        build(data() + fc("a", "x", n=2)).share_with(train)


def test_seed_decides_the_initial_weights():
    a, b, c = (build(NET, seed=s).params["a"][0].data for s in (1, 1, 2))
    assert np.array_equal(a, b) and not np.array_equal(a, c)
