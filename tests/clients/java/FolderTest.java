import static org.junit.jupiter.api.Assertions.*;

import java.util.List;
import microsoft.exchange.webservices.data.core.ExchangeService;
import microsoft.exchange.webservices.data.core.PropertySet;
import microsoft.exchange.webservices.data.core.enumeration.misc.error.ServiceError;
import microsoft.exchange.webservices.data.core.enumeration.property.BasePropertySet;
import microsoft.exchange.webservices.data.core.enumeration.property.WellKnownFolderName;
import microsoft.exchange.webservices.data.core.enumeration.search.FolderTraversal;
import microsoft.exchange.webservices.data.core.enumeration.search.LogicalOperator;
import microsoft.exchange.webservices.data.core.enumeration.search.SortDirection;
import microsoft.exchange.webservices.data.core.enumeration.service.DeleteMode;
import microsoft.exchange.webservices.data.core.enumeration.service.SyncFolderItemsScope;
import microsoft.exchange.webservices.data.core.enumeration.service.ConflictResolutionMode;
import microsoft.exchange.webservices.data.core.enumeration.sync.ChangeType;
import microsoft.exchange.webservices.data.core.exception.service.remote.ServiceResponseException;
import microsoft.exchange.webservices.data.core.service.folder.CalendarFolder;
import microsoft.exchange.webservices.data.core.service.folder.Folder;
import microsoft.exchange.webservices.data.core.service.item.EmailMessage;
import microsoft.exchange.webservices.data.core.service.item.Item;
import microsoft.exchange.webservices.data.core.service.schema.FolderSchema;
import microsoft.exchange.webservices.data.core.service.schema.ItemSchema;
import microsoft.exchange.webservices.data.property.complex.FolderId;
import microsoft.exchange.webservices.data.search.FindItemsResults;
import microsoft.exchange.webservices.data.search.FolderView;
import microsoft.exchange.webservices.data.search.ItemView;
import microsoft.exchange.webservices.data.search.filter.SearchFilter;
import microsoft.exchange.webservices.data.sync.ChangeCollection;
import microsoft.exchange.webservices.data.sync.FolderChange;
import microsoft.exchange.webservices.data.sync.ItemChange;
import org.junit.jupiter.api.Test;

class FolderTest {
    private final ExchangeService ada;

    FolderTest() throws Exception {
        ada = Lab.open("ada");
    }

    @Test
    void listsThePersonsFolders() throws Exception {
        FolderView view = new FolderView(1000);
        view.setTraversal(FolderTraversal.Deep);
        List<String> names = ada.findFolders(WellKnownFolderName.MsgFolderRoot, view).getFolders().stream()
                .map(each -> name(each)).toList();
        for (String each : List.of("Inbox", "Calendar", "Contacts", "Sent Items", "Tasks", "Deleted Items"))
            assertTrue(names.contains(each), each + " in " + names);
        assertInstanceOf(CalendarFolder.class, Folder.bind(ada, WellKnownFolderName.Calendar));
        assertEquals("IPF.Appointment", Folder.bind(ada, WellKnownFolderName.Calendar).getFolderClass());
    }

    @Test
    void makesRenamesMovesCopiesAndDeletesFolders() throws Exception {
        Folder outer = folder("Outer", new FolderId(WellKnownFolderName.MsgFolderRoot));
        Folder inner = folder("Inner", outer.getId());
        ServiceResponseException twice = assertThrows(ServiceResponseException.class, () -> {
            Folder same = new Folder(ada);
            same.setDisplayName(inner.getDisplayName());
            same.save(outer.getId());
        });
        assertEquals(ServiceError.ErrorFolderExists, twice.getErrorCode());
        Folder renamed = Folder.bind(ada, inner.getId());
        String name = Lab.subject("Renamed");
        renamed.setDisplayName(name);
        renamed.update();
        assertEquals(name, Folder.bind(ada, inner.getId()).getDisplayName());
        Folder.bind(ada, inner.getId()).copy(new FolderId(WellKnownFolderName.Inbox));
        SearchFilter renamedOnes = new SearchFilter.IsEqualTo(FolderSchema.DisplayName, name);
        List<Folder> copies = ada.findFolders(WellKnownFolderName.Inbox, renamedOnes, new FolderView(10)).getFolders();
        assertEquals(1, copies.size());
        copies.get(0).delete(DeleteMode.HardDelete);
        Folder.bind(ada, inner.getId()).move(new FolderId(WellKnownFolderName.DeletedItems));
        assertEquals(0, Folder.bind(ada, outer.getId()).getChildFolderCount());
        outer.delete(DeleteMode.MoveToDeletedItems);
        Folder.bind(ada, outer.getId()).delete(DeleteMode.HardDelete);
        ServiceResponseException gone = assertThrows(ServiceResponseException.class, () -> Folder.bind(ada, outer.getId()));
        assertEquals(ServiceError.ErrorFolderNotFound, gone.getErrorCode());
    }

