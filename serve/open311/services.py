"""What a citizen can report, from the site's code table; and where this endpoint is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cv.labels import Matter
from cv.site import Site

__all__ = ["definition", "discovery", "services"]

SPECIFICATION = "http://wiki.open311.org/GeoReport_v2"
_KEYWORDS = {
    Matter.OUT_OF_STORE_VENDING: "出店经营, 跨门经营, 店外摆放, shop, goods",
    Matter.ROADSIDE_VENDING: "摊位, 流动摊贩, 摆摊, 占道, stall, vendor",
    Matter.CONSTRUCTION_WASTE: "建筑垃圾, 装修垃圾, 渣土, 堆料, rubble, debris",
    Matter.EXPOSED_GARBAGE: "垃圾, 垃圾堆, 垃圾箱, garbage, litter, bin",
    Matter.BLOCKED_LANE: "违停, 占道, 堵路, 消防通道, 施工, parking, obstruction",
}


def services(site: Site) -> list[dict[str, Any]]:
    """GET Service List: every code that the site files under."""
    return [
        {
            "service_code": code5,
            "service_name": f"{code.name_zh} {code.name_en}",
            "description": f"{code.name_zh}（{code.standard_ref}，{code5}）。{code.name_en}.",
            "metadata": False,
            "type": "realtime",
            "keywords": _KEYWORDS[matter],
            "group": site.codes.main_class(code).name_zh,
        }
        for code5, (matter, code) in site.codes.filed().items()
    ]


def definition(code5: str) -> dict[str, Any]:
    """GET Service Definition: nothing more is asked of any service."""
    return {"service_code": code5, "attributes": []}


def discovery(url: str, contact: str, changed: datetime) -> dict[str, Any]:
    """GET Service Discovery: where the endpoint is, and what it speaks.

    Args:
        changed: when what is offered may have changed last, aware.
        url: of the endpoint, without a slash at its end.
        contact: whom to ask about it.
    """
    changeset = f"{changed.astimezone(UTC):%Y-%m-%d %H:%M}"
    return {
        "changeset": changeset,
        "contact": contact,
        "key_service": f"{contact}: kerbwatch keys create --role report",
        "endpoints": [
            {
                "specification": SPECIFICATION,
                "url": url,
                "changeset": changeset,
                "type": "production",
                "formats": ["text/xml", "application/json"],
            }
        ],
    }
