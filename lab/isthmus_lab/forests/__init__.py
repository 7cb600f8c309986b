"""Two real Active Directory forests with the Exchange schema: Samba, one foreground process a forest."""

from isthmus_lab.forests.forest import Forest, prepare
from isthmus_lab.forests.objects import Change, Entry, Grant

__all__ = ["Change", "Entry", "Forest", "Grant", "prepare"]
