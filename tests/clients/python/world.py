"""Makes the tenants that the clients ask about: `world.py ADDRESS`.

`oak` is a hospital on a product whose faxes lie in faxboxes, `ring` a call centre.
"""

import sys

from client import connect
from google.protobuf.timestamp_pb2 import Timestamp
from lineguard.v1 import (
    admin_service_pb2 as admin,
    admin_service_pb2_grpc as admin_grpc,
    change_pb2 as change,
    fax_pb2,
    fax_service_pb2 as fax_service,
    fax_service_pb2_grpc as fax_grpc,
    resource_pb2 as resource,
    setup_pb2 as setup,
    subject_pb2 as subject,
)


def user(name):
    return subject.Subject(type="user", id=name)


def a(**kind):
    """A change."""
    return change.Change(**kind)


def member(account, name, role):
    roles = setup.Keys(keys=[role])
    active = setup.MEMBER_STATUS_ACTIVE
    return a(add_member=change.AddMember(account=account, subject=user(name), status=active, roles=roles))


def hospital(model):
    yield a(create_tenant=change.CreateTenant(title="Oak Hospital", model=model, root="wards"))
    yield member("wards", "ada", "user")
    yield member("wards", "bo", "tenant_admin")
    for box in ["radiology", "surgery"]:
        yield a(add_faxbox=change.AddFaxbox(account="wards", faxbox=box, title=box))
    ada = subject.UserOrGroup(user=user("ada"))
    yield a(set_faxbox_member=change.SetFaxboxMember(faxbox="radiology", member=ada, on=True))


def call_centre(model):
    yield a(create_tenant=change.CreateTenant(title="Ring Ring", model=model, root="desk"))
    yield member("desk", "cleo", "nonadmin")
    everything = setup.Capabilities(voice=True, fax=True, message=True)
    for number in ["+15550100001", "+15550100002", "+15550100003"]:
        yield a(add_number=change.AddNumber(account="desk", number=number, capabilities=everything, active=True))
    yield a(add_extension=change.AddExtension(account="desk", extension="101"))
    for which, values in [
        (setup.MEMBER_LIST_GRANTED_NUMBERS, ["+15550100001", "+15550100002"]),
        (setup.MEMBER_LIST_HELD_EXTENSIONS, ["101"]),
    ]:
        value = setup.ListValue(state=setup.LIST_STATE_VALUES, values=values)
        yield a(set_list=change.SetList(account="desk", subject=user("cleo"), list=which, value=value))
    default = change.SetDefaultNumber(account="desk", subject=user("cleo"), number="+15550100002")
    yield a(set_default_number=default)


def faxes():
    for at in range(60):
        yield fax_pb2.NewFax(
            fax=f"f{at}",
            account="wards",
            direction=resource.DIRECTION_INBOUND,
            faxbox="radiology" if at % 3 == 0 else "surgery",
            state=resource.FAX_STATE_ACTIVE,
            at=Timestamp(seconds=1_700_000_000 + 60 * at),
        )


def main(address):
    with connect(address) as channel:
        door = admin_grpc.AdminServiceStub(channel)
        models = door.ListModels(admin.ListModelsRequest()).models
        digests = {model.name: model.digest for model in models}
        importer = subject.Subject(type="service", id="importer")
        for tenant, changes in [
            ("oak", hospital(digests["retarus"])),
            ("ring", call_centre(digests["nuacom"])),
        ]:
            request = admin.ApplyRequest(tenant=tenant, actor=importer, request_id="world", changes=changes)
            # The request id makes a repeat safe: the same answer, which says so, and nothing happens twice.
            first, repeat = door.Apply(request), door.Apply(request)
            for answer in first, repeat:
                if not answer.revision_token:
                    sys.exit(f"no token names the state of {tenant}")
                # Tokens are sealed; two of one state do not look alike.
                answer.ClearField("revision_token")
            if first.repeated or not repeat.repeated:
                sys.exit(f"a repeat of {tenant} is not told: {first} {repeat}")
            repeat.ClearField("repeated")
            if repeat != first:
                sys.exit(f"a repeat of {tenant} was answered otherwise: {first} {repeat}")
        registered = fax_grpc.FaxServiceStub(channel).BatchRegisterFaxes(
            fax_service.BatchRegisterFaxesRequest(tenant="oak", actor=importer, faxes=faxes())
        )
        wrong = [one for one in registered.results if not one.HasField("registered")]
        if wrong:
            sys.exit(f"not registered: {wrong}")


if __name__ == "__main__":
    main(sys.argv[1])
