import static org.junit.jupiter.api.Assertions.*;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import microsoft.exchange.webservices.data.core.ExchangeService;
import microsoft.exchange.webservices.data.core.PropertySet;
import microsoft.exchange.webservices.data.core.enumeration.misc.error.ServiceError;
import microsoft.exchange.webservices.data.core.enumeration.property.BasePropertySet;
import microsoft.exchange.webservices.data.core.enumeration.property.BodyType;
import microsoft.exchange.webservices.data.core.enumeration.property.Importance;
import microsoft.exchange.webservices.data.core.enumeration.property.WellKnownFolderName;
import microsoft.exchange.webservices.data.core.enumeration.service.ConflictResolutionMode;
import microsoft.exchange.webservices.data.core.enumeration.service.DeleteMode;
import microsoft.exchange.webservices.data.core.enumeration.service.MessageDisposition;
import microsoft.exchange.webservices.data.core.exception.service.remote.ServiceResponseException;
import microsoft.exchange.webservices.data.core.service.item.EmailMessage;
import microsoft.exchange.webservices.data.core.service.item.Item;
import microsoft.exchange.webservices.data.core.service.schema.EmailMessageSchema;
import microsoft.exchange.webservices.data.core.service.schema.ItemSchema;
import microsoft.exchange.webservices.data.property.complex.EmailAddress;
import microsoft.exchange.webservices.data.property.complex.FileAttachment;
import microsoft.exchange.webservices.data.property.complex.FolderId;
import microsoft.exchange.webservices.data.property.complex.ItemAttachment;
import microsoft.exchange.webservices.data.property.complex.ItemId;
import microsoft.exchange.webservices.data.property.complex.MessageBody;
import microsoft.exchange.webservices.data.property.complex.MimeContent;
import org.junit.jupiter.api.Test;

class MailTest {
    private final ExchangeService ada;
    private final ExchangeService ben;

    MailTest() throws Exception {
        ada = Lab.open("ada");
        ben = Lab.open("ben");
    }

    @Test
    void sendsAMessageWithAttachments() throws Exception {
        String subject = Lab.subject("Größe");
        EmailMessage message = new EmailMessage(ada);
        message.setSubject(subject);
        message.setBody(new MessageBody(BodyType.HTML, "<html><body><p>Hello <b>Ben</b> — 你好</p></body></html>"));
        message.setImportance(Importance.High);
        message.getToRecipients().add(Lab.smtp("ben"));
        message.getCcRecipients().add("Cleo", Lab.smtp("cleo"));
        byte[] content = new byte[100_000];
        for (int i = 0; i < content.length; i++) content[i] = (byte) (i * 31);
        message.getAttachments().addFileAttachment("noise.bin", content);
        message.getAttachments().addFileAttachment("übersicht.txt", "a text".getBytes(StandardCharsets.UTF_8));
        message.sendAndSaveCopy();

        EmailMessage got = Lab.arrived(EmailMessage.class, ben, WellKnownFolderName.Inbox, subject);
        assertEquals(Lab.smtp("ada"), got.getFrom().getAddress());
        assertEquals(Lab.of("ada.name"), got.getFrom().getName());
        assertEquals(List.of(Lab.smtp("ben")), got.getToRecipients().getItems().stream().map(each -> each.getAddress()).toList());
        assertEquals(Lab.smtp("cleo"), got.getCcRecipients().getPropertyAtIndex(0).getAddress());
        assertEquals(Importance.High, got.getImportance());
        assertFalse(got.getIsRead());
        assertTrue(got.getHasAttachments());
        assertTrue(got.getBody().toString().contains("<b>Ben</b> — 你好"));
        assertNotNull(got.getInternetMessageId());
        assertEquals(2, got.getAttachments().getCount());
        FileAttachment first = (FileAttachment) got.getAttachments().getPropertyAtIndex(0);
        first.load();
        assertEquals("noise.bin", first.getName());
        assertArrayEquals(content, first.getContent());
        FileAttachment second = (FileAttachment) got.getAttachments().getPropertyAtIndex(1);
        second.load();
        assertEquals("übersicht.txt", second.getName());
        assertEquals("a text", new String(second.getContent(), StandardCharsets.UTF_8));
        assertEquals(1, Lab.find(ada, WellKnownFolderName.SentItems, subject).getTotalCount());
    }

