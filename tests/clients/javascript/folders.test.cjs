const assert = require("node:assert/strict");
const { test } = require("node:test");
const { ews, open, subject, refused } = require("./lab.cjs");
const { ChangeType, DeleteMode, EmailMessage, Folder, FolderId, PropertySet, ServiceError, WellKnownFolderName } = ews;

const ada = open("ada");

async function folder(about, parent = new FolderId(WellKnownFolderName.MsgFolderRoot)) {
  const made = new Folder(ada);
  made.DisplayName = subject(about);
  await made.Save(parent);
  return made;
}

async function post(place, about) {
  const message = new EmailMessage(ada);
  message.Subject = about;
  await message.Save(place.Id);
  return message;
}

test("the person's folders are listed", async () => {
  const view = new ews.FolderView(1000);
  view.Traversal = ews.FolderTraversal.Deep;
  const names = (await ada.FindFolders(WellKnownFolderName.MsgFolderRoot, view)).Folders.map((each) => each.DisplayName);
  for (const each of ["Inbox", "Calendar", "Contacts", "Sent Items", "Tasks"]) assert.ok(names.includes(each), each);
  const calendar = await Folder.Bind(ada, WellKnownFolderName.Calendar);
  assert.equal(calendar.FolderClass, "IPF.Appointment");
});

test("folders are made, renamed, moved and deleted", async () => {
  const outer = await folder("Outer");
  const inner = await folder("Inner", outer.Id);
  const same = new Folder(ada);
  same.DisplayName = inner.DisplayName;
  await refused(same.Save(outer.Id), ServiceError.ErrorFolderExists);
  const renamed = await Folder.Bind(ada, inner.Id);
  renamed.DisplayName = subject("Renamed");
  await renamed.Update();
  assert.equal((await Folder.Bind(ada, inner.Id)).DisplayName, renamed.DisplayName);
  await renamed.Move(new FolderId(WellKnownFolderName.DeletedItems));
  assert.equal((await Folder.Bind(ada, outer.Id)).ChildFolderCount, 0);
  await outer.Delete(DeleteMode.HardDelete);
  await refused(Folder.Bind(ada, outer.Id), ServiceError.ErrorFolderNotFound);
});

test("a search is sorted and paged", async () => {
  const place = await folder("Search");
  for (let i = 0; i < 9; i++) await post(place, `number ${i} ${i % 2 ? "odd" : "even"}`);
  const view = new ews.ItemView(3);
  view.PropertySet = new PropertySet(ews.BasePropertySet.IdOnly, [ews.ItemSchema.Subject]);
  view.OrderBy.Add(ews.ItemSchema.Subject, ews.SortDirection.Descending);
  const even = new ews.SearchFilter.ContainsSubstring(ews.ItemSchema.Subject, "EVEN");
  const first = await ada.FindItems(place.Id, even, view);
  assert.equal(first.TotalCount, 5);
  assert.equal(first.MoreAvailable, true);
  view.Offset = first.NextPageOffset;
  const second = await ada.FindItems(place.Id, even, view);
  assert.equal(second.MoreAvailable, false);
  const subjects = [...first.Items, ...second.Items].map((each) => each.Subject);
  assert.deepEqual(subjects, [8, 6, 4, 2, 0].map((i) => `number ${i} even`));
});

test("a folder is followed by SyncFolderItems", async () => {
  const place = await folder("Sync");
  for (let i = 0; i < 3; i++) await post(place, `item ${i}`);
  const sync = (state) =>
    ada.SyncFolderItems(place.Id, PropertySet.IdOnly, [], 2, ews.SyncFolderItemsScope.NormalItems, state);
  const first = await sync(null);
  assert.equal(first.MoreChangesAvailable, true);
  const rest = await sync(first.SyncState);
  assert.equal(rest.MoreChangesAvailable, false);
  const ids = [...first.GetEnumerator(), ...rest.GetEnumerator()].map((each) => each.ItemId);
  assert.equal(ids.length, 3);
  const changed = await EmailMessage.Bind(ada, ids[0]);
  changed.Subject = "changed";
  await changed.Update(ews.ConflictResolutionMode.AutoResolve);
  await (await EmailMessage.Bind(ada, ids[1])).Delete(DeleteMode.HardDelete);
  const changes = (await sync(rest.SyncState)).GetEnumerator();
  const seen = Object.fromEntries(changes.map((each) => [each.ItemId.UniqueId, each.ChangeType]));
  assert.deepEqual(seen, { [ids[0].UniqueId]: ChangeType.Update, [ids[1].UniqueId]: ChangeType.Delete });
  await refused(sync("bm9uc2Vuc2U="), ServiceError.ErrorInvalidSyncStateData);
});

test("the hierarchy is followed by SyncFolderHierarchy", async () => {
  const root = new FolderId(WellKnownFolderName.MsgFolderRoot);
  const before = await ada.SyncFolderHierarchy(root, PropertySet.FirstClassProperties, null);
  const made = await folder("Watched");
  const after = await ada.SyncFolderHierarchy(root, PropertySet.FirstClassProperties, before.SyncState);
  const created = after.GetEnumerator().filter((each) => each.ChangeType === ChangeType.Create);
  assert.ok(created.some((each) => each.FolderId.UniqueId === made.Id.UniqueId));
});
