import static org.junit.jupiter.api.Assertions.*;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.Date;
import java.util.List;
import microsoft.exchange.webservices.data.core.ExchangeService;
import microsoft.exchange.webservices.data.core.enumeration.property.LegacyFreeBusyStatus;
import microsoft.exchange.webservices.data.core.enumeration.property.MeetingResponseType;
import microsoft.exchange.webservices.data.core.enumeration.property.WellKnownFolderName;
import microsoft.exchange.webservices.data.core.enumeration.property.time.DayOfTheWeek;
import microsoft.exchange.webservices.data.core.enumeration.service.ConflictResolutionMode;
import microsoft.exchange.webservices.data.core.enumeration.service.DeleteMode;
import microsoft.exchange.webservices.data.core.enumeration.service.SendCancellationsMode;
import microsoft.exchange.webservices.data.core.enumeration.service.SendInvitationsMode;
import microsoft.exchange.webservices.data.core.enumeration.service.SendInvitationsOrCancellationsMode;
import microsoft.exchange.webservices.data.core.enumeration.service.calendar.AppointmentType;
import microsoft.exchange.webservices.data.core.service.item.Appointment;
import microsoft.exchange.webservices.data.core.service.item.MeetingCancellation;
import microsoft.exchange.webservices.data.core.service.item.MeetingRequest;
import microsoft.exchange.webservices.data.core.service.item.MeetingResponse;
import microsoft.exchange.webservices.data.property.complex.MessageBody;
import microsoft.exchange.webservices.data.property.complex.recurrence.pattern.Recurrence;
import microsoft.exchange.webservices.data.search.CalendarView;
import org.junit.jupiter.api.Test;

class CalendarTest {
    private final ExchangeService ada;
    private final ExchangeService ben;

    CalendarTest() throws Exception {
        ada = Lab.open("ada");
        ben = Lab.open("ben");
    }

    @Test
    void keepsAppointments() throws Exception {
        Appointment appointment = appointment("Dentist", at(2031, 3, 3, 9));
        appointment.setLocation("Harbour 1");
        appointment.setLegacyFreeBusyStatus(LegacyFreeBusyStatus.OOF);
        appointment.setReminderMinutesBeforeStart(30);
        appointment.save(WellKnownFolderName.Calendar, SendInvitationsMode.SendToNone);
        Appointment read = Appointment.bind(ada, appointment.getId());
        assertEquals(appointment.getSubject(), read.getSubject());
        assertEquals(at(2031, 3, 3, 9), read.getStart());
        assertEquals(at(2031, 3, 3, 10), read.getEnd());
        assertEquals("Harbour 1", read.getLocation());
        assertEquals(LegacyFreeBusyStatus.OOF, read.getLegacyFreeBusyStatus());
        assertEquals(30, read.getReminderMinutesBeforeStart());
        assertFalse(read.getIsMeeting());
        read.setEnd(at(2031, 3, 3, 12));
        read.update(ConflictResolutionMode.AutoResolve, SendInvitationsOrCancellationsMode.SendToNone);
        List<Appointment> view = view(ada, at(2031, 3, 3, 11), at(2031, 3, 4, 0));
        assertEquals(List.of(appointment.getSubject()), view.stream().map(CalendarTest::subject).toList());
        read.delete(DeleteMode.HardDelete, SendCancellationsMode.SendToNone);
        assertEquals(0, view(ada, at(2031, 3, 3, 0), at(2031, 3, 4, 0)).size());
    }

    @Test
    void keepsSeriesWithExceptions() throws Exception {
        Appointment series = appointment("Standup", at(2031, 5, 5, 8));
        Recurrence.WeeklyPattern weekly = new Recurrence.WeeklyPattern(at(2031, 5, 5, 8), 1, DayOfTheWeek.Monday);
        weekly.setNumberOfOccurrences(4);
        series.setRecurrence(weekly);
        series.save(WellKnownFolderName.Calendar, SendInvitationsMode.SendToNone);
        List<Appointment> view = view(ada, at(2031, 5, 1, 0), at(2031, 7, 1, 0));
        assertEquals(List.of(at(2031, 5, 5, 8), at(2031, 5, 12, 8), at(2031, 5, 19, 8), at(2031, 5, 26, 8)),
                view.stream().map(CalendarTest::start).toList());
        Appointment master = Appointment.bind(ada, series.getId());
        assertEquals(AppointmentType.RecurringMaster, master.getAppointmentType());
        assertEquals(Integer.valueOf(4), master.getRecurrence().getNumberOfOccurrences());
        Appointment second = Appointment.bindToOccurrence(ada, series.getId(), 2);
        assertEquals(at(2031, 5, 12, 8), second.getStart());
        second.setStart(at(2031, 5, 13, 9));
        second.setEnd(at(2031, 5, 13, 10));
        second.update(ConflictResolutionMode.AutoResolve, SendInvitationsOrCancellationsMode.SendToNone);
        Appointment.bindToOccurrence(ada, series.getId(), 3).delete(DeleteMode.HardDelete, SendCancellationsMode.SendToNone);
        view = view(ada, at(2031, 5, 1, 0), at(2031, 7, 1, 0));
        assertEquals(List.of(at(2031, 5, 5, 8), at(2031, 5, 13, 9), at(2031, 5, 26, 8)),
                view.stream().map(CalendarTest::start).toList());
        master = Appointment.bind(ada, series.getId());
        assertEquals(1, master.getModifiedOccurrences().getCount());
        assertEquals(1, master.getDeletedOccurrences().getCount());
    }

