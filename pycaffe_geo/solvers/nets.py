"""Builds the train net and the test nets of a solver."""

import logging

from pycaffe_geo.errors import SpecError
from pycaffe_geo.net import Net
from pycaffe_geo.spec import NetState, load_net

log = logging.getLogger(__name__)


def build_nets(solver, device, dtype, max_memory=None):
    """Return (train Net, [test Nets, which use its weights], [the flat NetDef of each of them]) of a SolverDef.

    max_memory: the most bytes of one net (see Net).
    """
    sources, states = _sources(solver), _test_states(solver)
    files = {s: load_net(s) for s in sources if isinstance(s, str)}
    definitions = [files[s] if isinstance(s, str) else s for s in sources]
    half = solver.precision == "FLOAT16"
    if half and device.index is None:
        log.warning("precision: FLOAT16 is slower than float32 on a CPU, and takes no less memory while it computes")
    common = dict(dtype=dtype, device=device, seed=solver.random_seed, max_memory=max_memory, half=half)
    state = solver.train_state
    net = Net(definitions[0], "TRAIN", level=state.level, stages=state.stage, freeze=solver.freeze, **common)
    test_nets = []
    for definition, state in zip(definitions[1:], states):
        test_net = Net(definition, "TEST", level=state.level, stages=state.stage, **common)
        test_net.share_with(net)
        test_nets.append(test_net)
    return net, test_nets, definitions


def _sources(d):
    """Return the train net's source, then one for each test net: test_net in order, then `net` for the rest of test_iter."""
    train = d.train_net or d.net
    where = f"{d.file}: " if d.file else ""
    if not train:
        raise SpecError(f"{where}the solver names no network: give net, or train_net")
    generic = len(d.test_iter) - len(d.test_net)
    if generic < 0 or (generic and not d.net):
        raise SpecError(f"{where}test_iter has {len(d.test_iter)} value(s) for {len(d.test_net)} test_net, expected one for each")
    if d.test_interval and not d.test_iter:
        raise SpecError(f"{where}test_interval is {d.test_interval}, but test_iter, the number of batches of a test, is missing")
    return [train, *d.test_net, *[d.net] * generic]


def _test_states(d):
    count = len(d.test_iter)
    if d.test_state and len(d.test_state) != count:
        where = f"{d.file}: " if d.file else ""
        raise SpecError(f"{where}test_state has {len(d.test_state)} value(s) for {count} test net(s), expected one for each")
    return d.test_state or (NetState(),) * count
