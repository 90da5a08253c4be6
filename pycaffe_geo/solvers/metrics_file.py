"""metrics.csv: one row for every displayed iteration and every test of a run."""

import csv
import io

from pycaffe_geo.atomic import atomic_file

FIRST = ("iteration", "phase", "lr", "loss")
LAST = ("seconds", "it/s")


class MetricsFile:
    """Appends rows to a metrics.csv: columns iteration, phase, lr, loss, one for each of `names`, seconds and it/s.

    A loss term that has the name of one of these columns, such as "loss", stands under "loss_term".

    A run resumed at iteration `cut` first drops the rows of this and later iterations; columns are added as needed.
    `seconds` of the last kept row is in `seconds`, so that the time of a resumed run goes on.
    """

    def __init__(self, path, names, cut=0):
        self.path = path
        rows = [row for row in read_metrics(path) if int(row["iteration"]) < cut] if cut and path.is_file() else []
        old = [name for name in (rows[0] if rows else ()) if name not in FIRST + LAST]
        self.columns = [*FIRST, *dict.fromkeys([*old, *map(column, names)]), *LAST]
        self.seconds = float(rows[-1]["seconds"]) if rows else 0.0
        with atomic_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            file.write(self._line(self.columns))
            for row in rows:
                file.write(self._line([row.get(name, "") for name in self.columns]))

    def add(self, report, seconds, speed):
        """Append one row; it is on the disk when this returns."""
        row = {column(name): value for name, value in report.values.items()}
        row.update({"iteration": report.iteration, "phase": report.phase, "lr": report.lr, "loss": report.loss})
        row.update({"seconds": f"{seconds:.3f}", "it/s": f"{speed:.4g}" if speed else ""})
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            file.write(self._line([row.get(name, "") for name in self.columns]))

    @staticmethod
    def _line(values):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(values)
        return text.getvalue()


def column(name):
    """Return the name under which a value stands: that of one of our own columns gets "_term"."""
    return f"{name}_term" if name in FIRST + LAST else name


def read_metrics(path):
    """Return the rows of a metrics.csv as dictionaries of text; a last line cut off by a crash is left out."""
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        return [row for row in reader if None not in row and None not in row.values() and row["iteration"].isdigit()]
