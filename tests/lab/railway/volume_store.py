"""What happens to the engine's volumes: real copies for backups and restores, made by workflows one has to ask about."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from .lifecycle import Lifecycle
from .refusal import Refused
from .state import Service, Workflow, new_id

COPIER_MEMORY = 128 * 1024 * 1024


class VolumeStore:
    """What happens to the engine's volumes."""

    def __init__(self, life: Lifecycle) -> None:
        self.life = life
        self.world = life.world
        self.runner = life.runner

    async def copy(self, source: str, target: str, image: str) -> int:
        """Copy one volume into a new one; return its size in MB. The copy is as after a power cut, as a snapshot is."""
        runner = self.runner
        await runner.ensure_volume(target)
        spec = {
            "Image": image,
            "User": "root",
            "Cmd": ["/bin/sh", "-c", "rm -rf /to/* && cp -a /from/. /to/ && du -sm /to | cut -f1"],
            "Labels": runner.labels(task="copy"),
            "HostConfig": {"Binds": [f"{source}:/from:ro", f"{target}:/to"], "Memory": COPIER_MEMORY},
        }
        container = await runner.engine.create(spec)
        try:
            await runner.engine.start(container)
            code = await runner.engine.wait(container)
            lines = await runner.engine.logs(container)
            if code != 0:
                raise Refused(f"copying ended with exit code {code}: {lines[-1:]}")
            return int(lines[-1][2])
        finally:
            await runner.engine.remove(container)

    def begin(self, work: Awaitable[None]) -> dict[str, str]:
        """Start a workflow."""
        workflow = Workflow(new_id())
        self.world.workflows[workflow.id] = workflow

        async def run() -> None:
            try:
                await work
                await self.life.pause("workflow")
                workflow.status = "Complete"
            except Exception as error:
                workflow.status, workflow.error = "Error", str(error)

        self.life.background(run())
        return {"workflowId": workflow.id}

    def swap(self, patch: dict[str, Any]) -> list[Service]:
        """Apply the staged swaps of volumes; the services to deploy afterwards."""
        changed = []
        for volume in self.world.volumes.values():
            if volume.id in patch:
                volume.volume = patch[volume.id]["volume"]
                restored = patch[volume.id]["backup"]
                made = next((b.created_at for b in volume.backups if b.id == restored), None)
                volume.backups = [b for b in volume.backups if made is None or b.created_at <= made]
                changed.append(volume.service)
        return changed
