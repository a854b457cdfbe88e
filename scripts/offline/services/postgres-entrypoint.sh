#!/bin/sh
# Starts PostgreSQL as the official image does, for the variables that compose files use:
# POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB (each also as *_FILE), POSTGRES_INITDB_ARGS,
# POSTGRES_HOST_AUTH_METHOD, and scripts in /docker-entrypoint-initdb.d.
set -eu

fail() {
	echo "postgres: $1" >&2
	exit 1
}

# value NAME DEFAULT: the variable NAME, or what the file named by NAME_FILE holds.
value() {
	eval "plain=\${$1:-} file=\${$1_FILE:-}"
	[ -z "$plain" ] || [ -z "$file" ] || fail "both $1 and $1_FILE are set; set one."
	if [ -n "$file" ]; then
		plain=$(cat "$file") || fail "$1_FILE: cannot read $file."
	fi
	printf %s "${plain:-$2}"
}

create_cluster() {
	user=$(value POSTGRES_USER postgres)
	password=$(value POSTGRES_PASSWORD '')
	database=$(value POSTGRES_DB "$user")
	method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
	[ -n "$password" ] || [ "$method" = trust ] ||
		fail 'the database has no password; set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE.'

	secret=$(mktemp)
	printf '%s\n' "$password" >"$secret"
	# shellcheck disable=SC2086 # a list of options, as in the official image
	initdb --pgdata="$PGDATA" --username="$user" ${password:+--pwfile="$secret"} ${POSTGRES_INITDB_ARGS:-}
	rm -f "$secret"
	printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"

	# Nobody can reach this server but the scripts below: it listens on its socket only.
	pg_ctl --pgdata="$PGDATA" --options="-c listen_addresses=''" --wait --silent start
	export PGUSER="$user" PGDATABASE="$database"
	[ "$database" = postgres ] || createdb --maintenance-db=postgres -- "$database"
	for script in /docker-entrypoint-initdb.d/*; do
		case $script in
		*.sh) sh "$script" ;;
		*.sql) psql --set=ON_ERROR_STOP=1 --no-password --quiet --file="$script" ;;
		esac
	done
	unset PGUSER PGDATABASE
	pg_ctl --pgdata="$PGDATA" --mode=fast --wait --silent stop
}

[ "${1#-}" = "$1" ] || set -- postgres "$@"
[ "$1" = postgres ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
	mkdir -p "$PGDATA"
	chmod 0700 "$PGDATA"
	find "$PGDATA" ! -user postgres -exec chown postgres {} +
	# A tmpfs here belongs to root.
	chown postgres /run/postgresql && chmod 3775 /run/postgresql || true
	exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

mkdir -p "$PGDATA"
chmod 0700 "$PGDATA"
[ -s "$PGDATA/PG_VERSION" ] || create_cluster
exec "$@"
