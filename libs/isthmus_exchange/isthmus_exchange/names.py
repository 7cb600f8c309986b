"""Namespaces of EWS, and the one property by which an item is known on both sides."""

from __future__ import annotations

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"

S = f"{{{SOAP}}}"
M = f"{{{MESSAGES}}}"
T = f"{{{TYPES}}}"
E = f"{{{ERRORS}}}"

SEARCH_KEY = '<t:ExtendedFieldURI PropertyTag="0x300B" PropertyType="Binary"/>'
"""PidTagSearchKey ([MS-OXCPRPT] 2.2.1.9): 16 bytes that an item keeps through export, upload, copy and move."""
