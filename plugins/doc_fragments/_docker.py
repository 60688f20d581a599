# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options every module for Docker shares: how to reach the engine, and which containers are
meant."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  docker_host:
    description:
      - Address of the Docker Engine API as C(unix:///path), C(tcp://host:port) or C(https://host:port).
      - When not given, the environment variable E(DOCKER_HOST) of the task is used if it is set.
    type: str
    default: unix:///var/run/docker.sock
  tls:
    description:
      - Speak TLS with a C(tcp://) engine. Implied by a C(https://) address and by O(ca_path) or O(client_cert).
    type: bool
    default: false
  validate_certs:
    description:
      - Check the engine's certificate and host name.
    type: bool
    default: true
  ca_path:
    description:
      - File with the CA certificates the engine's certificate is checked against. The system's are used by default.
    type: path
  client_cert:
    description:
      - File with the client's certificate. Needs O(client_key).
    type: path
  client_key:
    description:
      - File with the client's private key. Needs O(client_cert).
    type: path
  timeout:
    description:
      - Seconds one request to the engine may take. Stopping a container may take its stop timeout longer.
    type: float
    default: 10.0
  container:
    description:
      - Name or id of the container that is the service.
      - Give either O(container), or both O(project) and O(service).
    type: str
  project:
    description:
      - Compose project of the service (label C(com.docker.compose.project)).
      - Containers made by C(docker compose run) are not part of the service.
    type: str
  service:
    description:
      - Name of the service in its Compose project (label C(com.docker.compose.service)).
    type: str
"""

    # For modules that make containers again.
    REPLACE = r"""
options:
  stop_timeout:
    description:
      - Seconds the old container has to stop before it is killed. Its own stop timeout by default (10 seconds when it
        has none).
    type: int
  wait:
    description:
      - Seconds the new container has to come up, counted from its start.
      - Up means healthy where there is a health check, else one second of running without a restart. V(0) does not
        wait.
    type: float
    default: 60.0
"""
