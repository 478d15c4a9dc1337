"""Marker data through every field of every method: `markers.py SERVER`, then
`markers.py --search FILE...`.

The first form walks the descriptors. Every text, number and list of bytes of a request carries one
of the markers, one field at a time, with something plausible in the others, and everything at once.
The second form ends with 1 if a marker, or a piece of one, stands in one of the files.
"""

import re
import sys

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor as Field
from lineguard.v1 import (
    admin_service_pb2,
    admin_service_pb2_grpc,
    authorization_service_pb2,
    authorization_service_pb2_grpc,
    change_pb2,
    fax_pb2,
    fax_service_pb2,
    fax_service_pb2_grpc,
    operations_service_pb2,  # noqa: F401 (its descriptors)
    resource_pb2,
    setup_pb2,
    subject_pb2,
)

# A name of a patient, a number, a token and an id that nothing else contains.
MARKERS = ["Wilhelmina Quackenbush", "+15557364001", "lgt_zq7Xk2marker9Token", "mrn-8842137-zq"]
NUMBER = 8842137

# Pieces that would betray a marker that was cut or quoted in another form.
TRACES = ["Quackenbush", "5557364001", "zq7Xk2marker", "mrn-8842137"]

# A short number stands by chance inside longer ones, of which telemetry is full.
ALONE = re.compile(rf"(?<!\d){NUMBER}(?!\d)")

SERVICES = ["AuthorizationService", "FaxService", "AdminService", "OperationsService"]

SAME = {"tenant": "oak", "account": "wards", "type": "user", "fax": "f3", "name": "fax.view"}


def is_message(field):
    return field.cpp_type == Field.CPPTYPE_MESSAGE


def plausible(descriptor, depth=0):
    """Something that gets past the first checks."""
    message = message_factory.GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if is_message(field) or field.is_repeated or field.containing_oneof:
            continue
        if field.cpp_type == Field.CPPTYPE_STRING and field.name in SAME and field.type == Field.TYPE_STRING:
            setattr(message, field.name, SAME[field.name])
    if depth < 3 and descriptor.fields_by_name.get("subject"):
        message.subject.type, message.subject.id = "user", "ada"
    return message


def put(message, field, marker):
    if field.cpp_type == Field.CPPTYPE_STRING:
        value = marker if field.type == Field.TYPE_STRING else marker.encode()
    elif field.cpp_type in (Field.CPPTYPE_INT32, Field.CPPTYPE_INT64, Field.CPPTYPE_UINT32, Field.CPPTYPE_UINT64):
        value = NUMBER
    else:
        return False
    if field.is_repeated:
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)
    return True


def fields(message, descriptor, marker, path=()):
    """Puts a marker into one field after another and yields its path; undoes it afterwards."""
    for field in descriptor.fields:
        here = (*path, field.name)
        before = message_factory.GetMessageClass(descriptor)()
        before.CopyFrom(message)
        if is_message(field):
            entry = field.message_type.GetOptions().map_entry
            if entry or path.count(field.name) > 1 or len(path) > 5:
                continue
            if field.is_repeated:
                inner = getattr(message, field.name).add()
            else:
                inner = getattr(message, field.name)
                inner.SetInParent()
            inner.CopyFrom(plausible(field.message_type, len(path)))
            yield from fields(inner, field.message_type, marker, here)
        elif put(message, field, marker):
            yield ".".join(here)
        message.CopyFrom(before)


def calls(channel):
    pool = descriptor_pool.Default()
    for name in SERVICES:
        service = pool.FindServiceByName(f"lineguard.v1.{name}")
        for method in service.methods:
            answer = message_factory.GetMessageClass(method.output_type)
            path = f"/{service.full_name}/{method.name}"
            kind = ("stream" if method.client_streaming else "unary") + "_" + ("stream" if method.server_streaming else "unary")
            call = getattr(channel, kind)(
                path, request_serializer=lambda one: one.SerializeToString(), response_deserializer=answer.FromString
            )
            yield method, call


