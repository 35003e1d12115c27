"""YOLO26 with COCO weights, and the 13-label detector that starts from it or from an export."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cv.errors import ModelError
from cv.labels import LABELS
from cv.train.fused import load_fused, read_archive, read_onnx
from cv.train.ignoring import StreetModel
from cv.train.onnx_file import size_in, texts_in
from cv.train.outputs import write_output
from cv.train.sizes import Size

__all__ = [
    "COCO_IDS",
    "adapt_head",
    "load_checkpoint",
    "load_coco",
    "load_foreign",
    "load_shipped",
    "load_trained",
    "runs_of",
    "save_network",
    "size_of",
]

COCO_IDS: dict[str, int] = {
    "person": 0,
    "bicycle": 1,
    "car": 2,
    "motorcycle": 3,
    "bus": 5,
    "truck": 7,
}
"""The labels that COCO has too, by COCO class id (0-79)."""

_ROW_OF = COCO_IDS | {"tricycle": COCO_IDS["motorcycle"]}
_FRESH_BIAS = -7.0
"""Logit of a label without a COCO row: about one anchor in a thousand, so that it starts quiet."""
_COCO_CLASSES = 80


def load_coco(weights: Path, size: Size = Size.N) -> Any:
    """YOLO26, 80 COCO classes, trainable, in eval mode.

    Args:
        weights: a numpy archive of fused weights (`model.<i>....conv.weight`), or the official
            `yolo26n.pt` or `yolo26s.pt`.

    Raises:
        ModelError: the file is missing, not of such a model, or has other classes.
    """
    if not weights.is_file():
        known = f"give the official {size.official}, or a fused .npz, with --weights"
        raise ModelError(f"{weights}: no such weights file; {known}")
    model = StreetModel(size.yaml, nc=_COCO_CLASSES, verbose=False)
    if weights.suffix == ".pt":
        _copy_official(model, weights, size)
    else:
        load_fused(model, read_archive(weights), weights)
    return model.eval()


def load_trained(file: Path) -> Any:
    """The network of an exported ONNX file, else of a checkpoint, in eval mode.

    Raises:
        ModelError: as `load_shipped` and `load_checkpoint`.
    """
    return load_shipped(file) if file.suffix == ".onnx" else load_checkpoint(file)


def load_checkpoint(path: Path) -> Any:
    """The network of a checkpoint of `kerbwatch train fit`, float32, in eval mode.

    Raises:
        ModelError: the file is missing or not such a checkpoint.
    """
    model = _load(path, "a checkpoint of `kerbwatch train fit`")
    if tuple(model.names.values()) != LABELS:
        raise ModelError(f"{path}: trained for other labels; expected {', '.join(LABELS)}")
    return model


def load_shipped(file: Path) -> Any:
    """The network of an ONNX file that `kerbwatch train export` wrote, trainable, in eval mode.

    Raises:
        ModelError: the file is missing, damaged, or not of such a network.
    """
    fused, metadata = read_onnx(file)
    if texts_in(metadata, "labels", file) != LABELS:
        raise ModelError(f"{file}: trained for other labels; expected {', '.join(LABELS)}")
    size = size_in(metadata, file)
    model = adapt_head(StreetModel(size.yaml, nc=_COCO_CLASSES, verbose=False))
    load_fused(model, fused, file)
    model.history = texts_in(metadata, "trained", file)
    model.args, model.exported = {}, True
    return model.eval()


def load_foreign(path: Path) -> tuple[Any, dict[int, int]]:
    """Any YOLO26 checkpoint, or COCO weights (.npz), and its class ids that are labels of ours.

    Classes are known by their names, so COCO's are found, and those of a plain `yolo train`.

    Raises:
        ModelError: the file is missing, is no such network, or knows none of our labels.
    """
    if path.suffix == ".npz":
        return load_coco(path), {number: LABELS.index(label) for label, number in COCO_IDS.items()}
    model = _load(path, "a YOLO checkpoint")
    known = {n: LABELS.index(name) for n, name in model.names.items() if name in LABELS}
    if not known:
        raise ModelError(f"{path}: none of its classes is one of {', '.join(LABELS)}")
    return model, known


def _load(path: Path, what: str) -> Any:
    if not path.is_file():
        raise ModelError(f"{path}: no such checkpoint")
    from ultralytics.nn.tasks import load_checkpoint as load

    try:
        model, _ = load(str(path))
    except Exception as error:  # whatever unpickling of a foreign file brings
        raise ModelError(f"{path}: not {what}") from error
    # Older ones of ours have a second head, and so have those of a plain `yolo train`.
    head = model.model[-1]
    for name in [name for name, _ in head.named_children() if name.startswith("one2one_")]:
        delattr(head, name)
    return model.float().eval()


def size_of(model: Any) -> str:
    """The letter of a YOLO26's size: n, s, m, l or x."""
    return str(model.yaml["scale"])


def save_network(model: Any, out: Path) -> None:
    """Write a checkpoint that holds a network and no state of its training.

    Raises:
        ModelError: it cannot be written.
    """
    content = BytesIO()
    torch.save({"model": model, "train_args": dict(model.args), "epoch": -1}, content)
    write_output(out, content.getvalue())


def runs_of(model: Any) -> tuple[str, ...]:
    """The runs that made a checkpoint's network, the first one first, each in a few words."""
    if model.exported:
        return tuple(model.history)
    settings = dict(model.args)
    named = ", ".join(f"{key} {settings[key]}" for key in ("imgsz", "epochs", "batch", "seed"))
    return (*model.history, named + model.averaged_with)


def _copy_official(model: Any, weights: Path, size: Size) -> None:
    from ultralytics.nn.tasks import load_checkpoint as load

    try:
        state = load(str(weights))[0].float().state_dict()
        model.load_state_dict({name: v for name, v in state.items() if "one2one_" not in name})
    except Exception as error:
        needed = f"{size.network} with the 80 COCO classes; give the official {size.official}"
        raise ModelError(f"{weights}: not {needed}") from error


def adapt_head(model: Any, labels: tuple[str, ...] = LABELS) -> Any:
    """Replace the 80 classes by `labels`, in place; labels that COCO has keep their weights.

    The class branch keeps the width it has for 80 classes, so that its inner layers still fit.
    """
    head = model.model[-1]
    for level in head.cv3:
        level[-1] = _relabelled(level[-1], labels)
    head.nc = model.nc = len(labels)
    head.no = head.nc + 4 * head.reg_max
    model.names = dict(enumerate(labels))
    model.yaml = {**model.yaml, "nc": len(labels)}
    return model


def _relabelled(old: nn.Conv2d, labels: tuple[str, ...]) -> nn.Conv2d:
    new = nn.Conv2d(old.in_channels, len(labels), 1)
    with torch.no_grad():
        nn.init.normal_(new.weight, std=0.01)
        new.bias.fill_(_FRESH_BIAS)
        for row, label in enumerate(labels):
            if label in _ROW_OF:
                new.weight[row] = old.weight[_ROW_OF[label]]
                new.bias[row] = old.bias[_ROW_OF[label]]
    return new
