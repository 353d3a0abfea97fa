"""The dialog in a notebook: a form below the cell.

A cell cannot wait for the form, as the kernel takes no clicks while it runs a cell. So the cell ends with an
error that says what to do, and the next run of it finds what was entered in the form.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

from remotebatch.errors import InvalidSetting, ProviderError
from remotebatch_azurebatch.accounts.credentials import checks, entries
from remotebatch_azurebatch.accounts.credentials.logins import AccountKeys, EntraId, SignIn
from remotebatch_azurebatch.accounts.credentials.verification import problems_of

_KEYS = "Account keys"
_ENTRA = "Microsoft Entra ID"
_SIGN_INS: dict[str, SignIn] = {
    "what the machine has": "default",
    "client secret": "secret",
    "browser": "browser",
    "device code": "device",
}
_LABEL = {"description_width": "14em"}
_WIDTH = {"width": "44em"}

_shown: Form | None = None


def show_form() -> ProviderError:
    """Show the form; return the error that the cell is to end with."""
    global _shown
    try:
        form = Form()
    except ImportError:
        return ProviderError(
            "there are no credentials for Azure, and the form to enter them needs ipywidgets: install it "
            "and restart the kernel; or save credentials with 'remotebatch login azure' in a terminal"
        )
    from IPython.display import display

    if _shown is not None:
        _shown.close()
    _shown = form
    display(form.widget)
    return ProviderError(
        "there are no credentials for Azure yet: fill in the form, click Connect, and run this cell again"
    )


class Form:
    """The form. What is secret in it leaves the page with the click, so that no saved notebook has it."""

    def __init__(self) -> None:
        import ipywidgets as widgets

        def text(label: str, kind: Any = widgets.Text, hint: str = "") -> Any:
            return kind(description=label, placeholder=hint, style=_LABEL, layout=_WIDTH)

        self._way = widgets.ToggleButtons(options=[_KEYS, _ENTRA])
        self._endpoint = text("Batch endpoint", hint="https://name.region.batch.azure.com")
        self._account = text("Batch account")
        self._key = text("Batch key", widgets.Password)
        self._storage = text("Connection string", widgets.Password, "of the storage account")
        self._sign_in = widgets.Dropdown(
            description="Sign in with", options=list(_SIGN_INS), style=_LABEL, layout=_WIDTH
        )
        self._tenant = text("Tenant id")
        self._client = text("Client id")
        self._secret = text("Client secret", widgets.Password)
        self._url = text("Storage endpoint", hint="https://name.blob.core.windows.net")
        self._save = widgets.Checkbox(value=True, description="Save connection", indent=False)
        self._connect = widgets.Button(description="Connect", button_style="primary")
        self._status = widgets.HTML()
        self._output = widgets.Output()
        """Where a device code is printed."""
        self._fields = widgets.VBox()
        self.widget = widgets.VBox(
            [self._way, self._fields, self._save, self._connect, self._output, self._status]
        )
        self._secrets = dict.fromkeys((self._key, self._storage, self._secret), "")
        self._way.observe(self._arrange, "value")
        self._sign_in.observe(self._arrange, "value")
        self._endpoint.observe(self._guess_account, "value")
        self._connect.on_click(self._submit)
        self._arrange()

    def close(self) -> None:
        """Take it from the page."""
        self.widget.close()

    def _arrange(self, _: object = None) -> None:
        """Show the fields that the choices call for."""
        if self._way.value == _KEYS:
            self._fields.children = (self._endpoint, self._account, self._key, self._storage)
            return
        sign_in = _SIGN_INS[self._sign_in.value]
        named = {"default": (), "secret": (self._tenant, self._client, self._secret)}
        details = named.get(sign_in, (self._tenant, self._client))
        self._fields.children = (self._sign_in, *details, self._endpoint, self._url)

    def _guess_account(self, change: Any) -> None:
        if not self._account.value:
            self._account.value = checks.account_of(change["new"])

    def _submit(self, _: object) -> None:
        self._take_secrets()
        try:
            login = self._keys() if self._way.value == _KEYS else self._entra()
        except InvalidSetting as error:
            self._say("✗", str(error))
            return
        self._say("…", "Verifying both accounts")
        self._connect.disabled = True
        connection, problems = login.connect("dialog"), ["Nothing was verified, as is shown above."]
        with self._output:  # it shows what is raised, and goes on
            problems = [str(problem) for problem in problems_of(connection) if problem is not None]
        self._connect.disabled = False
        if problems:
            self._say("✗", *problems)
            return
        entries.hold(connection, used=False)
        kept = entries.save(login) if self._save.value else "Kept until this kernel ends."
        self._secrets.clear()
        self.widget.children = (self._status,)
        names = f"{connection.batch.name} and {connection.storage.name}"
        self._say("✓", f"Connected to {names}. {kept} Run the cell again.")

    def _take_secrets(self) -> None:
        """Remember what has been typed into the hidden fields; one left empty keeps what it had."""
        for field, known in self._secrets.items():
            self._secrets[field] = field.value or known
            if field.value:
                field.value = ""
                field.placeholder = "entered; type to change it"

    def _keys(self) -> AccountKeys:
        storage = self._secrets[self._storage].strip()
        checks.storage_account(storage, "Connection string")
        return AccountKeys(
            batch_endpoint=self._checked(self._endpoint, checks.batch_endpoint),
            batch_account=self._checked(self._account, checks.name),
            batch_key=checks.account_key(self._secrets[self._key], "Batch key"),
            storage=storage,
        )

    def _entra(self) -> EntraId:
        sign_in = _SIGN_INS[self._sign_in.value]
        named, required = sign_in != "default", sign_in == "secret"
        secret = self._secrets[self._secret].strip() if required else ""
        if required and not secret:
            raise InvalidSetting("Client secret: must not be empty")
        endpoint = checks.batch_endpoint(self._endpoint.value, "Batch endpoint", for_tokens=True)
        return EntraId(
            batch_endpoint=endpoint,
            storage_url=self._checked(self._url, checks.storage_url),
            sign_in=sign_in,
            tenant_id=self._id(self._tenant, required) if named else None,
            client_id=self._id(self._client, required) if named else None,
            client_secret=secret or None,
        )

    def _id(self, field: Any, required: bool) -> str | None:
        return self._checked(field, checks.name) if required or field.value.strip() else None

    def _checked(self, field: Any, check: Callable[[str, str], str]) -> str:
        return check(field.value, field.description)

    def _say(self, mark: str, *lines: str) -> None:
        self._status.value = "<br>".join(html.escape(f"{mark} {line}") for line in lines)
