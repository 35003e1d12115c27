"""`kerbwatch train fit`: fine-tunes YOLO26 for the 13 labels; safe to kill, `--resume` goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from cv.cpus import cpu_features
from cv.data.reading import read_sources
from cv.data.samples import Sample, default_data, default_weights
from cv.data.scenes import COMPOSED, compose_scenes
from cv.data.splitting import leave_out, share_of, split, why_unscored
from cv.errors import ModelError
from cv.train.beginning import Beginning, Told, holds_checkpoint, keep, kept
from cv.train.bounds import check_number
from cv.train.dataset import Dataset, check_held_out, read_dataset, write_dataset
from cv.train.fill import fill, without_hidden
from cv.train.ignoring import StreetModel
from cv.train.network import adapt_head, load_coco, load_trained, runs_of, size_of
from cv.train.settings import read_settings
from cv.train.sizes import Size
from cv.train.trainer import StreetTrainer

__all__ = ["FitOptions", "fit"]

_BOXES = "coco-boxes.json"
_NO_CHECKPOINT = "damaged, or no checkpoint to resume from; train anew in another --run"


@dataclass(frozen=True, slots=True)
class FitOptions:
    """One training run; None is not stated.

    What is not stated is the run's own if it is resumed. Else `imgsz`, `epochs` and `batch` are
    the config file's, `data` and `weights` the shared ones, `seed` is 0 and `share` 1.

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

    run: Path
    data: Path | None = None
    weights: Path | None = None
    size: Size = Size.N
    start: Path | None = None
    imgsz: int | None = None
    epochs: int | None = None
    batch: int | None = None
    hours: float | None = None
    device: str = "cpu"
    seed: int | None = None
    resume: bool = False
    config: Path | None = None
    leave_out: tuple[str, ...] = ()
    share: float | None = None


def fit(options: FitOptions) -> Path:
    """Train; gives the best checkpoint.

    Raises:
        ModelError: the data, weights, config or run folder cannot be used.
    """
    device = _check_device(options.device)
    half = _has_bfloat16(device)
    for key, value in (("seed", options.seed), ("hours", options.hours)):
        if value is not None:
            check_number(key, value, "--")
    resumed = holds_checkpoint(options.run, resume=options.resume)
    if options.resume and not resumed:  # killed before the first one, or a folder's name mistyped
        Console().print(f"{options.run}: no checkpoint to resume from; begins anew", soft_wrap=True)
    began = _resumed(options) if resumed else _new(options)
    training, validation = _photos(began, options.config)
    torch.manual_seed(began.seed)
    if resumed:
        start, dataset = None, read_dataset(options.run / "dataset")
        check_held_out(dataset, validation, began.data)
    else:
        start, dataset = _prepared(began, training, validation, options, half=half, device=device)
    trainer = StreetTrainer(
        _overrides(options, began, dataset, resumed=resumed),
        start=start,
        ignore_sets=dataset.ignore_sets,
        validation=validation,
        workers=began.settings.fit["workers"],
        half=half,
        corrupted=began.settings.fit["corrupted"],
        ema_steps=began.settings.fit["ema_steps"],
    )
    trainer.train()
    return Path(trainer.best)


def _new(options: FitOptions) -> Beginning:
    return Beginning(
        read_settings(options.config, _given(options)),
        data=options.data or default_data(),
        left_out=options.leave_out,
        weights=options.weights or default_weights(options.size),
        start=options.start,
        share=1.0 if options.share is None else options.share,
        seed=options.seed or 0,
        hours=options.hours,
    )


def _resumed(options: FitOptions) -> Beginning:
    _check_checkpoint(options)
    told = Told(
        data=options.data,
        left_out=options.leave_out or None,
        weights=options.weights,
        start=options.start,
        share=options.share,
        seed=options.seed,
        hours=options.hours,
    )
    return kept(options.run, options.config, _given(options), told)


