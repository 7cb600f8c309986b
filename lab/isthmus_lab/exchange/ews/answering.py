"""From a request's bytes to the answer's: what HTTP, faults and limits are put around. Everything here blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, tzinfo

import structlog

from isthmus_lab.mapi import zones

from ..directory import Recipient
from ..logon.impersonation import impersonate
from ..notifications.writing import as_exchange_writes
from ..validation import Validation
from . import operations
from .arriving import Body
from .call import OPERATIONS, UNWATCHED, Call, Services, Watch, as_ews_error
from .errors import EwsError
from .names import Element, child, local, m
from .since import refuse_newer, without_newer
from .soap import Request, envelope, envelope_of_stream, fault, parse
from .values import REQUEST_ZONE
from .versions import VERSIONS

_log = structlog.get_logger()
assert operations  # importing it registered the operations


@dataclass(frozen=True)
class Asked:
    """A request, who logged on, and as whom it acts."""

    request: Request
    logged_on: Recipient
    caller: Recipient


class Answering:
    """The operations of one server."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.validation = Validation(services.settings.violations)
        self.version = VERSIONS[services.settings.version]
        # All answers have the same envelope.
        self.validation.envelope("", envelope(self.version, m("Answer")))
        self.validation.envelope("", [envelope_of_stream(self.version, m("Answer"))])

    def understand(self, logged_on: Recipient, body: Body, routing: str | None = None) -> Asked:
        """What is asked and as whom. Raises EwsError when it may not be asked here.

        ``routing`` is the HTTP header that chooses a mailbox of public folders.
        """
        try:
            request, caller = replace(parse(body), routing=routing), logged_on
        except EwsError as error:
            self.validation.refused("", [str(error)], body.document.decode("utf-8", "replace"))
            raise
        if request.schema is not None and not self.version.knows(request.schema):
            raise EwsError("ErrorInvalidServerVersion")
        if request.operation not in OPERATIONS:
            raise EwsError("ErrorInvalidOperation", f"This server has no operation {request.operation}.")
        refuse_newer(request.element, request.schema or self.version.schema)
        self.validation.request(request)
        if request.impersonate is not None:
            caller = impersonate(self._services.directory, self._services.settings, logged_on, request.impersonate)
        elif logged_on.kind == "application":
            raise EwsError(
                "ErrorInvalidExchangeImpersonationHeaderData",
                "ExchangeImpersonation SOAP header must be present for this type of OAuth token.",
            )
        return Asked(request, logged_on, caller)

    def answer(self, asked: Asked, watch: Watch = UNWATCHED) -> list[bytes]:
        """The envelope of what the operation gives back, as pieces to be sent one after the other."""
        operation = asked.request.operation
        REQUEST_ZONE.set(_zone(asked.request))
        answer = OPERATIONS[operation](Call(self._services, asked.logged_on, asked.caller, asked.request, watch))
        if not isinstance(answer, list):
            answer = without_newer(answer, asked.request.schema or self.version.schema)
        self.validation.answer(operation, answer)
        return envelope(self.version, answer)

    def part(self, element: Element) -> bytes:
        """An envelope of its own for a part of GetStreamingEvents' answer."""
        self.validation.answer("GetStreamingEvents", element)
        return envelope_of_stream(self.version, as_exchange_writes(element))

    def fault(self, error: Exception, operation: str) -> list[bytes]:
        """The envelope of a SOAP fault."""
        problem = as_ews_error(error)
        _log.info("fault", operation=operation, code=problem.code, reason=problem.message)
        pieces = envelope(self.version, fault(problem))
        self.validation.envelope(operation, pieces)
        return pieces


def _zone(request: Request) -> tzinfo:
    """The zone of the header TimeZoneContext. Raises EwsError ErrorTimeZone."""
    context = next((each for each in request.header if local(each) == "TimeZoneContext"), None)
    definition = None if context is None else child(context, "TimeZoneDefinition")
    try:
        return UTC if definition is None else zones.zone(definition.get("Id", ""))
    except LookupError as error:
        raise EwsError("ErrorTimeZone", str(error)) from None
