"""A report's pictures on the disk: the originals as they came, and the masked ones."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cv.errors import KerbwatchError
from cv.evidence.originals import Together, open_originals, photo_file, write_durably
from cv.photos.look import LookedAt
from cv.photos.record import PhotoImage
from cv.site import Site

__all__ = ["UnwrittenError", "keep_pictures"]

logger = logging.getLogger(__name__)


class UnwrittenError(KerbwatchError):
    """The disk takes no pictures, and what they belong to cannot do without."""


def keep_pictures(
    looks: Sequence[LookedAt], photo_id: str, site: Site, *, whole: bool
) -> tuple[PhotoImage, ...]:
    """Write what was looked at; gives the images with the names of their files.

    Args:
        whole: all files or none of them; else a disk error costs the file that it is about.

    Raises:
        UnwrittenError: the disk refuses a file, and `whole` is asked for.
    """
    try:
        return _kept(looks, photo_id, site, whole=whole)
    except OSError as error:
        raise UnwrittenError(f"{photo_id}: pictures not written: {error.strerror}") from error


def _kept(
    looks: Sequence[LookedAt], photo_id: str, site: Site, *, whole: bool
) -> tuple[PhotoImage, ...]:
    data, originals = site.reporting.data, open_originals(site.reporting.data)
    images = []
    with Together() as files:
        write = files.write if whole else write_durably
        for number, look in enumerate(looks, 1):
            # The digest keeps apart two reports that come under one key at the same moment.
            name = f"{number}-{look.photo.sha256[:12]}"
            evidence = look.image.evidence
            if site.privacy.keep_originals_s > 0:
                with _told(photo_id, f"original {number}", raised=whole):
                    original = photo_file(f"{photo_id}-{name}", look.photo.mime)
                    originals.keep(original, look.data, write)
            if look.masked is not None:
                with _told(photo_id, f"picture {number}", raised=whole):
                    file = f"evidence/{photo_id}/{name}.jpg"
                    write(data / file, look.masked)
                    evidence = evidence.model_copy(update={"file": file, "withheld": None})
            images.append(look.image.model_copy(update={"evidence": evidence}))
    return tuple(images)


@contextmanager
def _told(photo_id: str, what: str, *, raised: bool) -> Iterator[None]:
    """A disk error is told in the log and no more, unless it is to be raised."""
    try:
        yield
    except OSError as error:
        if raised:
            raise
        logger.error("%s: %s not written: %s", photo_id, what, error.strerror)
