import re


def test_shows_shapes_parameters_rates_losses_and_mistakes(tool, tmp_path):
    (tmp_path / "n.yaml").write_text(
        "name: n\nlayers:\n"
        "- {name: x, type: Input, top: [a, b], input_param: {shape: {dim: [4, 3]}}}\n"
        "- {name: fc1, type: InnerProduct, bottom: a, inner_product_param: {num_output: 6},\n"
        "   param: [{name: w, lr_mult: 2}, {lr_mult: 0}]}\n"
        "- {name: fc2, type: InnerProduct, bottom: b, inner_product_param: {num_output: 6},\n"
        "   param: [{name: w}, {decay_mult: 0}]}\n"
        "- {name: relu, type: ReLU, bottom: fc1, top: fc1}\n"
        "- {name: lost, type: InnerProduct, bottom: fc1, inner_product_param: {num_output: 4}}\n"
        "- {name: loss, type: EuclideanLoss, bottom: [fc1, fc2], loss_weight: 0.25}\n",
        encoding="utf-8",
    )
    code, out, _ = tool("summarize", "--net", tmp_path / "n.yaml")
    lines = {line.split()[0]: re.split(r"\s{2,}", line) for line in out.splitlines() if line and not line.startswith(" ")}
    assert code == 0
    assert lines["fc1"] == ["fc1", "InnerProduct", "fc1 4x6", "6x3", "2 x 1", "yes"]
    assert lines["fc2"] == ["fc2", "InnerProduct", "fc2 4x6", "6x3", "2 x 1", "yes", "parameters of fc1"]
    assert lines["relu"][-1] == "in place" and lines["loss"][-1] == "loss_weight 0.25"
    assert "parameters: 58 in 5 blobs (232 B), 52 of them learn" in out
    assert "loss: 0.25 * loss" in out
    assert re.search(r"^dead: .*: lost$", out, re.MULTILINE)
    assert "parameters that cannot learn (no loss depends on them, or no gradient comes down): lost" in out


def test_weights_are_tried(tool, small_net, tmp_path):
    from pycaffe_geo.net import Net

    Net(small_net, "TEST").save(tmp_path / "w.h5")
    code, out, _ = tool("summarize", "--net", small_net, "--weights", tmp_path / "w.h5")
    assert code == 0 and "loaded 1 layer(s): 'fc'" in out


def test_memory_with_and_without_sharing(tool, tmp_path):
    """Four equal blobs in a row: x, an input, keeps its own; so does d, the output; the others take turns where backward is not
    run."""
    lines = [f"- {{name: {b}, type: Power, bottom: {a}, power_param: {{power: 2}}}}" for a, b in zip("xabc", "abcd")]
    text = "layers:\n- {name: x, type: Input, input_param: {shape: {dim: [256, 1024]}}}\n" + "\n".join(lines)
    (tmp_path / "n.yaml").write_text(text, encoding="utf-8")
    code, out, _ = tool("summarize", "--net", tmp_path / "n.yaml", "--phase", "TEST")
    assert code == 0 and "memory for data alone: 4.0 MiB shared, as the solver, time and infer do; 5.0 MiB unshared" in out
