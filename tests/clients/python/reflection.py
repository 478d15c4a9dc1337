"""A client that knows nothing but an address: `reflection.py ADDRESS`.

It learns services and messages by server reflection, without any stubs, and asks about the
tenants of `world.py`; ends with 1 if an answer is not the expected one.
"""

import sys

import grpc
from client import connect
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def same(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: expected {expected!r}, came {found!r}")
    print(f"{what}: {found!r}")


class Server:
    def __init__(self, channel):
        self.channel = channel
        self.database = ProtoReflectionDescriptorDatabase(channel)
        self.pool = DescriptorPool(self.database)

    def call(self, service, method, request):
        """Calls a method with a request in JSON, and answers in JSON."""
        known = self.pool.FindServiceByName(service).FindMethodByName(method)
        send = self.channel.unary_unary(
            f"/{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(known.output_type).FromString,
        )
        message = ParseDict(request, GetMessageClass(known.input_type)())
        return MessageToDict(send(message), preserving_proto_field_name=True)

    def ask(self, method, tenant, account, name, **more):
        person = {"tenant": tenant, "account": account, "subject": {"type": "user", "id": name}}
        return self.call("lineguard.v1.AuthorizationService", method, person | more)


def main(address):
    with connect(address) as channel:
        server = Server(channel)
        services = set(server.database.get_services())
        ours = {f"lineguard.v1.{name}Service" for name in ["Admin", "Authorization", "Fax"]}
        same("services not told of", ours - services, set())
        health = server.call("grpc.health.v1.Health", "Check", {})
        same("health", health["status"], "SERVING")

        for fax, effect, reason in [
            ("f3", "EFFECT_ALLOW", "REASON_GRANTED"),
            ("f4", "EFFECT_DENY", "REASON_REQUIREMENT_NOT_MET"),
        ]:
            of = {"action": {"name": "fax.view"}, "resource": {"type": "fax", "id": fax}}
            decision = server.ask("Check", "oak", "wards", "ada", **of)["decision"]
            same(f"ada views {fax}", (decision["effect"], decision["reason"]), (effect, reason))

        page = server.ask("ListVisibleFaxes", "oak", "wards", "ada", page_size=5)
        same("ada's newest", [fax["fax"] for fax in page["faxes"]], ["f57", "f54", "f51", "f48", "f45"])
        used_for = "SEND_CHANNEL_CALL"
        answer = server.ask("ResolveCallerId", "ring", "desk", "cleo", used_for=used_for)
        same("cleo presents", (answer["outcome"], answer["number"]), ("CALLER_ID_OUTCOME_NUMBER", "+15550100002"))


if __name__ == "__main__":
    main(sys.argv[1])
