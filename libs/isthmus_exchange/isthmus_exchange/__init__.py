"""Exchange over EWS.

client.py       one account at one server: connections, budget, counters; `client.mailbox(address).call(operation)`
operations/     one small file for each EWS operation: what is asked, what the answer means
values.py       what operations take and give
errors.py       what can go wrong, and whether anything happened on the server
budget.py       how many requests at a time; adapts, obeys BackOffMilliseconds
bandwidth.py    how many bytes a second
limiting.py     what is limiting now: a decision from where time was spent
governor.py     holds clients to what the project allows at this hour
soap.py         envelopes, faults, parsing without entities and network
"""

from .client import Client, Counters, Mailbox
from .errors import AccessError, EwsError, InDoubtError, ServerBusyError, TransientError

__all__ = [
    "AccessError",
    "Client",
    "Counters",
    "EwsError",
    "InDoubtError",
    "Mailbox",
    "ServerBusyError",
    "TransientError",
]
