"""What each step of training brings: short runs that differ in one step.

    kerbwatch data build built
    python benchmarks/ablation.py --data built --config benchmarks/short-run.toml --run runs/steps

Each run takes about eight minutes on two cores. It is scored on the held-out photos as they are,
and on copies that are corrupted as cameras do (`cv.train.corruption`). A run that is done is not
made again; name steps to make only these.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
from apart import apart

from cv.data.samples import Sample, default_weights, read_image
from cv.train.stack import load_stack

Without = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Step:
    """A run: settings that are written otherwise, and what is left out."""

    settings: tuple[tuple[str, str], ...] = ()
    without: tuple[Without, ...] = ()


def no_pseudo_boxes() -> AbstractContextManager[Any]:
    """Persons and vehicles that nobody boxed are background."""
    from cv.train.fill import Filling

    return patch("cv.train.fit.fill", lambda samples, *_, **__: [Filling()] * len(samples))


def nothing_unsure() -> AbstractContextManager[Any]:
    """What the COCO model half sees is background."""
    from cv.train.fill import fill

    def sure_only(*arguments: Any, **named: Any) -> list[Any]:
        return [replace(filling, unsure=()) for filling in fill(*arguments, **named)]

    return patch("cv.train.fit.fill", sure_only)


def nothing_unknown() -> AbstractContextManager[Any]:
    """What is neither complete nor filled in is background."""
    return patch("cv.train.dataset._unknown", lambda _: ())


def no_repeats() -> AbstractContextManager[Any]:
    """Each photo once."""
    return patch.dict("cv.train.dataset._REPEATS", clear=True)


STEPS = {
    "as it is": Step(),
    "no pseudo boxes": Step(without=(no_pseudo_boxes,)),
    "loss silent nowhere": Step(without=(nothing_unsure, nothing_unknown)),
    "no repeats of rare labels": Step(without=(no_repeats,)),
    "800 composed photos": Step(
        (
            ("construction_waste = 0", "construction_waste = 250"),
            ("storefront_goods = 0", "storefront_goods = 150"),
            ("street_stall = 0", "street_stall = 300"),
            ("garbage_heap = 0", "garbage_heap = 100"),
        )
    ),
    "a third corrupted": Step((("corrupted = 0.0", "corrupted = 0.33"),)),
    "mean of 100 steps": Step((("ema_steps = 1", "ema_steps = 100"),)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"of {', '.join(STEPS)}")
    parser.add_argument("--data", type=Path, required=True, help="of `kerbwatch data build`")
    parser.add_argument("--config", type=Path, required=True, help="as for `kerbwatch train fit`")
    parser.add_argument("--run", type=Path, required=True, help="folder for what comes of it")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.steps if name not in STEPS]:
        parser.error(f"{unknown[0]!r} is no step; choose {', '.join(STEPS)}")
    for name in arguments.steps or STEPS:
        if not _scores_file(arguments.run, name).exists():
            apart(make, name, arguments.data, arguments.config, arguments.run)
    show(arguments.run)


def make(name: str, data: Path, config: Path, run: Path) -> None:
    """Train and score one step; its scores are in `scores.json` then."""
    folder = _scores_file(run, name).parent
    folder.mkdir(parents=True, exist_ok=True)
    text = config.read_text(encoding="utf-8")
    for old, new in STEPS[name].settings:
        if old not in text:
            raise SystemExit(f"{config}: has no line {old!r}")
        text = text.replace(old, new)
    own = folder.with_name(f"{folder.name}.toml")  # a new run's folder holds nothing else
    own.write_text(text, encoding="utf-8")
    load_stack(folder / "ultralytics")
    from cv.train.fit import FitOptions, fit

    trained = folder / "trained"
    if not trained.exists():
        with ExitStack() as stack:
            for without in STEPS[name].without:
                stack.enter_context(without())
            options = FitOptions(
                data=data, weights=default_weights("n"), run=folder, config=own, resume=True
            )
            fit(options)
        trained.touch()
    side = int(tomllib.loads(text)["fit"]["imgsz"])
    scores = scores_of(folder / "weights/last.pt", data, run, side)
    _scores_file(run, name).write_text(json.dumps(scores), encoding="utf-8")


def scores_of(checkpoint: Path, data: Path, run: Path, side: int) -> dict[str, Any]:
    """AP50 and AP of all, AP50 of each label, on photos as they are and corrupted."""
    from cv.train.detections import find
    from cv.train.evaluate import held_out, open_predictor
    from cv.train.scoring import score

    predict = open_predictor(checkpoint)
    result: dict[str, Any] = {}
    samples = held_out(data)
    copies = list(corrupted(samples, run / "corrupted"))
    for kind, photos in (("", samples), ("corrupted", copies)):
        scores = score(list(find(photos, predict, (side, side))))
        result[f"AP50 {kind}".strip()] = scores.ap50
        result[f"AP50-95 {kind}".strip()] = scores.ap
        if not kind:
            result |= {row.label: row.ap50 for row in scores.labels if row.boxes}
    return result


def corrupted(samples: Sequence[Sample], folder: Path) -> Iterator[Sample]:
    """Copies of photos, the same in every run."""
    from cv.train.corruption import CORRUPTIONS

    rng = np.random.default_rng(0)
    for number, sample in enumerate(samples):
        copy = folder / f"{number}.png"
        kind, seed = CORRUPTIONS[int(rng.integers(len(CORRUPTIONS)))], int(rng.integers(2**31))
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(copy), kind(read_image(sample.image), np.random.default_rng(seed)))
        yield replace(sample, image=copy)


def show(run: Path) -> None:
    """A table of the runs that are done, as Markdown."""
    done = {
        name: json.loads(_scores_file(run, name).read_text(encoding="utf-8"))
        for name in STEPS
        if _scores_file(run, name).exists()
    }
    columns = list(next(iter(done.values()), {}))
    print("| run | " + " | ".join(columns) + " |")
    print("|---" * (1 + len(columns)) + "|")
    for name, row in done.items():
        print(f"| {name} | " + " | ".join(f"{row[column]:.3f}" for column in columns) + " |")


def _scores_file(run: Path, name: str) -> Path:
    return run / name.replace(" ", "-") / "scores.json"


if __name__ == "__main__":
    main()