    @Test
    void searchesSortsAndPages() throws Exception {
        Folder folder = folder("Search", new FolderId(WellKnownFolderName.MsgFolderRoot));
        for (int i = 0; i < 12; i++) post(folder, String.format("number %02d %s", i, i % 2 == 0 ? "even" : "odd"));
        ItemView view = new ItemView(4);
        view.setPropertySet(new PropertySet(BasePropertySet.IdOnly, ItemSchema.Subject));
        view.getOrderBy().add(ItemSchema.Subject, SortDirection.Descending);
        SearchFilter even = new SearchFilter.ContainsSubstring(ItemSchema.Subject, "EVEN");
        FindItemsResults<Item> page = ada.findItems(folder.getId(), even, view);
        assertEquals(6, page.getTotalCount());
        assertTrue(page.isMoreAvailable());
        assertEquals(List.of("number 10 even", "number 08 even", "number 06 even", "number 04 even"), subjects(page));
        view.setOffset(page.getNextPageOffset());
        page = ada.findItems(folder.getId(), even, view);
        assertFalse(page.isMoreAvailable());
        assertEquals(List.of("number 02 even", "number 00 even"), subjects(page));
        SearchFilter both = new SearchFilter.SearchFilterCollection(LogicalOperator.And,
                new SearchFilter.Not(even), new SearchFilter.IsGreaterThan(ItemSchema.Subject, "number 08"));
        assertEquals(2, ada.findItems(folder.getId(), both, new ItemView(50)).getTotalCount());
        assertEquals(12, Folder.bind(ada, folder.getId()).getTotalCount());
        Folder.bind(ada, folder.getId()).empty(DeleteMode.HardDelete, true);
        assertEquals(0, Folder.bind(ada, folder.getId()).getTotalCount());
    }

    @Test
    void followsAFolderBySync() throws Exception {
        Folder folder = folder("Sync", new FolderId(WellKnownFolderName.MsgFolderRoot));
        for (int i = 0; i < 5; i++) post(folder, "item " + i);
        ChangeCollection<ItemChange> first = sync(folder, null, 3);
        assertEquals(3, first.getCount());
        assertTrue(first.getMoreChangesAvailable());
        ChangeCollection<ItemChange> rest = sync(folder, first.getSyncState(), 3);
        assertEquals(2, rest.getCount());
        assertFalse(rest.getMoreChangesAvailable());
        for (ItemChange each : rest) assertEquals(ChangeType.Create, each.getChangeType());

        EmailMessage one = EmailMessage.bind(ada, first.getChangeAtIndex(0).getItemId());
        one.setIsRead(!one.getIsRead());
        one.update(ConflictResolutionMode.AutoResolve);
        EmailMessage two = EmailMessage.bind(ada, first.getChangeAtIndex(1).getItemId());
        two.setSubject("changed");
        two.update(ConflictResolutionMode.AutoResolve);
        Item.bind(ada, first.getChangeAtIndex(2).getItemId()).delete(DeleteMode.HardDelete);
        ChangeCollection<ItemChange> changes = sync(folder, rest.getSyncState(), 100);
        assertEquals(3, changes.getCount());
        for (ItemChange each : changes) {
            String id = each.getItemId().getUniqueId();
            switch (each.getChangeType()) {
                case ReadFlagChange -> assertEquals(one.getId().getUniqueId(), id);
                case Update -> assertEquals(two.getId().getUniqueId(), id);
                case Delete -> assertEquals(first.getChangeAtIndex(2).getItemId().getUniqueId(), id);
                default -> fail(each.getChangeType().toString());
            }
        }
        ServiceResponseException wrong = assertThrows(ServiceResponseException.class, () -> sync(folder, "bm9uc2Vuc2U=", 10));
        assertEquals(ServiceError.ErrorInvalidSyncStateData, wrong.getErrorCode());
    }

    @Test
    void followsTheHierarchyBySync() throws Exception {
        FolderId root = new FolderId(WellKnownFolderName.MsgFolderRoot);
        String state = ada.syncFolderHierarchy(root, PropertySet.FirstClassProperties, null).getSyncState();
        Folder made = folder("Watched", root);
        ChangeCollection<FolderChange> changes = ada.syncFolderHierarchy(root, PropertySet.FirstClassProperties, state);
        assertTrue(contains(changes, ChangeType.Create, made));
        made.setDisplayName(Lab.subject("Watched again"));
        made.update();
        state = changes.getSyncState();
        changes = ada.syncFolderHierarchy(root, PropertySet.FirstClassProperties, state);
        assertTrue(contains(changes, ChangeType.Update, made));
        made.delete(DeleteMode.HardDelete);
        changes = ada.syncFolderHierarchy(root, PropertySet.FirstClassProperties, changes.getSyncState());
        assertTrue(contains(changes, ChangeType.Delete, made));
    }

    private boolean contains(ChangeCollection<FolderChange> changes, ChangeType kind, Folder folder) throws Exception {
        for (FolderChange each : changes)
            if (each.getChangeType() == kind && each.getFolderId().equals(folder.getId())) return true;
        return false;
    }

    private ChangeCollection<ItemChange> sync(Folder folder, String state, int most) throws Exception {
        return ada.syncFolderItems(folder.getId(), PropertySet.IdOnly, null, most, SyncFolderItemsScope.NormalItems, state);
    }

    private Folder folder(String name, FolderId parent) throws Exception {
        Folder folder = new Folder(ada);
        folder.setDisplayName(Lab.subject(name));
        folder.save(parent);
        return folder;
    }

    private void post(Folder folder, String subject) throws Exception {
        EmailMessage message = new EmailMessage(ada);
        message.setSubject(subject);
        message.save(folder.getId());
    }

    private static List<String> subjects(FindItemsResults<Item> page) throws Exception {
        List<String> found = new java.util.ArrayList<>();
        for (Item each : page) found.add(each.getSubject());
        return found;
    }

    private static String name(Folder folder) {
        try {
            return folder.getDisplayName();
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }
}
