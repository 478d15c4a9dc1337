"""A traced client: `traced.py SERVER COLLECTOR`. Begins a trace around each of a question, a list and
a write about the tenants of `world.py`, passes it on, and tells the collector its own spans.
"""

import secrets
import sys
import time

import grpc
from lineguard.v1 import (
    admin_service_pb2 as admin,
    admin_service_pb2_grpc as admin_grpc,
    authorization_service_pb2 as auth,
    authorization_service_pb2_grpc as auth_grpc,
    change_pb2 as change,
    resource_pb2 as resource,
    subject_pb2 as subject,
)
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as collector
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as collector_grpc
from opentelemetry.proto.common.v1 import common_pb2 as common
from opentelemetry.proto.trace.v1 import trace_pb2 as trace


def span(name, kind, trace_id, parent=b""):
    now = time.time_ns()
    return trace.Span(
        name=name, kind=kind, trace_id=trace_id, span_id=secrets.token_bytes(8), parent_span_id=parent, start_time_unix_nano=now
    )


def traced(what, method, call, spans):
    """Calls with a span of its own below one of what is done."""
    trace_id = secrets.token_bytes(16)
    outer = span(what, trace.Span.SPAN_KIND_INTERNAL, trace_id)
    own = span(method, trace.Span.SPAN_KIND_CLIENT, trace_id, outer.span_id)
    parent = f"00-{trace_id.hex()}-{own.span_id.hex()}-01"
    call(metadata=[("traceparent", parent)])
    for one in own, outer:
        one.end_time_unix_nano = time.time_ns()
        spans.append(one)


def user(name):
    return subject.Subject(type="user", id=name)


def main(server, to):
    spans = []
    with grpc.insecure_channel(server) as channel:
        asked = auth_grpc.AuthorizationServiceStub(channel)
        question = auth.CheckRequest(
            tenant="oak",
            account="wards",
            # Nobody has asked about this person, so nothing of them is cached.
            subject=user("bo"),
            action=resource.Action(name="fax.view"),
            resource=resource.Resource(type="fax", id="f6"),
        )
        page = auth.ListVisibleFaxesRequest(tenant="oak", account="wards", subject=user("ada"), page_size=5)
        box = change.AddFaxbox(account="wards", faxbox="traced", title="traced")
        write = admin.ApplyRequest(
            tenant="oak", actor=user("bo"), request_id="traced", changes=[change.Change(add_faxbox=box)]
        )
        method = "lineguard.v1.AuthorizationService/"
        traced("a check", f"{method}Check", lambda **of: asked.Check(question, **of), spans)
        traced("a list", f"{method}ListVisibleFaxes", lambda **of: asked.ListVisibleFaxes(page, **of), spans)
        door = admin_grpc.AdminServiceStub(channel)
        traced("a write", "lineguard.v1.AdminService/Apply", lambda **of: door.Apply(write, **of), spans)
    name = common.KeyValue(key="service.name", value=common.AnyValue(string_value="test-client"))
    sent = trace.ResourceSpans(scope_spans=[trace.ScopeSpans(spans=spans)])
    sent.resource.attributes.append(name)
    with grpc.insecure_channel(to) as channel:
        stub = collector_grpc.TraceServiceStub(channel)
        stub.Export(collector.ExportTraceServiceRequest(resource_spans=[sent]), wait_for_ready=True, timeout=10)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
