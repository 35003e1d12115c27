"""The sizes of network that kerbwatch trains."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Size"]


class Size(StrEnum):
    """A size of YOLO26: n is small and fast, s has four times the weights."""

    N = "n"
    S = "s"

    @property
    def network(self) -> str:
        """As ultralytics calls the network."""
        return f"YOLO26{self}"

    @property
    def yaml(self) -> str:
        """Ultralytics' description of it."""
        return f"yolo26{self}.yaml"

    @property
    def official(self) -> str:
        """Ultralytics' file of its COCO weights."""
        return f"yolo26{self}.pt"
