-- Roles and the database, once, before the first `lineguard migrate`. As a superuser; the passwords
-- are variables, because arguments show in process lists:
--
--   MIGRATE_PASSWORD=… SERVE_PASSWORD=… psql --file=postgres-roles.sql
--
-- `lineguard_migrate` owns the schema. `lineguard_serve` is what servers use: it can read and write
-- rows, change no table, and neither alter nor delete a row of the audit trail. What it may do with
-- which table is in postgres-grants.sql, which runs after every `lineguard migrate`.
\set ON_ERROR_STOP on
\getenv migrate_password MIGRATE_PASSWORD
\getenv serve_password SERVE_PASSWORD

CREATE ROLE lineguard_migrate LOGIN PASSWORD :'migrate_password'
    NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
CREATE ROLE lineguard_serve LOGIN PASSWORD :'serve_password'
    NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;

-- Another name for the database: --set=database=NAME.
\if :{?database}
\else
    \set database lineguard
\endif
CREATE DATABASE :"database" OWNER lineguard_migrate ENCODING 'UTF8' TEMPLATE template0;
-- Nobody but these two.
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO lineguard_serve;

\connect :"database"
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CREATE, USAGE ON SCHEMA public TO lineguard_migrate;
GRANT USAGE ON SCHEMA public TO lineguard_serve;
