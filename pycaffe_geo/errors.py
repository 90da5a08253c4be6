"""The errors a user can meet. Each message is: place; what it got; what was expected; hint."""

import difflib


class PycaffeGeoError(Exception):
    """A mistake in what the user gave us; tools print it as one paragraph and exit with 1."""


class SpecError(PycaffeGeoError):
    """A network or solver file that cannot be used."""


class ShapeError(PycaffeGeoError):
    """A blob whose shape a layer cannot take."""


class DataError(PycaffeGeoError):
    """A data file or record that cannot be used."""


class WeightsError(PycaffeGeoError):
    """A weights or snapshot file that cannot be used."""


class DeviceError(PycaffeGeoError):
    """A device that was asked for and is not there."""


class NumericError(PycaffeGeoError):
    """A non-finite number stopped the run; tools exit with 2."""


def nearest(name, known):
    """Return ", did you mean 'x'?" for the known name closest to `name`, or "" where none is close."""
    lower = {k.lower(): k for k in map(str, known)}
    close = difflib.get_close_matches(str(name).lower(), lower, n=1, cutoff=0.5)
    return f", did you mean '{lower[close[0]]}'?" if close else ""


def bytes_text(count):
    """Return a number of bytes as text: "512 B", "3.4 KiB", "1.2 GiB"."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024 or unit == "TiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024


def listed(names, limit=20):
    """Return names as "'a', 'b', 'c'" (at most `limit`, then how many more)."""
    names = list(names)
    text = ", ".join(f"'{n}'" for n in names[:limit]) or "none"
    return text if len(names) <= limit else f"{text} and {len(names) - limit} more"
