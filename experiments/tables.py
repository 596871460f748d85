"""Gathers what the programs measured into tables: a row for each run, in its cells means over seeds with standard errors.

    mean = 1/n Σ x        standard error = √(Σ (x − mean)² / (n − 1)) / √n

Where a run has one seed, the standard error is the one over images that the program gave.
"""

import json
import math
from itertools import accumulate
from pathlib import Path

# What eval::Panel asks, and what heads the columns.
SCORES = {
    "reconstruction-error": "error",
    "relative-error": "relative error",
    "reconstruction-probability": "probability",
    "negative-elbo": "−ELBO",
    "negative-log-likelihood": "−log p",
    "kl": "KL",
    "codes": "codes",
    "relative-error + codes": "relative error + codes",
    "pca": "PCA",
    "pixels": "pixels, 3-NN",
}
GAIN = "gain on the first"
# What else is measured of each: behind the name of the column.
MEASURES = {"AP": "average_precision", "caught": "caught", "chosen on": "chosen_on"}


def mean_error(numbers: list[float]) -> tuple[float, float | None]:
    """The mean and its standard error, which one number alone does not have."""
    n = len(numbers)
    if n == 0 or not all(map(math.isfinite, numbers)):
        raise ValueError(f"the mean of {numbers}: expected one finite number or more")
    mean = math.fsum(numbers) / n
    if n == 1:
        return mean, None
    return mean, math.sqrt(math.fsum((x - mean) ** 2 for x in numbers) / (n - 1) / n)


def cell(numbers: list[float], digits: int, over_images: float | None = None) -> dict:
    """Mean, standard error, what the error is over, and all that as text; `over_images` is the error of a single number."""
    mean, error = mean_error(numbers)
    over = "seeds"
    if error is None:
        error, over = over_images, "images"
    if error is None:
        return {"mean": mean, "text": f"{mean:.{digits}f}"}
    text = f"{mean:.{digits}f} ± {error:.{digits}f}"
    return {"mean": mean, "error": error, "over": over, "text": text}


def read(path: str | Path) -> dict:
    return json.loads(Path(path).read_text())


def trained(there: Path, epoch_seconds: float | None) -> dict:
    """How long a training took, what it had come to on the way, and the sources of the program that did it.

    `epoch_seconds`, where given, is what an epoch takes on an idle machine, for a training that had to share one.
    """
    epochs = read(there / "history.json")["epochs"]
    minutes = [seconds / 60 for seconds in accumulate(epoch_seconds or epoch["seconds"] for epoch in epochs)]
    at = lambda i: {"epoch": i + 1, "minutes": round(minutes[i], 3), "watched": epochs[i].get("watched")}
    curve = [at(i) for i in some(len(epochs))]
    return {"minutes": minutes[-1], "curve": curve, "sources": read(there / "run.json")["sources"]}


def some(count: int) -> list[int]:
    """Indices below `count`, first and last among them, some twenty to a decade."""
    return sorted({min(round(10 ** (i / 20)), count) - 1 for i in range(20 * len(str(count)) + 1)})


def gathered(section: dict, folder: Path, measured, cells) -> list[dict]:
    """A row for each run: what `measured` finds in the folder of a seed, and the `cells` that it makes of all seeds."""
    rows = []
    for name, run in section["runs"].items():
        of_seed = lambda there: {**measured(there), **trained(there, run.get("epoch_seconds"))}
        seeds = [{"seed": seed, **of_seed(folder / name / str(seed))} for seed in section["seeds"]]
        labels = {"run": name, "label": run.get("label", name), "train": run.get("train", "")}
        rows.append({**labels, "cells": cells(run, seeds), "seeds": seeds})
    return rows


