"""Ultralytics' trainer with kerbwatch's loss, validation and checkpoints.

Five things differ: channels-last on CPUs and bfloat16 on those that compute in it (ultralytics
keeps both for CUDA), batch-norm that begins with the statistics of the training pictures,
validation by `cv.train.scoring` (its own counts unboxed things as errors), a moving average of
weights that is as long as asked for, and checkpoints that appear whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils.torch_utils import strip_optimizer

from cv.cpus import usable_cpus
from cv.data.samples import Sample
from cv.errors import ModelError
from cv.labels import LABELS
from cv.train.batch_norm import settle_batch_norm
from cv.train.detections import find
from cv.train.graph import Deployed, predict_with_torch
from cv.train.ignoring import StreetModel
from cv.train.progress import Progress
from cv.train.run_plot import drop_epochs, plot_run
from cv.train.scoring import score
from cv.train.street_dataset import StreetDataset, check_whole
from cv.train.tensorboard_log import TensorBoardLog

__all__ = ["StreetTrainer", "ema_decay"]

_SETTLING = 16
"""Batches that set batch-norm's statistics at the start."""


def ema_decay(steps: int) -> Callable[[int], float]:
    """The decay of a moving average of weights, by how often it was updated, 1 for the first time.

    Ultralytics' own is made for runs of a hundred thousand steps: after 3,000 it is 0.78, a mean
    of 4 steps. The ramp is that of TensorFlow's `tf.train.ExponentialMovingAverage`.

    Args:
        steps: about so many of the last ones count; 1 is the last one alone.

    Raises:
        ModelError: fewer than 1.
    """
    if steps < 1:
        raise ModelError(f"fit.ema_steps is {steps}; it must be 1 or more")
    return lambda updates: min(1 - 1 / steps, (1 + updates) / (10 + updates))


