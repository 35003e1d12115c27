"""Where a clip and what belongs to it go, and that nothing of anybody's own is lost there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from cv.errors import UserError

__all__ = ["Outputs"]

_LABELS = re.compile(r"\d{6,}\.txt")


class Outputs(NamedTuple):
    """`clip.mp4`, and beside it `clip.labels/`, `clip.incidents.json` and `clip.site.toml`."""

    clip: Path
    labels: Path
    incidents: Path
    site: Path

    @classmethod
    def beside(cls, clip: Path) -> Outputs:
        """The files of a clip of this name.

        Raises:
            UserError: the name is no MP4 file's.
        """
        if clip.suffix.lower() != ".mp4":
            raise UserError(f"{clip}: name a file that ends in .mp4")
        others = (clip.with_suffix(end) for end in (".labels", ".incidents.json", ".site.toml"))
        return cls(clip, *others)

    def check(self, scenario: Path, site: str) -> None:
        """What an earlier clip of this name left is replaced; of other things, nothing.

        Before the film is made: it may take hours.

        Args:
            scenario: the file that is filmed.
            site: what is to be written as site file.

        Raises:
            UserError: one of the files is there and is not a clip's, or cannot be looked at.
        """
        try:
            self._check(scenario, site)
        except OSError as error:
            raise UserError(f"{self.clip}: cannot be written: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UserError(f"{self.site} is no site file; name another clip") from error

    def _check(self, scenario: Path, site: str) -> None:
        for file in (self.clip, self.incidents, self.site):
            if file.is_symlink() or (file.exists() and not file.is_file()):
                raise UserError(f"{file} is no file; name another clip")
            if file.exists() and file.samefile(scenario):
                raise UserError(f"{file} is the scenario; name another clip")
        labels = self.labels
        if labels.is_symlink() or (labels.exists() and not labels.is_dir()):
            raise UserError(f"{labels} is no folder; name another clip")
        if labels.is_dir() and not all(_LABELS.fullmatch(item.name) for item in labels.iterdir()):
            raise UserError(f"{labels} holds more than labels of frames; name another clip")
        if self.clip.exists() and not labels.is_dir():
            raise UserError(f"{self.clip} is there, without labels beside it; name another clip")
        # It is the one that people go on to write in: targets, other zones.
        if self.site.exists() and self.site.read_text(encoding="utf-8") != site:
            raise UserError(f"{self.site} is there, and another; move it away or name another clip")
