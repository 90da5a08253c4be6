"""Rows of pictures side by side: photographs, depth and error maps in, a PNG out."""

import numpy as np

CELL = 2.6  # inches, the width of one picture


def to_rgb(image):
    """Return a BGR image blob (3, H, W), values 0..255, as the RGB picture (H, W, 3) uint8; values outside are clipped."""
    return np.rint(np.clip(image[::-1], 0, 255)).astype(np.uint8).transpose(1, 2, 0)


def error_map(image, target, valid=None):
    """Return the mean absolute difference (H, W) over the channels of two (C, H, W) images, 0 where `valid` (H, W) is 0."""
    error = np.abs(np.asarray(image, np.float32) - target).mean(axis=0)
    return error if valid is None else np.where(valid > 0, error, 0)


def draw_panels(out, titles, rows, captions=()):
    """Draw `rows` of pictures to the PNG `out`, one column for each of `titles`.

    A picture is (H, W, 3) uint8 RGB, or a map (H, W) such as depth in metres or an error: maps are coloured from black = 0 to
    the 98th percentile of all maps of their title, which a colour bar below the column tells. captions: for each row a text
    under each of its pictures.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, width = np.shape(rows[0][0])[:2]
    lines = sum(max(text.count("\n") + 1 for text in texts) for texts in captions)
    size = (CELL * len(titles), CELL * height / width * len(rows) + 0.15 * lines + 0.7)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    ratios = [1] * len(rows) + [0.05]
    axes = figure.subplots(len(rows) + 1, len(titles), squeeze=False, gridspec_kw={"height_ratios": ratios})
    for j, title in enumerate(titles):
        axes[0, j].set_title(title, fontsize=10)
        maps = [row[k] for row in rows for k, other in enumerate(titles) if other == title and np.ndim(row[k]) == 2]
        top = max((float(np.percentile(m, 98)) for m in maps), default=0) or 1.0
        _draw_column(figure, axes[:-1, j], axes[-1, j], [row[j] for row in rows], top)
    for cells, texts in zip(axes, captions):
        for cell, text in zip(cells, texts):
            cell.set_xlabel(text, fontsize=8)
    figure.savefig(out, format="png", dpi=120)


def _draw_column(figure, cells, bar, pictures, top):
    """Draw the pictures of one column, maps up to the value `top`, and a colour bar to the axes `bar` where one is a map."""
    drawn = None
    for cell, picture in zip(cells, pictures):
        cell.set_xticks([])
        cell.set_yticks([])
        if np.ndim(picture) == 2:
            drawn = cell.imshow(picture, cmap="inferno", vmin=0, vmax=top, interpolation="nearest")
        else:
            cell.imshow(picture, interpolation="nearest")
    if drawn is None:
        bar.axis("off")
    else:
        figure.colorbar(drawn, cax=bar, orientation="horizontal").ax.tick_params(labelsize=7)
