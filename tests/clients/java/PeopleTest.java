import static org.junit.jupiter.api.Assertions.*;

import java.net.URI;
import java.util.Date;
import microsoft.exchange.webservices.data.autodiscover.AutodiscoverService;
import microsoft.exchange.webservices.data.autodiscover.enumeration.UserSettingName;
import microsoft.exchange.webservices.data.autodiscover.response.GetUserSettingsResponse;
import microsoft.exchange.webservices.data.core.ExchangeService;
import microsoft.exchange.webservices.data.core.enumeration.misc.IdFormat;
import microsoft.exchange.webservices.data.core.enumeration.property.EmailAddressKey;
import microsoft.exchange.webservices.data.core.enumeration.property.PhoneNumberKey;
import microsoft.exchange.webservices.data.core.enumeration.property.PhysicalAddressKey;
import microsoft.exchange.webservices.data.core.enumeration.property.WellKnownFolderName;
import microsoft.exchange.webservices.data.core.enumeration.search.ResolveNameSearchLocation;
import microsoft.exchange.webservices.data.core.enumeration.service.ConflictResolutionMode;
import microsoft.exchange.webservices.data.core.enumeration.service.TaskStatus;
import microsoft.exchange.webservices.data.core.service.item.Contact;
import microsoft.exchange.webservices.data.core.service.item.ContactGroup;
import microsoft.exchange.webservices.data.core.service.item.Task;
import microsoft.exchange.webservices.data.misc.NameResolutionCollection;
import microsoft.exchange.webservices.data.misc.id.AlternateId;
import microsoft.exchange.webservices.data.property.complex.EmailAddress;
import microsoft.exchange.webservices.data.property.complex.PhysicalAddressEntry;
import org.junit.jupiter.api.Test;

class PeopleTest {
    private final ExchangeService ada;

    PeopleTest() throws Exception {
        ada = Lab.open("ada");
    }

    @Test
    void autodiscoverNamesTheServer() throws Exception {
        AutodiscoverService autodiscover = new AutodiscoverService(new URI(Lab.of("lab.autodiscover")));
        autodiscover.setCredentials(Lab.credentials("ada"));
        GetUserSettingsResponse found = autodiscover.getUserSettings(
                Lab.smtp("ada"), UserSettingName.ExternalEwsUrl, UserSettingName.UserDisplayName,
                UserSettingName.EwsSupportedSchemas);
        assertEquals(Lab.of("lab.ews"), found.getSettings().get(UserSettingName.ExternalEwsUrl));
        assertEquals(Lab.of("ada.name"), found.getSettings().get(UserSettingName.UserDisplayName));
    }

    @Test
    void resolvesNames() throws Exception {
        NameResolutionCollection found = ada.resolveName(Lab.smtp("ben"), ResolveNameSearchLocation.DirectoryOnly, true);
        assertEquals(1, found.getCount());
        assertEquals(Lab.smtp("ben"), found.nameResolutionCollection(0).getMailbox().getAddress());
        assertEquals(Lab.of("ben.name"), found.nameResolutionCollection(0).getContact().getDisplayName());
        assertEquals(0, ada.resolveName("nobody-of-that-name").getCount());
    }

    @Test
    void keepsContacts() throws Exception {
        Contact contact = new Contact(ada);
        contact.setGivenName("Åse");
        contact.setSurname(Lab.subject("Nordmann"));
        contact.setCompanyName("Fjord AS");
        contact.getEmailAddresses().setEmailAddress(EmailAddressKey.EmailAddress1, new EmailAddress("aase@elsewhere.test"));
        contact.getPhoneNumbers().setPhoneNumber(PhoneNumberKey.MobilePhone, "+47 1");
        PhysicalAddressEntry address = new PhysicalAddressEntry();
        address.setCity("Bergen");
        contact.getPhysicalAddresses().setPhysicalAddress(PhysicalAddressKey.Business, address);
        contact.setBirthday(new Date(315_532_800_000L));
        contact.save(WellKnownFolderName.Contacts);
        Contact read = Contact.bind(ada, contact.getId());
        assertEquals("Åse", read.getGivenName());
        assertEquals("Fjord AS", read.getCompanyName());
        assertEquals("aase@elsewhere.test", read.getEmailAddresses().getEmailAddress(EmailAddressKey.EmailAddress1).getAddress());
        assertEquals("+47 1", read.getPhoneNumbers().getPhoneNumber(PhoneNumberKey.MobilePhone));
        assertEquals("Bergen", read.getPhysicalAddresses().getPhysicalAddress(PhysicalAddressKey.Business).getCity());
        assertEquals(contact.getBirthday(), read.getBirthday());
        read.setJobTitle("Captain");
        read.getPhoneNumbers().setPhoneNumber(PhoneNumberKey.MobilePhone, "+47 2");
        read.update(ConflictResolutionMode.AutoResolve);
        Contact changed = Contact.bind(ada, contact.getId());
        assertEquals("Captain", changed.getJobTitle());
        assertEquals("+47 2", changed.getPhoneNumbers().getPhoneNumber(PhoneNumberKey.MobilePhone));
    }

    @Test
    void keepsDistributionLists() throws Exception {
        ContactGroup group = new ContactGroup(ada);
        group.setDisplayName(Lab.subject("Crew"));
        group.getMembers().addOneOff("Deck Hand", "deck@elsewhere.test", "SMTP");
        group.getMembers().addDirectoryUser(Lab.smtp("ben"));
        group.save(WellKnownFolderName.Contacts);
        ContactGroup read = ContactGroup.bind(ada, group.getId());
        assertEquals(group.getDisplayName(), read.getDisplayName());
        assertEquals(2, read.getMembers().getCount());
    }

    @Test
    void keepsTasks() throws Exception {
        Task task = new Task(ada);
        task.setSubject(Lab.subject("Paint"));
        task.setDueDate(new Date(1_900_000_000_000L / 86_400_000 * 86_400_000));
        task.setPercentComplete(25.0);
        task.save(WellKnownFolderName.Tasks);
        Task read = Task.bind(ada, task.getId());
        assertEquals(task.getSubject(), read.getSubject());
        assertEquals(25.0, read.getPercentComplete());
        assertEquals(task.getDueDate(), read.getDueDate());
        read.setStatus(TaskStatus.Completed);
        read.update(ConflictResolutionMode.AutoResolve);
        Task done = Task.bind(ada, task.getId());
        assertTrue(done.getIsComplete());
        assertEquals(100.0, done.getPercentComplete());
        assertNotNull(done.getCompleteDate());
    }

    @Test
    void convertsIds() throws Exception {
        Task task = new Task(ada);
        task.setSubject(Lab.subject("Convert"));
        task.save();
        AlternateId ews = new AlternateId(IdFormat.EwsId, task.getId().getUniqueId(), Lab.smtp("ada"));
        AlternateId entry = (AlternateId) ada.convertId(ews, IdFormat.HexEntryId);
        assertTrue(entry.getUniqueId().matches("[0-9A-F]+"), entry.getUniqueId());
        AlternateId back = (AlternateId) ada.convertId(entry, IdFormat.EwsId);
        assertEquals(task.getId().getUniqueId(), back.getUniqueId());
    }
}
