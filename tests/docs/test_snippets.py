"""The documentation says what is so: its snippets run, its tables name what there is, its links resolve."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from remotebatch import FailureType, JobSettings
from remotebatch.provider import Provider
from remotebatch_azurebatch.settings import AzureBatchProperties, AzureBatchSettings
from remotebatch_kernel.formats.exit_codes import MEANINGS
from remotebatch_local.settings import LocalProperties, LocalSettings
from tests.azurebatch.conftest import variables

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "pages").glob("*.md"))]
FENCE = re.compile(r"^```([a-z]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = {"text", "mermaid"}
RUN_ELSEWHERE = re.compile(r"(make|pip install) ")

ON_AZURE_BATCH = 'SubmissionEnvironment("AzureBatch"'
LOCALLY = 'SubmissionEnvironment("Local")'

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
with_services = [pytest.mark.azurite, pytest.mark.docker]


def blocks(page: Path, language: str) -> list[str]:
    """A page's fenced blocks in a language."""
    return [text for found, text in FENCE.findall(page.read_text()) if found == language]


def is_run_elsewhere(block: str) -> bool:
    """Whether a shell block is all ``make`` and ``pip install``, which CI itself runs."""
    return all(RUN_ELSEWHERE.match(line) for line in block.splitlines() if line.strip())


def needs_services(page: Path) -> bool:
    """Whether what a page runs needs Azurite and Docker."""
    return any(
        name in text
        for text in blocks(page, "python") + blocks(page, "sh")
        for name in (ON_AZURE_BATCH, "emulator", "remotebatch_azurebatch", "container_image")
    )


def table(page: Path, heading: str) -> dict[str, list[str]]:
    """First cell → other cells of the table under a heading."""
    _, _, below = page.read_text().partition(f"\n## {heading}\n")
    section, _, _ = below.partition("\n## ")
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows[2:]}


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=page.stem, marks=with_services if needs_services(page) else ()) for page in PAGES],
)
def test_snippets_run(page: Path, surroundings: Any, request: pytest.FixtureRequest) -> None:
    snippets = "\n".join(blocks(page, "python"))
    if ON_AZURE_BATCH in snippets:
        surroundings.environment.update(variables(request.getfixturevalue("account")))
    script = surroundings.directory / "snippets.py"
    script.write_text(snippets)
    programs = [["python", script.name]]
    programs += [["bash", "-eu", "-c", text] for text in blocks(page, "sh") if not is_run_elsewhere(text)]
    for program in programs:
        ended = surroundings.run(*program)
        assert ended.returncode == 0, ended.stdout


def test_the_readmes_lines_run_on_azure_batch(surroundings: Any, account: Any) -> None:
    (lines,) = blocks(ROOT / "README.md", "python")
    assert lines.count(LOCALLY) == 1
    script = surroundings.directory / "readme.py"
    script.write_text(lines.replace(LOCALLY, f'{ON_AZURE_BATCH}, pool_id="default")'))
    variables_of_it = f"remotebatch emulator env --data {account.data}"
    ended = surroundings.run("bash", "-euc", f'eval "$({variables_of_it})"; python {script.name}')
    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.startswith(
        "[1.0, 0.5, ZeroDivisionError('division by zero'), 0.25]\nFailed UserException "
    )


@every_page
def test_every_block_has_a_known_language(page: Path) -> None:
    fences = re.findall(r"^```(.*)$", page.read_text(), re.MULTILINE)
    assert set(fences[::2]) <= {"python", "sh", *NOT_RUN}
    assert set(fences[1::2]) <= {""}


@every_page
def test_internal_links_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.is_file(), target
        if anchor:
            assert anchor in anchors(file), target


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as Markdown makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def default_of(field: Any) -> str:
    """A field's default, as the tables have it."""
    if field.required:
        return "required"
    default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    return f"`{default!r}`"


@pytest.mark.parametrize(
    ("heading", "kind", "base"),
    [
        ("Job settings", JobSettings, None),
        ("Job settings of the Local provider", LocalSettings, JobSettings),
        ("Properties of a Local environment", LocalProperties, None),
        ("Job settings of the AzureBatch provider", AzureBatchSettings, JobSettings),
        ("Properties of an AzureBatch environment", AzureBatchProperties, None),
    ],
)
def test_settings_are_all_described(heading: str, kind: Any, base: Any) -> None:
    inherited = {field.name for field in msgspec.structs.fields(base)} if base else set()
    fields = {
        f"`{field.name}`": field for field in msgspec.structs.fields(kind) if field.name not in inherited
    }
    rows = table(ROOT / "docs/pages/settings.md", heading)
    assert list(rows) == list(fields)
    for name, field in fields.items():
        assert rows[name][2] == default_of(field), name
        assert all(rows[name]), name


def test_retried_failures_are_named_as_they_are() -> None:
    from remotebatch_local.engine.settlement import WORTH_RETRYING

    text = (ROOT / "docs/pages/settings.md").read_text()
    (sentence,) = re.findall(r"`max_retries` applies to these failures: (.*?)\.", text, re.DOTALL)
    assert set(re.findall(r"[A-Z]\w+", sentence)) == {str(failure) for failure in WORTH_RETRYING}


def test_failures_are_all_described() -> None:
    text = (ROOT / "docs/pages/failures.md").read_text()
    assert re.findall(r"^### (.+)$", text, re.MULTILINE) == [str(failure) for failure in FailureType]
    for section in text.partition("## Failure types")[2].partition("\n## ")[0].split("\n### ")[1:]:
        assert "**Do:**" in section, section


def test_exit_codes_are_all_described() -> None:
    rows = table(ROOT / "docs/pages/failures.md", "Exit codes")
    assert rows == {str(code): [meaning] for code, meaning in MEANINGS.items()}


def test_a_providers_members_are_all_described() -> None:
    text = (ROOT / "docs/pages/providers.md").read_text()
    for name in (*Provider.__abstractmethods__, "name", "settings_type", "refresh_interval", "close"):
        assert re.search(rf"`{name}[`(]", text), name
