"""What is done about a job that is stalled."""

from __future__ import annotations

from azure.batch import BatchClient

from remotebatch.errors import ProviderError
from remotebatch.provider import JobRecord
from remotebatch_azurebatch.batch import ends, job_requests
from remotebatch_azurebatch.batch.parts import PlacedPart
from remotebatch_azurebatch.tracking.diagnosis import Diagnosis


class StalledJobPolicy:
    """Finds out why an Azure job is stalled, and ends one that can never run.

    Such a job is one that no node of its pool can be prepared for, for a reason that is the job's own. Azure
    would let it wait, and keep nodes for it, as long as its time lasts.
    """

    def __init__(self, client: BatchClient) -> None:
        self._client = client
        self._diagnosis = Diagnosis(client)

    def examine(self, record: JobRecord, placed: PlacedPart) -> str | None:
        """Why one Azure job of a submission is stalled, as a sentence; None if nothing is to be seen.

        An error of the service is the sentence: a failed query is not a failed job.
        """
        try:
            finding = self._diagnosis.of(record, placed)
            if finding.ends_as is not None and finding.reason is not None:
                reason = ends.reason_text(finding.ends_as, finding.reason)
                job_requests.terminate(self._client, placed.part.azure_id(record.id), reason)
            return finding.reason
        except ProviderError as error:
            return str(error)
