const assert = require("node:assert/strict");
const { test } = require("node:test");
const { ews, smtp, open, subject, eventually } = require("./lab.cjs");
const { EmailMessage, EventType, Folder, FolderId, WellKnownFolderName } = ews;

const ada = open("ada");

async function watched() {
  const folder = new Folder(ada);
  folder.DisplayName = subject("Watched");
  await folder.Save(new FolderId(WellKnownFolderName.MsgFolderRoot));
  return folder;
}

async function post(folder) {
  const message = new EmailMessage(ada);
  message.Subject = "news";
  await message.Save(folder.Id);
  return message;
}

test("events are pulled", async () => {
  const folder = await watched();
  const subscription = await ada.SubscribeToPullNotifications([folder.Id], 5, null, EventType.Created, EventType.Deleted);
  const message = await post(folder);
  const seen = async () => (await subscription.GetEvents()).ItemEvents.map((each) => [each.EventType, each.ItemId.UniqueId]);
  assert.deepEqual(await seen(), [[EventType.Created, message.Id.UniqueId]]);
  await message.Delete(ews.DeleteMode.HardDelete);
  assert.deepEqual(await seen(), [[EventType.Deleted, message.Id.UniqueId]]);
  assert.deepEqual(await seen(), []);
  await subscription.Unsubscribe();
});

test("events are heard of as they happen", async () => {
  const folder = await watched();
  const subscription = await ada.SubscribeToStreamingNotifications([folder.Id], EventType.Created, EventType.Modified);
  const connection = new ews.StreamingSubscriptionConnection(ada, 1);
  connection.AddSubscription(subscription);
  const heard = [];
  connection.OnNotificationEvent.push((_, found) => heard.push(...found.Events));
  connection.OnDisconnect.push(() => {});
  connection.OnSubscriptionError.push(() => {});
  connection.Open();
  await eventually("the connection is open", () => connection.IsOpen);
  const message = await post(folder);
  await eventually("the event came", () => heard.some((each) => each.ItemId?.UniqueId === message.Id.UniqueId));
  await subscription.Unsubscribe();
  if (connection.IsOpen) connection.Close();
});

test("automatic replies are kept", async () => {
  const cleo = open("cleo");
  const settings = await cleo.GetUserOofSettings(smtp("cleo"));
  settings.State = ews.OofState.Enabled;
  settings.InternalReply = new ews.OofReply("Away");
  await cleo.SetUserOofSettings(smtp("cleo"), settings);
  const read = await cleo.GetUserOofSettings(smtp("cleo"));
  assert.equal(read.State, ews.OofState.Enabled);
  assert.match(read.InternalReply.Message, /Away/);
  read.State = ews.OofState.Disabled;
  await cleo.SetUserOofSettings(smtp("cleo"), read);
});

test("others see when somebody is busy", async () => {
  const cleo = open("cleo");
  const appointment = new ews.Appointment(cleo);
  appointment.Subject = "Busy";
  appointment.Start = new ews.DateTime("2033-03-03T09:00:00Z");
  appointment.End = new ews.DateTime("2033-03-03T10:00:00Z");
  await appointment.Save(WellKnownFolderName.Calendar, ews.SendInvitationsMode.SendToNone);
  const window = new ews.TimeWindow(new ews.DateTime("2033-03-02T00:00:00Z"), new ews.DateTime("2033-03-05T00:00:00Z"));
  const found = await ada.GetUserAvailability([new ews.AttendeeInfo(smtp("cleo"))], window, ews.AvailabilityData.FreeBusy);
  const events = found.AttendeesAvailability.Responses[0].CalendarEvents;
  assert.equal(events.length, 1);
  assert.equal(events[0].FreeBusyStatus, ews.LegacyFreeBusyStatus.Busy);
});
