"""Loads torch and ultralytics the way kerbwatch wants them: no downloads, no telemetry.

Ultralytics installs packages, phones home and writes a settings file into the home folder unless
its environment says otherwise before the first import.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image

from cv.errors import ModelError

__all__ = ["load_stack"]


def load_stack(settings: Path | None = None) -> None:
    """Import torch, torchvision and ultralytics, ready to train and to export.

    Args:
        settings: folder for ultralytics' own files; None is a temporary one.

    Raises:
        ModelError: the extra `train` is not installed.
    """
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ["YOLO_OFFLINE"] = "true"
    os.environ["YOLO_VERBOSE"] = os.environ.get("YOLO_VERBOSE", "false")
    if "YOLO_CONFIG_DIR" not in os.environ:
        os.environ["YOLO_CONFIG_DIR"] = str(settings or _temporary_folder())
    own = Path(os.environ["YOLO_CONFIG_DIR"])
    own.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("MPLCONFIGDIR", str(own))  # its fonts' index
    try:
        from cv.train.torchvision_cure import cure_torchvision

        cure_torchvision()
        # Ultralytics puts an Image.open in place that wants to install a HEIF reader.
        pillow_open = Image.open
        import ultralytics

        Image.open = pillow_open
        if not sys.stdout.isatty():
            # Its progress bars are drawn over themselves, and a log file keeps every stroke.
            ultralytics.utils.tqdm.is_noninteractive_console = lambda: True
    except ModuleNotFoundError as error:
        raise ModelError(f"{error.name} is not installed; it comes with the extra train") from error
    ultralytics.settings.update({"sync": False})


def _temporary_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="kerbwatch-ultralytics-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
