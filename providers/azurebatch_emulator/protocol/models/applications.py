"""Applications: packages that an account offers to its nodes."""

from azurebatch_emulator.protocol.models.common import Model


class Application(Model):
    """An application and its versions."""

    id: str
    display_name: str
    versions: list[str]
