"""Meeting messages and calendar items: iCalendar as properties and back, [MS-OXCICAL]."""

from isthmus_lab.mapi.calendaring.reading import apply, appointment
from isthmus_lab.mapi.calendaring.writing import calendar_of

__all__ = ["apply", "appointment", "calendar_of"]
