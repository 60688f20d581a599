-- Rows of every ordinary table, as "table|rows", written as a dump writes the names.
SELECT format('SELECT %L || count(*) FROM ONLY %I.%I', format('%I.%I|', nspname, relname), nspname, relname)
FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND relpersistence <> 't' AND nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY nspname, relname
\gexec
