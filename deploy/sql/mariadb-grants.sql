-- What servers may do with which table. As an administrator, after every `lineguard migrate`; it may
-- be repeated. A table that is not named here cannot be used by servers at all.
REVOKE ALL PRIVILEGES, GRANT OPTION FROM lineguard_serve@'%';

-- Which steps the schema has seen, and which was begun.
GRANT SELECT ON lineguard.seaql_migrations TO lineguard_serve@'%';
GRANT SELECT ON lineguard.schema_begun TO lineguard_serve@'%';

-- Written once: the audit trail, texts of models, results of requests, deleted faxes, keys.
GRANT SELECT, INSERT ON lineguard.change_log TO lineguard_serve@'%';
GRANT SELECT, INSERT ON lineguard.change_part TO lineguard_serve@'%';
GRANT SELECT, INSERT ON lineguard.model_text TO lineguard_serve@'%';
GRANT SELECT, INSERT ON lineguard.request TO lineguard_serve@'%';
GRANT SELECT, INSERT ON lineguard.fax_gone TO lineguard_serve@'%';
GRANT SELECT, INSERT ON lineguard.secret TO lineguard_serve@'%';

-- Imports of new tenants, until they are tenants.
GRANT SELECT, INSERT, UPDATE, DELETE ON lineguard.stage TO lineguard_serve@'%';
GRANT SELECT, INSERT, DELETE ON lineguard.stage_part TO lineguard_serve@'%';

GRANT SELECT, INSERT, UPDATE ON lineguard.tenant TO lineguard_serve@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON lineguard.object TO lineguard_serve@'%';
GRANT SELECT, INSERT, UPDATE ON lineguard.number_hold TO lineguard_serve@'%';
GRANT SELECT, INSERT, DELETE ON lineguard.link TO lineguard_serve@'%';
GRANT SELECT, INSERT, DELETE ON lineguard.removal TO lineguard_serve@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON lineguard.fax TO lineguard_serve@'%';

-- Freshness. The counters are all there from the start, and none ever goes.
GRANT SELECT, UPDATE ON lineguard.rev_shard TO lineguard_serve@'%';
GRANT SELECT, INSERT, DELETE ON lineguard.concern TO lineguard_serve@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON lineguard.replica TO lineguard_serve@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON lineguard.confirmation TO lineguard_serve@'%';
