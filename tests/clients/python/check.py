"""A client with stubs that grpcio-tools made of `proto/`: `check.py ADDRESS`.

Asks about the tenants of `world.py`; ends with 1 if an answer is not the expected one.
"""

import sys

import grpc
from client import connect
from lineguard.v1 import (
    authorization_service_pb2 as auth,
    authorization_service_pb2_grpc as auth_grpc,
    decision_pb2 as decision,
    resource_pb2 as resource,
    subject_pb2 as subject,
)

ALLOW, DENY = decision.EFFECT_ALLOW, decision.EFFECT_DENY


def same(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: expected {expected!r}, came {found!r}")
    print(f"{what}: {found!r}")


def user(name):
    return subject.Subject(type="user", id=name)


def question(tenant, account, name, action, **of):
    return auth.CheckRequest(
        tenant=tenant,
        account=account,
        subject=user(name),
        action=resource.Action(name=action),
        resource=resource.Resource(**of),
    )


def faxes(stub):
    def check(name, fax):
        return stub.Check(question("oak", "wards", name, "fax.view", type="fax", id=fax)).decision

    seen = check("ada", "f3")
    same("ada views f3", (seen.effect, seen.reason), (ALLOW, decision.REASON_GRANTED))
    same("by", (seen.permission.key, seen.origin.key, seen.clause), ("fax.view", "user", "account"))
    hidden = check("ada", "f4")
    same("ada views f4", (hidden.effect, hidden.requirement), (DENY, "faxbox_member"))
    same("what ada may not see and what is not there", check("ada", "nothing"), hidden)
    admin = check("bo", "f3")
    same("an administrator outside the faxbox", (admin.effect, admin.reason), (DENY, decision.REASON_REQUIREMENT_NOT_MET))
    stranger = check("nobody", "f3").reason
    same("a stranger", stranger, decision.REASON_NOT_A_MEMBER_OF_ACTING_ACCOUNT)

    asked = [question("oak", "wards", "ada", "fax.view", type="fax", id=f"f{at}") for at in range(60)]
    answers = stub.BatchCheck(auth.BatchCheckRequest(checks=asked)).results
    allowed = [f"f{at}" for at, one in enumerate(answers) if one.decision.effect == ALLOW]
    request = auth.ListVisibleFaxesRequest(tenant="oak", account="wards", subject=user("ada"), page_size=7)
    listed = []
    while True:
        page = stub.ListVisibleFaxes(request)
        listed += [fax.fax for fax in page.faxes]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    same("ada lists, newest first", listed, [f"f{at}" for at in range(57, -1, -3)])
    same("as checked one by one", listed[::-1], allowed)


def calls(stub):
    facts = resource.Facts(
        account="desk",
        extension="101",
        participants=subject.Subjects(subjects=[user("cleo")]),
        direction=resource.DIRECTION_INBOUND,
        absent=["queue", "number", "labels"],
    )
    own = stub.Check(question("ring", "desk", "cleo", "call.view", type="call", id="c1", properties=facts))
    same("cleo views her own call", own.decision.effect, ALLOW)
    try:
        stub.Check(question("ring", "desk", "cleo", "call.view", type="call", id="c1"))
        sys.exit("a question without facts was answered")
    except grpc.RpcError as error:
        same("a question without facts", error.code(), grpc.StatusCode.INVALID_ARGUMENT)

    def caller_id(**asked):
        request = auth.ResolveCallerIdRequest(
            tenant="ring", account="desk", subject=user("cleo"), used_for=resource.SEND_CHANNEL_CALL, **asked
        )
        return stub.ResolveCallerId(request)

    default = caller_id()
    same("cleo presents", (default.outcome, default.number), (auth.CALLER_ID_OUTCOME_NUMBER, "+15550100002"))
    same("and may choose", sorted(default.selectable), ["+15550100001", "+15550100002"])
    same("a number of hers", caller_id(number="+15550100001").number, "+15550100001")
    same("a number not hers", caller_id(number="+15550100003").outcome, auth.CALLER_ID_OUTCOME_DENIED)


def main(address):
    with connect(address) as channel:
        stub = auth_grpc.AuthorizationServiceStub(channel)
        faxes(stub)
        calls(stub)


if __name__ == "__main__":
    main(sys.argv[1])
