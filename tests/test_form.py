"""The form of a page, the same on all pages: head, figures and what to see in them, exercises, ending, links."""

import base64
import html
import re
import statistics
from itertools import pairwise

import pytest
from pages import FOLDER, NAMES, PATHS, code_cells, exercises, read, text_cells

README = FOLDER.parent / "README.md"
LARGEST_PICTURE = 150_000
LONGEST_CELL, MEDIAN_CELL = 20, 6
ENDING = ["## Exercises", "## Summary", "## Further reading"]
IMAGE = re.compile(r'<img alt="([^"]*)"[^>]*?src="data:image/[\w+]+;base64,([^"]*)"')
PROGRESS = re.compile(r"^epoch +(\d+)/\d+ ", re.MULTILINE)

every_page = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def headings(text: str) -> list[str]:
    return re.findall(r"^## .+$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)


def printed(cell) -> str:
    return "".join(output.get("text", "") for output in cell.outputs if output.output_type == "stream")


def pictures(cell) -> list[tuple[str, int]]:
    """Alternative text and size in bytes of every picture that a cell shows; a bare image has no text."""
    found = []
    for output in cell.outputs:
        for kind, data in output.get("data", {}).items():
            if kind.startswith("image/"):
                found.append(("", len(base64.b64decode(data))))
            if kind == "text/html":
                found += [(html.unescape(alt), len(base64.b64decode(src))) for alt, src in IMAGE.findall(data)]
    return found


@every_page
def test_head(path):
    """A page begins with its name and its promise in a sentence, then what one can do afterwards, needs, waits for and should see."""
    head = read(path).cells[0].source
    lines = [line for line in head.split("\n") if line.strip()]
    assert lines[0] == f"# {NAMES[path]}"
    assert re.fullmatch(r"\*[^*].*[^*]\*", lines[1]), lines[1]
    begun = re.findall(r"^\*\*(.+?)\*\*", head, re.MULTILINE)
    assert begun == ["Afterwards you can", "You need", "Time", "Numbers to expect"]


@every_page
def test_time(path):
    """The time that a page states, in whole minutes as in the README, is what its cells took when its outputs were made."""
    notebook = read(path)
    minutes = int(re.search(r"^\*\*Time\*\* (\d+) minutes? on two idle cores\b", notebook.cells[0].source, re.MULTILINE)[1])
    taken = sum(cell.metadata["vae"]["seconds"] for cell in code_cells(notebook)) / 60
    assert minutes == max(1, round(taken)) or abs(minutes - taken) < 0.1 * taken, f"{taken:.1f} minutes"
    row = re.search(rf"^\| \[{re.escape(NAMES[path])}\].*\| (\d+) min \|$", README.read_text(), re.MULTILINE)
    assert int(row[1]) == minutes


@every_page
def test_ending(path):
    """A page ends with exercises, a summary, further reading, and the way to its neighbours under their own names."""
    text = "\n".join(cell.source for cell in text_cells(read(path)))
    assert headings(text)[-3:] == ENDING
    i = PATHS.index(path)
    link = lambda other: f"[{NAMES[other]}]({other.name})"  # noqa: E731
    before = [f"← {link(PATHS[i - 1])}"] if i > 0 else []
    start = ["[Start](00_start_here.ipynb)"] if i > 1 else []
    after = [f"{link(PATHS[i + 1])} →"] if i + 1 < len(PATHS) else []
    assert text.rstrip().split("\n")[-1] == " · ".join(before + start + after)


@every_page
def test_what_to_see(path):
    """What to see in a figure has one heading, at the beginning of a text."""
    for cell in text_cells(read(path)):
        other = re.search(r"^\*(See|What to see|Read|Left)\b(?!:\*).*", cell.source, re.MULTILINE)
        other = other or re.search(r"^\*(See|Read|Left):\*.*", cell.source, re.MULTILINE)
        assert not other, other and other[0]


@every_page
def test_links(path):
    """Links and pictures of a page are in the repository, and links between pages lead to pages."""
    for cell in text_cells(read(path)):
        text = re.sub(r"```.*?```|`[^`\n]*`|\$[^$\n]*\$", "", cell.source, flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if not re.match(r"https?://|#", target):
                assert (FOLDER / target.split("#")[0]).exists(), target
        for alt in re.findall(r"!\[([^\]]*)\]", text):
            assert len(alt) >= 40, f"a picture needs a sentence, got {alt!r}"


@every_page
def test_pictures(path):
    """No picture is above 150 KB."""
    for cell in code_cells(read(path)):
        for alt, size in pictures(cell):
            assert size <= LARGEST_PICTURE, f"{size} bytes: {alt or cell.source}"


@every_page
def test_alternative_text(path):
    """Every figure says in a sentence of its own what it shows, for those who cannot see it."""
    for cell in code_cells(read(path)):
        for alt, _ in pictures(cell):
            assert len(alt) >= 40 and re.search(r"\.alt\(|Figure::plotters\(|viz::explorer(_over)?\(", cell.source), f"{alt!r}: {cell.source}"


@every_page
def test_progress(path):
    """A training prints a line an epoch, and one of many trainings is quiet."""
    for cell in code_cells(read(path)):
        epochs = PROGRESS.findall(printed(cell))
        assert all(a != b for a, b in pairwise(epochs)) and len(epochs) <= 30, cell.source


@every_page
def test_checks_are_folded(path):
    """A check prints one line: what belongs together is compared together."""
    for cell in code_cells(read(path)):
        assert printed(cell).count("ok: ") <= 3, f"{printed(cell)}\n{cell.source}"


@every_page
def test_cells_are_short(path):
    """No code cell has more than 20 lines, and half of them have six or fewer."""
    lengths = {}
    for cell in code_cells(read(path)):
        lengths[cell.source] = len([line for line in cell.source.split("\n") if line.strip()])
    longest = max(lengths, key=lengths.get)
    assert lengths[longest] <= LONGEST_CELL, longest
    assert statistics.median(lengths.values()) <= MEDIAN_CELL


@every_page
def test_exercises(path):
    """Three to five, numbered, each with a hint, a solution, a checker of the crate and at least one usual wrong answer."""
    found = exercises(read(path))
    assert 3 <= len(found) <= 5
    assert [exercise.title[:3] for exercise in found] == [f"{n} ·" for n in range(1, len(found) + 1)]
    for exercise in found:
        assert "<summary>Hint</summary>" in exercise.task and exercise.solution, exercise.title
        assert re.match(r"exercises::\w+::\w+\(.*\);$", exercise.checker, re.DOTALL), exercise.checker
        assert exercise.wrong, exercise.title
