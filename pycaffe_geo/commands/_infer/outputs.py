"""What a net makes of pictures: depth, motion and warped images, and which layers and inputs each of them needs."""

from dataclasses import dataclass

from pycaffe_geo.errors import SpecError, listed, nearest
from pycaffe_geo.families.log_depth import LogDepthLoss

_GENERATORS = ("SE3Generator", "EulerGenerator")
_GIVEN_BY = {"color": "--src and --tgt, or --folder", "right": "the right picture as --src, the left one as --tgt",
             "intrinsics": "--intrinsics or --fov", "depth": "--depth", "baseline": "--baseline"}
_PICTURES = "pictures are tops of FrameData, RGBDPairData and Input layers; --shape TOP=1,3,H,W puts Input in another's place"


@dataclass(frozen=True)
class Output:
    """Something a net makes: `kind` is depth, log depth, disparity, motion or warp, `blobs` are the names of its blobs (first
    that which matters), `layers` the numbers of the layers that make them, `roles` those of the inputs they need."""

    kind: str
    blobs: tuple
    layers: tuple
    roles: frozenset


def choose_outputs(net, roles, frames, depth=None, disparity=None, pose=None):
    """Return ({"depth", "motion" or "warp": Output} of what can be made of `frames`, [texts that say what cannot, and why]).

    depth is bottom 0 of the first DepthError, else of a loss of log-depth (EigenLoss), else of Transform3DGrid, else, as a
    disparity, of Disparity1D; motion bottom 0 of the first PoseError, else the top of the last SE3Generator or EulerGenerator;
    of those that are computed from the picture, and from nothing that is not known of any frame. `depth`, `disparity` and `pose`
    name a blob instead. SpecError where nothing can be made, or not what is named.
    """
    named = [("depth", depth), ("disparity", disparity)]
    wanted = {"depth": [(kind, _known(net, blob)) for kind, blob in named if blob] or _depths(net),
              "motion": [("motion", _known(net, pose))] if pose else _motions(net),
              "warp": _warps(net)}
    asked = {"depth": depth or disparity, "motion": pose, "warp": None}
    chosen, missing = {}, []
    for what, candidates in wanted.items():
        outputs = [o for o in (_output(net, roles, *candidate) for candidate in candidates) if "color 0" in o.roles]
        found = next((o for o in outputs if any(frames.has(t, o.roles) for t in range(len(frames)))), None)
        if found:
            chosen[what] = found
        elif asked[what]:
            raise SpecError(_lack(what, outputs[0], frames) if outputs else (
                f"blob '{asked[what]}' is not computed from the picture that is given: {_PICTURES}"))
        elif outputs:
            missing.append(_lack(what, outputs[0], frames))
    if not chosen:
        raise SpecError(f"net '{net.name}' makes nothing of what is given: " + ("; ".join(missing) or (
            "it has no SE3Generator layer, and no depth was found that is computed from a picture (in DepthError, EigenLoss, "
            f"Transform3DGrid or Disparity1D layers): name it by --depth-blob or --disparity-blob; {_PICTURES}")))
    return chosen, missing


def _known(net, name):
    if name not in net.blobs:
        raise SpecError(f"net '{net.name}' has no blob '{name}'{nearest(name, net.blobs)} (there are {listed(net.blobs)})")
    return name


def _depths(net):
    """Return [(kind, blob name)] of what may be predicted depth, the best first."""
    kinds = [
        lambda layer: "depth" if layer.type == "DepthError" else "",
        lambda layer: isinstance(layer, LogDepthLoss) and ("log depth" if layer.param.input == "log" else "depth"),
        lambda layer: "depth" if layer.type == "Transform3DGrid" else "",
        lambda layer: "disparity" if layer.type == "Disparity1D" else "",
    ]
    found = [(kind_of(layer), bottom[0]) for kind_of in kinds for layer, bottom in zip(net.layers, net.bottoms) if kind_of(layer)]
    return [(kind, blob.name) for kind, blob in found if len(blob.shape) == 4 and blob.shape[1] == 1]


def _motions(net):
    layers = list(zip(net.layers, net.bottoms, net.tops))
    compared = [bottom[0] for layer, bottom, _ in layers if layer.type == "PoseError"]
    made = [top[0] for layer, _, top in reversed(layers) if layer.type in _GENERATORS]
    return [("motion", blob.name) for blob in compared + made]


def _warps(net):
    """Return what a panel of the first InverseWarping layer shows: the warped image and what stands beside it."""
    from pycaffe_geo.commands._warps import depth_of, target_of, warp_number

    number = warp_number(net)
    if number is None:
        return []
    (source, coords), warped = net.bottoms[number], net.tops[number][0]
    shown = [warped, source, coords, target_of(net, warped), depth_of(net, coords)]
    return [("warp", *(blob.name for blob in shown if blob is not None))]


def _output(net, roles, kind, *blobs):
    """Return the Output `kind` of the named blobs: with the layers below them, and the roles of the inputs these read."""
    needed, layers, inputs = set(blobs), [], set()
    for i in reversed(range(len(net.layers))):
        tops = {top.name for top in net.tops[i]} & needed
        if tops and net.layers[i].type == "Input":
            inputs |= tops
        elif tops:
            layers.append(i)
            needed |= {bottom.name for bottom in net.bottoms[i]}
    return Output(kind, blobs, tuple(reversed(layers)), frozenset(roles[name] for name in inputs))


def _lack(what, output, frames):
    missing = sorted(role for role in output.roles if not any(frames.has(t, [role]) for t in range(len(frames))))
    hints = [_GIVEN_BY.get(role.split()[0], f"'{role}', which no option gives") for role in missing]
    return f"{what} ('{output.blobs[0]}') needs {' and '.join(dict.fromkeys(hints)) or 'frames that follow each other'}"
