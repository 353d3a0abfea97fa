"""Nodes: what a client asks of them and sees."""

from msgspec import field

from azurebatch_emulator.protocol.models.common import Body, Model, NameValuePair, Word
from azurebatch_emulator.protocol.models.networks import NodeEndpointConfiguration
from azurebatch_emulator.protocol.models.pools import CertificateReference, NodeDeallocationOption
from azurebatch_emulator.protocol.models.start_task import StartTask, StartTaskInfo
from azurebatch_emulator.protocol.models.tasks import TaskExecutionInfo, TaskState
from azurebatch_emulator.protocol.models.virtual_machines import ImageReference, VMExtension


class NodeState(Word):
    """What a node is doing."""

    IDLE = "idle"
    REBOOTING = "rebooting"
    REIMAGING = "reimaging"
    RUNNING = "running"
    UNUSABLE = "unusable"
    CREATING = "creating"
    STARTING = "starting"
    WAITING_FOR_START_TASK = "waitingforstarttask"
    START_TASK_FAILED = "starttaskfailed"
    UNKNOWN = "unknown"
    LEAVING_POOL = "leavingpool"
    OFFLINE = "offline"
    PREEMPTED = "preempted"
    UPGRADING_OS = "upgradingos"
    DEALLOCATED = "deallocated"
    DEALLOCATING = "deallocating"


class SchedulingState(Word):
    """Whether a node takes tasks."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class DisableSchedulingOption(Word):
    """What becomes of the tasks on a node that takes no more."""

    REQUEUE = "requeue"
    TERMINATE = "terminate"
    TASK_COMPLETION = "taskcompletion"


class OSType(Word):
    """A family of operating systems."""

    LINUX = "linux"
    WINDOWS = "windows"


class ImageVerification(Word):
    """Whether an image is known to work."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"


class StatusLevel(Word):
    """How grave a status is."""

    ERROR = "Error"
    INFO = "Info"
    WARNING = "Warning"


class TaskInfo(Model):
    """A task that a node runs or ran."""

    task_state: TaskState
    task_url: str | None = None
    job_id: str | None = None
    task_id: str | None = None
    subtask_id: int | None = None
    execution_info: TaskExecutionInfo | None = None


class NodeError(Model):
    """What is wrong with a node."""

    code: str | None = None
    message: str | None = None
    error_details: list[NameValuePair] | None = None


class NodeAgentInfo(Model):
    """The program that serves a node."""

    version: str
    last_update_time: str


class VirtualMachineInfo(Model):
    """The machine of a node."""

    image_reference: ImageReference | None = None
    scale_set_vm_resource_id: str | None = None


class Node(Model):
    """A node as the service shows it."""

    id: str
    url: str
    state: NodeState
    state_transition_time: str
    allocation_time: str
    ip_address: str
    affinity_id: str
    vm_size: str
    total_tasks_run: int
    scheduling_state: SchedulingState | None = None
    last_boot_time: str | None = None
    ipv6_address: str | None = None
    running_tasks_count: int | None = None
    running_task_slots_count: int | None = None
    total_tasks_succeeded: int | None = None
    recent_tasks: list[TaskInfo] | None = None
    start_task: StartTask | None = None
    start_task_info: StartTaskInfo | None = None
    errors: list[NodeError] | None = None
    is_dedicated: bool | None = None
    endpoint_configuration: NodeEndpointConfiguration | None = None
    node_agent_info: NodeAgentInfo | None = None
    virtual_machine_info: VirtualMachineInfo | None = None
    certificate_references: list[CertificateReference] | None = None  # versions before 2025-06-01


class NodeReboot(Body):
    """POST nodes/{nodeId}/reboot; the body may be missing."""

    node_reboot_option: NodeDeallocationOption | None = None


class NodeReimage(Body):
    """POST nodes/{nodeId}/reimage; the body may be missing."""

    node_reimage_option: NodeDeallocationOption | None = None


class NodeDeallocate(Body):
    """POST nodes/{nodeId}/deallocate; the body may be missing."""

    node_deallocate_option: NodeDeallocationOption | None = None


class NodeDisableScheduling(Body):
    """POST nodes/{nodeId}/disablescheduling; the body may be missing."""

    node_disable_scheduling_option: DisableSchedulingOption | None = None


class NodeCounts(Model):
    """How many nodes are in each state."""

    creating: int
    idle: int
    offline: int
    preempted: int
    rebooting: int
    reimaging: int
    running: int
    starting: int
    start_task_failed: int
    leaving_pool: int
    unknown: int
    unusable: int
    waiting_for_start_task: int
    deallocated: int
    deallocating: int
    total: int
    upgrading_os: int = field(name="upgradingOS")


class PoolNodeCounts(Model):
    """How many nodes of a pool are in each state."""

    pool_id: str
    dedicated: NodeCounts | None = None
    low_priority: NodeCounts | None = None


class RemoteLoginSettings(Model):
    """How to log in to a node."""

    remote_login_ip_address: str = field(name="remoteLoginIPAddress")
    remote_login_port: int
    ipv6_remote_login_ip_address: str | None = field(name="ipv6RemoteLoginIPAddress", default=None)
    ipv6_remote_login_port: int | None = None


class InstanceViewStatus(Model):
    """A status of an extension."""

    code: str | None = None
    display_status: str | None = None
    level: StatusLevel | None = None
    message: str | None = None
    time: str | None = None


class VMExtensionInstanceView(Model):
    """How an extension fares on a node."""

    name: str | None = None
    statuses: list[InstanceViewStatus] | None = None
    sub_statuses: list[InstanceViewStatus] | None = None


class NodeVMExtension(Model):
    """An extension on a node."""

    provisioning_state: str | None = None
    vm_extension: VMExtension | None = None
    instance_view: VMExtensionInstanceView | None = None


class SupportedImage(Model):
    """An image that pools can be made of."""

    node_agent_sku_id: str = field(name="nodeAgentSKUId")
    image_reference: ImageReference
    os_type: OSType
    verification_type: ImageVerification
    capabilities: list[str] | None = None
    batch_support_end_of_life: str | None = None
