"""The works that are measured: a network at one size, or an optimiser alone."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from pycaffe_geo.errors import PycaffeGeoError, listed, nearest

NETS = Path(__file__).resolve().parents[3] / "prototxt"
BACKWARD, STEP = "forward+backward", "step"


@dataclass(frozen=True)
class Work:
    """One work. It is sent to the contenders as JSON.

    net: a file of prototxt/, without its suffix; `text` is the network itself instead. changes: as --set. shapes: {top: shape} of
    data layers that become inputs. tensors: sizes of the parameters, for an optimiser alone. phases: what the report shows.
    caffe_ms: {phase: milliseconds} that real Caffe took on two cores, in another run.
    """

    name: str
    net: str = ""
    text: str = ""
    changes: tuple = ()
    shapes: dict = dataclasses.field(default_factory=dict)
    tensors: tuple = ()
    phases: tuple = (BACKWARD,)
    caffe_ms: dict = dataclasses.field(default_factory=dict)


def _geometry(name, batch, height, width):
    image, depth = f"{{dim: [{batch}, 3, {height}, {width}]}}", f"[{batch}, 1, {height}, {width}]"
    changes = (f"images.input_param={{shape: [{image}, {image}, {{dim: [{batch}, 4, 1, 1]}}]}}",
               f"twist.parameter_param.shape.dim=[{batch}, 6]", f"depth.parameter_param.shape.dim={depth}")
    return Work(name, "geometry", changes=changes)


def _resnet(batch, caffe_ms):
    changes = (f"image.input_param={{shape: {{dim: [{batch}, 3, 160, 608]}}}}",)
    return Work(f"resnet50_1by2_b{batch}", "resnet50_1by2", changes=changes, phases=(BACKWARD, STEP), caffe_ms=caffe_ms)


def _alexnet(batch, milliseconds):
    changes = (f"data.input_param={{shape: [{{dim: [{batch}, 3, 227, 227]}}, {{dim: [{batch}]}}]}}",)
    phases = ("forward", BACKWARD)
    return Work(f"alexnet_b{batch}", "alexnet", changes=changes, phases=phases, caffe_ms={BACKWARD: milliseconds})


def _early_fusion(batch):
    images = {top: (batch, 3, 227, 227) for top in ("src", "tgt")}
    shapes = {**images, "depth": (batch, 1, 227, 227), "intrinsics": (batch, 4, 1, 1), "pose": (batch, 1, 4, 4)}
    return Work("early_fusion", "pose_early_fusion", shapes=shapes, phases=(BACKWARD, STEP))


WORKS = {work.name: work for work in (
    _geometry("geometry_small", 4, 128, 416),
    _geometry("geometry_large", 10, 160, 608),
    Work("dispnet", "dispnet", phases=("forward", BACKWARD, STEP)),
    _resnet(1, {BACKWARD: 467}),
    _resnet(8, {}),
    _alexnet(1, 76),
    _alexnet(8, 321),
    _early_fusion(8),
    Work("adam_30m", tensors=((1000, 1000),) * 30, phases=("update",)),
)}


def gpu_works():
    """Return what is measured on a GPU."""
    works = [WORKS["geometry_small"], WORKS["geometry_large"]]
    for batch in (4, 32):
        image = f"image.input_param={{shape: {{dim: [{batch}, 3, 128, 416]}}}}"
        works.append(Work(f"dispnet_b{batch}", "dispnet", changes=(image,), phases=(STEP,)))
        works.append(dataclasses.replace(_resnet(batch, {}), phases=(STEP,)))
        works.append(dataclasses.replace(_early_fusion(batch), name=f"early_fusion_b{batch}", phases=(STEP,)))
    return works


def find_works(names):
    """Return the Works of these names; PycaffeGeoError names the nearest one."""
    for name in names:
        if name not in WORKS:
            raise PycaffeGeoError(f"--work: no work '{name}'{nearest(name, WORKS)} (there are {listed(WORKS, 20)})")
    return [WORKS[name] for name in names]


def definition(work):
    """Return the NetDef of a work, as trained, its data layers replaced by inputs, without Dropout: its draws would differ."""
    from pycaffe_geo.commands._inputs import replace_data
    from pycaffe_geo.spec import NetState, filter_net, load_net

    path = NETS / f"{work.net}.yaml"
    if not work.text and not path.exists():
        raise PycaffeGeoError(f"no file '{path}', expected the networks of a checkout: run tools/benchmark.py there")
    net = load_net(str(path), work.text or None, overrides=work.changes)
    net = replace_data(filter_net(net, NetState("TRAIN")), work.shapes)
    return dataclasses.replace(net, layers=tuple(layer for layer in net.layers if layer.type != "Dropout"))
