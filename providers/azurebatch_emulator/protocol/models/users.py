"""Users: those that tasks run as, and those on a node."""

from msgspec.structs import replace

from azurebatch_emulator.protocol.models.common import Body, Count, Time, Value, Word, check_times


class AutoUserScope(Word):
    """Who shares an automatic user."""

    TASK = "task"
    POOL = "pool"


class ElevationLevel(Word):
    """What a user may do."""

    NON_ADMIN = "nonadmin"
    ADMIN = "admin"


class LoginMode(Word):
    """How a Windows user logs in."""

    BATCH = "batch"
    INTERACTIVE = "interactive"


class AutoUser(Value, frozen=True):
    """A user that Batch makes."""

    scope: AutoUserScope | None = None
    elevation_level: ElevationLevel | None = None


class UserIdentity(Value, frozen=True):
    """The user that a task runs as: one named, or an automatic one."""

    username: str | None = None
    auto_user: AutoUser | None = None

    def __post_init__(self) -> None:
        if self.username is not None and self.auto_user is not None:
            raise ValueError("username and autoUser exclude each other")


DEFAULT_USER = UserIdentity(
    auto_user=AutoUser(scope=AutoUserScope.POOL, elevation_level=ElevationLevel.NON_ADMIN)
)


def user_identity(given: UserIdentity | None) -> UserIdentity:
    """The user of a task with the service's defaults in the gaps."""
    if given is None or given == DEFAULT_USER:
        return DEFAULT_USER
    if given.username is not None:
        return given
    auto = given.auto_user or AutoUser()
    return UserIdentity(
        auto_user=AutoUser(
            scope=auto.scope or AutoUserScope.POOL,
            elevation_level=auto.elevation_level or ElevationLevel.NON_ADMIN,
        )
    )


class LinuxUserConfiguration(Value, frozen=True):
    """What is particular to a user on Linux."""

    uid: Count | None = None
    gid: Count | None = None
    ssh_private_key: str | None = None


class WindowsUserConfiguration(Value, frozen=True):
    """What is particular to a user on Windows."""

    login_mode: LoginMode | None = None


class UserAccount(Value, frozen=True):
    """A user made on every node of a pool."""

    name: str
    # The service takes it and never shows it.
    password: str | None = None
    elevation_level: ElevationLevel | None = None
    linux_user_configuration: LinuxUserConfiguration | None = None
    windows_user_configuration: WindowsUserConfiguration | None = None


def user_account(given: UserAccount, windows: bool) -> UserAccount:
    """A user as the service shows it: with its defaults, without its password."""
    configuration = given.windows_user_configuration
    if windows and (configuration is None or configuration.login_mode is None):
        configuration = WindowsUserConfiguration(login_mode=LoginMode.BATCH)
    return replace(
        given,
        password=None,
        elevation_level=given.elevation_level or ElevationLevel.NON_ADMIN,
        windows_user_configuration=configuration,
    )


class NodeUserAdd(Body):
    """POST users."""

    name: str
    is_admin: bool | None = None
    expiry_time: Time | None = None
    password: str | None = None
    ssh_public_key: str | None = None

    def __post_init__(self) -> None:
        check_times(self.expiry_time)


class NodeUserReplace(Body):
    """PUT users/{userName}."""

    password: str | None = None
    expiry_time: Time | None = None
    ssh_public_key: str | None = None

    def __post_init__(self) -> None:
        check_times(self.expiry_time)
