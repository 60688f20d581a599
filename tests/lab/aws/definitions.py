"""The lab's services as ECS sees them: task definitions, secrets, parameters, and the requests that create them."""

from __future__ import annotations

from typing import Any

from lablib.images import CURRENT_RELEASE
from lablib.settings import IMAGE_PREFIX, Settings
from lablib.state_files import read_secrets

Data = dict[str, Any]

REGION = "us-east-1"
"""Where the runbook's cluster is."""
ACCOUNT = "000000000000"
"""Account of the double for credentials that name none."""
CLUSTER = "lab"
API, DATABASE = "api", "db"
FIRST_RELEASE = "1.0.0"
CONTAINER_PORT = 8000
LOG_GROUPS = {API: "/ecs/lab-api", DATABASE: "/ecs/lab-db"}
HEALTH_COMMAND = f"curl -fsS -m 4 -o /dev/null http://127.0.0.1:{CONTAINER_PORT}/api/health || exit 1"


def secret_values(settings: Settings) -> dict[str, str]:
    """What Secrets Manager holds, by the secret's name."""
    drawn = read_secrets(settings)
    return {
        "lab/database-password": drawn["database_password"],
        "lab/database-url": f"postgresql://orders:{drawn['database_password']}@{DATABASE}:5432/orders",
        "lab/redis-url": f"redis://:{drawn['cache_password']}@cache:6379/0",
        "lab/jwt-secret": drawn["jwt_secret"],
    }


def parameter_values(settings: Settings) -> dict[str, str]:
    """What the Parameter Store holds as SecureString, by the parameter's name."""
    return {"/lab/api/demo-password": read_secrets(settings)["demo_password"]}


def _secret(name: str, secrets: dict[str, str], key: str) -> Data:
    return {"name": name, "valueFrom": secrets[key]}


def _logs(service: str) -> Data:
    options = {
        "awslogs-group": LOG_GROUPS[service],
        "awslogs-region": REGION,
        "awslogs-stream-prefix": "ecs",
    }
    return {"logDriver": "awslogs", "options": options}


def api_image(release: str = CURRENT_RELEASE) -> str:
    return f"{IMAGE_PREFIX}/api:{release}"


def api_task_definition(secrets: dict[str, str], image: str, **changes: Any) -> Data:
    """RegisterTaskDefinition of the API; ``secrets`` are ARNs by name, ``changes`` go into the container."""
    container: Data = {
        "name": API,
        "image": image,
        "essential": True,
        "memory": 192,
        "portMappings": [{"containerPort": CONTAINER_PORT, "protocol": "tcp"}],
        "environment": [{"name": "ORDERS_CURRENCY", "value": "BRL"}, {"name": "ORDERS_RUN", "value": "/tmp/orders"}],
        "secrets": [
            _secret("DATABASE_URL", secrets, "lab/database-url"),
            _secret("REDIS_URL", secrets, "lab/redis-url"),
            _secret("JWT_SECRET", secrets, "lab/jwt-secret"),
            {"name": "ORDERS_DEMO_PASSWORD", "valueFrom": "/lab/api/demo-password"},
        ],
        "healthCheck": {
            "command": ["CMD-SHELL", HEALTH_COMMAND],
            "interval": 1,
            "timeout": 5,
            "retries": 4,
            "startPeriod": 15,
        },
        "logConfiguration": _logs(API),
        "stopTimeout": 2,
    }
    return {
        "family": "lab-api",
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [{**container, **changes}],
    }


def database_task_definition(secrets: dict[str, str]) -> Data:
    """RegisterTaskDefinition of the database. Its data is on a volume, which outlives its tasks."""
    container = {
        "name": DATABASE,
        "image": f"{IMAGE_PREFIX}/db:15",
        "essential": True,
        "memory": 256,
        "portMappings": [{"containerPort": 5432, "protocol": "tcp"}],
        "secrets": [_secret("POSTGRES_PASSWORD", secrets, "lab/database-password")],
        "mountPoints": [{"sourceVolume": "database", "containerPath": "/var/lib/postgresql/data"}],
        "linuxParameters": {"sharedMemorySize": 64},
        "healthCheck": {
            "command": ["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", "orders"],
            "interval": 1,
            "timeout": 5,
            "retries": 4,
            "startPeriod": 20,
        },
        "logConfiguration": _logs(DATABASE),
        "stopTimeout": 5,
    }
    return {
        "family": "lab-db",
        "requiresCompatibilities": ["EC2"],
        "networkMode": "awsvpc",
        "volumes": [{"name": "database", "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True}}],
        "containerDefinitions": [container],
    }


def service(name: str, task_definition: str) -> Data:
    """CreateService. A database must not run twice on its volume, so it stops before its successor starts."""
    alone = {"minimumHealthyPercent": 0, "maximumPercent": 100}
    rolling = {"minimumHealthyPercent": 100, "maximumPercent": 200}
    network = {"subnets": ["subnet-0a1b2c3d4e5f60718"], "assignPublicIp": "DISABLED"}
    return {
        "cluster": CLUSTER,
        "serviceName": name,
        "taskDefinition": task_definition,
        "desiredCount": 1,
        "launchType": "EC2" if name == DATABASE else "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": network},
        "deploymentConfiguration": {
            **(alone if name == DATABASE else rolling),
            "deploymentCircuitBreaker": {"enable": False, "rollback": False},
        },
        "tags": [{"key": "environment", "value": "lab"}],
    }
