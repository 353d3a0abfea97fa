"""The variables that Azure Batch sets for every task."""

from __future__ import annotations

import os
from collections.abc import Iterable

from azurebatch_emulator.protocol.models.common import EnvironmentSetting
from azurebatch_emulator.state.node import Node


def node_variables(node: Node) -> dict[str, str]:
    """The variables of all that runs on a node."""
    configuration, root = node.pool.configuration, node.root
    return {
        "AZ_BATCH_ACCOUNT_NAME": configuration.account,
        "AZ_BATCH_ACCOUNT_URL": configuration.endpoint + "/",
        "AZ_BATCH_POOL_ID": node.pool.resource.id,
        "AZ_BATCH_NODE_ID": node.resource.id,
        "AZ_BATCH_NODE_IS_DEDICATED": "true" if node.resource.is_dedicated else "false",
        "AZ_BATCH_NODE_ROOT_DIR": root,
        "AZ_BATCH_NODE_SHARED_DIR": os.path.join(root, "shared"),
        "AZ_BATCH_NODE_STARTUP_DIR": os.path.join(root, "startup"),
        "AZ_BATCH_NODE_MOUNTS_DIR": os.path.join(root, "fsmounts"),
    }


def task_variables(node: Node, job_id: str, task_id: str) -> dict[str, str]:
    """The variables of a job's task, with those of its node."""
    directory = node.task_directory(job_id, task_id)
    return node_variables(node) | {
        "AZ_BATCH_JOB_ID": job_id,
        "AZ_BATCH_TASK_ID": task_id,
        "AZ_BATCH_TASK_DIR": directory,
        "AZ_BATCH_TASK_WORKING_DIR": os.path.join(directory, "wd"),
        "HOME": os.path.join(directory, "wd"),
    }


def preparation_variables(node: Node, job_id: str, preparation_id: str) -> dict[str, str]:
    """The variables about a job's preparation task."""
    directory = node.task_directory(job_id, preparation_id)
    return {
        "AZ_BATCH_JOB_PREP_DIR": directory,
        "AZ_BATCH_JOB_PREP_WORKING_DIR": os.path.join(directory, "wd"),
    }


def instance_variables(nodes: list[Node], instance: int, shared: str) -> dict[str, str]:
    """The variables of an instance of a multi-instance task; the first node has the primary."""
    addresses = [node.resource.ip_address for node in nodes]
    return {
        "AZ_BATCH_HOST_LIST": ",".join(addresses),
        "AZ_BATCH_NODE_LIST": ";".join(addresses),
        "AZ_BATCH_MASTER_NODE": f"{addresses[0]}:6000",
        "AZ_BATCH_IS_CURRENT_NODE_MASTER": "true" if instance == 0 else "false",
        "AZ_BATCH_TASK_SHARED_DIR": shared,
        # a real node's programs can ask the system for it; here each node's address is one of many
        "REMOTEBATCH_NODE_ADDRESS": addresses[instance],
    }


def set_variables(settings: Iterable[EnvironmentSetting] | None) -> dict[str, str]:
    """The variables that a client has set."""
    return {setting.name: setting.value or "" for setting in settings or ()}
