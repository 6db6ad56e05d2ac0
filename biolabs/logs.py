"""One structured line per request and job: JSON for machines, plain text where a person is watching."""

import logging
import sys

import structlog

from biolabs import environment as given

LEVEL = given.choice("LOG_LEVEL", "info", ["debug", "info", "warning", "error"]).upper()
FORMAT = given.choice("LOG_FORMAT", "text" if sys.stderr.isatty() else "json", ["json", "text"])

EVERY_LINE = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.UnicodeDecoder(),
]
# Both renderers escape control characters, so a request cannot forge a line.
RENDERERS = {
    "json": [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(sort_keys=True)],
    "text": [structlog.dev.ConsoleRenderer(colors=False)],
}


class NoHeartbeat(logging.Filter):
    """django-q2 writes two lines per job, and the heartbeat is one every few seconds."""

    def filter(self, record):
        return record.levelno > logging.INFO or "heartbeat" not in record.getMessage()


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "lines": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *RENDERERS[FORMAT]],
            "foreign_pre_chain": [*EVERY_LINE, structlog.stdlib.ExtraAdder()],
        },
    },
    "filters": {"no_heartbeat": {"()": "biolabs.logs.NoHeartbeat"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"handlers": ["stderr"], "level": LEVEL},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": LEVEL, "propagate": False},
        # django-structlog already says which request failed.
        "django.request": {"level": "ERROR"},
        "django-q": {"handlers": ["stderr"], "level": LEVEL, "propagate": False, "filters": ["no_heartbeat"]},
        "botocore": {"level": "WARNING"},
    },
}

structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *EVERY_LINE,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
