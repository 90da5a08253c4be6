"""Numeric differentiation for gradient checks: compares slopes at single elements and along directions, and finds kinks."""

from dataclasses import dataclass, field
from typing import Callable

import numpy as np

STEPS = (1e-3, 1e-4, 1e-5, 1e-6)  # times max(|x|, 1); along a direction, spread over the elements
KINK_LIMIT = 0.05
_SMALL = 200  # blobs of at most so many elements are checked exhaustively
_ROUNDING = 8 * np.finfo(np.float64).eps
_SHOWN = 5


@dataclass
class Target:
    """An array to check: `data` (changed in place and restored), its analytic gradient, and what to run after a change.

    evaluate() returns copies of the outputs. `hint(failures)` may add a line to the report.
    """

    name: str
    data: np.ndarray
    analytic: np.ndarray
    evaluate: Callable
    hint: Callable = lambda failures: ""


@dataclass
class _Probe:
    """One slope to compare: data[where] moves by steps times amount. `place` tells people where."""

    place: str
    where: object
    amount: object
    analytic: float
    floor: float
    steps: list

    def error(self, numeric, noise):
        """|a - n| / max(|a|, |n|, floor); 0 where neither can be told from 0 (`noise`), infinite where one is no number."""
        if max(abs(self.analytic), abs(numeric)) <= noise or self.analytic == numeric:
            return 0.0
        error = float(abs(self.analytic - numeric) / max(abs(self.analytic), abs(numeric), self.floor))
        return error if np.isfinite(error) else np.inf


@dataclass
class Failure:
    """One slope that does not fit. `place` is the element's index, or names the direction."""

    place: str
    analytic: float
    numeric: float
    error: float


@dataclass
class BlobReport:
    """What was found on one blob. A direction that crosses kinks is skipped: it moves every element, so it finds any there is."""

    name: str
    shape: tuple
    checked: int = 0
    kinks: int = 0
    skipped: int = 0
    max_error: float = 0.0
    failures: list = field(default_factory=list)
    hint: str = ""

    def add(self, probe, verdict, numeric, error):
        """Take in the result of one probe."""
        if verdict == "kink" and probe.where is ...:
            self.skipped += 1
            return
        self.checked += 1
        self.kinks += verdict == "kink"
        self.max_error = max(self.max_error, error)
        if verdict == "fails":
            self.failures.append(Failure(probe.place, probe.analytic, float(numeric), error))

    def lines(self):
        """Return the text, a list of lines."""
        text = f"{self.name} {self.shape}: {self.checked} probes, {self.kinks} kinks, largest error {self.max_error:.1e}"
        text += f", {self.skipped} direction(s) skipped" if self.skipped else ""
        lines = [f"{text}, {len(self.failures)} FAILED" if self.failures else text]
        for f in sorted(self.failures, key=lambda f: -f.error)[:_SHOWN]:
            lines.append(f"  {self.name}{f.place}: analytic {f.analytic:.12g}, numeric {f.numeric:.12g}, error {f.error:.1e}")
        return lines + ([f"  hint: {self.hint}"] if self.hint else [])


@dataclass
class Report:
    """The result of a gradient check; `str(report)` is the whole story. `problems` are breaches of the layer contract."""

    where: str
    tolerance: float
    blobs: list
    problems: list

    @property
    def checked(self):
        """The number of probes."""
        return sum(b.checked for b in self.blobs)

    @property
    def kinks(self):
        """The number of probes at which the function has a kink, so that its slope is not compared."""
        return sum(b.kinks for b in self.blobs)

    @property
    def max_error(self):
        """The largest error of any probe that is no kink."""
        return max((b.max_error for b in self.blobs), default=0.0)

    @property
    def too_many_kinks(self):
        """True where more than 5 % of all probes are kinks, or every one of a blob's."""
        return self.kinks > KINK_LIMIT * self.checked or any(b.checked and b.kinks == b.checked for b in self.blobs)

    @property
    def ok(self):
        """True where every slope fits, kinks are few and the layer contract is kept."""
        return not self.problems and not self.too_many_kinks and not any(b.failures for b in self.blobs)

    def __str__(self):
        verdict = "passed" if self.ok else "FAILED"
        lines = [
            f"{self.where}: gradient check {verdict}: {self.checked} probes, {self.kinks} kinks, "
            f"largest error {self.max_error:.1e} (tolerance {self.tolerance:g})"
        ]
        lines += [f"  {p}" for p in self.problems]
        for b in self.blobs:
            lines += [f"  {line}" for line in b.lines()]
        if self.too_many_kinks:
            few = f"at most {KINK_LIMIT:.0%} of all probes, and not all of a blob's"
            lines.append(f"  too many kinks: expected {few}; try other values")
        return "\n".join(lines)


