"""Pictures of frames that are in no pairs: of a file, or as a FrameData layer gives them."""

_TITLES = {"color": "color", "right": "right", "depth": "depth, m"}


def draw_file(out, file, chosen):
    """Draw the frames `chosen` of a PairFile to the PNG `out`: colour, and the right picture and depth where it has them."""
    names = [name for name in _TITLES if name in file.names]
    frames, runs = [file.frame(i) for i in chosen], file.runs()
    _draw(out, [_TITLES[name] for name in names], [[frame[name] for name in names] for frame in frames],
          [f"frame {i}, sequence {runs[i]}" for i in chosen])


def draw_layer(out, net, count):
    """Draw the first `count` samples of the FrameData layer `net` consists of, augmentation included."""
    from pycaffe_geo.plots.panels import to_rgb

    layer = net.layers[0]
    names = layer.top_names()
    shown = [i for i, name in enumerate(names) if name.split()[0] in _TITLES]
    size = layer.param.batch_size
    rows, captions = [], []
    for k in range(count):
        if k % size == 0:
            net.forward()
        blobs = [top.data[k % size] for top in net.tops[0]]
        rows.append([blobs[i][0] if names[i] == "depth" else to_rgb(blobs[i]) for i in shown])
        captions.append(f"batch {k // size}, sample {k % size}")
        if "intrinsics" in names:
            captions[-1] += "\nfx, fy, cx, cy: " + ", ".join(f"{x:.1f}" for x in blobs[names.index("intrinsics")].ravel())
    if shown:
        _draw(out, [_TITLES.get(names[i], names[i]) for i in shown], rows, captions)


def _draw(out, titles, rows, names):
    from pathlib import Path

    from pycaffe_geo.plots.panels import draw_panels

    Path(out).parent.mkdir(parents=True, exist_ok=True)
    draw_panels(out, titles, rows, [[name, *[""] * (len(titles) - 1)] for name in names])
    print(f"{out}: {len(rows)} samples drawn")
