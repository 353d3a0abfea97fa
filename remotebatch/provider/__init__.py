"""What a provider implements, and the records that it stores.

A provider is a subclass of :class:`Provider`, found by its name through the entry-point group
``remotebatch.providers``. :mod:`remotebatch.testing` has the tests that every provider must pass.
"""

from remotebatch.provider.base import Provider, Stream
from remotebatch.provider.records import (
    Changes,
    JobListing,
    JobRecord,
    OutputFile,
    TaskRecord,
    TaskRole,
    UnreadableRecord,
    decode_record,
    encode_record,
    record_from_plain,
)
from remotebatch.provider.submission import Submission
from remotebatch.provider.wake import Wake
from remotebatch.status import Counts

__all__ = [
    "Changes",
    "Counts",
    "JobListing",
    "JobRecord",
    "OutputFile",
    "Provider",
    "Stream",
    "Submission",
    "TaskRecord",
    "TaskRole",
    "UnreadableRecord",
    "Wake",
    "decode_record",
    "encode_record",
    "record_from_plain",
]
