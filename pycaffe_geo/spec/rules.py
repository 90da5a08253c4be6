"""Which layers a net of a given state has: Caffe's include and exclude rules."""

from dataclasses import replace


def filter_net(net, state):
    """Return the NetDef with only the layers that the NetState `state` includes.

    A layer with include rules is in where at least one of them holds; one with exclude rules is out where one of them holds.
    Stages of the file's own state hold too, and its level where `state` has none (0).
    """
    own = net.state
    state = replace(state, level=state.level or own.level, stage=(*own.stage, *state.stage))
    return replace(net, layers=tuple(layer for layer in net.layers if _included(layer, state)))


def _included(layer, state):
    if layer.include:
        return any(holds(rule, state) for rule in layer.include)
    return not any(holds(rule, state) for rule in layer.exclude)


def holds(rule, state):
    """Return whether every part that the NetStateRule gives holds: phase, level, all of `stage`, none of `not_stage`."""
    if rule.phase is not None and rule.phase != state.phase:
        return False
    if rule.min_level is not None and state.level < rule.min_level:
        return False
    if rule.max_level is not None and state.level > rule.max_level:
        return False
    return set(rule.stage) <= set(state.stage) and not set(rule.not_stage) & set(state.stage)
