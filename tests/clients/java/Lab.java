import java.net.URI;
import java.util.UUID;
import java.util.concurrent.Callable;
import microsoft.exchange.webservices.data.core.ExchangeService;
import microsoft.exchange.webservices.data.core.PropertySet;
import microsoft.exchange.webservices.data.core.enumeration.misc.ExchangeVersion;
import microsoft.exchange.webservices.data.core.enumeration.property.WellKnownFolderName;
import microsoft.exchange.webservices.data.core.service.item.Item;
import microsoft.exchange.webservices.data.core.service.schema.ItemSchema;
import microsoft.exchange.webservices.data.credential.WebCredentials;
import microsoft.exchange.webservices.data.search.FindItemsResults;
import microsoft.exchange.webservices.data.search.ItemView;
import microsoft.exchange.webservices.data.search.filter.SearchFilter;

/** The lab's server and its people, as system properties name them: lab.ews, ada.smtp, ada.user, ada.password, … */
final class Lab {
    private Lab() {}

    static String of(String property) {
        String value = System.getProperty(property);
        if (value == null) throw new IllegalStateException(property + " is not set");
        return value;
    }

    static String smtp(String person) {
        return of(person + ".smtp");
    }

    static WebCredentials credentials(String person) {
        return new WebCredentials(of(person + ".user"), of(person + ".password"));
    }

    /** The mailbox of a person, opened by themselves. */
    static ExchangeService open(String person) throws Exception {
        ExchangeService service = new ExchangeService(ExchangeVersion.Exchange2010_SP2);
        service.setUrl(new URI(of("lab.ews")));
        service.setCredentials(credentials(person));
        return service;
    }

    /** A subject that no other test uses. */
    static String subject(String about) {
        return about + " " + UUID.randomUUID();
    }

    static FindItemsResults<Item> find(ExchangeService service, WellKnownFolderName folder, String subject) throws Exception {
        return service.findItems(folder, new SearchFilter.IsEqualTo(ItemSchema.Subject, subject), new ItemView(10));
    }

    /** The only item of that subject, once it is there. */
    static <T extends Item> T arrived(Class<T> kind, ExchangeService service, WellKnownFolderName folder, String subject)
            throws Exception {
        return eventually(subject + " in " + folder, () -> {
            FindItemsResults<Item> found = find(service, folder, subject);
            if (found.getTotalCount() > 1) throw new AssertionError(subject + " is there more than once");
            return found.getItems().isEmpty() ? null : service.bindToItem(kind, found.getItems().get(0).getId(),
                    PropertySet.FirstClassProperties);
        });
    }

    /** What the question finds once it is not null any more. */
    static <T> T eventually(String what, Callable<T> question) throws Exception {
        long deadline = System.nanoTime() + 60_000_000_000L;
        while (true) {
            T found = question.call();
            if (found != null) return found;
            if (System.nanoTime() > deadline) throw new AssertionError("not within a minute: " + what);
            Thread.sleep(50);
        }
    }
}
