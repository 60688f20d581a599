# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options every module for PostgreSQL shares: how to reach the server."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  dsn:
    description:
      - Connection string of libpq, for example V(postgresql://user@db.example.com/shop?sslmode=require).
      - The other options take precedence over what it says.
    type: str
  service:
    description:
      - Name of a service in the connection service file of libpq. Excludes O(dsn).
    type: str
  login_host:
    description:
      - Host of the server. The environment variable E(PGHOST) or the local socket by default.
    type: str
  login_unix_socket:
    description:
      - Directory of the server's Unix socket. Excludes O(login_host).
    type: path
  login_port:
    description:
      - Port of the server. The environment variable E(PGPORT) or V(5432) by default.
    type: int
  login_user:
    description:
      - Name to log in with. The environment variable E(PGUSER) or the operating system's user name by default.
    type: str
  login_password:
    description:
      - Password to log in with. The environment variable E(PGPASSWORD) or the file C(.pgpass) by default.
    type: str
  login_db:
    description:
      - Database to log in to. Sessions of all databases can be seen from any.
      - The environment variable E(PGDATABASE) by default, and V(postgres) when neither that nor O(dsn) nor O(service) is given.
    type: str
  ssl_mode:
    description:
      - How to use TLS. The environment variable E(PGSSLMODE) or V(prefer) by default.
    type: str
    choices: [allow, disable, prefer, require, verify-ca, verify-full]
  ca_cert:
    description:
      - File with the CA certificates the server's certificate is checked against.
    type: path
    aliases: [ssl_rootcert]
  ssl_cert:
    description:
      - File with the client's certificate.
    type: path
  ssl_key:
    description:
      - File with the client's private key.
    type: path
  connect_timeout:
    description:
      - Seconds to wait for a connection. A server that has no free slot is asked again for as long.
    type: int
    default: 10
  statement_timeout:
    description:
      - Seconds one statement of this module may take. It waits half as long for a lock.
    type: float
    default: 15.0
requirements:
  - psycopg2 >= 2.9
notes:
  - PostgreSQL 13 to 18 are supported. Connect to the server itself, not to a connection pooler.
  - The module makes exactly one connection, with the application name C(sre.remediation).
  - To see and end other users' sessions without being a superuser, a role needs C(pg_monitor) and C(pg_signal_backend).
"""
