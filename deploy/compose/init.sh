# Read once, by the shell of the PostgreSQL image, when the database is made.
MIGRATE_PASSWORD=$(cat /run/secrets/migrate_password) \
    SERVE_PASSWORD=$(cat /run/secrets/serve_password) \
    psql --no-psqlrc --username="$POSTGRES_USER" --dbname=postgres --file=/sql/postgres-roles.sql
