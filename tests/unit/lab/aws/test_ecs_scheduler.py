"""The double's scheduler on tasks that only pretend to run: rollouts, the circuit breaker, rollbacks, replacement."""

from __future__ import annotations

import pytest
from aws.double import baseline, rollout
from aws.double.deployment_actions import DeploymentActions
from aws.double.model import Revision, Service, Task, World
from aws.double.observer import UNHEALTHY
from aws.double.scheduler import Scheduler
from aws.double.wire import ApiError, Data, now

ON = {"enable": True, "rollback": True}
STAYING = {"enable": True, "rollback": False}
OFF = {"enable": False, "rollback": False}


class PretendRunner:
    """Starts and stops nothing; the test says what becomes of a task."""

    def start(self, task: Task) -> None:
        task.last_status = "PENDING"

    def stop(self, task: Task) -> None:
        task.last_status = "STOPPED"

    def new_containers(self, definition: Data, task_arn: str) -> list[Data]:
        return []


class Stage:
    """One service, and the steps of a test on it."""

    def __init__(self, desired: int = 1, breaker: dict[str, bool] | None = None) -> None:
        self.world = World()
        self.world.steady_seconds = 0.0
        self.scheduler = Scheduler(self.world, PretendRunner(), observer=None)  # type: ignore[arg-type]
        self.service = Service(
            arn="arn:aws:ecs:us-east-1:000000000000:service/lab/api",
            name="api",
            cluster_arn="arn:aws:ecs:us-east-1:000000000000:cluster/lab",
            scope=("000000000000", "us-east-1"),
            settings={"deploymentConfiguration": {"deploymentCircuitBreaker": breaker or OFF}},
            desired=desired,
        )
        self.world.services[self.service.arn] = self.service
        self.actions = DeploymentActions(self.world, self.scheduler, services=None)  # type: ignore[arg-type]

    def deploy(self, version: int) -> None:
        definition = {
            "taskDefinitionArn": f"td/app:{version}",
            "family": "app",
            "revision": version,
            "containerDefinitions": [{"name": "app", "image": f"app:{version}"}],
        }
        self.scheduler.begin(self.service, Revision(arn=f"revision/{version}", task_definition=definition, settings={}))
        self.step()

    def step(self) -> None:
        self.scheduler.reconcile(self.service)

    def pending(self) -> list[Task]:
        return [task for task in self.world.tasks.values() if task.live and not task.running]

    def succeed(self) -> None:
        """All tasks that were started run."""
        for task in self.pending():
            task.last_status = "RUNNING"
            task.times["startedAt"] = now()
        self.step()
        self.step()

    def fail(self, times: int, code: str = "EssentialContainerExited", reason: str = "it ended") -> None:
        """The tasks that were started end by themselves, so many times over."""
        for _time in range(times):
            for task in self.pending():
                task.fate(code, reason)
                task.last_status = "STOPPED"
            self.step()

    def shown(self) -> list[tuple[str, str]]:
        return [(d.revision.task_definition_arn, d.rollout) for d in self.service.deployments]

    def history(self) -> list[str]:
        return [deployment.status for deployment in self.service.history]

    def running(self) -> list[str]:
        return [task.definition["taskDefinitionArn"] for task in self.world.tasks.values() if task.running]

    def said(self) -> str:
        return "\n".join(event["message"] for event in self.service.events)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "pause_after", lambda failures: 0.0)


def two_good(breaker: dict[str, bool] | None = None, desired: int = 1) -> Stage:
    stage = Stage(desired, breaker)
    for version in (1, 2):
        stage.deploy(version)
        stage.succeed()
    return stage


def test_a_first_deployment_is_in_progress_until_its_tasks_run() -> None:
    stage = Stage(desired=2)
    stage.deploy(1)
    assert stage.shown() == [("td/app:1", "IN_PROGRESS")] and stage.history() == ["IN_PROGRESS"]
    stage.succeed()
    assert stage.shown() == [("td/app:1", "COMPLETED")] and stage.history() == ["SUCCESSFUL"]
    assert "has reached a steady state." in stage.said()


