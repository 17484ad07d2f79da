"""The geometry of charts."""

from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.charts import bar_chart, donut, line_chart

finite = st.floats(0, 100, allow_nan=False)


def test_a_line_runs_from_edge_to_edge() -> None:
    chart = line_chart(moments=[0, 10, 20], series=[("CPU 0", [0, 50, 100])], top=100, width=400, height=100)
    assert chart.lines[0].points == "0.0,100.0 200.0,50.0 400.0,0.0"
    assert chart.lines[0].area == "0.0,100.0 0.0,100.0 200.0,50.0 400.0,0.0 400.0,100.0"


def test_marks_stand_at_their_height() -> None:
    chart = line_chart(moments=[0, 1], series=[], top=200, marks=[(0, "0"), (50, "50")], height=100)
    assert [(mark.at, mark.label) for mark in chart.marks] == [(100, "0"), (75, "50")]


def test_gaps_are_left_out() -> None:
    chart = line_chart(moments=[0, 1, 2], series=[("a", [1, None, 1]), ("b", [None, None, None])], top=1)
    assert chart.lines[0].points.count(",") == 2
    assert chart.lines[1].points == chart.lines[1].area == ""


def test_one_moment_draws_nothing() -> None:
    assert line_chart(moments=[5], series=[("a", [1])], top=1).is_empty
    assert line_chart(moments=[], series=[], top=0).is_empty


@given(st.lists(finite, min_size=2, max_size=40))
def test_no_point_leaves_the_drawing(values: list[float]) -> None:
    chart = line_chart(moments=range(len(values)), series=[("a", values)], top=60, width=400, height=100)
    for point in chart.lines[0].points.split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= 400
        assert 0 <= y <= 100


def test_a_donut_warns_as_it_fills() -> None:
    assert [donut(used=used, total=100).tone for used in (10, 80, 92)] == ["", "wait", "bad"]
    assert donut(used=5, total=0).percent == 0


def test_bars_share_one_height() -> None:
    chart = bar_chart(columns=[("10:00", 3, 1), ("11:00", 0, 0)], width=100, height=40)
    first, second = chart.bars
    assert (first.height, first.second_height, first.second_y) == (30, 10, 0)
    assert (second.height, second.second_height) == (0, 0)
    assert first.title == "10:00: 3 built, 1 failed"
