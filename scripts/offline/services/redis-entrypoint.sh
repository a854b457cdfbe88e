#!/bin/sh
# Starts Redis as the official image does: as its own user, and without "protected mode",
# which would refuse every client of another container.
set -eu

case ${1:-} in -* | *.conf) set -- redis-server "$@" ;; esac
[ "${1:-}" = redis-server ] || exec "$@"

if [ "$(id -u)" = 0 ] && setpriv --reuid=redis --regid=redis --init-groups true 2>/dev/null; then
	find . ! -user redis -exec chown redis {} + || true
	exec setpriv --reuid=redis --regid=redis --init-groups "$0" "$@"
fi

case " $* " in
*--protected-mode*) exec "$@" ;;
*) exec "$@" --protected-mode no ;;
esac
