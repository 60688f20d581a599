-- The old database takes connections again, and the one beside it goes. Safe to run whatever happened before.
SELECT format('ALTER DATABASE %I ALLOW_CONNECTIONS true', datname) FROM pg_catalog.pg_database WHERE datname IN (:'database', :'kept')
\gexec
SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = :'beside';
DROP DATABASE IF EXISTS :"beside";
