"""Meeting messages and appointments: iCalendar as properties and back, [MS-OXCICAL]."""

from isthmus_lab.mapi.calendaring.appointments import appointment, is_calendar
from isthmus_lab.mapi.calendaring.reading import apply
from isthmus_lab.mapi.calendaring.writing import calendar_of

__all__ = ["apply", "appointment", "calendar_of", "is_calendar"]
