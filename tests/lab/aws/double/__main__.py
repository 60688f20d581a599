"""Start the double: ``python -m aws.double``, told everything by environment variables.

BIND_HOST, GATEWAY_PORT, MINISTACK_REGION   as for ministack
DOCKER_HOST                                 the engine that runs the tasks
LAB_PROJECT                                 the lab the containers belong to
LAB_ECS_TRAFFIC                             ports of services, as ``api=18100:8000,db=18101:5432``
"""

from __future__ import annotations

import os

import docker

from . import containers, ministack_seams
from .control import Control
from .deployment_actions import DeploymentActions
from .faults import ApiFaults
from .metrics import Meter
from .model import World
from .observer import Observer
from .runner import Runner
from .scheduler import Scheduler
from .service_actions import ServiceActions
from .task_actions import TaskActions, describe_clusters, list_clusters, list_task_definitions
from .traffic import Balancer, parse_routes

SECONDS_FOR_THE_ENGINE = 60


def main() -> None:
    ministack_seams.check_version()
    world = World()
    client = docker.from_env(timeout=SECONDS_FOR_THE_ENGINE)
    place = containers.Place(os.environ["LAB_PROJECT"])
    containers.remove_leftovers(client, place)
    containers.ensure_network(client, place)
    runner = Runner(client, place, world)
    scheduler = Scheduler(world, runner, Observer(client, place, world, runner))
    services = ServiceActions(world, scheduler)
    deployments = DeploymentActions(world, scheduler, services)
    tasks = TaskActions(world, runner, services)
    ministack_seams.install(
        {
            "CreateService": services.create,
            "UpdateService": services.update,
            "DeleteService": services.delete,
            "DescribeServices": services.describe,
            "ListServices": services.list,
            "ListServiceDeployments": deployments.list,
            "DescribeServiceDeployments": deployments.describe,
            "DescribeServiceRevisions": deployments.describe_revisions,
            "StopServiceDeployment": deployments.stop,
            "RunTask": tasks.run,
            "StopTask": tasks.stop,
            "DescribeTasks": tasks.describe,
            "ListTasks": tasks.list,
            "ListTaskDefinitions": list_task_definitions,
            "ListClusters": list_clusters,
            "DescribeClusters": describe_clusters(world),
        }
    )
    scheduler.run_in_background()
    Balancer(world, parse_routes(os.environ.get("LAB_ECS_TRAFFIC", ""))).run_in_background()
    ministack_seams.serve(Control(ApiFaults(), world, runner, Meter(client, world)).around)


main()
