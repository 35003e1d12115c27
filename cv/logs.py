"""Logging: plain lines for people, JSON lines for log collectors; always on stderr."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

__all__ = ["set_up_logging"]


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, error."""

    def format(self, record: logging.LogRecord) -> str:
        document = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            document["error"] = self.formatException(record.exc_info)
        return json.dumps(document, ensure_ascii=False)


def set_up_logging(*, verbose: bool, as_json: bool) -> None:
    """Send warnings (with `verbose`, everything of ours) to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter()
        if as_json
        else logging.Formatter("%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in ("cv", "serve"):
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.WARNING)
