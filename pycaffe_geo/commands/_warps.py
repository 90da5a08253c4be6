"""Pictures of what the InverseWarping layer of a net did in its last forward."""

_KEEP = ("Concat", "Reshape", "Resize", "Slice", "Split", "Tile")  # layers after which an image is what it was


def warp_number(net):
    """Return the number of the first InverseWarping layer of `net` that warps images of 3 channels, or None where it has none."""
    return next((i for i, layer in enumerate(net.layers)
                 if layer.type == "InverseWarping" and net.bottoms[i][0].shape[1] == 3), None)


def warp_rows(net, count=3):
    """Return (titles, rows) for `draw_panels`: src, tgt, warped, error and depth of up to `count` samples, spread over the batch.

    The target is the blob that a loss or PhotometricError compares the warped image with, or else the blob `tgt`; without one
    there are src and warped alone. The depth is that whose points were projected. Images that the net has
    scaled or shifted are shown as they were before, 0..255.
    """
    from pycaffe_geo.backend import asnumpy
    from pycaffe_geo.geometry.sampling import inside_image
    from pycaffe_geo.plots.panels import error_map, to_rgb

    number = warp_number(net)
    (source, coords), warped = net.bottoms[number], net.tops[number][0]
    target, depth = target_of(net, warped), depth_of(net, coords)
    blobs = {"src": source, "tgt": target, "warped": warped, "depth": depth}
    arrays = {name: asnumpy(blob.data) for name, blob in blobs.items() if blob is not None}
    valid = asnumpy(inside_image(coords.data, *source.shape[2:]))[:, 0]
    for name, blob in (("src", source), ("warped", source), ("tgt", target)):
        if name in arrays:
            scale, shift = unscaled(net, blob)
            arrays[name] = arrays[name] * scale + shift
    rows = []
    for k in sorted({i * source.shape[0] // count for i in range(count)}):
        row = {name: to_rgb(arrays[name][k]) for name in ("src", "tgt", "warped") if name in arrays}
        if target is not None:
            row["error"] = error_map(arrays["warped"][k], arrays["tgt"][k], valid[k])
        if depth is not None:
            row["depth of tgt, m"] = arrays["depth"][k, 0]
        rows.append(row)
    return list(rows[0]), [list(row.values()) for row in rows]


def warp_picture(net, count=3):
    """Return src, tgt and warped of `warp_rows` as one RGB picture (h, w, 3) uint8, or None where no image is warped."""
    import numpy as np

    if warp_number(net) is None:
        return None
    rows = warp_rows(net, count)[1]
    return np.vstack([np.hstack([picture for picture in row if picture.ndim == 3]) for row in rows])


def first_rows(net, count=3):
    """Return (titles, rows) as `warp_rows`, of the first `count` samples of the data; it runs as many batches as it takes."""
    net.set_positions(dict.fromkeys(net.positions(), 0))
    rows = []
    while len(rows) < count:
        net.forward()
        titles, more = warp_rows(net, count - len(rows))
        rows += more
        if not net.positions():  # without a data layer the next batch is the same
            break
    return titles, rows


def draw_before_and_after(out, before, after, count=3):
    """Draw the first samples of two nets of one kind to `out`: src, tgt where there is one, both nets' warps and errors."""
    from pycaffe_geo.plots.panels import draw_panels

    (titles, first), (_, last) = (first_rows(net, count) for net in (before, after))
    shown = [i for i, title in enumerate(titles) if not title.startswith("depth")]
    again = [i for i in shown if titles[i] in ("warped", "error")]
    names = [titles[i].replace("warped", "warped before training") for i in shown]
    names += [titles[i].replace("warped", "warped after training") for i in again]
    draw_panels(out, names, [[*(a[i] for i in shown), *(b[i] for i in again)] for a, b in zip(first, last)])


def target_of(net, warped):
    """Return the Blob of warped's shape that a loss or PhotometricError reads beside it, else the blob `tgt` if it has that
    shape, else None."""
    for layer, bottoms in zip(net.layers, net.bottoms):
        if (layer.is_loss or layer.type == "PhotometricError") and warped in bottoms:
            others = [b for b in bottoms if b is not warped and b.shape == warped.shape]
            if others:
                return others[0]
    target = net.blobs.get("tgt")
    return target if target is not None and target.shape == warped.shape else None


def unscaled(net, blob):
    """Return (scale, shift) by which an image `blob` becomes what it was before Power layers (of power 1) and Scale layers of one
    number; (1, 0) where other layers have made it."""
    scale, shift, above = 1.0, 0.0, len(net.layers)
    while True:
        above = next(i for i in reversed(range(above)) if blob in net.tops[i])
        layer, bottoms = net.layers[above], net.bottoms[above]
        if not bottoms:
            return scale, shift
        factor, term = 1.0, 0.0
        if layer.type == "Power" and layer.power_param.power == 1:
            factor, term = layer.power_param.scale, layer.power_param.shift
        elif layer.type == "Scale" and len(layer.blobs) == 1 and layer.blobs[0].data.max() == layer.blobs[0].data.min():
            factor = float(layer.blobs[0].data.max())
        elif layer.type not in _KEEP:
            factor = 0
        if not factor:
            return 1.0, 0.0
        scale, shift, blob = scale / factor, (shift - term) / factor, bottoms[0]


def depth_of(net, coords):
    """Return the Blob of the depth whose points became `coords` by Transform3DGrid and PinholeProjection, or None."""
    blob = coords
    for kind in ("PinholeProjection", "Transform3DGrid"):
        layers = zip(net.layers, net.bottoms, net.tops)
        blob = next((bottoms[0] for layer, bottoms, tops in layers if layer.type == kind and blob in tops), None)
    return blob