def test_a_deployment_is_complete_only_after_its_tasks_have_run_for_a_while() -> None:
    stage = Stage()
    stage.world.steady_seconds = 3600.0
    stage.deploy(1)
    stage.succeed()
    assert stage.history() == ["IN_PROGRESS"] and stage.running() == ["td/app:1"]


def test_a_finished_rollout_leaves_one_deployment_and_its_history() -> None:
    stage = two_good(desired=2)
    assert stage.shown() == [("td/app:2", "COMPLETED")] and stage.running() == ["td/app:2"] * 2
    assert stage.history() == ["SUCCESSFUL", "SUCCESSFUL"]
    assert [revision.arn for revision in stage.service.history[0].sources] == ["revision/1"]


def test_the_circuit_breaker_takes_back_and_forgets_the_failed_deployment() -> None:
    stage = two_good(ON)
    stage.deploy(3)
    stage.fail(2)
    assert stage.history()[0] == "IN_PROGRESS"
    stage.fail(1)
    stage.succeed()
    assert stage.shown() == [("td/app:2", "COMPLETED")] and stage.running() == ["td/app:2"]
    assert stage.history() == ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL", "SUCCESSFUL"]
    undone = stage.service.history[0]
    assert undone.rollback and undone.rollback["serviceRevisionArn"] == "revision/2" and undone.failed_tasks == 3
    assert undone.breaker_triggered and "rolling back to deployment" in stage.said()


def test_without_rollback_the_circuit_breaker_stops_starting_and_leaves_the_good_tasks() -> None:
    stage = two_good(STAYING)
    stage.deploy(3)
    stage.fail(3)
    stage.step()
    assert stage.pending() == []
    assert stage.shown() == [("td/app:3", "FAILED"), ("td/app:2", "COMPLETED")]
    assert stage.running() == ["td/app:2"] and stage.history()[0] == "STOPPED"
    assert stage.service.history[0].failed_tasks == 3


def test_without_a_circuit_breaker_it_tries_for_ever() -> None:
    stage = two_good()
    stage.deploy(3)
    stage.fail(12)
    assert stage.history()[0] == "IN_PROGRESS" and stage.service.history[0].failed_tasks == 12
    assert stage.running() == ["td/app:2"] and "unable to consistently start tasks" in stage.said()


def test_failed_health_checks_count_like_ends() -> None:
    stage = two_good(ON)
    stage.deploy(3)
    stage.fail(3, "ServiceSchedulerInitiated", UNHEALTHY)
    assert stage.history()[0] == "ROLLBACK_SUCCESSFUL" and "failed container health checks" in stage.said()


def test_a_first_deployment_has_nothing_to_go_back_to() -> None:
    stage = Stage(breaker=ON)
    stage.deploy(1)
    stage.fail(3)
    assert stage.history() == ["ROLLBACK_FAILED"] and stage.shown() == [("td/app:1", "FAILED")]


def test_a_newer_deployment_stops_the_one_in_progress() -> None:
    stage = two_good()
    stage.deploy(3)
    stage.deploy(4)
    stage.succeed()  # makes room first: the task of the one that was stopped goes
    stage.succeed()
    assert stage.history() == ["SUCCESSFUL", "STOPPED", "SUCCESSFUL", "SUCCESSFUL"]
    assert [revision.arn for revision in stage.service.history[0].sources] == ["revision/2"]


def test_ended_states_are_never_left() -> None:
    stage = two_good(ON)
    stage.deploy(3)
    stage.fail(3)
    stage.succeed()
    stage.deploy(4)
    assert stage.history() == ["IN_PROGRESS", "ROLLBACK_SUCCESSFUL", "SUCCESSFUL", "SUCCESSFUL"]
    undone = stage.service.history[1]
    finished = undone.finished_at
    undone.enter("STOPPED", "too late")
    assert (undone.status, undone.finished_at) == ("ROLLBACK_SUCCESSFUL", finished)


