"""How each label's AP50 grows with the number of training photos, and so what more would bring.

    kerbwatch data build built
    python benchmarks/learning_curve.py --data built --run runs/curve

Runs that are alike in all but their photos: an eighth, a quarter, half and all of each source's,
place after place (a smaller share is within a larger one), each photo so many times more often that
all of them take as many steps. Twenty minutes each on one core; a run that is done is not made
again. Prints a table and draws `curve.png`, on the held-out photos, that are always the same.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from apart import apart

from cv.data.reading import read_sources
from cv.data.samples import default_weights
from cv.data.splitting import split
from cv.errors import KerbwatchError
from cv.labels import LABELS
from cv.train.stack import load_stack

CONFIG = Path(__file__).with_name("short-run.toml")
FOLDS = (8, 4, 2, 1)
"""One photo in so many."""
AIMS = {  # AP50 on photos of other places
    "street_stall": 0.75,
    "storefront_goods": 0.55,
    "construction_waste": 0.75,
    "garbage_heap": 0.85,
    "person": 0.65,
    "motorcycle": 0.75,
    "tricycle": 0.75,
    "car": 0.85,
    "truck": 0.75,
    "bus": 0.75,
    "cone": 0.80,
    "barrier": 0.80,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="of `kerbwatch data build`")
    parser.add_argument("--run", type=Path, required=True, help="folder for what comes of it")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each share")
    parser.add_argument("--imgsz", type=int, default=416)
    parser.add_argument("--epochs", type=int, default=4, help="of all photos, in steps")
    arguments = parser.parse_args()
    if arguments.seeds < 1:
        parser.error("--seeds: 1 or more")
    try:
        read_sources(arguments.data)
    except KerbwatchError as error:
        parser.error(str(error))
    for seed in range(arguments.seeds):
        for fold in FOLDS:
            if not scores_file(arguments.run, fold, seed).exists():
                apart(make, arguments, fold, seed)
    show(arguments.run, arguments.seeds)


def scores_file(run: Path, fold: int, seed: int) -> Path:
    """Where the scores of a run are kept."""
    return run / f"one-in-{fold}-seed-{seed}" / "scores.json"


def make(arguments: argparse.Namespace, fold: int, seed: int) -> None:
    """Train and score one network; its AP50 by label, and the mean, are kept."""
    file = scores_file(arguments.run, fold, seed)
    folder = file.parent
    folder.mkdir(parents=True, exist_ok=True)
    training, held_out = split(read_sources(arguments.data))
    repeats = "".join(f"{source} = {fold}\n" for source in sorted({s.source for s in training}))
    config = folder.with_suffix(".toml")  # a new run's folder holds nothing else
    text = CONFIG.read_text(encoding="utf-8").replace("ema_steps = 1", "ema_steps = 100")
    config.write_text(f"{text}\n[repeats]\n{repeats}", encoding="utf-8")
    load_stack(folder / "ultralytics")
    from cv.train.detections import find
    from cv.train.evaluate import open_predictor
    from cv.train.fit import FitOptions, fit
    from cv.train.scoring import score

    options = FitOptions(
        data=arguments.data,
        weights=default_weights("n"),
        run=folder,
        config=config,
        resume=True,
        imgsz=arguments.imgsz,
        epochs=arguments.epochs,
        share=1 / fold,
        seed=seed,
    )
    fit(options)
    side = (arguments.imgsz, arguments.imgsz)
    scores = score(list(find(held_out, open_predictor(folder / "weights/last.pt"), side)))
    rows = {row.label: row.ap50 for row in scores.labels if row.boxes}
    file.write_text(json.dumps({"mean": scores.ap50} | rows), encoding="utf-8")


def show(run: Path, seeds: int) -> None:
    """A table as Markdown, and a plot."""
    scores = {
        fold: [
            json.loads(scores_file(run, fold, seed).read_text(encoding="utf-8"))
            for seed in range(seeds)
        ]
        for fold in FOLDS
    }
    names = ["mean", *(label for label in LABELS if label in scores[1][0])]
    curves = {
        name: [float(np.mean([row[name] for row in scores[fold]])) for fold in FOLDS]
        for name in names
    }
    print("| label | " + " | ".join(map(as_share, FOLDS)) + " | points by the last doubling |")
    print("|---" * (2 + len(FOLDS)) + "|")
    for name, values in curves.items():
        cells = " | ".join(f"{value:.3f}" for value in values)
        print(f"| `{name}` | {cells} | {100 * (values[-1] - values[-2]):+.1f} |")
    draw(curves, run / "curve.png")


def as_share(fold: int) -> str:
    """Of the photos."""
    return "all" if fold == 1 else f"1/{fold}"


def draw(curves: Mapping[str, Sequence[float]], file: Path) -> None:
    """Each label's curve over the share of photos, beside what is aimed at."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    labels = [name for name in curves if name != "mean"]
    figure, axes = pyplot.subplots(3, 5, figsize=(13, 7.5), sharex=True, sharey=True)
    for axis, name in zip(axes.flat, labels, strict=False):
        axis.plot([1 / fold for fold in FOLDS], curves[name], "o-")
        if name in AIMS:
            axis.axhline(AIMS[name], color="grey", linestyle=":")
        axis.set(title=name, xscale="log", ylim=(0, 1))
        axis.set_xticks([1 / fold for fold in FOLDS], list(map(as_share, FOLDS)))
        axis.minorticks_off()
    for axis in axes.flat[len(labels) :]:
        axis.set_visible(False)
    figure.supxlabel("share of the training photos")
    figure.supylabel("AP50")
    figure.tight_layout()
    figure.savefig(file, dpi=100)


if __name__ == "__main__":
    main()
