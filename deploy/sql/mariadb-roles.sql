-- Users and the database, once, before the first `lineguard migrate`. As an administrator; the
-- passwords are variables of the session, set in front, because arguments show in process lists:
--
--   { echo "SET @migrate_password = '…', @serve_password = '…';"; cat mariadb-roles.sql; } | mariadb
--
-- `lineguard_migrate` owns the schema. `lineguard_serve` is what servers use; what it may do with
-- which table is in mariadb-grants.sql, which runs after every `lineguard migrate`.
CREATE DATABASE IF NOT EXISTS lineguard;

-- A password cannot be a variable in CREATE USER.
EXECUTE IMMEDIATE CONCAT('CREATE USER lineguard_migrate@''%'' IDENTIFIED BY ',
    QUOTE(@migrate_password));
EXECUTE IMMEDIATE CONCAT('CREATE USER lineguard_serve@''%'' IDENTIFIED BY ',
    QUOTE(@serve_password));

GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES
    ON lineguard.* TO lineguard_migrate@'%';