def test_stop_goes_back_and_is_refused_for_what_has_ended() -> None:
    stage = two_good()
    stage.deploy(3)
    arn = stage.service.history[0].arn
    stage.actions.stop({"serviceDeploymentArn": arn, "stopType": "ROLLBACK"})
    assert stage.history()[0] == "ROLLBACK_IN_PROGRESS"
    stage.actions.stop({"serviceDeploymentArn": arn})  # just goes on
    stage.succeed()
    assert stage.history()[0] == "ROLLBACK_SUCCESSFUL" and stage.running() == ["td/app:2"]
    for data, code in (
        ({"serviceDeploymentArn": arn}, "ConflictException"),
        ({"serviceDeploymentArn": arn, "stopType": "ABORT"}, "InvalidParameterException"),
        ({"serviceDeploymentArn": "unknown"}, "ServiceDeploymentNotFoundException"),
    ):
        with pytest.raises(ApiError) as refused:
            stage.actions.stop(data)
        assert refused.value.code == code


def test_a_rollback_whose_target_fails_too_says_so() -> None:
    stage = two_good(ON)
    stage.deploy(3)
    for task in stage.world.tasks.values():  # the good ones are lost as well, and cannot be started again
        task.fate("UserInitiated", "gone")
        task.last_status = "STOPPED"
    stage.step()
    stage.fail(3)
    assert stage.history()[0] == "ROLLBACK_IN_PROGRESS"
    stage.fail(3)
    assert stage.history()[0] == "ROLLBACK_FAILED" and stage.shown()[0] == ("td/app:2", "FAILED")


def test_a_task_that_is_lost_is_replaced_and_nothing_is_held_against_who_stopped_it() -> None:
    stage = two_good()
    lost = next(task for task in stage.world.tasks.values() if task.running)
    lost.fate("UserInitiated", "stopped by hand")
    lost.last_status = "STOPPED"
    stage.step()
    stage.succeed()
    assert stage.running() == ["td/app:2"] and stage.service.primary.failed_tasks == 0
    assert stage.history()[0] == "SUCCESSFUL"


def test_scaling_is_no_deployment() -> None:
    stage = two_good()
    stage.service.desired = 3
    stage.step()
    stage.succeed()
    assert len(stage.running()) == 3
    stage.service.desired = 0
    stage.step()
    assert stage.running() == [] and len(stage.service.history) == 2


def test_a_deleted_service_drains() -> None:
    stage = two_good()
    stage.service.status = "DRAINING"
    stage.step()
    stage.step()
    assert stage.service.status == "INACTIVE" and stage.running() == []


def test_a_reset_takes_back_the_past_and_lets_no_old_task_run_beside_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "snapshot_task_definitions", dict)
    monkeypatch.setattr(baseline, "restore_task_definitions", lambda known: None)
    stage = two_good(ON)
    stage.service.settings["deploymentConfiguration"].update(minimumHealthyPercent=0, maximumPercent=100)
    healthy = baseline.Baseline(stage.world)
    good = stage.service.primary
    stage.deploy(3)
    stage.fail(1)
    stopping: list[Task] = []
    monkeypatch.setattr(stage.scheduler.runner, "stop", stopping.append)
    stage.succeed()
    healthy.restore(stage.world, stage.scheduler.runner)
    assert stage.service.primary is good and (good.rollout, len(stage.service.history)) == ("COMPLETED", 2)
    stage.step()
    assert len(stopping) == 1 and not [task for task in stage.world.tasks.values() if task.live]
    stopping[0].last_status = "STOPPED"
    stage.world.forget_old_tasks()
    stage.step()
    stage.succeed()
    assert stage.running() == ["td/app:2"] and len(stage.world.tasks) == 1
    assert stage.history() == ["SUCCESSFUL", "SUCCESSFUL"] and good.failed_tasks == 0
