"""A network drawn as boxes and lines, from top to bottom, to a PNG; or as text in Graphviz' DOT language."""

from dataclasses import dataclass

from pycaffe_geo.plots.graph_layout import Box, link, place

LETTER, LINE = 0.075, 0.15  # inches, of text of 8 points
ROW_GAP = 0.2
COLORS = {
    "data": "#d9d9d9",
    "filter": "#a6cee3",
    "activation": "#ffffb3",
    "pooling": "#fdbf6f",
    "geometry": "#b2df8a",
    "loss": "#fb9a99",
    "measure": "#cab2d6",
    "other": "#f2f2f2",
}


@dataclass
class Node:
    """One box: its lines of text, the first one bold, and what kind of layer it is (a key of COLORS)."""

    lines: list
    kind: str = "other"


@dataclass
class Line:
    """One blob: the number of the node that makes it, the numbers of those that read it, and the text beside it."""

    maker: int
    readers: list
    text: str


def draw_graph(nodes, lines, title, out):
    """Draw Nodes and the Lines between them to the PNG `out`. A Line's readers come after its maker in `nodes`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    boxes = [Box(max(map(len, n.lines)) * LETTER + 0.2, len(n.lines) * LINE + 0.12) for n in nodes]
    labels = [Box(max(map(len, e.text.splitlines())) * LETTER, (e.text.count("\n") + 1) * LINE) for e in lines]
    order = _linked(boxes, labels, lines)
    rows = place(order)
    width, height, y_of = _extent(rows)
    figure = Figure(figsize=(width, height + 0.4))
    FigureCanvasAgg(figure)
    axes = figure.add_axes([0, 0, 1, 1])
    axes.axis("off")
    left = min(b.x - b.width / 2 for row in rows for b in row) - 0.2
    axes.set_xlim(left, left + width)
    axes.set_ylim(-height, 0.4)
    axes.text(left + width / 2, 0.2, title, ha="center", va="center", fontsize=10, weight="bold")
    for box in (b for row in rows for b in row):
        _draw_lines(axes, box, y_of)
    for box, node in zip(boxes, nodes):
        _draw_node(axes, box, node, y_of[box.row])
    for box, line in zip(labels, lines):
        background = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
        axes.text(box.x, y_of[box.row], line.text, ha="center", va="center", fontsize=7, color="#444444", bbox=background)
    figure.savefig(out, format="png", dpi=_dpi(width, height))


def to_dot(nodes, lines, title):
    """Return the graph as text in Graphviz' DOT language."""
    text = [f"digraph {_quoted([title])} {{", "  node [shape=box, style=filled];"]
    for i, node in enumerate(nodes):
        text.append(f'  n{i} [label={_quoted(node.lines)}, fillcolor="{COLORS[node.kind]}"];')
    for i, line in enumerate(lines):
        text.append(f"  b{i} [label={_quoted(line.text.splitlines())}, shape=plaintext, style=\"\"];")
        text.append(f"  n{line.maker} -> b{i} [arrowhead=none];")
        text += [f"  b{i} -> n{reader};" for reader in line.readers]
    return "\n".join([*text, "}"]) + "\n"


def _quoted(lines):
    escaped = [line.replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    return '"' + "\\n".join(escaped) + '"'


def _linked(boxes, labels, lines):
    """Hang every label below its maker and every reader below the label; return all in an order with makers first."""
    order = []
    made = {}
    for line, label in zip(lines, labels):
        link(boxes[line.maker], label)
        for reader in line.readers:
            link(label, boxes[reader])
        made.setdefault(line.maker, []).append(label)
    for i, box in enumerate(boxes):
        order += [box, *made.get(i, [])]
    return order


def _extent(rows):
    """Return (width, height, the y of every row's middle), in inches."""
    y, y_of = 0.0, []
    for row in rows:
        height = max(b.height for b in row)
        y_of.append(y - height / 2)
        y -= height + ROW_GAP
    left = min(b.x - b.width / 2 for row in rows for b in row)
    right = max(b.x + b.width / 2 for row in rows for b in row)
    return max(right - left + 0.4, 3), -y, y_of


def _dpi(width, height):
    """The usual 110, less where the picture would have more than 20000 pixels a side."""
    return min(110, 20000 / max(width, height))


def _draw_lines(axes, box, y_of):
    """Draw the lines from the bottom of `box` to what hangs on it; a thread's line also passes its row."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    start = y_of[box.row] - box.height / 2
    curves = [[(box.x, start + box.height), (box.x, start)]] if box.chain else []
    for other in box.below:
        end = y_of[other.row] + other.height / 2
        middle = (start + end) / 2
        curves.append([(box.x, start), (box.x, middle), (other.x, middle), (other.x, end)])
    for points in curves:
        codes = [Path.MOVETO, *[Path.LINETO if len(points) == 2 else Path.CURVE4] * (len(points) - 1)]
        axes.add_patch(PathPatch(Path(points, codes), facecolor="none", edgecolor="#777777", linewidth=0.9))


def _draw_node(axes, box, node, y):
    from matplotlib.patches import FancyBboxPatch

    corner = (box.x - box.width / 2 + 0.05, y - box.height / 2 + 0.05)
    style = "round,pad=0.05,rounding_size=0.05"
    colors = {"facecolor": COLORS[node.kind], "edgecolor": "#555555"}
    axes.add_patch(FancyBboxPatch(corner, box.width - 0.1, box.height - 0.1, boxstyle=style, **colors))
    top = y + (len(node.lines) - 1) * LINE / 2
    for i, line in enumerate(node.lines):
        axes.text(box.x, top - i * LINE, line, ha="center", va="center", fontsize=8, weight="bold" if i == 0 else "normal")
