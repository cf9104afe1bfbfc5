"""How a hub that serves logs, for people or for machines: on standard error, a line each."""

import json
import logging
from datetime import UTC, datetime
from typing import Literal

LogFormat = Literal["human", "json"]


class JsonLines(logging.Formatter):
    """A line of JSON for each record."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line; what is not printable is escaped by JSON itself."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


def log_to_stderr(how: LogFormat) -> None:
    """Log from now on, from `info` on."""
    handler = logging.StreamHandler()
    if how == "json":
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