class StreetTrainer(DetectionTrainer):  # type: ignore[misc]  # ultralytics has no types
    """Trains `start` (or resumes) and validates on held-out samples.

    Args:
        overrides: ultralytics' settings.
        start: the network to begin with; unused when resuming.
        ignore_sets: what the data set's ignore boxes mean.
        validation: held-out samples.
        workers: processes that load images; ultralytics sets 0 on a CPU, which leaves the second
            core idle while it loads.
        half: bfloat16 forward passes.
        corrupted: share of training pictures that are corrupted as cameras do.
        ema_steps: how many of the last optimizer steps the network that is validated and kept is
            the mean of, about.
    """

    last: Path
    best: Path
    best_fitness: float | None
    tensorboard: TensorBoardLog

    def __init__(
        self,
        overrides: dict[str, Any],
        *,
        start: StreetModel | None,
        ignore_sets: Sequence[Sequence[str]],
        validation: Sequence[Sample],
        workers: int,
        half: bool,
        corrupted: float,
        ema_steps: int,
    ) -> None:
        super().__init__(overrides=overrides)
        torch.set_num_threads(usable_cpus())  # ultralytics leaves one core to others
        self.args.workers = workers
        self._start = start
        self._ignore_sets = ignore_sets
        self._validation = validation
        self._half = half
        self._corrupted = corrupted
        self._ema_steps = ema_steps
        self._console = Console()
        self._progress = Progress(self._console)
        self.add_callback("on_train_epoch_start", self._progress.begin)
        self.add_callback("on_train_batch_end", self._progress.step)
        self.add_callback("on_fit_epoch_end", lambda trainer: plot_run(trainer.csv))
        self.add_callback("on_train_end", lambda trainer: trainer.tensorboard.close())

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:
        model: Any = self._start if weights is None else weights
        if hasattr(model.model[-1], "one2one_cv2"):
            raise ModelError("an older kerbwatch began this run; begin one with --start last.pt")
        model.set_ignore_sets(self._ignore_sets, LABELS)
        model.half_forward = self._half
        return model

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
        dataset = super().build_dataset(img_path, mode, batch)
        check_whole(dataset)
        if mode == "train":
            # Ultralytics names the class of its data set itself, deep inside.
            dataset.__class__ = StreetDataset
            dataset.corrupted = self._corrupted
            dataset.transforms = dataset.build_transforms(self.args)
        return dataset

    def set_model_attributes(self) -> None:
        # The data set's extra names are ignore boxes, no labels of the model.
        self.model.nc = len(LABELS)
        self.model.names = dict(enumerate(LABELS))
        self.model.args = self.args

    def _setup_train(self) -> None:
        super()._setup_train()
        self.ema.decay = ema_decay(self._ema_steps)
        if not self.resume:
            self._settle()
        folder = Path(self.save_dir) / "tensorboard"
        self.tensorboard = TensorBoardLog(folder, self.start_epoch + 1)
        drop_epochs(self.csv, self.start_epoch + 1)
        if self.device.type == "cpu":  # also in float32: 3.1 photos a second instead of 2.1
            self.model.to(memory_format=torch.channels_last)

    def _settle(self) -> None:
        """What was loaded is what begins to train: batch-norm as it is on these very pictures."""
        batches = islice(self.train_loader, _SETTLING)
        settle_batch_norm(
            self.model.train(), (self.preprocess_batch(batch)["img"] for batch in batches)
        )
        self.train_loader.reset()  # it would go on from there, and epochs not see each photo once
        self.ema.ema.load_state_dict(self.model.state_dict())

    def preprocess_batch(self, batch: Any) -> Any:
        batch = super().preprocess_batch(batch)
        if self.device.type == "cpu":
            batch["img"] = batch["img"].contiguous(memory_format=torch.channels_last)
        return batch

    def validate(self) -> tuple[dict[str, float], float]:
        deployed = Deployed(self.ema.ema).to(self.device)
        side = int(self.args.imgsz)
        predict = predict_with_torch(deployed)
        scores = score(list(find(self._validation, predict, (side, side))))
        # The mean of labels whose AP rests on a handful of boxes is noisy; it still picks well.
        fitness = 0.5 * scores.ap50 + 0.5 * scores.ap
        if self.best_fitness is None or self.best_fitness < fitness:
            self.best_fitness = fitness
        metrics = {"val/AP50": scores.ap50, "val/AP": scores.ap}
        metrics |= {f"val/AP50 {row.label}": row.ap50 for row in scores.labels}
        self._console.print(
            f"epoch {self.epoch + 1}/{self.epochs}: AP50 {scores.ap50:.3f}, AP {scores.ap:.3f}; "
            + ", ".join(f"{row.label} {row.ap50:.2f}" for row in scores.labels if row.boxes)
        )
        return metrics, fitness

    def _handle_nan_recovery(self, epoch: int) -> bool:
        """As ultralytics does: train an epoch again whose loss is no number, up to three times.

        In a process's first epoch it would go on instead, and keep a network of zeros.

        Raises:
            ModelError: that does not help; the checkpoints before stay.
        """
        try:
            again = bool(super()._handle_nan_recovery(epoch))
        except RuntimeError as error:
            raise _diverged(epoch) from error
        if not (again or self.loss.isfinite()):
            raise _diverged(epoch)
        return again

    def save_metrics(self, metrics: dict[str, float]) -> None:
        """To `results.csv` and to TensorBoard."""
        super().save_metrics(metrics)
        self.tensorboard.add(self.epoch + 1, {name: float(v) for name, v in metrics.items()})

    def save_model(self) -> bool:
        """As ultralytics does, but whole or not at all.

        Raises:
            ModelError: the disk is full; the checkpoints before stay, and a run goes on from there.
        """
        last, best = self.last, self.best
        self.last, self.best = (path.with_suffix(".part") for path in (last, best))
        try:
            saved = bool(super().save_model())
            for part, path in ((self.best, best), (self.last, last)):
                if part.exists():
                    part.replace(path)
        except OSError as error:
            raise ModelError(
                f"{last}: cannot be written: {error.strerror}; --resume goes on"
            ) from error
        finally:
            for part in (self.last, self.best):
                part.unlink(missing_ok=True)
            self.last, self.best = last, best
        return saved

    def final_eval(self) -> None:
        """Drop the optimizer from the best checkpoint; `last` keeps it and its epoch number.

        Raises:
            ModelError: the disk is full; the checkpoint stays as it was, only larger.
        """
        if not self.best.exists():
            return
        part = self.best.with_suffix(".part")
        try:
            strip_optimizer(self.best, str(part))
            part.replace(self.best)
        except (OSError, RuntimeError) as error:  # torch's own, of a file that it cannot write
            raise ModelError(f"{part}: cannot be written; {self.best} can be used as is") from error
        finally:
            part.unlink(missing_ok=True)


def _diverged(epoch: int) -> ModelError:
    return ModelError(
        f"epoch {epoch + 1}: the loss is no number any more; train anew in another --run, "
        "with a lower lr0 ([ultralytics] of --config)"
    )
