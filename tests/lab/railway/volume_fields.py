"""Fields of Query and Mutation that are about volumes, their backups and workflows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from . import views
from .access import require_environment
from .clock import text
from .double import Double
from .refusal import NOT_AUTHORIZED, Refused
from .state import Backup, VolumeInstance, new_id

KEPT = {"DAILY": timedelta(days=6), "WEEKLY": timedelta(days=30), "MONTHLY": timedelta(days=90)}
CRON = {"DAILY": "0 3 * * *", "WEEKLY": "0 3 * * 0", "MONTHLY": "0 3 1 * *"}


class VolumeFields:
    """Fields of Query and Mutation that are about volumes."""

    QUERIES = (
        "volumeInstance",
        "volumeInstanceBackupList",
        "volumeInstanceBackupScheduleList",
        "workflowStatus",
        "environmentStagedChanges",
    )

    def __init__(self, double: Double) -> None:
        self.double = double
        self.store = double.volumes

    def _find(self, volume_instance_id: str) -> VolumeInstance:
        """A volume instance; the id of its volume, a common mistake, is Not Authorized."""
        found = self.double.world.volumes.get(volume_instance_id)
        if found is None:
            raise Refused(NOT_AUTHORIZED)
        return found

    def _backup(self, volume: VolumeInstance, backup_id: str) -> Backup:
        found = next((backup for backup in volume.backups if backup.id == backup_id), None)
        if found is None:
            raise Refused(NOT_AUTHORIZED)
        return found

    def volumeInstance(self, _info: Any, id: str) -> views.View:
        return views.volume_view(self.double, self._find(id))

    def volumeInstanceBackupList(self, _info: Any, volumeInstanceId: str) -> list[views.View]:
        now = self.double.clock.now()
        kept = [b for b in self._find(volumeInstanceId).backups if b.expires_at is None or b.expires_at > now]
        return [
            {
                "id": backup.id,
                "name": backup.name,
                "createdAt": text(backup.created_at),
                "expiresAt": text(backup.expires_at),
                "externalId": backup.volume,
                "usedMB": backup.size_mb,
                "referencedMB": backup.size_mb,
                "volumeInstanceSizeMB": 5000,
                "scheduleId": None,
                "creatorId": None,
            }
            for backup in kept
        ]

    def volumeInstanceBackupScheduleList(self, _info: Any, volumeInstanceId: str) -> list[views.View]:
        volume = self._find(volumeInstanceId)
        return [
            {
                "id": f"{volume.id}:{kind}",
                "kind": kind,
                "cron": CRON[kind],
                "name": kind.title(),
                "retentionSeconds": int(KEPT[kind].total_seconds()),
                "createdAt": text(volume.created_at),
            }
            for kind in volume.schedules
        ]

    def volumeInstanceBackupScheduleUpdate(self, _info: Any, volumeInstanceId: str, kinds: list[str]) -> bool:
        self._find(volumeInstanceId).schedules = list(dict.fromkeys(kinds))
        return True

    def workflowStatus(self, _info: Any, workflowId: str) -> views.View:
        workflow = self.double.world.workflows.get(workflowId)
        if workflow is None:
            return {"status": "NotFound", "error": None}
        first, workflow.asked = not workflow.asked, True
        return {"status": "NotFound" if first else workflow.status, "error": None if first else workflow.error}

    def environmentStagedChanges(self, _info: Any, environmentId: str) -> views.View:
        require_environment(self.double.world, environmentId)
        patch = self.double.world.staged
        return {"id": "staged", "status": "STAGED", "lastAppliedError": None, "patch": lambda _info, **_args: patch}

    def volumeInstanceBackupCreate(self, _info: Any, volumeInstanceId: str, name: str | None = None) -> views.View:
        volume = self._find(volumeInstanceId)

        async def work() -> None:
            backup = Backup(new_id(), name, self.double.clock.now(), "")
            backup.volume = f"{self.double.runner.project}-railway-backup-{backup.id[:8]}"
            image = self.double.world.of(volume.service)[0].digest
            backup.size_mb = await self.store.copy(volume.volume, backup.volume, str(image))
            volume.backups.append(backup)

        return self.store.begin(work())

    def volumeInstanceBackupDelete(self, _info: Any, volumeInstanceId: str, volumeInstanceBackupId: str) -> views.View:
        volume = self._find(volumeInstanceId)
        backup = self._backup(volume, volumeInstanceBackupId)

        async def work() -> None:
            await self.double.runner.engine.call("DELETE", f"/volumes/{backup.volume}", allow=(404,))
            volume.backups.remove(backup)

        return self.store.begin(work())

    def volumeInstanceBackupLock(self, _info: Any, volumeInstanceId: str, volumeInstanceBackupId: str) -> bool:
        self._backup(self._find(volumeInstanceId), volumeInstanceBackupId).expires_at = None
        return True

    def volumeInstanceBackupRestore(
        self,
        _info: Any,
        volumeInstanceId: str,
        volumeInstanceBackupId: str,
        replicaServiceIds: list[str] | None = None,
        wipeServiceIds: list[str] | None = None,
    ) -> views.View:
        """Copy the backup to a new volume and stage the swap; a deployment brings it into use."""
        volume = self._find(volumeInstanceId)
        backup = self._backup(volume, volumeInstanceBackupId)

        async def work() -> None:
            target = f"{self.double.runner.project}-railway-restored-{new_id()[:8]}"
            image = self.double.world.of(volume.service)[0].digest
            await self.store.copy(backup.volume, target, str(image))
            self.double.world.staged.setdefault("volumes", {})[volume.id] = {"volume": target, "backup": backup.id}

        return self.store.begin(work())
