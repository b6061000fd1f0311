"""An OPC UA server by asyncua, for tests of the edge. It has no will of its own: a line of JSON on standard input moves it.

First argument: JSON {"port","namespace","uri","certificate","key","shift","nodes":[{"node","type","value","writable"}]}.
"shift": so many namespaces come before ours. Says "ready" when it listens, and "done" after each line:
{"set":{node:number}}, {"status":{node:code}}, {"drop":true} (deletes every subscription), {"get":node}.
"""

import asyncio
import json
import sys

from asyncua import Server, ua

TYPES = {"bool": "Boolean", "u16": "UInt16", "i16": "Int16", "u32": "UInt32", "i32": "Int32", "f32": "Float", "u64": "UInt64", "i64": "Int64", "f64": "Double"}


def variant(kind, number):
    number = number if kind in ("f32", "f64") else int(number)
    return ua.Variant(bool(number) if kind == "bool" else number, ua.VariantType[TYPES[kind]])


async def main():
    config = json.loads(sys.argv[1])
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{config['port']}/")
    await server.set_application_uri(config["uri"])
    server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
    await server.load_certificate(config["certificate"])
    await server.load_private_key(config["key"])
    for i in range(config["shift"]):
        await server.register_namespace(f"urn:other:{i}")
    index = await server.register_namespace(config["namespace"])
    folder = await server.nodes.objects.add_folder(index, "device")
    nodes = {}
    for node in config["nodes"]:
        value = variant(node["type"], node["value"])
        made = await folder.add_variable(ua.NodeId(node["node"], index), node["node"], value)
        if node["writable"]:
            await made.set_writable()
        nodes[node["node"]] = (made, node["type"])
    async with server:
        print("ready", flush=True)
        lines = asyncio.get_running_loop()
        while line := await lines.run_in_executor(None, sys.stdin.readline):
            order = json.loads(line)
            for name, number in order.get("set", {}).items():
                made, kind = nodes[name]
                await made.write_value(ua.DataValue(variant(kind, number)))
            for name, code in order.get("status", {}).items():
                made, kind = nodes[name]
                await made.write_value(ua.DataValue(variant(kind, 0), StatusCode=ua.StatusCode(code)))
            if order.get("drop"):
                service = server.iserver.subscription_service
                await service.delete_subscriptions(list(service.subscriptions))
            if "get" in order:
                print(json.dumps(float(await nodes[order["get"]][0].read_value())), flush=True)
            print("done", flush=True)


asyncio.run(main())
