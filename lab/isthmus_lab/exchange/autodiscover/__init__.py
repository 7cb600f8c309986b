"""Autodiscover: where a person's Exchange is, as POX ([MS-OXDSCLI]) and SOAP ([MS-OXWSADISC])."""

from .pox import pox
from .soap import soap

__all__ = ["pox", "soap"]
