# Read once, by the shell of the PostgreSQL image, when the database is made.
psql --no-psqlrc --username="$POSTGRES_USER" --dbname=postgres --set=migrate_password=public \
    --set=serve_password=public --file=/sql/postgres-roles.sql
