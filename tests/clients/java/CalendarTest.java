import static org.junit.jupiter.api.Assertions.*;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.Date;
import java.util.List;
import microsoft.exchange.webservices.data.core.ExchangeService;
import microsoft.exchange.webservices.data.core.enumeration.property.LegacyFreeBusyStatus;
import microsoft.exchange.webservices.data.core.enumeration.property.WellKnownFolderName;
import microsoft.exchange.webservices.data.core.enumeration.service.ConflictResolutionMode;
import microsoft.exchange.webservices.data.core.enumeration.service.DeleteMode;
import microsoft.exchange.webservices.data.core.enumeration.service.SendCancellationsMode;
import microsoft.exchange.webservices.data.core.enumeration.service.SendInvitationsMode;
import microsoft.exchange.webservices.data.core.enumeration.service.SendInvitationsOrCancellationsMode;
import microsoft.exchange.webservices.data.core.service.item.Appointment;
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
