/**
 * For Node, whose OpenSSL takes the word of a private key for which public key belongs to it. Argument: the PEM of
 * a P-256 certificate whose key it does not have. Prints its port; at SIGTERM, the handshakes that ended well and the octets
 * it was sent.
 */

import { createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { createServer } from "node:tls";

const [certificatePem] = process.argv.slice(2);
/** An uncompressed point of P-256 (SEC 1, 2.3.3), which a SubjectPublicKeyInfo ends with. */
const POINT_OCTETS = 65;
const pointOf = (key) => key.export({ type: "spki", format: "der" }).subarray(-POINT_OCTETS);

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const der = privateKey.export({ type: "sec1", format: "der" });
const claimed = pointOf(new X509Certificate(certificatePem).publicKey);
claimed.copy(der, der.indexOf(pointOf(createPublicKey(privateKey))));
const key = `-----BEGIN EC PRIVATE KEY-----\n${der.toString("base64").replace(/(.{64})/g, "$1\n")}\n-----END EC PRIVATE KEY-----\n`;

const counts = { handshakes: 0, refused: 0, octets: 0 };
const listener = createServer({ cert: certificatePem, key, ALPNProtocols: ["dot"] }, (socket) => {
  counts.handshakes++;
  socket.on("data", (octets) => {
    counts.octets += octets.length;
  });
  socket.on("error", () => {});
});
listener.on("tlsClientError", () => {
  counts.refused++;
});
listener.listen(0, "127.0.0.1", () => console.log(listener.address().port));
process.on("SIGTERM", () => {
  console.log(JSON.stringify(counts));
  process.exit();
});
