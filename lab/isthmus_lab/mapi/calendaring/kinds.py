"""What reading and writing have in common: names that iCalendar and MAPI give to the same things."""

from typing import Final

REQUEST_CLASS: Final = "IPM.Schedule.Meeting.Request"
CANCELLATION_CLASS: Final = "IPM.Schedule.Meeting.Canceled"
RESPONSE_CLASSES: Final = {
    "ACCEPTED": "IPM.Schedule.Meeting.Resp.Pos",
    "DECLINED": "IPM.Schedule.Meeting.Resp.Neg",
    "TENTATIVE": "IPM.Schedule.Meeting.Resp.Tent",
}
BUSY: Final = {"FREE": 0, "TENTATIVE": 1, "BUSY": 2, "OOF": 3, "WORKINGELSEWHERE": 4}
MEETING, RECEIVED, CANCELLED = 1, 2, 4  # PidLidAppointmentStateFlags, [MS-OXOCAL] 2.2.1.10
