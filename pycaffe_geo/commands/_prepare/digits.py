"""MNIST's digits with their labels, for HDF5Data: no frames, so no pair file.

Writes OUT.h5 with `data` (N,1,28,28) uint8 and `label`, and OUT.txt, the list that HDF5Data reads.
"""

import argparse

from pycaffe_geo.commands._common import whole

EXAMPLE = """
tools/prepare_data.py digits train-images-idx3-ubyte.gz --out digits_train
tools/prepare_data.py digits t10k-images-idx3-ubyte.gz --out digits_test
tools/prepare_data.py digits train-images-idx3-ubyte.gz --per-class 10 --out digits_labelled
tools/prepare_data.py digits mnist_10k.npz --rows 0:8000 --out digits_train
"""


def _rows(text):
    first, colon, last = text.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal() and int(first) < int(last)):
        raise argparse.ArgumentTypeError(f"got '{text}', expected FIRST:END with FIRST < END, such as 0:8000")
    return int(first), int(last)


def arguments(parser):
    parser.add_argument("images", metavar="FILE", help=".npz with images and labels, or MNIST's file of pictures")
    parser.add_argument("--labels", metavar="FILE", help="MNIST's file of labels (default: beside the pictures)")
    parser.add_argument("--rows", type=_rows, metavar="FIRST:END", help="these alone, from 0 on, without END (default: all)")
    parser.add_argument("--per-class", type=whole, metavar="N", help="the first N of each label alone, of these rows")


def write(args):
    import numpy as np

    from pycaffe_geo.datasets.digits import first_of_each, read_digits, write_digits
    from pycaffe_geo.errors import DataError

    images, labels = read_digits(args.images, args.labels)
    first, last = args.rows or (0, len(images))
    if last > len(images):
        raise DataError(f"--rows {first}:{last}: {args.images} holds {len(images)} digits")
    images, labels = images[first:last], labels[first:last]
    if args.per_class:
        chosen = first_of_each(labels, args.per_class)
        images, labels = images[chosen], labels[chosen]
    data, source = write_digits(args.out.removesuffix(".txt").removesuffix(".h5"), images, labels)
    counts = ", ".join(f"{count} of {label}" for label, count in zip(*np.unique(labels, return_counts=True)))
    print(f"{data}: written: {len(images)} digits of {images.shape[3]}x{images.shape[2]} ({counts}); HDF5Data reads {source}")