class Prober:
    """Compares analytic with numeric slopes of sum over outputs of <output, weight>; `base` are the outputs unchanged.

    Slopes are central differences, refined by Richardson's extrapolation where the plain one does not fit; the steps shrink until
    one fits. Where none fits, a probe is a kink if, at most steps that rounding does not spoil, the miss is explained by
    one-sided slopes whose difference does not halve with the step, as that of a smooth function does. Otherwise it is a failure.
    """

    def __init__(self, base, weights, tolerance, probes, rng, steps=STEPS):
        self.base = base
        self.weights = weights
        self.tolerance = tolerance
        self.probes = probes
        self.rng = rng
        self.steps = steps

    def check(self, target):
        """Return the BlobReport of `target`: all elements of a small blob, else `probes` of them and two directions."""
        report = BlobReport(target.name, target.data.shape)
        with np.errstate(all="ignore"):
            for probe in self._probes(target):
                verdict, numeric, error = self._compare(target, probe)
                report.add(probe, verdict, numeric, error)
        target.evaluate()  # later targets may start from what this one computes
        report.hint = target.hint(report.failures) if report.failures else ""
        return report

    def _probes(self, target):
        """Yield the _Probes of a target; its data are as they were whenever one is asked for."""
        data, analytic = target.data, target.analytic
        scale = np.maximum(np.abs(data), 1.0)
        floor = 1e-3 * np.max(np.abs(analytic), initial=0.0)
        for index in self._choose(analytic):
            steps = {s * scale[index] for s in self.steps} | {1e-3 * abs(data[index])} - {0.0}
            text = f"[{', '.join(map(str, index))}]"
            yield _Probe(text, index, 1.0, float(analytic[index]), floor, sorted(steps, reverse=True))
        if data.size > _SMALL:
            for text, amount in self._directions(analytic, scale):
                terms = analytic * amount
                yield _Probe(text, ..., amount, float(terms.sum()), 1e-3 * np.linalg.norm(terms), self.steps)

    def _choose(self, analytic):
        """Indices to probe: all, or the first, the last, the largest gradient's, and random ones, half where it is not 0."""
        if analytic.size <= _SMALL:
            return list(np.ndindex(analytic.shape))
        alive = np.flatnonzero(analytic)
        chosen = [0, analytic.size - 1, np.argmax(np.abs(analytic))]
        chosen += list(self.rng.choice(alive, min(self.probes // 2, alive.size), replace=False))
        chosen += list(self.rng.choice(analytic.size, min(self.probes, analytic.size), replace=False))
        chosen = list(dict.fromkeys(map(int, chosen)))[: self.probes]
        return [tuple(map(int, np.unravel_index(k, analytic.shape))) for k in chosen]

    def _directions(self, analytic, scale):
        """Yield (name, direction): random signs, and the gradient's own signs, so that no terms cancel."""
        signs = self.rng.choice([-1.0, 1.0], analytic.shape)
        scale = scale / np.sqrt(analytic.size)
        yield " along random signs", signs * scale
        signs = np.where(analytic == 0, signs, np.sign(analytic))
        yield " along the gradient", signs * scale * self.rng.uniform(0.5, 1, scale.shape)

    def _compare(self, target, probe):
        """Return ("fits", "kink" or "fails", the numeric slope, its error)."""
        best, doubt, reasons = np.nan, np.inf, []
        for step in probe.steps:
            wide = self._either_side(target, probe, step)
            slope, noise = self._slope(*wide, step)
            error = probe.error(slope, noise)
            if error <= self.tolerance:
                return "fits", slope, error
            narrow = self._either_side(target, probe, step / 2)
            half, noise = self._slope(*narrow, step / 2)
            refined = (4 * half - slope) / 3
            error = probe.error(refined, noise)
            if error <= self.tolerance:
                return "fits", refined, error
            if np.isfinite(refined):
                reasons.append(_reason(abs(probe.analytic - refined), self._uneven(*wide, *narrow) / step, noise))
            if abs(half - slope) < doubt:
                best, doubt = refined, abs(half - slope)
        kinks = reasons.count("kink")
        if kinks and reasons.count("") < max(2, kinks):  # kinks may cancel at a step or two
            return "kink", best, 0.0
        return "fails", best, probe.error(best, 0.0)

    def _either_side(self, target, probe, step):
        """Return the outputs a step forwards and a step backwards."""
        kept = np.copy(target.data[probe.where])
        target.data[probe.where] = kept + step * probe.amount
        plus = target.evaluate()
        target.data[probe.where] = kept - step * probe.amount
        minus = target.evaluate()
        target.data[probe.where] = kept
        return plus, minus

    def _slope(self, plus, minus, step):
        """Return the central slope and the rounding error to expect; outputs that did not move add none."""
        slope = moved = 0.0
        for w, p, m in zip(self.weights, plus, minus):
            slope += float(np.sum(w * (p - m))) / (2 * step)
            moved += float(np.sum(np.abs(w * p), where=p != m))
        return slope, _ROUNDING * moved / step

    def _uneven(self, plus, minus, half_plus, half_minus):
        """Return, summed over the outputs, how far their second differences are from a quarter at half the step."""
        outputs = zip(self.weights, self.base, plus, minus, half_plus, half_minus)
        return sum(float(np.sum(np.abs(w * ((p - 2 * b + m) - 4 * (hp - 2 * b + hm))))) for w, b, p, m, hp, hm in outputs)


def _reason(miss, uneven, noise):
    """Return what explains that a numeric slope misses the analytic one by `miss`: "kink", "rounding" or nothing, "".

    uneven: how far the difference of the one-sided slopes is from halving with the step, summed over the outputs.
    """
    if uneven > 10 * noise and miss <= 2 * uneven:
        return "kink"
    return "rounding" if miss <= 10 * noise else ""
