-- What servers may do with which table. As `lineguard_migrate`, after every `lineguard migrate`; it
-- may be repeated. A table that is not named here cannot be used by servers at all.
\set ON_ERROR_STOP on
BEGIN;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM lineguard_serve;

-- Which steps the schema has seen.
GRANT SELECT ON seaql_migrations TO lineguard_serve;

-- Written once: the audit trail, texts of models, results of requests, deleted faxes, keys.
GRANT SELECT, INSERT ON change_log, change_part TO lineguard_serve;
GRANT SELECT, INSERT ON model_text, request, fax_gone, secret TO lineguard_serve;

-- Imports of new tenants, until they are tenants.
GRANT SELECT, INSERT, UPDATE, DELETE ON stage TO lineguard_serve;
GRANT SELECT, INSERT, DELETE ON stage_part TO lineguard_serve;

GRANT SELECT, INSERT, UPDATE ON tenant, number_hold TO lineguard_serve;
GRANT SELECT, INSERT, DELETE ON link, removal TO lineguard_serve;
GRANT SELECT, INSERT, UPDATE, DELETE ON object, fax TO lineguard_serve;

-- Freshness. The counters are all there from the start, and none ever goes.
GRANT SELECT, UPDATE ON rev_shard TO lineguard_serve;
GRANT SELECT, INSERT, DELETE ON concern TO lineguard_serve;
GRANT SELECT, INSERT, UPDATE, DELETE ON replica, confirmation TO lineguard_serve;
COMMIT;
