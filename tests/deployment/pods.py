"""What must hold of every pod: restricted, pinned, bounded, probed, and told no secret."""

import re

VOLUMES = {"configMap", "secret", "emptyDir", "projected", "downwardAPI", "csi", "ephemeral"}


def at(value, *path, default=None):
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return default
        value = value[step]
    return value


def image(container):
    name = container["image"]
    if re.search(r"@sha256:[0-9a-f]{64}$", name):
        return
    tag = name.rpartition("/")[2].partition(":")[2]
    if not re.match(r"v?\d+\.\d+", tag):
        yield f"image `{name}` is not pinned to a version"


def secured(pod, container):
    own, whole = container.get("securityContext", {}), pod.get("securityContext", {})
    user = own.get("runAsUser", whole.get("runAsUser"))
    seccomp = at(own, "seccompProfile", "type") or at(whole, "seccompProfile", "type")
    rules = {
        "runs as no numbered user but root": isinstance(user, int) and user > 0,
        "may be root": own.get("runAsNonRoot", whole.get("runAsNonRoot")) is True,
        "may gain privileges": own.get("allowPrivilegeEscalation") is False,
        "keeps capabilities": own.get("capabilities") == {"drop": ["ALL"]},
        "may write its file system": own.get("readOnlyRootFilesystem") is True,
        "has no seccomp profile": seccomp == "RuntimeDefault",
    }
    yield from (fault for fault, holds in rules.items() if not holds)


def bounded(container):
    resources = container.get("resources", {})
    for kind, name in [("limits", "memory"), ("requests", "memory"), ("requests", "cpu")]:
        if not at(resources, kind, name):
            yield f"{kind} no {name}"


def patience(probe):
    return probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)


def probed(container, sidecar):
    probes = ["startupProbe", "readinessProbe"] + ([] if sidecar else ["livenessProbe"])
    yield from (f"has no {probe}" for probe in probes if probe not in container)
    ports = [port["containerPort"] for port in container.get("ports", []) if port["name"] == "health"]
    names = {port.get("name") for port in container.get("ports", [])}
    for probe in probes:
        port = at(container, probe, "grpc", "port")
        if port is not None and port not in ports:
            yield f"{probe} asks port {port}, where no health is served"
        port = at(container, probe, "tcpSocket", "port") or at(container, probe, "httpGet", "port")
        if isinstance(port, str) and port not in names:
            yield f"{probe} asks port `{port}`, which is not its own"
    live, ready = container.get("livenessProbe"), container.get("readinessProbe")
    if live and ready and patience(live) <= patience(ready):
        yield "is killed before it is taken off"
    # Health says whether questions can be answered, which depends on the database.
    if live and "grpc" in live and not at(live, "grpc", "service"):
        yield "is killed when the database is away"
    start = container.get("startupProbe")
    if start and "grpc" in start and not sidecar:
        yield "is killed when the database is away at its start"
    # Nothing else may start before a sidecar that has no server yet.
    if start and sidecar and patience(start) < 600:
        yield "is killed when no server answers for a while"


def told(container):
    """Secrets are files: variables show in descriptions of pods, arguments in process lists."""
    words = container.get("args", []) + container.get("command", [])
    for variable in container.get("env", []):
        if at(variable, "valueFrom", "secretKeyRef"):
            yield f"variable {variable['name']} is a secret"
        words = [*words, variable.get("value", "")]
    if any(re.search(r"://[^/ ]*:[^/ ]*@", word) for word in words):
        yield "is told a password"
    for word in words:
        path = word.partition("unix:")[2]
        # What a socket's name has room for.
        if len(path.encode()) > 107:
            yield "has a socket with too long a name"


def contained(pod):
    for field in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
        if pod.get(field):
            yield f"has {field}"
    for field in ("automountServiceAccountToken", "enableServiceLinks"):
        if pod.get(field) is not False:
            yield f"has {field}"
    for volume in pod.get("volumes", []):
        kind = (set(volume) - {"name"}).pop()
        if kind not in VOLUMES:
            yield f"mounts a {kind}"


def pod_faults(kind, pod):
    yield from contained(pod)
    always = [(container, False) for container in pod["containers"]]
    for container in pod.get("initContainers", []):
        always.append((container, container.get("restartPolicy") == "Always"))
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    for container, sidecar in always:
        found = [*image(container), *secured(pod, container), *bounded(container), *told(container)]
        if sidecar or (kind != "Job" and container in pod["containers"]):
            found += probed(container, sidecar)
        # Next to the application it would be started with it and stopped before it.
        if "sidecar" in container.get("args", []) and not sidecar:
            found.append("is no native sidecar")
        if any(port.get("hostPort") for port in container.get("ports", [])):
            found.append("has a port of the node")
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                found.append(f"mounts `{mount['name']}`, which is not there")
        yield from (f"container {container['name']} {fault}" for fault in found)