    @Test
    void booksAMeetingThatIsAcceptedMovedAndCancelled() throws Exception {
        Appointment meeting = appointment("Plan", at(2031, 9, 1, 13));
        meeting.setBody(MessageBody.getMessageBodyFromText("Agenda"));
        meeting.getRequiredAttendees().add(Lab.smtp("ben"));
        meeting.save(SendInvitationsMode.SendToAllAndSaveCopy);
        String subject = meeting.getSubject();

        MeetingRequest request = Lab.arrived(MeetingRequest.class, ben, WellKnownFolderName.Inbox, subject);
        assertEquals(at(2031, 9, 1, 13), request.getStart());
        assertEquals(Lab.smtp("ada"), request.getOrganizer().getAddress());
        request.accept(true);
        Appointment booked = Lab.arrived(Appointment.class, ben, WellKnownFolderName.Calendar, subject);
        assertEquals(MeetingResponseType.Accept, booked.getMyResponseType());
        MeetingResponse response = Lab.arrived(MeetingResponse.class, ada, WellKnownFolderName.Inbox, "Accepted: " + subject);
        assertEquals(MeetingResponseType.Accept, response.getResponseType());
        Lab.eventually("ada's calendar knows that ben comes", () -> {
            Appointment own = Appointment.bind(ada, meeting.getId());
            return own.getRequiredAttendees().getPropertyAtIndex(0).getResponseType() == MeetingResponseType.Accept ? own : null;
        });

        Appointment own = Appointment.bind(ada, meeting.getId());
        own.setStart(at(2031, 9, 1, 15));
        own.setEnd(at(2031, 9, 1, 16));
        own.update(ConflictResolutionMode.AlwaysOverwrite, SendInvitationsOrCancellationsMode.SendToAllAndSaveCopy);
        Lab.eventually("ben's calendar has the new time", () -> {
            Appointment theirs = Lab.arrived(Appointment.class, ben, WellKnownFolderName.Calendar, subject);
            return theirs.getStart().equals(at(2031, 9, 1, 15)) ? theirs : null;
        });
        Appointment.bind(ada, meeting.getId()).cancelMeeting("Not needed any more");
        Lab.arrived(MeetingCancellation.class, ben, WellKnownFolderName.Inbox, "Canceled: " + subject);
    }

    @Test
    void declinesAMeeting() throws Exception {
        Appointment meeting = appointment("Party", at(2031, 10, 1, 18));
        meeting.getOptionalAttendees().add(Lab.smtp("ben"));
        meeting.save(SendInvitationsMode.SendOnlyToAll);
        MeetingRequest request = Lab.arrived(MeetingRequest.class, ben, WellKnownFolderName.Inbox, meeting.getSubject());
        request.decline(true);
        String declined = "Declined: " + meeting.getSubject();
        MeetingResponse response = Lab.arrived(MeetingResponse.class, ada, WellKnownFolderName.Inbox, declined);
        assertEquals(MeetingResponseType.Decline, response.getResponseType());
        assertEquals(Lab.smtp("ben"), response.getFrom().getAddress());
    }

    private Appointment appointment(String about, Date start) throws Exception {
        Appointment appointment = new Appointment(ada);
        appointment.setSubject(Lab.subject(about));
        appointment.setStart(start);
        appointment.setEnd(Date.from(start.toInstant().plusSeconds(3600)));
        return appointment;
    }

    private static List<Appointment> view(ExchangeService service, Date begin, Date end) throws Exception {
        return service.findAppointments(WellKnownFolderName.Calendar, new CalendarView(begin, end)).getItems();
    }

    private static Date at(int year, int month, int day, int hour) {
        return Date.from(Instant.from(ZonedDateTime.of(year, month, day, hour, 0, 0, 0, ZoneOffset.UTC)));
    }

    private static String subject(Appointment appointment) {
        try {
            return appointment.getSubject();
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }

    private static Date start(Appointment appointment) {
        try {
            return appointment.getStart();
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }
}