def accepted(channel):
    """A tenant whose every id, title and number is a marker, and questions about it: what gets
    through goes to other places than what is refused."""
    name, number, token, mark = MARKERS
    door = admin_service_pb2_grpc.AdminServiceStub(channel)
    models = door.ListModels(admin_service_pb2.ListModelsRequest()).models
    digest = next(model.digest for model in models if model.name == "nuacom")
    who = subject_pb2.Subject(type="user", id=mark)
    able = setup_pb2.Capabilities(voice=True, fax=True, message=True)
    role, active = setup_pb2.Keys(keys=["nonadmin"]), setup_pb2.MEMBER_STATUS_ACTIVE
    changes = [
        dict(create_tenant=change_pb2.CreateTenant(title=name, model=digest, root=token)),
        dict(add_member=change_pb2.AddMember(account=token, subject=who, status=active, roles=role)),
        dict(add_number=change_pb2.AddNumber(account=token, number=number, capabilities=able, active=True)),
    ]
    changes = [change_pb2.Change(**one) for one in changes]
    # Only a service activates numbers.
    setter = subject_pb2.Subject(type="service", id=mark)
    door.Apply(admin_service_pb2.ApplyRequest(tenant=mark, actor=setter, request_id=token, changes=changes))
    fax = fax_pb2.NewFax(
        fax=mark, account=token, direction=resource_pb2.DIRECTION_INBOUND, number=number, state=resource_pb2.FAX_STATE_ACTIVE
    )
    fax.at.FromSeconds(1_700_000_000)
    registered = fax_service_pb2_grpc.FaxServiceStub(channel).BatchRegisterFaxes(
        fax_service_pb2.BatchRegisterFaxesRequest(tenant=mark, actor=who, faxes=[fax])
    )
    if not registered.results[0].HasField("registered"):
        sys.exit(f"the fax with markers was not registered: {registered}")
    asked = authorization_service_pb2_grpc.AuthorizationServiceStub(channel)
    of = dict(tenant=mark, account=token, subject=who)
    view = resource_pb2.Action(name="fax.view")
    asked.Check(authorization_service_pb2.CheckRequest(action=view, resource=resource_pb2.Resource(type="fax", id=mark), **of))
    asked.ListVisibleFaxes(authorization_service_pb2.ListVisibleFaxesRequest(**of))
    call = resource_pb2.SEND_CHANNEL_CALL
    asked.ResolveCallerId(authorization_service_pb2.ResolveCallerIdRequest(used_for=call, **of))
    asked.ListPermissions(authorization_service_pb2.ListPermissionsRequest(**of))


def send(method, call, request):
    """The answer is the caller's own business; only that there is one counts."""
    try:
        answer = call(iter([request]) if method.client_streaming else request, timeout=10)
        if method.server_streaming:
            for _ in answer:
                pass
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.INTERNAL:
            sys.exit(f"{method.full_name}: internal error")
        return quotes(error)
    return ""


def quotes(error):
    """What of a marker an error quotes outside the violations of fields."""
    text = error.details() or ""
    return text if error.code() != grpc.StatusCode.INVALID_ARGUMENT and any(one in text for one in TRACES) else ""


def main(server):
    sent, quoted = 0, set()
    with grpc.insecure_channel(server) as channel:
        accepted(channel)
        for method, call in calls(channel):
            for marker in MARKERS:
                request = plausible(method.input_type)
                for path in fields(request, method.input_type, marker):
                    sent += 1
                    text = send(method, call, request)
                    if text:
                        quoted.add(f"{method.name}.{path}: {text}")
        # And where no field is: metadata and a method that does not exist.
        for marker in MARKERS:
            metadata = [("authorization", f"Bearer {marker}"), ("x-request-id", marker), ("traceparent", marker), ("tracestate", marker)]
            unknown = channel.unary_unary(f"/lineguard.v1.{marker.replace(' ', '')}/{marker.replace(' ', '')}")
            for call in channel.unary_unary("/lineguard.v1.AuthorizationService/Check"), unknown:
                try:
                    call(b"", metadata=metadata, timeout=10)
                except grpc.RpcError:
                    sent += 1
    print(f"{sent} calls with a marker")
    if quoted:
        sys.exit("quoted outside the violations of fields:\n" + "\n".join(sorted(quoted)))


def search(paths):
    found = []
    for path in paths:
        with open(path, errors="replace") as file:
            for at, line in enumerate(file, 1):
                if any(one in line for one in TRACES) or ALONE.search(line):
                    found.append(f"{path}:{at}: {line.strip()[:300]}")
    if found:
        sys.exit("markers:\n" + "\n".join(found[:20]))
    print(f"no marker in {len(paths)} files")


if __name__ == "__main__":
    if sys.argv[1] == "--search":
        search(sys.argv[2:])
    else:
        main(sys.argv[1])
