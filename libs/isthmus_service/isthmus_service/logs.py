"""Structured logs on the standard error output, those of libraries included."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from isthmus_service.settings import ServiceSettings


def configure(service: str, settings: ServiceSettings) -> None:
    """Send every log line of this process to standard error: a JSON object a line, or coloured text for people.

    Each has time (UTC, ISO 8601), level, service, instance, logger, message, and the line's own fields.
    """

    def origin(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {"service": service, "instance": settings.instance, **event}

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", key="time"),
        origin,
    ]
    renderer: list[Processor] = (
        [
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(),
        ]
        if settings.log_format == "json"
        else [structlog.dev.ConsoleRenderer(timestamp_key="time", colors=sys.stderr.isatty())]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    # aiokafka reports each broker that is away for a moment as an error, again and again; we say ourselves, once, what
    # is waited for.
    logging.getLogger("aiokafka").setLevel(logging.DEBUG if settings.log_level == "debug" else logging.CRITICAL)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
