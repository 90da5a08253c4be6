from pycaffe_geo.plots.graph_layout import GAP, Box, link, place


def net():
    """a -> b -> c -> d, and a -> d; e -> c."""
    a, b, e, c, d = (Box(1.0, 0.5) for _ in range(5))
    for upper, lower in ((a, b), (b, c), (c, d), (a, d), (e, c)):
        link(upper, lower)
    return a, b, e, c, d


def test_rows_follow_the_links_and_sources_go_down_to_their_readers():
    a, b, e, c, d = net()
    rows = place([a, b, e, c, d])
    assert [box.row for box in (a, b, c, d)] == [0, 1, 2, 3]
    assert e.row == 1
    assert all(box.row == i for i, row in enumerate(rows) for box in row)


def test_lines_that_pass_rows_get_a_straight_thread():
    a, b, e, c, d = net()
    rows = place([a, b, e, c, d])
    threads = [box for row in rows for box in row if box.chain]
    assert [t.row for t in threads] == [1, 2] and abs(threads[0].x - threads[1].x) < 0.2
    assert threads[0].above == [a] and threads[1].below == [d]
    assert all(box.height == 0.5 for box in threads)


def test_boxes_of_a_row_do_not_touch():
    top = Box(1.0, 0.5)
    below = [Box(width, 0.5) for width in (2.0, 1.0, 3.0)]
    for box in below:
        link(top, box)
    place([top, *below])
    row = sorted(below, key=lambda b: b.x)
    for left, right in zip(row, row[1:]):
        assert right.x - left.x >= (left.width + right.width) / 2 + GAP - 1e-9
    assert min(b.x for b in below) < top.x < max(b.x for b in below)
