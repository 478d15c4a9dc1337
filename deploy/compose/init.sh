# Read once, by the shell of the PostgreSQL image, when the database is made.
psql --no-psqlrc --username="$POSTGRES_USER" --dbname=postgres \
    --set=migrate_password="$(cat /run/secrets/migrate_password)" \
    --set=serve_password="$(cat /run/secrets/serve_password)" --file=/sql/postgres-roles.sql
