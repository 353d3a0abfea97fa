"""Pools: what a client creates, changes and sees."""

from typing import Annotated

from msgspec import UNSET, Meta

from azurebatch_emulator.protocol.models.common import (
    ApplicationPackageReference,
    Body,
    Count,
    DisplayName,
    Duration,
    Identifier,
    Maybe,
    MetadataItem,
    Model,
    NameValuePair,
    Slots,
    Value,
    Word,
    fields,
    normal,
    stamp,
)
from azurebatch_emulator.protocol.models.mounts import MountConfiguration
from azurebatch_emulator.protocol.models.networks import NetworkConfiguration, network
from azurebatch_emulator.protocol.models.start_task import StartTask, start_task
from azurebatch_emulator.protocol.models.statistics import PoolStatistics
from azurebatch_emulator.protocol.models.users import UserAccount, user_account
from azurebatch_emulator.protocol.models.virtual_machines import (
    UpgradePolicy,
    VirtualMachineConfiguration,
    virtual_machines,
)


class PoolState(Word):
    """Where a pool is in its life."""

    ACTIVE = "active"
    DELETING = "deleting"


class AllocationState(Word):
    """Whether a pool gains or loses nodes."""

    STEADY = "steady"
    RESIZING = "resizing"
    STOPPING = "stopping"


class NodeFillType(Word):
    """How tasks are spread over nodes."""

    # Capitals, as recorded from the service.
    SPREAD = "Spread"
    PACK = "Pack"


class JobDefaultOrder(Word):
    """How jobs of one priority are ordered."""

    NONE = "none"
    CREATION_TIME = "creationtime"


class NodeDeallocationOption(Word):
    """What becomes of the tasks on a node that goes."""

    REQUEUE = "requeue"
    TERMINATE = "terminate"
    TASK_COMPLETION = "taskcompletion"
    RETAINED_DATA = "retaineddata"


class NodeCommunicationMode(Word):
    """How nodes and the service talk; versions before 2025-06-01 have it."""

    DEFAULT = "default"
    CLASSIC = "classic"
    SIMPLIFIED = "simplified"


class PoolIdentityType(Word):
    """Whether a pool has managed identities."""

    USER_ASSIGNED = "UserAssigned"
    NONE = "None"


class CertificateStoreLocation(Word):
    """Where a certificate is kept on Windows."""

    CURRENT_USER = "currentuser"
    LOCAL_MACHINE = "localmachine"


class CertificateVisibility(Word):
    """Who may use a certificate."""

    START_TASK = "starttask"
    TASK = "task"
    REMOTE_USER = "remoteuser"


class CertificateReference(Value, frozen=True):
    """A certificate to install; versions before 2025-06-01 have it."""

    thumbprint: str
    thumbprint_algorithm: str
    store_location: CertificateStoreLocation | None = None
    store_name: str | None = None
    visibility: list[CertificateVisibility] | None = None


class TaskSchedulingPolicy(Value, frozen=True):
    """How a pool's tasks are placed."""

    job_default_order: JobDefaultOrder | None = None
    node_fill_type: NodeFillType | None = None


class PoolSpecification(Body, kw_only=True):
    """What a pool shares with the pools made for jobs."""

    display_name: DisplayName | None = None
    vm_size: str
    virtual_machine_configuration: VirtualMachineConfiguration | None = None
    task_slots_per_node: Slots | None = None
    task_scheduling_policy: TaskSchedulingPolicy | None = None
    resize_timeout: Duration | None = None
    target_dedicated_nodes: Count | None = None
    target_low_priority_nodes: Count | None = None
    enable_auto_scale: bool | None = None
    auto_scale_formula: str | None = None
    auto_scale_evaluation_interval: Duration | None = None
    enable_inter_node_communication: bool | None = None
    network_configuration: NetworkConfiguration | None = None
    start_task: StartTask | None = None
    application_package_references: list[ApplicationPackageReference] | None = None
    user_accounts: list[UserAccount] | None = None
    metadata: list[MetadataItem] | None = None
    mount_configuration: list[MountConfiguration] | None = None
    upgrade_policy: UpgradePolicy | None = None
    # Versions before 2025-06-01:
    certificate_references: list[CertificateReference] | None = None
    application_licenses: list[str] | None = None
    target_node_communication_mode: NodeCommunicationMode | None = None
    resource_tags: dict[str, str] | None = None


class PoolAdd(PoolSpecification, kw_only=True):
    """POST pools."""

    id: Identifier


class ResizeError(Model):
    """Why a pool did not reach its size."""

    code: str | None = None
    message: str | None = None
    values: list[NameValuePair] | None = None


class AutoScaleRunError(Model):
    """Why a formula could not be evaluated."""

    code: str | None = None
    message: str | None = None
    values: list[NameValuePair] | None = None


class AutoScaleRun(Model):
    """The last evaluation of a pool's formula."""

    timestamp: str
    results: str | None = None
    error: AutoScaleRunError | None = None


class UserAssignedIdentity(Model):
    """A managed identity of a pool."""

    resource_id: str
    client_id: str | None = None
    principal_id: str | None = None


class PoolIdentity(Model):
    """The managed identities of a pool."""

    type: PoolIdentityType
    user_assigned_identities: list[UserAssignedIdentity] | None = None


