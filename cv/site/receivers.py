"""Where cases go: what a site file says about each kind of receiver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cv.labels import Matter

__all__ = [
    "GAT1400_VARIABLE",
    "MQTT_VARIABLE",
    "OPEN311_VARIABLE",
    "ROUNDUP_VARIABLE",
    "SECRET_VARIABLE",
    "SIGNING_VARIABLE",
    "Gat1400",
    "Mqtt",
    "Open311",
    "Roundup",
    "Spool",
    "Webhook",
]

SECRET_VARIABLE = "KERBWATCH_SECRET"  # noqa: S105 - the variable's name
"""Its secret signs the links by which receivers fetch pictures."""
SIGNING_VARIABLE = "KERBWATCH_WEBHOOK_SECRET"
ROUNDUP_VARIABLE = "KERBWATCH_ROUNDUP_PASSWORD"
OPEN311_VARIABLE = "KERBWATCH_OPEN311_KEY"
GAT1400_VARIABLE = "KERBWATCH_GAT1400_PASSWORD"
MQTT_VARIABLE = "KERBWATCH_MQTT_PASSWORD"


@dataclass(frozen=True, slots=True)
class Spool:
    """A folder that receives cases as files.

    Attributes:
        folder: relative to the data folder, unless absolute.
    """

    folder: Path = Path("spool")


@dataclass(frozen=True, slots=True)
class Webhook:
    """An HTTP receiver.

    Attributes:
        url: may hold credentials; never print it.
        secret_env: the environment variable with the signing secret.
    """

    url: str = field(repr=False)
    secret_env: str = SIGNING_VARIABLE
    timeout_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Roundup:
    """A Roundup issue tracker.

    Attributes:
        url: its web address, with a slash at its end.
        user: who files; must be allowed to create and edit issues over REST.
        secret_env: the environment variable with that user's password.
        closed: name of the status of an issue whose scene has cleared.
        timeout_s: for a whole case, pictures included.
    """

    url: str = field(repr=False)
    user: str = "kerbwatch"
    secret_env: str = ROUNDUP_VARIABLE
    closed: str = "resolved"
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Open311:
    """A GeoReport v2 endpoint.

    Attributes:
        url: of its API, without a slash at its end.
        services: the endpoint's service_code of each matter that is reported there.
        jurisdiction: its jurisdiction_id, if it serves several.
        secret_env: the environment variable with the api_key.
        timeout_s: for all calls of one case.
    """

    url: str = field(repr=False)
    services: Mapping[Matter, str]
    jurisdiction: str | None = None
    secret_env: str = OPEN311_VARIABLE
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Gat1400:
    """A view library (视图库) of GA/T 1400.

    Attributes:
        url: of the server, without /VIID and without a slash at its end.
        device: the 20 digits under which kerbwatch registers there.
        events: its EventSort of each code; pictures of other codes go without one.
        user: who registers, by Digest authentication; None: the library does not ask.
        secret_env: the environment variable with that user's password.
        keepalive_s: seconds between two signs of life; a registration lapses after about 300.
        timeout_s: for all calls of one case.
    """

    url: str = field(repr=False)
    device: str
    events: Mapping[str, int] = field(default_factory=dict)
    user: str | None = None
    secret_env: str = GAT1400_VARIABLE
    keepalive_s: float = 90.0
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Mqtt:
    """An MQTT 5 broker.

    Attributes:
        url: mqtt:// or mqtts://, host and port.
        user: who logs in; None is nobody.
        secret_env: the environment variable with that user's password.
        topic: under which everything of ours is.
        discovery: the prefix under which Home Assistant looks for devices.
        timeout_s: until the broker has acknowledged a case.
    """

    url: str
    user: str | None = None
    secret_env: str = MQTT_VARIABLE
    topic: str = "kerbwatch"
    discovery: str = "homeassistant"
    timeout_s: float = 20.0
