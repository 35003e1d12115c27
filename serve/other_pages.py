"""Pages of other sites, in a browser on this machine, while there is no key.

A browser lets any page send forms to addresses of the machine that it runs on. It reads the
answers, too, once the page's own name points here (DNS rebinding). The one names itself in
`Origin`, the other in `Host`; whoever is no browser may write there what they like, and has no
reason to. A name without a dot is of one's own network: no page of the web has one.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import Request

__all__ = ["is_of_other_page"]


def is_of_other_page(request: Request) -> bool:
    """Whether a request names another machine than the one that it has reached."""
    hosts = (f"//{host}" for host in request.headers.getlist("host"))
    return not all(map(_names_this_machine, (*hosts, *request.headers.getlist("origin"))))


def _names_this_machine(address: str) -> bool:
    """Whether it can be no other's: names of the web can be made to point anywhere."""
    try:
        name = urlsplit(address).hostname or ""
        if name and not {".", ":"} & set(name):
            return True
        return ip_address(name).is_loopback
    except ValueError:
        return False
