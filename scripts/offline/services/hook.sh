#!/bin/sh
# mmdebstrap hook: PostgreSQL, Redis and the registry in one root. The packages are unpacked, not installed:
# installing would bring Perl, LLVM and a first database cluster that the images must not have.
set -eu
root=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$work"
APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -qq download \
	postgresql-17 postgresql-client-17 redis-tools docker-registry
for deb in *.deb; do dpkg-deb -x "$deb" files; done

mkdir -p "$root/usr/local/bin" "$root/usr/lib/postgresql" "$root/usr/share/postgresql"
rm -rf files/usr/lib/postgresql/17/lib/bitcode files/usr/lib/postgresql/17/lib/llvmjit*
mv files/usr/lib/postgresql/17 "$root/usr/lib/postgresql/17"
mv files/usr/share/postgresql/17 "$root/usr/share/postgresql/17"
mv files/usr/bin/redis-* "$root/usr/local/bin/"
ln -s redis-check-rdb "$root/usr/local/bin/redis-server" # one program, which goes by its name
mv files/usr/bin/docker-registry "$root/usr/local/bin/registry"
for program in "$root"/usr/lib/postgresql/17/bin/*; do
	ln -s "${program#"$root"}" "$root/usr/local/bin/"
done

# The official image's server listens on every address; its ids are Alpine's.
sample=$root/usr/share/postgresql/17/postgresql.conf.sample
sed -i "s/^#listen_addresses = 'localhost'/listen_addresses = '*'/" "$sample"
grep -q "^listen_addresses = '\*'" "$sample"
printf '%s\n' 'postgres:x:70:' 'redis:x:1000:' >>"$root/etc/group"
printf '%s\n' 'postgres:x:70:70::/var/lib/postgresql:/bin/sh' 'redis:x:999:1000::/data:/bin/sh' >>"$root/etc/passwd"
install -d -m 1777 -o 70 -g 70 "$root/var/lib/postgresql"
install -d -m 3777 -o 70 -g 70 "$root/run/postgresql"
install -d -m 0755 -o 999 -g 1000 "$root/data"
install -d -m 0755 "$root/var/lib/registry" "$root/etc/distribution" "$root/docker-entrypoint-initdb.d"

install -m 0755 "$here/postgres-entrypoint.sh" "$root/usr/local/bin/postgres-entrypoint.sh"
install -m 0755 "$here/redis-entrypoint.sh" "$root/usr/local/bin/redis-entrypoint.sh"
install -m 0755 "$here/registry-entrypoint.sh" "$root/usr/local/bin/registry-entrypoint.sh"
install -m 0644 "$here/registry.yml" "$root/etc/distribution/config.yml"

# A library that is missing must be noticed here, not in somebody's compose file.
chroot "$root" postgres --version
chroot "$root" psql --version
chroot "$root" redis-server --version
chroot "$root" registry --version
