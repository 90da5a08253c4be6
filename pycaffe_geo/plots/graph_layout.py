"""Places for the boxes of a drawn network: rows from top to bottom, few crossings, short lines (after Sugiyama's method)."""

from dataclasses import dataclass, field

GAP = 0.25  # between neighbours of a row
THREAD = 0.12  # width kept free for a line that passes a row
STIFF = 8  # how much more a thread resists being pushed aside than a box
SWEEPS = 24


@dataclass(eq=False)
class Box:
    """One thing to place: `width` by `height`, x of its centre; `row` 0 is the top. `above`, `below` are its neighbours.

    `chain`: of a box that only keeps room for a line that passes a row: all such boxes of that line. Its height is the row's.
    """

    width: float
    height: float = 0.0
    row: int = 0
    x: float = 0.0
    above: list = field(default_factory=list)
    below: list = field(default_factory=list)
    chain: list = field(default_factory=list)


def link(upper, lower):
    """Make `lower` hang on `upper`."""
    upper.below.append(lower)
    lower.above.append(upper)


def place(boxes):
    """Set `row` and `x` of linked boxes, given in an order in which everything above comes first; return the rows of Boxes.

    A line that passes rows is split: threads are put into it, one for each row.
    """
    _choose_rows(boxes)
    everything = [*boxes, *_thread_long_lines(boxes)]
    rows = [[] for _ in range(max(b.row for b in boxes) + 1)]
    for box in everything:
        rows[box.row].append(box)
    for row in rows:
        height = max(b.height for b in row)
        for thread in (b for b in row if b.chain):
            thread.height = height
    for sweep in range(SWEEPS):
        _reorder(rows, downward=sweep % 2 == 0)
    for row in rows:
        _spread(row, [0.0] * len(row))
    for sweep in range(4 * SWEEPS):
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            _spread(row, [_wanted(b) for b in row])
    return rows


def _choose_rows(boxes):
    """Each box goes one row below the lowest box above it; what has nothing above goes as low as its readers let it."""
    for box in boxes:
        box.row = max((a.row + 1 for a in box.above), default=0)
    for box in reversed(boxes):
        if not box.above and box.below:
            box.row = min(b.row for b in box.below) - 1


def _thread_long_lines(boxes):
    """Split the lines that pass rows, with one thread for all readers of a box; return the threads."""
    threads = []
    for box in boxes:
        far = [b for b in box.below if b.row > box.row + 1]
        if not far:
            continue
        box.below = [b for b in box.below if b not in far]
        tip, chain = box, []
        for row in range(box.row + 1, max(b.row for b in far)):
            thread = Box(THREAD, row=row, chain=chain)
            link(tip, thread)
            chain.append(thread)
            tip = thread
            for reader in (b for b in far if b.row == row + 1):
                reader.above[reader.above.index(box)] = tip
                tip.below.append(reader)
        threads += chain
    return threads


def _reorder(rows, downward):
    """Sort each row by the mean place of its boxes' neighbours in the row before."""
    for row in rows if downward else rows[::-1]:
        position = {id(b): i for other in rows for i, b in enumerate(other)}
        keys = {}
        for i, box in enumerate(row):
            keys[id(box)] = _mean([position[id(n)] for n in (box.above if downward else box.below)], i)
        row.sort(key=lambda b: keys[id(b)])


def _spread(row, wanted):
    """Set x of a row's boxes as near to `wanted` as their order and widths allow (least squares: pool adjacent violators)."""
    offsets = [0.0]
    for left, right in zip(row, row[1:]):
        offsets.append(offsets[-1] + (left.width + right.width) / 2 + GAP)
    blocks = []  # [x of its first box, weight, number of boxes]
    for box, x, offset in zip(row, wanted, offsets):
        blocks.append([x - offset, STIFF if box.chain else 1, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            x2, weight2, count2 = blocks.pop()
            x1, weight1, count1 = blocks.pop()
            total = weight1 + weight2
            blocks.append([(x1 * weight1 + x2 * weight2) / total, total, count1 + count2])
    places = [x for x, _, count in blocks for _ in range(count)]
    for box, value, offset in zip(row, places, offsets):
        box.x = value + offset


def _wanted(box):
    """The x that makes the lines of `box` straight: the mean of its neighbours, or of a thread's whole chain and its ends."""
    neighbours = [*box.above, *box.below]
    if box.chain:
        neighbours = [*box.chain, *box.chain[0].above, *box.chain[-1].below]
    return _mean([n.x for n in neighbours], box.x)


def _mean(values, default):
    return sum(values) / len(values) if values else default
