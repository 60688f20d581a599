-- Nobody may connect to the old database, everybody is sent away, and both names change in one transaction.
SELECT format('ALTER DATABASE %I ALLOW_CONNECTIONS false', datname) FROM pg_catalog.pg_database WHERE datname = :'database'
\gexec
SELECT format('ended %s sessions', count(*))
FROM (SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname IN (:'database', :'beside')) AS sessions;
BEGIN;
SELECT format('ALTER DATABASE %I RENAME TO %I', datname, :'kept') FROM pg_catalog.pg_database WHERE datname = :'database'
\gexec
ALTER DATABASE :"beside" RENAME TO :"database";
COMMIT;
SELECT format('ALTER DATABASE %I ALLOW_CONNECTIONS true', datname) FROM pg_catalog.pg_database WHERE datname = :'kept'
\gexec
