"""The fields and values of the wire models are those of Microsoft's own."""

import enum
import typing
from typing import Any

import azure.batch.models._enums as sdk_enums
import azure.batch.models._models as sdk
import msgspec
import pytest

from azurebatch_emulator.protocol.models import (
    applications,
    common,
    containers,
    files,
    job_tasks,
    jobs,
    mounts,
    networks,
    nodes,
    pools,
    schedules,
    start_task,
    statistics,
    tasks,
    users,
    virtual_machines,
)

CERTIFICATES = {"certificateReferences"}
OLD_POOL = CERTIFICATES | {"applicationLicenses", "targetNodeCommunicationMode", "resourceTags"}
TOKEN = {"authenticationTokenSettings"}

# Ours, Microsoft's, and the fields that only ours has: those of versions before 2025-06-01.
MODELS: list[tuple[type, type, set[str]]] = [
    (applications.Application, sdk.BatchApplication, set()),
    (common.ApplicationPackageReference, sdk.BatchApplicationPackageReference, set()),
    (common.EnvironmentSetting, sdk.EnvironmentSetting, set()),
    (common.Error, sdk.BatchError, set()),
    (common.ErrorDetail, sdk.BatchErrorDetail, set()),
    (common.ErrorMessage, sdk.BatchErrorMessage, set()),
    (common.IdentityReference, sdk.BatchNodeIdentityReference, set()),
    (common.IdentityReference, sdk.BatchPoolIdentityReference, set()),
    (common.MetadataItem, sdk.BatchMetadataItem, set()),
    (common.NameValuePair, sdk.NameValuePair, set()),
    (containers.ContainerBindMount, sdk.ContainerHostBatchBindMountEntry, set()),
    (containers.ContainerConfiguration, sdk.BatchContainerConfiguration, set()),
    (containers.ContainerInfo, sdk.BatchTaskContainerExecutionInfo, set()),
    (containers.ContainerRegistry, sdk.ContainerRegistryReference, set()),
    (containers.ContainerSettings, sdk.BatchTaskContainerSettings, set()),
    (files.BlobContainerDestination, sdk.OutputFileBlobContainerDestination, set()),
    (files.FileProperties, sdk.FileProperties, set()),
    (files.NodeFile, sdk.BatchNodeFile, set()),
    (files.OutputFile, sdk.OutputFile, set()),
    (files.OutputFileDestination, sdk.OutputFileDestination, set()),
    (files.ResourceFile, sdk.ResourceFile, set()),
    (files.UploadHeader, sdk.OutputFileUploadHeader, set()),
    (files.UploadLogs, sdk.UploadBatchServiceLogsOptions, set()),
    (files.UploadLogsResult, sdk.UploadBatchServiceLogsResult, set()),
    (files.UploadOptions, sdk.OutputFileUploadConfiguration, set()),
    (job_tasks.JobManagerTask, sdk.BatchJobManagerTask, TOKEN),
    (job_tasks.JobPreparationAndReleaseStatus, sdk.BatchJobPreparationAndReleaseTaskStatus, set()),
    (job_tasks.JobPreparationTask, sdk.BatchJobPreparationTask, set()),
    (job_tasks.JobPreparationTaskExecutionInfo, sdk.BatchJobPreparationTaskExecutionInfo, set()),
    (job_tasks.JobReleaseTask, sdk.BatchJobReleaseTask, set()),
    (job_tasks.JobReleaseTaskExecutionInfo, sdk.BatchJobReleaseTaskExecutionInfo, set()),
    (jobs.AutoPoolSpecification, sdk.BatchAutoPoolSpecification, set()),
    (jobs.Job, sdk.BatchJob, set()),
    (jobs.JobAdd, sdk.BatchJobCreateOptions, set()),
    (jobs.JobConstraints, sdk.BatchJobConstraints, set()),
    (jobs.JobDisable, sdk.BatchJobDisableOptions, set()),
    (jobs.JobExecutionInfo, sdk.BatchJobExecutionInfo, set()),
    (jobs.JobNetworkConfiguration, sdk.BatchJobNetworkConfiguration, set()),
    (jobs.JobPatch, sdk.BatchJobUpdateOptions, set()),
    (jobs.JobSchedulingError, sdk.BatchJobSchedulingError, set()),
    (jobs.JobSpecification, sdk.BatchJobSpecification, set()),
    (jobs.JobTerminate, sdk.BatchJobTerminateOptions, set()),
    (jobs.PoolInfo, sdk.BatchPoolInfo, set()),
    (mounts.AzureBlobFileSystemConfiguration, sdk.AzureBlobFileSystemConfiguration, set()),
    (mounts.AzureFileShareConfiguration, sdk.AzureFileShareConfiguration, set()),
    (mounts.CifsMountConfiguration, sdk.CifsMountConfiguration, set()),
    (mounts.MountConfiguration, sdk.MountConfiguration, set()),
    (mounts.NfsMountConfiguration, sdk.NfsMountConfiguration, set()),
    (networks.InboundEndpoint, sdk.InboundEndpoint, set()),
    (networks.InboundNATPool, sdk.BatchInboundNatPool, set()),
    (networks.IPTag, sdk.IPTag, set()),
    (networks.NetworkConfiguration, sdk.NetworkConfiguration, set()),
    (networks.NetworkSecurityGroupRule, sdk.NetworkSecurityGroupRule, set()),
    (networks.NodeEndpointConfiguration, sdk.BatchNodeEndpointConfiguration, set()),
    (networks.PoolEndpointConfiguration, sdk.BatchPoolEndpointConfiguration, set()),
    (networks.PublicIPAddressConfiguration, sdk.BatchPublicIpAddressConfiguration, set()),
    (nodes.InstanceViewStatus, sdk.InstanceViewStatus, set()),
    (nodes.Node, sdk.BatchNode, CERTIFICATES),
    (nodes.NodeAgentInfo, sdk.BatchNodeAgentInfo, set()),
    (nodes.NodeCounts, sdk.BatchNodeCounts, set()),
    (nodes.NodeDeallocate, sdk.BatchNodeDeallocateOptions, set()),
    (nodes.NodeDisableScheduling, sdk.BatchNodeDisableSchedulingOptions, set()),
    (nodes.NodeError, sdk.BatchNodeError, set()),
    (nodes.NodeReboot, sdk.BatchNodeRebootOptions, set()),
    (nodes.NodeReimage, sdk.BatchNodeReimageOptions, set()),
    (nodes.NodeVMExtension, sdk.BatchNodeVMExtension, set()),
    (nodes.PoolNodeCounts, sdk.BatchPoolNodeCounts, set()),
    (nodes.RemoteLoginSettings, sdk.BatchNodeRemoteLoginSettings, set()),
    (nodes.SupportedImage, sdk.BatchSupportedImage, set()),
    (nodes.TaskInfo, sdk.BatchTaskInfo, set()),
    (nodes.VirtualMachineInfo, sdk.VirtualMachineInfo, set()),
    (nodes.VMExtensionInstanceView, sdk.VMExtensionInstanceView, set()),
    (pools.AutoScaleRun, sdk.AutoScaleRun, set()),
    (pools.AutoScaleRunError, sdk.AutoScaleRunError, set()),
    (pools.NodesRemove, sdk.BatchNodeRemoveOptions, set()),
    (pools.Pool, sdk.BatchPool, OLD_POOL | {"currentNodeCommunicationMode"}),
    (pools.PoolAdd, sdk.BatchPoolCreateOptions, OLD_POOL),
    (pools.PoolEnableAutoScale, sdk.BatchPoolEnableAutoScaleOptions, set()),
    (pools.PoolEvaluateAutoScale, sdk.BatchPoolEvaluateAutoScaleOptions, set()),
    (pools.PoolIdentity, sdk.BatchPoolIdentity, set()),
    (pools.PoolPatch, sdk.BatchPoolUpdateOptions, OLD_POOL - {"applicationLicenses"}),
    (pools.PoolReplace, sdk.BatchPoolReplaceOptions, CERTIFICATES | {"targetNodeCommunicationMode"}),
    (pools.PoolResize, sdk.BatchPoolResizeOptions, set()),
    (pools.PoolSpecification, sdk.BatchPoolSpecification, OLD_POOL),
    (pools.ResizeError, sdk.ResizeError, set()),
    (pools.TaskSchedulingPolicy, sdk.BatchTaskSchedulingPolicy, set()),
    (pools.UserAssignedIdentity, sdk.BatchUserAssignedIdentity, set()),
    (schedules.JobSchedule, sdk.BatchJobSchedule, set()),
    (schedules.JobScheduleAdd, sdk.BatchJobScheduleCreateOptions, set()),
    (schedules.JobScheduleExecutionInfo, sdk.BatchJobScheduleExecutionInfo, set()),
    (schedules.JobSchedulePatch, sdk.BatchJobScheduleUpdateOptions, set()),
    (schedules.RecentJob, sdk.RecentBatchJob, set()),
    (schedules.Schedule, sdk.BatchJobScheduleConfiguration, set()),
    (start_task.StartTask, sdk.BatchStartTask, set()),
    (start_task.StartTaskInfo, sdk.BatchStartTaskInfo, set()),
    (statistics.JobScheduleStatistics, sdk.BatchJobScheduleStatistics, set()),
    (statistics.JobStatistics, sdk.BatchJobStatistics, set()),
    (statistics.PoolResourceStatistics, sdk.BatchPoolResourceStatistics, set()),
    (statistics.PoolStatistics, sdk.BatchPoolStatistics, set()),
    (statistics.PoolUsageMetrics, sdk.BatchPoolUsageMetrics, set()),
    (statistics.PoolUsageStatistics, sdk.BatchPoolUsageStatistics, set()),
    (statistics.TaskStatistics, sdk.BatchTaskStatistics, set()),
    (tasks.AffinityInfo, sdk.BatchAffinityInfo, set()),
    (tasks.ExitCodeMapping, sdk.ExitCodeMapping, set()),
    (tasks.ExitCodeRangeMapping, sdk.ExitCodeRangeMapping, set()),
    (tasks.ExitConditions, sdk.ExitConditions, set()),
    (tasks.ExitOptions, sdk.ExitOptions, set()),
    (tasks.MultiInstanceSettings, sdk.MultiInstanceSettings, set()),
    (tasks.NodeInfo, sdk.BatchNodeInfo, set()),
    (tasks.Subtask, sdk.BatchSubtask, set()),
    (tasks.Task, sdk.BatchTask, TOKEN),
    (tasks.TaskAdd, sdk.BatchTaskCreateOptions, TOKEN),
    (tasks.TaskAddResult, sdk.BatchTaskCreateResult, set()),
    (tasks.TaskAddResults, sdk.BatchCreateTaskCollectionResult, set()),
    (tasks.TaskCollection, sdk.BatchTaskGroup, set()),
    (tasks.TaskConstraints, sdk.BatchTaskConstraints, set()),
    (tasks.TaskCounts, sdk.BatchTaskCounts, set()),
    (tasks.TaskCountsResult, sdk.BatchTaskCountsResult, set()),
    (tasks.TaskDependencies, sdk.BatchTaskDependencies, set()),
    (tasks.TaskExecutionInfo, sdk.BatchTaskExecutionInfo, set()),
    (tasks.TaskFailureInfo, sdk.BatchTaskFailureInfo, set()),
    (tasks.TaskIdRange, sdk.BatchTaskIdRange, set()),
    (tasks.TaskSlotCounts, sdk.BatchTaskSlotCounts, set()),
    (users.AutoUser, sdk.AutoUserSpecification, set()),
    (users.LinuxUserConfiguration, sdk.LinuxUserConfiguration, set()),
    (users.NodeUserAdd, sdk.BatchNodeUserCreateOptions, set()),
    (users.NodeUserReplace, sdk.BatchNodeUserReplaceOptions, set()),
    (users.UserAccount, sdk.UserAccount, set()),
    (users.UserIdentity, sdk.UserIdentity, set()),
    (users.WindowsUserConfiguration, sdk.WindowsUserConfiguration, set()),
    (virtual_machines.AutomaticOSUpgradePolicy, sdk.AutomaticOsUpgradePolicy, set()),
    (virtual_machines.CustomerManagedKey, sdk.DiskCustomerManagedKey, set()),
    (virtual_machines.DataDisk, sdk.DataDisk, {"storageAccountType"}),
    (virtual_machines.DiskEncryptionConfiguration, sdk.DiskEncryptionConfiguration, set()),
    (virtual_machines.DiskEncryptionSet, sdk.DiskEncryptionSetParameters, set()),
    (virtual_machines.DiskSecurityProfile, sdk.BatchVmDiskSecurityProfile, set()),
    (virtual_machines.EphemeralDiskSettings, sdk.BatchDiffDiskSettings, set()),
    (virtual_machines.HostEndpointSettings, sdk.HostEndpointSettings, set()),
    (virtual_machines.ImageReference, sdk.BatchVmImageReference, set()),
    (virtual_machines.ManagedDisk, sdk.ManagedDisk, set()),
    (virtual_machines.NodePlacementConfiguration, sdk.BatchNodePlacementConfiguration, set()),
    (virtual_machines.OSDisk, sdk.BatchOsDisk, set()),
    (virtual_machines.ProxyAgentSettings, sdk.ProxyAgentSettings, set()),
    (virtual_machines.RollingUpgradePolicy, sdk.RollingUpgradePolicy, set()),
    (virtual_machines.SecurityProfile, sdk.SecurityProfile, set()),
    (virtual_machines.ServiceArtifactReference, sdk.ServiceArtifactReference, set()),
    (virtual_machines.UefiSettings, sdk.BatchUefiSettings, set()),
    (virtual_machines.UpgradePolicy, sdk.UpgradePolicy, set()),
    (virtual_machines.VirtualMachineConfiguration, sdk.VirtualMachineConfiguration, set()),
    (virtual_machines.VMExtension, sdk.VMExtension, set()),
    (virtual_machines.WindowsConfiguration, sdk.WindowsConfiguration, set()),
]

