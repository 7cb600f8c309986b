"""Autodiscover: where a person's Exchange is, as POX ([MS-OXDSCLI]) and SOAP ([MS-OXWSADISC])."""

from collections.abc import Callable

from ..ews.call import Services
from ..validation import Validation
from .pox import pox
from .soap import soap

Way = Callable[[Services, Validation, str, bytes], bytes]
"""From the server's URL and a request to the answer."""

__all__ = ["Way", "pox", "soap"]
