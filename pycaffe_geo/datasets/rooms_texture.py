"""Random wall-paper for the procedural rooms: tiling colour textures with content at every scale."""

import numpy as np

SIZE = 128
_CELLS = (2, 4, 8, 16)
_OCTAVE_GAIN = 0.75


def random_textures(generator, count):
    """Return `count` tiling textures, uint8 RGB (count, SIZE, SIZE, 3).

    Each is a base colour + 4 octaves of value noise + checks or stripes + plain rectangles. The low octaves are strong on
    purpose: a motion of many pixels still finds its way downhill in the photometric loss.
    """
    image = generator.uniform(70, 185, (count, 1, 1, 3)).astype(np.float32) + 42 * _noise(generator, count)
    image += _checks(generator, count)[..., None] * generator.uniform(-22, 22, (count, 1, 1, 3)).astype(np.float32)
    for texture in image:
        _paint_rectangles(generator, texture)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _noise(generator, count):
    """Value noise (count, SIZE, SIZE, 3): two parts grey, one part colour."""
    total = 0
    for octave, cells in enumerate(_CELLS):
        grey = generator.standard_normal((count, cells, cells, 1), np.float32)
        grid = 0.8 * grey + 0.4 * generator.standard_normal((count, cells, cells, 3), np.float32)
        up = _tiling_interpolation(cells)
        rows = np.tensordot(up, grid, axes=(1, 1))                                  # (SIZE, count, cells, 3)
        total = total + _OCTAVE_GAIN ** octave * np.tensordot(up, rows, axes=(1, 2))  # (SIZE, SIZE, count, 3)
    return total.transpose(2, 1, 0, 3)


def _tiling_interpolation(cells):
    """The (SIZE, cells) matrix of linear interpolation between cell centres that wraps around."""
    position = (np.arange(SIZE) + 0.5) * cells / SIZE - 0.5
    low = np.floor(position).astype(int)
    matrix = np.zeros((SIZE, cells), np.float32)
    matrix[np.arange(SIZE), low % cells] += 1 - (position - low)
    matrix[np.arange(SIZE), (low + 1) % cells] += position - low
    return matrix


def _checks(generator, count):
    """Checks, or stripes along either axis, as (count, SIZE, SIZE) of 0 and 1."""
    period = SIZE // generator.choice([2, 4, 8], (count, 2))
    kind = generator.integers(3, size=count)  # 0 checks, 1 and 2 stripes
    i = np.arange(SIZE)
    rows = (2 * i // period[:, :1]) % 2 * (kind != 1)[:, None]
    columns = (2 * i // period[:, 1:]) % 2 * (kind != 2)[:, None]
    return rows[:, :, None] ^ columns[:, None, :]


def _paint_rectangles(generator, texture):
    for _ in range(generator.integers(5, 11)):
        y, x = generator.integers(SIZE, size=2)
        h, w = generator.integers(SIZE // 16, SIZE // 3, size=2)
        colour, cover = generator.uniform(20, 235, 3), generator.uniform(0.4, 0.9)
        part = texture[y:y + h, x:x + w]
        part += cover * (colour - part)