class Pool(PoolAdd, kw_only=True):
    """A pool as the service shows it."""

    id: str
    url: str
    e_tag: str
    last_modified: str
    creation_time: str
    state: PoolState
    state_transition_time: str
    allocation_state: AllocationState | None = None
    allocation_state_transition_time: str | None = None
    resize_errors: list[ResizeError] | None = None
    current_dedicated_nodes: int
    current_low_priority_nodes: int
    auto_scale_run: AutoScaleRun | None = None
    stats: PoolStatistics | None = None
    identity: PoolIdentity | None = None
    current_node_communication_mode: NodeCommunicationMode | None = None


class PoolPatch(Body):
    """PATCH pools/{poolId}: what is absent stays as it is."""

    display_name: Maybe[DisplayName] = UNSET
    vm_size: Maybe[str] = UNSET
    enable_inter_node_communication: Maybe[bool] = UNSET
    start_task: Maybe[StartTask] = UNSET
    application_package_references: Maybe[list[ApplicationPackageReference]] = UNSET
    metadata: Maybe[list[MetadataItem]] = UNSET
    virtual_machine_configuration: Maybe[VirtualMachineConfiguration] = UNSET
    task_slots_per_node: Maybe[Slots] = UNSET
    task_scheduling_policy: Maybe[TaskSchedulingPolicy] = UNSET
    network_configuration: Maybe[NetworkConfiguration] = UNSET
    user_accounts: Maybe[list[UserAccount]] = UNSET
    mount_configuration: Maybe[list[MountConfiguration]] = UNSET
    upgrade_policy: Maybe[UpgradePolicy] = UNSET
    # Versions before 2025-06-01:
    certificate_references: Maybe[list[CertificateReference]] = UNSET
    target_node_communication_mode: Maybe[NodeCommunicationMode] = UNSET
    resource_tags: Maybe[dict[str, str]] = UNSET


class PoolReplace(Body):
    """POST pools/{poolId}/updateproperties: what is absent is taken away."""

    application_package_references: list[ApplicationPackageReference]
    metadata: list[MetadataItem]
    start_task: StartTask | None = None
    # Versions before 2025-06-01:
    certificate_references: list[CertificateReference] | None = None
    target_node_communication_mode: NodeCommunicationMode | None = None


class PoolResize(Body):
    """POST pools/{poolId}/resize."""

    target_dedicated_nodes: Count | None = None
    target_low_priority_nodes: Count | None = None
    resize_timeout: Duration | None = None
    node_deallocation_option: NodeDeallocationOption | None = None


class PoolEnableAutoScale(Body):
    """POST pools/{poolId}/enableautoscale."""

    auto_scale_formula: str | None = None
    auto_scale_evaluation_interval: Duration | None = None


class PoolEvaluateAutoScale(Body):
    """POST pools/{poolId}/evaluateautoscale."""

    auto_scale_formula: str


class NodesRemove(Body):
    """POST pools/{poolId}/removenodes."""

    node_list: Annotated[list[str], Meta(min_length=1, max_length=100)]
    resize_timeout: Duration | None = None
    node_deallocation_option: NodeDeallocationOption | None = None


DEFAULT_POLICY = TaskSchedulingPolicy(
    job_default_order=JobDefaultOrder.NONE, node_fill_type=NodeFillType.SPREAD
)


def scheduling_policy(given: TaskSchedulingPolicy | None) -> TaskSchedulingPolicy:
    """How a pool's tasks are placed, with the service's defaults in the gaps."""
    if given is None:
        return DEFAULT_POLICY
    return TaskSchedulingPolicy(
        job_default_order=given.job_default_order or JobDefaultOrder.NONE,
        node_fill_type=given.node_fill_type or NodeFillType.SPREAD,
    )


def fill_pool(pool: PoolSpecification) -> None:
    """Put the service's defaults in the gaps of a pool, or of a job's description of one."""
    machines = pool.virtual_machine_configuration
    windows = machines is not None and "windows" in machines.node_agent_sku_id
    pool.vm_size = pool.vm_size.lower()
    pool.virtual_machine_configuration = machines and virtual_machines(machines)
    pool.task_slots_per_node = pool.task_slots_per_node or 1
    pool.task_scheduling_policy = scheduling_policy(pool.task_scheduling_policy)
    pool.resize_timeout = normal(pool.resize_timeout or "PT15M")
    pool.target_dedicated_nodes = pool.target_dedicated_nodes or 0
    pool.target_low_priority_nodes = pool.target_low_priority_nodes or 0
    pool.enable_auto_scale = bool(pool.enable_auto_scale)
    if pool.enable_auto_scale:
        pool.auto_scale_evaluation_interval = normal(pool.auto_scale_evaluation_interval or "PT15M")
    pool.enable_inter_node_communication = bool(pool.enable_inter_node_communication)
    pool.network_configuration = pool.network_configuration and network(pool.network_configuration)
    pool.start_task = pool.start_task and start_task(pool.start_task)
    pool.user_accounts = pool.user_accounts and [user_account(user, windows) for user in pool.user_accounts]


def new_pool(add: PoolAdd, url: str) -> Pool:
    """The pool that the service makes of what a client added."""
    e_tag, time = stamp()
    pool = Pool(
        **fields(add),
        url=url,
        e_tag=e_tag,
        last_modified=time,
        creation_time=time,
        state=PoolState.ACTIVE,
        state_transition_time=time,
        allocation_state=AllocationState.RESIZING,
        allocation_state_transition_time=time,
        current_dedicated_nodes=0,
        current_low_priority_nodes=0,
    )
    fill_pool(pool)
    return pool
