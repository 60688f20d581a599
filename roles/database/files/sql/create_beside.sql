-- A new database with the owner, encoding, locale, grants and settings of the one it is to replace, or, where that is gone
-- altogether, a plain one of the owner the dump names, if this login may give it away: who owns a database may create in it.
-- to_jsonb reads the columns that only some server versions have.
SELECT coalesce(
    (SELECT format('CREATE DATABASE %I TEMPLATE template0 OWNER %I ENCODING %L LC_COLLATE %L LC_CTYPE %L',
                   :'beside', pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype)
            || CASE WHEN to_jsonb(d) ->> 'datlocprovider' = 'i'
               THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', coalesce(to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale'))
               ELSE '' END
            || CASE WHEN datconnlimit >= 0 THEN format(' CONNECTION LIMIT %s', datconnlimit) ELSE '' END
     FROM pg_catalog.pg_database AS d WHERE datname = :'database'),
    format('CREATE DATABASE %I TEMPLATE template0%s', :'beside',
           (SELECT format(' OWNER %I', rolname) FROM pg_catalog.pg_roles WHERE rolname = :'owner' AND pg_has_role(oid, 'MEMBER'))))
\gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'beside')
FROM pg_catalog.pg_database WHERE datname = :'database' AND datacl IS NOT NULL
\gexec
SELECT format('GRANT %s ON DATABASE %I TO %s%s', privilege_type, :'beside',
              CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
              CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_catalog.pg_database, aclexplode(datacl) WHERE datname = :'database'
\gexec
SELECT format('ALTER %s SET %I TO %s',
              CASE WHEN setrole = 0 THEN format('DATABASE %I', :'beside')
              ELSE format('ROLE %I IN DATABASE %I', pg_get_userbyid(setrole), :'beside') END,
              split_part(setting, '=', 1),
              CASE WHEN split_part(setting, '=', 1) IN ('search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries')
              THEN coalesce(nullif(substr(setting, strpos(setting, '=') + 1), ''), '''''')
              ELSE quote_literal(substr(setting, strpos(setting, '=') + 1)) END)
FROM pg_catalog.pg_db_role_setting JOIN pg_catalog.pg_database ON pg_database.oid = setdatabase, unnest(setconfig) AS setting
WHERE datname = :'database'
\gexec
