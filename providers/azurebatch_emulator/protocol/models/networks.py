"""The network of a pool and its nodes' endpoints."""

from typing import Annotated

from msgspec import Meta, field
from msgspec.structs import replace

from azurebatch_emulator.protocol.models.common import Model, Port, Value, Word


class InboundEndpointProtocol(Word):
    """The protocol of an endpoint."""

    TCP = "tcp"
    UDP = "udp"


class NetworkAccess(Word):
    """Whether a rule lets traffic in."""

    ALLOW = "allow"
    DENY = "deny"


class DynamicVNetAssignmentScope(Word):
    """What a node's virtual network is chosen for."""

    NONE = "none"
    JOB = "job"


class IPAddressProvisioning(Word):
    """Who brings the public addresses."""

    BATCH_MANAGED = "batchmanaged"
    USER_MANAGED = "usermanaged"
    NO_PUBLIC_IP_ADDRESSES = "nopublicipaddresses"


class IPFamily(Word):
    """A version of the internet protocol."""

    IPV4 = "IPv4"
    IPV6 = "IPv6"


class NetworkSecurityGroupRule(Value, frozen=True):
    """Who may reach an endpoint."""

    priority: Annotated[int, Meta(ge=150, le=4096)]
    access: NetworkAccess
    source_address_prefix: str
    source_port_ranges: list[str] | None = None


class InboundNATPool(Value, frozen=True):
    """A port of every node, seen from outside on a range of ports."""

    name: str
    protocol: InboundEndpointProtocol
    backend_port: Port
    frontend_port_range_start: Port
    frontend_port_range_end: Port
    network_security_group_rules: list[NetworkSecurityGroupRule] | None = None


class PoolEndpointConfiguration(Value, frozen=True):
    """The endpoints of a pool's nodes."""

    inbound_nat_pools: list[InboundNATPool] = field(name="inboundNATPools")


class IPTag(Value, frozen=True):
    """A tag of a public address."""

    ip_tag_type: str | None = None
    tag: str | None = None


class PublicIPAddressConfiguration(Value, frozen=True):
    """The public addresses of a pool."""

    provision: IPAddressProvisioning | None = None
    ip_families: list[IPFamily] | None = None
    ip_address_ids: list[str] | None = None
    ip_tags: list[IPTag] | None = None


class NetworkConfiguration(Value, frozen=True):
    """The network of a pool."""

    subnet_id: str | None = None
    dynamic_vnet_assignment_scope: DynamicVNetAssignmentScope | None = field(
        name="dynamicVNetAssignmentScope", default=None
    )
    endpoint_configuration: PoolEndpointConfiguration | None = None
    public_ip_address_configuration: PublicIPAddressConfiguration | None = field(
        name="publicIPAddressConfiguration", default=None
    )
    enable_accelerated_networking: bool | None = None


class InboundEndpoint(Model):
    """How one port of a node is reached from outside."""

    name: str
    protocol: InboundEndpointProtocol
    public_ip_address: str = field(name="publicIPAddress")
    public_fqdn: str = field(name="publicFQDN")
    frontend_port: int
    backend_port: int


class NodeEndpointConfiguration(Model):
    """How a node is reached from outside."""

    inbound_endpoints: list[InboundEndpoint]


def network(given: NetworkConfiguration) -> NetworkConfiguration:
    """The network of a pool with the service's defaults in the gaps."""
    return replace(
        given,
        dynamic_vnet_assignment_scope=given.dynamic_vnet_assignment_scope or DynamicVNetAssignmentScope.NONE,
        enable_accelerated_networking=bool(given.enable_accelerated_networking),
    )
