"""The use case of adding numbers."""

from service.provisioning.messages import Addition, AddRequest, BulkAddition, BulkRequest


class Provisioner:
    """Adds numbers to the configured instances; `Parts.provisioner` holds one."""

    async def add(self, request: AddRequest, request_id: str) -> Addition:
        """Add by AddPhoneNumbers, then refresh.

        Raises:
            UnknownInstance, InvalidField, CccError and its kin, PartlyAdded.
        """
        raise NotImplementedError

    async def add_bulk(self, request: BulkRequest, request_id: str) -> BulkAddition:
        """Add by AddBulkPhoneNumbers, then refresh.

        Raises:
            as `add`.
        """
        raise NotImplementedError
