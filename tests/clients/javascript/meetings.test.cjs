const assert = require("node:assert/strict");
const { test } = require("node:test");
const { ews, smtp, open, subject, arrived, eventually } = require("./lab.cjs");
const { Appointment, DateTime, MeetingCancellation, MeetingRequest, MeetingResponseType, WellKnownFolderName } = ews;

const ada = open("ada");
const ben = open("ben");

async function booked(about, start) {
  const meeting = new Appointment(ada);
  meeting.Subject = subject(about);
  meeting.Start = new DateTime(start);
  meeting.End = meeting.Start.AddHours(1);
  meeting.RequiredAttendees.Add(smtp("ben"));
  await meeting.Save(ews.SendInvitationsMode.SendToAllAndSaveCopy);
  return meeting;
}

const response = async (meeting) =>
  (await Appointment.Bind(ada, meeting.Id)).RequiredAttendees.Items[0].ResponseType;

test("a meeting is booked, accepted and cancelled", async () => {
  const meeting = await booked("Plan", "2032-09-01T13:00:00Z");
  const request = await arrived(MeetingRequest, ben, WellKnownFolderName.Inbox, meeting.Subject);
  assert.equal(request.Organizer.Address, smtp("ada"));
  await request.Accept(true);
  const theirs = await arrived(Appointment, ben, WellKnownFolderName.Calendar, meeting.Subject);
  assert.equal(theirs.MyResponseType, MeetingResponseType.Accept);
  await eventually("ada knows that ben comes", async () => (await response(meeting)) === MeetingResponseType.Accept);
  await (await Appointment.Bind(ada, meeting.Id)).CancelMeeting("Not needed");
  await arrived(MeetingCancellation, ben, WellKnownFolderName.Inbox, `Canceled: ${meeting.Subject}`);
});

test("a meeting is declined", async () => {
  const meeting = await booked("Party", "2032-10-01T18:00:00Z");
  const request = await arrived(MeetingRequest, ben, WellKnownFolderName.Inbox, meeting.Subject);
  await request.Decline(true);
  await eventually("ada knows that ben stays away", async () => (await response(meeting)) === MeetingResponseType.Decline);
});

test("a reply goes to who wrote", async () => {
  const message = new ews.EmailMessage(ada);
  message.Subject = subject("Question");
  message.Body = new ews.MessageBody(ews.BodyType.Text, "When?");
  message.ToRecipients.Add(smtp("ben"));
  await message.Send();
  const got = await arrived(ews.EmailMessage, ben, WellKnownFolderName.Inbox, message.Subject);
  await got.Reply(new ews.MessageBody(ews.BodyType.Text, "Now."), false);
  const answer = await arrived(ews.EmailMessage, ada, WellKnownFolderName.Inbox, `RE: ${message.Subject}`);
  assert.equal(answer.From.Address, smtp("ben"));
  assert.match(answer.Body.Text, /Now\.[^]*When\?/);
});
