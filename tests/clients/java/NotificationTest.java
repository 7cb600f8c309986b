import static org.junit.jupiter.api.Assertions.*;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import microsoft.exchange.webservices.data.core.ExchangeService;
import microsoft.exchange.webservices.data.core.enumeration.notification.EventType;
import microsoft.exchange.webservices.data.core.enumeration.property.WellKnownFolderName;
import microsoft.exchange.webservices.data.core.enumeration.service.DeleteMode;
import microsoft.exchange.webservices.data.core.service.folder.Folder;
import microsoft.exchange.webservices.data.core.service.item.EmailMessage;
import microsoft.exchange.webservices.data.notification.GetEventsResults;
import microsoft.exchange.webservices.data.notification.ItemEvent;
import microsoft.exchange.webservices.data.notification.NotificationEvent;
import microsoft.exchange.webservices.data.notification.PullSubscription;
import microsoft.exchange.webservices.data.notification.StreamingSubscription;
import microsoft.exchange.webservices.data.notification.StreamingSubscriptionConnection;
import microsoft.exchange.webservices.data.property.complex.FolderId;
import org.junit.jupiter.api.Test;

class NotificationTest {
    private final ExchangeService ada;

    NotificationTest() throws Exception {
        ada = Lab.open("ada");
    }

    @Test
    void pullsEvents() throws Exception {
        Folder folder = folder();
        PullSubscription subscription = ada.subscribeToPullNotifications(
                List.of(folder.getId()), 5, null, EventType.Created, EventType.Deleted);
        EmailMessage message = post(folder);
        assertEquals(List.of(EventType.Created + message.getId().getUniqueId()), itemEvents(subscription));
        message.delete(DeleteMode.HardDelete);
        assertEquals(List.of(EventType.Deleted + message.getId().getUniqueId()), itemEvents(subscription));
        assertEquals(List.of(), itemEvents(subscription));
        subscription.unsubscribe();
        assertThrows(Exception.class, subscription::getEvents);
    }

    @Test
    void hearsOfEventsAsTheyHappen() throws Exception {
        Folder folder = folder();
        StreamingSubscription subscription = ada.subscribeToStreamingNotifications(
                List.of(folder.getId()), EventType.Created, EventType.Moved, EventType.Modified);
        BlockingQueue<NotificationEvent> events = new LinkedBlockingQueue<>();
        StreamingSubscriptionConnection connection = new StreamingSubscriptionConnection(ada, 1);
        connection.addSubscription(subscription);
        connection.addOnNotificationEvent((sender, found) -> found.getEvents().forEach(events::add));
        connection.open();
        EmailMessage message = post(folder);
        assertEquals(message.getId().getUniqueId(), next(events, EventType.Created).getItemId().getUniqueId());
        var moved = message.move(new FolderId(WellKnownFolderName.DeletedItems));
        ItemEvent event = next(events, EventType.Moved);
        assertEquals(message.getId().getUniqueId(), event.getOldItemId().getUniqueId());
        assertEquals(moved.getId().getUniqueId(), event.getItemId().getUniqueId());
        subscription.unsubscribe(); // ends the connection, of which close() would wait for the end
        connection.close();
    }

    private static ItemEvent next(BlockingQueue<NotificationEvent> events, EventType kind) throws InterruptedException {
        while (true) {
            NotificationEvent event = events.poll(30, TimeUnit.SECONDS);
            assertNotNull(event, "no event " + kind);
            if (event instanceof ItemEvent found && found.getEventType() == kind) return found;
        }
    }

    private static List<String> itemEvents(PullSubscription subscription) throws Exception {
        GetEventsResults results = subscription.getEvents();
        List<String> found = new ArrayList<>();
        for (ItemEvent each : results.getItemEvents()) found.add(each.getEventType() + each.getItemId().getUniqueId());
        return found;
    }

    private Folder folder() throws Exception {
        Folder folder = new Folder(ada);
        folder.setDisplayName(Lab.subject("Watched"));
        folder.save(WellKnownFolderName.MsgFolderRoot);
        return folder;
    }

    private EmailMessage post(Folder folder) throws Exception {
        EmailMessage message = new EmailMessage(ada);
        message.setSubject("news");
        message.save(folder.getId());
        return message;
    }
}
