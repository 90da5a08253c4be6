"""Adding rows to chosen rows of a matrix."""


def add_rows(xp, target, index, rows):
    """Add rows[m] to target[index[m]] for every m, also where an index stands several times.

    target (V, K) C-contiguous, index (M,) whole numbers 0..V-1, rows (M, K).
    """
    width = target.shape[1]
    places = index[:, None] * width + xp.arange(width)
    xp.add.at(target.reshape(-1), places.reshape(-1), rows.reshape(-1))  # one flat index: many times faster than rows
