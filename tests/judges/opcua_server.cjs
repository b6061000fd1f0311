// The same as opcua_server.py, with node-opcua.
const { OPCUAServer, MessageSecurityMode, SecurityPolicy, DataType, OPCUACertificateManager, VariantArrayType, coerceStatusCode } = require("node-opcua");
const path = require("path");
const readline = require("readline");

const TYPES = { bool: "Boolean", u16: "UInt16", i16: "Int16", u32: "UInt32", i32: "Int32", f32: "Float", u64: "UInt64", i64: "Int64", f64: "Double" };
// 64-bit numbers are given as two halves.
const coerced = { bool: (x) => x !== 0, u64: (x) => [Math.floor(x / 2 ** 32), x >>> 0], i64: (x) => [Math.floor(x / 2 ** 32), x >>> 0] };
const variant = (kind, value) => ({ arrayType: VariantArrayType.Scalar, dataType: DataType[TYPES[kind]], value: (coerced[kind] || ((x) => x))(value) });

async function main() {
  const config = JSON.parse(process.argv[2]);
  const trust = new OPCUACertificateManager({ rootFolder: path.join(config.scratch, "server-pki"), automaticallyAcceptUnknownCertificate: true });
  await trust.initialize();
  const server = new OPCUAServer({
    hostname: "127.0.0.1",
    port: config.port,
    certificateFile: config.certificate,
    privateKeyFile: config.key,
    serverCertificateManager: trust,
    securityPolicies: [SecurityPolicy.Basic256Sha256],
    securityModes: [MessageSecurityMode.SignAndEncrypt],
    allowAnonymous: true,
    serverInfo: { applicationUri: config.uri },
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  for (let i = 0; i < config.shift; i++) space.registerNamespace(`urn:other:${i}`);
  const own = space.registerNamespace(config.namespace);
  const folder = own.addFolder(space.rootFolder.objects, { browseName: "device" });
  const nodes = {};
  for (const node of config.nodes) {
    const access = node.writable ? "CurrentRead | CurrentWrite" : "CurrentRead";
    const made = own.addVariable({
      componentOf: folder,
      nodeId: `s=${node.node}`,
      browseName: node.node,
      dataType: TYPES[node.type],
      accessLevel: access,
      userAccessLevel: access,
      minimumSamplingInterval: 50,
      value: variant(node.type, node.value),
    });
    nodes[node.node] = [made, node.type];
  }
  await server.start();
  console.log("ready");
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    for (const [name, value] of Object.entries(order.set || {})) nodes[name][0].setValueFromSource(variant(nodes[name][1], value));
    for (const [name, code] of Object.entries(order.status || {})) {
      nodes[name][0].setValueFromSource(variant(nodes[name][1], 0), coerceStatusCode(code));
    }
    if (order.drop) {
      for (const session of Object.values(server.engine._sessions)) {
        for (const id of Object.keys(session.publishEngine._subscriptions)) session.deleteSubscription(Number(id));
      }
    }
    if (order.get) console.log(JSON.stringify(Number(nodes[order.get][0].readValue().value.value)));
    console.log("done");
  }
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
