"""How the Python clients connect."""

import grpc


def connect(address):
    """A channel to an address of gRPC: `127.0.0.1:7070`, `unix:/path/of/socket`.

    The gRPC C core, which is below Python, names the path of a Unix socket as the authority of each
    request. HTTP/2 allows no such authority, so another one is given.
    """
    local = [("grpc.default_authority", "localhost")] if address.startswith("unix:") else []
    return grpc.insecure_channel(address, options=local)
