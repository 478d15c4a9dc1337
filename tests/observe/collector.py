"""A collector for tests: `collector.py ADDRESS FILE`. Takes traces and metrics over OTLP/gRPC and
writes each message as a line of JSON. Ends when it is told to.
"""

import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as trace_grpc

import json


class Traces(trace_grpc.TraceServiceServicer):
    def __init__(self, write):
        self.write = write

    def Export(self, request, context):
        self.write(request)
        return trace.ExportTraceServiceResponse()


class Metrics(metrics_grpc.MetricsServiceServicer):
    def __init__(self, write):
        self.write = write

    def Export(self, request, context):
        self.write(request)
        return metrics.ExportMetricsServiceResponse()


def main(address, path):
    with open(path, "a", buffering=1) as file:
        write = lambda message: file.write(json.dumps(MessageToDict(message)) + "\n")
        server = grpc.server(ThreadPoolExecutor(2))
        trace_grpc.add_TraceServiceServicer_to_server(Traces(write), server)
        metrics_grpc.add_MetricsServiceServicer_to_server(Metrics(write), server)
        if server.add_insecure_port(address) == 0:
            sys.exit(f"cannot listen on {address}")
        server.start()
        print("listening", flush=True)
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
        server.stop(1).wait()


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main(sys.argv[1], sys.argv[2])