# Required by the client, but the real service leaves them out or takes a body without them.
NOT_REQUIRED = {
    "BatchNode": {"lastBootTime", "ipv6Address", "virtualMachineInfo"},  # a node that never started
    "BatchTaskSchedulingPolicy": {"nodeFillType"},  # filled in
    "UserAccount": {"password"},  # never shown
}

# The real service always sends these.
ALSO_REQUIRED = {"BatchJobSchedule": {"schedule"}, "BatchCreateTaskCollectionResult": {"value"}}

ENUMERATIONS: list[tuple[type[enum.Enum], type[enum.Enum]]] = [
    (common.ErrorCategory, sdk_enums.BatchErrorSourceCategory),
    (containers.ContainerHostDataPath, sdk_enums.ContainerHostDataPath),
    (containers.ContainerType, sdk_enums.ContainerType),
    (containers.ContainerWorkingDirectory, sdk_enums.ContainerWorkingDirectory),
    (files.UploadCondition, sdk_enums.OutputFileUploadCondition),
    (job_tasks.JobTaskState, sdk_enums.BatchJobPreparationTaskState),
    (job_tasks.JobTaskState, sdk_enums.BatchJobReleaseTaskState),
    (jobs.DisableTasks, sdk_enums.DisableBatchJobOption),
    (jobs.JobState, sdk_enums.BatchJobState),
    (jobs.OnAllTasksComplete, sdk_enums.BatchAllTasksCompleteMode),
    (jobs.OnTaskFailure, sdk_enums.BatchTaskFailureMode),
    (jobs.PoolLifetimeOption, sdk_enums.BatchPoolLifetimeOption),
    (networks.DynamicVNetAssignmentScope, sdk_enums.DynamicVNetAssignmentScope),
    (networks.InboundEndpointProtocol, sdk_enums.InboundEndpointProtocol),
    (networks.IPAddressProvisioning, sdk_enums.IpAddressProvisioningType),
    (networks.IPFamily, sdk_enums.IPFamily),
    (networks.NetworkAccess, sdk_enums.NetworkSecurityGroupRuleAccess),
    (nodes.DisableSchedulingOption, sdk_enums.BatchNodeDisableSchedulingOption),
    (nodes.ImageVerification, sdk_enums.ImageVerificationType),
    (nodes.NodeState, sdk_enums.BatchNodeState),
    (nodes.OSType, sdk_enums.OSType),
    (nodes.SchedulingState, sdk_enums.SchedulingState),
    (nodes.StatusLevel, sdk_enums.StatusLevelTypes),
    (pools.AllocationState, sdk_enums.AllocationState),
    (pools.JobDefaultOrder, sdk_enums.BatchJobDefaultOrder),
    (pools.NodeDeallocationOption, sdk_enums.BatchNodeDeallocateOption),
    (pools.NodeDeallocationOption, sdk_enums.BatchNodeDeallocationOption),
    (pools.NodeDeallocationOption, sdk_enums.BatchNodeRebootKind),
    (pools.NodeDeallocationOption, sdk_enums.BatchNodeReimageOption),
    (pools.NodeFillType, sdk_enums.BatchNodeFillType),
    (pools.PoolIdentityType, sdk_enums.BatchPoolIdentityType),
    (pools.PoolState, sdk_enums.BatchPoolState),
    (schedules.JobScheduleState, sdk_enums.BatchJobScheduleState),
    (start_task.StartTaskState, sdk_enums.BatchStartTaskState),
    (tasks.DependencyAction, sdk_enums.DependencyAction),
    (tasks.JobAction, sdk_enums.BatchJobActionKind),
    (tasks.SubtaskState, sdk_enums.BatchSubtaskState),
    (tasks.TaskAddStatus, sdk_enums.BatchTaskAddStatus),
    (tasks.TaskResult, sdk_enums.BatchTaskExecutionResult),
    (tasks.TaskState, sdk_enums.BatchTaskState),
    (users.AutoUserScope, sdk_enums.AutoUserScope),
    (users.ElevationLevel, sdk_enums.ElevationLevel),
    (users.LoginMode, sdk_enums.LoginMode),
    (virtual_machines.CachingType, sdk_enums.CachingType),
    (virtual_machines.DiffDiskPlacement, sdk_enums.DiffDiskPlacement),
    (virtual_machines.DiskEncryptionTarget, sdk_enums.DiskEncryptionTarget),
    (virtual_machines.HostEndpointMode, sdk_enums.HostEndpointSettingsModeTypes),
    (virtual_machines.NodePlacementPolicy, sdk_enums.BatchNodePlacementPolicyType),
    (virtual_machines.SecurityEncryptionType, sdk_enums.SecurityEncryptionTypes),
    (virtual_machines.SecurityType, sdk_enums.SecurityTypes),
    (virtual_machines.StorageAccountType, sdk_enums.StorageAccountType),
    (virtual_machines.UpgradeMode, sdk_enums.UpgradeMode),
]

