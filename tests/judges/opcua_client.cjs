// The same as opcua_client.py, with node-opcua: JSON in, JSON out.
const { OPCUAClient, MessageSecurityMode, SecurityPolicy, AttributeIds, DataType, OPCUACertificateManager } = require("node-opcua");
const fs = require("fs");
const path = require("path");

const TYPES = { bool: "Boolean", u16: "UInt16", i16: "Int16", u32: "UInt32", i32: "Int32", f32: "Float", u64: "UInt64", i64: "Int64", f64: "Double" };
// 64-bit numbers come as two halves.
const number = (value) => (Array.isArray(value) ? value[0] * 2 ** 32 + (value[1] >>> 0) : Number(value));

async function main() {
  const asked = JSON.parse(fs.readFileSync(0, "utf8"));
  const trust = new OPCUACertificateManager({ rootFolder: path.join(asked.scratch, "client-pki"), automaticallyAcceptUnknownCertificate: true });
  await trust.initialize();
  const client = OPCUAClient.create({
    applicationName: "judge",
    applicationUri: asked.uri,
    securityMode: asked.secure ? MessageSecurityMode.SignAndEncrypt : MessageSecurityMode.None,
    securityPolicy: asked.secure ? SecurityPolicy.Basic256Sha256 : SecurityPolicy.None,
    certificateFile: asked.certificate,
    privateKeyFile: asked.key,
    clientCertificateManager: trust,
    endpointMustExist: false,
    connectionStrategy: { maxRetry: 0 },
    transportTimeout: 5000,
  });
  await client.connect(asked.url);
  const session = await client.createSession();
  const out = { values: {}, times: {}, written: {}, refused: {} };
  const index = (await session.readNamespaceArray()).indexOf(asked.namespace);
  if (index < 0) throw new Error(`no namespace ${asked.namespace}`);
  const id = (name) => `ns=${index};s=${name}`;
  for (const name of asked.reads) {
    const data = await session.read({ nodeId: id(name), attributeId: AttributeIds.Value });
    if (!data.statusCode.isGood()) throw new Error(`${name}: ${data.statusCode}`);
    out.values[name] = number(data.value.value);
    out.times[name] = data.sourceTimestamp ? data.sourceTimestamp.toISOString() : null;
  }
  for (const write of asked.writes) {
    const value = { dataType: DataType[TYPES[write.type]], value: write.type === "bool" ? write.value !== 0 : write.value };
    const status = await session.write({ nodeId: id(write.node), attributeId: AttributeIds.Value, value: { value } });
    if (status.isGood()) {
      out.written[write.node] = number((await session.read({ nodeId: id(write.node), attributeId: AttributeIds.Value })).value.value);
    } else {
      out.refused[write.node] = status.toString();
    }
  }
  await session.close();
  await client.disconnect();
  fs.writeSync(1, JSON.stringify(out));
}

main().then(() => process.exit(0), (error) => {
  console.error(String(error && error.message ? error.message : error));
  process.exit(1);
});
