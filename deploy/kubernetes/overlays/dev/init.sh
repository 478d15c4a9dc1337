# Read once, by the shell of the PostgreSQL image, when the database is made.
MIGRATE_PASSWORD=public SERVE_PASSWORD=public \
    psql --no-psqlrc --username="$POSTGRES_USER" --dbname=postgres --file=/sql/postgres-roles.sql