# The service writes capitals here, by its recordings and its documentation.
CAPITALS = {common.ErrorCategory, files.UploadCondition, pools.NodeFillType, tasks.TaskAddStatus}


def sdk_fields(model: type[Any]) -> dict[str, bool]:
    """Each wire name of an SDK model, and whether the SDK calls it required."""
    annotations: dict[str, object] = {}
    for base in reversed(model.__mro__):
        annotations |= vars(base).get("__annotations__", {})
    make: Any = model.__new__  # it collects the fields on first use
    attributes = make(model)._attr_to_rest_field
    return {
        field._rest_name: type(None) not in typing.get_args(annotations[name])
        for name, field in attributes.items()
    }


@pytest.mark.parametrize(("ours", "theirs", "extra"), MODELS, ids=lambda each: getattr(each, "__name__", ""))
def test_a_model_has_the_fields_of_the_clients_model(ours: type, theirs: type, extra: set[str]) -> None:
    assert {field.encode_name for field in msgspec.structs.fields(ours)} == sdk_fields(theirs).keys() | extra


@pytest.mark.parametrize(("ours", "theirs", "extra"), MODELS, ids=lambda each: getattr(each, "__name__", ""))
def test_a_model_requires_what_the_clients_model_requires(ours: type, theirs: type, extra: set[str]) -> None:
    required = {field.encode_name for field in msgspec.structs.fields(ours) if field.required}
    expected = {name for name, needed in sdk_fields(theirs).items() if needed}
    expected -= NOT_REQUIRED.get(theirs.__name__, set())
    assert required == expected | ALSO_REQUIRED.get(theirs.__name__, set())


def test_every_model_of_the_client_has_one_of_ours() -> None:
    theirs = {each for each in vars(sdk).values() if getattr(each, "__module__", "") == sdk.__name__}
    assert theirs == {theirs for _, theirs, _ in MODELS}


@pytest.mark.parametrize(("ours", "theirs"), ENUMERATIONS, ids=lambda each: each.__name__)
def test_a_word_has_the_values_of_the_clients_enumeration(
    ours: type[enum.Enum], theirs: type[enum.Enum]
) -> None:
    values = {word.value for word in ours}
    if ours in CAPITALS:
        values = {value.lower() for value in values}
    assert values == {word.value for word in theirs}


def test_every_enumeration_of_the_client_has_one_of_ours() -> None:
    theirs = {each for each in vars(sdk_enums).values() if isinstance(each, enum.EnumMeta)} - {enum.Enum}
    assert theirs == {theirs for _, theirs in ENUMERATIONS}