def _photos(began: Beginning, config: Path | None) -> tuple[list[Sample], list[Sample]]:
    """Those that train, and those that choose the checkpoint."""
    samples = read_sources(began.data)
    if any(sample.source == COMPOSED for sample in samples):
        raise ModelError(
            f"{began.data / COMPOSED}: photos that training composes are called so; rename it"
        )
    training, validation = split(samples)
    if not training:
        raise ModelError(f"{began.data}: every photo is held out, so none trains")
    training = leave_out(training, began.left_out)
    # They are to tell what the network makes of unknown places, so they choose no checkpoint.
    validation = [sample for sample in validation if sample.source not in began.left_out]
    if why := why_unscored(validation):
        raise ModelError(f"{began.data}: nothing to validate with: {why}")
    _check_repeats(began.settings.repeats, training, config)
    return share_of(training, began.share), validation


def _prepared(
    began: Beginning,
    training: Sequence[Sample],
    validation: Sequence[Sample],
    options: FitOptions,
    *,
    half: bool,
    device: str,
) -> tuple[Any, Dataset]:
    """The network to begin with, and the data set, written into the run's folder."""
    run, settings = options.run, began.settings
    coco = load_coco(began.weights or default_weights(options.size), options.size)
    # Looked at before the hours that boxes and photos may take.
    earlier = _earlier(began.start, options.size) if began.start else None
    run.mkdir(parents=True, exist_ok=True)
    keep(began, run)
    # Minutes of processor time, and those of a run beside it are of the same photos, mostly.
    theirs = sorted(run.parent.glob(f"*/{_BOXES}"))
    fillings = fill(training, coco, run / _BOXES, half=half, device=device, others=theirs)
    scenes = compose_scenes(training, settings.compose, run / "composed", seed=began.seed)
    seen = [without_hidden(fillings[scene.background], scene.covers) for scene in scenes]
    dataset = write_dataset(
        [*training, *(scene.sample for scene in scenes)],
        [*fillings, *seen],
        validation,
        run / "dataset",
        settings.repeats,
    )
    return adapt_head(coco.cpu()) if earlier is None else earlier, dataset


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


def _check_checkpoint(options: FitOptions) -> None:
    last = _last(options.run)
    try:
        checkpoint = torch.load(last, map_location="cpu", weights_only=False)
        network, done = checkpoint["ema"], int(checkpoint["epoch"]) + 1
        epochs = int(checkpoint["train_args"]["epochs"])
    except Exception as error:  # whatever unpickling of a foreign file brings
        raise ModelError(f"{last}: {_NO_CHECKPOINT}") from error
    if not isinstance(network, StreetModel) or done < 1:
        raise ModelError(f"{last}: {_NO_CHECKPOINT}")
    _check_size(network, options.run, options.size)
    if done >= epochs:
        raise ModelError(f"{options.run}: this run is finished; choose another --run")


def _check_size(model: Any, file: Path, size: Size) -> None:
    own = size_of(model)
    if own != size:
        raise ModelError(f"{file}: holds YOLO26{own}, not {size.network}; give --model {own}")


def _has_bfloat16(device: str) -> bool:
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool({"avx512_bf16", "amx_bf16"} & set(cpu_features()))


def _last(run: Path) -> Path:
    return run / "weights/last.pt"


def _overrides(
    options: FitOptions, began: Beginning, dataset: Dataset, *, resumed: bool
) -> dict[str, Any]:
    settings = began.settings
    return {
        **settings.ultralytics,
        "task": "detect",
        "model": options.size.yaml,
        "data": str(dataset.yaml),
        "epochs": settings.fit["epochs"],
        "batch": settings.fit["batch"],
        "imgsz": settings.fit["imgsz"],
        "time": options.hours,  # as planned so far, unless the resuming command says it again
        "device": "cpu" if options.device == "cpu" else "0",
        "seed": began.seed,
        "save_dir": str(options.run),
        "exist_ok": True,
        "amp": False,  # kerbwatch's own bfloat16; ultralytics' check would download a model
        "plots": False,
        "resume": str(_last(options.run)) if resumed else False,
    }
