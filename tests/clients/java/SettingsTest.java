import static org.junit.jupiter.api.Assertions.*;

import java.util.Date;
import java.util.List;
import microsoft.exchange.webservices.data.core.ExchangeService;
import microsoft.exchange.webservices.data.core.PropertySet;
import microsoft.exchange.webservices.data.core.enumeration.availability.AvailabilityData;
import microsoft.exchange.webservices.data.core.enumeration.permission.folder.DelegateFolderPermissionLevel;
import microsoft.exchange.webservices.data.core.enumeration.permission.folder.FolderPermissionLevel;
import microsoft.exchange.webservices.data.core.enumeration.property.LegacyFreeBusyStatus;
import microsoft.exchange.webservices.data.core.enumeration.property.OofExternalAudience;
import microsoft.exchange.webservices.data.core.enumeration.property.OofState;
import microsoft.exchange.webservices.data.core.enumeration.property.WellKnownFolderName;
import microsoft.exchange.webservices.data.core.enumeration.service.EffectiveRights;
import microsoft.exchange.webservices.data.core.enumeration.service.MeetingRequestsDeliveryScope;
import microsoft.exchange.webservices.data.core.enumeration.service.SendInvitationsMode;
import microsoft.exchange.webservices.data.core.service.folder.Folder;
import microsoft.exchange.webservices.data.core.service.item.Appointment;
import microsoft.exchange.webservices.data.core.service.item.EmailMessage;
import microsoft.exchange.webservices.data.core.service.schema.FolderSchema;
import microsoft.exchange.webservices.data.misc.availability.AttendeeInfo;
import microsoft.exchange.webservices.data.misc.availability.OofReply;
import microsoft.exchange.webservices.data.misc.availability.TimeWindow;
import microsoft.exchange.webservices.data.property.complex.CreateRuleOperation;
import microsoft.exchange.webservices.data.property.complex.DelegateUser;
import microsoft.exchange.webservices.data.property.complex.DeleteRuleOperation;
import microsoft.exchange.webservices.data.property.complex.FolderId;
import microsoft.exchange.webservices.data.property.complex.FolderPermission;
import microsoft.exchange.webservices.data.property.complex.Mailbox;
import microsoft.exchange.webservices.data.property.complex.Rule;
import microsoft.exchange.webservices.data.property.complex.UserId;
import microsoft.exchange.webservices.data.property.complex.availability.CalendarEvent;
import microsoft.exchange.webservices.data.property.complex.availability.OofSettings;
import org.junit.jupiter.api.Test;

class SettingsTest {
    private final ExchangeService cleo;

    SettingsTest() throws Exception {
        cleo = Lab.open("cleo");
    }

    @Test
    void keepsAutomaticReplies() throws Exception {
        OofSettings settings = cleo.getUserOofSettings(Lab.smtp("cleo"));
        assertEquals(OofState.Disabled, settings.getState());
        settings.setState(OofState.Scheduled);
        settings.setDuration(new TimeWindow(new Date(1_900_000_000_000L), new Date(1_900_800_000_000L)));
        settings.setExternalAudience(OofExternalAudience.Known);
        settings.setInternalReply(new OofReply("<p>Away — öfter</p>"));
        settings.setExternalReply(new OofReply("Away"));
        cleo.setUserOofSettings(Lab.smtp("cleo"), settings);
        OofSettings read = cleo.getUserOofSettings(Lab.smtp("cleo"));
        assertEquals(OofState.Scheduled, read.getState());
        assertEquals(OofExternalAudience.Known, read.getExternalAudience());
        assertTrue(read.getInternalReply().getMessage().contains("Away — öfter"));
        assertEquals(new Date(1_900_000_000_000L), read.getDuration().getStartTime());
        read.setState(OofState.Disabled);
        cleo.setUserOofSettings(Lab.smtp("cleo"), read);
    }

