"""The errors that the Batch service answers with: code, HTTP status and Azure's own sentence for each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


class BatchServiceError(Exception):
    """A request that the service refuses.

    `code` decides the status and the message, unless they are given. `values` are the details that Azure
    sends as key and value, so their names are as on the wire:

        BatchServiceError("InvalidPropertyValue", PropertyName="vmSize", Reason="Not a known size.")
    """

    code: Final[str]
    status: Final[int]
    message: Final[str]
    values: Final[Mapping[str, str]]

    def __init__(
        self, code: str, message: str | None = None, *, status: int | None = None, **values: str
    ) -> None:
        if status is None or message is None:
            usual_status, usual_message = ERRORS[code]
            status = usual_status if status is None else status
            message = usual_message if message is None else message
        super().__init__(code, message)
        self.code = code
        self.status = status
        self.message = message
        self.values = values

    def __str__(self) -> str:
        details = "".join(f"\n{key}: {value}" for key, value in self.values.items())
        return f"{self.code} ({self.status}): {self.message}{details}"


_REQUEST = {
    400: {
        "EmptyMetadataKey": "The key for one of the metadata key-value pairs is empty.",
        "HostInformationNotPresent": "The required host information is not present in the request.",
        "InvalidAuthenticationInfo": (
            "The authentication information was not provided in the correct format. Verify the value of "
            "Authorization header."
        ),
        "InvalidHeaderValue": "The value provided for one of the HTTP headers was not in the correct format.",
        "InvalidHttpVerb": "The HTTP verb specified was not recognized by the server.",
        "InvalidInput": "One of the request inputs is not valid.",
        "InvalidMetadata": (
            "The specified metadata is invalid. It includes characters that are not permitted."
        ),
        "InvalidPropertyValue": (
            "The value provided for one of the properties in the request body is invalid."
        ),
        "InvalidQueryParameterValue": (
            "Value for one of the query parameters specified in the request URI is invalid."
        ),
        "InvalidRequestBody": "The specified Request Body is not syntactically valid.",
        "InvalidUri": "The requested URI does not represent any resource on the server.",
        "MetadataTooLarge": "The size of the specified metadata exceeds the maximum size permitted.",
        "MissingRequiredHeader": "A required HTTP header was not specified.",
        "MissingRequiredProperty": "A required property was not specified in the request body.",
        "MissingRequiredQueryParameter": "A required query parameter was not specified for this request.",
        "MultipleConditionHeadersNotSupported": "Multiple condition headers are not supported.",
        "OutOfRangeInput": "One of the request inputs is out of range.",
        "OutOfRangeQueryParameterValue": (
            "A query parameter specified in the request URI is outside the permissible range."
        ),
        "RequestUrlFailedToParse": "The url in the request could not be parsed.",
        "UnsupportedHeader": "One of the HTTP headers specified in the request is not supported.",
        "UnsupportedHttpVersion": "The specified version of the HTTP protocol is not supported.",
        "UnsupportedProperty": "One of the properties specified in the request body is not supported.",
        "UnsupportedQueryParameter": (
            "One of the query parameters specified in the request URI is not supported."
        ),
        "UnsupportedRequestVersion": "The specified request version is not supported.",
    },
    403: {
        "AccountIsDisabled": "The specified account is disabled.",
        "AuthenticationFailed": (
            "Server failed to authenticate the request. Make sure the value of Authorization header is "
            "formed correctly including the signature."
        ),
        "InsufficientAccountPermissions": (
            "The account being accessed does not have sufficient permissions to execute this operation."
        ),
        "IOError": "An I/O error occurred when accessing the specified resource.",
    },
    404: {
        "ResourceNotFound": "The specified resource does not exist.",
    },
    405: {
        "UnsupportedHttpVerb": "The resource doesn't support the specified HTTP verb.",
    },
    409: {
        "ResourceAlreadyExists": "The specified resource already exists.",
        "ResourceTypeMismatch": "The specified resource does not match the expected type.",
    },
    411: {
        "MissingContentLengthHeader": "The Content-Length header was not specified.",
    },
    412: {
        # A read whose condition fails is answered 304 with the same code.
        "ConditionNotMet": ("The condition specified using HTTP conditional header(s) is not met."),
    },
    413: {
        "RequestBodyTooLarge": "The size of the request body exceeds the maximum size permitted.",
    },
    416: {
        "InvalidRange": "The range specified is invalid for the current size of the resource.",
    },
    429: {
        "TooManyRequests": "Too many requests were received. Please retry your request after some time.",
    },
    500: {
        "InternalError": "The server encountered an internal error. Please retry the request.",
        "OperationTimedOut": "The operation could not be completed within the permitted time.",
    },
    501: {
        "NotImplemented": "The requested operation is not implemented on the specified resource.",
    },
    503: {
        "ServerBusy": "The server is currently unable to receive requests. Please retry your request.",
    },
}

_POOLS_AND_NODES = {
    400: {
        "AutoScalingFormulaSyntaxError": "The specified auto-scaling formula has a syntax error.",
        "AutoScalingFormulaTooLong": "The specified auto-scaling formula exceeds lengths limit.",
        "InvalidAutoScalingSettings": "The specified auto-scaling settings are not valid.",
        "InvalidCertificateReferences": "One or more of the specified certificate references are not valid.",
        "NodeCountsMismatch": "The node counts do not match.",
    },
    404: {
        "ApplicationNotFound": "The specified application does not exist.",
        "CertificateNotFound": "The specified certificate does not exist.",
        "NodeAgentSKUNotFound": "The specified Node Agent SKU does not exist.",
        "NodeExtensionNotFound": "The specified extension does not exist on the node.",
        "NodeNotFound": "The specified node does not exist.",
        "NodeUserNotFound": "The specified node user does not exist.",
        "PoolNotFound": "The specified pool does not exist.",
        "StorageAccountNotFound": "The specified storage account does not exist.",
    },
    409: {
        "InvalidApplicationPackageReferences": (
            "One or more application package references could not be satisfied. This occurs if the "
            "application id or version does not exist or is not active, or if the reference did not specify"
            " a version and there is no default version configured."
        ),
        "InvalidRestAPIForAccountSetting": (
            "The specified operation is not allowed by the settings of the account."
        ),
        "NodeAlreadyInTargetSchedulingState": "The specified node is already in the target scheduling state.",
        "NodeBeingCreated": "The specified node is being created",
        "NodeBeingRebooted": "The specified node is being rebooted",
        "NodeBeingReimaged": "The specified node is being reimaged",
        "NodeBeingStarted": "The specified node is being started",
        "NodeNotReady": "The specified node is not ready.",
        "NodeStateUnusable": "The state of the specified node is unusable",
        "NodeUserExists": "The specified node user already exists.",
        "OperationInvalidForCurrentState": (
            "The specified operation is not valid for the current state of the resource."
        ),
        "OperationNotValidOnNode": "The specified operation is not valid on the node.",
        "OperationNotValidOnPool": "The specified operation is not valid on the pool.",
        "PoolBeingCreated": "The specified pool is being created.",
        "PoolBeingDeleted": "The specified pool has been marked for deletion and is being reclaimed.",
        "PoolBeingResized": "The specified pool is being resized",
        "PoolExists": "The specified pool already exists.",
        "PoolQuotaReached": "Pool quota for the account has been reached.",
    },
    503: {
        "TooManyEnableAutoScaleRequests": "Too many Enable Pool AutoScale requests are issued on the pool.",
    },
}

_JOBS_AND_SCHEDULES = {
    400: {
        "InvalidConstraintValue": "The specified constraint value is not valid.",
        "OutOfRangePriority": "The specified priority is outside the permissible range.",
        "UnsupportedConstraint": "The specified constraint is not supported.",
    },
    404: {
        "JobNotFound": "The specified job does not exist.",
        "JobPreparationTaskNotRunOnNode": "The job preparation task did not run on the specified node.",
        "JobReleaseTaskNotRunOnNode": "The job release task did not run on the specified node.",
        "JobScheduleNotFound": "The specified job schedule does not exist.",
    },
    409: {
        "ActiveJobAndScheduleQuotaReached": "Active job and schedule quota for the account has been reached.",
        "JobBeingDeleted": "The specified job has been marked for deletion and is being garbage collected.",
        "JobBeingTerminated": "The specified job is being terminated.",
        "JobCompleted": "The specified job is already in a completed state.",
        "JobDisabled": "The specified job is disabled.",
        "JobExists": "The specified job already exists.",
        "JobNotActive": "The specified job is not in active state.",
        "JobPreparationTaskOrReleaseTaskNotSpecified": (
            "The specified job does not have either job preparation task or job release task."
        ),
        "JobPreparationTaskNotSpecified": "The specified job does not have job preparation task.",
        "JobReleaseTaskNotSpecified": "The specified job does not have job release task.",
        "JobScheduleBeingDeleted": (
            "The specified job schedule has been marked for deletion and is being reclaimed."
        ),
        "JobScheduleBeingTerminated": "The specified job schedule is being terminated.",
        "JobScheduleCompleted": "The specified job schedule is already in completed state.",
        "JobScheduleDisabled": "The specified job schedule is disabled.",
        "JobScheduleExists": "The specified job schedule already exists.",
        "JobScheduleWithSameIdExists": (
            "A job schedule with the specified job id exists. Job and job schedule cannot have the same id."
        ),
        "JobWithSameIdExists": (
            "A job with the specified job schedule id exists. Job and job schedule cannot have the same id."
        ),
    },
}

_TASKS_AND_FILES = {
    400: {
        "TaskDependenciesNotSpecifiedOnJob": (
            "A task was specified as depending on other tasks, but the job did not specify that it would "
            "use task dependencies."
        ),
        "TaskDependencyListTooLong": (
            "A task was specified as depending on other tasks, but the list of dependencies was too long to"
            " be stored."
        ),
        "TaskDependencyRangesTooLong": (
            "A task was specified as depending on multiple ranges of task ids, and the list of ranges was "
            "too long to be stored."
        ),
    },
    404: {
        "FileNotFound": "The specified file does not exist.",
        "PathNotFound": "The specified path does not exist.",
        "TaskNotFound": "The specified task does not exist.",
    },
    409: {
        "TaskCompleted": "The specified task is already in a completed state.",
        "TaskExists": "The specified task already exists.",
        "TaskFilesCleanedup": "The files of the specified task are cleanedup.",
        "TaskFilesUnavailable": "The files of the specified task are unavailable.",
        "TaskIdSameAsJobPreparationTask": "The specified task id is same as the job preparation task.",
        "TaskIdSameAsJobReleaseTask": "The specified task id is same as the job release task.",
        "TaskNotCompleted": (
            "The specified task is not in a completed state, and the requested operation can be performed "
            "only on completed tasks."
        ),
        "TaskSucceeded": (
            "The specified task has already completed successfully, and the requested operation cannot be "
            "performed on successful tasks."
        ),
    },
}

ERRORS: Final[Mapping[str, tuple[int, str]]] = MappingProxyType(
    {
        code: (status, message)
        for group in (_REQUEST, _POOLS_AND_NODES, _JOBS_AND_SCHEDULES, _TASKS_AND_FILES)
        for status, messages in group.items()
        for code, message in messages.items()
    }
)
"""Every error code of the data plane, with its HTTP status and its message."""
