"""The templates: valid by the SDKs' models, the same in both languages, and their pool is fit for jobs."""

from __future__ import annotations

import json
import re
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.batch import BatchClient
from azure.batch import models as data_plane
from azure.mgmt.authorization.v2022_04_01 import models as authorization
from azure.mgmt.batch import models as batch
from azure.mgmt.msi.v2023_01_31 import models as identity
from azure.mgmt.storage import models as storage
from click.testing import CliRunner

from remotebatch_azurebatch.batch.ids import PREFIX
from remotebatch_azurebatch.commands.azure import azure
from remotebatch_azurebatch.pools.autoscale import autoscale_formula
from remotebatch_azurebatch.pools.pool import MAX_NODES, VM_SIZE, AzurePool
from remotebatch_azurebatch.pools.preflight import Preflight
from remotebatch_azurebatch.pools.template import template
from remotebatch_azurebatch.settings import AzureBatchSettings
from tests.support.deployment import Deployment, deploy_arm, deploy_bicep
from tests.support.emulator import EmulatorOptions

USUAL: dict[str, Any] = {}
UNUSUAL = {
    "location": "westus",
    "accountName": "mine",
    "poolId": "gpu",
    "vmSize": "Standard_NC8as_T4_v3",
    "vcpus": 8,
    "maxNodes": 3,
    "spot": True,
    "containerImages": ["python:3.13"],
    "keepDays": 1,
    "submitterId": "11111111-2222-3333-4444-555555555555",
    "submitterType": "Group",
}
MODELS: dict[str, tuple[str, Any]] = {
    # by the types, and the api-versions that these very packages are for
    "Microsoft.Storage/storageAccounts": ("2024-01-01", storage.StorageAccountCreateParameters),
    "Microsoft.Storage/storageAccounts/managementPolicies": ("2024-01-01", storage.ManagementPolicy),
    "Microsoft.ManagedIdentity/userAssignedIdentities": ("2023-01-31", identity.Identity),
    "Microsoft.Batch/batchAccounts": ("2024-07-01", batch.BatchAccountCreateParameters),
    "Microsoft.Batch/batchAccounts/pools": ("2024-07-01", batch.Pool),
    "Microsoft.Authorization/roleAssignments": (
        "2022-04-01",
        authorization.RoleAssignmentCreateParameters,
    ),
}

EMULATOR: EmulatorOptions = {"runtime": "process"}

both = pytest.mark.parametrize("given", [USUAL, UNUSUAL], ids=["usual", "unusual"])


def deploy(given: dict[str, Any]) -> Deployment:
    return deploy_arm(template("arm"), given)


def only(deployment: Deployment, kind: str) -> dict[str, Any]:
    """The properties of the only resource of a type."""
    (found,) = deployment.of_type(kind)
    properties: dict[str, Any] = found.body["properties"]
    return properties


# -- valid ----------------------------------------------------------------------------------


@both
def test_every_resource_is_as_the_sdks_models_have_it(given: dict[str, Any]) -> None:
    for resource in deploy(given).resources.values():
        version, model = MODELS[resource.type]
        assert resource.api_version == version
        body = {key: value for key, value in resource.body.items() if key != "scope"}
        # what a model does not know, or only ever reads, is lost on the way
        assert model.deserialize(body).serialize() == body, resource.id


def test_chosen_values_are_among_the_allowed_ones() -> None:
    deployment = deploy(UNUSUAL)
    accounts = deployment.of_type("Microsoft.Storage/storageAccounts")[0].body
    assert storage.Kind(accounts["kind"])
    assert storage.SkuName(accounts["sku"]["name"])
    assert storage.AccessTier(accounts["properties"]["accessTier"])
    assert storage.MinimumTlsVersion(accounts["properties"]["minimumTlsVersion"])
    rule = only(deployment, "Microsoft.Storage/storageAccounts/managementPolicies")["policy"]["rules"][0]
    assert storage.RuleType(rule["type"])
    assert batch.PoolAllocationMode(only(deployment, "Microsoft.Batch/batchAccounts")["poolAllocationMode"])
    (pool,) = deployment.of_type("Microsoft.Batch/batchAccounts/pools")
    assert batch.PoolIdentityType(pool.body["identity"]["type"])
    assert batch.ComputeNodeFillType(pool.body["properties"]["taskSchedulingPolicy"]["nodeFillType"])
    for role in deployment.of_type("Microsoft.Authorization/roleAssignments"):
        assert authorization.PrincipalType(role.body["properties"]["principalType"])


def test_names_are_ones_that_azure_takes() -> None:
    for given in (USUAL, UNUSUAL):
        deployment = deploy(given)
        for kind in ("Microsoft.Storage/storageAccounts", "Microsoft.Batch/batchAccounts"):
            assert re.fullmatch("[a-z0-9]{3,24}", deployment.of_type(kind)[0].name)


def test_what_needs_a_resource_waits_for_it() -> None:
    resources = deploy(UNUSUAL).resources
    for resource in resources.values():
        text = json.dumps(resource.body)
        parent = resource.id.rsplit("/", 2)[0]
        needed = {id for id in resources if id != resource.id and (id in text or id == parent)}  # noqa: A001
        assert resource.depends_on == needed, resource.id


def test_every_parameter_and_variable_is_used_and_described() -> None:
    for deployment in (deploy(UNUSUAL), deploy_bicep(template("bicep"), UNUSUAL)):
        assert deployment.unused == set()
    declared = json.loads(template("arm"))["parameters"]
    assert all(parameter["metadata"]["description"] for parameter in declared.values())
    assert set(declared) == set(UNUSUAL)