    @Test
    void repliesAndForwards() throws Exception {
        String subject = Lab.subject("Question");
        EmailMessage question = new EmailMessage(ada);
        question.setSubject(subject);
        question.setBody(MessageBody.getMessageBodyFromText("When?"));
        question.getToRecipients().add(Lab.smtp("ben"));
        question.getCcRecipients().add(Lab.smtp("cleo"));
        question.send();
        EmailMessage got = Lab.arrived(EmailMessage.class, ben, WellKnownFolderName.Inbox, subject);
        got.reply(MessageBody.getMessageBodyFromText("Now."), true);
        EmailMessage answer = Lab.arrived(EmailMessage.class, ada, WellKnownFolderName.Inbox, "RE: " + subject);
        assertEquals(Lab.smtp("ben"), answer.getFrom().getAddress());
        assertEquals(1, answer.getToRecipients().getCount());
        assertEquals(Lab.smtp("cleo"), answer.getCcRecipients().getPropertyAtIndex(0).getAddress());
        assertTrue(answer.getBody().toString().contains("Now."));
        assertEquals(got.getInternetMessageId(), answer.getInReplyTo());
        got.forward(MessageBody.getMessageBodyFromText("See below"), new EmailAddress(Lab.smtp("cleo")));
        EmailMessage passedOn = Lab.arrived(EmailMessage.class, Lab.open("cleo"), WellKnownFolderName.Inbox, "FW: " + subject);
        assertTrue(passedOn.getBody().toString().contains("See below"));
        assertTrue(passedOn.getBody().toString().contains("When?"));
    }

    @Test
    void keepsADraftUntilItIsSent() throws Exception {
        String subject = Lab.subject("Draft");
        EmailMessage draft = new EmailMessage(ada);
        draft.setSubject(subject);
        draft.setBody(MessageBody.getMessageBodyFromText("Not yet"));
        draft.save(WellKnownFolderName.Drafts);
        EmailMessage saved = EmailMessage.bind(ada, draft.getId());
        assertTrue(saved.getIsDraft());
        saved.getToRecipients().add(Lab.smtp("ben"));
        saved.setBody(MessageBody.getMessageBodyFromText("Now it is"));
        saved.update(ConflictResolutionMode.AutoResolve);
        saved.sendAndSaveCopy();
        EmailMessage got = Lab.arrived(EmailMessage.class, ben, WellKnownFolderName.Inbox, subject);
        assertTrue(got.getBody().toString().contains("Now it is"));
        assertEquals(0, Lab.find(ada, WellKnownFolderName.Drafts, subject).getTotalCount());
        assertEquals(1, Lab.find(ada, WellKnownFolderName.SentItems, subject).getTotalCount());
    }

    @Test
    void changesCopiesMovesAndDeletes() throws Exception {
        String subject = Lab.subject("Moved");
        EmailMessage message = saved(subject);
        message = EmailMessage.bind(ada, message.getId());
        message.setIsRead(true);
        message.getCategories().add("Blue");
        message.update(ConflictResolutionMode.AutoResolve);
        EmailMessage changed = EmailMessage.bind(ada, message.getId());
        assertTrue(changed.getIsRead());
        assertTrue(changed.getCategories().contains("Blue"));

        Item copy = changed.copy(new FolderId(WellKnownFolderName.Inbox));
        assertEquals(1, Lab.find(ada, WellKnownFolderName.Inbox, subject).getTotalCount());
        Item moved = copy.move(new FolderId(WellKnownFolderName.JunkEmail));
        assertNotEquals(copy.getId().getUniqueId(), moved.getId().getUniqueId());
        assertEquals(0, Lab.find(ada, WellKnownFolderName.Inbox, subject).getTotalCount());
        assertEquals(subject, Item.bind(ada, moved.getId()).getSubject());
        ServiceResponseException gone = assertThrows(ServiceResponseException.class, () -> Item.bind(ada, copy.getId()));
        assertEquals(ServiceError.ErrorItemNotFound, gone.getErrorCode());

        moved.delete(DeleteMode.MoveToDeletedItems);
        assertEquals(1, Lab.find(ada, WellKnownFolderName.DeletedItems, subject).getTotalCount());
        changed.delete(DeleteMode.SoftDelete);
        assertEquals(1, Lab.find(ada, WellKnownFolderName.RecoverableItemsDeletions, subject).getTotalCount());
    }

