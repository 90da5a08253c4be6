"""What a specification file says, typed: NetDef, LayerDef and SolverDef. Field names are Caffe's."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

TRAIN = "TRAIN"
TEST = "TEST"
Phase = Literal["TRAIN", "TEST"]


@dataclass(frozen=True)
class Place:
    """Where something stands in a file; `str(place)` is file:line:column."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self):
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class ParamSpec:
    """How one parameter blob of a layer learns (Caffe's ParamSpec); None means the field was not given."""

    name: str = ""
    lr_mult: float | None = None
    decay_mult: float | None = None
    share_mode: Literal["STRICT", "PERMISSIVE"] = "STRICT"


@dataclass(frozen=True)
class NetStateRule:
    """One include / exclude rule (Caffe's NetStateRule): every part given must hold."""

    phase: Phase | None = None
    min_level: int | None = None
    max_level: int | None = None
    stage: tuple[str, ...] = ()
    not_stage: tuple[str, ...] = ()


@dataclass(frozen=True)
class LayerDef:
    """One layer of a flat network. `parameters` maps a key such as `convolution_param` to its typed dataclass.

    `share` names the layer whose parameters this layer uses: it stands for the same names in `param` (see `param_spec`).
    """

    name: str
    type: str
    bottom: tuple[str, ...] = ()
    top: tuple[str, ...] = ()
    loss_weight: tuple[float, ...] = ()
    param: tuple[ParamSpec, ...] = ()
    propagate_down: tuple[bool, ...] = ()
    include: tuple[NetStateRule, ...] = ()
    exclude: tuple[NetStateRule, ...] = ()
    phase: Phase | None = None
    share: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    place: Place | None = None

    def param_spec(self, index):
        """Return the ParamSpec of parameter blob `index`. One without a name is named 'owner[index]', where the owner is the
        layer itself or the one named by `share`: parameters of one name are one parameter."""
        spec = self.param[index] if index < len(self.param) else ParamSpec()
        return spec if spec.name else replace(spec, name=f"{self.share or self.name}[{index}]")


@dataclass(frozen=True)
class NetState:
    """The state a net is built in: its phase, level and stages."""

    phase: Phase = TEST
    level: int = 0
    stage: tuple[str, ...] = ()


@dataclass(frozen=True)
class NetDef:
    """A flat network: modules, repeats and shares are expanded, every layer of every phase is there.

    `state` is the file's own: its level and stages hold besides those that the net is built with, its phase counts nothing.
    """

    name: str = ""
    layers: tuple[LayerDef, ...] = ()
    force_backward: bool = False
    debug_info: bool = False
    state: NetState = NetState()
    file: str = ""


@dataclass(frozen=True)
class SolverDef:
    """A solver file (Caffe's SolverParameter, and our own `freeze`, `warmup_iter`, `cosine` policy, and those below).

    Iterations count from 0.

    net, train_net and test_net hold paths, or the NetDef of a network that stands inside the solver file (`net_param`, ...).

    Our own, for GPUs (a CPU computes in full float32, in the same order every time):
    math_mode      how convolutions and InnerProducts may multiply float32 numbers. TF32: rounded to 10 bits after the point on
                   tensor cores; FLOAT32: never; DEFAULT as in PyTorch: convolutions by cuDNN rounded, the others not
    precision      FLOAT16: convolutions, inner products and what lies between them in float16, sums and parameters in float32
                   (see net_half.py); on a CPU this only shows what a GPU would compute
    loss_scale     of FLOAT16: the factor on the gradients in float16; 0: as large as it can be, found while training
    capture        auto: an iteration is recorded once and repeated as one CUDA graph, unless a layer has to work on the host;
                   off: never
    deterministic  bars cuDNN's engines that add in an order of their own. (Of our layers only Embed and BatchReindex do.)
    """

    net: str = ""
    train_net: str = ""
    test_net: tuple[str, ...] = ()
    train_state: NetState = NetState(phase=TRAIN)
    test_state: tuple[NetState, ...] = ()
    type: str = "SGD"
    base_lr: float = 0.01
    lr_policy: Literal["fixed", "step", "exp", "inv", "multistep", "poly", "sigmoid", "cosine"] = "fixed"
    gamma: float = 0.1
    power: float = 0.75
    stepsize: int = 0
    stepvalue: tuple[int, ...] = ()
    warmup_iter: int = 0
    max_iter: int = 0
    iter_size: int = 1
    momentum: float = 0.0
    momentum2: float = 0.999
    rms_decay: float = 0.99
    delta: float = 1e-8
    weight_decay: float = 0.0
    regularization_type: Literal["L1", "L2"] = "L2"
    clip_gradients: float = -1.0
    display: int = 0
    average_loss: int = 1
    test_iter: tuple[int, ...] = ()
    test_interval: int = 0
    test_initialization: bool = True
    test_compute_loss: bool = False
    snapshot: int = 0
    snapshot_prefix: str = ""
    snapshot_after_train: bool = True
    snapshot_diff: bool = False
    snapshot_format: Literal["HDF5", "BINARYPROTO"] = "HDF5"
    random_seed: int = -1
    solver_mode: Literal["CPU", "GPU"] = "CPU"
    device_id: int = 0
    math_mode: Literal["DEFAULT", "TF32", "FLOAT32"] = "DEFAULT"
    precision: Literal["FLOAT32", "FLOAT16"] = "FLOAT32"
    loss_scale: float = 0.0
    capture: Literal["auto", "off"] = "auto"
    deterministic: bool = False
    debug_info: bool = False
    layer_wise_reduce: bool = True
    weights: tuple[str, ...] = ()
    freeze: tuple[str, ...] = ()
    file: str = ""

    def __post_init__(self):
        least = {"iter_size": 1, "average_loss": 1}
        least |= dict.fromkeys(("max_iter", "warmup_iter", "display", "test_interval", "snapshot", "device_id"), 0)
        least |= dict.fromkeys(("base_lr", "gamma", "power", "weight_decay", "delta", "loss_scale"), 0)
        for key, limit in least.items():
            if getattr(self, key) < limit:
                raise ValueError(f"{key}: got {getattr(self, key)}, expected at least {limit}")
        for key in ("momentum", "momentum2", "rms_decay"):
            if not 0 <= getattr(self, key) < 1:
                raise ValueError(f"{key}: got {getattr(self, key)}, expected at least 0 and below 1")
        if min(self.test_iter, default=1) < 1:
            raise ValueError(f"test_iter: got {min(self.test_iter)}, expected at least 1 batch")
        if list(self.stepvalue) != sorted(self.stepvalue):
            raise ValueError(f"stepvalue: got {list(self.stepvalue)}, expected rising iterations")
