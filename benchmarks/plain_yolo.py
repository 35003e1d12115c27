"""What a user would do without kerbwatch: plain `yolo train` on the same photos.

    kerbwatch data build built
    python benchmarks/plain_yolo.py --data built --config benchmarks/short-run.toml --run runs/plain
    kerbwatch train evaluate --data built --imgsz 320 --model runs/plain/yolo/weights/last.pt

The photos, the split, COCO's weights and the settings are those of `kerbwatch train fit`. What is
missing are its labels filled in, its loss that is silent where nobody boxed, its photos of rare
labels that come more than once, and its head that keeps what COCO knows.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cv.data.samples import Sample, default_weights, read_image
from cv.data.splitting import spread
from cv.detect.letterbox import letterbox
from cv.labels import LABELS
from cv.train.stack import load_stack

_SETTLING = 8
"""Batches of photos for batch-norm's statistics, which COCO's fused weights have not."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="of `kerbwatch data build`; gets label caches"
    )
    parser.add_argument(
        "--weights",
        type=Path,
        default=default_weights("n"),
        help="of COCO, as for `kerbwatch train fit`",
    )
    parser.add_argument("--config", type=Path, required=True, help="as for `kerbwatch train fit`")
    parser.add_argument("--run", type=Path, required=True, help="folder for what comes of it")
    arguments = parser.parse_args()
    config = tomllib.loads(arguments.config.read_text(encoding="utf-8"))
    run = arguments.run.absolute()
    run.mkdir(parents=True, exist_ok=True)
    load_stack(run / "ultralytics")
    from ultralytics import YOLO

    from cv.train.evaluate import training_and_held_out

    own = config["fit"]
    training, validation = training_and_held_out(arguments.data)
    some = spread(training, _SETTLING * int(own["batch"]))
    YOLO(str(_coco(arguments.weights, some, own, run))).train(
        **config["ultralytics"],
        data=str(_data_file(training, validation, run)),
        imgsz=own["imgsz"],
        epochs=own["epochs"],
        batch=own["batch"],
        workers=own["workers"],
        seed=0,
        device="cpu",
        amp=False,
        plots=False,
        project=str(run),
        name="yolo",
        exist_ok=True,
    )


def _coco(weights: Path, samples: Sequence[Sample], own: dict[str, Any], run: Path) -> Path:
    """COCO's network as the checkpoint that a user would have downloaded."""
    from ultralytics.nn.tasks import DetectionModel

    from cv.train.batch_norm import settle_batch_norm
    from cv.train.network import load_coco, save_network

    batch, side = int(own["batch"]), int(own["imgsz"])
    starts = range(0, len(samples), batch)
    ours = load_coco(weights)
    settle_batch_norm(ours, (_pictures(samples[n : n + batch], side) for n in starts))
    model = DetectionModel("yolo26n.yaml", nc=len(ours.names), verbose=False)
    state, head = ours.state_dict(), f"model.{len(ours.model) - 1}."
    both = {n.replace(head, f"{head}one2one_"): v for n, v in state.items() if f"{head}cv" in n}
    model.load_state_dict(state | both)
    model.names, model.args = ours.names, {}
    out = run / "yolo26n.pt"
    save_network(model, out)
    return out


def _pictures(samples: Sequence[Sample], side: int) -> Any:
    """A batch, float [B, 3, side, side] RGB 0..1, letterboxed."""
    import torch

    stack = np.stack([letterbox(read_image(s.image), (side, side)).image for s in samples])
    return torch.from_numpy(stack[..., ::-1].transpose(0, 3, 1, 2).copy()).float() / 255


def _data_file(training: Sequence[Sample], validation: Sequence[Sample], run: Path) -> Path:
    """Ultralytics finds labels beside images by their paths, so nothing is copied."""
    for name, samples in (("train", training), ("val", validation)):
        lines = [str(sample.image.absolute()) for sample in samples]
        (run / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    names = json.dumps(dict(enumerate(LABELS)))
    out = run / "data.yaml"
    text = f"path: {run}\ntrain: train.txt\nval: val.txt\nnames: {names}\n"
    out.write_text(text, encoding="utf-8")
    return out


if __name__ == "__main__":
    main()
