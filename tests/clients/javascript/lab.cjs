// The lab's server and its people, as the JSON file that LAB names describes them.
const { randomUUID } = require("node:crypto");
const { readFileSync } = require("node:fs");
const ews = require("ews-javascript-api");

const described = JSON.parse(readFileSync(process.env.LAB, "utf8"));
const of = (name) => described[name];
const smtp = (person) => of(`${person}.smtp`);
const credentials = (person) => new ews.WebCredentials(of(`${person}.user`), of(`${person}.password`));

/** The mailbox of a person, opened by themselves. */
function open(person) {
  const service = new ews.ExchangeService(ews.ExchangeVersion.Exchange2013_SP1);
  service.Url = new ews.Uri(of("lab.ews"));
  service.Credentials = credentials(person);
  return service;
}

/** A subject that no other test uses. */
const subject = (about) => `${about} ${randomUUID()}`;

const find = (service, folder, text) =>
  service.FindItems(folder, new ews.SearchFilter.IsEqualTo(ews.ItemSchema.Subject, text), new ews.ItemView(10));

/** What the question finds once it is neither null nor false. */
async function eventually(what, question) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const found = await question();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`not within a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The only item of that subject, once it is there. */
async function arrived(kind, service, folder, text) {
  const found = await eventually(`${text} in ${folder}`, async () => {
    const items = (await find(service, folder, text)).Items;
    return items.length ? items : null;
  });
  if (found.length > 1) throw new Error(`${text} is there more than once`);
  return kind.Bind(service, found[0].Id);
}

/** The error that the promise must end with. */
async function refused(promise, code) {
  try {
    await promise;
  } catch (error) {
    if (error.ErrorCode === code) return error;
    throw error;
  }
  throw new Error(`not refused with ${ews.ServiceError[code]}`);
}

module.exports = { ews, of, smtp, credentials, open, subject, find, eventually, arrived, refused };
