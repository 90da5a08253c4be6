"""Numeric differentiation for gradient checks: probes one element (or one direction) at a time and finds kinks."""

from dataclasses import dataclass, field

import numpy as np

_STEPS = (1e-3, 1e-4, 1e-5, 1e-6)  # times max(|x|, 1)
_DIRECTION_STEPS = (1e-4, 1e-5, 1e-6, 1e-7)
_SMALL = 200  # blobs up to this many elements are checked exhaustively
_KINK_LIMIT = 0.05
_ROUNDING = 8 * np.finfo(np.float64).eps


@dataclass
class Target:
    """An array to check: its values (perturbed in place, restored) and its analytic gradient."""

    name: str
    data: np.ndarray
    analytic: np.ndarray


@dataclass
class Failure:
    """One probe that does not fit. index: a tuple, or a text for a direction."""

    index: object
    analytic: float
    numeric: float
    error: float


@dataclass
class BlobReport:
    """What was found on one blob."""

    name: str
    shape: tuple
    checked: int = 0
    kinks: int = 0
    max_error: float = 0.0
    failures: list = field(default_factory=list)

    def line(self):
        """Return one line of text."""
        text = f"{self.name} {self.shape}: {self.checked} probes, {self.kinks} kinks, largest error {self.max_error:.1e}"
        return text + (f", {len(self.failures)} FAILED" if self.failures else "")


@dataclass
class Report:
    """The result of a gradient check; `str(report)` is the whole story."""

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
        """The number of probes at which the function has a kink; they are not compared."""
        return sum(b.kinks for b in self.blobs)

    @property
    def max_error(self):
        """The largest error of any probe that is no kink."""
        return max((b.max_error for b in self.blobs), default=0.0)

    @property
    def ok(self):
        """True where every probe fits, kinks are few, and backward changed nothing it must not change."""
        return not self.problems and not self.too_many_kinks and not any(b.failures for b in self.blobs)

    @property
    def too_many_kinks(self):
        """True where more than 5 % of the probes are kinks."""
        return self.kinks > _KINK_LIMIT * self.checked

    def __str__(self):
        lines = [f"{self.where}: gradient check {'passed' if self.ok else 'FAILED'} (tolerance {self.tolerance:g})"]
        lines += [f"  {p}" for p in self.problems]
        for b in self.blobs:
            lines.append(f"  {b.line()}")
            for f in sorted(b.failures, key=lambda f: -f.error)[:5]:
                lines.append(f"    {b.name}{f.index}: analytic {f.analytic:.12g}, numeric {f.numeric:.12g}, error {f.error:.1e}")
        if self.too_many_kinks:
            lines.append(f"  {self.kinks} of {self.checked} probes are kinks, at most {_KINK_LIMIT:.0%} may be: try other values")
        return "\n".join(lines)


