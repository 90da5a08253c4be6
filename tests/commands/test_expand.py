from pycaffe_geo.spec import load_net


def test_prints_a_network_that_loads_to_the_same(tool, small_net, tmp_path):
    code, out, err = tool("expand", "--net", small_net)
    assert code == 0 and err == ""
    (tmp_path / "flat.yaml").write_text(out, encoding="utf-8")
    flat, whole = load_net(tmp_path / "flat.yaml"), load_net(small_net)
    assert [(a.name, a.type, a.parameters, a.include) for a in flat.layers] == [
        (b.name, b.type, b.parameters, b.include) for b in whole.layers
    ]


def test_phase_filters_and_out_writes(tool, small_net, tmp_path):
    code, out, _ = tool("expand", "--net", small_net, "--phase", "TRAIN", "--out", tmp_path / "train.yaml")
    text = (tmp_path / "train.yaml").read_text(encoding="utf-8")
    assert code == 0 and out == ""
    assert "name: relu" in text and "name: copy" not in text


def test_set_changes_the_file(tool, small_net):
    assert "num_output: 7" in tool("expand", "--net", small_net, "--set", "fc.inner_product_param.num_output=7")[1]
    code, _, err = tool("expand", "--net", small_net, "--set", "fc.inner_product_param.num_outputs=7")
    assert code == 1 and "did you mean 'num_output'?" in err
