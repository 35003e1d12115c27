"""Which site file, and which folder of cases, a command means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cv.site import Site, default_site, load_site

__all__ = ["DataOption", "SiteOption", "open_site"]

SiteOption = Annotated[
    Path | None, typer.Option(help="Site file.", show_default="./site.toml if there is one")
]
DataOption = Annotated[
    Path | None, typer.Option(help="Folder of the cases.", show_default="the site file's")
]

DEFAULT_SITE = Path("site.toml")


def open_site(path: Path | None, data: Path | None) -> Site:
    """The site file given, else ./site.toml, else a site without cameras.

    Args:
        data: another folder for cases and evidence than the site's; then the cases are in it,
            whatever database the site names: a trial must not file in that.
    """
    if path is None and DEFAULT_SITE.exists():
        path = DEFAULT_SITE
    site = load_site(path) if path else default_site()
    if data is None:
        return site
    elsewhere = replace(site.reporting, data=data.absolute(), database=None)
    return replace(site, reporting=elsewhere)
