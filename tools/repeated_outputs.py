"""Compare what a cell printed with the output that is committed, for the cells that promise to repeat.

A cell promises it in its metadata, with the relative difference that each printed number may have:

    {"vae": {"repeats": 1e-6}}

Everything but the numbers must be equal; of a figure it only counts that there is one. The promise must hold in a
rehearsal (VAE_FAST=1) as in a full run, with and without the real data, and on another machine: so it is for closed forms
and for checks on fixed seeds, not for what was trained or timed, and not for exercises, whose answers a reader changes.
"""

import re

NUMBER = re.compile(r"[-−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
# What `check::close` says of rounding errors is different with every instruction set, and checked against what is allowed.
ROUNDING = re.compile(r"(?<=largest difference )\S+(?=, allowed )")
FIGURE = "(a figure)"


def tolerance_of(cell) -> float | None:
    """The relative difference up to which the cell promises to repeat, or None where it promises nothing."""
    tolerance = cell.metadata.get("vae", {}).get("repeats")
    if tolerance is None:
        return None
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 <= tolerance < 1:
        raise ValueError(f'the metadata "vae": {{"repeats": …}} must be a number from 0 to below 1, got {tolerance!r}')
    return tolerance


def printed(outputs) -> dict[str, str]:
    """The text of each stream and of each kind of result (text/plain, text/html …)."""
    texts: dict[str, str] = {}
    for output in outputs:
        if output.output_type == "stream":
            texts[output.name] = texts.get(output.name, "") + output.text
        elif output.output_type == "error":
            texts["error"] = texts.get("error", "") + output.evalue
        else:
            for kind, text in output.data.items():
                figure = kind.startswith("image/") or any(tag in text for tag in ("<img", "<svg"))
                texts[kind] = texts.get(kind, "") + (FIGURE if figure else text)
    return texts


def difference(committed, outputs, tolerance: float) -> str | None:
    """The first place where `outputs` differ from those that are committed, with what was expected and what came."""
    expected, got = printed(committed), printed(outputs)
    if not expected:
        return "it promises to repeat, but no output of it is committed; --inplace writes outputs into the notebook"
    if expected.keys() != got.keys():
        return f"its outputs are of other kinds\nexpected: {', '.join(expected)}\ngot:      {', '.join(got) or 'none'}"
    for kind, text in expected.items():
        lines, others = text.rstrip("\n").split("\n"), got[kind].rstrip("\n").split("\n")
        lines += ["(the end)"] * (len(others) - len(lines))
        others += ["(the end)"] * (len(lines) - len(others))
        for number, (line, other) in enumerate(zip(lines, others), start=1):
            if not same(line, other, tolerance):
                where = f"{kind}, line {number}, numbers to a relative {tolerance:g}"
                what = f"it does not repeat what is committed ({where}; if it should not, --inplace renews the outputs)"
                return f"{what}\nexpected: {line}\ngot:      {other}"
    return None


def same(expected: str, got: str, tolerance: float) -> bool:
    """Whether the texts are equal but for numbers, and those within the tolerance."""
    expected, got = ROUNDING.sub("…", expected), ROUNDING.sub("…", got)
    if NUMBER.sub("0", expected) != NUMBER.sub("0", got):
        return False
    pairs = zip(*([float(number.replace("−", "-")) for number in NUMBER.findall(text)] for text in (expected, got)))
    return all(abs(a - b) <= tolerance * max(abs(a), abs(b)) for a, b in pairs)
