#!/bin/sh
# mmdebstrap hook: lays Debian's Python out like the official python image does, so that one Dockerfile
# fits both: everything in /usr/local, site-packages, pip, and no word of Python in dpkg's list.
set -eu
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$work"
APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -qq download \
	python3.13-minimal libpython3.13-minimal libpython3.13-stdlib python3.13-venv python3-pip-whl
for deb in *.deb; do dpkg-deb -x "$deb" files; done

lib=$root/usr/local/lib/python3.13
mkdir -p "$root/usr/local/bin" "$root/usr/local/lib"
mv files/usr/lib/python3.13 "$lib"
mv files/usr/bin/python3.13 "$root/usr/local/bin/python3.13"
ln -s python3.13 "$root/usr/local/bin/python3"
ln -s python3 "$root/usr/local/bin/python"
mkdir -p "$lib/site-packages" "$root/usr/share/python-wheels"
mv files/usr/share/python-wheels/pip-*.whl "$root/usr/share/python-wheels/"

# Debian sends packages to dist-packages and asks not to be touched; the official image does neither.
# (`site` is compiled into the interpreter, so it keeps looking for dist-packages: hence the link.)
rm -f "$lib/EXTERNALLY-MANAGED" "$lib/sitecustomize.py" "$lib/_distutils_system_mod.py"
ln -s site-packages "$lib/dist-packages"
sed -i "s/'posix_local')/'posix_prefix')/; s/prefix_scheme = 'posix_local'/prefix_scheme = 'posix_prefix'/" \
	"$lib/sysconfig/__init__.py"
grep -q "prefix_scheme = 'posix_prefix'" "$lib/sysconfig/__init__.py"

for wheel in "$root"/usr/share/python-wheels/pip-*.whl; do
	chroot "$root" /usr/local/bin/python -B "${wheel#"$root"}/pip" install --quiet --no-compile \
		--no-index --no-cache-dir --disable-pip-version-check --root-user-action=ignore "${wheel#"$root"}"
done
test "$(chroot "$root" /usr/local/bin/python -B -c 'import sys, ssl, sqlite3, pip; print(sys.prefix)')" = /usr/local
