"""What the tests of recurrent layers share: random inputs with new sequences in the middle, and Caffe's recordings of them."""

import h5py
import numpy as np
from golden import Case, compare


def inputs(steps=5, streams=3, size=4, states=0, features=(6,), static=None, seed=0):
    """Return bottoms [x, cont, (x_static), first states]; each stream begins anew at the start and once later, cont 0.5 once."""
    rng = np.random.default_rng(seed)
    cont = np.ones((steps, streams))
    cont[0] = 0
    cont[(2 + np.arange(streams)) % steps, np.arange(streams)] = 0
    cont[-1, 0] = 0.5
    if states:
        cont[0] = 1
    bottom = [rng.normal(size=(steps, streams, *features)), cont]
    bottom += [rng.normal(size=(streams, *static))] if static else []
    return bottom + [rng.normal(size=(1, streams, size)) for _ in range(states)]


def check_recorded(name):
    """Compare recording `name` in float64: every forward of it, then all gradients.

    Caffe takes the gradient of the last state (hT, cT) for 0 and does not write that of the first one: it is compared so.
    """
    case = Case(name)
    layers, blobs = case.build()
    with h5py.File(case.path) as file:
        forwards = [file[key]["h"][()] for key in sorted(file) if key.startswith("outputs_forward_")]
    for k, recorded in enumerate(forwards or [case.data["h"]]):
        case.forward(layers, blobs)
        compare(f"{name}: h of forward {k + 1}", blobs["h"].data, recorded)
    for blob, recorded in case.data.items():
        compare(f"{name}: {blob}.data", blobs[blob].data, recorded)
    for top in {"hT", "cT"} & set(case.top_diffs):
        case.top_diffs[top] *= 0
    case.backward(layers, blobs)
    for blob in {"x", "xs"} & set(case.diff):
        compare(f"{name}: {blob}.diff", blobs[blob].diff, case.diff[blob])
    for blob, recorded in zip(layers[0].blobs, case.params_diff["lay"], strict=True):
        compare(f"{name}: diff of {blob.name}", blob.diff, recorded)
    return forwards