    @Test
    void seesWhenOthersAreBusy() throws Exception {
        Appointment appointment = new Appointment(cleo);
        appointment.setSubject("Busy");
        appointment.setStart(new Date(1_930_003_200_000L));
        appointment.setEnd(new Date(1_930_006_800_000L));
        appointment.setLegacyFreeBusyStatus(LegacyFreeBusyStatus.Tentative);
        appointment.save(WellKnownFolderName.Calendar, SendInvitationsMode.SendToNone);
        TimeWindow window = new TimeWindow(new Date(1_929_916_800_000L), new Date(1_930_176_000_000L));
        List<AttendeeInfo> people = List.of(AttendeeInfo.getAttendeeInfoFromString(Lab.smtp("cleo")));
        var found = Lab.open("ada").getUserAvailability(people, window, AvailabilityData.FreeBusyAndSuggestions);
        CalendarEvent event = found.getAttendeesAvailability().getResponseAtIndex(0).getCalendarEvents().iterator().next();
        assertEquals(appointment.getStart(), event.getStartTime());
        assertEquals(appointment.getEnd(), event.getEndTime());
        assertEquals(LegacyFreeBusyStatus.Tentative, event.getFreeBusyStatus());
        assertFalse(found.getSuggestions().isEmpty());
    }

    @Test
    void namesDelegates() throws Exception {
        Mailbox own = new Mailbox(Lab.smtp("cleo"));
        DelegateUser delegate = new DelegateUser(Lab.smtp("ben"));
        delegate.getPermissions().setCalendarFolderPermissionLevel(DelegateFolderPermissionLevel.Editor);
        delegate.setReceiveCopiesOfMeetingMessages(true);
        cleo.addDelegates(own, MeetingRequestsDeliveryScope.DelegatesAndMe, delegate);
        var found = cleo.getDelegates(own, true);
        assertEquals(MeetingRequestsDeliveryScope.DelegatesAndMe, found.getMeetingReqestsDeliveryScope());
        // The API writes permission levels, and overlooks them when it reads a delegate.
        DelegateUser read = found.getDelegateUserResponses().iterator().next().getDelegateUser();
        assertEquals(Lab.smtp("ben"), read.getUserId().getPrimarySmtpAddress());
        assertTrue(read.getReceiveCopiesOfMeetingMessages());
        Folder calendar = Folder.bind(Lab.open("ben"), new FolderId(WellKnownFolderName.Calendar, own));
        assertTrue(calendar.getEffectiveRights().contains(EffectiveRights.CreateContents));
        cleo.removeDelegates(own, new UserId(Lab.smtp("ben")));
        assertEquals(0, cleo.getDelegates(own, false).getDelegateUserResponses().size());
    }

    @Test
    void sharesAFolder() throws Exception {
        Folder folder = new Folder(cleo);
        folder.setDisplayName(Lab.subject("Shared"));
        folder.getPermissions().add(new FolderPermission(Lab.smtp("ben"), FolderPermissionLevel.Reviewer));
        folder.save(WellKnownFolderName.Inbox);
        PropertySet permissions = new PropertySet(FolderSchema.DisplayName, FolderSchema.Permissions);
        FolderPermission read = null;
        for (FolderPermission each : Folder.bind(cleo, folder.getId(), permissions).getPermissions())
            if (Lab.smtp("ben").equals(each.getUserId().getPrimarySmtpAddress())) read = each;
        assertNotNull(read);
        assertEquals(FolderPermissionLevel.Reviewer, read.getPermissionLevel());
        assertEquals(folder.getDisplayName(), Folder.bind(Lab.open("ben"), folder.getId()).getDisplayName());
        assertThrows(Exception.class, () -> Folder.bind(Lab.open("ada"), folder.getId()));
    }

    @Test
    void filesMailByARule() throws Exception {
        Folder folder = new Folder(cleo);
        folder.setDisplayName(Lab.subject("Filed"));
        folder.save(WellKnownFolderName.Inbox);
        String subject = Lab.subject("Invoice");
        Rule rule = new Rule();
        rule.setDisplayName("invoices");
        rule.setPriority(1);
        rule.getConditions().getContainsSubjectStrings().add(subject);
        rule.getActions().setMoveToFolder(folder.getId());
        cleo.updateInboxRules(List.of(new CreateRuleOperation(rule)), true);
        Rule kept = cleo.getInboxRules().iterator().next();
        assertEquals("invoices", kept.getDisplayName());
        ExchangeService ada = Lab.open("ada");
        EmailMessage message = new EmailMessage(ada);
        message.setSubject(subject);
        message.getToRecipients().add(Lab.smtp("cleo"));
        message.send();
        Lab.eventually("the message is filed", () -> Folder.bind(cleo, folder.getId()).getTotalCount() == 1 ? true : null);
        cleo.updateInboxRules(List.of(new DeleteRuleOperation(kept.getId())), true);
        assertEquals(0, cleo.getInboxRules().getCount());
    }
}
