"""Every request and answer held to its schema, and a record of those that do not keep to it.

A request that the schema does not allow is always refused, as Exchange does. Answers are validated where
``Settings.violations`` names a file: tests set it for every server that they start, and look into it after each test.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path

import structlog
from lxml import etree

from isthmus_lab import schema

from .ews.errors import EwsError
from .ews.names import TYPES, Element
from .ews.soap import Answer, Request

_log = structlog.get_logger()
_VERSION = f"{{{TYPES}}}RequestServerVersion"
"""The schema of each version allows that version alone; which ones a server takes is in ews/versions.py."""
_TAKEN = {"FindPeople": ("Traversal",)}
"""Attributes that a real Exchange takes from clients (exchangelib) although its schema does not name them."""
_MOST = 4000
"""Characters of a request or an answer that the record keeps."""


class Validation:
    """What a server asks before it answers and before it sends an answer; ``record`` is the file, or None."""

    def __init__(self, record: Path | None) -> None:
        self._record = record
        self._writing = threading.Lock()

    def request(self, request: Request) -> None:
        """Raises EwsError ErrorSchemaValidation for a body or a header of EWS that the schema does not allow."""
        for name in _TAKEN.get(request.operation, ()):
            request.element.attrib.pop(name, "")
        headers = [each for each in request.header if str(each.tag).startswith(f"{{{TYPES}}}") and each.tag != _VERSION]
        for element in (request.element, *headers):
            wrong = schema.problems(element)
            if wrong:
                self.refused(request.operation, wrong, etree.tostring(element, encoding="unicode"))
                raise EwsError("ErrorSchemaValidation", f"The request failed schema validation: {wrong[0]}")

    def refused(self, operation: str, wrong: list[str], content: str) -> None:
        """Notes a request that could not be accepted."""
        self._note("request", operation, wrong, content)

    def answer(self, operation: str, answer: Answer) -> None:
        """An answer that the schema does not allow is a defect of this server: it does not go out, and is noted."""
        if self._record is None:
            return
        if isinstance(answer, list):
            answer = etree.fromstring(b"".join(answer), etree.XMLParser(huge_tree=True, resolve_entities=False))
        wrong = schema.problems(answer)
        if wrong:
            self._note("answer", operation, wrong, etree.tostring(answer, encoding="unicode"))
            raise EwsError("ErrorInternalServerError", f"The answer to {operation} is not valid: {wrong[0]}")

    def envelope(self, operation: str, pieces: list[bytes]) -> None:
        """Notes an envelope, or a fault in one, that SOAP or EWS do not allow."""
        if self._record is not None:
            whole = b"".join(pieces)
            wrong = schema.problems_of_envelope(whole)
            if wrong:
                self._note("answer", operation, wrong, whole.decode("utf-8", "replace"))

    def autodiscover_request(self, what: schema.Autodiscover, document: Element | None, body: bytes) -> str | None:
        """What is wrong with a request of Autodiscover, which is noted; None for a valid one."""
        wrong = ["The request is no XML."] if document is None else schema.problems_of_autodiscover(what, document)
        if not wrong:
            return None
        self.refused("Autodiscover", wrong, body.decode("utf-8", "replace"))
        return wrong[0]

    def autodiscover_answer(self, what: schema.Autodiscover, document: Element) -> None:
        """Notes an answer of Autodiscover that its schema does not allow."""
        if self._record is not None:
            wrong = schema.problems_of_autodiscover(what, etree.fromstring(etree.tostring(document)))
            if wrong:
                self._note("answer", "Autodiscover", wrong, etree.tostring(document, encoding="unicode"))

    def _note(self, what: str, operation: str, wrong: list[str], content: str) -> None:
        _log.error("not valid", what=what, operation=operation, wrong=wrong)
        if self._record is not None:
            line = json.dumps({"what": what, "operation": operation, "wrong": wrong, "content": content[:_MOST]})
            with self._writing, self._record.open("a", encoding="utf-8") as record:
                record.write(line + "\n")
