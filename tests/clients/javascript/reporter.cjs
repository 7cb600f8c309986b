// A JSON line for each test: its name, and what went wrong in it.
module.exports = async function* report(source) {
  for await (const event of source) {
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const error = event.data.details?.error;
    const cause = error?.cause ?? error;
    yield JSON.stringify({ name: event.data.name, error: error ? `${cause?.stack ?? ""}\n${cause?.message ?? cause}` : "" }) + "\n";
  }
};
