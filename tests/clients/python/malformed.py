"""A client as it is made without knowing better: `malformed.py unix:SOCKET`.

Asks over a Unix socket with the authority that the gRPC C core makes of its path, and ends with 1 if
that is answered: then `connect` of `client.py` need not give another one.
"""

import sys

import grpc
from lineguard.v1 import operations_service_pb2 as operations
from lineguard.v1 import operations_service_pb2_grpc as operations_grpc


def main(address):
    with grpc.insecure_channel(address) as channel:
        stub = operations_grpc.OperationsServiceStub(channel)
        try:
            stub.GetStatus(operations.GetStatusRequest())
        except grpc.RpcError as error:
            print(f"with the path as authority: {error.code()}")
            return
        sys.exit("a request with the path of a socket as its authority was answered")


if __name__ == "__main__":
    main(sys.argv[1])
