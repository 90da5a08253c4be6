from pycaffe_geo.commands.draw_net import graph_of
from pycaffe_geo.net import Net


def test_png(tool, pose_net, tmp_path, is_picture):
    code, out, _ = tool("draw_net", "--net", pose_net, "--phase", "TEST", "--out", tmp_path / "net.png")
    assert code == 0 and "9 layers, 17 blobs" in out
    assert is_picture(tmp_path / "net.png", 300)


def test_dot_names_layers_shapes_and_lines(tool, small_net):
    code, out, _ = tool("draw_net", "--net", small_net, "--dot")
    assert code == 0 and out.startswith('digraph "small (TRAIN)" {') and out.rstrip().endswith("}")
    assert '"fc\\nInnerProduct 2\\nrelu: ReLU"' in out
    assert '"x 4 x 3"' in out and out.count(" -> ") == 4 + 3  # four blobs, three of them read


def test_layers_in_place_stand_with_their_maker(small_net):
    nodes, lines = graph_of(Net(small_net, "TEST"))
    assert [node.lines[0] for node in nodes] == ["data", "fc", "copy", "loss"]
    assert [node.kind for node in nodes] == ["data", "filter", "activation", "loss"]
    fc = next(line for line in lines if line.text == "4 x 2")
    assert (fc.maker, fc.readers) == (1, [2, 3])
