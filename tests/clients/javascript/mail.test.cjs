const assert = require("node:assert/strict");
const { test } = require("node:test");
const { ews, of, smtp, open, subject, find, arrived, refused } = require("./lab.cjs");
const { DeleteMode, EmailMessage, FolderId, Item, MessageBody, PropertySet, ServiceError, WellKnownFolderName } = ews;

/** The API writes text into its XML as it is given. */
const escaped = (html) => html.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const text = (words) => new MessageBody(ews.BodyType.Text, words);

async function draft(service, about) {
  const message = new EmailMessage(service);
  message.Subject = subject(about);
  message.Body = text("Some text");
  await message.Save(WellKnownFolderName.Drafts);
  return message;
}

test("a message with attachments goes out and is read", async () => {
  const ada = open("ada");
  const ben = open("ben");
  const message = new EmailMessage(ada);
  message.Subject = subject("Größe");
  message.Body = new MessageBody(ews.BodyType.HTML, escaped("<p>Hello <b>Ben</b> — 你好</p>"));
  message.Importance = ews.Importance.High;
  message.ToRecipients.Add(smtp("ben"));
  message.CcRecipients.Add("Cleo", smtp("cleo"));
  const content = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 31) % 256));
  message.Attachments.AddFileAttachment("noise.bin", content.toString("base64"));
  await message.SendAndSaveCopy();
  const got = await arrived(EmailMessage, ben, WellKnownFolderName.Inbox, message.Subject);
  assert.equal(got.From.Address, smtp("ada"));
  assert.equal(got.From.Name, of("ada.name"));
  assert.deepEqual(got.ToRecipients.Items.map((each) => each.Address), [smtp("ben")]);
  assert.equal(got.CcRecipients.Items[0].Address, smtp("cleo"));
  assert.equal(got.Importance, ews.Importance.High);
  assert.equal(got.IsRead, false);
  assert.match(got.Body.Text, /<b>Ben<\/b> — 你好/);
  assert.equal(got.Attachments.Items[0].Name, "noise.bin");
  await got.Attachments.Items[0].Load();
  assert.equal(got.Attachments.Items[0].Base64Content, content.toString("base64"));
  assert.equal((await find(ada, WellKnownFolderName.SentItems, message.Subject)).TotalCount, 1);
});

test("a message is changed, copied, moved and deleted", async () => {
  const ada = open("ada");
  const saved = await draft(ada, "Moved");
  const message = await EmailMessage.Bind(ada, saved.Id);
  message.IsRead = false;
  message.Categories.Add("Blue");
  await message.Update(ews.ConflictResolutionMode.AutoResolve);
  const changed = await EmailMessage.Bind(ada, saved.Id);
  assert.equal(changed.IsRead, false);
  assert.equal(changed.Categories.Contains("Blue"), true);
  const copy = await changed.Copy(new FolderId(WellKnownFolderName.Inbox));
  const moved = await copy.Move(new FolderId(WellKnownFolderName.JunkEmail));
  assert.notEqual(moved.Id.UniqueId, copy.Id.UniqueId);
  await refused(Item.Bind(ada, copy.Id), ServiceError.ErrorItemNotFound);
  await moved.Delete(DeleteMode.MoveToDeletedItems);
  assert.equal((await find(ada, WellKnownFolderName.DeletedItems, saved.Subject)).TotalCount, 1);
  await changed.Delete(DeleteMode.SoftDelete);
  assert.equal((await find(ada, WellKnownFolderName.RecoverableItemsDeletions, saved.Subject)).TotalCount, 1);
});

test("many items are made, read and deleted in one request", async () => {
  const ada = open("ada");
  const about = subject("Batch");
  const items = Array.from({ length: 20 }, () => {
    const message = new EmailMessage(ada);
    message.Subject = about;
    return message;
  });
  const made = await ada.CreateItems(items, new FolderId(WellKnownFolderName.Drafts), ews.MessageDisposition.SaveOnly, null);
  assert.equal(made.OverallResult, ews.ServiceResult.Success);
  const ids = items.map((each) => each.Id);
  const read = await ada.BindToItems(ids, new PropertySet(ews.BasePropertySet.IdOnly, [ews.ItemSchema.Subject]));
  assert.deepEqual(new Set(read.Responses.map((each) => each.Item.Subject)), new Set([about]));
  await ada.DeleteItems(ids, DeleteMode.HardDelete, null, null);
  assert.equal((await find(ada, WellKnownFolderName.Drafts, about)).TotalCount, 0);
});

test("extended properties are kept and searched for", async () => {
  const ada = open("ada");
  const mark = new ews.ExtendedPropertyDefinition(ews.DefaultExtendedPropertySet.PublicStrings, "mark", ews.MapiPropertyType.String);
  const message = new EmailMessage(ada);
  message.Subject = subject("Marked");
  message.SetExtendedProperty(mark, "a b ü");
  await message.Save(WellKnownFolderName.Drafts);
  const view = new ews.ItemView(10);
  view.PropertySet = new PropertySet(ews.BasePropertySet.IdOnly, [mark]);
  const both = new ews.SearchFilter.SearchFilterCollection(ews.LogicalOperator.And, [
    new ews.SearchFilter.IsEqualTo(mark, "a b ü"),
    new ews.SearchFilter.IsEqualTo(ews.ItemSchema.Subject, message.Subject),
  ]);
  const found = await ada.FindItems(WellKnownFolderName.Drafts, both, view);
  assert.deepEqual(found.Items.map((each) => each.Id.UniqueId), [message.Id.UniqueId]);
  const value = {};
  assert.equal(found.Items[0].TryGetProperty(mark, value), true);
});