def likelihood(section: dict, folder: Path) -> list[dict]:
    """−log p(x), the ELBO, active units and the time of training of each run, beside what others published.

    The gain on the first run is taken image by image: most of the error of a mean is that of the choice of images, the same for all.
    """
    first = next(iter(section["runs"]))

    def gain(there: Path, nll: dict) -> dict:
        images = list(zip(nll["log_prob"], read(folder / first / there.name / "nll.json")["log_prob"], strict=True))
        mean, error = mean_error([own - of_first for own, of_first in images])
        return {"gain": mean, "gain_error": error}

    def measured(there: Path) -> dict:
        nll = read(there / "nll.json")
        of = {"nll": nll["nll"]["mean"], "error": nll["nll"]["error"], "elbo": nll["elbo"]["mean"], "ess": nll["ess"]["0.5"]}
        of["active_units"] = nll["active_units"]
        return of if there.parent.name == first else of | gain(there, nll)

    def cells(run: dict, seeds: list[dict]) -> dict:
        of = lambda key: [seed[key] for seed in seeds]
        cells = {"−log p(x)": cell(of("nll"), 2, seeds[0]["error"]), GAIN: {"text": ""}}
        if "gain" in seeds[0]:
            cells[GAIN] = cell(of("gain"), 2, seeds[0]["gain_error"])
        cells |= {"ELBO": cell(of("elbo"), 2), "active units": cell(of("active_units"), 1)}
        return cells | {"minutes": cell(of("minutes"), 1), "published": {"text": run.get("published", "")}}

    return gathered(section, folder, measured, cells)


def anomaly(section: dict, folder: Path) -> list[dict]:
    """The AUROC of each score for each run, its average precision and what it catches, and their means over the runs of a group."""

    def measured(there: Path) -> dict:
        return {"scores": {row.pop("score"): row for row in read(there / "anomaly.json")["scores"]}}

    def cells(_run: dict, seeds: list[dict]) -> dict:
        cells = {}
        for score, column in SCORES.items():
            of = [seed["scores"][score] for seed in seeds]
            # Half of a 95 % interval is 1.96 standard errors.
            cells[column] = cell([row["auroc"] for row in of], 3, (of[0]["high"] - of[0]["low"]) / 2 / 1.96)
            for name, key in MEASURES.items():
                cells[f"{column}, {name}"] = cell([row[key] for row in of], 3, of[0].get(f"{key}_error"))
        return cells

    rows = gathered(section, folder, measured, cells)
    groups: dict[str, list[dict]] = {}
    for row in rows:
        row["group"] = section["runs"][row["run"]].get("group", "")
        groups.setdefault(row["group"], []).append(row)
    means = [{**average(of_group), "group": name} for name, of_group in groups.items() if len(of_group) > 1]
    return [*rows, *means]


def average(rows: list[dict]) -> dict:
    """Means over the runs, for each seed by itself; of these the mean and standard error."""
    cells = {}
    for score, column in SCORES.items():
        for name, key in {column: "auroc", **{f"{column}, {name}": key for name, key in MEASURES.items()}}.items():
            runs = [[seed["scores"][score][key] for seed in row["seeds"]] for row in rows]
            cells[name] = cell([math.fsum(of_seed) / len(rows) for of_seed in zip(*runs)], 3)
    return {"run": "mean", "label": "mean", "train": "", "cells": cells, "seeds": []}


def markdown(rows: list[dict], first: str) -> str:
    """The table alone, without what is behind a comma of a score's name; a column that a row does not have is empty there."""
    behind = {f"{column}, {name}" for column in SCORES.values() for name in MEASURES}
    columns = [column for column in dict.fromkeys(column for row in rows for column in row["cells"]) if column not in behind]
    lines = [[first, *columns], ["---"] * (1 + len(columns))]
    lines += [[row["label"], *(row["cells"].get(column, {}).get("text", "") for column in columns)] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def origin(rule: str, which: str, sources: list[str]) -> str:
    """Where a table comes from, in words."""
    of = f", sources {' and '.join(sources)}" if sources else ""
    return f"Made by the rule `{rule}` of experiments/Snakefile: `make experiments SET={which}`{of}."


def legend(rows: list[dict]) -> str:
    """What stands after ±, in words."""
    over = {cell["over"] for row in rows for cell in row["cells"].values() if "over" in cell}
    seeds = max((len(row["seeds"]) for row in rows), default=0)
    words = {"seeds": f"over {seeds} seeds", "images": "over images"}
    return f"± is the standard error {' or '.join(words[name] for name in sorted(over, reverse=True))}. " if over else ""


def write(rule: str, which: str, rows: list[dict], first: str, output) -> None:
    """Writes a table to `output.json`, with the numbers of each seed, and to `output.md`."""
    sources = sorted({seed["sources"] for row in rows for seed in row["seeds"]})
    made = origin(rule, which, sources)
    Path(output.json).write_text(json.dumps({"made": made, "rows": rows}, indent=1, ensure_ascii=False) + "\n")
    Path(output.md).write_text(f"{markdown(rows, first)}\n\n{legend(rows)}{made}\n")
