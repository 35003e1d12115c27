"""`kerbwatch train fit`: fine-tunes YOLO26 for the 13 labels; safe to kill, `--resume` goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cv.cpus import cpu_features
from cv.data.reading import read_sources
from cv.data.samples import Sample
from cv.data.scenes import compose_scenes
from cv.data.splitting import leave_out, share_of, split, why_unscored
from cv.errors import ModelError
from cv.train.dataset import Dataset, read_dataset, write_dataset
from cv.train.fill import Filling, fill, without_hidden
from cv.train.network import (
    adapt_head,
    load_coco,
    load_trained,
    runs_of,
    size_of,
)
from cv.train.settings import Beginning, Settings, keep, kept, read_settings
from cv.train.sizes import Size
from cv.train.trainer import StreetTrainer

__all__ = ["FitOptions", "fit"]


@dataclass(frozen=True, slots=True)
class FitOptions:
    """One training run; None takes the config file's value.

    Attributes:
        weights: COCO's, of a network of this size.
        hours: train about this long instead of a number of epochs; the schedule adapts.
        start: an exported model or the checkpoint of an earlier run to go on from, instead of COCO
            weights.
        run: folder for the data set, checkpoints (`weights/last.pt`, `best.pt`) and `results.csv`.
        config: a file like default.toml; None is that one.
        leave_out: sources that neither train nor choose the checkpoint, to see what the network
            makes of unknown places.
        share: of each source's training photos, to see whether more would help.
    """

    data: Path
    weights: Path
    run: Path
    size: Size = Size.N
    start: Path | None = None
    imgsz: int | None = None
    epochs: int | None = None
    batch: int | None = None
    hours: float | None = None
    device: str = "cpu"
    seed: int = 0
    resume: bool = False
    config: Path | None = None
    leave_out: tuple[str, ...] = ()
    share: float = 1.0


def fit(options: FitOptions) -> Path:
    """Train; gives the best checkpoint.

    Raises:
        ModelError: the data, weights, config or run folder cannot be used.
    """
    device = _check_device(options.device)
    last = options.run / "weights" / "last.pt"
    resumed = _check_run(last, options)
    if resumed:
        began = kept(options.run, options.config, _given(options), options.leave_out)
    else:
        settings = read_settings(options.config, _given(options))
        began = Beginning(settings, options.data, options.leave_out)
    settings, data = began.settings, began.data
    torch.manual_seed(options.seed)
    half = _has_bfloat16(device)
    training, validation = split(read_sources(data))
    training = leave_out(training, began.left_out)
    # They are to tell what the network makes of unknown places, so they choose no checkpoint.
    validation = [sample for sample in validation if sample.source not in began.left_out]
    if why := why_unscored(validation):
        raise ModelError(f"{data}: nothing to validate with: {why}")
    _check_repeats(settings.repeats, training, options.config)
    training = share_of(training, options.share)
    start, dataset = None, read_dataset(options.run / "dataset")
    if not resumed:
        coco = load_coco(options.weights, options.size)
        fillings = _fillings(training, coco, options.run, half=half, device=device)
        scenes = compose_scenes(
            training, settings.compose, options.run / "composed", seed=options.seed
        )
        seen = [without_hidden(fillings[scene.background], scene.covers) for scene in scenes]
        dataset = write_dataset(
            [*training, *(scene.sample for scene in scenes)],
            [*fillings, *seen],
            validation,
            options.run / "dataset",
            settings.repeats,
        )
        start = _earlier(options.start, options.size) if options.start else adapt_head(coco.cpu())
        keep(began, options.run)
    if dataset is None:
        raise ModelError(f"{options.run}/dataset/data.yaml is gone; train anew in another --run")
    trainer = StreetTrainer(
        _overrides(options, settings, dataset, last if resumed else None),
        start=start,
        ignore_sets=dataset.ignore_sets,
        validation=validation,
        workers=settings.fit["workers"],
        half=half,
        corrupted=settings.fit["corrupted"],
        ema_steps=settings.fit["ema_steps"],
    )
    trainer.train()
    return Path(trainer.best)


def _check_repeats(
    repeats: Mapping[str, int], training: Sequence[Sample], config: Path | None
) -> None:
    known = {sample.source for sample in training}
    if unknown := sorted(set(repeats) - known):
        raise ModelError(
            f"{config}: repeats.{unknown[0]}: no such source has training photos; "
            f"there are {', '.join(sorted(known))}"
        )


def _earlier(file: Path, size: Size) -> Any:
    """The network of an earlier run, ready to go on."""
    model = load_trained(file)
    _check_size(model, file, size)
    model.history, model.averaged_with, model.exported = runs_of(model), "", False
    return model.requires_grad_(True)


def _given(options: FitOptions) -> dict[str, int]:
    chosen = {"imgsz": options.imgsz, "epochs": options.epochs, "batch": options.batch}
    return {key: value for key, value in chosen.items() if value is not None}


def _check_device(device: str) -> str:
    if device not in ("cpu", "cuda"):
        raise ModelError(f"device {device!r} is unknown; choose cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise ModelError("device cuda: torch sees no CUDA device here; choose cpu")
    return device


def _check_run(last: Path, options: FitOptions) -> bool:
    """Whether to resume. A run that was killed before its first checkpoint starts anew."""
    if not last.exists():
        return False
    if not options.resume:
        raise ModelError(f"{options.run} holds a run; add --resume or choose another --run")
    checkpoint = torch.load(last, map_location="cpu", weights_only=False)
    _check_size(checkpoint["ema"], options.run, options.size)
    if checkpoint["epoch"] + 1 >= checkpoint["train_args"]["epochs"]:
        raise ModelError(f"{options.run}: this run is finished; choose another --run")
    return True


def _check_size(model: Any, file: Path, size: Size) -> None:
    own = size_of(model)
    if own != size:
        raise ModelError(f"{file}: holds YOLO26{own}, not {size.network}; give --model {own}")


def _has_bfloat16(device: str) -> bool:
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool({"avx512_bf16", "amx_bf16"} & set(cpu_features()))


def _fillings(
    training: Sequence[Sample], coco: Any, run: Path, *, half: bool, device: str
) -> list[Filling]:
    run.mkdir(parents=True, exist_ok=True)
    return fill(training, coco, run / "coco-boxes.json", half=half, device=device)


def _overrides(
    options: FitOptions, settings: Settings, dataset: Dataset, last: Path | None
) -> dict[str, Any]:
    return {
        **settings.ultralytics,
        "task": "detect",
        "model": options.size.yaml,
        "data": str(dataset.yaml),
        "epochs": settings.fit["epochs"],
        "batch": settings.fit["batch"],
        "imgsz": settings.fit["imgsz"],
        "time": options.hours,
        "device": "cpu" if options.device == "cpu" else "0",
        "seed": options.seed,
        "save_dir": str(options.run),
        "exist_ok": True,
        "amp": False,  # kerbwatch's own bfloat16; ultralytics' check would download a model
        "plots": False,
        "resume": str(last) if last else False,
    }
