"""Meeting messages: iCalendar parts as properties and back, [MS-OXCICAL]."""

from isthmus_lab.mapi.calendaring.reading import apply
from isthmus_lab.mapi.calendaring.writing import calendar_of

__all__ = ["apply", "calendar_of"]