    @Test
    void handlesManyItemsInOneRequest() throws Exception {
        String subject = Lab.subject("Batch");
        List<Item> items = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            EmailMessage message = new EmailMessage(ada);
            message.setSubject(subject);
            items.add(message);
        }
        ada.createItems(items, new FolderId(WellKnownFolderName.Drafts), MessageDisposition.SaveOnly, null);
        List<ItemId> ids = new ArrayList<>();
        for (Item each : items) ids.add(each.getId());
        ids.add(new ItemId(ids.get(0).getUniqueId().substring(0, 20)));
        var got = ada.bindToItems(ids, new PropertySet(BasePropertySet.IdOnly, ItemSchema.Subject));
        assertEquals(31, got.getCount());
        for (int i = 0; i < 30; i++) assertEquals(subject, got.getResponseAtIndex(i).getItem().getSubject());
        assertEquals(ServiceError.ErrorInvalidIdMalformed, got.getResponseAtIndex(30).getErrorCode());
        ids.remove(30);
        ada.moveItems(ids, new FolderId(WellKnownFolderName.DeletedItems));
        assertEquals(30, Lab.find(ada, WellKnownFolderName.DeletedItems, subject).getTotalCount());
    }

    @Test
    void readsAndWritesMime() throws Exception {
        String subject = Lab.subject("Mime");
        EmailMessage message = new EmailMessage(ada);
        String mime = "From: x@elsewhere.test\r\nTo: y@elsewhere.test\r\nSubject: " + subject
                + "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                + "Content-Transfer-Encoding: 8bit\r\n\r\nStraße\r\n";
        message.setMimeContent(new MimeContent("UTF-8", mime.getBytes(StandardCharsets.UTF_8)));
        message.save(WellKnownFolderName.Drafts);
        PropertySet everything = new PropertySet(BasePropertySet.FirstClassProperties, ItemSchema.MimeContent);
        EmailMessage read = EmailMessage.bind(ada, message.getId(), everything);
        assertEquals(subject, read.getSubject());
        assertEquals("y@elsewhere.test", read.getToRecipients().getPropertyAtIndex(0).getAddress());
        String again = new String(read.getMimeContent().getContent(), StandardCharsets.UTF_8);
        assertTrue(again.contains("Subject: " + subject), again);
        PropertySet text = new PropertySet(BasePropertySet.IdOnly, ItemSchema.Body);
        text.setRequestedBodyType(BodyType.Text);
        assertEquals("Straße", EmailMessage.bind(ada, message.getId(), text).getBody().toString().strip());
    }

    /** A message made from MIME, because the API cannot attach a new item: it refuses some kinds, and recurses in others. */
    @Test
    void readsAMessageAttachedToAMessage() throws Exception {
        EmailMessage message = new EmailMessage(ada);
        String inner = "From: x@elsewhere.test\r\nSubject: Inside\r\nContent-Type: text/plain\r\n\r\nthe inner text\r\n";
        String mime = "Subject: Around\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
                + "--b\r\nContent-Type: text/plain\r\n\r\nouter\r\n"
                + "--b\r\nContent-Type: message/rfc822\r\n\r\n" + inner + "--b--\r\n";
        message.setMimeContent(new MimeContent("UTF-8", mime.getBytes(StandardCharsets.UTF_8)));
        message.save(WellKnownFolderName.Drafts);
        EmailMessage read = EmailMessage.bind(ada, message.getId());
        ItemAttachment attachment = (ItemAttachment) read.getAttachments().getPropertyAtIndex(0);
        attachment.load(EmailMessageSchema.From);
        assertEquals("Inside", attachment.getItem().getSubject());
        assertEquals("x@elsewhere.test", ((EmailMessage) attachment.getItem()).getFrom().getAddress());
        read.getAttachments().remove(attachment);
        read.update(ConflictResolutionMode.AlwaysOverwrite);
        assertEquals(0, EmailMessage.bind(ada, message.getId()).getAttachments().getCount());
    }

    private EmailMessage saved(String subject) throws Exception {
        EmailMessage message = new EmailMessage(ada);
        message.setSubject(subject);
        message.setBody(MessageBody.getMessageBodyFromText("Some text"));
        message.save(WellKnownFolderName.Drafts);
        return message;
    }
}
