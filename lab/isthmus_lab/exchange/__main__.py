"""``python -m isthmus_lab.exchange --config FILE``: one Exchange server in the foreground."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Final

import structlog
from structlog.typing import EventDict, WrappedLogger

from isthmus_lab.processor import run
from isthmus_lab.store import StoreError

from .server import serve
from .settings import SettingsError, load

_LINES: Final = json.JSONEncoder(ensure_ascii=False, default=repr)


def main() -> int:
    """Returns the exit status: 0 after a clean stop, 78 (EX_CONFIG) for wrong settings, 1 for what failed."""
    parser = argparse.ArgumentParser(prog="isthmus_lab.exchange", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON file with the settings")
    arguments = parser.parse_args()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _line,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    try:
        run(serve(load(arguments.config)))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return os.EX_CONFIG
    except (OSError, StoreError) as error:
        print(f"the server cannot start: {error}", file=sys.stderr)
        return 1
    return 0


def _line(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """As structlog's JSONRenderer, which makes an encoder for each line."""
    return _LINES.encode(event)


sys.exit(main())
