// A client of another make, grpc-js, over a Unix socket: `node check.mjs PROTO_FOLDER unix:SOCKET`.
//
// Asks about the tenants of `../python/world.py`; ends with 1 if an answer is not the expected one.

import { createRequire } from "node:module";
import { join } from "node:path";
import assert from "node:assert/strict";

// Packages stand where the test has installed them.
const require = createRequire(join(process.env.NODE_PACKAGES, "of-here.js"));
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [folder, address] = process.argv.slice(2);
const definition = loader.loadSync("lineguard/v1/authorization_service.proto", {
  includeDirs: [folder],
  enums: String,
});
const { AuthorizationService } = grpc.loadPackageDefinition(definition).lineguard.v1;
const client = new AuthorizationService(address, grpc.credentials.createInsecure());

const ask = (method, request) =>
  new Promise((answered, failed) => {
    const deadline = new Date(Date.now() + 20_000);
    client[method](request, { deadline }, (error, answer) =>
      error ? failed(error) : answered(answer),
    );
  });

const ada = { type: "user", id: "ada" };
const check = async (fax) => {
  const answer = await ask("Check", {
    tenant: "oak",
    account: "wards",
    subject: ada,
    action: { name: "fax.view" },
    resource: { type: "fax", id: fax },
  });
  return [answer.decision.effect, answer.decision.reason];
};

assert.deepEqual(await check("f3"), ["EFFECT_ALLOW", "REASON_GRANTED"]);
assert.deepEqual(await check("f4"), ["EFFECT_DENY", "REASON_REQUIREMENT_NOT_MET"]);
const list = { tenant: "oak", account: "wards", subject: ada, pageSize: 3 };
const { faxes } = await ask("ListVisibleFaxes", list);
assert.deepEqual(
  faxes.map((fax) => fax.fax),
  ["f57", "f54", "f51"],
);
console.log(`ada views f3, not f4, and lists ${faxes.map((fax) => fax.fax).join(", ")}`);
client.close();
