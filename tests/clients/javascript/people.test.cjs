const assert = require("node:assert/strict");
const { test } = require("node:test");
const { ews, of, smtp, credentials, open, subject } = require("./lab.cjs");
const { Appointment, Contact, DateTime, Task, WellKnownFolderName } = ews;

const ada = open("ada");

test("autodiscover names the server", async () => {
  const autodiscover = new ews.AutodiscoverService(new ews.Uri(of("lab.autodiscover")));
  autodiscover.Credentials = credentials("ada");
  const { ExternalEwsUrl, UserDisplayName } = ews.UserSettingName;
  const found = await autodiscover.GetUserSettings(smtp("ada"), [ExternalEwsUrl, UserDisplayName]);
  assert.equal(found.Settings.get(ExternalEwsUrl), of("lab.ews"));
  assert.equal(found.Settings.get(UserDisplayName), of("ada.name"));
});

test("names are resolved", async () => {
  const found = await ada.ResolveName(smtp("ben"), ews.ResolveNameSearchLocation.DirectoryOnly, true);
  assert.equal(found.Count, 1);
  assert.equal(found._getItem(0).Mailbox.Address, smtp("ben"));
  assert.equal((await ada.ResolveName("nobody-of-that-name")).Count, 0);
});

test("contacts are kept", async () => {
  const contact = new Contact(ada);
  contact.GivenName = "Åse";
  contact.Surname = subject("Nordmann");
  contact.CompanyName = "Fjord AS";
  contact.EmailAddresses._setItem(ews.EmailAddressKey.EmailAddress1, new ews.EmailAddress("aase@elsewhere.test"));
  contact.PhoneNumbers._setItem(ews.PhoneNumberKey.MobilePhone, "+47 1");
  await contact.Save(WellKnownFolderName.Contacts);
  const read = await Contact.Bind(ada, contact.Id);
  assert.deepEqual([read.GivenName, read.Surname, read.CompanyName], ["Åse", contact.Surname, "Fjord AS"]);
  assert.equal(read.EmailAddresses._getItem(ews.EmailAddressKey.EmailAddress1).Address, "aase@elsewhere.test");
  assert.equal(read.PhoneNumbers._getItem(ews.PhoneNumberKey.MobilePhone), "+47 1");
  read.JobTitle = "Captain";
  await read.Update(ews.ConflictResolutionMode.AutoResolve);
  assert.equal((await Contact.Bind(ada, contact.Id)).JobTitle, "Captain");
});

test("tasks are kept", async () => {
  const task = new Task(ada);
  task.Subject = subject("Paint");
  task.DueDate = new DateTime("2031-04-05T00:00:00Z");
  await task.Save(WellKnownFolderName.Tasks);
  const read = await Task.Bind(ada, task.Id);
  assert.equal(read.Subject, task.Subject);
  assert.equal(read.Status, ews.TaskStatus.NotStarted);
  read.Status = ews.TaskStatus.Completed;
  await read.Update(ews.ConflictResolutionMode.AutoResolve);
  assert.equal((await Task.Bind(ada, task.Id)).IsComplete, true);
});

test("appointments are kept and seen in a view", async () => {
  const appointment = new Appointment(ada);
  appointment.Subject = subject("Dentist");
  appointment.Start = new DateTime("2031-03-03T09:00:00Z");
  appointment.End = new DateTime("2031-03-03T10:00:00Z");
  appointment.Location = "Harbour 1";
  appointment.ReminderMinutesBeforeStart = 30;
  await appointment.Save(WellKnownFolderName.Calendar, ews.SendInvitationsMode.SendToNone);
  const read = await Appointment.Bind(ada, appointment.Id);
  assert.equal(read.Location, "Harbour 1");
  assert.equal(read.Start.TotalMilliSeconds, Date.UTC(2031, 2, 3, 9));
  const view = new ews.CalendarView(new DateTime("2031-03-03T09:30:00Z"), new DateTime("2031-03-04T00:00:00Z"));
  const found = await ada.FindAppointments(WellKnownFolderName.Calendar, view);
  assert.ok(found.Items.some((each) => each.Subject === appointment.Subject));
  await read.Delete(ews.DeleteMode.HardDelete, ews.SendCancellationsMode.SendToNone);
});

test("ids are converted", async () => {
  const task = new Task(ada);
  task.Subject = subject("Convert");
  await task.Save(WellKnownFolderName.Tasks);
  const id = new ews.AlternateId(ews.IdFormat.EwsId, task.Id.UniqueId, smtp("ada"));
  const entry = await ada.ConvertId(id, ews.IdFormat.HexEntryId);
  assert.match(entry.UniqueId, /^[0-9A-F]+$/);
  const back = await ada.ConvertId(entry, ews.IdFormat.EwsId);
  assert.equal(back.UniqueId, task.Id.UniqueId);
});
