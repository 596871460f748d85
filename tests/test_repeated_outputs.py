"""The comparison of committed outputs with a rerun: what differs, and what may."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output
from repeated_outputs import difference, tolerance_of


def text(*lines: str, stream: str = "stdout") -> list:
    return [new_output("stream", name=stream, text="".join(line + "\n" for line in lines))]


def table(html: str) -> list:
    return [new_output("execute_result", data={"text/html": html, "text/plain": ""}, execution_count=3)]


CHECK = "ok: Bayes: -4.711879 (largest difference {}, allowed 1e-9)"


@pytest.mark.parametrize(
    "committed, rerun",
    [
        (text("log p = -4.711879"), text("log p = -4.711880")),
        (text("one", "two"), [*text("one"), *text("two")]),
        (text(CHECK.format("2.7e-15")), text(CHECK.format("0.0e0"))),
        (table("<td>−1.00000000</td>"), table("<td>−1.00000001</td>")),
        (text("1.5e-7"), text("0.00000015")),
        (table('<img src="data:1">'), table('<img src="data:2">')),
    ],
    ids=["a last digit", "a stream in two pieces", "rounding errors", "a table", "another notation", "a figure"],
)
def test_what_may_differ(committed, rerun):
    """Numbers within the tolerance, the pieces that a stream comes in the rounding errors of a check and the
    pixels of a figure make no difference."""
    assert difference(committed, rerun, 1e-6) is None
    assert difference(rerun, committed, 1e-6) is None


@pytest.mark.parametrize(
    "committed, rerun, expected, got",
    [
        (text("a", "log p = -4.711879"), text("a", "log p = -4.711889"), "log p = -4.711879", "log p = -4.711889"),
        (text("x = 0.5"), text("x = -0.5"), "x = 0.5", "x = -0.5"),
        (text("x = 0.0"), text("x = 1e-12"), "x = 0.0", "x = 1e-12"),
        (text("x = 0.5"), text("x = NaN"), "x = 0.5", "x = NaN"),
        (text("x = 0.5"), text("y = 0.5"), "x = 0.5", "y = 0.5"),
        (text("[1, 2]"), text("[1, 2, 3]"), "[1, 2]", "[1, 2, 3]"),
        (text("one", "two"), text("one"), "two", "(the end)"),
        (text("one"), text("one", "two"), "(the end)", "two"),
        (text("one"), [], "stdout", "none"),
        (text("one"), text("one", stream="stderr"), "stdout", "stderr"),
        (text("one"), text("one") + table("<td>1</td>"), "stdout", "stdout, text/html, text/plain"),
        (table('<img src="data:1">'), table("<td>1</td>"), "(a figure)", "<td>1</td>"),
        (table("<td>1</td><td>7</td>"), table("<td>1</td><td>8</td>"), "<td>7</td>", "<td>8</td>"),
        (text(CHECK.format("1e-15")), text(CHECK.format("1e-15").replace("1e-9", "1e-3")), "allowed 1e-9", "allowed 1e-3"),
        (text("not yet (largest difference 2.00e-1)"), text("not yet (largest difference 3.00e-1)"), "2.00e-1", "3.00e-1"),
    ],
)
def test_what_differs_is_shown(committed, rerun, expected, got):
    """A number that is another, other text, a line or an output too few or too many: both sides are named."""
    message = difference(committed, rerun, 1e-6)
    _, first, second = message.split("\n")
    assert first.startswith("expected: ") and expected in first, message
    assert second.startswith("got:      ") and got in second, message


def test_the_tolerance_is_relative():
    """A large number may differ by more than a small one, and with a tolerance of 0 nothing may."""
    assert difference(text("1000000"), text("1000001"), 1e-5) is None
    assert difference(text("0.000001"), text("0.000002"), 1e-5) is not None
    assert difference(text("1000000"), text("1000001"), 0) is not None


def test_a_promise_without_output():
    """A cell that promises to repeat, with nothing committed to compare with, is told how to get it."""
    assert "--inplace" in difference([], text("one"), 1e-6)


def test_the_promise_is_a_number():
    """The tolerance is read from the cell's metadata, and one that makes no sense is refused."""
    assert tolerance_of(new_code_cell("1")) is None
    assert tolerance_of(new_code_cell("1", metadata={"vae": {"repeats": 1e-6}})) == 1e-6
    for nonsense in (True, "1e-6", -1e-6, 1, float("nan"), [1e-6]):
        cell = nbformat.from_dict({"metadata": {"vae": {"repeats": nonsense}}})
        with pytest.raises(ValueError, match="must be a number"):
            tolerance_of(cell)
