"""Parts that many resources share, and one door to the bases and the clock."""

from azurebatch_emulator.protocol.models.base import (
    Body,
    Count,
    DisplayName,
    Duration,
    Identifier,
    Int32,
    Maybe,
    Model,
    Port,
    Replacement,
    RetryCount,
    Slots,
    Time,
    Value,
    Word,
    decode,
    encode,
    fields,
    given,
)
from azurebatch_emulator.protocol.models.clock import (
    FOREVER,
    check_times,
    duration,
    e_tag,
    moment,
    normal,
    normal_time,
    now,
    seconds,
    stamp,
    time_text,
)

__all__ = [
    "FOREVER",
    "ApplicationPackageReference",
    "Body",
    "Count",
    "DisplayName",
    "Duration",
    "EnvironmentSetting",
    "Error",
    "ErrorCategory",
    "ErrorDetail",
    "ErrorMessage",
    "Identifier",
    "IdentityReference",
    "Int32",
    "Maybe",
    "MetadataItem",
    "Model",
    "NameValuePair",
    "Port",
    "Replacement",
    "RetryCount",
    "Slots",
    "Time",
    "Value",
    "Word",
    "check_times",
    "decode",
    "duration",
    "e_tag",
    "encode",
    "fields",
    "given",
    "moment",
    "normal",
    "normal_time",
    "now",
    "seconds",
    "stamp",
    "time_text",
]


class ErrorCategory(Word):
    """Whose fault an error is."""

    # Capitals, as Azure documents them.
    USER_ERROR = "UserError"
    SERVER_ERROR = "ServerError"


class NameValuePair(Value, frozen=True):
    """A detail of an error."""

    name: str | None = None
    value: str | None = None


class MetadataItem(Value, frozen=True):
    """A note that the client keeps on a resource."""

    name: str
    value: str


class EnvironmentSetting(Value, frozen=True):
    """An environment variable of a task."""

    name: str
    value: str | None = None


class ApplicationPackageReference(Value, frozen=True):
    """A package that should lie on a node."""

    application_id: str
    version: str | None = None


class IdentityReference(Value, frozen=True):
    """A managed identity."""

    resource_id: str | None = None


class ErrorMessage(Model):
    """The text of an error, in one language."""

    lang: str | None = None
    value: str | None = None


class ErrorDetail(Model):
    """What an error is about."""

    key: str | None = None
    value: str | None = None


class Error(Model):
    """An answer other than success."""

    code: str | None = None
    message: ErrorMessage | None = None
    values: list[ErrorDetail] | None = None