def test_nothing_secret_is_given_out() -> None:
    assert not re.search(r"listKeys|password|securestring", template("arm"), re.IGNORECASE)
    assert set(deploy(USUAL).outputs) == {
        "batchAccount",
        "batchEndpoint",
        "nodeIdentity",
        "poolId",
        "storageAccount",
    }


@both
def test_bicep_comes_to_the_same(given: dict[str, Any]) -> None:
    arm, bicep = deploy(given), deploy_bicep(template("bicep"), given)
    assert set(arm.resources) == set(bicep.resources)
    for id, resource in arm.resources.items():  # noqa: A001
        assert (resource.api_version, resource.body) == (
            bicep.resources[id].api_version,
            bicep.resources[id].body,
        ), id
    assert arm.outputs == bicep.outputs


def test_bicep_declares_the_same_limits() -> None:
    text = template("bicep")
    for name, parameter in json.loads(template("arm"))["parameters"].items():
        (decorators,) = re.findall(rf"((?:@[^\n]*\n(?: [^\n]*\n|\]\)\n)*)*)param {name} ", text)
        assert parameter["metadata"]["description"] in decorators
        for limit in ("minLength", "maxLength", "minValue", "maxValue"):
            found = re.findall(rf"@{limit}\((\d+)\)", decorators)
            assert found == ([str(parameter[limit])] if limit in parameter else [])
        assert re.findall(r"'(\w+)'\n", decorators) == parameter.get("allowedValues", [])


# -- what it makes --------------------------------------------------------------------------


def test_the_account_is_linked_to_its_storage() -> None:
    deployment = deploy(USUAL)
    linked = only(deployment, "Microsoft.Batch/batchAccounts")["autoStorage"]["storageAccountId"]
    assert [resource.id for resource in deployment.of_type("Microsoft.Storage/storageAccounts")] == [linked]


def test_only_containers_of_jobs_expire() -> None:
    policy = only(deploy({"keepDays": 9}), "Microsoft.Storage/storageAccounts/managementPolicies")
    (rule,) = policy["policy"]["rules"]
    (prefix,) = rule["definition"]["filters"]["prefixMatch"]
    assert f"job-{PREFIX}".startswith(prefix)
    assert not f"{PREFIX}objects".startswith(prefix)
    assert rule["definition"]["actions"]["baseBlob"]["delete"] == {"daysAfterModificationGreaterThan": 9}


def test_the_nodes_and_the_submitter_may_do_what_they_have_to() -> None:
    roles = {
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "blobs",
        "6aaa78f1-f7de-44ca-8722-c64a23943cae": "batch",
    }

    def granted(given: dict[str, Any]) -> list[tuple[str, str]]:
        assignments = deploy(given).of_type("Microsoft.Authorization/roleAssignments")
        properties = [assignment.body["properties"] for assignment in assignments]
        return [
            (roles[each["roleDefinitionId"].rsplit("/", 1)[1]], each["principalType"]) for each in properties
        ]

    assert granted(USUAL) == [("blobs", "ServicePrincipal")]
    assert granted(UNUSUAL) == [("blobs", "ServicePrincipal"), ("blobs", "Group"), ("batch", "Group")]


@both
def test_the_pool_scales_as_pools_made_by_hand_do(given: dict[str, Any]) -> None:
    scaling = only(deploy(given), "Microsoft.Batch/batchAccounts/pools")["scaleSettings"]["autoScale"]
    assert scaling["formula"] == autoscale_formula(given.get("maxNodes", MAX_NODES), given.get("spot", False))
    assert only(deploy(USUAL), "Microsoft.Batch/batchAccounts/pools")["vmSize"] == VM_SIZE


@both
def test_the_pool_is_fit_for_jobs(client: BatchClient, given: dict[str, Any]) -> None:
    (resource,) = deploy(given).of_type("Microsoft.Batch/batchAccounts/pools")
    pool_id, properties = resource.name.split("/")[1], resource.body["properties"]
    scaling = properties.pop("scaleSettings")["autoScale"]
    machine = properties.pop("deploymentConfiguration")["virtualMachineConfiguration"]
    machine["nodeAgentSKUId"] = machine.pop("nodeAgentSkuId")  # the two interfaces spell it differently
    client.create_pool(
        data_plane.BatchPoolCreateOptions(
            {
                "id": pool_id,
                **properties,
                "virtualMachineConfiguration": machine,
                "enableAutoScale": True,
                "autoScaleFormula": scaling["formula"],
                "autoScaleEvaluationInterval": scaling["evaluationInterval"],
            }
        )
    )
    assert client.get_pool(pool_id).auto_scale_evaluation_interval == timedelta(minutes=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of slots that are not the size's vCPUs
        (facts,) = Preflight(client).check([pool_id], AzureBatchSettings(vcpu_count=4))
    assert facts.slots_per_node == facts.vcpus
    assert AzurePool(client, pool_id).show().resize_errors == ()


# -- from the command line ------------------------------------------------------------------


def test_the_command_writes_it(tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert run(azure, ["template"]).output == template("arm")
    file = tmp_path / "pool.bicep"
    assert run(azure, ["template", "--format", "bicep", "--output", str(file)]).output == ""
    assert file.read_text() == template("bicep")
