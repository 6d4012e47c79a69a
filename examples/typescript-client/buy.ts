// A buyer's way from the login to the file, with a TypeScript client that is generated from the API's own document.
//
//     npm install
//     export MARKET_URL=http://127.0.0.1:8080 MARKET_EMAIL=buyer@demo.example MARKET_PASSWORD='…'
//     npm run generate && npm run buy
//
// Functions are named after their paths: `GET /v1/licences/{id}/files` is `getLicenceFiles`. It makes one offer, on which the members
// of the pool are asked to vote, and downloads by a licence that was paid for before. Runs on Node 18 and newer. (TypeScript is 5.9,
// because the generator does not work with 7.)

import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { client } from "./client/client.gen.js";
import {
  getDataset, getDatasets, getLicenceFile, getLicenceFiles, getLicences, getOffer, postOffers, postSessions, type Problem,
} from "./client/index.js";

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

// The answer that was hoped for; or the end, with the words that say what went wrong.
async function good<T>(asked: Promise<{ data?: T; error?: Problem | unknown }>): Promise<T> {
  const { data, error } = await asked;
  if (data !== undefined) return data;
  const problem = error as Problem;
  throw new Error(`${problem.title}: ${problem.detail}`);
}

// Log in. The access token is good for ten minutes.
client.setConfig({ baseUrl: setting("MARKET_URL") });
const login = { email: setting("MARKET_EMAIL"), password: setting("MARKET_PASSWORD") };
const session = await good(postSessions({ body: login }));
client.setConfig({ auth: session.access_token });

// Browse the catalogue.
const [listing] = (await good(getDatasets({ query: { q: "artist" } }))).items;
const dataset = await good(getDataset({ path: { id: listing.id } }));
const { floor } = dataset.price;
console.log(`${dataset.title} of ${dataset.pool.name}: from ${(floor.amount / 100).toFixed(2)} ${floor.currency} on`);

// Make an offer: on the edition in stock where there is one, as that costs the members no more privacy. The key makes it
// harmless to send it again.
const placed = await good(postOffers({
  headers: { "Idempotency-Key": "typescript-client" },
  body: {
    dataset_id: dataset.id,
    edition: dataset.editions.some((edition) => !edition.recall) ? "stock" : "next",
    price: floor,
    purpose: dataset.purposes[0],
    field_of_use: "Choosing the artists of a weekly radio show.",
    period_days: 90,
    redistribution: "none",
    models_after_term: "delete",
  },
}));

// Follow it until the members may vote on it.
let offer = placed;
for (let tries = 0; tries < 30 && ["queued", "opening"].includes(offer.state); tries++) {
  await setTimeout(1_000);
  offer = await good(getOffer({ path: { id: placed.id } }));
}
console.log(`offer ${offer.id} is ${offer.state}: ${offer.timeline.at(-1)?.detail} The members decide by ${offer.decision_by}.`);

// Download by a licence that is in force, and look whether the bytes are those that were promised.
const licences = (await good(getLicences())).items;
const licence = licences.find((one) => one.state === "active");
if (licence === undefined) throw new Error("There is no licence in force to download by.");
const files = (await good(getLicenceFiles({ path: { id: licence.id } }))).items;
for (const file of files) console.log(`${file.name}: ${file.size_bytes} bytes of ${file.media_type}`);
const file = files.find((one) => one.name.endsWith(".parquet"));
if (file === undefined) throw new Error("The edition has no Parquet file.");
const content = await good(getLicenceFile({ path: { id: licence.id, name: file.name }, parseAs: "blob" })) as Blob;
const bytes = Buffer.from(await content.arrayBuffer());
if (createHash("sha256").update(bytes).digest("hex") !== file.sha256) throw new Error("The file is not the one that was promised.");
await writeFile(file.name, bytes);
console.log(`${file.name}: downloaded, digest as promised`);