class Prober:
    """Differentiates loss = sum over outputs of <output, weight>. evaluate() returns copies of the outputs."""

    def __init__(self, evaluate, weights, tolerance, rng):
        self.evaluate = evaluate
        self.weights = weights
        self.tolerance = tolerance
        self.rng = rng
        self.base = evaluate()

    def check(self, target, probes):
        """Return the BlobReport of one target: all elements of a small blob, else `probes` of them and two directions."""
        report = BlobReport(target.name, target.data.shape)
        floor = 1e-3 * np.max(np.abs(target.analytic), initial=0.0)
        with np.errstate(all="ignore"):
            for index in self.choose(target.analytic, probes):
                size = max(abs(target.data[index]), 1.0)
                steps = {s * size for s in _STEPS} | {1e-3 * abs(target.data[index])} - {0.0}
                self.probe(report, target.data, index, 1.0, target.analytic[index], floor, sorted(steps, reverse=True), index)
            if target.data.size > _SMALL:
                for name, amount in self.directions(target):
                    slope = np.sum(target.analytic * amount)
                    floor = 1e-3 * np.linalg.norm(target.analytic * amount)
                    self.probe(report, target.data, ..., amount, slope, floor, _DIRECTION_STEPS, f"[{name}]")
        return report

    def choose(self, analytic, probes):
        """Indices to probe: all, or the first, the last, the largest gradient and random ones, half of them of nonzero gradient."""
        count = analytic.size
        if count <= _SMALL:
            flat = range(count)
        else:
            alive = np.flatnonzero(analytic)
            flat = [0, count - 1, int(np.argmax(np.abs(analytic)))]
            flat += list(self.rng.choice(alive, min(probes // 2, len(alive)), replace=False))
            flat += list(self.rng.choice(count, min(probes, count), replace=False))
            flat = list(dict.fromkeys(flat))[:probes]
        return [tuple(int(i) for i in np.unravel_index(k, analytic.shape)) for k in flat]

    def directions(self, target):
        """A random direction and one along the analytic gradient's signs, scaled by the elements' sizes."""
        size = np.maximum(np.abs(target.data), 1.0)
        signs = self.rng.choice([-1.0, 1.0], target.data.shape)
        yield "random direction", signs * size
        along = np.where(target.analytic == 0, signs, np.sign(target.analytic))
        yield "gradient's direction", along * size * self.rng.uniform(0.5, 1.0, target.data.shape)

    def probe(self, report, data, where, amount, analytic, floor, steps, label):
        """Compare one slope; retry at smaller steps until it fits, else tell a kink from a failure."""
        report.checked += 1
        analytic = float(analytic)
        best, numeric, bends = np.inf, np.nan, []
        for step in steps:
            slope, bend, noise = self.slope(data, where, amount, step)
            half, half_bend, half_noise = slope, bend, noise
            if not self.fits(analytic, slope, floor, noise):
                half, half_bend, half_noise = self.slope(data, where, amount, step / 2)
            refined = (4 * half - slope) / 3
            if self.fits(analytic, refined, floor, half_noise):
                report.max_error = max(report.max_error, self.error(analytic, refined, floor, half_noise))
                return
            bends.append((step, bend, noise))
            if abs(half - slope) < best:
                best, numeric = abs(half - slope), refined
        if self.is_kink(bends, analytic, numeric):
            report.kinks += 1
            return
        error = self.error(analytic, numeric, floor, 0.0)
        report.max_error = max(report.max_error, error)
        report.failures.append(Failure(label, analytic, numeric, error))

    def slope(self, data, where, amount, step):
        """Return the central slope, the difference of the one-sided slopes, and the rounding error to expect in them."""
        kept = np.copy(data[where])
        data[where] = kept + step * amount
        plus = self.evaluate()
        data[where] = kept - step * amount
        minus = self.evaluate()
        data[where] = kept
        central = self.difference(plus, minus) / (2 * step)
        bend = (self.difference(plus, self.base) - self.difference(self.base, minus)) / step
        size = sum(np.sum(np.abs(w * p), where=p != m) for w, p, m in zip(self.weights, plus, minus))
        return central, bend, _ROUNDING * float(size) / step

    def difference(self, a, b):
        """Return loss(a) - loss(b), subtracted before summing: outputs that did not change add no rounding error."""
        return sum(float(np.sum(w * (x - y))) for w, x, y in zip(self.weights, a, b))

    def error(self, analytic, numeric, floor, noise):
        """|a - n| / max(|a|, |n|, floor); 0 where both are within the rounding error of a slope of 0."""
        if max(abs(analytic), abs(numeric)) <= noise or analytic == numeric:
            return 0.0
        error = abs(analytic - numeric) / max(abs(analytic), abs(numeric), floor)
        return error if np.isfinite(error) else np.inf

    def fits(self, analytic, numeric, floor, noise):
        """True where the error is within the tolerance."""
        return self.error(analytic, numeric, floor, noise) <= self.tolerance

    def is_kink(self, bends, analytic, numeric):
        """True where the one-sided slopes go on differing as the step shrinks: curvature's difference shrinks with the step."""
        bends = [b for b in bends if np.isfinite(b[1])]
        if len(bends) < 2:
            return False
        (_, wide, _), (_, narrow, noise) = bends[-2:]
        return abs(narrow) > 0.5 * abs(wide) and abs(narrow) > 10 * noise and abs(analytic - numeric) <= 2 * abs(narrow)
